//! `events`, `entity` and `timeline`.

use std::collections::BTreeSet;

use serde::Serialize;
use veritrail_store_pg::veritrail_core::{FormSubmission, Json, StoredEvent, Timestamp};
use veritrail_store_pg::veritrail_sync::{Cursor, CursorRules, MAX_PAGE};
use veritrail_store_pg::{Moment, ReadError, Session};

use crate::args::{Axis, Entity, Events, Global, Timeline};
use crate::connect;
use crate::outcome::{Outcome, usage};
use crate::show;

/// Characters of an event's data that a table shows.
const SHOWN_DATA: usize = 200;
/// The first and the last instant that an event can have.
const FIRST_INSTANT: &str = "0001-01-01T00:00:00Z";
const LAST_INSTANT: &str = "9999-12-31T23:59:59.999999Z";

pub(crate) async fn events(global: &Global, args: &Events) -> anyhow::Result<Outcome> {
    let cursor = Cursor::parse(&args.since).map_err(|error| usage(error.to_string()))?;
    let store = connect::store(global)?;
    let mut session = connect::session(&store).await?;
    if let Some(entity) = &args.entity {
        let mut events = session.timeline(entity).await?;
        let more = cut(&mut events, args.limit)?;
        return print_found(global, &events, more);
    }
    if args.from.is_some() || args.to.is_some() {
        let bound = |given: Option<Timestamp>, default: &str| {
            given.unwrap_or_else(|| default.parse().expect("a constant instant"))
        };
        let (from, to) = (bound(args.from, FIRST_INSTANT), bound(args.to, LAST_INSTANT));
        let mut events = between(&mut session, from, to, args.limit).await?;
        let more = cut(&mut events, args.limit)?;
        return print_found(global, &events, more);
    }
    since(global, &mut session, cursor, args.limit).await
}

/// Reads by time, in pages of a bounded size: one event more than `limit`, if there is one.
///
/// The instant at which a page ends is read again with the next one, since other events may share it.
async fn between(
    session: &mut Session<'_>,
    mut from: Timestamp,
    to: Timestamp,
    limit: u32,
) -> anyhow::Result<Vec<StoredEvent>> {
    let wanted = usize::try_from(limit)?.saturating_add(1);
    let mut read: Vec<StoredEvent> = Vec::new();
    loop {
        let again = read.iter().rev().take_while(|stored| stored.event.timestamp == from);
        let again: BTreeSet<u64> = again.map(|stored| stored.position.0).collect();
        let missing = u32::try_from(wanted - read.len() + again.len()).unwrap_or(u32::MAX);
        let asked = missing.min(MAX_PAGE);
        let page = session.events_between(from, to, asked).await.map_err(as_usage)?;
        let is_last = page.len() < usize::try_from(asked)?;
        let known = read.len();
        read.extend(page.into_iter().filter(|stored| !again.contains(&stored.position.0)));
        if is_last || read.len() >= wanted {
            return Ok(read);
        }
        anyhow::ensure!(
            read.len() > known,
            "more than {MAX_PAGE} events happened at {from}: they fit no page"
        );
        from = read.last().map_or(from, |last| last.event.timestamp);
    }
}

/// Leaves the first `limit` events, and says whether there were more.
fn cut(events: &mut Vec<StoredEvent>, limit: u32) -> anyhow::Result<bool> {
    let limit = usize::try_from(limit)?;
    let more = events.len() > limit;
    events.truncate(limit);
    Ok(more)
}

/// Reads behind a cursor, in pages of a bounded size however many events are wanted.
async fn since(
    global: &Global,
    session: &mut Session<'_>,
    mut cursor: Cursor,
    limit: u32,
) -> anyhow::Result<Outcome> {
    let mut wanted = limit;
    let mut kept = Vec::new();
    loop {
        let page = session.events_since(&cursor, wanted.min(MAX_PAGE), CursorRules::Ours);
        let page = page.await.map_err(as_usage)?;
        wanted = wanted.saturating_sub(u32::try_from(page.events.len())?);
        cursor = page.cursor;
        if global.json {
            kept.extend(page.events);
        } else {
            print(global, &page.events, None)?;
        }
        if page.is_last || wanted == 0 {
            break;
        }
    }
    if global.json {
        return print(global, &kept, Some(&cursor));
    }
    show::note(global, &format!("cursor: {cursor}"));
    Ok(Outcome::Done)
}

