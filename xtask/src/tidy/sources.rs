//! Rules on one Rust file: its header, its length, its name, and what it must not call.
//!
//! Not here: which crates a crate may use (`arrows`).

use std::path::Path;

use super::Violation;
use super::code::only_code;

const LINE_LIMIT: usize = 500;
const FORBIDDEN_NAMES: [&str; 7] = ["util", "utils", "helper", "helpers", "common", "misc", "manager"];
const FORBIDDEN_EVERYWHERE: [&str; 3] = ["todo!(", "unimplemented!(", "#[ignore"];
const FORBIDDEN_OUTSIDE_TESTS: &str = ".unwrap()";

pub(super) fn check(path: &Path, text: &str) -> Vec<Violation> {
    let tests_begin = first_test_line(text);
    let mut violations = Vec::new();
    violations.extend(header(path, text));
    violations.extend(name(path));
    violations.extend(length(path, tests_begin));
    violations.extend(forbidden_code(path, text, tests_begin));
    violations
}

fn header(path: &Path, text: &str) -> Option<Violation> {
    (!text.starts_with("//!"))
        .then(|| Violation::new(path, 1, "begins with `//!`: what the file is for, and what it is not for"))
}

fn name(path: &Path) -> Option<Violation> {
    let stem = path.file_stem()?.to_str()?;
    let folders = path.parent().into_iter().flat_map(Path::iter).filter_map(|folder| folder.to_str());
    if stem == "mod" {
        return Some(Violation::new(path, 1, "`foo.rs` beside `foo/`, no `mod.rs`"));
    }
    let found = folders.chain([stem]).find(|name| FORBIDDEN_NAMES.contains(name))?;
    Some(Violation::new(path, 1, format!("`{found}` says nothing about what is in it")))
}

fn length(path: &Path, lines: usize) -> Option<Violation> {
    (lines > LINE_LIMIT).then(|| {
        Violation::new(path, LINE_LIMIT + 1, format!("{lines} lines before the tests, at most {LINE_LIMIT}"))
    })
}

fn forbidden_code(path: &Path, text: &str, tests_begin: usize) -> Vec<Violation> {
    let is_test_file = path.iter().any(|folder| folder == "tests" || folder == "benches");
    let mut violations = Vec::new();
    for (index, line) in only_code(text).lines().enumerate() {
        for word in FORBIDDEN_EVERYWHERE.iter().filter(|word| line.contains(**word)) {
            violations.push(Violation::new(
                path,
                index + 1,
                format!("no `{word}`: what is in the tree works"),
            ));
        }
        if !is_test_file && index < tests_begin && line.contains(FORBIDDEN_OUTSIDE_TESTS) {
            let rule = "no `unwrap` outside tests; `expect` with the invariant as its text";
            violations.push(Violation::new(path, index + 1, rule));
        }
    }
    violations
}

/// How many lines come before the module of tests.
fn first_test_line(text: &str) -> usize {
    let lines: Vec<_> = text.lines().collect();
    let found = lines.windows(2).position(|pair| {
        pair[0].trim() == "#[cfg(test)]"
            && pair[1].trim_start().trim_start_matches("pub(crate) ").starts_with("mod ")
    });
    found.unwrap_or(lines.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &str, text: &str) -> Vec<(usize, String)> {
        check(Path::new(path), text).into_iter().map(|violation| (violation.line, violation.rule)).collect()
    }

    fn assert_broken(path: &str, text: &str, line: usize, part: &str) {
        let found = rules(path, text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, line);
        assert!(found[0].1.contains(part), "{found:?}");
    }

    #[test]
    fn good_file_breaks_no_rule() {
        let text = "//! For x.\nfn f() {}\n#[cfg(test)]\nmod tests {\n    fn g() { h().unwrap(); }\n}\n";
        assert_eq!(rules("crates/core/src/a.rs", text), []);
    }

    #[test]
    fn file_without_header_is_found() {
        assert_broken("a.rs", "use std::fs;\n", 1, "begins with");
    }

    #[test]
    fn module_files_and_empty_names_are_found() {
        assert_broken("a/mod.rs", "//! X.\n", 1, "mod.rs");
        assert_broken("a/utils.rs", "//! X.\n", 1, "`utils`");
        assert_broken("helpers/a.rs", "//! X.\n", 1, "`helpers`");
    }

    #[test]
    fn long_file_is_found_and_its_tests_are_not_counted() {
        let code = "//! X.\n".to_owned() + &"fn f() {}\n".repeat(500);
        assert_broken("a.rs", &code, 501, "501 lines");
        let tested = "//! X.\n#[cfg(test)]\nmod tests {\n".to_owned() + &"fn f() {}\n".repeat(600) + "}\n";
        assert_eq!(rules("a.rs", &tested), []);
    }

    #[test]
    fn unfinished_code_is_found_also_in_tests() {
        assert_broken("a.rs", "//! X.\nfn f() { todo!() }\n", 2, "todo!(");
        assert_broken("tests/tests/a.rs", "//! X.\n\nfn f() { unimplemented!() }\n", 3, "unimplemented!(");
        assert_broken("a.rs", "//! X.\n#[cfg(test)]\nmod tests {\n#[ignore = \"slow\"]\n}\n", 4, "#[ignore");
    }

    #[test]
    fn unwrap_is_found_outside_tests_alone() {
        assert_broken("crates/core/src/a.rs", "//! X.\nfn f() { g().unwrap(); }\n", 2, "unwrap");
        assert_eq!(rules("crates/core/tests/a.rs", "//! X.\nfn f() { g().unwrap(); }\n"), []);
        assert_eq!(rules("a.rs", "//! X.\nfn f() { g(\".unwrap()\"); } // .unwrap()\n"), []);
    }
}
