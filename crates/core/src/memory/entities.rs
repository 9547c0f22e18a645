//! Entities in memory, saved by hand.

use std::ops::Bound;

use super::{MemoryError, MemoryStore};
use crate::entity::EntityPair;
use crate::ids::{EntityGuid, TenantId};
use crate::store::{ClearEntitiesError, EntityStore, InvalidPair, ReadPageError, SaveEntityError};

impl EntityStore for MemoryStore {
    async fn save_entity(
        &mut self,
        pair: &EntityPair,
        expected: Option<u32>,
    ) -> Result<(), SaveEntityError<MemoryError>> {
        let guid = &pair.guid;
        InvalidPair::check(pair, expected)
            .map_err(|source| SaveEntityError::Invalid { guid: guid.clone(), source })?;
        let normalised =
            |state: &crate::EntityDoc| state.normalised().expect("a state that was checked has a text");
        let kept = EntityPair {
            guid: guid.clone(),
            initial: normalised(&pair.initial),
            modified: normalised(&pair.modified),
        };
        self.with(|register, _| {
            let found = register.entities.get(guid).map(|stored| stored.modified.version);
            if found != expected {
                return Err(SaveEntityError::OtherVersion { guid: guid.clone(), expected, found });
            }
            register.entities.insert(guid.clone(), kept);
            Ok(())
        })
    }

    async fn entity_pair(&mut self, guid: &EntityGuid) -> Result<Option<EntityPair>, MemoryError> {
        Ok(self.with(|register, _| register.entities.get(guid).cloned()))
    }

    async fn entity_pairs(
        &mut self,
        after: Option<&EntityGuid>,
        limit: u32,
    ) -> Result<Vec<EntityPair>, ReadPageError<MemoryError>> {
        ReadPageError::check(limit)?;
        let limit = usize::try_from(limit).expect("a page's length fits");
        let begin = after.map_or(Bound::Unbounded, Bound::Excluded);
        Ok(self.with(|register, _| {
            let page = register.entities.range::<EntityGuid, _>((begin, Bound::Unbounded)).take(limit);
            page.map(|(_, pair)| pair.clone()).collect()
        }))
    }

    async fn clear_entities(&mut self, confirm: &TenantId) -> Result<u64, ClearEntitiesError<MemoryError>> {
        ClearEntitiesError::check(&self.tenant, confirm)?;
        let removed = self.with(|register, _| std::mem::take(&mut register.entities).len());
        Ok(u64::try_from(removed).expect("memory holds fewer than 2^64 entities"))
    }
}
