//! Group commit: events that are submitted one by one share transactions, and nobody pays for another one's event.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is not as it must be")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio_postgres::Client;
use veritrail_core::{FormSubmission, Receipt, Subject, TenantId};
use veritrail_store_pg::deadpool::managed::{Hook, HookError};
use veritrail_store_pg::diesel_async::AsyncPgConnection;
use veritrail_store_pg::diesel_async::pooled_connection::AsyncDieselConnectionManager;
use veritrail_store_pg::{
    Applying, CommitSignal, GroupCommit, GroupError, GroupLimits, Outcome, PgEventStore, PgPool, Rejection,
};
use veritrail_tests::database::TestDatabase;
use veritrail_tests::sample::{event, event_guid, individuals, store, submit, submitter};

type Answer = Result<Outcome, GroupError>;

/// Long enough for any step of a test, and far from what it waits for.
const PATIENCE: Duration = Duration::from_secs(60);

fn start(store: &PgEventStore, limits: GroupLimits) -> GroupCommit {
    GroupCommit::start(store.clone(), limits, CommitSignal::default())
}

fn individual(n: usize) -> FormSubmission {
    individuals(n, 1).remove(0)
}

/// Submits in a task of its own.
fn spawn(group: &GroupCommit, event: FormSubmission) -> JoinHandle<Answer> {
    let group = group.clone();
    tokio::spawn(async move { group.submit(event, submitter(), Applying::Apply).await })
}

