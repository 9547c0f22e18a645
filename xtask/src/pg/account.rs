//! The account that runs servers. PostgreSQL refuses to be run by root, and rightly: so when we are root, an
//! unprivileged account runs it.
//!
//! Not here: what it runs (`pg::cluster`).

use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};
use rustix::process::geteuid;

use crate::process;

/// In order of preference: the account that is made for it, then the one that owns nothing.
const CANDIDATES: [&str; 2] = ["postgres", "nobody"];

/// An account of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl Account {
    /// The account to change to, or none when we are unprivileged ourselves.
    pub(crate) fn for_servers() -> anyhow::Result<Option<Self>> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        let found = CANDIDATES.into_iter().find_map(|name| Self::look_up(name).ok());
        let Some(account) = found else {
            bail!(
                "we are root, and this machine has neither an account `postgres` nor `nobody` to run a server by"
            )
        };
        Ok(Some(account))
    }

    /// `id` asks every source of accounts that the machine has, not just /etc/passwd.
    fn look_up(name: &str) -> anyhow::Result<Self> {
        let number = |option| -> anyhow::Result<u32> {
            process::output(Command::new("id").args([option, name]))?.trim().parse().context("not a number")
        };
        let account = Self { name: name.to_owned(), uid: number("-u")?, gid: number("-g")? };
        anyhow::ensure!(account.uid != 0, "`{name}` is root");
        Ok(account)
    }

    /// Makes `command` run by this account. When root changes its user in this way, the standard library also drops
    /// all supplementary groups, before it gives up the right to.
    pub(crate) fn apply(&self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid).env("USER", &self.name).env("LOGNAME", &self.name);
    }

    /// Whether this account can go through every folder on the way to `path`, and into it.
    pub(crate) fn can_reach(&self, path: &Path) -> bool {
        path.ancestors().all(|folder| {
            folder.metadata().is_ok_and(|found| self.can_search(found.mode(), found.uid(), found.gid()))
        })
    }

    /// The first class that fits decides, as in the kernel.
    fn can_search(&self, mode: u32, uid: u32, gid: u32) -> bool {
        let bit = if uid == self.uid {
            0o100
        } else if gid == self.gid {
            0o010
        } else {
            0o001
        };
        mode & bit != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> Account {
        Account { name: "someone".to_owned(), uid: 65534, gid: 65533 }
    }

    #[test]
    fn folder_is_searched_by_the_class_that_fits() {
        let account = account();
        assert!(account.can_search(0o755, 0, 0));
        assert!(!account.can_search(0o700, 0, 0));
        assert!(account.can_search(0o700, 65534, 0));
        assert!(!account.can_search(0o077, 65534, 65533));
        assert!(account.can_search(0o710, 0, 65533));
        assert!(!account.can_search(0o701, 0, 65533));
    }

    #[test]
    fn private_folder_is_out_of_reach() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        assert!(!account().can_reach(folder.path()));
        assert!(!account().can_reach(&folder.path().join("absent")));
    }

    #[test]
    fn root_gives_up_its_user_its_group_and_all_other_groups() {
        // Only root can change its user; elsewhere there is no account to change to.
        let Some(account) = Account::for_servers().unwrap() else { return };
        let mut command = Command::new("sh");
        account.apply(command.args(["-c", "id -u; id -g; id -G"]));
        let printed = process::output(&mut command).unwrap();
        assert_eq!(printed, format!("{}\n{}\n{}\n", account.uid, account.gid, account.gid));
    }
}
