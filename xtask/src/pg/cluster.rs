//! A private cluster: its own folder, user and settings, reachable by this machine's users alone.
//!
//! It listens on a socket in a folder that only its own account (and root) can enter. Where the folder's path is too
//! long for a socket it listens on a port of 127.0.0.1 instead, with a random password; a port is open to every user
//! of the machine, so nothing is ever trusted there.
//!
//! Not here: when it ends. Servers of a run go with the run (`run`); the developer's own is stopped by `db`.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use super::Profile;
use super::account::Account;
use super::binaries::Binaries;
use super::url::{Address, ServerUrl};
use crate::process;

pub(crate) const USER: &str = "veritrail";
const ADMIN_DATABASE: &str = "postgres";
const PORT: u16 = 5432;
/// The shortest limit on a socket's path among the systems we know, less its final zero.
const SOCKET_PATH_LIMIT: usize = 103;
const START_SECONDS: &str = "60";
/// Another program can take a free port between the moment that we see it and the server's start.
const PORT_ATTEMPTS: usize = 5;

/// A server that runs.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) url: ServerUrl,
}

impl Cluster {
    /// Makes a cluster in `home`, which must not exist, and starts it.
    pub(crate) fn create(home: &Path, binaries: &Binaries, profile: Profile) -> anyhow::Result<Self> {
        let account = Account::for_servers()?;
        prepare_home(home, account.as_ref())?;
        let password = random_password()?;
        let site = Site { home, account: account.as_ref(), binaries };
        site.init(&password)?;
        let url = site.start(profile, &password)?;
        Ok(Self { url })
    }

    /// Starts a cluster that exists and of which no process is left, at the address that it had.
    pub(crate) fn restart(home: &Path, binaries: &Binaries) -> anyhow::Result<()> {
        // The process id in them can be somebody else's by now, or that of a dead process that nobody has waited for.
        for stale in [data_folder(home).join("postmaster.pid"), home.join(format!(".s.PGSQL.{PORT}.lock"))] {
            let _ = fs::remove_file(stale);
        }
        let account = Account::for_servers()?;
        Site { home, account: account.as_ref(), binaries }.pg_ctl_start()
    }
}

/// The cluster's data.
pub(crate) fn data_folder(home: &Path) -> PathBuf {
    home.join("data")
}

struct Site<'a> {
    home: &'a Path,
    account: Option<&'a Account>,
    binaries: &'a Binaries,
}

impl Site<'_> {
    fn command(&self, program: &str) -> Command {
        let mut command = self.binaries.command(program);
        command
            .current_dir(self.home)
            .env("HOME", self.home)
            .args([Path::new("-D"), &data_folder(self.home)]);
        if let Some(account) = self.account {
            account.apply(&mut command);
        }
        command
    }

    fn init(&self, password: &str) -> anyhow::Result<()> {
        let password_file = self.home.join("password");
        self.write(&password_file, password)?;
        // Byte order with UTF-8 character classes; a system without that locale has at least C.
        let made = self.initdb(&password_file, "C.UTF-8").or_else(|_| {
            let _ = fs::remove_dir_all(data_folder(self.home));
            self.initdb(&password_file, "C")
        });
        made?;
        fs::remove_file(&password_file).context("cannot remove the password file")
    }

    fn initdb(&self, password_file: &Path, locale: &str) -> anyhow::Result<()> {
        let mut command = self.command("initdb");
        command.args(["--username", USER, "--encoding=UTF8", "--locale", locale, "--no-sync"]);
        command.args(["--auth-local=trust", "--auth-host=scram-sha-256", "--pwfile"]).arg(password_file);
        process::output(&mut command)?;
        Ok(())
    }

    fn start(&self, profile: Profile, password: &str) -> anyhow::Result<ServerUrl> {
        let settings_file = data_folder(self.home).join("postgresql.auto.conf");
        if fits_socket(self.home) {
            let listen = [("listen_addresses", String::new()), ("port", PORT.to_string())];
            self.write(&settings_file, &settings_text(profile, self.home, &listen))?;
            self.pg_ctl_start()?;
            return Ok(ServerUrl::of(USER, Address::Socket(self.home), ADMIN_DATABASE));
        }
        let mut last_error = None;
        for _ in 0..PORT_ATTEMPTS {
            let port = free_port()?;
            let listen = [("listen_addresses", "127.0.0.1".to_owned()), ("port", port.to_string())];
            self.write(&settings_file, &settings_text(profile, Path::new(""), &listen))?;
            match self.pg_ctl_start() {
                Ok(()) => {
                    let address = Address::Tcp { host: "127.0.0.1", port, password };
                    return Ok(ServerUrl::of(USER, address, ADMIN_DATABASE));
                }
                Err(error) => last_error = Some(error),
            }
        }
        Err(last_error.context("no attempt was made")?)
    }

    /// `pg_ctl` starts the server in a session of its own, so a Ctrl-C on the terminal reaches us and not the server.
    fn pg_ctl_start(&self) -> anyhow::Result<()> {
        let log = self.home.join("server.log");
        let mut command = self.command("pg_ctl");
        command.args(["-w", "-t", START_SECONDS, "-l"]).arg(&log).arg("start");
        match process::output(&mut command) {
            Ok(_) => Ok(()),
            Err(error) => {
                let text = fs::read_to_string(&log).unwrap_or_default();
                bail!("{error:#}\n{}", process::last_lines(&text))
            }
        }
    }

    /// Writes a file that only the server's account can read.
    fn write(&self, path: &Path, text: &str) -> anyhow::Result<()> {
        let write = || -> std::io::Result<()> {
            fs::write(path, text)?;
            fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
            give(path, self.account)
        };
        write().with_context(|| format!("cannot write {}", path.display()))
    }
}

