//! The publisher: what is committed is signed without anybody asking, and what must not be signed stops it.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is not as it must be")]

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use veritrail_core::{AuditLogEntry, LogName};
use veritrail_merkle::checkpoint;
use veritrail_store_pg::{
    Applying, CommitSignal, FileSigner, GroupCommit, GroupLimits, LogStatus, Outcome, Publisher,
    PublisherSettings, PublisherState,
};
use veritrail_tests::database::TestDatabase;
use veritrail_tests::sample::{individuals, signer, store, submit, submitter};

/// Long enough for any step of a test, and far from what it waits for.
const PATIENCE: Duration = Duration::from_secs(60);

fn every(interval: Duration) -> PublisherSettings {
    PublisherSettings { interval, logs: vec![LogName::Events] }
}

async fn until(
    state: &mut watch::Receiver<PublisherState>,
    is_so: impl FnMut(&PublisherState) -> bool,
) -> PublisherState {
    let reached = tokio::time::timeout(PATIENCE, state.wait_for(is_so)).await;
    let told = reached.map(|told| told.map(|told| told.clone()));
    told.unwrap_or_else(|_| panic!("not within {PATIENCE:?}: {:?}", state.borrow())).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_commit_is_published_as_it_comes() {
    let (database, folder) = (TestDatabase::create().await, tempfile::tempdir().unwrap());
    let (store, key) = (store(&database, "a"), signer(folder.path()));
    let committed = CommitSignal::default();
    let publisher =
        Publisher::start(std::slice::from_ref(&store), Arc::clone(&key), &every(Duration::ZERO), &committed);
    let group = GroupCommit::start(store.clone(), GroupLimits::default(), committed);
    let mut state = publisher.state();
    for (n, event) in individuals(0, 5).into_iter().enumerate() {
        let answer = group.submit(event, submitter(), Applying::Apply).await.unwrap();
        assert!(matches!(answer, Outcome::Recorded(_)));
        let size = u64::try_from(n + 1).unwrap();
        let told = until(&mut state, |state| state.logs[0].published == size).await;
        assert!(told.is_healthy() && told.logs[0].unpublished() == 0, "{told:?}");
    }
    let report = store.session().await.unwrap().verify(&[key.verifier_key()]).await.unwrap().unwrap();
    assert_eq!((report.checkpoint, report.findings), (Some(5), Vec::new()));
    let last = publisher.stop().await;
    assert!(!last.is_running);
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_between_two_checkpoints_are_one_and_a_stop_publishes_what_is_pending() {
    let (database, folder) = (TestDatabase::create().await, tempfile::tempdir().unwrap());
    let (store, key) = (store(&database, "a"), signer(folder.path()));
    let hourly = every(Duration::from_secs(3_600));
    let publisher =
        Publisher::start(std::slice::from_ref(&store), Arc::clone(&key), &hourly, &CommitSignal::default());
    let mut session = store.session().await.unwrap();
    for n in 0..20 {
        submit(&mut session, &individuals(n, 1)).await;
    }
    let last = publisher.stop().await;
    assert_eq!((last.is_running, last.logs[0].published, last.logs[0].unpublished_since), (false, 20, None));
    let client = database.connect().await;
    let sql = "SELECT count(*) FROM veritrail.checkpoints";
    let checkpoints: i64 = client.query_one(sql, &[]).await.unwrap().get(0);
    // The first look may have come before, between or behind the commits.
    assert!((1..=2).contains(&checkpoints), "{checkpoints} checkpoints");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_is_published_too_once_there_is_one() {
    let (database, folder) = (TestDatabase::create().await, tempfile::tempdir().unwrap());
    let (store, key) = (store(&database, "a"), signer(folder.path()));
    let settings = PublisherSettings { interval: Duration::from_millis(20), ..PublisherSettings::default() };
    let publisher =
        Publisher::start(std::slice::from_ref(&store), Arc::clone(&key), &settings, &CommitSignal::default());
    let mut session = store.session().await.unwrap();
    submit(&mut session, &individuals(0, 3)).await;
    let mut state = publisher.state();
    until(&mut state, |state| state.logs[0].published == 3).await;
    for n in 1..=2 {
        let text = format!(
            r#"{{"guid":"a-{n}","timestamp":"2026-03-01T12:00:00Z","userId":"ana","action":"login","changes":{{}}}}"#
        );
        let entry = AuditLogEntry::parse(&text).unwrap();
        session.save_audit_log(&[entry], &submitter()).await.unwrap();
        until(&mut state, |state| state.logs[1].published == n).await;
    }
    let note = session.checkpoint_of(LogName::Audit).await.unwrap().unwrap();
    let (checkpoint, _) = checkpoint::open(&note, &[key.verifier_key()]).map(|(c, k)| (c, k.len())).unwrap();
    assert_eq!(checkpoint.size, 2);
    assert!(publisher.stop().await.logs.iter().all(|log| log.status == LogStatus::Following));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_fails_is_asked_again_and_the_backlog_is_told() {
    let (database, folder) = (TestDatabase::create().await, tempfile::tempdir().unwrap());
    let (store, key) = (store(&database, "a"), signer(folder.path()));
    submit(&mut store.session().await.unwrap(), &individuals(0, 3)).await;
    let client = database.connect().await;
    let refuse = "ALTER TABLE veritrail.checkpoints ADD CONSTRAINT no CHECK (size > 99)";
    client.batch_execute(refuse).await.unwrap();
    let soon = every(Duration::from_millis(20));
    let publisher = Publisher::start(std::slice::from_ref(&store), key, &soon, &CommitSignal::default());
    let mut state = publisher.state();
    let failing = |state: &PublisherState| matches!(state.logs[0].status, LogStatus::Failing { failures, .. } if failures > 1);
    let told = until(&mut state, failing).await;
    assert_eq!((told.is_healthy(), told.logs[0].unpublished()), (false, 3));
    let first = store.session().await.unwrap().tree_head().await.unwrap().unwrap().recorded_at;
    assert_eq!(told.logs[0].unpublished_since, first);
    client.batch_execute("ALTER TABLE veritrail.checkpoints DROP CONSTRAINT no").await.unwrap();
    let told = until(&mut state, PublisherState::is_healthy).await;
    assert_eq!((told.logs[0].published, told.logs[0].unpublished_since), (3, None));
    publisher.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_contradicts_what_was_signed_stops_alone() {
    let (database, folder) = (TestDatabase::create().await, tempfile::tempdir().unwrap());
    let (forged, honest) = (store(&database, "a"), store(&database, "b"));
    let key = signer(folder.path());
    for store in [&forged, &honest] {
        submit(&mut store.session().await.unwrap(), &individuals(0, 5)).await;
    }
    let soon = every(Duration::from_millis(20));
    let both = [forged.clone(), honest.clone()];
    let publisher = Publisher::start(&both, key, &soon, &CommitSignal::default());
    let mut state = publisher.state();
    until(&mut state, |state| state.logs.iter().all(|log| log.published == 5)).await;
    let forge = ["checkpoints", "tree_heads", "events", "entities"]
        .map(|table| format!("DELETE FROM veritrail.{table} WHERE tenant_id = 'a';"))
        .concat();
    let forge = format!("SET session_replication_role = replica; BEGIN; {forge} COMMIT");
    database.connect().await.batch_execute(&forge).await.unwrap();
    submit(&mut forged.session().await.unwrap(), &individuals(50, 6)).await;
    let is_stopped = |state: &PublisherState| matches!(state.logs[0].status, LogStatus::Stopped { .. });
    let told = until(&mut state, is_stopped).await;
    let LogStatus::Stopped { error } = &told.logs[0].status else { panic!("{told:?}") };
    assert!(error.contains("does not continue the signed one of size 5"), "{error}");
    assert!(!told.is_healthy());
    submit(&mut honest.session().await.unwrap(), &individuals(5, 5)).await;
    until(&mut state, |state| state.logs[1].published == 10).await;
    let last = publisher.stop().await;
    assert!(matches!(last.logs[0].status, LogStatus::Stopped { .. }), "{last:?}");
    let checkpoint = forged.session().await.unwrap().checkpoint().await.unwrap();
    assert_eq!(checkpoint, None, "nothing was signed of the other history");
}

/// As two processes would: each opens the key file for itself.
#[tokio::test(flavor = "multi_thread")]
async fn publishers_with_one_key_take_turns() {
    let (database, folder) = (TestDatabase::create().await, tempfile::tempdir().unwrap());
    let (store, key) = (store(&database, "a"), signer(folder.path()));
    let soon = every(Duration::from_millis(1));
    let publishers: Vec<Publisher> = (0..3)
        .map(|_| {
            let own = Arc::new(FileSigner::open(&folder.path().join("key")).unwrap());
            Publisher::start(std::slice::from_ref(&store), own, &soon, &CommitSignal::default())
        })
        .collect();
    let mut session = store.session().await.unwrap();
    for n in 0..30 {
        submit(&mut session, &individuals(n, 1)).await;
    }
    for publisher in publishers {
        let last = publisher.stop().await;
        assert_eq!((last.logs[0].published, &last.logs[0].status), (30, &LogStatus::Following));
    }
    let report = session.verify(&[key.verifier_key()]).await.unwrap().unwrap();
    assert_eq!((report.checkpoint, report.findings), (Some(30), Vec::new()));
}
