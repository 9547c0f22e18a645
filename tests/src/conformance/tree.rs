//! Facts about the tree over the events. Whatever a store proves is checked by the verifiers of `veritrail-merkle`, against
//! roots that are computed here from the leaves.

#![expect(clippy::unwrap_used, reason = "a fact ends at the first thing that is not as it must be")]

use veritrail_core::store::{EventStore, MAX_PAGE, TreeError, TreeStore};
use veritrail_core::{Hash, Position, TreeSize};
use veritrail_merkle::proof::PlanError;
use veritrail_merkle::{Sha256Hasher, root_of_leaves, verify_consistency, verify_inclusion, verify_range};

use super::{Stores, Tenant, all, save_individuals};

/// Sizes around the borders of tiles (256 leaves) and within them.
const SIZES: [u64; 11] = [0, 1, 2, 3, 7, 255, 256, 257, 511, 512, 520];

async fn leaves(store: &mut impl EventStore) -> Vec<Hash> {
    all(store).await.iter().map(|stored| stored.leaf_hash).collect()
}

/// The root of the first `size` leaves.
fn root(leaves: &[Hash], size: u64) -> Hash {
    root_of_leaves(&Sha256Hasher, &leaves[..usize::try_from(size).unwrap()])
}

/// A log of 520 events in three appends, and its leaves.
async fn log_of_520<S: Stores>(stores: &S) -> (S::Store<'_>, Vec<Hash>) {
    let mut store = stores.open(Tenant::A).await;
    for (first, count) in [(0, 200), (200, 319), (519, 1)] {
        save_individuals(&mut store, first, count).await;
    }
    let leaves = leaves(&mut store).await;
    assert_eq!(leaves.len(), 520);
    (store, leaves)
}

/// A log begins with its first event.
pub async fn there_is_no_head_before_the_first_event<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    assert_eq!(store.tree_head().await.unwrap(), None);
    assert_eq!(store.identity().await.unwrap(), None);
    assert_eq!(store.root_at(TreeSize(0)).await.unwrap(), root(&[], 0));
}

/// Size, root, frontier and stamp of the head are those of the events.
pub async fn the_head_is_that_of_the_leaves<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    for (first, count) in [(0, 1), (1, 2), (3, 252), (255, 1), (256, 1), (257, 300)] {
        let last = save_individuals(&mut store, first, count).await.pop().unwrap();
        let head = store.tree_head().await.unwrap().unwrap();
        let leaves = leaves(&mut store).await;
        assert_eq!(head.size(), TreeSize(u64::try_from(leaves.len()).unwrap()));
        assert_eq!(head.root, root_of_leaves(&Sha256Hasher, &leaves));
        assert_eq!(head.frontier.root(&Sha256Hasher), Some(head.root));
        assert_eq!(head.recorded_at, Some(last.recorded_at));
    }
}

/// A tree of as many events is the same whether they came one by one or at once.
pub async fn batches_do_not_shape_the_tree<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    for number in 0..12 {
        save_individuals(&mut store, number, 1).await;
        let leaves = leaves(&mut store).await;
        let head = store.tree_head().await.unwrap().unwrap();
        assert_eq!(head.root, root_of_leaves(&Sha256Hasher, &leaves), "after {number}");
    }
}

/// Also within an append, where no head was.
pub async fn the_root_at_every_size_is_that_of_the_first_leaves<S: Stores>(stores: &S) {
    let (mut store, leaves) = log_of_520(stores).await;
    for size in (0..=40).chain(SIZES) {
        assert_eq!(store.root_at(TreeSize(size)).await.unwrap(), root(&leaves, size), "at {size}");
    }
}

/// A log has no root that it has not grown to.
pub async fn a_root_beyond_the_log_is_refused<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    for log in [TreeSize(0), TreeSize(3)] {
        let beyond = TreeSize(log.0 + 1);
        for size in [beyond, TreeSize(u64::MAX)] {
            let is_beyond = |error: &TreeError<_>| matches!(error, TreeError::BeyondLog { size: given, log: found } if (*given, *found) == (size, log));
            assert!(is_beyond(&store.root_at(size).await.unwrap_err()));
            assert!(is_beyond(&store.inclusion_proof(Position(0), size).await.unwrap_err()));
            assert!(is_beyond(&store.consistency_proof(TreeSize(0), size).await.unwrap_err()));
            assert!(is_beyond(&store.range_proof(Position(0), Position(1), size).await.unwrap_err()));
        }
        save_individuals(&mut store, 0, 3).await;
    }
}

/// Inclusion is proved at sizes that no head had, too.
pub async fn every_leaf_is_proved<S: Stores>(stores: &S) {
    let (mut store, leaves) = log_of_520(stores).await;
    for size in SIZES.into_iter().filter(|size| *size > 0) {
        let root = root(&leaves, size);
        for position in [0, 1, size / 3, size / 2, size - 1].into_iter().filter(|position| *position < size) {
            let proof = store.inclusion_proof(Position(position), TreeSize(size)).await.unwrap();
            let leaf = &leaves[usize::try_from(position).unwrap()];
            let verdict = verify_inclusion(&Sha256Hasher, position, size, leaf, &proof, &root);
            assert_eq!(verdict, Ok(()), "{position} in {size}");
        }
    }
}

