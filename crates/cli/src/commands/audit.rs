//! `audit`.

use veritrail_store_pg::veritrail_core::{Json, StoredAuditEntry, Timestamp};
use veritrail_store_pg::veritrail_sync::{Cursor, MAX_PAGE};
use veritrail_store_pg::{AuditPage, ReadError, Session};

use crate::args::{Audit, Global};
use crate::connect;
use crate::outcome::{Outcome, usage};
use crate::show;

/// Characters of an entry's changes that a table shows.
const SHOWN_CHANGES: usize = 200;

pub(crate) async fn audit(global: &Global, args: &Audit) -> anyhow::Result<Outcome> {
    let since = since(&args.since)?;
    let store = connect::store(global)?;
    let mut session = connect::session(&store).await?;
    let mut table = show::table(&["recorded at", "user", "action", "entity", "status", "changes"]);
    let (mut before, mut shown) = (None, 0);
    while shown < args.limit {
        let asked = (args.limit - shown).min(MAX_PAGE);
        let page = page(&mut session, args, since, before, asked).await?;
        for stored in &page.entries {
            shown += 1;
            if global.json {
                show::raw(&stored.entry.to_json())?;
            } else {
                table.add_row(cells(stored).map(|cell| show::visible(&cell)));
            }
        }
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    if !global.json && shown > 0 {
        show::raw(&table.to_string())?;
    }
    if let (0, Some(entity)) = (shown, &args.guid) {
        show::note(global, &format!("nothing is recorded of `{entity}`"));
        return Ok(Outcome::No);
    }
    if before.is_some() {
        show::note(global, "older entries follow: raise --limit");
    }
    Ok(Outcome::Done)
}

/// The newest entries recorded after `since` and before `before`.
async fn page(
    session: &mut Session<'_>,
    args: &Audit,
    since: Option<Timestamp>,
    before: Option<Timestamp>,
    limit: u32,
) -> Result<AuditPage, ReadError> {
    let Some(entity) = &args.guid else {
        return session.get_audit_logs_since(since, before, limit).await;
    };
    let mut page = session.get_audit_trail_by_entity_guid(entity, before, limit).await?;
    let read = page.entries.len();
    page.entries.retain(|stored| since.is_none_or(|since| stored.recorded_at > since));
    if page.entries.len() < read {
        page.next = None;
    }
    Ok(page)
}

/// A cursor or a time; a cursor after an event is none of the audit log.
fn since(text: &str) -> anyhow::Result<Option<Timestamp>> {
    match Cursor::parse(text).map_err(|error| usage(error.to_string()))? {
        Cursor::Start => Ok(None),
        Cursor::Recorded(at) | Cursor::Instant { at, .. } => Ok(Some(at)),
        Cursor::Event(_) => Err(usage(format!("`{text}` is a cursor of events: give a time"))),
    }
}

fn cells(stored: &StoredAuditEntry) -> [String; 6] {
    let entry = &stored.entry;
    let user = entry.user_id.as_ref().map_or_else(|| stored.submitted_by.to_string(), ToString::to_string);
    let changes = entry.changes.as_ref().or(entry.details.as_ref()).map_or("", Json::as_str);
    [
        stored.recorded_at.to_string(),
        user,
        entry.action.to_string(),
        entry.entity_guid.as_ref().map_or_else(String::new, ToString::to_string),
        entry.status.as_str().to_owned(),
        changes.chars().take(SHOWN_CHANGES).collect(),
    ]
}
