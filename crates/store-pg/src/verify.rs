//! Verify: recompute everything of a log from its rows and name what is wrong.
//!
//! Nothing is repaired and nothing is overwritten. What each part compares is in `verify/rows.rs` (each row by
//! itself), `verify/walk.rs` (their order, leaves, tiles, kept heads) and `verify/signed.rs` (checkpoints).

mod rows;
mod signed;
mod walk;

use diesel_async::AsyncPgConnection;
use uuid::Uuid;
use veritrail_core::{Epoch, EventGuid, Hash, LogName, Position, TenantId, Timestamp};
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

/// Something that is not as it was appended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// The row that says who the log is has gone: what its rows are worth cannot be told.
    #[error("the log's own row is missing, while rows of the log are there")]
    LogRowMissing,
    /// Checkpoints were published for another life of the log than the one that it says it is in, though nothing
    /// has reopened it; or its life is not the first, though there is no earlier one.
    #[error("the log says epoch {found}, but {other} is what its checkpoints or its beginning say")]
    Epoch {
        /// The epoch that the log's row says.
        found: Epoch,
        /// The other one.
        other: Epoch,
    },
    /// A row is not what its leaf says.
    #[error("event {guid} at position {position}: {reason}")]
    EventAltered {
        /// Where it stands.
        position: Position,
        /// The event.
        guid: EventGuid,
        /// Which part differs.
        reason: String,
    },
    /// A row holds values that no code of ours writes; data or metadata that are gone count here too.
    #[error("event {guid} at position {position}: the column `{column}` holds no value of ours")]
    EventUnreadable {
        /// Where it stands.
        position: i64,
        /// The event's guid as it is stored.
        guid: String,
        /// The column.
        column: &'static str,
    },
    /// Rows are missing.
    #[error("the events at positions {from} to {to} are missing")]
    Missing {
        /// First missing position.
        from: u64,
        /// Last missing position.
        to: u64,
    },
    /// A stamp is not later than its predecessor's.
    #[error("event {guid} at position {position} is recorded at {recorded_at}, not after its predecessor")]
    StampOrder {
        /// Where it stands.
        position: Position,
        /// The event.
        guid: EventGuid,
        /// Its stamp.
        recorded_at: Timestamp,
    },
    /// Row and leaf agree, but the tile holds another leaf: both were changed.
    #[error(
        "event {guid} at position {position}: row and leaf were changed together, the tile holds another leaf"
    )]
    LeafReplaced {
        /// Where it stands.
        position: Position,
        /// The event.
        guid: String,
    },
    /// A tile is missing or does not hold the hashes below it.
    #[error("tile {index} of level {level} {problem}")]
    Tile {
        /// Tile level.
        level: u8,
        /// Index within the level.
        index: u64,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A kept head does not have the root of the rows below it.
    #[error(
        "the tree head of size {size} {problem}: something between positions {after} and {size} was changed"
    )]
    Head {
        /// The head's size.
        size: u64,
        /// Size of the last kept head that agrees.
        after: u64,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// There is a row before position 0, or at or after the one at which the newest head says that the log ends.
    #[error(
        "event {guid} at position {position} stands outside of the newest tree head, which has size {head}"
    )]
    RowOutside {
        /// Where it stands.
        position: i64,
        /// The event's guid as it is stored.
        guid: String,
        /// Size of the newest head.
        head: u64,
    },
    /// A head is missing, so that a checkpoint or rows are ahead of the newest one.
    #[error("the newest tree head has size {head}, but a checkpoint of size {checkpoint} was published")]
    HeadBehindCheckpoint {
        /// Size of the newest head.
        head: u64,
        /// Size of the checkpoint.
        checkpoint: u64,
    },
    /// A checkpoint does not have the root of the rows below it.
    #[error("the checkpoint of size {size} was signed for root {signed}, the rows give {recomputed}")]
    CheckpointRoot {
        /// Its size.
        size: u64,
        /// The signed root.
        signed: Hash,
        /// The root of the rows.
        recomputed: Hash,
    },
    /// A checkpoint's note is no note of this log, or no trusted key has signed it.
    #[error("the checkpoint of size {size}: {reason}")]
    CheckpointNote {
        /// Its size.
        size: u64,
        /// What is wrong with it.
        reason: String,
    },
}

