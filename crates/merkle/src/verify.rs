//! Verification of inclusion, consistency, range and set proofs.
//!
//! Construction is not here but in `proof`. The two share no code but the hasher, so that a mistake in one
//! cannot hide in the other. Every function works out from positions and sizes alone how many hashes the
//! proof must have, and refuses any other number before it hashes anything; none panics, whatever it is
//! given; none hashes more than 126 nodes, and for a page one more for each leaf (for a set, 63 for each leaf).
//!
//! The tree size is an argument and not a part of the proof: it must come from the same checkpoint as the
//! root. A proof does not bind the size by itself; trees of different sizes can have paths of the same shape.

mod range;
mod set;

use crate::{Hash, MAX_TREE_SIZE, TreeHasher};

pub use range::verify_range;
pub use set::verify_set;

/// Why a proof does not prove its statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
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
    /// The page reaches beyond the tree, or is empty before its end.
    #[error("no page of {leaves} leaves at {begin} in a tree of size {size}")]
    RangeOutOfRange {
        /// The first position of the page.
        begin: u64,
        /// How many leaves it has.
        leaves: usize,
        /// The size of the tree.
        size: u64,
    },
    /// The set has no leaves, so that it would prove nothing.
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
    /// The proof has more or fewer hashes than a proof of such a statement has.
    #[error("the proof has {actual} hashes instead of {expected}")]
    ProofLength {
        /// How many hashes it must have.
        expected: usize,
        /// How many it has.
        actual: usize,
    },
    /// The proof leads to another root of the old tree (consistency proofs only).
    #[error("the proof leads to the old root {computed} instead of {expected}")]
    OldRootMismatch {
        /// The root that was given.
        expected: Hash,
        /// The root that the proof leads to.
        computed: Hash,
    },
    /// The proof leads to another root.
    #[error("the proof leads to the root {computed} instead of {expected}")]
    RootMismatch {
        /// The root that was given.
        expected: Hash,
        /// The root that the proof leads to.
        computed: Hash,
    },
}

/// Checks that the tree of `size` leaves with this root has `leaf_hash` at position `index` (RFC 9162 section
/// 2.1.3.2).
///
/// # Errors
/// [`VerifyError`], by what is wrong: the size, the index, the number of hashes, or the root that they lead
/// to.
pub fn verify_inclusion<H: TreeHasher>(
    hasher: &H,
    index: u64,
    size: u64,
    leaf_hash: &Hash,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), VerifyError> {
    check_size(size)?;
    if index >= size {
        return Err(VerifyError::IndexOutOfRange { index, size });
    }
    let shape = PathShape::of(index, size);
    let (inner, border) = shape.split(proof)?;
    let computed = fold_left(hasher, fold_inner(hasher, *leaf_hash, inner, index), border);
    check_root(computed, root)
}

/// Checks that the tree of `new_size` leaves with `new_root` begins with all the leaves, in order, of the
/// tree of `old_size` leaves with `old_root` (RFC 9162 section 2.1.4.2).
///
/// Between equal sizes the roots must be equal and the proof empty. Every tree begins with the empty one:
/// from size 0 the old root must be that of the empty tree and the proof empty, and nothing is said about the
/// new root.
///
/// # Errors
/// [`VerifyError`], by what is wrong: the sizes, the number of hashes, or one of the roots that they lead to.
pub fn verify_consistency<H: TreeHasher>(
    hasher: &H,
    old_size: u64,
    new_size: u64,
    old_root: &Hash,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), VerifyError> {
    check_size(new_size)?;
    if old_size > new_size {
        return Err(VerifyError::SizesReversed { old: old_size, new: new_size });
    }
    if old_size == 0 {
        check_length(0, proof)?;
        check_old_root(hasher.empty_root(), old_root)?;
        // A tree of size 0 has one root only; of any other size, nothing can be said from here.
        return if new_size == 0 { check_root(*old_root, new_root) } else { Ok(()) };
    }
    if old_size == new_size {
        check_length(0, proof)?;
        return check_root(*old_root, new_root);
    }

    // The path from the last perfect subtree of the old tree, `level` levels up, to the root of the new tree.
    // It has at least one level to go: the two trees differ above it, since the new one has leaves to its
    // right.
    let level = old_size.trailing_zeros();
    let (index, levels_above) = ((old_size - 1) >> level, ((new_size - 1) >> level) + 1);
    let shape = PathShape::of(index, levels_above);
    // That subtree is the old root itself if it is the whole old tree; else the proof begins with it.
    let (seed, path) = match proof.split_first() {
        _ if old_size.is_power_of_two() => (*old_root, proof),
        Some((first, rest)) => (*first, rest),
        None => return Err(VerifyError::ProofLength { expected: shape.len() + 1, actual: 0 }),
    };
    let seeds = proof.len() - path.len();
    let Ok((inner, border)) = shape.split(path) else {
        return Err(VerifyError::ProofLength { expected: shape.len() + seeds, actual: proof.len() });
    };
    // The old tree has what is to the left of the path, the new tree also what is to the right.
    let old = fold_left(hasher, fold_inner_left(hasher, seed, inner, index), border);
    check_old_root(old, old_root)?;
    let new = fold_left(hasher, fold_inner(hasher, seed, inner, index), border);
    check_root(new, new_root)
}

