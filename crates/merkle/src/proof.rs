//! Construction of proofs: which nodes a proof needs, planned apart from fetching them, so that a store can
//! fetch them in one query, and how the fetched hashes become the proof.
//!
//! Checking a proof is not here but in `verify`, which shares no code with this file.
//!
//! A store keeps the hashes of *perfect* nodes only, since they never change. A proof may need one node
//! besides: the *ephemeral* one at the right edge of the tree, whose subtree still grows. A [`Plan`] asks for
//! the perfect nodes below it, and [`Plan::assemble`] folds them into it.
//!
//! # Range proofs
//!
//! RFC 9162 proves one leaf; a range proof proves that a page holds *exactly* the leaves `[begin, end)`, so
//! that none is missing, added or out of order. Its hashes, in this order:
//!
//! 1. the nodes of the compact range `[0, begin)`, left to right (one for each bit set in `begin`);
//! 2. the siblings to the right of the path from leaf `end - 1` to the root, bottom up, which is also left to
//!    right.
//!
//! These are the largest subtrees that have no leaf of the page, so there can be no fewer. A range proof of
//! one leaf has the hashes of its inclusion proof in another order. The first part of a proof that verified
//! is the frontier of the log at `begin`: whoever keeps that frontier can compare it.
//!
//! An empty page is defined at the end of the log only (`begin == end == size`): nothing follows. Its proof
//! is the frontier `[0, size)`. An empty page before the end would claim nothing, and is refused.
//!
//! *Soundness.* The verifier knows `begin`, the number of leaves and, from a checkpoint, `size` and the root.
//! These alone fix the shape of the tree and the place of each leaf and each hash in it; nothing in the proof
//! can move one. It computes the root from them. Suppose two different pages, or two different proofs, gave
//! the same root for the same shape: walk down from the root in both at once to a node where the hashes agree
//! and the children do not. Two inputs then have one hash: a collision. Leaves and nodes are hashed in
//! separate domains, so a node cannot stand in for a leaf either.
//!
//! # Proofs of a set of leaves
//!
//! A set proof proves several leaves, wherever they are, with one list of hashes: those of the largest
//! subtrees that have no leaf of the set, left to right. There can be no fewer. The set proof of a run of
//! leaves is its range proof; that of one leaf has the hashes of its inclusion proof in another order; that
//! of all leaves is empty.
//!
//! The positions of a set are strictly increasing. That is a part of its soundness and not a matter of taste:
//! a verifier that takes one position twice has two leaves for one place in the tree, hashes one of them, and
//! reports both as proved. With distinct positions the argument above holds word for word: they and the size
//! fix the place of each leaf and each hash, and every leaf that is claimed is hashed exactly once.

use alloc::vec::Vec;
use core::ops::Range;

use crate::{CompactRange, Hash, MAX_TREE_SIZE, NodeId, TreeHasher};

/// The perfect nodes whose hashes make a proof, and how to make it from them.
///
/// ```
/// use veritrail_merkle::{NodeId, proof};
///
/// // The last three leaves of a tree of 7 are no perfect node, so their hash is folded from two that are.
/// let plan = proof::plan_inclusion(1, 7)?;
/// let ids = [(0, 0), (1, 1), (1, 2), (0, 6)].map(|(level, index)| NodeId::new(level, index));
/// assert_eq!(plan.nodes(), ids);
/// assert_eq!(plan.proof_len(), 3);
/// # Ok::<(), proof::PlanError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    nodes: Vec<NodeId>,
    /// Which of the nodes are folded into the ephemeral node, left to right; empty if there is none.
    ephemeral: Range<usize>,
}

/// Why there is no such proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The tree size is above 2^63.
    #[error("tree size {size} is above 2^63")]
    SizeTooLarge {
        /// The size.
        size: u64,
    },
    /// The tree has no leaf at this index.
    #[error("no leaf {index} in a tree of size {size}")]
    IndexOutOfRange {
        /// The leaf's index.
        index: u64,
        /// The size of the tree.
        size: u64,
    },
    /// The old tree is larger than the new one.
    #[error("a tree of size {old} does not come before one of size {new}")]
    SizesReversed {
        /// The old size.
        old: u64,
        /// The new size.
        new: u64,
    },
    /// `begin <= end <= size` does not hold, or the range is empty before the end of the tree.
    #[error("no page [{begin}, {end}) in a tree of size {size}")]
    RangeOutOfRange {
        /// The first position of the range.
        begin: u64,
        /// The position after its last.
        end: u64,
        /// The size of the tree.
        size: u64,
    },
    /// The set has no leaves, so there is nothing to prove.
    #[error("a set of no leaves has no proof")]
    EmptySet,
    /// The positions of the set do not increase strictly.
    #[error("position {index} comes after {previous} in a set of leaves")]
    NotIncreasing {
        /// The position before it.
        previous: u64,
        /// The position that is not larger.
        index: u64,
    },
}

