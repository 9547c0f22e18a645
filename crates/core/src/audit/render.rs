//! From an audit entry to its wire form: one JSON object.

use super::parse::KNOWN_MEMBERS;
use super::{AuditLogEntry, AuditSeal, DataClassification, HASH_ALGORITHM};
use crate::json::{Json, Node, Numbers, parse, write_string};
use crate::text::ShortText;

/// Writes the entry with the members of `details.extra` where they were received.
pub(super) fn to_json(entry: &AuditLogEntry) -> String {
    let mut out = String::with_capacity(entry.changes.as_ref().map_or(0, |json| json.as_str().len()) + 512);
    out.push('{');
    member_text(&mut out, "guid", Some(entry.guid.as_str()));
    member_text(&mut out, "timestamp", Some(&entry.timestamp.to_string()));
    member_text(&mut out, "userId", entry.user_id.as_ref().map(AsRef::as_ref));
    member_text(&mut out, "action", Some(entry.action.as_str()));
    member_text(&mut out, "eventGuid", entry.event_guid.as_ref().map(AsRef::as_ref));
    member_text(&mut out, "entityGuid", entry.entity_guid.as_ref().map(AsRef::as_ref));
    if let Some(changes) = &entry.changes {
        member(&mut out, "changes", changes.as_str());
    }
    member_text(&mut out, "organizationId", entry.organization_id.as_ref().map(ShortText::as_str));
    member_text(&mut out, "targetResourceType", entry.target_resource_type.as_ref().map(ShortText::as_str));
    member_text(&mut out, "targetResourceId", entry.target_resource_id.as_ref().map(ShortText::as_str));
    member_text(&mut out, "status", Some(entry.status.as_str()));
    member_text(&mut out, "outcomeDescription", entry.outcome_description.as_deref());
    member_text(&mut out, "ttl", entry.ttl.as_ref().map(ShortText::as_str));
    member_text(&mut out, "eventVersion", entry.event_version.as_ref().map(ShortText::as_str));
    member_text(&mut out, "correlationId", entry.correlation_id.as_ref().map(ShortText::as_str));
    member_text(&mut out, "dataClassification", entry.data_classification.map(DataClassification::as_str));
    member_text(&mut out, "retentionPolicy", entry.retention_policy.as_ref().map(ShortText::as_str));
    if let Some(latency) = entry.processing_latency {
        member(&mut out, "processingLatency", &latency.to_string());
    }
    if let Some(details) = &entry.details {
        write_details(&mut out, details);
    }
    write_seal(&mut out, &entry.seal);
    out.push('}');
    out
}

fn write_seal(out: &mut String, seal: &AuditSeal) {
    if let Some(hash) = &seal.hash {
        member_text(out, "hash", Some(&hash.to_string()));
        member_text(out, "hashAlgorithm", Some(HASH_ALGORITHM));
    }
    member_text(out, "archivedAt", seal.archived_at.map(|at| at.to_string()).as_deref());
    member_text(out, "signature", seal.signature.as_deref());
}

/// Members move out of `extra` only where reading the result puts them back.
fn write_details(out: &mut String, details: &Json) {
    let mut members = match parse(details.as_str(), usize::MAX >> 1, Numbers::Nearest) {
        Ok(Node::Object(members)) => members,
        // What is no object was not stored by us: it is shown as it is, and `verify` names it.
        _ => return member(out, "details", details.as_str()),
    };
    let is_served_beside = |(name, value): &(std::borrow::Cow<'_, str>, Node<'_>)| match value {
        Node::Object(extra) if name == "extra" => {
            !extra.is_empty() && extra.iter().all(|(name, _)| !KNOWN_MEMBERS.contains(&name.as_ref()))
        }
        _ => false,
    };
    let moved = members.iter().position(is_served_beside).map(|at| members.remove(at).1);
    if !(moved.is_some() && members.is_empty()) {
        member(out, "details", Json::from_node(&Node::Object(members)).as_str());
    }
    if let Some(Node::Object(extra)) = moved {
        for (name, value) in extra {
            member(out, &name, Json::from_node(&value).as_str());
        }
    }
}

fn member_text(out: &mut String, name: &str, text: Option<&str>) {
    let Some(text) = text else { return };
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
