//! `AuditLogEntry`: who did what, when and to what, with the rules that it must keep to be stored.
//!
//! Reading from JSON is in `audit/parse.rs`, writing in `audit/render.rs`, what a leaf hashes in `audit/leaf.rs`, the
//! signature of each entry in `audit/key.rs`.

mod key;
mod leaf;
mod parse;
mod render;

pub use key::{AuditKeyError, AuditSignatureError, AuditSignerKey, AuditVerifierKey};
pub use leaf::{
    AUDIT_ENTRY_PREFIX, AuditEnvelope, AuditParts, StoredAuditEntry, UntrueAuditEntry, audit_entry,
};

use veritrail_merkle::Hash;

use crate::event::{MAX_DATA_BYTES, MAX_METADATA_BYTES};
use crate::ids::{
    AuditAction, AuditGuid, EntityGuid, EventGuid, InvalidId, RESERVED_TYPE_PREFIX, TenantId, UserId,
};
use crate::json::Json;
use crate::member::{InvalidInput, check_payload, cut};
use crate::text::{InvalidText, ShortText};
use crate::timestamp::Timestamp;

/// Most bytes of an outcome's description: 64 KiB.
pub const MAX_OUTCOME_BYTES: usize = 64 << 10;
/// The algorithm of every commitment, as the column `hash_algorithm` says it.
pub const HASH_ALGORITHM: &str = "SHA-256";

/// How an action ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AuditStatus {
    /// It was begun; nothing is said about its end.
    Attempt,
    /// It was done; the meaning of an absent `status`.
    #[default]
    Success,
    /// It was not done.
    Failure,
}

impl AuditStatus {
    /// The word that stands for the status in JSON and SQL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Attempt => "attempt",
            Self::Success => "success",
            Self::Failure => "failure",
        }
    }

    /// The status that a word stands for, if it stands for one.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Attempt, Self::Success, Self::Failure].into_iter().find(|status| status.as_str() == word)
    }
}

/// How sensitive what an entry speaks of is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DataClassification {
    /// For everybody.
    Public,
    /// For those who work here.
    Internal,
    /// For those who need it.
    Confidential,
    /// Protected health information.
    Phi,
}

impl DataClassification {
    /// The word that stands for the classification in JSON and SQL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "PUBLIC",
            Self::Internal => "INTERNAL",
            Self::Confidential => "CONFIDENTIAL",
            Self::Phi => "PHI",
        }
    }

    /// The classification that a word stands for, if it stands for one.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        let all = [Self::Public, Self::Internal, Self::Confidential, Self::Phi];
        all.into_iter().find(|classification| classification.as_str() == word)
    }
}

/// What a log adds to an entry when it is appended, and later. An append does not read it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditSeal {
    /// The commitment to the entry (SHA-256).
    pub hash: Option<Hash>,
    /// The log's signature of the entry, if the log has a key for that: `<key name> <base64>`.
    pub signature: Option<Box<str>>,
    /// When the entry was archived.
    pub archived_at: Option<Timestamp>,
}

/// An entry of the audit log: who did what, when and to what.
///
/// The JSON form has the members `guid, timestamp, userId, action, eventGuid, entityGuid, changes, signature` and one
/// for each column of `audit_log` besides: `organizationId, targetResourceType, targetResourceId, status,
/// outcomeDescription, details, ttl, hash, hashAlgorithm, eventVersion, correlationId, dataClassification,
/// retentionPolicy, processingLatency, archivedAt`. Only `guid`, `timestamp` and `action` must be there. Unknown
/// members are kept in `details.extra`. [`AuditLogEntry::parse`] checks every rule; a value built in Rust keeps them by
/// its types and is checked for size with [`AuditLogEntry::validate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditLogEntry {
    /// Unique within the tenant.
    pub guid: AuditGuid,
    /// When it happened, by the clock of whoever says so.
    pub timestamp: Timestamp,
    /// Who did it, by the word of whoever says so: the column `principal_id`.
    pub user_id: Option<UserId>,
    /// What was done, such as `user.login`.
    pub action: AuditAction,
    /// The event that did it.
    pub event_guid: Option<EventGuid>,
    /// The entity that it was done to.
    pub entity_guid: Option<EntityGuid>,
    /// What was changed: a JSON object.
    pub changes: Option<Json>,
    /// The organisation; absent means the tenant, which [`AuditLogEntry::of_tenant`] fills in.
    pub organization_id: Option<ShortText<255>>,
    /// Type of the resource that it was done to, where that is no entity.
    pub target_resource_type: Option<ShortText<255>>,
    /// The resource.
    pub target_resource_id: Option<ShortText<255>>,
    /// How it ended.
    pub status: AuditStatus,
    /// How it ended, in words: at most [`MAX_OUTCOME_BYTES`].
    pub outcome_description: Option<Box<str>>,
    /// Whatever else is known: a JSON object, with the unknown members that were received (under `extra`) as a member.
    pub details: Option<Json>,
    /// How long the entry is to be kept.
    pub ttl: Option<ShortText<255>>,
    /// Version of the entry's schema.
    pub event_version: Option<ShortText<20>>,
    /// What ties entries, requests and log lines together.
    pub correlation_id: Option<ShortText<255>>,
    /// How sensitive it is.
    pub data_classification: Option<DataClassification>,
    /// Name of the retention policy.
    pub retention_policy: Option<ShortText<50>>,
    /// How long it took, in milliseconds; at most 2,147,483,647.
    pub processing_latency: Option<u32>,
    /// What the log adds.
    pub seal: AuditSeal,
}

