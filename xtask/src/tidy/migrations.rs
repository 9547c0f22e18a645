//! Rules on migrations: each goes up and down, and says first why it is there.
//!
//! Not here: what they do; the tests of `veritrail migrate` apply and revert them.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;

use super::{TextFile, Violation};

const FOLDER: &str = "migrations";
const FILES: [&str; 2] = ["up.sql", "down.sql"];

pub(super) fn check(files: &[TextFile]) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut migrations: BTreeMap<&Path, Vec<&OsStr>> = BTreeMap::new();
    for file in files {
        let (Some(folder), Some(name)) = (file.path.parent(), file.path.file_name()) else { continue };
        if !file.path.starts_with(FOLDER) || !FILES.iter().any(|known| name == *known) {
            continue;
        }
        migrations.entry(folder).or_default().push(name);
        if !begins_with_reason(&file.text) {
            violations.push(Violation::new(&file.path, 1, "begins with a comment that says why"));
        }
    }
    for (folder, names) in migrations {
        for absent in FILES.iter().filter(|known| !names.contains(&OsStr::new(known))) {
            violations.push(Violation::new(folder.join(absent), 1, "a migration goes up and down"));
        }
    }
    violations
}

fn begins_with_reason(text: &str) -> bool {
    text.strip_prefix("--")
        .is_some_and(|rest| rest.lines().next().is_some_and(|line| !line.trim().is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> TextFile {
        TextFile { path: path.into(), text: text.to_owned() }
    }

    #[test]
    fn migration_with_both_ways_and_a_reason_breaks_no_rule() {
        let files = [
            file("migrations/1_a/up.sql", "-- Why.\nSELECT 1;"),
            file("migrations/1_a/down.sql", "-- Why.\n"),
        ];
        assert!(check(&files).is_empty());
    }

    #[test]
    fn migration_without_a_way_down_is_found() {
        let found = check(&[file("migrations/1_a/up.sql", "-- Why.\n")]);
        assert_eq!(found, [Violation::new("migrations/1_a/down.sql", 1, "a migration goes up and down")]);
    }

    #[test]
    fn migration_without_a_reason_is_found() {
        let files =
            [file("migrations/1_a/up.sql", "SELECT 1;"), file("migrations/1_a/down.sql", "--\nSELECT 1;")];
        assert_eq!(check(&files).len(), 2);
    }
}
