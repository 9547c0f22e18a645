//! `cargo xtask demo`: the product at work on real input.
//!
//! Not here: the server it runs on (`pg`) and what is removed after it (`run`).

use std::path::Path;

use crate::cli_binary::{self, Build};
use crate::databases::Databases;
use crate::pg::url::ServerUrl;
use crate::pg::{self, Profile, Way};
use crate::run::Run;
use crate::workspace::Workspace;

/// Builds the program, provisions a durable server and shows the product on it.
pub(crate) fn prepare_and_run(workspace: &Workspace) -> anyhow::Result<()> {
    let veritrail = cli_binary::build(workspace, Build::Release)?;
    let task = Run::begin(workspace)?;
    let server = pg::provision(workspace, &task, Profile::Durable, Way::forced()?)?;
    let databases = Databases::claim(&server.url)?;
    run(&task, &databases.create("demo")?, &veritrail)
}

/// Shows the product on an empty database, by the `veritrail` program alone. Files of the demo belong in the task's
/// folder, which goes with it; programs are run through `process`, which ends them when we are told to stop.
fn run(task: &Run, database: &ServerUrl, veritrail: &Path) -> anyhow::Result<()> {
    eprintln!("the demo's files are in {}", task.folder().display());
    cli_binary::migrate(veritrail, database)
}
