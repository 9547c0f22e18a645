//! Health checks: whether the process serves, and whether it can do its work.
//!
//! Not here: figures (sizes, rates, the pool), which are no matter of yes or no.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use veritrail_store_pg::{AccessError, PgEventStore};
use veritrail_sync::wire::{DatabaseHealth, Health, HealthStatus};

/// How long the database may take to answer: less than the time-out of the usual probes, which give up without a reason.
const READY_TIMEOUT: Duration = Duration::from_secs(3);

/// The process serves. Asks nothing of the database: restarting the process would not mend it.
pub(crate) async fn live() -> StatusCode {
    StatusCode::OK
}

/// The database answers and its schema is current.
pub(crate) async fn ready(State(store): State<PgEventStore>) -> (StatusCode, Json<Health>) {
    let database = match tokio::time::timeout(READY_TIMEOUT, ask(&store)).await {
        Ok(Ok(())) => DatabaseHealth::Ready,
        Ok(Err(error)) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "the server is not ready");
            classify(&error)
        }
        Err(_) => {
            tracing::warn!(timeout = ?READY_TIMEOUT, "the server is not ready: the database did not answer in time");
            DatabaseHealth::Unreachable
        }
    };
    let health = Health::of(database);
    let status = match health.status {
        HealthStatus::Ready => StatusCode::OK,
        HealthStatus::Unready => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, Json(health))
}

async fn ask(store: &PgEventStore) -> Result<(), AccessError> {
    store.session().await?.check_schema().await
}

fn classify(error: &AccessError) -> DatabaseHealth {
    match error {
        AccessError::Unreachable(_) | AccessError::PoolTimeout => DatabaseHealth::Unreachable,
        AccessError::NotMigrated => DatabaseHealth::NotMigrated,
        AccessError::Contended
        | AccessError::LogBusy { .. }
        | AccessError::TenantRefused(_)
        | AccessError::SessionLost
        | AccessError::TransactionBroken
        | AccessError::Database(_)
        | AccessError::Corrupt(_) => DatabaseHealth::Failing,
    }
}
