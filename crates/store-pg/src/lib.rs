//! The event store on PostgreSQL: append, read, prove, verify, publish and mirror.
//!
//! Begin with `submit`, which shows an event's whole way. One file a table holds its queries; statements that
//! speak of more than one table are files under `sql/`.

mod append;
mod convert;
mod entities;
mod error;
mod events;
mod logs;
mod merkle_tiles;
mod schema;
mod statement;
mod store;
mod submit;
mod tree_heads;

pub use append::AppendError;
pub use entities::ClusterTooLarge;
pub use error::{AccessError, Corrupt, IntegrityError};
pub use logs::Log;
pub use store::{PgEventStore, PgPool, Session};
pub use submit::{Applying, MAX_BATCH, Outcome, Rejection, SubmitError, Submitted};
pub use {deadpool, diesel_async, veritrail_applier, veritrail_core};
