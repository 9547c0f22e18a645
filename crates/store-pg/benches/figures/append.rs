//! `append_1000`: batches through the public API against raw binary `COPY` of the same rows.

use std::pin::pin;
use std::time::{Duration, Instant};

use tokio_postgres::Client;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use veritrail_store_pg::veritrail_core::{FormSubmission, Subject};
use veritrail_store_pg::{Applying, Session};

use crate::rows::{COLUMNS, Row, TYPES, event};
use crate::{BATCH, Figure, Outcome, ROUNDS, WARM_UP, rate};

pub(crate) async fn rounds(session: &mut Session<'_>, client: &Client) -> Outcome<Figure> {
    let submitter = Subject::new("bench")?;
    let mut rates = Vec::new();
    for round in 0..ROUNDS + WARM_UP {
        let events = (0..BATCH).map(|n| event(round * BATCH + n)).collect::<Outcome<Vec<_>>>()?;
        let start = Instant::now();
        session.submit(&events, &submitter, Applying::AppendOnly).await?;
        let ours = start.elapsed();
        let reference = copy_in(client, &events, round).await?;
        if round >= WARM_UP {
            rates.push((rate(BATCH, ours), rate(BATCH, reference)));
        }
    }
    Ok(Figure { name: "append_1000", rates, goal: ">= 0.70" })
}

/// Copies the rows of a batch.
async fn copy_in(client: &Client, events: &[FormSubmission], round: usize) -> Outcome<Duration> {
    let start = Instant::now();
    let sink = client.copy_in(&format!("COPY copied ({COLUMNS}) FROM STDIN (FORMAT binary)")).await?;
    let mut writer = pin!(BinaryCopyInWriter::new(sink, &TYPES));
    for (n, event) in events.iter().enumerate() {
        let row = Row::of(i64::try_from(round * BATCH + n)?, event);
        writer.as_mut().write(&row.columns()).await?;
    }
    writer.finish().await?;
    Ok(start.elapsed())
}
