//! Audit entries that the tests save.

use std::ops::Range;

use veritrail_core::{AuditLogEntry, Hash};
use veritrail_store_pg::{AuditPage, AuditReceipt, Session};
use veritrail_tests::sample::submitter;

/// An entry with what must be there.
pub(crate) fn entry(guid: &str) -> AuditLogEntry {
    let text = format!(r#"{{"guid":"{guid}","timestamp":"2026-03-01T07:30:00Z","action":"user.login"}}"#);
    AuditLogEntry::parse(&text).unwrap()
}

/// An entry that uses every column.
pub(crate) fn whole(guid: &str) -> AuditLogEntry {
    let text = format!(
        r#"{{"guid":"{guid}","timestamp":"2026-03-01T07:30:00Z","userId":"ana","action":"entity.update",
            "eventGuid":"e-1","entityGuid":"person-1","changes":{{"weight":130.65331632653061}},
            "organizationId":"registry","targetResourceType":"form","targetResourceId":"7","status":"failure",
            "outcomeDescription":"closed","ttl":"P5Y","eventVersion":"1.0","correlationId":"c-1",
            "dataClassification":"PHI","retentionPolicy":"standard","processingLatency":12,
            "details":{{"ip":"10.0.0.7","weight":130.65331632653061}},"device":"tablet"}}"#
    );
    AuditLogEntry::parse(&text).unwrap()
}

/// The entries with these numbers: one person in three, changes in two, details in five.
pub(crate) fn entries(numbers: Range<u64>) -> Vec<AuditLogEntry> {
    let one = |n: u64| {
        let changes =
            if n.is_multiple_of(2) { format!(r#","changes":{{"age":{n}}}"#) } else { String::new() };
        let details =
            if n.is_multiple_of(5) { format!(r#","details":{{"try":{n}}}"#) } else { String::new() };
        let text = format!(
            r#"{{"guid":"a-{n}","timestamp":"2026-03-01T07:30:00Z","action":"entity.update","userId":"user-{}",
                "entityGuid":"person-{}"{changes}{details}}}"#,
            n % 7,
            n % 3
        );
        AuditLogEntry::parse(&text).unwrap()
    };
    numbers.map(one).collect()
}

pub(crate) async fn save(session: &mut Session<'_>, entries: &[AuditLogEntry]) -> Vec<AuditReceipt> {
    session.save_audit_log(entries, &submitter()).await.expect("the batch is stored")
}

pub(crate) fn guids(page: &AuditPage) -> Vec<String> {
    page.entries.iter().map(|stored| stored.entry.guid.to_string()).collect()
}

pub(crate) fn leaves(receipts: &[AuditReceipt]) -> Vec<Hash> {
    receipts.iter().map(|receipt| receipt.leaf_hash).collect()
}
