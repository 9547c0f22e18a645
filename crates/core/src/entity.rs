//! Entities: the state that events add up to, in DataCollect's JSON shapes.

use serde_json::{Map, Value};

use crate::ids::EntityGuid;
use crate::json::{Json, JsonError};
use crate::timestamp::Timestamp;

/// Highest version of an entity: a batch above it still fits an `integer` column.
pub const MAX_ENTITY_VERSION: u32 = 2_000_000_000;
/// Most bytes of the canonical text of an entity's data where a state is saved by hand: 16 MiB.
pub const MAX_STATE_BYTES: usize = 16 << 20;

/// What an entity is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EntityKind {
    /// One person or thing.
    Individual,
    /// A household, a village, or any other set of entities.
    Group,
}

impl EntityKind {
    /// The kind's name in JSON and SQL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Individual => "individual",
            Self::Group => "group",
        }
    }
}

/// The state of one entity.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EntityDoc {
    /// The same as `guid`: clients of version 1 look here.
    pub id: EntityGuid,
    /// The entity's guid.
    pub guid: EntityGuid,
    /// The entity's id in an external system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// The entity's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Individual or group.
    #[serde(rename = "type")]
    pub kind: EntityKind,
    /// Counts the events that changed the entity, from 1.
    pub version: u32,
    /// What the events say about it.
    pub data: Map<String, Value>,
    /// The timestamp of the last event that changed it.
    pub last_updated: Timestamp,
    /// The members of a group, in the order in which they joined; absent for an individual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member_ids: Option<Vec<EntityGuid>>,
}

/// An entity as it was last synced, and as it is now.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct EntityPair {
    /// The entity's guid.
    pub guid: EntityGuid,
    /// The last synced state.
    pub initial: EntityDoc,
    /// The present state.
    pub modified: EntityDoc,
}

impl EntityDoc {
    /// Reads what PostgreSQL's `jsonb` has written.
    ///
    /// # Errors
    /// [`JsonError`] where the text is no JSON; a [`serde_json::Error`] text within it where it is no entity.
    pub fn from_jsonb_text(text: &str) -> Result<Self, InvalidEntity> {
        let value = Json::parse_jsonb(text)?.to_value()?;
        serde_json::from_value(value).map_err(|error| InvalidEntity::Shape(error.to_string()))
    }

    /// Checks what holds for a state of this entity that is saved by hand: a store gives it back as it was.
    ///
    /// # Errors
    /// [`InvalidState`].
    pub fn check_state(&self, guid: &EntityGuid) -> Result<(), InvalidState> {
        if self.guid != *guid || self.id != *guid {
            return Err(InvalidState::Guid(if self.guid == *guid {
                self.id.clone()
            } else {
                self.guid.clone()
            }));
        }
        if !(1..=MAX_ENTITY_VERSION).contains(&self.version) {
            return Err(InvalidState::Version(self.version));
        }
        let is_null = |text: &Option<String>| text.as_ref().is_some_and(|text| text.contains('\0'));
        for (field, text) in [("name", &self.name), ("externalId", &self.external_id)] {
            if is_null(text) {
                return Err(InvalidState::Null(field));
            }
        }
        let text = serde_json::to_string(&self.data).expect("a JSON object has a text");
        let bytes = Json::parse(&text)?.as_str().len();
        if bytes > MAX_STATE_BYTES { Err(InvalidState::TooLarge(bytes)) } else { Ok(()) }
    }

    /// The same state as a store gives it back: each number in the one form that it has (1 for 1.0).
    ///
    /// # Errors
    /// [`InvalidEntity`] where the data have no canonical form.
    pub(crate) fn normalised(&self) -> Result<Self, InvalidEntity> {
        Self::from_jsonb_text(&serde_json::to_string(self).expect("an entity has a JSON form"))
    }

    /// Whether `member` is a member of this group.
    #[must_use]
    pub fn has_member(&self, member: &EntityGuid) -> bool {
        self.member_ids.iter().flatten().any(|id| id == member)
    }
}

/// Why a state cannot be saved by hand.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidState {
    /// It is another entity's.
    #[error("it is a state of entity `{0}`")]
    Guid(EntityGuid),
    /// Versions are 1 to [`MAX_ENTITY_VERSION`].
    #[error("version {0} is not one from 1 to {MAX_ENTITY_VERSION}")]
    Version(u32),
    /// A text has the character U+0000, which PostgreSQL cannot store.
    #[error("`{0}` contains the character U+0000")]
    Null(&'static str),
    /// The data would not come back as they are.
    #[error("the data cannot be kept")]
    Data(#[from] JsonError),
    /// The data are larger than [`MAX_STATE_BYTES`].
    #[error("the data have {0} bytes in canonical form, at most {MAX_STATE_BYTES} are allowed")]
    TooLarge(usize),
}

/// Why a stored text is no entity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEntity {
    /// Not JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// JSON of another shape.
    #[error("no entity: {0}")]
    Shape(String),
}
