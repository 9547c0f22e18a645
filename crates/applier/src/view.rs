//! What an applier sees and may do while it applies one event.
//!
//! The view keeps the rules that make replay give the same state as live events did: an applier uses only the
//! entities that it has declared, versions and times are set here, groups hold no cycle. The rules of single event
//! types are in `data_collect`.

use std::collections::{BTreeSet, HashSet};

use serde_json::{Map, Value};
use veritrail_core::{EntityDoc, EntityGuid, EntityKind, FormSubmission, Json, Timestamp};

use crate::applied::DuplicatePair;
use crate::entities::{Entities, Fields, Stamp};
use crate::error::{ApplyError, GroupProblem};
use crate::registry::Reads;

/// The entities as the events before this one have left them, for the applier of this one to read and change.
///
/// Every change of an entity counts its version up by one for the event, however many changes the event makes of
/// it, and sets `lastUpdated` to the event's timestamp.
#[derive(Debug)]
pub struct View<'a> {
    entities: &'a mut Entities,
    own: &'a EntityGuid,
    reads: &'a Reads,
    stamp: Stamp,
    /// What memberships lead to from the entities that are read, as far as it was looked for.
    related: HashSet<EntityGuid>,
    touched: BTreeSet<EntityGuid>,
    resolved: Vec<DuplicatePair>,
}

impl<'a> View<'a> {
    /// `reads` must be sorted and hold the event's own entity.
    pub(crate) fn new(entities: &'a mut Entities, event: &'a FormSubmission, reads: &'a Reads) -> Self {
        let own = &event.entity_guid;
        Self {
            entities,
            own,
            reads,
            stamp: Stamp::of(event),
            related: HashSet::new(),
            touched: BTreeSet::new(),
            resolved: Vec::new(),
        }
    }

    /// What the event has touched besides its own entity, and the pairs that it has resolved.
    pub(crate) fn finish(mut self) -> (Vec<EntityGuid>, Vec<DuplicatePair>) {
        self.touched.remove(self.own);
        (self.touched.into_iter().collect(), self.resolved)
    }

    /// The present state of an entity; `None` where it does not exist or was deleted.
    ///
    /// # Errors
    /// [`ApplyError::Undeclared`] where the applier's reads do not name it.
    pub fn get(&mut self, guid: &EntityGuid) -> Result<Option<&EntityDoc>, ApplyError> {
        self.declared(guid)?;
        Ok(self.entities.get(guid))
    }

    /// When an entity was deleted; `None` where it exists or never did.
    ///
    /// # Errors
    /// [`ApplyError::Undeclared`] where the applier's reads do not name it.
    pub fn deleted_at(&mut self, guid: &EntityGuid) -> Result<Option<Timestamp>, ApplyError> {
        self.declared(guid)?;
        Ok(self.entities.deleted_at(guid))
    }

    /// Creates the entity that `doc` describes, or replaces its present state.
    ///
    /// `id`, `version` and `lastUpdated` are set here. An entity that is created again after its deletion goes on
    /// from its tombstone's version and takes over nothing else. A group's `memberIds` are taken as they are, but
    /// for repetitions: [`View::link`] is what checks that a member exists and that the group does not contain
    /// itself.
    ///
    /// # Errors
    /// [`ApplyError::Undeclared`] where the applier's reads do not name it, or a member that joins;
    /// [`ApplyError::TypeMismatch`] where a live entity would change its kind; [`ApplyError::InvalidData`] where data,
    /// name or external id could not be stored as they are, such as an integer beyond 2^53.
    pub fn put(&mut self, mut doc: EntityDoc) -> Result<(), ApplyError> {
        doc.data = canonical(&doc)?;
        self.put_canonical(doc)
    }

    /// [`View::put`] of data that come from an event or an entity.
    pub(crate) fn put_canonical(&mut self, doc: EntityDoc) -> Result<(), ApplyError> {
        self.declared(&doc.guid)?;
        if let Some(present) = self.entities.get(&doc.guid) {
            expect_kind(present, doc.kind)?;
        }
        let joins = |member: &&EntityGuid| !self.entities.holds(&doc.guid, member);
        let joining: Vec<_> = doc.member_ids.iter().flatten().filter(joins).cloned().collect();
        for member in &joining {
            // A later event of the batch may follow the group's members: a store must have loaded them.
            self.declared(member)?;
        }
        let left = self.entities.put(doc, self.stamp);
        self.touched.extend(left);
        Ok(())
    }

    /// Makes a live entity the last member of a live group; returns whether it was none before.
    ///
    /// # Errors
    /// [`ApplyError::InvalidGroup`] where the group does not exist, is an individual, or would contain itself;
    /// [`ApplyError::EntityNotFound`] where the member does not exist; [`ApplyError::Undeclared`] and, for a
    /// member that is a group, [`ApplyError::RelatedUndeclared`].
    pub fn link(&mut self, group: &EntityGuid, member: &EntityGuid) -> Result<bool, ApplyError> {
        self.group(group)?;
        let would_contain_itself = ApplyError::InvalidGroup {
            group: group.clone(),
            problem: GroupProblem::Cycle { member: member.clone() },
        };
        if group == member {
            return Err(would_contain_itself);
        }
        self.declared(member)?;
        let Some(doc) = self.entities.get(member) else {
            return Err(self.not_found(member));
        };
        if self.entities.holds(group, member) {
            return Ok(false);
        }
        if doc.kind == EntityKind::Group {
            self.follows_members(member)?;
            // Only groups that the member holds can lead back to the group. They are not noted as touched: whoever
            // looks for the events behind the member finds theirs.
            if self.entities.descendants(member).contains(group) {
                return Err(would_contain_itself);
            }
        }
        self.entities.push_member(group, member, self.stamp);
        Ok(true)
    }

