//! What a store keeps of its synchronisations: the levels that events have reached, and the marks at which pulls and
//! pushes have ended.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is not as it must be")]

use veritrail_core::store::Raised;
use veritrail_core::{EventGuid, SyncLevel};
use veritrail_store_pg::{MarkError, PgEventStore, RaiseError, Session};
use veritrail_sync::{Cursor, CursorRules, SyncMark};
use veritrail_tests::database::TestDatabase;
use veritrail_tests::sample::{event_guid, individuals, store, submit};

use SyncLevel::{External, Local, Remote};

async fn filled(database: &TestDatabase, count: usize) -> PgEventStore {
    let store = store(database, "a");
    submit(&mut store.session().await.unwrap(), &individuals(0, count)).await;
    store
}

async fn raise(session: &mut Session<'_>, levels: &[(&str, SyncLevel)]) -> Raised {
    let guids: Vec<(EventGuid, SyncLevel)> =
        levels.iter().map(|(guid, level)| (event_guid(guid), *level)).collect();
    let levels: Vec<_> = guids.iter().map(|(guid, level)| (guid, *level)).collect();
    session.raise_sync_levels(&levels).await.unwrap()
}

async fn levels(session: &mut Session<'_>) -> Vec<i16> {
    let page = session.events_since(&Cursor::Start, 100, CursorRules::Ours).await.unwrap();
    page.events.iter().map(|stored| stored.event.sync_level.number()).collect()
}

fn raised(raised: u64, unchanged: u64, unknown: u64) -> Raised {
    Raised { raised, unchanged, unknown }
}

