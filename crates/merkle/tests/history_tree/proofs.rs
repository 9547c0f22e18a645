//! Construction, inclusion and consistency for every pair of sizes up to 300, and what is refused.

use std::collections::BTreeMap;

use veritrail_merkle::proof::{AssembleError, PlanError, plan_consistency, plan_inclusion};
use veritrail_merkle::{
    CompactRange, Hash, MAX_TREE_SIZE, NodeId, RangeError, Sha256Hasher, TreeHasher as _, VerifyError,
    root_of_leaves, verify_consistency, verify_inclusion,
};

use crate::mutation::{refuse_spoilt_consistency, refuse_spoilt_inclusion};
use crate::reference::{SmallTree, Tree};

const SIZES: u64 = 300;
const MUTATED_SIZES: u64 = 70;

#[test]
fn roots_are_those_of_the_recursion() {
    let tree = SmallTree::numbered(SIZES);
    let mut range = CompactRange::empty(0);
    for size in 0..SIZES {
        assert_eq!(root_of_leaves(&Sha256Hasher, &tree.leaves(0, size)), tree.root(size));
        assert_eq!(range.root(&Sha256Hasher), Some(tree.root(size)));
        assert_eq!(range.hashes(), tree.fetch(&CompactRange::node_ids(0, size)));
        range.append(&Sha256Hasher, tree.leaf(size), |_, _| ());
    }
}

#[test]
fn append_shows_every_perfect_node_once() {
    let tree = SmallTree::numbered(SIZES);
    for begin in [0, 1, 2, 5, 8, 100] {
        let mut range = CompactRange::empty(begin);
        let mut seen = BTreeMap::new();
        for position in begin..SIZES {
            range.append(&Sha256Hasher, tree.leaf(position), |id, hash| {
                assert_eq!(seen.insert(id, hash), None);
            });
        }
        let mut expected = BTreeMap::new();
        for level in 0..9 {
            for id in (0..SIZES).map(|index| NodeId::new(level, index)) {
                let leaves = id.leaves().expect("a small node");
                if leaves.start >= begin && leaves.end <= SIZES {
                    expected.insert(id, tree.mth(leaves.start, leaves.end));
                }
            }
        }
        assert_eq!(seen, expected);
        assert_eq!(range.root(&Sha256Hasher).is_some(), begin == 0);
    }
}

#[test]
fn neighbouring_ranges_merge_into_the_whole() {
    let tree = SmallTree::numbered(40);
    let range = |begin: u64, end: u64| {
        let hashes = tree.fetch(&CompactRange::node_ids(begin, end));
        CompactRange::from_parts(begin, end, hashes).expect("the nodes are those of the range")
    };
    for end in 0..40 {
        for begin in 0..=end {
            for middle in begin..=end {
                let mut merged = range(begin, middle);
                let mut shown = Vec::new();
                merged
                    .append_range(&Sha256Hasher, &range(middle, end), |id, hash| shown.push((id, hash)))
                    .unwrap();
                assert_eq!(merged, range(begin, end));
                for (id, hash) in shown {
                    let leaves = id.leaves().expect("a small node");
                    assert!(
                        leaves.start < middle && middle < leaves.end,
                        "only nodes that join both are new"
                    );
                    assert_eq!(hash, tree.mth(leaves.start, leaves.end));
                }
            }
        }
    }
}

#[test]
fn ranges_that_do_not_fit_are_refused() {
    let hash = Hash::from([0; 32]);
    let too_few = CompactRange::from_parts(0, 3, vec![hash]);
    assert_eq!(too_few, Err(RangeError::HashCount { begin: 0, end: 3, expected: 2, actual: 1 }));
    assert_eq!(CompactRange::from_parts(3, 2, vec![]), Err(RangeError::Bounds { begin: 3, end: 2 }));
    let end = MAX_TREE_SIZE + 1;
    assert_eq!(CompactRange::from_parts(0, end, vec![]), Err(RangeError::Bounds { begin: 0, end }));
    assert!(CompactRange::from_parts(0, MAX_TREE_SIZE, vec![hash]).is_ok());

    let mut range = CompactRange::empty(2);
    let refused = range.append_range(&Sha256Hasher, &CompactRange::empty(3), |_, _| ());
    assert_eq!(refused, Err(RangeError::NotAdjacent { end: 2, begin: 3 }));
}

#[test]
#[should_panic(expected = "at most 2^63 leaves")]
fn no_leaf_goes_beyond_the_largest_tree() {
    CompactRange::empty(MAX_TREE_SIZE).append(&Sha256Hasher, Hash::from([0; 32]), |_, _| ());
}

