//! The Ed25519 key that signs single audit entries. It signs no notes, and no key of a note is one.
//!
//! Two things keep them apart. Its texts carry a type of their own, so that neither kind of key can be read as the
//! other. And the Ed25519 key is *derived* from the seed by a hash with a prefix, so that even a seed that is used for
//! both makes two unrelated keys: no signature of an entry can ever be one of a checkpoint.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use veritrail_merkle::Hash;
use veritrail_merkle::note::{KeyError, KeyId, VerifierKey as NoteKey};
use zeroize::Zeroizing;

use super::audit_entry;

/// First line of what is signed, and of what a key is derived from.
const CONTEXT: &[u8] = b"veritrail/audit-entry/v1\n";
/// The type of the key and of its signatures: 0xff, which C2SP's signed-note keeps for types without a number, and a
/// name. Ed25519 keys of notes have the type 0x01.
const KEY_TYPE: &[u8] = b"\xffveritrail/audit-entry/v1";
const NOTE_KEY_TYPE: u8 = 0x01;
const SIGNER_PREFIX: &str = "PRIVATE+AUDIT+KEY+";
const NOTE_SIGNER_PREFIX: &str = "PRIVATE+KEY+";
const KEY_BYTES: usize = 32;

/// A named private key that signs audit entries. `Debug` shows its name and id only; its seed is zeroed on drop.
///
/// Its text, `PRIVATE+AUDIT+KEY+<name>+<key id>+<base64(type || seed)>`, is written by
/// [`to_secret_text`](Self::to_secret_text) and read by `FromStr`.
#[derive(Clone)]
pub struct AuditSignerKey {
    public: AuditVerifierKey,
    seed: Zeroizing<[u8; KEY_BYTES]>,
    key: SigningKey,
}

/// The public half: a named key that signatures of audit entries are checked against.
///
/// Its text, `<name>+<key id>+<base64(type || public key)>`, is written by `Display` and read by `FromStr`.
#[derive(Clone, PartialEq, Eq)]
pub struct AuditVerifierKey {
    name: String,
    id: KeyId,
    key: VerifyingKey,
}

/// Why a text or name makes no key for audit entries. It never holds any part of a private key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuditKeyError {
    /// A key that signs notes: one key must not do both.
    #[error("this is a key that signs notes, not one for audit entries")]
    NoteKey,
    /// The text has not the parts of such a key.
    #[error("the text is not of the form of a key for audit entries")]
    Format,
    /// The name is none that a key may have, or the public key is no usable point.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The id in the text is not that of the name and the key.
    #[error("the key id is {actual}, but the name and the key make {expected}")]
    Id {
        /// The id that the name and the key make.
        expected: KeyId,
        /// The id in the text.
        actual: KeyId,
    },
}

/// Why a signature says nothing about an entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuditSignatureError {
    /// The text has not the parts of a signature.
    #[error("the signature is malformed")]
    Malformed,
    /// None of the given keys has this name and id.
    #[error("the signature is by `{0}`, which is none of the given keys")]
    UnknownKey(String),
    /// The key has not signed this entry.
    #[error("the signature by `{0}` is of something else")]
    Wrong(String),
}

impl AuditSignerKey {
    /// The key that this 32-byte seed makes, under this name. The seed must be secret and random.
    ///
    /// # Errors
    /// [`AuditKeyError::Key`] if the name is empty, longer than 255 bytes, or has a space, a control character or a `+`.
    pub fn from_seed(name: &str, seed: &[u8; KEY_BYTES]) -> Result<Self, AuditKeyError> {
        let mut derived = Zeroizing::new([0; KEY_BYTES]);
        derived.copy_from_slice(&Sha256::new().chain_update(CONTEXT).chain_update(seed).finalize());
        let key = SigningKey::from_bytes(&derived);
        let public = AuditVerifierKey::from_public_key(name, key.verifying_key().as_bytes())?;
        Ok(Self { public, seed: Zeroizing::new(*seed), key })
    }

    /// The text form of the key, which is as secret as the seed; it is zeroed when dropped.
    #[must_use]
    pub fn to_secret_text(&self) -> Zeroizing<String> {
        let typed = Zeroizing::new([KEY_TYPE, self.seed.as_slice()].concat());
        let encoded = Zeroizing::new(STANDARD.encode(&*typed));
        let id = self.public.id.to_string();
        // Concatenation allocates once; formatting would leave copies behind while the string grows.
        Zeroizing::new([SIGNER_PREFIX, &self.public.name, "+", &id, "+", encoded.as_str()].concat())
    }

    /// The public half.
    #[must_use]
    pub fn verifier_key(&self) -> &AuditVerifierKey {
        &self.public
    }

