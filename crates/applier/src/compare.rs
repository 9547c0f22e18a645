//! What differs between the entities that are live and those that a replay leads to.
//!
//! Reading the live rows is the store's, and what is done about a difference is the operator's.

use std::collections::HashSet;

use veritrail_core::{EntityDoc, EntityGuid, Timestamp};

use crate::entities::{Entities, EntityState, LoadedEntity, normalised};
use crate::patch::Patch;

/// One way in which a live entity is not what its events say.
#[derive(Clone, Debug, PartialEq)]
pub enum Difference {
    /// Events lead to the entity, or to its tombstone, and there is no row.
    Missing {
        /// The entity.
        entity: EntityGuid,
    },
    /// There is a row and no event leads to it.
    Unexplained {
        /// The entity.
        entity: EntityGuid,
    },
    /// The row's version is another.
    Version {
        /// The entity.
        entity: EntityGuid,
        /// What the row says.
        live: u32,
        /// What the events lead to.
        replayed: u32,
    },
    /// One lives and the other was deleted, or they were deleted at different times.
    Deletion {
        /// The entity.
        entity: EntityGuid,
        /// What the row says; `None`: it lives.
        live: Option<Timestamp>,
        /// What the events lead to.
        replayed: Option<Timestamp>,
    },
    /// A state is another.
    State {
        /// The entity.
        entity: EntityGuid,
        /// Which of its two states.
        which: Which,
        /// From the content that the row has to the content that the events lead to; empty where version or time
        /// alone differ.
        patch: Patch,
        /// Version and time of the last update, as the row has them.
        live: (u32, Timestamp),
        /// Version and time of the last update that the events lead to.
        replayed: (u32, Timestamp),
    },
}

/// One of an entity's two states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Which {
    /// The last synced one.
    Initial,
    /// The present one; a tombstone's last.
    Modified,
}

impl Difference {
    /// The entity that differs.
    #[must_use]
    pub fn entity(&self) -> &EntityGuid {
        match self {
            Self::Missing { entity }
            | Self::Unexplained { entity }
            | Self::Version { entity, .. }
            | Self::Deletion { entity, .. }
            | Self::State { entity, .. } => entity,
        }
    }
}

/// Compares live rows, in any order, with what a replay has led to: all differences, sorted by entity.
///
/// Rows are taken one by one, so that a store can stream them.
#[must_use]
pub fn compare(live: impl IntoIterator<Item = LoadedEntity>, replayed: &Entities) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut seen = HashSet::new();
    for row in live {
        match replayed.row(&row.guid) {
            Some(expected) => differences.extend(differences_of(&normalised(row.clone()), &expected)),
            None => differences.push(Difference::Unexplained { entity: row.guid.clone() }),
        }
        seen.insert(row.guid);
    }
    let missing = replayed.guids().filter(|guid| !seen.contains(*guid));
    differences.extend(missing.map(|guid| Difference::Missing { entity: guid.clone() }));
    differences.sort_by(|left, right| left.entity().cmp(right.entity()));
    differences
}

fn differences_of(live: &LoadedEntity, replayed: &LoadedEntity) -> Vec<Difference> {
    let entity = &live.guid;
    let mut found = Vec::new();
    if live.version != replayed.version {
        let (live, replayed) = (live.version, replayed.version);
        found.push(Difference::Version { entity: entity.clone(), live, replayed });
    }
    let ((mine, mine_deleted), (theirs, theirs_deleted)) = (parts(&live.state), parts(&replayed.state));
    if mine_deleted != theirs_deleted {
        let (live, replayed) = (mine_deleted, theirs_deleted);
        found.push(Difference::Deletion { entity: entity.clone(), live, replayed });
    }
    let states = [(Which::Initial, mine.0, theirs.0), (Which::Modified, mine.1, theirs.1)];
    for (which, mine, theirs) in states.into_iter().filter(|(_, mine, theirs)| mine != theirs) {
        found.push(Difference::State {
            entity: entity.clone(),
            which,
            patch: Patch::between(Some(mine), Some(theirs)),
            live: (mine.version, mine.last_updated),
            replayed: (theirs.version, theirs.last_updated),
        });
    }
    found
}

/// Last synced and present state, and when it was deleted.
fn parts(state: &EntityState) -> ((&EntityDoc, &EntityDoc), Option<Timestamp>) {
    match state {
        EntityState::Live(pair) => ((&pair.initial, &pair.modified), None),
        EntityState::Deleted { pair, deleted_at } => ((&pair.initial, &pair.modified), Some(*deleted_at)),
    }
}
