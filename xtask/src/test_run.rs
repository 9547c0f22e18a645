//! `cargo xtask test`: every test of the workspace, on a server that is provisioned for it and a template that is
//! migrated once.
//!
//! Not here: the tests, and how each gets its database (`tests/src/database.rs`).

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::cli_binary::{self, Build};
use crate::databases::Databases;
use crate::pg::{self, Profile, Server, Way, binaries};
use crate::process;
use crate::run::Run;
use crate::workspace::Workspace;

/// What was not tested because something that it needs is absent, as the tests have said it, with how often.
pub(crate) type Skips = BTreeMap<String, usize>;

pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> anyhow::Result<()> {
    run_with(workspace, Way::forced()?, arguments).map(|_| ())
}

/// Runs the tests on a server that is found by `forced`, if that is given, and returns what was skipped.
pub(crate) fn run_with(
    workspace: &Workspace,
    forced: Option<Way>,
    arguments: &[String],
) -> anyhow::Result<Skips> {
    let veritrail = cli_binary::build(workspace, Build::Debug)?;
    let run = Run::begin(workspace)?;
    let server = pg::provision(workspace, &run, Profile::Fast, forced)?;
    let databases = Databases::claim(&server.url)?;
    let template = databases.create_template(&veritrail)?;
    let skip_file = run.folder().join("skips");

    let mut command = workspace.cargo();
    command.args(cargo_arguments(arguments));
    command
        .env_remove("DATABASE_URL")
        .env("VERITRAIL_TEST_URL", server.url.as_str())
        .env("VERITRAIL_TEST_TEMPLATE", &template)
        .env("VERITRAIL_SKIP_FILE", &skip_file)
        .env("VERITRAIL_BIN", &veritrail);
    tell_programs(&mut command, &server);
    let status = process::status(&mut command)?;

    let skips = count_skips(&fs::read_to_string(&skip_file).unwrap_or_default());
    for (skip, count) in &skips {
        println!("skipped: {skip} ({count} times)");
    }
    let left = databases.left_behind()?;
    if !status.success() {
        bail!("tests failed ({status})");
    }
    if !left.is_empty() {
        bail!("tests have left databases behind: {}", left.join(", "));
    }
    Ok(skips)
}

/// Tests that start a server of their own use the programs of ours, or else those of this machine.
fn tell_programs(command: &mut Command, server: &Server) {
    let Some(programs) = server.programs.clone().or_else(|| binaries::find().ok()) else { return };
    command.env("VERITRAIL_PG_BIN", programs.folder);
    if let Some(libraries) = programs.libraries {
        command.env("VERITRAIL_PG_LIBRARIES", libraries);
    }
}

/// All packages, unless the caller has chosen some.
fn cargo_arguments(arguments: &[String]) -> Vec<String> {
    let for_cargo = arguments.iter().take_while(|argument| *argument != "--");
    let chosen = for_cargo.into_iter().any(|argument| {
        let name = argument.split('=').next().unwrap_or_default();
        matches!(name, "--package" | "--workspace" | "--all" | "--manifest-path") || name.starts_with("-p")
    });
    let mut all = vec!["test".to_owned()];
    if !chosen {
        all.push("--workspace".to_owned());
    }
    all.extend(arguments.iter().cloned());
    all
}

fn count_skips(text: &str) -> Skips {
    let mut skips = Skips::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        *skips.entry(line.to_owned()).or_default() += 1;
    }
    skips
}

/// The skips that are not among `allowed`, as one error.
pub(crate) fn refuse_skips(skips: &Skips, allowed: &[&str]) -> anyhow::Result<()> {
    let refused: Vec<_> = skips.keys().filter(|skip| !allowed.contains(&skip.as_str())).cloned().collect();
    if refused.is_empty() {
        return Ok(());
    }
    Err(anyhow::anyhow!("{}", refused.join(", "))).context("tests were skipped that must run here")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn all_packages_are_tested_unless_some_are_chosen() {
        assert_eq!(cargo_arguments(&[]), ["test", "--workspace"]);
        assert_eq!(
            cargo_arguments(&strings(&["name", "--", "-p"])),
            ["test", "--workspace", "name", "--", "-p"]
        );
        assert_eq!(cargo_arguments(&strings(&["-p", "x"])), ["test", "-p", "x"]);
        assert_eq!(cargo_arguments(&strings(&["--package=x"])), ["test", "--package=x"]);
    }

    #[test]
    fn skips_are_counted_and_only_allowed_ones_pass() {
        let skips = count_skips("no redis-server\nno CITUS_URL\nno redis-server\n");
        assert_eq!(skips.get("no redis-server"), Some(&2));
        let error = refuse_skips(&skips, &["no CITUS_URL"]).unwrap_err();
        assert!(format!("{error:#}").ends_with(": no redis-server"));
        assert!(refuse_skips(&skips, &["no CITUS_URL", "no redis-server"]).is_ok());
    }
}
