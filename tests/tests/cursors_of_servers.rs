//! Cursors and other servers: a standby that lags, a cluster that was restored from a dump, and many writers and
//! readers at once.
//!
//! Not here: what each rule of a cursor does (`cursors`, `old_clients`).

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is not as it must be")]

use std::collections::HashSet;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use veritrail_core::{FormSubmission, TenantId};
use veritrail_store_pg::{Applying, PgEventStore, ReadError};
use veritrail_sync::{Cursor, CursorRules, Page};
use veritrail_tests::database::TestDatabase;
use veritrail_tests::program::require;
use veritrail_tests::sample::{event, individuals, store, submit, submitter};
use veritrail_tests::server::TestServer;

const LOAD_TIME: Duration = Duration::from_secs(20);
const WRITERS: usize = 8;
const READERS: usize = 6;
const TENANTS: usize = 3;

fn guids(page: &Page) -> Vec<&str> {
    page.events.iter().map(|stored| stored.event.guid.as_str()).collect()
}

async fn migrated(server: &TestServer) -> PgEventStore {
    PgEventStore::initialize(server.url()).await.unwrap();
    PgEventStore::from_url(server.url()).unwrap()
}

async fn page(store: &PgEventStore, cursor: &Cursor, rules: CursorRules) -> Result<Page, ReadError> {
    store.session().await.unwrap().events_since(cursor, 100, rules).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lagging_standby_answers_a_newer_cursor_with_an_empty_page() {
    let Some(server) = TestServer::start() else { return };
    let primary = migrated(&server).await;
    submit(&mut primary.session().await.unwrap(), &individuals(0, 3)).await;
    let standby = server.standby();
    let follower = PgEventStore::from_url(standby.url()).unwrap();
    let client = standby.connect().await;
    let is_there = "SELECT count(*) FROM veritrail.events";
    while client.query_one(is_there, &[]).await.map_or(0, |row| row.get::<_, i64>(0)) < 3 {
        tokio::task::yield_now().await;
    }
    client.batch_execute("SELECT pg_wal_replay_pause()").await.unwrap();
    let old = page(&follower, &Cursor::Start, CursorRules::Ours).await.unwrap();
    assert_eq!(guids(&old), ["e0", "e1", "e2"]);

    submit(&mut primary.session().await.unwrap(), &individuals(3, 2)).await;
    let newest = page(&primary, &Cursor::Start, CursorRules::Ours).await.unwrap();
    let stamp = newest.events[4].recorded_at;
    let texts = [newest.cursor.to_string(), stamp.to_hashed_text(), "x|e4".to_owned()];
    for text in &texts {
        let cursor = Cursor::parse(text).unwrap();
        for rules in [CursorRules::Ours, CursorRules::DataCollect] {
            let waiting = page(&follower, &cursor, rules).await.unwrap();
            assert!(waiting.events.is_empty() && waiting.is_last, "{text} {rules:?}");
            assert_eq!(waiting.cursor, cursor, "the reader keeps its place");
        }
    }
    client.batch_execute("SELECT pg_wal_replay_resume()").await.unwrap();
    while page(&follower, &old.cursor, CursorRules::Ours).await.unwrap().events.len() < 2 {
        tokio::task::yield_now().await;
    }
    let rest = page(&follower, &old.cursor, CursorRules::Ours).await.unwrap();
    assert_eq!((guids(&rest), &rest.cursor), (vec!["e3", "e4"], &newest.cursor));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_outlives_dump_and_restore_into_a_new_cluster() {
    let (Some(dump), Some(psql)) = (require("pg_dump"), require("psql")) else { return };
    let Some(server) = TestServer::start() else { return };
    let Some(restored) = TestServer::start() else { return };
    let original = migrated(&server).await;
    submit(&mut original.session().await.unwrap(), &individuals(0, 20)).await;
    let mut session = original.session().await.unwrap();
    let kept = session.events_since(&Cursor::Start, 12, CursorRules::Ours).await.unwrap().cursor;

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dump.sql");
    run(Command::new(dump).args(["--no-owner", "-d", server.url(), "-f"]).arg(&file));
    run(Command::new(psql)
        .args(["-q", "-X", "-v", "ON_ERROR_STOP=1", "-d", restored.url(), "-f"])
        .arg(&file));

    // After the dump: the new cluster does not know it.
    submit(&mut session, &individuals(20, 1)).await;
    let newer = page(&original, &kept, CursorRules::Ours).await.unwrap().cursor;
    let copy = PgEventStore::from_url(restored.url()).unwrap();
    let refused = page(&copy, &newer, CursorRules::Ours).await;
    assert!(matches!(refused, Err(ReadError::NotOfThisLog { .. })), "{refused:?}");

    submit(&mut copy.session().await.unwrap(), &individuals(30, 3)).await;
    let rest = page(&copy, &kept, CursorRules::Ours).await.unwrap();
    let expected: Vec<String> = (12..20).chain(30..33).map(|n| format!("e{n}")).collect();
    assert_eq!(guids(&rest), expected);
    let report = copy.session().await.unwrap().verify(&[]).await.unwrap().unwrap();
    assert_eq!((report.size, report.findings), (23, Vec::new()));
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// What a writer submits in one batch: from one event to a dozen.
fn batch(writer: usize, round: usize) -> Vec<FormSubmission> {
    let one = |n| {
        let guid = format!("w{writer}-{round}-{n}");
        event(&guid, "create-individual", &guid, "{}")
    };
    (0..=(round * 7 + writer) % 12).map(one).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_and_readers_lose_repeat_and_reorder_nothing() {
    let database = TestDatabase::create().await;
    let stores: Vec<PgEventStore> =
        (0..TENANTS).map(|tenant| store(&database, &format!("t{tenant}"))).collect();
    let until = Instant::now() + LOAD_TIME;
    let writing = Arc::new(AtomicUsize::new(WRITERS));
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (store, writing) = (stores[writer % TENANTS].clone(), Arc::clone(&writing));
        writers.spawn(async move {
            let mut acknowledged = Vec::new();
            let mut session = store.session().await.unwrap();
            for round in 0.. {
                if Instant::now() >= until {
                    break;
                }
                let events = batch(writer, round);
                session.submit(&events, &submitter(), Applying::AppendOnly).await.unwrap();
                acknowledged.extend(events.into_iter().map(|event| event.guid.to_string()));
            }
            writing.fetch_sub(1, Ordering::SeqCst);
            (writer % TENANTS, acknowledged)
        });
    }
    let mut readers = JoinSet::new();
    for reader in 0..READERS {
        let (store, writing) = (stores[reader % TENANTS].clone(), Arc::clone(&writing));
        // Short pages end in the midst of batches, long ones at the moving end of the log.
        let limit = if reader < TENANTS { 9 } else { 500 };
        readers.spawn(async move { (reader % TENANTS, follow(&store, limit, &writing).await) });
    }
    let mut acknowledged: Vec<HashSet<String>> = vec![HashSet::new(); TENANTS];
    for (tenant, guids) in writers.join_all().await {
        assert!(guids.len() > 20, "a writer had its turn");
        acknowledged[tenant].extend(guids);
    }
    for (tenant, seen) in readers.join_all().await {
        let distinct: HashSet<String> = seen.iter().cloned().collect();
        assert_eq!(distinct.len(), seen.len(), "nothing is seen twice");
        assert_eq!(distinct, acknowledged[tenant], "what was acknowledged is seen, and nothing else");
    }
}

/// Reads from the beginning until the writers have ended and nothing is left.
async fn follow(store: &PgEventStore, limit: u32, writing: &AtomicUsize) -> Vec<String> {
    let (mut cursor, mut seen) = (Cursor::Start, Vec::new());
    let mut session = store.session().await.unwrap();
    loop {
        let is_over = writing.load(Ordering::SeqCst) == 0;
        let page = match session.events_since(&cursor, limit, CursorRules::Ours).await {
            Ok(page) => page,
            Err(error) => panic!("{cursor}: {error:?}"),
        };
        for stored in &page.events {
            assert_eq!(usize::try_from(stored.position.0), Ok(seen.len()), "in order and without a gap");
            seen.push(stored.event.guid.to_string());
        }
        // Between two reads a reader keeps the text alone.
        cursor = Cursor::parse(&page.cursor.to_string()).unwrap();
        if is_over && page.is_last {
            return seen;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn tenants_have_cursors_of_their_own() {
    let database = TestDatabase::create().await;
    let (one, two) = (store(&database, "one"), store(&database, "two"));
    submit(&mut one.session().await.unwrap(), &individuals(0, 2)).await;
    submit(&mut two.session().await.unwrap(), &individuals(0, 5)).await;
    let end = page(&two, &Cursor::Start, CursorRules::Ours).await.unwrap().cursor;
    let refused = page(&one, &end, CursorRules::Ours).await;
    assert!(matches!(refused, Err(ReadError::NotOfThisLog { .. })), "{refused:?}");
    let theirs = one.clone().with_tenant(TenantId::new("two").unwrap());
    assert!(page(&theirs, &end, CursorRules::Ours).await.unwrap().events.is_empty());
}
