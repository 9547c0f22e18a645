//! The journal of the present event: what its changes have replaced, so that a failed event can be taken back.
//!
//! It never holds copies of whole entities: a group of 10,000 members costs an event no more than the members
//! that it moves. The changes themselves are in `entities/change.rs`.

use std::mem;

use veritrail_core::{EntityDoc, EntityGuid, Timestamp};

use super::change::Fields;
use super::{Entities, Membership, Record};

/// One change to take back; each is undone in the state that it has led to.
#[derive(Clone, Debug)]
pub(super) enum Undo {
    /// The entity was not known.
    Inserted(EntityGuid),
    /// The record was replaced; the old one's `members` stand for themselves.
    Replaced(EntityGuid, Box<Record>),
    /// The first change of the event has counted up the version.
    Stamped {
        guid: EntityGuid,
        version: u32,
        doc_version: u32,
        last_updated: Timestamp,
        last_event: Option<usize>,
        synced: Synced,
    },
    /// The entity was deleted.
    Deleted { guid: EntityGuid, version: u32, last_event: Option<usize> },
    /// The payload's fields were replaced.
    Fields(EntityGuid, Fields),
    /// The last synced state was replaced.
    Synced(EntityGuid, Option<Box<EntityDoc>>),
    /// A member was put at the end of the list.
    Pushed { group: EntityGuid, member: EntityGuid },
    /// Members were taken from the list, each with its index.
    Taken(EntityGuid, Vec<(usize, EntityGuid)>),
    /// A membership was noted.
    Noted { group: EntityGuid, member: EntityGuid, as_joined: bool },
}

/// What a stamp has done to the last synced state.
#[derive(Clone, Debug)]
pub(super) enum Synced {
    Kept,
    WasSame,
    Was(Box<EntityDoc>),
}

impl Entities {
    /// Ends an event that has succeeded.
    pub(crate) fn commit(&mut self) {
        self.journal.clear();
        self.applied += 1;
    }

    /// Takes back everything since the last commit.
    pub(crate) fn roll_back(&mut self) {
        while let Some(undo) = self.journal.pop() {
            self.undo(undo);
        }
    }

    fn undo(&mut self, undo: Undo) {
        match undo {
            Undo::Inserted(guid) => {
                self.records.remove(&guid);
            }
            Undo::Replaced(guid, mut old) => {
                if let Some(record) = self.records.get_mut(&guid) {
                    old.members = mem::take(&mut record.members);
                    *record = *old;
                }
            }
            Undo::Noted { group, member, as_joined } => {
                let inverse = if as_joined { Membership::Left } else { Membership::Joined };
                self.keep_note(&group, &member, inverse);
            }
            Undo::Stamped { ref guid, .. }
            | Undo::Deleted { ref guid, .. }
            | Undo::Fields(ref guid, _)
            | Undo::Synced(ref guid, _)
            | Undo::Pushed { group: ref guid, .. }
            | Undo::Taken(ref guid, _) => {
                if let Some(record) = self.records.get_mut(&guid.clone()) {
                    record.undo(undo);
                }
            }
        }
    }
}

impl Undo {
    /// The entity that was changed; none for what is kept about an entity and is no part of it.
    pub(super) fn entity(&self) -> Option<&EntityGuid> {
        match self {
            Self::Inserted(guid)
            | Self::Replaced(guid, _)
            | Self::Stamped { guid, .. }
            | Self::Deleted { guid, .. }
            | Self::Fields(guid, _)
            | Self::Synced(guid, _)
            | Self::Pushed { group: guid, .. }
            | Self::Taken(guid, _) => Some(guid),
            Self::Noted { .. } => None,
        }
    }
}

impl Record {
    pub(super) fn undo(&mut self, undo: Undo) {
        match undo {
            Undo::Stamped { version, doc_version, last_updated, last_event, synced, .. } => {
                self.version = version;
                self.doc.version = doc_version;
                self.doc.last_updated = last_updated;
                self.last_event = last_event;
                match synced {
                    Synced::Kept => {}
                    Synced::WasSame => self.synced = None,
                    Synced::Was(doc) => self.synced = Some(*doc),
                }
            }
            Undo::Deleted { version, last_event, .. } => {
                self.version = version;
                self.last_event = last_event;
                self.deleted_at = None;
            }
            Undo::Fields(_, fields) => {
                self.swap_fields(fields);
            }
            Undo::Synced(_, synced) => self.synced = synced.map(|doc| *doc),
            Undo::Pushed { .. } => {
                self.doc.member_ids.get_or_insert_default().pop();
            }
            Undo::Taken(_, taken) => {
                let ids = self.doc.member_ids.get_or_insert_default();
                let mut kept = mem::take(ids).into_iter();
                for (at, id) in taken {
                    ids.extend(kept.by_ref().take(at - ids.len()));
                    ids.push(id);
                }
                ids.extend(kept);
            }
            Undo::Inserted(_) | Undo::Replaced(..) | Undo::Noted { .. } => {}
        }
    }
}
