//! Events, validation and the canonical encoding: what every other crate of Veritrail speaks about.
//!
//! This crate is the only place that makes bytes to hash. It does no I/O, reads no clock and draws no
//! randomness: instants and salts are arguments, so that the same input gives the same bytes everywhere, also
//! in a browser.
//!
//! [`store`] has the ports of a store, [`MemoryStore`] is one in memory for tests.
//!
//! Not here: the history tree (`veritrail-merkle`), what an event does to an entity (`veritrail-applier`) and
//! tables (`veritrail-store-pg`).
//!
//! ```
//! use veritrail_core::FormSubmission;
//!
//! let event = FormSubmission::parse(
//!     r#"{"guid":"e-1","entityGuid":"person-1","type":"create-individual","userId":"ana",
//!         "timestamp":"2026-03-01T09:30:00+02:00","data":{"name":"Mary","age":41.0}}"#,
//! )?;
//! assert_eq!(event.timestamp.to_string(), "2026-03-01T07:30:00.000Z");
//! assert_eq!(event.data.as_str(), r#"{"age":41,"name":"Mary"}"#);
//!
//! let refused = FormSubmission::parse(r#"{"guid":"e-1"}"#).unwrap_err();
//! assert_eq!(refused.to_string(), "field `entityGuid` is missing");
//! # Ok::<(), veritrail_core::InvalidInput>(())
//! ```

mod audit;
mod bundle;
mod change;
mod entity;
mod entry;
mod event;
mod ids;
mod json;
mod log;
mod member;
mod memory;
mod object;
mod stamp;
pub mod store;
mod text;
mod timestamp;

pub use audit::{
    AUDIT_ENTRY_PREFIX, AuditEnvelope, AuditKeyError, AuditLogEntry, AuditParts, AuditSeal,
    AuditSignatureError, AuditSignerKey, AuditStatus, AuditVerifierKey, DataClassification, HASH_ALGORITHM,
    MAX_OUTCOME_BYTES, StoredAuditEntry, UntrueAuditEntry, audit_entry,
};
pub use bundle::{BundleError, CheckedProof, PROOF_FORMAT, ProofBundle, SaltsHex};
pub use change::{
    CHANGE_ENTRY_PREFIX, ChangeAuthor, ChangeEnvelope, ChangeOp, ChangeParts, RowChange, change_entry,
};
pub use entity::{
    EntityDoc, EntityKind, EntityPair, InvalidEntity, InvalidState, MAX_ENTITY_VERSION, MAX_STATE_BYTES,
};
pub use entry::{
    ENTRY_PREFIX, Envelope, EventHead, LeafParts, SALT_BYTES, Salts, data_hash, entry, leaf_hash,
    metadata_hash,
};
pub use event::{Context, FormSubmission, MAX_DATA_BYTES, MAX_METADATA_BYTES, SyncLevel};
pub use ids::{
    AuditAction, AuditGuid, EntityGuid, EventGuid, EventType, InvalidId, MAX_ID_BYTES, MAX_ID_CHARS,
    RESERVED_TYPE_PREFIX, Subject, TenantId, UserId,
};
pub use json::{Json, JsonError, JsonProblem, MAX_JSON_DEPTH, NumberProblem};
pub use log::{
    Epoch, LogIdentity, LogName, Origin, OriginError, Position, Receipt, StoredEvent, TreeHead, TreeSize,
    Untrue,
};
pub use member::InvalidInput;
pub use memory::{ClearError, MemoryError, MemoryStore};
pub use stamp::{HashedEvent, StampFrom, next_stamp, stamp_events};
pub use text::{InvalidText, ShortText};
pub use timestamp::{InvalidTimestamp, Timestamp};
pub use veritrail_merkle::Hash;

/// The README's example, compiled as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExample;
