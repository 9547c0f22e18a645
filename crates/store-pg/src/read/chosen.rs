//! Pages of some of the events behind a cursor: those of an entity, and those that have a sync level.

use diesel::pg::Pg;
use diesel::query_builder::AstPass;
use diesel::result::QueryResult;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, SmallInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use veritrail_core::{EntityGuid, LogName, StoredEvent, SyncLevel, TenantId};
use veritrail_sync::{Cursor, CursorRules, Page};

use super::place::window;
use super::{ReadError, check_limit, cut};
use crate::convert::to_bigint;
use crate::error::AccessError;
use crate::events;
use crate::session::Session;
use crate::statement::{Prepared, Statement, unknown_parameter};
use crate::{logs, sync_levels};

/// Most events that one page of [`Session::events_by_sync_level`] looks at.
pub const MAX_EXAMINED: u32 = 10_000;

impl Session<'_> {
    /// The events behind a cursor that are about an entity or touched it, in position order; DataCollect's
    /// `getEventsByEntity`.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn events_by_entity(
        &mut self,
        entity: &EntityGuid,
        cursor: &Cursor,
        limit: u32,
    ) -> Result<Page, ReadError> {
        check_limit(limit)?;
        let tenant = self.tenant;
        self.snapshot(async |connection| of_entity(connection, tenant, entity, cursor, limit).await).await
    }

    /// The events behind a cursor whose level is this one by now, in position order. What is still LOCAL is what a push
    /// has to send: a push that raises the levels and then keeps the page's cursor never reads an event again.
    ///
    /// A page looks at [`MAX_EXAMINED`] events at most, so it may be short, or empty, without being the last; its
    /// cursor has moved all the same. The cost is that of the events behind the cursor, never of the whole log.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn events_by_sync_level(
        &mut self,
        level: SyncLevel,
        cursor: &Cursor,
        limit: u32,
    ) -> Result<Page, ReadError> {
        check_limit(limit)?;
        let tenant = self.tenant;
        self.snapshot(async |connection| of_sync_level(connection, tenant, level, cursor, limit).await).await
    }
}

async fn of_entity(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    entity: &EntityGuid,
    cursor: &Cursor,
    limit: u32,
) -> Result<Page, ReadError> {
    if logs::find(connection, tenant, LogName::Events).await?.is_some_and(|log| log.replica) {
        return Err(ReadError::Replica);
    }
    let Some(window) = window(connection, tenant, cursor, limit, CursorRules::Ours).await? else {
        return Ok(empty(cursor));
    };
    let statement = OfEntity {
        tenant: tenant.as_str(),
        entity: entity.as_str(),
        begin: to_bigint(window.begin),
        limit: i64::from(window.count) + 1,
    };
    let mut positions: Vec<i64> = Prepared(statement).load(connection).await.map_err(AccessError::from)?;
    let is_last = cut(&mut positions, window.count);
    let events = at(connection, tenant, &positions).await?;
    let next = events.last().map_or_else(|| cursor.clone(), |last| Cursor::after(last.recorded_at));
    Ok(Page { events, cursor: next, is_last })
}

async fn of_sync_level(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    level: SyncLevel,
    cursor: &Cursor,
    limit: u32,
) -> Result<Page, ReadError> {
    let Some(window) = window(connection, tenant, cursor, limit, CursorRules::Ours).await? else {
        return Ok(empty(cursor));
    };
    let examined = examine(connection, tenant, window.begin, level).await?;
    let mut matching = examined.matching;
    let is_whole = cut(&mut matching, window.count);
    let events = at(connection, tenant, &matching).await?;
    // Behind the last event that the page has looked at, or it would be looked at again.
    let seen = if is_whole { examined.last } else { matching.last().copied() };
    let stamp = match seen {
        Some(position) => events::stamp(connection, tenant, position).await?,
        None => None,
    };
    let is_last = is_whole && !examined.goes_on;
    Ok(Page { events, cursor: stamp.map_or_else(|| cursor.clone(), Cursor::after), is_last })
}

/// The events at these positions, with the level that they have reached by now.
pub(crate) async fn at(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    positions: &[i64],
) -> Result<Vec<StoredEvent>, AccessError> {
    let mut found = events::at_positions(connection, tenant, positions).await?;
    sync_levels::complete(connection, tenant, &mut found).await?;
    Ok(found)
}

fn empty(cursor: &Cursor) -> Page {
    Page { events: Vec::new(), cursor: cursor.clone(), is_last: true }
}

pub(crate) struct Examined {
    pub(crate) matching: Vec<i64>,
    /// Position of the last event that was looked at.
    pub(crate) last: Option<i64>,
    /// Whether the log has more of them.
    pub(crate) goes_on: bool,
}

/// Looks at the events from a position on, [`MAX_EXAMINED`] at most, for those of a level.
pub(crate) async fn examine(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    begin: u64,
    level: SyncLevel,
) -> Result<Examined, AccessError> {
    let statement = OfSyncLevel {
        tenant: tenant.as_str(),
        begin: to_bigint(begin),
        level: level.number(),
        limit: i64::from(MAX_EXAMINED),
    };
    let (matching, last, goes_on) = Prepared(statement).get_result(connection).await?;
    Ok(Examined { matching, last, goes_on })
}

struct OfEntity<'a> {
    tenant: &'a str,
    entity: &'a str,
    begin: i64,
    limit: i64,
}

impl Statement for OfEntity<'_> {
    const SQL: &'static str = include_str!("../sql/entity_positions_from.sql");
    type Columns = BigInt;
    type Key = OfEntity<'static>;

    fn bind<'b>(&'b self, number: usize, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match number {
            1 => out.push_bind_param::<Text, _>(&self.tenant),
            2 => out.push_bind_param::<Text, _>(&self.entity),
            3 => out.push_bind_param::<BigInt, _>(&self.begin),
            4 => out.push_bind_param::<BigInt, _>(&self.limit),
            other => unknown_parameter(other),
        }
    }
}

struct OfSyncLevel<'a> {
    tenant: &'a str,
    begin: i64,
    level: i16,
    limit: i64,
}

impl Statement for OfSyncLevel<'_> {
    const SQL: &'static str = include_str!("../sql/positions_of_sync_level.sql");
    type Columns = (Array<BigInt>, Nullable<BigInt>, Bool);
    type Key = OfSyncLevel<'static>;

    fn bind<'b>(&'b self, number: usize, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match number {
            1 => out.push_bind_param::<Text, _>(&self.tenant),
            2 => out.push_bind_param::<BigInt, _>(&self.begin),
            3 => out.push_bind_param::<SmallInt, _>(&self.level),
            4 => out.push_bind_param::<BigInt, _>(&self.limit),
            other => unknown_parameter(other),
        }
    }
}
