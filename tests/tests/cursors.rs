//! Pages and cursors: a reader who keeps the cursor sees every event once, whatever the devices' clocks say.
//!
//! Not here: how DataCollect's clients keep their place (`old_clients`); other servers and load (`cursors_of_servers`).

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is not as it must be")]

use diesel_async::{AnsiTransactionManager, AsyncConnection, AsyncPgConnection, TransactionManager};
use veritrail_core::{FormSubmission, StoredEvent, Timestamp};
use veritrail_store_pg::{PgEventStore, ReadError, Session, diesel_async};
use veritrail_sync::{Cursor, CursorRules};
use veritrail_tests::database::TestDatabase;
use veritrail_tests::sample::{NOON, event, event_at, individuals, store, submit};

async fn read_all(session: &mut Session<'_>, limit: u32, keep: impl Fn(&Cursor) -> String) -> Vec<String> {
    let mut cursor = Cursor::Start;
    let mut guids = Vec::new();
    for _ in 0..10_000 {
        let page = session.events_since(&cursor, limit, CursorRules::Ours).await.unwrap();
        guids.extend(page.events.iter().map(|stored: &StoredEvent| stored.event.guid.to_string()));
        if page.is_last {
            return guids;
        }
        cursor = Cursor::parse(&keep(&page.cursor)).unwrap();
    }
    panic!("the reader does not advance");
}

fn expected(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("e{n}")).collect()
}

async fn filled(database: &TestDatabase, count: usize) -> PgEventStore {
    let store = store(database, "a");
    submit(&mut store.session().await.unwrap(), &individuals(0, count)).await;
    store
}

