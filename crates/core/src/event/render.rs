//! From an event to its wire form: one JSON object.

use super::FormSubmission;
use super::parse::{KNOWN_MEMBERS, check_context, check_migrated_from};
use crate::json::{Json, Node, Numbers, parse, write_string};

/// Writes the event with the members of its metadata where they were received.
///
/// A member moves out of the metadata only where reading the result puts it back, so that the stored metadata
/// of what is served equals that of what was received.
pub(super) fn to_json(event: &FormSubmission) -> String {
    let mut out = String::with_capacity(event.data.as_str().len() + 256);
    out.push('{');
    member_text(&mut out, "guid", event.guid.as_str());
    member_text(&mut out, "entityGuid", event.entity_guid.as_str());
    member_text(&mut out, "type", event.event_type.as_str());
    member(&mut out, "data", event.data.as_str());
    member_text(&mut out, "timestamp", &event.timestamp.to_string());
    member_text(&mut out, "userId", event.user_id.as_str());
    member(&mut out, "syncLevel", &event.sync_level.number().to_string());
    if let Some(version) = event.schema_version {
        member(&mut out, "schemaVersion", &version.to_string());
    }
    if let Some(metadata) = &event.metadata {
        write_metadata(&mut out, metadata);
    }
    out.push('}');
    out
}

fn write_metadata(out: &mut String, metadata: &Json) {
    let members = match parse(metadata.as_str(), usize::MAX >> 1, Numbers::Nearest) {
        Ok(Node::Object(members)) => members,
        // What is no object was not stored by us: it is shown as it is, and `verify` names it.
        _ => return member(out, "metadata", metadata.as_str()),
    };
    let mut kept = Vec::with_capacity(members.len());
    let mut moved = false;
    for (name, value) in members {
        if is_served_beside(&name, &value) {
            moved = true;
            match value {
                Node::Object(extra) if name == "extra" => {
                    for (name, value) in extra {
                        member(out, &name, Json::from_node(&value).as_str());
                    }
                }
                value => member(out, &name, Json::from_node(&value).as_str()),
            }
        } else {
            kept.push((name, value));
        }
    }
    if !(moved && kept.is_empty()) {
        member(out, "metadata", Json::from_node(&Node::Object(kept)).as_str());
    }
}

fn is_served_beside(name: &str, value: &Node<'_>) -> bool {
    match (name, value) {
        ("context", value) => check_context(value).is_ok(),
        ("migratedFrom", value) => check_migrated_from(value).is_ok(),
        ("extra", Node::Object(members)) => {
            !members.is_empty() && members.iter().all(|(name, _)| !KNOWN_MEMBERS.contains(&name.as_ref()))
        }
        _ => false,
    }
}

fn member_text(out: &mut String, name: &str, text: &str) {
    begin_member(out, name);
    write_string(text, out);
}

fn member(out: &mut String, name: &str, json: &str) {
    begin_member(out, name);
    out.push_str(json);
}

fn begin_member(out: &mut String, name: &str) {
    if out.len() > 1 {
        out.push(',');
    }
    write_string(name, out);
    out.push(':');
}
