//! Reading without a cursor to keep: the whole log as a stream, an entity's events in pages, one event and its check.
//!
//! Not here: cursors (`cursors`, `old_clients`), levels (`sync_state`).

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is not as it must be")]

use std::pin::pin;

use futures_util::TryStreamExt;
use veritrail_core::{EntityGuid, FormSubmission, SyncLevel};
use veritrail_store_pg::{
    Applying, PgEventStore, ReadError, Session, VerifyEventError, WithoutMemory, futures_util,
};
use veritrail_sync::{Cursor, DEFAULT_PAGE, Page};
use veritrail_tests::database::TestDatabase;
use veritrail_tests::sample::{
    entity_guid, event, event_guid, individuals, signer, store, submit, submitter,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_log_is_a_stream_in_order() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let mut session = store.session().await.unwrap();
    let none: Vec<_> = session.events().try_collect().await.unwrap();
    assert!(none.is_empty());
    submit(&mut session, &individuals(0, 2_345)).await;
    let all: Vec<_> = session.events().try_collect().await.unwrap();
    let positions: Vec<u64> = all.iter().map(|stored| stored.position.0).collect();
    assert_eq!(positions, (0..2_345).collect::<Vec<u64>>());
    // A reader may stop in the midst, and the session is of use afterwards.
    {
        let mut events = pin!(session.events());
        assert_eq!(events.try_next().await.unwrap().unwrap().event.guid.as_str(), "e0");
    }
    assert!(session.event_exists(&event_guid("e2344")).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_end_with_the_log_and_none_is_empty() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let mut session = store.session().await.unwrap();
    submit(&mut session, &individuals(0, 250)).await;
    for (limit, expected) in [(DEFAULT_PAGE, vec![100, 100, 50]), (125, vec![125, 125]), (1_000, vec![250])] {
        let pages: Vec<Page> = session.pages(Cursor::Start, limit).try_collect().await.unwrap();
        let lengths: Vec<usize> = pages.iter().map(|page| page.events.len()).collect();
        assert_eq!(lengths, expected);
        assert!(pages.last().unwrap().is_last);
        let from = pages[0].cursor.clone();
        let rest: Vec<Page> = session.pages(from, limit).try_collect().await.unwrap();
        assert_eq!(rest.iter().map(|page| page.events.len()).sum::<usize>(), 250 - expected[0]);
    }
    let refused: Result<Vec<Page>, ReadError> = session.pages(Cursor::Start, 0).try_collect().await;
    assert!(matches!(refused, Err(ReadError::Limit(0))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_cannot_be_believed_ends_the_stream() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let mut session = store.session().await.unwrap();
    submit(&mut session, &individuals(0, 5)).await;
    let sql =
        "SET session_replication_role = replica; UPDATE veritrail.events SET data = NULL WHERE position = 3";
    database.connect().await.batch_execute(sql).await.unwrap();
    let refused: Result<Vec<_>, ReadError> = session.events().try_collect().await;
    assert!(
        matches!(&refused, Err(ReadError::Access(error)) if error.to_string().contains("events.data of e3")),
        "{refused:?}"
    );
}

/// A group, five individuals of whom three become members one by one, and other events between.
async fn with_group(database: &TestDatabase) -> PgEventStore {
    let store = store(database, "a");
    let mut session = store.session().await.unwrap();
    submit(&mut session, &individuals(0, 5)).await;
    submit(&mut session, &[event("g", "create-group", "group", r#"{"name":"Lake"}"#)]).await;
    for n in 0..3 {
        let member = format!(r#"{{"members":[{{"guid":"p{n}"}}]}}"#);
        submit(&mut session, &[event(&format!("m{n}"), "add-member", "group", &member)]).await;
        submit(&mut session, &[event(&format!("u{n}"), "update-individual", &format!("p{n}"), "{}")]).await;
    }
    store
}

async fn by_entity(session: &mut Session<'_>, entity: &EntityGuid, limit: u32) -> Vec<String> {
    let (mut cursor, mut seen) = (Cursor::Start, Vec::new());
    loop {
        let page = session.events_by_entity(entity, &cursor, limit).await.unwrap();
        assert!(page.events.len() <= usize::try_from(limit).unwrap());
        seen.extend(page.events.iter().map(|stored| stored.event.guid.to_string()));
        if page.is_last {
            return seen;
        }
        cursor = page.cursor;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entitys_events_and_those_that_touch_it_are_read_in_pages() {
    let database = TestDatabase::create().await;
    let store = with_group(&database).await;
    let mut session = store.session().await.unwrap();
    for entity in ["p0", "p2", "p4", "group", "nobody"] {
        let entity = entity_guid(entity);
        let whole = session.timeline(&entity).await.unwrap();
        let whole: Vec<String> = whole.iter().map(|stored| stored.event.guid.to_string()).collect();
        for limit in [1, 2, 3, 100] {
            assert_eq!(by_entity(&mut session, &entity, limit).await, whole, "{entity}, pages of {limit}");
        }
    }
    assert_eq!(by_entity(&mut session, &entity_guid("p1"), 10).await, ["e1", "m1", "u1"]);
    let ahead = Cursor::parse("2099-01-01T00:00:00.000000000Z").unwrap();
    let refused = session.events_by_entity(&entity_guid("p1"), &ahead, 10).await;
    assert!(matches!(refused, Err(ReadError::NotOfThisLog { .. })), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_exists_or_does_not_and_the_root_is_the_heads() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let mut session = store.session().await.unwrap();
    assert_eq!(session.merkle_root().await.unwrap(), None);
    assert!(!session.event_exists(&event_guid("e0")).await.unwrap());
    let submitted = submit(&mut session, &individuals(0, 3)).await;
    assert!(session.event_exists(&event_guid("e0")).await.unwrap());
    assert!(!session.event_exists(&event_guid("E0")).await.unwrap());
    assert_eq!(session.merkle_root().await.unwrap(), submitted.head.map(|head| head.root));
    let other = veritrail_tests::sample::store(&database, "b");
    assert!(!other.session().await.unwrap().event_exists(&event_guid("e0")).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_checked_offline_against_its_proof() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let folder = tempfile::tempdir().unwrap();
    let signer = signer(folder.path());
    let keys = [signer.verifier_key()];
    let mut session = store.session().await.unwrap();
    let sent = FormSubmission::parse(
        r#"{"guid":"e","entityGuid":"p","type":"create-individual","timestamp":"2026-03-01T12:00:00Z","userId":"ana","data":{"n":1},"schemaVersion":2,"metadata":{"d":1}}"#,
    )
    .unwrap();
    session.submit(std::slice::from_ref(&sent), &submitter(), Applying::Apply).await.unwrap();
    submit(&mut session, &individuals(0, 9)).await;
    session.publish(&signer, WithoutMemory::Refuse).await.unwrap();
    let proof = session.prove(&sent.guid).await.unwrap().unwrap();

    assert_eq!(PgEventStore::verify_event(&sent, &proof, &keys).unwrap().tree_size, 10);
    let mut elsewhere = sent.clone();
    elsewhere.sync_level = SyncLevel::External;
    assert!(PgEventStore::verify_event(&elsewhere, &proof, &keys).is_ok(), "a level is bound into nothing");
    type Change = fn(&mut FormSubmission);
    let changes: [(&str, Change); 7] = [
        ("guid", |event| event.guid = "x".parse().unwrap()),
        ("entityGuid", |event| event.entity_guid = "x".parse().unwrap()),
        ("type", |event| event.event_type = "x".parse().unwrap()),
        ("schemaVersion", |event| event.schema_version = None),
        ("metadata", |event| event.metadata = None),
        ("timestamp", |event| event.timestamp = "2026-03-01T12:00:00.001Z".parse().unwrap()),
        ("userId", |event| event.user_id = "x".parse().unwrap()),
    ];
    for (member, change) in changes {
        let mut changed = sent.clone();
        change(&mut changed);
        let refused = PgEventStore::verify_event(&changed, &proof, &keys);
        let Err(VerifyEventError::OtherEvent { field, .. }) = refused else {
            panic!("{member}: {refused:?}")
        };
        assert_eq!(field, member);
    }
    let mut forged = proof.clone();
    forged.event.user_id = "x".parse().unwrap();
    let refused = PgEventStore::verify_event(&forged.event, &forged, &keys);
    assert!(matches!(refused, Err(VerifyEventError::Bundle(_))), "{refused:?}");
}
