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

use rayon::iter::{
    IndexedParallelIterator as _, IntoParallelRefIterator as _, IntoParallelRefMutIterator as _,
    ParallelIterator as _,
};

use crate::range::bulk::{Inner, blocks};
use crate::{CompactRange, Hash, NodeId, TreeHasher};

/// How many blocks are hashed before their nodes are shown: a bound on the memory (2 MiB for leaf hashes, 4 MiB for
/// entries), large enough that threads seldom wait for the last block.
const BLOCKS_IN_FLIGHT: usize = 64;

/// The root of the tree that has exactly these leaves.
#[must_use]
pub fn root_of_leaves<H: TreeHasher + Sync>(hasher: &H, leaf_hashes: &[Hash]) -> Hash {
    root_of_blocks(hasher, leaf_hashes.len(), Inner::default, |inner, block| {
        let leaf_hashes = &leaf_hashes[block];
        inner.fill(hasher, leaf_hashes);
        inner.root(leaf_hashes)
    })
}

/// The root of the tree that has exactly the leaves of these entries.
#[must_use]
pub fn root_of_entries<H: TreeHasher + Sync, E: AsRef<[u8]> + Sync>(hasher: &H, entries: &[E]) -> Hash {
    root_of_blocks(hasher, entries.len(), HashedEntries::default, |hashed, block| {
        hashed.fill(hasher, &entries[block]);
        hashed.inner.root(&hashed.leaf_hashes)
    })
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
    // Kept from batch to batch: memory that is given back has to be mapped again, page by page.
    let mut hashed: Vec<Inner> = Vec::new();
    for batch in batches(range.end(), leaf_hashes.len()) {
        hashed.resize_with(batch.len(), Inner::default);
        let pairs = hashed.par_iter_mut().zip(&batch);
        pairs.for_each(|(inner, block)| inner.fill(hasher, &leaf_hashes[block.clone()]));
        for (inner, block) in hashed.iter().zip(batch) {
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
    let mut hashed: Vec<HashedEntries> = Vec::new();
    for batch in batches(range.end(), entries.len()) {
        hashed.resize_with(batch.len(), HashedEntries::default);
        let pairs = hashed.par_iter_mut().zip(&batch);
        pairs.for_each(|(hashed, block)| hashed.fill(hasher, &entries[block.clone()]));
        for HashedEntries { leaf_hashes, inner } in &hashed {
            range.append_block(hasher, leaf_hashes, inner, &mut visit);
        }
    }
}

/// The hashes of a block of entries.
#[derive(Default)]
struct HashedEntries {
    leaf_hashes: Vec<Hash>,
    inner: Inner,
}

impl HashedEntries {
    fn fill<H: TreeHasher, E: AsRef<[u8]>>(&mut self, hasher: &H, entries: &[E]) {
        self.leaf_hashes.clear();
        hasher.hash_leaves(entries, &mut self.leaf_hashes);
        self.inner.fill(hasher, &self.leaf_hashes);
    }
}

/// The root of a tree of so many leaves whose blocks have the roots that `root_of` works out. It is given memory that
/// one thread uses for block after block, so that only the roots remain.
fn root_of_blocks<H: TreeHasher + Sync, M: Send>(
    hasher: &H,
    leaves: usize,
    memory: impl Fn() -> M + Sync + Send,
    root_of: impl Fn(&mut M, Range<usize>) -> Hash + Sync + Send,
) -> Hash {
    let blocks: Vec<Range<usize>> = blocks(0, leaves).collect();
    let roots: Vec<Hash> =
        blocks.par_iter().map_init(memory, |memory, block| root_of(memory, block.clone())).collect();
    let mut range = CompactRange::empty(0);
    for (block, root) in blocks.iter().zip(roots) {
        range.append_root(hasher, block.len(), root, &mut |_, _| ());
    }
    range.root(hasher).expect("the range begins at 0")
}

/// The blocks that so many leaves from position `begin` on fall into, in groups of at most [`BLOCKS_IN_FLIGHT`].
fn batches(begin: u64, count: usize) -> impl Iterator<Item = Vec<Range<usize>>> {
    let mut blocks = blocks(begin, count);
    core::iter::from_fn(move || {
        let batch: Vec<_> = blocks.by_ref().take(BLOCKS_IN_FLIGHT).collect();
        (!batch.is_empty()).then_some(batch)
    })
}
