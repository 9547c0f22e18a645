//! Audit notes of changes that are larger or deeper than an audit entry may be.

use serde_json::{Value, json};
use veritrail_applier::{Entities, MAX_NOTE_BYTES, MAX_NOTE_PATHS, Registry};
use veritrail_core::Json;

use crate::support::event;

/// What the note of the last of some payloads for one entity says, and its size.
fn last_note(payloads: &[Value]) -> (Value, usize) {
    let registry = Registry::data_collect();
    let mut entities = Entities::default();
    let mut last = None;
    for (number, data) in payloads.iter().enumerate() {
        last = Some(registry.apply(&event(number, "create-individual", "a", data), &mut entities).unwrap());
    }
    let notes = last.unwrap().audit_notes();
    assert_eq!(notes.len(), 1);
    let changes = &notes[0].changes;
    assert_eq!(Json::parse(changes.as_str()).as_ref(), Ok(changes), "an audit entry takes it");
    (changes.to_value().unwrap(), changes.as_str().len())
}

#[test]
fn old_values_are_left_out_where_both_do_not_fit() {
    let (old, new) = ("x".repeat(600_000), "y".repeat(600_000));
    let (note, bytes) = last_note(&[json!({"text": old}), json!({"text": new})]);
    assert_eq!(note["omitted"], json!("before"));
    assert_eq!(note["patch"], json!([{"op": "replace", "path": "/data/text", "value": new}]));
    assert_eq!(note["version"], json!({"before": 1, "after": 2}));
    assert!(bytes <= MAX_NOTE_BYTES);
    assert_eq!(last_note(&[json!({"text": "x"}), json!({"text": "y"})]).0.get("omitted"), None);
}

#[test]
fn values_are_left_out_where_they_do_not_fit() {
    let expected = json!({"eventType": "create-individual", "omitted": "values", "more": 0,
        "paths": ["/data/n", "/data/text"], "version": {"before": 1, "after": 2}});
    let mut data = json!({"n": 0});
    data["text"] = json!("x".repeat(MAX_NOTE_BYTES - 32));
    assert_eq!(last_note(&[json!({}), data]).0, expected);
}

#[test]
fn what_is_nested_as_deep_as_data_may_be_is_named() {
    let deep = (0..63).fold(json!(1), |inner, _| json!({ "x": inner }));
    let (note, _) = last_note(&[json!({}), deep]);
    assert_eq!((&note["omitted"], &note["paths"]), (&json!("values"), &json!(["/data/x"])));
}

#[test]
fn places_are_named_as_far_as_they_fit() {
    let many = |name: &dyn Fn(usize) -> String, count: usize, value: &str| {
        Value::Object((0..count).map(|n| (name(n), json!(value))).collect())
    };
    let short = many(&|n| format!("m-{n:05}"), 5_000, &"x".repeat(190));
    let (note, bytes) = last_note(&[json!({}), short]);
    assert_eq!(note["paths"].as_array().unwrap().len(), MAX_NOTE_PATHS);
    assert_eq!(note["more"], json!(5_000 - MAX_NOTE_PATHS));
    assert!(bytes <= MAX_NOTE_BYTES);

    let long = many(&|n| format!("{n:05}{}", "\u{1}".repeat(30_000)), 5, &"x".repeat(29_690));
    let (note, bytes) = last_note(&[json!({}), long]);
    assert_eq!(note["omitted"], json!("values"));
    let named = note["paths"].as_array().unwrap().len();
    assert!(named < 5 && note["more"] == json!(5 - named) && bytes <= MAX_NOTE_BYTES, "{named} {bytes}");
}
