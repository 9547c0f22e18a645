//! The port of the events: saving them and reading them back.
//!
//! Not here: proofs of them (`tree`), how far they have travelled (`levels`).

use super::{MAX_BATCH, MAX_BATCH_BYTES, MAX_PAGE, Store};
use crate::event::FormSubmission;
use crate::ids::{EntityGuid, EventGuid, Subject};
use crate::log::{Position, Receipt, StoredEvent};
use crate::member::InvalidInput;

/// A tenant's events, in the order in which they were recorded.
pub trait EventStore: Store {
    /// Saves events, all or none, without applying them to entities: for who does that by themselves.
    ///
    /// One receipt an event, in the order of the events. A guid that is recorded already is answered with its old
    /// receipt if the content is the same; content is `entityGuid`, `type`, `schemaVersion`, `timestamp`, `userId` and
    /// `data`. A guid that stands twice in the batch is one event. Positions are gapless, and each stamp is the store's
    /// clock or one microsecond after its predecessor, whichever is later.
    ///
    /// # Errors
    /// [`SaveEventsError`]: nothing was saved.
    fn save_events(
        &mut self,
        events: &[FormSubmission],
        submitted_by: &Subject,
    ) -> impl Future<Output = Result<Vec<Receipt>, SaveEventsError<Self::Error>>> + Send;

    /// One event; `None` where no event has the guid.
    ///
    /// # Errors
    /// The store's own.
    fn event(
        &mut self,
        guid: &EventGuid,
    ) -> impl Future<Output = Result<Option<StoredEvent>, Self::Error>> + Send;

    /// Whether an event has the guid.
    ///
    /// # Errors
    /// The store's own.
    fn event_exists(&mut self, guid: &EventGuid) -> impl Future<Output = Result<bool, Self::Error>> + Send;

    /// The events from a position on, `limit` at most, in order. The next page begins behind the last of them; a page
    /// that is not full is the last one.
    ///
    /// # Errors
    /// [`ReadPageError`].
    fn events_from(
        &mut self,
        begin: Position,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<StoredEvent>, ReadPageError<Self::Error>>> + Send;

    /// The events that are about an entity (their `entityGuid` is its guid) from a position on, `limit` at most, in order.
    ///
    /// # Errors
    /// [`ReadPageError`].
    fn events_about(
        &mut self,
        entity: &EntityGuid,
        begin: Position,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<StoredEvent>, ReadPageError<Self::Error>>> + Send;
}

/// Why no event of a batch was saved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SaveEventsError<E> {
    /// More than [`MAX_BATCH`] events: save them in parts.
    #[error("a batch of {0} events is larger than {MAX_BATCH}")]
    TooMany(usize),
    /// More than [`MAX_BATCH_BYTES`] of data and metadata: save them in parts.
    #[error("a batch of {0} bytes of data and metadata is larger than {MAX_BATCH_BYTES}")]
    TooHeavy(usize),
    /// A value built in Rust breaks a rule that reading from JSON would have refused.
    #[error("event {index} of the batch (`{guid}`) is refused")]
    Invalid {
        /// Which event of the batch, from 0.
        index: usize,
        /// Its guid.
        guid: EventGuid,
        /// What is wrong with it.
        source: InvalidInput,
    },
    /// Another event has this guid, in the store or earlier in the batch.
    #[error("event {index} of the batch (`{guid}`) is recorded with other content: {field} differs")]
    Conflict {
        /// Which event of the batch, from 0.
        index: usize,
        /// Its guid.
        guid: EventGuid,
        /// The first member that differs.
        field: &'static str,
    },
    /// The store failed.
    #[error("the store failed")]
    Store(#[source] E),
}

/// Why there is no page.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadPageError<E> {
    /// A page has 1 to [`MAX_PAGE`] members.
    #[error("a page has 1 to {MAX_PAGE} members, not {0}")]
    Limit(u32),
    /// The store failed.
    #[error("the store failed")]
    Store(#[source] E),
}

impl<E> ReadPageError<E> {
    /// Checks a page's limit.
    ///
    /// # Errors
    /// [`ReadPageError::Limit`] outside of 1 to [`MAX_PAGE`].
    pub fn check(limit: u32) -> Result<(), Self> {
        if (1..=MAX_PAGE).contains(&limit) { Ok(()) } else { Err(Self::Limit(limit)) }
    }
}

impl<E> SaveEventsError<E> {
    /// Checks a batch's size.
    ///
    /// # Errors
    /// [`SaveEventsError::TooMany`], [`SaveEventsError::TooHeavy`].
    pub fn check(events: &[FormSubmission]) -> Result<(), Self> {
        if events.len() > MAX_BATCH {
            return Err(Self::TooMany(events.len()));
        }
        let bytes = events.iter().map(FormSubmission::payload_bytes).sum();
        if bytes > MAX_BATCH_BYTES { Err(Self::TooHeavy(bytes)) } else { Ok(()) }
    }
}
