//! From JSON text to a valid audit entry, or to an error that names the field and its value.

use super::{AuditLogEntry, AuditSeal, AuditStatus, DataClassification, HASH_ALGORITHM, check_outcome};
use crate::event::{MAX_DATA_BYTES, MAX_METADATA_BYTES};
use crate::json::{Json, Node};
use crate::member::{
    InvalidInput, Members, cut, id, integer, member, object, payload, replace, text, timestamp, wrong_type,
};
use crate::text::ShortText;

/// The members of an audit entry that have a meaning of their own; any other is kept under `extra`.
pub(super) const KNOWN_MEMBERS: [&str; 24] = [
    "action",
    "archivedAt",
    "changes",
    "correlationId",
    "dataClassification",
    "details",
    "entityGuid",
    "eventGuid",
    "eventVersion",
    "guid",
    "hash",
    "hashAlgorithm",
    "organizationId",
    "outcomeDescription",
    "principalId",
    "processingLatency",
    "retentionPolicy",
    "signature",
    "status",
    "targetResourceId",
    "targetResourceType",
    "timestamp",
    "ttl",
    "userId",
];

/// What `processingLatency` must be.
pub(super) const LATENCY: &str = "an integer from 0 to 2147483647";

pub(super) fn parse(whole: &str) -> Result<AuditLogEntry, InvalidInput> {
    let members = object(whole, "audit entry")?;
    let field = |name: &'static str| member(&members, name);
    let entry = AuditLogEntry {
        guid: id(field("guid"), "guid")?,
        timestamp: timestamp(field("timestamp"), "timestamp")?,
        user_id: user_id(&members)?,
        action: id(field("action"), "action")?,
        event_guid: present(field("eventGuid"), |node| id(node, "eventGuid"))?,
        entity_guid: present(field("entityGuid"), |node| id(node, "entityGuid"))?,
        changes: field("changes").map(|node| payload("changes", node, MAX_DATA_BYTES)).transpose()?,
        organization_id: short(&members, "organizationId")?,
        target_resource_type: short(&members, "targetResourceType")?,
        target_resource_id: short(&members, "targetResourceId")?,
        status: word(&members, "status", STATUS, AuditStatus::from_word)?.unwrap_or_default(),
        outcome_description: outcome(field("outcomeDescription"))?,
        details: details(&members)?,
        ttl: short(&members, "ttl")?,
        event_version: short(&members, "eventVersion")?,
        correlation_id: short(&members, "correlationId")?,
        data_classification: word(&members, "dataClassification", CLASS, DataClassification::from_word)?,
        retention_policy: short(&members, "retentionPolicy")?,
        processing_latency: latency(field("processingLatency"))?,
        seal: seal(&members)?,
    };
    Ok(entry)
}

const STATUS: &str = "\"attempt\", \"success\" or \"failure\"";
const CLASS: &str = "\"PUBLIC\", \"INTERNAL\", \"CONFIDENTIAL\" or \"PHI\"";

fn present<'n, 'a, T>(
    node: Option<&'n Node<'a>>,
    read: impl FnOnce(Option<&'n Node<'a>>) -> Result<T, InvalidInput>,
) -> Result<Option<T>, InvalidInput> {
    if node.is_none() { Ok(None) } else { read(node).map(Some) }
}

/// `userId`, also read as `principalId`; both may be there if they are equal.
fn user_id<T>(members: &Members<'_>) -> Result<Option<T>, InvalidInput>
where
    T: std::str::FromStr<Err = crate::ids::InvalidId> + PartialEq + std::fmt::Display,
{
    let read = |name: &'static str| present(member(members, name), |node| id::<T>(node, name));
    match (read("userId")?, read("principalId")?) {
        (Some(user), Some(principal)) if user != principal => Err(InvalidInput::Contradiction {
            field: "principalId",
            value: format!("{:?}", cut(&principal.to_string())),
            other: "userId",
            other_value: format!("{:?}", cut(&user.to_string())),
        }),
        (user, principal) => Ok(user.or(principal)),
    }
}

fn short<const CHARS: usize>(
    members: &Members<'_>,
    field: &'static str,
) -> Result<Option<ShortText<CHARS>>, InvalidInput> {
    let Some(node) = member(members, field) else { return Ok(None) };
    let text = text(node, field)?;
    let short = ShortText::new(text);
    short.map(Some).map_err(|problem| InvalidInput::Text { field, problem, value: cut(text) })
}

/// One of a few words.
fn word<T>(
    members: &Members<'_>,
    field: &'static str,
    expected: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, InvalidInput> {
    let Some(node) = member(members, field) else { return Ok(None) };
    let known = match node {
        Node::String(word) => read(word),
        _ => None,
    };
    known.map(Some).ok_or_else(|| wrong_type(field, expected, node))
}

fn outcome(node: Option<&Node<'_>>) -> Result<Option<Box<str>>, InvalidInput> {
    let Some(node) = node else { return Ok(None) };
    let text = text(node, "outcomeDescription")?;
    check_outcome(text)?;
    Ok(Some(text.into()))
}

fn latency(node: Option<&Node<'_>>) -> Result<Option<u32>, InvalidInput> {
    node.map(|node| integer(node).ok_or_else(|| wrong_type("processingLatency", LATENCY, node))).transpose()
}

/// The received details with the unknown members as a member of them.
fn details(members: &Members<'_>) -> Result<Option<Json>, InvalidInput> {
    let received = member(members, "details");
    let mut stored = match received {
        None => Vec::new(),
        Some(Node::Object(members)) => members.clone(),
        Some(other) => return Err(wrong_type("details", "an object", other)),
    };
    let is_known = |name: &str| KNOWN_MEMBERS.contains(&name);
    let extra: Members<'_> = members.iter().filter(|(name, _)| !is_known(name)).cloned().collect();
    if !extra.is_empty() {
        replace(&mut stored, "extra", Node::Object(extra));
    }
    if stored.is_empty() && received.is_none() {
        return Ok(None);
    }
    payload("details", &Node::Object(stored), MAX_METADATA_BYTES).map(Some)
}

/// What a log has added to an entry that it has served.
fn seal(members: &Members<'_>) -> Result<AuditSeal, InvalidInput> {
    let field = |name: &'static str| member(members, name);
    let hash = |node: &Node<'_>| {
        let text = text(node, "hash")?;
        let is_lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        let hash = is_lower.then(|| text.parse().ok()).flatten();
        hash.ok_or_else(|| wrong_type("hash", "64 lower-case hexadecimal digits", node))
    };
    let is_ours = |word: &str| (word == HASH_ALGORITHM).then_some(());
    word(members, "hashAlgorithm", "\"SHA-256\"", is_ours)?;
    let signature = field("signature").map(|node| text(node, "signature")).transpose()?;
    Ok(AuditSeal {
        hash: field("hash").map(hash).transpose()?,
        // What has no key of its own writes an empty text.
        signature: signature.filter(|text| !text.is_empty()).map(Into::into),
        archived_at: present(field("archivedAt"), |node| timestamp(node, "archivedAt"))?,
    })
}
