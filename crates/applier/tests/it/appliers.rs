//! The built-in appliers as a table: a state, an event, and the state or the error that it leads to.

use serde_json::{Map, Value, json};
use veritrail_applier::{Entities, Registry};

use crate::support::{event, event_at_level, guid, seen};

/// `[type, entity, data]`.
type Event = Value;

struct Case {
    name: &'static str,
    given: Vec<Event>,
    when: Event,
    /// The entities by guid, without ids and times; `{"deleted": last version}` for a tombstone, null for none.
    then: Result<Value, (&'static str, &'static str)>,
}

#[test]
fn each_event_leads_to_its_state_or_error() {
    let cases = [individuals(), groups(), members(), removals(), deletions(), duplicates()];
    for case in cases.into_iter().flatten() {
        check(&case);
    }
}

fn check(case: &Case) {
    let registry = Registry::data_collect();
    let mut entities = Entities::default();
    for (number, given) in case.given.iter().enumerate() {
        registry.apply(&parse(number, given), &mut entities).unwrap();
    }
    let guids: Vec<_> = ["a", "b", "c", "g", "h", "k"].map(guid).into();
    let before = seen(&entities, &guids);
    let outcome = registry.apply(&parse(case.given.len(), &case.when), &mut entities);
    match (&case.then, outcome) {
        (Ok(expected), Ok(_)) => assert_eq!(&shown(&entities, expected), expected, "{}", case.name),
        (Err((code, text)), Err(error)) => {
            assert_eq!((error.code(), error.to_string().as_str()), (*code, *text), "{}", case.name);
            assert_eq!(seen(&entities, &guids), before, "{}", case.name);
        }
        (_, outcome) => panic!("{}: {outcome:?}", case.name),
    }
}

fn parse(number: usize, event_parts: &Event) -> veritrail_core::FormSubmission {
    let text = |index: usize| event_parts[index].as_str().unwrap();
    event(number, text(0), text(1), &event_parts[2])
}

fn shown(entities: &Entities, expected: &Value) -> Value {
    let one = |text: &String| {
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
        (text.clone(), Value::Object(shown))
    };
    Value::Object(expected.as_object().unwrap().keys().map(one).collect::<Map<_, _>>())
}

fn john() -> Event {
    json!(["create-individual", "a", {"name": "John Doe", "age": 30}])
}

fn group_with_a() -> Event {
    json!(["create-group", "g", {"name": "Doe", "members": [{"guid": "a", "name": "John"}]}])
}

fn individuals() -> Vec<Case> {
    vec![
        Case {
            name: "an individual is created",
            given: vec![],
            when: john(),
            then: Ok(json!({"a": {"type": "individual", "name": "John Doe", "version": 1,
                "data": {"name": "John Doe", "age": 30}}})),
        },
        Case {
            name: "an update merges the top level and keeps null",
            given: vec![john()],
            when: json!(["update-individual", "a", {"age": null, "home": {"city": "Rome"}, "externalId": 42}]),
            then: Ok(
                json!({"a": {"type": "individual", "name": "John Doe", "version": 2, "externalId": "42",
                "data": {"name": "John Doe", "age": null, "home": {"city": "Rome"}, "externalId": 42}}}),
            ),
        },
        Case {
            name: "the display name goes before the name, an empty name keeps the old one",
            given: vec![
                john(),
                json!(["update-individual", "a", {"_displayName": "J. D.", "externalId": "x-1"}]),
            ],
            when: json!(["update-individual", "a", {"_displayName": "", "name": "", "externalId": ""}]),
            then: Ok(json!({"a": {"type": "individual", "name": "J. D.", "version": 3, "externalId": "x-1",
                "data": {"name": "", "_displayName": "", "age": 30, "externalId": ""}}})),
        },
        Case {
            name: "no name is invented",
            given: vec![],
            when: json!(["create-individual", "a", {}]),
            then: Ok(json!({"a": {"type": "individual", "version": 1, "data": {}}})),
        },
        Case {
            name: "creating a live entity updates it",
            given: vec![john()],
            when: json!(["create-individual", "a", {"name": "Jack"}]),
            then: Ok(json!({"a": {"type": "individual", "name": "Jack", "version": 2,
                "data": {"name": "Jack", "age": 30}}})),
        },
        Case {
            name: "creating a deleted entity begins anew and goes on counting",
            given: vec![john(), json!(["delete-entity", "a", {}])],
            when: json!(["create-individual", "a", {"name": "Jack"}]),
            then: Ok(
                json!({"a": {"type": "individual", "name": "Jack", "version": 3, "data": {"name": "Jack"}}}),
            ),
        },
        Case {
            name: "a deleted entity may come back as the other kind",
            given: vec![john(), json!(["delete-entity", "a", {}])],
            when: json!(["create-group", "a", {}]),
            then: Ok(json!({"a": {"type": "group", "version": 3, "data": {}, "memberIds": []}})),
        },
        Case {
            name: "an update needs an entity",
            given: vec![],
            when: json!(["update-individual", "a", {"age": 31}]),
            then: Err(("ENTITY_NOT_FOUND", "entity `a` does not exist")),
        },
        Case {
            name: "an update does not bring a deleted entity back",
            given: vec![john(), json!(["delete-entity", "a", {}])],
            when: json!(["update-individual", "a", {"age": 31}]),
            then: Err(("ENTITY_NOT_FOUND", "entity `a` was deleted at 2026-03-01T00:00:01.000Z")),
        },
        Case {
            name: "an individual is no group",
            given: vec![john()],
            when: json!(["update-group", "a", {}]),
            then: Err(("TYPE_MISMATCH", "entity `a` is individual, the event needs group")),
        },
        Case {
            name: "creating keeps the kind",
            given: vec![group_with_a()],
            when: json!(["create-individual", "g", {}]),
            then: Err(("TYPE_MISMATCH", "entity `g` is group, the event needs individual")),
        },
    ]
}

