//! The eight event types of DataCollect, and what they do where DataCollect does nothing sensible.
//!
//! An entity's `id` and `guid` are the event's `entityGuid`. `name` is the text of `data._displayName`, else of
//! `data.name`; where neither says one, an entity keeps its name or has none: a placeholder could not be told from
//! a name, and would make strangers look like duplicates. `externalId` is the text or number of
//! `data.externalId`; an event without one leaves it as it is.
//!
//! | type | does | is rejected with |
//! |---|---|---|
//! | `create-individual`, `create-group` | Creates the entity with `data`. A live entity is updated instead, as in DataCollect. A deleted one begins anew from `data` alone, and its version goes on from the tombstone's. | `TYPE_MISMATCH`: the live entity is of the other kind |
//! | `update-individual`, `update-group` | Merges `data` into the entity's, member by member of the top level; null is a value like any other. | `ENTITY_NOT_FOUND`: never created, or deleted (DataCollect makes an entity out of the fragment); `TYPE_MISMATCH` |
//! | `add-member` | All of `data.members` join the group, in this order. | `INVALID_GROUP`: absent, deleted or no group; `INVALID_MEMBER_DATA`: no list, or an empty one; and as below |
//! | `remove-member` | `data.memberId` leaves the group. An individual goes on to exist; a group is deleted with all that it holds. | `INVALID_GROUP`; `INVALID_MEMBER_DATA`: no guid, or no member |
//! | `delete-entity` | Deletes the entity and, of a group, its members and theirs, also those that other groups hold; every group that is left loses their ids. Of an entity that was deleted before, nothing is left to do: two devices may delete the same. | `ENTITY_NOT_FOUND`: never created |
//! | `resolve-duplicate` | Settles all pairs of `data.duplicates`; with `data.shouldDelete` the event's own entity is deleted as by `delete-entity`. The entities of the pairs need not exist. | `INVALID_DATA`; `ENTITY_NOT_FOUND` |
//!
//! **Members within `data.members`** of `create-group`, `update-group` and `add-member`: `{guid, type?: "group", …}`.
//! A member that does not exist is created, with what is in the list besides its guid as its `data`; a group's own
//! `members` likewise. One that exists is linked and nothing about it changes, its own `members` in the list
//! included; one that is a member already stays where it stands. Without `type: "group"` a member is an individual:
//! an existing entity of the other kind is a `TYPE_MISMATCH`, so that what an event needs can be read from the event
//! alone. One that was deleted is `ENTITY_NOT_FOUND`: a membership does not undo a deletion. A group that would
//! contain itself, directly or through its members, is `INVALID_GROUP`; cycles that a store already holds are
//! harmless, every walk over members visits each once. `data.members` is never kept in a group's `data`.
//!
//! **Version**: an event that changes an entity counts its version up by one, also where it is a cascade or a member
//! that is lost; an event that changes nothing (adding who is a member already) does not.
//!
//! **Last synced state** (`initial`): an event with a sync level above local leaves it equal to the state after the
//! event, a local one leaves it as it was; an entity that a local event has created begins with it. What becomes of a
//! synced event about an entity with local changes is decided by a [`ConflictPolicy`](crate::ConflictPolicy).
//!
//! **Audit notes**: one for each entity whose version counts, and one for each settled pair. An event that changes nothing
//! leaves none.

mod payload;
mod save;

use veritrail_core::{EntityGuid, EntityKind, FormSubmission};

use self::payload::{Member, data_of, duplicates, member_id, should_delete, take_members};
use self::save::{IfAbsent, join, save};
use crate::error::{ApplyError, MemberProblem};
use crate::registry::{EventApplier, Reads};
use crate::view::View;

/// An applier for each type.
pub(crate) fn appliers() -> Vec<Box<dyn EventApplier>> {
    let (individual, group) = (EntityKind::Individual, EntityKind::Group);
    let appliers = [
        ("create-individual", Action::Save(individual, IfAbsent::Create)),
        ("update-individual", Action::Save(individual, IfAbsent::Refuse)),
        ("create-group", Action::Save(group, IfAbsent::Create)),
        ("update-group", Action::Save(group, IfAbsent::Refuse)),
        ("add-member", Action::AddMember),
        ("remove-member", Action::RemoveMember),
        ("delete-entity", Action::Delete),
        ("resolve-duplicate", Action::ResolveDuplicate),
    ];
    appliers
        .into_iter()
        .map(|(event_type, action)| Box::new(BuiltIn { event_type, action }) as Box<dyn EventApplier>)
        .collect()
}

