//! Snapshots: a state to go on from, so that a replay need not begin with nothing.
//!
//! Where they are kept is the store's. A snapshot is a copy of what the log says and proves nothing: it is verified
//! against a replay.

use std::collections::BTreeSet;
use std::num::NonZeroU64;

use veritrail_core::EntityGuid;

use crate::compare::{Difference, compare};
use crate::entities::LoadedEntity;
use crate::error::ReplayError;
use crate::registry::Registry;
use crate::replay::{LogItem, Replay};

/// The state after the events before a position.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// The position of the first event that is not in it.
    pub next: u64,
    /// The rows of all its entities, tombstones among them.
    pub rows: Vec<LoadedEntity>,
    /// Which of the tombstones an erasure has left: they explain why later events may not apply.
    pub erased: BTreeSet<EntityGuid>,
}

/// When snapshots are taken, and which of them are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotRule {
    /// A snapshot is taken after each so many events.
    pub every: NonZeroU64,
    /// So many of the newest are all kept.
    pub newest: usize,
}

impl Snapshot {
    /// Compares the snapshot with a replay of the log's items before its position. None is the answer of a true one.
    ///
    /// # Errors
    /// [`ReplayError`] where the items do not apply.
    pub fn verify<'a>(
        self,
        registry: &Registry,
        items: impl IntoIterator<Item = LogItem<'a>>,
    ) -> Result<Vec<Difference>, ReplayError> {
        let mut replay = Replay::new(registry);
        items.into_iter().try_for_each(|item| replay.step(item))?;
        Ok(compare(self.rows, replay.entities()))
    }
}

impl SnapshotRule {
    /// Whether a snapshot is due after `events` events.
    #[must_use]
    pub fn is_due(&self, events: u64) -> bool {
        events > 0 && events % self.every == 0
    }

    /// Which of the snapshots that are there, by the number of events in them, are to go.
    ///
    /// Beyond the newest ones, which all stay, one stays for each doubling of the age in events: the oldest one. However
    /// long a history is, at most `newest + 64` are kept, and a state of any age is found by replaying no more events
    /// than about as many as have come since.
    #[must_use]
    pub fn thin(&self, taken: &[u64]) -> Vec<u64> {
        let mut ascending = taken.to_vec();
        ascending.sort_unstable();
        ascending.dedup();
        let Some(last) = ascending.last().copied() else { return Vec::new() };
        let old = &ascending[..ascending.len().saturating_sub(self.newest.max(1))];
        let mut gone = Vec::new();
        let mut older_age = None;
        for events in old {
            let age = (last - events).ilog2();
            if older_age == Some(age) {
                gone.push(*events);
            }
            older_age = Some(age);
        }
        gone
    }
}
