//! Building on several threads (feature `rayon`): from leaf hashes or from entries, a whole tree or what a compact
//! range still lacks.
//!
//! Every function gives what its namesake on one thread gives, [`crate::root_of_leaves`] or
//! [`CompactRange::append_leaves`] and so on: the same root, and the same calls of `visit` in the same order, from the
//! caller's thread. The work is done in the current rayon pool; `ThreadPool::install` chooses another.
//!
//! Not here: how a block of leaves is hashed, which is in `range`.
//!
//! ```
//! use veritrail_merkle::{CompactRange, Hash, Sha256Hasher, TreeHasher, parallel, root_of_leaves};
//!
//! let leaves: Vec<Hash> = (0..5_000_u32).map(|i| Sha256Hasher.hash_leaf(&i.to_be_bytes())).collect();
//! let root = parallel::root_of_leaves(&Sha256Hasher, &leaves);
//! assert_eq!(root, root_of_leaves(&Sha256Hasher, &leaves));
//!
//! // A log that has the first 1,000 leaves already.
//! let mut range = CompactRange::empty(0);
//! range.append_leaves(&Sha256Hasher, &leaves[..1_000], |_, _| ());
//! let mut new_nodes = 0;
//! parallel::append_leaves(&mut range, &Sha256Hasher, &leaves[1_000..], |_, _| new_nodes += 1);
//! assert_eq!(range.root(&Sha256Hasher), Some(root));
//! assert!(new_nodes > 4_000);
//! ```

use alloc::vec::Vec;
use core::ops::Range;

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use crate::range::bulk::{Inner, blocks};
use crate::{CompactRange, Hash, NodeId, TreeHasher};

/// How many blocks are hashed before their nodes are shown: a bound on the memory (4 MiB for leaf hashes, 8 MiB for
/// entries), large enough that threads seldom wait for the last block.
const BLOCKS_IN_FLIGHT: usize = 128;

/// The root of the tree that has exactly these leaves.
#[must_use]
pub fn root_of_leaves<H: TreeHasher + Sync>(hasher: &H, leaf_hashes: &[Hash]) -> Hash {
    let mut range = CompactRange::empty(0);
    append_leaves(&mut range, hasher, leaf_hashes, |_, _| ());
    range.root(hasher).expect("the range begins at 0")
}

/// The root of the tree that has exactly the leaves of these entries.
#[must_use]
pub fn root_of_entries<H: TreeHasher + Sync, E: AsRef<[u8]> + Sync>(hasher: &H, entries: &[E]) -> Hash {
    let mut range = CompactRange::empty(0);
    append_entries(&mut range, hasher, entries, |_, _| ());
    range.root(hasher).expect("the range begins at 0")
}

/// Appends leaves to `range`, as [`CompactRange::append_leaves`] does.
///
/// # Panics
/// If the range would end beyond [`MAX_TREE_SIZE`](crate::MAX_TREE_SIZE).
pub fn append_leaves<H: TreeHasher + Sync>(
    range: &mut CompactRange,
    hasher: &H,
    leaf_hashes: &[Hash],
    mut visit: impl FnMut(NodeId, Hash),
) {
    range.check_room(leaf_hashes.len());
    for batch in batches(range.end(), leaf_hashes.len()) {
        let hash_block = |block: &Range<usize>| {
            let mut inner = Inner::default();
            inner.fill(hasher, &leaf_hashes[block.clone()]);
            inner
        };
        let hashed: Vec<Inner> = batch.par_iter().map(hash_block).collect();
        for (block, inner) in batch.into_iter().zip(&hashed) {
            range.append_block(hasher, &leaf_hashes[block], inner, &mut visit);
        }
    }
}

/// Appends the leaves of these entries to `range`, as [`CompactRange::append_entries`] does.
///
/// # Panics
/// If the range would end beyond [`MAX_TREE_SIZE`](crate::MAX_TREE_SIZE).
pub fn append_entries<H: TreeHasher + Sync, E: AsRef<[u8]> + Sync>(
    range: &mut CompactRange,
    hasher: &H,
    entries: &[E],
    mut visit: impl FnMut(NodeId, Hash),
) {
    range.check_room(entries.len());
    for batch in batches(range.end(), entries.len()) {
        let hash_block = |block: &Range<usize>| {
            let (mut leaf_hashes, mut inner) = (Vec::with_capacity(block.len()), Inner::default());
            hasher.hash_leaves(&entries[block.clone()], &mut leaf_hashes);
            inner.fill(hasher, &leaf_hashes);
            (leaf_hashes, inner)
        };
        let hashed: Vec<(Vec<Hash>, Inner)> = batch.par_iter().map(hash_block).collect();
        for (leaf_hashes, inner) in &hashed {
            range.append_block(hasher, leaf_hashes, inner, &mut visit);
        }
    }
}

/// The blocks that so many leaves from position `begin` on fall into, in groups of at most [`BLOCKS_IN_FLIGHT`].
fn batches(begin: u64, count: usize) -> impl Iterator<Item = Vec<Range<usize>>> {
    let mut blocks = blocks(begin, count);
    core::iter::from_fn(move || {
        let batch: Vec<_> = blocks.by_ref().take(BLOCKS_IN_FLIGHT).collect();
        (!batch.is_empty()).then_some(batch)
    })
}
