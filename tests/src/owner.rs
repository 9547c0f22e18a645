//! The folder of something that a test starts, by the same convention as the folders of `cargo xtask` (`xtask/src/run.rs`),
//! whose next start removes it should this test be killed:
//!
//! * the folder is called `veritrail-pg-<pid>-<unique>` and lies in the temp folder;
//! * in it is a file `owner`, on which we hold an exclusive `flock` for as long as we live. The folder gets its name
//!   only once the lock is held;
//! * servers keep their data in `<folder>/<name>/data`.
//!
//! Not here: what runs in the folder (`server`).

use std::env;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{FlockOperation, flock};

const REMOVAL_ATTEMPTS: usize = 5;

static NEXT: AtomicU32 = AtomicU32::new(1);

/// A folder that is removed when this is dropped, or by the next start of `cargo xtask`.
#[derive(Debug)]
pub(crate) struct OwnedFolder {
    path: PathBuf,
    // Closed on exec, so no child keeps the lock after us.
    _lock: File,
}

impl OwnedFolder {
    pub(crate) fn create() -> io::Result<Self> {
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("veritrail-pg-{}-{nanos:x}{number:x}", std::process::id());
        let unnamed = env::temp_dir().join(format!(".{name}"));
        let path = env::temp_dir().join(name);
        fs::create_dir(&unnamed)?;
        fs::set_permissions(&unnamed, Permissions::from_mode(0o711))?;
        let lock = File::create(unnamed.join("owner"))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        fs::rename(&unnamed, &path)?;
        Ok(Self { path, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for OwnedFolder {
    fn drop(&mut self) {
        for _ in 0..REMOVAL_ATTEMPTS {
            // Something that is ending may still write a file in it.
            if fs::remove_dir_all(&self.path).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        eprintln!("cannot remove {}", self.path.display());
    }
}
