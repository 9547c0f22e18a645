//! The bytes that a leaf of the `audit` log hashes, and the entry as a log keeps it.
//!
//! ```text
//! changesHash = SHA-256(0x02 || salt_changes  || JCS(changes))
//! detailsHash = SHA-256(0x03 || salt_details  || JCS({details, outcomeDescription}))
//! commitment  = SHA-256(0x04 || salt_envelope || JCS(envelope))
//! entry       = "veritrail/audit/v1\n" || commitment
//! leaf hash   = SHA-256(0x00 || entry)                      (RFC 9162, section 2.1.1)
//! ```

use uuid::Uuid;
use veritrail_merkle::{Hash, TreeHasher};

use super::{AuditLogEntry, DataClassification, HASH_ALGORITHM};
use crate::entry::{ENVELOPE_VERSION, FIRST_DOMAIN, SECOND_DOMAIN, Salts, commitment, salted};
use crate::ids::Subject;
use crate::json::write_string;
use crate::log::Position;
use crate::object::ObjectText;
use crate::text::ShortText;
use crate::timestamp::Timestamp;

/// The first line of an entry of the `audit` log.
pub const AUDIT_ENTRY_PREFIX: &[u8] = b"veritrail/audit/v1\n";

/// The entry whose hash is the leaf: the prefix and the commitment.
#[must_use]
pub fn audit_entry(commitment: &Hash) -> Vec<u8> {
    [AUDIT_ENTRY_PREFIX, commitment.as_bytes().as_slice()].concat()
}

/// All that is computed of an entry before its stamp is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditParts {
    /// Salted hash of the changes, if there are any.
    pub changes_hash: Option<Hash>,
    /// Salted hash of the details and the outcome's description, if there is one of them.
    pub details_hash: Option<Hash>,
}

impl AuditParts {
    /// Hashes the payloads of an entry.
    #[must_use]
    pub fn of(entry: &AuditLogEntry, salts: &Salts) -> Self {
        Self { changes_hash: changes_hash(entry, salts), details_hash: details_hash(entry, salts) }
    }
}

fn changes_hash(entry: &AuditLogEntry, salts: &Salts) -> Option<Hash> {
    entry.changes.as_ref().map(|changes| salted(FIRST_DOMAIN, &salts.data, changes.as_str()))
}

/// Details and description are hashed as one object, so that nobody can tell which of them there is.
fn details_hash(entry: &AuditLogEntry, salts: &Salts) -> Option<Hash> {
    let (details, outcome) = (entry.details.as_ref(), entry.outcome_description.as_deref());
    if details.is_none() && outcome.is_none() {
        return None;
    }
    let details = details.map(|details| format!("\"details\":{}", details.as_str()));
    let outcome = outcome.map(|outcome| {
        let mut text = "\"outcomeDescription\":".to_owned();
        write_string(outcome, &mut text);
        text
    });
    let members: Vec<String> = details.into_iter().chain(outcome).collect();
    Some(salted(SECOND_DOMAIN, &salts.metadata, &format!("{{{}}}", members.join(","))))
}

/// What a commitment to an audit entry binds beside the salt: every column but position, salts, hash, signature,
/// the time of archiving, and the tenant's name.
#[derive(Clone, Copy, Debug)]
pub struct AuditEnvelope<'a> {
    /// The log's identity.
    pub log_id: Uuid,
    /// The entry; its changes, details and outcome count by their hashes alone.
    pub entry: &'a AuditLogEntry,
    /// The payloads' hashes.
    pub parts: AuditParts,
    /// The authenticated submitter.
    pub submitted_by: &'a Subject,
    /// The server's stamp.
    pub recorded_at: Timestamp,
}

impl AuditEnvelope<'_> {
    /// The canonical text (RFC 8785) of the envelope: absent members are left out, hashes are lower-case hex,
    /// instants are UTC with six fraction digits.
    #[must_use]
    pub fn to_canonical_text(&self) -> String {
        let entry = self.entry;
        ObjectText::new()
            .text("action", entry.action.as_str())
            .optional_hash("changesHash", self.parts.changes_hash.as_ref())
            .optional_text("correlationId", short(entry.correlation_id.as_ref()))
            .optional_text("dataClassification", entry.data_classification.map(DataClassification::as_str))
            .optional_hash("detailsHash", self.parts.details_hash.as_ref())
            .optional_text("entityGuid", entry.entity_guid.as_ref().map(AsRef::as_ref))
            .optional_text("eventGuid", entry.event_guid.as_ref().map(AsRef::as_ref))
            .optional_text("eventVersion", short(entry.event_version.as_ref()))
            .text("guid", entry.guid.as_str())
            .text("hashAlgorithm", HASH_ALGORITHM)
            .text("logId", &self.log_id.to_string())
            .optional_text("organizationId", short(entry.organization_id.as_ref()))
            .optional_number("processingLatency", entry.processing_latency)
            .instant("recordedAt", self.recorded_at)
            .optional_text("retentionPolicy", short(entry.retention_policy.as_ref()))
            .text("status", entry.status.as_str())
            .text("submittedBy", self.submitted_by.as_str())
            .optional_text("targetResourceId", short(entry.target_resource_id.as_ref()))
            .optional_text("targetResourceType", short(entry.target_resource_type.as_ref()))
            .instant("timestamp", entry.timestamp)
            .optional_text("ttl", short(entry.ttl.as_ref()))
            .optional_text("userId", entry.user_id.as_ref().map(AsRef::as_ref))
            .number("v", ENVELOPE_VERSION)
            .finish()
    }

    /// The commitment to the envelope.
    #[must_use]
    pub fn commitment(&self, salts: &Salts) -> Hash {
        commitment(salts, &self.to_canonical_text())
    }
}

