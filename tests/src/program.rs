//! Programs that a test needs besides a database. Where one is absent the test says so and ends; `cargo xtask test`
//! lists all that was skipped, and `cargo xtask ci` fails on it.
//!
//! Not here: PostgreSQL (`server`).

use std::env;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Where servers lie that are not on every user's PATH.
const SYSTEM_FOLDERS: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// The path of a program, or `None` after `skipped: no <name>` has been said.
///
/// ```no_run
/// # use veritrail_tests::program::require;
/// let Some(redis) = require("redis-server") else { return };
/// ```
#[must_use]
pub fn require(name: &str) -> Option<PathBuf> {
    let found = find(name);
    if found.is_none() {
        skip(&format!("no {name}"));
    }
    found
}

/// The value of an environment variable that names something outside, or `None` after `skipped: no <name>`.
#[must_use]
pub fn require_variable(name: &str) -> Option<String> {
    let found = env::var(name).ok().filter(|value| !value.is_empty());
    if found.is_none() {
        skip(&format!("no {name}"));
    }
    found
}

/// Says that a test is skipped, and why. The caller returns.
pub fn skip(reason: &str) {
    // Written past the test runner's capture, so that it is seen though the test passes.
    let _ = writeln!(std::io::stderr(), "skipped: {reason}");
    let Some(path) = env::var_os("VERITRAIL_SKIP_FILE") else { return };
    let file = OpenOptions::new().create(true).append(true).open(&path);
    // One write, so that lines of several test programs do not mix.
    let written = file.and_then(|mut file| file.write_all(format!("{reason}\n").as_bytes()));
    if let Err(error) = written {
        panic!("cannot note in {} that a test is skipped: {error}", Path::new(&path).display());
    }
}

fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(SYSTEM_FOLDERS.map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|program| program.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn program_is_found_on_path_and_an_absent_one_is_not() {
        assert!(find("sh").is_some());
        assert_eq!(find("veritrail-no-such-program"), None);
    }
}
