//! Signed notes (C2SP signed-note v1): a text and the signatures of one or more named Ed25519 keys.
//!
//! What the text of a log's checkpoint says is not here but in [`checkpoint`](crate::checkpoint), what
//! witnesses sign about it in [`cosignature`](crate::cosignature). Signatures of other types are carried but
//! not verified: their keys are unknown here.
//!
//! This follows C2SP's `signed-note` at commit `0552876`. Where it leaves a choice: a bad signature of a known
//! key refuses the whole note, and a note has at most [`MAX_SIGNATURES`] signatures.
//!
//! ```
//! use veritrail_merkle::note::{Note, SignerKey};
//!
//! let signer = SignerKey::from_seed("example.com/log", &[7; 32])?;
//! let sent = Note::sign("the text ends in a newline\n", &[&signer])?.to_string();
//!
//! // The receiver has the verifier key from its configuration, as text.
//! let vkey = signer.verifier_key().to_string();
//! let keys = [vkey.parse()?];
//! let note = Note::parse(&sent)?;
//! assert_eq!(note.verify(&keys)?.len(), 1);
//! assert_eq!(note.text(), "the text ends in a newline\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod key;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub use key::{KeyError, KeyId, MAX_NAME_BYTES, SignerKey, VerifierKey};
pub(crate) use key::{PrivateKey, PublicKey, SignatureType};

/// The most signatures that a note may have. C2SP asks for at least 16; Go's implementation has the same
/// limit.
pub const MAX_SIGNATURES: usize = 100;

/// The longest note, in bytes: [`MAX_SIGNATURES`] of the largest kind (post-quantum, 5 kB each) beside a
/// text.
pub const MAX_NOTE_BYTES: usize = 1024 * 1024;

/// What every signature line begins with: an em dash and a space.
const LINE_PREFIX: &str = "\u{2014} ";

/// A text and its signatures; at least one, none of them trusted until [`verify`](Note::verify) says so.
///
/// `Display` writes the signed note: the text, an empty line, and one line for each signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

/// One signature line of a note: who claims to have signed, and the bytes of the signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    name: String,
    key_id: KeyId,
    bytes: Vec<u8>,
}

/// A key that signatures in a note are checked against: by whom, and of what.
pub(crate) trait NoteKey: PartialEq {
    /// The key, whose name and id a signature line claims.
    fn public_key(&self) -> &PublicKey;

    /// Whether these are the bytes of a signature of this text by this key.
    fn is_signature_of(&self, text: &str, signature: &[u8]) -> bool;
}

/// Why a note cannot be made, read or trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    /// The note is longer than [`MAX_NOTE_BYTES`].
    #[error("a note of {actual} bytes is longer than {MAX_NOTE_BYTES}")]
    TooLong {
        /// Its length in bytes.
        actual: usize,
    },
    /// The text is empty, does not end in a newline, or holds a control character other than newline.
    #[error("the text of a note ends in a newline and has no other control character")]
    Text,
    /// There is no empty line followed by signature lines, each of them ended by a newline.
    #[error("a note has an empty line and then its signature lines")]
    NoSignatures,
    /// A line after the last empty line is not `— <name> <base64>`.
    #[error("signature line {line} is malformed")]
    SignatureLine {
        /// Which of the signature lines, from 1.
        line: usize,
    },
    /// There are more signatures than [`MAX_SIGNATURES`].
    #[error("a note has at most {MAX_SIGNATURES} signatures")]
    TooManySignatures,
    /// A signature that claims a known key is not that key's signature of this text.
    #[error("the signature of {name}+{key_id} is invalid")]
    BadSignature {
        /// The known key's name.
        name: String,
        /// The known key's id.
        key_id: KeyId,
    },
    /// None of the signatures is by a known key.
    #[error("no signature is by a known key")]
    NoKnownSignature,
    /// Two different known keys have this name and id, so that it cannot be said which of them signed.
    #[error("two known keys are called {name}+{key_id}")]
    AmbiguousKey {
        /// The name of both.
        name: String,
        /// The id of both.
        key_id: KeyId,
    },
}

impl Note {
    /// Signs a text with each of the keys, in their order.
    ///
    /// # Errors
    /// [`NoteError::Text`] if the text does not end in a newline or holds another control character,
    /// [`NoteError::NoSignatures`] without keys, [`NoteError::TooManySignatures`], [`NoteError::TooLong`].
    pub fn sign(text: &str, signers: &[&SignerKey]) -> Result<Self, NoteError> {
        check_text(text)?;
        if signers.is_empty() {
            return Err(NoteError::NoSignatures);
        }
        let mut note = Self { text: text.into(), signatures: Vec::new() };
        signers.iter().try_for_each(|signer| note.add_signature(signer.sign(text)))?;
        Ok(note)
    }

