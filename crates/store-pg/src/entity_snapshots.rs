//! Table `entity_snapshots`: states of entities after a number of events.
//!
//! Not here: when a snapshot is worth taking, which is the caller's to decide.

use diesel::data_types::PgTimestamp;
use diesel::pg::Pg;
use diesel::query_builder::AstPass;
use diesel::result::{OptionalExtension, QueryResult};
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use veritrail_core::store::EntitySnapshot;
use veritrail_core::{EntityDoc, EntityGuid, MAX_ENTITY_VERSION, Position, TenantId};

use crate::convert::{Place, to_bigint, to_pg};
use crate::error::AccessError;
use crate::statement::{Prepared, Statement, unknown_parameter};

/// Keeps a snapshot that was checked, in the place of one after the same number of events.
pub(crate) async fn save(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    snapshot: &EntitySnapshot,
) -> Result<(), AccessError> {
    let statement = Save {
        tenant: tenant.as_str(),
        guid: snapshot.entity_guid.as_str(),
        event_count: to_count(snapshot.event_count),
        position: snapshot.position.map(|position| to_bigint(position.0)),
        state: serde_json::to_string(&snapshot.state).expect("an entity has a JSON form"),
        recorded_at: to_pg(snapshot.timestamp),
    };
    Prepared(statement).get_result::<bool>(connection).await?;
    Ok(())
}

/// The snapshot of an entity with the most events, of those with `most_events` at most.
pub(crate) async fn newest(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    guid: &EntityGuid,
    most_events: u32,
) -> Result<Option<EntitySnapshot>, AccessError> {
    let statement = Newest {
        tenant: tenant.as_str(),
        guid: guid.as_str(),
        most_events: to_count(most_events.min(MAX_ENTITY_VERSION)),
    };
    let row: Option<(i32, Option<i64>, String, PgTimestamp)> =
        Prepared(statement).get_result(connection).await.optional()?;
    let Some((event_count, position, state, recorded_at)) = row else { return Ok(None) };
    let place = Place { table: "entity_snapshots", key: guid };
    let position = position.map(|position| place.unsigned("position", position)).transpose()?;
    let state = EntityDoc::from_jsonb_text(&state).map_err(|_| place.corrupt("state"))?;
    if state.guid != *guid {
        return Err(place.corrupt("state").into());
    }
    Ok(Some(EntitySnapshot {
        entity_guid: guid.clone(),
        state,
        event_count: u32::try_from(event_count).map_err(|_| place.corrupt("event_count"))?,
        timestamp: place.timestamp("recorded_at", recorded_at)?,
        position: position.map(Position),
    }))
}

fn to_count(number: u32) -> i32 {
    i32::try_from(number).expect("an event count is checked to be at most the highest version")
}

struct Save<'a> {
    tenant: &'a str,
    guid: &'a str,
    event_count: i32,
    position: Option<i64>,
    state: String,
    recorded_at: PgTimestamp,
}

impl Statement for Save<'_> {
    const SQL: &'static str = include_str!("sql/save_snapshot.sql");
    type Columns = Bool;
    type Key = Save<'static>;

    fn bind<'b>(&'b self, number: usize, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match number {
            1 => out.push_bind_param::<Text, _>(&self.tenant),
            2 => out.push_bind_param::<Text, _>(&self.guid),
            3 => out.push_bind_param::<Integer, _>(&self.event_count),
            4 => out.push_bind_param::<Nullable<BigInt>, _>(&self.position),
            5 => out.push_bind_param::<Text, _>(&self.state),
            6 => out.push_bind_param::<Timestamptz, _>(&self.recorded_at),
            other => unknown_parameter(other),
        }
    }
}

struct Newest<'a> {
    tenant: &'a str,
    guid: &'a str,
    most_events: i32,
}

impl Statement for Newest<'_> {
    const SQL: &'static str = include_str!("sql/newest_snapshot.sql");
    type Columns = (Integer, Nullable<BigInt>, Text, Timestamptz);
    type Key = Newest<'static>;

    fn bind<'b>(&'b self, number: usize, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match number {
            1 => out.push_bind_param::<Text, _>(&self.tenant),
            2 => out.push_bind_param::<Text, _>(&self.guid),
            3 => out.push_bind_param::<Integer, _>(&self.most_events),
            other => unknown_parameter(other),
        }
    }
}
