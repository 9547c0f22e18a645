//! Table `entities` and its two companions: loading what a batch touches, and the cluster that time travel needs.

use std::collections::{BTreeSet, HashSet};

use diesel::data_types::PgTimestamp;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::AstPass;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use veritrail_applier::{EntityState, LoadedEntity};
use veritrail_core::{EntityDoc, EntityGuid, EntityPair, MAX_ENTITY_VERSION, TenantId};

use crate::convert::{Corrupt, Place};
use crate::error::AccessError;
use crate::statement::{Prepared, Statement, unknown_parameter};

struct LoadEntities<'a> {
    tenant: &'a str,
    guids: Vec<&'a str>,
    related: bool,
}

impl Statement for LoadEntities<'_> {
    const SQL: &'static str = include_str!("sql/load_entities.sql");
    type Columns = (Text, Integer, Text, Text, Nullable<Timestamptz>);
    type Key = LoadEntities<'static>;

    fn bind<'b>(&'b self, number: usize, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match number {
            1 => out.push_bind_param::<Text, _>(&self.tenant),
            2 => out.push_bind_param::<Array<Text>, _>(&self.guids),
            3 => out.push_bind_param::<Bool, _>(&self.related),
            other => unknown_parameter(other),
        }
    }
}

/// How far loading goes beyond the entities that are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// These alone.
    Named,
    /// Their members, the members of these and so on, and the groups that hold any of them.
    Related,
}

pub(crate) type EntityRow = (String, i32, String, String, Option<PgTimestamp>);

/// Loads entities, deleted ones too, in one statement.
pub(crate) async fn load(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    guids: &BTreeSet<EntityGuid>,
    reach: Reach,
) -> Result<Vec<LoadedEntity>, AccessError> {
    let statement = LoadEntities {
        tenant: tenant.as_str(),
        guids: guids.iter().map(EntityGuid::as_str).collect(),
        related: reach == Reach::Related,
    };
    let rows: Vec<EntityRow> = Prepared(statement).load(connection).await?;
    rows.into_iter().map(|row| Ok(to_entity(row)?)).collect()
}

pub(crate) fn to_entity(
    (guid, version, initial, modified, deleted_at): EntityRow,
) -> Result<LoadedEntity, Corrupt> {
    let key = guid.clone();
    let place = Place { table: "entities", key: &key };
    let doc = |column, text: &str| EntityDoc::from_jsonb_text(text).map_err(|_| place.corrupt(column));
    let guid: EntityGuid = place.parsed("guid", &guid)?;
    let pair = EntityPair {
        guid: guid.clone(),
        initial: doc("initial", &initial)?,
        modified: doc("modified", &modified)?,
    };
    let state = match deleted_at {
        None => EntityState::Live(pair),
        Some(at) => EntityState::Deleted { pair, deleted_at: place.timestamp("deleted_at", at)? },
    };
    let version = u32::try_from(version).ok().filter(|version| *version <= MAX_ENTITY_VERSION);
    let version = version.ok_or_else(|| place.corrupt("version"))?;
    let (EntityState::Live(pair) | EntityState::Deleted { pair, .. }) = &state;
    if pair.modified.guid != guid || pair.initial.guid != guid || pair.modified.version > version {
        return Err(place.corrupt("modified"));
    }
    Ok(LoadedEntity { guid, version, state })
}

struct EntityPositions<'a> {
    tenant: &'a str,
    guids: Vec<&'a str>,
    limit: i64,
}

impl Statement for EntityPositions<'_> {
    const SQL: &'static str = include_str!("sql/entity_positions.sql");
    type Columns = BigInt;
    type Key = EntityPositions<'static>;

    fn bind<'b>(&'b self, number: usize, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match number {
            1 => out.push_bind_param::<Text, _>(&self.tenant),
            2 => out.push_bind_param::<Array<Text>, _>(&self.guids),
            3 => out.push_bind_param::<BigInt, _>(&self.limit),
            other => unknown_parameter(other),
        }
    }
}

struct EntitiesAtPositions<'a> {
    tenant: &'a str,
    positions: Vec<i64>,
}

impl Statement for EntitiesAtPositions<'_> {
    const SQL: &'static str = include_str!("sql/entities_at_positions.sql");
    type Columns = Text;
    type Key = EntitiesAtPositions<'static>;

    fn bind<'b>(&'b self, number: usize, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match number {
            1 => out.push_bind_param::<Text, _>(&self.tenant),
            2 => out.push_bind_param::<Array<BigInt>, _>(&self.positions),
            other => unknown_parameter(other),
        }
    }
}

/// The positions of the events that are about these entities or touch them, `limit` at most, in order.
pub(crate) async fn positions(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    guids: &[EntityGuid],
    limit: u32,
) -> Result<BTreeSet<i64>, AccessError> {
    let statement = EntityPositions {
        tenant: tenant.as_str(),
        guids: guids.iter().map(EntityGuid::as_str).collect(),
        limit: i64::from(limit),
    };
    let rows: Vec<i64> = Prepared(statement).load(connection).await?;
    Ok(rows.into_iter().collect())
}

/// The cluster of an entity outgrew the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {limit} events lead to the entity's state")]
pub struct ClusterTooLarge {
    /// Most events that are replayed for one entity.
    pub limit: u32,
}

/// The positions of all events that may have had a part in an entity's state: those that are about it or touch
/// it, those of the entities that these touch, and so on.
pub(crate) async fn cluster(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    guid: &EntityGuid,
    limit: u32,
) -> Result<Result<BTreeSet<i64>, ClusterTooLarge>, AccessError> {
    let mut known: HashSet<EntityGuid> = HashSet::from([guid.clone()]);
    let mut found: BTreeSet<i64> = BTreeSet::new();
    let mut frontier = vec![guid.clone()];
    while !frontier.is_empty() {
        // One more than the limit, so that exactly the limit is not mistaken for too many.
        let reached = positions(connection, tenant, &frontier, limit.saturating_add(1)).await?;
        let fresh: Vec<i64> = reached.difference(&found).copied().collect();
        found.extend(&fresh);
        if u32::try_from(found.len()).map_or(true, |count| count > limit) {
            return Ok(Err(ClusterTooLarge { limit }));
        }
        let statement = EntitiesAtPositions { tenant: tenant.as_str(), positions: fresh };
        let guids: Vec<String> = Prepared(statement).load(connection).await?;
        frontier.clear();
        for guid in guids {
            let key = guid.clone();
            let guid: EntityGuid =
                Place { table: "entity_events", key: &key }.parsed("entity_guid", &guid)?;
            if known.insert(guid.clone()) {
                frontier.push(guid);
            }
        }
    }
    Ok(Ok(found))
}
