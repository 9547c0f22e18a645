//! A step of CI: the tree's crate with few features and with all, without the standard library, and for WebAssembly.
//!
//! The check for `no_std` also runs as a test of this package. Not here: what the features do, which the crate's README
//! says.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::process;
use crate::workspace::Workspace;

const PACKAGE: &str = "veritrail-merkle";
const WASM: &str = "wasm32-unknown-unknown";

/// Each feature by itself, none and all.
const COMBINATIONS: [&str; 9] = [
    "",
    "std",
    "simd",
    "rayon",
    "blake3",
    "blake3-lanes",
    "note",
    "serde",
    "std,simd,rayon,blake3,blake3-lanes,note,serde",
];

/// Those that promise to do without the standard library.
const NO_STD: &str = "simd,blake3,blake3-lanes,note,serde";

pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    for features in COMBINATIONS {
        println!("features: {}", if features.is_empty() { "none" } else { features });
        let mut command = workspace.cargo();
        command.args([
            "clippy",
            "--quiet",
            "--package",
            PACKAGE,
            "--no-default-features",
            "--features",
            features,
        ]);
        process::run(command.args(["--lib", "--", "--deny", "warnings"]))?;
    }
    // Without `simd` there is another way to hash, and with every feature there are tests more.
    for features in ["--no-default-features", "--all-features"] {
        process::run(workspace.cargo().args(["test", "--quiet", "--package", PACKAGE, features]))?;
    }
    check_no_std(workspace)?;
    build_for_wasm(workspace)
}

/// A crate that brings its own panic handler cannot be compiled where any of its dependencies brings the standard
/// library. To know that this check can fail, it is also made with the feature `std`.
fn check_no_std(workspace: &Workspace) -> anyhow::Result<()> {
    let folder = workspace.target.join("no-std");
    check_without_std(workspace, &folder, NO_STD)?;
    match check_without_std(workspace, &folder, "std") {
        Ok(_) => {
            bail!("the feature `std` of {PACKAGE} was not noticed: the check for `no_std` checks nothing")
        }
        Err(error) if format!("{error:#}").contains("panic_impl") => {}
        Err(error) => {
            return Err(error.context("the check for `no_std` failed for another reason than `std`"));
        }
    }
    println!("{PACKAGE} does without the standard library (features {NO_STD})");
    Ok(())
}

fn check_without_std(workspace: &Workspace, folder: &Path, features: &str) -> anyhow::Result<String> {
    write(&folder.join("Cargo.toml"), &manifest(&workspace.root, features))?;
    write(&folder.join("src/lib.rs"), WITHOUT_STD)?;
    // The workspace's versions, so that nothing has to be looked up.
    let lock = workspace.root.join("Cargo.lock");
    fs::copy(&lock, folder.join("Cargo.lock")).with_context(|| format!("cannot copy {}", lock.display()))?;
    let mut command = workspace.cargo();
    command.args(["check", "--quiet", "--offline", "--message-format", "short"]).current_dir(folder);
    process::output(command.env("CARGO_TARGET_DIR", folder.join("target")))
}

const WITHOUT_STD: &str = "#![no_std]

use veritrail_merkle as _;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
";

fn manifest(root: &Path, features: &str) -> String {
    let features: Vec<_> = features.split(',').map(|feature| format!("\"{feature}\"")).collect();
    format!(
        "[package]\nname = \"without-std\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [dependencies.{PACKAGE}]\npath = '{}'\ndefault-features = false\nfeatures = [{}]\n",
        root.join("crates/merkle").display(),
        features.join(", "),
    )
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let folder = path.parent().context("a file has a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// For a browser, where the target is installed.
fn build_for_wasm(workspace: &Workspace) -> anyhow::Result<()> {
    let libraries =
        process::output(Command::new("rustc").args(["--print", "target-libdir", "--target", WASM]))?;
    if !PathBuf::from(libraries.trim()).exists() {
        println!("skipped: the target {WASM} is not installed (`rustup target add {WASM}`)");
        return Ok(());
    }
    for features in ["", "note,serde,blake3"] {
        let mut command = workspace.cargo();
        command.args(["build", "--quiet", "--package", PACKAGE, "--no-default-features", "--target", WASM]);
        process::run(command.args(["--features", features]))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_does_without_the_standard_library() {
        check_no_std(&Workspace::load().unwrap()).unwrap();
    }

    #[test]
    fn every_feature_of_the_tree_is_checked_by_itself_and_with_all_others() {
        let path = Workspace::load().unwrap().root.join("crates/merkle/Cargo.toml");
        let manifest = fs::read_to_string(path).unwrap();
        let features = manifest.split("[features]\n").nth(1).unwrap().split("\n\n").next().unwrap();
        let names: Vec<_> = features.lines().filter_map(|line| line.split(" = ").next()).collect();
        let all: Vec<_> = COMBINATIONS.last().unwrap().split(',').collect();
        assert_eq!(names[0], "default");
        for name in &names[1..] {
            assert!(COMBINATIONS.contains(name) && all.contains(name), "{name}");
        }
        assert_eq!(all.len(), names.len() - 1);
    }
}
