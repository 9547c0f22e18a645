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
use crate::json::{Json, write_string};
use crate::timestamp::Timestamp;

/// The first line of an entry of the `events` log.
pub const ENTRY_PREFIX: &[u8] = b"veritrail/event/v1\n";
/// Bytes of each salt.
pub const SALT_BYTES: usize = 16;

const DATA_DOMAIN: u8 = 0x02;
const METADATA_DOMAIN: u8 = 0x03;
const ENVELOPE_DOMAIN: u8 = 0x04;
const ENVELOPE_VERSION: u32 = 1;

/// Three random salts of one event. Without them a hash cannot be tried against guesses.
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
    salted(DATA_DOMAIN, &salts.data, data.as_str())
}

/// The salted hash of an event's stored metadata.
#[must_use]
pub fn metadata_hash(salts: &Salts, metadata: &Json) -> Hash {
    salted(METADATA_DOMAIN, &salts.metadata, metadata.as_str())
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
        let mut out = String::with_capacity(640);
        out.push_str("{\"dataHash\":");
        write_string(&self.parts.data_hash.to_string(), &mut out);
        text(&mut out, "entityGuid", self.event.entity_guid);
        text(&mut out, "guid", self.event.guid);
        text(&mut out, "logId", &self.log_id.to_string());
        if let Some(hash) = &self.parts.metadata_hash {
            text(&mut out, "metadataHash", &hash.to_string());
        }
        text(&mut out, "recordedAt", &self.recorded_at.to_hashed_text());
        if let Some(version) = self.event.schema_version {
            out.push_str(",\"schemaVersion\":");
            out.push_str(&version.to_string());
        }
        text(&mut out, "submittedBy", self.submitted_by.as_str());
        text(&mut out, "timestamp", &self.event.timestamp.to_hashed_text());
        text(&mut out, "type", self.event.event_type);
        text(&mut out, "userId", self.event.user_id);
        out.push_str(",\"v\":");
        out.push_str(&ENVELOPE_VERSION.to_string());
        out.push('}');
        out
    }

    /// The commitment to the envelope.
    #[must_use]
    pub fn commitment(&self, salts: &Salts) -> Hash {
        salted(ENVELOPE_DOMAIN, &salts.envelope, &self.to_canonical_text())
    }
}

fn text(out: &mut String, name: &str, value: &str) {
    out.push_str(",\"");
    out.push_str(name);
    out.push_str("\":");
    write_string(value, out);
}

fn salted(domain: u8, salt: &[u8; SALT_BYTES], text: &str) -> Hash {
    let digest: [u8; 32] = Sha256::new()
        .chain_update([domain])
        .chain_update(salt)
        .chain_update(text.as_bytes())
        .finalize()
        .into();
    Hash::from(digest)
}