    /// Signs the entry with this commitment: `<name> <base64(key id || signature)>`.
    #[must_use]
    pub fn sign(&self, commitment: &Hash) -> String {
        let signature = self.key.sign(&signed_bytes(commitment));
        let encoded = STANDARD.encode([self.public.id.0.as_slice(), &signature.to_bytes()].concat());
        format!("{} {encoded}", self.public.name)
    }
}

impl AuditVerifierKey {
    /// The key with this name and this encoded public key (RFC 8032, section 5.1.2).
    ///
    /// # Errors
    /// [`AuditKeyError::Key`] for a name that no key may have, or bytes that are no usable key.
    pub fn from_public_key(name: &str, public_key: &[u8; KEY_BYTES]) -> Result<Self, AuditKeyError> {
        // The rules on names and points are those of notes.
        NoteKey::from_public_key(name, public_key)?;
        let key = VerifyingKey::from_bytes(public_key).map_err(|_| KeyError::Point)?;
        Ok(Self { name: name.to_owned(), id: key_id(name, public_key), key })
    }

    /// The name that its signatures are made under.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Checks that one of these keys has signed the entry with this commitment.
    ///
    /// # Errors
    /// [`AuditSignatureError`].
    pub fn check(keys: &[Self], commitment: &Hash, signature: &str) -> Result<(), AuditSignatureError> {
        let (name, encoded) = signature.split_once(' ').ok_or(AuditSignatureError::Malformed)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| AuditSignatureError::Malformed)?;
        let (id, signature) = bytes.split_at_checked(4).ok_or(AuditSignatureError::Malformed)?;
        let signature = Signature::from_slice(signature).map_err(|_| AuditSignatureError::Malformed)?;
        let is_signer = |key: &&Self| key.name == name && key.id.0 == id;
        let key =
            keys.iter().find(is_signer).ok_or_else(|| AuditSignatureError::UnknownKey(name.to_owned()))?;
        // The strict check also refuses points of small order, with which one signature can fit several texts.
        let checked = key.key.verify_strict(&signed_bytes(commitment), &signature);
        checked.map_err(|_| AuditSignatureError::Wrong(name.to_owned()))
    }
}

fn signed_bytes(commitment: &Hash) -> Vec<u8> {
    [CONTEXT, &audit_entry(commitment)].concat()
}

/// The first four bytes of `SHA-256(name || "\n" || type || public key)`.
fn key_id(name: &str, public_key: &[u8; KEY_BYTES]) -> KeyId {
    let digest: [u8; 32] = Sha256::new()
        .chain_update(name)
        .chain_update(b"\n")
        .chain_update(KEY_TYPE)
        .chain_update(public_key)
        .finalize()
        .into();
    KeyId([digest[0], digest[1], digest[2], digest[3]])
}

impl fmt::Display for AuditVerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded = STANDARD.encode([KEY_TYPE, self.key.as_bytes()].concat());
        write!(f, "{}+{}+{encoded}", self.name, self.id)
    }
}

impl fmt::Debug for AuditVerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuditVerifierKey({self})")
    }
}

impl fmt::Debug for AuditSignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditSignerKey")
            .field("name", &self.public.name)
            .field("id", &self.public.id)
            .finish_non_exhaustive()
    }
}

impl FromStr for AuditVerifierKey {
    type Err = AuditKeyError;

    fn from_str(text: &str) -> Result<Self, AuditKeyError> {
        let (name, id, public_key) = parse_parts(text)?;
        let key = Self::from_public_key(name, &public_key)?;
        check_id(key.id, id)?;
        Ok(key)
    }
}

impl FromStr for AuditSignerKey {
    type Err = AuditKeyError;

    fn from_str(text: &str) -> Result<Self, AuditKeyError> {
        if text.starts_with(NOTE_SIGNER_PREFIX) {
            return Err(AuditKeyError::NoteKey);
        }
        let (name, id, seed) = parse_parts(text.strip_prefix(SIGNER_PREFIX).ok_or(AuditKeyError::Format)?)?;
        let key = Self::from_seed(name, &seed)?;
        check_id(key.public.id, id)?;
        Ok(key)
    }
}

fn check_id(expected: KeyId, actual: &str) -> Result<(), AuditKeyError> {
    let mut bytes = [0; 4];
    // Upper-case digits would be a second spelling of the same key.
    let is_canonical = !actual.bytes().any(|byte| byte.is_ascii_uppercase());
    if !is_canonical || hex::decode_to_slice(actual, &mut bytes).is_err() {
        return Err(AuditKeyError::Format);
    }
    let actual = KeyId(bytes);
    if expected == actual { Ok(()) } else { Err(AuditKeyError::Id { expected, actual }) }
}

