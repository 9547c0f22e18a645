//! Entities as rows, erased, and in parts: what replay does with whole records.
//!
//! Changes that events make are in `entities/change.rs`.

use std::collections::{BTreeSet, HashSet};

use serde_json::Map;
use veritrail_core::{EntityDoc, EntityGuid, EntityKind, EntityPair, Timestamp};

use super::change::Stamp;
use super::{Entities, EntityState, LoadedEntity, Membership, Record};

impl LoadedEntity {
    /// The members of a live group.
    pub(crate) fn members(&self) -> impl Iterator<Item = &EntityGuid> {
        let ids = match &self.state {
            EntityState::Live(pair) => pair.modified.member_ids.as_deref(),
            EntityState::Deleted { .. } => None,
        };
        ids.unwrap_or_default().iter()
    }
}

impl Entities {
    /// All entities and tombstones as rows, sorted by guid: what [`Entities::new`] takes.
    #[must_use]
    pub fn rows(&self) -> Vec<LoadedEntity> {
        let mut rows: Vec<_> = self.records.iter().map(|(guid, record)| record.row(guid)).collect();
        rows.sort_unstable_by(|left, right| left.guid.cmp(&right.guid));
        rows
    }

    /// One entity or tombstone as a row.
    #[must_use]
    pub fn row(&self, guid: &EntityGuid) -> Option<LoadedEntity> {
        self.records.get(guid).map(|record| record.row(guid))
    }

    /// Takes everything from an entity that events have said of it, and leaves a tombstone without content, as of
    /// `erased_at`. Surviving groups lose it; its own members go on to exist.
    ///
    /// An entity that is not known is a tombstone afterwards, too: it may have been made by what was erased.
    pub fn erase(&mut self, guid: &EntityGuid, erased_at: Timestamp) {
        let stamp = Stamp { at: erased_at, synced: true };
        if self.get(guid).is_some() {
            self.delete_all(std::slice::from_ref(guid), stamp);
        }
        let now = self.applied;
        let old = self.records.get(guid);
        let kind = old.map_or(EntityKind::Individual, |record| record.doc.kind);
        let version = match old {
            None => 1,
            // The deletion has counted already.
            Some(record) if record.last_event == Some(now) => record.version,
            Some(record) => record.version.saturating_add(1),
        };
        let record = Record {
            loaded_version: old.and_then(|record| record.loaded_version),
            version,
            synced: None,
            doc: blank(guid, kind, old.map_or(1, |record| record.doc.version), erased_at),
            deleted_at: Some(erased_at),
            erased: true,
            members: old.map(|record| record.members.clone()).unwrap_or_default(),
            last_event: Some(now),
        };
        self.records.insert(guid.clone(), record);
        self.journal.clear();
    }

    /// Leaves the tombstone of [`Entities::erase`] for an entity that is not known.
    pub(crate) fn erase_unknown(&mut self, guid: &EntityGuid, erased_at: Timestamp) {
        if !self.knows(guid) {
            self.erase(guid, erased_at);
        }
    }

    /// Whether the entity is a tombstone because of an erasure.
    pub(crate) fn is_erased(&self, guid: &EntityGuid) -> bool {
        self.records.get(guid).is_some_and(|record| record.erased)
    }

    /// The tombstones that erasures have left.
    pub(crate) fn erased(&self) -> BTreeSet<EntityGuid> {
        self.records.iter().filter(|(_, record)| record.erased).map(|(guid, _)| guid.clone()).collect()
    }

    /// Marks tombstones as left by an erasure.
    pub(crate) fn mark_erased(&mut self, erased: &BTreeSet<EntityGuid>) {
        for guid in erased {
            if let Some(record) = self.records.get_mut(guid) {
                record.erased = record.deleted_at.is_some();
            }
        }
    }

    /// Puts a row in the place of what is known of its entity.
    pub(crate) fn adopt(&mut self, row: LoadedEntity) {
        let guid = row.guid.clone();
        let mut record = Record::from_row(row);
        record.last_event = Some(self.applied);
        let after: HashSet<EntityGuid> = record.live_members().cloned().collect();
        let before: HashSet<EntityGuid> = match self.records.get_mut(&guid) {
            None => {
                record.loaded_version = None;
                HashSet::new()
            }
            Some(old) => {
                record.loaded_version = old.loaded_version;
                record.erased = old.erased && record.deleted_at.is_some();
                record.members = std::mem::take(&mut old.members);
                old.live_members().cloned().collect()
            }
        };
        self.records.insert(guid.clone(), record);
        for left in before.difference(&after) {
            self.keep_note(&guid, left, Membership::Left);
        }
        for joined in after.difference(&before) {
            self.keep_note(&guid, joined, Membership::Joined);
        }
    }

    /// The memberships of live groups, as (member, group).
    pub(crate) fn memberships(&self) -> impl Iterator<Item = (&EntityGuid, &EntityGuid)> {
        self.holders.iter().flat_map(|(member, groups)| groups.iter().map(move |group| (member, group)))
    }

    /// Moves the entities that `part_of` gives a part to into `parts` parts of their own.
    #[cfg(feature = "rayon")]
    pub(crate) fn split(
        &mut self,
        parts: usize,
        part_of: impl Fn(&EntityGuid) -> Option<usize>,
    ) -> Vec<Self> {
        let mut split: Vec<Self> = Vec::new();
        split.resize_with(parts, Self::default);
        let wanted: Vec<_> =
            self.records.keys().filter_map(|guid| Some((guid.clone(), part_of(guid)?))).collect();
        for (guid, part) in wanted {
            let record = self.records.remove(&guid);
            split[part].records.extend(record.map(|record| (guid, record)));
        }
        // An id may have holders and no record: a member that never was.
        let held: Vec<_> =
            self.holders.keys().filter_map(|guid| Some((guid.clone(), part_of(guid)?))).collect();
        for (guid, part) in held {
            let groups = self.holders.remove(&guid);
            split[part].holders.extend(groups.map(|groups| (guid, groups)));
        }
        split
    }

    /// Takes back a part that [`Entities::split`] has given away.
    #[cfg(feature = "rayon")]
    pub(crate) fn absorb(&mut self, part: Self) {
        self.records.extend(part.records);
        self.holders.extend(part.holders);
    }

    /// Sets the number of the next event.
    #[cfg(feature = "rayon")]
    pub(crate) fn number(&mut self, next: usize) {
        self.applied = next;
    }
}

impl Record {
    fn row(&self, guid: &EntityGuid) -> LoadedEntity {
        let initial = self.synced.as_ref().unwrap_or(&self.doc).clone();
        let pair = EntityPair { guid: guid.clone(), initial, modified: self.doc.clone() };
        let state = match self.deleted_at {
            None => EntityState::Live(pair),
            Some(deleted_at) => EntityState::Deleted { pair, deleted_at },
        };
        LoadedEntity { guid: guid.clone(), version: self.version, state }
    }

    fn live_members(&self) -> impl Iterator<Item = &EntityGuid> {
        self.live().and_then(|doc| doc.member_ids.as_deref()).unwrap_or_default().iter()
    }
}

fn blank(guid: &EntityGuid, kind: EntityKind, version: u32, last_updated: Timestamp) -> EntityDoc {
    EntityDoc {
        id: guid.clone(),
        guid: guid.clone(),
        external_id: None,
        name: None,
        kind,
        version,
        data: Map::new(),
        last_updated,
        member_ids: (kind == EntityKind::Group).then(Vec::new),
    }
}