fn groups() -> Vec<Case> {
    vec![
        Case {
            name: "inline members and nested groups are created in order",
            given: vec![],
            when: json!(["create-group", "g", {"name": "Village", "members": [
                {"guid": "b", "name": "Bea", "type": "head"},
                {"guid": "h", "type": "group", "name": "House", "members": [{"guid": "a"}]},
                {"guid": "b"}]}]),
            then: Ok(json!({
                "g": {"type": "group", "name": "Village", "version": 1, "data": {"name": "Village"},
                    "memberIds": ["b", "h"]},
                "b": {"type": "individual", "name": "Bea", "version": 1, "data": {"name": "Bea", "type": "head"}},
                "h": {"type": "group", "name": "House", "version": 1, "data": {"name": "House", "type": "group"},
                    "memberIds": ["a"]},
                "a": {"type": "individual", "version": 1, "data": {}}})),
        },
        Case {
            name: "an existing inline member is linked and stays as it is, its inline members included",
            given: vec![john(), json!(["create-group", "h", {"name": "House"}])],
            when: json!(["create-group", "g", {"members": [{"guid": "a", "name": "X"},
                {"guid": "h", "type": "group", "name": "Y", "members": [{"guid": "b"}]}]}]),
            then: Ok(json!({
                "g": {"type": "group", "version": 1, "data": {}, "memberIds": ["a", "h"]},
                "a": {"type": "individual", "name": "John Doe", "version": 1,
                    "data": {"name": "John Doe", "age": 30}},
                "h": {"type": "group", "name": "House", "version": 1, "data": {"name": "House"}, "memberIds": []},
                "b": null})),
        },
        Case {
            name: "updating a group adds members and counts once",
            given: vec![group_with_a()],
            when: json!(["update-group", "g", {"region": "North", "members": [{"guid": "b"}, {"guid": "c"}]}]),
            then: Ok(json!({"g": {"type": "group", "name": "Doe", "version": 2,
                "data": {"name": "Doe", "region": "North"}, "memberIds": ["a", "b", "c"]}})),
        },
        Case {
            name: "an inline member may be named before its group claims it",
            given: vec![],
            when: json!(["create-group", "g", {"members": [
                {"guid": "h", "type": "group", "members": [{"guid": "g", "type": "group"}]}]}]),
            then: Err(("INVALID_GROUP", "group `g` would contain itself through member `h`")),
        },
        Case {
            name: "members must be a list",
            given: vec![],
            when: json!(["create-group", "g", {"members": {"guid": "a"}}]),
            then: Err(("INVALID_MEMBER_DATA", "group `g`: `data.members` is not a list of members")),
        },
        Case {
            name: "null is no member",
            given: vec![],
            when: json!(["create-group", "g", {"members": null}]),
            then: Ok(json!({"g": {"type": "group", "version": 1, "data": {}, "memberIds": []}})),
        },
    ]
}