/// The number of hashes on the path from a leaf to the root, in two parts: the levels up to where the path
/// meets the tree's right edge (a sibling at each), and above that the levels at which a subtree hangs to the
/// left.
struct PathShape {
    inner: usize,
    border: usize,
}

impl PathShape {
    /// The path of leaf `index` in a tree of `size` leaves, with `index < size <= 2^63`.
    fn of(index: u64, size: u64) -> Self {
        // The paths of this leaf and of the last one part at the highest bit in which they differ.
        let inner = u64::BITS - (index ^ (size - 1)).leading_zeros();
        Self { inner: inner as usize, border: (index >> inner).count_ones() as usize }
    }

    const fn len(&self) -> usize {
        self.inner + self.border
    }

    fn split<'a>(&self, proof: &'a [Hash]) -> Result<(&'a [Hash], &'a [Hash]), VerifyError> {
        check_length(self.len(), proof)?;
        Ok(proof.split_at(self.inner))
    }
}

/// Climbs through one sibling a level; the bits of `index` tell on which side each is.
fn fold_inner<H: TreeHasher>(hasher: &H, seed: Hash, siblings: &[Hash], index: u64) -> Hash {
    siblings.iter().enumerate().fold(seed, |node, (level, sibling)| {
        if index >> level & 1 == 0 {
            hasher.hash_children(&node, sibling)
        } else {
            hasher.hash_children(sibling, &node)
        }
    })
}

/// The same, through the siblings on the left only: those of the tree that ends with the seed.
fn fold_inner_left<H: TreeHasher>(hasher: &H, seed: Hash, siblings: &[Hash], index: u64) -> Hash {
    let on_the_left = siblings.iter().enumerate().filter(|(level, _)| index >> level & 1 == 1);
    on_the_left.fold(seed, |node, (_, sibling)| hasher.hash_children(sibling, &node))
}

/// Climbs along the right edge, where every sibling is on the left.
fn fold_left<H: TreeHasher>(hasher: &H, seed: Hash, siblings: &[Hash]) -> Hash {
    siblings.iter().fold(seed, |node, sibling| hasher.hash_children(sibling, &node))
}

fn check_size(size: u64) -> Result<(), VerifyError> {
    if size > MAX_TREE_SIZE { Err(VerifyError::SizeTooLarge { size }) } else { Ok(()) }
}

fn check_length(expected: usize, proof: &[Hash]) -> Result<(), VerifyError> {
    let actual = proof.len();
    if actual == expected { Ok(()) } else { Err(VerifyError::ProofLength { expected, actual }) }
}

fn check_old_root(computed: Hash, expected: &Hash) -> Result<(), VerifyError> {
    if computed == *expected {
        Ok(())
    } else {
        Err(VerifyError::OldRootMismatch { expected: *expected, computed })
    }
}

fn check_root(computed: Hash, expected: &Hash) -> Result<(), VerifyError> {
    if computed == *expected {
        Ok(())
    } else {
        Err(VerifyError::RootMismatch { expected: *expected, computed })
    }
}
