//! `serve`: the HTTP server until a signal ends it, and the question whether another one is ready.

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use veritrail_client::Client;
use veritrail_sync::wire::HealthStatus;

use crate::args::{Global, Serve};
use crate::connect;
use crate::outcome::{Outcome, usage, with_causes};
use crate::show;

pub(crate) async fn serve(global: &Global, args: &Serve) -> anyhow::Result<Outcome> {
    if let Some(url) = &args.probe {
        return probe(global, url).await;
    }
    let store = connect::store(global)?;
    let listener = TcpListener::bind(args.listen)
        .await
        .map_err(|error| usage(format!("cannot listen on {}: {error}", args.listen)))?;
    let address = listener.local_addr().context("the listener has no address")?;
    show::line(&format!("listening on http://{address}"))?;
    let stop = stop_signal()?;
    veritrail_server::serve(listener, store.clone(), stop).await.context("the server failed")?;
    store.close();
    Ok(Outcome::Done)
}

/// Ends at the first SIGINT or SIGTERM: requests under way are answered before the server stops.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Asks a server whether it is ready; the answer is no if it is not or does not answer.
async fn probe(global: &Global, url: &str) -> anyhow::Result<Outcome> {
    let client = Client::new(url).map_err(|error| usage(with_causes(error)))?;
    let health = client.health().await.with_context(|| format!("{url} gives no answer"))?;
    let is_ready = health.status == HealthStatus::Ready;
    if global.json {
        show::json(&health)?;
    } else {
        show::line(if is_ready { "ready" } else { "not ready" })?;
    }
    Ok(Outcome::from_answer(is_ready))
}
