//! Schema versions and names of types: upcasters in a chain, gaps found at registration, names that say nothing.

use serde_json::{Map, Value, json};
use veritrail_applier::{ApplyError, Entities, RegisterError, Registry};
use veritrail_core::{FormSubmission, Salts, data_hash};

use crate::support::guid;

type Data = Map<String, Value>;

/// Version 1 has `name`, 2 has `first` and `last`, 3 has both in `names`.
fn registry() -> Registry {
    let mut registry = Registry::data_collect();
    registry.register_upcaster("create-individual", 1, split_name).unwrap();
    registry.register_upcaster("create-individual", 2, nest_names).unwrap();
    registry
}

fn split_name(mut data: Data) -> Result<Data, String> {
    let name = data.remove("name");
    let name = name.as_ref().and_then(Value::as_str).ok_or("`name` is no text")?;
    let (first, last) = name.split_once(' ').ok_or_else(|| format!("{name:?} is one word"))?;
    data.insert("first".into(), json!(first));
    data.insert("last".into(), json!(last));
    Ok(data)
}

fn nest_names(mut data: Data) -> Result<Data, String> {
    let names = json!({"first": data.remove("first"), "last": data.remove("last")});
    data.insert("names".into(), names);
    Ok(data)
}

fn create(version: Option<u32>, data: &Value, more: &Value) -> FormSubmission {
    let mut event = json!({"guid": "e", "entityGuid": "a", "type": "create-individual", "userId": "u",
        "timestamp": "2026-03-01T00:00:00Z", "data": data});
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    if let Some(version) = version {
        event["schemaVersion"] = json!(version);
    }
    FormSubmission::parse(&event.to_string()).unwrap()
}

#[test]
fn every_version_leads_to_the_same_entity() {
    let expected = json!({"names": {"first": "John", "last": "Doe"}, "age": 30});
    let events = [
        create(None, &json!({"name": "John Doe", "age": 30}), &json!({})),
        create(Some(1), &json!({"name": "John Doe", "age": 30}), &json!({})),
        create(Some(2), &json!({"first": "John", "last": "Doe", "age": 30}), &json!({})),
        create(Some(3), &expected, &json!({})),
    ];
    for event in &events {
        let mut entities = Entities::default();
        registry().apply(event, &mut entities).unwrap();
        assert_eq!(json!(entities.get(&guid("a")).unwrap().data), expected, "{:?}", event.schema_version);
    }
}

#[test]
fn an_applier_sees_the_newest_version_and_where_it_came_from() {
    let registry = registry();
    let old =
        create(None, &json!({"name": "John Doe"}), &json!({"context": {"reason": "import"}, "custom": 1}));
    let seen = registry.upcast(&old).unwrap().into_owned();
    assert_eq!(seen.schema_version, Some(3));
    assert_eq!(
        seen.to_json(),
        r#"{"guid":"e","entityGuid":"a","type":"create-individual","data":{"names":{"first":"John","last":"Doe"}},"timestamp":"2026-03-01T00:00:00.000Z","userId":"u","syncLevel":0,"schemaVersion":3,"context":{"reason":"import"},"custom":1,"migratedFrom":1}"#
    );
    // What a device has migrated before keeps its first version.
    let migrated = create(Some(2), &json!({"first": "J", "last": "D"}), &json!({"migratedFrom": 0}));
    let seen = registry.upcast(&migrated).unwrap();
    assert_eq!(seen.metadata.as_ref().unwrap().to_value().unwrap(), json!({"migratedFrom": 0}));
}

#[test]
fn the_received_event_is_what_is_hashed() {
    let old = create(Some(1), &json!({"name": "John Doe"}), &json!({}));
    let before = old.clone();
    registry().apply(&old, &mut Entities::default()).unwrap();
    assert_eq!(old, before);
    let salts = Salts::from_bytes(&[1; 48]);
    let seen = registry().upcast(&old).unwrap().into_owned();
    assert_ne!(data_hash(&salts, &old.data), data_hash(&salts, &seen.data));
    let newest = create(Some(3), &json!({}), &json!({}));
    assert_eq!(*registry().upcast(&newest).unwrap(), newest, "the newest stays as it is");
}

