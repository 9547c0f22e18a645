//! The Ed25519 keys of cosignatures and their texts: the witness key, which is public, and the cosigner key.
//!
//! Which cosignatures of a checkpoint count is not here but in `cosignature`.

use alloc::format;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use zeroize::Zeroizing;

use super::{CosignatureError, MAX_TIME};
use crate::checkpoint::Checkpoint;
use crate::note::{KeyError, KeyId, NoteKey, PrivateKey, PublicKey, Signature, SignatureType};

/// A timestamped Ed25519 cosignature.
const COSIGNATURE_V1: SignatureType = SignatureType(0x04);

/// A named Ed25519 public key that cosignatures are checked against.
///
/// Its text, `<name>+<key id>+<base64(0x04 || public key)>`, is written by `Display` and read by `FromStr`.
/// The type byte keeps it apart from a [`VerifierKey`](crate::note::VerifierKey): a log's key cannot be taken
/// for a witness's.
#[derive(Clone, PartialEq, Eq)]
pub struct WitnessKey(PublicKey);

/// A named Ed25519 private key that cosigns checkpoints. `Debug` shows its name and id only, and its memory is
/// zeroed on drop.
///
/// Its text, `PRIVATE+KEY+<name>+<key id>+<base64(0x04 || seed)>`, is written by
/// [`to_secret_text`](Self::to_secret_text) and read by `FromStr`. (C2SP defines no text of private keys; this
/// is the one of Go's `note` package with the type byte of cosignatures.)
///
/// A cosigner needs a key of its own: the signed message does not name the cosigner, so one key under two
/// names could be counted twice.
#[derive(Clone)]
pub struct CosignerKey(PrivateKey);

impl CosignerKey {
    /// The key that this 32-byte seed (RFC 8032 section 5.1.5) makes, under this name. The seed must be
    /// secret and random, and used for nothing else.
    ///
    /// # Errors
    /// [`KeyError::Name`] if the name is empty, longer than 255 bytes, or has a space, a control character or
    /// a `+`.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        PrivateKey::new(COSIGNATURE_V1, name, seed).map(Self)
    }

    /// The text form of the key, which is as secret as the seed; it is zeroed when dropped.
    #[must_use]
    pub fn to_secret_text(&self) -> Zeroizing<String> {
        self.0.to_secret_text()
    }

    /// The public half.
    #[must_use]
    pub fn witness_key(&self) -> WitnessKey {
        WitnessKey(self.0.public_key())
    }

    /// The name that cosignatures are made under.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// The key id.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.0.id()
    }

    /// The cosignature of a checkpoint, given as the text of its note, at `time` (seconds since 1970, UTC).
    ///
    /// It states that, at that time, this is the largest consistent tree of this log that the cosigner has
    /// seen. To know that is the caller's duty: check that the checkpoint extends the last one that was
    /// cosigned for its origin, and remember it before the cosignature leaves.
    ///
    /// # Errors
    /// [`CosignatureError::Checkpoint`] if the text is none, [`CosignatureError::Time`] above [`MAX_TIME`].
    pub fn cosign(&self, text: &str, time: u64) -> Result<Signature, CosignatureError> {
        Checkpoint::parse(text)?;
        if time > MAX_TIME {
            return Err(CosignatureError::Time { time });
        }
        Ok(self.0.sign(&time.to_be_bytes(), message(time, text).as_bytes()))
    }
}

impl WitnessKey {
    /// The key with this name and this encoded public key (RFC 8032 section 5.1.2).
    ///
    /// # Errors
    /// [`KeyError::Name`] for a name that the specification forbids, [`KeyError::Point`] for bytes that are
    /// no usable key.
    pub fn from_public_key(name: &str, public_key: &[u8; 32]) -> Result<Self, KeyError> {
        PublicKey::new(COSIGNATURE_V1, name, public_key).map(Self)
    }

    /// The name that its cosignatures are made under.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// The key id.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.0.id()
    }

    /// The encoded public key.
    #[must_use]
    pub fn public_key(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

impl NoteKey for WitnessKey {
    fn public_key(&self) -> &PublicKey {
        &self.0
    }

    fn is_signature_of(&self, text: &str, signature: &[u8]) -> bool {
        let Some((time, signature)) = split(signature) else { return false };
        self.0.has_signed(message(time, text).as_bytes(), signature)
    }
}

/// The time and the Ed25519 signature in the bytes of a cosignature, if the time is one.
pub(super) fn split(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (time, signature) = bytes.split_first_chunk()?;
    let time = u64::from_be_bytes(*time);
    (time <= MAX_TIME).then_some((time, signature))
}

/// What a cosigner signs about the checkpoint with this text.
fn message(time: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

impl fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WitnessKey({self})")
    }
}

impl fmt::Debug for CosignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt_debug("CosignerKey", f)
    }
}

impl FromStr for WitnessKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        PublicKey::parse(COSIGNATURE_V1, text).map(Self)
    }
}

impl FromStr for CosignerKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        PrivateKey::parse(COSIGNATURE_V1, text).map(Self)
    }
}
