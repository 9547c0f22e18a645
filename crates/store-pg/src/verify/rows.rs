//! The rows of each log as the walk takes them: where one stands, its leaf, and whether it is true to it. Rows are
//! checked by themselves, on all processors.
//!
//! What stands between rows, their order and the tree over them, is in `verify/walk.rs`.

use std::num::NonZero;
use std::sync::Arc;
use std::thread;

use diesel_async::AsyncPgConnection;
use tokio::task::{JoinHandle, spawn_blocking};
use uuid::Uuid;
use veritrail_core::{AuditVerifierKey, Hash, LogName, StoredAuditEntry, StoredEvent, Timestamp};
use veritrail_merkle::Sha256Hasher;

use super::{Finding, PAGE, RowName, Subject};
use crate::audit::rows::{self as audit_rows, AuditRow};
use crate::audit_index;
use crate::convert::Corrupt;
use crate::error::AccessError;
use crate::events::{self, EventRow};

/// A row as it was read, nothing of it believed yet.
#[expect(clippy::large_enum_variant, reason = "a page's rows are all of one kind, and events are the many")]
pub(super) enum Read {
    Event(EventRow),
    Audit(Box<AuditRow>),
}

impl Read {
    pub(super) fn position(&self) -> i64 {
        match self {
            Self::Event(row) => row.position,
            Self::Audit(row) => row.position,
        }
    }
}

/// A row of a log and what is wrong with it.
pub(super) struct Row {
    pub(super) name: RowName,
    /// The leaf as stored, if it is one.
    pub(super) leaf: Option<Hash>,
    /// What it is, or the column that cannot be believed.
    pub(super) believed: Result<Believed, &'static str>,
}

/// A row whose columns can be read.
pub(super) struct Believed {
    pub(super) recorded_at: Timestamp,
    /// What is wrong with it: nothing, if it is what was appended.
    pub(super) findings: Vec<Finding>,
}

/// What rows are checked by.
#[derive(Clone)]
pub(super) struct Measure {
    log_id: Uuid,
    entry_keys: Arc<[AuditVerifierKey]>,
}

impl Measure {
    pub(super) fn of(subject: &Subject<'_>) -> Self {
        Self { log_id: subject.log.log_id, entry_keys: subject.trusted.entries.into() }
    }
}

/// Rows with a position from `begin` to `last`, in order, [`PAGE`] at most.
pub(super) async fn page(
    connection: &mut AsyncPgConnection,
    subject: &Subject<'_>,
    begin: u64,
    last: u64,
) -> Result<Vec<Read>, AccessError> {
    match subject.name {
        LogName::Events => {
            let rows = events::by_position(connection, subject.tenant, begin, last, PAGE).await?;
            Ok(rows.into_iter().map(Read::Event).collect())
        }
        LogName::Audit => {
            let mut rows = audit_rows::by_position(connection, subject.tenant, begin, last, PAGE).await?;
            keep_repeats_together(&mut rows);
            Ok(rows.into_iter().map(Box::new).map(Read::Audit).collect())
        }
        // Captured changes are not sealed in this version: there is no table of theirs.
        LogName::Changes => Ok(Vec::new()),
    }
}

/// Leaves the last position of a full page to the next one, so that rows that share it are seen together.
fn keep_repeats_together(rows: &mut Vec<AuditRow>) {
    let is_full = u32::try_from(rows.len()) == Ok(PAGE);
    let Some(last) = rows.last().filter(|_| is_full).map(|row| row.position) else { return };
    let begins = rows.iter().position(|row| row.position == last).unwrap_or(0);
    if begins > 0 {
        rows.truncate(begins);
    }
}

/// Checks rows on threads of their own, so that others can be read meanwhile.
pub(super) async fn check(rows: Vec<Read>, measure: &Measure) -> Vec<Row> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let share = rows.len().div_ceil(threads).max(1);
    let mut rest = rows.into_iter();
    let mut tasks: Vec<JoinHandle<Vec<Row>>> = Vec::new();
    loop {
        let part: Vec<Read> = rest.by_ref().take(share).collect();
        if part.is_empty() {
            break;
        }
        let measure = measure.clone();
        tasks.push(spawn_blocking(move || part.into_iter().map(|row| check_row(row, &measure)).collect()));
    }
    let mut checked = Vec::new();
    for task in tasks {
        checked.extend(task.await.expect("checking a row does not panic, and nobody aborts it"));
    }
    checked
}

