//! What a server says about its health, asked by the client over a real socket.
//!
//! Not here: the other routes.

#![expect(clippy::unwrap_used, reason = "clippy takes the functions beside the tests for no tests")]

use tokio::net::TcpListener;
use veritrail_client::{Client, RequestError};
use veritrail_store_pg::PgEventStore;
use veritrail_sync::wire::{DatabaseHealth, Health};
use veritrail_tests::database::TestDatabase;

/// A server on a store with this database, and its URL.
async fn serve(database_url: &str) -> String {
    serve_router(veritrail_server::router(PgEventStore::from_url(database_url).unwrap())).await
}

async fn serve_router(router: axum::Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
    url
}

/// A port of this machine at which nobody listens.
async fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

async fn health(url: &str) -> Health {
    Client::new(url).unwrap().health().await.unwrap()
}

#[tokio::test]
async fn server_on_a_migrated_database_is_ready() {
    let database = TestDatabase::create().await;
    let url = serve(database.url()).await;
    assert_eq!(health(&url).await, Health::of(DatabaseHealth::Ready));
}

#[tokio::test]
async fn server_without_a_schema_says_so() {
    let database = TestDatabase::create().await;
    let url = serve(database.url()).await;
    let admin = database.connect().await;
    let last = "DELETE FROM veritrail.__diesel_schema_migrations WHERE version = \
                (SELECT max(version) FROM veritrail.__diesel_schema_migrations)";
    assert_eq!(admin.execute(last, &[]).await.unwrap(), 1);
    assert_eq!(health(&url).await, Health::of(DatabaseHealth::NotMigrated));
    admin.batch_execute("DROP SCHEMA veritrail CASCADE").await.unwrap();
    assert_eq!(health(&url).await, Health::of(DatabaseHealth::NotMigrated));
}

#[tokio::test]
async fn server_without_a_database_lives_and_is_not_ready() {
    let url = serve(&format!("postgres://nobody@127.0.0.1:{}/nothing", closed_port().await)).await;
    assert_eq!(health(&url).await, Health::of(DatabaseHealth::Unreachable));
    let status = |path: &str| reqwest::get(format!("{url}{path}"));
    assert_eq!(status("/health/ready").await.unwrap().status(), 503);
    assert_eq!(status("/health/live").await.unwrap().status(), 200);
    assert_eq!(status("/health").await.unwrap().status(), 404);
}

#[tokio::test]
async fn what_is_no_server_of_ours_is_a_typed_error() {
    let nobody = Client::new(&format!("http://127.0.0.1:{}", closed_port().await)).unwrap();
    assert!(matches!(nobody.health().await, Err(RequestError::Unreachable(_))));

    let other = serve_router(axum::Router::new()).await;
    assert!(matches!(Client::new(&other).unwrap().health().await, Err(RequestError::Status(404))));

    let page = axum::Router::new().route("/health/ready", axum::routing::get(|| async { "<html>" }));
    let page = serve_router(page).await;
    assert!(matches!(Client::new(&page).unwrap().health().await, Err(RequestError::Body(_))));

    let endless = || async { "x".repeat(1 << 20) };
    let long = serve_router(axum::Router::new().route("/health/ready", axum::routing::get(endless))).await;
    assert!(matches!(Client::new(&long).unwrap().health().await, Err(RequestError::TooLong { .. })));
}
