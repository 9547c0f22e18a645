//! A signing key in a file that its owner alone may read, with its memory in the folder `<file>.memory` beside it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use veritrail_merkle::note::{Signature, SignerKey, VerifierKey};
use zeroize::Zeroizing;

use super::secret::{create_private, read_private};
use super::{Signer, SignerError, SignerMemory, io_error};

/// An Ed25519 key in a file of mode 600, with its memory in the folder `<file>.memory`.
pub struct FileSigner {
    key: SignerKey,
    /// The key that this one takes over from, as long as both sign.
    outgoing: Option<SignerKey>,
    memory: SignerMemory,
}

impl FileSigner {
    /// Makes a key from the operating system's random source and writes it to a new file.
    ///
    /// # Errors
    /// [`SignerError::Io`] where the file exists already or cannot be written, [`SignerError::Key`] where the
    /// name is empty, too long or has a space or `+`.
    pub fn create(path: &Path, name: &str) -> Result<VerifierKey, SignerError> {
        let key = write_new_key(path, name)?;
        // A new key has signed nothing: its memory is there from the start, so that a missing one is a lost one.
        SignerMemory::create(&memory_beside(path)?)?;
        Ok(key)
    }

    /// Makes a key that takes over from another one: with its name, for the same logs, and with its memory, so that
    /// neither signs what contradicts the other.
    ///
    /// The new key's memory is a link to the old one's, which must stay when the old key is deleted. While readers
    /// learn of the new key, sign with both ([`with_outgoing`](Self::with_outgoing)).
    ///
    /// # Errors
    /// Those of [`open`](Self::open) for the old key and of [`create`](Self::create) for the new one;
    /// [`SignerError::NoMemory`] where the old one has lost its memory.
    pub fn create_successor(path: &Path, old: &Path) -> Result<VerifierKey, SignerError> {
        let old = Self::open(old)?;
        if !old.memory.exists() {
            return Err(SignerError::NoMemory { path: old.memory.folder().to_owned() });
        }
        let key = write_new_key(path, old.key.name())?;
        let link = memory_beside(path)?;
        symlink(seen_from(&link, old.memory.folder()), &link).map_err(|source| {
            // A key without its memory is of no use; that the link failed is what is told.
            let _ = fs::remove_file(path);
            io_error("create", &link, source)
        })?;
        Ok(key)
    }

    /// Reads a key.
    ///
    /// # Errors
    /// [`SignerError::Exposed`] where others may read the file, [`SignerError::Io`], [`SignerError::Key`].
    pub fn open(path: &Path) -> Result<Self, SignerError> {
        let text = read_private(path)?;
        let key: SignerKey =
            text.trim_end().parse().map_err(|source| SignerError::Key { path: path.to_owned(), source })?;
        Ok(Self { key, outgoing: None, memory: SignerMemory::at(&memory_beside(path)?) })
    }

    /// The same signer, which also signs with the key that it takes over from, so that who trusts only one of
    /// the two can check what is signed.
    ///
    /// # Errors
    /// Those of [`open`](Self::open); [`SignerError::OtherSigner`] where the keys have other names or not the same
    /// memory.
    pub fn with_outgoing(self, path: &Path) -> Result<Self, SignerError> {
        let old = Self::open(path)?;
        let other = |reason: String| SignerError::OtherSigner { path: path.to_owned(), reason };
        if old.key.name() != self.key.name() {
            let reason = format!("its name is `{}`, not `{}`", old.key.name(), self.key.name());
            return Err(other(reason));
        }
        if old.memory != self.memory {
            let (own, others) = (self.memory.folder().display(), old.memory.folder().display());
            return Err(other(format!("its memory is {others}, not {own}")));
        }
        if old.key.id() == self.key.id() {
            return Err(other("it is the same key".to_owned()));
        }
        Ok(Self { outgoing: Some(old.key), ..self })
    }

    /// The key's name: the prefix of the origins that it signs for.
    #[must_use]
    pub fn name(&self) -> &str {
        self.key.name()
    }

    /// The key that checks this one's signatures.
    #[must_use]
    pub fn verifier_key(&self) -> VerifierKey {
        self.key.verifier_key()
    }
}

impl Signer for FileSigner {
    fn verifier_keys(&self) -> Vec<VerifierKey> {
        [&self.key].into_iter().chain(&self.outgoing).map(SignerKey::verifier_key).collect()
    }

    fn sign(&self, text: &str) -> Result<Vec<Signature>, SignerError> {
        Ok([&self.key].into_iter().chain(&self.outgoing).map(|key| key.sign(text)).collect())
    }

    fn memory(&self) -> &SignerMemory {
        &self.memory
    }
}

impl std::fmt::Debug for FileSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileSigner").field("name", &self.name()).finish_non_exhaustive()
    }
}

fn write_new_key(path: &Path, name: &str) -> Result<VerifierKey, SignerError> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *seed).expect("the operating system has a random source");
    let key = SignerKey::from_seed(name, &seed)
        .map_err(|source| SignerError::Key { path: path.to_owned(), source })?;
    create_private(path, &key.to_secret_text())?;
    Ok(key.verifier_key())
}

/// What a link must say to lead to a folder: its name alone where both lie side by side, so that they can be moved.
fn seen_from<'a>(link: &Path, folder: &'a Path) -> &'a Path {
    match folder.file_name() {
        Some(name) if link.parent() == folder.parent() => Path::new(name),
        _ => folder,
    }
}

/// The folder of a key's memory, beside the file that the path leads to: a link to a key is the same key.
fn memory_beside(key: &Path) -> Result<PathBuf, SignerError> {
    let key = fs::canonicalize(key).map_err(|source| io_error("read", key, source))?;
    let mut memory = key.into_os_string();
    memory.push(".memory");
    Ok(memory.into())
}
