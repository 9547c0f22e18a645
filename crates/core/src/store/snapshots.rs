//! The port of the snapshots: an entity's state after a number of events, kept so that not all of them need be replayed.

use super::Store;
use crate::entity::{EntityDoc, InvalidState, MAX_ENTITY_VERSION};
use crate::ids::EntityGuid;
use crate::log::Position;
use crate::timestamp::Timestamp;

/// A tenant's snapshots. Derived state: no hash binds it, and the events can make it again.
pub trait SnapshotStore: Store {
    /// Saves a snapshot. One of the same entity after the same number of events is replaced.
    ///
    /// # Errors
    /// [`SaveSnapshotError`].
    fn save_snapshot(
        &mut self,
        snapshot: &EntitySnapshot,
    ) -> impl Future<Output = Result<(), SaveSnapshotError<Self::Error>>> + Send;

    /// The snapshot of an entity with the most events, of those with `most_events` at most (`None`: of all).
    ///
    /// # Errors
    /// The store's own.
    fn snapshot(
        &mut self,
        entity: &EntityGuid,
        most_events: Option<u32>,
    ) -> impl Future<Output = Result<Option<EntitySnapshot>, Self::Error>> + Send;
}

/// An entity's state after a number of events.
///
/// The JSON form has the members `entityId, state, eventCount, timestamp` and, where it is known, `position`.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EntitySnapshot {
    /// The entity.
    #[serde(rename = "entityId")]
    pub entity_guid: EntityGuid,
    /// Its state.
    pub state: EntityDoc,
    /// How many events have made the state: its version, from 1.
    pub event_count: u32,
    /// When the snapshot was taken.
    pub timestamp: Timestamp,
    /// The position of the last event in it, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
}

/// Why a snapshot was not saved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SaveSnapshotError<E> {
    /// It is none.
    #[error("a snapshot of entity `{guid}` is refused")]
    Invalid {
        /// The entity.
        guid: EntityGuid,
        /// What is wrong with it.
        source: InvalidSnapshot,
    },
    /// The store failed.
    #[error("the store failed")]
    Store(#[source] E),
}

/// What is wrong with a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSnapshot {
    /// The state is none of this entity.
    #[error("its state is refused")]
    State(#[source] InvalidState),
    /// A state is made by 1 to [`MAX_ENTITY_VERSION`] events.
    #[error("its event count is {0}, not 1 to {MAX_ENTITY_VERSION}")]
    EventCount(u32),
    /// The position is above [`InvalidSnapshot::MAX_POSITION`].
    #[error("its position {0} is above {max}", max = InvalidSnapshot::MAX_POSITION)]
    Position(Position),
}

impl InvalidSnapshot {
    /// Highest position of a log.
    pub const MAX_POSITION: u64 = i64::MAX.unsigned_abs() - 1;

    /// Checks what holds for every snapshot.
    ///
    /// # Errors
    /// [`InvalidSnapshot`].
    pub fn check(snapshot: &EntitySnapshot) -> Result<(), Self> {
        snapshot.state.check_state(&snapshot.entity_guid).map_err(Self::State)?;
        if !(1..=MAX_ENTITY_VERSION).contains(&snapshot.event_count) {
            return Err(Self::EventCount(snapshot.event_count));
        }
        match snapshot.position {
            Some(position) if position.0 > Self::MAX_POSITION => Err(Self::Position(position)),
            _ => Ok(()),
        }
    }
}
