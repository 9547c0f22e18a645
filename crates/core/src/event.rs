//! `FormSubmission`, the event: a fact about one entity, with the rules that it must keep to be stored.
//!
//! Reading from JSON is in `event/parse.rs`, writing in `event/render.rs`. What an event does to its entity is
//! `veritrail-applier`'s, what a leaf hashes is in `entry`.

mod parse;
mod render;

use crate::ids::{EntityGuid, EventGuid, EventType, UserId};
use crate::json::Json;
use crate::member::{InvalidInput, check_payload};
use crate::timestamp::Timestamp;

/// Most bytes of the canonical text of `data`: 1 MiB.
pub const MAX_DATA_BYTES: usize = 1 << 20;
/// Most bytes of the canonical text of the stored metadata: 64 KiB.
pub const MAX_METADATA_BYTES: usize = 64 << 10;

/// How far an event has travelled. Operational: bound into no hash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SyncLevel {
    /// On the device that made it (0); the meaning of an absent `syncLevel`.
    #[default]
    Local,
    /// On the server (1).
    Remote,
    /// In an external system (2).
    External,
}

impl SyncLevel {
    /// The number that stands for the level in JSON and SQL.
    #[must_use]
    pub fn number(self) -> i16 {
        match self {
            Self::Local => 0,
            Self::Remote => 1,
            Self::External => 2,
        }
    }

    /// The level that a number stands for, if it stands for one.
    #[must_use]
    pub fn from_number(number: i16) -> Option<Self> {
        match number {
            0 => Some(Self::Local),
            1 => Some(Self::Remote),
            2 => Some(Self::External),
            _ => None,
        }
    }
}

/// Why, where and in which session an event was made.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Context {
    /// Why the event was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The program that made it, such as `mobile-app`, `web-portal` or `import`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The user's session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// What ties events, requests and log lines together; 255 characters and 512 bytes at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
}

/// An event as it is submitted: an immutable fact about one entity.
///
/// The JSON form has the members `guid, entityGuid, type, data, timestamp, userId, syncLevel` and optionally
/// `schemaVersion` (also read as `version`), `metadata`, `context` and `migratedFrom`; unknown members are kept.
/// [`FormSubmission::parse`] checks every rule; a value built in Rust keeps them by its types and is checked for
/// size with [`FormSubmission::validate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormSubmission {
    /// Unique within the tenant.
    pub guid: EventGuid,
    /// The entity that the event is about.
    pub entity_guid: EntityGuid,
    /// Chooses the applier.
    pub event_type: EventType,
    /// Version of the payload's schema, if the event has one.
    pub schema_version: Option<u32>,
    /// The payload: a JSON object.
    pub data: Json,
    /// What is stored as metadata: the received `metadata` with `context`, `migratedFrom` and the unknown
    /// members (under `extra`) as members of it.
    pub metadata: Option<Json>,
    /// When the event happened, by the device's clock.
    pub timestamp: Timestamp,
    /// Who made it, by the device's word.
    pub user_id: UserId,
    /// How far it had travelled when it was received.
    pub sync_level: SyncLevel,
}

impl FormSubmission {
    /// Reads an event from its JSON text and checks every rule.
    ///
    /// # Errors
    /// [`InvalidInput`] names the field and its value.
    pub fn parse(text: &str) -> Result<Self, InvalidInput> {
        parse::parse(text)
    }

    /// Checks what the types do not: `data` is an object and both payloads keep their limits.
    ///
    /// # Errors
    /// [`InvalidInput::WrongType`] and [`InvalidInput::TooLarge`].
    pub fn validate(&self) -> Result<(), InvalidInput> {
        check_payload("data", &self.data, MAX_DATA_BYTES)?;
        match &self.metadata {
            Some(metadata) => check_payload("metadata", metadata, MAX_METADATA_BYTES),
            None => Ok(()),
        }
    }

    /// Bytes of its data and metadata in canonical form.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        self.data.as_str().len() + self.metadata.as_ref().map_or(0, |metadata| metadata.as_str().len())
    }

    /// The first member of the content that differs from another event's. Metadata and sync level are no content.
    #[must_use]
    pub fn content_difference(&self, other: &Self) -> Option<&'static str> {
        self.head_difference(other).or_else(|| (self.data != other.data).then_some("data"))
    }

    /// The first member of the content, but for the data, that differs from another event's.
    pub(crate) fn head_difference(&self, other: &Self) -> Option<&'static str> {
        let members = [
            ("entityGuid", self.entity_guid != other.entity_guid),
            ("type", self.event_type != other.event_type),
            ("schemaVersion", self.schema_version != other.schema_version),
            ("timestamp", self.timestamp != other.timestamp),
            ("userId", self.user_id != other.user_id),
        ];
        members.into_iter().find(|(_, differs)| *differs).map(|(field, _)| field)
    }

    /// The event as a JSON object in its wire form.
    ///
    /// Members that were received beside `metadata` are served beside it again.
    #[must_use]
    pub fn to_json(&self) -> String {
        render::to_json(self)
    }

    /// Replaces the context within the stored metadata.
    ///
    /// # Errors
    /// [`InvalidInput`] where the correlation id is too long or the metadata would outgrow its limit.
    pub fn with_context(self, context: &Context) -> Result<Self, InvalidInput> {
        parse::with_context(self, context)
    }
}

impl serde::Serialize for FormSubmission {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Json::from_canonical_text(self.to_json()).serialize(serializer)
    }
}

impl<'de> serde::Deserialize<'de> for FormSubmission {
    /// Works with `serde_json` alone, because numbers must be read from their own text.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<serde_json::value::RawValue>::deserialize(deserializer)?;
        Self::parse(raw.get()).map_err(serde::de::Error::custom)
    }
}
