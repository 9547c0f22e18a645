//! Reading the audit log: one entry, all of it in pages or as a stream, the newest first, the trail of an entity.

use diesel::data_types::PgTimestamp;
use diesel::pg::Pg;
use diesel::query_builder::AstPass;
use diesel::result::QueryResult;
use diesel::sql_types::{BigInt, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use futures_util::{Stream, TryStreamExt, stream};
use veritrail_core::{AuditGuid, EntityGuid, StoredAuditEntry, Timestamp};
use veritrail_sync::MAX_PAGE;

use super::rows::{AuditColumns, AuditRow, believe, by_guid};
use crate::convert::to_pg;
use crate::error::AccessError;
use crate::read::ReadError;
use crate::session::Session;
use crate::statement::{Prepared, Statement, unknown_parameter};

/// Entries that a stream reads at once.
const STREAMED: u32 = 1_000;
/// Before and after every instant that there is.
const NO_BEGIN: PgTimestamp = PgTimestamp(i64::MIN);
const NO_END: PgTimestamp = PgTimestamp(i64::MAX);

/// Some entries, and where the next page goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditPage {
    /// The entries.
    pub entries: Vec<StoredAuditEntry>,
    /// The stamp of the last one, if there are more behind it: to be handed to the next call.
    pub next: Option<Timestamp>,
}

impl AuditPage {
    /// Makes a page of rows, of which one more than `limit` was asked for.
    fn of(rows: Vec<AuditRow>, limit: u32) -> Result<Self, AccessError> {
        let mut entries = believe(rows)?;
        let limit = usize::try_from(limit).expect("a page's length fits");
        let is_last = entries.len() <= limit;
        entries.truncate(limit);
        let next = entries.last().filter(|_| !is_last).map(|last| last.recorded_at);
        Ok(Self { entries, next })
    }
}

impl Session<'_> {
    /// One audit entry.
    ///
    /// # Errors
    /// [`AccessError`].
    pub async fn audit_entry(&mut self, guid: &AuditGuid) -> Result<Option<StoredAuditEntry>, AccessError> {
        let tenant = self.tenant;
        let found: Vec<StoredAuditEntry> =
            self.snapshot(async |connection| by_guid(connection, tenant, &[guid.as_str()]).await).await?;
        Ok(found.into_iter().next())
    }

    /// The audit log in the order in which it was recorded, `limit` entries recorded after `after`.
    ///
    /// # Errors
    /// [`ReadError::Limit`], [`ReadError::Access`].
    pub async fn get_audit_log(
        &mut self,
        after: Option<Timestamp>,
        limit: u32,
    ) -> Result<AuditPage, ReadError> {
        check_limit(limit)?;
        let after = after.map_or(NO_BEGIN, to_pg);
        let statement = Oldest { tenant: self.tenant.as_str(), after, limit: i64::from(limit) + 1 };
        let rows: Vec<AuditRow> = self
            .snapshot(async |connection| {
                Prepared(statement).load(connection).await.map_err(AccessError::from)
            })
            .await?;
        Ok(AuditPage::of(rows, limit)?)
    }

    /// The whole audit log in the order in which it was recorded. It is read in pages: it is never in memory as a
    /// whole, and what is recorded meanwhile is read, too.
    ///
    /// # Errors
    /// [`ReadError::Access`], as the last item.
    pub fn stream_audit_log(&mut self) -> impl Stream<Item = Result<StoredAuditEntry, ReadError>> + Send {
        let pages = stream::try_unfold((self, Some(None)), |(session, place)| async move {
            let Some(after) = place else { return Ok::<_, ReadError>(None) };
            let page = session.get_audit_log(after, STREAMED).await?;
            let place = page.next.map(Some);
            Ok(Some((stream::iter(page.entries.into_iter().map(Ok)), (session, place))))
        });
        pages.try_flatten()
    }

    /// What was recorded after `since`, the newest first; where a page ends, the next one goes on `before` its end.
    ///
    /// # Errors
    /// [`ReadError::Limit`], [`ReadError::Access`].
    pub async fn get_audit_logs_since(
        &mut self,
        since: Option<Timestamp>,
        before: Option<Timestamp>,
        limit: u32,
    ) -> Result<AuditPage, ReadError> {
        check_limit(limit)?;
        let statement = Newest {
            tenant: self.tenant.as_str(),
            since: since.map_or(NO_BEGIN, to_pg),
            before: before.map_or(NO_END, to_pg),
            limit: i64::from(limit) + 1,
        };
        let rows: Vec<AuditRow> = self
            .snapshot(async |connection| {
                Prepared(statement).load(connection).await.map_err(AccessError::from)
            })
            .await?;
        Ok(AuditPage::of(rows, limit)?)
    }

    /// What is recorded of an entity, the newest first; where a page ends, the next one goes on `before` its end.
    ///
    /// # Errors
    /// [`ReadError::Limit`], [`ReadError::Access`].
    pub async fn get_audit_trail_by_entity_guid(
        &mut self,
        entity: &EntityGuid,
        before: Option<Timestamp>,
        limit: u32,
    ) -> Result<AuditPage, ReadError> {
        check_limit(limit)?;
        let statement = OfEntity {
            tenant: self.tenant.as_str(),
            entity: entity.as_str(),
            before: before.map_or(NO_END, to_pg),
            limit: i64::from(limit) + 1,
        };
        let rows: Vec<AuditRow> = self
            .snapshot(async |connection| {
                Prepared(statement).load(connection).await.map_err(AccessError::from)
            })
            .await?;
        Ok(AuditPage::of(rows, limit)?)
    }
}

