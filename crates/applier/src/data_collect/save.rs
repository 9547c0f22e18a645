//! Creating and updating entities, and letting members join a group.
//!
//! How the payload is read is in `data_collect/payload.rs`.

use serde_json::{Map, Value};
use veritrail_core::{EntityDoc, EntityGuid, EntityKind};

use super::payload::{Member, external_id, name};
use crate::entities::Fields;
use crate::error::{ApplyError, GroupProblem};
use crate::view::{View, expect_kind};

/// What becomes of an event about an entity that is not there.
#[derive(Clone, Copy)]
pub(super) enum IfAbsent {
    Create,
    Refuse,
}

/// Creates or updates one entity from its payload, which holds no members any more.
pub(super) fn save(
    state: &mut View<'_>,
    guid: &EntityGuid,
    kind: EntityKind,
    data: Map<String, Value>,
    if_absent: IfAbsent,
) -> Result<(), ApplyError> {
    match (state.get(guid)?, if_absent) {
        (Some(present), _) => {
            expect_kind(present, kind)?;
            let fields = merged(present, data);
            state.set_fields(guid, fields)
        }
        (None, IfAbsent::Create) => create(state, guid, kind, data),
        (None, IfAbsent::Refuse) => Err(state.not_found(guid)),
    }
}

/// Lets members join a group that exists; who does not exist is created.
pub(super) fn join(state: &mut View<'_>, group: &EntityGuid, members: Vec<Member>) -> Result<(), ApplyError> {
    for member in members {
        let guid = member.guid;
        if guid == *group {
            let problem = GroupProblem::Cycle { member: guid };
            return Err(ApplyError::InvalidGroup { group: group.clone(), problem });
        }
        if let Some(present) = state.get(&guid)? {
            expect_kind(present, member.kind)?;
        } else if state.deleted_at(&guid)?.is_some() {
            return Err(state.not_found(&guid));
        } else {
            create(state, &guid, member.kind, member.data)?;
            join(state, &guid, member.members)?;
        }
        state.link(group, &guid)?;
    }
    Ok(())
}

fn create(
    state: &mut View<'_>,
    guid: &EntityGuid,
    kind: EntityKind,
    data: Map<String, Value>,
) -> Result<(), ApplyError> {
    let member_ids = match kind {
        EntityKind::Group => Some(Vec::new()),
        EntityKind::Individual => None,
    };
    state.put_canonical(EntityDoc {
        id: guid.clone(),
        guid: guid.clone(),
        external_id: external_id(&data),
        name: name(&data),
        kind,
        version: 1,
        data,
        last_updated: state.now(),
        member_ids,
    })
}

fn merged(present: &EntityDoc, event: Map<String, Value>) -> Fields {
    let external_id = external_id(&event).or_else(|| present.external_id.clone());
    let mut data = present.data.clone();
    data.extend(event);
    Fields { name: name(&data).or_else(|| present.name.clone()), external_id, data }
}
