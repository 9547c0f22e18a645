//! `migrate`.

use serde::Serialize;
use veritrail_store_pg::veritrail_migrations as migrations;

use crate::args::{Global, Migrate};
use crate::connect;
use crate::outcome::{Outcome, usage};
use crate::show;

#[derive(Serialize)]
struct State<'a> {
    name: &'a str,
    applied: bool,
}

pub(crate) async fn migrate(global: &Global, args: &Migrate) -> anyhow::Result<Outcome> {
    let url = connect::database_url(global)?;
    if args.status {
        return status(global, url).await;
    }
    if args.revert && !args.yes {
        return Err(usage(
            "--revert deletes the schema `veritrail` with the events, entities, trees and checkpoints of EVERY tenant; \
             if that is meant, give --yes beside it",
        ));
    }
    let (changed, verb) = if args.revert {
        (migrations::revert_all(url).await?, "reverted")
    } else {
        (migrations::migrate(url).await?, "applied")
    };
    if global.json {
        show::json(&serde_json::json!({ verb: changed }))?;
    } else {
        for name in &changed {
            show::line(&format!("{verb} {name}"))?;
        }
        show::note(global, if changed.is_empty() { "nothing to do: the schema is current" } else { "done" });
    }
    Ok(Outcome::Done)
}

/// Lists the migrations and changes nothing; the answer is no if one is missing.
async fn status(global: &Global, url: &str) -> anyhow::Result<Outcome> {
    let states = migrations::status(url).await?;
    if global.json {
        let states: Vec<State<'_>> =
            states.iter().map(|state| State { name: &state.name, applied: state.applied }).collect();
        show::json(&states)?;
    } else {
        for state in &states {
            show::line(&format!("{} {}", if state.applied { "applied" } else { "missing" }, state.name))?;
        }
    }
    Ok(Outcome::from_answer(states.iter().all(|state| state.applied)))
}
