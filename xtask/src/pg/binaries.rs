//! Finds the programs of a PostgreSQL server on this machine.
//!
//! Not here: packages that are not installed (`pg::unpacked`).

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::process;

/// The oldest major version that is supported.
pub(crate) const OLDEST_MAJOR: u32 = 15;
const NEEDED: [&str; 3] = ["initdb", "pg_ctl", "postgres"];
/// Folders whose children are named after a version and have a `bin`.
const VERSION_FOLDERS: [&str; 4] =
    ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt", "/home/linuxbrew/.linuxbrew/opt"];

/// A folder with the programs of a server, and what they need to run.
#[derive(Debug, Clone)]
pub(crate) struct Binaries {
    pub(crate) folder: PathBuf,
    /// Where shared libraries are looked for besides the usual places.
    pub(crate) libraries: Option<OsString>,
}

impl Binaries {
    /// A command that runs one of the programs without what our own environment says about other servers.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.folder.join(program));
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        command.env_remove("DATABASE_URL").env("LC_ALL", "C");
        if let Some(libraries) = &self.libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        command
    }

    /// The major version, if the programs run and are new enough.
    pub(crate) fn check(&self) -> anyhow::Result<u32> {
        let printed = process::output(self.command("postgres").arg("--version"))?;
        let major = parse_major(&printed)
            .with_context(|| format!("`postgres --version` printed `{}`", printed.trim()))?;
        if major < OLDEST_MAJOR {
            bail!("it is PostgreSQL {major}, which is too old");
        }
        Ok(major)
    }
}

/// The newest binaries that can be used: those of PG_BIN alone if it is set.
pub(crate) fn find() -> anyhow::Result<Binaries> {
    if let Some(folder) = env::var_os("PG_BIN") {
        let folder = PathBuf::from(folder);
        return usable(&folder).with_context(|| format!("PG_BIN is {}", folder.display()));
    }
    let mut reasons = Vec::new();
    for folder in candidates() {
        match usable(&folder) {
            Ok(binaries) => return Ok(binaries),
            Err(error) => reasons.push(format!("{}: {error:#}", folder.display())),
        }
    }
    if reasons.is_empty() {
        bail!("no folder on PATH, in {} has initdb, pg_ctl and postgres", VERSION_FOLDERS.join(", "));
    }
    bail!("none can be used: {}", reasons.join("; "))
}

fn usable(folder: &Path) -> anyhow::Result<Binaries> {
    if let Some(absent) = NEEDED.iter().find(|program| !folder.join(program).is_file()) {
        bail!("no {absent} there");
    }
    // Programs find their libraries and templates beside themselves, not beside a link to them.
    let postgres = fs::canonicalize(folder.join("postgres"))?;
    let folder = postgres.parent().context("a program lies in a folder")?.to_owned();
    let binaries = Binaries { folder, libraries: None };
    binaries.check()?;
    Ok(binaries)
}

/// Folders that have the programs: PATH first, then versions, newest first.
fn candidates() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&path).collect::<Vec<_>>();
    let versions = VERSION_FOLDERS.iter().flat_map(|root| newest_first(child_names(Path::new(root)), root));
    let all = on_path.into_iter().chain(versions);
    all.filter(|folder| NEEDED.iter().all(|program| folder.join(program).is_file())).collect()
}

fn child_names(root: &Path) -> Vec<String> {
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// The `bin` folders of `names` like `15`, `postgresql@16` or `postgresql`, by falling version.
fn newest_first(names: Vec<String>, root: &str) -> Vec<PathBuf> {
    let version = |name: &str| -> Option<u32> {
        let rest = name.strip_prefix("postgresql").unwrap_or(name);
        match rest.trim_start_matches('@') {
            "" => Some(0),
            digits => digits.split('.').next()?.parse().ok(),
        }
    };
    let mut versions: Vec<_> = names.into_iter().filter_map(|name| Some((version(&name)?, name))).collect();
    versions.sort_by(|a, b| b.cmp(a));
    versions.into_iter().map(|(_, name)| Path::new(root).join(name).join("bin")).collect()
}

/// `postgres (PostgreSQL) 15.14 (Debian …)`, `postgres (PostgreSQL) 18beta1`.
fn parse_major(printed: &str) -> Option<u32> {
    let version = printed.split_once("(PostgreSQL) ")?.1;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn major_version_is_read() {
        assert_eq!(parse_major("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n"), Some(15));
        assert_eq!(parse_major("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(parse_major("something else"), None);
    }

    #[test]
    fn newest_version_comes_first_and_strangers_are_left_out() {
        let names = ["9.6", "15", "postgresql@16", "postgresql", "redis", "17"].map(str::to_owned).to_vec();
        let folders = newest_first(names, "/opt");
        let expected = ["17", "postgresql@16", "15", "9.6", "postgresql"];
        assert_eq!(folders, expected.map(|name| Path::new("/opt").join(name).join("bin")));
    }

    #[test]
    fn folder_without_programs_is_named_with_what_is_absent() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(usable(folder.path()).unwrap_err().to_string(), "no initdb there");
    }
}
