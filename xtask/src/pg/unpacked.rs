//! The server packages of Debian and Ubuntu, downloaded by apt with state and cache folders of our own and unpacked
//! into a cache folder. Needs no root and installs nothing.
//!
//! Not here: packages that are installed (`pg::binaries`).

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use rustix::process::geteuid;

use super::account::Account;
use super::binaries::{Binaries, OLDEST_MAJOR};
use crate::process;
use crate::workspace::Workspace;

const DOWNLOAD_SECONDS: &str = "20";

/// The unpacked programs, downloaded first if they are not there.
pub(crate) fn provide(workspace: &Workspace) -> anyhow::Result<Binaries> {
    let cache = cache_folder(workspace)?;
    if let Some(binaries) = unpacked_in(&cache) {
        return Ok(binaries);
    }
    for program in ["apt-get", "apt-cache", "dpkg-deb"] {
        if !is_on_path(program) {
            bail!("no {program} on PATH: this is not Debian or Ubuntu");
        }
    }
    let apt = Apt::new(&cache)?;
    apt.run("apt-get", &["update"]).context("apt cannot read the package lists")?;
    let listed = apt.run("apt-cache", &["pkgnames", "postgresql-"])?;
    let Some(major) = newest_server(&listed) else {
        bail!("the package lists have no postgresql-{OLDEST_MAJOR} or newer");
    };
    eprintln!("downloading the packages of PostgreSQL {major} into {}", cache.display());
    let server = format!("postgresql-{major}");
    let client = format!("postgresql-client-{major}");
    let plan = apt.run("apt-get", &["install", "--simulate", "--no-install-recommends", &server, &client])?;
    let packages = packages_to_fetch(&plan, &server, &client);
    let mut arguments = vec!["download"];
    arguments.extend(packages.iter().map(String::as_str));
    apt.run("apt-get", &arguments).context("apt cannot download the packages")?;
    unpack(&apt.downloads, &cache)?;
    unpacked_in(&cache).context("the unpacked packages have no server that runs")
}

/// Where packages are kept: with the build, or, where the servers' account cannot reach that, in the temp folder.
fn cache_folder(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let preferred = workspace.target.join("pg-packages");
    fs::create_dir_all(&preferred).with_context(|| format!("cannot make {}", preferred.display()))?;
    let Some(account) = Account::for_servers()? else { return Ok(preferred) };
    if account.can_reach(&preferred) {
        return Ok(preferred);
    }
    let fallback = env::temp_dir().join("veritrail-packages");
    match fs::create_dir(&fallback) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(error).with_context(|| format!("cannot make {}", fallback.display()));
        }
        _ => {}
    }
    // The temp folder is everybody's; programs that somebody else has put there must not be run.
    let found = fs::symlink_metadata(&fallback)?;
    let ours = std::os::unix::fs::MetadataExt::uid(&found) == geteuid().as_raw();
    anyhow::ensure!(found.is_dir() && ours, "{} is not ours", fallback.display());
    Ok(fallback)
}

/// apt with folders of our own, so that it needs no rights and no lock of the system's.
struct Apt {
    options: Vec<String>,
    downloads: PathBuf,
}

impl Apt {
    fn new(cache: &Path) -> anyhow::Result<Self> {
        let (state, downloads) = (cache.join("apt"), cache.join("downloads"));
        for folder in ["state/lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(state.join(folder))?;
        }
        // A download that was cut short is begun anew.
        if downloads.exists() {
            fs::remove_dir_all(&downloads)?;
        }
        fs::create_dir_all(&downloads)?;
        let settings = [
            format!("Dir::State={}", state.join("state").display()),
            format!("Dir::Cache={}", state.join("cache").display()),
            // What is installed need not be downloaded.
            "Dir::State::status=/var/lib/dpkg/status".to_owned(),
            // Without root there is no account to change to, and as root the private folders are out of its reach.
            format!("APT::Sandbox::User={}", if geteuid().is_root() { "root" } else { "" }),
            "Debug::NoLocking=1".to_owned(),
            format!("Acquire::http::Timeout={DOWNLOAD_SECONDS}"),
            format!("Acquire::https::Timeout={DOWNLOAD_SECONDS}"),
            "Acquire::Retries=1".to_owned(),
        ];
        let options = settings.into_iter().flat_map(|setting| ["-o".to_owned(), setting]).collect();
        Ok(Self { options, downloads })
    }

