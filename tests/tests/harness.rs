//! The harness keeps its own promises: databases are separate and are gone after use, servers survive a kill and are
//! gone after use.
//!
//! Not here: tests of Veritrail.

use std::path::Path;

use tokio_postgres::Client;
use veritrail_tests::database::TestDatabase;
use veritrail_tests::server::TestServer;

async fn count(client: &Client, sql: &str) -> i64 {
    client.query_one(sql, &[]).await.expect("the statement is valid").get(0)
}

async fn exists(witness: &TestDatabase, name: &str) -> bool {
    let sql = format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'");
    count(&witness.connect().await, &sql).await == 1
}

#[tokio::test]
async fn databases_in_parallel_are_separate() {
    let (one, two) = tokio::join!(TestDatabase::create(), TestDatabase::create());
    assert_ne!(one.name(), two.name());
    one.connect().await.batch_execute("CREATE TABLE only_here (n int)").await.unwrap();
    let sql = "SELECT count(*) FROM pg_tables WHERE tablename = 'only_here'";
    assert_eq!(count(&one.connect().await, sql).await, 1);
    assert_eq!(count(&two.connect().await, sql).await, 0);
}

#[tokio::test]
async fn database_is_dropped_after_use_though_a_session_is_open() {
    let witness = TestDatabase::create().await;
    let database = TestDatabase::create().await;
    let name = database.name().to_owned();
    let _open = database.connect().await;
    assert!(exists(&witness, &name).await);
    drop(database);
    assert!(!exists(&witness, &name).await);
}

#[tokio::test]
async fn database_is_dropped_when_its_test_panics() {
    let witness = TestDatabase::create().await;
    let (sender, receiver) = std::sync::mpsc::channel();
    let panicked = tokio::spawn(async move {
        let database = TestDatabase::create().await;
        sender.send(database.name().to_owned()).unwrap();
        std::panic::resume_unwind(Box::new("a test that fails"));
    });
    assert!(panicked.await.unwrap_err().is_panic());
    assert!(!exists(&witness, &receiver.recv().unwrap()).await);
}

#[tokio::test]
async fn copy_has_what_its_source_has() {
    let source = TestDatabase::create().await;
    let (client, connection) = tokio_postgres::connect(source.url(), tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    client.batch_execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n").await.unwrap();
    drop(client);
    connection.await.unwrap().unwrap();
    let copy = source.duplicate().await;
    assert_eq!(count(&copy.connect().await, "SELECT count(*) FROM kept").await, 1000);
}

#[tokio::test]
async fn template_has_the_schema_that_migrate_makes() {
    let database = TestDatabase::create().await;
    let sql = "SELECT count(*) FROM pg_tables WHERE schemaname = 'veritrail'";
    assert!(count(&database.connect().await, sql).await > 0);
}

#[tokio::test]
async fn server_of_its_own_keeps_what_it_acknowledged_through_a_kill() {
    let Some(server) = TestServer::start() else { return };
    let client = server.connect().await;
    client.batch_execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n").await.unwrap();
    server.kill();
    assert!(client.batch_execute("SELECT 1").await.is_err());
    server.restart();
    assert_eq!(count(&server.connect().await, "SELECT count(*) FROM kept").await, 1000);
}

#[tokio::test]
async fn standby_follows_its_server() {
    let Some(server) = TestServer::start() else { return };
    let standby = server.standby();
    let client = server.connect().await;
    client.batch_execute("CREATE TABLE followed AS SELECT generate_series(1, 1000) AS n").await.unwrap();
    let written: String = client.query_one("SELECT pg_current_wal_lsn()::text", &[]).await.unwrap().get(0);
    let follower = standby.connect().await;
    let reached = format!("SELECT (pg_last_wal_replay_lsn() >= '{written}')::int::bigint");
    while count(&follower, &reached).await == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(count(&follower, "SELECT count(*) FROM followed").await, 1000);
    assert_eq!(count(&follower, "SELECT pg_is_in_recovery()::int::bigint").await, 1);
}

#[tokio::test]
async fn server_of_its_own_leaves_no_folder_and_no_socket() {
    let Some(server) = TestServer::start() else { return };
    let folder = server.socket_folder();
    let run = folder.parent().unwrap().to_owned();
    assert!(folder.join(".s.PGSQL.5432").exists());
    drop(server);
    assert!(!Path::exists(&run));
}
