//! Batches and whole logs: applying many events in order, from nothing or from a snapshot.
//!
//! Where the events are read from is the store's. Replay in parallel is in `replay/parallel.rs`, which events it may take
//! apart in `replay/clusters.rs`; snapshots are in `snapshot`, earlier times in `moment`, the comparison with what is
//! live in `compare`.

mod clusters;
#[cfg(feature = "rayon")]
mod parallel;

use std::borrow::Borrow;

use veritrail_core::{EntityGuid, EventGuid, FormSubmission, Timestamp};

use crate::applied::Applied;
use crate::entities::{Entities, LoadedEntity};
use crate::error::{ApplyError, ReplayError};
use crate::registry::Registry;
use crate::snapshot::Snapshot;

/// What a replay is fed with, in the order of the log.
#[derive(Clone, Copy, Debug)]
pub enum LogItem<'a> {
    /// An event.
    Event(&'a FormSubmission),
    /// An event whose data were erased.
    Erased(&'a ErasedEvent),
    /// Rows that were kept when an event was erased that touched them: no position of the log, but the state of these
    /// entities after all items so far.
    Kept(&'a [LoadedEntity]),
}

/// What is left of an erased event.
///
/// Its entity becomes a tombstone without content, as of the event's timestamp, and groups lose it; a group's members go
/// on to exist. Entities that only this event may have made are tombstones, too. Later events that do not apply because
/// of such a tombstone are passed over; a `create-*` begins anew. Rows of other entities that the event had a part in
/// are kept when it is erased, and come back as [`LogItem::Kept`] at the position where that was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErasedEvent {
    /// The event.
    pub guid: EventGuid,
    /// Its entity.
    pub entity: EntityGuid,
    /// The entities that it has touched besides.
    pub touched: Vec<EntityGuid>,
    /// When it happened.
    pub timestamp: Timestamp,
}

/// A replay that is under way: it takes items one by one, so that a log of any length can be streamed through.
#[derive(Debug)]
pub struct Replay<'r> {
    registry: &'r Registry,
    entities: Entities,
    /// Number of the first item among the events of `entities`.
    base: usize,
    next: u64,
    passed_over: Vec<EventGuid>,
}

/// What a replay has led to.
#[derive(Debug)]
pub struct Replayed {
    /// The state.
    pub entities: Entities,
    /// The position after the last item: where the next replay goes on.
    pub next: u64,
    /// Events that do not apply because another was erased, in the order of the log.
    pub passed_over: Vec<EventGuid>,
}

impl LogItem<'_> {
    /// Whether the item stands at a position of the log.
    #[cfg(feature = "rayon")]
    fn is_position(&self) -> bool {
        !matches!(self, Self::Kept(_))
    }
}

impl<'r> Replay<'r> {
    /// Begins with nothing, at position 0.
    #[must_use]
    pub fn new(registry: &'r Registry) -> Self {
        Self::onto(registry, Entities::default(), 0)
    }

    /// Goes on from a snapshot: the next item is the one at the snapshot's position.
    #[must_use]
    pub fn resume(registry: &'r Registry, snapshot: Snapshot) -> Self {
        let mut entities = Entities::new(snapshot.rows);
        entities.mark_erased(&snapshot.erased);
        Self::onto(registry, entities, snapshot.next)
    }

    /// Goes on from entities that the events before position `next` have led to.
    #[must_use]
    pub fn onto(registry: &'r Registry, entities: Entities, next: u64) -> Self {
        Self { registry, base: entities.applied(), entities, next, passed_over: Vec::new() }
    }

    /// Takes the next item.
    ///
    /// # Errors
    /// [`ReplayError`]: an event does not apply, and no erasure explains it. What a log holds has been applied before,
    /// unless it was appended without being applied. The state is as it was before the item.
    pub fn step(&mut self, item: LogItem<'_>) -> Result<(), ReplayError> {
        match item {
            LogItem::Event(event) => self.event(event)?,
            LogItem::Erased(erased) => {
                self.entities.erase(&erased.entity, erased.timestamp);
                for guid in erased.touched.iter().filter(|guid| **guid != erased.entity) {
                    self.entities.erase_unknown(guid, erased.timestamp);
                }
                self.entities.commit();
            }
            LogItem::Kept(rows) => {
                for row in rows {
                    self.entities.adopt(row.clone());
                }
                self.entities.commit();
                return Ok(());
            }
        }
        self.next += 1;
        Ok(())
    }

    /// The state so far.
    #[must_use]
    pub fn entities(&self) -> &Entities {
        &self.entities
    }

    /// The position of the next item.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.next
    }

    /// The state so far as rows, to go on from later.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { next: self.next, rows: self.entities.rows(), erased: self.entities.erased() }
    }

    /// Ends the replay.
    #[must_use]
    pub fn finish(self) -> Replayed {
        Replayed { entities: self.entities, next: self.next, passed_over: self.passed_over }
    }

    fn event(&mut self, event: &FormSubmission) -> Result<(), ReplayError> {
        let Err(source) = self.registry.apply_again(event, &mut self.entities) else { return Ok(()) };
        let reads = self.registry.reads(event).unwrap_or_default();
        if !reads.entities.iter().any(|guid| self.entities.is_erased(guid)) {
            let index = self.entities.applied() - self.base;
            return Err(ReplayError { event: event.guid.clone(), index, source });
        }
        self.entities.commit();
        self.passed_over.push(event.guid.clone());
        Ok(())
    }
}

impl Registry {
    /// Applies the events of a batch in order; one that fails does not keep the others from being applied.
    ///
    /// The answers are in the order of the events.
    pub fn apply_batch<E: Borrow<FormSubmission>>(
        &self,
        events: impl IntoIterator<Item = E>,
        entities: &mut Entities,
    ) -> Vec<Result<Applied, ApplyError>> {
        events.into_iter().map(|event| self.apply(event.borrow(), entities)).collect()
    }

    /// The state that events lead to from nothing.
    ///
    /// # Errors
    /// As [`Replay::step`], for the first event that does not apply.
    pub fn replay<E: Borrow<FormSubmission>>(
        &self,
        events: impl IntoIterator<Item = E>,
    ) -> Result<Entities, ReplayError> {
        let mut entities = Entities::default();
        self.replay_onto(events, &mut entities)?;
        Ok(entities)
    }

    /// Applies events to a state that earlier ones have led to, such as a snapshot's.
    ///
    /// # Errors
    /// As [`Registry::replay`]; the entities are then as the events before the failing one have left them.
    pub fn replay_onto<E: Borrow<FormSubmission>>(
        &self,
        events: impl IntoIterator<Item = E>,
        entities: &mut Entities,
    ) -> Result<(), ReplayError> {
        let mut replay = Replay::onto(self, std::mem::take(entities), 0);
        let outcome = events.into_iter().try_for_each(|event| replay.step(LogItem::Event(event.borrow())));
        *entities = replay.entities;
        outcome
    }
}
