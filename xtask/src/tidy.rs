//! `cargo xtask tidy`: the house rules that a program can check. Each violation names file, line and rule. It also runs
//! as a test of this package.
//!
//! Each rule is a pure function of paths and texts. Not here: what the compiler and clippy check.

mod arrows;
mod code;
mod documents;
mod manifests;
mod migrations;
mod sources;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::workspace::Workspace;

/// A rule that is broken, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    path: PathBuf,
    line: usize,
    rule: String,
}

impl Violation {
    fn new(path: impl Into<PathBuf>, line: usize, rule: impl Into<String>) -> Self {
        Self { path: path.into(), line, rule: rule.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path.display(), self.line, self.rule)
    }
}

/// A file of the workspace, by its path from the root.
#[derive(Debug)]
pub(crate) struct TextFile {
    path: PathBuf,
    text: String,
}

pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    let violations = check(workspace)?;
    for violation in &violations {
        eprintln!("{violation}");
    }
    match violations.len() {
        0 => Ok(()),
        1 => bail!("a house rule is broken"),
        count => bail!("house rules are broken in {count} places"),
    }
}

fn check(workspace: &Workspace) -> anyhow::Result<Vec<Violation>> {
    let mut paths = Vec::new();
    collect(&workspace.root, &mut paths)?;
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        files.push(TextFile { path: workspace.relative(&path).to_owned(), text });
    }

    let mut violations = Vec::new();
    for file in files.iter().filter(|file| has_extension(&file.path, "rs")) {
        violations.extend(sources::check(&file.path, &file.text));
    }
    for package in &workspace.packages {
        let path = workspace.relative(&package.manifest);
        let text = files.iter().find(|file| file.path == path).map_or("", |file| file.text.as_str());
        violations.extend(manifests::check(path, text));
        violations.extend(arrows::check(package, path, text));
    }
    violations.extend(migrations::check(&files));
    violations.extend(documents::check(workspace, &files));
    Ok(violations)
}

/// The texts that rules are about. Folders that are hidden, or that say they are a cache (as target does), are passed.
fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if entry.file_type()?.is_dir() {
            if !path.join("CACHEDIR.TAG").exists() {
                collect(&path, paths)?;
            }
        } else if ["rs", "toml", "md", "sql"].iter().any(|extension| has_extension(&path, extension)) {
            paths.push(path);
        }
    }
    Ok(())
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found == extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workspace_keeps_the_house_rules() {
        let violations = check(&Workspace::load().unwrap()).unwrap();
        let listed: Vec<_> = violations.iter().map(ToString::to_string).collect();
        assert!(listed.is_empty(), "\n{}", listed.join("\n"));
    }

    #[test]
    fn violation_names_file_line_and_rule() {
        assert_eq!(Violation::new("a/b.rs", 7, "too long").to_string(), "a/b.rs:7: too long");
    }

    #[test]
    fn caches_and_hidden_folders_are_passed() {
        let root = tempfile::tempdir().unwrap();
        for file in ["src/a.rs", "target/b.rs", ".git/c.rs", "d.txt"] {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        fs::write(root.path().join("target/CACHEDIR.TAG"), "").unwrap();
        let mut paths = Vec::new();
        collect(root.path(), &mut paths).unwrap();
        assert_eq!(paths, [root.path().join("src/a.rs")]);
    }
}
