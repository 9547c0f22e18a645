//! From accepted events to the rows of a log: salts and payload hashes first, then position, stamp and leaf.
//!
//! Not here: the clock and the random salts, which are arguments, and the tree, which `veritrail-merkle` extends.

use uuid::Uuid;
use veritrail_merkle::Sha256Hasher;

use crate::entry::{Envelope, EventHead, LeafParts, Salts, leaf_hash};
use crate::event::FormSubmission;
use crate::ids::Subject;
use crate::log::{Position, StoredEvent, TreeSize};
use crate::timestamp::Timestamp;

/// Least distance of two stamps of a log.
const STAMP_STEP_MICROS: i64 = 1;

/// An event that is hashed as far as it can be before its stamp is known.
#[derive(Clone, Debug)]
pub struct HashedEvent {
    /// The event.
    pub event: FormSubmission,
    /// The authenticated submitter.
    pub submitted_by: Subject,
    /// Its salts.
    pub salts: Salts,
    /// Its payloads' hashes.
    pub parts: LeafParts,
}

impl HashedEvent {
    /// Hashes the payloads of an event with these salts, which must be fresh and random.
    #[must_use]
    pub fn new(event: FormSubmission, submitted_by: Subject, salts: Salts) -> Self {
        let parts = LeafParts::of(&event, &salts);
        Self { event, submitted_by, salts, parts }
    }
}

/// Where a log stands when events are stamped.
#[derive(Clone, Copy, Debug)]
pub struct StampFrom {
    /// The log.
    pub log_id: Uuid,
    /// Its size: the position of the first event.
    pub size: TreeSize,
    /// Its newest stamp, of an earlier epoch too.
    pub previous: Option<Timestamp>,
    /// The clock.
    pub clock: Timestamp,
}

/// Gives each event its position, stamp ([`next_stamp`]) and leaf; `None` where the stamps end with the year 9999.
#[must_use]
pub fn stamp_events(events: Vec<HashedEvent>, from: StampFrom) -> Option<Vec<StoredEvent>> {
    let mut previous = from.previous;
    let mut stamped = Vec::with_capacity(events.len());
    for (position, hashed) in (from.size.0..).zip(events) {
        let recorded_at = next_stamp(from.clock, previous)?;
        let envelope = Envelope {
            log_id: from.log_id,
            event: EventHead::of(&hashed.event),
            parts: hashed.parts,
            submitted_by: &hashed.submitted_by,
            recorded_at,
        };
        let leaf_hash = leaf_hash(&Sha256Hasher, &envelope.commitment(&hashed.salts));
        stamped.push(StoredEvent {
            position: Position(position),
            event: hashed.event,
            salts: hashed.salts,
            parts: hashed.parts,
            submitted_by: hashed.submitted_by,
            recorded_at,
            leaf_hash,
        });
        previous = Some(recorded_at);
    }
    Some(stamped)
}

/// The stamp after `previous`: the clock or one microsecond later than it, whichever is later, so that stamps strictly
/// increase and never run far ahead of the clock. `None` after the last microsecond of the year 9999.
#[must_use]
pub fn next_stamp(clock: Timestamp, previous: Option<Timestamp>) -> Option<Timestamp> {
    let Some(previous) = previous else { return Some(clock) };
    let after = Timestamp::from_unix_micros(previous.unix_micros() + STAMP_STEP_MICROS).ok()?;
    Some(clock.max(after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_strictly_increase_and_follow_the_clock() {
        let stamp = |micros| Timestamp::from_unix_micros(micros).unwrap();
        assert_eq!(next_stamp(stamp(10), None), Some(stamp(10)));
        assert_eq!(next_stamp(stamp(10), Some(stamp(5))), Some(stamp(10)));
        assert_eq!(next_stamp(stamp(10), Some(stamp(10))), Some(stamp(11)));
        assert_eq!(next_stamp(stamp(10), Some(stamp(50))), Some(stamp(51)));
        let last: Timestamp = "9999-12-31T23:59:59.999999Z".parse().unwrap();
        assert_eq!(next_stamp(stamp(10), Some(last)), None);
        assert_eq!(next_stamp(last, None), Some(last));
    }
}
