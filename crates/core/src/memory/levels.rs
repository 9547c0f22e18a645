//! Sync levels in memory.

use std::collections::BTreeMap;

use super::{MemoryError, MemoryStore};
use crate::event::SyncLevel;
use crate::ids::EventGuid;
use crate::log::Position;
use crate::store::{LevelPage, RaiseLevelsError, Raised, ReadPageError, SyncLevelStore};

impl SyncLevelStore for MemoryStore {
    async fn raise_sync_levels(
        &mut self,
        levels: &[(&EventGuid, SyncLevel)],
    ) -> Result<Raised, RaiseLevelsError<MemoryError>> {
        RaiseLevelsError::check(levels.len())?;
        let mut wanted: BTreeMap<&EventGuid, SyncLevel> = BTreeMap::new();
        for (guid, level) in levels {
            let highest = wanted.entry(guid).or_default();
            *highest = (*highest).max(*level);
        }
        Ok(self.with(|register, _| {
            let mut answer = Raised::default();
            for (guid, level) in wanted {
                let stored = register.log.as_mut().and_then(|log| log.by_guid_mut(guid));
                match stored.map(|stored| &mut stored.event.sync_level) {
                    None => answer.unknown += 1,
                    Some(reached) if *reached >= level => answer.unchanged += 1,
                    Some(reached) => {
                        *reached = level;
                        answer.raised += 1;
                    }
                }
            }
            answer
        }))
    }

    async fn events_at_level(
        &mut self,
        level: SyncLevel,
        begin: Position,
        limit: u32,
    ) -> Result<LevelPage, ReadPageError<MemoryError>> {
        let events = self.page(limit, |log, limit| {
            let events = log.events_from(begin).iter();
            events.filter(|stored| stored.event.sync_level == level).take(limit).cloned().collect()
        })?;
        let is_full = u32::try_from(events.len()) == Ok(limit);
        let next = events.last().filter(|_| is_full).map(|last| Position(last.position.0 + 1));
        Ok(LevelPage { events, next })
    }
}