struct BuiltIn {
    event_type: &'static str,
    action: Action,
}

#[derive(Clone, Copy)]
enum Action {
    Save(EntityKind, IfAbsent),
    AddMember,
    RemoveMember,
    Delete,
    ResolveDuplicate,
}

impl EventApplier for BuiltIn {
    fn event_type(&self) -> &str {
        self.event_type
    }

    fn reads(&self, event: &FormSubmission) -> Reads {
        // What cannot be read is refused when the event is applied, so that no entity is needed for it.
        let reads = match self.action {
            Action::Save(EntityKind::Individual, _) => Ok(Reads::default()),
            Action::Save(EntityKind::Group, _) | Action::AddMember => reads_of_members(event),
            Action::RemoveMember => data_of(event)
                .and_then(|data| member_id(event, &data))
                .map(|member| Reads { entities: vec![member], related: true }),
            Action::Delete => Ok(Reads { entities: Vec::new(), related: true }),
            Action::ResolveDuplicate => data_of(event)
                .and_then(|data| should_delete(event, &data))
                .map(|related| Reads { entities: Vec::new(), related }),
        };
        reads.unwrap_or_default()
    }

    fn apply(&self, event: &FormSubmission, state: &mut View<'_>) -> Result<(), ApplyError> {
        let guid = &event.entity_guid;
        match self.action {
            Action::Save(EntityKind::Individual, if_absent) => {
                save(state, guid, EntityKind::Individual, data_of(event)?, if_absent)
            }
            Action::Save(EntityKind::Group, if_absent) => {
                let mut data = data_of(event)?;
                let members = take_members(guid, &mut data)?.unwrap_or_default();
                save(state, guid, EntityKind::Group, data, if_absent)?;
                join(state, guid, members)
            }
            Action::AddMember => add_members(event, state),
            Action::RemoveMember => remove_member(event, state),
            Action::Delete => delete(guid, state),
            Action::ResolveDuplicate => resolve_duplicates(event, state),
        }
    }
}

fn reads_of_members(event: &FormSubmission) -> Result<Reads, ApplyError> {
    let members = take_members(&event.entity_guid, &mut data_of(event)?)?.unwrap_or_default();
    let mut reads = Reads::default();
    let mut waiting: Vec<&Member> = members.iter().collect();
    while let Some(member) = waiting.pop() {
        reads.entities.push(member.guid.clone());
        // Whether a group may join another depends on all that it holds.
        reads.related |= member.kind == EntityKind::Group;
        waiting.extend(&member.members);
    }
    Ok(reads)
}

fn add_members(event: &FormSubmission, state: &mut View<'_>) -> Result<(), ApplyError> {
    let group = &event.entity_guid;
    state.group(group)?;
    let path = || "data.members".to_owned();
    let problem = match take_members(group, &mut data_of(event)?)? {
        None => MemberProblem::NotAList { path: path() },
        Some(members) if members.is_empty() => MemberProblem::Empty { path: path() },
        Some(members) => return join(state, group, members),
    };
    Err(ApplyError::InvalidMemberData { group: group.clone(), problem })
}

fn remove_member(event: &FormSubmission, state: &mut View<'_>) -> Result<(), ApplyError> {
    let group = &event.entity_guid;
    state.group(group)?;
    let member = member_id(event, &data_of(event)?)?;
    if !state.unlink(group, &member)? {
        let problem = MemberProblem::NotAMember { member };
        return Err(ApplyError::InvalidMemberData { group: group.clone(), problem });
    }
    match state.get(&member)? {
        Some(doc) if doc.kind == EntityKind::Group => state.delete(&member).map(drop),
        _ => Ok(()),
    }
}

fn delete(guid: &EntityGuid, state: &mut View<'_>) -> Result<(), ApplyError> {
    if state.delete(guid)? || state.deleted_at(guid)?.is_some() {
        return Ok(());
    }
    Err(state.not_found(guid))
}

fn resolve_duplicates(event: &FormSubmission, state: &mut View<'_>) -> Result<(), ApplyError> {
    let data = data_of(event)?;
    for pair in duplicates(event, &data)? {
        state.resolve_duplicate(pair);
    }
    match should_delete(event, &data)? {
        true => delete(&event.entity_guid, state),
        false => Ok(()),
    }
}
