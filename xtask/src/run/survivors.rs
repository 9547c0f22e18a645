//! Finds and ends the processes that belong to a run: servers by the folder they work in, everything else by its
//! environment. Process ids that a file remembers are never believed alone, for they are used again.
//!
//! Not here: when to do so (`run`).

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::OWNER_VARIABLE;

/// How long processes may take to end by themselves.
const GRACE: Duration = Duration::from_secs(5);
/// How long we wait for killed ones to be gone.
const KILL_GRACE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(25);

/// Ends every process of the run in `folder` and waits until none is left.
pub(crate) fn end_processes(folder: &Path) {
    let start = Instant::now();
    let mut asked = HashSet::new();
    loop {
        let found = processes_of(folder);
        if found.is_empty() || start.elapsed() > GRACE + KILL_GRACE {
            return;
        }
        for process in found {
            if start.elapsed() > GRACE {
                let _ = kill_process(process.pid, Signal::KILL);
            } else if asked.insert(process.pid) {
                // To a PostgreSQL server, SIGQUIT means: end at once, without a checkpoint. Its files go anyway.
                let signal = if process.is_server { Signal::QUIT } else { Signal::TERM };
                let _ = kill_process(process.pid, signal);
            }
        }
        thread::sleep(POLL);
    }
}

struct Process {
    pid: Pid,
    is_server: bool,
}

fn processes_of(folder: &Path) -> Vec<Process> {
    match fs::read_dir("/proc/self").and_then(|_| fs::read_dir("/proc")) {
        Ok(entries) => entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(|pid: &i32| pid.unsigned_abs() != std::process::id())
            .filter_map(|pid| classify(pid, folder))
            .collect(),
        Err(_) => servers_by_pid_file(folder),
    }
}

/// Whether process `pid` belongs to the run in `folder`, by what Linux tells in `/proc`.
fn classify(pid: i32, folder: &Path) -> Option<Process> {
    let proc = Path::new("/proc").join(pid.to_string());
    let command = fs::read_to_string(proc.join("comm")).ok()?;
    let works_there = fs::read_link(proc.join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder));
    if works_there && is_server_program(command.trim()) {
        return Some(Process { pid: Pid::from_raw(pid)?, is_server: true });
    }
    let environment = fs::read(proc.join("environ")).ok()?;
    carries_owner(&environment, folder).then_some(Process { pid: Pid::from_raw(pid)?, is_server: false })
}

/// A person's shell may stand in the folder, too; it is left alone.
fn is_server_program(command: &str) -> bool {
    matches!(command, "postgres" | "postmaster" | "initdb") || command.starts_with("pg_")
}

fn carries_owner(environment: &[u8], folder: &Path) -> bool {
    let wanted = format!("{OWNER_VARIABLE}={}", folder.display());
    environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes())
}

/// Where there is no `/proc`: the servers whose pid file and command line both name their folder.
fn servers_by_pid_file(folder: &Path) -> Vec<Process> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| {
            let data = entry.path().join("data");
            let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
            let pid: i32 = text.lines().next()?.trim().parse().ok()?;
            let listed = Command::new("ps").args(["-o", "command=", "-p", &pid.to_string()]).output().ok()?;
            let command_line = String::from_utf8_lossy(&listed.stdout).into_owned();
            let named = command_line.contains(&*data.to_string_lossy());
            named.then_some(Process { pid: Pid::from_raw(pid)?, is_server: true })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owner_is_read_as_a_whole_variable() {
        let folder = Path::new("/tmp/veritrail-pg-1-a");
        assert!(carries_owner(b"A=1\0VERITRAIL_OWNER=/tmp/veritrail-pg-1-a\0B=2\0", folder));
        assert!(!carries_owner(b"A=1\0VERITRAIL_OWNER=/tmp/veritrail-pg-1-ab\0", folder));
        assert!(!carries_owner(b"X_VERITRAIL_OWNER=/tmp/veritrail-pg-1-a\0", folder));
        assert!(!carries_owner(b"", folder));
    }

    #[test]
    fn a_shell_in_the_folder_is_no_server() {
        assert!(is_server_program("postgres"));
        assert!(is_server_program("pg_basebackup"));
        assert!(!is_server_program("bash"));
    }
}
