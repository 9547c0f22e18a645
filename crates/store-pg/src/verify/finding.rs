//! What verify can find.

use veritrail_core::{Epoch, Hash, LogName, Timestamp};

/// A row of a log, as it names itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowName {
    /// The log.
    pub log: LogName,
    /// Where it stands.
    pub position: i64,
    /// Its guid as it is stored.
    pub guid: String,
}

impl std::fmt::Display for RowName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} at position {}", one_of(self.log), self.guid, self.position)
    }
}

/// What people call one row of a log.
fn one_of(log: LogName) -> &'static str {
    match log {
        LogName::Events => "event",
        LogName::Audit => "audit entry",
        LogName::Changes => "row change",
    }
}

/// What people call several rows of a log.
fn several_of(log: LogName) -> &'static str {
    match log {
        LogName::Events => "events",
        LogName::Audit => "audit entries",
        LogName::Changes => "row changes",
    }
}

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
    #[error("{row}: {reason}")]
    Altered {
        /// The row.
        row: RowName,
        /// Which part differs.
        reason: String,
    },
    /// A row holds values that no code of ours writes; an event's data or metadata that are gone count here too.
    #[error("{row}: the column `{column}` holds no value of ours")]
    Unreadable {
        /// The row.
        row: RowName,
        /// The column.
        column: &'static str,
    },
    /// An entry is not signed, or not by a key that was given for that.
    #[error("{row}: {reason}")]
    Signature {
        /// The row.
        row: RowName,
        /// What is wrong with it.
        reason: String,
    },
    /// Rows are missing.
    #[error("the {} at positions {from} to {to} are missing", several_of(*log))]
    Missing {
        /// The log.
        log: LogName,
        /// First missing position.
        from: u64,
        /// Last missing position.
        to: u64,
    },
    /// A stamp is not later than its predecessor's.
    #[error("{row} is recorded at {recorded_at}, not after its predecessor")]
    StampOrder {
        /// The row.
        row: RowName,
        /// Its stamp.
        recorded_at: Timestamp,
    },
    /// Row and leaf agree, but the tile holds another leaf: both were changed.
    #[error("{row}: row and leaf were changed together, the tile holds another leaf")]
    LeafReplaced {
        /// The row.
        row: RowName,
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
    #[error("{row} stands outside of the newest tree head, which has size {head}")]
    RowOutside {
        /// The row.
        row: RowName,
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
            Self::Altered { row, .. } if row.log == LogName::Events => "event-altered",
            Self::Altered { .. } => "entry-altered",
            Self::Unreadable { row, .. } if row.log == LogName::Events => "event-unreadable",
            Self::Unreadable { .. } => "entry-unreadable",
            Self::Signature { .. } => "entry-signature",
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

    /// Position and guid of the row that is to blame, where one is.
    #[must_use]
    pub fn event(&self) -> Option<(i64, &str)> {
        match self {
            Self::Altered { row, .. }
            | Self::Unreadable { row, .. }
            | Self::Signature { row, .. }
            | Self::StampOrder { row, .. }
            | Self::LeafReplaced { row }
            | Self::RowOutside { row, .. } => Some((row.position, &row.guid)),
            _ => None,
        }
    }
}
