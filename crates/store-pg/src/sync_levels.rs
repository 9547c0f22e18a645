//! Table `sync_levels`: how far entries have travelled since they arrived.
//!
//! An entry's level is the greater of that on arrival, which stands in its row, and the one here. Which events have a
//! level is asked in `read/chosen.rs`.

use std::collections::{BTreeMap, BTreeSet};

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::AstPass;
use diesel::sql_types::{Array, BigInt, SmallInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use veritrail_core::store::{MAX_BATCH, Raised};
use veritrail_core::{EventGuid, LogName, Position, StoredEvent, SyncLevel, TenantId};

use crate::convert::{Place, to_bigint};
use crate::error::AccessError;
use crate::events;
use crate::schema::veritrail::sync_levels;
use crate::session::Session;
use crate::statement::{Prepared, Statement, unknown_parameter};

/// Most levels that one call raises.
pub const MAX_RAISED: usize = MAX_BATCH;

/// Why no level was raised.
#[derive(Debug, thiserror::Error)]
pub enum RaiseError {
    /// The database could not be asked.
    #[error("the database could not be asked")]
    Access(#[from] AccessError),
    /// More than [`MAX_RAISED`] at once: raise them in parts.
    #[error("{0} levels at once are more than {MAX_RAISED}")]
    TooMany(usize),
}

impl Session<'_> {
    /// Raises the level of one event.
    ///
    /// # Errors
    /// [`RaiseError::Access`].
    pub async fn raise_sync_level(
        &mut self,
        guid: &EventGuid,
        level: SyncLevel,
    ) -> Result<Raised, RaiseError> {
        self.raise_sync_levels(&[(guid, level)]).await
    }

    /// Raises the levels of events, all or none. Of a guid that is named twice the higher level counts.
    ///
    /// An event that has the level or a higher one is left as it is, and a guid that is not recorded is passed over:
    /// both are counts in the answer. The log itself is not touched, so a replica can keep levels of its own.
    ///
    /// # Errors
    /// [`RaiseError`]: nothing was raised.
    pub async fn raise_sync_levels(
        &mut self,
        levels: &[(&EventGuid, SyncLevel)],
    ) -> Result<Raised, RaiseError> {
        if levels.len() > MAX_RAISED {
            return Err(RaiseError::TooMany(levels.len()));
        }
        let tenant = self.tenant;
        let raised: Raised =
            self.write(async |connection| raise_of_events(connection, tenant, levels).await).await?;
        Ok(raised)
    }
}

async fn raise_of_events(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    levels: &[(&EventGuid, SyncLevel)],
) -> Result<Raised, AccessError> {
    let mut wanted: BTreeMap<&str, SyncLevel> = BTreeMap::new();
    for (guid, level) in levels {
        let highest = wanted.entry(guid.as_str()).or_default();
        *highest = (*highest).max(*level);
    }
    let guids: Vec<&str> = wanted.keys().copied().collect();
    let arrived = events::arrivals(connection, tenant, &guids).await?;
    let found = count(arrived.len());
    let higher: Vec<(Position, SyncLevel)> = arrived
        .into_iter()
        .filter_map(|(guid, position, arrival)| {
            let level = *wanted.get(guid.as_str())?;
            (level > arrival).then_some((position, level))
        })
        .collect();
    let raised = raise(connection, tenant, LogName::Events, &higher).await?;
    Ok(Raised { raised, unchanged: found.saturating_sub(raised), unknown: count(wanted.len()) - found })
}

fn count(length: usize) -> u64 {
    u64::try_from(length).expect("a batch has fewer than 2^64 members")
}

/// Raises the levels at positions of a log to what they are here, unless they are as high already, in one statement;
/// tells how many were raised.
///
/// The caller has looked up that the positions are there, that their level on arrival is lower, and names none twice.
pub(crate) async fn raise(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    log: LogName,
    levels: &[(Position, SyncLevel)],
) -> Result<u64, AccessError> {
    if levels.is_empty() {
        return Ok(0);
    }
    // In the order of positions, so that two that raise the same ones wait for each other and not in a circle.
    let sorted: BTreeMap<i64, i16> =
        levels.iter().map(|(position, level)| (to_bigint(position.0), level.number())).collect();
    let (positions, levels): (Vec<i64>, Vec<i16>) = sorted.into_iter().unzip();
    let statement = Raise { tenant: tenant.as_str(), log: log.as_str(), positions, levels };
    let raised: i64 = Prepared(statement).get_result(connection).await?;
    Ok(u64::try_from(raised).expect("a count of rows is not negative"))
}

/// Gives events the level that they have reached by now.
pub(crate) async fn complete(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    stored: &mut [StoredEvent],
) -> Result<(), AccessError> {
    let positions: BTreeSet<i64> = stored.iter().map(|event| to_bigint(event.position.0)).collect();
    let mut ends = positions.iter();
    let Some(first) = ends.next() else { return Ok(()) };
    let last = ends.next_back().unwrap_or(first);
    let is_run = usize::try_from(last - first + 1) == Ok(positions.len());
    let rows = if is_run {
        between(connection, tenant, *first, *last).await?
    } else {
        at(connection, tenant, positions.into_iter().collect()).await?
    };
    if rows.is_empty() {
        return Ok(());
    }
    let reached: BTreeMap<i64, i16> = rows.into_iter().collect();
    for event in stored {
        let position = to_bigint(event.position.0);
        let Some(number) = reached.get(&position) else { continue };
        let place = Place { table: "sync_levels", key: &position };
        let level = SyncLevel::from_number(*number).ok_or_else(|| place.corrupt("level"))?;
        event.event.sync_level = event.event.sync_level.max(level);
    }
    Ok(())
}

async fn between(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    first: i64,
    last: i64,
) -> Result<Vec<(i64, i16)>, AccessError> {
    let rows = sync_levels::table
        .filter(sync_levels::tenant_id.eq(tenant.as_str()))
        .filter(sync_levels::log.eq(LogName::Events.as_str()))
        .filter(sync_levels::position.between(first, last))
        .select((sync_levels::position, sync_levels::level))
        .load(connection)
        .await?;
    Ok(rows)
}

async fn at(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    positions: Vec<i64>,
) -> Result<Vec<(i64, i16)>, AccessError> {
    let statement = At { tenant: tenant.as_str(), log: LogName::Events.as_str(), positions };
    Ok(Prepared(statement).load(connection).await?)
}

struct Raise<'a> {
    tenant: &'a str,
    log: &'static str,
    positions: Vec<i64>,
    levels: Vec<i16>,
}

impl Statement for Raise<'_> {
    const SQL: &'static str = include_str!("sql/raise_sync_levels.sql");
    type Columns = BigInt;
    type Key = Raise<'static>;

    fn bind<'b>(&'b self, number: usize, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match number {
            1 => out.push_bind_param::<Text, _>(&self.tenant),
            2 => out.push_bind_param::<Text, _>(&self.log),
            3 => out.push_bind_param::<Array<BigInt>, _>(&self.positions),
            4 => out.push_bind_param::<Array<SmallInt>, _>(&self.levels),
            other => unknown_parameter(other),
        }
    }
}

struct At<'a> {
    tenant: &'a str,
    log: &'static str,
    positions: Vec<i64>,
}

impl Statement for At<'_> {
    const SQL: &'static str = include_str!("sql/sync_levels_at.sql");
    type Columns = (BigInt, SmallInt);
    type Key = At<'static>;

    fn bind<'b>(&'b self, number: usize, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match number {
            1 => out.push_bind_param::<Text, _>(&self.tenant),
            2 => out.push_bind_param::<Text, _>(&self.log),
            3 => out.push_bind_param::<Array<BigInt>, _>(&self.positions),
            other => unknown_parameter(other),
        }
    }
}
