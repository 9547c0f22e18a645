//! Range proofs: every page of every tree up to 40, and what makes a page of them.

use veritrail_merkle::proof::{PlanError, plan_range};
use veritrail_merkle::{CompactRange, Hash, MAX_TREE_SIZE, Sha256Hasher, VerifyError, verify_range};

use crate::mutation::refuse_spoilt_range;
use crate::proofs::inclusion;
use crate::reference::{SmallTree, Tree};

const SIZES: u64 = 40;
const MUTATED_SIZES: u64 = 20;

#[test]
fn range_proofs_are_the_largest_subtrees_outside_of_the_page() {
    let tree = SmallTree::numbered(SIZES);
    for size in 0..=SIZES {
        for end in 0..=size {
            for begin in (0..=end).filter(|&begin| begin < end || end == size) {
                let proof = range(&tree, begin, end, size);
                if begin < end {
                    assert_eq!(proof, tree.outside((begin, end), 0, size), "[{begin}, {end}) of {size}");
                }
                let leaves = tree.leaves(begin, end);
                let verified = verify_range(&Sha256Hasher, begin, size, &leaves, &proof, &tree.root(size));
                assert_eq!(verified, Ok(()), "[{begin}, {end}) of {size}");
            }
        }
    }
}

#[test]
fn spoilt_range_proofs_are_refused() {
    let tree = SmallTree::numbered(MUTATED_SIZES);
    for size in 0..=MUTATED_SIZES {
        for end in 0..=size {
            for begin in (0..=end).filter(|&begin| begin < end || end == size) {
                refuse_spoilt_range(&tree, (begin, end), size, &range(&tree, begin, end, size));
            }
        }
    }
}

#[test]
fn a_page_of_one_leaf_has_the_hashes_of_its_inclusion_proof() {
    let tree = SmallTree::numbered(100);
    for index in 0..100 {
        let mut page = range(&tree, index, index + 1, 100);
        let mut path = inclusion(&tree, index, 100);
        page.sort();
        path.sort();
        assert_eq!(page, path);
    }
}

#[test]
fn a_verified_proof_begins_with_the_frontier() {
    let tree = SmallTree::numbered(100);
    for (begin, end) in [(0, 10), (37, 38), (64, 100), (99, 100), (100, 100)] {
        let proof = range(&tree, begin, end, 100);
        let frontier = proof[..begin.count_ones() as usize].to_vec();
        let mut frontier = CompactRange::from_parts(0, begin, frontier).unwrap();
        assert_eq!(frontier.root(&Sha256Hasher), Some(tree.root(begin)));
        for leaf in tree.leaves(begin, end) {
            frontier.append(&Sha256Hasher, leaf, |_, _| ());
        }
        assert_eq!(frontier.root(&Sha256Hasher), Some(tree.root(end)));
    }
}

#[test]
fn the_whole_tree_as_one_page_needs_no_hashes() {
    let tree = SmallTree::numbered(77);
    assert_eq!(range(&tree, 0, 77, 77), []);
}

#[test]
fn an_empty_page_is_accepted_at_the_end_only() {
    let tree = SmallTree::numbered(13);
    for begin in 0..13 {
        let out_of_range = PlanError::RangeOutOfRange { begin, end: begin, size: 13 };
        assert_eq!(plan_range(begin, begin, 13), Err(out_of_range));
        let root = tree.root(13);
        let refused = verify_range(&Sha256Hasher, begin, 13, &[], &[root], &root);
        assert_eq!(refused, Err(VerifyError::RangeOutOfRange { begin, leaves: 0, size: 13 }));
    }
    let frontier = range(&tree, 13, 13, 13);
    assert_eq!(frontier, tree.fetch(&CompactRange::node_ids(0, 13)));
    assert_eq!(verify_range(&Sha256Hasher, 13, 13, &[], &frontier, &tree.root(13)), Ok(()));
    assert_eq!(verify_range(&Sha256Hasher, 0, 0, &[], &[], &tree.root(0)), Ok(()));
}

#[test]
fn impossible_pages_are_refused() {
    let (hash, size) = (Hash::from([0; 32]), MAX_TREE_SIZE + 1);
    assert_eq!(plan_range(3, 2, 9), Err(PlanError::RangeOutOfRange { begin: 3, end: 2, size: 9 }));
    assert_eq!(plan_range(3, 10, 9), Err(PlanError::RangeOutOfRange { begin: 3, end: 10, size: 9 }));
    assert_eq!(plan_range(0, 1, size), Err(PlanError::SizeTooLarge { size }));
    for begin in [8, MAX_TREE_SIZE, u64::MAX - 1, u64::MAX] {
        let refused = verify_range(&Sha256Hasher, begin, 9, &[hash, hash], &[], &hash);
        assert_eq!(refused, Err(VerifyError::RangeOutOfRange { begin, leaves: 2, size: 9 }));
    }
    let refused = verify_range(&Sha256Hasher, 0, size, &[hash], &[], &hash);
    assert_eq!(refused, Err(VerifyError::SizeTooLarge { size }));
}

pub(crate) fn range(tree: &impl Tree, begin: u64, end: u64, size: u64) -> Vec<Hash> {
    let plan = plan_range(begin, end, size).expect("the page lies within the tree");
    let proof = plan.assemble(&Sha256Hasher, tree.fetch(plan.nodes())).expect("all nodes were fetched");
    assert_eq!(proof.len(), plan.proof_len());
    proof
}
