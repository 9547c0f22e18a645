//! Who signs checkpoints: a key that PostgreSQL never sees, and the memory of what it has signed.
//!
//! What is signed, and when it is refused, is `publish`'s. The memory is in `signer/memory.rs`; the two kinds of
//! signer are a key in a file (`signer/file.rs`) and a key that the application keeps elsewhere, such as in a
//! hardware module (`signer/external.rs`). Keys that sign audit entries are in `signer/entries.rs`.

mod entries;
mod external;
mod file;
mod memory;
mod secret;

use std::io;
use std::path::{Path, PathBuf};

use veritrail_core::AuditKeyError;
use veritrail_merkle::note::{KeyError, Signature, VerifierKey};

pub use entries::{create_audit_key, open_audit_key};
pub use external::ExternalSigner;
pub use file::FileSigner;
pub use memory::SignerMemory;
pub(crate) use memory::{LockedMemory, Signed};

/// A key, or several while one takes over from another, and the memory of what was signed.
///
/// Both methods are called on threads that may block.
pub trait Signer: Send + Sync + 'static {
    /// The keys that check this signer's signatures: at least one, the one that stays first. All have the same
    /// name, which is the prefix of the origins that are signed for.
    fn verifier_keys(&self) -> Vec<VerifierKey>;

    /// Signs a note's text with each of the keys. Called only after the memory has what is signed.
    ///
    /// # Errors
    /// [`SignerError`]: nothing is published.
    fn sign(&self, text: &str) -> Result<Vec<Signature>, SignerError>;

    /// What was signed last. Whoever signs with the same keys must have the same memory.
    fn memory(&self) -> &SignerMemory;
}

/// Why a key cannot be made, read or used.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// A file cannot be read or written.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Others than the owner may read the key.
    #[error("{path} has mode {mode:03o}: a signing key must be readable by its owner alone (chmod 600)")]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file holds no signing key, or the name is none.
    #[error("{path} holds no signing key, or the key cannot have this name")]
    Key {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: KeyError,
    },
    /// The file holds no key for audit entries, or the name is none.
    #[error("{path} holds no key for audit entries, or the key cannot have this name")]
    AuditKey {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: AuditKeyError,
    },
    /// The memory is not what this program wrote.
    #[error(
        "the signer's memory {path} cannot be read: it is not repaired, since it is what keeps two histories from being signed"
    )]
    Memory {
        /// The file.
        path: PathBuf,
    },
    /// The key that is to be taken over has lost its memory: what it has signed is unknown.
    #[error(
        "{path} is missing: what the key has signed is unknown (if that is right: `veritrail checkpoint --adopt`)"
    )]
    NoMemory {
        /// The folder that should be there.
        path: PathBuf,
    },
    /// Two keys that are to sign together have other names, or not the same memory.
    #[error("{path} does not sign for the same logs: {reason}")]
    OtherSigner {
        /// The second key.
        path: PathBuf,
        /// What differs.
        reason: String,
    },
    /// A signer has no key, or keys of several names.
    #[error("a signer has at least one key, and all of one name; this one has: {0}")]
    Keys(String),
    /// A key of the application's gave no signature.
    #[error("no signature by {name} was made")]
    External {
        /// The key's name.
        name: String,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A signature is missing, or is none of the key that it should be of.
    #[error("the signer gave no valid signature of each of its keys: {0}")]
    BadSignature(String),
}

/// The name of a signer's keys.
pub(crate) fn name_of(signer: &impl Signer) -> Result<String, SignerError> {
    let keys = signer.verifier_keys();
    match keys.split_first() {
        Some((first, others)) if others.iter().all(|key| key.name() == first.name()) => {
            Ok(first.name().to_owned())
        }
        _ => Err(SignerError::Keys(keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))),
    }
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> SignerError {
    SignerError::Io { action, path: path.to_owned(), source }
}
