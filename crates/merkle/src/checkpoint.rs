//! Checkpoints (C2SP tlog-checkpoint): the tree head of a log as the text of a signed note.
//!
//! Signatures and keys are not here but in [`note`](crate::note), those of witnesses in
//! [`cosignature`](crate::cosignature); nor is the log's duty never to sign two checkpoints that contradict
//! each other, which needs a memory that this crate has not.
//!
//! This follows C2SP's `tlog-checkpoint` at commit `2793893`.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

use crate::note::{Note, NoteError, SignerKey, VerifierKey};
use crate::{Hash, MAX_TREE_SIZE, decimal};

/// What a log states about its tree, for others to sign, store and compare.
///
/// ```
/// use veritrail_merkle::checkpoint::{self, Checkpoint};
/// use veritrail_merkle::note::SignerKey;
/// use veritrail_merkle::{Sha256Hasher, TreeHasher};
///
/// let signer = SignerKey::from_seed("example.com/log", &[7; 32])?;
/// let published = Checkpoint {
///     origin: "example.com/log".into(),
///     size: 0,
///     root: Sha256Hasher.empty_root(),
///     extensions: vec![],
/// };
/// let note = published.sign(&[&signer])?;
///
/// let keys = [signer.verifier_key()];
/// let (opened, signed_by) = checkpoint::open(&note, &keys)?;
/// assert_eq!(opened, published);
/// assert_eq!(signed_by[0].name(), "example.com/log");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The identity of the log, one line; not empty.
    pub origin: String,
    /// The number of leaves, at most 2^63.
    pub size: u64,
    /// The root of the tree of `size` leaves.
    pub root: Hash,
    /// Further lines, none of them empty. C2SP advises against them, since monitors cannot audit them.
    pub extensions: Vec<String>,
}

/// Why something is not a checkpoint, or its note is not to be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The body does not end in a newline, or has fewer than three lines.
    #[error("a checkpoint has at least three lines, each ended by a newline")]
    Lines,
    /// The origin is empty or holds a control character.
    #[error("the origin of a checkpoint is not empty and has no control characters")]
    Origin,
    /// The size is not a decimal number without leading zeros, or is above 2^63.
    #[error("the size of a checkpoint is a decimal number without leading zeros, at most 2^63")]
    Size,
    /// The root is not the canonical base64 of 32 bytes.
    #[error("the root of a checkpoint is 32 bytes in base64")]
    Root,
    /// An extension line is empty or holds a control character.
    #[error("an extension line of a checkpoint is not empty and has no control characters")]
    Extension,
    /// The note around it cannot be made, read or trusted.
    #[error(transparent)]
    Note(#[from] NoteError),
}

/// Reads a signed checkpoint that at least one of `keys` signed, and tells which of them did.
///
/// The origin is not compared with anything: check that it is the log you asked for, and that the key that
/// must have signed is among those that did.
///
/// # Errors
/// [`CheckpointError::Note`] if the note is malformed, has no signature of a known key or a bad one;
/// otherwise as [`Checkpoint::parse`].
pub fn open<'k>(
    note: &str,
    keys: &'k [VerifierKey],
) -> Result<(Checkpoint, Vec<&'k VerifierKey>), CheckpointError> {
    let note = Note::parse(note)?;
    let signed_by = note.verify(keys)?;
    Ok((Checkpoint::parse(note.text())?, signed_by))
}

impl Checkpoint {
    /// Reads the body of a checkpoint: the text of its note, without signatures.
    ///
    /// # Errors
    /// [`CheckpointError::Lines`], [`CheckpointError::Origin`], [`CheckpointError::Size`],
    /// [`CheckpointError::Root`] or [`CheckpointError::Extension`], by the first line that is not as the
    /// specification has it.
    pub fn parse(body: &str) -> Result<Self, CheckpointError> {
        let mut lines = body.strip_suffix('\n').ok_or(CheckpointError::Lines)?.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(CheckpointError::Lines);
        };
        let checkpoint = Self {
            origin: origin.into(),
            size: decimal::parse(size).ok_or(CheckpointError::Size)?,
            root: Hash::from_base64(root).map_err(|_| CheckpointError::Root)?,
            extensions: lines.map(Into::into).collect(),
        };
        checkpoint.check()?;
        Ok(checkpoint)
    }

    /// The body: origin, size in decimal, root in base64 and the extensions, one a line.
    ///
    /// # Errors
    /// [`CheckpointError::Origin`], [`CheckpointError::Size`] or [`CheckpointError::Extension`] for what
    /// cannot stand in a checkpoint, such as an origin of two lines.
    pub fn to_body(&self) -> Result<String, CheckpointError> {
        self.check()?;
        let mut body = String::new();
        let lines = writeln!(body, "{}\n{}\n{}", self.origin, self.size, self.root.to_base64());
        lines.expect("writing to a string cannot fail");
        for line in &self.extensions {
            body.push_str(line);
            body.push('\n');
        }
        Ok(body)
    }

    /// The signed note: the body and the signature of each of the keys.
    ///
    /// C2SP advises that the first key has the origin as its name. Sign a checkpoint only if it extends all
    /// those that were signed before.
    ///
    /// # Errors
    /// As [`to_body`](Self::to_body); [`CheckpointError::Note`] without keys or with too many.
    pub fn sign(&self, signers: &[&SignerKey]) -> Result<String, CheckpointError> {
        let mut signed = String::new();
        let written = write!(signed, "{}", Note::sign(&self.to_body()?, signers)?);
        written.expect("writing to a string cannot fail");
        Ok(signed)
    }

    fn check(&self) -> Result<(), CheckpointError> {
        if !is_line(&self.origin) {
            return Err(CheckpointError::Origin);
        }
        if self.size > MAX_TREE_SIZE {
            return Err(CheckpointError::Size);
        }
        if self.extensions.iter().all(|line| is_line(line)) {
            Ok(())
        } else {
            Err(CheckpointError::Extension)
        }
    }
}

fn is_line(text: &str) -> bool {
    !text.is_empty() && !text.bytes().any(|byte| byte < b' ')
}