impl Finding {
    /// A stable name for machines.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::LogRowMissing => "log-row-missing",
            Self::Epoch { .. } => "epoch",
            Self::EventAltered { .. } => "event-altered",
            Self::EventUnreadable { .. } => "event-unreadable",
            Self::Missing { .. } => "missing",
            Self::StampOrder { .. } => "stamp-order",
            Self::LeafReplaced { .. } => "leaf-replaced",
            Self::Tile { .. } => "tile",
            Self::Head { .. } => "head",
            Self::RowOutside { .. } => "row-outside",
            Self::HeadBehindCheckpoint { .. } => "head-behind-checkpoint",
            Self::CheckpointRoot { .. } => "checkpoint-root",
            Self::CheckpointNote { .. } => "checkpoint-note",
        }
    }

    /// Position and guid of the event that is to blame, where one is.
    #[must_use]
    pub fn event(&self) -> Option<(i64, &str)> {
        match self {
            Self::EventAltered { position, guid, .. } | Self::StampOrder { position, guid, .. } => {
                Some((i64::try_from(position.0).ok()?, guid.as_str()))
            }
            Self::LeafReplaced { position, guid } => Some((i64::try_from(position.0).ok()?, guid)),
            Self::EventUnreadable { position, guid, .. } | Self::RowOutside { position, guid, .. } => {
                Some((*position, guid))
            }
            _ => None,
        }
    }
}

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
    pub(crate) log: Log,
    /// Keys whose checkpoints count.
    pub(crate) trusted: &'a [VerifierKey],
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
    #[tracing::instrument(name = "verify", skip_all)]
    pub async fn verify(&mut self, trusted: &[VerifierKey]) -> Result<Option<Report>, AccessError> {
        let tenant = self.tenant;
        // One snapshot: rows that are appended meanwhile are not half seen.
        self.snapshot(async |connection| {
            let Some(log) = logs::find(connection, tenant, LogName::Events).await? else {
                return Ok(logs::has_rows(connection, tenant).await?.then(Report::without_log));
            };
            verify(connection, &Subject { tenant, log, trusted }).await.map(Some)
        })
        .await
    }
}

async fn verify(connection: &mut AsyncPgConnection, subject: &Subject<'_>) -> Result<Report, AccessError> {
    let (tenant, epoch) = (subject.tenant, subject.log.epoch);
    let newest = tree_heads::newest_sizes(connection, tenant, LogName::Events, epoch).await?;
    let others = checkpoints::other_epochs(connection, tenant, LogName::Events, epoch).await?;
    let mut walk = Walk::new(subject, &newest);
    walk.epochs(&others);
    walk.rows(connection).await?;
    walk.upper_tiles(connection).await?;
    walk.stray_tiles(connection).await?;
    walk.rows_beyond(connection).await?;
    let mut report = walk.into_report();
    if let Some(size) = report.checkpoint.filter(|size| *size < report.size) {
        report.unpublished_since = stamp_at(connection, tenant, size).await?;
    } else if report.checkpoint.is_none() && report.size > 0 {
        report.unpublished_since = stamp_at(connection, tenant, 0).await?;
    }
    Ok(report)
}

async fn stamp_at(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    position: u64,
) -> Result<Option<Timestamp>, AccessError> {
    let rows = crate::events::by_position(connection, tenant, position, position, 1).await?;
    // A row that cannot be believed is in the findings already.
    let stored = rows.into_iter().next().and_then(|row| veritrail_core::StoredEvent::try_from(row).ok());
    Ok(stored.map(|stored| stored.recorded_at))
}
