//! Reading the log: one event, pages behind a cursor, event-time queries.

use diesel::data_types::PgTimestamp;
use diesel::pg::Pg;
use diesel::query_builder::AstPass;
use diesel::result::QueryResult;
use diesel::sql_types::{BigInt, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use veritrail_core::{EventGuid, LogName, StoredEvent, TenantId, Timestamp, TreeHead};
use veritrail_sync::{Cursor, MAX_PAGE, Page};

use crate::convert::to_pg;
use crate::error::AccessError;
use crate::events::{self, EventColumns, EventRow};
use crate::session::Session;
use crate::statement::{Prepared, Statement, unknown_parameter};
use crate::{logs, tree_heads};

/// How much earlier than a cursor cut or rounded to milliseconds the event may have been recorded.
const COARSE_BEFORE_MICROS: i64 = 500;
/// How much later.
const COARSE_AFTER_MICROS: i64 = 1_000;
/// By how many events a page may go on so that a reader who cuts every cursor advances.
const COARSE_EXTENSION: u64 = 10_000;

/// Why no page can be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The database could not be asked.
    #[error("the database could not be asked")]
    Access(#[from] AccessError),
    /// The cursor is ahead of the log, or names an event that is not in it: it is a cursor of another log, or
    /// the log was restored from an older backup. Obeying it would skip events in silence.
    #[error("cursor `{cursor}` is not one of this log, which ends at {end}")]
    NotOfThisLog {
        /// The cursor.
        cursor: String,
        /// The cursor after the log's last event; `the beginning` for an empty log.
        end: String,
    },
    /// A page has 1 to [`MAX_PAGE`] events.
    #[error("a page has 1 to {MAX_PAGE} events, not {0}")]
    Limit(u32),
}

impl Session<'_> {
    /// One event.
    ///
    /// # Errors
    /// [`AccessError`].
    pub async fn event(&mut self, guid: &EventGuid) -> Result<Option<StoredEvent>, AccessError> {
        let tenant = self.tenant;
        let found: Vec<StoredEvent> = self
            .snapshot(async |connection| events::by_guid(connection, tenant, &[guid.as_str()]).await)
            .await?;
        Ok(found.into_iter().next())
    }

    /// The newest tree head; `None` before the first append.
    ///
    /// # Errors
    /// [`AccessError`].
    pub async fn tree_head(&mut self) -> Result<Option<TreeHead>, AccessError> {
        let tenant = self.tenant;
        self.snapshot(async |connection| newest_head(connection, tenant).await).await
    }

    /// The events behind a cursor, in position order, `limit` of them (more only behind a cursor that was cut to
    /// milliseconds).
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn events_since(&mut self, cursor: &Cursor, limit: u32) -> Result<Page, ReadError> {
        check_limit(limit)?;
        let tenant = self.tenant;
        self.snapshot(async |connection| page(connection, tenant, cursor, limit).await).await
    }

    /// Events that happened from one instant (inclusive) to another (exclusive), by the devices' clocks, in
    /// order of time. For reports: this is no cursor.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn events_between(
        &mut self,
        from: Timestamp,
        to: Timestamp,
        limit: u32,
    ) -> Result<Vec<StoredEvent>, ReadError> {
        check_limit(limit)?;
        let statement = Between {
            tenant: self.tenant.as_str(),
            from: to_pg(from),
            to: to_pg(to),
            limit: i64::from(limit),
        };
        let rows: Vec<EventRow> = self
            .snapshot(async |connection| {
                Prepared(statement).load(connection).await.map_err(AccessError::from)
            })
            .await?;
        Ok(events::believe(rows)?)
    }
}

/// The newest head; `None` before the first append.
pub(crate) async fn newest_head(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
) -> Result<Option<TreeHead>, AccessError> {
    let Some(log) = logs::find(connection, tenant, LogName::Events).await? else { return Ok(None) };
    let newest = tree_heads::newest(connection, tenant, LogName::Events, log.epoch).await?;
    Ok(Some(newest.head))
}

