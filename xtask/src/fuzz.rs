//! `cargo xtask fuzz`: builds the fuzz targets of `fuzz/` with the coverage that libFuzzer asks for, on the stable compiler
//! and without cargo-fuzz, and runs each for a bounded time.
//!
//! Not here: what a target checks (`fuzz/src`) and what it begins with (`fuzz/seeds`).

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::workspace::Workspace;
use crate::{process, shutdown};

/// How long a target runs unless it is said.
pub(crate) const DEFAULT_SECONDS: u32 = 30;
/// How long each target runs in CI: all of them together take less than two minutes.
pub(crate) const CI_SECONDS: u32 = 5;
/// One input may take this long; most take microseconds.
const INPUT_SECONDS: u32 = 10;
const MEMORY_MIB: u32 = 1024;
/// The part of cargo-fuzz's flags that a stable compiler takes: edge coverage for libFuzzer, and the operands of
/// comparisons. An explicit target keeps build scripts and procedural macros out of it.
const COVERAGE: [&str; 7] = [
    "--cfg",
    "fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];
/// What separates the flags in `CARGO_ENCODED_RUSTFLAGS`, which goes before `RUSTFLAGS`.
const FLAG_SEPARATOR: &str = "\u{1f}";

/// The folders of the targets.
struct Folders {
    manifest: PathBuf,
    /// Inputs that are in the repository.
    seeds: PathBuf,
    /// Inputs that were found on the way: what the next run goes on from. Not in the repository.
    corpus: PathBuf,
    /// Inputs that failed. Not in the repository.
    artifacts: PathBuf,
}

/// What libFuzzer says of a run that found nothing.
#[derive(Debug, PartialEq, Eq)]
struct Figures {
    runs: u64,
    /// Edges that the inputs at hand covered, and those at the end.
    coverage: (u64, u64),
}

/// Fails with what is missing unless this machine can build libFuzzer.
pub(crate) fn available() -> anyhow::Result<()> {
    let compiler = env::var_os("CXX").unwrap_or_else(|| "c++".into());
    let mut command = Command::new(&compiler);
    process::output(command.arg("--version")).context("no C++ compiler, which libFuzzer is built with")?;
    Ok(())
}

pub(crate) fn run(workspace: &Workspace, only: Option<&str>, seconds: u32) -> anyhow::Result<()> {
    available()?;
    let folders = Folders::of(workspace);
    let targets = targets(workspace, &folders, only)?;
    let binaries = build(workspace, &folders, only)?;
    let mut failed = Vec::new();
    for target in &targets {
        match run_target(&folders, &binaries.join(target), target, seconds)? {
            Ok(figures) => println!("{target:20} {figures}"),
            Err(report) => {
                println!("{target:20} FAILED\n{report}\n{}", folders.reproduction(&binaries, target));
                failed.push(target.as_str());
            }
        }
    }
    if !failed.is_empty() {
        bail!("fuzz targets failed: {}", failed.join(", "));
    }
    Ok(())
}

impl Folders {
    fn of(workspace: &Workspace) -> Self {
        let root = workspace.root.join("fuzz");
        Self {
            manifest: root.join("Cargo.toml"),
            seeds: root.join("seeds"),
            corpus: root.join("corpus"),
            artifacts: root.join("artifacts"),
        }
    }

    fn reproduction(&self, binaries: &Path, target: &str) -> String {
        let (binary, artifacts) = (binaries.join(target), self.artifacts.join(target));
        format!("the input is in {}; again: {} FILE", artifacts.display(), binary.display())
    }
}

/// The names of the targets: the programs of the package in `fuzz/`.
fn targets(workspace: &Workspace, folders: &Folders, only: Option<&str>) -> anyhow::Result<Vec<String>> {
    let mut metadata = workspace.cargo();
    metadata
        .args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"])
        .arg(&folders.manifest);
    let all =
        programs(&process::output(&mut metadata)?).context("cannot read what `cargo metadata` prints")?;
    match only {
        None => Ok(all),
        Some(name) if all.iter().any(|target| target == name) => Ok(vec![name.to_owned()]),
        Some(name) => bail!("no fuzz target `{name}`; there are {}", all.join(", ")),
    }
}

fn programs(metadata: &str) -> anyhow::Result<Vec<String>> {
    let metadata: Value = serde_json::from_str(metadata)?;
    let targets = metadata["packages"][0]["targets"].as_array().context("no targets")?;
    let is_program = |target: &&Value| target["kind"][0] == "bin";
    let names = targets.iter().filter(is_program).filter_map(|target| target["name"].as_str());
    Ok(names.map(str::to_owned).collect())
}

/// Builds the targets and says where they are.
fn build(workspace: &Workspace, folders: &Folders, only: Option<&str>) -> anyhow::Result<PathBuf> {
    let host = host()?;
    let output = workspace.target.join("fuzz");
    let mut command = workspace.cargo();
    command
        .args(["build", "--release", "--locked", "--quiet", "--target", &host])
        .arg("--manifest-path")
        .arg(&folders.manifest)
        .arg("--target-dir")
        .arg(&output)
        .env("CARGO_ENCODED_RUSTFLAGS", COVERAGE.join(FLAG_SEPARATOR));
    if let Some(target) = only {
        command.args(["--bin", target]);
    }
    process::run(&mut command)?;
    Ok(output.join(host).join("release"))
}

fn host() -> anyhow::Result<String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = process::output(Command::new(rustc).arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("`rustc -vV` names no host")?.to_owned())
}