    /// Takes a member from a live group; returns whether it was one.
    ///
    /// # Errors
    /// [`ApplyError::InvalidGroup`] where the group does not exist or is an individual; [`ApplyError::Undeclared`].
    pub fn unlink(&mut self, group: &EntityGuid, member: &EntityGuid) -> Result<bool, ApplyError> {
        self.group(group)?;
        self.declared(member)?;
        if !self.entities.holds(group, member) {
            return Ok(false);
        }
        self.entities.take_member(group, member, self.stamp);
        Ok(true)
    }

    /// Deletes an entity, of a group also its members and theirs; every surviving group loses their ids.
    ///
    /// Returns whether the entity existed. Members that other groups hold too are deleted all the same. What is
    /// left of each is a tombstone with its last state.
    ///
    /// # Errors
    /// [`ApplyError::Undeclared`] and [`ApplyError::RelatedUndeclared`].
    pub fn delete(&mut self, guid: &EntityGuid) -> Result<bool, ApplyError> {
        self.declared(guid)?;
        self.follows_members(guid)?;
        let doomed = self.entities.descendants(guid);
        for entity in &doomed {
            self.touched.extend(self.entities.holders(entity).cloned());
        }
        self.touched.extend(doomed.iter().cloned());
        self.related.extend(doomed.iter().cloned());
        self.entities.delete_all(&doomed, self.stamp);
        Ok(!doomed.is_empty())
    }

    /// Tells the store that a pair of potential duplicates was looked at and is settled.
    pub fn resolve_duplicate(&mut self, pair: DuplicatePair) {
        self.touched.insert(pair.entity.clone());
        self.touched.insert(pair.duplicate.clone());
        self.resolved.push(pair);
    }

    /// The present state of a live group.
    pub(crate) fn group(&mut self, guid: &EntityGuid) -> Result<&EntityDoc, ApplyError> {
        self.declared(guid)?;
        let problem = match (self.entities.get(guid), self.entities.deleted_at(guid)) {
            (Some(doc), _) if doc.kind == EntityKind::Group => return Ok(doc),
            (Some(_), _) => GroupProblem::NotAGroup,
            (None, Some(deleted_at)) => GroupProblem::Deleted(deleted_at),
            (None, None) => GroupProblem::Absent,
        };
        Err(ApplyError::InvalidGroup { group: guid.clone(), problem })
    }

    /// Replaces the fields of a live entity that its payload decides, without a copy of its member list.
    pub(crate) fn set_fields(&mut self, guid: &EntityGuid, fields: Fields) -> Result<(), ApplyError> {
        self.declared(guid)?;
        self.entities.set_fields(guid, fields, self.stamp);
        Ok(())
    }

    /// The time that every change of this event bears.
    pub(crate) fn now(&self) -> Timestamp {
        self.stamp.at
    }

    /// The error for an entity that is not there.
    pub(crate) fn not_found(&self, guid: &EntityGuid) -> ApplyError {
        ApplyError::EntityNotFound { entity: guid.clone(), deleted_at: self.entities.deleted_at(guid) }
    }

    /// Checks that a store has loaded the entity if it exists, and notes that it is touched.
    fn declared(&mut self, guid: &EntityGuid) -> Result<(), ApplyError> {
        let named = self.reads.entities.binary_search(guid).is_ok();
        if !named && !self.is_related(guid) {
            return Err(ApplyError::Undeclared { entity: guid.clone() });
        }
        if !self.touched.contains(guid) {
            self.touched.insert(guid.clone());
        }
        Ok(())
    }

    /// Whether memberships lead to an entity from one that is read: what else is in memory is there by accident.
    fn is_related(&mut self, guid: &EntityGuid) -> bool {
        if !self.reads.related || !self.entities.knows(guid) {
            return false;
        }
        if !self.related.contains(guid) {
            let members = self.reads.entities.iter().flat_map(|named| self.entities.descendants(named));
            let members: Vec<_> = members.chain(self.reads.entities.iter().cloned()).collect();
            let holders = members.iter().flat_map(|member| self.entities.holders(member)).cloned();
            self.related.extend(holders);
            self.related.extend(members);
        }
        self.related.contains(guid)
    }

    fn follows_members(&self, guid: &EntityGuid) -> Result<(), ApplyError> {
        match self.reads.related {
            true => Ok(()),
            false => Err(ApplyError::RelatedUndeclared { entity: guid.clone() }),
        }
    }
}

/// The data as a store will give them back: 1.0 as 1, and nothing that cannot be stored.
fn canonical(doc: &EntityDoc) -> Result<Map<String, Value>, ApplyError> {
    let invalid = |field: &str, problem: String| ApplyError::InvalidData {
        entity: doc.guid.clone(),
        field: field.to_owned(),
        problem,
    };
    let texts = [("name", &doc.name), ("externalId", &doc.external_id)];
    if let Some((field, _)) =
        texts.iter().find(|(_, text)| text.as_ref().is_some_and(|text| text.contains('\0')))
    {
        return Err(invalid(field, "contains the character U+0000".into()));
    }
    let json = Json::from_value(&Value::Object(doc.data.clone()));
    match json.and_then(|json| json.to_value()) {
        Ok(Value::Object(data)) => Ok(data),
        Ok(_) => Err(invalid("data", "is not an object".into())),
        Err(error) => Err(invalid("data", error.to_string())),
    }
}

/// Checks that a present entity is of the kind that an event needs.
pub(crate) fn expect_kind(present: &EntityDoc, expected: EntityKind) -> Result<(), ApplyError> {
    if present.kind == expected {
        return Ok(());
    }
    Err(ApplyError::TypeMismatch { entity: present.guid.clone(), expected, found: present.kind })
}
