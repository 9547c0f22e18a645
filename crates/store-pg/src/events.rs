//! Table `events`: reading. Only the one statement of `append` writes; how a row becomes an event is in `events/row.rs`.

mod row;

use diesel::data_types::PgTimestamp;
use diesel::dsl;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::AstPass;
use diesel::sql_types::{Array, BigInt, SmallInt, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use veritrail_core::{EventGuid, Hash, Position, StoredEvent, SyncLevel, TenantId, Timestamp};

use crate::convert::{Place, to_bigint, to_pg};
use crate::error::AccessError;
use crate::schema::veritrail::events;
use crate::statement::{Prepared, Statement, unknown_parameter};
pub(crate) use row::{EventColumns, EventRow};

struct ByPosition<'a> {
    tenant: &'a str,
    begin: i64,
    last: i64,
    limit: i64,
}

impl Statement for ByPosition<'_> {
    const SQL: &'static str =
        concat!(include_str!("sql/event_columns.sql"), include_str!("sql/events_by_position.sql"));
    type Columns = EventColumns;
    type Key = ByPosition<'static>;

    fn bind<'b>(&'b self, number: usize, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match number {
            1 => out.push_bind_param::<Text, _>(&self.tenant),
            2 => out.push_bind_param::<BigInt, _>(&self.begin),
            3 => out.push_bind_param::<BigInt, _>(&self.last),
            4 => out.push_bind_param::<BigInt, _>(&self.limit),
            other => unknown_parameter(other),
        }
    }
}

struct After<'a> {
    tenant: &'a str,
    stamp: PgTimestamp,
    limit: i64,
}

impl Statement for After<'_> {
    const SQL: &'static str =
        concat!(include_str!("sql/event_columns.sql"), include_str!("sql/events_after.sql"));
    type Columns = EventColumns;
    type Key = After<'static>;

    fn bind<'b>(&'b self, number: usize, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match number {
            1 => out.push_bind_param::<Text, _>(&self.tenant),
            2 => out.push_bind_param::<Timestamptz, _>(&self.stamp),
            3 => out.push_bind_param::<BigInt, _>(&self.limit),
            other => unknown_parameter(other),
        }
    }
}

struct ByGuid<'a> {
    tenant: &'a str,
    guids: &'a [&'a str],
}

impl Statement for ByGuid<'_> {
    const SQL: &'static str =
        concat!(include_str!("sql/event_columns.sql"), include_str!("sql/events_by_guid.sql"));
    type Columns = EventColumns;
    type Key = ByGuid<'static>;

    fn bind<'b>(&'b self, number: usize, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match number {
            1 => out.push_bind_param::<Text, _>(&self.tenant),
            2 => out.push_bind_param::<Array<Text>, _>(&self.guids),
            other => unknown_parameter(other),
        }
    }
}

struct AtPositions<'a> {
    tenant: &'a str,
    positions: &'a [i64],
}

impl Statement for AtPositions<'_> {
    const SQL: &'static str =
        concat!(include_str!("sql/event_columns.sql"), include_str!("sql/events_at_positions.sql"));
    type Columns = EventColumns;
    type Key = AtPositions<'static>;

    fn bind<'b>(&'b self, number: usize, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match number {
            1 => out.push_bind_param::<Text, _>(&self.tenant),
            2 => out.push_bind_param::<Array<BigInt>, _>(&self.positions),
            other => unknown_parameter(other),
        }
    }
}

/// Rows with a position from `begin` to `last`, in order, `limit` at most.
///
/// Positions have no gaps, so a page is a range of them: a limit alone would let PostgreSQL read and sort the rest of the
/// log where it knows little of the table. Where there is a gap all the same, the rest is read behind it.
pub(crate) async fn by_position(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    begin: u64,
    last: u64,
    limit: u32,
) -> Result<Vec<EventRow>, AccessError> {
    go_on(connection, tenant, Vec::new(), begin, last, limit).await
}

/// Adds the rows from `begin` on to those before them, until there are `limit` or no more.
async fn go_on(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    mut rows: Vec<EventRow>,
    begin: u64,
    last: u64,
    limit: u32,
) -> Result<Vec<EventRow>, AccessError> {
    let last = i64::try_from(last).unwrap_or(i64::MAX);
    let mut begin = i64::try_from(begin).unwrap_or(i64::MAX);
    loop {
        let missing = i64::from(limit).saturating_sub(i64::try_from(rows.len()).unwrap_or(i64::MAX));
        if missing <= 0 || begin > last {
            return Ok(rows);
        }
        let statement = ByPosition { tenant: tenant.as_str(), begin, last, limit: missing };
        let more: Vec<EventRow> = Prepared(statement).load(connection).await?;
        let Some(end) = more.last() else { return Ok(rows) };
        begin = end.position.saturating_add(1);
        if rows.is_empty() {
            rows = more;
        } else {
            rows.extend(more);
        }
    }
}

/// Rows from the first position recorded after a stamp on, in order, `limit` at most.
pub(crate) async fn after(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    stamp: Timestamp,
    limit: u32,
) -> Result<Vec<EventRow>, AccessError> {
    let statement = After { tenant: tenant.as_str(), stamp: to_pg(stamp), limit: i64::from(limit) };
    let rows: Vec<EventRow> = Prepared(statement).load(connection).await?;
    match rows.last().and_then(|row| u64::try_from(row.position).ok()) {
        Some(end) => go_on(connection, tenant, rows, end.saturating_add(1), u64::MAX, limit).await,
        None => Ok(rows),
    }
}

