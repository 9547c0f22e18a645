//! Table `checkpoints`: signed tree heads, inserted and never changed.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use veritrail_core::{Epoch, LogName, TenantId};
use veritrail_merkle::checkpoint::Checkpoint;

use crate::convert::{Place, to_bigint};
use crate::error::AccessError;
use crate::schema::veritrail::checkpoints;
use crate::tree_heads::to_integer;

/// A row of `checkpoints`.
#[derive(Clone, Debug)]
pub(crate) struct CheckpointRow {
    pub(crate) size: u64,
    pub(crate) root: Vec<u8>,
    /// The signed note.
    pub(crate) note: String,
}

/// The newest checkpoint of an epoch.
pub(crate) async fn newest(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    log: LogName,
    epoch: Epoch,
) -> Result<Option<CheckpointRow>, AccessError> {
    let row: Option<(i64, Vec<u8>, String)> = checkpoints::table
        .filter(checkpoints::tenant_id.eq(tenant.as_str()))
        .filter(checkpoints::log.eq(log.as_str()))
        .filter(checkpoints::epoch.eq(to_integer(epoch)))
        .order(checkpoints::size.desc())
        .select((checkpoints::size, checkpoints::root, checkpoints::note))
        .first(connection)
        .await
        .optional()?;
    row.map(|row| to_row(row, tenant)).transpose()
}

/// All checkpoints of an epoch, smallest first.
pub(crate) async fn all(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    log: LogName,
    epoch: Epoch,
) -> Result<Vec<CheckpointRow>, AccessError> {
    let rows: Vec<(i64, Vec<u8>, String)> = checkpoints::table
        .filter(checkpoints::tenant_id.eq(tenant.as_str()))
        .filter(checkpoints::log.eq(log.as_str()))
        .filter(checkpoints::epoch.eq(to_integer(epoch)))
        .order(checkpoints::size)
        .select((checkpoints::size, checkpoints::root, checkpoints::note))
        .load(connection)
        .await?;
    rows.into_iter().map(|row| to_row(row, tenant)).collect()
}

/// Keeps a signed checkpoint, unless one of its size is there already.
pub(crate) async fn insert(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    log: LogName,
    epoch: Epoch,
    checkpoint: &Checkpoint,
    note: &str,
) -> Result<bool, AccessError> {
    let inserted = diesel::insert_into(checkpoints::table)
        .values((
            checkpoints::tenant_id.eq(tenant.as_str()),
            checkpoints::log.eq(log.as_str()),
            checkpoints::epoch.eq(to_integer(epoch)),
            checkpoints::size.eq(to_bigint(checkpoint.size)),
            checkpoints::root.eq(checkpoint.root.as_bytes().as_slice()),
            checkpoints::note.eq(note),
        ))
        .on_conflict_do_nothing()
        .execute(connection)
        .await?;
    Ok(inserted == 1)
}

fn to_row(
    (size, root, note): (i64, Vec<u8>, String),
    tenant: &TenantId,
) -> Result<CheckpointRow, AccessError> {
    let size = Place { table: "checkpoints", key: tenant }.unsigned("size", size)?;
    Ok(CheckpointRow { size, root, note })
}
