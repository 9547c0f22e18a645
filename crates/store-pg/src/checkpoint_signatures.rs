//! Table `checkpoint_signatures`: signature lines that were added to a checkpoint after it was published, of a key
//! that takes over and of witnesses.
//!
//! Who reads a checkpoint gets its note with these lines (`checkpoints`); nothing of it is believed before the reader
//! has verified it.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use veritrail_core::{Epoch, LogName, TenantId};
use veritrail_merkle::note::{MAX_SIGNATURES, Signature};

use crate::convert::to_bigint;
use crate::error::AccessError;
use crate::schema::veritrail::checkpoint_signatures;
use crate::tree_heads::to_integer;

/// Adds a signature to the checkpoint of a size, unless one of the same key is there already; tells whether it was
/// added.
pub(crate) async fn insert(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    log: LogName,
    (epoch, size): (Epoch, u64),
    signature: &Signature,
) -> Result<bool, AccessError> {
    let inserted = diesel::insert_into(checkpoint_signatures::table)
        .values((
            checkpoint_signatures::tenant_id.eq(tenant.as_str()),
            checkpoint_signatures::log.eq(log.as_str()),
            checkpoint_signatures::epoch.eq(to_integer(epoch)),
            checkpoint_signatures::size.eq(to_bigint(size)),
            checkpoint_signatures::key_name.eq(signature.name()),
            checkpoint_signatures::key_id.eq(signature.key_id().to_string()),
            checkpoint_signatures::line.eq(signature.to_string()),
        ))
        .on_conflict_do_nothing()
        .execute(connection)
        .await?;
    Ok(inserted == 1)
}

/// The lines that were added to the checkpoints with a size in [`from`, `to`], smallest size first, in the order in
/// which they were added; of each checkpoint as many as a note may have.
pub(crate) async fn lines(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    log: LogName,
    epoch: Epoch,
    (from, to): (u64, u64),
) -> Result<Vec<(i64, String)>, AccessError> {
    let mut rows: Vec<(i64, String)> = checkpoint_signatures::table
        .filter(checkpoint_signatures::tenant_id.eq(tenant.as_str()))
        .filter(checkpoint_signatures::log.eq(log.as_str()))
        .filter(checkpoint_signatures::epoch.eq(to_integer(epoch)))
        .filter(checkpoint_signatures::size.ge(to_bigint(from)))
        .filter(checkpoint_signatures::size.le(to_bigint(to)))
        .order((checkpoint_signatures::size, checkpoint_signatures::added_at, checkpoint_signatures::line))
        .select((checkpoint_signatures::size, checkpoint_signatures::line))
        .load(connection)
        .await?;
    let (mut size, mut count) = (0, 0);
    rows.retain(|row| {
        count = if row.0 == size { count + 1 } else { 1 };
        size = row.0;
        count < MAX_SIGNATURES
    });
    Ok(rows)
}
