//! The bytes that a leaf of the `events` log hashes: salted payload hashes, the envelope's commitment, the entry.
//!
//! `docs/format.md` freezes all of it with test vectors. An entry tells an outsider nothing: whoever is shown an
//! event with its salts can recompute the entry, whoever is not cannot guess the event from it.
//!
//! ```text
//! dataHash     = SHA-256(0x02 || salt_data     || JCS(data))
//! metadataHash = SHA-256(0x03 || salt_metadata || JCS(metadata))
//! commitment   = SHA-256(0x04 || salt_envelope || JCS(envelope))
//! entry        = "veritrail/event/v1\n" || commitment
//! leaf hash    = SHA-256(0x00 || entry)                     (RFC 9162, section 2.1.1)
//! ```

use sha2::{Digest, Sha256};
use uuid::Uuid;
use veritrail_merkle::{Hash, TreeHasher};

use crate::event::FormSubmission;
use crate::ids::Subject;
use crate::json::Json;
use crate::object::ObjectText;
use crate::timestamp::Timestamp;

/// The first line of an entry of the `events` log.
pub const ENTRY_PREFIX: &[u8] = b"veritrail/event/v1\n";
/// Bytes of each salt.
pub const SALT_BYTES: usize = 16;

/// First byte of what is hashed of an entry's first payload: data, changes, record.
pub(crate) const FIRST_DOMAIN: u8 = 0x02;
/// First byte of what is hashed of an entry's second payload: metadata, details, old record.
pub(crate) const SECOND_DOMAIN: u8 = 0x03;
const ENVELOPE_DOMAIN: u8 = 0x04;
/// The member `v` of every envelope.
pub(crate) const ENVELOPE_VERSION: u32 = 1;

/// Three random salts of one event, audit entry or row change. Without them a hash cannot be tried against guesses.
///
/// Of an audit entry `data` salts the changes and `metadata` the details; of a row change they salt the record and the
/// old record.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salts {
    /// Salt of `data`; deleted when the event is erased.
    pub data: [u8; SALT_BYTES],
    /// Salt of `metadata`; deleted when the event is erased.
    pub metadata: [u8; SALT_BYTES],
    /// Salt of the envelope.
    pub envelope: [u8; SALT_BYTES],
}

impl Salts {
    /// Splits 48 random bytes: data, metadata, envelope.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 3 * SALT_BYTES]) -> Self {
        let part = |index: usize| {
            let mut salt = [0; SALT_BYTES];
            salt.copy_from_slice(&bytes[index * SALT_BYTES..(index + 1) * SALT_BYTES]);
            salt
        };
        Self { data: part(0), metadata: part(1), envelope: part(2) }
    }

    /// The 48 bytes: data, metadata, envelope.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 3 * SALT_BYTES] {
        let mut bytes = [0; 3 * SALT_BYTES];
        bytes[..SALT_BYTES].copy_from_slice(&self.data);
        bytes[SALT_BYTES..2 * SALT_BYTES].copy_from_slice(&self.metadata);
        bytes[2 * SALT_BYTES..].copy_from_slice(&self.envelope);
        bytes
    }
}

impl std::fmt::Debug for Salts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Salts(..)")
    }
}

/// The salted hash of an event's data.
#[must_use]
pub fn data_hash(salts: &Salts, data: &Json) -> Hash {
    salted(FIRST_DOMAIN, &salts.data, data.as_str())
}

/// The salted hash of an event's stored metadata.
#[must_use]
pub fn metadata_hash(salts: &Salts, metadata: &Json) -> Hash {
    salted(SECOND_DOMAIN, &salts.metadata, metadata.as_str())
}

/// The entry whose hash is the leaf: the prefix and the commitment.
#[must_use]
pub fn entry(commitment: &Hash) -> Vec<u8> {
    [ENTRY_PREFIX, commitment.as_bytes().as_slice()].concat()
}

