//! One run of a task and everything that it starts: a folder, servers, containers, processes. All of it goes when the
//! run ends, on a signal, and, should we be killed, at the next start of any task.
//!
//! The convention, which the package `tests` follows as well for servers that a test starts (`tests/src/server.rs`):
//!
//! * the folder is called `veritrail-pg-<pid>-<random>` and lies in `target/pg` or in the temp folder;
//! * in it is a file `owner`, on which the owner holds an exclusive `flock` for as long as it lives. The folder gets its
//!   name only once the lock is held, so a folder of that name whose lock is free has a dead owner, whoever has its
//!   process id today;
//! * servers keep their data in `<folder>/<name>/data`; other processes carry the folder in `VERITRAIL_OWNER`;
//!   containers carry the path of the owner file in a label.
//!
//! Not here: the cluster of `cargo xtask db`, which has no owner and is never swept (`db`).

mod owner;
mod survivors;

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use rustix::process::geteuid;

use crate::pg::account::Account;
use crate::pg::container;
use crate::shutdown::{self, Removal};
use crate::workspace::Workspace;

pub(crate) use owner::is_alive;
use owner::{FOLDER_PREFIX, Owner};
pub(crate) use survivors::end_processes;

/// The environment variable by which a process of a run is known.
pub(crate) const OWNER_VARIABLE: &str = "VERITRAIL_OWNER";
const POINTER_SUFFIX: &str = "elsewhere";

/// A run that lives. Dropping it removes everything that belongs to it.
#[derive(Debug)]
pub(crate) struct Run {
    // Dropped in this order: the lock is held until all is removed.
    _removal: Removal,
    owner: Owner,
    has_containers: Arc<AtomicBool>,
}

