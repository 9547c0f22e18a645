//! Operations in a transaction of the caller's: they take part in it, whoever began it and how, and leave it as it was.
//!
//! Not here: operations that are dropped (`cancellation`).

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is not as it must be")]

use std::time::Duration;

use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::{AsyncConnection, SimpleAsyncConnection};
use veritrail_core::Position;
use veritrail_store_pg::diesel_async::{self, AsyncPgConnection};
use veritrail_store_pg::{
    AccessError, AppendError, Applying, PgEventStore, PgPool, PublishError, SubmitError, Transaction,
    TransactionLimits, WithoutMemory,
};
use veritrail_tests::database::TestDatabase;
use veritrail_tests::every_operation::{Operation, Stage};
use veritrail_tests::sample::{event_guid, individuals, receipts, signer, store, submit, submitter};

async fn count(database: &TestDatabase, what: &str) -> i64 {
    let client = database.connect().await;
    client.query_one(&format!("SELECT count(*) FROM {what}"), &[]).await.unwrap().get(0)
}

async fn own_table(database: &TestDatabase) {
    let sql = "CREATE TABLE public.own (n bigint); GRANT ALL ON public.own TO PUBLIC";
    database.connect().await.batch_execute(sql).await.unwrap();
}

async fn connection(database: &TestDatabase) -> AsyncPgConnection {
    AsyncPgConnection::establish(&database.application_url()).await.unwrap()
}

fn pool(database: &TestDatabase, size: usize) -> PgPool {
    let manager = AsyncDieselConnectionManager::<AsyncPgConnection>::new(database.application_url());
    PgPool::builder(manager).max_size(size).build().unwrap()
}

/// What a caller's own work may fail with.
#[derive(Debug, thiserror::Error)]
enum VisitError {
    #[error(transparent)]
    Submit(#[from] SubmitError),
    #[error(transparent)]
    Access(#[from] AccessError),
    #[error("the visit is void")]
    Void,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_keeps_all_or_leaves_nothing_not_even_a_hole() {
    let database = TestDatabase::create().await;
    own_table(&database).await;
    let store = store(&database, "a");
    let visit = async |first: usize, void: bool| -> Result<Position, VisitError> {
        store
            .transaction(async |tx: &mut Transaction<'_>| {
                tx.connection()
                    .batch_execute("INSERT INTO public.own VALUES (1)")
                    .await
                    .map_err(AccessError::from)?;
                let submitted = tx.submit(&individuals(first, 2), &submitter(), Applying::Apply).await?;
                // What was appended is there for the operations that follow.
                assert!(tx.event(&event_guid(&format!("e{first}"))).await?.is_some());
                if void { Err(VisitError::Void) } else { Ok(receipts(&submitted)[0].position) }
            })
            .await
    };
    assert_eq!(visit(0, false).await.unwrap(), Position(0));
    assert!(matches!(visit(10, true).await, Err(VisitError::Void)));
    assert_eq!(visit(20, false).await.unwrap(), Position(2));
    assert_eq!((count(&database, "public.own").await, count(&database, "veritrail.events").await), (2, 4));
    let report = store.session().await.unwrap().verify(&[]).await.unwrap().unwrap();
    assert_eq!((report.size, report.findings), (4, Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn savepoints_nest_and_an_undone_one_leaves_the_rest() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let answer: Result<Position, VisitError> = store
        .transaction(async |tx: &mut Transaction<'_>| {
            submit(tx, &individuals(0, 1)).await;
            let inner: Result<(), VisitError> = tx
                .savepoint(async |inner: &mut Transaction<'_>| {
                    submit(inner, &individuals(10, 5)).await;
                    let innermost: Result<(), VisitError> = inner
                        .savepoint(async |innermost: &mut Transaction<'_>| {
                            submit(innermost, &individuals(20, 1)).await;
                            Ok(())
                        })
                        .await;
                    innermost.unwrap();
                    Err(VisitError::Void)
                })
                .await;
            assert!(matches!(inner, Err(VisitError::Void)));
            let last = submit(tx, &individuals(30, 1)).await;
            Ok(receipts(&last)[0].position)
        })
        .await;
    assert_eq!(answer.unwrap(), Position(1));
    let report = store.session().await.unwrap().verify(&[]).await.unwrap().unwrap();
    assert_eq!((report.size, report.findings), (2, Vec::new()));
}

/// The commit of a failed transaction is a rollback that reports no error.
#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_whose_failure_is_overlooked_is_not_reported_as_kept() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let answer: Result<(), AccessError> = store
        .transaction(async |tx: &mut Transaction<'_>| {
            submit(tx, &individuals(0, 1)).await;
            assert!(tx.connection().batch_execute("SELECT 1 / 0").await.is_err());
            Ok(())
        })
        .await;
    assert!(matches!(answer, Err(AccessError::TransactionBroken)), "{answer:?}");
    assert_eq!(count(&database, "veritrail.events").await, 0);
    // A refused operation is undone by itself.
    let answer: Result<(), AccessError> = store
        .transaction(async |tx: &mut Transaction<'_>| {
            let refused = tx.submit(&individuals(0, 10_001), &submitter(), Applying::Apply).await;
            assert!(matches!(refused, Err(SubmitError::BatchTooLarge(_))));
            submit(tx, &individuals(0, 1)).await;
            Ok(())
        })
        .await;
    answer.unwrap();
    assert_eq!(count(&database, "veritrail.events").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_takes_part_and_takes_no_connection_from_the_pool() {
    let database = TestDatabase::create().await;
    let stage = Stage::set(&database).await;
    let small = PgEventStore::from_pool(pool(&database, 1)).with_tenant(stage.store.tenant().clone());
    for operation in Operation::ALL {
        let store = small.clone().with_tenant(stage.store_for(operation).tenant().clone());
        let answer: anyhow::Result<String> = store
            .transaction(async |tx: &mut Transaction<'_>| {
                assert_eq!(small.pool().status().available, 0);
                let inside = stage.perform(operation, tx).await?;
                Ok(inside)
            })
            .await
            .map_err(|error: Failure| error.0);
        match operation {
            Operation::Publish => assert!(answer.is_err()),
            _ => assert!(answer.is_ok(), "{operation:?}: {answer:?}"),
        }
        // What is read inside is what is read outside.
        if !matches!(operation, Operation::Publish | Operation::Submit | Operation::Mirror) {
            let outside = stage.perform(operation, &mut store.session().await.unwrap()).await.unwrap();
            assert_eq!(answer.unwrap(), outside, "{operation:?}");
        }
    }
}

