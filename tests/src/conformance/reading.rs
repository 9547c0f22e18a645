//! Facts about reading events.

#![expect(clippy::unwrap_used, reason = "a fact ends at the first thing that is not as it must be")]

use veritrail_core::Position;
use veritrail_core::store::{EventStore, MAX_PAGE, ReadPageError};

use super::{Stores, Tenant, all, save, save_individuals};
use crate::sample::{entity_guid, event, event_guid};

/// A guid that no event has is no error.
pub async fn an_absent_event_is_none<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    for guid in ["e0", "e7"] {
        assert_eq!(store.event(&event_guid(guid)).await.unwrap(), None);
        assert!(!store.event_exists(&event_guid(guid)).await.unwrap());
        save_individuals(&mut store, 8, 2).await;
    }
}

/// An event is known once it is saved, and read as it stands in its page.
pub async fn a_recorded_event_is_known<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    save_individuals(&mut store, 0, 3).await;
    for stored in all(&mut store).await {
        assert!(store.event_exists(&stored.event.guid).await.unwrap());
        assert_eq!(store.event(&stored.event.guid).await.unwrap(), Some(stored));
    }
}

/// A store without events answers with empty pages.
pub async fn an_empty_store_has_empty_pages<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    assert_eq!(store.events_from(Position(0), 10).await.unwrap(), []);
    assert_eq!(store.events_about(&entity_guid("p"), Position(0), 10).await.unwrap(), []);
}

/// Pages of any length give each event once, in order.
pub async fn pages_follow_positions<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    save_individuals(&mut store, 0, 40).await;
    let whole = all(&mut store).await;
    for limit in [1, 7, 20, 39, 40, 41] {
        let mut read = Vec::new();
        loop {
            let begin = u64::try_from(read.len()).unwrap();
            let page = store.events_from(Position(begin), limit).await.unwrap();
            let length = u32::try_from(page.len()).unwrap();
            read.extend(page);
            if length < limit {
                break;
            }
            assert_eq!(length, limit);
        }
        assert_eq!(read, whole, "pages of {limit}");
    }
}

/// Behind the last event there is nothing, however far.
pub async fn a_page_behind_the_end_is_empty<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    save_individuals(&mut store, 0, 4).await;
    assert_eq!(store.events_from(Position(3), 10).await.unwrap().len(), 1);
    for begin in [4, 5, 1_000, i64::MAX.unsigned_abs(), u64::MAX] {
        assert_eq!(store.events_from(Position(begin), 10).await.unwrap(), [], "from {begin}");
        assert_eq!(store.events_about(&entity_guid("p1"), Position(begin), 10).await.unwrap(), []);
    }
}

/// A page has 1 to [`MAX_PAGE`] events.
pub async fn the_length_of_a_page_is_checked<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    save_individuals(&mut store, 0, 1).await;
    for limit in [0, MAX_PAGE + 1, u32::MAX] {
        let error = store.events_from(Position(0), limit).await.unwrap_err();
        assert!(matches!(error, ReadPageError::Limit(given) if given == limit), "{error}");
        let error = store.events_about(&entity_guid("p0"), Position(0), limit).await.unwrap_err();
        assert!(matches!(error, ReadPageError::Limit(given) if given == limit), "{error}");
    }
    assert_eq!(store.events_from(Position(0), MAX_PAGE).await.unwrap().len(), 1);
}

/// An entity's events are those that name it, in the order in which they were recorded.
pub async fn events_about_an_entity_are_its_own_in_order<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    let events = [("e9", "p"), ("e1", "q"), ("e5", "p"), ("e3", "P"), ("e0", "p")]
        .map(|(guid, entity)| event(guid, "own-type", entity, "{}"));
    save(&mut store, &events).await;
    for (entity, expected) in [("p", vec![0, 2, 4]), ("q", vec![1]), ("P", vec![3]), ("r", vec![])] {
        let about = store.events_about(&entity_guid(entity), Position(0), 10).await.unwrap();
        let positions: Vec<u64> = about.iter().map(|stored| stored.position.0).collect();
        assert_eq!(positions, expected, "{entity}");
        assert!(about.iter().all(|stored| stored.event.entity_guid.as_str() == entity));
    }
}

/// An entity's events are paged by position, too.
pub async fn events_about_an_entity_are_paged<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    let one = |n: usize| event(&format!("e{n}"), "own-type", ["p", "q", "r"][n % 3], "{}");
    save(&mut store, &(0..30).map(one).collect::<Vec<_>>()).await;
    let q = entity_guid("q");
    let whole = store.events_about(&q, Position(0), 10).await.unwrap();
    assert_eq!(whole.len(), 10);
    assert_eq!(store.events_about(&q, Position(0), 4).await.unwrap(), whole[..4]);
    // 10 is the position of the fourth: a page begins at its position, inclusive.
    assert_eq!(store.events_about(&q, Position(10), 4).await.unwrap(), whole[3..7]);
    assert_eq!(store.events_about(&q, Position(11), 40).await.unwrap(), whole[4..]);
}

/// No read crosses from one tenant to another.
pub async fn another_tenants_events_are_not_read<S: Stores>(stores: &S) {
    save_individuals(&mut stores.open(Tenant::A).await, 0, 3).await;
    let mut store = stores.open(Tenant::B).await;
    assert_eq!(all(&mut store).await, []);
    assert_eq!(store.event(&event_guid("e0")).await.unwrap(), None);
    assert!(!store.event_exists(&event_guid("e0")).await.unwrap());
    assert_eq!(store.events_about(&entity_guid("p0"), Position(0), 10).await.unwrap(), []);
}

/// What one handle saved another reads.
pub async fn another_handle_reads_what_was_saved<S: Stores>(stores: &S) {
    let mut writer = stores.open(Tenant::A).await;
    let mut reader = stores.open(Tenant::A).await;
    assert_eq!(all(&mut reader).await, []);
    save_individuals(&mut writer, 0, 3).await;
    assert_eq!(all(&mut reader).await, all(&mut writer).await);
    assert_eq!(all(&mut reader).await.len(), 3);
}
