//! The appliers as a table: a state, an event, and the state with its audit notes or the error that it leads to.
//!
//! The cases are `tests/fixtures/*.json`. An event is `[type, entity, data, {second?, syncLevel?}?]`; without a second
//! it happens in the second of its number. `then` shows entities by guid without ids and times, a tombstone as
//! `{"deleted": time}`, nothing as null, and where a case asks for it the last synced state (`initial`); `audit` shows
//! every note as `[action, entity, changes]`.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use veritrail_applier::{Entities, FieldMerge, Registry, RejectConflicts};
use veritrail_core::{EntityDoc, FormSubmission};

use crate::support::{event, event_at_level, guid, seen};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    policy: Option<String>,
    given: Vec<Value>,
    when: Value,
    then: Option<Value>,
    audit: Option<Value>,
    error: Option<(String, String)>,
}

const FIXTURES: [&str; 7] = [
    include_str!("../fixtures/individuals.json"),
    include_str!("../fixtures/groups.json"),
    include_str!("../fixtures/members.json"),
    include_str!("../fixtures/removals.json"),
    include_str!("../fixtures/deletions.json"),
    include_str!("../fixtures/duplicates.json"),
    include_str!("../fixtures/conflicts.json"),
];

#[test]
fn each_event_leads_to_its_state_and_audit_or_error() {
    let cases: Vec<Case> =
        FIXTURES.iter().flat_map(|text| serde_json::from_str::<Vec<Case>>(text).unwrap()).collect();
    assert!(cases.len() > 60, "{} cases", cases.len());
    for case in cases {
        check(&case);
    }
}

fn check(case: &Case) {
    let registry = match case.policy.as_deref() {
        None => Registry::data_collect(),
        Some("field-merge") => Registry::data_collect().with_conflict_policy(FieldMerge),
        Some("reject") => Registry::data_collect().with_conflict_policy(RejectConflicts),
        Some(other) => panic!("{}: no policy {other}", case.name),
    };
    let mut entities = Entities::default();
    for (number, given) in case.given.iter().enumerate() {
        registry.apply(&parse(number, given), &mut entities).unwrap();
    }
    let guids: Vec<_> = ["a", "b", "c", "g", "h", "k"].map(guid).into();
    let before = seen(&entities, &guids);
    let outcome = registry.apply(&parse(case.given.len(), &case.when), &mut entities);
    match (&case.then, &case.error, outcome) {
        (Some(expected), None, Ok(applied)) => {
            assert_eq!(&shown(&entities, expected), expected, "{}", case.name);
            let notes = applied.audit_notes().into_iter();
            let notes: Vec<_> = notes
                .map(|note| json!([note.action, note.entity, note.changes.to_value().unwrap()]))
                .collect();
            assert_eq!(Some(json!(notes)), case.audit, "{}", case.name);
        }
        (None, Some((code, text)), Err(error)) => {
            assert_eq!((error.code(), &error.to_string()), (code.as_str(), text), "{}", case.name);
            assert_eq!(seen(&entities, &guids), before, "{}", case.name);
        }
        (_, _, outcome) => panic!("{}: {outcome:?}", case.name),
    }
}

fn parse(number: usize, parts: &Value) -> FormSubmission {
    let text = |index: usize| parts[index].as_str().unwrap();
    let second = parts[3]["second"].as_u64().map_or(number, |second| usize::try_from(second).unwrap());
    let level = u8::try_from(parts[3]["syncLevel"].as_u64().unwrap_or(0)).unwrap();
    event_at_level(number, second, text(0), text(1), &parts[2], level)
}

fn shown(entities: &Entities, expected: &Value) -> Value {
    let one = |(text, expected): (&String, &Value)| {
        let entity = guid(text);
        let Some(doc) = entities.get(&entity) else {
            let deleted = entities.deleted_at(&entity).map(|instant| json!({"deleted": instant}));
            return (text.clone(), deleted.unwrap_or_default());
        };
        assert_eq!((&doc.id, &doc.guid), (&entity, &entity));
        let Value::Object(mut shown) = serde_json::to_value(doc).unwrap() else { panic!("a struct") };
        for hidden in ["id", "guid", "lastUpdated"] {
            shown.remove(hidden);
        }
        if expected.get("initial").is_some() {
            let initial = entities.initial(&entity).unwrap();
            shown.insert("initial".into(), json!({"version": initial.version, "data": initial.data}));
        }
        (text.clone(), Value::Object(shown))
    };
    Value::Object(expected.as_object().unwrap().iter().map(one).collect::<Map<_, _>>())
}

#[test]
fn an_event_names_what_it_touches() {
    let registry = Registry::data_collect();
    let mut entities = Entities::default();
    let nested = json!({"members": [{"guid": "h", "type": "group", "members": [{"guid": "a"}]}]});
    let mut touched = |number, event_type, entity, data: Value| {
        let applied = registry.apply(&event(number, event_type, entity, &data), &mut entities).unwrap();
        (applied.touched.iter().map(ToString::to_string).collect::<Vec<_>>(), applied.resolved.len())
    };
    assert_eq!(touched(0, "create-group", "g", nested), (vec!["a".into(), "h".into()], 0));
    assert_eq!(touched(1, "update-individual", "a", json!({})), (vec![], 0));
    assert_eq!(touched(2, "delete-entity", "a", json!({})), (vec!["h".into()], 0));
    let pairs = json!({"duplicates": [{"entityGuid": "x", "duplicateGuid": "y"}]});
    assert_eq!(touched(3, "resolve-duplicate", "x", pairs), (vec!["y".into()], 1));
}

#[test]
fn the_initial_state_is_the_last_synced_one() {
    let registry = Registry::data_collect();
    let mut entities = Entities::default();
    let mut versions = |number, event_type, sync_level| {
        let event = event_at_level(number, number, event_type, "a", &json!({"n": number}), sync_level);
        registry.apply(&event, &mut entities).unwrap();
        let version = |doc: Option<&EntityDoc>| doc.unwrap().version;
        (version(entities.initial(&guid("a"))), version(entities.get(&guid("a"))))
    };
    assert_eq!(versions(0, "create-individual", 0), (1, 1));
    assert_eq!(versions(1, "update-individual", 0), (1, 2));
    assert_eq!(versions(2, "update-individual", 0), (1, 3));
    assert_eq!(versions(3, "update-individual", 1), (4, 4));
    assert_eq!(versions(4, "update-individual", 0), (4, 5));
    assert_eq!(versions(5, "update-individual", 2), (6, 6));
}
