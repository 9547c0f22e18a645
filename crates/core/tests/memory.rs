//! What is the store in memory's alone: its clock and random bytes, clearing, threads. What it has in common with every
//! store is the conformance list of the workspace's tests.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is not as it must be")]

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread;

use veritrail_core::store::{
    EntitySnapshot, EntityStore, EventStore, HashAnchorStore, SaveEventsError, SnapshotStore, TreeStore,
};
use veritrail_core::{
    Epoch, EventGuid, FormSubmission, MemoryError, MemoryStore, Position, Receipt, Subject, TenantId,
    Timestamp, TreeSize,
};

const LAST: &str = "9999-12-31T23:59:59.999999Z";

/// The store in memory never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("the store in memory never waits"),
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn numbered() -> MemoryStore {
    MemoryStore::numbered(at("2026-03-01T00:00:00Z"))
}

fn events(first: u32, count: u32) -> Vec<FormSubmission> {
    let one = |n: u32| {
        let text = format!(
            r#"{{"guid":"e{n}","entityGuid":"p{n}","type":"own","userId":"ana","data":{{}},
                "timestamp":"2026-03-01T12:00:00Z"}}"#
        );
        FormSubmission::parse(&text).unwrap()
    };
    (first..first + count).map(one).collect()
}

fn save(store: &mut MemoryStore, first: u32, count: u32) -> Vec<Receipt> {
    now(store.save_events(&events(first, count), &Subject::new("tests").unwrap())).unwrap()
}

fn guid(text: &str) -> EventGuid {
    EventGuid::new(text).unwrap()
}

#[test]
fn stamps_follow_the_clock_and_never_stand_still_or_go_back() {
    let mut readings =
        ["2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z", "2025-01-01T00:00:00Z", "2026-03-02T00:00:00Z"]
            .into_iter()
            .map(at);
    let mut store = MemoryStore::new(move || readings.next().unwrap(), |bytes| bytes.fill(1));
    let stamps: Vec<String> = [(0, 2), (2, 1), (3, 2), (5, 2)]
        .into_iter()
        .flat_map(|(first, count)| save(&mut store, first, count))
        .map(|receipt| receipt.recorded_at.to_hashed_text())
        .collect();
    let expected = [
        "2026-03-01T00:00:00.000000Z",
        "2026-03-01T00:00:00.000001Z",
        "2026-03-01T00:00:00.000002Z",
        "2026-03-01T00:00:00.000003Z",
        "2026-03-01T00:00:00.000004Z",
        "2026-03-02T00:00:00.000000Z",
        "2026-03-02T00:00:00.000001Z",
    ];
    assert_eq!(stamps, expected);
}

#[test]
fn stamps_end_with_the_year_9999_and_nothing_is_half_saved() {
    let mut store = MemoryStore::new(|| at(LAST), |bytes| bytes.fill(1));
    let refused = now(store.save_events(&events(0, 2), &Subject::new("tests").unwrap()));
    assert_eq!(refused, Err(SaveEventsError::Store(MemoryError::OutOfStamps)));
    assert_eq!(now(store.events_from(Position(0), 10)), Ok(vec![]));
    assert_eq!(save(&mut store, 0, 1)[0].recorded_at, at(LAST));
    assert!(now(store.save_events(&events(1, 1), &Subject::new("tests").unwrap())).is_err());
    assert_eq!(now(store.events_from(Position(0), 10)).unwrap().len(), 1);
}

#[test]
fn the_same_numbers_make_the_same_log() {
    let roots = [(); 2].map(|()| {
        let mut store = numbered();
        save(&mut store, 0, 20);
        (now(store.identity()).unwrap(), now(store.tree_head()).unwrap().unwrap().root)
    });
    assert_eq!(roots[0], roots[1]);
    let mut other = MemoryStore::numbered(at("2026-03-01T00:00:00.001Z"));
    save(&mut other, 0, 20);
    assert_ne!(now(other.tree_head()).unwrap().unwrap().root, roots[0].1, "the stamp is hashed");
}

