//! The ports of a store (`veritrail_core::store`) on PostgreSQL, so that what is written against them, and tested on the
//! store in memory, runs here.
//!
//! A port is a thin layer: what it does is done by a session's own operations and by the tables' files. Not here: what is
//! PostgreSQL's alone, such as applying events, cursors, checkpoints and verification.

mod entities;
mod events;
mod levels;
mod tree;

use veritrail_core::store::Store;

use crate::append::AppendError;
use crate::error::{AccessError, IntegrityError};
use crate::merkle_tiles::FetchError;
use crate::session::Session;

/// What a session fails with where a port leaves that to the store.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// The database could not be asked.
    #[error("the database could not be asked")]
    Access(#[from] AccessError),
    /// What is stored contradicts itself: evidence.
    #[error(transparent)]
    Integrity(#[from] IntegrityError),
    /// The log is a replica: it takes pages of its origin alone.
    #[error("the log is a replica and takes no events")]
    Replica,
    /// An entity was written by something else than an append: replay it.
    #[error("an entity is not at the version that was read, though the log is locked")]
    EntityChanged,
}

impl Store for Session<'_> {
    type Error = PortError;
}

impl From<AppendError> for PortError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Access(error) => Self::Access(error),
            AppendError::Integrity(error) => Self::Integrity(error),
            AppendError::Replica => Self::Replica,
            AppendError::EntityChanged => Self::EntityChanged,
        }
    }
}

impl From<FetchError> for PortError {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Access(error) => Self::Access(error),
            FetchError::Integrity(error) => Self::Integrity(error),
        }
    }
}
