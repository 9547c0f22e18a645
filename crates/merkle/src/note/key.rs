//! The Ed25519 keys of signed notes and their texts: the verifier key ("vkey"), which is public, and the
//! signer key.
//!
//! Where keys come from and are kept is not here: a signer key is made from a seed or a text that the caller
//! has. The keys of witnesses are not here but in [`cosignature`](crate::cosignature).

mod typed;

use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{NoteKey, Signature};

pub(crate) use typed::{PrivateKey, PublicKey, SignatureType};

/// The longest key name, in bytes.
pub const MAX_NAME_BYTES: usize = 255;

/// Ed25519 over the text of the note.
const ED25519: SignatureType = SignatureType(0x01);

/// The short identifier of a key: the first 4 bytes of `SHA-256(name || 0x0A || type || public key)`. It
/// tells keys of one name apart; it is far too short to authenticate a key.
///
/// `Display` writes it as 8 lower-case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 4]);

/// A named Ed25519 public key that signatures are checked against.
///
/// Its text, `<name>+<key id>+<base64(0x01 || public key)>`, is written by `Display` and read by `FromStr`.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey(PublicKey);

/// A named Ed25519 private key that signs notes. `Debug` shows its name and id only, and its memory is zeroed
/// on drop.
///
/// Its text, `PRIVATE+KEY+<name>+<key id>+<base64(0x01 || seed)>`, is written by
/// [`to_secret_text`](Self::to_secret_text) and read by `FromStr`.
#[derive(Clone)]
pub struct SignerKey(PrivateKey);

/// Why a text or name makes no key. It never holds any part of a private key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The name is empty, longer than [`MAX_NAME_BYTES`], or has a space, a control character or a `+`.
    #[error("a key name has 1 to {MAX_NAME_BYTES} bytes without spaces, control characters and '+'")]
    Name,
    /// The text has not the parts of such a key, or they are not canonical hex and base64 of the right
    /// length.
    #[error("the text is not of the form of a note key")]
    Format,
    /// The key is for another kind of signature.
    #[error("signature type {actual:#04x} is not {expected:#04x}, that of such a key")]
    SignatureType {
        /// The type byte of the kind of key that was asked for: 0x01 for notes, 0x04 for cosignatures.
        expected: u8,
        /// The type byte in the text.
        actual: u8,
    },
    /// The id in the text is not that of the name and the key.
    #[error("the key id is {actual}, but the name and the key make {expected}")]
    Id {
        /// The id that the name and the key make.
        expected: KeyId,
        /// The id in the text.
        actual: KeyId,
    },
    /// The public key is no point on the curve, or one of small order, for which anybody can make signatures.
    #[error("the public key is not a usable point on the curve")]
    Point,
}

impl SignerKey {
    /// The key that this 32-byte seed (RFC 8032 section 5.1.5) makes, under this name. The seed must be
    /// secret and random.
    ///
    /// # Errors
    /// [`KeyError::Name`] if the name is empty, longer than 255 bytes, or has a space, a control character or
    /// a `+`.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        PrivateKey::new(ED25519, name, seed).map(Self)
    }

    /// The text form of the key, which is as secret as the seed; it is zeroed when dropped.
    #[must_use]
    pub fn to_secret_text(&self) -> Zeroizing<String> {
        self.0.to_secret_text()
    }

    /// The public half.
    #[must_use]
    pub fn verifier_key(&self) -> VerifierKey {
        VerifierKey(self.0.public_key())
    }

    /// The name that signatures are made under.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// The key id.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.0.id()
    }

    /// The signature line of this key for a note's text.
    #[must_use]
    pub fn sign(&self, text: &str) -> Signature {
        self.0.sign(&[], text.as_bytes())
    }
}

impl VerifierKey {
    /// The key with this name and this encoded public key (RFC 8032 section 5.1.2).
    ///
    /// # Errors
    /// [`KeyError::Name`] for a name that the specification forbids, [`KeyError::Point`] for bytes that are
    /// no usable key.
    pub fn from_public_key(name: &str, public_key: &[u8; 32]) -> Result<Self, KeyError> {
        PublicKey::new(ED25519, name, public_key).map(Self)
    }

    /// The name that its signatures are made under.
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

impl NoteKey for VerifierKey {
    fn public_key(&self) -> &PublicKey {
        &self.0
    }

    fn is_signature_of(&self, text: &str, signature: &[u8]) -> bool {
        self.0.has_signed(text.as_bytes(), signature)
    }
}

impl KeyId {
    fn of(name: &str, signature_type: SignatureType, public_key: &[u8; 32]) -> Self {
        let mut state = Sha256::new();
        state.update(name.as_bytes());
        state.update([b'\n', signature_type.0]);
        state.update(public_key);
        let digest: [u8; 32] = state.finalize().into();
        Self([digest[0], digest[1], digest[2], digest[3]])
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

impl fmt::Debug for SignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt_debug("SignerKey", f)
    }
}

impl FromStr for VerifierKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        PublicKey::parse(ED25519, text).map(Self)
    }
}

impl FromStr for SignerKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        PrivateKey::parse(ED25519, text).map(Self)
    }
}

/// Whether a name may stand in a note: 1 to 255 bytes without Unicode spaces, control characters and `+`.
pub(super) fn is_valid_name(name: &str) -> bool {
    let is_forbidden = |c: char| c.is_whitespace() || c < ' ' || c == '+';
    !name.is_empty() && name.len() <= MAX_NAME_BYTES && !name.contains(is_forbidden)
}

fn check_name(name: &str) -> Result<(), KeyError> {
    if is_valid_name(name) { Ok(()) } else { Err(KeyError::Name) }
}
