//! The port of the sync levels: how far events have travelled.

use super::{MAX_BATCH, ReadPageError, Store};
use crate::event::SyncLevel;
use crate::ids::EventGuid;
use crate::log::{Position, StoredEvent};

/// How far a tenant's events have travelled. Operational: no hash binds it. Events are read with the level that they have
/// reached.
pub trait SyncLevelStore: Store {
    /// Raises the levels of events, all or none. Of a guid that is named twice the higher level counts.
    ///
    /// An event that has the level or a higher one is left as it is, since levels never go down, and a guid that is not
    /// recorded is passed over: both are counts in the answer.
    ///
    /// # Errors
    /// [`RaiseLevelsError`]: nothing was raised.
    fn raise_sync_levels(
        &mut self,
        levels: &[(&EventGuid, SyncLevel)],
    ) -> impl Future<Output = Result<Raised, RaiseLevelsError<Self::Error>>> + Send;

    /// The events that have exactly this level by now, from a position on, `limit` at most, in order: what is still
    /// [`SyncLevel::Local`] is what a push sends.
    ///
    /// A page may be short, or empty, without being the last: a store looks at a bounded number of events for it.
    ///
    /// # Errors
    /// [`ReadPageError`].
    fn events_at_level(
        &mut self,
        level: SyncLevel,
        begin: Position,
        limit: u32,
    ) -> impl Future<Output = Result<LevelPage, ReadPageError<Self::Error>>> + Send;
}

/// Events of one level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LevelPage {
    /// The events, in order.
    pub events: Vec<StoredEvent>,
    /// Where to go on; `None` where the page has come to the end of the log.
    pub next: Option<Position>,
}

/// What became of the events whose levels were to be raised. Each guid counts once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Raised {
    /// Events that have reached a higher level now.
    pub raised: u64,
    /// Events that had this level or a higher one already.
    pub unchanged: u64,
    /// Guids that no event has.
    pub unknown: u64,
}

/// Why no level was raised.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RaiseLevelsError<E> {
    /// More than [`MAX_BATCH`] at once: raise them in parts.
    #[error("{0} levels at once are more than {MAX_BATCH}")]
    TooMany(usize),
    /// The store failed.
    #[error("the store failed")]
    Store(#[source] E),
}

impl<E> RaiseLevelsError<E> {
    /// Checks how many levels are raised at once.
    ///
    /// # Errors
    /// [`RaiseLevelsError::TooMany`].
    pub fn check(levels: usize) -> Result<(), Self> {
        if levels <= MAX_BATCH { Ok(()) } else { Err(Self::TooMany(levels)) }
    }
}