impl Run {
    /// Sweeps what dead runs have left, then begins a new one.
    pub(crate) fn begin(workspace: &Workspace) -> anyhow::Result<Self> {
        sweep(workspace);
        let pg = workspace.pg_folder();
        fs::create_dir_all(&pg).with_context(|| format!("cannot make {}", pg.display()))?;
        let root = reachable_folder(&pg)?;
        let name = owner::new_name()?;
        let folder = root.join(&name);
        let pointer = (root != pg).then(|| pg.join(&name).with_extension(POINTER_SUFFIX));
        let has_containers = Arc::new(AtomicBool::new(false));
        let removal = {
            let (folder, pointer, has_containers) = (folder.clone(), pointer.clone(), has_containers.clone());
            shutdown::on_exit(move || {
                if has_containers.load(Ordering::SeqCst) {
                    container::remove_of(&owner::file(&folder));
                }
                remove(&folder);
                // Servers that tests of this run have started die with it, and their owners are dead by now.
                sweep_folder(&std::env::temp_dir());
                if let Some(pointer) = pointer {
                    let _ = fs::remove_file(pointer);
                }
            })
        };
        if let Some(pointer) = &pointer {
            let text = format!("{}\n", folder.display());
            fs::write(pointer, text).with_context(|| format!("cannot write {}", pointer.display()))?;
        }
        let owner = Owner::claim(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        *current() = Some(folder);
        Ok(Self { _removal: removal, owner, has_containers })
    }

    pub(crate) fn folder(&self) -> &Path {
        self.owner.folder()
    }

    pub(crate) fn owner_file(&self) -> PathBuf {
        owner::file(self.folder())
    }

    /// Says that containers may exist from now on.
    pub(crate) fn expect_containers(&self) {
        self.has_containers.store(true, Ordering::SeqCst);
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        *current() = None;
    }
}

/// Marks `command`, and all that it starts, as belonging to the run that there is, if there is one.
pub(crate) fn mark(command: &mut Command) {
    if let Some(folder) = &*current() {
        command.env(OWNER_VARIABLE, folder);
    }
}

/// The folder of the run that there is: a task has one at a time.
fn current() -> MutexGuard<'static, Option<PathBuf>> {
    static CURRENT: Mutex<Option<PathBuf>> = Mutex::new(None);
    CURRENT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `preferred` if the account that runs servers can reach it, else the temp folder.
pub(crate) fn reachable_folder(preferred: &Path) -> anyhow::Result<PathBuf> {
    let Some(account) = Account::for_servers()? else { return Ok(preferred.to_owned()) };
    if account.can_reach(preferred) {
        return Ok(preferred.to_owned());
    }
    let temp = std::env::temp_dir();
    anyhow::ensure!(
        account.can_reach(&temp),
        "the account `{}`, which runs servers because we are root, can reach neither {} nor {}",
        account.name,
        preferred.display(),
        temp.display()
    );
    Ok(temp)
}

/// Removes what runs have left whose owner is dead.
pub(crate) fn sweep(workspace: &Workspace) {
    container::sweep();
    let pg = workspace.pg_folder();
    // In this order: a dead run's tests, which end with it, own the servers in the temp folder.
    sweep_folder(&pg);
    sweep_folder(&std::env::temp_dir());
    remove_stale_pointers(&pg);
}

fn sweep_folder(root: &Path) {
    let Ok(entries) = fs::read_dir(root) else { return };
    for entry in entries.flatten() {
        let Ok(metadata) = entry.metadata() else { continue };
        // The temp folder is everybody's: what another user has put there is theirs to remove.
        let ours = metadata.is_dir() && metadata.uid() == geteuid().as_raw();
        let named = entry.file_name().to_string_lossy().starts_with(FOLDER_PREFIX);
        if ours && named && !is_alive(&owner::file(&entry.path())) {
            eprintln!("removing {}, whose owner is dead", entry.path().display());
            remove(&entry.path());
        }
    }
}

/// Ends what runs in `folder` or for it, then removes it.
fn remove(folder: &Path) {
    end_processes(folder);
    remove_folder(folder);
}

/// Removes `folder`, again if something was still writing in it.
pub(crate) fn remove_folder(folder: &Path) {
    const ATTEMPTS: usize = 5;
    for attempt in 1..=ATTEMPTS {
        match fs::remove_dir_all(folder) {
            Ok(()) => return,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
            Err(error) if attempt == ATTEMPTS => eprintln!("cannot remove {}: {error}", folder.display()),
            Err(_) => std::thread::sleep(std::time::Duration::from_millis(100)),
        }
    }
}

fn remove_stale_pointers(pg: &Path) {
    let Ok(entries) = fs::read_dir(pg) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != POINTER_SUFFIX) {
            continue;
        }
        if let Ok(text) = fs::read_to_string(&path)
            && !Path::new(text.trim()).exists()
        {
            let _ = fs::remove_file(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sweep_removes_a_dead_owners_folder_and_leaves_a_live_ones() {
        let root = tempfile::tempdir().unwrap();
        let live = Owner::claim(&root.path().join("veritrail-pg-1-live")).unwrap();
        let dead = Owner::claim(&root.path().join("veritrail-pg-1-dead")).unwrap();
        let dead_folder = dead.folder().to_owned();
        fs::create_dir_all(dead_folder.join("pg/data")).unwrap();
        drop(dead);
        fs::create_dir(root.path().join("default")).unwrap();

        sweep_folder(root.path());

        assert!(live.folder().exists());
        assert!(!dead_folder.exists());
        assert!(root.path().join("default").exists());
    }

    // Elsewhere than on Linux a process cannot be known by its environment.
    #[cfg(target_os = "linux")]
    #[test]
    fn sweep_ends_processes_of_a_dead_owner() {
        let root = tempfile::tempdir().unwrap();
        let owner = Owner::claim(&root.path().join("veritrail-pg-1-dead")).unwrap();
        let mut child = Command::new("sleep").arg("600").env(OWNER_VARIABLE, owner.folder()).spawn().unwrap();
        drop(owner);
        let reaper = std::thread::spawn(move || child.wait().unwrap());
        sweep_folder(root.path());
        assert!(!reaper.join().unwrap().success());
    }

    #[test]
    fn pointer_to_a_folder_that_is_gone_is_removed() {
        let root = tempfile::tempdir().unwrap();
        let stale = root.path().join("a.elsewhere");
        let good = root.path().join("b.elsewhere");
        fs::write(&stale, "/nonexistent/veritrail\n").unwrap();
        fs::write(&good, format!("{}\n", root.path().display())).unwrap();
        remove_stale_pointers(root.path());
        assert!(!stale.exists() && good.exists());
    }
}
