//! Runs the `veritrail` program as a user would: shows the command line, waits with a progress bar, checks the exit
//! code.
//!
//! Not here: what its answers mean (`submit`, `household`, `proof`, `replica`, `edit`).

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::screen;
use crate::process;
use crate::shutdown;

/// The exit codes that the demo meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    Done = 0,
    /// The answer is "no": events rejected, verification failed.
    No = 1,
}

/// The program, and what the shell of its user knows.
#[derive(Debug)]
pub(super) struct Program {
    binary: PathBuf,
    folder: PathBuf,
    database_url: String,
    /// Values that command lines show as `$NAME`.
    variables: Vec<(&'static str, String)>,
}

/// One command line.
#[derive(Debug)]
pub(super) struct Call<'a> {
    words: Vec<&'a str>,
    expected: Exit,
    lines: Option<u64>,
    offline: bool,
}

/// What the program has answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) stdout: String,
    pub(super) stderr: String,
    pub(super) elapsed: Duration,
}

impl<'a> Call<'a> {
    pub(super) fn new(words: &[&'a str]) -> Self {
        Self { words: words.to_vec(), expected: Exit::Done, lines: None, offline: false }
    }

    pub(super) fn expects(self, expected: Exit) -> Self {
        Self { expected, ..self }
    }

    /// Says how many lines the answer will have, so that progress can be shown.
    pub(super) fn answers_lines(self, lines: usize) -> Self {
        Self { lines: u64::try_from(lines).ok(), ..self }
    }

    /// Leaves the program without a database.
    pub(super) fn offline(self) -> Self {
        Self { offline: true, ..self }
    }
}

impl Program {
    /// `folder` is where the user is; paths in command lines are from there.
    pub(super) fn new(binary: &Path, folder: &Path, database_url: &str) -> Self {
        let variables = vec![("DATABASE_URL", database_url.to_owned())];
        let (binary, folder) = (binary.to_owned(), folder.to_owned());
        Self { binary, folder, database_url: database_url.to_owned(), variables }
    }

    /// Gives a long value a name, which command lines show instead.
    pub(super) fn define(&mut self, name: &'static str, value: &str) {
        self.variables.push((name, value.to_owned()));
    }

    /// Runs a command line and shows what it prints.
    pub(super) fn show(&self, call: &Call<'_>) -> anyhow::Result<Answer> {
        let answer = self.run(call)?;
        screen::quote(&answer.stdout);
        screen::quote(&answer.stderr);
        Ok(answer)
    }

    /// Runs a command line and reads the JSON document that it prints.
    pub(super) fn document(&self, call: &Call<'_>) -> anyhow::Result<Value> {
        let answer = self.run(call)?;
        let document = serde_json::from_str(&answer.stdout);
        document.with_context(|| format!("no JSON document: {}", process::last_lines(&answer.stdout)))
    }

    /// Runs a command line. An exit code that was not expected is an error.
    pub(super) fn run(&self, call: &Call<'_>) -> anyhow::Result<Answer> {
        screen::typed("$", &self.line(call));
        let bar = screen::progress(call.lines);
        let begin = Instant::now();
        let mut command = self.command(call);
        let (mut child, group) = process::start(&mut command)?;
        let stderr = child.stderr.take().context("the program's messages are piped")?;
        let messages = thread::spawn(move || {
            let mut text = Vec::new();
            BufReader::new(stderr).read_to_end(&mut text).map(|_| String::from_utf8_lossy(&text).into_owned())
        });
        let mut stdout = String::new();
        let mut reader = BufReader::new(child.stdout.take().context("the program's answer is piped")?);
        while reader.read_line(&mut stdout).context("the program's answer cannot be read")? > 0 {
            bar.inc(1);
        }
        let status = child.wait();
        shutdown::forget_group(group);
        bar.finish_and_clear();
        let elapsed = begin.elapsed();
        let status = status.context("cannot wait for the program")?;
        let messages = messages.join().map_err(|_| anyhow::anyhow!("the reader of messages panicked"))?;
        let stderr = messages.context("the program's messages cannot be read")?;
        if status.code() != Some(call.expected as i32) {
            let said = process::last_lines(if stderr.trim().is_empty() { &stdout } else { &stderr });
            bail!("`{}`: {status} instead of {}: {said}", self.line(call), call.expected as i32);
        }
        Ok(Answer { stdout, stderr, elapsed })
    }

    fn command(&self, call: &Call<'_>) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(&call.words).current_dir(&self.folder);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if call.offline {
            command.env_remove("DATABASE_URL");
        } else {
            command.env("DATABASE_URL", &self.database_url);
        }
        command
    }

    /// The command line as a person would type it in the folder.
    fn line(&self, call: &Call<'_>) -> String {
        let mut line = if call.offline { "env -u DATABASE_URL veritrail" } else { "veritrail" }.to_owned();
        for word in &call.words {
            let variable = self.variables.iter().find(|(_, value)| value == word);
            let _ = match variable {
                Some((name, _)) => write!(line, " \"${name}\""),
                None => write!(line, " {word}"),
            };
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell() -> Program {
        Program::new(Path::new("sh"), Path::new("/"), "postgres://h/d")
    }

    #[test]
    fn command_line_names_long_values() {
        let mut program = shell();
        program.define("VKEY", "name+0123+key");
        let line =
            program.line(&Call::new(&["mirror", "--from", "postgres://h/d", "--key", "name+0123+key"]));
        assert_eq!(line, r#"veritrail mirror --from "$DATABASE_URL" --key "$VKEY""#);
        let line = program.line(&Call::new(&["check", "proof.json"]).offline());
        assert_eq!(line, "env -u DATABASE_URL veritrail check proof.json");
    }

    #[test]
    fn answer_has_both_outputs_and_the_database() {
        let answer =
            shell().run(&Call::new(&["-c", "echo $DATABASE_URL; echo why >&2; exit 1"]).expects(Exit::No));
        let answer = answer.unwrap();
        assert_eq!((answer.stdout.as_str(), answer.stderr.as_str()), ("postgres://h/d\n", "why\n"));
        let answer = shell().run(&Call::new(&["-c", "echo ${DATABASE_URL-none}"]).offline()).unwrap();
        assert_eq!(answer.stdout, "none\n");
    }

    #[test]
    fn unexpected_exit_code_is_an_error_that_quotes_the_messages() {
        let error = shell().run(&Call::new(&["-c", "echo cause >&2; exit 3"])).unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains("exit status: 3 instead of 0") && text.contains("cause"), "{text}");
    }
}
