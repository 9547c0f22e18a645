//! Signing keys in files, and the memory that a signer of checkpoints keeps beside its own.
//!
//! The memory holds, for each log, the last head that was signed. It lies outside PostgreSQL, so that whoever
//! can change the database, or restores an old backup of it, cannot have two histories signed.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use veritrail_core::{AuditKeyError, AuditSignerKey, AuditVerifierKey, Epoch, Hash, Origin};
use veritrail_merkle::checkpoint::Checkpoint;
use veritrail_merkle::note::{KeyError, SignerKey, VerifierKey};
use veritrail_merkle::{Sha256Hasher, TreeHasher};
use zeroize::Zeroizing;

/// Access for the owner alone.
const PRIVATE_FILE: u32 = 0o600;
const PRIVATE_FOLDER: u32 = 0o700;

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
}

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

/// An Ed25519 key in a file of mode 600, with its memory in the folder `<file>.memory`.
pub struct FileSigner {
    key: SignerKey,
    memory: PathBuf,
}

impl FileSigner {
    /// Makes a key from the operating system's random source and writes it to a new file.
    ///
    /// # Errors
    /// [`SignerError::Io`] where the file exists already or cannot be written, [`SignerError::Key`] where the
    /// name is empty, too long or has a space or `+`.
    pub fn create(path: &Path, name: &str) -> Result<VerifierKey, SignerError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).expect("the operating system has a random source");
        let key = SignerKey::from_seed(name, &seed)
            .map_err(|source| SignerError::Key { path: path.to_owned(), source })?;
        create_private(path, &key.to_secret_text())?;
        // A new key has signed nothing: its memory is there from the start, so that a missing one is a lost one.
        create_memory(&memory_of(path)?)?;
        Ok(key.verifier_key())
    }

    /// Reads a key.
    ///
    /// # Errors
    /// [`SignerError::Exposed`] where others may read the file, [`SignerError::Io`], [`SignerError::Key`].
    pub fn open(path: &Path) -> Result<Self, SignerError> {
        let text = read_private(path)?;
        let key: SignerKey =
            text.trim_end().parse().map_err(|source| SignerError::Key { path: path.to_owned(), source })?;
        Ok(Self { key, memory: memory_of(path)? })
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

    pub(crate) fn key(&self) -> &SignerKey {
        &self.key
    }

    /// Whether the memory is there at all. It is made with the key; without it, what was signed is unknown.
    pub(crate) fn has_memory(&self) -> bool {
        self.memory.is_dir()
    }

    /// Takes the memory of one log for oneself, waiting until nobody else has it. Blocks the thread.
    ///
    /// There is one memory for all epochs of a log: otherwise another epoch in the database would have no past.
    pub(crate) fn lock(&self, origin: &Origin) -> Result<LockedMemory, SignerError> {
        create_memory(&self.memory)?;
        // The origin itself is no file name; its hash is.
        let log = format!("{}/{}", origin.prefix, origin.log_id);
        let name = Sha256Hasher.hash_leaf(log.as_bytes()).to_string();
        let lock_path = self.memory.join(format!("{name}.lock"));
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(PRIVATE_FILE)
            .open(&lock_path)
            .map_err(|source| io_error("open", &lock_path, source))?;
        flock(&lock, FlockOperation::LockExclusive)
            .map_err(|error| io_error("lock", &lock_path, error.into()))?;
        Ok(LockedMemory {
            origin: origin.clone(),
            folder: self.memory.clone(),
            path: self.memory.join(name),
            _lock: lock,
        })
    }
}

impl std::fmt::Debug for FileSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileSigner").field("name", &self.name()).finish_non_exhaustive()
    }
}

/// What was signed last of a log.
#[derive(Clone, Copy)]
pub(crate) struct Signed {
    pub(crate) epoch: Epoch,
    pub(crate) size: u64,
    pub(crate) root: Hash,
}

/// The memory of one log, held until it is dropped.
pub(crate) struct LockedMemory {
    origin: Origin,
    folder: PathBuf,
    path: PathBuf,
    _lock: File,
}

impl LockedMemory {
    /// The last head that was signed, if any was, and the epoch of the log at that time.
    pub(crate) fn read(&self) -> Result<Option<Signed>, SignerError> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(io_error("read", &self.path, source)),
        };
        let unreadable = || SignerError::Memory { path: self.path.clone() };
        let checkpoint = Checkpoint::parse(&text).map_err(|_| unreadable())?;
        let origin: Origin = checkpoint.origin.parse().map_err(|_| unreadable())?;
        if origin.prefix != self.origin.prefix || origin.log_id != self.origin.log_id {
            return Err(unreadable());
        }
        Ok(Some(Signed { epoch: origin.epoch, size: checkpoint.size, root: checkpoint.root }))
    }

    /// Remembers a head, durably, before its signature leaves this process.
    pub(crate) fn write(&self, checkpoint: &Checkpoint) -> Result<(), SignerError> {
        let text = checkpoint.to_body().expect("a checkpoint of ours has a one-line origin");
        let fresh = self.path.with_extension("new");
        let failed = |source| io_error("write", &fresh, source);
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(PRIVATE_FILE)
            .open(&fresh)
            .map_err(failed)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        fs::rename(&fresh, &self.path).map_err(failed)?;
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(failed)
    }
}

/// Writes a secret to a new file that its owner alone may read.
fn create_private(path: &Path, secret: &str) -> Result<(), SignerError> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(PRIVATE_FILE)
        .open(path)
        .map_err(|source| io_error("create", path, source))?;
    let line = Zeroizing::new([secret, "\n"].concat());
    file.write_all(line.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|source| io_error("write", path, source))
}

/// Reads a secret from a file that its owner alone may read.
fn read_private(path: &Path) -> Result<Zeroizing<String>, SignerError> {
    let metadata = fs::metadata(path).map_err(|source| io_error("read", path, source))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(SignerError::Exposed { path: path.to_owned(), mode });
    }
    fs::read_to_string(path).map(Zeroizing::new).map_err(|source| io_error("read", path, source))
}

/// The folder of a key's memory, beside the file that the path leads to: a link to a key is the same key.
fn memory_of(key: &Path) -> Result<PathBuf, SignerError> {
    let key = fs::canonicalize(key).map_err(|source| io_error("read", key, source))?;
    let mut memory = key.into_os_string();
    memory.push(".memory");
    Ok(memory.into())
}

fn create_memory(folder: &Path) -> Result<(), SignerError> {
    fs::create_dir_all(folder).map_err(|source| io_error("create", folder, source))?;
    fs::set_permissions(folder, Permissions::from_mode(PRIVATE_FOLDER))
        .map_err(|source| io_error("change", folder, source))
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> SignerError {
    SignerError::Io { action, path: path.to_owned(), source }
}
