//! The port of the sync levels on PostgreSQL.

use diesel_async::AsyncPgConnection;
use veritrail_core::store::{LevelPage, RaiseLevelsError, Raised, ReadPageError, SyncLevelStore};
use veritrail_core::{EventGuid, Position, SyncLevel, TenantId};

use super::PortError;
use super::events::unread;
use crate::convert::Place;
use crate::error::AccessError;
use crate::read::chosen::{at, examine};
use crate::read::cut;
use crate::session::Session;
use crate::sync_levels::RaiseError;

impl SyncLevelStore for Session<'_> {
    async fn raise_sync_levels(
        &mut self,
        levels: &[(&EventGuid, SyncLevel)],
    ) -> Result<Raised, RaiseLevelsError<PortError>> {
        Session::raise_sync_levels(self, levels).await.map_err(|error| match error {
            RaiseError::Access(error) => RaiseLevelsError::Store(error.into()),
            RaiseError::TooMany(count) => RaiseLevelsError::TooMany(count),
        })
    }

    async fn events_at_level(
        &mut self,
        level: SyncLevel,
        begin: Position,
        limit: u32,
    ) -> Result<LevelPage, ReadPageError<PortError>> {
        ReadPageError::check(limit)?;
        let tenant = self.tenant;
        self.snapshot(async |connection| page(connection, tenant, level, begin, limit).await)
            .await
            .map_err(unread)
    }
}

async fn page(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    level: SyncLevel,
    begin: Position,
    limit: u32,
) -> Result<LevelPage, AccessError> {
    // No position is beyond what the column counts.
    if i64::try_from(begin.0).is_err() {
        return Ok(LevelPage { events: Vec::new(), next: None });
    }
    let examined = examine(connection, tenant, begin.0, level).await?;
    let mut matching = examined.matching;
    let is_whole = cut(&mut matching, limit);
    let seen = if is_whole { examined.last.filter(|_| examined.goes_on) } else { matching.last().copied() };
    let events = at(connection, tenant, &matching).await?;
    let place = Place { table: "events", key: tenant };
    let next = seen.map(|position| place.unsigned("position", position)).transpose()?;
    Ok(LevelPage { events, next: next.map(|position| Position(position + 1)) })
}
