//! Changes of entities: members, payload, life and death.
//!
//! Each change notes in the journal what it replaces (`entities/journal.rs`). Which change an event makes is the
//! appliers' business.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::mem;

use serde_json::{Map, Value};
use veritrail_core::{EntityDoc, EntityGuid, FormSubmission, SyncLevel, Timestamp};

use super::journal::{Synced, Undo};
use super::{Entities, Membership, Record, normalise};

/// What an event leaves on every entity that it changes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp {
    /// The event's timestamp.
    pub(crate) at: Timestamp,
    /// Whether the event was synced when it was received.
    pub(crate) synced: bool,
}

impl Stamp {
    pub(crate) fn of(event: &FormSubmission) -> Self {
        Self { at: event.timestamp, synced: event.sync_level > SyncLevel::Local }
    }
}

/// The parts of an entity that its payload decides.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fields {
    pub(crate) data: Map<String, Value>,
    pub(crate) name: Option<String>,
    pub(crate) external_id: Option<String>,
}

impl Fields {
    pub(crate) fn of(doc: &EntityDoc) -> Self {
        Self { data: doc.data.clone(), name: doc.name.clone(), external_id: doc.external_id.clone() }
    }
}

impl Entities {
    /// Puts an entity in the place of the absent, deleted or live one with its guid; returns who left a group by it.
    ///
    /// Version and time of the last update are set here, whatever `doc` says.
    pub(crate) fn put(&mut self, mut doc: EntityDoc, stamp: Stamp) -> Vec<EntityGuid> {
        let guid = doc.guid.clone();
        normalise(&mut doc);
        doc.id = guid.clone();
        doc.last_updated = stamp.at;
        let after = doc.member_ids.clone().unwrap_or_default();
        let before = self.get(&guid).and_then(|doc| doc.member_ids.clone()).unwrap_or_default();

        let undo = match self.records.get_mut(&guid) {
            None => {
                self.records.insert(guid.clone(), Record::created(doc, self.applied));
                Undo::Inserted(guid.clone())
            }
            Some(record) => Undo::Replaced(guid.clone(), Box::new(record.replace(doc, self.applied, stamp))),
        };
        self.journal.push(undo);
        let left = without(&before, &after);
        self.note_all(&guid, &left, Membership::Left);
        self.note_all(&guid, &without(&after, &before), Membership::Joined);
        left
    }

    /// Replaces the payload's fields of a live entity.
    pub(crate) fn set_fields(&mut self, guid: &EntityGuid, fields: Fields, stamp: Stamp) {
        self.stamp(guid, stamp);
        let Some(record) = self.records.get_mut(guid) else { return };
        let old = record.swap_fields(fields);
        self.journal.push(Undo::Fields(guid.clone(), old));
    }

    /// Makes the present state of a live entity its last synced one, with a version of its own, and goes on from it
    /// with other fields.
    pub(crate) fn fork(&mut self, guid: &EntityGuid, synced_version: u32, fields: Fields) {
        let Some(record) = self.records.get_mut(guid).filter(|record| record.deleted_at.is_none()) else {
            return;
        };
        let mut synced = record.doc.clone();
        synced.version = synced_version;
        let replaced = record.synced.replace(synced);
        self.journal.push(Undo::Synced(guid.clone(), replaced.map(Box::new)));
        let old = record.swap_fields(fields);
        self.journal.push(Undo::Fields(guid.clone(), old));
    }

    /// Puts a member at the end of a live group's list; it must not be in it.
    pub(crate) fn push_member(&mut self, group: &EntityGuid, member: &EntityGuid, stamp: Stamp) {
        self.stamp(group, stamp);
        let Some(record) = self.records.get_mut(group) else { return };
        record.doc.member_ids.get_or_insert_default().push(member.clone());
        self.journal.push(Undo::Pushed { group: group.clone(), member: member.clone() });
        self.note(group, member, Membership::Joined);
    }

    /// Takes a member from a live group's list.
    pub(crate) fn take_member(&mut self, group: &EntityGuid, member: &EntityGuid, stamp: Stamp) {
        self.take_members(group, |id| id == member, stamp);
    }

    /// Deletes live entities; surviving groups lose them.
    pub(crate) fn delete_all(&mut self, doomed: &[EntityGuid], stamp: Stamp) {
        let now = self.applied;
        for guid in doomed {
            let Some(record) = self.records.get_mut(guid) else { continue };
            let undo =
                Undo::Deleted { guid: guid.clone(), version: record.version, last_event: record.last_event };
            self.journal.push(undo);
            if record.last_event != Some(now) {
                record.version = record.version.saturating_add(1);
                record.last_event = Some(now);
            }
            record.deleted_at = Some(stamp.at);
            let members = record.doc.member_ids.clone();
            self.note_all(guid, members.iter().flatten(), Membership::Left);
        }
        for (group, members) in self.bereft(doomed) {
            self.take_members(&group, |id| members.contains(id), stamp);
        }
    }

