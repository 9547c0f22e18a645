//! Self-contained proofs (C2SP tlog-proof, `c2sp.org/tlog-proof@v1`): that an entry is in a log, in one text with
//! the signed checkpoint that it leads to.
//!
//! The entry is not in it: the reader has it, or makes it from what it has. Nor are keys: whom to trust is the
//! reader's [`Trust`]. Files of such proofs end in `.tlog-proof`.
//!
//! This follows C2SP's `tlog-proof` (format `v1`) at commit `0065ea5`. Where it leaves a choice: base64 is
//! canonical, a line of extra data is not empty, and the checkpoint is read at once, so that no text passes for
//! a proof that could not be verified.
//!
//! ```
//! use veritrail_merkle::checkpoint::Checkpoint;
//! use veritrail_merkle::cosignature::Trust;
//! use veritrail_merkle::note::{Note, SignerKey};
//! use veritrail_merkle::tlog_proof::TlogProof;
//! use veritrail_merkle::{Sha256Hasher, TreeHasher, root_of_leaves};
//!
//! let leaves = [b"a", b"b"].map(|entry| Sha256Hasher.hash_leaf(entry));
//! let log = SignerKey::from_seed("example.com/log", &[7; 32])?;
//! let root = root_of_leaves(&Sha256Hasher, &leaves);
//! let checkpoint = Checkpoint { origin: "example.com/log".into(), size: 2, root, extensions: vec![] };
//! let note = Note::parse(&checkpoint.sign(&[&log])?)?;
//! let text = TlogProof::new(1, vec![leaves[0]], note, vec![])?.to_string();
//! assert!(text.starts_with("c2sp.org/tlog-proof@v1\nindex 1\n"));
//!
//! let keys = [log.verifier_key()];
//! let trust = Trust { origin: "example.com/log", log_keys: &keys, witnesses: &[], quorum: 0 };
//! let trusted = text.parse::<TlogProof>()?.verify(&Sha256Hasher.hash_leaf(b"b"), &trust)?;
//! assert_eq!(trusted.checkpoint, checkpoint);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::cosignature::{CosignatureError, Trust, Trusted};
use crate::note::{MAX_NOTE_BYTES, Note};
use crate::{Hash, Sha256Hasher, VerifyError, decimal, verify_inclusion};

/// The most hashes that a proof can have: the path in a tree of 2^63 leaves.
pub const MAX_HASHES: usize = 63;

/// The most extra data that a proof may have, in bytes. (Go's implementation reads lines of 64 KiB.)
pub const MAX_EXTRA_BYTES: usize = 32 * 1024;

/// The longest proof, in bytes: the longest checkpoint, the longest extra data and the hashes.
pub const MAX_PROOF_BYTES: usize = MAX_NOTE_BYTES + 64 * 1024;

const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// A proof that an entry is in a log, with the log's signed checkpoint.
///
/// `Display` writes its text and `FromStr` reads what that writes, and nothing else. Nothing in it is to be
/// believed before [`verify`](Self::verify).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    extra: Vec<u8>,
    index: u64,
    hashes: Vec<Hash>,
    note: Note,
}

