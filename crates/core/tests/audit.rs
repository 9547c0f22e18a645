//! What is read, refused, served and bound of an audit entry.

#![expect(clippy::unwrap_used, reason = "clippy takes the functions beside the tests for no tests")]

use veritrail_core::{
    AuditEnvelope, AuditLogEntry, AuditParts, AuditStatus, Salts, StoredAuditEntry, Subject, TenantId,
    audit_entry,
};
use veritrail_merkle::{Sha256Hasher, TreeHasher};

const WHOLE: &str = r#"{"guid":"a-1","timestamp":"2026-03-01T07:30:00.000Z","userId":"ana","action":"entity.update","eventGuid":"e-1","entityGuid":"person-1","changes":{"name":"Mary"},"organizationId":"registry","targetResourceType":"form","targetResourceId":"7","status":"failure","outcomeDescription":"closed","ttl":"P5Y","eventVersion":"1.0","correlationId":"c-1","dataClassification":"PHI","retentionPolicy":"standard","processingLatency":12,"details":{"ip":"10.0.0.7"}}"#;

/// The whole entry with one member replaced or added; an empty value removes it.
fn with(member: &str, value: &str) -> String {
    let serde_json::Value::Object(mut members) = serde_json::from_str(WHOLE).unwrap() else { unreachable!() };
    members.remove(member);
    let mut text = serde_json::to_string(&members).unwrap();
    if !value.is_empty() {
        text.truncate(text.len() - 1);
        text.push_str(&format!(",\"{member}\":{value}}}"));
    }
    text
}

fn stored(entry: AuditLogEntry) -> StoredAuditEntry {
    let (salts, submitted_by) = (Salts::from_bytes(&[3; 48]), Subject::new("tests").unwrap());
    let (recorded_at, log_id) = ("2026-03-01T12:00:00Z".parse().unwrap(), uuid::Uuid::nil());
    let parts = AuditParts::of(&entry, &salts);
    let envelope = AuditEnvelope { log_id, entry: &entry, parts, submitted_by: &submitted_by, recorded_at };
    let commitment = envelope.commitment(&salts);
    let leaf_hash = Sha256Hasher.hash_leaf(&audit_entry(&commitment));
    let position = veritrail_core::Position(0);
    StoredAuditEntry { position, entry, salts, parts, submitted_by, recorded_at, commitment, leaf_hash }
}

#[test]
fn what_was_received_is_served() {
    let entry = AuditLogEntry::parse(WHOLE).unwrap();
    assert_eq!(entry.to_json(), WHOLE);
    assert_eq!(AuditLogEntry::parse(&with("status", "")).unwrap().status, AuditStatus::Success);
    let named = entry.clone().of_tenant(&TenantId::default());
    assert_eq!(named, entry, "an organisation that is there stays");
    let of_tenant =
        AuditLogEntry::parse(&with("organizationId", "")).unwrap().of_tenant(&TenantId::default());
    assert_eq!(of_tenant.organization_id.unwrap().as_str(), "default");
}