#[test]
fn versions_outside_of_the_chain_are_refused() {
    let refused = |version, data: &Value| {
        registry().apply(&create(version, data, &json!({})), &mut Entities::default()).unwrap_err()
    };
    let unknown = refused(Some(4), &json!({}));
    assert_eq!(unknown.code(), "UNKNOWN_SCHEMA_VERSION");
    assert_eq!(
        unknown.to_string(),
        "schema version 4 of `create-individual` is unknown, 1 to 3 are understood"
    );
    assert_eq!(refused(Some(0), &json!({})).code(), "UNKNOWN_SCHEMA_VERSION");
    let failed = refused(Some(1), &json!({"name": "John"}));
    assert_eq!(
        failed.to_string(),
        "the payload of `create-individual` cannot be brought from schema version 1 to the next: \"John\" is one word"
    );
    assert_eq!(failed.code(), "NOT_UPCAST");

    // A type without upcasters takes any version.
    let plain = Registry::data_collect();
    assert!(plain.apply(&create(Some(9), &json!({}), &json!({})), &mut Entities::default()).is_ok());
}

#[test]
fn an_upcaster_that_panics_or_makes_what_cannot_be_stored_is_an_error_of_its_event() {
    let mut registry = Registry::data_collect();
    registry.register_upcaster("create-individual", 1, |_| panic!("a bug")).unwrap();
    let event = create(Some(1), &json!({}), &json!({}));
    let error = registry.apply(&event, &mut Entities::default()).unwrap_err();
    assert!(matches!(&error, ApplyError::Panicked { message, .. } if message == "a bug"), "{error}");
    assert!(registry.reads(&event).is_err());

    let mut registry = Registry::data_collect();
    let large = |mut data: Data| {
        data.insert("n".into(), json!(u64::MAX));
        Ok(data)
    };
    registry.register_upcaster("create-individual", 1, large).unwrap();
    assert_eq!(registry.apply(&event, &mut Entities::default()).unwrap_err().code(), "NOT_UPCAST");
}

#[test]
fn gaps_and_duplicates_are_found_at_registration() {
    let mut registry = registry();
    let event_type = || veritrail_core::EventType::new("create-individual").unwrap();
    let duplicate = registry.register_upcaster("create-individual", 2, Ok).unwrap_err();
    assert_eq!(duplicate, RegisterError::DuplicateUpcaster { event_type: event_type(), from: 2 });
    let gap = registry.register_upcaster("create-individual", 4, Ok).unwrap_err();
    assert_eq!(gap, RegisterError::UpcasterGap { event_type: event_type(), from: 4, newest: 3 });
    let below = registry.register_upcaster("create-individual", 0, Ok).unwrap_err();
    assert_eq!(
        below.to_string(),
        "an upcaster of `create-individual` from schema version 0 leaves a gap: the next starts from 3"
    );
    assert!(matches!(registry.register_upcaster("", 1, Ok), Err(RegisterError::InvalidType { .. })));
    registry.register_upcaster("create-individual", 3, Ok).unwrap();
    // A chain may begin anywhere; one that could not go on is none.
    registry.register_upcaster("update-individual", 5, Ok).unwrap();
    assert!(registry.register_upcaster("update-group", u32::MAX, Ok).is_err());
    let event = create(None, &json!({}), &json!({"type": "update-group"}));
    assert_eq!(registry.apply(&event, &mut Entities::default()).unwrap_err().code(), "ENTITY_NOT_FOUND");
}

#[test]
fn a_name_that_says_nothing_is_warned_of() {
    let warned = |name: &str| {
        let keep = |entity: Option<veritrail_core::EntityDoc>, event: &FormSubmission| {
            entity.ok_or_else(|| ApplyError::not_found(&event.entity_guid))
        };
        Registry::empty().register_fn(name, keep).unwrap()
    };
    for name in
        ["update", "change", "event-1", "Update", "data-updated", "entity-updated", "event_v2", "42", "x-1"]
    {
        let warning = warned(name).unwrap_or_else(|| panic!("{name}"));
        assert!(warning.to_string().contains(&format!("`{name}` does not say what has happened")));
    }
    for name in [
        "beneficiary-registered",
        "household-income-updated",
        "emergency-assistance-provided",
        "assign-case-worker",
        "personal-info-updated",
        "create-individual",
        "更新",
    ] {
        assert_eq!(warned(name), None, "{name}");
    }
}
