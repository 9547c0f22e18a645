//! Reading the log: one event, pages behind a cursor, event-time queries.
//!
//! Where a cursor leads is in `read/place.rs`, whole logs are in `read/stream.rs`, pages of an entity's events and of
//! those that have a sync level in `read/chosen.rs`. Proofs are in `prove`, states of entities in `history`.

pub(crate) mod chosen;
mod place;
mod stream;

pub use chosen::MAX_EXAMINED;

use diesel::data_types::PgTimestamp;
use diesel::pg::Pg;
use diesel::query_builder::AstPass;
use diesel::result::QueryResult;
use diesel::sql_types::{BigInt, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use veritrail_core::{EventGuid, Hash, LogName, StoredEvent, TenantId, Timestamp, TreeHead};
use veritrail_sync::{Cursor, CursorRules, MAX_PAGE, Page};

use crate::convert::to_pg;
use crate::error::AccessError;
use crate::events::{self, EventColumns, EventRow};
use crate::session::Session;
use crate::statement::{Prepared, Statement, unknown_parameter};
use crate::{logs, sync_levels, tree_heads};
use place::{Window, window};

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
    /// The log is a replica: what its events touch besides their own entity is known where they were applied.
    #[error("the log is a replica: it does not know which events touch an entity")]
    Replica,
    /// A page has 1 to [`MAX_PAGE`] events.
    #[error("a page has 1 to {MAX_PAGE} events, not {0}")]
    Limit(u32),
}

impl Session<'_> {
    /// One event; DataCollect's `getEvent`.
    ///
    /// # Errors
    /// [`AccessError`].
    pub async fn event(&mut self, guid: &EventGuid) -> Result<Option<StoredEvent>, AccessError> {
        let tenant = self.tenant;
        let found: Vec<StoredEvent> = self
            .snapshot(async |connection| {
                let mut found = events::by_guid(connection, tenant, &[guid.as_str()]).await?;
                sync_levels::complete(connection, tenant, &mut found).await?;
                Ok::<_, AccessError>(found)
            })
            .await?;
        Ok(found.into_iter().next())
    }

    /// Whether an event is recorded; DataCollect's `isEventExisted`.
    ///
    /// # Errors
    /// [`AccessError`].
    pub async fn event_exists(&mut self, guid: &EventGuid) -> Result<bool, AccessError> {
        let tenant = self.tenant;
        self.snapshot(async |connection| events::exists(connection, tenant, guid).await).await
    }

    /// The newest tree head; `None` before the first append.
    ///
    /// # Errors
    /// [`AccessError`].
    pub async fn tree_head(&mut self) -> Result<Option<TreeHead>, AccessError> {
        let tenant = self.tenant;
        self.snapshot(async |connection| newest_head(connection, tenant).await).await
    }

    /// The root of the tree over all events; `None` before the first append. Unsigned: a signed one is in
    /// [`Session::checkpoint`].
    ///
    /// # Errors
    /// [`AccessError`].
    pub async fn merkle_root(&mut self) -> Result<Option<Hash>, AccessError> {
        Ok(self.tree_head().await?.map(|head| head.root))
    }

    /// The events behind a cursor, in position order, `limit` of them; DataCollect's `getEventsSince`,
    /// `getEventsSincePagination` and `getEventsBatch`.
    ///
    /// Behind a cursor that is kept in an older way there may be up to [`MAX_EXTENSION`](veritrail_sync::MAX_EXTENSION)
    /// more, so that its reader advances. A hot standby answers a cursor that it does not have yet with an empty page.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn events_since(
        &mut self,
        cursor: &Cursor,
        limit: u32,
        rules: CursorRules,
    ) -> Result<Page, ReadError> {
        check_limit(limit)?;
        let tenant = self.tenant;
        self.snapshot(async |connection| since(connection, tenant, cursor, limit, rules).await).await
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
        let tenant = self.tenant;
        self.snapshot(async |connection| {
            let rows: Vec<EventRow> =
                Prepared(statement).load(connection).await.map_err(AccessError::from)?;
            let mut found = events::believe(rows)?;
            sync_levels::complete(connection, tenant, &mut found).await?;
            Ok::<_, ReadError>(found)
        })
        .await
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

async fn since(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    cursor: &Cursor,
    limit: u32,
    rules: CursorRules,
) -> Result<Page, ReadError> {
    // Where events follow the stamp, the cursor is of this log, and one statement will do.
    if let Cursor::Recorded(stamp) = cursor {
        let rows = events::after(connection, tenant, *stamp, limit.saturating_add(1)).await?;
        if !rows.is_empty() {
            return page(connection, tenant, cursor, rows, limit).await;
        }
    }
    let Some(Window { begin, count }) = window(connection, tenant, cursor, limit, rules).await? else {
        return Ok(Page { events: Vec::new(), cursor: cursor.clone(), is_last: true });
    };
    let asked = count.saturating_add(1);
    let rows = events::by_position(connection, tenant, begin, u64::MAX, asked).await?;
    page(connection, tenant, cursor, rows, count).await
}

/// Makes a page of `count` events out of rows, of which there is one more if the log goes on. A reader who finds it empty
/// keeps its cursor.
async fn page(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    cursor: &Cursor,
    rows: Vec<EventRow>,
    count: u32,
) -> Result<Page, ReadError> {
    let mut events = events::believe(rows)?;
    let is_last = cut(&mut events, count);
    sync_levels::complete(connection, tenant, &mut events).await?;
    let next = events.last().map_or_else(|| cursor.clone(), |last| Cursor::after(last.recorded_at));
    Ok(Page { events, cursor: next, is_last })
}

/// Leaves the first `count`, and says whether there were no more.
pub(crate) fn cut<T>(found: &mut Vec<T>, count: u32) -> bool {
    let wanted = usize::try_from(count).expect("a page's length fits");
    let is_last = found.len() <= wanted;
    found.truncate(wanted);
    is_last
}

fn check_limit(limit: u32) -> Result<(), ReadError> {
    if (1..=MAX_PAGE).contains(&limit) { Ok(()) } else { Err(ReadError::Limit(limit)) }
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
