//! A page of a log and the check that makes a reader sure that nothing of it is missing or changed.

use uuid::Uuid;
pub use veritrail_core::store::MAX_PAGE;
use veritrail_core::{Hash, LeafParts, Position, StoredEvent, TreeHead};
use veritrail_merkle::checkpoint::Checkpoint;
use veritrail_merkle::{Sha256Hasher, VerifyError, verify_range};

use crate::cursor::Cursor;

/// Events of a page unless the reader asks for another number.
pub const DEFAULT_PAGE: u32 = 100;

/// Events in position order, and the cursor after the last of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The events.
    pub events: Vec<StoredEvent>,
    /// Where the next page begins: also on the last page, and the reader's own cursor on an empty one.
    pub cursor: Cursor,
    /// Whether the log held no more events when the page was read.
    pub is_last: bool,
}

/// Why a page is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// An event is not at the position at which it must stand.
    #[error("the event at place {place} of the page has position {found} instead of {expected}")]
    Position {
        /// 0-based place within the page.
        place: usize,
        /// Where it says it stands.
        found: Position,
        /// Where it must stand.
        expected: Position,
    },
    /// The page goes beyond the checkpoint that is to prove it.
    #[error("the page ends at position {end}, beyond the checkpoint of size {size}")]
    BeyondCheckpoint {
        /// Position after the last event.
        end: u64,
        /// The checkpoint's size.
        size: u64,
    },
    /// The reader's own memory is ahead of the checkpoint: the log was rolled back.
    #[error("the checkpoint has size {size}, but {known} events were seen before")]
    RolledBack {
        /// The checkpoint's size.
        size: u64,
        /// The reader's size.
        known: u64,
    },
    /// The events, with what the reader had before, do not fold to the checkpoint.
    #[error("the events {begin} to {end} are not those of the signed log")]
    NotOfThisLog {
        /// Position of the first event.
        begin: u64,
        /// Position after the last one.
        end: u64,
        /// The verifier's verdict.
        source: VerifyError,
    },
    /// The page does not continue what the reader has: the log was forked.
    #[error("the log before position {size} is not the one that was seen before")]
    Forked {
        /// The reader's size.
        size: u64,
    },
}

/// Checks that `events` are exactly the events that follow `known` in the log that `checkpoint` signs, and gives
/// them with the leaves and payload hashes that their contents have.
///
/// What the page itself says of leaves and hashes is not asked. `proof` is a range proof (see [`verify_range`])
/// of the page in the tree of the checkpoint; its first hashes are the tree before the page, which must be the
/// one that the reader has.
///
/// # Errors
/// [`PageError`] says what does not hold; nothing of the page is to be kept then.
pub fn check_page(
    known: &TreeHead,
    log_id: Uuid,
    mut events: Vec<StoredEvent>,
    proof: &[Hash],
    checkpoint: &Checkpoint,
) -> Result<Vec<StoredEvent>, PageError> {
    let begin = known.size().0;
    if checkpoint.size < begin {
        return Err(PageError::RolledBack { size: checkpoint.size, known: begin });
    }
    for (place, (event, position)) in events.iter().zip(begin..).enumerate() {
        if event.position.0 != position {
            return Err(PageError::Position { place, found: event.position, expected: Position(position) });
        }
    }
    let count = u64::try_from(events.len()).expect("a page has fewer than 2^64 events");
    let end = begin.saturating_add(count);
    if end > checkpoint.size {
        return Err(PageError::BeyondCheckpoint { end, size: checkpoint.size });
    }
    for event in &mut events {
        event.parts = LeafParts::of(&event.event, &event.salts);
        event.leaf_hash = event.recomputed_leaf(&Sha256Hasher, log_id);
    }
    let leaves: Vec<Hash> = events.iter().map(|event| event.leaf_hash).collect();
    verify_range(&Sha256Hasher, begin, checkpoint.size, &leaves, proof, &checkpoint.root)
        .map_err(|source| PageError::NotOfThisLog { begin, end, source })?;
    let before = known.frontier.hashes();
    if proof.get(..before.len()) != Some(before) {
        return Err(PageError::Forked { size: begin });
    }
    Ok(events)
}
