//! A log in memory: its events, ways to find them, and the tree over them.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;
use veritrail_merkle::Hash;

use super::tree::Tree;
use crate::ids::{EntityGuid, EventGuid};
use crate::log::{Epoch, LogIdentity, Position, StoredEvent, TreeHead, TreeSize};
use crate::timestamp::Timestamp;

/// A log and its tree.
pub(super) struct Log {
    pub(super) identity: LogIdentity,
    /// The newest stamp, of an earlier epoch too.
    pub(super) newest_stamp: Option<Timestamp>,
    /// In position order: an event's index is its position.
    events: Vec<StoredEvent>,
    by_guid: HashMap<EventGuid, usize>,
    by_entity: HashMap<EntityGuid, Vec<usize>>,
    pub(super) tree: Tree,
    /// The size at which each root has been that of a head.
    heads: BTreeMap<Hash, TreeSize>,
}

impl Log {
    pub(super) fn begin(log_id: Uuid, epoch: Epoch, newest_stamp: Option<Timestamp>) -> Self {
        let tree = Tree::default();
        Self {
            identity: LogIdentity { log_id, epoch },
            newest_stamp,
            events: Vec::new(),
            by_guid: HashMap::new(),
            by_entity: HashMap::new(),
            heads: BTreeMap::from([(tree.root(), TreeSize(0))]),
            tree,
        }
    }

    /// The log's next life.
    pub(super) fn next_epoch(self) -> Self {
        Self::begin(self.identity.log_id, Epoch(self.identity.epoch.0 + 1), self.newest_stamp)
    }

    /// Appends what was stamped for this log as it is now.
    pub(super) fn append(&mut self, events: Vec<StoredEvent>) {
        for stored in events {
            let index = self.events.len();
            self.tree.append(stored.leaf_hash);
            self.newest_stamp = Some(stored.recorded_at);
            self.by_guid.insert(stored.event.guid.clone(), index);
            self.by_entity.entry(stored.event.entity_guid.clone()).or_default().push(index);
            self.events.push(stored);
        }
        self.heads.insert(self.tree.root(), self.tree.size());
    }

    /// The events from a position on, in order.
    pub(super) fn events_from(&self, begin: Position) -> &[StoredEvent] {
        usize::try_from(begin.0).ok().and_then(|begin| self.events.get(begin..)).unwrap_or_default()
    }

    pub(super) fn by_guid(&self, guid: &EventGuid) -> Option<&StoredEvent> {
        self.by_guid.get(guid).map(|index| &self.events[*index])
    }

    pub(super) fn by_guid_mut(&mut self, guid: &EventGuid) -> Option<&mut StoredEvent> {
        self.by_guid.get(guid).map(|index| &mut self.events[*index])
    }

    /// The events about an entity, in order.
    pub(super) fn about(&self, entity: &EntityGuid) -> impl Iterator<Item = &StoredEvent> {
        self.by_entity.get(entity).into_iter().flatten().map(|index| &self.events[*index])
    }

    pub(super) fn head(&self) -> TreeHead {
        TreeHead {
            frontier: self.tree.frontier().clone(),
            root: self.tree.root(),
            recorded_at: self.events.last().map(|stored| stored.recorded_at),
        }
    }

    /// The size after the append that has led to a root.
    pub(super) fn size_with_root(&self, root: &Hash) -> Option<TreeSize> {
        self.heads.get(root).copied()
    }
}