/// Runs one target: its figures, or the end of what it said if an input failed.
fn run_target(
    folders: &Folders,
    binary: &Path,
    target: &str,
    seconds: u32,
) -> anyhow::Result<Result<Figures, String>> {
    let (corpus, artifacts) = (folders.corpus.join(target), folders.artifacts.join(target));
    for folder in [&corpus, &artifacts] {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let mut command = Command::new(binary);
    command
        // New inputs go to the first folder; the others are only read.
        .args([&corpus, &folders.seeds.join(target)])
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-timeout={INPUT_SECONDS}"))
        .arg(format!("-rss_limit_mb={MEMORY_MIB}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let (child, group) = process::start(&mut command)?;
    let output = child.wait_with_output();
    shutdown::forget_group(group);
    let output = output.with_context(|| format!("cannot wait for `{}`", process::line(&command)))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Ok(Err(findings(&said)));
    }
    Ok(Ok(figures(&said).with_context(|| format!("`{target}` reports no coverage: is it instrumented?"))?))
}

/// What libFuzzer says of itself, on lines such as `#4096 NEW    cov: 67 ft: 68 corp: …`.
fn figures(said: &str) -> Option<Figures> {
    let status = |word| said.lines().find(|line| line.starts_with('#') && line.contains(word));
    let coverage = |line: &str| {
        let (_, rest) = line.split_once("cov: ")?;
        rest.split(' ').next()?.parse().ok()
    };
    let (first, last) = (status("INITED")?, status("DONE")?);
    let runs = last.strip_prefix('#')?.split_whitespace().next()?.parse().ok()?;
    Some(Figures { runs, coverage: (coverage(first)?, coverage(last)?) })
}

/// The part of the output that says what went wrong: from the panic or libFuzzer's own error on, without its progress.
fn findings(said: &str) -> String {
    let lines: Vec<&str> = said.lines().filter(|line| !line.starts_with('#')).collect();
    let begin = lines.iter().position(|line| line.contains("panicked at") || line.contains("ERROR:"));
    process::last_lines(&lines[begin.unwrap_or(0)..].iter().take(8).copied().collect::<Vec<_>>().join("\n"))
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (first, last) = self.coverage;
        write!(f, "{:>9} runs, edges {first} -> {last}", self.runs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_from_what_libfuzzer_prints() {
        let said = "INFO: Seed: 1\n\
                    #2\tINITED cov: 36 ft: 36 corp: 1/1b exec/s: 0 rss: 27Mb\n\
                    #9\tNEW    cov: 40 ft: 41 corp: 2/2b lim: 4 exec/s: 0 rss: 27Mb L: 1/1 MS: 1 ChangeBit-\n\
                    #167599\tDONE   cov: 291 ft: 1000 corp: 127/1187b lim: 1380 exec/s: 33519 rss: 28Mb\n";
        let figures = figures(said).unwrap();
        assert_eq!(figures, Figures { runs: 167_599, coverage: (36, 291) });
        assert_eq!(figures.to_string(), "   167599 runs, edges 36 -> 291");
    }

    #[test]
    fn run_without_coverage_has_no_figures() {
        assert_eq!(figures("#2\tINITED exec/s: 0 rss: 27Mb\n#9\tDONE exec/s: 3 rss: 27Mb\n"), None);
        assert_eq!(figures(""), None);
    }

    #[test]
    fn finding_begins_with_the_panic() {
        let said = "INFO: Seed: 1\n#2\tINITED cov: 3\nthread '<unnamed>' panicked at fuzz/src/a.rs:1:2:\nleft is not right\n";
        assert_eq!(findings(said), "thread '<unnamed>' panicked at fuzz/src/a.rs:1:2:\nleft is not right");
    }

    #[test]
    fn programs_are_the_targets() {
        let metadata = r#"{"packages":[{"targets":[
            {"kind":["lib"],"name":"all"},{"kind":["bin"],"name":"note"},{"kind":["bin"],"name":"keys"}]}]}"#;
        assert_eq!(programs(metadata).unwrap(), ["note", "keys"]);
    }

    #[test]
    fn every_target_has_seeds_and_every_folder_of_seeds_a_target() {
        let workspace = Workspace::load().unwrap();
        let folders = Folders::of(&workspace);
        let mut seeded: Vec<String> = fs::read_dir(&folders.seeds)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        seeded.sort();
        let mut all = targets(&workspace, &folders, None).unwrap();
        all.sort();
        assert_eq!(seeded, all);
    }
}
