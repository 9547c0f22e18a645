//! DataCollect's clients keep an event's own timestamp, or that and its guid: whatever their clocks say, and wherever
//! a page ends, they see every event and come to an end.
//!
//! Not here: readers who keep the cursor that they are given (`cursors`); which rule decides what, without a database
//! (`veritrail-sync`).

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is not as it must be")]

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use veritrail_core::{FormSubmission, Timestamp};
use veritrail_store_pg::{Applying, PgEventStore, ReadError, Session};
use veritrail_sync::{Cursor, CursorRules, Page};
use veritrail_tests::database::TestDatabase;
use veritrail_tests::sample::{event_at, individuals, receipts, store, submit, submitter};

const MINUTE: i64 = 60_000;
/// Pulls after which a client is said to go round in circles.
const MAX_PULLS: usize = 5_000;

fn now_millis() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_unix_micros(millis * 1_000).unwrap()
}

fn made(n: usize, millis: i64) -> FormSubmission {
    event_at(&format!("e{n}"), "create-individual", &format!("p{n}"), "{}", &at(millis).to_string())
}

/// How a DataCollect 1 client keeps its place: the largest timestamp of the page.
fn version_1(page: &Page) -> String {
    page.events.iter().map(|stored| stored.event.timestamp).max().unwrap().to_string()
}

/// How a DataCollect 2 client does: with the guid of the event that has it.
fn version_2(page: &Page) -> String {
    let newest = page.events.iter().max_by_key(|stored| stored.event.timestamp).unwrap();
    format!("{}|{}", newest.event.timestamp, newest.event.guid)
}

/// Pulls to the last page; the guids that were seen and the text that the client is left with.
async fn pull(
    session: &mut Session<'_>,
    since: &str,
    limit: u32,
    keep: fn(&Page) -> String,
) -> (BTreeSet<String>, String) {
    let (mut since, mut seen) = (since.to_owned(), BTreeSet::new());
    for _ in 0..MAX_PULLS {
        let cursor = Cursor::parse(&since).unwrap();
        let page = session.events_since(&cursor, limit, CursorRules::DataCollect).await.unwrap();
        seen.extend(page.events.iter().map(|stored| stored.event.guid.to_string()));
        if !page.events.is_empty() {
            since = keep(&page);
        }
        if page.is_last {
            return (seen, since);
        }
    }
    panic!("the client goes round in circles");
}

/// Guids of events with numbers in a range.
fn guids(range: std::ops::Range<usize>) -> BTreeSet<String> {
    range.map(|n| format!("e{n}")).collect()
}

async fn append(store: &PgEventStore, events: &[FormSubmission]) {
    let mut session = store.session().await.unwrap();
    for batch in events.chunks(1_000) {
        session.submit(batch, &submitter(), Applying::AppendOnly).await.unwrap();
    }
}