/// Splits `<name>+<key id>+<base64(type || 32 bytes)>`. The bytes can be a seed, so no copy of them is left behind.
fn parse_parts(text: &str) -> Result<(&str, &str, Zeroizing<[u8; KEY_BYTES]>), AuditKeyError> {
    // Base64 has a `+` of its own, so only the first two separate parts.
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(id), Some(encoded)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(AuditKeyError::Format);
    };
    let decoded = Zeroizing::new(STANDARD.decode(encoded).map_err(|_| AuditKeyError::Format)?);
    if decoded.first() == Some(&NOTE_KEY_TYPE) {
        return Err(AuditKeyError::NoteKey);
    }
    let key = decoded.strip_prefix(KEY_TYPE).ok_or(AuditKeyError::Format)?;
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    if key.len() != bytes.len() {
        return Err(AuditKeyError::Format);
    }
    bytes.copy_from_slice(key);
    Ok((name, id, bytes))
}

#[cfg(test)]
mod tests {
    use veritrail_merkle::note::SignerKey;

    use super::*;

    const NAME: &str = "example.org/audit";

    fn key() -> AuditSignerKey {
        AuditSignerKey::from_seed(NAME, &[7; 32]).unwrap()
    }

    #[test]
    fn texts_round_trip() {
        let read: AuditSignerKey = key().to_secret_text().parse().unwrap();
        assert_eq!(read.verifier_key(), key().verifier_key());
        assert_eq!(read.sign(&Hash::from([1; 32])), key().sign(&Hash::from([1; 32])));
        let public: AuditVerifierKey = key().verifier_key().to_string().parse().unwrap();
        assert_eq!(&public, key().verifier_key());
        assert!(!format!("{:?}", key()).contains(&STANDARD.encode([7; 32])[4..40]));
    }

    #[test]
    fn a_key_signs_entries_or_notes_but_never_both() {
        let note = SignerKey::from_seed(NAME, &[7; 32]).unwrap();
        assert_eq!(note.to_secret_text().parse::<AuditSignerKey>().unwrap_err(), AuditKeyError::NoteKey);
        let public = note.verifier_key();
        assert_eq!(public.to_string().parse::<AuditVerifierKey>().unwrap_err(), AuditKeyError::NoteKey);
        assert!(key().to_secret_text().parse::<SignerKey>().is_err());
        assert!(key().verifier_key().to_string().parse::<NoteKey>().is_err());
        // One seed makes two unrelated Ed25519 keys.
        assert_ne!(public.public_key(), key().verifier_key().key.as_bytes());
    }

    #[test]
    fn a_signature_is_of_one_entry_by_one_key() {
        let commitment = Hash::from([1; 32]);
        let keys = [key().verifier_key().clone()];
        let signature = key().sign(&commitment);
        assert_eq!(AuditVerifierKey::check(&keys, &commitment, &signature), Ok(()));
        let other = Hash::from([2; 32]);
        let wrong = AuditSignatureError::Wrong(NAME.to_owned());
        assert_eq!(AuditVerifierKey::check(&keys, &other, &signature), Err(wrong));
        let unknown = AuditSignatureError::UnknownKey(NAME.to_owned());
        assert_eq!(AuditVerifierKey::check(&[], &commitment, &signature), Err(unknown.clone()));
        let foreign = AuditSignerKey::from_seed(NAME, &[8; 32]).unwrap().sign(&commitment);
        assert_eq!(AuditVerifierKey::check(&keys, &commitment, &foreign), Err(unknown));
        for malformed in ["", NAME, "example.org/audit AAAA", "example.org/audit !"] {
            let found = AuditVerifierKey::check(&keys, &commitment, malformed);
            assert_eq!(found, Err(AuditSignatureError::Malformed), "{malformed}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let text = key().verifier_key().to_string();
        let id = key().verifier_key().id.to_string();
        for (text, expected) in [
            (text.replace(&id, "00000000"), None),
            (text.replace(&id, &id.to_uppercase()), Some(AuditKeyError::Format)),
            ("a+b".to_owned(), Some(AuditKeyError::Format)),
            (text[..text.len() - 4].to_owned(), Some(AuditKeyError::Format)),
        ] {
            let found = text.parse::<AuditVerifierKey>().unwrap_err();
            match expected {
                Some(expected) => assert_eq!(found, expected, "{text}"),
                None => assert!(matches!(found, AuditKeyError::Id { .. }), "{text}: {found}"),
            }
        }
        assert!(matches!(
            AuditSignerKey::from_seed("a b", &[7; 32]),
            Err(AuditKeyError::Key(KeyError::Name))
        ));
    }
}