#[test]
fn inclusion_proofs_are_those_of_the_recursion() {
    let tree = SmallTree::numbered(SIZES);
    for size in 1..=SIZES {
        for index in 0..size {
            let proof = inclusion(&tree, index, size);
            assert_eq!(proof, tree.path(index, 0, size), "leaf {index} of {size}");
            let verified =
                verify_inclusion(&Sha256Hasher, index, size, &tree.leaf(index), &proof, &tree.root(size));
            assert_eq!(verified, Ok(()), "leaf {index} of {size}");
        }
    }
}

#[test]
fn consistency_proofs_are_those_of_the_recursion() {
    let tree = SmallTree::numbered(SIZES);
    for new in 0..=SIZES {
        for old in 0..=new {
            let proof = consistency(&tree, old, new);
            assert_eq!(proof, tree.consistency(old, new), "from {old} to {new}");
            let verified =
                verify_consistency(&Sha256Hasher, old, new, &tree.root(old), &tree.root(new), &proof);
            assert_eq!(verified, Ok(()), "from {old} to {new}");
        }
    }
}

#[test]
fn spoilt_inclusion_proofs_are_refused() {
    let tree = SmallTree::numbered(MUTATED_SIZES);
    for size in 1..=MUTATED_SIZES {
        for index in 0..size {
            refuse_spoilt_inclusion(&tree, index, size, &inclusion(&tree, index, size));
        }
    }
}

#[test]
fn spoilt_consistency_proofs_are_refused() {
    let tree = SmallTree::numbered(MUTATED_SIZES);
    for new in 0..=MUTATED_SIZES {
        for old in 0..=new {
            refuse_spoilt_consistency(&tree, old, new, &consistency(&tree, old, new));
        }
    }
}

#[test]
fn a_node_does_not_pass_for_a_leaf() {
    // In a tree of four, the hash of two leaves taken for a leaf would make a valid proof of a tree of two.
    let tree = SmallTree::numbered(4);
    let (node, proof) = (tree.mth(0, 2), [tree.mth(2, 4)]);
    let refused = verify_inclusion(&Sha256Hasher, 0, 4, &node, &proof, &tree.root(4));
    assert_eq!(refused, Err(VerifyError::ProofLength { expected: 2, actual: 1 }));
    let entry = [tree.leaf(0).as_bytes().as_slice(), tree.leaf(1).as_bytes()].concat();
    assert_ne!(Sha256Hasher.hash_leaf(&entry), node);
}

#[test]
fn impossible_statements_are_refused_before_the_proof_is_read() {
    let (hash, size) = (Hash::from([0; 32]), MAX_TREE_SIZE + 1);
    assert_eq!(plan_inclusion(3, 3), Err(PlanError::IndexOutOfRange { index: 3, size: 3 }));
    assert_eq!(plan_inclusion(0, size), Err(PlanError::SizeTooLarge { size }));
    assert_eq!(plan_consistency(3, 2), Err(PlanError::SizesReversed { old: 3, new: 2 }));
    assert_eq!(plan_consistency(3, size), Err(PlanError::SizeTooLarge { size }));

    let inclusion = |index, size| verify_inclusion(&Sha256Hasher, index, size, &hash, &[], &hash);
    assert_eq!(inclusion(3, 3), Err(VerifyError::IndexOutOfRange { index: 3, size: 3 }));
    assert_eq!(inclusion(0, 0), Err(VerifyError::IndexOutOfRange { index: 0, size: 0 }));
    assert_eq!(inclusion(0, size), Err(VerifyError::SizeTooLarge { size }));
    let consistency = |old, new| verify_consistency(&Sha256Hasher, old, new, &hash, &hash, &[]);
    assert_eq!(consistency(3, 2), Err(VerifyError::SizesReversed { old: 3, new: 2 }));
    assert_eq!(consistency(3, size), Err(VerifyError::SizeTooLarge { size }));
    assert_eq!(consistency(3, 4), Err(VerifyError::ProofLength { expected: 3, actual: 0 }));
}

#[test]
fn a_plan_wants_one_hash_for_each_of_its_nodes() {
    let plan = plan_inclusion(0, 7).unwrap();
    let refused = plan.assemble(&Sha256Hasher, vec![Hash::from([0; 32]); 3]);
    assert_eq!(refused, Err(AssembleError { expected: 4, actual: 3 }));
}

pub(crate) fn inclusion(tree: &impl Tree, index: u64, size: u64) -> Vec<Hash> {
    let plan = plan_inclusion(index, size).expect("the index is below the size");
    let proof = plan.assemble(&Sha256Hasher, tree.fetch(plan.nodes())).expect("all nodes were fetched");
    assert_eq!(proof.len(), plan.proof_len());
    proof
}

pub(crate) fn consistency(tree: &impl Tree, old: u64, new: u64) -> Vec<Hash> {
    let plan = plan_consistency(old, new).expect("the old size is at most the new");
    let proof = plan.assemble(&Sha256Hasher, tree.fetch(plan.nodes())).expect("all nodes were fetched");
    assert_eq!(proof.len(), plan.proof_len());
    proof
}
