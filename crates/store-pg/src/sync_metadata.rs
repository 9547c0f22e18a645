//! Table `sync_metadata`: the marks at which synchronisations have ended, verbatim.
//!
//! Which texts are marks is `veritrail-sync`'s to say; the store gives back what it was given.

use diesel::dsl::now;
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use diesel::upsert::excluded;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use veritrail_core::TenantId;
use veritrail_sync::{InvalidMark, SyncMark, check_mark};

use crate::error::AccessError;
use crate::schema::veritrail::sync_metadata;
use crate::session::Session;

/// Why a mark was not kept. The stored one stays.
#[derive(Debug, thiserror::Error)]
pub enum MarkError {
    /// The database could not be asked.
    #[error("the database could not be asked")]
    Access(#[from] AccessError),
    /// The text is neither a timestamp nor a cursor.
    #[error(transparent)]
    Invalid(#[from] InvalidMark),
}

impl Session<'_> {
    /// The timestamp or cursor at which a synchronisation has ended, as it was set; empty where it never was.
    ///
    /// # Errors
    /// [`AccessError`].
    pub async fn sync_mark(&mut self, mark: SyncMark) -> Result<String, AccessError> {
        let tenant = self.tenant;
        let found: Option<String> =
            self.snapshot(async |connection| find(connection, tenant, mark).await).await?;
        Ok(found.unwrap_or_default())
    }

    /// Keeps the timestamp or cursor at which a synchronisation has ended.
    ///
    /// # Errors
    /// [`MarkError`]: the stored one stays.
    pub async fn set_sync_mark(&mut self, mark: SyncMark, text: &str) -> Result<(), MarkError> {
        check_mark(mark, text)?;
        let tenant = self.tenant;
        self.write(async |connection| keep(connection, tenant, mark, text).await).await?;
        Ok(())
    }
}

async fn find(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    mark: SyncMark,
) -> Result<Option<String>, AccessError> {
    let found = sync_metadata::table
        .find((tenant.as_str(), mark.key()))
        .select(sync_metadata::value)
        .first(connection)
        .await
        .optional()?;
    Ok(found)
}

async fn keep(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    mark: SyncMark,
    text: &str,
) -> Result<(), AccessError> {
    let written = diesel::insert_into(sync_metadata::table)
        .values((
            sync_metadata::tenant_id.eq(tenant.as_str()),
            sync_metadata::key.eq(mark.key()),
            sync_metadata::value.eq(text),
        ))
        .on_conflict((sync_metadata::tenant_id, sync_metadata::key))
        .do_update()
        .set((
            sync_metadata::value.eq(excluded(sync_metadata::value)),
            sync_metadata::updated_at.eq(now.into_sql::<Timestamptz>()),
        ))
        .execute(connection)
        .await?;
    // A row that cannot be written or seen is hidden by row-level security.
    if written == 1 { Ok(()) } else { Err(AccessError::Database(diesel::result::Error::NotFound)) }
}
