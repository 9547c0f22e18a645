//! Packages the publishable crates and builds each from its package, as downstream teams would get it.
//!
//! Cargo builds them from a registry of its own making and takes it for a real one, where a version never changes its
//! contents: what it has unpacked or compiled of an earlier run would be built again instead of what is packaged now.
//! So nothing of an earlier run is left to it.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::process;
use crate::workspace::Workspace;

/// Packages and verifies. On a CI machine the tree must be committed.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    let target = workspace.target.join("packages");
    let mut command = workspace.cargo();
    command.args(["package", "--workspace", "--target-dir"]).arg(&target);
    for package in workspace.packages.iter().filter(|package| !package.publishable) {
        command.args(["--exclude", &package.name]);
    }
    if env::var_os("CI").is_none() {
        command.arg("--allow-dirty");
    }
    forget(workspace, &target)?;
    let packaged = process::run(&mut command);
    forget(workspace, &target)?;
    packaged
}

/// Removes what cargo has compiled and unpacked of our packages.
fn forget(workspace: &Workspace, target: &Path) -> anyhow::Result<()> {
    remove(target)?;
    let Some(sources) = cargo_home().map(|home| home.join("registry/src")) else { return Ok(()) };
    let names: Vec<&str> = workspace.packages.iter().map(|package| package.name.as_str()).collect();
    for folder in unpacked(&sources, &names).with_context(|| format!("cannot list {}", sources.display()))? {
        remove(&folder)?;
    }
    Ok(())
}

fn cargo_home() -> Option<PathBuf> {
    let default = || env::var_os("HOME").map(|home| Path::new(&home).join(".cargo"));
    env::var_os("CARGO_HOME").map(PathBuf::from).or_else(default)
}

/// Our packages in registries without a host, which are folders of this machine: their names begin with a dash.
fn unpacked(sources: &Path, names: &[&str]) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for registry in folders(sources)? {
        if registry.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"-")) {
            let ours = |folder: &PathBuf| folder.file_name().is_some_and(|name| is_version_of(name, names));
            found.extend(folders(&registry)?.into_iter().filter(ours));
        }
    }
    Ok(found)
}

/// Whether a folder's name is the name of a package, a dash and a version.
fn is_version_of(folder: &std::ffi::OsStr, names: &[&str]) -> bool {
    let folder = folder.to_string_lossy();
    names.iter().any(|name| {
        let version = folder.strip_prefix(name).and_then(|rest| rest.strip_prefix('-'));
        version.is_some_and(|version| version.starts_with(|first: char| first.is_ascii_digit()))
    })
}

fn folders(parent: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(parent) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn remove(folder: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_packages_of_local_registries_are_forgotten() {
        let sources = env::temp_dir().join(format!("veritrail-package-test-{}", std::process::id()));
        let ours = sources.join("-0123/veritrail-core-0.1.0");
        let others =
            ["-0123/veritrail-corelike-0.1.0", "-0123/serde-1.0.0", "index.crates.io-1/veritrail-core-0.1.0"];
        fs::create_dir_all(&ours).unwrap();
        for other in others {
            fs::create_dir_all(sources.join(other)).unwrap();
        }
        assert_eq!(unpacked(&sources, &["veritrail-core"]).unwrap(), [ours]);
        assert!(unpacked(&sources.join("nowhere"), &["veritrail-core"]).unwrap().is_empty());
        remove(&sources).unwrap();
    }
}