fn check_limit(limit: u32) -> Result<(), ReadError> {
    if (1..=MAX_PAGE).contains(&limit) { Ok(()) } else { Err(ReadError::Limit(limit)) }
}

struct Oldest<'a> {
    tenant: &'a str,
    after: PgTimestamp,
    limit: i64,
}

impl Statement for Oldest<'_> {
    const SQL: &'static str =
        concat!(include_str!("../sql/audit_columns.sql"), include_str!("../sql/audit_oldest.sql"));
    type Columns = AuditColumns;
    type Key = Oldest<'static>;

    fn bind<'b>(&'b self, number: usize, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match number {
            1 => out.push_bind_param::<Text, _>(&self.tenant),
            2 => out.push_bind_param::<Timestamptz, _>(&self.after),
            3 => out.push_bind_param::<BigInt, _>(&self.limit),
            other => unknown_parameter(other),
        }
    }
}

struct Newest<'a> {
    tenant: &'a str,
    since: PgTimestamp,
    before: PgTimestamp,
    limit: i64,
}

impl Statement for Newest<'_> {
    const SQL: &'static str =
        concat!(include_str!("../sql/audit_columns.sql"), include_str!("../sql/audit_newest.sql"));
    type Columns = AuditColumns;
    type Key = Newest<'static>;

    fn bind<'b>(&'b self, number: usize, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match number {
            1 => out.push_bind_param::<Text, _>(&self.tenant),
            2 => out.push_bind_param::<Timestamptz, _>(&self.since),
            3 => out.push_bind_param::<Timestamptz, _>(&self.before),
            4 => out.push_bind_param::<BigInt, _>(&self.limit),
            other => unknown_parameter(other),
        }
    }
}

struct OfEntity<'a> {
    tenant: &'a str,
    entity: &'a str,
    before: PgTimestamp,
    limit: i64,
}

impl Statement for OfEntity<'_> {
    const SQL: &'static str =
        concat!(include_str!("../sql/audit_columns.sql"), include_str!("../sql/audit_of_entity.sql"));
    type Columns = AuditColumns;
    type Key = OfEntity<'static>;

    fn bind<'b>(&'b self, number: usize, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match number {
            1 => out.push_bind_param::<Text, _>(&self.tenant),
            2 => out.push_bind_param::<Text, _>(&self.entity),
            3 => out.push_bind_param::<Timestamptz, _>(&self.before),
            4 => out.push_bind_param::<BigInt, _>(&self.limit),
            other => unknown_parameter(other),
        }
    }
}
