//! A replica: another database that takes the log page by page, believes only what a signed checkpoint covers, and ends
//! with the same root.
//!
//! Not here: how pages are checked (`veritrail mirror`).

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::Stage;
use super::program::Call;
use super::screen;

const PAGE: &str = "500";
/// The pages after which the first attempt stops, as a lost connection would stop it.
const INTERRUPTED_AFTER: &str = "3";

pub(super) fn run(stage: &mut Stage) -> anyhow::Result<String> {
    screen::say("Another database on the same server, with tables of its own:");
    let replica = stage.databases.create("replica")?.as_str().to_owned();
    screen::typed("$", &format!("REPLICA='{}'", screen::without_password(&replica)));
    stage.program.define("REPLICA", &replica);
    stage.program.show(&Call::new(&["--database-url", &replica, "migrate"]))?;

    let mut events = 0;
    for (index, tenant) in stage.plan.tenants.iter().enumerate() {
        let there = ["--database-url", &replica, "--tenant", tenant.tenant];
        let from = ["mirror", "--from", stage.url.as_str(), "--key", &stage.key, "--page", PAGE];
        let mirror = [&there[..], &from].concat();
        if index == 0 {
            screen::say("\nThe first attempt ends after three pages, as if the connection were lost:");
            pull(stage, &[&mirror[..], &["--max-pages", INTERRUPTED_AFTER]].concat())?;
            screen::say("\nThe next goes on where it ended:");
        }
        pull(stage, &mirror)?;
        // Each side recomputes its root from its own rows.
        let verify = ["verify", "--key", &stage.key, "--json"];
        let original = [&["--tenant", tenant.tenant][..], &verify].concat();
        let original = stage.program.document(&Call::new(&original))?;
        let copy = stage.program.document(&Call::new(&[&there[..], &verify].concat()))?;
        events += compare(tenant.tenant, &original, &copy)?;
    }
    Ok(format!("{} events of three logs copied, each with the same root", screen::grouped(events)))
}

/// Takes pages, and shows the way before its end.
fn pull(stage: &Stage, words: &[&str]) -> anyhow::Result<()> {
    let answer = stage.program.run(&Call::new(words))?;
    screen::quote_ends(&answer.stderr);
    screen::quote(&answer.stdout);
    Ok(())
}

/// The number of events that both have, if both have the same.
fn compare(tenant: &str, original: &Value, copy: &Value) -> anyhow::Result<usize> {
    ensure!(original["ok"] == true && copy["ok"] == true, "{tenant} is not verified: {original} {copy}");
    let of = |document: &Value| {
        let root = document["root"].as_str().with_context(|| format!("no root in {document}"))?;
        let size = document["size"].as_u64().with_context(|| format!("no size in {document}"))?;
        anyhow::Ok((usize::try_from(size)?, root.to_owned()))
    };
    let (original, copy) = (of(original)?, of(copy)?);
    let rows = [("source", &original), ("replica", &copy)]
        .map(|(what, (size, root))| vec![what.to_owned(), screen::grouped(*size), root.clone()]);
    screen::table(&[tenant, "events", "root"], &rows);
    ensure!(original == copy, "the replica of {tenant} differs from its source");
    Ok(copy.0)
}
