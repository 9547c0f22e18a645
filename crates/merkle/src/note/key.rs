//! The Ed25519 keys of signed notes and their texts: the verifier key ("vkey"), which is public, and the
//! signer key.
//!
//! Where keys come from and are kept is not here: a signer key is made from a seed or a text that the caller
//! has.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::Signature;

/// The longest key name, in bytes.
pub const MAX_NAME_BYTES: usize = 255;

/// The signature type byte of Ed25519 in the C2SP specification.
const ED25519: u8 = 0x01;

const SIGNER_PREFIX: &str = "PRIVATE+KEY+";

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
pub struct VerifierKey {
    name: String,
    id: KeyId,
    key: VerifyingKey,
}

/// A named Ed25519 private key that signs notes. `Debug` shows its name and id only, and its memory is zeroed
/// on drop.
///
/// Its text, `PRIVATE+KEY+<name>+<key id>+<base64(0x01 || seed)>`, is written by
/// [`to_secret_text`](Self::to_secret_text) and read by `FromStr`.
#[derive(Clone)]
pub struct SignerKey {
    name: String,
    id: KeyId,
    key: SigningKey,
}

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
    #[error("signature type {0:#04x} is not Ed25519 (0x01)")]
    SignatureType(u8),
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
        check_name(name)?;
        let key = SigningKey::from_bytes(seed);
        let id = KeyId::of(name, key.verifying_key().as_bytes());
        Ok(Self { name: name.into(), id, key })
    }

    /// The text form of the key, which is as secret as the seed; it is zeroed when dropped.
    #[must_use]
    pub fn to_secret_text(&self) -> Zeroizing<String> {
        let typed = Zeroizing::new(with_type(self.key.as_bytes()));
        let encoded = Zeroizing::new(STANDARD.encode(*typed));
        let id = hex::encode(self.id.0);
        // Concatenation allocates once; formatting would leave copies behind while the string grows.
        Zeroizing::new([SIGNER_PREFIX, self.name.as_str(), "+", id.as_str(), "+", encoded.as_str()].concat())
    }

    /// The public half.
    #[must_use]
    pub fn verifier_key(&self) -> VerifierKey {
        VerifierKey { name: self.name.clone(), id: self.id, key: self.key.verifying_key() }
    }

    /// The name that signatures are made under.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key id.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The signature line of this key for a note's text.
    #[must_use]
    pub fn sign(&self, text: &str) -> Signature {
        let bytes = self.key.sign(text.as_bytes()).to_vec();
        Signature { name: self.name.clone(), key_id: self.id, bytes }
    }
}

impl VerifierKey {
    /// The key with this name and this encoded public key (RFC 8032 section 5.1.2).
    ///
    /// # Errors
    /// [`KeyError::Name`] for a name that the specification forbids, [`KeyError::Point`] for bytes that are
    /// no usable key.
    pub fn from_public_key(name: &str, public_key: &[u8; 32]) -> Result<Self, KeyError> {
        check_name(name)?;
        let key = VerifyingKey::from_bytes(public_key).map_err(|_| KeyError::Point)?;
        if key.is_weak() {
            return Err(KeyError::Point);
        }
        Ok(Self { name: name.into(), id: KeyId::of(name, public_key), key })
    }

    /// The name that its signatures are made under.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key id.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The encoded public key.
    #[must_use]
    pub fn public_key(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    pub(super) fn is_signature_of(&self, text: &str, signature: &[u8]) -> bool {
        // The strict check also refuses points of small order, with which one signature can fit several
        // texts.
        let signature = ed25519_dalek::Signature::from_slice(signature);
        signature.is_ok_and(|signature| self.key.verify_strict(text.as_bytes(), &signature).is_ok())
    }
}

impl KeyId {
    fn of(name: &str, public_key: &[u8; 32]) -> Self {
        let mut state = Sha256::new();
        state.update(name.as_bytes());
        state.update([b'\n', ED25519]);
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
        let encoded = STANDARD.encode(with_type(self.key.as_bytes()));
        write!(f, "{}+{}+{encoded}", self.name, self.id)
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

impl fmt::Debug for SignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignerKey").field("name", &self.name).field("id", &self.id).finish_non_exhaustive()
    }
}

impl FromStr for VerifierKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, id, public_key) = parse_parts(text)?;
        let key = Self::from_public_key(name, &public_key)?;
        check_id(key.id, id)?;
        Ok(key)
    }
}

impl FromStr for SignerKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, id, seed) = parse_parts(text.strip_prefix(SIGNER_PREFIX).ok_or(KeyError::Format)?)?;
        let key = Self::from_seed(name, &seed)?;
        check_id(key.id, id)?;
        Ok(key)
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

fn check_id(expected: KeyId, actual: KeyId) -> Result<(), KeyError> {
    if expected == actual { Ok(()) } else { Err(KeyError::Id { expected, actual }) }
}

/// Splits `<name>+<key id>+<base64(0x01 || 32 bytes)>`. The bytes can be a seed, so no copy of them is left
/// behind.
fn parse_parts(text: &str) -> Result<(&str, KeyId, Zeroizing<[u8; 32]>), KeyError> {
    // Base64 has a `+` of its own, so only the first two separate parts.
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(id), Some(encoded)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(KeyError::Format);
    };
    let id = parse_id(id).ok_or(KeyError::Format)?;
    let decoded: Zeroizing<Vec<u8>> = Zeroizing::new(STANDARD.decode(encoded).map_err(|_| KeyError::Format)?);
    let (&signature_type, key) = decoded.split_first().ok_or(KeyError::Format)?;
    if signature_type != ED25519 {
        return Err(KeyError::SignatureType(signature_type));
    }
    let mut bytes = Zeroizing::new([0; 32]);
    if key.len() != bytes.len() {
        return Err(KeyError::Format);
    }
    bytes.copy_from_slice(key);
    Ok((name, id, bytes))
}

fn parse_id(text: &str) -> Option<KeyId> {
    let mut id = [0; 4];
    // Upper-case digits would be a second spelling of the same key.
    let is_canonical = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    (is_canonical && hex::decode_to_slice(text, &mut id).is_ok()).then_some(KeyId(id))
}

fn with_type(key: &[u8; 32]) -> [u8; 33] {
    let mut typed = [ED25519; 33];
    typed[1..].copy_from_slice(key);
    typed
}
