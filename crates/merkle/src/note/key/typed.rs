//! What the Ed25519 keys of all kinds of signatures have in common: a name, a signature type byte, the key id that both
//! make, and the texts.
//!
//! What is signed is not here: `note::key` signs texts, `cosignature::key` signs statements about checkpoints.

use alloc::string::String;
use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use zeroize::Zeroizing;

use super::{KeyError, KeyId, check_name};
use crate::note::Signature;

const SIGNER_PREFIX: &str = "PRIVATE+KEY+";

/// The signature type byte of the C2SP specifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SignatureType(pub(crate) u8);

/// A public key for one type of signature.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PublicKey {
    signature_type: SignatureType,
    name: String,
    id: KeyId,
    key: VerifyingKey,
}

/// A private key for one type of signature; zeroed on drop.
#[derive(Clone)]
pub(crate) struct PrivateKey {
    signature_type: SignatureType,
    name: String,
    id: KeyId,
    key: SigningKey,
}

impl PublicKey {
    pub(crate) fn new(
        signature_type: SignatureType,
        name: &str,
        public_key: &[u8; 32],
    ) -> Result<Self, KeyError> {
        check_name(name)?;
        let key = VerifyingKey::from_bytes(public_key).map_err(|_| KeyError::Point)?;
        if key.is_weak() {
            return Err(KeyError::Point);
        }
        let id = KeyId::of(name, signature_type, public_key);
        Ok(Self { signature_type, name: name.into(), id, key })
    }

    pub(crate) fn parse(signature_type: SignatureType, text: &str) -> Result<Self, KeyError> {
        let (name, id, public_key) = parse_parts(text, signature_type)?;
        let key = Self::new(signature_type, name, &public_key)?;
        check_id(key.id, id)?;
        Ok(key)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) const fn id(&self) -> KeyId {
        self.id
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        // The strict check also refuses points of small order, with which one signature can fit several
        // messages.
        let signature = ed25519_dalek::Signature::from_slice(signature);
        signature.is_ok_and(|signature| self.key.verify_strict(message, &signature).is_ok())
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded = STANDARD.encode(with_type(self.signature_type, self.key.as_bytes()));
        write!(f, "{}+{}+{encoded}", self.name, self.id)
    }
}

impl PrivateKey {
    pub(crate) fn new(signature_type: SignatureType, name: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        check_name(name)?;
        let key = SigningKey::from_bytes(seed);
        let id = KeyId::of(name, signature_type, key.verifying_key().as_bytes());
        Ok(Self { signature_type, name: name.into(), id, key })
    }

    pub(crate) fn parse(signature_type: SignatureType, text: &str) -> Result<Self, KeyError> {
        let text = text.strip_prefix(SIGNER_PREFIX).ok_or(KeyError::Format)?;
        let (name, id, seed) = parse_parts(text, signature_type)?;
        let key = Self::new(signature_type, name, &seed)?;
        check_id(key.id, id)?;
        Ok(key)
    }

    pub(crate) fn to_secret_text(&self) -> Zeroizing<String> {
        let typed = Zeroizing::new(with_type(self.signature_type, self.key.as_bytes()));
        let encoded = Zeroizing::new(STANDARD.encode(*typed));
        let id = hex::encode(self.id.0);
        // Concatenation allocates once; formatting would leave copies behind while the string grows.
        Zeroizing::new([SIGNER_PREFIX, self.name.as_str(), "+", id.as_str(), "+", encoded.as_str()].concat())
    }

    pub(crate) fn public_key(&self) -> PublicKey {
        let (signature_type, name, id) = (self.signature_type, self.name.clone(), self.id);
        PublicKey { signature_type, name, id, key: self.key.verifying_key() }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) const fn id(&self) -> KeyId {
        self.id
    }

    /// The signature line over `message`, with `prefix` before the 64 bytes of the signature.
    pub(crate) fn sign(&self, prefix: &[u8], message: &[u8]) -> Signature {
        let bytes = [prefix, &self.key.sign(message).to_bytes()].concat();
        Signature { name: self.name.clone(), key_id: self.id, bytes }
    }

    /// Shows what is public.
    pub(crate) fn fmt_debug(&self, kind: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(kind).field("name", &self.name).field("id", &self.id).finish_non_exhaustive()
    }
}

/// Room for what a key's text decodes to, and for what the decoder wants to have to spare.
const MAX_DECODED_BYTES: usize = 64;

fn check_id(expected: KeyId, actual: KeyId) -> Result<(), KeyError> {
    if expected == actual { Ok(()) } else { Err(KeyError::Id { expected, actual }) }
}

/// Splits `<name>+<key id>+<base64(type || 32 bytes)>`. The bytes can be a seed, so no copy of them is left
/// behind.
fn parse_parts(text: &str, expected: SignatureType) -> Result<(&str, KeyId, Zeroizing<[u8; 32]>), KeyError> {
    // Base64 has a `+` of its own, so only the first two separate parts.
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(id), Some(encoded)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(KeyError::Format);
    };
    let id = parse_id(id).ok_or(KeyError::Format)?;
    let mut decoded = Zeroizing::new([0; MAX_DECODED_BYTES]);
    let length = STANDARD.decode_slice(encoded, decoded.as_mut_slice()).map_err(|_| KeyError::Format)?;
    let (&actual, key) = decoded[..length].split_first().ok_or(KeyError::Format)?;
    if actual != expected.0 {
        return Err(KeyError::SignatureType { expected: expected.0, actual });
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

fn with_type(signature_type: SignatureType, key: &[u8; 32]) -> [u8; 33] {
    let mut typed = [signature_type.0; 33];
    typed[1..].copy_from_slice(key);
    typed
}
