//! Clusters of a log: parts that have no entity in common, so that each can be replayed without the others.
//!
//! An entity enters a group through an event that names both, so whoever an event can reach over memberships is in its
//! cluster already by the names that events read: what is walked at run time need not be known beforehand.

use std::borrow::Borrow;
use std::collections::HashMap;

use veritrail_core::{EntityGuid, FormSubmission};

use super::LogItem;
use crate::entities::Entities;
use crate::registry::Registry;

impl Registry {
    /// Takes events apart into clusters: the indexes of each one's events, ascending; the clusters by their first event.
    ///
    /// The events of a cluster, replayed in order from nothing, lead its entities to the state that the whole leads to.
    #[must_use]
    pub fn clusters<E: Borrow<FormSubmission>>(&self, events: &[E]) -> Vec<Vec<usize>> {
        let items: Vec<_> = events.iter().map(|event| LogItem::Event(event.borrow())).collect();
        Clusters::of(self, &items, &Entities::default()).parts
    }
}

/// Items of a log by cluster.
pub(super) struct Clusters {
    /// The indexes of each cluster's items, ascending.
    pub(super) parts: Vec<Vec<usize>>,
    /// The cluster that an entity belongs to.
    #[cfg(feature = "rayon")]
    pub(super) part_of: HashMap<EntityGuid, usize>,
}

impl Clusters {
    /// Clusters of items that follow on `entities`, whose memberships tie entities together, too.
    pub(super) fn of(registry: &Registry, items: &[LogItem<'_>], entities: &Entities) -> Self {
        let mut union = Union::default();
        for (member, group) in entities.memberships() {
            union.tie(member, group);
        }
        let firsts: Vec<_> = items.iter().map(|item| union.tie_item(registry, item)).collect();

        let mut parts: Vec<Vec<usize>> = Vec::new();
        let mut part_of_root: HashMap<usize, usize> = HashMap::new();
        for (index, first) in firsts.into_iter().enumerate() {
            // No entity at all: rows that were kept, and none were.
            let Some(first) = first else { continue };
            let part = *part_of_root.entry(union.root(first)).or_insert(parts.len());
            match parts.get_mut(part) {
                Some(items) => items.push(index),
                None => parts.push(vec![index]),
            }
        }
        Self {
            parts,
            #[cfg(feature = "rayon")]
            part_of: union.parts(&part_of_root),
        }
    }
}

/// Disjoint sets with union by size and path halving (Tarjan and van Leeuwen 1984).
#[derive(Default)]
struct Union {
    nodes: HashMap<EntityGuid, usize>,
    parents: Vec<usize>,
    sizes: Vec<usize>,
}

impl Union {
    /// Ties all entities of an item together; gives one of them.
    fn tie_item(&mut self, registry: &Registry, item: &LogItem<'_>) -> Option<usize> {
        match item {
            LogItem::Event(event) => {
                // What cannot be read does not apply either: replaying it says so.
                for read in registry.reads(event).unwrap_or_default().entities {
                    self.tie(&event.entity_guid, &read);
                }
                Some(self.node(&event.entity_guid))
            }
            LogItem::Erased(erased) => {
                for touched in &erased.touched {
                    self.tie(&erased.entity, touched);
                }
                Some(self.node(&erased.entity))
            }
            LogItem::Kept(rows) => {
                let first = &rows.first()?.guid;
                for row in *rows {
                    self.tie(first, &row.guid);
                    for member in row.members() {
                        self.tie(first, member);
                    }
                }
                Some(self.node(first))
            }
        }
    }

    fn tie(&mut self, one: &EntityGuid, other: &EntityGuid) {
        let (one, other) = (self.node(one), self.node(other));
        let (one, other) = (self.root(one), self.root(other));
        if one == other {
            return;
        }
        let (small, large) = if self.sizes[one] < self.sizes[other] { (one, other) } else { (other, one) };
        self.parents[small] = large;
        self.sizes[large] += self.sizes[small];
    }

    fn node(&mut self, guid: &EntityGuid) -> usize {
        if let Some(node) = self.nodes.get(guid) {
            return *node;
        }
        let node = self.parents.len();
        self.nodes.insert(guid.clone(), node);
        self.parents.push(node);
        self.sizes.push(1);
        node
    }

    /// The part of each entity, from those of the roots.
    #[cfg(feature = "rayon")]
    fn parts(mut self, part_of_root: &HashMap<usize, usize>) -> HashMap<EntityGuid, usize> {
        let nodes = std::mem::take(&mut self.nodes);
        nodes
            .into_iter()
            .filter_map(|(guid, node)| Some((guid, *part_of_root.get(&self.root(node))?)))
            .collect()
    }

    fn root(&mut self, mut node: usize) -> usize {
        while self.parents[node] != node {
            self.parents[node] = self.parents[self.parents[node]];
            node = self.parents[node];
        }
        node
    }
}