fn prepare_home(home: &Path, account: Option<&Account>) -> anyhow::Result<()> {
    let prepare = || -> std::io::Result<()> {
        // What an earlier way has left in this run is of no use.
        if home.exists() {
            fs::remove_dir_all(home)?;
        }
        fs::create_dir(home)?;
        fs::set_permissions(home, fs::Permissions::from_mode(0o700))?;
        give(home, account)
    };
    prepare().with_context(|| format!("cannot make {}", home.display()))
}

fn give(path: &Path, account: Option<&Account>) -> std::io::Result<()> {
    account.map_or(Ok(()), |account| chown(path, Some(account.uid), Some(account.gid)))
}

fn fits_socket(folder: &Path) -> bool {
    let socket = folder.join(format!(".s.PGSQL.{PORT}"));
    socket.as_os_str().len() <= SOCKET_PATH_LIMIT
}

fn settings_text(profile: Profile, socket_folder: &Path, listen: &[(&'static str, String)]) -> String {
    let socket = [
        ("unix_socket_directories", socket_folder.to_string_lossy().into_owned()),
        ("unix_socket_permissions", "0700".to_owned()),
    ];
    let settings = listen.iter().cloned().chain(socket).chain(profile.settings());
    settings.map(|(name, value)| format!("{name} = '{}'\n", value.replace('\'', "''"))).collect()
}

fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port of 127.0.0.1 is free")?;
    Ok(listener.local_addr()?.port())
}

/// A password that nobody has to type.
pub(crate) fn random_password() -> anyhow::Result<String> {
    let mut random = [0; 24];
    getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    Ok(hex::encode(random))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_with_a_long_path_gets_no_socket() {
        assert!(fits_socket(Path::new("/work/target/pg/veritrail-pg-123456-01234567/pg")));
        assert!(!fits_socket(&Path::new("/").join("a".repeat(100))));
    }

    #[test]
    fn settings_are_quoted() {
        let text = settings_text(Profile::Fast, Path::new("/it's"), &[("port", "1".to_owned())]);
        assert!(text.contains("unix_socket_directories = '/it''s'\n"), "{text}");
        assert!(text.contains("port = '1'\n") && text.contains("fsync = 'off'\n"), "{text}");
    }

    #[test]
    fn socket_is_off_where_a_port_is_used() {
        let text = settings_text(Profile::Durable, Path::new(""), &[]);
        assert!(text.contains("unix_socket_directories = ''\n"), "{text}");
    }

    #[test]
    fn passwords_differ() {
        assert_ne!(random_password().unwrap(), random_password().unwrap());
    }
}
