//! Appliers of one's own: registration, reads that must be declared, errors and panics that leave no trace.

use serde_json::json;
use veritrail_applier::{ApplyError, Entities, EventApplier, Reads, RegisterError, Registry, View};
use veritrail_core::{EntityDoc, FormSubmission};

use crate::support::{event, guid, seen};

/// Does with other entities what `steps` say, in this order.
struct Meddler {
    declared: Vec<&'static str>,
    related: bool,
    steps: Vec<Step>,
}

#[derive(Clone, Copy)]
enum Step {
    Rename(&'static str),
    Link(&'static str, &'static str),
    Unlink(&'static str, &'static str),
    Delete(&'static str),
    Recreate(&'static str),
    Refuse,
    Panic,
}

impl EventApplier for Meddler {
    fn event_type(&self) -> &str {
        "meddle"
    }

    fn reads(&self, _event: &FormSubmission) -> Reads {
        Reads { entities: self.declared.iter().copied().map(guid).collect(), related: self.related }
    }

    fn apply(&self, event: &FormSubmission, state: &mut View<'_>) -> Result<(), ApplyError> {
        for step in &self.steps {
            match *step {
                Step::Rename(entity) => {
                    let mut doc = present(state, entity)?;
                    doc.name = Some("renamed".into());
                    state.put(doc)?;
                }
                Step::Link(group, member) => drop(state.link(&guid(group), &guid(member))?),
                Step::Unlink(group, member) => drop(state.unlink(&guid(group), &guid(member))?),
                Step::Delete(entity) => drop(state.delete(&guid(entity))?),
                Step::Recreate(entity) => {
                    let mut doc = present(state, entity)?;
                    state.delete(&guid(entity))?;
                    doc.member_ids = doc.member_ids.map(|_| vec![event.entity_guid.clone()]);
                    state.put(doc)?;
                }
                Step::Refuse => return Err(ApplyError::refused("NO", "no")),
                Step::Panic => panic!("a bug"),
            }
        }
        Ok(())
    }
}

fn present(state: &mut View<'_>, entity: &str) -> Result<EntityDoc, ApplyError> {
    state.get(&guid(entity))?.cloned().ok_or_else(|| ApplyError::not_found(&guid(entity)))
}

const ALL: [&str; 5] = ["a", "b", "c", "g", "h"];

/// Individuals a, b, c; group h holds b and c, group g holds a, h and c.
fn village() -> Entities {
    let log = [
        event(0, "create-group", "h", &json!({"members": [{"guid": "b"}, {"guid": "c"}]})),
        event(
            1,
            "create-group",
            "g",
            &json!({"members": [{"guid": "a"}, {"guid": "h", "type": "group"}, {"guid": "c"}]}),
        ),
    ];
    Registry::data_collect().replay(log).unwrap()
}

fn meddle(steps: &[Step], entities: &mut Entities) -> Result<(), ApplyError> {
    let meddler = Meddler { declared: ALL.into(), related: true, steps: steps.into() };
    apply(meddler, entities)
}

fn apply(meddler: Meddler, entities: &mut Entities) -> Result<(), ApplyError> {
    let mut registry = Registry::empty();
    registry.register(Box::new(meddler)).unwrap();
    registry.apply(&event(2, "meddle", "a", &json!({})), entities).map(drop)
}

#[test]
fn the_case_worker_of_the_readme_is_assigned() {
    let mut registry = Registry::data_collect();
    registry
        .register_fn("assign-case-worker", |entity, event| {
            let mut entity = entity.ok_or_else(|| ApplyError::not_found(&event.entity_guid))?;
            entity.data.insert("caseWorker".into(), event.data.to_value().unwrap()["caseWorkerId"].clone());
            entity.data.insert("assignmentDate".into(), json!(event.timestamp));
            // What an applier says about these is overruled.
            entity.version += 7;
            entity.last_updated = "2000-01-01T00:00:00Z".parse().unwrap();
            Ok(entity)
        })
        .unwrap();
    let assign = event(1, "assign-case-worker", "person-1", &json!({"caseWorkerId": "cw-7"}));

    let mut entities = Entities::default();
    let refused = registry.apply(&assign, &mut entities).unwrap_err();
    assert_eq!(refused.code(), "ENTITY_NOT_FOUND");
    let created = event(0, "create-individual", "person-1", &json!({"name": "John Doe", "age": 30}));
    registry.apply(&created, &mut entities).unwrap();
    registry.apply(&assign, &mut entities).unwrap();
    let expected = json!({
        "id": "person-1", "guid": "person-1", "type": "individual", "name": "John Doe", "version": 2,
        "lastUpdated": "2026-03-01T00:00:01.000Z",
        "data": {"name": "John Doe", "age": 30, "caseWorker": "cw-7",
            "assignmentDate": "2026-03-01T00:00:01.000Z"},
    });
    assert_eq!(json!(entities.get(&guid("person-1"))), expected);
}

#[test]
fn a_type_has_one_applier() {
    let mut registry = Registry::data_collect();
    let keep = |entity: Option<EntityDoc>, event: &FormSubmission| {
        entity.ok_or_else(|| ApplyError::not_found(&event.entity_guid))
    };
    let duplicate = registry.register_fn("add-member", keep).unwrap_err();
    assert_eq!(duplicate.to_string(), "an applier is already registered for events of type `add-member`");
    assert!(matches!(registry.register_fn("veritrail.erase", keep), Err(RegisterError::InvalidType { .. })));
    registry.register_fn("touch", keep).unwrap();
    assert_eq!(registry.event_types().len(), 9);

    let unknown =
        registry.apply(&event(0, "baptise", "a", &json!({})), &mut Entities::default()).unwrap_err();
    assert_eq!(unknown.code(), "UNKNOWN_EVENT_TYPE");
    assert_eq!(unknown.to_string(), "no applier is registered for events of type `baptise`");
}

#[test]
fn a_closure_changes_its_own_entity_alone() {
    let mut registry = Registry::data_collect();
    registry
        .register_fn("steal", |_, event| {
            let other = r#"{"id":"b","guid":"b","type":"individual","version":1,"data":{},
                "lastUpdated":"2026-03-01T00:00:00Z"}"#;
            EntityDoc::from_jsonb_text(other)
                .map_err(|error| ApplyError::refused(event.guid.as_str(), error.to_string()))
        })
        .unwrap();
    let error = registry.apply(&event(0, "steal", "a", &json!({})), &mut Entities::default()).unwrap_err();
    assert_eq!(error, ApplyError::Undeclared { entity: guid("b") });
}

#[test]
fn a_closure_lets_nobody_join() {
    let mut registry = Registry::empty();
    let members = |of: &[&str]| of.iter().copied().map(guid).collect::<Vec<_>>();
    for (event_type, new) in [("keep", members(&["c", "a"])), ("join", members(&["a", "b"]))] {
        let rewrite = move |entity: Option<EntityDoc>, event: &FormSubmission| {
            let mut entity = entity.ok_or_else(|| ApplyError::not_found(&event.entity_guid))?;
            entity.member_ids = Some(new.clone());
            Ok(entity)
        };
        registry.register_fn(event_type, rewrite).unwrap();
    }
    let mut entities = village();
    let error = registry.apply(&event(2, "join", "g", &json!({})), &mut entities).unwrap_err();
    assert_eq!(error, ApplyError::Undeclared { entity: guid("b") });
    let applied = registry.apply(&event(2, "keep", "g", &json!({})), &mut entities).unwrap();
    assert_eq!(applied.touched, members(&["h"]));
    assert_eq!(entities.get(&guid("g")).unwrap().member_ids, Some(members(&["c", "a"])));
}

#[test]
fn what_is_not_declared_cannot_be_used() {
    let mut entities = village();
    let steps = || vec![Step::Rename("c")];
    let error =
        apply(Meddler { declared: vec![], related: false, steps: steps() }, &mut entities).unwrap_err();
    assert_eq!(error, ApplyError::Undeclared { entity: guid("c") });
    let steps = vec![Step::Delete("h")];
    let error = apply(Meddler { declared: vec!["h"], related: false, steps }, &mut entities).unwrap_err();
    assert_eq!(error, ApplyError::RelatedUndeclared { entity: guid("h") });
    let steps = vec![Step::Unlink("g", "h"), Step::Link("g", "h")];
    let error =
        apply(Meddler { declared: vec!["g", "h"], related: false, steps }, &mut entities).unwrap_err();
    assert_eq!(error.code(), "UNDECLARED_READ");
}

#[test]
fn a_failed_event_leaves_no_trace() {
    let ways = [
        vec![Step::Rename("g")],
        vec![Step::Rename("a"), Step::Rename("a"), Step::Delete("a")],
        vec![Step::Delete("h")],
        vec![Step::Delete("g")],
        vec![Step::Unlink("g", "h"), Step::Unlink("g", "c"), Step::Link("g", "c"), Step::Delete("h")],
        vec![Step::Delete("a"), Step::Unlink("h", "b")],
        vec![Step::Recreate("h"), Step::Unlink("h", "a"), Step::Link("h", "a"), Step::Recreate("g")],
        vec![Step::Unlink("h", "b"), Step::Recreate("h"), Step::Delete("h")],
    ];
    let guids = ALL.map(guid);
    for (number, way) in ways.iter().enumerate() {
        for end in [Step::Refuse, Step::Panic] {
            let mut entities = village();
            let before = seen(&entities, &guids);
            let steps = [way.as_slice(), &[end]].concat();
            let error = meddle(&steps, &mut entities).unwrap_err();
            assert!(matches!(error.code(), "NO" | "APPLIER_PANICKED"), "{error}");
            assert_eq!(seen(&entities, &guids), before, "way {number}");

            // What cannot be seen is as before too: what follows leads to the same rows.
            let mut untouched = village();
            for state in [&mut entities, &mut untouched] {
                meddle(way, state).unwrap();
            }
            assert_eq!(entities.into_writes(), untouched.into_writes(), "way {number}");
        }
    }
}

#[test]
fn a_panic_is_named() {
    let error = meddle(&[Step::Panic], &mut village()).unwrap_err();
    assert_eq!(error.to_string(), "the applier of `meddle` panicked at event `event-2`: a bug");
}

#[test]
fn what_is_in_memory_by_accident_cannot_be_used() {
    // b is a member of h and c of g, too; from h memberships lead to b, c and to the holders g and h.
    let mut entities = village();
    for (entity, allowed) in [("b", true), ("g", true), ("a", false)] {
        let meddler = Meddler { declared: vec!["h"], related: true, steps: vec![Step::Rename(entity)] };
        let mut registry = Registry::empty();
        registry.register(Box::new(meddler)).unwrap();
        let outcome = registry.apply(&event(2, "meddle", "h", &json!({})), &mut entities);
        assert_eq!(outcome.is_ok(), allowed, "{entity}: {outcome:?}");
    }
    // Who is deleted on the way stays within reach.
    let steps = vec![Step::Delete("h"), Step::Rename("b")];
    let meddler = Meddler { declared: vec!["h"], related: true, steps };
    assert_eq!(apply(meddler, &mut entities).unwrap_err(), ApplyError::not_found(&guid("b")));
}

#[test]
fn a_closure_cannot_make_what_cannot_be_stored() {
    let mut registry = Registry::data_collect();
    let put = |entity: Option<EntityDoc>, event: &FormSubmission| {
        let mut entity = entity.ok_or_else(|| ApplyError::not_found(&event.entity_guid))?;
        match event.data.to_value().unwrap()["what"].as_str().unwrap() {
            "large" => entity.data.insert("n".into(), json!(u64::MAX)),
            "null character" => entity.data.insert("n".into(), json!("a\0b")),
            "name" => entity.name.replace("a\0b".into()).map(Into::into),
            _ => entity.data.insert("n".into(), json!(1.0)),
        };
        Ok(entity)
    };
    registry.register_fn("number-noted", put).unwrap();
    let mut entities = Entities::default();
    registry.apply(&event(0, "create-individual", "a", &json!({"name": "A"})), &mut entities).unwrap();
    let cases = [
        (
            "large",
            "entity `a`: `data` n: the number 18446744073709551615 is an integer that a double does not hold exactly",
        ),
        ("null character", "entity `a`: `data` n: a string contains the character U+0000"),
        ("name", "entity `a`: `name` contains the character U+0000"),
    ];
    for (what, expected) in cases {
        let noted = event(1, "number-noted", "a", &json!({"what": what}));
        assert_eq!(registry.apply(&noted, &mut entities).unwrap_err().to_string(), expected);
    }
    registry.apply(&event(1, "number-noted", "a", &json!({"what": "whole"})), &mut entities).unwrap();
    assert_eq!(entities.get(&guid("a")).unwrap().data["n"], json!(1), "as a store gives it back");
}