fn members() -> Vec<Case> {
    let add = |members: Value| json!(["add-member", "g", {"members": members}]);
    vec![
        Case {
            name: "all of the list join, who exists is linked",
            given: vec![john(), json!(["create-group", "g", {}])],
            when: add(json!([{"guid": "b", "name": "Bea"}, {"guid": "a", "name": "X"}, {"guid": "b"}])),
            then: Ok(json!({
                "g": {"type": "group", "version": 2, "data": {}, "memberIds": ["b", "a"]},
                "a": {"type": "individual", "name": "John Doe", "version": 1,
                    "data": {"name": "John Doe", "age": 30}},
                "b": {"type": "individual", "name": "Bea", "version": 1, "data": {"name": "Bea"}}})),
        },
        Case {
            name: "who is a member already changes nothing",
            given: vec![group_with_a()],
            when: add(json!([{"guid": "a"}])),
            then: Ok(json!({"g": {"type": "group", "name": "Doe", "version": 1, "data": {"name": "Doe"},
                "memberIds": ["a"]}})),
        },
        Case {
            name: "the group must exist",
            given: vec![],
            when: add(json!([{"guid": "a"}])),
            then: Err(("INVALID_GROUP", "group `g` does not exist")),
        },
        Case {
            name: "the group must not be deleted",
            given: vec![group_with_a(), json!(["delete-entity", "g", {}])],
            when: add(json!([{"guid": "b"}])),
            then: Err(("INVALID_GROUP", "group `g` was deleted at 2026-03-01T00:00:01.000Z")),
        },
        Case {
            name: "the group must be one",
            given: vec![john()],
            when: json!(["add-member", "a", {"members": [{"guid": "b"}]}]),
            then: Err(("INVALID_GROUP", "group `a` is an individual")),
        },
        Case {
            name: "a list is needed",
            given: vec![group_with_a()],
            when: json!(["add-member", "g", {"member": "b"}]),
            then: Err(("INVALID_MEMBER_DATA", "group `g`: `data.members` is not a list of members")),
        },
        Case {
            name: "somebody must be in the list",
            given: vec![group_with_a()],
            when: add(json!([])),
            then: Err(("INVALID_MEMBER_DATA", "group `g`: `data.members` is empty")),
        },
        Case {
            name: "one bad member keeps all of them out",
            given: vec![group_with_a()],
            when: add(json!([{"guid": "b"}, "c"])),
            then: Err(("INVALID_MEMBER_DATA", "group `g`: `data.members[1]` is not an object")),
        },
        Case {
            name: "a member has a guid",
            given: vec![group_with_a()],
            when: add(json!([{"guid": "h", "type": "group", "members": [{"name": "b"}]}])),
            then: Err(("INVALID_MEMBER_DATA", "group `g`: `data.members[0].members[0].guid` is not a guid")),
        },
        Case {
            name: "a guid is not empty",
            given: vec![group_with_a()],
            when: add(json!([{"guid": ""}])),
            then: Err(("INVALID_MEMBER_DATA", "group `g`: `data.members[0].guid` is empty")),
        },
        Case {
            name: "a membership does not undo a deletion",
            given: vec![john(), json!(["delete-entity", "a", {}]), json!(["create-group", "g", {}])],
            when: add(json!([{"guid": "b"}, {"guid": "a"}])),
            then: Err(("ENTITY_NOT_FOUND", "entity `a` was deleted at 2026-03-01T00:00:01.000Z")),
        },
        Case {
            name: "a member that exists is what the list says",
            given: vec![group_with_a(), json!(["create-group", "h", {}])],
            when: add(json!([{"guid": "h"}])),
            then: Err(("TYPE_MISMATCH", "entity `h` is group, the event needs individual")),
        },
        Case {
            name: "a group is no member of itself",
            given: vec![group_with_a()],
            when: add(json!([{"guid": "g"}])),
            then: Err(("INVALID_GROUP", "group `g` would contain itself through member `g`")),
        },
        Case {
            name: "a group is no member of what it holds",
            given: vec![json!(["create-group", "k", {"members": [
                    {"guid": "h", "type": "group", "members": [{"guid": "g", "type": "group"}]}]}])],
            when: add(json!([{"guid": "k", "type": "group"}])),
            then: Err(("INVALID_GROUP", "group `g` would contain itself through member `k`")),
        },
    ]
}

fn removals() -> Vec<Case> {
    let remove = |member: &str| json!(["remove-member", "g", {"memberId": member}]);
    vec![
        Case {
            name: "an individual leaves and goes on to exist",
            given: vec![group_with_a()],
            when: remove("a"),
            then: Ok(json!({
                "g": {"type": "group", "name": "Doe", "version": 2, "data": {"name": "Doe"}, "memberIds": []},
                "a": {"type": "individual", "name": "John", "version": 1, "data": {"name": "John"}}})),
        },
        Case {
            name: "a group that leaves is deleted with all that it holds, and other groups lose it",
            given: vec![
                json!(["create-group", "g", {"members": [{"guid": "b"},
                    {"guid": "h", "type": "group", "members": [{"guid": "a"}]}]}]),
                json!(["create-group", "k", {"members": [{"guid": "a"}, {"guid": "c"}]}]),
            ],
            when: remove("h"),
            then: Ok(json!({
                "g": {"type": "group", "version": 2, "data": {}, "memberIds": ["b"]},
                "h": {"deleted": "2026-03-01T00:00:02.000Z"}, "a": {"deleted": "2026-03-01T00:00:02.000Z"},
                "k": {"type": "group", "version": 2, "data": {}, "memberIds": ["c"]},
                "b": {"type": "individual", "version": 1, "data": {}}})),
        },
        Case {
            name: "who is no member cannot leave",
            given: vec![group_with_a()],
            when: remove("b"),
            then: Err(("INVALID_MEMBER_DATA", "group `g`: entity `b` is not a member")),
        },
        Case {
            name: "somebody must leave",
            given: vec![group_with_a()],
            when: json!(["remove-member", "g", {"memberId": 7}]),
            then: Err(("INVALID_MEMBER_DATA", "group `g`: `data.memberId` is not a guid")),
        },
        Case {
            name: "the group must exist",
            given: vec![john()],
            when: remove("a"),
            then: Err(("INVALID_GROUP", "group `g` does not exist")),
        },
    ]
}

