//! From JSON text to a valid event, or to an error that names the field and its value.

use std::borrow::Cow;

use super::{Context, FormSubmission, MAX_DATA_BYTES, MAX_METADATA_BYTES, SyncLevel};
use crate::ids::{InvalidId, check_id};
use crate::json::{Json, JsonError, JsonProblem, MAX_JSON_DEPTH, Node, Numbers, parse as parse_json};
use crate::timestamp::{InvalidTimestamp, Timestamp};

/// Characters of a refused value that an error repeats.
const SHOWN_CHARS: usize = 80;
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

/// Why an event is refused. Every variant names the field; values are cut to 80 characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEvent {
    /// The text is not JSON, or a part of it cannot be hashed faithfully.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// A required member is absent or null.
    #[error("field `{field}` is missing")]
    Missing {
        /// The member's name.
        field: &'static str,
    },
    /// A member has a value of another kind.
    #[error("field `{field}` must be {expected}, not {value}")]
    WrongType {
        /// The member's name; `event` for the whole text.
        field: &'static str,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        value: String,
    },
    /// A text is no identifier.
    #[error("field `{field}` {problem}: {value:?}")]
    Id {
        /// The member's name.
        field: &'static str,
        /// The rule that it breaks.
        problem: InvalidId,
        /// The text.
        value: String,
    },
    /// The timestamp cannot be kept.
    #[error("field `timestamp` {problem}: {value:?}")]
    Timestamp {
        /// The rule that it breaks.
        problem: InvalidTimestamp,
        /// The text.
        value: String,
    },
    /// `schemaVersion` and `version` differ.
    #[error("field `version` is {version}, but `schemaVersion` is {schema_version}")]
    TwoVersions {
        /// The value of `schemaVersion`.
        schema_version: u32,
        /// The value of `version`.
        version: u32,
    },
    /// A payload is larger than its limit.
    #[error("field `{field}` has {bytes} bytes in canonical form, at most {limit} are allowed")]
    TooLarge {
        /// `data` or `metadata`.
        field: &'static str,
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
}

impl InvalidEvent {
    /// The field that is to blame, as a path; empty for the whole text.
    #[must_use]
    pub fn field(&self) -> &str {
        match self {
            Self::Json(error) => &error.path,
            Self::Missing { field }
            | Self::WrongType { field, .. }
            | Self::Id { field, .. }
            | Self::TooLarge { field, .. } => field,
            Self::Timestamp { .. } => "timestamp",
            Self::TwoVersions { .. } => "version",
        }
    }
}

type Members<'a> = Vec<(Cow<'a, str>, Node<'a>)>;

pub(super) fn parse(text: &str) -> Result<FormSubmission, InvalidEvent> {
    // The event itself is one level, `data` begins the next.
    let node = parse_json(text, MAX_JSON_DEPTH + 1, Numbers::Faithful).map_err(|mut error| {
        if let JsonProblem::TooDeep(_) = error.problem {
            error.problem = JsonProblem::TooDeep(MAX_JSON_DEPTH);
        }
        error
    })?;
    let Node::Object(members) = node else {
        return Err(wrong_type("event", "an object", &node));
    };
    let field = |name: &'static str| member(&members, name);

    let guid = id(field("guid"), "guid")?;
    let entity_guid = id(field("entityGuid"), "entityGuid")?;
    let event_type = id(field("type"), "type")?;
    let user_id = id(field("userId"), "userId")?;
    let timestamp = timestamp(field("timestamp"))?;
    let data = match field("data") {
        None => return Err(InvalidEvent::Missing { field: "data" }),
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

pub(super) fn check_payload(field: &'static str, payload: &Json, limit: usize) -> Result<(), InvalidEvent> {
    if !payload.as_str().starts_with('{') {
        return Err(InvalidEvent::WrongType { field, expected: "an object", value: cut(payload.as_str()) });
    }
    let bytes = payload.as_str().len();
    if bytes > limit {
        return Err(InvalidEvent::TooLarge { field, bytes, limit });
    }
    Ok(())
}

pub(super) fn with_context(
    mut event: FormSubmission,
    context: &Context,
) -> Result<FormSubmission, InvalidEvent> {
    let text = serde_json::to_string(context).expect("a struct of texts has a JSON form");
    let node = parse_json(&text, MAX_JSON_DEPTH, Numbers::Faithful)?;
    check_context(&node)?;
    let stored = event.metadata.take();
    let stored = stored.as_ref().map_or("{}", Json::as_str);
    // The metadata itself and `extra` stand around values that have the whole depth to themselves.
    let Node::Object(mut members) = parse_json(stored, MAX_JSON_DEPTH + 2, Numbers::Nearest)? else {
        return Err(InvalidEvent::WrongType { field: "metadata", expected: "an object", value: cut(stored) });
    };
    replace(&mut members, "context", node);
    event.metadata = Some(payload("metadata", &Node::Object(members), MAX_METADATA_BYTES)?);
    Ok(event)
}

/// A member that is present and not null: clients write null for what they do not have.
fn member<'n, 'a>(members: &'n Members<'a>, name: &str) -> Option<&'n Node<'a>> {
    members.iter().find(|(known, _)| known == name).map(|(_, value)| value).filter(|value| !value.is_null())
}

fn id<T: std::str::FromStr<Err = InvalidId>>(
    node: Option<&Node<'_>>,
    field: &'static str,
) -> Result<T, InvalidEvent> {
    let text = text(node.ok_or(InvalidEvent::Missing { field })?, field)?;
    text.parse().map_err(|problem| InvalidEvent::Id { field, problem, value: cut(text) })
}

fn timestamp(node: Option<&Node<'_>>) -> Result<Timestamp, InvalidEvent> {
    let text = text(node.ok_or(InvalidEvent::Missing { field: "timestamp" })?, "timestamp")?;
    text.parse().map_err(|problem| InvalidEvent::Timestamp { problem, value: cut(text) })
}

fn text<'n>(node: &'n Node<'_>, field: &'static str) -> Result<&'n str, InvalidEvent> {
    match node {
        Node::String(text) => Ok(text),
        other => Err(wrong_type(field, "a string", other)),
    }
}