impl AuditLogEntry {
    /// An entry with what must be there and nothing else.
    #[must_use]
    pub fn new(guid: AuditGuid, timestamp: Timestamp, action: AuditAction) -> Self {
        Self {
            guid,
            timestamp,
            user_id: None,
            action,
            event_guid: None,
            entity_guid: None,
            changes: None,
            organization_id: None,
            target_resource_type: None,
            target_resource_id: None,
            status: AuditStatus::default(),
            outcome_description: None,
            details: None,
            ttl: None,
            event_version: None,
            correlation_id: None,
            data_classification: None,
            retention_policy: None,
            processing_latency: None,
            seal: AuditSeal::default(),
        }
    }

    /// Reads an entry from its JSON text and checks every rule.
    ///
    /// # Errors
    /// [`InvalidInput`] names the field and its value.
    pub fn parse(text: &str) -> Result<Self, InvalidInput> {
        parse::parse(text)
    }

    /// Checks what the types do not: `changes` and `details` are objects, and everything keeps its limit.
    ///
    /// # Errors
    /// [`InvalidInput::WrongType`], [`InvalidInput::TooLarge`], [`InvalidInput::Text`].
    pub fn validate(&self) -> Result<(), InvalidInput> {
        if let Some(changes) = &self.changes {
            check_payload("changes", changes, MAX_DATA_BYTES)?;
        }
        if let Some(details) = &self.details {
            check_payload("details", details, MAX_METADATA_BYTES)?;
        }
        if let Some(text) = &self.outcome_description {
            check_outcome(text)?;
        }
        match self.processing_latency {
            Some(latency) if i32::try_from(latency).is_err() => Err(InvalidInput::WrongType {
                field: "processingLatency",
                expected: parse::LATENCY,
                value: latency.to_string(),
            }),
            _ => Ok(()),
        }
    }

    /// Checks what holds for an entry that somebody else than Veritrail itself submits: its action is none of those
    /// that Veritrail's own maintenance is recorded under.
    ///
    /// # Errors
    /// As [`AuditLogEntry::validate`]; [`InvalidInput::Id`] for an action that begins with [`RESERVED_TYPE_PREFIX`].
    pub fn validate_submitted(&self) -> Result<(), InvalidInput> {
        self.validate()?;
        if self.action.as_str().starts_with(RESERVED_TYPE_PREFIX) {
            let value = cut(self.action.as_str());
            return Err(InvalidInput::Id { field: "action", problem: InvalidId::Reserved, value });
        }
        Ok(())
    }

    /// The same entry with its tenant as the organisation, where it names none.
    #[must_use]
    pub fn of_tenant(mut self, tenant: &TenantId) -> Self {
        self.organization_id.get_or_insert_with(|| tenant.into());
        self
    }

    /// The entry as a JSON object in its wire form. Absent members are left out; unknown members that were received
    /// are served where they stood.
    #[must_use]
    pub fn to_json(&self) -> String {
        render::to_json(self)
    }
}

fn check_outcome(text: &str) -> Result<(), InvalidInput> {
    const FIELD: &str = "outcomeDescription";
    if text.len() > MAX_OUTCOME_BYTES {
        return Err(InvalidInput::TooLarge { field: FIELD, bytes: text.len(), limit: MAX_OUTCOME_BYTES });
    }
    if text.contains('\0') {
        return Err(InvalidInput::Text { field: FIELD, problem: InvalidText::Null, value: cut(text) });
    }
    Ok(())
}

impl serde::Serialize for AuditLogEntry {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Json::from_canonical_text(self.to_json()).serialize(serializer)
    }
}

impl<'de> serde::Deserialize<'de> for AuditLogEntry {
    /// Works with `serde_json` alone, because numbers must be read from their own text.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<serde_json::value::RawValue>::deserialize(deserializer)?;
        Self::parse(raw.get()).map_err(serde::de::Error::custom)
    }
}
