//! Snapshots in memory.

use super::{MemoryError, MemoryStore};
use crate::ids::EntityGuid;
use crate::store::{EntitySnapshot, InvalidSnapshot, SaveSnapshotError, SnapshotStore};

impl SnapshotStore for MemoryStore {
    async fn save_snapshot(
        &mut self,
        snapshot: &EntitySnapshot,
    ) -> Result<(), SaveSnapshotError<MemoryError>> {
        let guid = &snapshot.entity_guid;
        InvalidSnapshot::check(snapshot)
            .map_err(|source| SaveSnapshotError::Invalid { guid: guid.clone(), source })?;
        let state = snapshot.state.normalised().expect("a state that was checked has a text");
        let kept = EntitySnapshot { state, ..snapshot.clone() };
        self.with(|register, _| register.snapshots.insert((guid.clone(), kept.event_count), kept));
        Ok(())
    }

    async fn snapshot(
        &mut self,
        entity: &EntityGuid,
        most_events: Option<u32>,
    ) -> Result<Option<EntitySnapshot>, MemoryError> {
        let range = (entity.clone(), 0)..=(entity.clone(), most_events.unwrap_or(u32::MAX));
        Ok(self
            .with(|register, _| register.snapshots.range(range).next_back().map(|(_, found)| found.clone())))
    }
}
