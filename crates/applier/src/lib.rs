//! From events to entities: appliers, batches in memory, replay and time travel.
//!
#![doc = include_str!("../README.md")]

pub mod data_collect;
mod entities;
mod error;
mod registry;
mod replay;
mod view;

pub use entities::{Entities, EntityState, EntityWrite, LoadedEntity};
pub use error::{ApplyError, GroupProblem, MemberProblem, RegisterError, ReplayError};
pub use registry::{Applied, DuplicatePair, EventApplier, Reads, Registry};
pub use view::View;