/// The leaf hash of an entry in a tree that uses `hasher`.
#[must_use]
pub fn leaf_hash<H: TreeHasher>(hasher: &H, commitment: &Hash) -> Hash {
    hasher.hash_leaf(&entry(commitment))
}

/// All that is computed of an event before its position is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeafParts {
    /// Salted hash of the data.
    pub data_hash: Hash,
    /// Salted hash of the stored metadata, if there is any.
    pub metadata_hash: Option<Hash>,
}

impl LeafParts {
    /// Hashes the payloads of an event.
    #[must_use]
    pub fn of(event: &FormSubmission, salts: &Salts) -> Self {
        Self {
            data_hash: data_hash(salts, &event.data),
            metadata_hash: event.metadata.as_ref().map(|metadata| metadata_hash(salts, metadata)),
        }
    }
}

/// What a commitment binds beside the salt.
///
/// Not bound: the position (the tree binds it), the epoch (the checkpoint's origin does), the tenant's name and
/// the sync level.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    /// The log's identity.
    pub log_id: Uuid,
    /// Guid, entity, type, version, timestamp and user of the event.
    pub event: EventHead<'a>,
    /// The payloads' hashes.
    pub parts: LeafParts,
    /// The authenticated submitter.
    pub submitted_by: &'a Subject,
    /// The server's stamp.
    pub recorded_at: Timestamp,
}

/// The members of an event that its envelope holds in the clear.
#[derive(Clone, Copy, Debug)]
pub struct EventHead<'a> {
    /// The event's guid.
    pub guid: &'a str,
    /// The entity's guid.
    pub entity_guid: &'a str,
    /// The event's type.
    pub event_type: &'a str,
    /// The payload's schema version.
    pub schema_version: Option<u32>,
    /// The device's time.
    pub timestamp: Timestamp,
    /// The device's user.
    pub user_id: &'a str,
}

impl<'a> EventHead<'a> {
    /// The head of an event.
    #[must_use]
    pub fn of(event: &'a FormSubmission) -> Self {
        Self {
            guid: event.guid.as_str(),
            entity_guid: event.entity_guid.as_str(),
            event_type: event.event_type.as_str(),
            schema_version: event.schema_version,
            timestamp: event.timestamp,
            user_id: event.user_id.as_str(),
        }
    }
}

impl Envelope<'_> {
    /// The canonical text (RFC 8785) of the envelope: absent members are left out, hashes are lower-case hex,
    /// instants are UTC with six fraction digits.
    #[must_use]
    pub fn to_canonical_text(&self) -> String {
        ObjectText::new()
            .optional_hash("dataHash", Some(&self.parts.data_hash))
            .text("entityGuid", self.event.entity_guid)
            .text("guid", self.event.guid)
            .text("logId", &self.log_id.to_string())
            .optional_hash("metadataHash", self.parts.metadata_hash.as_ref())
            .instant("recordedAt", self.recorded_at)
            .optional_number("schemaVersion", self.event.schema_version)
            .text("submittedBy", self.submitted_by.as_str())
            .instant("timestamp", self.event.timestamp)
            .text("type", self.event.event_type)
            .text("userId", self.event.user_id)
            .number("v", ENVELOPE_VERSION)
            .finish()
    }

    /// The commitment to the envelope.
    #[must_use]
    pub fn commitment(&self, salts: &Salts) -> Hash {
        commitment(salts, &self.to_canonical_text())
    }
}

/// The commitment to the canonical text of an envelope, of whichever log.
pub(crate) fn commitment(salts: &Salts, envelope: &str) -> Hash {
    salted(ENVELOPE_DOMAIN, &salts.envelope, envelope)
}

/// The hash of a text behind a domain byte and a salt.
pub(crate) fn salted(domain: u8, salt: &[u8; SALT_BYTES], text: &str) -> Hash {
    let digest: [u8; 32] = Sha256::new()
        .chain_update([domain])
        .chain_update(salt)
        .chain_update(text.as_bytes())
        .finalize()
        .into();
    Hash::from(digest)
}
