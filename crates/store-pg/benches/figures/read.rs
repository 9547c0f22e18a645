//! `pages_1000` and `verify`: reading everything through the public API against `COPY … TO` of the same rows.

use std::time::Instant;

use futures_util::TryStreamExt;
use tokio_postgres::Client;
use veritrail_store_pg::Session;
use veritrail_store_pg::veritrail_sync::{Cursor, CursorRules};

use crate::{BATCH, Figure, Outcome, ROUNDS, WARM_UP, rate};

const READ_ROUNDS: usize = 5;

pub(crate) async fn rounds(session: &mut Session<'_>, client: &Client) -> Outcome<(Figure, Figure)> {
    let total = BATCH * (ROUNDS + WARM_UP);
    let (mut pages, mut verify) = (Vec::new(), Vec::new());
    for _ in 0..READ_ROUNDS {
        let start = Instant::now();
        let mut cursor = Cursor::Start;
        let mut read = 0;
        loop {
            let page = session.events_since(&cursor, u32::try_from(BATCH)?, CursorRules::Ours).await?;
            read += page.events.len();
            cursor = page.cursor;
            if page.is_last {
                break;
            }
        }
        assert_eq!(read, total, "every event is read");
        let paged = start.elapsed();

        let start = Instant::now();
        let stream = client.copy_out("COPY veritrail.events TO STDOUT (FORMAT binary)").await?;
        let bytes = stream.try_fold(0, async |sum, chunk| Ok(sum + chunk.len())).await?;
        assert!(bytes > total * BATCH / 2, "the payloads are copied");
        let copied = start.elapsed();

        let start = Instant::now();
        let report = session.verify(&[]).await?.ok_or("the log is there")?;
        assert!(report.is_true(), "the log is true");
        let verified = start.elapsed();
        pages.push((rate(total, paged), rate(total, copied)));
        verify.push((rate(total, verified), rate(total, copied)));
    }
    let pages = Figure { name: "pages_1000", rates: pages, goal: ">= 0.80" };
    Ok((pages, Figure { name: "verify", rates: verify, goal: ">= 0.60" }))
}
