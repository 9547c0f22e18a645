//! `cargo xtask demo`: the product at work on real input.
//!
//! Not here: the server it runs on (`pg`) and what is removed after it (`run`).

mod generate;

use std::fs;
use std::path::Path;

use anyhow::Context as _;

use crate::cli_binary::{self, Build};
use crate::pg::{self, Profile, Server, Way};
use crate::run::Run;
use crate::workspace::Workspace;

/// Builds the program, provisions a durable server and shows the product on it.
pub(crate) fn prepare_and_run(workspace: &Workspace) -> anyhow::Result<()> {
    let veritrail = cli_binary::build(workspace, Build::Release)?;
    let task = Run::begin(workspace)?;
    let server = pg::provision(workspace, &task, Profile::Durable, Way::forced()?)?;
    run(&server, &veritrail)
}

/// Writes the files that the demo submits, for those who want to try something themselves.
pub(crate) fn write_files(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for tenant in generate::Plan::make()?.tenants {
        let path = tenant.write(folder)?;
        println!("{}: {} lines for tenant {}", path.display(), tenant.lines.len(), tenant.tenant);
    }
    Ok(())
}

/// Shows the product on a fresh server, by the `veritrail` program alone.
pub(crate) fn run(server: &Server, veritrail: &Path) -> anyhow::Result<()> {
    cli_binary::migrate(veritrail, &server.url)
}