fn deletions() -> Vec<Case> {
    vec![
        Case {
            name: "a group is deleted with its members, parents lose the id",
            given: vec![json!(["create-group", "k", {"members": [{"guid": "b"},
                {"guid": "g", "type": "group", "members": [{"guid": "a"}]}]}])],
            when: json!(["delete-entity", "g", {}]),
            then: Ok(json!({
                "g": {"deleted": "2026-03-01T00:00:01.000Z"}, "a": {"deleted": "2026-03-01T00:00:01.000Z"},
                "k": {"type": "group", "version": 2, "data": {}, "memberIds": ["b"]},
                "b": {"type": "individual", "version": 1, "data": {}}})),
        },
        Case {
            name: "a second deletion changes nothing",
            given: vec![john(), json!(["delete-entity", "a", {}])],
            when: json!(["delete-entity", "a", {}]),
            then: Ok(json!({"a": {"deleted": "2026-03-01T00:00:01.000Z"}})),
        },
        Case {
            name: "what never was cannot be deleted",
            given: vec![],
            when: json!(["delete-entity", "a", {}]),
            then: Err(("ENTITY_NOT_FOUND", "entity `a` does not exist")),
        },
    ]
}

fn duplicates() -> Vec<Case> {
    let pair = json!([{"entityGuid": "b", "duplicateGuid": "a"}]);
    vec![
        Case {
            name: "a duplicate may stay",
            given: vec![john(), json!(["create-individual", "b", {}])],
            when: json!(["resolve-duplicate", "b", {"duplicates": pair}]),
            then: Ok(json!({"b": {"type": "individual", "version": 1, "data": {}}})),
        },
        Case {
            name: "a duplicate may go",
            given: vec![group_with_a(), json!(["update-group", "g", {"members": [{"guid": "b"}]}])],
            when: json!(["resolve-duplicate", "b", {"duplicates": pair, "shouldDelete": true}]),
            then: Ok(json!({"b": {"deleted": "2026-03-01T00:00:02.000Z"},
                "g": {"type": "group", "name": "Doe", "version": 3, "data": {"name": "Doe"},
                    "memberIds": ["a"]}})),
        },
        Case {
            name: "pairs are needed",
            given: vec![john()],
            when: json!(["resolve-duplicate", "a", {"shouldDelete": true}]),
            then: Err(("INVALID_DATA", "entity `a`: `data.duplicates` is not a list of pairs")),
        },
        Case {
            name: "a pair has two guids",
            given: vec![john()],
            when: json!(["resolve-duplicate", "a", {"duplicates": [{"entityGuid": "a"}]}]),
            then: Err(("INVALID_DATA", "entity `a`: `data.duplicates[0].duplicateGuid` is not a guid")),
        },
        Case {
            name: "deleting is a yes or no",
            given: vec![john()],
            when: json!(["resolve-duplicate", "a", {"duplicates": [], "shouldDelete": "yes"}]),
            then: Err(("INVALID_DATA", "entity `a`: `data.shouldDelete` is neither true nor false")),
        },
        Case {
            name: "only what exists can be deleted",
            given: vec![],
            when: json!(["resolve-duplicate", "b", {"duplicates": pair, "shouldDelete": true}]),
            then: Err(("ENTITY_NOT_FOUND", "entity `b` does not exist")),
        },
    ]
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
        let event = event_at_level(number, event_type, "a", &json!({"n": number}), sync_level);
        registry.apply(&event, &mut entities).unwrap();
        let version = |doc: Option<&veritrail_core::EntityDoc>| doc.unwrap().version;
        (version(entities.initial(&guid("a"))), version(entities.get(&guid("a"))))
    };
    assert_eq!(versions(0, "create-individual", 0), (1, 1));
    assert_eq!(versions(1, "update-individual", 0), (1, 2));
    assert_eq!(versions(2, "update-individual", 0), (1, 3));
    assert_eq!(versions(3, "update-individual", 1), (4, 4));
    assert_eq!(versions(4, "update-individual", 0), (4, 5));
    assert_eq!(versions(5, "update-individual", 2), (6, 6));
}