#[test]
fn clearing_takes_the_tenants_name_and_begins_the_next_epoch() {
    let mut store = numbered();
    let mut neighbour = store.clone().with_tenant(TenantId::new("b").unwrap());
    let last = save(&mut store, 0, 5).pop().unwrap().recorded_at;
    save(&mut neighbour, 0, 2);
    let root = now(store.tree_head()).unwrap().unwrap().root;
    now(store.persist_hash_anchor(root)).unwrap();
    let before = now(store.identity()).unwrap().unwrap();

    let error = store.clear(neighbour.tenant()).unwrap_err();
    assert_eq!((&error.tenant, &error.given), (store.tenant(), neighbour.tenant()));
    assert_eq!(now(store.events_from(Position(0), 10)).unwrap().len(), 5);

    store.clear(&TenantId::default()).unwrap();
    let after = now(store.identity()).unwrap().unwrap();
    assert_eq!((after.log_id, before.epoch, after.epoch), (before.log_id, Epoch(1), Epoch(2)));
    let head = now(store.tree_head()).unwrap().unwrap();
    assert_eq!((head.size(), head.recorded_at), (TreeSize(0), None));
    assert_eq!(now(store.event(&guid("e0"))), Ok(None));
    assert_eq!(now(store.hash_anchor()), Ok(None));
    assert_eq!(now(neighbour.events_from(Position(0), 10)).unwrap().len(), 2);

    // The same event is a new one, at position 0, and its stamp is later than any before.
    let again = save(&mut store, 0, 1).remove(0);
    assert_eq!((again.position, again.repeated), (Position(0), false));
    assert!(again.recorded_at > last);
}

#[test]
fn stamps_go_on_after_clearing_though_the_clock_has_gone_back() {
    let mut readings = ["2026-03-01T00:00:00Z", "2020-01-01T00:00:00Z"].into_iter().map(at);
    let mut store = MemoryStore::new(move || readings.next().unwrap(), |bytes| bytes.fill(1));
    save(&mut store, 0, 1);
    store.clear(&TenantId::default()).unwrap();
    assert_eq!(save(&mut store, 1, 1)[0].recorded_at, at("2026-03-01T00:00:00.000001Z"));
}

#[test]
fn clearing_a_tenant_that_has_nothing_begins_no_log() {
    let mut store = numbered();
    store.clear(&TenantId::default()).unwrap();
    assert_eq!(now(store.identity()), Ok(None));
}

#[test]
fn threads_share_a_store() {
    let store = numbered();
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let mut store = store.clone();
            thread::spawn(move || {
                (0..50).flat_map(|n| save(&mut store, writer * 100 + n, 1)).collect::<Vec<_>>()
            })
        })
        .collect();
    let mut receipts: Vec<Receipt> = writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect();
    receipts.sort_by_key(|receipt| receipt.position);
    assert!(receipts.iter().map(|receipt| receipt.position.0).eq(0..200));
    assert!(receipts.is_sorted_by(|earlier, later| earlier.recorded_at < later.recorded_at));
}

#[test]
fn a_snapshot_has_the_members_that_are_expected() {
    let text = r#"{"entityId":"p","state":{"id":"p","guid":"p","type":"individual","version":2,"data":{"a":1},"lastUpdated":"2026-03-01T12:00:00.000Z"},"eventCount":2,"timestamp":"2026-03-02T00:00:00.000Z"}"#;
    let snapshot: EntitySnapshot = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&snapshot).unwrap(), text);
    let mut store = numbered();
    now(store.save_snapshot(&snapshot)).unwrap();
    assert_eq!(now(store.snapshot(&snapshot.entity_guid, None)), Ok(Some(snapshot)));
    assert_eq!(now(store.entity_pairs(None, 1)), Ok(vec![]));
}
