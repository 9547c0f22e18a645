//! From events to entities: appliers, batches in memory, replay and time travel.
//!
#![doc = include_str!("../README.md")]

mod applied;
mod conflict;
pub mod data_collect;
mod entities;
mod error;
mod patch;
mod registry;
mod replay;
mod view;

pub use applied::{
    Applied, AuditNote, Cause, Change, ChangeAction, DuplicatePair, MAX_NOTE_BYTES, MAX_NOTE_PATHS,
};
pub use conflict::{
    Conflict, ConflictPolicy, Decision, FieldMerge, LastWriteWins, RejectConflicts, Side, Verdict,
};
pub use entities::{Entities, EntityState, EntityWrite, LoadedEntity};
pub use error::{ApplyError, GroupProblem, MemberProblem, RegisterError, ReplayError};
pub use patch::{Operation, Patch};
pub use registry::{EventApplier, FIRST_SCHEMA_VERSION, Reads, Registry, VagueName};
pub use view::View;
