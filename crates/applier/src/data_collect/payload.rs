//! Reading what `data` says: texts, guids, members and pairs of duplicates, each with the place where it stands.
//!
//! What the appliers make of it is in `data_collect` and `data_collect/save.rs`.

use serde_json::{Map, Value};
use veritrail_core::{EntityGuid, EntityKind, FormSubmission};

use crate::applied::DuplicatePair;
use crate::error::{ApplyError, MemberProblem};

/// An element of `data.members`.
pub(super) struct Member {
    pub(super) guid: EntityGuid,
    /// What the list says it is: an individual unless its type is `group`.
    pub(super) kind: EntityKind,
    /// Everything but the guid and a group's own members.
    pub(super) data: Map<String, Value>,
    /// A group's own members.
    pub(super) members: Vec<Member>,
}

/// The payload as a tree.
pub(super) fn data_of(event: &FormSubmission) -> Result<Map<String, Value>, ApplyError> {
    match event.data.to_value() {
        Ok(Value::Object(data)) => Ok(data),
        Ok(_) => Err(invalid(event, "", "is not an object")),
        Err(error) => Err(invalid(event, "", &error.to_string())),
    }
}

/// Takes the members out of a group's data: absent and null are none.
pub(super) fn take_members(
    group: &EntityGuid,
    data: &mut Map<String, Value>,
) -> Result<Option<Vec<Member>>, ApplyError> {
    let reject = |problem| ApplyError::InvalidMemberData { group: group.clone(), problem };
    members_at("data", data).map_err(reject)
}

/// The guid of the member that is to leave.
pub(super) fn member_id(event: &FormSubmission, data: &Map<String, Value>) -> Result<EntityGuid, ApplyError> {
    let reject = |problem| ApplyError::InvalidMemberData { group: event.entity_guid.clone(), problem };
    guid_at(data.get("memberId"), || "data.memberId".to_owned()).map_err(reject)
}

/// The pairs of duplicates that an event settles.
pub(super) fn duplicates(
    event: &FormSubmission,
    data: &Map<String, Value>,
) -> Result<Vec<DuplicatePair>, ApplyError> {
    let Some(Value::Array(items)) = data.get("duplicates") else {
        return Err(invalid(event, "duplicates", "is not a list of pairs"));
    };
    let guid = |index: usize, name: &str| {
        let path = format!("duplicates[{index}].{name}");
        let Some(text) = items[index].get(name).and_then(Value::as_str) else {
            return Err(invalid(event, &path, "is not a guid"));
        };
        EntityGuid::new(text).map_err(|problem| invalid(event, &path, &problem.to_string()))
    };
    let pair = |index| {
        Ok(DuplicatePair { entity: guid(index, "entityGuid")?, duplicate: guid(index, "duplicateGuid")? })
    };
    (0..items.len()).map(pair).collect()
}

/// Whether the event's own entity is to be deleted as a duplicate.
pub(super) fn should_delete(event: &FormSubmission, data: &Map<String, Value>) -> Result<bool, ApplyError> {
    match data.get("shouldDelete") {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(invalid(event, "shouldDelete", "is neither true nor false")),
    }
}

/// The name that a payload gives, if it gives one.
pub(super) fn name(data: &Map<String, Value>) -> Option<String> {
    let text = |member| data.get(member).and_then(Value::as_str).filter(|text| !text.is_empty());
    text("_displayName").or_else(|| text("name")).map(str::to_owned)
}

/// The id in an external system that a payload gives, if it gives one; such ids are often numbers.
pub(super) fn external_id(data: &Map<String, Value>) -> Option<String> {
    match data.get("externalId") {
        Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    }
}

fn members_at(path: &str, data: &mut Map<String, Value>) -> Result<Option<Vec<Member>>, MemberProblem> {
    let path = format!("{path}.members");
    match data.remove("members") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(items)) => {
            let member = |(index, item)| member_at(&format!("{path}[{index}]"), item);
            items.into_iter().enumerate().map(member).collect::<Result<_, _>>().map(Some)
        }
        Some(_) => Err(MemberProblem::NotAList { path }),
    }
}

/// Nested members are as deep as JSON may be nested, which bounds the recursion.
fn member_at(path: &str, item: Value) -> Result<Member, MemberProblem> {
    let Value::Object(mut data) = item else {
        return Err(MemberProblem::NotAnObject { path: path.to_owned() });
    };
    let guid = guid_at(data.get("guid"), || format!("{path}.guid"))?;
    data.remove("guid");
    let is_group = data.get("type").and_then(Value::as_str) == Some(EntityKind::Group.as_str());
    let (kind, members) = match is_group {
        true => (EntityKind::Group, members_at(path, &mut data)?.unwrap_or_default()),
        false => (EntityKind::Individual, Vec::new()),
    };
    Ok(Member { guid, kind, data, members })
}

fn guid_at(value: Option<&Value>, path: impl Fn() -> String) -> Result<EntityGuid, MemberProblem> {
    let Some(text) = value.and_then(Value::as_str) else {
        return Err(MemberProblem::NoGuid { path: path() });
    };
    EntityGuid::new(text).map_err(|problem| MemberProblem::InvalidGuid { path: path(), problem })
}

fn invalid(event: &FormSubmission, field: &str, problem: &str) -> ApplyError {
    ApplyError::InvalidData {
        entity: event.entity_guid.clone(),
        field: if field.is_empty() { "data".to_owned() } else { format!("data.{field}") },
        problem: problem.to_owned(),
    }
}
