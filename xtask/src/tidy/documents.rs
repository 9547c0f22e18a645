//! Rules on documents: those that must be there, and what they say that can drift.
//!
//! Not here: whether the README's example compiles. It equals a file that does.

use std::path::Path;

use super::{TextFile, Violation};
use crate::workspace::Workspace;

const REQUIRED: [&str; 3] = ["CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"];
const ARCHITECTURE: &str = "docs/architecture.md";
const README: &str = "README.md";
const EXAMPLE: &str = "crates/store-pg/examples/quickstart.rs";

pub(super) fn check(workspace: &Workspace, files: &[TextFile]) -> Vec<Violation> {
    let text =
        |path: &str| files.iter().find(|file| file.path == Path::new(path)).map(|file| file.text.as_str());
    let crates: Vec<_> = workspace
        .packages
        .iter()
        .map(|package| {
            let folder = package
                .manifest
                .parent()
                .map(|folder| workspace.relative(folder).to_string_lossy().into_owned());
            (package.name.clone(), folder.unwrap_or_default())
        })
        .collect();
    let mut violations = required(|path| text(path).is_some());
    violations.extend(architecture(text(ARCHITECTURE), &crates));
    violations.extend(example(text(README), text(EXAMPLE)));
    violations
}

fn required(exists: impl Fn(&str) -> bool) -> Vec<Violation> {
    let absent = REQUIRED.iter().filter(|path| !exists(path));
    absent.map(|path| Violation::new(*path, 1, "this document is missing")).collect()
}

/// Every crate is named in the code map, by its name or its folder.
fn architecture(text: Option<&str>, crates: &[(String, String)]) -> Vec<Violation> {
    let Some(text) = text else { return vec![Violation::new(ARCHITECTURE, 1, "this document is missing")] };
    let unnamed = crates.iter().filter(|(name, folder)| {
        !text.contains(&format!("`{name}`")) && !text.contains(&format!("`{folder}`"))
    });
    unnamed
        .map(|(name, _)| Violation::new(ARCHITECTURE, 1, format!("the crate `{name}` is not named")))
        .collect()
}

/// The README's first Rust block is the example, to the letter.
fn example(readme: Option<&str>, example: Option<&str>) -> Vec<Violation> {
    let Some(readme) = readme else { return vec![Violation::new(README, 1, "this document is missing")] };
    let Some(example) = example else {
        return vec![Violation::new(EXAMPLE, 1, "the README's example is missing")];
    };
    let Some((line, block)) = first_rust_block(readme) else {
        return vec![Violation::new(README, 1, "the README shows the library in use")];
    };
    let pairs = block.trim_end().lines().zip(example.trim_end().lines());
    let equal = pairs.take_while(|(shown, compiled)| shown == compiled).count();
    if block.trim_end() == example.trim_end() {
        return Vec::new();
    }
    vec![Violation::new(README, line + equal, format!("the example differs here from {EXAMPLE}"))]
}

/// The number of the block's first line, and the block.
fn first_rust_block(text: &str) -> Option<(usize, String)> {
    let lines: Vec<_> = text.lines().collect();
    let open = lines.iter().position(|line| line.starts_with("```rust"))?;
    let block: Vec<_> =
        lines[open + 1..].iter().take_while(|line| !line.starts_with("```")).copied().collect();
    Some((open + 2, block.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_document_is_found() {
        let found = required(|path| path != "SECURITY.md");
        assert_eq!(found, [Violation::new("SECURITY.md", 1, "this document is missing")]);
    }

    #[test]
    fn crate_that_the_code_map_leaves_out_is_found() {
        let crates = [("veritrail-core", "crates/core"), ("xtask", "xtask")]
            .map(|(name, folder)| (name.to_owned(), folder.to_owned()));
        assert!(architecture(Some("`crates/core` and `xtask`"), &crates).is_empty());
        let found = architecture(Some("`veritrail-core`"), &crates);
        assert!(found.len() == 1 && found[0].rule.contains("`xtask`"), "{found:?}");
        assert_eq!(architecture(None, &crates).len(), 1);
    }

    #[test]
    fn example_that_has_drifted_is_found_with_its_line() {
        let readme = "# A\n\n```console\n$ x\n```\n\n```rust,no_run\nfn main() {\n    a();\n}\n```\n";
        assert!(example(Some(readme), Some("fn main() {\n    a();\n}\n")).is_empty());
        let found = example(Some(readme), Some("fn main() {\n    b();\n}\n"));
        assert_eq!(found[0].line, 9);
        assert_eq!(example(Some(readme), Some("fn main() {\n    a();\n}\nfn more() {}\n")).len(), 1);
    }

    #[test]
    fn readme_without_example_is_found() {
        assert_eq!(example(Some("# A\n"), Some("")).len(), 1);
        assert_eq!(example(Some("# A\n"), None)[0].path, Path::new(EXAMPLE));
    }
}