fn short<const CHARS: usize>(text: Option<&ShortText<CHARS>>) -> Option<&str> {
    text.map(ShortText::as_str)
}

/// An audit entry as a log keeps it: all that is needed to recompute its leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAuditEntry {
    /// Where it stands.
    pub position: Position,
    /// The entry; its seal is what the log has added.
    pub entry: AuditLogEntry,
    /// Its salts: `data` is that of the changes, `metadata` that of the details.
    pub salts: Salts,
    /// The payloads' hashes, as stored.
    pub parts: AuditParts,
    /// The authenticated submitter.
    pub submitted_by: Subject,
    /// The server's stamp.
    pub recorded_at: Timestamp,
    /// The commitment, as stored.
    pub commitment: Hash,
    /// The leaf, as stored.
    pub leaf_hash: Hash,
}

/// What about a stored audit entry is not what was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UntrueAuditEntry {
    /// The changes do not have the stored hash, or are there without one, or are gone.
    #[error("the changes do not match their hash")]
    Changes,
    /// The details or the outcome's description do not have the stored hash, or are there without one, or are gone.
    #[error("the details or the outcome's description do not match their hash")]
    Details,
    /// Another column was changed.
    #[error("the columns do not match the hash")]
    Envelope,
    /// The stored leaf is not that of the stored commitment.
    #[error("the hash does not match the leaf")]
    Leaf,
}

impl StoredAuditEntry {
    /// Recomputes commitment and leaf from the row and compares them with the stored ones.
    ///
    /// # Errors
    /// [`UntrueAuditEntry`] says which part differs.
    pub fn verify<H: TreeHasher>(&self, hasher: &H, log_id: Uuid) -> Result<(), UntrueAuditEntry> {
        if changes_hash(&self.entry, &self.salts) != self.parts.changes_hash {
            return Err(UntrueAuditEntry::Changes);
        }
        if details_hash(&self.entry, &self.salts) != self.parts.details_hash {
            return Err(UntrueAuditEntry::Details);
        }
        let envelope = AuditEnvelope {
            log_id,
            entry: &self.entry,
            parts: self.parts,
            submitted_by: &self.submitted_by,
            recorded_at: self.recorded_at,
        };
        if envelope.commitment(&self.salts) != self.commitment {
            return Err(UntrueAuditEntry::Envelope);
        }
        if hasher.hash_leaf(&audit_entry(&self.commitment)) != self.leaf_hash {
            return Err(UntrueAuditEntry::Leaf);
        }
        Ok(())
    }

    /// The first member of an entry that differs from this one; `None` where a store takes it for a repeat.
    ///
    /// What the log adds (hash, signature, time of archiving) is no content; changes, details and description are
    /// compared by their hashes, so that the comparison holds after they are erased.
    #[must_use]
    pub fn difference(&self, other: &AuditLogEntry) -> Option<&'static str> {
        let parts = AuditParts::of(other, &self.salts);
        let differ =
            (self.parts.changes_hash != parts.changes_hash, self.parts.details_hash != parts.details_hash);
        difference(&self.entry, other, differ)
    }
}

impl AuditLogEntry {
    /// The first member in which two entries differ; `None` where one is a repeat of the other. What a log adds is no
    /// content.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<&'static str> {
        let details = self.details != other.details || self.outcome_description != other.outcome_description;
        difference(self, other, (self.changes != other.changes, details))
    }
}

/// The first member that differs, where it is known already whether the payloads do.
fn difference(
    mine: &AuditLogEntry,
    other: &AuditLogEntry,
    (changes_differ, details_differ): (bool, bool),
) -> Option<&'static str> {
    let members = [
        ("timestamp", mine.timestamp != other.timestamp),
        ("userId", mine.user_id != other.user_id),
        ("action", mine.action != other.action),
        ("eventGuid", mine.event_guid != other.event_guid),
        ("entityGuid", mine.entity_guid != other.entity_guid),
        ("changes", changes_differ),
        ("organizationId", mine.organization_id != other.organization_id),
        ("targetResourceType", mine.target_resource_type != other.target_resource_type),
        ("targetResourceId", mine.target_resource_id != other.target_resource_id),
        ("status", mine.status != other.status),
        ("details", details_differ),
        ("ttl", mine.ttl != other.ttl),
        ("eventVersion", mine.event_version != other.event_version),
        ("correlationId", mine.correlation_id != other.correlation_id),
        ("dataClassification", mine.data_classification != other.data_classification),
        ("retentionPolicy", mine.retention_policy != other.retention_policy),
        ("processingLatency", mine.processing_latency != other.processing_latency),
    ];
    members.into_iter().find(|(_, differs)| *differs).map(|(member, _)| member)
}