/// The number of hashes fetched is not the number of nodes planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the plan names {expected} nodes, but {actual} hashes were fetched")]
pub struct AssembleError {
    /// How many nodes the plan names.
    pub expected: usize,
    /// How many hashes were given.
    pub actual: usize,
}

/// Plans the inclusion proof (RFC 9162 section 2.1.3.1) of the leaf `index` in the tree of `size` leaves.
///
/// # Errors
/// [`PlanError::SizeTooLarge`] for a size above 2^63, [`PlanError::IndexOutOfRange`] unless `index < size`.
pub fn plan_inclusion(index: u64, size: u64) -> Result<Plan, PlanError> {
    check_size(size)?;
    if index >= size {
        return Err(PlanError::IndexOutOfRange { index, size });
    }
    let mut plan = Plan::empty();
    siblings(NodeId::leaf(index), size).into_iter().for_each(|sibling| plan.push(sibling));
    Ok(plan)
}

/// Plans the consistency proof (RFC 9162 section 2.1.4.1) from the tree of `old` leaves to the tree of `new`
/// leaves.
///
/// From size 0, and between equal sizes, the proof has no hashes. (The RFC defines it for `0 < old < new`
/// only.)
///
/// # Errors
/// [`PlanError::SizeTooLarge`] for a size above 2^63, [`PlanError::SizesReversed`] unless `old <= new`.
pub fn plan_consistency(old: u64, new: u64) -> Result<Plan, PlanError> {
    check_size(new)?;
    if old > new {
        return Err(PlanError::SizesReversed { old, new });
    }
    let mut plan = Plan::empty();
    if old == 0 || old == new {
        return Ok(plan);
    }
    // The last node of the old tree's frontier: everything that the old root hashes is it or a left sibling
    // on its path.
    let level = old.trailing_zeros();
    let seed = NodeId::new(level as u8, (old - 1) >> level);
    if !old.is_power_of_two() {
        // Otherwise it is the old root itself, which the verifier has.
        plan.nodes.push(seed);
    }
    siblings(seed, new).into_iter().for_each(|sibling| plan.push(sibling));
    Ok(plan)
}

/// Plans the range proof of the leaves `[begin, end)` in the tree of `size` leaves; see the [module](self)
/// for its order.
///
/// # Errors
/// [`PlanError::SizeTooLarge`] for a size above 2^63, [`PlanError::RangeOutOfRange`] unless `begin < end <=
/// size` or `begin == end == size`.
pub fn plan_range(begin: u64, end: u64, size: u64) -> Result<Plan, PlanError> {
    check_size(size)?;
    if begin > end || end > size || (begin == end && end < size) {
        return Err(PlanError::RangeOutOfRange { begin, end, size });
    }
    let mut plan = Plan { nodes: CompactRange::node_ids(0, begin), ephemeral: 0..0 };
    if begin < end {
        let path = siblings(NodeId::leaf(end - 1), size).into_iter();
        path.filter(|sibling| !matches!(sibling, Sibling::Left(_))).for_each(|sibling| plan.push(sibling));
    }
    Ok(plan)
}

