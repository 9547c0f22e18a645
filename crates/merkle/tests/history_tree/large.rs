//! Trees too large for every case: random ones up to 2^20 with different leaves, the largest possible with
//! sparse ones, and verification of whatever comes.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use veritrail_merkle::{
    Hash, MAX_TREE_SIZE, Sha256Hasher, verify_consistency, verify_inclusion, verify_range, verify_set,
};

use crate::mutation::{
    refuse_spoilt_consistency, refuse_spoilt_inclusion, refuse_spoilt_range, refuse_spoilt_set,
};
use crate::proofs::{consistency, inclusion};
use crate::ranges::range;
use crate::reference::{LevelTree, SparseTree, Tree};
use crate::sets::set_proof;

const HEIGHT: u32 = 20;
const MAX_PAGE: u64 = 40;

static TREE: LazyLock<LevelTree> = LazyLock::new(|| LevelTree::numbered(HEIGHT));

/// Sizes of every order of magnitude, with those next to a power of two as likely as all others.
fn sizes(max_height: u32) -> impl Strategy<Value = u64> {
    let any_size =
        (0..=max_height, any::<u64>()).prop_map(|(height, noise)| (1_u64 << height) + noise % (1 << height));
    let edge = (1..=max_height, 0..3_u64).prop_map(|(height, offset)| (1_u64 << height) - 1 + offset);
    prop_oneof![any_size, edge].prop_map(move |size| size.min(1 << max_height))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 128,
        rng_seed: RngSeed::Fixed(0x7472_6565),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn inclusion_holds_and_its_mutations_do_not(size in sizes(HEIGHT), pick in any::<u64>()) {
        let index = pick % size;
        let proof = inclusion(&*TREE, index, size);
        prop_assert_eq!(&proof, &TREE.path(index, 0, size));
        refuse_spoilt_inclusion(&*TREE, index, size, &proof);
    }

    #[test]
    fn consistency_holds_and_its_mutations_do_not(a in sizes(HEIGHT), b in sizes(HEIGHT)) {
        let (old, new) = (a.min(b), a.max(b));
        let proof = consistency(&*TREE, old, new);
        prop_assert_eq!(&proof, &TREE.consistency(old, new));
        refuse_spoilt_consistency(&*TREE, old, new, &proof);
    }

    #[test]
    fn ranges_hold_and_their_mutations_do_not(size in sizes(HEIGHT), pick in any::<u64>(), count in 1..=MAX_PAGE) {
        let begin = pick % size;
        let end = (begin + count).min(size);
        let proof = range(&*TREE, begin, end, size);
        prop_assert_eq!(&proof, &TREE.outside((begin, end), 0, size));
        refuse_spoilt_range(&*TREE, (begin, end), size, &proof);
    }

    #[test]
    fn sets_hold_and_their_mutations_do_not(
        size in sizes(HEIGHT),
        picks in prop::collection::vec(any::<u64>(), 1..8),
        runs in prop::collection::vec(0..3_u64, 8),
    ) {
        // Positions anywhere, some of them with their neighbours.
        let near = |(pick, run): (&u64, &u64)| (pick % size..=pick % size + run).collect::<Vec<_>>();
        let mut set: Vec<u64> = picks.iter().zip(&runs).flat_map(near).filter(|&index| index < size).collect();
        set.sort_unstable();
        set.dedup();
        let proof = set_proof(&*TREE, &set, size);
        prop_assert_eq!(&proof, &TREE.outside_set(&set, 0, size));
        refuse_spoilt_set(&*TREE, &set, size, &proof);
    }

    #[test]
    fn proofs_hold_in_the_largest_trees(
        a in sizes(63),
        b in sizes(63),
        picks in prop::collection::vec(any::<u64>(), 4),
        count in 1..=MAX_PAGE,
    ) {
        let (old, new) = (a.min(b), a.max(b));
        let index = picks[0] % new;
        let marked = picks.iter().map(|pick| pick % new).chain([old - 1, new - 1, 0]);
        let tree = SparseTree::marked(marked);
        let root = tree.root(new);

        let path = inclusion(&tree, index, new);
        prop_assert_eq!(&path, &tree.path(index, 0, new));
        prop_assert_eq!(verify_inclusion(&Sha256Hasher, index, new, &tree.leaf(index), &path, &root), Ok(()));

        let proof = consistency(&tree, old, new);
        prop_assert_eq!(&proof, &tree.consistency(old, new));
        prop_assert_eq!(verify_consistency(&Sha256Hasher, old, new, &tree.root(old), &root, &proof), Ok(()));

        let end = (index + count).min(new);
        let proof = range(&tree, index, end, new);
        prop_assert_eq!(&proof, &tree.outside((index, end), 0, new));
        let leaves = tree.leaves(index, end);
        prop_assert_eq!(verify_range(&Sha256Hasher, index, new, &leaves, &proof, &root), Ok(()));

        let mut set: Vec<u64> = picks.iter().map(|pick| pick % new).collect();
        set.sort_unstable();
        set.dedup();
        let proof = set_proof(&tree, &set, new);
        prop_assert_eq!(&proof, &tree.outside_set(&set, 0, new));
        let leaves: Vec<_> = set.iter().map(|&index| (index, tree.leaf(index))).collect();
        prop_assert_eq!(verify_set(&Sha256Hasher, new, &leaves, &proof, &root), Ok(()));
    }

    #[test]
    fn verification_survives_any_input(
        a in edge_numbers(),
        b in edge_numbers(),
        leaves in 0..5_usize,
        length in 0..130_usize,
    ) {
        let hash = Hash::from([1; 32]);
        let (leaves, proof) = (vec![hash; leaves], vec![hash; length]);
        prop_assert!(verify_inclusion(&Sha256Hasher, a, b, &hash, &proof, &hash).is_err() || (a, b) == (0, 1));
        prop_assert!(verify_range(&Sha256Hasher, a, b, &leaves, &proof, &hash).is_err() || (a, b) == (0, 1));
        let set: Vec<_> = leaves.iter().enumerate().map(|(i, &leaf)| (a.wrapping_add(i as u64), leaf)).collect();
        prop_assert!(verify_set(&Sha256Hasher, b, &set, &proof, &hash).is_err() || (a, b) == (0, 1));
        let consistent = verify_consistency(&Sha256Hasher, a, b, &hash, &hash, &proof);
        prop_assert!(consistent.is_err() || (a == b && a > 0 && length == 0));
    }
}

fn edge_numbers() -> impl Strategy<Value = u64> {
    let near = |n: u64| (0..5_u64).prop_map(move |offset| n.wrapping_sub(2).wrapping_add(offset));
    prop_oneof![any::<u64>(), sizes(63), near(0), near(MAX_TREE_SIZE), near(u64::MAX)]
}