    /// The live groups that hold deleted entities, with these.
    pub(crate) fn bereft(&self, deleted: &[EntityGuid]) -> BTreeMap<EntityGuid, HashSet<EntityGuid>> {
        let mut bereft: BTreeMap<EntityGuid, HashSet<EntityGuid>> = BTreeMap::new();
        for guid in deleted {
            for group in self.holders(guid) {
                bereft.entry(group.clone()).or_default().insert(guid.clone());
            }
        }
        bereft
    }

    fn take_members(&mut self, group: &EntityGuid, doomed: impl Fn(&EntityGuid) -> bool, stamp: Stamp) {
        self.stamp(group, stamp);
        let Some(record) = self.records.get_mut(group) else { return };
        let ids = record.doc.member_ids.get_or_insert_default();
        let mut taken = Vec::new();
        let mut kept = Vec::with_capacity(ids.len());
        for (at, id) in mem::take(ids).into_iter().enumerate() {
            if doomed(&id) {
                taken.push((at, id));
            } else {
                kept.push(id);
            }
        }
        *ids = kept;
        self.journal.push(Undo::Taken(group.clone(), taken.clone()));
        self.note_all(group, taken.iter().map(|(_, member)| member), Membership::Left);
    }

    /// Counts the event once for a live entity, before the event's first change of it.
    fn stamp(&mut self, guid: &EntityGuid, stamp: Stamp) {
        let now = self.applied;
        let Some(record) = self.records.get_mut(guid) else { return };
        if record.last_event == Some(now) {
            return;
        }
        let synced = match (&record.synced, stamp.synced) {
            (_, true) => record.synced.take().map_or(Synced::WasSame, |doc| Synced::Was(Box::new(doc))),
            (Some(_), false) => Synced::Kept,
            (None, false) => {
                record.synced = Some(record.doc.clone());
                Synced::WasSame
            }
        };
        self.journal.push(Undo::Stamped {
            guid: guid.clone(),
            version: record.version,
            doc_version: record.doc.version,
            last_updated: record.doc.last_updated,
            last_event: record.last_event,
            synced,
        });
        record.version = record.version.saturating_add(1);
        record.doc.version = record.version;
        record.doc.last_updated = stamp.at;
        record.last_event = Some(now);
    }

    fn note_all<'a>(
        &mut self,
        group: &EntityGuid,
        members: impl IntoIterator<Item = &'a EntityGuid>,
        change: Membership,
    ) {
        for member in members {
            self.note(group, member, change);
        }
    }

    fn note(&mut self, group: &EntityGuid, member: &EntityGuid, change: Membership) {
        let as_joined = change == Membership::Joined;
        self.journal.push(Undo::Noted { group: group.clone(), member: member.clone(), as_joined });
        self.keep_note(group, member, change);
    }

    /// Keeps the index of holders and the difference to what was loaded; its own inverse with the other change.
    pub(super) fn keep_note(&mut self, group: &EntityGuid, member: &EntityGuid, change: Membership) {
        match change {
            Membership::Joined => {
                self.holders.entry(member.clone()).or_default().insert(group.clone());
            }
            Membership::Left => {
                if let Some(groups) = self.holders.get_mut(member) {
                    groups.remove(group);
                }
            }
        }
        let Some(record) = self.records.get_mut(group) else { return };
        if record.members.get(member).is_some_and(|noted| *noted != change) {
            record.members.remove(member);
        } else {
            record.members.insert(member.clone(), change);
        }
    }
}

impl Record {
    fn created(mut doc: EntityDoc, now: usize) -> Self {
        doc.version = 1;
        Self {
            loaded_version: None,
            version: 1,
            synced: None,
            doc,
            deleted_at: None,
            erased: false,
            members: HashMap::new(),
            last_event: Some(now),
        }
    }

    /// Returns the old record but for its `members`, which the new one takes over.
    fn replace(&mut self, mut doc: EntityDoc, now: usize, stamp: Stamp) -> Self {
        let first_change = self.last_event != Some(now);
        doc.version = self.version.saturating_add(u32::from(first_change));
        let synced = match (self.deleted_at, first_change) {
            // A new life begins with a synced state of its own.
            (Some(_), _) => None,
            (None, false) => self.synced.clone(),
            (None, true) if stamp.synced => None,
            (None, true) => Some(self.synced.clone().unwrap_or_else(|| self.doc.clone())),
        };
        let new = Self {
            loaded_version: self.loaded_version,
            version: doc.version,
            synced,
            doc,
            deleted_at: None,
            erased: false,
            members: mem::take(&mut self.members),
            last_event: Some(now),
        };
        mem::replace(self, new)
    }

    pub(super) fn swap_fields(&mut self, fields: Fields) -> Fields {
        Fields {
            data: mem::replace(&mut self.doc.data, fields.data),
            name: mem::replace(&mut self.doc.name, fields.name),
            external_id: mem::replace(&mut self.doc.external_id, fields.external_id),
        }
    }
}

fn without(guids: &[EntityGuid], others: &[EntityGuid]) -> Vec<EntityGuid> {
    if guids == others {
        return Vec::new();
    }
    let others: HashSet<_> = others.iter().collect();
    guids.iter().filter(|guid| !others.contains(guid)).cloned().collect()
}
