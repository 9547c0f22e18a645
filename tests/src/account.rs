//! The account that runs a test's servers, since PostgreSQL refuses to be run by root.
//!
//! Not here: the servers (`server`).

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::process::geteuid;

/// An unprivileged account, by user and group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl Account {
    /// The account to change to, or none when we are unprivileged ourselves.
    pub(crate) fn for_servers() -> Option<Self> {
        if !geteuid().is_root() {
            return None;
        }
        let found = ["postgres", "nobody"].into_iter().find_map(Self::look_up);
        Some(found.expect("a machine has an account `postgres` or `nobody`"))
    }

    fn look_up(name: &str) -> Option<Self> {
        let number = |option| -> Option<u32> {
            let output = Command::new("id").args([option, name]).output().ok()?;
            String::from_utf8(output.stdout).ok()?.trim().parse().ok()
        };
        Some(Self { uid: number("-u")?, gid: number("-g")? })
    }

    /// Makes `command` run by this account; the standard library drops the supplementary groups as well.
    pub(crate) fn apply(self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }
}
