//! Where things are: the workspace's folders and packages, as `cargo metadata` tells them.
//!
//! Not here: what packages may depend on (`tidy::arrows`).

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use serde_json::Value;

use crate::process;

/// The workspace that this program belongs to.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// One package of the workspace.
#[derive(Debug, Clone)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) manifest: PathBuf,
    pub(crate) publishable: bool,
    pub(crate) dependencies: Vec<Dependency>,
}

/// One line of a package's dependency tables.
#[derive(Debug, Clone)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: DependencyKind,
}

/// Which table a dependency stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DependencyKind {
    Normal,
    Dev,
    Build,
}

impl Workspace {
    pub(crate) fn load() -> anyhow::Result<Self> {
        let manifest = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from)
            .join("Cargo.toml");
        let mut metadata = cargo();
        metadata.args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"]).arg(manifest);
        let text = process::output(&mut metadata)?;
        Self::parse(&text).context("cannot read what `cargo metadata` prints")
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let metadata: Value = serde_json::from_str(text)?;
        let packages = metadata["packages"].as_array().context("no packages")?;
        Ok(Self {
            root: path(&metadata["workspace_root"])?,
            target: path(&metadata["target_directory"])?,
            packages: packages.iter().map(package).collect::<anyhow::Result<_>>()?,
        })
    }

    /// The folder of the private clusters.
    pub(crate) fn pg_folder(&self) -> PathBuf {
        self.target.join("pg")
    }

    /// `path` as people write it: from the workspace's root.
    pub(crate) fn relative<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }

    /// A `cargo` command that runs at the workspace's root.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = cargo();
        command.current_dir(&self.root);
        command
    }
}

/// The cargo that runs us, so that a toolchain override (`cargo +nightly xtask`) holds for what we run.
fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

fn path(value: &Value) -> anyhow::Result<PathBuf> {
    Ok(PathBuf::from(value.as_str().context("a path is missing")?))
}

fn package(value: &Value) -> anyhow::Result<Package> {
    let dependencies = value["dependencies"].as_array().context("no dependencies")?;
    Ok(Package {
        name: value["name"].as_str().context("a package has no name")?.to_owned(),
        manifest: path(&value["manifest_path"])?,
        publishable: value["publish"].as_array().is_none_or(|registries| !registries.is_empty()),
        dependencies: dependencies.iter().map(dependency).collect::<anyhow::Result<_>>()?,
    })
}

fn dependency(value: &Value) -> anyhow::Result<Dependency> {
    Ok(Dependency {
        name: value["name"].as_str().context("a dependency has no name")?.to_owned(),
        kind: match value["kind"].as_str() {
            Some("dev") => DependencyKind::Dev,
            Some("build") => DependencyKind::Build,
            _ => DependencyKind::Normal,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_gives_folders_packages_and_dependency_kinds() {
        let text = r#"{"workspace_root":"/w","target_directory":"/t","packages":[
            {"name":"a","manifest_path":"/w/a/Cargo.toml","publish":[],
             "dependencies":[{"name":"b","kind":null},{"name":"c","kind":"dev"}]},
            {"name":"b","manifest_path":"/w/b/Cargo.toml","publish":null,"dependencies":[]}]}"#;
        let workspace = Workspace::parse(text).unwrap();
        assert_eq!(workspace.pg_folder(), Path::new("/t/pg"));
        assert!(!workspace.packages[0].publishable);
        assert!(workspace.packages[1].publishable);
        let kinds: Vec<_> = workspace.packages[0].dependencies.iter().map(|d| d.kind).collect();
        assert_eq!(kinds, [DependencyKind::Normal, DependencyKind::Dev]);
        assert_eq!(workspace.relative(Path::new("/w/a/src/lib.rs")), Path::new("a/src/lib.rs"));
    }
}
