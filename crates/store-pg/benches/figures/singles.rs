//! `singles_64`: 64 submitters of one tenant, each of which waits until its event is durably stored before it submits
//! the next one, against append in batches of 64 on one connection; and against raw inserts of single rows from 8
//! connections, each a transaction of its own.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, NoTls};
use veritrail_store_pg::veritrail_core::{FormSubmission, Subject};
use veritrail_store_pg::{Applying, CommitSignal, GroupCommit, GroupLimits, Outcome as Stored, PgEventStore};

use crate::rows::{COLUMNS, Row, TYPES, event};
use crate::{Figure, Outcome, WARM_UP, rate};

const SUBMITTERS: usize = 64;
const INSERTERS: usize = 8;
/// Events of each submitter in a round.
const EACH: usize = 32;
const ROUNDS: usize = 12;
/// Events of a round.
const TOTAL: usize = SUBMITTERS * EACH;
/// Numbers of events and rows of other figures are below.
const FIRST: usize = 10_000_000;

pub(crate) async fn rounds(store: &PgEventStore, url: &str) -> Outcome<(Figure, Figure)> {
    let group = GroupCommit::start(store.clone(), GroupLimits::default(), CommitSignal::default());
    let mut clients = Vec::new();
    for _ in 0..INSERTERS {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(connection);
        clients.push(std::sync::Arc::new(client));
    }
    let (mut batched, mut inserted) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS + WARM_UP {
        let first = FIRST + 3 * round * TOTAL;
        let ours = singles(&group, events(first)?).await?;
        let batches = batches(store, events(first + TOTAL)?).await?;
        let inserts = inserts(&clients, events(first + 2 * TOTAL)?, first).await?;
        if round >= WARM_UP {
            batched.push((rate(TOTAL, ours), rate(TOTAL, batches)));
            inserted.push((rate(TOTAL, ours), rate(TOTAL, inserts)));
        }
    }
    group.close().await;
    let batched = Figure { name: "singles_64", rates: batched, goal: ">= 0.90" };
    Ok((batched, Figure { name: "singles_64_of_inserts", rates: inserted, goal: ">= 1.00" }))
}

fn events(first: usize) -> Outcome<Vec<FormSubmission>> {
    (first..first + TOTAL).map(event).collect()
}

async fn singles(group: &GroupCommit, events: Vec<FormSubmission>) -> Outcome<Duration> {
    let mut submitters = JoinSet::new();
    let start = Instant::now();
    for own in events.chunks(EACH) {
        let (group, own) = (group.clone(), own.to_vec());
        submitters.spawn(async move {
            let subject = Subject::new("bench").map_err(|error| error.to_string())?;
            for event in own {
                match group.submit(event, subject.clone(), Applying::AppendOnly).await {
                    Ok(Stored::Recorded(_)) => {}
                    other => return Err(format!("{other:?}")),
                }
            }
            Ok(())
        });
    }
    while let Some(submitted) = submitters.join_next().await {
        submitted??;
    }
    Ok(start.elapsed())
}

async fn batches(store: &PgEventStore, events: Vec<FormSubmission>) -> Outcome<Duration> {
    let subject = Subject::new("bench")?;
    let mut session = store.session().await?;
    let start = Instant::now();
    for batch in events.chunks(SUBMITTERS) {
        session.submit(batch, &subject, Applying::AppendOnly).await?;
    }
    Ok(start.elapsed())
}

async fn inserts(
    clients: &[std::sync::Arc<Client>],
    events: Vec<FormSubmission>,
    first: usize,
) -> Outcome<Duration> {
    let places: Vec<String> = (1..=TYPES.len()).map(|place| format!("${place}")).collect();
    let sql = format!("INSERT INTO copied ({COLUMNS}) VALUES ({})", places.join(", "));
    let types: Vec<Type> = TYPES.to_vec();
    let mut inserters = JoinSet::new();
    let start = Instant::now();
    for (which, (client, own)) in clients.iter().zip(events.chunks(TOTAL / INSERTERS)).enumerate() {
        let (client, own, sql, types) = (client.clone(), own.to_vec(), sql.clone(), types.clone());
        inserters.spawn(async move {
            let failed = |error: tokio_postgres::Error| error.to_string();
            let statement = client.prepare_typed(&sql, &types).await.map_err(failed)?;
            for (n, event) in own.iter().enumerate() {
                let position =
                    i64::try_from(first + which * own.len() + n).map_err(|error| error.to_string())?;
                let row = Row::of(position, event);
                client.execute(&statement, &row.columns()).await.map_err(failed)?;
            }
            Ok::<(), String>(())
        });
    }
    while let Some(inserted) = inserters.join_next().await {
        inserted??;
    }
    Ok(start.elapsed())
}
