//! Keys that sign audit entries, one by one, in files that their owner alone may read.
//!
//! Not here: keys that sign checkpoints (`signer/file.rs`). A key of one kind is refused as one of the other.

use std::path::Path;

use veritrail_core::{AuditSignerKey, AuditVerifierKey};
use zeroize::Zeroizing;

use super::SignerError;
use super::secret::{create_private, read_private};

/// Makes a key that signs audit entries from the operating system's random source and writes it to a new file of mode
/// 600. It has no memory: signing one entry twice gives the same signature.
///
/// # Errors
/// [`SignerError::Io`] where the file exists already or cannot be written, [`SignerError::AuditKey`] where the name is
/// none that a key may have.
pub fn create_audit_key(path: &Path, name: &str) -> Result<AuditVerifierKey, SignerError> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *seed).expect("the operating system has a random source");
    let key = AuditSignerKey::from_seed(name, &seed)
        .map_err(|source| SignerError::AuditKey { path: path.to_owned(), source })?;
    create_private(path, &key.to_secret_text())?;
    Ok(key.verifier_key().clone())
}

/// Reads a key that signs audit entries.
///
/// # Errors
/// [`SignerError::Exposed`] where others may read the file, [`SignerError::Io`], [`SignerError::AuditKey`], also where
/// it holds a key that signs notes.
pub fn open_audit_key(path: &Path) -> Result<AuditSignerKey, SignerError> {
    let text = read_private(path)?;
    text.trim_end().parse().map_err(|source| SignerError::AuditKey { path: path.to_owned(), source })
}