/// What stands where no row should stand: before position 0, or from `end` on.
pub(super) async fn strays(
    connection: &mut AsyncPgConnection,
    subject: &Subject<'_>,
    end: u64,
) -> Result<Vec<Finding>, AccessError> {
    let (log, tenant) = (subject.name, subject.tenant);
    let outside = |(position, guid)| Finding::RowOutside { row: RowName { log, position, guid }, head: end };
    match log {
        LogName::Events => {
            Ok(events::outside(connection, tenant, end, PAGE).await?.into_iter().map(outside).collect())
        }
        LogName::Audit => {
            let rows = audit_rows::outside(connection, tenant, end, PAGE).await?;
            let mut findings: Vec<Finding> = rows.into_iter().map(outside).collect();
            for (position, guid) in audit_index::beyond(connection, tenant, end, PAGE).await? {
                // A row that stands there too is named once.
                let named = |finding: &Finding| finding.event() == Some((position, guid.as_str()));
                if !findings.iter().any(named) {
                    findings.push(outside((position, guid)));
                }
            }
            Ok(findings)
        }
        LogName::Changes => Ok(Vec::new()),
    }
}

/// The stamp of the row at a position, if it can be believed: otherwise it is in the findings already.
pub(super) async fn stamp_at(
    connection: &mut AsyncPgConnection,
    subject: &Subject<'_>,
    position: u64,
) -> Result<Option<Timestamp>, AccessError> {
    let measure = Measure::of(subject);
    let row = page(connection, subject, position, position).await?.into_iter().next();
    Ok(row.and_then(|row| check_row(row, &measure).believed.ok()).map(|row| row.recorded_at))
}

fn check_row(row: Read, measure: &Measure) -> Row {
    match row {
        Read::Event(row) => event(row, measure),
        Read::Audit(row) => audit_entry(*row, measure),
    }
}

fn event(row: EventRow, measure: &Measure) -> Row {
    let name = RowName { log: LogName::Events, position: row.position, guid: row.guid.clone() };
    let leaf = row.leaf_hash.0;
    let believed = StoredEvent::try_from(row).map_err(|corrupt| corrupt.column).map(|stored| {
        let untrue = stored.verify(&Sha256Hasher, measure.log_id).err();
        let altered = |untrue: veritrail_core::Untrue| Finding::Altered {
            row: name.clone(),
            reason: untrue.to_string(),
        };
        Believed { recorded_at: stored.recorded_at, findings: untrue.map(altered).into_iter().collect() }
    });
    Row { name, leaf, believed }
}

fn audit_entry(row: AuditRow, measure: &Measure) -> Row {
    let name = RowName { log: LogName::Audit, position: row.position, guid: row.guid.clone() };
    let leaf = row.leaf_hash.as_deref().and_then(|leaf| Hash::try_from(leaf).ok());
    let in_index = row.is_as_in_index();
    let stored: Result<StoredAuditEntry, Corrupt> = row.try_into();
    let believed = stored.map_err(|corrupt| corrupt.column).map(|stored| {
        let mut findings = Vec::new();
        let altered = |reason: String| Finding::Altered { row: name.clone(), reason };
        if let Err(untrue) = stored.verify(&Sha256Hasher, measure.log_id) {
            findings.push(altered(untrue.to_string()));
        } else if !in_index {
            findings.push(altered("guid or stamp are others in the index of audit entries".to_owned()));
        }
        if let Err(reason) = check_signature(&measure.entry_keys, &stored) {
            findings.push(Finding::Signature { row: name.clone(), reason });
        }
        Believed { recorded_at: stored.recorded_at, findings }
    });
    Row { name, leaf, believed }
}

fn check_signature(keys: &[AuditVerifierKey], stored: &StoredAuditEntry) -> Result<(), String> {
    if keys.is_empty() {
        return Ok(());
    }
    let signature = stored.entry.seal.signature.as_deref().ok_or("the entry is not signed")?;
    AuditVerifierKey::check(keys, &stored.commitment, signature).map_err(|error| error.to_string())
}
