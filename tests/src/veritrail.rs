//! The program `veritrail`, run as a user would: arguments, standard input, exit code, what it prints.
//!
//! Not here: which program it is (`cargo xtask test` builds it and says so in `VERITRAIL_BIN`).

use std::env;
use std::ffi::OsStr;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::thread;

/// What a run of the program came to.
#[derive(Debug)]
pub struct Ran {
    /// The exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// What it printed for machines, or as its answer.
    pub stdout: String,
    /// What it told people.
    pub stderr: String,
}

/// The program with nothing of this process's own settings.
///
/// # Panics
///
/// When nobody says where the program is.
#[must_use]
pub fn command(database_url: Option<&str>) -> Command {
    let program = env::var_os("VERITRAIL_BIN")
        .expect("VERITRAIL_BIN is not set: run `cargo xtask test`, which builds the program");
    let mut command = Command::new(program);
    for name in [
        "DATABASE_URL",
        "VERITRAIL_SIGNING_KEY",
        "VERITRAIL_OUTGOING_KEY",
        "VERITRAIL_MIRROR_FROM",
        "RUST_LOG",
    ] {
        command.env_remove(name);
    }
    if let Some(url) = database_url {
        command.env("DATABASE_URL", url);
    }
    command
}

/// Runs the program on a database without input.
pub fn run<S: AsRef<OsStr>>(database_url: Option<&str>, arguments: impl IntoIterator<Item = S>) -> Ran {
    run_with(database_url, arguments, b"")
}

/// Runs the program on a database with this standard input.
///
/// # Panics
///
/// When it cannot be run, or prints what is not UTF-8.
pub fn run_with<S: AsRef<OsStr>>(
    database_url: Option<&str>,
    arguments: impl IntoIterator<Item = S>,
    input: &[u8],
) -> Ran {
    let mut command = command(database_url);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program can be run");
    let mut stdin = child.stdin.take().expect("it was asked for");
    let output = thread::scope(|scope| {
        scope.spawn(move || {
            // A program that needs no input, or has seen enough, closes it.
            let _ = stdin.write_all(input);
        });
        child.wait_with_output().expect("the program ends")
    });
    let text = |bytes| String::from_utf8(bytes).expect("the program prints UTF-8");
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}
