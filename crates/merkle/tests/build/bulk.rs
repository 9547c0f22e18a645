//! Many leaves at once against one after the other: the same range, and the same nodes shown in the same order.
//!
//! Not here: that one after the other is right (`history_tree`).

use std::sync::LazyLock;

use proptest::prelude::*;
use veritrail_merkle::{
    CompactRange, Hash, MAX_TREE_SIZE, NodeId, Sha256Hasher, TreeHasher, root_of_entries, root_of_leaves,
};

use crate::plain::{PlainSha256, entries, leaves, seeded};

/// Enough for several of the largest blocks, and, with `rayon`, for two batches of them.
static LEAVES: LazyLock<Vec<Hash>> = LazyLock::new(|| leaves(140_000));

type Shown = Vec<(NodeId, Hash)>;

/// The range `[begin, middle)`, and how it goes on to `end` one leaf after the other.
struct Expected {
    before: CompactRange,
    after: CompactRange,
    shown: Shown,
}

fn one_by_one(begin: u64, before: &[Hash], new: &[Hash]) -> Expected {
    let mut range = CompactRange::empty(begin);
    for &leaf in before {
        range.append(&PlainSha256, leaf, |_, _| ());
    }
    let (before, mut shown) = (range.clone(), Vec::new());
    for &leaf in new {
        range.append(&PlainSha256, leaf, |id, hash| shown.push((id, hash)));
    }
    Expected { before, after: range, shown }
}

/// Goes on from `before` by `append`, and compares.
fn check(expected: &Expected, append: impl FnOnce(&mut CompactRange, &mut dyn FnMut(NodeId, Hash))) {
    let (mut range, mut shown) = (expected.before.clone(), Vec::new());
    append(&mut range, &mut |id, hash| shown.push((id, hash)));
    assert_eq!(range, expected.after);
    assert!(shown == expected.shown, "other nodes are shown, or in another order");
}

fn check_every_way(begin: u64, before: usize, new: usize) {
    let new = &LEAVES[before..before + new];
    let expected = one_by_one(begin, &LEAVES[..before], new);
    check(&expected, |range, visit| range.append_leaves(&Sha256Hasher, new, visit));
    check(&expected, |range, visit| range.append_leaves(&PlainSha256, new, visit));
    #[cfg(feature = "rayon")]
    check(&expected, |range, visit| {
        veritrail_merkle::parallel::append_leaves(range, &Sha256Hasher, new, visit);
    });
}

#[test]
fn small_numbers_of_leaves_go_in_at_once_behind_any_small_range() {
    for begin in 0..5 {
        for before in 0..18 {
            for new in 0..40 {
                check_every_way(begin, before, new);
            }
        }
    }
}

#[test]
fn numbers_about_a_block_go_in_at_once() {
    for new in [1_023, 1_024, 1_025, 2_047, 2_048, 2_049, 5_000] {
        for before in [0, 1, 1_000, 1_023, 1_024] {
            check_every_way(0, before, new);
            check_every_way(1_000_003, before, new);
        }
    }
}

#[test]
fn more_leaves_than_a_batch_of_blocks_go_in_at_once() {
    check_every_way(0, 0, LEAVES.len());
    check_every_way(0, 777, LEAVES.len() - 777);
}

#[test]
fn leaves_go_in_at_once_at_the_far_end_of_the_largest_tree() {
    check_every_way(MAX_TREE_SIZE - 5_000, 904, 4_096);
}

#[test]
#[should_panic(expected = "at most 2^63 leaves")]
fn leaves_beyond_the_largest_tree_are_refused() {
    CompactRange::empty(MAX_TREE_SIZE - 1).append_leaves(&Sha256Hasher, &LEAVES[..2], |_, _| ());
}

#[test]
#[should_panic(expected = "at most 2^63 leaves")]
fn entries_beyond_the_largest_tree_are_refused() {
    CompactRange::empty(MAX_TREE_SIZE).append_entries(&Sha256Hasher, &["one"], |_, _| ());
}

#[cfg(feature = "rayon")]
#[test]
#[should_panic(expected = "at most 2^63 leaves")]
fn leaves_beyond_the_largest_tree_are_refused_on_several_threads() {
    let mut range = CompactRange::empty(MAX_TREE_SIZE - 1);
    veritrail_merkle::parallel::append_leaves(&mut range, &Sha256Hasher, &LEAVES[..2], |_, _| ());
}

#[cfg(feature = "rayon")]
#[test]
#[should_panic(expected = "at most 2^63 leaves")]
fn entries_beyond_the_largest_tree_are_refused_on_several_threads() {
    let mut range = CompactRange::empty(MAX_TREE_SIZE);
    veritrail_merkle::parallel::append_entries(&mut range, &Sha256Hasher, &["one"], |_, _| ());
}

#[test]
fn the_empty_tree_is_built_from_nothing() {
    let nothing: [&[u8]; 0] = [];
    assert_eq!(root_of_leaves(&Sha256Hasher, &[]), Sha256Hasher.empty_root());
    assert_eq!(root_of_entries(&Sha256Hasher, &nothing), Sha256Hasher.empty_root());
    #[cfg(feature = "rayon")]
    {
        use veritrail_merkle::parallel;
        assert_eq!(parallel::root_of_leaves(&Sha256Hasher, &[]), Sha256Hasher.empty_root());
        assert_eq!(parallel::root_of_entries(&Sha256Hasher, &nothing), Sha256Hasher.empty_root());
    }
}

proptest! {
    #![proptest_config(seeded(48))]

    #[test]
    fn leaves_go_in_at_once_anywhere(
        begin in prop_oneof![Just(0), 0..5_000_u64, 0..MAX_TREE_SIZE - 200_000],
        before in 0..3_000_usize,
        new in prop_oneof![0..300_usize, 0..20_000_usize],
    ) {
        check_every_way(begin, before, new);
    }

    #[test]
    fn entries_go_in_at_once(before in 0..3_000_usize, entries in entries(0..1_500)) {
        let new: Vec<Hash> = entries.iter().map(|entry| PlainSha256.hash_leaf(entry)).collect();
        let expected = one_by_one(0, &LEAVES[..before], &new);
        check(&expected, |range, visit| range.append_entries(&Sha256Hasher, &entries, visit));
        prop_assert_eq!(root_of_entries(&Sha256Hasher, &entries), root_of_leaves(&PlainSha256, &new));
        #[cfg(feature = "rayon")]
        {
            use veritrail_merkle::parallel;
            check(&expected, |range, visit| parallel::append_entries(range, &Sha256Hasher, &entries, visit));
            prop_assert_eq!(parallel::root_of_entries(&Sha256Hasher, &entries), root_of_leaves(&PlainSha256, &new));
            prop_assert_eq!(parallel::root_of_leaves(&Sha256Hasher, &new), root_of_leaves(&PlainSha256, &new));
        }
    }
}

#[test]
fn a_range_beyond_the_largest_tree_takes_no_leaf() {
    for begin in [MAX_TREE_SIZE, MAX_TREE_SIZE + 1, u64::MAX] {
        let taken = std::panic::catch_unwind(|| {
            CompactRange::empty(begin).append(&Sha256Hasher, Sha256Hasher.empty_root(), |_, _| ());
        });
        let refusal = taken.unwrap_err();
        assert_eq!(refusal.downcast_ref(), Some(&"a tree has at most 2^63 leaves"), "{begin}");
    }
}
