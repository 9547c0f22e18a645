//! The members of a JSON object that is read as an event or an audit entry: each is there and of its kind, or there is
//! an error that names it and its value.
//!
//! Which members there are is said in `event/parse.rs` and `audit/parse.rs`.

use std::borrow::Cow;

use crate::ids::InvalidId;
use crate::json::{Json, JsonError, JsonProblem, MAX_JSON_DEPTH, Node, Numbers, parse as parse_json};
use crate::text::InvalidText;
use crate::timestamp::{InvalidTimestamp, Timestamp};

/// Characters of a refused value that an error repeats.
const SHOWN_CHARS: usize = 80;

/// Why an event or an audit entry is refused. Every variant names the field; values are cut to 80 characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidInput {
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
        /// The member's name; `event` or `audit entry` for the whole text.
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
    /// A text is longer than its column, or holds what the column cannot.
    #[error("field `{field}` {problem}: {value:?}")]
    Text {
        /// The member's name.
        field: &'static str,
        /// The rule that it breaks.
        problem: InvalidText,
        /// The text.
        value: String,
    },
    /// A time cannot be kept.
    #[error("field `{field}` {problem}: {value:?}")]
    Timestamp {
        /// The member's name.
        field: &'static str,
        /// The rule that it breaks.
        problem: InvalidTimestamp,
        /// The text.
        value: String,
    },
    /// Two members that mean the same differ.
    #[error("field `{field}` is {value}, but `{other}` is {other_value}")]
    Contradiction {
        /// The second name, such as `version`.
        field: &'static str,
        /// Its value.
        value: String,
        /// The name that we write, such as `schemaVersion`.
        other: &'static str,
        /// Its value.
        other_value: String,
    },
    /// A payload is larger than its limit.
    #[error("field `{field}` has {bytes} bytes in canonical form, at most {limit} are allowed")]
    TooLarge {
        /// Such as `data` or `metadata`.
        field: &'static str,
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
}

impl InvalidInput {
    /// The field that is to blame, as a path; empty for the whole text.
    #[must_use]
    pub fn field(&self) -> &str {
        match self {
            Self::Json(error) => &error.path,
            Self::Missing { field }
            | Self::WrongType { field, .. }
            | Self::Id { field, .. }
            | Self::Text { field, .. }
            | Self::Timestamp { field, .. }
            | Self::Contradiction { field, .. }
            | Self::TooLarge { field, .. } => field,
        }
    }
}

/// The members of an object, sorted by name.
pub(crate) type Members<'a> = Vec<(Cow<'a, str>, Node<'a>)>;

/// Reads an object whose members' values have the whole depth to themselves.
///
/// # Errors
/// [`InvalidInput::Json`], or [`InvalidInput::WrongType`] where it is no object.
pub(crate) fn object<'a>(text: &'a str, name: &'static str) -> Result<Members<'a>, InvalidInput> {
    let node = parse_json(text, MAX_JSON_DEPTH + 1, Numbers::Faithful).map_err(|mut error| {
        if let JsonProblem::TooDeep(_) = error.problem {
            error.problem = JsonProblem::TooDeep(MAX_JSON_DEPTH);
        }
        error
    })?;
    match node {
        Node::Object(members) => Ok(members),
        other => Err(wrong_type(name, "an object", &other)),
    }
}

pub(crate) fn check_payload(field: &'static str, payload: &Json, limit: usize) -> Result<(), InvalidInput> {
    if !payload.as_str().starts_with('{') {
        return Err(InvalidInput::WrongType { field, expected: "an object", value: cut(payload.as_str()) });
    }
    let bytes = payload.as_str().len();
    if bytes > limit {
        return Err(InvalidInput::TooLarge { field, bytes, limit });
    }
    Ok(())
}

/// A member that is present and not null: clients write null for what they do not have.
pub(crate) fn member<'n, 'a>(members: &'n Members<'a>, name: &str) -> Option<&'n Node<'a>> {
    members.iter().find(|(known, _)| known == name).map(|(_, value)| value).filter(|value| !value.is_null())
}

pub(crate) fn id<T: std::str::FromStr<Err = InvalidId>>(
    node: Option<&Node<'_>>,
    field: &'static str,
) -> Result<T, InvalidInput> {
    let text = text(node.ok_or(InvalidInput::Missing { field })?, field)?;
    text.parse().map_err(|problem| InvalidInput::Id { field, problem, value: cut(text) })
}

pub(crate) fn timestamp(node: Option<&Node<'_>>, field: &'static str) -> Result<Timestamp, InvalidInput> {
    let text = text(node.ok_or(InvalidInput::Missing { field })?, field)?;
    text.parse().map_err(|problem| InvalidInput::Timestamp { field, problem, value: cut(text) })
}

pub(crate) fn text<'n>(node: &'n Node<'_>, field: &'static str) -> Result<&'n str, InvalidInput> {
    match node {
        Node::String(text) => Ok(text),
        other => Err(wrong_type(field, "a string", other)),
    }
}

pub(crate) fn payload(field: &'static str, node: &Node<'_>, limit: usize) -> Result<Json, InvalidInput> {
    if !matches!(node, Node::Object(_)) {
        return Err(wrong_type(field, "an object", node));
    }
    let json = Json::from_node(node);
    check_payload(field, &json, limit)?;
    Ok(json)
}

/// An integer that fits PostgreSQL's `integer` and is not negative.
pub(crate) fn integer(node: &Node<'_>) -> Option<u32> {
    let Node::Number(number) = node else { return None };
    let fits = number.fract() == 0.0 && (0.0..=f64::from(i32::MAX)).contains(number);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range was checked")]
    fits.then_some(*number as u32)
}

/// Sets a member and keeps the order of names: those that are set here are ASCII.
pub(crate) fn replace<'a>(members: &mut Members<'a>, name: &'static str, value: Node<'a>) {
    match members.iter_mut().find(|(known, _)| known == name) {
        Some(slot) => slot.1 = value,
        None => {
            let at = members.iter().take_while(|(known, _)| known.as_ref() < name).count();
            members.insert(at, (Cow::Borrowed(name), value));
        }
    }
}

pub(crate) fn wrong_type(field: &'static str, expected: &'static str, node: &Node<'_>) -> InvalidInput {
    InvalidInput::WrongType { field, expected, value: cut(Json::from_node(node).as_str()) }
}

pub(crate) fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
