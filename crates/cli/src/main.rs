//! The `veritrail` command: reads arguments, runs one command and turns its answer into an exit code.
//!
//! What a command does is in its file under `commands/`; how people and machines are shown things is in `show`.

mod args;
mod commands;
mod connect;
mod outcome;
mod show;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;
use crate::outcome::Outcome;

fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let answer =
        runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(commands::run(&cli)));
    match answer {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            eprintln!("veritrail: {error:#}");
            Outcome::of_error(&error).into()
        }
    }
}