fn receipt(answer: Answer) -> Receipt {
    match answer.unwrap() {
        Outcome::Recorded(receipt) => receipt,
        Outcome::Rejected(rejection) => panic!("{rejection}"),
    }
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < deadline, "{what} within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Makes a tenant's log and keeps everybody from appending to it until the client is dropped or rolls back.
async fn hold(database: &TestDatabase, store: &PgEventStore) -> Client {
    submit(&mut store.session().await.unwrap(), &[individual(999_999)]).await;
    let client = database.connect().await;
    let lock =
        format!("BEGIN; SELECT 1 FROM veritrail.logs WHERE tenant_id = '{}' FOR UPDATE", store.tenant());
    client.batch_execute(&lock).await.unwrap();
    client
}

/// A group whose lane is busy with a first event, which waits for the log's lock.
async fn occupied(group: &GroupCommit, database: &TestDatabase) -> JoinHandle<Answer> {
    let first = spawn(group, individual(0));
    let client = database.connect().await;
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    until("the first event waits for the lock", async || count(&client, sql).await == 1).await;
    first
}

async fn count(client: &Client, sql: &str) -> i64 {
    client.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_submitters_share_transactions_and_each_is_told_of_its_own_event() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let group = start(&store, GroupLimits::default());
    let tasks: Vec<_> = (0..64)
        .map(|who| {
            let group = group.clone();
            tokio::spawn(async move {
                let mut receipts = Vec::new();
                for round in 0..10 {
                    let subject = Subject::new(format!("device-{who}")).unwrap();
                    let event = individual(who * 100 + round);
                    let answer = group.submit(event.clone(), subject, Applying::Apply).await;
                    let receipt = receipt(answer);
                    assert_eq!((&receipt.guid, receipt.repeated), (&event.guid, false));
                    receipts.push(receipt);
                }
                assert!(receipts.is_sorted_by_key(|receipt| receipt.position), "in the submitter's order");
                receipts
            })
        })
        .collect();
    let mut positions = BTreeSet::new();
    for task in tasks {
        positions.extend(task.await.unwrap().iter().map(|receipt| receipt.position.0));
    }
    assert_eq!((positions.len(), positions.last()), (640, Some(&639)));
    let mut session = store.session().await.unwrap();
    let report = session.verify(&[]).await.unwrap().unwrap();
    assert_eq!((report.size, report.findings), (640, Vec::new()));
    for who in [0, 17, 63] {
        let stored = session.event(&event_guid(&format!("e{}", who * 100))).await.unwrap().unwrap();
        assert_eq!(stored.submitted_by.as_str(), format!("device-{who}"));
    }
    let client = database.connect().await;
    let batches = count(&client, "SELECT count(*) FROM veritrail.tree_heads").await;
    assert!(batches < 640 / 4, "{batches} transactions for 640 events");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_submits_alone_waits_for_nobody() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let group = start(&store, GroupLimits { linger: PATIENCE, ..GroupLimits::default() });
    let begin = Instant::now();
    for n in 0..5 {
        receipt(group.submit(individual(n), submitter(), Applying::Apply).await);
    }
    group.close().await;
    assert!(begin.elapsed() < PATIENCE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_event_fails_alone() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let holder = hold(&database, &store).await;
    let poison = "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS \
                  $$ BEGIN IF NEW.guid LIKE 'poison%' THEN RAISE 'no'; END IF; RETURN NEW; END $$; \
                  CREATE TRIGGER poison BEFORE INSERT ON veritrail.events FOR EACH ROW EXECUTE FUNCTION poison()";
    database.connect().await.batch_execute(poison).await.unwrap();
    let group = start(&store, GroupLimits::default());
    let first = occupied(&group, &database).await;
    let good: Vec<_> = (1..40).map(|n| spawn(&group, individual(n))).collect();
    let poisoned =
        ["poison-1", "poison-2"].map(|guid| spawn(&group, event(guid, "create-individual", guid, "{}")));
    let absent = spawn(&group, event("x", "update-individual", "nobody", "{}"));
    let conflict = spawn(&group, event("e999999", "create-individual", "p1", r#"{"other":1}"#));
    until("all wait", async || group.queued() == 43).await;
    holder.batch_execute("ROLLBACK").await.unwrap();

    receipt(first.await.unwrap());
    for task in good {
        receipt(task.await.unwrap());
    }
    for task in poisoned {
        let answer = task.await.unwrap();
        assert!(matches!(answer, Err(GroupError::Submit(_))), "{answer:?}");
    }
    let rejected = |answer: Answer| match answer {
        Ok(Outcome::Rejected(rejection)) => rejection,
        other => panic!("{other:?}"),
    };
    assert!(matches!(rejected(absent.await.unwrap()), Rejection::DoesNotApply(_)));
    assert!(matches!(rejected(conflict.await.unwrap()), Rejection::Conflict { .. }));
    let report = store.session().await.unwrap().verify(&[]).await.unwrap().unwrap();
    assert_eq!((report.size, report.findings), (41, Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_and_other_tenants_go_on() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let holder = hold(&database, &store).await;
    let group = start(&store, GroupLimits { queued_of_tenant: 4, ..GroupLimits::default() });
    let first = occupied(&group, &database).await;
    let waiting: Vec<_> = (1..5).map(|n| spawn(&group, individual(n))).collect();
    until("all wait", async || group.queued() == 4).await;
    let refused = group.submit(individual(5), submitter(), Applying::Apply).await;
    assert!(matches!(refused, Err(GroupError::Overloaded { queued: 4, .. })), "{refused:?}");
    let other = TenantId::new("b").unwrap();
    receipt(group.submit_for(&other, individual(5), submitter(), Applying::Apply).await);

    holder.batch_execute("ROLLBACK").await.unwrap();
    receipt(first.await.unwrap());
    for task in waiting {
        receipt(task.await.unwrap());
    }
    let mut session = store.session().await.unwrap();
    assert!(session.event(&event_guid("e5")).await.unwrap().is_none(), "what is refused is not stored");
    receipt(group.submit(individual(5), submitter(), Applying::Apply).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_waited_too_long_is_told_whether_the_event_was_begun() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let holder = hold(&database, &store).await;
    let wait = Duration::from_millis(300);
    let group = start(&store, GroupLimits { wait, ..GroupLimits::default() });
    let first = occupied(&group, &database).await;
    let second = spawn(&group, individual(1));
    let (first, second) = (first.await.unwrap(), second.await.unwrap());
    assert!(matches!(first, Err(GroupError::NoOutcome(after)) if after == wait), "{first:?}");
    assert!(matches!(second, Err(GroupError::NotBegun(after)) if after == wait), "{second:?}");
    assert_eq!(group.queued(), 0);
    holder.batch_execute("ROLLBACK").await.unwrap();
    group.close().await;
    let mut session = store.session().await.unwrap();
    assert!(session.event(&event_guid("e0")).await.unwrap().is_some(), "it was begun");
    assert!(session.event(&event_guid("e1")).await.unwrap().is_none(), "it was taken back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submitter_that_goes_takes_its_own_event_along_and_no_other() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let holder = hold(&database, &store).await;
    let group = start(&store, GroupLimits::default());
    let first = occupied(&group, &database).await;
    let waiting: Vec<_> = (1..10).map(|n| spawn(&group, individual(n))).collect();
    until("all wait", async || group.queued() == 9).await;
    for task in waiting.iter().step_by(3) {
        task.abort();
    }
    first.abort();
    until("those that went have left the queue", async || group.queued() == 6).await;
    holder.batch_execute("ROLLBACK").await.unwrap();
    for (n, task) in waiting.into_iter().enumerate() {
        match task.await {
            Ok(answer) => drop(receipt(answer)),
            Err(aborted) => assert!(aborted.is_cancelled() && n % 3 == 0),
        }
    }
    group.close().await;
    let mut session = store.session().await.unwrap();
    for n in 0..10 {
        let is_stored = session.event(&event_guid(&format!("e{n}"))).await.unwrap().is_some();
        assert_eq!(is_stored, n == 0 || (n - 1) % 3 != 0, "e{n}");
    }
    let report = session.verify(&[]).await.unwrap().unwrap();
    assert_eq!((report.size, report.findings), (8, Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_finishes_what_was_taken_and_takes_no_more() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let holder = hold(&database, &store).await;
    let group = start(&store, GroupLimits { batch: 7, ..GroupLimits::default() });
    let first = occupied(&group, &database).await;
    let waiting: Vec<_> = (1..50).map(|n| spawn(&group, individual(n))).collect();
    until("all wait", async || group.queued() == 49).await;
    let closing = tokio::spawn({
        let group = group.clone();
        async move { group.close().await }
    });
    until("it is closed", async || {
        let late = group.submit(individual(100), submitter(), Applying::Apply);
        match tokio::time::timeout(Duration::from_millis(1), late).await {
            Ok(answer) => matches!(answer, Err(GroupError::Closed)),
            Err(_) => false,
        }
    })
    .await;
    assert!(!closing.is_finished(), "there is work left");
    holder.batch_execute("ROLLBACK").await.unwrap();
    closing.await.unwrap();
    receipt(first.await.unwrap());
    for task in waiting {
        receipt(task.await.unwrap());
    }
    assert_eq!(group.queued(), 0);
    group.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn backends_that_are_terminated_under_load_lose_and_repeat_nothing() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let group = start(&store, GroupLimits::default());
    let is_over = Arc::new(AtomicBool::new(false));
    let killer = tokio::spawn({
        let (client, is_over) = (database.connect().await, Arc::clone(&is_over));
        async move {
            let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                       WHERE datname = current_database() AND pid <> pg_backend_pid()";
            let mut killed = 0;
            while !is_over.load(Ordering::Relaxed) {
                killed += count(&client, sql).await;
                tokio::time::sleep(Duration::from_millis(120)).await;
            }
            killed
        }
    });
    let tasks: Vec<_> = (0..16)
        .map(|who| {
            let group = group.clone();
            tokio::spawn(async move {
                let mut receipts = Vec::new();
                for n in 0..40 {
                    let event = individual(who * 100 + n);
                    // Whoever is told nothing certain submits again, as the errors say.
                    let receipt = loop {
                        match group.submit(event.clone(), submitter(), Applying::Apply).await {
                            Err(GroupError::Submit(_)) => {}
                            answer => break receipt(answer),
                        }
                    };
                    receipts.push(receipt);
                }
                receipts
            })
        })
        .collect();
    let mut told = BTreeSet::new();
    for task in tasks {
        told.extend(task.await.unwrap().into_iter().map(|receipt| (receipt.position.0, receipt.guid)));
    }
    is_over.store(true, Ordering::Relaxed);
    assert!(killer.await.unwrap() > 3, "connections were terminated");
    let mut session = store.session().await.unwrap();
    let report = session.verify(&[]).await.unwrap().unwrap();
    assert_eq!((report.size, report.findings), (640, Vec::new()));
    assert_eq!(told.len(), 640);
    for (position, guid) in told {
        assert_eq!(session.event(&guid).await.unwrap().unwrap().position.0, position);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_told_and_the_next_event_is_stored() {
    let database = TestDatabase::create().await;
    let manager = AsyncDieselConnectionManager::<AsyncPgConnection>::new(database.url());
    let is_bad = Arc::new(AtomicBool::new(true));
    let hook = Hook::sync_fn({
        let is_bad = Arc::clone(&is_bad);
        move |_: &mut AsyncPgConnection, _| {
            assert!(!is_bad.load(Ordering::Relaxed), "the application's own hook panics");
            Ok::<(), HookError<_>>(())
        }
    });
    let pool: PgPool = PgPool::builder(manager).post_create(hook).build().unwrap();
    let group = start(&PgEventStore::from_pool(pool), GroupLimits::default());
    let told = group.submit(individual(0), submitter(), Applying::Apply).await;
    assert!(matches!(told, Err(GroupError::Panicked)), "{told:?}");
    is_bad.store(false, Ordering::Relaxed);
    receipt(group.submit(individual(0), submitter(), Applying::Apply).await);
    group.close().await;
}
