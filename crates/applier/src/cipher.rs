//! Encryption of payloads at rest: salts, data and metadata of an event, sealed after its commitment is known.
//!
//! Validation, appliers and the commitment see the plaintext; what is stored in the place of `data` is
//! `{"$enc": {"ciphertext", "keyId", "nonce"}}`, with base64 texts. The additional data bind tenant, guid and commitment,
//! so that a sealed payload opens in its own row alone; the hashes in that row prove the plaintext, and stay what they
//! are when it is sealed again with another key. Keys are in `cipher/keys.rs`; randomness is the caller's.
//!
//! Whether a row is sealed says the row: its salts are not in the clear. Its text alone does not, because an event's
//! own data may look like that.

mod keys;

use std::collections::HashMap;

use aes_gcm::aead::{Aead, Payload as AeadPayload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use serde_json::value::RawValue;
use veritrail_core::{
    EventGuid, Hash, Json, MAX_DATA_BYTES, MAX_METADATA_BYTES, SALT_BYTES, Salts, TenantId,
};
use zeroize::Zeroizing;

pub use keys::{
    DataKey, InvalidKeyId, KEY_BYTES, KeyError, KeyId, KeyOwner, MasterKey, MasterKeys, WrappedKey,
};

/// Bytes of a nonce (NIST SP 800-38D, section 8.2: 96 bits). One nonce is never used twice with one key; random ones are
/// safe for 2^32 payloads a key (section 8.3), which a key for each entity stays far below.
pub const NONCE_BYTES: usize = 12;
/// Most bytes of a sealed payload's JSON text.
pub const MAX_SEALED_BYTES: usize = (MAX_DATA_BYTES + MAX_METADATA_BYTES + 1_024) / 3 * 4 + 1_024;

/// First line of the additional data.
const CONTEXT: &str = "veritrail/sealed/v1\n";

/// Seals payloads and opens them.
pub trait PayloadCipher: Send + Sync {
    /// Seals a payload with one of the keys. The nonce must be random and never used with this key before.
    ///
    /// # Errors
    /// [`CipherError::UnknownKey`], [`CipherError::Refused`].
    fn seal(
        &self,
        binding: &Binding<'_>,
        key: &KeyId,
        nonce: &[u8; NONCE_BYTES],
        payload: &Payload,
    ) -> Result<Json, CipherError>;

    /// Opens what was sealed with the same binding. It is opened wholly and truly or not at all.
    ///
    /// # Errors
    /// [`CipherError`].
    fn open(&self, binding: &Binding<'_>, sealed: &Json) -> Result<Payload, CipherError>;
}

/// What a sealed payload belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Binding<'a> {
    /// The tenant.
    pub tenant: &'a TenantId,
    /// The event.
    pub guid: &'a EventGuid,
    /// The commitment to its envelope.
    pub commitment: &'a Hash,
}

/// What is sealed.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload {
    /// The salts, without which hashes cannot be tried against guesses.
    pub salts: Salts,
    /// The data.
    pub data: Json,
    /// The stored metadata, if there is any.
    pub metadata: Option<Json>,
}

/// Why a payload was not sealed or does not open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CipherError {
    /// The stored text is not of the form `{"$enc": {"ciphertext", "keyId", "nonce"}}`.
    #[error("the payload is not sealed: {0}")]
    NotSealed(String),
    /// The key is not at hand: it is another deployment's, or it was destroyed to make the payload unreadable.
    #[error("the payload is sealed with key `{0}`, which is not at hand")]
    UnknownKey(KeyId),
    /// Key, nonce, ciphertext and binding do not belong together: something was changed, or is another row's.
    #[error("the payload does not open with key `{0}`: it was changed, or belongs to another event")]
    Refused(KeyId),
    /// It opens, and what is in it is no payload: it was sealed by something else.
    #[error("what was sealed is no payload: {0}")]
    NoPayload(&'static str),
}

/// AES-256 in Galois/Counter mode (NIST SP 800-38D), with the keys that were put in.
#[derive(Default)]
pub struct Aes256GcmCipher {
    keys: HashMap<KeyId, Aes256Gcm>,
}

