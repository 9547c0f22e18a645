//! Set proofs: every subset of every tree up to 11, and the forgery that a position given twice allows.

use rs_merkle::algorithms::Sha256 as RsSha256;
use rs_merkle::{Hasher as _, MerkleTree};
use veritrail_merkle::proof::{PlanError, plan_set};
use veritrail_merkle::{
    Hash, MAX_TREE_SIZE, Sha256Hasher, VerifyError, root_of_leaves, verify_inclusion, verify_set,
};

use crate::mutation::refuse_spoilt_set;
use crate::proofs::inclusion;
use crate::ranges::range;
use crate::reference::{SmallTree, Tree, leaf_hash};

const SIZES: u64 = 11;
const MUTATED_SIZES: u64 = 8;
const PAIR_SIZES: u64 = 70;

/// Every set of positions below `size` but the empty one.
fn subsets(size: u64) -> impl Iterator<Item = Vec<u64>> {
    (1_u64..1 << size).map(move |mask| (0..size).filter(|&index| mask >> index & 1 == 1).collect())
}

#[test]
fn set_proofs_are_the_largest_subtrees_outside_of_the_set() {
    let tree = SmallTree::numbered(SIZES);
    for size in 1..=SIZES {
        for set in subsets(size) {
            let proof = set_proof(&tree, &set, size);
            assert_eq!(proof, tree.outside_set(&set, 0, size), "{set:?} of {size}");
            let leaves: Vec<_> = set.iter().map(|&index| (index, tree.leaf(index))).collect();
            let verified = verify_set(&Sha256Hasher, size, &leaves, &proof, &tree.root(size));
            assert_eq!(verified, Ok(()), "{set:?} of {size}");
        }
    }
}

#[test]
fn spoilt_set_proofs_are_refused() {
    let tree = SmallTree::numbered(MUTATED_SIZES);
    for size in 1..=MUTATED_SIZES {
        for set in subsets(size) {
            refuse_spoilt_set(&tree, &set, size, &set_proof(&tree, &set, size));
        }
    }
}

#[test]
fn spoilt_proofs_of_pairs_are_refused() {
    let tree = SmallTree::numbered(PAIR_SIZES);
    for size in [31, 32, 33, 37, 64, 65, PAIR_SIZES] {
        for first in 0..size {
            for second in (first + 1..size).step_by(3) {
                let proof = set_proof(&tree, &[first, second], size);
                refuse_spoilt_set(&tree, &[first, second], size, &proof);
            }
        }
    }
}

#[test]
fn a_set_that_is_a_page_or_one_leaf_has_their_hashes() {
    let tree = SmallTree::numbered(50);
    for begin in 0..50 {
        for end in begin + 1..=50 {
            let set: Vec<u64> = (begin..end).collect();
            assert_eq!(set_proof(&tree, &set, 50), range(&tree, begin, end, 50));
        }
        let mut one = set_proof(&tree, &[begin], 50);
        let mut path = inclusion(&tree, begin, 50);
        one.sort();
        path.sort();
        assert_eq!(one, path);
    }
}

