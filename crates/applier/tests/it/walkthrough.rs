//! The examples of DataCollect's description of event sourcing, as they run here. Its case worker is in `registry`, its
//! migration in `versions`, its enrichment and access rules in `access`, its encryption in `cipher`.

use serde_json::json;
use veritrail_applier::{Entities, LogItem, Moment, Registry, Replay, compare};
use veritrail_core::{Context, FormSubmission};

use crate::support::guid;

fn at(hour: usize, guid: &str, event_type: &str, entity: &str, data: &serde_json::Value) -> FormSubmission {
    let text = json!({"guid": guid, "entityGuid": entity, "type": event_type, "userId": "test-user",
        "timestamp": format!("2026-03-01T{hour:02}:00:00Z"), "data": data, "syncLevel": 0});
    FormSubmission::parse(&text.to_string()).unwrap()
}

fn log() -> Vec<FormSubmission> {
    vec![
        at(8, "event-1", "create-individual", "person-1", &json!({"name": "John Doe", "age": 30})),
        at(
            9,
            "event-2",
            "create-group",
            "household-1",
            &json!({"name": "Doe", "members": [{"guid": "person-1"}]}),
        ),
        at(10, "event-3", "update-individual", "person-1", &json!({"name": "John", "age": 31})),
        at(11, "event-4", "remove-member", "household-1", &json!({"memberId": "person-1"})),
        at(12, "event-5", "delete-entity", "household-1", &json!({})),
    ]
}

#[test]
fn a_create_individual_event_is_applied() {
    let mut entities = Entities::default();
    Registry::data_collect().apply(&log()[0], &mut entities).unwrap();
    let expected = json!({"id": "person-1", "guid": "person-1", "type": "individual", "name": "John Doe", "version": 1,
        "data": {"name": "John Doe", "age": 30}, "lastUpdated": "2026-03-01T08:00:00.000Z"});
    assert_eq!(json!(entities.get(&guid("person-1"))), expected);
}

#[test]
fn states_match_after_events_are_replayed() {
    let registry = Registry::data_collect();
    let mut live = Entities::default();
    assert!(registry.apply_batch(log(), &mut live).iter().all(Result::is_ok));
    assert_eq!(compare(live.rows(), &registry.replay(log()).unwrap()), []);
    let events = log();
    let items: Vec<_> = events.iter().map(LogItem::Event).collect();
    assert_eq!(
        compare(live.rows(), &Replay::new(&registry).finish_in_parallel(&items).unwrap().entities),
        []
    );
}

#[test]
fn an_audit_trail_says_when_what_and_by_whom() {
    let context = Context {
        reason: Some("visit".into()),
        source: Some("mobile-app".into()),
        session_id: Some("s-1".into()),
        correlation_id: Some("c-7".into()),
    };
    let registry = Registry::data_collect();
    let mut entities = Entities::default();
    let mut trail = Vec::new();
    for event in log() {
        let applied = registry.apply(&event.with_context(&context).unwrap(), &mut entities).unwrap();
        let cause = &applied.cause;
        for note in applied.audit_notes().iter().filter(|note| note.entity == guid("person-1")) {
            let patch = note.changes.to_value().unwrap()["patch"].clone();
            let correlation = cause.correlation_id.as_deref().unwrap();
            trail.push(format!(
                "{}: {} by {} ({}, {correlation})",
                cause.timestamp, note.action, cause.user, cause.event
            ));
            trail.push(format!("Changes: {patch}"));
        }
    }
    let expected = [
        "2026-03-01T08:00:00.000Z: entity.create by test-user (event-1, c-7)",
        r#"Changes: [{"op":"test","path":"","value":null},{"op":"replace","path":"","value":{"data":{"age":30,"name":"John Doe"},"name":"John Doe","type":"individual"}}]"#,
        "2026-03-01T10:00:00.000Z: entity.update by test-user (event-3, c-7)",
        r#"Changes: [{"op":"test","path":"/data/age","value":30},{"op":"replace","path":"/data/age","value":31},{"op":"test","path":"/data/name","value":"John Doe"},{"op":"replace","path":"/data/name","value":"John"},{"op":"test","path":"/name","value":"John Doe"},{"op":"replace","path":"/name","value":"John"}]"#,
    ];
    assert_eq!(trail, expected);
}

#[test]
fn an_entity_is_seen_as_it_was_at_any_time() {
    let registry = Registry::data_collect();
    let events = log();
    let age_at = |text: &str| {
        let past = registry
            .at(Moment::Happened(text.parse().unwrap()), events.iter().map(|event| (event, event.timestamp)));
        past.entities.get(&guid("person-1")).map(|person| person.data["age"].clone())
    };
    assert_eq!(age_at("2026-03-01T07:59:59.999999Z"), None);
    assert_eq!(age_at("2026-03-01T08:00:00Z"), Some(json!(30)));
    assert_eq!(age_at("2026-03-01T09:59:59Z"), Some(json!(30)));
    assert_eq!(age_at("2026-03-01T23:00:00Z"), Some(json!(31)));
}
