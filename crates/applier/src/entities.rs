//! Entities as a batch sees them: what a store has loaded, and what the batch's events have changed so far.
//!
//! How a change is made is in `entities/change.rs`, how it is taken back in `entities/journal.rs`, how it is told to an
//! audit trail in `entities/difference.rs`, what replay does with it in `entities/rows.rs`. What an applier may do is in `view`; reading and writing rows is the store's.

mod change;
mod difference;
mod journal;
mod rows;

use std::collections::{BTreeSet, HashMap, HashSet};

use veritrail_core::{EntityDoc, EntityGuid, EntityKind, EntityPair, Timestamp};

pub(crate) use change::{Fields, Stamp};

/// The entities of a batch, with the changes that its events have made.
///
/// An entity that is asked for and was not loaded counts as absent: a store loads what
/// [`Registry::reads`](crate::Registry::reads) names.
#[derive(Clone, Debug, Default)]
pub struct Entities {
    records: HashMap<EntityGuid, Record>,
    /// The live groups that hold an entity.
    holders: HashMap<EntityGuid, BTreeSet<EntityGuid>>,
    /// What the present event has changed, to be taken back if it fails.
    journal: Vec<journal::Undo>,
    applied: usize,
}

/// An entity's row as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadedEntity {
    /// The entity.
    pub guid: EntityGuid,
    /// The row's version: it also counts a deletion.
    pub version: u32,
    /// What the row says.
    pub state: EntityState,
}

/// What an entity is now.
#[derive(Clone, Debug, PartialEq)]
pub enum EntityState {
    /// It exists.
    Live(EntityPair),
    /// It was deleted: what is left is a tombstone.
    Deleted {
        /// The last state before the deletion, with the version that it had then.
        pair: EntityPair,
        /// The timestamp of the event that deleted it.
        deleted_at: Timestamp,
    },
}

/// A row to write.
#[derive(Clone, Debug, PartialEq)]
pub struct EntityWrite {
    /// The entity.
    pub guid: EntityGuid,
    /// The version that the stored row must have; `None`: there must be no row.
    pub expected_version: Option<u32>,
    /// The new state.
    pub state: EntityState,
    /// The new version.
    pub version: u32,
    /// Who is a member now and was none when the row was loaded, sorted.
    pub members_added: Vec<EntityGuid>,
    /// Who was a member when the row was loaded and is none now, sorted; of a deleted group all of them.
    pub members_removed: Vec<EntityGuid>,
    /// The last event that changed the entity: its 0-based number among those that were applied with success.
    pub last_event: usize,
}

#[derive(Clone, Debug)]
struct Record {
    /// The stored row's version, if there is a row.
    loaded_version: Option<u32>,
    version: u32,
    /// The last synced state; `None` where it equals the present one, which saves a copy of every member list.
    synced: Option<EntityDoc>,
    doc: EntityDoc,
    deleted_at: Option<Timestamp>,
    /// Whether it is a tombstone because of an erasure, which explains what does not apply after it.
    erased: bool,
    /// The members that differ from what was loaded.
    members: HashMap<EntityGuid, Membership>,
    /// The last event that changed the entity, if any of the batch has.
    last_event: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Membership {
    Joined,
    Left,
}

impl Entities {
    /// Takes what a store has loaded. Of two rows with one guid the last counts.
    #[must_use]
    pub fn new(loaded: impl IntoIterator<Item = LoadedEntity>) -> Self {
        let records: HashMap<_, _> =
            loaded.into_iter().map(|row| (row.guid.clone(), Record::from_row(row))).collect();
        let mut holders: HashMap<EntityGuid, BTreeSet<EntityGuid>> = HashMap::new();
        for (group, record) in &records {
            for member in record.live().and_then(|doc| doc.member_ids.as_ref()).into_iter().flatten() {
                holders.entry(member.clone()).or_default().insert(group.clone());
            }
        }
        Self { records, holders, journal: Vec::new(), applied: 0 }
    }

    /// The present state of an entity that exists.
    #[must_use]
    pub fn get(&self, guid: &EntityGuid) -> Option<&EntityDoc> {
        self.records.get(guid).and_then(Record::live)
    }

    /// The last synced state of an entity that exists.
    #[must_use]
    pub fn initial(&self, guid: &EntityGuid) -> Option<&EntityDoc> {
        let record = self.records.get(guid)?;
        record.live().map(|doc| record.synced.as_ref().unwrap_or(doc))
    }

    /// When an entity was deleted, if it has a tombstone.
    #[must_use]
    pub fn deleted_at(&self, guid: &EntityGuid) -> Option<Timestamp> {
        self.records.get(guid)?.deleted_at
    }

