//! `cargo xtask`: what a developer runs on this workspace. It provisions PostgreSQL, migrates, tests, measures and
//! checks, by running the workspace's own programs as a user would.
//!
//! Not here: anything a user of Veritrail needs. That is the `veritrail` binary (`crates/cli`); this package depends on
//! no other crate of the workspace.

mod bench;
mod ci;
mod cli_binary;
mod databases;
mod db;
mod demo;
mod fuzz;
mod merkle_features;
mod migrate;
mod package;
mod pg;
mod process;
mod run;
mod shutdown;
mod sql;
mod test_run;
mod tidy;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "Workspace tasks of Veritrail")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Show the product at work on real input, against a PostgreSQL of its own.
    Demo {
        /// Only write the files that the demo submits into this folder, one for each tenant.
        #[arg(long, value_name = "DIR")]
        files: Option<PathBuf>,
    },
    /// Run every test of the workspace, each on a database of its own.
    Test {
        /// Arguments for `cargo test`, for example `-p veritrail-tests -- --nocapture`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Everything that must pass before a change lands.
    Ci,
    /// Bring the schema up in DATABASE_URL, or in the cluster of `db start` when that is unset.
    Migrate,
    /// The private cluster under target/pg that stays until it is stopped.
    Db {
        #[command(subcommand)]
        action: db::Action,
    },
    /// Run the fuzz targets, each for a bounded time.
    Fuzz {
        /// Seconds for each target.
        #[arg(long, value_name = "N", default_value_t = fuzz::DEFAULT_SECONDS, value_parser = clap::value_parser!(u32).range(1..))]
        seconds: u32,
        /// Only this target.
        target: Option<String>,
    },
    /// Measure an area against a limit on the same server.
    Bench {
        /// What to measure.
        area: bench::Area,
        /// Print one JSON document instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Check the house rules that a program can check.
    Tidy,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    shutdown::install();
    match carry_out(arguments.task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn carry_out(task: Task) -> anyhow::Result<()> {
    let workspace = Workspace::load()?;
    match task {
        Task::Demo { files: None } => demo::prepare_and_run(&workspace),
        Task::Demo { files: Some(folder) } => demo::write_files(&folder),
        Task::Test { arguments } => test_run::run(&workspace, &arguments),
        Task::Ci => ci::run(&workspace),
        Task::Migrate => migrate::run(&workspace),
        Task::Db { action } => db::run(&workspace, action),
        Task::Fuzz { seconds, target } => fuzz::run(&workspace, target.as_deref(), seconds),
        Task::Bench { area, json } => bench::run(&workspace, area, bench::Output::from_flag(json)),
        Task::Tidy => tidy::run(&workspace),
    }
}
