//! Table `checkpoints`: signed tree heads, inserted and never changed.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use veritrail_core::{Epoch, LogName, TenantId};
use veritrail_merkle::checkpoint::Checkpoint;

use crate::checkpoint_signatures;
use crate::convert::{Place, to_bigint};
use crate::error::AccessError;
use crate::schema::veritrail::checkpoints;
use crate::tree_heads::to_integer;

/// A row of `checkpoints`.
#[derive(Clone, Debug)]
pub(crate) struct CheckpointRow {
    pub(crate) size: u64,
    pub(crate) root: Vec<u8>,
    /// The signed note, with the signatures that were added to it later.
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
    let rows = row.map(|row| to_row(row, tenant)).into_iter().collect::<Result<_, _>>()?;
    Ok(with_added(connection, tenant, log, epoch, rows).await?.pop())
}

/// The checkpoints of an epoch with a size in (`after`, `to`], smallest first.
pub(crate) async fn between(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    log: LogName,
    epoch: Epoch,
    (after, to): (i64, i64),
) -> Result<Vec<CheckpointRow>, AccessError> {
    let rows: Vec<(i64, Vec<u8>, String)> = checkpoints::table
        .filter(checkpoints::tenant_id.eq(tenant.as_str()))
        .filter(checkpoints::log.eq(log.as_str()))
        .filter(checkpoints::epoch.eq(to_integer(epoch)))
        .filter(checkpoints::size.gt(after))
        .filter(checkpoints::size.le(to))
        .order(checkpoints::size)
        .select((checkpoints::size, checkpoints::root, checkpoints::note))
        .load(connection)
        .await?;
    let rows = rows.into_iter().map(|row| to_row(row, tenant)).collect::<Result<_, _>>()?;
    with_added(connection, tenant, log, epoch, rows).await
}

/// The checkpoint of a size.
pub(crate) async fn of_size(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    log: LogName,
    (epoch, size): (Epoch, u64),
) -> Result<Option<CheckpointRow>, AccessError> {
    // A size that no log reaches is that of no checkpoint.
    let Ok(size) = i64::try_from(size) else { return Ok(None) };
    let sizes = (size.saturating_sub(1), size);
    Ok(between(connection, tenant, log, epoch, sizes).await?.pop())
}

/// Completes the notes of checkpoints of an epoch, smallest first, with the signatures that were added later.
async fn with_added(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    log: LogName,
    epoch: Epoch,
    mut rows: Vec<CheckpointRow>,
) -> Result<Vec<CheckpointRow>, AccessError> {
    let found = rows.as_slice();
    let (Some(first), Some(last)) = (found.first(), found.last()) else { return Ok(rows) };
    let sizes = (first.size, last.size);
    let added = checkpoint_signatures::lines(connection, tenant, log, epoch, sizes).await?;
    for (size, line) in added {
        let row = rows.iter_mut().find(|row| to_bigint(row.size) == size);
        if let Some(row) = row {
            row.note.push_str(&line);
            row.note.push('\n');
        }
    }
    Ok(rows)
}

/// The lowest and the highest epoch besides `own` that a log has checkpoints of: there should be none.
pub(crate) async fn other_epochs(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    log: LogName,
    own: Epoch,
) -> Result<Vec<Epoch>, AccessError> {
    let of_log = || {
        checkpoints::table
            .filter(checkpoints::tenant_id.eq(tenant.as_str()))
            .filter(checkpoints::log.eq(log.as_str()))
            .select(checkpoints::epoch)
    };
    let below: Option<i32> = of_log()
        .filter(checkpoints::epoch.lt(to_integer(own)))
        .order(checkpoints::epoch)
        .first(connection)
        .await
        .optional()?;
    let above: Option<i32> = of_log()
        .filter(checkpoints::epoch.gt(to_integer(own)))
        .order(checkpoints::epoch.desc())
        .first(connection)
        .await
        .optional()?;
    let place = Place { table: "checkpoints", key: tenant };
    let epoch = |number: i32| u32::try_from(number).map(Epoch).map_err(|_| place.corrupt("epoch").into());
    below.into_iter().chain(above).map(epoch).collect()
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
