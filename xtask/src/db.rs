//! `cargo xtask db`: one private cluster that a developer keeps between tasks. It has no owner, so nothing sweeps it;
//! it stays until `cargo xtask db stop`.
//!
//! What is known of it is kept in `target/pg/default.json`. Its folder is `target/pg/default`, or one in the temp
//! folder where we are root and the servers' account cannot reach the workspace.
//!
//! Not here: servers of one run (`pg`).

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use rustix::fs::{FlockOperation, flock};
use serde_json::{Value, json};

use crate::pg::binaries::{self, Binaries};
use crate::pg::cluster::Cluster;
use crate::pg::url::ServerUrl;
use crate::pg::{Profile, Way, unpacked};
use crate::run;
use crate::shutdown;
use crate::sql::Admin;
use crate::workspace::Workspace;

const DATABASE: &str = "veritrail";

/// What to do with the cluster.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Action {
    /// Start it, if it does not run, and print its URL.
    Start,
    /// Print its URL.
    Url,
    /// Open psql on it.
    Psql {
        /// Arguments for psql.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Stop it and remove it with all its data.
    Stop,
}

pub(crate) fn run(workspace: &Workspace, action: Action) -> anyhow::Result<()> {
    match action {
        Action::Start => println!("{}", start(workspace)?.as_str()),
        Action::Url => println!("{}", running(workspace)?.url.as_str()),
        Action::Psql { arguments } => psql(&running(workspace)?, &arguments)?,
        Action::Stop => stop(workspace)?,
    }
    Ok(())
}

/// The cluster's URL, once it runs.
pub(crate) fn start(workspace: &Workspace) -> anyhow::Result<ServerUrl> {
    run::sweep(workspace);
    let _lock = lock(workspace)?;
    if let Some(known) = Known::read(workspace)? {
        if known.answers() {
            return Ok(known.url);
        }
        // The machine was started anew, or somebody has killed the server.
        if known.home.exists() {
            run::end_processes(&known.home);
            Cluster::restart(&known.home, &known.binaries)?;
            return Ok(known.url);
        }
    }
    let known = create(workspace)?;
    known.write(workspace)?;
    Ok(known.url)
}

fn create(workspace: &Workspace) -> anyhow::Result<Known> {
    let binaries = match Way::forced()? {
        Some(Way::Local) => binaries::find()?,
        Some(Way::Unpacked) => unpacked::provide(workspace)?,
        Some(Way::Url | Way::Container) => {
            bail!("the cluster of `db start` is a private one: VERITRAIL_PG can be local or unpacked here")
        }
        None => local_or_unpacked(workspace)?,
    };
    let home = home(workspace)?;
    let removed_home = home.clone();
    let removal = shutdown::on_exit(move || remove_home(&removed_home));
    run::end_processes(&home);
    let cluster = Cluster::create(&home, &binaries, Profile::Durable)?;
    Admin::connect(cluster.url.as_str())?.execute(&format!("CREATE DATABASE {DATABASE}"))?;
    removal.cancel();
    Ok(Known { url: cluster.url.with_database(DATABASE), home, binaries })
}

fn local_or_unpacked(workspace: &Workspace) -> anyhow::Result<Binaries> {
    let local = match binaries::find() {
        Ok(binaries) => return Ok(binaries),
        Err(error) => error,
    };
    unpacked::provide(workspace).map_err(|unpacked| {
        anyhow::anyhow!(
            "no server for a private cluster (set DATABASE_URL to use one of yours):\n  \
             local: {local:#}\n  unpacked: {unpacked:#}"
        )
    })
}

fn stop(workspace: &Workspace) -> anyhow::Result<()> {
    run::sweep(workspace);
    let _lock = lock(workspace)?;
    let Some(known) = Known::read(workspace)? else {
        eprintln!("no cluster runs");
        return Ok(());
    };
    remove_home(&known.home);
    fs::remove_file(Known::file(workspace)).context("cannot remove what was known of the cluster")?;
    eprintln!("stopped and removed {}", known.home.display());
    Ok(())
}

fn remove_home(home: &Path) {
    run::end_processes(home);
    run::remove_folder(home);
}