fn payload(field: &'static str, node: &Node<'_>, limit: usize) -> Result<Json, InvalidEvent> {
    if !matches!(node, Node::Object(_)) {
        return Err(wrong_type(field, "an object", node));
    }
    let json = Json::from_node(node);
    check_payload(field, &json, limit)?;
    Ok(json)
}

fn schema_version(
    schema_version: Option<&Node<'_>>,
    version: Option<&Node<'_>>,
) -> Result<Option<u32>, InvalidEvent> {
    let expected = "an integer from 0 to 2147483647";
    let read = |node: Option<&Node<'_>>, field| {
        node.map(|node| integer(node).ok_or_else(|| wrong_type(field, expected, node))).transpose()
    };
    match (read(schema_version, "schemaVersion")?, read(version, "version")?) {
        (Some(schema_version), Some(version)) if schema_version != version => {
            Err(InvalidEvent::TwoVersions { schema_version, version })
        }
        (first, second) => Ok(first.or(second)),
    }
}

fn sync_level(node: Option<&Node<'_>>) -> Result<SyncLevel, InvalidEvent> {
    let Some(node) = node else { return Ok(SyncLevel::Local) };
    integer(node)
        .and_then(|number| i16::try_from(number).ok())
        .and_then(SyncLevel::from_number)
        .ok_or_else(|| wrong_type("syncLevel", "0 (local), 1 (remote) or 2 (external)", node))
}

/// An integer that fits PostgreSQL's `integer` and is not negative.
pub(super) fn integer(node: &Node<'_>) -> Option<u32> {
    let Node::Number(number) = node else { return None };
    let fits = number.fract() == 0.0 && (0.0..=f64::from(i32::MAX)).contains(number);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range was checked")]
    fits.then_some(*number as u32)
}

/// The received metadata with `context`, `migratedFrom` and the unknown members as members of it.
fn metadata(members: &Members<'_>) -> Result<Option<Json>, InvalidEvent> {
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

pub(super) fn check_migrated_from(node: &Node<'_>) -> Result<(), InvalidEvent> {
    match integer(node) {
        Some(_) => Ok(()),
        None => Err(wrong_type("migratedFrom", "an integer from 0 to 2147483647", node)),
    }
}

pub(super) fn check_context(node: &Node<'_>) -> Result<(), InvalidEvent> {
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
            check_id(text).map_err(|problem| InvalidEvent::Id { field, problem, value: cut(text) })?;
        }
    }
    Ok(())
}

/// Sets a member and keeps the order of names: those of an event's metadata that are set here are ASCII.
fn replace<'a>(members: &mut Members<'a>, name: &'static str, value: Node<'a>) {
    match members.iter_mut().find(|(known, _)| known == name) {
        Some(slot) => slot.1 = value,
        None => {
            let at = members.iter().take_while(|(known, _)| known.as_ref() < name).count();
            members.insert(at, (Cow::Borrowed(name), value));
        }
    }
}

fn wrong_type(field: &'static str, expected: &'static str, node: &Node<'_>) -> InvalidEvent {
    InvalidEvent::WrongType { field, expected, value: cut(Json::from_node(node).as_str()) }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
