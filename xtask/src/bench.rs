//! `cargo xtask bench`: runs an area's benchmark, on a durable server where the area needs one.
//!
//! Not here: what is measured. Each area's figures are in `benches/figures.rs` of the crate that they measure.

use anyhow::Context as _;
use clap::ValueEnum;
use serde::Deserialize;

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
        }
    }

    fn needs_database(self) -> bool {
        match self {
            Self::Merkle => false,
            Self::Store => true,
        }
    }
}

/// What a crate's figures print: one JSON document.
#[derive(Debug, Deserialize)]
struct Figures {
    figures: Vec<Figure>,
}

#[derive(Debug, Deserialize)]
struct Figure {
    name: String,
    ratio: f64,
    ours: f64,
    reference: Option<f64>,
    unit: String,
    goal: String,
}

pub(crate) fn run(workspace: &Workspace, area: Area, output: Output) -> anyhow::Result<()> {
    let mut command = workspace.cargo();
    command.args(["bench", "--quiet", "--package", area.package(), "--bench", "figures"]);
    let text = if area.needs_database() {
        let task = Run::begin(workspace)?;
        let server = pg::provision(workspace, &task, Profile::Durable, Way::forced()?)?;
        let databases = Databases::claim(&server.url)?;
        command.env("DATABASE_URL", databases.create("bench")?.as_str());
        process::printed(&mut command)?
    } else {
        process::printed(&mut command)?
    };
    match output {
        Output::Json => print!("{text}"),
        Output::Table => print!("{}", table(&text)?),
    }
    Ok(())
}

/// The figures as lines of a table: the ratio first, since the other two depend on the machine.
fn table(text: &str) -> anyhow::Result<String> {
    let document: Figures = serde_json::from_str(text).context("the figures are no JSON document of ours")?;
    let mut lines =
        format!("{:<20} {:>8}  {:<10} {:>12} {:>12}  unit\n", "figure", "ratio", "goal", "ours", "reference");
    for figure in document.figures {
        let Figure { name, ratio, ours, reference, unit, goal } = figure;
        let reference = reference.map_or_else(|| "-".to_owned(), |reference| format!("{reference:.1}"));
        lines
            .push_str(&format!("{name:<20} {ratio:>8.3}  {goal:<10} {ours:>12.1} {reference:>12}  {unit}\n"));
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_without_reference_is_shown_by_itself() {
        let text = r#"{"area":"x","figures":[{"name":"n","ratio":0.5,"ours":1,"reference":null,"unit":"ms","goal":"<= 1"}]}"#;
        let table = table(text).unwrap();
        assert!(table.lines().nth(1).unwrap().starts_with("n                       0.500  <= 1"), "{table}");
        assert!(super::table("[]").is_err());
    }
}
