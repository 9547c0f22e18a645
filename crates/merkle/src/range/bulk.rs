//! Many leaves at once: cut into perfect blocks, which are hashed level by level, so that
//! [`TreeHasher::hash_level`] sees long runs. Works in a small buffer, whatever the number of leaves.
//!
//! Several blocks at once on several threads are not here but in `parallel`.

use alloc::vec::Vec;
use core::iter;
use core::ops::Range;

use super::CompactRange;
use crate::{Hash, NodeId, TreeHasher};

/// The height of the largest block: its 1,024 leaf hashes and what lies above them are 64 KiB, which stay in the
/// caches near to the core.
pub(crate) const BLOCK_LEVEL: u32 = 10;

impl CompactRange {
    /// Appends leaves. Gives what [`append`](Self::append) of one after the other gives, and calls `visit` with the
    /// same nodes in the same order: each leaf, and after it, bottom up, the ancestors that it completes. It is
    /// faster, because inner nodes are hashed several at once.
    ///
    /// ```
    /// use veritrail_merkle::{CompactRange, NodeId, Sha256Hasher, TreeHasher};
    ///
    /// let leaves = [b"a", b"b", b"c"].map(|entry| Sha256Hasher.hash_leaf(entry));
    /// let (mut range, mut nodes) = (CompactRange::empty(0), Vec::new());
    /// range.append_leaves(&Sha256Hasher, &leaves, |id, _hash| nodes.push(id));
    ///
    /// assert_eq!(nodes, [NodeId::leaf(0), NodeId::leaf(1), NodeId::new(1, 0), NodeId::leaf(2)]);
    /// assert_eq!(range.end(), 3);
    /// ```
    ///
    /// # Panics
    /// If the range would end beyond [`MAX_TREE_SIZE`](crate::MAX_TREE_SIZE).
    pub fn append_leaves<H: TreeHasher>(
        &mut self,
        hasher: &H,
        leaf_hashes: &[Hash],
        mut visit: impl FnMut(NodeId, Hash),
    ) {
        self.check_room(leaf_hashes.len());
        let mut inner = Inner::default();
        for block in blocks(self.end, leaf_hashes.len()) {
            let leaf_hashes = &leaf_hashes[block];
            inner.fill(hasher, leaf_hashes);
            self.append_block(hasher, leaf_hashes, &inner, &mut visit);
        }
    }

    /// Appends the leaves of these entries: [`append_leaves`](Self::append_leaves) of their leaf hashes, which are
    /// hashed several at once too.
    ///
    /// # Panics
    /// If the range would end beyond [`MAX_TREE_SIZE`](crate::MAX_TREE_SIZE).
    pub fn append_entries<H: TreeHasher, E: AsRef<[u8]>>(
        &mut self,
        hasher: &H,
        entries: &[E],
        mut visit: impl FnMut(NodeId, Hash),
    ) {
        self.check_room(entries.len());
        let (mut leaf_hashes, mut inner) = (Vec::new(), Inner::default());
        for block in blocks(self.end, entries.len()) {
            leaf_hashes.clear();
            hasher.hash_leaves(&entries[block], &mut leaf_hashes);
            inner.fill(hasher, &leaf_hashes);
            self.append_block(hasher, &leaf_hashes, &inner, &mut visit);
        }
    }

    /// Appends the block that begins where the range ends, and merges it with what is on its left.
    pub(crate) fn append_block<H: TreeHasher>(
        &mut self,
        hasher: &H,
        leaf_hashes: &[Hash],
        inner: &Inner,
        visit: &mut impl FnMut(NodeId, Hash),
    ) {
        for (offset, &leaf) in leaf_hashes.iter().enumerate() {
            let position = self.end + offset as u64;
            visit(NodeId::leaf(position), leaf);
            // The leaf completes an ancestor for each one at the end of its offset in binary.
            for level in 1..=offset.trailing_ones() {
                let hash = inner.levels[level as usize - 1][offset >> level];
                visit(NodeId::new(level as u8, position >> level), hash);
            }
        }
        self.append_root(hasher, leaf_hashes.len(), inner.root(leaf_hashes), visit);
    }

    /// Appends the node above a block of so many leaves, and shows what it completes.
    pub(crate) fn append_root<H: TreeHasher>(
        &mut self,
        hasher: &H,
        leaves: usize,
        root: Hash,
        visit: &mut impl FnMut(NodeId, Hash),
    ) {
        let level = leaves.ilog2();
        self.push_node(hasher, NodeId::new(level as u8, self.end >> level), root, visit);
        self.end += leaves as u64;
    }
}

/// The inner nodes of a block, the level above the leaves first. Kept from block to block for its memory.
#[derive(Debug, Default)]
pub(crate) struct Inner {
    levels: [Vec<Hash>; BLOCK_LEVEL as usize],
}

impl Inner {
    /// Replaces the nodes by those above these leaves, whose number is a power of two and at most that of a block.
    pub(crate) fn fill<H: TreeHasher>(&mut self, hasher: &H, leaf_hashes: &[Hash]) {
        let mut below = leaf_hashes;
        for level in &mut self.levels {
            level.clear();
            if below.len() > 1 {
                hasher.hash_level(below, level);
            }
            below = level;
        }
    }

    /// The node above all of the leaves that [`fill`](Self::fill) was given.
    pub(crate) fn root(&self, leaf_hashes: &[Hash]) -> Hash {
        let top = self.levels.iter().take_while(|level| !level.is_empty()).last();
        top.map_or(leaf_hashes[0], |top| top[0])
    }
}

/// The blocks that so many leaves from position `begin` on fall into, as offsets from `begin`: each covers a perfect
/// node, the largest that begins there, ends in time and is not above [`BLOCK_LEVEL`].
pub(crate) fn blocks(begin: u64, count: usize) -> impl Iterator<Item = Range<usize>> {
    let mut offset = 0;
    iter::from_fn(move || {
        let left = count - offset;
        let fitting = left.checked_ilog2()?;
        let aligned = (begin + offset as u64).trailing_zeros();
        let block = offset..offset + (1 << fitting.min(aligned).min(BLOCK_LEVEL));
        offset = block.end;
        Some(block)
    })
}

/// The root of the tree that has exactly these leaves (RFC 9162 section 2.1.1).
///
/// Hashes several nodes at once where the hasher can, on one thread; needs 32 KiB besides the leaf hashes.
#[must_use]
pub fn root_of_leaves<H: TreeHasher>(hasher: &H, leaf_hashes: &[Hash]) -> Hash {
    let mut range = CompactRange::empty(0);
    range.append_leaves(hasher, leaf_hashes, |_, _| ());
    range.root(hasher).expect("the range begins at 0")
}

/// The root of the tree that has exactly the leaves of these entries (RFC 9162 section 2.1.1).
///
/// ```
/// use veritrail_merkle::{Sha256Hasher, TreeHasher, root_of_entries, root_of_leaves};
///
/// let leaves = ["a", "b", "c"].map(|entry| Sha256Hasher.hash_leaf(entry.as_bytes()));
/// assert_eq!(root_of_entries(&Sha256Hasher, &["a", "b", "c"]), root_of_leaves(&Sha256Hasher, &leaves));
/// ```
#[must_use]
pub fn root_of_entries<H: TreeHasher, E: AsRef<[u8]>>(hasher: &H, entries: &[E]) -> Hash {
    let mut range = CompactRange::empty(0);
    range.append_entries(hasher, entries, |_, _| ());
    range.root(hasher).expect("the range begins at 0")
}