/// A proof of one thing proves no other.
pub async fn a_proof_is_of_one_size_and_leaf<S: Stores>(stores: &S) {
    let (mut store, leaves) = log_of_520(stores).await;
    let proof = store.inclusion_proof(Position(100), TreeSize(300)).await.unwrap();
    let verify = |position: u64, size: u64, leaf: usize, root_of: u64| {
        verify_inclusion(&Sha256Hasher, position, size, &leaves[leaf], &proof, &root(&leaves, root_of))
    };
    assert_eq!(verify(100, 300, 100, 300), Ok(()));
    assert!(verify(101, 300, 101, 300).is_err());
    assert!(verify(100, 300, 99, 300).is_err());
    assert!(verify(100, 300, 100, 301).is_err());
    assert!(verify(100, 520, 100, 520).is_err());
}

/// A tree proves nothing of what is not in it.
pub async fn a_leaf_beyond_the_size_is_refused<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    save_individuals(&mut store, 0, 5).await;
    for (index, size) in [(5, 5), (3, 3), (0, 0), (u64::MAX, 5)] {
        let error = store.inclusion_proof(Position(index), TreeSize(size)).await.unwrap_err();
        let expected = PlanError::IndexOutOfRange { index, size };
        assert!(matches!(&error, TreeError::Plan(found) if *found == expected), "{error}");
    }
}

/// Consistency is proved between any two sizes.
pub async fn every_size_continues_every_smaller_one<S: Stores>(stores: &S) {
    let (mut store, leaves) = log_of_520(stores).await;
    for new in SIZES {
        for old in SIZES.into_iter().filter(|old| *old <= new) {
            let proof = store.consistency_proof(TreeSize(old), TreeSize(new)).await.unwrap();
            let (old_root, new_root) = (root(&leaves, old), root(&leaves, new));
            let verdict = verify_consistency(&Sha256Hasher, old, new, &old_root, &new_root, &proof);
            assert_eq!(verdict, Ok(()), "{old} to {new}");
        }
    }
}

/// A tree does not continue a larger one.
pub async fn sizes_in_the_wrong_order_are_refused<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    save_individuals(&mut store, 0, 5).await;
    for (old, new) in [(5, 4), (1, 0), (u64::MAX, 5)] {
        let error = store.consistency_proof(TreeSize(old), TreeSize(new)).await.unwrap_err();
        let expected = PlanError::SizesReversed { old, new };
        assert!(matches!(&error, TreeError::Plan(found) if *found == expected), "{error}");
    }
}

/// A page is proved to be whole, at its place, at any size.
pub async fn every_page_is_proved<S: Stores>(stores: &S) {
    let (mut store, leaves) = log_of_520(stores).await;
    let pages = [
        (0, 1, 1),
        (0, 520, 520),
        (3, 9, 300),
        (250, 262, 262),
        (255, 256, 257),
        (519, 520, 520),
        (520, 520, 520),
    ];
    for (begin, end, size) in pages {
        let proof = store.range_proof(Position(begin), Position(end), TreeSize(size)).await.unwrap();
        let page = &leaves[usize::try_from(begin).unwrap()..usize::try_from(end).unwrap()];
        let root = root(&leaves, size);
        let verdict = verify_range(&Sha256Hasher, begin, size, page, &proof, &root);
        assert_eq!(verdict, Ok(()), "{begin} to {end} of {size}");
        if let Some((_, shorter)) = page.split_last() {
            assert!(verify_range(&Sha256Hasher, begin, size, shorter, &proof, &root).is_err());
        }
    }
}

/// A page is a run of the tree's leaves, of bounded length.
pub async fn a_page_that_is_none_is_refused<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    save_individuals(&mut store, 0, 5).await;
    for (begin, end, size) in [(3, 2, 5), (2, 2, 5), (4, 6, 5), (5, 5, 4), (0, u64::MAX, 5)] {
        let error = store.range_proof(Position(begin), Position(end), TreeSize(size)).await.unwrap_err();
        let expected = PlanError::RangeOutOfRange { begin, end, size };
        assert!(matches!(&error, TreeError::Plan(found) if *found == expected), "{error}");
    }
    let length = u64::from(MAX_PAGE) + 1;
    let many = usize::try_from(MAX_PAGE).unwrap();
    save_individuals(&mut store, 5, many).await;
    let error = store.range_proof(Position(0), Position(length), TreeSize(length)).await.unwrap_err();
    assert!(matches!(error, TreeError::PageTooLong(found) if found == length), "{error}");
}

/// What a size's root was it stays.
pub async fn an_older_root_stays<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    let mut roots = Vec::new();
    for (first, count) in [(0, 5), (5, 250), (255, 3), (258, 40)] {
        save_individuals(&mut store, first, count).await;
        let head = store.tree_head().await.unwrap().unwrap();
        roots.push((head.size(), head.root));
        for (size, root) in &roots {
            assert_eq!(store.root_at(*size).await.unwrap(), *root);
        }
    }
}

/// The same events make another tree in another log: a leaf is bound to its log.
pub async fn tenants_have_trees_of_their_own<S: Stores>(stores: &S) {
    let mut roots = Vec::new();
    for tenant in [Tenant::A, Tenant::B] {
        let mut store = stores.open(tenant).await;
        save_individuals(&mut store, 0, 3).await;
        roots.push(store.tree_head().await.unwrap().unwrap().root);
    }
    assert_ne!(roots[0], roots[1]);
    let mut store = stores.open(Tenant::B).await;
    save_individuals(&mut store, 3, 3).await;
    let size = stores.open(Tenant::A).await.tree_head().await.unwrap().unwrap().size();
    assert_eq!(size, TreeSize(3));
}
