//! Verification of range proofs: a page has exactly the leaves at its positions.
//!
//! How such a proof is built, the order of its hashes and why it is sound is not here but in `proof`.

use alloc::vec::Vec;

use super::{VerifyError, check_length, check_root, check_size};
use crate::{Hash, TreeHasher};

/// Checks that in the tree of `size` leaves with this root the positions `[begin, begin + leaf_hashes.len())`
/// hold exactly `leaf_hashes`: none is missing, added or out of order. The module [`proof`](crate::proof)
/// describes the order of the proof's hashes and why it is sound.
///
/// A page without leaves is accepted at the end only (`begin == size`), where its proof is the frontier of
/// the tree. That a page reaches as far as it was asked to is for the caller to check.
///
/// # Errors
/// [`VerifyError`], by what is wrong: the size, the positions, the number of hashes, or the root that they
/// lead to.
pub fn verify_range<H: TreeHasher>(
    hasher: &H,
    begin: u64,
    size: u64,
    leaf_hashes: &[Hash],
    proof: &[Hash],
    root: &Hash,
) -> Result<(), VerifyError> {
    check_size(size)?;
    let out_of_range = VerifyError::RangeOutOfRange { begin, leaves: leaf_hashes.len(), size };
    let end = u64::try_from(leaf_hashes.len()).ok().and_then(|count| begin.checked_add(count));
    let end = end.filter(|&end| end <= size).ok_or(out_of_range)?;
    if begin == end && end < size {
        return Err(out_of_range);
    }
    let left_len = begin.count_ones() as usize;
    check_length(left_len + right_siblings(end, size), proof)?;

    if begin == end {
        let fold = proof.iter().rev().copied().reduce(|right, left| hasher.hash_children(&left, &right));
        return check_root(fold.unwrap_or_else(|| hasher.empty_root()), root);
    }
    let (left, right) = proof.split_at(left_len);
    check_root(fold_page(hasher, begin, size, leaf_hashes, left, right), root)
}

/// How many subtrees hang to the right of the path from leaf `end - 1` to the root: one for every level at
/// which `end` leaves take an odd number of nodes and the tree has more.
fn right_siblings(end: u64, size: u64) -> usize {
    let (mut end, mut width, mut count) = (end, size, 0);
    while width > 1 {
        count += usize::from(end % 2 == 1 && end < width);
        (end, width) = (end.div_ceil(2), width.div_ceil(2));
    }
    count
}

/// Computes the root level by level. At each level the run of known nodes is widened to whole pairs: to the
/// left by the next smallest of the left hashes, to the right by the next of the right ones, if the tree goes
/// on there at all.
fn fold_page<H: TreeHasher>(
    hasher: &H,
    begin: u64,
    size: u64,
    leaf_hashes: &[Hash],
    left: &[Hash],
    right: &[Hash],
) -> Hash {
    let (mut left, mut right) = (left.iter().rev(), right.iter());
    let (mut begin, mut end, mut width) = (begin, begin + leaf_hashes.len() as u64, size);
    let mut nodes = Vec::with_capacity(leaf_hashes.len() + 2);
    if begin % 2 == 1 {
        nodes.extend(left.next());
    }
    nodes.extend_from_slice(leaf_hashes);
    let mut parents = Vec::with_capacity(nodes.len() / 2 + 2);
    while width > 1 {
        if end % 2 == 1 && end < width {
            nodes.extend(right.next());
        }
        (begin, end, width) = (begin / 2, end.div_ceil(2), width.div_ceil(2));
        parents.clear();
        if begin % 2 == 1 {
            parents.extend(left.next());
        }
        hasher.hash_level(&nodes, &mut parents);
        if nodes.len() % 2 == 1 {
            // The last node of a level of odd width has no sibling and is promoted.
            parents.extend(nodes.last());
        }
        core::mem::swap(&mut nodes, &mut parents);
    }
    nodes.first().copied().unwrap_or_else(|| hasher.empty_root())
}
