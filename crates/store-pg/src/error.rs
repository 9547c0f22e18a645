//! Errors that every operation shares: the database is out of reach, a statement failed, a row cannot be
//! believed, the tree contradicts itself. Each operation's own enum wraps these.

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel_async::pooled_connection::deadpool::PoolError;
use veritrail_core::{Hash, LogName, Position, TenantId};

pub use crate::convert::Corrupt;

/// Why the database could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// No connection could be had: check the URL, the server and its limits.
    #[error("the database is out of reach: {0}")]
    Unreachable(String),
    /// All connections of the pool were taken for too long: try again, or enlarge the pool.
    #[error("no connection became free within the pool's timeout")]
    PoolTimeout,
    /// The schema is missing or old: run `veritrail migrate`.
    #[error("the database has no schema `veritrail` of this version (run `veritrail migrate`)")]
    NotMigrated,
    /// A transaction ran into another one under REPEATABLE READ or SERIALIZABLE: repeat it.
    #[error("the transaction ran into a concurrent one and can be repeated")]
    Contended,
    /// Another transaction holds the log's lock for longer than this one may wait: try again later.
    #[error("the log `{log}` of the tenant `{tenant}` is busy: another transaction holds its lock")]
    LogBusy {
        /// The tenant.
        tenant: TenantId,
        /// The log.
        log: LogName,
    },
    /// The database's role is bound to other tenants.
    #[error("the database's role may not use the tenant: {0}")]
    TenantRefused(String),
    /// An operation of this session was cancelled, and its connection closed: begin another session.
    #[error("the session's connection was closed when an operation on it was cancelled")]
    SessionLost,
    /// An operation in the caller's transaction was cancelled: nothing of the transaction can be committed.
    #[error("the transaction cannot be committed: an operation in it was cancelled")]
    TransactionBroken,
    /// A statement failed.
    #[error("a statement failed")]
    Database(#[source] DieselError),
    /// A row that no code of ours has written.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
}

/// The log contradicts itself. Evidence: reported, and never repaired or overwritten.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntegrityError {
    /// The row that says who the log is has gone, while rows of the log are there.
    #[error("the log's own row is missing, while rows of the log are there")]
    LogRowMissing,
    /// The frontier of a tree head does not fold to its root.
    #[error("the tree head of size {size} does not fold to its root")]
    HeadFolds {
        /// The head's size.
        size: u64,
    },
    /// The newest head is older than the newest checkpoint: heads were deleted, or a backup was restored.
    #[error("the newest tree head has size {head}, but a checkpoint of size {checkpoint} was published")]
    HeadBehindCheckpoint {
        /// Size of the newest head.
        head: u64,
        /// Size of the newest checkpoint.
        checkpoint: u64,
    },
    /// There is a row at or after the position at which the head says that the log ends.
    #[error("there are rows beyond the tree head of size {size}")]
    RowsBeyondHead {
        /// The head's size.
        size: u64,
    },
    /// The head says that the log has as many entries as positions can count: no log of ours grows that far.
    #[error("the tree head of size {size} leaves no room for another position")]
    NoRoom {
        /// The head's size.
        size: u64,
    },
    /// A hash of the tree that must be there is missing.
    #[error("the hashes {begin} to {end} of tile level {level} are missing")]
    MissingHashes {
        /// Tile level; 0 are the leaves.
        level: u8,
        /// First index.
        begin: u64,
        /// Index after the last one.
        end: u64,
    },
    /// The stored hashes give no proof of what the head says.
    #[error("the stored tree gives no valid proof for size {size}: {reason}")]
    Proof {
        /// Size of the tree.
        size: u64,
        /// The verifier's verdict.
        reason: String,
    },
    /// The log is not the one that was anchored.
    #[error("the log does not have the root {anchored} at size {size}, with which it was anchored")]
    Anchor {
        /// The anchor's size.
        size: u64,
        /// The anchor's root.
        anchored: Hash,
        /// The root that the tiles give at that size; `None` where the log is shorter now.
        found: Option<Hash>,
    },
    /// A row is not what its leaf says.
    #[error("the event at position {position} is not what was appended: {reason}")]
    Event {
        /// Where it stands.
        position: Position,
        /// What differs.
        reason: String,
    },
}

// Names that our functions give as the violated constraint: Diesel hands on no SQLSTATE.
/// A statement wrote fewer rows than wanted (VT002).
const REQUIRE_COUNTS: &str = "require_counts";
/// The role is bound to other tenants (VT004).
const TENANT_REFUSED: &str = "tenant_refused";
/// The log's lock was not had in time (VT005).
const LOG_BUSY: &str = "log_busy";

impl From<DieselError> for AccessError {
    fn from(error: DieselError) -> Self {
        match &error {
            DieselError::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => Self::Contended,
            DieselError::DatabaseError(DatabaseErrorKind::ClosedConnection, information) => {
                Self::Unreachable(information.message().to_owned())
            }
            DieselError::BrokenTransactionManager => Self::TransactionBroken,
            DieselError::DatabaseError(_, information)
                if information.constraint_name() == Some(TENANT_REFUSED) =>
            {
                Self::TenantRefused(information.message().to_owned())
            }
            _ => Self::Database(error),
        }
    }
}

impl From<PoolError> for AccessError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Timeout(_) => Self::PoolTimeout,
            PoolError::Backend(error) => Self::Unreachable(error.to_string()),
            other => Self::Unreachable(other.to_string()),
        }
    }
}

/// Whether a unique key was violated.
pub(crate) fn is_unique_violation(error: &DieselError) -> bool {
    matches!(error, DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _))
}

/// Whether a statement of ours undid itself because one of its parts wrote too few rows (VT002).
pub(crate) fn is_short_count(error: &DieselError) -> bool {
    violates(error, REQUIRE_COUNTS)
}

/// Whether the log's lock was not had in time (VT005).
pub(crate) fn is_log_busy(error: &DieselError) -> bool {
    violates(error, LOG_BUSY)
}

fn violates(error: &DieselError, name: &str) -> bool {
    match error {
        DieselError::DatabaseError(_, information) => information.constraint_name() == Some(name),
        _ => false,
    }
}