    /// Reads a signed note. Nothing is verified: the text is not to be believed before
    /// [`verify`](Self::verify).
    ///
    /// # Errors
    /// [`NoteError::TooLong`], [`NoteError::Text`], [`NoteError::NoSignatures`], [`NoteError::SignatureLine`]
    /// or [`NoteError::TooManySignatures`], if it is not of the form that the specification gives.
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        check_length(note.len())?;
        // The text may have empty lines of its own, so the last one is what separates it from the signatures.
        let separator = note.rfind("\n\n").ok_or(NoteError::NoSignatures)?;
        let (text, lines) = (&note[..=separator], &note[separator + 2..]);
        check_text(text)?;
        let lines = lines.strip_suffix('\n').ok_or(NoteError::NoSignatures)?;
        let mut signatures = Vec::new();
        for (index, line) in lines.split('\n').enumerate() {
            if index == MAX_SIGNATURES {
                return Err(NoteError::TooManySignatures);
            }
            let signature = Signature::parse(line).ok_or(NoteError::SignatureLine { line: index + 1 })?;
            signatures.push(signature);
        }
        Ok(Self { text: text.into(), signatures })
    }

    /// The keys among `keys` that signed this text, each once, in the order of the signatures; at least one.
    ///
    /// A signature is a known key's if name and id are that key's; all others are ignored, as the
    /// specification demands.
    ///
    /// # Errors
    /// [`NoteError::BadSignature`] if any signature of a known key does not verify,
    /// [`NoteError::NoKnownSignature`] if there is none of a known key, [`NoteError::AmbiguousKey`] if two
    /// different known keys could have made one.
    pub fn verify<'k>(&self, keys: &'k [VerifierKey]) -> Result<Vec<&'k VerifierKey>, NoteError> {
        let mut signed_by: Vec<&VerifierKey> = Vec::new();
        for (key, _) in self.signatures_by(keys)? {
            if !signed_by.contains(&key) {
                signed_by.push(key);
            }
        }
        if signed_by.is_empty() { Err(NoteError::NoKnownSignature) } else { Ok(signed_by) }
    }

    /// The signatures that claim one of `keys`, with that key, in the order of the lines; all of them verified.
    pub(crate) fn signatures_by<'n, 'k, K: NoteKey>(
        &'n self,
        keys: &'k [K],
    ) -> Result<Vec<(&'k K, &'n Signature)>, NoteError> {
        let mut signatures = Vec::new();
        for signature in &self.signatures {
            let Some(key) = signature.known_key(keys)? else { continue };
            if !key.is_signature_of(&self.text, &signature.bytes) {
                return Err(NoteError::BadSignature {
                    name: signature.name.clone(),
                    key_id: signature.key_id,
                });
            }
            signatures.push((key, signature));
        }
        Ok(signatures)
    }

    /// Adds a signature line, such as one made elsewhere. It is not verified.
    ///
    /// # Errors
    /// [`NoteError::TooManySignatures`] or [`NoteError::TooLong`]; the note is then unchanged.
    pub fn add_signature(&mut self, signature: Signature) -> Result<(), NoteError> {
        if self.signatures.len() == MAX_SIGNATURES {
            return Err(NoteError::TooManySignatures);
        }
        self.signatures.push(signature);
        let checked = check_length(self.byte_len());
        if checked.is_err() {
            self.signatures.pop();
        }
        checked
    }

    /// The text, with its final newline: what the signatures are made over.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures, of known and unknown keys, in the order of their lines.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    fn byte_len(&self) -> usize {
        let lines = self.signatures.iter().map(Signature::byte_len).sum::<usize>();
        self.text.len() + 1 + lines
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

impl Signature {
    /// The name of the key that the line claims.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id of the key that the line claims.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// The bytes of the signature, without the key id; 64 for Ed25519, at least 1.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn parse(line: &str) -> Option<Self> {
        let (name, encoded) = line.strip_prefix(LINE_PREFIX)?.split_once(' ')?;
        if !key::is_valid_name(name) {
            return None;
        }
        let decoded = STANDARD.decode(encoded).ok()?;
        let (key_id, bytes) = decoded.split_first_chunk()?;
        (!bytes.is_empty()).then(|| Self { name: name.into(), key_id: KeyId(*key_id), bytes: bytes.into() })
    }

    fn known_key<'k, K: NoteKey>(&self, keys: &'k [K]) -> Result<Option<&'k K>, NoteError> {
        let is_claimed = |key: &PublicKey| key.name() == self.name && key.id() == self.key_id;
        let mut matching = keys.iter().filter(|key| is_claimed(key.public_key()));
        let Some(key) = matching.next() else { return Ok(None) };
        if matching.any(|other| other != key) {
            return Err(NoteError::AmbiguousKey { name: self.name.clone(), key_id: self.key_id });
        }
        Ok(Some(key))
    }

    fn byte_len(&self) -> usize {
        LINE_PREFIX.len() + self.name.len() + 1 + (self.bytes.len() + 4).div_ceil(3) * 4 + 1
    }
}

/// As [`Note::parse`].
impl FromStr for Note {
    type Err = NoteError;

    fn from_str(note: &str) -> Result<Self, Self::Err> {
        Self::parse(note)
    }
}

/// Reads what `Display` writes: a signature line without its newline, such as a witness answers with.
impl FromStr for Signature {
    type Err = NoteError;

    fn from_str(line: &str) -> Result<Self, Self::Err> {
        Self::parse(line).ok_or(NoteError::SignatureLine { line: 1 })
    }
}

/// Writes the signature line, without its newline.
impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded = STANDARD.encode([&self.key_id.0[..], &self.bytes].concat());
        write!(f, "{LINE_PREFIX}{} {encoded}", self.name)
    }
}

fn check_length(actual: usize) -> Result<(), NoteError> {
    if actual > MAX_NOTE_BYTES { Err(NoteError::TooLong { actual }) } else { Ok(()) }
}

fn check_text(text: &str) -> Result<(), NoteError> {
    let clean = text.ends_with('\n') && !text.bytes().any(|byte| byte < b' ' && byte != b'\n');
    if clean { Ok(()) } else { Err(NoteError::Text) }
}
