//! Keys: a data key for each entity, wrapped with a master key.
//!
//! Rotation of the master key wraps the data keys anew and touches no payload. An entity whose data key is destroyed
//! cannot be read any more, wherever copies of its events are. Keeping master keys is a key store's, wrapped keys are
//! rows like others.

use std::collections::HashMap;
use std::fmt;

use aes_gcm::aead::{Aead, KeyInit, Payload as AeadPayload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use veritrail_core::{EntityGuid, Json, TenantId};
use zeroize::Zeroizing;

use super::NONCE_BYTES;

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;

/// Most bytes of a key's id.
const MAX_KEY_ID_BYTES: usize = 128;
/// First line of the additional data of a wrapped key.
const CONTEXT: &str = "veritrail/data-key/v1\n";

/// The name of a key: 1 to 128 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct KeyId(Box<str>);

/// A text that names no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key id has 1 to {MAX_KEY_ID_BYTES} visible ASCII characters, not {0:?}")]
pub struct InvalidKeyId(pub String);

/// A key that wraps data keys. It is zeroed on drop, and `Debug` shows its id alone.
#[derive(Clone)]
pub struct MasterKey(Key);

/// A key that seals the payloads of one entity. It is zeroed on drop, and `Debug` shows its id alone.
#[derive(Clone)]
pub struct DataKey(Key);

#[derive(Clone)]
struct Key {
    id: KeyId,
    bytes: Zeroizing<[u8; KEY_BYTES]>,
}

/// A data key as it is kept: wrapped with a master key.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct WrappedKey {
    /// The data key's id.
    pub key_id: KeyId,
    /// The id of the master key that it is wrapped with.
    pub master_key_id: KeyId,
    /// The nonce of the wrapping, base64.
    pub nonce: String,
    /// The wrapped key, base64.
    pub ciphertext: String,
}

/// Whose payloads a data key seals: bound into the wrapping, so that no entity's key passes for another's.
#[derive(Clone, Copy, Debug)]
pub struct KeyOwner<'a> {
    /// The tenant.
    pub tenant: &'a TenantId,
    /// The entity.
    pub entity: &'a EntityGuid,
}

/// The master keys at hand: the one in use, and older ones that data keys may still be wrapped with.
#[derive(Default)]
pub struct MasterKeys(HashMap<KeyId, MasterKey>);

/// Why a data key was not wrapped or unwrapped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The master key is not at hand.
    #[error("data key `{key}` is wrapped with master key `{master}`, which is not at hand")]
    UnknownMaster {
        /// The data key.
        key: KeyId,
        /// The master key.
        master: KeyId,
    },
    /// A text of the wrapped key is not base64, or not of the right length.
    #[error("data key `{key}`: `{field}` is not base64 of the right length")]
    Malformed {
        /// The data key.
        key: KeyId,
        /// `nonce` or `ciphertext`.
        field: &'static str,
    },
    /// It was changed, belongs to another owner, or the master key is another one with the same id.
    #[error("data key `{key}` does not unwrap with master key `{master}`")]
    Refused {
        /// The data key.
        key: KeyId,
        /// The master key.
        master: KeyId,
    },
}

impl KeyId {
    /// Takes a text as a key's id.
    ///
    /// # Errors
    /// [`InvalidKeyId`].
    pub fn new(text: impl Into<Box<str>>) -> Result<Self, InvalidKeyId> {
        let text = text.into();
        let is_visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        if text.is_empty() || text.len() > MAX_KEY_ID_BYTES || !is_visible {
            return Err(InvalidKeyId(text.chars().take(MAX_KEY_ID_BYTES).collect()));
        }
        Ok(Self(text))
    }

    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for KeyId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl Key {
    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new((&*self.bytes).into())
    }
}

impl MasterKey {
    /// A master key with these bytes, which must be random and secret.
    #[must_use]
    pub fn new(id: KeyId, bytes: Zeroizing<[u8; KEY_BYTES]>) -> Self {
        Self(Key { id, bytes })
    }

