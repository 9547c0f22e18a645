//! `cargo xtask demo`: the product at work on real input. Three registers submit their files; then the demo shows a
//! household then and now, proves an event, copies the logs, edits a row behind the store's back and finds it.
//!
//! Everything runs through the `veritrail` program, as a user would run it, and each answer is compared with the one
//! that the files' generator knows to be right. Not here: the server it runs on (`pg`) and what is removed after it
//! (`run`).

mod edit;
mod generate;
mod household;
mod program;
mod proof;
mod replica;
mod screen;
mod submit;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::cli_binary::{self, Build};
use crate::databases::Databases;
use crate::pg::url::ServerUrl;
use crate::pg::{self, Profile, Way};
use crate::run::Run;
use crate::workspace::Workspace;
use generate::{Plan, TenantPlan};
use program::{Call, Program};

/// The origin's prefix, for which the demo's key signs.
const KEY_NAME: &str = "demo.example/registry";
const KEY_FILE: &str = "registry.key";

/// What the steps share.
struct Stage {
    program: Program,
    plan: Plan,
    databases: Databases,
    /// The store's database.
    url: ServerUrl,
    /// Where the user is: files in command lines are here.
    folder: PathBuf,
    /// The verifier key.
    key: String,
    /// How long the submits took, once they have ended well.
    submitted: Option<Duration>,
}

struct Step {
    name: &'static str,
    title: &'static str,
    /// Whether the steps after it make no sense without it.
    is_needed: bool,
    /// Tells what was shown.
    run: fn(&mut Stage) -> anyhow::Result<String>,
}

const STEPS: [Step; 8] = [
    Step { name: "migrate", title: "Make the tables", is_needed: true, run: migrate },
    Step { name: "keygen", title: "Make a key to sign with", is_needed: true, run: keygen },
    Step { name: "submit", title: "Submit a year of three registers", is_needed: true, run: submit::run },
    Step {
        name: "household",
        title: "Look at one household, then and now",
        is_needed: false,
        run: household::run,
    },
    Step { name: "verify", title: "Verify the logs", is_needed: false, run: proof::verify },
    Step { name: "prove", title: "Prove an event to somebody else", is_needed: false, run: proof::prove },
    Step { name: "mirror", title: "Copy the logs to a replica", is_needed: false, run: replica::run },
    Step { name: "edit", title: "Edit an event behind its back", is_needed: false, run: edit::run },
];

/// How a step ended.
struct Outcome {
    name: &'static str,
    took: Duration,
    /// What was shown; `None` for a step that did not run.
    result: Option<anyhow::Result<String>>,
}

/// Builds the program, provisions a durable server and shows the product on it.
pub(crate) fn prepare_and_run(workspace: &Workspace) -> anyhow::Result<()> {
    let veritrail = cli_binary::build(workspace, Build::Release)?;
    let task = Run::begin(workspace)?;
    let begin = Instant::now();
    let server = pg::provision(workspace, &task, Profile::Durable, Way::forced()?)?;
    let databases = Databases::claim(&server.url)?;
    let mut stage = Stage::set(databases, &veritrail, task.folder().join("demo"))?;
    let outcomes = run(&mut stage);
    summary(&stage, &outcomes, begin.elapsed())?;
    keep(&stage, &workspace.target.join("demo"))
}

/// Writes the files that the demo submits, for those who want to try something themselves.
pub(crate) fn write_files(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for tenant in Plan::make()?.tenants {
        let path = tenant.write(folder)?;
        println!("{}: {} lines for tenant {}", path.display(), tenant.lines.len(), tenant.tenant);
    }
    Ok(())
}

/// Shows the product step by step, by the `veritrail` program alone.
fn run(stage: &mut Stage) -> Vec<Outcome> {
    let mut outcomes: Vec<Outcome> = Vec::new();
    let mut is_stopped = false;
    for (number, step) in (1..).zip(&STEPS) {
        let start = Instant::now();
        let result = (!is_stopped).then(|| {
            screen::heading(number, STEPS.len(), step.title);
            (step.run)(stage)
        });
        if let Some(Err(error)) = &result {
            screen::say(&format!("{} {error:#}", screen::bold("FAILED:")));
            is_stopped |= step.is_needed;
        }
        outcomes.push(Outcome { name: step.name, took: start.elapsed(), result });
    }
    outcomes
}

