//! From events to entities: appliers, batches in memory, replay and time travel.
//!
#![doc = include_str!("../README.md")]

mod access;
mod applied;
#[cfg(feature = "cipher")]
pub mod cipher;
mod compare;
mod conflict;
pub mod data_collect;
mod duplicates;
mod enrich;
mod entities;
mod error;
mod moment;
mod patch;
mod registry;
mod replay;
mod snapshot;
mod view;

pub use access::{
    AccessAction, AccessDecision, AccessRequest, AllowAll, AllowReason, Authorizer, DenyReason, Permission,
    RoleBased,
};
pub use applied::{
    Applied, AuditNote, Cause, Change, ChangeAction, DuplicatePair, MAX_NOTE_BYTES, MAX_NOTE_PATHS,
};
pub use compare::{Difference, Which, compare};
pub use conflict::{
    Conflict, ConflictPolicy, Decision, FieldMerge, LastWriteWins, RejectConflicts, Side, Verdict,
};
pub use duplicates::{DuplicateKey, DuplicateRule, DuplicateRules, FieldPath, InvalidField, MAX_FIELD_CHARS};
pub use enrich::{DeviceMetadata, EnrichError, Enricher, Enrichers, enrich};
pub use entities::{Entities, EntityState, EntityWrite, LoadedEntity};
pub use error::{ApplyError, GroupProblem, MemberProblem, RegisterError, ReplayError};
pub use moment::{Moment, Past};
pub use patch::{Operation, Patch};
pub use registry::{EventApplier, FIRST_SCHEMA_VERSION, Reads, Registry, VagueName};
pub use replay::{ErasedEvent, LogItem, Replay, Replayed};
pub use snapshot::{Snapshot, SnapshotRule};
pub use view::View;

/// The examples of the guide, compiled and run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/appliers.md")]
struct GuideExamples;