/// The events that have one of these guids, in no order.
pub(crate) async fn by_guid(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    guids: &[&str],
) -> Result<Vec<StoredEvent>, AccessError> {
    let rows: Vec<EventRow> = Prepared(ByGuid { tenant: tenant.as_str(), guids }).load(connection).await?;
    believe(rows)
}

/// The events at these positions, in order.
pub(crate) async fn at_positions(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    positions: &[i64],
) -> Result<Vec<StoredEvent>, AccessError> {
    let statement = AtPositions { tenant: tenant.as_str(), positions };
    let rows: Vec<EventRow> = Prepared(statement).load(connection).await?;
    believe(rows)
}

/// Turns rows into events.
///
/// # Errors
/// [`AccessError::Corrupt`] for the first row that cannot be believed.
pub(crate) fn believe(rows: Vec<EventRow>) -> Result<Vec<StoredEvent>, AccessError> {
    rows.into_iter().map(|row| StoredEvent::try_from(row).map_err(AccessError::from)).collect()
}

/// The leaves at positions [`begin`, `end`) that are there.
pub(crate) async fn leaf_hashes(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    begin: u64,
    end: u64,
) -> Result<Vec<Hash>, AccessError> {
    let rows: Vec<Vec<u8>> = events::table
        .filter(events::tenant_id.eq(tenant.as_str()))
        .filter(events::position.ge(to_bigint(begin)))
        .filter(events::position.lt(to_bigint(end)))
        .order(events::position)
        .select(events::leaf_hash)
        .load(connection)
        .await?;
    let key = format!("{begin}..{end}");
    let place = Place { table: "events", key: &key };
    rows.iter().map(|hash| Ok(place.hash("leaf_hash", hash)?)).collect()
}

/// Position and guid of rows that stand before position 0 or from `end` on, `limit` at most of each.
pub(crate) async fn outside(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    end: u64,
    limit: u32,
) -> Result<Vec<(i64, String)>, AccessError> {
    let of_tenant = || {
        events::table
            .filter(events::tenant_id.eq(tenant.as_str()))
            .order(events::position)
            .select((events::position, events::guid))
            .limit(i64::from(limit))
    };
    let mut rows: Vec<(i64, String)> = of_tenant().filter(events::position.lt(0)).load(connection).await?;
    let end = i64::try_from(end).unwrap_or(i64::MAX);
    rows.extend(of_tenant().filter(events::position.ge(end)).load::<(i64, String)>(connection).await?);
    Ok(rows)
}

/// Whether an event with this guid is recorded.
pub(crate) async fn exists(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    guid: &EventGuid,
) -> Result<bool, AccessError> {
    let of_guid = events::table
        .filter(events::tenant_id.eq(tenant.as_str()))
        .filter(events::guid.eq(guid.as_str()))
        .select(events::position);
    Ok(diesel::select(dsl::exists(of_guid)).get_result(connection).await?)
}

/// When events happened, by the devices' clocks: those from position `begin` on, in order, `limit` at most.
pub(crate) async fn timestamps(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    begin: u64,
    limit: u32,
) -> Result<Vec<Timestamp>, AccessError> {
    let rows: Vec<(i64, PgTimestamp)> = events::table
        .filter(events::tenant_id.eq(tenant.as_str()))
        .filter(events::position.ge(to_bigint(begin)))
        .order(events::position)
        .limit(i64::from(limit))
        .select((events::position, events::timestamp))
        .load(connection)
        .await?;
    let believed = |(position, instant): &(i64, PgTimestamp)| {
        Ok(Place { table: "events", key: position }.timestamp("timestamp", *instant)?)
    };
    rows.iter().map(believed).collect()
}

/// When the event at a position was recorded.
pub(crate) async fn stamp(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    position: i64,
) -> Result<Option<Timestamp>, AccessError> {
    let found: Option<PgTimestamp> = events::table
        .find((tenant.as_str(), position))
        .select(events::recorded_at)
        .first(connection)
        .await
        .optional()?;
    let place = Place { table: "events", key: &position };
    Ok(found.map(|stamp| place.timestamp("recorded_at", stamp)).transpose()?)
}

/// Guid, position and level on arrival of the events that have one of these guids, in no order.
pub(crate) async fn arrivals(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    guids: &[&str],
) -> Result<Vec<(String, Position, SyncLevel)>, AccessError> {
    let statement = Arrivals { tenant: tenant.as_str(), guids };
    let rows: Vec<(String, i64, i16)> = Prepared(statement).load(connection).await?;
    let believed = |(guid, position, level): (String, i64, i16)| {
        let place = Place { table: "events", key: &guid };
        let position = Position(place.unsigned("position", position)?);
        let level = SyncLevel::from_number(level).ok_or_else(|| place.corrupt("sync_level"))?;
        Ok((guid, position, level))
    };
    rows.into_iter().map(believed).collect()
}

struct Arrivals<'a> {
    tenant: &'a str,
    guids: &'a [&'a str],
}

impl Statement for Arrivals<'_> {
    const SQL: &'static str = include_str!("sql/arrival_levels.sql");
    type Columns = (Text, BigInt, SmallInt);
    type Key = Arrivals<'static>;

    fn bind<'b>(&'b self, number: usize, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match number {
            1 => out.push_bind_param::<Text, _>(&self.tenant),
            2 => out.push_bind_param::<Array<Text>, _>(&self.guids),
            other => unknown_parameter(other),
        }
    }
}
