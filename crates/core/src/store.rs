//! The ports of a store: what code that works on any store may ask of it.
//!
//! Write against these traits, test on [`MemoryStore`](crate::MemoryStore), run on PostgreSQL (`Session` of
//! `veritrail-store-pg`): one list of facts holds for both. Each trait is one concern, and [`Store`] names what the store
//! itself can fail with; what a caller can do something about is a variant of the operation's own error.
//!
//! Not here: cursors and synchronisation marks, which are `veritrail-sync`'s; applying events to entities, which is
//! `veritrail-applier`'s; signing.

mod anchor;
mod entities;
mod events;
mod levels;
mod snapshots;
mod tree;

pub use anchor::{AnchorError, HashAnchor, HashAnchorStore};
pub use entities::{ClearEntitiesError, EntityStore, InvalidPair, SaveEntityError};
pub use events::{EventStore, ReadPageError, SaveEventsError};
pub use levels::{LevelPage, RaiseLevelsError, Raised, SyncLevelStore};
pub use snapshots::{EntitySnapshot, InvalidSnapshot, SaveSnapshotError, SnapshotStore};
pub use tree::{TreeError, TreeStore};

/// Most events that one call saves: what is hashed and written at once stays bounded.
pub const MAX_BATCH: usize = 10_000;
/// Most bytes of data and metadata that one call saves: PostgreSQL takes no message of a gigabyte, and what an event says
/// may be written three times (as the event, and as its entity's last synced and present state).
pub const MAX_BATCH_BYTES: usize = 64 << 20;
/// Most events or entities of one page.
pub const MAX_PAGE: u32 = 10_000;

/// One tenant's store, or a session on it.
///
/// Operations take `&mut self`, because a session on a database does one thing at a time. A future that is dropped before
/// it is ready has done all of its operation or nothing.
pub trait Store: Send {
    /// What the store itself fails with: out of reach, busy, or evidence of tampering.
    type Error: std::error::Error + Send + Sync + 'static;
}
