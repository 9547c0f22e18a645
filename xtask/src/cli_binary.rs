//! Builds the `veritrail` program and runs it, as a user would.
//!
//! Not here: what it does.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use serde_json::Value;

use crate::pg::url::ServerUrl;
use crate::process;
use crate::workspace::Workspace;

/// How the program is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Build {
    Debug,
    Release,
}

/// Builds the program and tells where it is.
pub(crate) fn build(workspace: &Workspace, build: Build) -> anyhow::Result<PathBuf> {
    let mut command = workspace.cargo();
    command.args(["build", "--package", "veritrail-cli", "--bins"]);
    command.arg("--message-format=json-render-diagnostics");
    if build == Build::Release {
        command.arg("--release");
    }
    let messages = process::printed(&mut command)?;
    executable(&messages).context("cargo built no program in veritrail-cli")
}

/// Cargo knows best where it has put it: a configured target changes the folder.
fn executable(messages: &str) -> Option<PathBuf> {
    messages.lines().rev().find_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        Some(PathBuf::from(message["executable"].as_str()?))
    })
}

/// Runs `veritrail migrate` on a database.
pub(crate) fn migrate(veritrail: &Path, url: &ServerUrl) -> anyhow::Result<()> {
    let mut command = Command::new(veritrail);
    // By the environment, since a URL can have a password and a command line is everybody's to read.
    command.env("DATABASE_URL", url.as_str()).arg("migrate");
    process::run(&mut command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executable_is_read_from_cargos_messages() {
        let messages = "{\"reason\":\"compiler-artifact\",\"executable\":null}\n\
                        {\"reason\":\"compiler-artifact\",\"executable\":\"/t/debug/veritrail\"}\n\
                        {\"reason\":\"build-finished\",\"success\":true}\n";
        assert_eq!(executable(messages), Some(PathBuf::from("/t/debug/veritrail")));
        assert_eq!(executable("{}"), None);
    }
}