#[test]
fn what_reading_does_not_put_back_stays_in_the_details() {
    for details in [
        r#"{"extra":{}}"#,
        r#"{"extra":7}"#,
        r#"{"extra":{"guid":"x"}}"#,
        r#"{"extra":{"principalId":"y","x":1},"z":2}"#,
    ] {
        let entry = AuditLogEntry::parse(&with("details", details)).unwrap();
        assert!(entry.to_json().contains(&format!("\"details\":{details}")), "{}", entry.to_json());
        assert_eq!(AuditLogEntry::parse(&entry.to_json()).unwrap(), entry);
    }
    let moved = AuditLogEntry::parse(&with("details", r#"{"extra":{"x":1}}"#)).unwrap();
    assert!(moved.to_json().ends_with(r#","x":1}"#), "{}", moved.to_json());
    assert_eq!(AuditLogEntry::parse(&moved.to_json()).unwrap(), moved);
}

#[test]
fn a_bad_entry_is_refused_with_its_field_and_value() {
    let long = |length: usize| format!("\"{}\"", "x".repeat(length));
    let cases: Vec<(String, &str, &str)> = vec![
        ("7".to_owned(), "audit entry", "field `audit entry` must be an object, not 7"),
        (with("guid", ""), "guid", "field `guid` is missing"),
        (with("guid", "\"\""), "guid", "field `guid` is empty: \"\""),
        (with("timestamp", ""), "timestamp", "field `timestamp` is missing"),
        (with("timestamp", "\"now\""), "timestamp", "field `timestamp` is not a date and time"),
        (with("action", "null"), "action", "field `action` is missing"),
        (with("action", &long(256)), "action", "field `action` has 256 characters in 256 bytes"),
        (with("userId", "7"), "userId", "field `userId` must be a string, not 7"),
        (with("userId", "\"\""), "userId", "field `userId` is empty: \"\""),
        (
            with("principalId", "\"eve\""),
            "principalId",
            "field `principalId` is \"eve\", but `userId` is \"ana\"",
        ),
        (with("eventGuid", "\"\""), "eventGuid", "field `eventGuid` is empty"),
        (with("entityGuid", &long(256)), "entityGuid", "field `entityGuid` has 256 characters"),
        (with("changes", "[1]"), "changes", "field `changes` must be an object, not [1]"),
        (with("changes", r#"{"a":9007199254740993}"#), "changes.a", "an integer that a double"),
        (with("changes", &format!("{{\"a\":{}}}", long(1 << 20))), "changes", "has 1048584 bytes"),
        (
            with("organizationId", &long(256)),
            "organizationId",
            "has 256 characters in 256 bytes, at most 255",
        ),
        (with("targetResourceType", &long(256)), "targetResourceType", "at most 255 characters"),
        (with("targetResourceId", "\"\""), "targetResourceId", "field `targetResourceId` is empty"),
        (
            with("status", "\"done\""),
            "status",
            "must be \"attempt\", \"success\" or \"failure\", not \"done\"",
        ),
        (with("status", "1"), "status", "not 1"),
        (with("outcomeDescription", &long((64 << 10) + 1)), "outcomeDescription", "has 65537 bytes"),
        (with("outcomeDescription", "\"a\\u0000\""), "outcomeDescription", "the character U+0000"),
        (with("details", "\"x\""), "details", "field `details` must be an object, not \"x\""),
        (with("details", &format!("{{\"a\":{}}}", long(64 << 10))), "details", "has 65544 bytes"),
        (with("ttl", &long(256)), "ttl", "at most 255 characters"),
        (with("eventVersion", &long(21)), "eventVersion", "has 21 characters in 21 bytes, at most 20"),
        (with("correlationId", &long(256)), "correlationId", "at most 255 characters"),
        (with("dataClassification", "\"SECRET\""), "dataClassification", "must be \"PUBLIC\""),
        (with("retentionPolicy", &long(51)), "retentionPolicy", "has 51 characters in 51 bytes, at most 50"),
        (
            with("processingLatency", "-1"),
            "processingLatency",
            "must be an integer from 0 to 2147483647, not -1",
        ),
        (with("processingLatency", "2147483648"), "processingLatency", "not 2147483648"),
        (with("hash", "\"abc\""), "hash", "must be 64 lower-case hexadecimal digits, not \"abc\""),
        (with("hashAlgorithm", "\"MD5\""), "hashAlgorithm", "must be \"SHA-256\", not \"MD5\""),
        (with("signature", "7"), "signature", "must be a string, not 7"),
        (with("archivedAt", "\"x\""), "archivedAt", "field `archivedAt` is not a date and time"),
        (with("guid", "\"a\",\"guid\":\"b\""), "", "member `guid` stands twice in one object"),
    ];
    for (text, field, message) in cases {
        let error = AuditLogEntry::parse(&text).unwrap_err();
        assert_eq!(error.field(), field, "{error}");
        assert!(error.to_string().contains(message), "{error}");
    }
}

#[test]
fn an_entry_built_in_rust_is_checked_too() {
    let entry = AuditLogEntry::parse(WHOLE).unwrap();
    assert_eq!(entry.validate_submitted(), Ok(()));
    let changed = |change: fn(&mut AuditLogEntry)| {
        let mut entry = entry.clone();
        change(&mut entry);
        entry.validate_submitted().unwrap_err().to_string()
    };
    assert!(changed(|e| e.processing_latency = Some(1 << 31)).contains("not 2147483648"));
    assert!(changed(|e| e.outcome_description = Some("a\0".into())).contains("U+0000"));
    assert!(changed(|e| e.outcome_description = Some("a".repeat(65_537).into())).contains("65537 bytes"));
    let array = || Some(veritrail_core::Json::parse("[]").unwrap());
    assert!(changed(|e| e.changes = Some(veritrail_core::Json::parse("1").unwrap())).contains("`changes`"));
    let mut wrong = entry.clone();
    wrong.details = array();
    assert!(wrong.validate().unwrap_err().to_string().contains("`details` must be an object"));
}

#[test]
fn an_action_of_our_own_is_read_and_not_taken() {
    let entry = AuditLogEntry::parse(&with("action", "\"veritrail.retire\"")).unwrap();
    assert_eq!(entry.validate(), Ok(()));
    let refused = entry.validate_submitted().unwrap_err();
    assert_eq!(
        refused.to_string(),
        "field `action` begins with the reserved prefix `veritrail.`: \"veritrail.retire\""
    );
}

#[test]
fn every_member_is_content_and_is_bound() {
    let original = stored(AuditLogEntry::parse(WHOLE).unwrap());
    assert_eq!(original.difference(&original.entry), None);
    let changes = [
        ("guid", "\"a-2\""),
        ("timestamp", "\"2026-03-01T07:30:00.000001Z\""),
        ("userId", "\"eve\""),
        ("action", "\"entity.delete\""),
        ("eventGuid", "\"e-2\""),
        ("entityGuid", "\"person-2\""),
        ("changes", "{\"name\":\"Eve\"}"),
        ("organizationId", "\"other\""),
        ("targetResourceType", "\"file\""),
        ("targetResourceId", "\"8\""),
        ("status", "\"success\""),
        ("outcomeDescription", "\"open\""),
        ("ttl", "\"P1D\""),
        ("eventVersion", "\"1.1\""),
        ("correlationId", "\"c-2\""),
        ("dataClassification", "\"PUBLIC\""),
        ("retentionPolicy", "\"short\""),
        ("processingLatency", "13"),
        ("details", "{\"ip\":\"10.0.0.8\"}"),
    ];
    for (member, value) in changes {
        for value in [value, ""] {
            if value.is_empty() && ["guid", "timestamp", "action"].contains(&member) {
                continue;
            }
            let entry = AuditLogEntry::parse(&with(member, value)).unwrap();
            if member != "guid" {
                // Description and details are one content.
                let named = if member == "outcomeDescription" { "details" } else { member };
                assert_eq!(original.difference(&entry), Some(named));
            }
            let edited = StoredAuditEntry { entry, ..original.clone() };
            assert!(edited.verify(&Sha256Hasher, uuid::Uuid::nil()).is_err(), "{member} {value}");
        }
    }
    assert_eq!(original.verify(&Sha256Hasher, uuid::Uuid::nil()), Ok(()));
    assert!(original.verify(&Sha256Hasher, uuid::Uuid::max()).is_err());
}

#[test]
fn what_a_log_adds_is_no_content() {
    let original = stored(AuditLogEntry::parse(WHOLE).unwrap());
    let mut sealed = original.entry.clone();
    sealed.seal.hash = Some(original.commitment);
    sealed.seal.signature = Some("example.org/audit AAAA".into());
    sealed.seal.archived_at = Some(original.recorded_at);
    assert_eq!(original.difference(&sealed), None);
    let read = AuditLogEntry::parse(&sealed.to_json()).unwrap();
    assert_eq!(read, sealed);
}
