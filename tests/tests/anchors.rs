//! The hash anchor on PostgreSQL: a log that was changed behind the store's back is found, under either policy, and its
//! anchor stays. What holds on every store is in the conformance list.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is not as it must be")]

use veritrail_core::store::{AnchorError, EventStore, HashAnchor, HashAnchorStore, TreeStore};
use veritrail_core::{Hash, TreeSize};
use veritrail_store_pg::{IntegrityError, OnMismatch, OpenError, PgEventStore, PortError};
use veritrail_tests::database::TestDatabase;
use veritrail_tests::sample::{individuals, store, submitter};

/// A store of 300 events that was anchored, then 10 more.
async fn anchored(database: &TestDatabase) -> (PgEventStore, HashAnchor) {
    let store = store(database, "a");
    let mut session = store.session().await.unwrap();
    session.save_events(&individuals(0, 300), &submitter()).await.unwrap();
    let root = TreeStore::tree_head(&mut session).await.unwrap().unwrap().root;
    let anchor = session.persist_hash_anchor(root).await.unwrap();
    session.save_events(&individuals(300, 10), &submitter()).await.unwrap();
    drop(session);
    (store, anchor)
}

/// Changes the database as one who may do anything.
async fn tamper(database: &TestDatabase, sql: &str) {
    let client = database.connect().await;
    client.batch_execute(&format!("SET session_replication_role = replica; {sql}")).await.unwrap();
}

async fn assert_found(store: &PgEventStore, anchor: HashAnchor, is_expected: impl Fn(Option<Hash>) -> bool) {
    let is_finding = |found: &IntegrityError| match found {
        IntegrityError::Anchor { size, anchored, found } => {
            (*size, *anchored) == (anchor.size.0, anchor.root) && is_expected(*found)
        }
        _ => false,
    };
    match store.check_anchor(OnMismatch::Refuse).await.unwrap_err() {
        OpenError::Integrity(found) => assert!(is_finding(&found), "{found}"),
        OpenError::Access(error) => panic!("{error}"),
    }
    let reported = store.check_anchor(OnMismatch::Report).await.unwrap().unwrap();
    assert!(is_finding(&reported), "{reported}");
    // Nothing anchors anew what is not the log that was anchored.
    let mut session = store.session().await.unwrap();
    let root = TreeStore::tree_head(&mut session).await.unwrap().map(|head| head.root);
    for root in root.into_iter().chain([anchor.root]) {
        let error = session.persist_hash_anchor(root).await.unwrap_err();
        assert!(matches!(error, AnchorError::Mismatch { anchor: kept, .. } if kept == anchor), "{error}");
    }
    assert_eq!(session.hash_anchor().await.unwrap(), Some(anchor));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_untouched_log_opens() {
    let database = TestDatabase::create().await;
    let (store, anchor) = anchored(&database).await;
    assert_eq!(anchor.size, TreeSize(300));
    for policy in [OnMismatch::Refuse, OnMismatch::Report] {
        assert_eq!(store.check_anchor(policy).await.unwrap(), None);
    }
    let other = veritrail_tests::sample::store(&database, "never-used");
    assert_eq!(other.check_anchor(OnMismatch::Refuse).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_leaf_is_found() {
    let database = TestDatabase::create().await;
    let (store, anchor) = anchored(&database).await;
    // Leaf 280 is in no full tile yet.
    tamper(&database, "UPDATE veritrail.events SET leaf_hash = sha256('x') WHERE position = 280").await;
    assert_found(&store, anchor, |found| found.is_some_and(|root| root != anchor.root)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_tile_is_found() {
    let database = TestDatabase::create().await;
    let (store, anchor) = anchored(&database).await;
    let hashes = "hashes = overlay(hashes PLACING sha256('x') FROM 33)";
    tamper(&database, &format!("UPDATE veritrail.merkle_tiles SET {hashes}, root = sha256('y')")).await;
    assert_found(&store, anchor, |found| found.is_some_and(|root| root != anchor.root)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_cut_is_found() {
    let database = TestDatabase::create().await;
    let (store, anchor) = anchored(&database).await;
    let cut =
        "DELETE FROM veritrail.tree_heads; DELETE FROM veritrail.merkle_tiles; DELETE FROM veritrail.events";
    tamper(&database, cut).await;
    assert_found(&store, anchor, |found| found.is_none()).await;
    // With the log's own row gone as well.
    tamper(&database, "DELETE FROM veritrail.logs").await;
    assert_found(&store, anchor, |found| found.is_none()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_hashes_are_evidence_of_their_own() {
    let database = TestDatabase::create().await;
    let (store, _) = anchored(&database).await;
    tamper(&database, "DELETE FROM veritrail.merkle_tiles").await;
    let error = store.check_anchor(OnMismatch::Refuse).await.unwrap_err();
    assert!(matches!(error, OpenError::Integrity(IntegrityError::MissingHashes { .. })), "{error}");
    let mut session = store.session().await.unwrap();
    let error = session.check_hash_anchor().await.unwrap_err();
    assert!(matches!(error, AnchorError::Store(PortError::Integrity(_))), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_the_tiles_do_not_have_is_not_anchored() {
    let database = TestDatabase::create().await;
    let (store, anchor) = anchored(&database).await;
    let forged = Hash::from([7; 32]);
    tamper(
        &database,
        "INSERT INTO veritrail.tree_heads SELECT tenant_id, log, epoch, 305, decode(repeat('07', 32), 'hex'), frontier, \
         recorded_at FROM veritrail.tree_heads WHERE size = 310",
    )
    .await;
    let mut session = store.session().await.unwrap();
    let error = session.persist_hash_anchor(forged).await.unwrap_err();
    assert!(
        matches!(&error, AnchorError::Store(PortError::Integrity(IntegrityError::Proof { size: 305, .. }))),
        "{error}"
    );
    assert_eq!(session.hash_anchor().await.unwrap(), Some(anchor));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_anchor_of_an_earlier_life_says_nothing_of_this_one() {
    let database = TestDatabase::create().await;
    let (store, _) = anchored(&database).await;
    tamper(&database, "UPDATE veritrail.logs SET epoch = 2").await;
    assert_eq!(store.check_anchor(OnMismatch::Refuse).await.unwrap(), None);
    let mut session = store.session().await.unwrap();
    assert_eq!(session.hash_anchor().await.unwrap(), None);
    let empty = session.root_at(TreeSize(0)).await.unwrap();
    let anchor = session.persist_hash_anchor(empty).await.unwrap();
    assert_eq!(anchor, HashAnchor { size: TreeSize(0), root: empty });
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_refuses_to_move_an_anchor_back_or_drop_it() {
    let database = TestDatabase::create().await;
    anchored(&database).await;
    let client = database.connect().await;
    let statements = [
        "UPDATE veritrail.hash_anchors SET root = sha256('x')",
        "UPDATE veritrail.hash_anchors SET size = size - 1",
        "UPDATE veritrail.hash_anchors SET epoch = epoch - 1, size = size + 1",
        "UPDATE veritrail.hash_anchors SET tenant_id = 'b', size = size + 1",
        "DELETE FROM veritrail.hash_anchors",
        "TRUNCATE veritrail.hash_anchors",
    ];
    for sql in statements {
        let refused = client.batch_execute(sql).await.unwrap_err();
        let refused = refused.as_db_error().unwrap_or_else(|| panic!("{sql}: {refused:?}"));
        assert_eq!((refused.code().code(), refused.constraint()), ("VT001", Some("append_only")), "{sql}");
    }
    client.batch_execute("UPDATE veritrail.hash_anchors SET size = size + 1").await.unwrap();
}