#[tokio::test(flavor = "multi_thread")]
async fn events_with_one_timestamp_cross_a_page_border() {
    let database = TestDatabase::create().await;
    let store = filled(&database, 57).await;
    let mut session = store.session().await.unwrap();
    for limit in [1, 7, 57, 100] {
        assert_eq!(read_all(&mut session, limit, ToString::to_string).await, expected(57), "{limit}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_cuts_or_rounds_every_cursor_to_milliseconds_loses_nothing() {
    let database = TestDatabase::create().await;
    // One batch: its stamps lie a microsecond apart, so that many share a millisecond.
    let store = filled(&database, 1_500).await;
    let mut session = store.session().await.unwrap();
    let cut = |cursor: &Cursor| {
        let text = cursor.to_string();
        text.replace(&text[23..29], "")
    };
    let rounded = |cursor: &Cursor| {
        let text = cursor.to_string();
        let Ok(Cursor::Recorded(stamp)) = Cursor::parse(&text) else { panic!("our own cursor") };
        let micros = (stamp.unix_micros() + 500).div_euclid(1_000) * 1_000;
        Timestamp::from_unix_micros(micros).unwrap().with_fraction(3)
    };
    for keep in [&cut as &dyn Fn(&Cursor) -> String, &rounded] {
        let mut seen = read_all(&mut session, 10, keep).await;
        seen.sort_unstable();
        seen.dedup();
        let mut all = expected(1_500);
        all.sort_unstable();
        assert_eq!(seen, all);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn late_and_fast_devices_events_are_delivered() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let mut session = store.session().await.unwrap();
    let first = event_at("fast", "create-individual", "p1", "{}", "2099-01-01T00:00:00Z");
    submit(&mut session, &[first]).await;
    let kept = session.events_since(&Cursor::Start, 100, CursorRules::Ours).await.unwrap().cursor;
    let late = event_at("late", "create-individual", "p2", "{}", "2001-01-01T00:00:00Z");
    submit(&mut session, &[late]).await;
    let page = session.events_since(&kept, 100, CursorRules::Ours).await.unwrap();
    let guids: Vec<&str> = page.events.iter().map(|stored| stored.event.guid.as_str()).collect();
    assert_eq!((guids, page.is_last), (vec!["late"], true));
    let end = session.events_since(&page.cursor, 100, CursorRules::Ours).await.unwrap();
    assert!(end.events.is_empty() && end.is_last);
    assert_eq!(end.cursor, page.cursor, "an empty page keeps the reader's cursor");
}

/// A writer that stays open does not let later positions be seen before its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_stays_open_loses_no_event() {
    let database = TestDatabase::create().await;
    let store = filled(&database, 3).await;
    let mut slow = AsyncPgConnection::establish(database.url()).await.unwrap();
    AnsiTransactionManager::begin_transaction(&mut slow).await.unwrap();
    submit(&mut store.within(&mut slow), &individuals(3, 2)).await;

    let other = store.clone();
    let waiting = tokio::spawn(async move {
        submit(&mut other.session().await.unwrap(), &individuals(5, 2)).await;
    });
    let mut session = store.session().await.unwrap();
    let page = session.events_since(&Cursor::Start, 100, CursorRules::Ours).await.unwrap();
    assert_eq!(page.events.len(), 3, "neither the open writer's events nor any after them");
    AnsiTransactionManager::commit_transaction(&mut slow).await.unwrap();
    waiting.await.unwrap();
    let rest = session.events_since(&page.cursor, 100, CursorRules::Ours).await.unwrap();
    let guids: Vec<&str> = rest.events.iter().map(|stored| stored.event.guid.as_str()).collect();
    assert_eq!(guids, ["e3", "e4", "e5", "e6"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_ahead_of_the_log_is_refused() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let mut session = store.session().await.unwrap();
    let texts =
        ["2099-01-01T00:00:00.000000000Z", "2099-01-01T00:00:00.000Z", "2099-01-01T00:00:00.000001Z", "x|e9"];
    for round in 0..2 {
        for text in texts {
            let cursor = Cursor::parse(text).unwrap();
            let refused = session.events_since(&cursor, 10, CursorRules::Ours).await;
            assert!(matches!(refused, Err(ReadError::NotOfThisLog { .. })), "{text} {round}: {refused:?}");
        }
        submit(&mut session, &individuals(0, 3)).await;
    }
    let behind = Cursor::parse("x|e1").unwrap();
    let page = session.events_since(&behind, 10, CursorRules::Ours).await.unwrap();
    assert_eq!(page.events[0].event.guid.as_str(), "e2");
    let before = Cursor::parse("2001-01-01T00:00:00Z").unwrap();
    assert_eq!(session.events_since(&before, 10, CursorRules::Ours).await.unwrap().events.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_was_offline_for_three_days_is_delivered() {
    const DAY_MICROS: i64 = 86_400_000_000;
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let mut session = store.session().await.unwrap();
    let made = |guid: &str, days: i64| {
        let noon: Timestamp = NOON.parse().unwrap();
        let at = Timestamp::from_unix_micros(noon.unix_micros() - days * DAY_MICROS).unwrap();
        event_at(guid, "create-individual", guid, "{}", &at.to_string())
    };
    submit(&mut session, &[made("a", 0), made("b", 1)]).await;
    let kept = session.events_since(&Cursor::Start, 100, CursorRules::Ours).await.unwrap().cursor;
    submit(&mut session, &[made("offline-1", 3), made("offline-2", 2)]).await;
    submit(&mut session, &[made("c", 0)]).await;
    let page = session.events_since(&kept, 100, CursorRules::Ours).await.unwrap();
    let guids: Vec<&str> = page.events.iter().map(|stored| stored.event.guid.as_str()).collect();
    assert_eq!(guids, ["offline-1", "offline-2", "c"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rollbacks_between_commits_leave_neither_gap_nor_repeat() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let mut session = store.session().await.unwrap();
    let mut caller = AsyncPgConnection::establish(database.url()).await.unwrap();
    let mut cursor = Cursor::Start;
    for round in 0..10 {
        submit(&mut session, &individuals(round * 2, 2)).await;
        AnsiTransactionManager::begin_transaction(&mut caller).await.unwrap();
        submit(&mut store.within(&mut caller), &individuals(1_000 + round, 3)).await;
        AnsiTransactionManager::rollback_transaction(&mut caller).await.unwrap();
        let page = session.events_since(&cursor, 100, CursorRules::Ours).await.unwrap();
        let read: Vec<(u64, &str)> =
            page.events.iter().map(|stored| (stored.position.0, stored.event.guid.as_str())).collect();
        let (first, second) = (format!("e{}", round * 2), format!("e{}", round * 2 + 1));
        let position = u64::try_from(round * 2).unwrap();
        assert_eq!(read, [(position, first.as_str()), (position + 1, second.as_str())]);
        cursor = page.cursor;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instant_is_as_good_as_its_text() {
    let database = TestDatabase::create().await;
    let store = filled(&database, 5).await;
    let mut session = store.session().await.unwrap();
    let page = session.events_since(&Cursor::Start, 2, CursorRules::Ours).await.unwrap();
    let stamp = page.events[1].recorded_at;
    let micros = std::time::Duration::from_micros(u64::try_from(stamp.unix_micros()).unwrap());
    let instants = [Cursor::from(stamp), Cursor::try_from(std::time::UNIX_EPOCH + micros).unwrap()];
    for cursor in instants {
        let page = session.events_since(&cursor, 100, CursorRules::Ours).await.unwrap();
        let last = page.events.last().unwrap().event.guid.as_str();
        // A stamp that happens to be of whole milliseconds may be one that was cut.
        assert_eq!((page.events.len() >= 3, last), (true, "e4"));
        if stamp.unix_micros() % 1_000 != 0 {
            assert_eq!(page.events[0].event.guid.as_str(), "e2");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_has_a_bounded_length() {
    let database = TestDatabase::create().await;
    let store = filled(&database, 1).await;
    let mut session = store.session().await.unwrap();
    for limit in [0, 10_001] {
        let refused = session.events_since(&Cursor::Start, limit, CursorRules::Ours).await;
        assert!(matches!(refused, Err(ReadError::Limit(given)) if given == limit), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_submitted_is_read_back_whole() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let mut session = store.session().await.unwrap();
    let text = r#"{"guid":"e-1","entityGuid":"p","type":"create-individual","timestamp":"0001-01-01T00:00:00.000001Z","userId":"ünï","syncLevel":2,"schemaVersion":3,"data":{"n":130.65331632653061,"big":1e+300,"s":"\u0001\u2028😀"},"metadata":{"deviceId":"d"},"context":{"reason":"r"},"note":"extra"}"#;
    let sent = FormSubmission::parse(text).unwrap();
    submit(&mut session, &[sent.clone(), event("e-2", "update-individual", "p", "{}")]).await;
    let page = session.events_since(&Cursor::Start, 10, CursorRules::Ours).await.unwrap();
    assert_eq!(page.events[0].event, sent);
    assert_eq!(FormSubmission::parse(&page.events[0].event.to_json()).unwrap(), sent);
}
