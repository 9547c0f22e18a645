//! `cargo xtask ci`: everything that must pass before a change lands, step by step, with names and times.
//!
//! Not here: what a machine needs for it (`.ci/run` installs that).

use std::env;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::pg::{Way, binaries, container};
use crate::test_run::{self, refuse_skips};
use crate::workspace::Workspace;
use crate::{fuzz, merkle_features, package, process, tidy};

/// What a test may go without: not every machine has a container engine, and Citus is nobody's to install.
const ALLOWED_SKIPS: [&str; 2] = ["no container engine", "no CITUS_URL"];

/// How a step ended.
enum Ending {
    Passed,
    Skipped(String),
}

struct Finished {
    name: &'static str,
    ending: Ending,
    took: Duration,
}

pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    type Step = (&'static str, fn(&Workspace) -> anyhow::Result<Ending>);
    let steps: [Step; 10] = [
        ("cargo fmt", fmt),
        ("cargo xtask tidy", |workspace| tidy::run(workspace).map(|()| Ending::Passed)),
        ("cargo clippy", clippy),
        ("features of veritrail-merkle", merkle),
        ("cargo test", |workspace| cargo(workspace, &["test"])),
        ("cargo xtask fuzz", fuzz_targets),
        ("cargo xtask test", test),
        ("integration tests on a container", test_on_container),
        ("cargo doc", doc),
        ("cargo package", |workspace| package::run(workspace).map(|()| Ending::Passed)),
    ];
    let mut finished = Vec::new();
    for (name, step) in steps {
        println!("\n=== {name}");
        let start = Instant::now();
        let ending = match step(workspace) {
            Ok(ending) => ending,
            Err(error) => {
                print_summary(&finished);
                return Err(error)
                    .with_context(|| format!("`{name}` failed after {}", seconds(start.elapsed())));
            }
        };
        let took = start.elapsed();
        println!("=== {name}: {} in {}", ending.word(), seconds(took));
        finished.push(Finished { name, ending, took });
    }
    print_summary(&finished);
    Ok(())
}

impl Ending {
    fn word(&self) -> String {
        match self {
            Self::Passed => "passed".to_owned(),
            Self::Skipped(reason) => format!("skipped: {reason}"),
        }
    }
}

fn cargo(workspace: &Workspace, arguments: &[&str]) -> anyhow::Result<Ending> {
    process::run(workspace.cargo().args(arguments))?;
    Ok(Ending::Passed)
}

/// The fuzz targets are a workspace of their own, with the same style.
fn fmt(workspace: &Workspace) -> anyhow::Result<Ending> {
    cargo(workspace, &["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"])?;
    cargo(workspace, &["fmt", "--all", "--check"])
}

/// Every parser and every verifier, briefly: enough to notice one that a change has broken.
fn fuzz_targets(workspace: &Workspace) -> anyhow::Result<Ending> {
    if let Err(error) = fuzz::available() {
        println!("{error:#}");
        return Ok(Ending::Skipped("no C++ compiler".to_owned()));
    }
    fuzz::run(workspace, None, fuzz::CI_SECONDS)?;
    Ok(Ending::Passed)
}

fn clippy(workspace: &Workspace) -> anyhow::Result<Ending> {
    let arguments = ["clippy", "--workspace", "--all-targets", "--all-features", "--", "--deny", "warnings"];
    cargo(workspace, &arguments)
}

fn merkle(workspace: &Workspace) -> anyhow::Result<Ending> {
    merkle_features::run(workspace)?;
    Ok(Ending::Passed)
}

/// The README's test command. Where nothing else is asked for it runs on this machine's binaries, if there are any:
/// a container would come first, and has a step of its own.
fn test(workspace: &Workspace) -> anyhow::Result<Ending> {
    let is_free = env::var_os("DATABASE_URL").is_none();
    let local = (is_free && binaries::find().is_ok()).then_some(Way::Local);
    let skips = test_run::run_with(workspace, Way::forced()?.or(local), &[])?;
    refuse_skips(&skips, &ALLOWED_SKIPS)?;
    Ok(Ending::Passed)
}

fn test_on_container(workspace: &Workspace) -> anyhow::Result<Ending> {
    if let Err(error) = container::available() {
        println!("{error:#}");
        return Ok(Ending::Skipped("no container engine".to_owned()));
    }
    let arguments = ["--package", "veritrail-tests"].map(str::to_owned);
    let skips = test_run::run_with(workspace, Some(Way::Container), &arguments)?;
    refuse_skips(&skips, &ALLOWED_SKIPS)?;
    Ok(Ending::Passed)
}

fn doc(workspace: &Workspace) -> anyhow::Result<Ending> {
    let mut command = workspace.cargo();
    command.args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
    process::run(&mut command)?;
    Ok(Ending::Passed)
}

fn print_summary(finished: &[Finished]) {
    println!("\n{}", summary(finished));
}

fn summary(finished: &[Finished]) -> String {
    let width = finished.iter().map(|step| step.name.len()).max().unwrap_or_default();
    let lines = finished
        .iter()
        .map(|step| format!("{:width$}  {:>8}  {}\n", step.name, seconds(step.took), step.ending.word()));
    let total = finished.iter().map(|step| step.took).sum();
    lines.chain([format!("{:width$}  {:>8}\n", "all", seconds(total))]).collect()
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_has_a_line_for_each_step_and_the_sum() {
        let step = |name, ending, seconds| Finished { name, ending, took: Duration::from_secs(seconds) };
        let text = summary(&[
            step("cargo fmt", Ending::Passed, 1),
            step("container", Ending::Skipped("no container engine".to_owned()), 20),
        ]);
        let expected = "cargo fmt     1.0 s  passed\n\
                        container    20.0 s  skipped: no container engine\n\
                        all          21.0 s\n";
        assert_eq!(text, expected);
    }
}
