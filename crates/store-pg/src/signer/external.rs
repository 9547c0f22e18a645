//! Keys that the application keeps itself, such as in a hardware module or behind a service: a function signs.
//!
//! The memory is a folder here, too: a module that signs whatever it is given does not know what it has signed.

use veritrail_merkle::note::{Signature, VerifierKey};

use super::{Signer, SignerError, SignerMemory};

/// What signs a text with a key; it may block.
type Sign =
    dyn Fn(&VerifierKey, &str) -> Result<[u8; 64], Box<dyn std::error::Error + Send + Sync>> + Send + Sync;

/// A signer whose keys are elsewhere.
pub struct ExternalSigner {
    keys: Vec<VerifierKey>,
    memory: SignerMemory,
    sign: Box<Sign>,
}

impl ExternalSigner {
    /// A signer that has each of `keys` sign through `sign`, which gives the Ed25519 signature (RFC 8032) of a
    /// text's bytes. More than one key is for the time in which one takes over from another: the one that stays
    /// is first.
    ///
    /// The memory is made once, with the first key ([`SignerMemory::create`]), and opened after that.
    ///
    /// # Errors
    /// [`SignerError::Keys`] without keys, or with keys of several names.
    pub fn new(
        keys: Vec<VerifierKey>,
        memory: SignerMemory,
        sign: impl Fn(&VerifierKey, &str) -> Result<[u8; 64], Box<dyn std::error::Error + Send + Sync>>
        + Send
        + Sync
        + 'static,
    ) -> Result<Self, SignerError> {
        let signer = Self { keys, memory, sign: Box::new(sign) };
        super::name_of(&signer)?;
        Ok(signer)
    }
}

impl Signer for ExternalSigner {
    fn verifier_keys(&self) -> Vec<VerifierKey> {
        self.keys.clone()
    }

    fn sign(&self, text: &str) -> Result<Vec<Signature>, SignerError> {
        let sign = |key: &VerifierKey| match (self.sign)(key, text) {
            Ok(bytes) => Ok(Signature::of(key, &bytes)),
            Err(source) => Err(SignerError::External { name: key.name().to_owned(), source }),
        };
        self.keys.iter().map(sign).collect()
    }

    fn memory(&self) -> &SignerMemory {
        &self.memory
    }
}

impl std::fmt::Debug for ExternalSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExternalSigner").field("keys", &self.keys).finish_non_exhaustive()
    }
}