#[tokio::test(flavor = "multi_thread")]
async fn levels_are_raised_and_never_go_down() {
    let database = TestDatabase::create().await;
    let store = filled(&database, 4).await;
    let mut session = store.session().await.unwrap();
    let answer = session.raise_sync_level(&event_guid("e1"), Remote).await.unwrap();
    assert_eq!((answer, levels(&mut session).await), (raised(1, 0, 0), vec![0, 1, 0, 0]));
    let many =
        [("e0", External), ("e1", Remote), ("e2", Local), ("e3", Remote), ("e3", External), ("no", Remote)];
    assert_eq!(raise(&mut session, &many).await, raised(2, 2, 1));
    assert_eq!(levels(&mut session).await, [2, 1, 0, 2]);
    assert_eq!(raise(&mut session, &many).await, raised(0, 4, 1));
    assert_eq!(raise(&mut session, &[("e0", Remote), ("e3", Local)]).await, raised(0, 2, 0));
    assert_eq!(raise(&mut session, &[("e1", External)]).await, raised(1, 0, 0));
    assert_eq!(levels(&mut session).await, [2, 2, 0, 2]);
    assert_eq!(raise(&mut session, &[]).await, raised(0, 0, 0));
    // The level counts wherever an event is read, and the log is what it was.
    assert_eq!(session.event(&event_guid("e3")).await.unwrap().unwrap().event.sync_level, External);
    assert!(session.verify(&[]).await.unwrap().unwrap().is_true());
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_levels_at_once_are_refused() {
    let database = TestDatabase::create().await;
    let store = filled(&database, 1).await;
    let mut session = store.session().await.unwrap();
    let guid = event_guid("e0");
    let refused = session.raise_sync_levels(&vec![(&guid, Remote); 10_001]).await;
    assert!(matches!(refused, Err(RaiseError::TooMany(10_001))), "{refused:?}");
    assert_eq!(levels(&mut session).await, [0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_level_on_arrival_counts_until_a_higher_one_is_reached() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let mut session = store.session().await.unwrap();
    let mut events = individuals(0, 3);
    (events[0].sync_level, events[1].sync_level) = (Remote, External);
    submit(&mut session, &events).await;
    assert_eq!(raise(&mut session, &[("e0", Remote), ("e1", Remote), ("e2", Remote)]).await, raised(1, 2, 0));
    assert_eq!(levels(&mut session).await, [1, 2, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn levels_of_one_tenant_are_not_anothers() {
    let database = TestDatabase::create().await;
    let store = filled(&database, 2).await;
    let other = veritrail_tests::sample::store(&database, "b");
    submit(&mut other.session().await.unwrap(), &individuals(0, 2)).await;
    raise(&mut store.session().await.unwrap(), &[("e0", External)]).await;
    assert_eq!(levels(&mut other.session().await.unwrap()).await, [0, 0]);
}

#[tokio::test]
async fn stored_levels_refuse_to_be_lowered_or_removed() {
    let database = TestDatabase::create().await;
    let store = filled(&database, 2).await;
    raise(&mut store.session().await.unwrap(), &[("e0", External), ("e1", Remote)]).await;
    let client = database.connect().await;
    let statements = [
        "UPDATE veritrail.sync_levels SET level = 1",
        "UPDATE veritrail.sync_levels SET level = 2 WHERE level = 2",
        "UPDATE veritrail.sync_levels SET position = 9, level = 2 WHERE level = 1",
        "DELETE FROM veritrail.sync_levels",
        "TRUNCATE veritrail.sync_levels",
    ];
    for sql in statements {
        let refused = client.batch_execute(sql).await.unwrap_err();
        assert_eq!(refused.as_db_error().unwrap().code().code(), "VT001", "{sql}");
    }
    client.batch_execute("UPDATE veritrail.sync_levels SET level = 2 WHERE level = 1").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_raise_the_same_levels_do_not_wait_in_a_circle() {
    let database = TestDatabase::create().await;
    let store = filled(&database, 300).await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..8 {
        let store = store.clone();
        tasks.spawn(async move {
            let mut guids: Vec<EventGuid> = (0..300).map(|n| event_guid(&format!("e{n}"))).collect();
            if n % 2 == 1 {
                guids.reverse();
            }
            let level = if n < 4 { Remote } else { External };
            let levels: Vec<_> = guids.iter().map(|guid| (guid, level)).collect();
            store.session().await.unwrap().raise_sync_levels(&levels).await.unwrap();
        });
    }
    tasks.join_all().await;
    let mut session = store.session().await.unwrap();
    assert_eq!(levels(&mut session).await, [2; 100]);
}

async fn pending(session: &mut Session<'_>, cursor: &Cursor, limit: u32) -> (Vec<u64>, Cursor, bool) {
    let page = session.events_by_sync_level(Local, cursor, limit).await.unwrap();
    assert!(page.events.iter().all(|stored| stored.event.sync_level == Local));
    (page.events.iter().map(|stored| stored.position.0).collect(), page.cursor, page.is_last)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_still_local_feeds_a_push() {
    let database = TestDatabase::create().await;
    let store = filled(&database, 10).await;
    let mut session = store.session().await.unwrap();
    raise(&mut session, &[("e0", Remote), ("e3", External), ("e9", Remote)]).await;
    let (first, cursor, is_last) = pending(&mut session, &Cursor::Start, 3).await;
    assert_eq!((first, is_last), (vec![1, 2, 4], false));
    let (second, cursor, is_last) = pending(&mut session, &cursor, 4).await;
    assert_eq!((second, is_last), (vec![5, 6, 7, 8], true));
    // e9 was looked at: what is new is all that is left to look at.
    submit(&mut session, &individuals(10, 2)).await;
    let (third, cursor, _) = pending(&mut session, &cursor, 100).await;
    assert_eq!(third, [10, 11]);
    let (none, kept, is_last) = pending(&mut session, &cursor, 100).await;
    assert_eq!((none, kept, is_last), (vec![], cursor, true));
    let remote = session.events_by_sync_level(Remote, &Cursor::Start, 100).await.unwrap();
    let remote: Vec<&str> = remote.events.iter().map(|stored| stored.event.guid.as_str()).collect();
    assert_eq!(remote, ["e0", "e9"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_a_level_looks_at_a_bounded_number_of_events() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let mut session = store.session().await.unwrap();
    let mut events = individuals(0, 10_003);
    events[..10_001].iter_mut().for_each(|event| event.sync_level = Remote);
    let (first, rest) = events.split_at(10_000);
    submit(&mut session, first).await;
    submit(&mut session, rest).await;
    let (none, cursor, is_last) = pending(&mut session, &Cursor::Start, 100).await;
    assert_eq!((none, is_last), (vec![], false));
    assert_ne!(cursor, Cursor::Start, "an empty page moves its reader on");
    let (found, _, is_last) = pending(&mut session, &cursor, 100).await;
    assert_eq!((found, is_last), (vec![10_001, 10_002], true));
}

#[tokio::test(flavor = "multi_thread")]
async fn marks_are_given_back_as_they_were_set() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let mut session = store.session().await.unwrap();
    for mark in SyncMark::ALL {
        assert_eq!(session.sync_mark(mark).await.unwrap(), "");
    }
    let texts = [
        "2026-03-01T09:30:00.5+02:00",
        "2026-03-01T07:30:00.500000000Z",
        "2026-03-01T07:30:00.123456789Z",
        "2026-03-01T07:30:00Z|e-1",
    ];
    for (mark, text) in SyncMark::ALL.into_iter().zip(texts) {
        session.set_sync_mark(mark, text).await.unwrap();
    }
    for (mark, text) in SyncMark::ALL.into_iter().zip(texts) {
        assert_eq!(session.sync_mark(mark).await.unwrap(), text);
    }
    session.set_sync_mark(SyncMark::RemotePull, "").await.unwrap();
    assert_eq!(session.sync_mark(SyncMark::RemotePull).await.unwrap(), "");
    let other = veritrail_tests::sample::store(&database, "b");
    assert_eq!(other.session().await.unwrap().sync_mark(SyncMark::LocalPush).await.unwrap(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_mark_is_refused_and_the_stored_one_stays() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let mut session = store.session().await.unwrap();
    let kept = "2026-03-01T07:30:00Z";
    session.set_sync_mark(SyncMark::ExternalPull, kept).await.unwrap();
    for text in ["yesterday", "2026-03-01", "0", "null", "x|", "a\0b|c"] {
        let refused = session.set_sync_mark(SyncMark::ExternalPull, text).await;
        assert!(matches!(refused, Err(MarkError::Invalid(_))), "{text}: {refused:?}");
        assert_eq!(session.sync_mark(SyncMark::ExternalPull).await.unwrap(), kept);
    }
}