async fn page(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    cursor: &Cursor,
    limit: u32,
) -> Result<Page, ReadError> {
    let window = window(connection, tenant, cursor, limit).await?;
    let count = window.count.saturating_add(1);
    let rows = events::by_position(connection, tenant, window.begin, u64::MAX, count).await?;
    let mut events = events::believe(rows)?;
    let wanted = usize::try_from(window.count).expect("a page's length fits");
    let is_last = events.len() <= wanted;
    events.truncate(wanted);
    let next = events.last().map_or_else(|| cursor.clone(), |last| Cursor::after(last.recorded_at));
    Ok(Page { events, cursor: next, is_last })
}

fn check_limit(limit: u32) -> Result<(), ReadError> {
    if (1..=MAX_PAGE).contains(&limit) { Ok(()) } else { Err(ReadError::Limit(limit)) }
}

/// Where a page begins and how many events it has at most.
struct Window {
    begin: u64,
    count: u32,
}

async fn window(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    cursor: &Cursor,
    limit: u32,
) -> Result<Window, ReadError> {
    let end = last_stamp(connection, tenant).await?;
    let refused = || ReadError::NotOfThisLog {
        cursor: cursor.to_string(),
        end: end.map_or_else(|| "the beginning".to_owned(), |stamp| Cursor::after(stamp).to_string()),
    };
    let micros = |at: &Timestamp| at.unix_micros();
    let begin = match cursor {
        Cursor::Start => 0,
        Cursor::Event(guid) => {
            let found = events::by_guid(connection, tenant, &[guid.as_str()]).await?;
            found.into_iter().next().ok_or_else(refused)?.position.0 + 1
        }
        Cursor::Recorded(at) | Cursor::Instant { at, coarse: false } => {
            if end.is_none_or(|end| *at > end) {
                return Err(refused());
            }
            position_after(connection, tenant, micros(at)).await?
        }
        Cursor::Instant { at, coarse: true } => {
            let earliest = micros(at) - COARSE_BEFORE_MICROS;
            if end.is_none_or(|end| earliest > end.unix_micros()) {
                return Err(refused());
            }
            let begin = position_after(connection, tenant, earliest - 1).await?;
            let beyond = position_after(connection, tenant, micros(at) + COARSE_AFTER_MICROS - 1).await?;
            // Ends behind what the cut cursor may stand for, so that the next cut cursor is another one.
            let span = beyond.saturating_sub(begin).min(COARSE_EXTENSION);
            let span = u32::try_from(span).expect("the extension is bounded");
            let count = if span == 0 { limit } else { limit.max(span.saturating_add(1)) };
            return Ok(Window { begin, count });
        }
    };
    Ok(Window { begin, count: limit })
}

async fn last_stamp(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
) -> Result<Option<Timestamp>, AccessError> {
    let Some(log) = logs::find(connection, tenant, LogName::Events).await? else { return Ok(None) };
    let newest = tree_heads::newest(connection, tenant, LogName::Events, log.epoch).await?;
    Ok(newest.head.recorded_at.max(log.base_stamp))
}

/// The position after the last event recorded at or before an instant.
async fn position_after(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    micros: i64,
) -> Result<u64, AccessError> {
    let Ok(instant) = Timestamp::from_unix_micros(micros) else { return Ok(0) };
    let position = events::position_after(connection, tenant, to_pg(instant)).await?;
    Ok(position.and_then(|position| u64::try_from(position).ok()).unwrap_or(0))
}

struct Between<'a> {
    tenant: &'a str,
    from: PgTimestamp,
    to: PgTimestamp,
    limit: i64,
}

impl Statement for Between<'_> {
    const SQL: &'static str =
        concat!(include_str!("sql/event_columns.sql"), include_str!("sql/events_between.sql"));
    type Columns = EventColumns;
    type Key = Between<'static>;

    fn bind<'b>(&'b self, number: usize, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match number {
            1 => out.push_bind_param::<Text, _>(&self.tenant),
            2 => out.push_bind_param::<Timestamptz, _>(&self.from),
            3 => out.push_bind_param::<Timestamptz, _>(&self.to),
            4 => out.push_bind_param::<BigInt, _>(&self.limit),
            other => unknown_parameter(other),
        }
    }
}
