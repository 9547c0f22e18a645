//! The event store on PostgreSQL: append, read, prove, verify, publish and mirror.
//!
//! Begin with `submit`, which shows an event's whole way. One file a table holds its queries; statements that
//! speak of more than one table are files under `sql/`. A [`Session`] also implements the ports of
//! [`veritrail_core::store`], so that what is tested on the store in memory runs here.

mod append;
mod audit;
mod audit_index;
mod checkpoint_signatures;
mod checkpoints;
mod convert;
mod cosign;
mod entities;
mod entity_snapshots;
mod error;
mod events;
mod group;
mod hash_anchors;
mod history;
mod logs;
mod merkle_tiles;
mod mirror;
mod offline;
mod operation;
mod ports;
mod prove;
mod publish;
mod publisher;
mod read;
mod roots;
mod saved_entities;
mod schema;
mod session;
mod signer;
mod statement;
mod store;
mod submit;
mod sync_levels;
mod sync_metadata;
mod transaction;
mod tree_heads;
mod verify;

pub use append::AppendError;
pub use audit::{AuditPage, AuditReceipt, SaveAuditError};
pub use cosign::CosignError;
pub use entities::ClusterTooLarge;
pub use error::{AccessError, Corrupt, IntegrityError};
pub use group::{GroupCommit, GroupError, GroupLimits};
pub use hash_anchors::{OnMismatch, OpenError};
pub use history::{HistoryError, MAX_CLUSTER_EVENTS, MAX_TIMELINE_EVENTS, Moment, PastEntity};
pub use logs::Log;
pub use mirror::{MirrorError, MirrorLimits, Mirrored};
pub use offline::VerifyEventError;
pub use operation::TransactionLimits;
pub use ports::PortError;
pub use prove::ProveError;
pub use publish::{KeySwitch, PublishError, Published, WithoutMemory};
pub use publisher::{CommitSignal, LogState, LogStatus, Publisher, PublisherSettings, PublisherState};
pub use read::{MAX_EXAMINED, ReadError};
pub use session::{Session, Work};
pub use signer::{
    ExternalSigner, FileSigner, Signer, SignerError, SignerMemory, create_audit_key, open_audit_key,
};
pub use store::{PgEventStore, PgPool};
pub use submit::{Applying, MAX_BATCH, MAX_BATCH_BYTES, Outcome, Rejection, SubmitError, Submitted};
pub use sync_levels::{MAX_RAISED, RaiseError};
pub use sync_metadata::MarkError;
pub use transaction::Transaction;
pub use verify::{Finding, MAX_FINDINGS, Report, RowName, Trusted};
pub use {
    deadpool, diesel_async, futures_util, veritrail_applier, veritrail_core, veritrail_merkle,
    veritrail_migrations, veritrail_sync,
};

/// The README's example, compiled as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExample;
