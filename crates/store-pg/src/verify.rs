//! Verify: recompute everything of a log from its rows and name what is wrong.
//!
//! Nothing is repaired and nothing is overwritten. What each part compares is in `verify/rows.rs` (each row by
//! itself), `verify/walk.rs` (their order, leaves, tiles, kept heads) and `verify/signed.rs` (checkpoints).

mod finding;
mod rows;
mod signed;
mod walk;

pub use finding::{Finding, RowName};

use diesel_async::AsyncPgConnection;
use uuid::Uuid;
use veritrail_core::{AuditVerifierKey, Epoch, Hash, LogName, TenantId, Timestamp};
use veritrail_merkle::note::VerifierKey;

use crate::error::AccessError;
use crate::logs::Log;
use crate::session::Session;
use crate::{checkpoints, logs, tree_heads};
use walk::Walk;

/// Rows that are read at once.
const PAGE: u32 = 2_048;
/// Most findings that are kept: the first say where to look, and a wholly replaced log must not fill the memory.
pub const MAX_FINDINGS: usize = 1_000;

/// What verify has read and found.
#[derive(Clone, Debug)]
pub struct Report {
    /// The log.
    pub log_id: Uuid,
    /// Its life.
    pub epoch: Epoch,
    /// Whether the log is a replica.
    pub replica: bool,
    /// Size of the newest head: all events up to it were recomputed but those that are missing.
    pub size: u64,
    /// The root that the rows give; `None` where rows are missing.
    pub root: Option<Hash>,
    /// Size of the newest checkpoint that is signed by a trusted key; without keys, of the newest one.
    pub checkpoint: Option<u64>,
    /// Whether signatures were checked: not without keys.
    pub signatures_checked: bool,
    /// Events behind the newest checkpoint: true to themselves, but not signed yet.
    pub unpublished: u64,
    /// When the first of them was recorded.
    pub unpublished_since: Option<Timestamp>,
    /// What is wrong, in the order in which it was found, [`MAX_FINDINGS`] at most.
    pub findings: Vec<Finding>,
    /// Findings beyond those.
    pub more_findings: u64,
}

impl Report {
    /// The report on rows whose log cannot be told.
    fn without_log() -> Self {
        Self {
            log_id: Uuid::nil(),
            epoch: Epoch(0),
            replica: false,
            size: 0,
            root: None,
            checkpoint: None,
            signatures_checked: false,
            unpublished: 0,
            unpublished_since: None,
            findings: vec![Finding::LogRowMissing],
            more_findings: 0,
        }
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_true(&self) -> bool {
        self.findings.is_empty()
    }
}

/// Which log is verified.
pub(crate) struct Subject<'a> {
    pub(crate) tenant: &'a TenantId,
    pub(crate) name: LogName,
    pub(crate) log: Log,
    pub(crate) trusted: Trusted<'a>,
}

/// Keys that count. They come from the caller, never from the database.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trusted<'a> {
    /// Keys whose checkpoints count; without any, roots are compared and signatures are not.
    pub checkpoints: &'a [VerifierKey],
    /// Keys of which one must have signed every single audit entry; without any, these signatures are not checked.
    pub entries: &'a [AuditVerifierKey],
}

impl Session<'_> {
    /// Recomputes the tenant's `events` log from its rows; `None` where there is no log yet.
    ///
    /// Commitments, leaves, tiles, every kept head and every checkpoint are compared. `trusted` are the keys
    /// whose checkpoints count; they come from the caller, never from the database. Without any, roots are
    /// compared and signatures are not.
    ///
    /// # Errors
    /// [`AccessError`] where the database cannot be asked. What is found is no error but in the report.
    pub async fn verify(&mut self, trusted: &[VerifierKey]) -> Result<Option<Report>, AccessError> {
        self.verify_log(LogName::Events, Trusted { checkpoints: trusted, entries: &[] }).await
    }

    /// As [`Self::verify`], for one of the tenant's logs.
    ///
    /// # Errors
    /// [`AccessError`] where the database cannot be asked. What is found is no error but in the report.
    #[tracing::instrument(name = "verify", skip_all, fields(log = %name))]
    pub async fn verify_log(
        &mut self,
        name: LogName,
        trusted: Trusted<'_>,
    ) -> Result<Option<Report>, AccessError> {
        let tenant = self.tenant;
        // One snapshot: rows that are appended meanwhile are not half seen.
        self.snapshot(async |connection| {
            let Some(log) = logs::find(connection, tenant, name).await? else {
                return Ok(logs::has_rows(connection, tenant, name).await?.then(Report::without_log));
            };
            verify(connection, &Subject { tenant, name, log, trusted }).await.map(Some)
        })
        .await
    }
}

async fn verify(connection: &mut AsyncPgConnection, subject: &Subject<'_>) -> Result<Report, AccessError> {
    let (tenant, name, epoch) = (subject.tenant, subject.name, subject.log.epoch);
    let newest = tree_heads::newest_sizes(connection, tenant, name, epoch).await?;
    let others = checkpoints::other_epochs(connection, tenant, name, epoch).await?;
    let mut walk = Walk::new(subject, &newest);
    walk.epochs(&others);
    walk.rows(connection).await?;
    walk.upper_tiles(connection).await?;
    walk.stray_tiles(connection).await?;
    walk.rows_beyond(connection).await?;
    let mut report = walk.into_report();
    if let Some(size) = report.checkpoint.filter(|size| *size < report.size) {
        report.unpublished_since = rows::stamp_at(connection, subject, size).await?;
    } else if report.checkpoint.is_none() && report.size > 0 {
        report.unpublished_since = rows::stamp_at(connection, subject, 0).await?;
    }
    Ok(report)
}
