//! Entities: the state that events add up to, in DataCollect's JSON shapes.

use serde_json::{Map, Value};

use crate::ids::EntityGuid;
use crate::json::{Json, JsonError};
use crate::timestamp::Timestamp;

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

    /// Whether `member` is a member of this group.
    #[must_use]
    pub fn has_member(&self, member: &EntityGuid) -> bool {
        self.member_ids.iter().flatten().any(|id| id == member)
    }
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
