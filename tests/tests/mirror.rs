//! Replicas: page by page to the same root, and no page that does not fold to a trusted checkpoint.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is not as it must be")]

use std::sync::Arc;

use veritrail_store_pg::{
    AppendError, Applying, FileSigner, HistoryError, IntegrityError, MirrorError, MirrorLimits, PgEventStore,
    ProveError, PublishError, SubmitError, WithoutMemory,
};
use veritrail_sync::PageError;
use veritrail_tests::database::TestDatabase;
use veritrail_tests::sample::{entity_guid, event_guid, individuals, signer, store, submit, submitter};

const ALL: MirrorLimits = MirrorLimits { page: 100, pages: u64::MAX };

struct Pair {
    origin: TestDatabase,
    replica: TestDatabase,
    _folder: tempfile::TempDir,
    signer: Arc<FileSigner>,
}

impl Pair {
    /// An origin with `count` published events, and an empty database.
    async fn with(count: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let signer = signer(folder.path());
        let pair = Self {
            origin: TestDatabase::create().await,
            replica: TestDatabase::create().await,
            _folder: folder,
            signer,
        };
        pair.grow(0, count).await;
        pair
    }

    async fn grow(&self, first: usize, count: usize) {
        let store = self.origin();
        let mut session = store.session().await.unwrap();
        submit(&mut session, &individuals(first, count)).await;
        session.publish(&self.signer, WithoutMemory::Refuse).await.unwrap();
    }

    fn origin(&self) -> PgEventStore {
        store(&self.origin, "a")
    }

    async fn mirror(&self, limits: MirrorLimits) -> Result<veritrail_store_pg::Mirrored, MirrorError> {
        let (origin, replica) = (self.origin(), store(&self.replica, "copy"));
        let mut from = origin.session().await.unwrap();
        let mut to = replica.session().await.unwrap();
        to.mirror(&mut from, &[self.signer.verifier_key()], limits, |_, _| {}).await
    }

    async fn tamper(&self, sql: &str) {
        let client = self.origin.connect().await;
        client.batch_execute(&format!("SET session_replication_role = replica; {sql}")).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_ends_with_its_origins_root_and_goes_on_where_it_stopped() {
    let pair = Pair::with(700).await;
    let first = pair.mirror(MirrorLimits { page: 100, pages: 3 }).await.unwrap();
    assert_eq!((first.size, first.events, first.is_complete), (300, 300, false));
    let rest = pair.mirror(ALL).await.unwrap();
    assert_eq!((rest.size, rest.events, rest.is_complete), (700, 400, true));
    pair.grow(700, 50).await;
    let later = pair.mirror(ALL).await.unwrap();
    assert_eq!((later.pages, later.events), (1, 50));

    let (origin, replica) = (pair.origin(), store(&pair.replica, "copy"));
    let mut at_origin = origin.session().await.unwrap();
    let mut at_replica = replica.session().await.unwrap();
    let keys = [pair.signer.verifier_key()];
    let here = at_replica.verify(&keys).await.unwrap().unwrap();
    let there = at_origin.verify(&keys).await.unwrap().unwrap();
    assert_eq!((here.root, here.log_id, here.checkpoint), (there.root, there.log_id, Some(750)));
    assert!(here.is_true() && there.is_true());
    let bundle = at_replica.prove(&event_guid("e123")).await.unwrap().unwrap();
    assert_eq!(bundle, at_origin.prove(&event_guid("e123")).await.unwrap().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_refuses_appends_and_signatures() {
    let pair = Pair::with(10).await;
    pair.mirror(ALL).await.unwrap();
    let replica = store(&pair.replica, "copy");
    let mut session = replica.session().await.unwrap();
    let refused = session.submit(&individuals(100, 1), &submitter(), Applying::Apply).await;
    assert!(matches!(refused, Err(SubmitError::Append(AppendError::Replica))), "{refused:?}");
    let refused = session.publish(&pair.signer, WithoutMemory::Adopt).await;
    assert!(matches!(refused, Err(PublishError::Replica)), "{refused:?}");
    let refused = session.timeline(&entity_guid("p1")).await;
    assert!(matches!(refused, Err(HistoryError::Replica)), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_was_changed_is_refused_and_the_pages_before_it_stay() {
    let pair = Pair::with(500).await;
    pair.tamper(r#"UPDATE veritrail.events SET data = '{"number":0}' WHERE guid = 'e250'"#).await;
    let refused = pair.mirror(ALL).await;
    assert!(
        matches!(refused, Err(MirrorError::Page(PageError::NotOfThisLog { begin: 200, end: 300, .. }))),
        "{refused:?}"
    );
    let replica = store(&pair.replica, "copy");
    let head = replica.session().await.unwrap().tree_head().await.unwrap().unwrap();
    assert_eq!(head.size().0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_with_a_gap_is_refused() {
    let pair = Pair::with(500).await;
    pair.tamper("DELETE FROM veritrail.events WHERE guid = 'e250'").await;
    let refused = pair.mirror(ALL).await;
    // An origin that lacks an event finds that it cannot prove the page, before the page is looked at.
    assert!(
        matches!(
            refused,
            Err(MirrorError::Prove(ProveError::Integrity(IntegrityError::Proof { size: 500, .. })))
        ),
        "{refused:?}"
    );
    let replica = store(&pair.replica, "copy");
    let head = replica.session().await.unwrap().tree_head().await.unwrap().unwrap();
    assert_eq!(head.size().0, 200);
}

/// Hashes that the origin lies about while the contents are right do not reach the replica.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_page_says_of_hashes_is_not_believed() {
    let pair = Pair::with(100).await;
    pair.tamper("UPDATE veritrail.events SET data_hash = sha256('x') WHERE guid = 'e7'").await;
    pair.mirror(ALL).await.unwrap();
    let replica = store(&pair.replica, "copy");
    let report =
        replica.session().await.unwrap().verify(&[pair.signer.verifier_key()]).await.unwrap().unwrap();
    assert!(report.is_true(), "{:?}", report.findings);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_untrusted_key_is_refused() {
    let pair = Pair::with(10).await;
    let folder = tempfile::tempdir().unwrap();
    let stranger = signer(folder.path());
    let (origin, replica) = (pair.origin(), store(&pair.replica, "copy"));
    let mut from = origin.session().await.unwrap();
    let mut to = replica.session().await.unwrap();
    let refused = to.mirror(&mut from, &[stranger.verifier_key()], ALL, |_, _| {}).await;
    assert!(matches!(refused, Err(MirrorError::Untrusted(_))), "{refused:?}");
    assert!(to.log().await.unwrap().is_none(), "not even the log was made");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_with_a_log_of_its_own_becomes_no_replica() {
    let pair = Pair::with(10).await;
    let own = store(&pair.replica, "copy");
    submit(&mut own.session().await.unwrap(), &individuals(0, 1)).await;
    let refused = pair.mirror(ALL).await;
    assert!(matches!(refused, Err(MirrorError::OtherLog { .. })), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_origin_without_checkpoint_has_nothing_to_believe() {
    let pair = Pair::with(10).await;
    pair.tamper("DELETE FROM veritrail.checkpoints").await;
    let refused = pair.mirror(ALL).await;
    assert!(matches!(refused, Err(MirrorError::NoCheckpoint)), "{refused:?}");
}
