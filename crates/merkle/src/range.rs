//! Compact ranges: the fewest perfect nodes that cover a run of leaves, which is all that a log has to keep
//! in memory to append and to know its root.
//!
//! Many leaves at once are in `bulk`. Proofs are not here but in `proof`; checking them is not here but in `verify`, which shares no code with
//! this file.

pub(crate) mod bulk;

use alloc::vec::Vec;

use crate::{Hash, MAX_TREE_SIZE, NodeId, TreeHasher};

/// The compact range of the leaves `[begin, end)`: the hashes of the fewest perfect nodes that cover them,
/// left to right.
///
/// The one that begins at 0 is the tree's *frontier*: one hash for every bit set in the tree size, the
/// largest subtree first. At most 126 hashes however long the range.
///
/// ```
/// use veritrail_merkle::{CompactRange, Sha256Hasher, TreeHasher, root_of_leaves};
///
/// let leaves = [b"a", b"b", b"c"].map(|entry| Sha256Hasher.hash_leaf(entry));
/// let mut left = CompactRange::empty(0);
/// left.append(&Sha256Hasher, leaves[0], |_, _| ());
/// let mut right = CompactRange::empty(1);
/// right.append(&Sha256Hasher, leaves[1], |_, _| ());
/// right.append(&Sha256Hasher, leaves[2], |_, _| ());
///
/// left.append_range(&Sha256Hasher, &right, |_, _| ())?;
/// assert_eq!(left.root(&Sha256Hasher), Some(root_of_leaves(&Sha256Hasher, &leaves)));
/// # Ok::<(), veritrail_merkle::RangeError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompactRange {
    begin: u64,
    end: u64,
    hashes: Vec<Hash>,
}

/// Why some parts are not a compact range, or two ranges cannot be joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RangeError {
    /// `begin <= end <= 2^63` does not hold.
    #[error("[{begin}, {end}) is no range of leaves in a tree of at most 2^63")]
    Bounds {
        /// Where the range would begin.
        begin: u64,
        /// Where it would end.
        end: u64,
    },
    /// The number of hashes is not that of the nodes of `[begin, end)`.
    #[error("the compact range [{begin}, {end}) has {expected} hashes, not {actual}")]
    HashCount {
        /// Where the range begins.
        begin: u64,
        /// Where it ends.
        end: u64,
        /// How many nodes cover it.
        expected: usize,
        /// How many hashes were given.
        actual: usize,
    },
    /// The second range does not begin where the first ends.
    #[error("a range that begins at {begin} cannot be appended to one that ends at {end}")]
    NotAdjacent {
        /// Where the first range ends.
        end: u64,
        /// Where the second begins.
        begin: u64,
    },
}

impl CompactRange {
    /// The range `[begin, begin)`, which has no leaves yet. One that begins at [`MAX_TREE_SIZE`] or beyond takes none.
    #[must_use]
    pub const fn empty(begin: u64) -> Self {
        Self { begin, end: begin, hashes: Vec::new() }
    }

    /// The range `[begin, end)` with these node hashes, left to right, as [`node_ids`](Self::node_ids) orders
    /// them. That the hashes are the right ones is not checked: compare [`root`](Self::root) with a root that
    /// you trust.
    ///
    /// # Errors
    /// [`RangeError::Bounds`] unless `begin <= end <= 2^63`, [`RangeError::HashCount`] if `[begin, end)` has
    /// more or fewer nodes than `hashes`.
    pub fn from_parts(begin: u64, end: u64, hashes: Vec<Hash>) -> Result<Self, RangeError> {
        if begin > end || end > MAX_TREE_SIZE {
            return Err(RangeError::Bounds { begin, end });
        }
        let expected = Self::node_ids(begin, end).len();
        if hashes.len() != expected {
            return Err(RangeError::HashCount { begin, end, expected, actual: hashes.len() });
        }
        Ok(Self { begin, end, hashes })
    }

    /// The position of the first leaf.
    #[must_use]
    pub const fn begin(&self) -> u64 {
        self.begin
    }