#[test]
fn sets_that_are_none_are_refused_before_the_proof_is_read() {
    let (hash, size) = (Hash::from([0; 32]), MAX_TREE_SIZE + 1);
    assert_eq!(plan_set(&[], 9), Err(PlanError::EmptySet));
    assert_eq!(plan_set(&[3, 3], 9), Err(PlanError::NotIncreasing { previous: 3, index: 3 }));
    assert_eq!(plan_set(&[1, 4, 2], 9), Err(PlanError::NotIncreasing { previous: 4, index: 2 }));
    assert_eq!(plan_set(&[3, 9], 9), Err(PlanError::IndexOutOfRange { index: 9, size: 9 }));
    assert_eq!(plan_set(&[u64::MAX], 9), Err(PlanError::IndexOutOfRange { index: u64::MAX, size: 9 }));
    assert_eq!(plan_set(&[0], size), Err(PlanError::SizeTooLarge { size }));

    let verify = |size, set: &[u64]| {
        let leaves: Vec<_> = set.iter().map(|&index| (index, hash)).collect();
        verify_set(&Sha256Hasher, size, &leaves, &[], &hash)
    };
    assert_eq!(verify(9, &[]), Err(VerifyError::EmptySet));
    assert_eq!(verify(0, &[]), Err(VerifyError::EmptySet));
    assert_eq!(verify(9, &[3, 3]), Err(VerifyError::NotIncreasing { previous: 3, index: 3 }));
    assert_eq!(verify(9, &[1, 4, 2]), Err(VerifyError::NotIncreasing { previous: 4, index: 2 }));
    assert_eq!(verify(9, &[3, 9]), Err(VerifyError::IndexOutOfRange { index: 9, size: 9 }));
    assert_eq!(verify(0, &[0]), Err(VerifyError::IndexOutOfRange { index: 0, size: 0 }));
    assert_eq!(verify(size, &[0]), Err(VerifyError::SizeTooLarge { size }));
    assert_eq!(verify(9, &[0, 8]), Err(VerifyError::ProofLength { expected: 3, actual: 0 }));
    assert_eq!(verify(MAX_TREE_SIZE, &[0]), Err(VerifyError::ProofLength { expected: 63, actual: 0 }));
}

/// `rs_merkle` 1.5.0 pairs the known nodes of a layer by their order in a list and counts a position that
/// occurs twice once among the parents, so a leaf that is given a second time is in the list and in no hash.
#[test]
fn a_leaf_at_a_position_given_twice_is_not_proved() {
    let entries: Vec<[u8; 32]> = (0..4_u8).map(|i| RsSha256::hash(&[i])).collect();
    let theirs = MerkleTree::<RsSha256>::from_leaves(&entries);
    let root = theirs.root().expect("a tree of four leaves has a root");
    let forged = RsSha256::hash(b"was never in the log");
    let (indices, leaves) = ([0, 1, 2, 3, 3], [entries[0], entries[1], entries[2], entries[3], forged]);
    let accepted = theirs.proof(&[0, 1, 2, 3]).verify(root, &indices, &leaves, entries.len());
    assert!(accepted, "rs_merkle no longer accepts the forgery, so this test no longer shows it");

    let ours: Vec<Hash> = (0..4_u8).map(|i| leaf_hash(&[i])).collect();
    let root = root_of_leaves(&Sha256Hasher, &ours);
    let mut claimed: Vec<(u64, Hash)> = (0..4).zip(ours.iter().copied()).collect();
    assert_eq!(verify_set(&Sha256Hasher, 4, &claimed, &[], &root), Ok(()));
    let forged = leaf_hash(b"was never in the log");
    for position in 0..=claimed.len() {
        claimed.insert(position, (3, forged));
        assert!(verify_set(&Sha256Hasher, 4, &claimed, &[], &root).is_err());
        claimed.remove(position);
    }
    claimed.push((3, forged));
    let refused = verify_set(&Sha256Hasher, 4, &claimed, &[], &root);
    assert_eq!(refused, Err(VerifyError::NotIncreasing { previous: 3, index: 3 }));
    let path = [ours[2], root_of_leaves(&Sha256Hasher, &ours[..2])];
    assert!(verify_inclusion(&Sha256Hasher, 3, 4, &forged, &path, &root).is_err());
}

pub(crate) fn set_proof(tree: &impl Tree, set: &[u64], size: u64) -> Vec<Hash> {
    let plan = plan_set(set, size).expect("the positions increase and lie within the tree");
    let proof = plan.assemble(&Sha256Hasher, tree.fetch(plan.nodes())).expect("all nodes were fetched");
    assert_eq!(proof.len(), plan.proof_len());
    proof
}
