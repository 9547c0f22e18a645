//! What is read, refused, served and hashed of an event.

use veritrail_core::{
    Envelope, EventHead, FormSubmission, Json, LeafParts, Salts, Subject, SyncLevel, Timestamp, leaf_hash,
};
use veritrail_merkle::Sha256Hasher;

const PLAIN: &str = r#"{"guid":"e-1","entityGuid":"person-1","type":"create-individual","data":{"name":"Mary"},"timestamp":"2026-03-01T07:30:00.000Z","userId":"ana","syncLevel":1}"#;

/// The plain event with one member replaced or added; an empty value removes it.
fn with(member: &str, value: &str) -> String {
    let members = [
        ("guid", r#""e-1""#),
        ("entityGuid", r#""person-1""#),
        ("type", r#""create-individual""#),
        ("data", r#"{"name":"Mary"}"#),
        ("timestamp", r#""2026-03-01T07:30:00.000Z""#),
        ("userId", r#""ana""#),
        ("syncLevel", "1"),
    ];
    let mut parts: Vec<String> = members
        .iter()
        .filter(|(name, _)| *name != member)
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    if !value.is_empty() {
        parts.push(format!("\"{member}\":{value}"));
    }
    format!("{{{}}}", parts.join(","))
}

#[test]
fn what_was_received_is_served() {
    let event = FormSubmission::parse(PLAIN).unwrap();
    assert_eq!(event.to_json(), PLAIN);
    assert_eq!(event.sync_level, SyncLevel::Remote);
    assert_eq!(FormSubmission::parse(&with("syncLevel", "")).unwrap().sync_level, SyncLevel::Local);
}

#[test]
fn a_bad_event_is_refused_with_its_field_and_value() {
    let long = format!("\"{}\"", "x".repeat(256));
    let deep = format!("{}1{}", "{\"a\":".repeat(65), "}".repeat(65));
    let big = format!("{{\"a\":\"{}\"}}", "x".repeat(1 << 20));
    let big_metadata = format!("{{\"a\":\"{}\"}}", "x".repeat(64 << 10));
    let cases: Vec<(String, &str, &str)> = vec![
        (with("guid", ""), "guid", "field `guid` is missing"),
        (with("guid", "null"), "guid", "field `guid` is missing"),
        (with("guid", "\"\""), "guid", "field `guid` is empty: \"\""),
        (with("guid", "7"), "guid", "field `guid` must be a string, not 7"),
        (with("guid", &long), "guid", "field `guid` has 256 characters"),
        (with("entityGuid", ""), "entityGuid", "field `entityGuid` is missing"),
        (with("userId", ""), "userId", "field `userId` is missing"),
        (with("type", "\"veritrail.erase\""), "type", "field `type` begins with the reserved prefix"),
        (with("timestamp", "\"yesterday\""), "timestamp", "field `timestamp` is not a date and time"),
        (with("timestamp", "\"2026-12-31T23:59:60Z\""), "timestamp", "is a leap second"),
        (with("timestamp", "1767225600"), "timestamp", "field `timestamp` must be a string, not 1767225600"),
        (with("data", ""), "data", "field `data` is missing"),
        (with("data", "[1]"), "data", "field `data` must be an object, not [1]"),
        (with("data", &deep), "data", "nested deeper than 64 levels"),
        (with("data", &big), "data", "field `data` has 1048584 bytes"),
        (with("data", r#"{"a":1,"a":2}"#), "data", "member `a` stands twice"),
        (with("data", r#"{"a":[0,{"b":12345678901234567890}]}"#), "data.a[1].b", "an integer that a double"),
        (
            with("data", r#"{"a":9007199254740993}"#),
            "data.a",
            "an integer that a double does not hold exactly",
        ),
        (with("data", r#"{"a":0.1234567890123456789}"#), "data.a", "more than 17 significant digits"),
        (with("data", r#"{"a":1e400}"#), "data.a", "too large for a double"),
        (with("data", r#"{"a":1e-400}"#), "data.a", "would become 0"),
        (with("data", "{\"a\":\"x\\u0000\"}"), "data.a", "the character U+0000"),
        (with("data", r#"{"a":"\ud800"}"#), "data.a", "a lone surrogate"),
        (with("data", r#"{"a":"\udc00\ud800"}"#), "data.a", "a lone surrogate"),
        (with("syncLevel", "3"), "syncLevel", "must be 0 (local), 1 (remote) or 2 (external), not 3"),
        (with("syncLevel", "\"1\""), "syncLevel", "not \"1\""),
        (with("schemaVersion", "1.5"), "schemaVersion", "must be an integer from 0 to 2147483647, not 1.5"),
        (with("schemaVersion", "2147483648"), "schemaVersion", "not 2147483648"),
        (with("metadata", "7"), "metadata", "field `metadata` must be an object, not 7"),
        (with("metadata", &big_metadata), "metadata", "field `metadata` has 65544 bytes"),
        (with("context", "7"), "context", "field `context` must be an object, not 7"),
        (with("context", r#"{"reason":7}"#), "context.reason", "must be a string, not 7"),
        (
            with("context", &format!("{{\"correlationId\":{long}}}")),
            "context.correlationId",
            "has 256 characters",
        ),
        (with("migratedFrom", "\"1\""), "migratedFrom", "must be an integer"),
        ("[]".into(), "event", "field `event` must be an object, not []"),
        ("{".into(), "", "a member's name is expected"),
        (format!("{PLAIN} x"), "", "text after the end of the value"),
        (String::new(), "", "the text ends where a value is expected"),
    ];
    for (text, field, message) in cases {
        let error = FormSubmission::parse(&text).expect_err(message);
        assert_eq!(error.field(), field, "{error}");
        assert!(error.to_string().contains(message), "{error} does not contain {message}");
    }
    let two = with("schemaVersion", "2").replace("\"userId\"", "\"version\":1,\"userId\"");
    let error = FormSubmission::parse(&two).unwrap_err();
    assert_eq!(error.to_string(), "field `version` is 1, but `schemaVersion` is 2");
}

#[test]
fn the_first_example_of_the_predecessor_lacks_the_user() {
    let text = r#"{"guid":"event-1","entityGuid":"entity-1","timestamp":"2026-01-01T00:00:00.000Z","type":"create-entity","data":{}}"#;
    assert_eq!(FormSubmission::parse(text).unwrap_err().to_string(), "field `userId` is missing");
}

#[test]
fn members_beside_the_metadata_are_kept_in_it_and_served_beside_it() {
    let cases = [
        // (received members, stored metadata)
        (r#""metadata":{"deviceId":"d"}"#, r#"{"deviceId":"d"}"#),
        (r#""metadata":{}"#, "{}"),
        (r#""context":{"reason":"r"}"#, r#"{"context":{"reason":"r"}}"#),
        (r#""migratedFrom":1"#, r#"{"migratedFrom":1}"#),
        (r#""note":"n","café":null"#, r#"{"extra":{"café":null,"note":"n"}}"#),
        (r#""context":{"source":"s"},"metadata":{"context":7,"a":1}"#, r#"{"a":1,"context":{"source":"s"}}"#),
        (r#""metadata":{"context":7}"#, r#"{"context":7}"#),
        (r#""metadata":{"extra":{"guid":"x"}}"#, r#"{"extra":{"guid":"x"}}"#),
        (r#""metadata":{"extra":{}}"#, r#"{"extra":{}}"#),
    ];
    for (members, stored) in cases {
        let text = with("syncLevel", "0").replacen('{', &format!("{{{members},"), 1);
        let event = FormSubmission::parse(&text).unwrap();
        assert_eq!(event.metadata.as_ref().map(Json::as_str), Some(stored), "{members}");
        let served = event.to_json();
        assert_eq!(FormSubmission::parse(&served).unwrap(), event, "{served}");
    }
    let event = FormSubmission::parse(&with("context", r#"{"reason":"r"}"#)).unwrap();
    assert!(event.to_json().contains(r#","context":{"reason":"r"}"#), "{}", event.to_json());
    assert!(!event.to_json().contains("metadata"));
    assert_eq!(FormSubmission::parse(&with("metadata", "null")).unwrap().metadata, None);
}

#[test]
fn the_canonical_form_is_that_of_rfc_8785() {
    // RFC 8785, sections 3.2.2 and 3.2.3 and appendix B.
    let cases = [
        (
            "{\"numbers\":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],\"string\":\"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\",\"literals\":[null,true,false]}",
            "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}",
        ),
        (
            "{\"\\u20ac\":1,\"\\r\":2,\"\\ufb33\":3,\"1\":4,\"\\ud83d\\ude00\":5,\"\\u0080\":6,\"\\u00f6\":7}",
            "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"ö\":7,\"€\":1,\"😀\":5,\"\u{fb33}\":3}",
        ),
        (
            "[-0,-0.0,1.0,100,1e21,1e-7,5e-324,130.65331632653061]",
            "[0,0,1,100,1e+21,1e-7,5e-324,130.65331632653061]",
        ),
    ];
    for (text, canonical) in cases {
        assert_eq!(Json::parse(text).unwrap().as_str(), canonical);
    }
}

#[test]
fn a_number_survives_a_value_and_jsonb() {
    let json = Json::parse(r#"{"a":130.65331632653061,"b":9007199254740992,"c":1e21,"d":-5e-324}"#).unwrap();
    assert_eq!(Json::from_value(&json.to_value().unwrap()).unwrap(), json);
    // The digits that jsonb writes for 1e21.
    assert_eq!(Json::parse_jsonb("1000000000000000000000").unwrap().as_str(), "1e+21");
}

#[test]
fn the_leaf_is_the_frozen_one() {
    let event = FormSubmission::parse(&with("context", r#"{"reason":"intake"}"#)).unwrap();
    let salts = Salts::from_bytes(&std::array::from_fn(|index| u8::try_from(index).unwrap()));
    let submitted_by = Subject::new("cli:ana").unwrap();
    let recorded_at: Timestamp = "2026-03-01T07:30:01.000001Z".parse().unwrap();
    let envelope = Envelope {
        log_id: "6f1c2f0e-5a7b-4c39-9a35-0d8a4a1f9b10".parse().unwrap(),
        event: EventHead::of(&event),
        parts: LeafParts::of(&event, &salts),
        submitted_by: &submitted_by,
        recorded_at,
    };
    let text = envelope.to_canonical_text();
    assert_eq!(Json::parse(&text).unwrap().as_str(), text, "the envelope is canonical");
    let leaf = leaf_hash(&Sha256Hasher, &envelope.commitment(&salts));
    let other = Salts::from_bytes(&[7; 48]);
    assert_ne!(leaf, leaf_hash(&Sha256Hasher, &envelope.commitment(&other)), "the salt is hashed");
}

#[test]
fn canonical_numbers_come_back_from_jsonb_and_others_do_not() {
    // What PostgreSQL writes for the canonical text beside it: it never writes an exponent.
    let stored = [
        ("1000000000000000000000", "1e+21"),
        ("-1000000000000000000000", "-1e+21"),
        ("1234500000000000000000000", "1.2345e+24"),
        ("0.0000001", "1e-7"),
        ("-0.00000012345", "-1.2345e-7"),
        ("0.000001", "0.000001"),
        ("123456789012345680000", "123456789012345680000"),
        ("130.65331632653061", "130.65331632653061"),
        ("0", "0"),
        ("-1.5", "-1.5"),
    ];
    for (text, canonical) in stored {
        assert_eq!(Json::parse_stored_jsonb(text).unwrap().as_str(), canonical);
    }
    for changed in ["1.0", "1.50", "0.1000000000000000000001", "9007199254740993", "1e21", "-0"] {
        assert!(Json::parse_stored_jsonb(changed).is_err(), "{changed}");
    }
    let nested = r#"{"b": [1, {"a": 2.5}], "aa": "x"}"#;
    assert_eq!(Json::parse_stored_jsonb(nested).unwrap().as_str(), r#"{"aa":"x","b":[1,{"a":2.5}]}"#);
}