/// Plans the set proof of the leaves at `indices` in the tree of `size` leaves; see the [module](self) for its
/// order.
///
/// ```
/// use veritrail_merkle::{NodeId, proof};
///
/// // The leaves 0 and 3 of a tree of 6: what is missing are the leaves 1 and 2 and the last two.
/// let plan = proof::plan_set(&[0, 3], 6)?;
/// let ids = [(0, 1), (0, 2), (1, 2)].map(|(level, index)| NodeId::new(level, index));
/// assert_eq!(plan.nodes(), ids);
/// # Ok::<(), proof::PlanError>(())
/// ```
///
/// # Errors
/// [`PlanError::SizeTooLarge`] for a size above 2^63, [`PlanError::EmptySet`] without indices,
/// [`PlanError::NotIncreasing`] unless they increase strictly, [`PlanError::IndexOutOfRange`] unless all are
/// below the size.
pub fn plan_set(indices: &[u64], size: u64) -> Result<Plan, PlanError> {
    check_size(size)?;
    let &last = indices.last().ok_or(PlanError::EmptySet)?;
    if let Some(pair) = indices.windows(2).find(|pair| pair[0] >= pair[1]) {
        return Err(PlanError::NotIncreasing { previous: pair[0], index: pair[1] });
    }
    if last >= size {
        return Err(PlanError::IndexOutOfRange { index: last, size });
    }
    let mut plan = Plan::empty();
    let mut gap = 0;
    for &index in indices {
        plan.nodes.extend(CompactRange::node_ids(gap, index));
        gap = index + 1;
    }
    let path = siblings(NodeId::leaf(last), size).into_iter();
    path.filter(|sibling| !matches!(sibling, Sibling::Left(_))).for_each(|sibling| plan.push(sibling));
    Ok(plan)
}

impl Plan {
    /// The nodes to fetch, in the order in which [`assemble`](Self::assemble) wants their hashes. All are
    /// perfect, and complete in the tree that the plan is for.
    #[must_use]
    pub fn nodes(&self) -> &[NodeId] {
        &self.nodes
    }

    /// The number of hashes of the proof: that of the nodes, less what is folded.
    #[must_use]
    pub fn proof_len(&self) -> usize {
        self.nodes.len() - self.ephemeral.len().saturating_sub(1)
    }

    /// Makes the proof from the hashes of [`nodes`](Self::nodes), in the order of the RFC (of the
    /// [module](self) for a range or a set).
    ///
    /// # Errors
    /// [`AssembleError`] if there are more or fewer hashes than nodes.
    pub fn assemble<H: TreeHasher>(
        &self,
        hasher: &H,
        fetched: Vec<Hash>,
    ) -> Result<Vec<Hash>, AssembleError> {
        if fetched.len() != self.nodes.len() {
            return Err(AssembleError { expected: self.nodes.len(), actual: fetched.len() });
        }
        let mut proof = fetched;
        let folded = proof[self.ephemeral.clone()].iter().rev().copied();
        if let Some(hash) = folded.reduce(|right, left| hasher.hash_children(&left, &right)) {
            proof.splice(self.ephemeral.clone(), [hash]);
        }
        Ok(proof)
    }

    const fn empty() -> Self {
        Self { nodes: Vec::new(), ephemeral: 0..0 }
    }

    fn push(&mut self, sibling: Sibling) {
        match sibling {
            Sibling::Left(id) | Sibling::Right(id) => self.nodes.push(id),
            Sibling::RightEdge(ids) => {
                let begin = self.nodes.len();
                self.nodes.extend(ids);
                self.ephemeral = begin..self.nodes.len();
            }
        }
    }
}

/// What hangs beside one node of a path.
enum Sibling {
    /// A subtree to the left; always perfect.
    Left(NodeId),
    /// A perfect subtree to the right.
    Right(NodeId),
    /// The subtree at the right edge of the tree that is not perfect, as the compact range that covers it. A
    /// path meets it at most once: above it, everything is to the left.
    RightEdge(Vec<NodeId>),
}

/// The siblings of the path from `node` to the root of the tree of `size` leaves, bottom up. The node must be
/// complete in that tree, whose size is at most 2^63, so that no position here is above 2^63.
fn siblings(node: NodeId, size: u64) -> Vec<Sibling> {
    let mut siblings = Vec::new();
    let mut node = node;
    while node.index > 0 || 1 << node.level < size {
        let beside = node.sibling();
        let begin = beside.index << beside.level;
        if node.index % 2 == 1 {
            siblings.push(Sibling::Left(beside));
        } else if begin < size {
            let is_perfect = size - begin >= 1 << beside.level;
            siblings.push(if is_perfect {
                Sibling::Right(beside)
            } else {
                Sibling::RightEdge(CompactRange::node_ids(begin, size))
            });
        }
        // Otherwise nothing hangs to the right, and the node is promoted to this level as it is.
        node = node.parent();
    }
    siblings
}

fn check_size(size: u64) -> Result<(), PlanError> {
    if size > MAX_TREE_SIZE { Err(PlanError::SizeTooLarge { size }) } else { Ok(()) }
}
