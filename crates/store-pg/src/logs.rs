//! Table `logs`: what an append locks, and who a log is.

use diesel::data_types::PgTimestamp;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::AstPass;
use diesel::sql_types::{Bool, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;
use veritrail_core::{Epoch, LogName, TenantId, Timestamp};

use crate::convert::Place;
use crate::error::{AccessError, is_log_busy};
use crate::schema::veritrail::logs;
use crate::session::Session;
use crate::statement::{Prepared, Statement, unknown_parameter};

/// A log's identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Bound into every leaf and into the origin of the log's checkpoints.
    pub log_id: Uuid,
    /// The log's present life.
    pub epoch: Epoch,
    /// Last stamp before this epoch.
    pub base_stamp: Option<Timestamp>,
    /// Whether it is a verified copy of another database's log.
    pub replica: bool,
}

impl Session<'_> {
    /// The identity of one of the tenant's logs; `None` before its first append.
    ///
    /// # Errors
    /// [`AccessError`].
    pub async fn log_of(&mut self, log: LogName) -> Result<Option<Log>, AccessError> {
        let tenant = self.tenant;
        self.snapshot(async |connection| find(connection, tenant, log).await).await
    }
}

type LogRow = (Uuid, i32, Option<PgTimestamp>, bool);

/// A log's row that is locked.
pub(crate) struct LockedRow {
    pub(crate) log: Log,
    /// Whether this transaction has made it: nothing may be stored of the log yet.
    pub(crate) is_new: bool,
}

/// Locks the log's row until the end of the transaction, making the log if it is not there yet.
///
/// The row is only ever locked: positions are gapless and in commit order because PostgreSQL makes a
/// transaction visible before it releases its row locks.
pub(crate) async fn lock_or_create(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    log: LogName,
) -> Result<LockedRow, AccessError> {
    if let Some(log) = lock_free(connection, tenant, log).await? {
        return Ok(LockedRow { log, is_new: false });
    }
    // Somebody holds it, or there is none.
    let statement = Prepared(LockLog { tenant: tenant.as_str(), log: log.as_str() });
    let found: Result<Option<LockedColumns>, _> = statement.get_result(connection).await.optional();
    let found = found.map_err(|error| match is_log_busy(&error) {
        true => AccessError::LogBusy { tenant: tenant.clone(), log },
        false => error.into(),
    })?;
    // A row that is there and cannot be seen is hidden by row-level security.
    let (log_id, epoch, base_stamp, replica, is_new) =
        found.ok_or(AccessError::Database(diesel::result::Error::NotFound))?;
    Ok(LockedRow { log: to_log((log_id, epoch, base_stamp, replica), tenant, log)?, is_new })
}

/// Reads the identity of a log that is written under the lock of another one, making the log if it is not there yet.
pub(crate) async fn find_or_create(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    log: LogName,
) -> Result<LockedRow, AccessError> {
    if let Some(log) = find(connection, tenant, log).await? {
        return Ok(LockedRow { log, is_new: false });
    }
    let inserted = diesel::insert_into(logs::table)
        .values((logs::tenant_id.eq(tenant.as_str()), logs::log.eq(log.as_str())))
        .on_conflict_do_nothing()
        .execute(connection)
        .await?;
    let found = find(connection, tenant, log).await?;
    let log = found.ok_or(AccessError::Database(diesel::result::Error::NotFound))?;
    Ok(LockedRow { log, is_new: inserted == 1 })
}

type LockedColumns = (Uuid, i32, Option<PgTimestamp>, bool, bool);

struct LockLog<'a> {
    tenant: &'a str,
    log: &'a str,
}

impl Statement for LockLog<'_> {
    const SQL: &'static str = include_str!("sql/lock_log.sql");
    type Columns = (SqlUuid, Integer, Nullable<Timestamptz>, Bool, Bool);
    type Key = LockLog<'static>;

    fn bind<'b>(&'b self, number: usize, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match number {
            1 => out.push_bind_param::<Text, _>(&self.tenant),
            2 => out.push_bind_param::<Text, _>(&self.log),
            other => unknown_parameter(other),
        }
    }
}

/// Locks the log's row if nobody else has locked it.
async fn lock_free(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    log: LogName,
) -> Result<Option<Log>, AccessError> {
    let row: Option<LogRow> = logs::table
        .find((tenant.as_str(), log.as_str()))
        .select((logs::log_id, logs::epoch, logs::base_stamp, logs::replica))
        .for_no_key_update()
        .skip_locked()
        .first(connection)
        .await
        .optional()?;
    row.map(|row| to_log(row, tenant, log)).transpose()
}

/// Reads a log's identity without locking it.
pub(crate) async fn find(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    log: LogName,
) -> Result<Option<Log>, AccessError> {
    let row: Option<LogRow> = logs::table
        .find((tenant.as_str(), log.as_str()))
        .select((logs::log_id, logs::epoch, logs::base_stamp, logs::replica))
        .first(connection)
        .await
        .optional()?;
    row.map(|row| to_log(row, tenant, log)).transpose()
}

/// Whether anything is stored of a tenant's log: without the log's row nothing may be.
pub(crate) async fn has_rows(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    log: LogName,
) -> Result<bool, AccessError> {
    Ok(Prepared(HasRows { tenant: tenant.as_str(), log: log.as_str() }).get_result(connection).await?)
}

struct HasRows<'a> {
    tenant: &'a str,
    log: &'static str,
}

impl Statement for HasRows<'_> {
    const SQL: &'static str = include_str!("sql/has_rows.sql");
    type Columns = Bool;
    type Key = HasRows<'static>;

    fn bind<'b>(&'b self, number: usize, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match number {
            1 => out.push_bind_param::<Text, _>(&self.tenant),
            2 => out.push_bind_param::<Text, _>(&self.log),
            other => unknown_parameter(other),
        }
    }
}

/// Makes the log of a replica with the identity of its origin, unless the tenant has a log already; tells
/// whether it has made it.
pub(crate) async fn create_replica(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    log: LogName,
    log_id: Uuid,
    epoch: Epoch,
) -> Result<bool, AccessError> {
    let epoch = i32::try_from(epoch.0).map_err(|_| Place { table: "logs", key: &log_id }.corrupt("epoch"))?;
    let inserted = diesel::insert_into(logs::table)
        .values((
            logs::tenant_id.eq(tenant.as_str()),
            logs::log.eq(log.as_str()),
            logs::log_id.eq(log_id),
            logs::epoch.eq(epoch),
            logs::replica.eq(true),
        ))
        .on_conflict_do_nothing()
        .execute(connection)
        .await?;
    Ok(inserted == 1)
}

fn to_log(
    (log_id, epoch, base_stamp, replica): LogRow,
    tenant: &TenantId,
    log: LogName,
) -> Result<Log, AccessError> {
    let key = format_args!("{tenant}/{log}").to_string();
    let place = Place { table: "logs", key: &key };
    let epoch = u32::try_from(epoch).map_err(|_| place.corrupt("epoch"))?;
    let base_stamp = base_stamp.map(|stamp| place.timestamp("base_stamp", stamp)).transpose()?;
    Ok(Log { log_id, epoch: Epoch(epoch), base_stamp, replica })
}
