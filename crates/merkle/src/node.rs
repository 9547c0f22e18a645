//! The address of a node in the tree.
//!
//! Hashes of nodes are not here: a store keeps them under this address.

use core::ops::Range;

/// A perfect node of the tree: the one at `level` (0 = leaves) that has `index` nodes of that level to its
/// left. It covers the leaves `[index * 2^level, (index + 1) * 2^level)`.
///
/// Its hash never changes once the tree has all of these leaves, so a store can write it once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    /// The height above the leaves; at most 63 in a tree of at most [`MAX_TREE_SIZE`](crate::MAX_TREE_SIZE).
    pub level: u8,
    /// The 0-based position among the nodes of this level.
    pub index: u64,
}

impl NodeId {
    /// The node at this level and index.
    #[must_use]
    pub const fn new(level: u8, index: u64) -> Self {
        Self { level, index }
    }

    /// The leaf at this position.
    #[must_use]
    pub const fn leaf(position: u64) -> Self {
        Self { level: 0, index: position }
    }

    /// The node above this one.
    #[must_use]
    pub const fn parent(self) -> Self {
        Self { level: self.level.saturating_add(1), index: self.index >> 1 }
    }

    /// The other child of this node's parent.
    #[must_use]
    pub const fn sibling(self) -> Self {
        Self { level: self.level, index: self.index ^ 1 }
    }

    /// The positions of the leaves that the node covers, or `None` if they reach beyond `u64`, where no tree
    /// has a node.
    ///
    /// ```
    /// use veritrail_merkle::NodeId;
    ///
    /// assert_eq!(NodeId::new(2, 3).leaves(), Some(12..16));
    /// assert_eq!(NodeId::new(63, 2).leaves(), None);
    /// ```
    #[must_use]
    pub fn leaves(self) -> Option<Range<u64>> {
        let width = 1_u64.checked_shl(u32::from(self.level))?;
        let begin = self.index.checked_mul(width)?;
        Some(begin..begin.checked_add(width)?)
    }
}
