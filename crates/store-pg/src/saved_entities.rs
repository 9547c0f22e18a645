//! Table `entities`: states that a caller saves by hand, for who makes entities of events by themselves.
//!
//! Such a row has no last event (`last_event_position` is -1). A row that an applied event has written is refused here: it
//! must stay what the events add up to. Not here: what an append writes (`append`) and how rows are read (`entities`).

use diesel::data_types::PgTimestamp;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::AstPass;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use veritrail_applier::EntityState;
use veritrail_core::{EntityDoc, EntityGuid, EntityPair, TenantId};

use crate::convert::to_pg;
use crate::entities::{EntityRow, to_entity};
use crate::error::AccessError;
use crate::schema::veritrail::{entities, entity_members};
use crate::statement::{Prepared, Statement, unknown_parameter};

/// What became of an entity that was to be saved.
pub(crate) enum Saved {
    Done,
    /// The stored state has another version, or there is none.
    OtherVersion(Option<u32>),
    /// An event has written the entity.
    Derived,
}

/// Saves a pair that was checked, if the stored one has the expected version.
pub(crate) async fn save(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    pair: &EntityPair,
    expected: Option<u32>,
) -> Result<Saved, AccessError> {
    let text = |state: &EntityDoc| serde_json::to_string(state).expect("an entity has a JSON form");
    let present = &pair.modified;
    let statement = Save {
        tenant: tenant.as_str(),
        guid: pair.guid.as_str(),
        kind: present.kind.as_str(),
        name: present.name.as_deref(),
        external_id: present.external_id.as_deref(),
        version: to_version(present.version),
        initial: text(&pair.initial),
        modified: text(present),
        last_updated: to_pg(present.last_updated),
        expected: expected.map(to_version),
        members: present.member_ids.iter().flatten().map(EntityGuid::as_str).collect(),
    };
    let (is_written, found, is_derived): (bool, Option<i32>, bool) =
        Prepared(statement).get_result(connection).await?;
    Ok(match (is_written, is_derived) {
        (true, _) => Saved::Done,
        (false, true) => Saved::Derived,
        (false, false) => Saved::OtherVersion(found.and_then(|version| u32::try_from(version).ok())),
    })
}

/// The entities after a guid that were not deleted, `limit` at most, in the order of the guids' bytes.
pub(crate) async fn after(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    after: Option<&EntityGuid>,
    limit: u32,
) -> Result<Vec<EntityPair>, AccessError> {
    // No guid is empty, so that each comes after the empty text.
    let after = after.map_or("", EntityGuid::as_str);
    let statement = After { tenant: tenant.as_str(), after, limit: i64::from(limit) };
    let rows: Vec<EntityRow> = Prepared(statement).load(connection).await?;
    rows.into_iter()
        .map(|row| {
            let (EntityState::Live(pair) | EntityState::Deleted { pair, .. }) = to_entity(row)?.state;
            Ok(pair)
        })
        .collect()
}

/// Removes every entity and membership of the tenant and tells how many entities there were.
pub(crate) async fn clear(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
) -> Result<usize, AccessError> {
    diesel::delete(entity_members::table.filter(entity_members::tenant_id.eq(tenant.as_str())))
        .execute(connection)
        .await?;
    let removed = diesel::delete(entities::table.filter(entities::tenant_id.eq(tenant.as_str())))
        .execute(connection)
        .await?;
    Ok(removed)
}

/// A version that is above every one that fits the column is none that is stored.
fn to_version(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

struct Save<'a> {
    tenant: &'a str,
    guid: &'a str,
    kind: &'static str,
    name: Option<&'a str>,
    external_id: Option<&'a str>,
    version: i32,
    initial: String,
    modified: String,
    last_updated: PgTimestamp,
    expected: Option<i32>,
    members: Vec<&'a str>,
}

impl Statement for Save<'_> {
    const SQL: &'static str = include_str!("sql/save_entity.sql");
    type Columns = (Bool, Nullable<Integer>, Bool);
    type Key = Save<'static>;

    fn bind<'b>(&'b self, number: usize, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match number {
            1 => out.push_bind_param::<Text, _>(&self.tenant),
            2 => out.push_bind_param::<Text, _>(&self.guid),
            3 => out.push_bind_param::<Text, _>(&self.kind),
            4 => out.push_bind_param::<Nullable<Text>, _>(&self.name),
            5 => out.push_bind_param::<Nullable<Text>, _>(&self.external_id),
            6 => out.push_bind_param::<Integer, _>(&self.version),
            7 => out.push_bind_param::<Text, _>(&self.initial),
            8 => out.push_bind_param::<Text, _>(&self.modified),
            9 => out.push_bind_param::<Timestamptz, _>(&self.last_updated),
            10 => out.push_bind_param::<Nullable<Integer>, _>(&self.expected),
            11 => out.push_bind_param::<Array<Text>, _>(&self.members),
            other => unknown_parameter(other),
        }
    }
}

struct After<'a> {
    tenant: &'a str,
    after: &'a str,
    limit: i64,
}

impl Statement for After<'_> {
    const SQL: &'static str = include_str!("sql/entities_after.sql");
    type Columns = (Text, Integer, Text, Text, Nullable<Timestamptz>);
    type Key = After<'static>;

    fn bind<'b>(&'b self, number: usize, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match number {
            1 => out.push_bind_param::<Text, _>(&self.tenant),
            2 => out.push_bind_param::<Text, _>(&self.after),
            3 => out.push_bind_param::<BigInt, _>(&self.limit),
            other => unknown_parameter(other),
        }
    }
}
