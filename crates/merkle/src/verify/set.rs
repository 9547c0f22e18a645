//! Verification of set proofs: several leaves are at their positions.
//!
//! How such a proof is built, the order of its hashes and why it is sound is not here but in `proof`.

use super::{VerifyError, check_length, check_root, check_size};
use crate::{Hash, TreeHasher};

/// Checks that the tree of `size` leaves with this root has each of `leaves` (position and leaf hash) at its
/// position. The module [`proof`](crate::proof) describes the order of the proof's hashes and why it is sound.
///
/// The positions must increase strictly: a position given twice would let any second leaf pass for proved.
///
/// ```
/// use veritrail_merkle::{Hash, Sha256Hasher, TreeHasher, VerifyError, proof, root_of_leaves, verify_set};
///
/// let leaves: Vec<Hash> = (0..4_u8).map(|i| Sha256Hasher.hash_leaf(&[i])).collect();
/// let root = root_of_leaves(&Sha256Hasher, &leaves);
/// let plan = proof::plan_set(&[0, 3], 4)?;
/// let fetched = plan.nodes().iter().map(|id| leaves[id.index as usize]).collect(); // both are leaves
/// let proof = plan.assemble(&Sha256Hasher, fetched)?;
///
/// verify_set(&Sha256Hasher, 4, &[(0, leaves[0]), (3, leaves[3])], &proof, &root)?;
/// let forged = verify_set(&Sha256Hasher, 4, &[(0, leaves[0]), (3, leaves[3]), (3, leaves[1])], &proof, &root);
/// assert_eq!(forged, Err(VerifyError::NotIncreasing { previous: 3, index: 3 }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`VerifyError`], by what is wrong: the size, the positions, the number of hashes, or the root that they
/// lead to.
pub fn verify_set<H: TreeHasher>(
    hasher: &H,
    size: u64,
    leaves: &[(u64, Hash)],
    proof: &[Hash],
    root: &Hash,
) -> Result<(), VerifyError> {
    check_size(size)?;
    let &(last, _) = leaves.last().ok_or(VerifyError::EmptySet)?;
    if let Some(pair) = leaves.windows(2).find(|pair| pair[0].0 >= pair[1].0) {
        return Err(VerifyError::NotIncreasing { previous: pair[0].0, index: pair[1].0 });
    }
    if last >= size {
        return Err(VerifyError::IndexOutOfRange { index: last, size });
    }
    check_length(subtrees_outside(0, size, leaves), proof)?;
    let mut proof = proof.iter();
    check_root(fold(hasher, 0, size, leaves, &mut proof), root)
}

/// How many of the largest subtrees of the leaves `[begin, end)` have none of the set's; `leaves` are those of
/// the set that lie in it.
fn subtrees_outside(begin: u64, end: u64, leaves: &[(u64, Hash)]) -> usize {
    // A run that is all in the set needs nothing. That keeps a dense set from being walked leaf by leaf.
    let width = end - begin;
    match leaves {
        [] => 1,
        _ if leaves.len() as u64 == width => 0,
        _ => {
            let middle = begin + left_width(width);
            let (left, right) = leaves.split_at(leaves.partition_point(|&(index, _)| index < middle));
            subtrees_outside(begin, middle, left) + subtrees_outside(middle, end, right)
        }
    }
}

/// The hash of the leaves `[begin, end)`, by the recursion of RFC 9162 section 2.1.1: a subtree that has none
/// of the set's leaves is the next hash of the proof. It goes at most 63 levels deep.
fn fold<H: TreeHasher>(
    hasher: &H,
    begin: u64,
    end: u64,
    leaves: &[(u64, Hash)],
    proof: &mut core::slice::Iter<'_, Hash>,
) -> Hash {
    match leaves {
        [] => proof.next().copied().unwrap_or_else(|| hasher.empty_root()),
        &[(_, leaf)] if end - begin == 1 => leaf,
        _ => {
            let middle = begin + left_width(end - begin);
            let (left, right) = leaves.split_at(leaves.partition_point(|&(index, _)| index < middle));
            let left = fold(hasher, begin, middle, left, proof);
            hasher.hash_children(&left, &fold(hasher, middle, end, right, proof))
        }
    }
}

/// How many of `width` leaves are in the left subtree: the largest power of two smaller than `width`, which is
/// above 1.
fn left_width(width: u64) -> u64 {
    1 << (width - 1).ilog2()
}
