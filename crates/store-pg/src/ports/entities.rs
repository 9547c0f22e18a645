//! The ports of the entities and of their snapshots on PostgreSQL.

use std::collections::BTreeSet;

use diesel_async::AsyncConnection;
use veritrail_applier::EntityState;
use veritrail_core::store::{
    ClearEntitiesError, EntitySnapshot, EntityStore, InvalidPair, InvalidSnapshot, ReadPageError,
    SaveEntityError, SaveSnapshotError, SnapshotStore,
};
use veritrail_core::{EntityGuid, EntityPair, TenantId};

use super::PortError;
use super::events::unread;
use crate::entities::{self, Reach};
use crate::entity_snapshots;
use crate::error::AccessError;
use crate::saved_entities::{self, Saved};
use crate::store::{Guarded, Session};

impl EntityStore for Session<'_> {
    async fn save_entity(
        &mut self,
        pair: &EntityPair,
        expected: Option<u32>,
    ) -> Result<(), SaveEntityError<PortError>> {
        let guid = pair.guid.clone();
        if let Err(source) = InvalidPair::check(pair, expected) {
            return Err(SaveEntityError::Invalid { guid, source });
        }
        let saved = saved_entities::save(&mut self.connection, self.tenant, pair, expected).await;
        match saved.map_err(|error| SaveEntityError::Store(error.into()))? {
            Saved::Done => Ok(()),
            Saved::OtherVersion(found) => Err(SaveEntityError::OtherVersion { guid, expected, found }),
            Saved::Derived => Err(SaveEntityError::Derived(guid)),
        }
    }

    async fn entity_pair(&mut self, guid: &EntityGuid) -> Result<Option<EntityPair>, PortError> {
        let wanted = BTreeSet::from([guid.clone()]);
        let found = entities::load(&mut self.connection, self.tenant, &wanted, Reach::Named).await?;
        Ok(found.into_iter().next().and_then(|entity| match entity.state {
            EntityState::Live(pair) => Some(pair),
            EntityState::Deleted { .. } => None,
        }))
    }

    async fn entity_pairs(
        &mut self,
        after: Option<&EntityGuid>,
        limit: u32,
    ) -> Result<Vec<EntityPair>, ReadPageError<PortError>> {
        ReadPageError::check(limit)?;
        saved_entities::after(&mut self.connection, self.tenant, after, limit).await.map_err(unread)
    }

    async fn clear_entities(&mut self, confirm: &TenantId) -> Result<u64, ClearEntitiesError<PortError>> {
        ClearEntitiesError::check(self.tenant, confirm)?;
        let tenant = self.tenant;
        let guarded = Guarded::new(&mut self.connection);
        let removed: Result<usize, AccessError> = guarded
            .connection
            .transaction(async |connection| saved_entities::clear(connection, tenant).await)
            .await;
        guarded.finish();
        match removed {
            Ok(count) => Ok(u64::try_from(count).expect("a count of rows fits 64 bits")),
            Err(error) => Err(ClearEntitiesError::Store(error.into())),
        }
    }
}

impl SnapshotStore for Session<'_> {
    async fn save_snapshot(&mut self, snapshot: &EntitySnapshot) -> Result<(), SaveSnapshotError<PortError>> {
        if let Err(source) = InvalidSnapshot::check(snapshot) {
            return Err(SaveSnapshotError::Invalid { guid: snapshot.entity_guid.clone(), source });
        }
        let saved = entity_snapshots::save(&mut self.connection, self.tenant, snapshot).await;
        saved.map_err(|error| SaveSnapshotError::Store(error.into()))
    }

    async fn snapshot(
        &mut self,
        entity: &EntityGuid,
        most_events: Option<u32>,
    ) -> Result<Option<EntitySnapshot>, PortError> {
        let most_events = most_events.unwrap_or(u32::MAX);
        Ok(entity_snapshots::newest(&mut self.connection, self.tenant, entity, most_events).await?)
    }
}