impl Stage {
    /// Makes the folder, the files and the database.
    fn set(databases: Databases, veritrail: &Path, folder: PathBuf) -> anyhow::Result<Self> {
        fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let plan = Plan::make()?;
        for tenant in &plan.tenants {
            tenant.write(&folder)?;
        }
        let url = databases.create("demo")?;
        screen::say(&format!("veritrail is {}", veritrail.display()));
        screen::typed("$", &format!("cd {}", folder.display()));
        screen::typed("$", &format!("export DATABASE_URL='{}'", screen::without_password(url.as_str())));
        let program = Program::new(veritrail, &folder, url.as_str());
        Ok(Self { program, plan, databases, url, folder, key: String::new(), submitted: None })
    }
}

fn migrate(stage: &mut Stage) -> anyhow::Result<String> {
    stage.program.show(&Call::new(&["migrate"]))?;
    Ok("the schema is up".to_owned())
}

fn keygen(stage: &mut Stage) -> anyhow::Result<String> {
    let answer = stage.program.show(&Call::new(&["keygen", KEY_NAME, "-o", KEY_FILE]))?;
    let key = answer.stdout.split_whitespace().find(|word| word.starts_with(KEY_NAME));
    stage.key = key.context("`keygen` printed no verifier key")?.to_owned();
    screen::typed("$", &format!("VKEY='{}'", stage.key));
    let key = stage.key.clone();
    stage.program.define("VKEY", &key);
    Ok(format!("an Ed25519 key for {KEY_NAME}"))
}

/// Tells how everything went, and fails if anything did.
fn summary(stage: &Stage, outcomes: &[Outcome], took: Duration) -> anyhow::Result<()> {
    screen::say(&format!("\n{}", screen::bold("── What was shown ──")));
    let rows = outcomes.iter().zip(1..).map(|(outcome, number)| {
        let (shown, result) = match &outcome.result {
            Some(Ok(shown)) => (shown.clone(), "ok"),
            Some(Err(error)) => (format!("{error:#}").replace('\n', " "), "FAILED"),
            None => ("needs a step that failed".to_owned(), "not run"),
        };
        vec![format!("{number} {}", outcome.name), shown, result.to_owned(), screen::seconds(outcome.took)]
    });
    screen::table(&["step", "shown", "result", "seconds"], &rows.collect::<Vec<_>>());

    if let Some(submitted) = stage.submitted {
        let rate = stage.plan.lines() as f64 / submitted.as_secs_f64();
        screen::say(&format!(
            "\nSubmit took in {rate:.0} lines a second: of this run, on this machine, with every commit on disk. \
             It is no benchmark."
        ));
    }
    let failed = outcomes.iter().filter(|outcome| !matches!(outcome.result, Some(Ok(_)))).count();
    if failed > 0 {
        bail!("{failed} of {} steps of the demo failed or did not run", outcomes.len());
    }
    let of = outcomes.len();
    screen::say(&format!(
        "All {of} steps passed in {} seconds, the server's start included.",
        screen::seconds(took)
    ));
    Ok(())
}

/// Keeps what is of use without the server; the run's own folder goes with it.
fn keep(stage: &Stage, folder: &Path) -> anyhow::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let files = stage.plan.tenants.iter().map(TenantPlan::file_name);
    for file in files.chain([proof::BUNDLE.to_owned(), proof::CHANGED.to_owned()]) {
        let copied = fs::copy(stage.folder.join(&file), folder.join(&file));
        copied.with_context(|| format!("cannot copy {file} to {}", folder.display()))?;
    }
    let key = folder.join("registry.vkey");
    fs::write(&key, format!("{}\n", stage.key)).with_context(|| format!("cannot write {}", key.display()))?;
    screen::say("\nThe files, the proofs and the verifier key are kept. Try for yourself:");
    screen::typed("$", &format!("cd {}", folder.display()));
    screen::typed("$", &format!("veritrail check {} --key registry.vkey", proof::BUNDLE));
    Ok(())
}