    /// The position after the last leaf; the tree size, if the range begins at 0.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.end
    }

    /// The hashes of the nodes, left to right.
    #[must_use]
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// The nodes of the compact range `[begin, end)`, left to right; none if `begin >= end`.
    ///
    /// ```
    /// use veritrail_merkle::{CompactRange, NodeId};
    ///
    /// assert_eq!(
    ///     CompactRange::node_ids(3, 9),
    ///     [NodeId::new(0, 3), NodeId::new(2, 1), NodeId::new(0, 8)],
    /// );
    /// ```
    #[must_use]
    pub fn node_ids(begin: u64, end: u64) -> Vec<NodeId> {
        let mut ids = Vec::new();
        let mut position = begin;
        while position < end {
            // The largest node that begins here: aligned to its own width, and no longer than what is left.
            let level = position.trailing_zeros().min((end - position).ilog2());
            ids.push(NodeId::new(level as u8, position >> level));
            position += 1 << level;
        }
        ids
    }

    /// Appends one leaf. `visit` is called for each perfect node that becomes complete, bottom up: the leaf
    /// itself first, then those of its ancestors that lie in the range and that it fills. Amortised one inner
    /// node a leaf, however long the range. For many leaves at once see [`append_leaves`](Self::append_leaves).
    ///
    /// # Panics
    /// If the range already ends at [`MAX_TREE_SIZE`], which no log reaches by appending.
    pub fn append<H: TreeHasher>(&mut self, hasher: &H, leaf: Hash, mut visit: impl FnMut(NodeId, Hash)) {
        self.check_room(1);
        let id = NodeId::leaf(self.end);
        visit(id, leaf);
        self.push_node(hasher, id, leaf, &mut visit);
        self.end += 1;
    }

    /// Appends the range that begins where this one ends. `visit` is called for each perfect node that
    /// becomes complete by joining the two; the nodes within `other` were complete before.
    ///
    /// # Errors
    /// [`RangeError::NotAdjacent`] if `other` begins elsewhere; this range is then unchanged.
    pub fn append_range<H: TreeHasher>(
        &mut self,
        hasher: &H,
        other: &Self,
        mut visit: impl FnMut(NodeId, Hash),
    ) -> Result<(), RangeError> {
        if other.begin != self.end {
            return Err(RangeError::NotAdjacent { end: self.end, begin: other.begin });
        }
        for (id, &hash) in Self::node_ids(other.begin, other.end).into_iter().zip(&other.hashes) {
            self.push_node(hasher, id, hash, &mut visit);
        }
        self.end = other.end;
        Ok(())
    }

    /// The root of the tree of `end` leaves (RFC 9162 section 2.1.1), or `None` if the range does not begin
    /// at 0. Hashes one node less than there are bits set in `end`, at most 62: each of these nodes covers the
    /// last leaf, so none could have been kept from before that leaf.
    #[must_use]
    pub fn root<H: TreeHasher>(&self, hasher: &H) -> Option<Hash> {
        if self.begin != 0 {
            return None;
        }
        let fold =
            self.hashes.iter().rev().copied().reduce(|right, left| hasher.hash_children(&left, &right));
        Some(fold.unwrap_or_else(|| hasher.empty_root()))
    }

    /// # Panics
    /// If the range has no room for so many leaves.
    pub(crate) fn check_room(&self, leaves: usize) {
        // A range that begins beyond the largest tree can be empty, and has no room.
        let room = MAX_TREE_SIZE.saturating_sub(self.end);
        assert!(u64::try_from(leaves).is_ok_and(|leaves| leaves <= room), "a tree has at most 2^63 leaves");
    }

    /// Puts a node at the right end and merges it with its left sibling for as long as the range has that
    /// sibling.
    fn push_node<H: TreeHasher>(
        &mut self,
        hasher: &H,
        mut id: NodeId,
        mut hash: Hash,
        visit: &mut impl FnMut(NodeId, Hash),
    ) {
        while id.index % 2 == 1 && (id.index - 1) << id.level >= self.begin {
            let left = self.hashes.pop().expect("a compact range that covers a left sibling ends with it");
            hash = hasher.hash_children(&left, &hash);
            id = id.parent();
            visit(id, hash);
        }
        self.hashes.push(hash);
    }
}
