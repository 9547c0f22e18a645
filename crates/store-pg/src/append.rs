//! Appending: under the log's lock, extend the tree and write everything of it in one statement.
//!
//! Applying events to entities and answering repeats is `submit`'s; signing is `publish`'s.

mod plan;
mod statement;
mod tree_columns;

use diesel_async::{AsyncPgConnection, RunQueryDsl};
use veritrail_applier::EntityWrite;
use veritrail_core::{Hash, LogName, SALT_BYTES, Salts, StoredEvent, TenantId, Timestamp};

pub(crate) use plan::{HashedEvent, TreePlan, next_stamp, stamp_events};
use plan::{extend_tree, plan_earlier};
pub(crate) use statement::Touched;
use statement::{AppendRows, AppendStatement};
pub(crate) use tree_columns::TreeColumns;

use crate::error::{AccessError, IntegrityError, is_short_count, is_unique_violation};
use crate::logs::{self, LockedRow, Log};
use crate::merkle_tiles::{self, FetchError, TreeOf};
use crate::statement::Prepared;
use crate::tree_heads::{self, Newest};

/// Why an append wrote nothing.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The database could not be asked, or refused.
    #[error("the database could not be asked")]
    Access(#[from] AccessError),
    /// The log contradicts itself; nothing is built on top of that.
    #[error(transparent)]
    Integrity(#[from] IntegrityError),
    /// The log is a replica: it takes pages of its origin alone.
    #[error("the log is a replica and takes no appends")]
    Replica,
    /// An entity was written by something else than an append: replay it.
    #[error("an entity is not at the version that was read, though the log is locked")]
    EntityChanged,
}

impl From<diesel::result::Error> for AppendError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Access(error.into())
    }
}

impl From<FetchError> for AppendError {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Access(error) => Self::Access(error),
            FetchError::Integrity(error) => Self::Integrity(error),
        }
    }
}

/// A log that this transaction has locked, with its newest head.
pub(crate) struct Locked {
    pub(crate) name: LogName,
    pub(crate) log: Log,
    pub(crate) newest: Newest,
}

/// Locks the log and reads its newest head, which is checked before anything is built on it.
///
/// One row is the lock of both `events` and `audit`, since one append may write to both and two locks would deadlock.
#[tracing::instrument(name = "append.lock", skip_all)]
pub(crate) async fn lock(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    name: LogName,
) -> Result<Locked, AppendError> {
    let mut row = logs::lock_or_create(connection, tenant, LogName::Events).await?;
    check_new(connection, tenant, LogName::Events, &row).await?;
    if name != LogName::Events {
        row = logs::find_or_create(connection, tenant, name).await?;
        check_new(connection, tenant, name, &row).await?;
    }
    let log = row.log;
    // A statement of its own: under READ COMMITTED it sees what was committed before the lock was had.
    let newest = tree_heads::newest(connection, tenant, name, log.epoch).await?;
    newest.check()?;
    Ok(Locked { name, log, newest })
}

/// Checks that nothing is stored of a log whose row was made just now.
async fn check_new(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    name: LogName,
    row: &LockedRow,
) -> Result<(), AppendError> {
    if row.is_new && logs::has_rows(connection, tenant, name).await? {
        return Err(IntegrityError::LogRowMissing.into());
    }
    Ok(())
}

/// What is written beside the events.
#[derive(Default)]
pub(crate) struct Effects {
    pub(crate) entities: Vec<EntityWrite>,
    pub(crate) touched: Vec<Touched>,
}

/// Writes events that have their positions, stamps and leaves, and everything that belongs to them.
#[tracing::instrument(name = "append.write", skip_all, fields(events = events.len()))]
pub(crate) async fn write(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    locked: &Locked,
    events: &[StoredEvent],
    effects: &Effects,
) -> Result<veritrail_core::TreeHead, AppendError> {
    let leaves: Vec<Hash> = events.iter().map(|event| event.leaf_hash).collect();
    let last = events.last().map(|event| event.recorded_at);
    let plan = extend(connection, tenant, locked, &leaves, last).await?;
    let rows = AppendRows {
        tenant,
        epoch: locked.log.epoch,
        events,
        tree: &plan,
        entities: &effects.entities,
        touched: &effects.touched,
    };
    let written: Result<bool, _> = Prepared(AppendStatement::new(&rows)).get_result(connection).await;
    match written {
        Ok(_) => Ok(plan.head),
        Err(error) if is_short_count(&error) => Err(AppendError::EntityChanged),
        Err(error) => Err(refused(error, locked)),
    }
}

/// Plans what new leaves make of the tree; `last` is the stamp of the last one.
pub(crate) async fn extend(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    locked: &Locked,
    leaves: &[Hash],
    last: Option<Timestamp>,
) -> Result<TreePlan, AppendError> {
    let head = &locked.newest.head;
    let size = head.size().0;
    let count = u64::try_from(leaves.len()).expect("a batch has fewer than 2^64 leaves");
    if size.checked_add(count).is_none_or(|end| i64::try_from(end).is_err()) {
        return Err(IntegrityError::NoRoom { size }.into());
    }
    let tree = TreeOf { tenant, log: locked.name, epoch: locked.log.epoch, stored: size };
    let mut earlier = Vec::new();
    for range in plan_earlier(size, count) {
        let hashes =
            merkle_tiles::level_hashes(connection, tree, range.level, range.begin, range.end).await?;
        earlier.push((range, hashes));
    }
    Ok(extend_tree(head, leaves, last, &earlier))
}

/// What it means that the one statement of an append failed.
pub(crate) fn refused(error: diesel::result::Error, locked: &Locked) -> AppendError {
    match error {
        // Under an older snapshot the head may be stale, which is no finding.
        error if is_unique_violation(&error) && locked.newest.read_committed => {
            IntegrityError::RowsBeyondHead { size: locked.newest.head.size().0 }.into()
        }
        error if is_unique_violation(&error) => AccessError::Contended.into(),
        error => error.into(),
    }
}

/// Salts from the operating system.
pub(crate) fn random_salts() -> Salts {
    let mut bytes = [0; 3 * SALT_BYTES];
    getrandom::fill(&mut bytes).expect("the operating system has a random source");
    Salts::from_bytes(&bytes)
}
