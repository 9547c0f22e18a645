//! Plans an append: pure functions from the tree's head and the new events to the rows to write.

use veritrail_core::{
    Envelope, EventHead, FormSubmission, Hash, LeafParts, Position, Salts, StoredEvent, Subject, Timestamp,
    TreeHead, leaf_hash,
};
use veritrail_merkle::{NodeId, Sha256Hasher};

use crate::merkle_tiles::{TILE_HEIGHT, TILE_WIDTH};

/// Least distance of two stamps.
const STAMP_STEP_MICROS: i64 = 1;

/// An event that is hashed as far as it can be before its stamp is known: what is done before the lock.
pub(crate) struct HashedEvent {
    pub(crate) event: FormSubmission,
    pub(crate) salts: Salts,
    pub(crate) parts: LeafParts,
}

impl HashedEvent {
    pub(crate) fn new(event: FormSubmission, salts: Salts) -> Self {
        let parts = LeafParts::of(&event, &salts);
        Self { event, salts, parts }
    }
}

/// A full tile that an append completes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TilePlan {
    pub(crate) level: u8,
    pub(crate) index: u64,
    pub(crate) root: Hash,
    pub(crate) hashes: Vec<Hash>,
}

/// What an append makes of the tree.
#[derive(Debug)]
pub(crate) struct TreePlan {
    pub(crate) head: TreeHead,
    pub(crate) tiles: Vec<TilePlan>,
}

/// Hashes of one tile level that are stored already and stand in a tile that the append completes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EarlierHashes {
    /// Tile level: 0 are leaves.
    pub(crate) level: u8,
    /// Index of the first hash within its level.
    pub(crate) begin: u64,
    /// Index after the last one.
    pub(crate) end: u64,
}

/// Gives each event its position, stamp and leaf.
///
/// A stamp is the server's clock or one microsecond after its predecessor, whichever is later, so that stamps
/// strictly increase and never run far ahead of the clock.
pub(crate) fn stamp_events(
    events: Vec<HashedEvent>,
    log_id: uuid::Uuid,
    head: &TreeHead,
    clock: Timestamp,
    base_stamp: Option<Timestamp>,
    submitted_by: &Subject,
) -> Vec<StoredEvent> {
    let mut previous = head.recorded_at.max(base_stamp);
    let mut stamped = Vec::with_capacity(events.len());
    for (position, hashed) in (head.size().0..).zip(events) {
        let recorded_at = next_stamp(clock, previous);
        let envelope = Envelope {
            log_id,
            event: EventHead::of(&hashed.event),
            parts: hashed.parts,
            submitted_by,
            recorded_at,
        };
        let leaf_hash = leaf_hash(&Sha256Hasher, &envelope.commitment(&hashed.salts));
        stamped.push(StoredEvent {
            position: Position(position),
            event: hashed.event,
            salts: hashed.salts,
            parts: hashed.parts,
            submitted_by: submitted_by.clone(),
            recorded_at,
            leaf_hash,
        });
        previous = Some(recorded_at);
    }
    stamped
}

/// The server's clock, or one microsecond after the stamp before it, whichever is later.
pub(crate) fn next_stamp(clock: Timestamp, previous: Option<Timestamp>) -> Timestamp {
    let Some(previous) = previous else { return clock };
    let after = Timestamp::from_unix_micros(previous.unix_micros() + STAMP_STEP_MICROS);
    // The last microsecond of the year 9999 has no successor; a clock that shows it is wrong anyway, and the
    // unique key on stamps refuses the second event that would get it.
    after.map_or(previous, |after| clock.max(after))
}

/// Which stored hashes an append of `count` leaves to a tree of `size` needs, by tile level from 0.
pub(crate) fn plan_earlier(size: u64, count: u64) -> Vec<EarlierHashes> {
    let mut needed = Vec::new();
    let after = size.saturating_add(count);
    for level in 0..TILE_HEIGHT {
        let shift = u32::from(level) * u32::from(TILE_HEIGHT);
        let (end, width_after) = (size >> shift, after >> shift);
        let begin = end - end % TILE_WIDTH;
        if width_after < begin + TILE_WIDTH {
            break;
        }
        if begin < end {
            needed.push(EarlierHashes { level, begin, end });
        }
    }
    needed
}