/// Whether a text has the form of a sealed payload.
#[must_use]
pub fn looks_sealed(text: &Json) -> bool {
    Sealed::parse(text).is_ok()
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct SealedText {
    #[serde(rename = "$enc")]
    enc: EncText,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct EncText {
    key_id: String,
    nonce: String,
    ciphertext: String,
}

struct Sealed {
    key: KeyId,
    nonce: [u8; NONCE_BYTES],
    ciphertext: Vec<u8>,
}

impl Sealed {
    fn parse(text: &Json) -> Result<Self, CipherError> {
        let not_sealed = |problem: &str| CipherError::NotSealed(problem.to_owned());
        if text.as_str().len() > MAX_SEALED_BYTES {
            return Err(not_sealed("it is too large"));
        }
        let SealedText { enc } =
            serde_json::from_str(text.as_str()).map_err(|error| CipherError::NotSealed(error.to_string()))?;
        let key = KeyId::new(enc.key_id).map_err(|error| CipherError::NotSealed(error.to_string()))?;
        let nonce = STANDARD.decode(enc.nonce).map_err(|_| not_sealed("`nonce` is not base64"))?;
        let nonce = nonce.try_into().map_err(|_| not_sealed("`nonce` has not 12 bytes"))?;
        let ciphertext =
            STANDARD.decode(enc.ciphertext).map_err(|_| not_sealed("`ciphertext` is not base64"))?;
        Ok(Self { key, nonce, ciphertext })
    }

    fn to_json(&self) -> Json {
        let (nonce, ciphertext) = (STANDARD.encode(self.nonce), STANDARD.encode(&self.ciphertext));
        // Members in canonical order; base64 needs no escapes.
        let key = json!(self.key.as_str());
        Json::from_canonical_text(format!(
            r#"{{"$enc":{{"ciphertext":"{ciphertext}","keyId":{key},"nonce":"{nonce}"}}}}"#
        ))
    }
}

impl Aes256GcmCipher {
    /// A cipher without keys.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a key in; a key with the same id goes.
    pub fn insert(&mut self, key: &DataKey) {
        self.keys.insert(key.id().clone(), key.cipher());
    }

    /// Takes a key out; what it has sealed cannot be opened any more.
    pub fn remove(&mut self, key: &KeyId) {
        self.keys.remove(key);
    }

    fn key(&self, key: &KeyId) -> Result<&Aes256Gcm, CipherError> {
        self.keys.get(key).ok_or_else(|| CipherError::UnknownKey(key.clone()))
    }
}

impl PayloadCipher for Aes256GcmCipher {
    fn seal(
        &self,
        binding: &Binding<'_>,
        key: &KeyId,
        nonce: &[u8; NONCE_BYTES],
        payload: &Payload,
    ) -> Result<Json, CipherError> {
        let plaintext = payload.to_text();
        let (msg, aad) = (plaintext.as_bytes(), &binding.additional_data());
        let ciphertext = self
            .key(key)?
            .encrypt(Nonce::from_slice(nonce), AeadPayload { msg, aad })
            .map_err(|_| CipherError::Refused(key.clone()))?;
        Ok(Sealed { key: key.clone(), nonce: *nonce, ciphertext }.to_json())
    }

    fn open(&self, binding: &Binding<'_>, sealed: &Json) -> Result<Payload, CipherError> {
        let Sealed { key, nonce, ciphertext } = Sealed::parse(sealed)?;
        let (msg, aad) = (ciphertext.as_slice(), &binding.additional_data());
        let plaintext = self
            .key(&key)?
            .decrypt(Nonce::from_slice(&nonce), AeadPayload { msg, aad })
            .map(Zeroizing::new)
            .map_err(|_| CipherError::Refused(key))?;
        Payload::from_text(&plaintext)
    }
}

impl Binding<'_> {
    /// The additional data: a line of context, then the canonical JSON of the binding.
    fn additional_data(&self) -> Vec<u8> {
        let commitment = self.commitment.to_string();
        let binding = json!({"commitment": commitment, "guid": self.guid, "tenant": self.tenant});
        let json = Json::from_value(&binding).expect("ids and hashes are texts that can be stored");
        [CONTEXT.as_bytes(), json.as_str().as_bytes()].concat()
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct PayloadText<'a> {
    #[serde(borrow)]
    data: &'a RawValue,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
    salts: String,
}

impl Payload {
    /// The canonical JSON of the payload: absent metadata are left out, salts are lower-case hex.
    fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(self.data.as_str().len() + 256));
        text.push_str("{\"data\":");
        text.push_str(self.data.as_str());
        if let Some(metadata) = &self.metadata {
            text.push_str(",\"metadata\":");
            text.push_str(metadata.as_str());
        }
        text.push_str(",\"salts\":\"");
        text.push_str(&hex::encode(self.salts.to_bytes()));
        text.push_str("\"}");
        text
    }

    fn from_text(bytes: &[u8]) -> Result<Self, CipherError> {
        let text = std::str::from_utf8(bytes).map_err(|_| CipherError::NoPayload("it is no text"))?;
        let parts: PayloadText<'_> = serde_json::from_str(text)
            .map_err(|_| CipherError::NoPayload("it has not the members of one"))?;
        let mut salts = [0; 3 * SALT_BYTES];
        hex::decode_to_slice(&parts.salts, &mut salts)
            .map_err(|_| CipherError::NoPayload("`salts` are not 48 bytes in hexadecimal"))?;
        let json = |raw: &RawValue| Json::from_canonical_text(raw.get());
        let payload = Self {
            salts: Salts::from_bytes(&salts),
            data: json(parts.data),
            metadata: parts.metadata.map(json),
        };
        // One plaintext for one payload: nothing beside it was sealed.
        match *payload.to_text() == text {
            true => Ok(payload),
            false => Err(CipherError::NoPayload("it is not in canonical form")),
        }
    }
}

impl std::fmt::Debug for Payload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Payload(..)")
    }
}

impl std::fmt::Debug for Aes256GcmCipher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut ids: Vec<_> = self.keys.keys().collect();
        ids.sort_unstable();
        f.debug_struct("Aes256GcmCipher").field("keys", &ids).finish()
    }
}