/// Devices that are right, ten minutes fast, ten minutes slow, three days late and in the year 2099, all mixed.
fn of_many_clocks(first: usize, count: usize) -> Vec<FormSubmission> {
    let year_2099 = at(4_070_908_800_000).unix_micros() / 1_000 - now_millis();
    let offsets = [0, 10 * MINUTE, -10 * MINUTE, 0, 0, -3 * 24 * 60 * MINUTE, 0, -10 * MINUTE, 10 * MINUTE];
    let offset = |n: usize| if n % 97 == 5 { year_2099 } else { offsets[n % offsets.len()] };
    (first..first + count).map(|n| made(n, now_millis() + offset(n) + i64::try_from(n).unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn fast_slow_and_late_devices_cost_old_clients_no_event() {
    let database = TestDatabase::create().await;
    for (name, keep) in [("v1", version_1 as fn(&Page) -> String), ("v2", version_2)] {
        let store = store(&database, name);
        let mut session = store.session().await.unwrap();
        // Batches of many sizes, so that stamps lie close together and far apart.
        let events = of_many_clocks(0, 600);
        for batch in events.chunks(37) {
            submit(&mut session, batch).await;
        }
        let mut kept = String::new();
        for limit in [7, 10, 100, 1_000] {
            let (seen, since) = pull(&mut session, "", limit, keep).await;
            assert_eq!(seen, guids(0..600), "{name}, pages of {limit}");
            kept = since;
        }
        // What comes after the last page is delivered at the next sync, whatever clock it has.
        submit(&mut session, &of_many_clocks(600, 50)).await;
        let (seen, _) = pull(&mut session, &kept, 10, keep).await;
        assert!(seen.is_superset(&guids(600..650)), "{name}: {seen:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_timestamp_on_many_pages_holds_no_old_client_back() {
    let database = TestDatabase::create().await;
    for (name, keep) in [("v1", version_1 as fn(&Page) -> String), ("v2", version_2)] {
        let store = store(&database, name);
        append(&store, &individuals(0, 1_500)).await;
        let mut session = store.session().await.unwrap();
        let (seen, kept) = pull(&mut session, "", 10, keep).await;
        assert_eq!(seen, guids(0..1_500), "{name}");
        append(&store, &individuals(1_500, 20)).await;
        let (seen, _) = pull(&mut session, &kept, 10, keep).await;
        assert!(seen.is_superset(&guids(1_500..1_520)), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn timestamps_that_come_again_lead_no_old_client_in_a_circle() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    // After page (0, 1) the largest time is the second's; the next page's is the first's, which leads back.
    let base = now_millis() - 60 * MINUTE;
    let times: [i64; 12] = [5, 9, 5, 5, 9, 5, 9, 9, 5, 5, 12, 5];
    let events: Vec<_> = times.iter().enumerate().map(|(n, time)| made(n, base + time)).collect();
    append(&store, &events).await;
    let mut session = store.session().await.unwrap();
    for limit in 1..=5 {
        let (seen, _) = pull(&mut session, "", limit, version_1).await;
        assert_eq!(seen, guids(0..12), "pages of {limit}");
    }
}

async fn first_of(
    store: &PgEventStore,
    text: &str,
    limit: u32,
    rules: CursorRules,
) -> Result<u64, ReadError> {
    let mut session = store.session().await.unwrap();
    let page = session.events_since(&Cursor::parse(text).unwrap(), limit, rules).await?;
    Ok(page.events.first().expect("a page with events").position.0)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_events_own_time_is_followed_from_its_lowest_position() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let (hour_ago, ahead) = (now_millis() - 60 * MINUTE, now_millis() + 10 * MINUTE);
    let times = [1, 2, 3, 2, 4].map(|n| hour_ago + n);
    let mut events: Vec<_> = times.iter().enumerate().map(|(n, time)| made(n, *time)).collect();
    events.push(made(5, ahead));
    events.push(made(6, hour_ago));
    append(&store, &events).await;
    let text = |millis: i64| at(millis).to_string();
    let theirs = CursorRules::DataCollect;
    assert_eq!(first_of(&store, &text(hour_ago + 2), 10, theirs).await.unwrap(), 2);
    assert_eq!(first_of(&store, &text(hour_ago + 1), 10, theirs).await.unwrap(), 1);
    // Ahead of the log by its stamps, and an event's own time all the same.
    assert_eq!(first_of(&store, &text(ahead), 10, theirs).await.unwrap(), 6);
    // Our own clients mean when it was recorded.
    assert_eq!(first_of(&store, &text(hour_ago + 2), 10, CursorRules::Ours).await.unwrap(), 0);
    let refused = first_of(&store, &text(ahead), 10, CursorRules::Ours).await;
    assert!(matches!(refused, Err(ReadError::NotOfThisLog { .. })), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_that_may_be_a_cut_cursor_too_is_followed_from_the_lower_position() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let mut session = store.session().await.unwrap();
    // Every millisecond of the next two seconds is some event's own time, so the next stamp's is, too: unless the machine
    // was busy meanwhile, and then once more.
    let mut found = None;
    for round in 0..50 {
        let (first, start) = (round * 2_001, now_millis());
        let events: Vec<_> = (0..2_000).map(|n| made(first + n, start + i64::try_from(n).unwrap())).collect();
        let submitted = session.submit(&events, &submitter(), Applying::AppendOnly).await.unwrap();
        let begin = receipts(&submitted)[0].position.0;
        let submitted = submit(&mut session, &[made(first + 2_000, start - MINUTE)]).await;
        let millis = receipts(&submitted)[0].recorded_at.unix_micros().div_euclid(1_000);
        if let Ok(place @ 0..2_000) = u64::try_from(millis - start) {
            found = Some((begin + place, millis));
            break;
        }
    }
    let (lower, millis) = found.expect("one of many appends took less than two seconds");
    let text = at(millis).to_string();
    assert_eq!(first_of(&store, &text, 10, CursorRules::DataCollect).await.unwrap(), lower + 1);

    // The other way round: the event that has the time is the later one.
    let other = veritrail_tests::sample::store(&database, "b");
    let mut session = other.session().await.unwrap();
    let submitted = submit(&mut session, &individuals(0, 20)).await;
    let stamp = receipts(&submitted)[10].recorded_at;
    let cut = stamp.unix_micros().div_euclid(1_000);
    submit(&mut session, &[made(20, cut)]).await;
    let cursor = Cursor::parse(&at(cut).to_string()).unwrap();
    let page = session.events_since(&cursor, 5, CursorRules::DataCollect).await.unwrap();
    assert!(page.events[0].position.0 <= 10, "{}", page.events[0].position);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_that_is_not_of_this_log_serves_old_clients_from_the_beginning() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let texts =
        ["2099-01-01T00:00:00.000Z", "2099-01-01T00:00:00.000000000Z", "2026-03-01T07:30:01.000Z|gone"];
    let mut session = store.session().await.unwrap();
    for text in texts {
        let cursor = Cursor::parse(text).unwrap();
        let page = session.events_since(&cursor, 10, CursorRules::DataCollect).await.unwrap();
        assert!(page.events.is_empty() && page.is_last);
    }
    append(&store, &individuals(0, 30)).await;
    for text in texts {
        assert_eq!(first_of(&store, text, 10, CursorRules::DataCollect).await.unwrap(), 0, "{text}");
        let refused = first_of(&store, text, 10, CursorRules::Ours).await;
        assert!(matches!(refused, Err(ReadError::NotOfThisLog { .. })), "{text}: {refused:?}");
    }
    assert_eq!(first_of(&store, "x|e4", 10, CursorRules::DataCollect).await.unwrap(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_client_that_cuts_our_cursors_loses_nothing() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    append(&store, &of_many_clocks(0, 1_500)).await;
    let cut = |page: &Page| {
        let text = page.cursor.to_string();
        text.replace(&text[23..29], "")
    };
    let mut session = store.session().await.unwrap();
    let (seen, _) = pull(&mut session, "", 10, cut).await;
    assert_eq!(seen, guids(0..1_500));
}
