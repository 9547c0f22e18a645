//! The figures of the store, as one JSON document on stdout: `cargo xtask bench store` makes a table of it.
//!
//! Each round appends one batch through the public API and copies the same rows by raw binary `COPY` into a table
//! with the same columns and indexes on the same server, in turn. A figure is the median of the rounds' ratios.

use std::env;
use std::error::Error;
use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, NoTls};
use veritrail_store_pg::veritrail_core::{FormSubmission, Subject};
use veritrail_store_pg::veritrail_sync::{Cursor, CursorRules};
use veritrail_store_pg::{Applying, PgEventStore, Session};

const BATCH: usize = 1_000;
const ROUNDS: usize = 30;
/// Rounds that are not counted: caches fill and statements are prepared.
const WARM_UP: usize = 5;
/// Members of a payload of some 1,000 bytes.
const MEMBERS: usize = 40;
const READ_ROUNDS: usize = 5;

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

    let append = append_rounds(&mut session, &client).await?;
    let (pages, verify) = read_rounds(&mut session, &client).await?;
    let figures: Vec<String> = [append, pages, verify].iter().map(Figure::to_json).collect();
    println!("{{\"area\":\"store\",\"figures\":[{}]}}", figures.join(","));
    Ok(())
}

async fn append_rounds(session: &mut Session<'_>, client: &Client) -> Outcome<Figure> {
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

/// Copies the rows of a batch; what has no influence on the time is made up.
async fn copy_in(client: &Client, events: &[FormSubmission], round: usize) -> Outcome<Duration> {
    let types = [
        Type::TEXT,
        Type::INT8,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::INT4,
        Type::JSON,
        Type::JSON,
        Type::BYTEA,
        Type::BYTEA,
        Type::BYTEA,
        Type::TIMESTAMPTZ,
        Type::TEXT,
        Type::TEXT,
        Type::INT2,
        Type::TIMESTAMPTZ,
        Type::BYTEA,
    ];
    let (salts, hash) = ([7_u8; 48], [9_u8; 32]);
    let start = Instant::now();
    let sink = client
        .copy_in(
            r#"COPY copied (tenant_id, position, guid, entity_guid, type, schema_version, data, metadata, salts,
            data_hash, metadata_hash, "timestamp", user_id, submitted_by, sync_level, recorded_at, leaf_hash)
            FROM STDIN (FORMAT binary)"#,
        )
        .await?;
    let mut writer = pin!(BinaryCopyInWriter::new(sink, &types));
    for (n, event) in events.iter().enumerate() {
        let position = i64::try_from(round * BATCH + n)?;
        let instant = Micros(event.timestamp.unix_micros());
        let recorded = Micros(event.timestamp.unix_micros() + position);
        let data = RawJson(event.data.as_str());
        let nothing: Option<i32> = None;
        let no_json: Option<RawJson<'_>> = None;
        let no_hash: Option<&[u8]> = None;
        let row: [&(dyn ToSql + Sync); 17] = [
            &"default",
            &position,
            &event.guid.as_str(),
            &event.entity_guid.as_str(),
            &event.event_type.as_str(),
            &nothing,
            &data,
            &no_json,
            &salts.as_slice(),
            &hash.as_slice(),
            &no_hash,
            &instant,
            &event.user_id.as_str(),
            &"bench",
            &0_i16,
            &recorded,
            &hash.as_slice(),
        ];
        writer.as_mut().write(&row).await?;
    }
    writer.finish().await?;
    Ok(start.elapsed())
}

async fn read_rounds(session: &mut Session<'_>, client: &Client) -> Outcome<(Figure, Figure)> {
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

/// An event with a payload of some 1,000 bytes.
fn event(n: usize) -> Outcome<FormSubmission> {
    let members: Vec<String> =
        (0..MEMBERS).map(|m| format!(r#""member{m:02}":"value {:08}""#, n * m)).collect();
    let text = format!(
        r#"{{"guid":"event-{n:012}","entityGuid":"entity-{:08}","type":"update-individual","userId":"bench","timestamp":"2026-03-01T12:00:00.000Z","data":{{{}}}}}"#,
        n % 5_000,
        members.join(",")
    );
    Ok(FormSubmission::parse(&text)?)
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

/// A JSON text as the binary form of `json`.
#[derive(Debug)]
struct RawJson<'a>(&'a str);

impl ToSql for RawJson<'_> {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut tokio_postgres::types::private::BytesMut,
    ) -> Result<tokio_postgres::types::IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(self.0.as_bytes());
        Ok(tokio_postgres::types::IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::JSON
    }

    tokio_postgres::types::to_sql_checked!();
}

/// Microseconds since 1970 as the binary form of `timestamptz`.
#[derive(Debug)]
struct Micros(i64);

impl ToSql for Micros {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut tokio_postgres::types::private::BytesMut,
    ) -> Result<tokio_postgres::types::IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(&(self.0 - 946_684_800_000_000).to_be_bytes());
        Ok(tokio_postgres::types::IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::TIMESTAMPTZ
    }

    tokio_postgres::types::to_sql_checked!();
}
