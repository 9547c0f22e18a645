//! Runs other programs, each in a process group of its own that a signal to us ends as a whole.
//!
//! Not here: PostgreSQL servers, which outlive the program that starts them (`pg::cluster`).

use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context as _, bail};
use rustix::process::Pid;

use crate::{run, shutdown};

/// How much of a failed program's messages an error quotes.
const QUOTED_LINES: usize = 12;

/// Runs `command` with our own output and fails unless it succeeds.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = status(command)?;
    if !status.success() {
        bail!("`{}` failed ({status})", line(command));
    }
    Ok(())
}

/// Runs `command` with our own output.
pub(crate) fn status(command: &mut Command) -> anyhow::Result<ExitStatus> {
    let (mut child, group) = start(command.stdin(Stdio::null()))?;
    let status = child.wait();
    shutdown::forget_group(group);
    status.with_context(|| format!("cannot wait for `{}`", line(command)))
}

/// Runs `command` and returns what it prints; its messages are shown only when it fails.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let (child, group) = start(command)?;
    let output = child.wait_with_output();
    shutdown::forget_group(group);
    let output = output.with_context(|| format!("cannot wait for `{}`", line(command)))?;
    if !output.status.success() {
        let messages = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` failed ({}): {}", line(command), output.status, last_lines(&messages));
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{}` printed what is not UTF-8", line(command)))
}

/// Runs `command` with our own messages and returns what it prints on its standard output.
pub(crate) fn printed(command: &mut Command) -> anyhow::Result<String> {
    let (mut child, group) = start(command.stdin(Stdio::null()).stdout(Stdio::piped()))?;
    let mut text = String::new();
    let read = child.stdout.take().map(|mut stdout| stdout.read_to_string(&mut text));
    let status = child.wait();
    shutdown::forget_group(group);
    let status = status.with_context(|| format!("cannot wait for `{}`", line(command)))?;
    read.transpose().with_context(|| format!("cannot read what `{}` prints", line(command)))?;
    if !status.success() {
        bail!("`{}` failed ({status})", line(command));
    }
    Ok(text)
}

/// The command line as a person would type it.
pub(crate) fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// The end of a longer text, where the cause usually is.
pub(crate) fn last_lines(text: &str) -> String {
    let lines: Vec<_> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(QUOTED_LINES)..].join("\n")
}

/// Starts `command` in a process group of its own, to be forgotten (`shutdown::forget_group`) when it has ended.
pub(crate) fn start(command: &mut Command) -> anyhow::Result<(Child, Pid)> {
    run::mark(command.process_group(0));
    let started = shutdown::register_group(|| {
        let child = command.spawn()?;
        let group = Pid::from_child(&child);
        Ok::<_, std::io::Error>((child, group))
    });
    started.with_context(|| format!("cannot run `{}`", line(command)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_quotes_the_end_of_the_messages() {
        let error =
            output(Command::new("sh").args(["-c", "echo first >&2; echo cause >&2; exit 3"])).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("cause") && text.contains("exit status: 3"), "{text}");
    }

    #[test]
    fn absent_program_is_named() {
        let error = output(&mut Command::new("veritrail-no-such-program")).unwrap_err();
        assert!(format!("{error:#}").contains("cannot run `veritrail-no-such-program`"));
    }

    #[test]
    fn long_messages_are_cut_to_their_end() {
        let text: Vec<_> = (0..100).map(|n| n.to_string()).collect();
        let end = last_lines(&text.join("\n"));
        assert!(end.starts_with("88\n") && end.ends_with("99"));
    }
}
