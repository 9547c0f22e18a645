//! A PostgreSQL server of one test's own, to kill, to restart or to follow. Durable, unlike the server that the other
//! tests share: what it acknowledged must be there after a kill.
//!
//! Not here: databases on the shared server (`database`).

use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio_postgres::Client;

use crate::account::Account;
use crate::database::{connect, with_database};
use crate::owner::OwnedFolder;
use crate::program::skip;

const USER: &str = "veritrail";
const ADMIN_DATABASE: &str = "postgres";
/// Every system allows a socket's path of this length.
const SOCKET_PATH_LIMIT: usize = 103;
const END_TIMEOUT: Duration = Duration::from_secs(20);

/// A server that runs until this is dropped.
#[derive(Debug)]
pub struct TestServer {
    programs: PathBuf,
    account: Option<Account>,
    url: String,
    folder: OwnedFolder,
}

impl TestServer {
    /// A new server, or `None` after it has been said that this machine has no server binaries.
    ///
    /// # Panics
    ///
    /// When the server does not start.
    #[must_use]
    pub fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// A new server with settings of the test's, each a name and a value.
    ///
    /// # Panics
    ///
    /// When the server does not start.
    #[must_use]
    pub fn start_with(settings: &[(&str, &str)]) -> Option<Self> {
        let Some(programs) = env::var_os("VERITRAIL_PG_BIN") else {
            skip("no PostgreSQL server binaries");
            return None;
        };
        let server = Self::prepare(programs.into());
        let mut initdb = server.command("initdb");
        initdb.arg("-D").arg(server.data()).args(["--username", USER, "--encoding=UTF8", "--locale=C"]);
        // Trust is for the socket, whose folder only the server's account (and root) can enter; no port is opened.
        run(initdb.args(["--auth-local=trust", "--auth-host=reject", "--no-sync"]));
        server.configure(settings);
        server.restart();
        Some(server)
    }

    /// A hot standby that follows this server by streaming.
    ///
    /// # Panics
    ///
    /// When the standby does not start.
    #[must_use]
    pub fn standby(&self) -> Self {
        let standby = Self::prepare(self.programs.clone());
        let mut backup = standby.command("pg_basebackup");
        backup.arg("-D").arg(standby.data()).args([
            "-U",
            USER,
            "-R",
            "-X",
            "stream",
            "-c",
            "fast",
            "--no-sync",
        ]);
        run(backup.arg("-h").arg(self.home()));
        standby.configure(&[]);
        standby.restart();
        standby
    }

    /// The URL of the administrator's database.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL of another database, which need not exist yet.
    #[must_use]
    pub fn url_of(&self, database: &str) -> String {
        with_database(&self.url, database)
    }

    /// A plain connection to the administrator's database.
    pub async fn connect(&self) -> Client {
        connect(&self.url).await
    }

    /// The folder of the server's socket, whose port is 5432.
    #[must_use]
    pub fn socket_folder(&self) -> PathBuf {
        self.home()
    }

    /// Starts it again after `kill` or `stop`, or again and again until it runs.
    ///
    /// # Panics
    ///
    /// When it does not start; the message has the end of its log.
    pub fn restart(&self) {
        let log = self.home().join("server.log");
        let mut start = self.command("pg_ctl");
        start.arg("-D").arg(self.data()).args(["-w", "-t", "60", "-l"]).arg(&log).arg("start");
        let output = start.output().unwrap_or_else(|error| panic!("cannot run pg_ctl: {error}"));
        if !output.status.success() {
            panic!("the server does not start: {}", fs::read_to_string(&log).unwrap_or_default());
        }
    }