    fn run(&self, program: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new(program);
        command.current_dir(&self.downloads).env("LC_ALL", "C").env("DEBIAN_FRONTEND", "noninteractive");
        process::output(command.args(&self.options).args(arguments))
    }
}

/// Of all names that begin with `postgresql-`, the newest that is a server.
fn newest_server(names: &str) -> Option<u32> {
    let majors = names.lines().filter_map(|name| name.strip_prefix("postgresql-")?.parse().ok());
    majors.filter(|major| *major >= OLDEST_MAJOR).max()
}

/// The packages that a plain install would add, less those that a private server does without: the JIT compiler is
/// ten times the rest, and the distribution's scripts are for system clusters. Server and client come even where they
/// are installed, since this way was asked for.
fn packages_to_fetch(plan: &str, server: &str, client: &str) -> Vec<String> {
    let added = plan.lines().filter_map(|line| line.strip_prefix("Inst ")?.split(' ').next());
    let libraries = added
        .filter(|name| name.starts_with("lib") && !name.starts_with("libllvm") && !name.ends_with("-perl"));
    [server, client].into_iter().chain(libraries).map(str::to_owned).collect()
}

fn unpack(downloads: &Path, cache: &Path) -> anyhow::Result<()> {
    let fresh = cache.join("root.new");
    if fresh.exists() {
        fs::remove_dir_all(&fresh)?;
    }
    fs::create_dir(&fresh)?;
    for entry in fs::read_dir(downloads)? {
        let package = entry?.path();
        if package.extension().is_some_and(|extension| extension == "deb") {
            process::output(Command::new("dpkg-deb").arg("-x").args([&package, &fresh]))?;
        }
    }
    // The folder gets its name when it is whole.
    let root = cache.join("root");
    if root.exists() {
        fs::remove_dir_all(&root)?;
    }
    fs::rename(&fresh, &root)?;
    fs::remove_dir_all(downloads).context("cannot remove the downloaded packages")
}

/// What is unpacked already, if it runs.
fn unpacked_in(cache: &Path) -> Option<Binaries> {
    let root = cache.join("root");
    let versions = fs::read_dir(root.join("usr/lib/postgresql")).ok()?;
    let folder = versions.flatten().map(|entry| entry.path().join("bin")).max()?;
    let binaries = Binaries { folder, libraries: Some(library_path(&root)) };
    binaries.check().is_ok().then_some(binaries)
}

/// The folders with libraries: of the architecture, and of none.
fn library_path(root: &Path) -> OsString {
    let mut folders = Vec::new();
    for base in ["usr/lib", "lib"] {
        let base = root.join(base);
        let children = fs::read_dir(&base).into_iter().flatten().flatten().map(|entry| entry.path());
        folders.extend(children.filter(|path| path.to_string_lossy().contains("-linux-")));
        folders.push(base);
    }
    if let Some(inherited) = env::var_os("LD_LIBRARY_PATH") {
        folders.extend(env::split_paths(&inherited).filter(|path| !path.as_os_str().is_empty()));
    }
    env::join_paths(folders).unwrap_or_default()
}

fn is_on_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newest_server_package_is_taken_and_extensions_are_not() {
        assert_eq!(
            newest_server("postgresql-15\npostgresql-17\npostgresql-17-cron\npostgresql-client-18\n"),
            Some(17)
        );
        assert_eq!(newest_server("postgresql-13\npostgresql-common\n"), None);
    }

    #[test]
    fn server_and_missing_libraries_are_fetched_and_nothing_else() {
        let plan = "Reading package lists...\n\
                    Inst libllvm14 (1:14 Debian [amd64])\nInst libpq5 (15.1 Debian [amd64])\n\
                    Inst libjson-perl (4.1 Debian [all])\nInst ssl-cert (1.1 Debian [all])\n\
                    Inst postgresql-15 (15.1 Debian [amd64])\nConf libpq5 (15.1 Debian [amd64])\n";
        let packages = packages_to_fetch(plan, "postgresql-15", "postgresql-client-15");
        assert_eq!(packages, ["postgresql-15", "postgresql-client-15", "libpq5"]);
    }
}
