//! `cargo xtask bench`: runs an area's benchmark, on a durable server where the area needs one.
//!
//! Not here: what is measured. Each area's figures are in `benches/figures.rs` of the crate that they measure.

use anyhow::Context as _;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

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

    /// The programs that print its figures.
    fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Merkle => &["figures", "memory"],
            Self::Store => &["figures"],
        }
    }

    /// The features that its figures need beside the default ones.
    fn features(self) -> &'static str {
        match self {
            Self::Merkle => "blake3-lanes,rayon",
            Self::Store => "",
        }
    }

    fn needs_database(self) -> bool {
        match self {
            Self::Merkle => false,
            Self::Store => true,
        }
    }
}

/// What a program prints and what we print: one JSON document.
#[derive(Debug, Deserialize, Serialize)]
struct Figures {
    area: String,
    figures: Vec<Figure>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Figure {
    name: String,
    ratio: f64,
    ours: f64,
    reference: Option<f64>,
    unit: String,
    goal: String,
}

pub(crate) fn run(workspace: &Workspace, area: Area, output: Output) -> anyhow::Result<()> {
    let figures = if area.needs_database() {
        let task = Run::begin(workspace)?;
        let server = pg::provision(workspace, &task, Profile::Durable, Way::forced()?)?;
        let databases = Databases::claim(&server.url)?;
        measure(workspace, area, Some(databases.create("bench")?.as_str()))?
    } else {
        measure(workspace, area, None)?
    };
    match output {
        Output::Json => println!("{}", serde_json::to_string(&figures)?),
        Output::Table => print!("{}", table(figures)),
    }
    Ok(())
}

/// The figures of all programs of the area.
fn measure(workspace: &Workspace, area: Area, database: Option<&str>) -> anyhow::Result<Figures> {
    let mut texts = Vec::new();
    for program in area.programs() {
        let mut command = workspace.cargo();
        command.args(["bench", "--quiet", "--package", area.package(), "--bench", program]);
        command.args(["--features", area.features()]);
        if let Some(url) = database {
            command.env("DATABASE_URL", url);
        }
        texts.push(process::printed(&mut command)?);
    }
    joined(&texts)
}

/// What several programs print about one area, as one document.
fn joined(texts: &[String]) -> anyhow::Result<Figures> {
    let mut all = Figures { area: String::new(), figures: Vec::new() };
    for text in texts {
        let document: Figures =
            serde_json::from_str(text).context("the figures are no JSON document of ours")?;
        all.area = document.area;
        all.figures.extend(document.figures);
    }
    Ok(all)
}

/// The figures as lines of a table: the ratio first, since the other two depend on the machine.
fn table(figures: Figures) -> String {
    let mut lines =
        format!("{:<22} {:>9}  {:<8} {:>12} {:>12}  unit\n", "figure", "ratio", "goal", "ours", "reference");
    for figure in figures.figures {
        let Figure { name, ratio, ours, reference, unit, goal } = figure;
        let reference = reference.map_or_else(|| "-".to_owned(), number);
        lines.push_str(&format!(
            "{name:<22} {ratio:>9.3}  {goal:<8} {:>12} {reference:>12}  {unit}\n",
            number(ours)
        ));
    }
    lines
}

/// With as many digits as tell something: times of one operation are fractions of a microsecond.
fn number(value: f64) -> String {
    if value < 10.0 { format!("{value:.3}") } else { format!("{value:.1}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_without_reference_is_shown_by_itself() {
        let text = r#"{"area":"x","figures":[{"name":"n","ratio":0.5,"ours":1,"reference":null,"unit":"ms","goal":"<= 1"}]}"#;
        let table = table(joined(&[text.to_owned()]).unwrap());
        let line = table.lines().nth(1).unwrap();
        assert!(
            line.starts_with("n                          0.500  <= 1            1.000            -  ms"),
            "{table}"
        );
        assert!(joined(&["[]".to_owned()]).is_err());
    }

    #[test]
    fn figures_of_several_programs_are_one_document() {
        let text = |name| {
            format!(
                r#"{{"area":"x","figures":[{{"name":"{name}","ratio":2.0,"ours":20.04,"reference":10.02,"unit":"ms","goal":"<= 1"}}]}}"#
            )
        };
        let figures = joined(&[text("a"), text("b")]).unwrap();
        let json = serde_json::to_string(&figures).unwrap();
        let names: Vec<_> = figures.figures.iter().map(|figure| figure.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(joined(&[json]).unwrap().figures.len(), 2);
        assert!(table(figures).contains("        20.0         10.0  ms\n"));
    }
}
