//! The proof bundle: one event with everything that an outsider needs to check it offline.
//!
//! A bundle holds no key: whom to trust comes from the checker. Its JSON form is frozen in `docs/format.md`.

use uuid::Uuid;
use veritrail_merkle::checkpoint::{self, CheckpointError};
use veritrail_merkle::note::VerifierKey;
use veritrail_merkle::{Hash, Sha256Hasher, VerifyError, verify_inclusion};

use crate::entry::{Envelope, EventHead, LeafParts, SALT_BYTES, Salts, leaf_hash};
use crate::event::FormSubmission;
use crate::ids::Subject;
use crate::log::{Origin, OriginError, Position};
use crate::timestamp::Timestamp;

/// The `format` member of a bundle.
pub const PROOF_FORMAT: &str = "veritrail/proof/v1";

/// One event, its salts, its inclusion proof and the checkpoint that the proof leads to.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProofBundle {
    /// [`PROOF_FORMAT`].
    pub format: String,
    /// The event in its wire form.
    pub event: FormSubmission,
    /// Its salts.
    pub salts: SaltsHex,
    /// The log.
    pub log_id: Uuid,
    /// The position of the event in it.
    pub position: Position,
    /// The server's stamp.
    #[serde(with = "hashed_timestamp")]
    pub recorded_at: Timestamp,
    /// The authenticated submitter.
    pub submitted_by: Subject,
    /// The inclusion proof in the order of RFC 9162, section 2.1.3.1.
    pub inclusion: Vec<Hash>,
    /// The signed checkpoint (C2SP `tlog-checkpoint`).
    pub checkpoint: String,
}

/// Salts as lower-case hexadecimal text.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SaltsHex {
    /// Salt of `data`.
    pub data: String,
    /// Salt of the stored metadata; absent where the event has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<String>,
    /// Salt of the envelope.
    pub envelope: String,
}

/// What a bundle proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedProof {
    /// For whom and for which log the checkpoint is signed.
    pub origin: Origin,
    /// The size of the log at the checkpoint.
    pub tree_size: u64,
    /// The event's leaf.
    pub leaf_hash: Hash,
    /// The names of the keys that signed the checkpoint and are trusted.
    pub signed_by: Vec<String>,
}

/// Why a bundle proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The text is no bundle.
    #[error("no proof bundle: {0}")]
    Malformed(String),
    /// A bundle of a format that this version does not know.
    #[error("unknown format `{0}`, expected `{PROOF_FORMAT}`")]
    UnknownFormat(String),
    /// A salt is not 16 bytes of hexadecimal text, is missing, or is there where the event has nothing to salt.
    #[error("salt `{0}` is not 16 bytes of hexadecimal text, or has no part of the event")]
    Salt(&'static str),
    /// The checkpoint is malformed, or no trusted key has signed it.
    #[error("the checkpoint is not to be trusted")]
    Checkpoint(#[from] CheckpointError),
    /// The checkpoint's origin is none of ours.
    #[error(transparent)]
    Origin(#[from] OriginError),
    /// The checkpoint is of another log.
    #[error("the checkpoint is of log {checkpoint}, the event of log {event}")]
    OtherLog {
        /// The checkpoint's log.
        checkpoint: Uuid,
        /// The event's log.
        event: Uuid,
    },
    /// No trusted key's name is the origin's prefix.
    #[error("origin `{0}` belongs to none of the trusted keys")]
    ForeignOrigin(Origin),
    /// The event, its salts, stamp, submitter or position are not what the checkpoint commits to.
    #[error("the event is not at position {position} of the signed log")]
    NotIncluded {
        /// The claimed position.
        position: Position,
        /// The verifier's verdict.
        source: VerifyError,
    },
}

impl ProofBundle {
    /// Reads a bundle from its JSON text.
    ///
    /// # Errors
    /// [`BundleError::Malformed`], [`BundleError::UnknownFormat`].
    pub fn parse(text: &str) -> Result<Self, BundleError> {
        let bundle: Self =
            serde_json::from_str(text).map_err(|error| BundleError::Malformed(error.to_string()))?;
        if bundle.format != PROOF_FORMAT {
            return Err(BundleError::UnknownFormat(bundle.format));
        }
        Ok(bundle)
    }

    /// The bundle as indented JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a bundle has a JSON form")
    }

    /// Checks the bundle against keys that the caller trusts. Needs no network and no database.
    ///
    /// # Errors
    /// [`BundleError`] says what does not hold.
    pub fn check(&self, trusted: &[VerifierKey]) -> Result<CheckedProof, BundleError> {
        let (checkpoint, signers) = checkpoint::open(&self.checkpoint, trusted)?;
        let signed_by: Vec<String> = signers.iter().map(|key| key.name().to_owned()).collect();
        let origin: Origin = checkpoint.origin.parse()?;
        if origin.log_id != self.log_id {
            return Err(BundleError::OtherLog { checkpoint: origin.log_id, event: self.log_id });
        }
        if !signed_by.contains(&origin.prefix) {
            return Err(BundleError::ForeignOrigin(origin));
        }
        let leaf_hash = self.leaf_hash()?;
        verify_inclusion(
            &Sha256Hasher,
            self.position.0,
            checkpoint.size,
            &leaf_hash,
            &self.inclusion,
            &checkpoint.root,
        )
        .map_err(|source| BundleError::NotIncluded { position: self.position, source })?;
        Ok(CheckedProof { origin, tree_size: checkpoint.size, leaf_hash, signed_by })
    }

    fn leaf_hash(&self) -> Result<Hash, BundleError> {
        let salts = self.salts.decode(&self.event)?;
        let envelope = Envelope {
            log_id: self.log_id,
            event: EventHead::of(&self.event),
            parts: LeafParts::of(&self.event, &salts),
            submitted_by: &self.submitted_by,
            recorded_at: self.recorded_at,
        };
        Ok(leaf_hash(&Sha256Hasher, &envelope.commitment(&salts)))
    }
}

impl SaltsHex {
    /// Writes the salts of an event; that of the metadata only where there is any.
    #[must_use]
    pub fn encode(salts: &Salts, event: &FormSubmission) -> Self {
        Self {
            data: hex::encode(salts.data),
            metadata: event.metadata.is_some().then(|| hex::encode(salts.metadata)),
            envelope: hex::encode(salts.envelope),
        }
    }

    fn decode(&self, event: &FormSubmission) -> Result<Salts, BundleError> {
        let metadata = match (&self.metadata, &event.metadata) {
            (Some(text), Some(_)) => salt("metadata", text)?,
            (None, None) => [0; SALT_BYTES],
            // No leaf binds a salt without metadata: it could say anything.
            (Some(_), None) | (None, Some(_)) => return Err(BundleError::Salt("metadata")),
        };
        Ok(Salts { data: salt("data", &self.data)?, metadata, envelope: salt("envelope", &self.envelope)? })
    }
}

fn salt(name: &'static str, text: &str) -> Result<[u8; SALT_BYTES], BundleError> {
    let mut salt = [0; SALT_BYTES];
    hex::decode_to_slice(text, &mut salt).map_err(|_| BundleError::Salt(name))?;
    Ok(salt)
}

/// A timestamp with all six digits, since a stamp has no shorter form that anybody expects.
mod hashed_timestamp {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::timestamp::Timestamp;

    pub(super) fn serialize<S: Serializer>(stamp: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&stamp.to_hashed_text())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        Timestamp::deserialize(deserializer)
    }
}
