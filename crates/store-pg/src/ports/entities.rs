//! The ports of the entities and of their snapshots on PostgreSQL.

use std::collections::BTreeSet;

use veritrail_applier::{EntityState, LoadedEntity};
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
use crate::session::Session;

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
        let tenant = self.tenant;
        let saved: Result<Saved, AccessError> = self
            .write(async |connection| saved_entities::save(connection, tenant, pair, expected).await)
            .await;
        match saved.map_err(|error| SaveEntityError::Store(error.into()))? {
            Saved::Done => Ok(()),
            Saved::OtherVersion(found) => Err(SaveEntityError::OtherVersion { guid, expected, found }),
            Saved::Derived => Err(SaveEntityError::Derived(guid)),
        }
    }

    async fn entity_pair(&mut self, guid: &EntityGuid) -> Result<Option<EntityPair>, PortError> {
        let wanted = BTreeSet::from([guid.clone()]);
        let tenant = self.tenant;
        let found: Vec<LoadedEntity> = self
            .snapshot(async |connection| entities::load(connection, tenant, &wanted, Reach::Named).await)
            .await
            .map_err(PortError::Access)?;
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
        let tenant = self.tenant;
        self.snapshot(async |connection| saved_entities::after(connection, tenant, after, limit).await)
            .await
            .map_err(unread)
    }

    async fn clear_entities(&mut self, confirm: &TenantId) -> Result<u64, ClearEntitiesError<PortError>> {
        ClearEntitiesError::check(self.tenant, confirm)?;
        let tenant = self.tenant;
        let removed: Result<usize, AccessError> =
            self.write(async |connection| saved_entities::clear(connection, tenant).await).await;
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
        let tenant = self.tenant;
        let saved: Result<(), AccessError> =
            self.write(async |connection| entity_snapshots::save(connection, tenant, snapshot).await).await;
        saved.map_err(|error| SaveSnapshotError::Store(error.into()))
    }

    async fn snapshot(
        &mut self,
        entity: &EntityGuid,
        most_events: Option<u32>,
    ) -> Result<Option<EntitySnapshot>, PortError> {
        let most_events = most_events.unwrap_or(u32::MAX);
        let tenant = self.tenant;
        self.snapshot(async |connection| {
            Ok(entity_snapshots::newest(connection, tenant, entity, most_events).await?)
        })
        .await
    }
}