/// Any error at all, in a transaction.
struct Failure(anyhow::Error);

impl From<AccessError> for Failure {
    fn from(error: AccessError) -> Self {
        Self(error.into())
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self(error)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_signed_in_a_transaction_that_may_roll_back() {
    let database = TestDatabase::create().await;
    let folder = tempfile::tempdir().unwrap();
    let signer = signer(folder.path());
    let store = store(&database, "a");
    submit(&mut store.session().await.unwrap(), &individuals(0, 1)).await;
    let refused: Result<(), AccessError> = store
        .transaction(async |tx: &mut Transaction<'_>| {
            let refused = tx.publish(&signer, WithoutMemory::Refuse).await;
            assert!(matches!(refused, Err(PublishError::WithinTransaction)), "{refused:?}");
            Ok(())
        })
        .await;
    refused.unwrap();
    let mut connection = connection(&database).await;
    connection.batch_execute("BEGIN").await.unwrap();
    let refused = store.within(&mut connection).publish(&signer, WithoutMemory::Refuse).await;
    assert!(matches!(refused, Err(PublishError::WithinTransaction)), "{refused:?}");
    connection.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(count(&database, "veritrail.checkpoints").await, 0);
    // Where none is open it is signed, on the caller's connection, too.
    store.within(&mut connection).publish(&signer, WithoutMemory::Refuse).await.unwrap();
    assert_eq!(count(&database, "veritrail.checkpoints").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_transactions_on_two_connections_finish() {
    let database = TestDatabase::create().await;
    own_table(&database).await;
    let store = PgEventStore::from_pool(pool(&database, 2));
    let tasks = (0..100).map(|number| {
        let store = store.clone();
        tokio::spawn(async move {
            let answer: Result<(), VisitError> = store
                .transaction(async |tx: &mut Transaction<'_>| {
                    let sql = format!("INSERT INTO public.own VALUES ({number})");
                    tx.connection().batch_execute(&sql).await.map_err(AccessError::from)?;
                    tx.submit(&individuals(number * 10, 1), &submitter(), Applying::Apply).await?;
                    tx.submit(&individuals(number * 10 + 1, 1), &submitter(), Applying::Apply).await?;
                    if number % 4 == 0 { Err(VisitError::Void) } else { Ok(()) }
                })
                .await;
            assert_eq!(answer.is_err(), number % 4 == 0, "{answer:?}");
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        tokio::time::timeout(Duration::from_secs(60), task).await.expect("no task waits for ever").unwrap();
    }
    assert_eq!(count(&database, "public.own").await, 75);
    let report = store.session().await.unwrap().verify(&[]).await.unwrap().unwrap();
    assert_eq!((report.size, report.findings), (150, Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_isolation_level_of_the_caller_is_served() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    for (round, level) in ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"].into_iter().enumerate() {
        for begin_by_text in [true, false] {
            let first = round * 100 + usize::from(begin_by_text) * 50;
            let mut connection = connection(&database).await;
            if begin_by_text {
                connection.batch_execute(&format!("BEGIN ISOLATION LEVEL {level}")).await.unwrap();
                submit(&mut store.within(&mut connection), &individuals(first, 2)).await;
                submit(&mut store.within(&mut connection), &individuals(first + 2, 1)).await;
                connection.batch_execute("COMMIT").await.unwrap();
            } else {
                let mut builder = connection.build_transaction();
                builder = match level {
                    "READ COMMITTED" => builder.read_committed(),
                    "REPEATABLE READ" => builder.repeatable_read(),
                    _ => builder.serializable(),
                };
                let answer: anyhow::Result<()> = builder
                    .run(async |connection| {
                        submit(&mut store.within(connection), &individuals(first, 2)).await;
                        submit(&mut store.within(connection), &individuals(first + 2, 1)).await;
                        Ok(())
                    })
                    .await;
                answer.unwrap();
            }
        }
    }
    // A snapshot from before another append cannot be appended to, and the caller is told to repeat.
    let mut connection = connection(&database).await;
    connection.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT").await.unwrap();
    assert_eq!(store.within(&mut connection).tree_head().await.unwrap().unwrap().size().0, 18);
    submit(&mut store.session().await.unwrap(), &individuals(900, 1)).await;
    let stale =
        store.within(&mut connection).submit(&individuals(901, 1), &submitter(), Applying::Apply).await;
    let contended = SubmitError::Append(AppendError::Access(AccessError::Contended));
    assert_eq!(stale.unwrap_err().to_string(), contended.to_string());
    connection.batch_execute("ROLLBACK").await.unwrap();
    let report = store.session().await.unwrap().verify(&[]).await.unwrap().unwrap();
    assert_eq!((report.size, report.findings), (19, Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_was_begun_by_a_text_is_taken_part_in() {
    let database = TestDatabase::create().await;
    own_table(&database).await;
    let store = store(&database, "a");
    let mut connection = connection(&database).await;
    for (round, end) in ["ROLLBACK", "COMMIT", "ROLLBACK", "COMMIT"].into_iter().enumerate() {
        connection.batch_execute("BEGIN; INSERT INTO public.own VALUES (1)").await.unwrap();
        for part in 0..2 {
            submit(&mut store.within(&mut connection), &individuals(round * 10 + part, 1)).await;
        }
        connection.batch_execute(end).await.unwrap();
        // And without one, each operation has its own.
        submit(&mut store.within(&mut connection), &individuals(round * 10 + 5, 1)).await;
    }
    assert_eq!((count(&database, "public.own").await, count(&database, "veritrail.events").await), (2, 8));
    let report = store.session().await.unwrap().verify(&[]).await.unwrap().unwrap();
    assert_eq!((report.size, report.findings), (8, Vec::new()));
    // Diesel believes in a transaction that a text has ended: nothing is done outside of it.
    let answer: anyhow::Result<()> = connection
        .transaction(async |connection| {
            connection.batch_execute("COMMIT").await?;
            let refused = store.within(connection).tree_head().await;
            assert!(matches!(refused, Err(AccessError::Database(_))), "{refused:?}");
            Ok(())
        })
        .await;
    answer.unwrap();
}

async fn tenant_set(connection: &mut AsyncPgConnection) -> String {
    use diesel_async::RunQueryDsl;

    let found = "coalesce(current_setting('veritrail.tenant_id', true), '')";
    diesel::select(diesel::dsl::sql::<diesel::sql_types::Text>(found)).get_result(connection).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tenant_that_the_caller_has_set_is_set_again() {
    let database = TestDatabase::create().await;
    let mut connection = connection(&database).await;
    let ours = store(&database, "ours");
    for before in ["", "theirs"] {
        for begin in ["BEGIN", ""] {
            let sql = format!("RESET veritrail.tenant_id; {begin}; SET veritrail.tenant_id = '{before}'");
            connection.batch_execute(&sql).await.unwrap();
            ours.within(&mut connection).tree_head().await.unwrap();
            assert_eq!(tenant_set(&mut connection).await, before, "after reading");
            submit(&mut ours.within(&mut connection), &individuals(0, 1)).await;
            assert_eq!(tenant_set(&mut connection).await, before, "after writing");
            let failed = ours.within(&mut connection).prove(&event_guid("e0")).await;
            assert!(failed.is_err());
            assert_eq!(tenant_set(&mut connection).await, before, "after a failure");
            connection.batch_execute(if begin.is_empty() { "" } else { "ROLLBACK" }).await.unwrap();
        }
    }
    let mut session = ours.session().await.unwrap();
    session.tree_head().await.unwrap();
    drop(session);
    let mut pooled = ours.pool().get().await.unwrap();
    assert_eq!(tenant_set(&mut pooled).await, "", "nothing stays on a connection of the pool");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_stays_locked_is_busy() {
    let database = TestDatabase::create().await;
    let limits =
        TransactionLimits { lock_timeout: Duration::from_millis(100), ..TransactionLimits::default() };
    let store = store(&database, "a").with_limits(limits);
    let holder = database.connect().await;
    let held = [
        // It has no row yet, and somebody is about to make it.
        "BEGIN; INSERT INTO veritrail.logs (tenant_id, log) VALUES ('a', 'events')",
        "COMMIT; BEGIN; SELECT * FROM veritrail.logs FOR NO KEY UPDATE",
    ];
    let mut connection = connection(&database).await;
    for hold in held {
        holder.batch_execute(hold).await.unwrap();
        let mut session = store.session().await.unwrap();
        let busy = session.submit(&individuals(0, 1), &submitter(), Applying::Apply).await;
        assert!(is_busy(&busy), "{busy:?}");
        // The session goes on, and what only reads does not wait.
        assert_eq!(session.tree_head().await.unwrap().map_or(0, |head| head.size().0), 0);
        // In the caller's transaction it is the caller's limit that counts, and the transaction goes on.
        connection.batch_execute("BEGIN; SET LOCAL lock_timeout = '50ms'").await.unwrap();
        let mut session = store.within(&mut connection);
        let busy = session.submit(&individuals(0, 1), &submitter(), Applying::Apply).await;
        assert!(is_busy(&busy), "{busy:?}");
        session.tree_head().await.unwrap();
        connection.batch_execute("COMMIT").await.unwrap();
    }
    holder.batch_execute("COMMIT").await.unwrap();
    submit(&mut store.session().await.unwrap(), &individuals(0, 1)).await;
}

fn is_busy<T>(answer: &Result<T, SubmitError>) -> bool {
    match answer {
        Err(SubmitError::Append(AppendError::Access(AccessError::LogBusy { tenant, log }))) => {
            (tenant.as_str(), log.as_str()) == ("a", "events")
        }
        _ => false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_those_of_the_stores_own_transactions() {
    use diesel_async::RunQueryDsl;

    let database = TestDatabase::create().await;
    let shown =
        "current_setting('lock_timeout') || ' ' || current_setting('idle_in_transaction_session_timeout')";
    let limits = TransactionLimits {
        lock_timeout: Duration::from_millis(1_234),
        idle_timeout: Duration::from_micros(2_500_000),
    };
    let cases = [(TransactionLimits::default(), "10s 1min"), (limits, "1234ms 2500ms")];
    for (limits, expected) in cases {
        let answer: Result<String, AccessError> = store(&database, "a")
            .with_limits(limits)
            .transaction(async |tx: &mut Transaction<'_>| {
                let query = diesel::select(diesel::dsl::sql::<diesel::sql_types::Text>(shown));
                Ok(query.get_result(tx.connection()).await?)
            })
            .await;
        assert_eq!(answer.unwrap(), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_name_may_hold_anything() {
    let database = TestDatabase::create().await;
    let name = r#"it's \' "x"; SELECT 1/0 -- $1 é"#;
    for strings in ["on", "off"] {
        let sql = format!(
            "ALTER DATABASE {} SET standard_conforming_strings = {strings}; \
             ALTER DATABASE {} SET backslash_quote = off",
            database.name(),
            database.name()
        );
        database.connect().await.batch_execute(&sql).await.unwrap();
        let store = store(&database, name);
        submit(&mut store.session().await.unwrap(), &individuals(usize::from(strings == "off"), 1)).await;
        let mut connection = connection(&database).await;
        connection.batch_execute("BEGIN").await.unwrap();
        let mut session = store.within(&mut connection);
        submit(&mut session, &individuals(10, 1)).await;
        let report = session.verify(&[]).await.unwrap().unwrap();
        assert_eq!(report.findings, []);
        connection.batch_execute("ROLLBACK").await.unwrap();
    }
    let stored = database.connect().await;
    let row = stored.query_one("SELECT DISTINCT tenant_id, count(*) FROM veritrail.events GROUP BY 1", &[]);
    let row = row.await.unwrap();
    assert_eq!((row.get::<_, &str>(0), row.get::<_, i64>(1)), (name, 2));
}