/// A limit or a cursor that does not fit is the caller's to mend.
fn as_usage(error: ReadError) -> anyhow::Error {
    match error {
        ReadError::Limit(_) | ReadError::NotOfThisLog { .. } => usage(error.to_string()),
        other => other.into(),
    }
}

/// Written member by member: a `serde_json::Value` in between would change numbers.
#[derive(Serialize)]
struct PageAnswer<'a> {
    events: Vec<&'a FormSubmission>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
    /// Whether there are more events than were asked for, where no cursor leads to them.
    #[serde(skip_serializing_if = "Option::is_none")]
    more: Option<bool>,
}

/// Prints events that no cursor follows, and says whether the limit has kept others back.
fn print_found(global: &Global, events: &[StoredEvent], more: bool) -> anyhow::Result<Outcome> {
    if global.json {
        let events = events.iter().map(|stored| &stored.event).collect();
        show::json(&PageAnswer { events, cursor: None, more: Some(more) })?;
    } else {
        print(global, events, None)?;
    }
    if more {
        show::note(global, "more events follow: raise --limit");
    }
    Ok(Outcome::Done)
}

fn print(global: &Global, events: &[StoredEvent], cursor: Option<&Cursor>) -> anyhow::Result<Outcome> {
    if global.json {
        let events = events.iter().map(|stored| &stored.event).collect();
        show::json(&PageAnswer { events, cursor: cursor.map(Cursor::to_string), more: None })?;
        return Ok(Outcome::Done);
    }
    for stored in events {
        show::raw(&show::visible_json(&stored.event.to_json()))?;
    }
    Ok(Outcome::Done)
}

pub(crate) async fn entity(global: &Global, args: &Entity) -> anyhow::Result<Outcome> {
    let store = connect::store(global)?;
    let mut session = connect::session(&store).await?;
    let state = match args.at {
        None => session.entity(&args.guid).await?,
        Some(at) => {
            let moment = match args.axis {
                Axis::Happened => Moment::Happened(at),
                Axis::Recorded => Moment::Recorded(at),
            };
            let past = session.entity_at(&args.guid, moment).await?;
            let (replayed, left_out) = (past.replayed, past.left_out);
            show::note(
                global,
                &format!("replayed {replayed} events, left out {left_out} that do not apply by then"),
            );
            past.state
        }
    };
    let Some(state) = state else {
        show::note(global, &format!("there is no entity `{}`", args.guid));
        return Ok(Outcome::No);
    };
    if global.json {
        show::json(&state)?;
    } else {
        show::raw(&show::visible_json(&serde_json::to_string_pretty(&state)?))?;
    }
    Ok(Outcome::Done)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TimelineEntry<'a> {
    number: usize,
    position: u64,
    timestamp: Timestamp,
    recorded_at: String,
    r#type: &'a str,
    user_id: &'a str,
    guid: &'a str,
    entity_guid: &'a str,
    data: &'a Json,
}

pub(crate) async fn timeline(global: &Global, args: &Timeline) -> anyhow::Result<Outcome> {
    let store = connect::store(global)?;
    let mut session = connect::session(&store).await?;
    let events = session.timeline(&args.guid).await?;
    if events.is_empty() {
        show::note(global, &format!("no event is about `{}` or touches it", args.guid));
        return Ok(Outcome::No);
    }
    let mut table = show::table(&["#", "time", "type", "user", "data"]);
    for (index, stored) in events.iter().enumerate() {
        let event = &stored.event;
        if global.json {
            show::json(&TimelineEntry {
                number: index + 1,
                position: stored.position.0,
                timestamp: event.timestamp,
                recorded_at: stored.recorded_at.to_hashed_text(),
                r#type: event.event_type.as_str(),
                user_id: event.user_id.as_str(),
                guid: event.guid.as_str(),
                entity_guid: event.entity_guid.as_str(),
                data: &event.data,
            })?;
            continue;
        }
        let data: String = event.data.as_str().chars().take(SHOWN_DATA).collect();
        let number = (index + 1).to_string();
        let time = event.timestamp.to_string();
        // Escaped before the table is laid out, so that only its own line ends are left in it.
        let cells = [&number, &time, event.event_type.as_str(), event.user_id.as_str(), &data];
        table.add_row(cells.map(show::visible));
    }
    if !global.json {
        show::raw(&table.to_string())?;
    }
    Ok(Outcome::Done)
}