    /// Kills it with SIGKILL, all its processes at once, as a crash would.
    pub fn kill(&self) {
        let processes = self.processes();
        for pid in &processes {
            let _ = kill_process(*pid, Signal::KILL);
        }
        let deadline = Instant::now() + END_TIMEOUT;
        while processes.iter().any(|pid| runs(*pid)) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(10));
        }
        // A dead process that nobody has waited for yet has its number still; a start would take it for a server.
        for stale in [self.data().join("postmaster.pid"), self.home().join(".s.PGSQL.5432.lock")] {
            let _ = fs::remove_file(stale);
        }
    }

    /// Stops it in good order.
    pub fn stop(&self) {
        run(self.command("pg_ctl").arg("-D").arg(self.data()).args(["-w", "-m", "fast", "stop"]));
    }

    fn prepare(programs: PathBuf) -> Self {
        let folder = OwnedFolder::create().expect("the temp folder can be written");
        let account = Account::for_servers();
        let home = folder.path().join("pg");
        fs::create_dir(&home).expect("a folder of ours can be written");
        fs::set_permissions(&home, Permissions::from_mode(0o700)).expect("a folder of ours is ours");
        if let Some(account) = account {
            chown(&home, Some(account.uid), Some(account.gid)).expect("root can give a folder away");
        }
        let socket = home.join(".s.PGSQL.5432");
        let length = socket.as_os_str().len();
        assert!(length <= SOCKET_PATH_LIMIT, "{} is too long for a socket: set TMPDIR", socket.display());
        let host: String = home.to_string_lossy().replace('%', "%25").replace('/', "%2F").replace(' ', "%20");
        let url = format!("postgres://{USER}@{host}:5432/{ADMIN_DATABASE}");
        Self { programs, account, url, folder }
    }

    fn configure(&self, settings: &[(&str, &str)]) {
        let path = self.data().join("postgresql.auto.conf");
        // A standby's has what it follows.
        let mut text = fs::read_to_string(&path).unwrap_or_default();
        let home = self.home();
        let own = [
            ("max_connections", "100"),
            ("jit", "off"),
            ("timezone", "UTC"),
            ("listen_addresses", ""),
            ("port", "5432"),
            ("unix_socket_directories", home.to_str().expect("the temp folder's path is UTF-8")),
        ];
        for (name, value) in own.iter().chain(settings) {
            text.push_str(&format!("{name} = '{}'\n", value.replace('\'', "''")));
        }
        fs::write(&path, text).expect("a folder of ours can be written");
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("pg")
    }

    fn data(&self) -> PathBuf {
        self.home().join("data")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
            command.env_remove(name);
        }
        command.current_dir(self.home()).env("LC_ALL", "C").env("HOME", self.home());
        if let Some(libraries) = env::var_os("VERITRAIL_PG_LIBRARIES") {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        if let Some(account) = self.account {
            account.apply(&mut command);
        }
        command
    }

    /// The server's first process and its children.
    fn processes(&self) -> Vec<Pid> {
        let Some(first) = first_process(&self.data()) else { return Vec::new() };
        let mut all = vec![first];
        let listed = Command::new("ps").args(["-A", "-o", "pid=,ppid="]).output();
        let text =
            listed.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        for line in text.lines() {
            let mut numbers = line.split_whitespace().filter_map(|word| word.parse::<i32>().ok());
            if let (Some(pid), Some(parent)) = (numbers.next(), numbers.next())
                && parent == first.as_raw_nonzero().get()
            {
                all.extend(Pid::from_raw(pid));
            }
        }
        all
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        // Its files go, so it need not write them out first.
        let mut stop = self.command("pg_ctl");
        let _ = stop.arg("-D").arg(self.data()).args(["-w", "-t", "10", "-m", "immediate", "stop"]).output();
        self.kill();
    }
}

fn first_process(data: &Path) -> Option<Pid> {
    let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let pid = Pid::from_raw(text.lines().next()?.trim().parse().ok()?)?;
    runs(pid).then_some(pid)
}

/// Whether a process can still do something, which a zombie cannot.
fn runs(pid: Pid) -> bool {
    let listed = Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output();
    listed.is_ok_and(|output| {
        let state = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        !state.is_empty() && !state.starts_with('Z')
    })
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    assert!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
}
