//! Table `audit_index`: position, guid, stamp and leaf of every audit entry, whatever month it lies in.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use veritrail_core::{Hash, TenantId};

use crate::convert::{Place, to_bigint};
use crate::error::AccessError;
use crate::schema::veritrail::audit_index;

/// The leaves at positions [`begin`, `end`) that are there.
pub(crate) async fn leaf_hashes(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    begin: u64,
    end: u64,
) -> Result<Vec<Hash>, AccessError> {
    let rows: Vec<Vec<u8>> = audit_index::table
        .filter(audit_index::tenant_id.eq(tenant.as_str()))
        .filter(audit_index::position.ge(to_bigint(begin)))
        .filter(audit_index::position.lt(to_bigint(end)))
        .order(audit_index::position)
        .select(audit_index::leaf_hash)
        .load(connection)
        .await?;
    let key = format!("{begin}..{end}");
    let place = Place { table: "audit_index", key: &key };
    rows.iter().map(|hash| Ok(place.hash("leaf_hash", hash)?)).collect()
}

/// Position and guid of rows from `end` on, `limit` at most.
pub(crate) async fn beyond(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    end: u64,
    limit: u32,
) -> Result<Vec<(i64, String)>, AccessError> {
    let rows = audit_index::table
        .filter(audit_index::tenant_id.eq(tenant.as_str()))
        .filter(audit_index::position.ge(i64::try_from(end).unwrap_or(i64::MAX)))
        .order(audit_index::position)
        .select((audit_index::position, audit_index::guid))
        .limit(i64::from(limit))
        .load(connection)
        .await?;
    Ok(rows)
}
