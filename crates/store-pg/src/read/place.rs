//! Where a cursor leads in the tenant's log: one statement for all that `veritrail-sync` must know to decide.

use diesel::data_types::PgTimestamp;
use diesel::pg::Pg;
use diesel::query_builder::AstPass;
use diesel::result::QueryResult;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use veritrail_core::{TenantId, Timestamp};
use veritrail_sync::{Cursor, CursorRules, Landmarks, Lookups, MAX_EXTENSION, Place, locate, rising};

use super::ReadError;
use crate::convert::{self, to_bigint, to_pg};
use crate::error::AccessError;
use crate::events;
use crate::statement::{Prepared, Statement, unknown_parameter};

/// Where a page begins and how many events it has at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) begin: u64,
    pub(super) count: u32,
}

/// Where a page behind a cursor begins; `None` where a standby does not have it yet.
pub(super) async fn window(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    cursor: &Cursor,
    limit: u32,
    rules: CursorRules,
) -> Result<Option<Window>, ReadError> {
    if *cursor == Cursor::Start {
        return Ok(Some(Window { begin: 0, count: limit }));
    }
    let lookups = Lookups::of(cursor, rules);
    let found = landmarks(connection, tenant, &lookups).await?;
    match locate(cursor, rules, limit, &found) {
        Place::From { begin, count, by_event_time: false } => Ok(Some(Window { begin, count })),
        Place::From { begin, count, by_event_time: true } => {
            let longest = count.max(limit.saturating_add(MAX_EXTENSION));
            let count = advancing(connection, tenant, begin, count, longest).await?;
            Ok(Some(Window { begin, count }))
        }
        Place::NotYet => Ok(None),
        Place::NotOfThisLog => Err(ReadError::NotOfThisLog {
            cursor: cursor.to_string(),
            end: found.end.map_or_else(|| "the beginning".to_owned(), |end| Cursor::after(end).to_string()),
        }),
    }
}

/// The length of a page whose reader keeps the largest timestamp in it: it goes on to one that no event before the
/// page has, or the reader would be led back there and come round again.
async fn advancing(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    begin: u64,
    count: u32,
    longest: u32,
) -> Result<u32, AccessError> {
    // Nearly always the page as it is will do.
    for length in [count, longest] {
        let times = events::timestamps(connection, tenant, begin, length).await?;
        let least = usize::try_from(count).expect("a page's length fits");
        if times.len() < least {
            return Ok(count);
        }
        let candidates = rising(&times, least);
        let instants = candidates.iter().map(|(_, time)| to_pg(*time)).collect();
        let earlier = times_before(connection, tenant, instants, begin).await?;
        let fresh = candidates.iter().find(|(_, time)| !earlier.contains(&to_pg(*time)));
        if let Some((length, _)) = fresh {
            return Ok(u32::try_from(*length).unwrap_or(longest));
        }
    }
    // To the end of the log, or as far as a page may go.
    Ok(longest)
}

async fn times_before(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    instants: Vec<PgTimestamp>,
    begin: u64,
) -> Result<Vec<PgTimestamp>, AccessError> {
    let statement = TimesBefore { tenant: tenant.as_str(), instants, begin: to_bigint(begin) };
    Ok(Prepared(statement).load(connection).await?)
}

type LandmarksRow =
    (i64, Option<PgTimestamp>, bool, Option<i64>, Option<i64>, Option<i64>, Option<i64>, Option<i64>);

async fn landmarks(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    lookups: &Lookups<'_>,
) -> Result<Landmarks, AccessError> {
    let instant = |at: Option<Timestamp>| at.map(to_pg);
    let statement = FindLandmarks {
        tenant: tenant.as_str(),
        named: lookups.named.map(veritrail_core::EventGuid::as_str),
        happened: instant(lookups.happened),
        follows: instant(lookups.follows),
        near: instant(lookups.near),
        beyond: instant(lookups.beyond),
    };
    let row: LandmarksRow = Prepared(statement).get_result(connection).await?;
    let (size, end, is_standby, named, happened, follows, near, beyond) = row;
    let place = convert::Place { table: "events", key: tenant };
    let position =
        |position: Option<i64>| position.map(|position| place.unsigned("position", position)).transpose();
    Ok(Landmarks {
        size: place.unsigned("position", size)?,
        end: end.map(|end| place.timestamp("recorded_at", end)).transpose()?,
        is_standby,
        named: position(named)?,
        happened: position(happened)?,
        follows: position(follows)?,
        near: position(near)?,
        beyond: position(beyond)?,
    })
}

struct FindLandmarks<'a> {
    tenant: &'a str,
    named: Option<&'a str>,
    happened: Option<PgTimestamp>,
    follows: Option<PgTimestamp>,
    near: Option<PgTimestamp>,
    beyond: Option<PgTimestamp>,
}

impl Statement for FindLandmarks<'_> {
    const SQL: &'static str = include_str!("../sql/cursor_landmarks.sql");
    type Columns = (
        BigInt,
        Nullable<Timestamptz>,
        Bool,
        Nullable<BigInt>,
        Nullable<BigInt>,
        Nullable<BigInt>,
        Nullable<BigInt>,
        Nullable<BigInt>,
    );
    type Key = FindLandmarks<'static>;

    fn bind<'b>(&'b self, number: usize, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match number {
            1 => out.push_bind_param::<Text, _>(&self.tenant),
            2 => out.push_bind_param::<Nullable<Text>, _>(&self.named),
            3 => out.push_bind_param::<Nullable<Timestamptz>, _>(&self.happened),
            4 => out.push_bind_param::<Nullable<Timestamptz>, _>(&self.follows),
            5 => out.push_bind_param::<Nullable<Timestamptz>, _>(&self.near),
            6 => out.push_bind_param::<Nullable<Timestamptz>, _>(&self.beyond),
            other => unknown_parameter(other),
        }
    }
}

struct TimesBefore<'a> {
    tenant: &'a str,
    instants: Vec<PgTimestamp>,
    begin: i64,
}

impl Statement for TimesBefore<'_> {
    const SQL: &'static str = include_str!("../sql/times_before.sql");
    type Columns = Timestamptz;
    type Key = TimesBefore<'static>;

    fn bind<'b>(&'b self, number: usize, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match number {
            1 => out.push_bind_param::<Text, _>(&self.tenant),
            2 => out.push_bind_param::<Array<Timestamptz>, _>(&self.instants),
            3 => out.push_bind_param::<BigInt, _>(&self.begin),
            other => unknown_parameter(other),
        }
    }
}