/// Why something is no proof, or proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlogProofError {
    /// The text is longer than [`MAX_PROOF_BYTES`].
    #[error("a proof of {actual} bytes is longer than {MAX_PROOF_BYTES}")]
    TooLong {
        /// Its length in bytes.
        actual: usize,
    },
    /// The first line is another format's.
    #[error("the first line of a proof is {HEADER}")]
    Header,
    /// The extra data is empty, not canonical base64, or longer than [`MAX_EXTRA_BYTES`].
    #[error("the extra data of a proof is 1 to {MAX_EXTRA_BYTES} bytes in base64")]
    Extra,
    /// There is no line `index <number>`, or its number is not decimal without leading zeros, or not below
    /// 2^64.
    #[error("a proof has the line `index`, a space and a decimal number")]
    Index,
    /// A line of the inclusion proof is not the canonical base64 of 32 bytes, or no empty line ends it.
    #[error("hash {hash} of the proof is not 32 bytes in base64, or no empty line follows the last")]
    Hash {
        /// Which of the hashes, from 1.
        hash: usize,
    },
    /// There are more hashes than [`MAX_HASHES`].
    #[error("a proof has at most {MAX_HASHES} hashes")]
    TooManyHashes,
    /// What follows is no signed checkpoint.
    #[error("the checkpoint of the proof is malformed")]
    Checkpoint(#[from] CheckpointError),
    /// The checkpoint is not to be trusted.
    #[error("the checkpoint of the proof is not to be trusted")]
    Untrusted(#[from] CosignatureError),
    /// The entry is not at that index of the log.
    #[error("the entry is not at position {index} of the log")]
    NotIncluded {
        /// The index that the proof claims.
        index: u64,
        /// What is wrong with the inclusion proof.
        source: VerifyError,
    },
}

impl TlogProof {
    /// The proof of the entry at `index`: the inclusion proof in the tree of the checkpoint, the note of the
    /// checkpoint, and extra data, opaque and not authenticated; none if empty. Nothing is verified.
    ///
    /// # Errors
    /// [`TlogProofError::TooManyHashes`], [`TlogProofError::Extra`] if that is too long,
    /// [`TlogProofError::Checkpoint`] if the note's text is none.
    pub fn new(index: u64, hashes: Vec<Hash>, note: Note, extra: Vec<u8>) -> Result<Self, TlogProofError> {
        if hashes.len() > MAX_HASHES {
            return Err(TlogProofError::TooManyHashes);
        }
        if extra.len() > MAX_EXTRA_BYTES {
            return Err(TlogProofError::Extra);
        }
        Checkpoint::parse(note.text())?;
        Ok(Self { extra, index, hashes, note })
    }

    /// Checks that the log whom the reader trusts has the entry with this leaf hash at [`index`](Self::index).
    /// Size and root come from the checkpoint, which must be signed and cosigned as `trust` asks.
    ///
    /// # Errors
    /// [`TlogProofError::Untrusted`] if the checkpoint is not, [`TlogProofError::NotIncluded`] if the entry is
    /// not there.
    pub fn verify<'k>(&self, leaf_hash: &Hash, trust: &Trust<'k>) -> Result<Trusted<'k>, TlogProofError> {
        let trusted = trust.check(&self.note)?;
        let Checkpoint { size, root, .. } = &trusted.checkpoint;
        verify_inclusion(&Sha256Hasher, self.index, *size, leaf_hash, &self.hashes, root)
            .map_err(|source| TlogProofError::NotIncluded { index: self.index, source })?;
        Ok(trusted)
    }

    /// The 0-based position that is claimed.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// The inclusion proof, in the order of RFC 9162 section 2.1.3.1.
    #[must_use]
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// The signed checkpoint.
    #[must_use]
    pub const fn note(&self) -> &Note {
        &self.note
    }

    /// The extra data; empty if there is none. It stays as untrusted as it came, also after
    /// [`verify`](Self::verify).
    #[must_use]
    pub fn extra(&self) -> &[u8] {
        &self.extra
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if !self.extra.is_empty() {
            writeln!(f, "extra {}", STANDARD.encode(&self.extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.hashes.iter().try_for_each(|hash| writeln!(f, "{}", hash.to_base64()))?;
        write!(f, "\n{}", self.note)
    }
}

impl FromStr for TlogProof {
    type Err = TlogProofError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > MAX_PROOF_BYTES {
            return Err(TlogProofError::TooLong { actual: text.len() });
        }
        let (header, mut rest) = text.split_once('\n').ok_or(TlogProofError::Header)?;
        if header != HEADER {
            return Err(TlogProofError::Header);
        }
        let mut extra = Vec::new();
        if let Some((encoded, after)) = line_of(rest, "extra ") {
            extra = STANDARD.decode(encoded).map_err(|_| TlogProofError::Extra)?;
            if extra.is_empty() {
                return Err(TlogProofError::Extra);
            }
            rest = after;
        }
        let (number, mut rest) = line_of(rest, "index ").ok_or(TlogProofError::Index)?;
        let index = decimal::parse(number).ok_or(TlogProofError::Index)?;
        let mut hashes = Vec::new();
        let note = loop {
            let malformed = TlogProofError::Hash { hash: hashes.len() + 1 };
            let (line, after) = rest.split_once('\n').ok_or(malformed.clone())?;
            rest = after;
            if line.is_empty() {
                break rest;
            }
            if hashes.len() == MAX_HASHES {
                return Err(TlogProofError::TooManyHashes);
            }
            hashes.push(Hash::from_base64(line).map_err(|_| malformed)?);
        };
        let note = Note::parse(note).map_err(CheckpointError::from)?;
        Self::new(index, hashes, note, extra)
    }
}

/// The rest of the first line of `text`, if it begins with `prefix`, and what follows it.
fn line_of<'t>(text: &'t str, prefix: &str) -> Option<(&'t str, &'t str)> {
    text.strip_prefix(prefix)?.split_once('\n')
}