    /// The guids of the entities that exist, in no order.
    pub fn live(&self) -> impl Iterator<Item = &EntityGuid> {
        self.records.iter().filter(|(_, record)| record.live().is_some()).map(|(guid, _)| guid)
    }

    /// The guids of all entities and tombstones, in no order.
    pub(crate) fn guids(&self) -> impl Iterator<Item = &EntityGuid> {
        self.records.keys()
    }

    /// How many events have been applied with success; a replay counts all its items.
    #[must_use]
    pub fn applied(&self) -> usize {
        self.applied
    }

    /// The rows that the applied events have changed, sorted by guid.
    #[must_use]
    pub fn into_writes(self) -> Vec<EntityWrite> {
        let mut writes: Vec<_> =
            self.records.into_iter().filter_map(|(guid, record)| record.into_write(guid)).collect();
        writes.sort_unstable_by(|left, right| left.guid.cmp(&right.guid));
        writes
    }

    /// The live groups that hold an entity.
    pub(crate) fn holders(&self, guid: &EntityGuid) -> impl Iterator<Item = &EntityGuid> {
        self.holders.get(guid).into_iter().flatten()
    }

    /// Whether `member` is a member of the live `group`, without a scan of the member list.
    pub(crate) fn holds(&self, group: &EntityGuid, member: &EntityGuid) -> bool {
        self.holders.get(member).is_some_and(|groups| groups.contains(group))
    }

    /// Whether the entity is known: loaded or made by an event, live or deleted.
    pub(crate) fn knows(&self, guid: &EntityGuid) -> bool {
        self.records.contains_key(guid)
    }

    /// The entity and, of a live group, its members and theirs, each once: cycles end.
    pub(crate) fn descendants(&self, guid: &EntityGuid) -> Vec<EntityGuid> {
        let mut seen: HashSet<&EntityGuid> = HashSet::new();
        let mut found = Vec::new();
        let mut waiting: Vec<&EntityGuid> = self.get(guid).map(|doc| &doc.guid).into_iter().collect();
        while let Some(next) = waiting.pop() {
            if !seen.insert(next) {
                continue;
            }
            // A member id without a live entity leads nowhere.
            let Some(doc) = self.get(next) else { continue };
            found.push(next.clone());
            waiting.extend(doc.member_ids.iter().flatten().rev());
        }
        found
    }
}

impl Record {
    fn from_row(row: LoadedEntity) -> Self {
        let row = normalised(row);
        let (pair, deleted_at) = match row.state {
            EntityState::Live(pair) => (pair, None),
            EntityState::Deleted { pair, deleted_at } => (pair, Some(deleted_at)),
        };
        let synced = (pair.initial != pair.modified).then_some(pair.initial);
        Self {
            loaded_version: Some(row.version),
            version: row.version,
            synced,
            doc: pair.modified,
            deleted_at,
            erased: false,
            members: HashMap::new(),
            last_event: None,
        }
    }

    fn live(&self) -> Option<&EntityDoc> {
        self.deleted_at.is_none().then_some(&self.doc)
    }

    fn into_write(self, guid: EntityGuid) -> Option<EntityWrite> {
        let last_event = self.last_event?;
        let initial = self.synced.unwrap_or_else(|| self.doc.clone());
        let pair = EntityPair { guid: guid.clone(), initial, modified: self.doc };
        let state = match self.deleted_at {
            None => EntityState::Live(pair),
            Some(deleted_at) => EntityState::Deleted { pair, deleted_at },
        };
        let members = |wanted| {
            let chosen = self.members.iter().filter(|(_, membership)| **membership == wanted);
            let mut guids: Vec<_> = chosen.map(|(member, _)| member.clone()).collect();
            guids.sort_unstable();
            guids
        };
        Some(EntityWrite {
            members_added: members(Membership::Joined),
            members_removed: members(Membership::Left),
            guid,
            expected_version: self.loaded_version,
            state,
            version: self.version,
            last_event,
        })
    }
}

/// The row as the appliers see it.
pub(crate) fn normalised(mut row: LoadedEntity) -> LoadedEntity {
    let (EntityState::Live(pair) | EntityState::Deleted { pair, .. }) = &mut row.state;
    normalise(&mut pair.initial);
    normalise(&mut pair.modified);
    row
}

/// A group has a member list, which names nobody twice; an individual has none.
fn normalise(doc: &mut EntityDoc) {
    if doc.kind == EntityKind::Individual {
        doc.member_ids = None;
        return;
    }
    let ids = doc.member_ids.get_or_insert_default();
    let mut seen = HashSet::new();
    let mut is_first = ids.iter().map(|id| seen.insert(id)).collect::<Vec<_>>().into_iter();
    ids.retain(|_| is_first.next().unwrap_or_default());
}
