//! The owner of a run: a folder and the lock that says whether its owner lives.
//!
//! Not here: what to do about a dead one (`run`).

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

/// What every run's folder is called first.
pub(super) const FOLDER_PREFIX: &str = "veritrail-pg-";
const OWNER_FILE: &str = "owner";

/// A folder that is ours for as long as this value lives. Dropping it frees the lock and removes nothing.
#[derive(Debug)]
pub(super) struct Owner {
    folder: PathBuf,
    // Closed on exec, so no child keeps the lock after us.
    _lock: File,
}

impl Owner {
    /// Makes `folder`. It appears under that name with the lock held, so a sweep never sees it without.
    pub(super) fn claim(folder: &Path) -> io::Result<Self> {
        let Some(name) = folder.file_name() else { return Err(io::ErrorKind::InvalidInput.into()) };
        let unnamed = folder.with_file_name(format!(".{}", name.to_string_lossy()));
        fs::create_dir(&unnamed)?;
        // The servers' account must get through, whatever our umask says; what is private lies deeper.
        fs::set_permissions(&unnamed, fs::Permissions::from_mode(0o711))?;
        let lock = File::create(file(&unnamed))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        fs::rename(&unnamed, folder)?;
        Ok(Self { folder: folder.to_owned(), _lock: lock })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
}

/// A name for a folder that nobody else uses.
pub(super) fn new_name() -> anyhow::Result<String> {
    let mut random = [0; 4];
    getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    Ok(format!("{FOLDER_PREFIX}{}-{}", std::process::id(), hex::encode(random)))
}

/// The owner file of a run's folder.
pub(super) fn file(folder: &Path) -> PathBuf {
    folder.join(OWNER_FILE)
}

/// Whether somebody holds the lock of this owner file.
pub(crate) fn is_alive(owner_file: &Path) -> bool {
    match File::open(owner_file) {
        // A shared lock would do to find out, but two sweeps at once would then take each other for the owner's death.
        Ok(lock) => flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        // What we may not even open is not ours to judge.
        Err(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owner_lives_until_it_is_dropped() {
        let root = tempfile::tempdir().unwrap();
        let owner = Owner::claim(&root.path().join("veritrail-pg-1-a")).unwrap();
        let owner_file = file(owner.folder());
        assert!(is_alive(&owner_file));
        drop(owner);
        assert!(!is_alive(&owner_file));
    }

    #[test]
    fn children_do_not_inherit_the_lock() {
        let root = tempfile::tempdir().unwrap();
        let owner = Owner::claim(&root.path().join("veritrail-pg-1-a")).unwrap();
        let owner_file = file(owner.folder());
        let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        drop(owner);
        assert!(!is_alive(&owner_file));
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn owner_file_that_is_absent_is_dead() {
        assert!(!is_alive(Path::new("/nonexistent/owner")));
    }
}
