//! Entities: the present state, the events that led to it, and the state at an earlier time.

use diesel_async::AsyncPgConnection;
use veritrail_applier::{Entities, EntityState};
use veritrail_core::{EntityDoc, EntityGuid, LogName, StoredEvent, TenantId, Timestamp};

use crate::entities::{self, ClusterTooLarge, Reach};
use crate::error::AccessError;
use crate::session::Session;
use crate::{events, logs, sync_levels};

/// Most events that time travel replays for one entity.
pub const MAX_CLUSTER_EVENTS: u32 = 100_000;
/// Most events of a timeline.
pub const MAX_TIMELINE_EVENTS: u32 = 100_000;

/// A point on one of the two axes of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// What had happened by then, by the devices' clocks: a late event counts from when it happened.
    Happened(Timestamp),
    /// What was recorded by then, by the server's clock: a late event counts from when it arrived.
    Recorded(Timestamp),
}

impl Moment {
    fn includes(self, stored: &StoredEvent) -> bool {
        match self {
            Self::Happened(until) => stored.event.timestamp <= until,
            Self::Recorded(until) => stored.recorded_at <= until,
        }
    }
}

/// An entity's state at an earlier time.
#[derive(Clone, Debug, PartialEq)]
pub struct PastEntity {
    /// The state; `None` where the entity did not exist then.
    pub state: Option<EntityDoc>,
    /// Events that were replayed.
    pub replayed: usize,
    /// Events that do not apply without others that came later on the chosen axis, and were left out: a late
    /// event may rest on one that happened after it.
    pub left_out: usize,
}

/// Why no earlier state can be told.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The database could not be asked.
    #[error("the database could not be asked")]
    Access(#[from] AccessError),
    /// The log is a replica, which holds no entities: ask its origin.
    #[error("the log is a replica: it holds the log alone and tells no entities")]
    Replica,
    /// Too many events to replay for one answer.
    #[error(transparent)]
    TooLarge(#[from] ClusterTooLarge),
}

impl Session<'_> {
    /// The present state of an entity; `None` where it does not exist or was deleted.
    ///
    /// # Errors
    /// [`HistoryError::Replica`], [`HistoryError::Access`].
    pub async fn entity(&mut self, guid: &EntityGuid) -> Result<Option<EntityDoc>, HistoryError> {
        let tenant = self.tenant;
        let wanted = std::iter::once(guid.clone()).collect();
        let found: Vec<_> = self
            .snapshot(async |connection| {
                refuse_replica(connection, tenant).await?;
                let found = entities::load(connection, tenant, &wanted, Reach::Named).await;
                found.map_err(HistoryError::from)
            })
            .await?;
        Ok(found.into_iter().next().and_then(|entity| match entity.state {
            EntityState::Live(pair) => Some(pair.modified),
            EntityState::Deleted { .. } => None,
        }))
    }

    /// Every event that is about an entity or touched it, in position order.
    ///
    /// # Errors
    /// [`HistoryError::TooLarge`] beyond [`MAX_TIMELINE_EVENTS`], [`HistoryError::Replica`].
    pub async fn timeline(&mut self, guid: &EntityGuid) -> Result<Vec<StoredEvent>, HistoryError> {
        let tenant = self.tenant;
        self.snapshot(async |connection| timeline(connection, tenant, guid).await).await
    }

    /// The state of an entity at an earlier time, by replaying all events that may have had a part in it.
    ///
    /// # Errors
    /// [`HistoryError::TooLarge`] beyond [`MAX_CLUSTER_EVENTS`], [`HistoryError::Replica`].
    pub async fn entity_at(&mut self, guid: &EntityGuid, moment: Moment) -> Result<PastEntity, HistoryError> {
        let tenant = self.tenant;
        let stored: Vec<StoredEvent> =
            self.snapshot(async |connection| cluster_events(connection, tenant, guid).await).await?;
        let past: Vec<_> =
            stored.iter().filter(|event| moment.includes(event)).map(|stored| &stored.event).collect();
        let mut entities = Entities::default();
        let results = self.store.registry.apply_batch(past.iter().copied(), &mut entities);
        let left_out = results.iter().filter(|result| result.is_err()).count();
        Ok(PastEntity { state: entities.get(guid).cloned(), replayed: results.len() - left_out, left_out })
    }
}

async fn timeline(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    guid: &EntityGuid,
) -> Result<Vec<StoredEvent>, HistoryError> {
    refuse_replica(connection, tenant).await?;
    let limit = MAX_TIMELINE_EVENTS;
    let one = std::slice::from_ref(guid);
    let positions = entities::positions(connection, tenant, one, limit.saturating_add(1)).await?;
    if u32::try_from(positions.len()).map_or(true, |count| count > limit) {
        return Err(ClusterTooLarge { limit }.into());
    }
    let positions: Vec<i64> = positions.into_iter().collect();
    let mut found = events::at_positions(connection, tenant, &positions).await?;
    sync_levels::complete(connection, tenant, &mut found).await?;
    Ok(found)
}

/// All events that may have had a part in an entity's state.
async fn cluster_events(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    guid: &EntityGuid,
) -> Result<Vec<StoredEvent>, HistoryError> {
    refuse_replica(connection, tenant).await?;
    let positions = entities::cluster(connection, tenant, guid, MAX_CLUSTER_EVENTS).await??;
    let positions: Vec<i64> = positions.into_iter().collect();
    Ok(events::at_positions(connection, tenant, &positions).await?)
}

/// What an event touches is found when it is applied, and a replica applies nothing: an answer would be partial.
async fn refuse_replica(connection: &mut AsyncPgConnection, tenant: &TenantId) -> Result<(), HistoryError> {
    match logs::find(connection, tenant, LogName::Events).await? {
        Some(log) if log.replica => Err(HistoryError::Replica),
        _ => Ok(()),
    }
}
