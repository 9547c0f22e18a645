//! From JSON text to a valid event, or to an error that names the field and its value.

use super::{Context, FormSubmission, MAX_DATA_BYTES, MAX_METADATA_BYTES, SyncLevel};
use crate::ids::check_id;
use crate::json::{Json, MAX_JSON_DEPTH, Node, Numbers, parse as parse_json};
use crate::member::{
    InvalidInput, Members, cut, id, integer, member, object, payload, replace, text, timestamp, wrong_type,
};

/// The members of an event that have a meaning of their own; any other is kept under `extra`.
pub(super) const KNOWN_MEMBERS: [&str; 12] = [
    "context",
    "data",
    "entityGuid",
    "guid",
    "metadata",
    "migratedFrom",
    "schemaVersion",
    "syncLevel",
    "timestamp",
    "type",
    "userId",
    "version",
];

pub(super) fn parse(text: &str) -> Result<FormSubmission, InvalidInput> {
    let members = object(text, "event")?;
    let field = |name: &'static str| member(&members, name);

    let guid = id(field("guid"), "guid")?;
    let entity_guid = id(field("entityGuid"), "entityGuid")?;
    let event_type = id(field("type"), "type")?;
    let user_id = id(field("userId"), "userId")?;
    let timestamp = timestamp(field("timestamp"), "timestamp")?;
    let data = match field("data") {
        None => return Err(InvalidInput::Missing { field: "data" }),
        Some(data) => payload("data", data, MAX_DATA_BYTES)?,
    };
    let event = FormSubmission {
        guid,
        entity_guid,
        event_type,
        schema_version: schema_version(field("schemaVersion"), field("version"))?,
        data,
        metadata: metadata(&members)?,
        timestamp,
        user_id,
        sync_level: sync_level(field("syncLevel"))?,
    };
    Ok(event)
}

pub(super) fn with_context(
    mut event: FormSubmission,
    context: &Context,
) -> Result<FormSubmission, InvalidInput> {
    let text = serde_json::to_string(context).expect("a struct of texts has a JSON form");
    let node = parse_json(&text, MAX_JSON_DEPTH, Numbers::Faithful)?;
    check_context(&node)?;
    let stored = event.metadata.take();
    let stored = stored.as_ref().map_or("{}", Json::as_str);
    // The metadata itself and `extra` stand around values that have the whole depth to themselves.
    let Node::Object(mut members) = parse_json(stored, MAX_JSON_DEPTH + 2, Numbers::Nearest)? else {
        return Err(InvalidInput::WrongType { field: "metadata", expected: "an object", value: cut(stored) });
    };
    replace(&mut members, "context", node);
    event.metadata = Some(payload("metadata", &Node::Object(members), MAX_METADATA_BYTES)?);
    Ok(event)
}

fn schema_version(
    schema_version: Option<&Node<'_>>,
    version: Option<&Node<'_>>,
) -> Result<Option<u32>, InvalidInput> {
    let expected = "an integer from 0 to 2147483647";
    let read = |node: Option<&Node<'_>>, field| {
        node.map(|node| integer(node).ok_or_else(|| wrong_type(field, expected, node))).transpose()
    };
    match (read(schema_version, "schemaVersion")?, read(version, "version")?) {
        (Some(schema_version), Some(version)) if schema_version != version => {
            Err(InvalidInput::Contradiction {
                field: "version",
                value: version.to_string(),
                other: "schemaVersion",
                other_value: schema_version.to_string(),
            })
        }
        (first, second) => Ok(first.or(second)),
    }
}

fn sync_level(node: Option<&Node<'_>>) -> Result<SyncLevel, InvalidInput> {
    let Some(node) = node else { return Ok(SyncLevel::Local) };
    integer(node)
        .and_then(|number| i16::try_from(number).ok())
        .and_then(SyncLevel::from_number)
        .ok_or_else(|| wrong_type("syncLevel", "0 (local), 1 (remote) or 2 (external)", node))
}

/// The received metadata with `context`, `migratedFrom` and the unknown members as members of it.
fn metadata(members: &Members<'_>) -> Result<Option<Json>, InvalidInput> {
    let received = member(members, "metadata");
    let mut stored = match received {
        None => Vec::new(),
        Some(Node::Object(members)) => members.clone(),
        Some(other) => return Err(wrong_type("metadata", "an object", other)),
    };
    if let Some(context) = member(members, "context") {
        check_context(context)?;
        replace(&mut stored, "context", context.clone());
    }
    if let Some(migrated_from) = member(members, "migratedFrom") {
        check_migrated_from(migrated_from)?;
        replace(&mut stored, "migratedFrom", migrated_from.clone());
    }
    let is_known = |name: &str| KNOWN_MEMBERS.contains(&name);
    let extra: Members<'_> = members.iter().filter(|(name, _)| !is_known(name)).cloned().collect();
    if !extra.is_empty() {
        replace(&mut stored, "extra", Node::Object(extra));
    }
    if stored.is_empty() && received.is_none() {
        return Ok(None);
    }
    payload("metadata", &Node::Object(stored), MAX_METADATA_BYTES).map(Some)
}

pub(super) fn check_migrated_from(node: &Node<'_>) -> Result<(), InvalidInput> {
    match integer(node) {
        Some(_) => Ok(()),
        None => Err(wrong_type("migratedFrom", "an integer from 0 to 2147483647", node)),
    }
}

pub(super) fn check_context(node: &Node<'_>) -> Result<(), InvalidInput> {
    let Node::Object(members) = node else {
        return Err(wrong_type("context", "an object", node));
    };
    let texts = [
        ("reason", "context.reason"),
        ("source", "context.source"),
        ("sessionId", "context.sessionId"),
        ("correlationId", "context.correlationId"),
    ];
    for (name, field) in texts {
        let Some(value) = member(members, name) else { continue };
        let text = text(value, field)?;
        if name == "correlationId" {
            check_id(text).map_err(|problem| InvalidInput::Id { field, problem, value: cut(text) })?;
        }
    }
    Ok(())
}
