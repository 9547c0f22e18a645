//! Signing: what the signer remembers outside of the database, and what it refuses to sign.

use std::collections::BTreeMap;
use std::sync::Arc;

use diesel_async::{AnsiTransactionManager, AsyncConnection, AsyncPgConnection, TransactionManager};
use veritrail_core::{BundleError, Epoch, ProofBundle};
use veritrail_merkle::checkpoint;
use veritrail_store_pg::diesel_async;
use veritrail_store_pg::{
    AppendError, Applying, FileSigner, Finding, IntegrityError, ProveError, PublishError, Published,
    SubmitError, WithoutMemory,
};
use veritrail_tests::database::TestDatabase;
use veritrail_tests::sample::{event_guid, individuals, signer, store, submit, submitter};

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_head_is_signed_once() {
    let (database, folder) = (TestDatabase::create().await, tempfile::tempdir().unwrap());
    let (store, signer) = (store(&database, "a"), signer(folder.path()));
    let mut session = store.session().await.unwrap();
    let empty = session.publish(&signer, WithoutMemory::Refuse).await;
    assert!(matches!(empty, Err(PublishError::Empty)), "{empty:?}");
    submit(&mut session, &individuals(0, 300)).await;
    let first = session.publish(&signer, WithoutMemory::Refuse).await.unwrap();
    let again = session.publish(&signer, WithoutMemory::Refuse).await.unwrap();
    assert!(first.is_new && !again.is_new);
    assert_eq!(first.note, again.note);
    let keys = [signer.verifier_key()];
    let (opened, _) = checkpoint::open(&first.note, &keys).unwrap();
    assert_eq!((opened.size, opened.root), (300, session.tree_head().await.unwrap().unwrap().root));
    assert!(opened.origin.starts_with("example.org/tests/"), "{}", opened.origin);
    assert!(!opened.origin.contains("/a/"), "no tenant's name stands in an origin");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_is_proved_and_a_changed_bundle_is_not() {
    let (database, folder) = (TestDatabase::create().await, tempfile::tempdir().unwrap());
    let (store, signer) = (store(&database, "a"), signer(folder.path()));
    let mut session = store.session().await.unwrap();
    submit(&mut session, &individuals(0, 200)).await;
    let early = session.prove(&event_guid("e5")).await;
    assert!(matches!(early, Err(ProveError::NotPublished { .. })), "{early:?}");
    submit(&mut session, &individuals(200, 400)).await;
    session.publish(&signer, WithoutMemory::Refuse).await.unwrap();
    // Rows beyond the checkpoint must not disturb proofs for it.
    submit(&mut session, &individuals(600, 100)).await;
    let keys = [signer.verifier_key()];
    for n in [0, 1, 199, 200, 255, 256, 257, 511, 512, 598, 599] {
        let bundle = session.prove(&event_guid(&format!("e{n}"))).await.unwrap().unwrap();
        let checked = ProofBundle::parse(&bundle.to_json()).unwrap().check(&keys).unwrap();
        assert_eq!((checked.tree_size, bundle.position.0), (600, n));
        let mut other = bundle;
        other.recorded_at =
            veritrail_core::Timestamp::from_unix_micros(other.recorded_at.unix_micros() + 1).unwrap();
        assert!(matches!(other.check(&keys), Err(BundleError::NotIncluded { .. })));
    }
    let unpublished = session.prove(&event_guid("e600")).await;
    assert!(matches!(unpublished, Err(ProveError::NotPublished { published: 600, .. })), "{unpublished:?}");
    assert!(session.prove(&event_guid("nobody")).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolled_back_log_is_not_signed_and_neither_is_what_grows_on_it() {
    let (database, folder) = (TestDatabase::create().await, tempfile::tempdir().unwrap());
    let signer = signer(folder.path());
    {
        let store = store(&database, "a");
        submit(&mut store.session().await.unwrap(), &individuals(0, 10)).await;
        store.close();
    }
    let backup = database.duplicate().await;
    let live = store(&database, "a");
    let mut session = live.session().await.unwrap();
    submit(&mut session, &individuals(10, 10)).await;
    session.publish(&signer, WithoutMemory::Refuse).await.unwrap();

    let restored = store(&backup, "a");
    let mut session = restored.session().await.unwrap();
    let refused = session.publish(&signer, WithoutMemory::Refuse).await;
    assert!(matches!(refused, Err(PublishError::RolledBack { head: 10, signed: 20 })), "{refused:?}");
    submit(&mut session, &individuals(100, 10)).await;
    let refused = session.publish(&signer, WithoutMemory::Refuse).await;
    assert!(matches!(refused, Err(PublishError::Forked { head: 20, signed: 20, .. })), "{refused:?}");
    submit(&mut session, &individuals(200, 10)).await;
    let refused = session.publish(&signer, WithoutMemory::Adopt).await;
    assert!(matches!(refused, Err(PublishError::Forked { head: 30, signed: 20, .. })), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signer_without_memory_signs_no_published_log_until_it_adopts() {
    let (database, folder) = (TestDatabase::create().await, tempfile::tempdir().unwrap());
    let (store, key) = (store(&database, "a"), signer(folder.path()));
    let mut session = store.session().await.unwrap();
    submit(&mut session, &individuals(0, 10)).await;
    session.publish(&key, WithoutMemory::Refuse).await.unwrap();
    std::fs::remove_dir_all(folder.path().join("key.memory")).unwrap();
    submit(&mut session, &individuals(10, 10)).await;
    let refused = session.publish(&key, WithoutMemory::Refuse).await;
    assert!(matches!(refused, Err(PublishError::NoMemory { published: 10, .. })), "{refused:?}");

    let stranger = tempfile::tempdir().unwrap();
    let other = signer(stranger.path());
    let refused = session.publish(&other, WithoutMemory::Adopt).await;
    assert!(matches!(refused, Err(PublishError::NotAdoptable { published: 10, .. })), "{refused:?}");

    let published = session.publish(&key, WithoutMemory::Adopt).await.unwrap();
    assert_eq!((published.checkpoint.size, published.is_new), (20, true));
    session.publish(&key, WithoutMemory::Refuse).await.unwrap();
}

/// Whoever can change the database can change the epoch that it says; the signer remembers another one.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_says_another_epoch_is_not_signed() {
    let (database, folder) = (TestDatabase::create().await, tempfile::tempdir().unwrap());
    let (store, key) = (store(&database, "a"), signer(folder.path()));
    let mut session = store.session().await.unwrap();
    submit(&mut session, &individuals(0, 10)).await;
    session.publish(&key, WithoutMemory::Refuse).await.unwrap();
    let client = database.connect().await;
    let forge = "SET session_replication_role = replica; UPDATE veritrail.logs SET epoch = 2; \
                 DELETE FROM veritrail.events; DELETE FROM veritrail.entities;";
    client.batch_execute(forge).await.unwrap();
    submit(&mut session, &individuals(500, 10)).await;
    for memory in [WithoutMemory::Refuse, WithoutMemory::Adopt] {
        let refused = session.publish(&key, memory).await;
        let (found, signed) = (Epoch(2), Epoch(1));
        assert!(
            matches!(refused, Err(PublishError::OtherEpoch { found: f, signed: s }) if (f, s) == (found, signed)),
            "{refused:?}"
        );
    }
    let report = session.verify(&[key.verifier_key()]).await.unwrap().unwrap();
    assert_eq!(report.findings, [Finding::Epoch { found: Epoch(2), other: Epoch(1) }]);

    // Without the checkpoints of the first epoch, and without the memory: a second epoch has no beginning.
    client.batch_execute("DELETE FROM veritrail.checkpoints").await.unwrap();
    std::fs::remove_dir_all(folder.path().join("key.memory")).unwrap();
    let refused = session.publish(&key, WithoutMemory::Refuse).await;
    assert!(matches!(refused, Err(PublishError::NoMemory { published: 0, .. })), "{refused:?}");
    let refused = session.publish(&key, WithoutMemory::Adopt).await;
    assert!(matches!(refused, Err(PublishError::OtherEpoch { .. })), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_a_key_has_the_keys_memory() {
    let (database, folder) = (TestDatabase::create().await, tempfile::tempdir().unwrap());
    let (store, key) = (store(&database, "a"), signer(folder.path()));
    let mut session = store.session().await.unwrap();
    submit(&mut session, &individuals(0, 10)).await;
    session.publish(&key, WithoutMemory::Refuse).await.unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(folder.path().join("key"), &link).unwrap();
    let linked = Arc::new(FileSigner::open(&link).unwrap());
    let client = database.connect().await;
    let forge = "SET session_replication_role = replica; DELETE FROM veritrail.checkpoints; \
                 DELETE FROM veritrail.tree_heads; DELETE FROM veritrail.events; DELETE FROM veritrail.entities;";
    client.batch_execute(forge).await.unwrap();
    submit(&mut session, &individuals(500, 10)).await;
    let refused = session.publish(&linked, WithoutMemory::Refuse).await;
    assert!(matches!(refused, Err(PublishError::Forked { head: 10, signed: 10, .. })), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_whose_row_has_gone_is_evidence_and_not_a_new_log() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let mut session = store.session().await.unwrap();
    submit(&mut session, &individuals(0, 10)).await;
    let client = database.connect().await;
    let refused = client.batch_execute("DELETE FROM veritrail.logs").await.unwrap_err();
    assert_eq!(refused.code().unwrap().code(), "VT001");
    client.batch_execute("SET session_replication_role = replica; DELETE FROM veritrail.logs").await.unwrap();
    let refused = session.submit(&individuals(10, 1), &submitter(), Applying::Apply).await;
    assert!(
        matches!(refused, Err(SubmitError::Append(AppendError::Integrity(IntegrityError::LogRowMissing)))),
        "{refused:?}"
    );
    let report = session.verify(&[]).await.unwrap().expect("there are rows");
    assert_eq!(report.findings, [Finding::LogRowMissing]);
    assert!(session.log().await.unwrap().is_none(), "no log was made");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_signed_inside_a_transaction() {
    let (database, folder) = (TestDatabase::create().await, tempfile::tempdir().unwrap());
    let (store, signer) = (store(&database, "a"), signer(folder.path()));
    let mut connection = AsyncPgConnection::establish(database.url()).await.unwrap();
    AnsiTransactionManager::begin_transaction(&mut connection).await.unwrap();
    let mut session = store.within(&mut connection);
    submit(&mut session, &individuals(0, 1)).await;
    let refused = session.publish(&signer, WithoutMemory::Refuse).await;
    assert!(matches!(refused, Err(PublishError::WithinTransaction)), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn signers_at_the_same_time_sign_one_root_a_size() {
    let (database, folder) = (TestDatabase::create().await, tempfile::tempdir().unwrap());
    let (store, signer) = (store(&database, "a"), signer(folder.path()));
    submit(&mut store.session().await.unwrap(), &individuals(0, 1)).await;
    let tasks: Vec<_> = (0..4usize)
        .map(|task| {
            let (store, key) = (store.clone(), folder.path().join("key"));
            tokio::spawn(async move {
                let signer = Arc::new(FileSigner::open(&key).unwrap());
                let mut session = store.session().await.unwrap();
                let mut published = Vec::new();
                for round in 0..8 {
                    submit(&mut session, &individuals(1_000 * (task + 1) + round, 1)).await;
                    published.push(session.publish(&signer, WithoutMemory::Refuse).await.unwrap());
                }
                published
            })
        })
        .collect();
    // Whoever was answered has a checkpoint in hand, whether the database still has it or not.
    let mut signed = BTreeMap::new();
    let mut answers = 0;
    for task in tasks {
        for Published { checkpoint, .. } in task.await.unwrap() {
            let root = *signed.entry(checkpoint.size).or_insert(checkpoint.root);
            assert_eq!(root, checkpoint.root, "two roots of size {}", checkpoint.size);
            answers += 1;
        }
    }
    assert_eq!((answers, signed.keys().next_back()), (32, Some(&33)));
    let mut session = store.session().await.unwrap();
    let report = session.verify(&[signer.verifier_key()]).await.unwrap().unwrap();
    assert_eq!((report.size, report.checkpoint, report.findings), (33, Some(33), Vec::new()));
}
