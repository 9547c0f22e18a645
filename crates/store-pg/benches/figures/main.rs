//! The figures of the store, as one JSON document on stdout: `cargo xtask bench store` makes a table of it.
//!
//! Each round of a figure does the same work through the public API and by its reference on the same server, in turn. A
//! figure is the median of the rounds' ratios. What is measured is in the file of each figure; the rows that all of
//! them store are in `rows.rs`.

mod append;
mod read;
mod rows;
mod singles;

use std::env;
use std::error::Error;
use std::time::Duration;

use tokio_postgres::NoTls;
use veritrail_store_pg::PgEventStore;

const BATCH: usize = 1_000;
const ROUNDS: usize = 30;
/// Rounds that are not counted: caches fill and statements are prepared.
const WARM_UP: usize = 5;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

struct Figure {
    name: &'static str,
    /// Ours and the reference of each round: events a second.
    rates: Vec<(f64, f64)>,
    goal: &'static str,
}

/// Everything runs on the runtime's workers, as in a server: the first thread would have to be woken for each answer.
#[tokio::main]
async fn main() -> Outcome<()> {
    tokio::spawn(figures()).await?
}

async fn figures() -> Outcome<()> {
    let url = env::var("DATABASE_URL")?;
    PgEventStore::initialize(&url).await?;
    let store = PgEventStore::from_url(&url)?;
    let mut session = store.session().await?;
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
    tokio::spawn(connection);
    client
        .batch_execute(
            "DROP TABLE IF EXISTS copied; CREATE TABLE copied (LIKE veritrail.events INCLUDING ALL)",
        )
        .await?;

    let append = append::rounds(&mut session, &client).await?;
    let (pages, verify) = read::rounds(&mut session, &client).await?;
    drop(session);
    let (singles, inserts) = singles::rounds(&store, &url).await?;
    let figures: Vec<String> =
        [append, singles, inserts, pages, verify].iter().map(Figure::to_json).collect();
    println!("{{\"area\":\"store\",\"figures\":[{}]}}", figures.join(","));
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a count of events is far below 2^52")]
fn rate(events: usize, took: Duration) -> f64 {
    events as f64 / took.as_secs_f64()
}

impl Figure {
    fn to_json(&self) -> String {
        let median = |mut values: Vec<f64>| {
            values.sort_unstable_by(f64::total_cmp);
            values[values.len() / 2]
        };
        let ratio = median(self.rates.iter().map(|(ours, reference)| ours / reference).collect());
        let ours = median(self.rates.iter().map(|(ours, _)| *ours).collect());
        let reference = median(self.rates.iter().map(|(_, reference)| *reference).collect());
        format!(
            r#"{{"name":"{}","ratio":{ratio:.3},"ours":{ours:.0},"reference":{reference:.0},"unit":"events/s","goal":"{}"}}"#,
            self.name, self.goal
        )
    }
}
