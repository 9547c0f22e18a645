//! The HTTP server over an event store, as an axum router to be served or nested by the caller.
//!
//! This version answers health checks. What it does not hold: SQL (`veritrail-store-pg`), the types of the bodies
//! (`veritrail_sync::wire`), and the client's side (`veritrail-client`).
//!
//! | request | answer |
//! |---|---|
//! | `GET /health/live` | 200 with an empty body as long as the process serves at all |
//! | `GET /health/ready` | 200 or 503 with a [`Health`](veritrail_sync::wire::Health) as JSON |
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let store = veritrail_store_pg::PgEventStore::from_url("postgres://localhost/veritrail")?;
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! let never = std::future::pending();
//! veritrail_server::serve(listener, store, never).await?;
//! # Ok(())
//! # }
//! ```

mod health;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use veritrail_store_pg::PgEventStore;

/// The routes of the server over this store.
pub fn router(store: PgEventStore) -> Router {
    Router::new()
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .with_state(store)
}

/// Serves the routes until `stop` ends; requests under way are then answered before it returns.
///
/// # Errors
/// An error of the listener's.
pub async fn serve(
    listener: TcpListener,
    store: PgEventStore,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, router(store)).with_graceful_shutdown(stop).await
}

/// The README's example, compiled as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExample;
