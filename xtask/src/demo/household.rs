//! One household: every event of its life, and what was true of it at an earlier time.
//!
//! Not here: what its life is (`generate::story`).

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::Stage;
use super::generate::{State, Story};
use super::program::Call;
use super::screen;

pub(super) fn run(stage: &mut Stage) -> anyhow::Result<String> {
    let tenant = &stage.plan.tenants[0];
    let story = &tenant.story;

    screen::say(&format!(
        "The {} in the register of {}, from its registration on:",
        story.name, tenant.tenant
    ));
    stage.program.show(&Call::new(&["--tenant", tenant.tenant, "timeline", story.household]))?;
    let json =
        stage.program.run(&Call::new(&["--tenant", tenant.tenant, "--json", "timeline", story.household]))?;
    check_timeline(story, &json.stdout)?;

    screen::say(
        "\nWhat is known of it now, and what was on the day between its second and its third income:",
    );
    let entity = ["--tenant", tenant.tenant, "--json", "entity", story.household];
    let now = stage.program.document(&Call::new(&entity))?;
    let then = stage.program.document(&Call::new(&[&entity[..], &["--at", &story.at]].concat()))?;
    show_states(story, &then, &now)?;
    check_state(&then, &story.then).with_context(|| format!("at {}", story.at))?;
    check_state(&now, &story.now).context("now")?;
    Ok(format!(
        "{} events; income {} then, {} now; {} members then, {} now",
        json.stdout.lines().count(),
        story.then.income,
        story.now.income,
        story.then.members.len(),
        story.now.members.len()
    ))
}

/// The household's own events must be there, in order; those of its members may stand between them.
fn check_timeline(story: &Story, answer: &str) -> anyhow::Result<()> {
    let mut expected = story.own_events.iter();
    let mut next = expected.next();
    for line in answer.lines() {
        let event: Value = serde_json::from_str(line).with_context(|| format!("no event: {line}"))?;
        if next.is_some_and(|kind| event["type"] == **kind) {
            next = expected.next();
        }
    }
    ensure!(next.is_none(), "the timeline lacks `{}`", next.unwrap_or(&""));
    Ok(())
}

fn show_states(story: &Story, then: &Value, now: &Value) -> anyhow::Result<()> {
    let (then, now) = (facts(story, then)?, facts(story, now)?);
    let names = ["version", "last updated", "income", "members"];
    let rows = names.iter().zip(then).zip(now).map(|((name, then), now)| vec![(*name).to_owned(), then, now]);
    screen::table(&["", &format!("at {}", story.at), "now"], &rows.collect::<Vec<_>>());
    Ok(())
}

fn facts(story: &Story, state: &Value) -> anyhow::Result<[String; 4]> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let members = members(state)?;
    let names: Vec<_> = members.iter().map(|guid| story.person(guid)).collect();
    Ok([
        text(&state["version"]),
        text(&state["lastUpdated"]),
        text(&state["data"]["income"]),
        names.join(", "),
    ])
}

fn check_state(state: &Value, expected: &State) -> anyhow::Result<()> {
    ensure!(
        state["data"]["income"] == expected.income,
        "income {} instead of {}",
        state["data"]["income"],
        expected.income
    );
    let members = members(state)?;
    ensure!(members == expected.members, "members {members:?} instead of {:?}", expected.members);
    Ok(())
}

fn members(state: &Value) -> anyhow::Result<Vec<String>> {
    let ids = state["memberIds"].as_array().context("the entity has no `memberIds`")?;
    ids.iter().map(|id| id.as_str().map(str::to_owned).context("a member id is no text")).collect()
}