/// psql takes our place, so that Ctrl-C is its own to handle.
fn psql(known: &Known, arguments: &[String]) -> anyhow::Result<()> {
    let own = known.binaries.folder.join("psql");
    let mut command = if own.is_file() { known.binaries.command("psql") } else { Command::new("psql") };
    let error = command.env_remove("LC_ALL").arg(known.url.as_str()).args(arguments).exec();
    Err(error).context("cannot run psql")
}

fn running(workspace: &Workspace) -> anyhow::Result<Known> {
    match Known::read(workspace)? {
        Some(known) if known.answers() => Ok(known),
        _ => bail!("no cluster runs; `cargo xtask db start` starts one"),
    }
}

/// One task at a time starts or stops the cluster.
fn lock(workspace: &Workspace) -> anyhow::Result<File> {
    let path = workspace.pg_folder().join("default.lock");
    fs::create_dir_all(workspace.pg_folder())?;
    let lock = File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
    flock(&lock, FlockOperation::LockExclusive).with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(lock)
}

fn home(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let pg = workspace.pg_folder();
    let root = run::reachable_folder(&pg)?;
    if root == pg {
        return Ok(root.join("default"));
    }
    // The temp folder is shared by all workspaces of the machine.
    let name: String =
        pg.to_string_lossy().chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
    Ok(root.join(format!("veritrail-default{name}")))
}

/// What is kept of a cluster between tasks.
struct Known {
    url: ServerUrl,
    home: PathBuf,
    binaries: Binaries,
}

impl Known {
    fn file(workspace: &Workspace) -> PathBuf {
        workspace.pg_folder().join("default.json")
    }

    fn read(workspace: &Workspace) -> anyhow::Result<Option<Self>> {
        let path = Self::file(workspace);
        match fs::read_to_string(&path) {
            Ok(text) => {
                Self::parse(&text).map(Some).with_context(|| format!("cannot read {}", path.display()))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let value: Value = serde_json::from_str(text)?;
        let member = |name: &str| {
            value[name].as_str().map(str::to_owned).with_context(|| format!("`{name}` is missing"))
        };
        let binaries = Binaries {
            folder: member("binaries")?.into(),
            libraries: value["libraries"].as_str().map(Into::into),
        };
        Ok(Self { url: ServerUrl::new(member("url")?), home: member("folder")?.into(), binaries })
    }

    fn text(&self) -> String {
        let value = json!({
            "url": self.url.as_str(),
            "folder": self.home.to_string_lossy(),
            "binaries": self.binaries.folder.to_string_lossy(),
            "libraries": self.binaries.libraries.as_ref().map(|libraries| libraries.to_string_lossy()),
        });
        format!("{value:#}\n")
    }

    /// The URL can hold a password, so the file is ours alone from its first moment.
    fn write(&self, workspace: &Workspace) -> anyhow::Result<()> {
        let path = Self::file(workspace);
        let fresh = path.with_extension("json.new");
        let write = || -> std::io::Result<()> {
            let file = File::create(&fresh)?;
            file.set_permissions(fs::Permissions::from_mode(0o600))?;
            fs::write(&fresh, self.text())?;
            fs::rename(&fresh, &path)
        };
        write().with_context(|| format!("cannot write {}", path.display()))
    }

    fn answers(&self) -> bool {
        Admin::connect(self.url.as_str()).and_then(|admin| admin.text("SELECT 1")).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_survives_being_written() {
        let known = Known {
            url: ServerUrl::new("postgres://u@%2Ft:5432/d"),
            home: "/t/pg/default".into(),
            binaries: Binaries { folder: "/b".into(), libraries: Some("/l".into()) },
        };
        let read = Known::parse(&known.text()).unwrap();
        assert_eq!(read.url.as_str(), known.url.as_str());
        assert_eq!((read.home, read.binaries.folder), (known.home, known.binaries.folder));
        assert_eq!(read.binaries.libraries, known.binaries.libraries);
    }

    #[test]
    fn damaged_record_is_an_error_and_not_absent() {
        assert!(Known::parse("{}").is_err());
    }
}
