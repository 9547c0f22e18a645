//! The signer's memory: for each log, the last head that was signed, in files outside of PostgreSQL.
//!
//! Whoever can change the database, or restores an old backup of it, can then not have two histories signed. What
//! is compared with the memory is in `publish`.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use veritrail_core::{Epoch, Hash, Origin};
use veritrail_merkle::checkpoint::Checkpoint;
use veritrail_merkle::{Sha256Hasher, TreeHasher};

use super::{SignerError, io_error};

const PRIVATE_FILE: u32 = 0o600;
const PRIVATE_FOLDER: u32 = 0o700;

/// A folder that remembers what was signed. Processes that share it take turns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignerMemory {
    folder: PathBuf,
}

impl SignerMemory {
    /// The memory in a folder, which may be missing: then what was signed is unknown.
    ///
    /// A link is followed once, now: it leads to the same memory as what it points to.
    #[must_use]
    pub fn at(folder: &Path) -> Self {
        Self { folder: fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned()) }
    }

    /// Makes the memory of a key that has signed nothing yet; one that is there already is kept as it is.
    ///
    /// # Errors
    /// [`SignerError::Io`].
    pub fn create(folder: &Path) -> Result<Self, SignerError> {
        let memory = Self { folder: folder.to_owned() };
        memory.make()?;
        Ok(Self::at(folder))
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether the memory is there at all. It is made with the key; without it, what was signed is unknown.
    pub(crate) fn exists(&self) -> bool {
        self.folder.is_dir()
    }

    fn make(&self) -> Result<(), SignerError> {
        let folder = &self.folder;
        fs::create_dir_all(folder).map_err(|source| io_error("create", folder, source))?;
        fs::set_permissions(folder, Permissions::from_mode(PRIVATE_FOLDER))
            .map_err(|source| io_error("change", folder, source))
    }

    /// Takes the memory of one log for oneself, waiting until nobody else has it. Blocks the thread.
    ///
    /// There is one memory for all epochs of a log: otherwise another epoch in the database would have no past.
    pub(crate) fn lock(&self, origin: &Origin) -> Result<LockedMemory, SignerError> {
        self.make()?;
        // The origin itself is no file name; its hash is.
        let log = format!("{}/{}", origin.prefix, origin.log_id);
        let name = Sha256Hasher.hash_leaf(log.as_bytes()).to_string();
        let lock_path = self.folder.join(format!("{name}.lock"));
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
            folder: self.folder.clone(),
            path: self.folder.join(name),
            _lock: lock,
        })
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

    /// Remembers the body of a checkpoint, durably, before its signature leaves this process.
    pub(crate) fn write(&self, body: &str) -> Result<(), SignerError> {
        let fresh = self.path.with_extension("new");
        let failed = |source| io_error("write", &fresh, source);
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(PRIVATE_FILE)
            .open(&fresh)
            .map_err(failed)?;
        file.write_all(body.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        fs::rename(&fresh, &self.path).map_err(failed)?;
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(failed)
    }
}
