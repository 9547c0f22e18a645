//! Facts about the hash anchor. That a changed log is found is PostgreSQL's to show, where a log can be changed behind the
//! store's back (`tests/tests/anchors.rs`).

#![expect(clippy::unwrap_used, reason = "a fact ends at the first thing that is not as it must be")]

use veritrail_core::store::{AnchorError, HashAnchor, HashAnchorStore, TreeStore};
use veritrail_core::{Hash, TreeSize};

use super::{Stores, Tenant, save_individuals};

async fn root(store: &mut impl TreeStore) -> Hash {
    store.tree_head().await.unwrap().unwrap().root
}

fn anchor(size: u64, root: Hash) -> HashAnchor {
    HashAnchor { size: TreeSize(size), root }
}

/// Before anything was anchored there is nothing to compare.
pub async fn there_is_no_anchor_at_first<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    for count in [3, 4] {
        assert_eq!(store.hash_anchor().await.unwrap(), None);
        assert_eq!(store.check_hash_anchor().await.unwrap(), None);
        save_individuals(&mut store, count, count).await;
    }
}

/// The newest root is kept with the log's size, and holds while the log grows.
pub async fn an_anchor_is_kept_with_its_size<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    save_individuals(&mut store, 0, 300).await;
    let root = root(&mut store).await;
    let expected = anchor(300, root);
    assert_eq!(store.persist_hash_anchor(root).await.unwrap(), expected);
    for first in [300, 400, 600] {
        assert_eq!(store.hash_anchor().await.unwrap(), Some(expected));
        assert_eq!(store.check_hash_anchor().await.unwrap(), Some(expected));
        save_individuals(&mut store, first, 100).await;
    }
    assert_eq!(stores.open(Tenant::A).await.check_hash_anchor().await.unwrap(), Some(expected));
}

/// The root of an earlier append is found, and its own size with it.
pub async fn an_older_root_is_found_with_its_size<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    save_individuals(&mut store, 0, 7).await;
    let older = root(&mut store).await;
    save_individuals(&mut store, 7, 5).await;
    assert_eq!(store.persist_hash_anchor(older).await.unwrap(), anchor(7, older));
    assert_eq!(store.check_hash_anchor().await.unwrap(), Some(anchor(7, older)));
}

/// What the log never was it is not anchored to; also not to a size within an append, which nobody was told of.
pub async fn a_root_that_no_append_led_to_is_refused<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    let made_up = Hash::from([7; 32]);
    let error = store.persist_hash_anchor(made_up).await.unwrap_err();
    assert!(matches!(error, AnchorError::NoSuchRoot(root) if root == made_up), "{error}");
    save_individuals(&mut store, 0, 10).await;
    let kept = root(&mut store).await;
    store.persist_hash_anchor(kept).await.unwrap();
    let within = store.root_at(TreeSize(4)).await.unwrap();
    for refused in [made_up, within] {
        let error = store.persist_hash_anchor(refused).await.unwrap_err();
        assert!(matches!(error, AnchorError::NoSuchRoot(root) if root == refused), "{error}");
        assert_eq!(store.hash_anchor().await.unwrap(), Some(anchor(10, kept)));
    }
}

/// A later anchor covers what an earlier one does.
pub async fn an_anchor_never_moves_back<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    save_individuals(&mut store, 0, 7).await;
    let older = root(&mut store).await;
    save_individuals(&mut store, 7, 5).await;
    let newer = root(&mut store).await;
    for root in [newer, older, newer] {
        assert_eq!(store.persist_hash_anchor(root).await.unwrap(), anchor(12, newer));
        assert_eq!(store.hash_anchor().await.unwrap(), Some(anchor(12, newer)));
    }
}

/// Anchored after each append, as a store is that is restarted now and then.
pub async fn an_anchor_moves_forward<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    for size in 1..=6 {
        save_individuals(&mut store, size, 1).await;
        let root = root(&mut store).await;
        let expected = anchor(u64::try_from(size).unwrap(), root);
        assert_eq!(store.persist_hash_anchor(root).await.unwrap(), expected);
        assert_eq!(store.check_hash_anchor().await.unwrap(), Some(expected));
    }
}

/// The empty tree has a root, too.
pub async fn an_empty_log_can_be_anchored<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    let empty = store.root_at(TreeSize(0)).await.unwrap();
    assert_eq!(store.persist_hash_anchor(empty).await.unwrap(), anchor(0, empty));
    save_individuals(&mut store, 0, 3).await;
    assert_eq!(store.check_hash_anchor().await.unwrap(), Some(anchor(0, empty)));
    let root = root(&mut store).await;
    assert_eq!(store.persist_hash_anchor(root).await.unwrap(), anchor(3, root));
    assert_eq!(store.persist_hash_anchor(empty).await.unwrap(), anchor(3, root));
}

/// A root is the root of one log.
pub async fn another_tenants_root_is_no_anchor<S: Stores>(stores: &S) {
    let (mut a, mut b) = (stores.open(Tenant::A).await, stores.open(Tenant::B).await);
    save_individuals(&mut a, 0, 3).await;
    save_individuals(&mut b, 0, 3).await;
    let foreign = root(&mut a).await;
    let error = b.persist_hash_anchor(foreign).await.unwrap_err();
    assert!(matches!(error, AnchorError::NoSuchRoot(_)), "{error}");
    a.persist_hash_anchor(foreign).await.unwrap();
    assert_eq!(b.hash_anchor().await.unwrap(), None);
}