    /// Wraps a data key. The nonce must be random.
    #[must_use]
    pub fn wrap(&self, owner: &KeyOwner<'_>, key: &DataKey, nonce: &[u8; NONCE_BYTES]) -> WrappedKey {
        let aad = &owner.additional_data(&key.0.id);
        let wrapped =
            self.0.cipher().encrypt(Nonce::from_slice(nonce), AeadPayload { msg: &*key.0.bytes, aad });
        WrappedKey {
            key_id: key.0.id.clone(),
            master_key_id: self.0.id.clone(),
            nonce: STANDARD.encode(nonce),
            ciphertext: STANDARD.encode(wrapped.expect("32 bytes are far below the limit of the mode")),
        }
    }
}

impl DataKey {
    /// A data key with these bytes, which must be random and secret.
    #[must_use]
    pub fn new(id: KeyId, bytes: Zeroizing<[u8; KEY_BYTES]>) -> Self {
        Self(Key { id, bytes })
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &KeyId {
        &self.0.id
    }

    pub(super) fn cipher(&self) -> Aes256Gcm {
        self.0.cipher()
    }
}

impl MasterKeys {
    /// Puts a key in; a key with the same id goes.
    #[must_use]
    pub fn with(mut self, key: MasterKey) -> Self {
        self.0.insert(key.0.id.clone(), key);
        self
    }

    /// Unwraps a data key.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn unwrap_key(&self, owner: &KeyOwner<'_>, wrapped: &WrappedKey) -> Result<DataKey, KeyError> {
        let (key, master) = (wrapped.key_id.clone(), wrapped.master_key_id.clone());
        let Some(with) = self.0.get(&master) else {
            return Err(KeyError::UnknownMaster { key, master });
        };
        let malformed = |field| KeyError::Malformed { key: key.clone(), field };
        let nonce: Option<[u8; NONCE_BYTES]> =
            STANDARD.decode(&wrapped.nonce).ok().and_then(|bytes| bytes.try_into().ok());
        let nonce = nonce.ok_or_else(|| malformed("nonce"))?;
        let msg = STANDARD.decode(&wrapped.ciphertext).map_err(|_| malformed("ciphertext"))?;
        let aad = &owner.additional_data(&key);
        let opened = with.0.cipher().decrypt(Nonce::from_slice(&nonce), AeadPayload { msg: &msg, aad });
        let Ok(opened) = opened.map(Zeroizing::new) else {
            return Err(KeyError::Refused { key, master });
        };
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        if opened.len() != KEY_BYTES {
            return Err(malformed("ciphertext"));
        }
        bytes.copy_from_slice(&opened);
        Ok(DataKey::new(key, bytes))
    }

    /// Wraps a data key with another of the master keys: what rotation does. Payloads are not touched.
    ///
    /// # Errors
    /// [`KeyError`]; [`KeyError::UnknownMaster`] also where the new one is not at hand.
    pub fn rewrap(
        &self,
        owner: &KeyOwner<'_>,
        wrapped: &WrappedKey,
        master: &KeyId,
        nonce: &[u8; NONCE_BYTES],
    ) -> Result<WrappedKey, KeyError> {
        let key = self.unwrap_key(owner, wrapped)?;
        match self.0.get(master) {
            Some(with) => Ok(with.wrap(owner, &key, nonce)),
            None => Err(KeyError::UnknownMaster { key: key.0.id.clone(), master: master.clone() }),
        }
    }
}

impl KeyOwner<'_> {
    fn additional_data(&self, key: &KeyId) -> Vec<u8> {
        let binding = json!({"entity": self.entity, "keyId": key, "tenant": self.tenant});
        let json = Json::from_value(&binding).expect("ids are texts that can be stored");
        [CONTEXT.as_bytes(), json.as_str().as_bytes()].concat()
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.0.id)
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataKey({})", self.0.id)
    }
}

impl fmt::Debug for MasterKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut ids: Vec<_> = self.0.keys().collect();
        ids.sort_unstable();
        f.debug_tuple("MasterKeys").field(&ids).finish()
    }
}
