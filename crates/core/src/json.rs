//! JSON that can be hashed faithfully: a strict reader and the canonical form of RFC 8785 (JCS).
//!
//! `serde_json::Value` is no way in: it misreads some numbers by one unit in the last place unless a feature is
//! on that other crates can switch, and it keeps the last of two members with one name in silence. What cannot
//! be hashed faithfully is refused here, with the place where it stands.

mod canonical;
mod parse;

use std::borrow::Cow;
use std::fmt;

use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};

pub(crate) use canonical::write_string;
pub(crate) use parse::{Numbers, parse};

/// Deepest nesting of arrays and objects in the value of `data` or `metadata`.
pub const MAX_JSON_DEPTH: usize = 64;

/// A JSON value in canonical form (RFC 8785): sorted members, no white space, one form a number.
///
/// Equal values have equal texts. The text is valid JSON for PostgreSQL: no U+0000, no lone surrogate.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Json(Box<str>);

/// What makes a text unfit, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {problem}", if path.is_empty() { "JSON" } else { path })]
pub struct JsonError {
    /// The place as a path of members and indexes, such as `data.members[2].age`; empty for the whole text.
    pub path: String,
    /// Byte offset in the text that was read.
    pub offset: usize,
    /// What is wrong there.
    pub problem: JsonProblem,
}

/// One way in which a text is unfit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonProblem {
    /// Not JSON (RFC 8259).
    #[error("{0}")]
    Syntax(&'static str),
    /// Two members of one object have the same name.
    #[error("member `{0}` stands twice in one object")]
    DuplicateMember(String),
    /// A string or name contains `\u0000`, which PostgreSQL cannot store.
    #[error("a string contains the character U+0000")]
    NullCharacter,
    /// A string or name contains half of a surrogate pair, which has no UTF-8.
    #[error("a string contains a lone surrogate")]
    LoneSurrogate,
    /// A number that would not come back as it was sent.
    #[error("the number {text} {problem}")]
    Number {
        /// The number as it was sent, cut to 64 characters.
        text: String,
        /// What is wrong with it.
        problem: NumberProblem,
    },
    /// Nested deeper than allowed.
    #[error("is nested deeper than {0} levels")]
    TooDeep(usize),
}

/// One way in which a number cannot be hashed faithfully.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberProblem {
    /// More than 17 significant digits: a double keeps no more.
    #[error("has more than 17 significant digits")]
    TooManyDigits,
    /// Larger than the largest double.
    #[error("is too large for a double")]
    NotFinite,
    /// Not zero, but nearer to zero than the smallest double.
    #[error("is too small for a double and would become 0")]
    Underflow,
    /// An integer that RFC 8785 would write with other digits.
    #[error("is an integer that a double does not hold exactly")]
    InexactInteger,
    /// Not what `jsonb` makes of a canonical number, such as `1.0`.
    #[error("is not what a canonical number is stored as")]
    NotCanonical,
}

/// A parsed JSON value; the members of an object are in the order of RFC 8785, section 3.2.3.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node<'a> {
    Null,
    Bool(bool),
    Number(f64),
    String(Cow<'a, str>),
    Array(Vec<Node<'a>>),
    Object(Vec<(Cow<'a, str>, Node<'a>)>),
}

impl Json {
    /// Reads a JSON text and brings it into canonical form.
    ///
    /// # Errors
    /// [`JsonError`] where the text is not JSON, cannot be hashed faithfully, or is nested deeper than
    /// [`MAX_JSON_DEPTH`].
    pub fn parse(text: &str) -> Result<Self, JsonError> {
        Ok(Self::from_node(&parse(text, MAX_JSON_DEPTH, Numbers::Faithful)?))
    }

    /// Reads a JSON text that PostgreSQL's `jsonb` has written: numbers are taken as the nearest double, because
    /// `jsonb` writes the digits of a large double out in full.
    ///
    /// # Errors
    /// [`JsonError`] as [`Json::parse`], but for the rules about numbers.
    pub fn parse_jsonb(text: &str) -> Result<Self, JsonError> {
        Ok(Self::from_node(&parse(text, usize::MAX >> 1, Numbers::Nearest)?))
    }

    /// Reads a JSON text that PostgreSQL's `jsonb` has written of a canonical text, and gives that back. A number that
    /// was changed is refused, also where a double could not tell the difference.
    ///
    /// # Errors
    /// [`JsonError`] as [`Json::parse_jsonb`]; [`NumberProblem::NotCanonical`].
    pub fn parse_stored_jsonb(text: &str) -> Result<Self, JsonError> {
        Ok(Self::from_node(&parse(text, usize::MAX >> 1, Numbers::AsJsonb)?))
    }

    /// Brings a value into canonical form.
    ///
    /// # Errors
    /// [`JsonError`] where the value cannot be hashed faithfully, such as an integer beyond 2^53.
    pub fn from_value(value: &Value) -> Result<Self, JsonError> {
        Self::parse(&value.to_string())
    }

    /// Takes a text that this crate has written and a store has kept.
    ///
    /// Nothing is checked: whoever reads a text back proves it by its hash.
    #[must_use]
    pub fn from_canonical_text(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value as a tree. Numbers are exact: integers as integers, others as the double they stand for.
    ///
    /// # Errors
    /// [`JsonError`] where the text was taken by [`Json::from_canonical_text`] and is not JSON.
    pub fn to_value(&self) -> Result<Value, JsonError> {
        Ok(parse(&self.0, usize::MAX >> 1, Numbers::Nearest)?.to_value())
    }

    pub(crate) fn from_node(node: &Node<'_>) -> Self {
        let mut text = String::new();
        canonical::write(node, &mut text);
        Self(text.into_boxed_str())
    }
}

impl Node<'_> {
    pub(crate) fn to_value(&self) -> Value {
        match self {
            Node::Null => Value::Null,
            Node::Bool(value) => Value::Bool(*value),
            Node::Number(number) => Value::Number(to_number(*number)),
            Node::String(text) => Value::String(text.clone().into_owned()),
            Node::Array(items) => Value::Array(items.iter().map(Node::to_value).collect()),
            Node::Object(members) => {
                let members =
                    members.iter().map(|(name, value)| (name.clone().into_owned(), value.to_value()));
                Value::Object(members.collect::<Map<_, _>>())
            }
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Node::Null)
    }
}

/// Largest integer up to which every integer is a double.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

fn to_number(number: f64) -> Number {
    if number.fract() == 0.0 && number.abs() <= MAX_EXACT {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "an integer of at most 2^53 fits an i64 exactly"
        )]
        return Number::from(number as i64);
    }
    Number::from_f64(number).expect("the reader refuses numbers that are not finite")
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl serde::Serialize for Json {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> serde::Deserialize<'de> for Json {
    /// Works with `serde_json` alone, because the number must be read from its own text.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::parse(raw.get()).map_err(serde::de::Error::custom)
    }
}