/// Extends the tree by leaves; `earlier` holds the hashes that [`plan_earlier`] asked for, in its order.
pub(crate) fn extend_tree(
    head: &TreeHead,
    leaves: &[Hash],
    recorded_at: Option<Timestamp>,
    earlier: &[(EarlierHashes, Vec<Hash>)],
) -> TreePlan {
    let mut frontier = head.frontier.clone();
    let mut tiles = Vec::new();
    // The hashes of the last tile of each tile level, as far as they are known.
    let mut open: Vec<Vec<Hash>> = vec![Vec::new(); usize::from(TILE_HEIGHT)];
    for (range, hashes) in earlier {
        open[usize::from(range.level)].clone_from(hashes);
    }
    for leaf in leaves {
        frontier.append(&Sha256Hasher, *leaf, |node, hash| {
            note_node(node, hash, &mut open, &mut tiles);
        });
    }
    let root = frontier.root(&Sha256Hasher).expect("a frontier begins at 0");
    TreePlan { head: TreeHead { frontier, root, recorded_at: recorded_at.or(head.recorded_at) }, tiles }
}

/// Collects the hashes of a tile level; a node above a full tile closes that tile.
fn note_node(node: NodeId, hash: Hash, open: &mut [Vec<Hash>], tiles: &mut Vec<TilePlan>) {
    if !node.level.is_multiple_of(TILE_HEIGHT) {
        return;
    }
    let level = node.level / TILE_HEIGHT;
    if level > 0 {
        let below = usize::from(level - 1);
        let hashes = std::mem::take(&mut open[below]);
        tiles.push(TilePlan { level: level - 1, index: node.index, root: hash, hashes });
    }
    if let Some(hashes) = open.get_mut(usize::from(level)) {
        if node.index.is_multiple_of(TILE_WIDTH) {
            hashes.clear();
        }
        hashes.push(hash);
    }
}

#[cfg(test)]
mod tests {
    use veritrail_merkle::{TreeHasher, root_of_leaves};

    use super::*;

    fn leaf(index: u64) -> Hash {
        Sha256Hasher.hash_leaf(&index.to_be_bytes())
    }

    /// Appends in batches, keeping what a store would keep.
    fn build(batches: &[u64]) -> (TreeHead, Vec<TilePlan>) {
        let mut head = TreeHead::empty(&Sha256Hasher);
        let mut stored: Vec<TilePlan> = Vec::new();
        for count in batches {
            let size = head.size().0;
            let earlier: Vec<_> = plan_earlier(size, *count)
                .into_iter()
                .map(|range| {
                    let hash = |index| match range.level {
                        0 => leaf(index),
                        level => {
                            let of = |tile: &&TilePlan| tile.level == level - 1 && tile.index == index;
                            stored.iter().find(of).unwrap().root
                        }
                    };
                    (range, (range.begin..range.end).map(hash).collect())
                })
                .collect();
            let leaves: Vec<Hash> = (size..size + count).map(leaf).collect();
            let plan = extend_tree(&head, &leaves, None, &earlier);
            head = plan.head;
            stored.extend(plan.tiles);
        }
        (head, stored)
    }

    #[test]
    fn tiles_and_root_do_not_depend_on_how_leaves_were_batched() {
        let (whole, tiles) = build(&[70_000]);
        let leaves: Vec<Hash> = (0..70_000).map(leaf).collect();
        assert_eq!(whole.root, root_of_leaves(&Sha256Hasher, &leaves));
        let (parted, mut parted_tiles) = build(&[1, 254, 1, 1, 511, 1_000, 63_768, 4_464]);
        assert_eq!(parted.root, whole.root);
        assert_eq!(parted.frontier, whole.frontier);
        let order = |tile: &TilePlan| (tile.level, tile.index);
        let mut tiles = tiles;
        tiles.sort_by_key(order);
        parted_tiles.sort_by_key(order);
        assert_eq!(parted_tiles, tiles);
        assert_eq!(tiles.len(), 273 + 1, "273 tiles of leaves and one above the first 256 of them");
        assert!(tiles.iter().all(|tile| tile.hashes.len() == 256));
    }

    #[test]
    fn only_a_tile_that_is_completed_asks_for_stored_hashes() {
        assert_eq!(plan_earlier(0, 1_000), []);
        assert_eq!(plan_earlier(10, 100), []);
        assert_eq!(plan_earlier(10, 246), [EarlierHashes { level: 0, begin: 0, end: 10 }]);
        assert_eq!(plan_earlier(256, 300), []);
        let both = [
            EarlierHashes { level: 0, begin: 65_280, end: 65_535 },
            EarlierHashes { level: 1, begin: 0, end: 255 },
        ];
        assert_eq!(plan_earlier(65_535, 1), both);
    }

    #[test]
    fn stamps_strictly_increase_and_follow_the_clock() {
        let stamp = |micros| Timestamp::from_unix_micros(micros).unwrap();
        assert_eq!(next_stamp(stamp(10), None), stamp(10));
        assert_eq!(next_stamp(stamp(10), Some(stamp(5))), stamp(10));
        assert_eq!(next_stamp(stamp(10), Some(stamp(10))), stamp(11));
        assert_eq!(next_stamp(stamp(10), Some(stamp(50))), stamp(51));
    }
}
