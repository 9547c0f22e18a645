//! `cargo xtask bench`: runs an area's benchmark, on a durable server where the area needs one.
//!
//! Not here: what is measured. Each area's figures are in `benches/figures.rs` of the crate that they measure.

use clap::ValueEnum;

use crate::databases::Databases;
use crate::pg::{self, Profile, Way};
use crate::process;
use crate::run::Run;
use crate::workspace::Workspace;

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Area {
    /// Trees and proofs.
    Merkle,
    /// Append, pages and verification in PostgreSQL.
    Store,
    /// Replay and updates of entities.
    Applier,
}

/// How the figures are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    Table,
    Json,
}

impl Output {
    pub(crate) fn from_flag(json: bool) -> Self {
        if json { Self::Json } else { Self::Table }
    }
}

impl Area {
    fn package(self) -> &'static str {
        match self {
            Self::Merkle => "veritrail-merkle",
            Self::Store => "veritrail-store-pg",
            Self::Applier => "veritrail-applier",
        }
    }

    fn needs_database(self) -> bool {
        match self {
            Self::Merkle | Self::Applier => false,
            Self::Store => true,
        }
    }
}

pub(crate) fn run(workspace: &Workspace, area: Area, output: Output) -> anyhow::Result<()> {
    let mut command = workspace.cargo();
    command.args(["bench", "--package", area.package(), "--bench", "figures", "--"]);
    if output == Output::Json {
        command.arg("--json");
    }
    if !area.needs_database() {
        return process::run(&mut command);
    }
    let task = Run::begin(workspace)?;
    let server = pg::provision(workspace, &task, Profile::Durable, Way::forced()?)?;
    let databases = Databases::claim(&server.url)?;
    command.env("DATABASE_URL", databases.create("bench")?.as_str());
    process::run(&mut command)
}
