//! Cosignatures (C2SP tlog-cosignature, `cosignature/v1`): what witnesses sign about the checkpoints of a log, and
//! how many of those whom a reader trusts have signed.
//!
//! A log can show different trees to different readers, each with its own signature. A witness signs only what
//! extends what it has signed before, so readers who ask for enough witnesses see one tree. A witness's memory
//! is not in this crate, nor are ML-DSA-44 cosignatures (type 0x06), whose lines are carried and ignored.
//!
//! This follows C2SP's `tlog-cosignature` at commit `01194db`.
//!
//! ```
//! use veritrail_merkle::checkpoint::Checkpoint;
//! use veritrail_merkle::cosignature::{CosignerKey, Trust};
//! use veritrail_merkle::note::{Note, SignerKey};
//! use veritrail_merkle::{Sha256Hasher, TreeHasher};
//!
//! let log = SignerKey::from_seed("example.com/log", &[7; 32])?; // use random seeds
//! let witness = CosignerKey::from_seed("witness.example/w1", &[8; 32])?;
//! let root = Sha256Hasher.empty_root();
//! let published = Checkpoint { origin: "example.com/log".into(), size: 0, root, extensions: vec![] };
//!
//! let mut note = Note::parse(&published.sign(&[&log])?)?;
//! let cosignature = witness.cosign(note.text(), 1_679_315_147)?;
//! note.add_signature(cosignature)?;
//!
//! // The reader knows whom to trust: the log's key, the witnesses, and how many of them must have signed.
//! let (log_keys, witnesses) = ([log.verifier_key()], [witness.witness_key()]);
//! let trust = Trust { origin: "example.com/log", log_keys: &log_keys, witnesses: &witnesses, quorum: 1 };
//! let trusted = trust.check(&note)?;
//! assert_eq!(trusted.checkpoint, published);
//! assert_eq!(trusted.cosigned_by[0].time, 1_679_315_147);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod key;

use alloc::string::String;
use alloc::vec::Vec;

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::note::{Note, NoteError, VerifierKey};

pub use key::{CosignerKey, WitnessKey};

/// The largest time of a cosignature, in seconds since 1970: 2^63 - 1.
pub const MAX_TIME: u64 = i64::MAX as u64;

/// A verified cosignature: by whom and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cosignature<'k> {
    /// The witness.
    pub witness: &'k WitnessKey,
    /// When it signed, in seconds since 1970 (UTC) by its own clock; the latest time if it signed more than
    /// once.
    pub time: u64,
}

/// Whom a reader believes about one log.
#[derive(Debug, Clone, Copy)]
pub struct Trust<'k> {
    /// The origin of the log: a key may be trusted for one log and unknown to another.
    pub origin: &'k str,
    /// The keys that sign for the log; one of them must have signed.
    pub log_keys: &'k [VerifierKey],
    /// The witnesses whose cosignatures count.
    pub witnesses: &'k [WitnessKey],
    /// How many different witnesses must have cosigned.
    pub quorum: usize,
}

/// A checkpoint that a reader's trust covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trusted<'k> {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// The log's keys that signed it, each once; at least one.
    pub signed_by: Vec<&'k VerifierKey>,
    /// The witnesses that cosigned it, each once; at least the quorum.
    pub cosigned_by: Vec<Cosignature<'k>>,
}

/// Why a checkpoint is not cosigned, or not to be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CosignatureError {
    /// The text is no checkpoint, or its note is malformed, not signed by the log, or has a bad signature of a
    /// known key.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The checkpoint is another log's.
    #[error("the checkpoint is of {actual:?} instead of {expected:?}")]
    Origin {
        /// The origin that was asked for.
        expected: String,
        /// The origin in the checkpoint.
        actual: String,
    },
    /// Too few of the trusted witnesses have cosigned.
    #[error("{found} of the trusted witnesses have cosigned, and {quorum} must")]
    Quorum {
        /// How many must have cosigned.
        quorum: usize,
        /// How many have.
        found: usize,
    },
    /// The time of a cosignature is above [`MAX_TIME`].
    #[error("time {time} is above 2^63 - 1")]
    Time {
        /// The time.
        time: u64,
    },
}

impl From<NoteError> for CosignatureError {
    fn from(error: NoteError) -> Self {
        Self::Checkpoint(error.into())
    }
}

/// The cosignatures of `witnesses` on a checkpoint, each witness once, in the order of their first lines;
/// possibly none.
///
/// A witness is told from others by its public key, not by its name: whoever holds one key is one witness,
/// under however many names it is listed. Lines of other keys are ignored. The log's own signature is not
/// looked at; [`Trust::check`] looks at both.
///
/// # Errors
/// [`CosignatureError::Checkpoint`] if the text is no checkpoint, if any line of a known witness is not its
/// cosignature of this text, or if two different witnesses have the same name and id.
pub fn cosignatures<'k>(
    note: &Note,
    witnesses: &'k [WitnessKey],
) -> Result<Vec<Cosignature<'k>>, CosignatureError> {
    Checkpoint::parse(note.text())?;
    let mut found: Vec<Cosignature<'k>> = Vec::new();
    for (witness, signature) in note.signatures_by(witnesses)? {
        let Some((time, _)) = key::split(signature.bytes()) else { continue };
        let known = found.iter_mut().find(|known| known.witness.public_key() == witness.public_key());
        match known {
            Some(known) => known.time = known.time.max(time),
            None => found.push(Cosignature { witness, time }),
        }
    }
    Ok(found)
}

impl<'k> Trust<'k> {
    /// Checks a signed checkpoint against all that this asks for. Times are not judged: they are in the
    /// answer.
    ///
    /// # Errors
    /// [`CosignatureError::Checkpoint`] if it is no checkpoint, not signed by the log, or has a bad signature
    /// of a known key; [`CosignatureError::Origin`] if it is another log's; [`CosignatureError::Quorum`] if too
    /// few witnesses have cosigned it.
    pub fn check(&self, note: &Note) -> Result<Trusted<'k>, CosignatureError> {
        let signed_by = note.verify(self.log_keys)?;
        let cosigned_by = cosignatures(note, self.witnesses)?;
        let checkpoint = Checkpoint::parse(note.text())?;
        if checkpoint.origin != self.origin {
            return Err(CosignatureError::Origin { expected: self.origin.into(), actual: checkpoint.origin });
        }
        if cosigned_by.len() < self.quorum {
            return Err(CosignatureError::Quorum { quorum: self.quorum, found: cosigned_by.len() });
        }
        Ok(Trusted { checkpoint, signed_by, cosigned_by })
    }
}
