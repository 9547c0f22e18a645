//! `cargo xtask ci`. To be filled.
use crate::workspace::Workspace;
pub(crate) fn run(_workspace: &Workspace) -> anyhow::Result<()> {
    anyhow::bail!("not yet")
}
