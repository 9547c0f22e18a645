//! Facts about snapshots.

#![expect(clippy::unwrap_used, reason = "a fact ends at the first thing that is not as it must be")]

use serde_json::json;
use veritrail_core::store::{EntitySnapshot, InvalidSnapshot, SaveSnapshotError, SnapshotStore};
use veritrail_core::{MAX_ENTITY_VERSION, Position};

use super::entities::{state, state_kind};
use super::{Stores, Tenant};
use crate::sample::{NOON, entity_guid};

/// A snapshot after so many events.
pub(crate) fn snapshot(guid: &str, event_count: u32) -> EntitySnapshot {
    EntitySnapshot {
        entity_guid: entity_guid(guid),
        state: state(guid, event_count, &json!({"events": event_count})),
        event_count,
        timestamp: NOON.parse().unwrap(),
        position: Some(Position(u64::from(event_count) * 10)),
    }
}

/// With and without a position.
pub async fn a_saved_snapshot_is_read_back<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    let known = snapshot("p", 3);
    let mut unknown = snapshot("q", 1);
    unknown.position = None;
    unknown.timestamp = "2026-03-01T12:00:00.123456Z".parse().unwrap();
    for saved in [known, unknown] {
        store.save_snapshot(&saved).await.unwrap();
        assert_eq!(store.snapshot(&saved.entity_guid, None).await.unwrap(), Some(saved));
    }
}

/// An entity without snapshots is no error.
pub async fn an_absent_snapshot_is_none<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    store.save_snapshot(&snapshot("p", 3)).await.unwrap();
    for guid in ["P", "p ", "o", "q"] {
        assert_eq!(store.snapshot(&entity_guid(guid), None).await.unwrap(), None);
    }
}

/// The one with the most events, of those with few enough.
pub async fn the_newest_snapshot_within_a_bound_is_read<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    for count in [5, 20, 1, 10] {
        store.save_snapshot(&snapshot("p", count)).await.unwrap();
    }
    let cases = [
        (None, Some(20)),
        (Some(u32::MAX), Some(20)),
        (Some(20), Some(20)),
        (Some(19), Some(10)),
        (Some(5), Some(5)),
        (Some(4), Some(1)),
        (Some(0), None),
    ];
    for (most, expected) in cases {
        let found = store.snapshot(&entity_guid("p"), most).await.unwrap();
        assert_eq!(found, expected.map(|count| snapshot("p", count)), "of {most:?} at most");
    }
}

/// Snapshots are derived: a better one takes the place.
pub async fn a_snapshot_of_as_many_events_is_replaced<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    store.save_snapshot(&snapshot("p", 3)).await.unwrap();
    let mut better = snapshot("p", 3);
    better.state.data.insert("better".into(), json!(true));
    better.position = None;
    better.timestamp = "2026-03-02T00:00:00Z".parse().unwrap();
    store.save_snapshot(&better).await.unwrap();
    assert_eq!(store.snapshot(&entity_guid("p"), None).await.unwrap(), Some(better));
}

/// What is no snapshot of the entity is refused, and says why.
pub async fn a_snapshot_that_is_none_is_refused<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    let with = |change: fn(&mut EntitySnapshot)| {
        let mut bad = snapshot("p", 3);
        change(&mut bad);
        bad
    };
    let number = |bad: &mut EntitySnapshot| {
        bad.state.data.insert("n".into(), json!(u64::MAX));
    };
    let cases = [
        (with(|bad| bad.state.guid = entity_guid("q")), "guid"),
        (with(|bad| bad.state.id = entity_guid("q")), "guid"),
        (with(|bad| bad.state.version = 0), "version"),
        (with(|bad| bad.state.name = Some("\0".into())), "null"),
        (with(number), "data"),
        (with(|bad| bad.event_count = 0), "event count"),
        (with(|bad| bad.event_count = MAX_ENTITY_VERSION + 1), "event count"),
        (with(|bad| bad.position = Some(Position(u64::MAX))), "position"),
    ];
    for (bad, expected) in cases {
        let error = store.save_snapshot(&bad).await.unwrap_err();
        let SaveSnapshotError::Invalid { guid, source } = error else { panic!("{expected}: {error}") };
        assert_eq!((guid, kind(&source)), (bad.entity_guid, expected), "{source:?}");
    }
    assert_eq!(store.snapshot(&entity_guid("p"), None).await.unwrap(), None);
}

fn kind(invalid: &InvalidSnapshot) -> &'static str {
    match invalid {
        InvalidSnapshot::State(state) => state_kind(state),
        InvalidSnapshot::EventCount(_) => "event count",
        InvalidSnapshot::Position(_) => "position",
    }
}

/// A guid names another entity in another tenant.
pub async fn tenants_have_snapshots_of_their_own<S: Stores>(stores: &S) {
    let (mut a, mut b) = (stores.open(Tenant::A).await, stores.open(Tenant::B).await);
    a.save_snapshot(&snapshot("p", 3)).await.unwrap();
    assert_eq!(b.snapshot(&entity_guid("p"), None).await.unwrap(), None);
    b.save_snapshot(&snapshot("p", 1)).await.unwrap();
    assert_eq!(a.snapshot(&entity_guid("p"), None).await.unwrap(), Some(snapshot("p", 3)));
}
