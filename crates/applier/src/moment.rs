//! Time travel: the state at an earlier time, on the axis of what had happened or of what was known.
//!
//! Reading the events, and not replaying all of them where a snapshot serves, is the store's.

use std::borrow::Borrow;

use veritrail_core::{EventGuid, FormSubmission, Timestamp};

use crate::entities::Entities;
use crate::error::ApplyError;
use crate::registry::Registry;

/// A point on one of the two axes of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// What had happened by then, by the devices' clocks: a late event counts from when it happened.
    Happened(Timestamp),
    /// What was recorded by then, by the server's clock: a late event counts from when it arrived.
    Recorded(Timestamp),
}

/// The state at an earlier time.
#[derive(Debug)]
pub struct Past {
    /// The entities.
    pub entities: Entities,
    /// Events that were replayed.
    pub replayed: usize,
    /// Events that do not apply without others that came later on the chosen axis, with the reason: a late event may
    /// rest on one that happened after it.
    pub left_out: Vec<(EventGuid, ApplyError)>,
}

impl Moment {
    /// Whether an event belongs to what the moment shows; both ends are inclusive.
    #[must_use]
    pub fn includes(self, happened: Timestamp, recorded_at: Timestamp) -> bool {
        match self {
            Self::Happened(until) => happened <= until,
            Self::Recorded(until) => recorded_at <= until,
        }
    }
}

impl Registry {
    /// The state at a moment, from events in the order of the log with their stamps.
    ///
    /// On both axes events are applied in the order of the log: that is the order in which they were accepted, and the
    /// state that everybody has seen. The axis chooses which of them count.
    pub fn at<E: Borrow<FormSubmission>>(
        &self,
        moment: Moment,
        log: impl IntoIterator<Item = (E, Timestamp)>,
    ) -> Past {
        let mut past = Past { entities: Entities::default(), replayed: 0, left_out: Vec::new() };
        for (event, recorded_at) in log {
            let event = event.borrow();
            if !moment.includes(event.timestamp, recorded_at) {
                continue;
            }
            match self.apply_again(event, &mut past.entities) {
                Ok(()) => past.replayed += 1,
                Err(reason) => past.left_out.push((event.guid.clone(), reason)),
            }
        }
        past
    }
}
