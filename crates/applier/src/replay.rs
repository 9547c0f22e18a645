//! Batches and whole logs: applying many events in order.
//!
//! Time travel is a replay of the events up to a point, in the order of the log or of the events' own time. Which
//! events those are, and where they are read from, is the store's.

use std::borrow::Borrow;

use veritrail_core::FormSubmission;

use crate::applied::Applied;
use crate::entities::Entities;
use crate::error::{ApplyError, ReplayError};
use crate::registry::Registry;

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
    /// The events are taken one by one, so that a log of any length can be streamed through.
    ///
    /// # Errors
    /// [`ReplayError`] for the first event that does not apply: what a log holds has been applied before, unless it
    /// was appended without being applied.
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
        for (index, event) in events.into_iter().enumerate() {
            let event = event.borrow();
            self.apply_again(event, entities).map_err(|source| ReplayError {
                event: event.guid.clone(),
                index,
                source,
            })?;
        }
        Ok(())
    }
}
