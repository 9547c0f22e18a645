//! Every operation dropped at every point at which it waits: nothing is half kept, nothing is held for ever, and what
//! was broken cannot be committed.
//!
//! Not here: processes that are killed (`crash`).

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is not as it must be")]

use std::future::poll_fn;
use std::task::Poll;

use diesel_async::{AsyncConnection, SimpleAsyncConnection};
use veritrail_store_pg::diesel_async::{self, AsyncPgConnection};
use veritrail_store_pg::{AccessError, PgEventStore, Transaction};
use veritrail_tests::database::TestDatabase;
use veritrail_tests::every_operation::{BATCH, Operation, Stage};
use veritrail_tests::sample::{individuals, store, submit};

/// More points than any operation here waits at.
const MOST_POINTS: usize = 1_000;

/// Drops a future that is not ready when it has been asked `times` times.
async fn asked_at_most<F: Future>(times: usize, future: F) -> Option<F::Output> {
    let mut future = Box::pin(future);
    let mut asked = 0;
    poll_fn(|context| {
        asked += 1;
        match future.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending if asked == times => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

struct Scene {
    database: TestDatabase,
    stage: Stage,
    superuser: tokio_postgres::Client,
    probes: usize,
}

impl Scene {
    async fn set() -> Self {
        let database = TestDatabase::create().await;
        let stage = Stage::set(&database).await;
        let superuser = database.connect().await;
        let sql =
            "CREATE TABLE public.own (n bigint); GRANT ALL ON public.own TO PUBLIC; SET lock_timeout = '10s'";
        superuser.batch_execute(sql).await.unwrap();
        Self { database, stage, superuser, probes: 0 }
    }

    async fn connection(&self) -> AsyncPgConnection {
        AsyncPgConnection::establish(&self.database.application_url()).await.unwrap()
    }

    async fn count(&self, what: &str) -> i64 {
        self.superuser.query_one(&format!("SELECT count(*) FROM {what}"), &[]).await.unwrap().get(0)
    }

    /// Nobody holds a log for long, and the batch that was cancelled is there whole or not at all.
    async fn assert_nothing_held_or_halved(&self, what: &str) {
        let locked = "SELECT count(*) FROM (SELECT FROM veritrail.logs FOR UPDATE) AS locked";
        let locked = self.superuser.query_one(locked, &[]).await;
        assert!(locked.is_ok(), "{what}: {locked:?}");
        let last = self.stage.attempts().saturating_sub(1);
        let kept =
            self.count(&format!("veritrail.events WHERE tenant_id = 'a' AND guid LIKE 's{last}-%'")).await;
        assert!([0, i64::try_from(BATCH).unwrap()].contains(&kept), "{what}: {kept} events of a batch");
    }

    /// Appends go on, and the logs are what they say.
    async fn assert_true(&mut self, operation: Operation) {
        self.probes += 1;
        let probe = individuals(1_000_000 + self.probes, 1);
        submit(&mut self.stage.store.session().await.unwrap(), &probe).await;
        for store in [self.stage.store.clone(), self.stage.store_for(operation)] {
            let report = store.session().await.unwrap().verify(&[]).await.unwrap();
            assert_eq!(report.map(|report| report.findings).unwrap_or_default(), [], "{operation:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_connection_of_the_pool() {
    let mut scene = Scene::set().await;
    for operation in Operation::ALL {
        let store = scene.stage.store_for(operation);
        for points in 1..MOST_POINTS {
            let mut session = store.session().await.unwrap();
            let done = asked_at_most(points, scene.stage.perform(operation, &mut session)).await;
            scene.assert_nothing_held_or_halved(&format!("{operation:?} after {points}")).await;
            if let Some(done) = done {
                done.unwrap();
                assert!(points > 1, "{operation:?} waits for the server");
                break;
            }
        }
        scene.assert_true(operation).await;
    }
    let status = scene.stage.store.pool().status();
    assert!(status.available > 0 && status.waiting == 0, "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_connection_of_the_caller_without_a_transaction() {
    let mut scene = Scene::set().await;
    let mut connection = scene.connection().await;
    for operation in Operation::ALL {
        let store = scene.stage.store_for(operation);
        for points in 1..MOST_POINTS {
            let mut session = store.within(&mut connection);
            let done = asked_at_most(points, scene.stage.perform(operation, &mut session)).await;
            // The connection goes on, and nothing is open on it.
            connection.batch_execute("INSERT INTO public.own VALUES (1)").await.unwrap();
            scene.assert_nothing_held_or_halved(&format!("{operation:?} after {points}")).await;
            assert!(scene.count("public.own").await > 0);
            scene.superuser.batch_execute("TRUNCATE public.own").await.unwrap();
            if done.is_some_and(|done| done.is_ok()) {
                break;
            }
            assert!(points + 1 < MOST_POINTS);
        }
        scene.assert_true(operation).await;
    }
}

/// Dropped while it waits for its origin, between its pages, a mirror leaves the caller's transaction as it is.
fn waits_elsewhere(operation: Operation) -> bool {
    operation == Operation::Mirror
}

/// Publishing is refused where it may roll back; everything else is done.
fn assert_done(operation: Operation, done: anyhow::Result<String>) {
    match done {
        Ok(_) => assert_ne!(operation, Operation::Publish),
        Err(error) => assert_eq!(
            (operation, error.to_string().as_str()),
            (Operation::Publish, "a checkpoint cannot be published inside a transaction")
        ),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_transaction_of_diesels() {
    let mut scene = Scene::set().await;
    for operation in Operation::ALL {
        let store = scene.stage.store_for(operation);
        for points in 1..MOST_POINTS {
            let mut connection = scene.connection().await;
            let stage = &scene.stage;
            let mut done = None;
            let committed: anyhow::Result<()> = connection
                .transaction(async |connection| {
                    connection.batch_execute("INSERT INTO public.own VALUES (1)").await?;
                    let mut session = store.within(connection);
                    done = asked_at_most(points, stage.perform(operation, &mut session)).await;
                    Ok(())
                })
                .await;
            // The connection is still there: what it held is free all the same.
            scene.assert_nothing_held_or_halved(&format!("{operation:?} after {points}")).await;
            let goes_on = done.is_some() || waits_elsewhere(operation) && committed.is_ok();
            assert_eq!(committed.is_ok(), goes_on, "{operation:?} after {points}: {committed:?}");
            assert_eq!(scene.count("public.own").await, i64::from(goes_on), "{operation:?} after {points}");
            scene.superuser.batch_execute("TRUNCATE public.own").await.unwrap();
            if let Some(done) = done {
                assert_done(operation, done);
                break;
            }
        }
        scene.assert_true(operation).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_begin_that_was_sent_as_text() {
    let mut scene = Scene::set().await;
    let mut connection = scene.connection().await;
    for operation in Operation::ALL {
        let store = scene.stage.store_for(operation);
        for points in 1..MOST_POINTS {
            connection.batch_execute("BEGIN; INSERT INTO public.own VALUES (1)").await.unwrap();
            let mut session = store.within(&mut connection);
            let done = asked_at_most(points, scene.stage.perform(operation, &mut session)).await;
            let goes_on = connection.batch_execute("SELECT").await.is_ok();
            if !waits_elsewhere(operation) {
                assert_eq!(goes_on, done.is_some(), "{operation:?} after {points}");
            }
            connection.batch_execute("COMMIT").await.unwrap();
            scene.assert_nothing_held_or_halved(&format!("{operation:?} after {points}")).await;
            assert_eq!(scene.count("public.own").await, i64::from(goes_on), "{operation:?} after {points}");
            scene.superuser.batch_execute("TRUNCATE public.own").await.unwrap();
            if let Some(done) = done {
                assert_done(operation, done);
                break;
            }
        }
        scene.assert_true(operation).await;
    }
}

async fn both(store: &PgEventStore, scene: &Scene) -> Result<(), AccessError> {
    store
        .transaction(async |tx: &mut Transaction<'_>| {
            tx.connection().batch_execute("INSERT INTO public.own VALUES (1)").await?;
            let stage = &scene.stage;
            tx.savepoint(async |nested: &mut Transaction<'_>| {
                stage.perform(Operation::Submit, nested).await.unwrap();
                Ok::<(), AccessError>(())
            })
            .await?;
            tx.tree_head().await?;
            Ok(())
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_transaction_of_the_stores() {
    let mut scene = Scene::set().await;
    let store = scene.stage.store.clone();
    for points in 1..MOST_POINTS {
        let done = asked_at_most(points, both(&store, &scene)).await;
        scene.assert_nothing_held_or_halved(&format!("after {points}")).await;
        if let Some(done) = done {
            done.unwrap();
            break;
        }
        // Cancelled while it was being committed it may have been, and then it was as a whole.
        let last = scene.stage.attempts().saturating_sub(1);
        let kept =
            scene.count(&format!("veritrail.events WHERE tenant_id = 'a' AND guid LIKE 's{last}-%'")).await;
        assert_eq!(scene.count("public.own").await > 0, kept > 0, "after {points}");
        scene.superuser.batch_execute("TRUNCATE public.own").await.unwrap();
    }
    assert_eq!(scene.count("public.own").await, 1);
    scene.assert_true(Operation::Submit).await;
}

/// A savepoint that is dropped leaves Diesel believing that it is still in it.
#[tokio::test(flavor = "multi_thread")]
async fn an_operation_or_savepoint_in_a_transaction_of_the_stores() {
    let scene = Scene::set().await;
    let store = store(&scene.database, "a");
    for points in 1..MOST_POINTS {
        let stage = &scene.stage;
        let mut done = None;
        let committed: Result<(), AccessError> = store
            .transaction(async |tx| {
                tx.connection().batch_execute("INSERT INTO public.own VALUES (1)").await?;
                let work = tx.savepoint(async |nested: &mut Transaction<'_>| {
                    stage.perform(Operation::Submit, nested).await.unwrap();
                    Ok::<(), AccessError>(())
                });
                done = asked_at_most(points, work).await;
                Ok(())
            })
            .await;
        scene.assert_nothing_held_or_halved(&format!("after {points}")).await;
        assert_eq!(scene.count("public.own").await, i64::from(done.is_some()), "after {points}");
        if let Some(done) = done {
            done.unwrap();
            committed.unwrap();
            break;
        }
        assert!(matches!(committed, Err(AccessError::TransactionBroken)), "after {points}: {committed:?}");
    }
}
