//! Facts about sync levels: how far events have travelled.

#![expect(clippy::unwrap_used, reason = "a fact ends at the first thing that is not as it must be")]

use veritrail_core::store::{
    EventStore, MAX_BATCH, MAX_PAGE, RaiseLevelsError, Raised, ReadPageError, SyncLevelStore, TreeStore,
};
use veritrail_core::{Position, SyncLevel};

use super::{Stores, Tenant, all, save, save_individuals};
use crate::sample::{entity_guid, event, event_guid};

/// Raises the level of one event.
async fn raise(store: &mut impl SyncLevelStore, guid: &str, level: SyncLevel) -> Raised {
    store.raise_sync_levels(&[(&event_guid(guid), level)]).await.unwrap()
}

/// The positions of all events of a level from a position on, by pages of `limit`.
async fn positions(store: &mut impl SyncLevelStore, level: SyncLevel, begin: u64, limit: u32) -> Vec<u64> {
    let mut found = Vec::new();
    let mut next = Some(Position(begin));
    while let Some(begin) = next {
        let page = store.events_at_level(level, begin, limit).await.unwrap();
        assert!(page.events.len() <= usize::try_from(limit).unwrap());
        assert!(page.events.iter().all(|stored| stored.event.sync_level == level));
        assert!(page.next.is_none_or(|next| next > begin), "a page goes on behind its beginning");
        found.extend(page.events.iter().map(|stored| stored.position.0));
        next = page.next;
    }
    found
}

/// What was raised, what was there already and what is not known are counted, each guid once.
pub async fn raised_levels_are_counted<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    assert_eq!(raise(&mut store, "e0", SyncLevel::Remote).await, Raised { unknown: 1, ..Raised::default() });
    save_individuals(&mut store, 0, 4).await;
    let [e0, e1, e2, none] = ["e0", "e1", "e2", "none"].map(event_guid);
    let first = [
        (&e0, SyncLevel::Remote),
        (&e1, SyncLevel::External),
        (&e2, SyncLevel::Local),
        (&none, SyncLevel::Remote),
    ];
    let raised = store.raise_sync_levels(&first).await.unwrap();
    assert_eq!(raised, Raised { raised: 2, unchanged: 1, unknown: 1 });
    // Of a guid that is named twice the higher level counts.
    let second = [(&e1, SyncLevel::Remote), (&e0, SyncLevel::External), (&e0, SyncLevel::Remote)];
    let raised = store.raise_sync_levels(&second).await.unwrap();
    assert_eq!(raised, Raised { raised: 1, unchanged: 1, unknown: 0 });
    assert_eq!(positions(&mut store, SyncLevel::External, 0, 10).await, [0, 1]);
    assert_eq!(store.raise_sync_levels(&[]).await.unwrap(), Raised::default());
}

/// A lower level leaves an event as it is.
pub async fn levels_never_go_down<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    save_individuals(&mut store, 0, 1).await;
    raise(&mut store, "e0", SyncLevel::External).await;
    for level in [SyncLevel::External, SyncLevel::Remote, SyncLevel::Local] {
        let raised = raise(&mut store, "e0", level).await;
        assert_eq!(raised, Raised { unchanged: 1, ..Raised::default() }, "{level:?}");
        assert_eq!(all(&mut store).await[0].event.sync_level, SyncLevel::External);
    }
}

/// However an event is read, it has the level that it has reached.
pub async fn events_are_read_with_the_level_that_they_have<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    let batch = ["e0", "e1", "e2"].map(|guid| event(guid, "own-type", "p", "{}"));
    save(&mut store, &batch).await;
    raise(&mut store, "e1", SyncLevel::Remote).await;
    let expected = [SyncLevel::Local, SyncLevel::Remote, SyncLevel::Local];
    let page = all(&mut store).await;
    assert_eq!(page.iter().map(|stored| stored.event.sync_level).collect::<Vec<_>>(), expected);
    assert_eq!(store.events_about(&entity_guid("p"), Position(0), 10).await.unwrap(), page);
    assert_eq!(store.event(&event_guid("e1")).await.unwrap().as_ref(), Some(&page[1]));
    let remote = store.events_at_level(SyncLevel::Remote, Position(0), 10).await.unwrap();
    assert_eq!(remote.events, page[1..2]);
}

/// Pages of any length give each event of a level once, in order.
pub async fn events_of_a_level_are_paged<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    assert_eq!(positions(&mut store, SyncLevel::Local, 0, 10).await, [0; 0]);
    save_individuals(&mut store, 0, 30).await;
    for n in (0..30).step_by(3) {
        raise(&mut store, &format!("e{n}"), SyncLevel::Remote).await;
    }
    let (remote, local): (Vec<u64>, Vec<u64>) = (0..30).partition(|position| position % 3 == 0);
    for limit in [1, 4, 10, 20, 21, 100] {
        assert_eq!(positions(&mut store, SyncLevel::Remote, 0, limit).await, remote, "pages of {limit}");
        assert_eq!(positions(&mut store, SyncLevel::Local, 0, limit).await, local, "pages of {limit}");
        assert_eq!(positions(&mut store, SyncLevel::External, 0, limit).await, [0; 0]);
    }
    // A page begins at its position, inclusive.
    assert_eq!(positions(&mut store, SyncLevel::Remote, 27, 10).await, [27]);
    assert_eq!(positions(&mut store, SyncLevel::Remote, 28, 10).await, [0; 0]);
    for begin in [30, 31, i64::MAX.unsigned_abs(), u64::MAX] {
        assert_eq!(positions(&mut store, SyncLevel::Local, begin, 10).await, [0; 0], "from {begin}");
    }
    let first = store.events_at_level(SyncLevel::Remote, Position(0), 4).await.unwrap();
    assert_eq!((first.events.len(), first.next), (4, Some(Position(10))));
}

/// A page has 1 to [`MAX_PAGE`] events.
pub async fn the_length_of_a_page_of_a_level_is_checked<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    save_individuals(&mut store, 0, 1).await;
    for limit in [0, MAX_PAGE + 1, u32::MAX] {
        let error = store.events_at_level(SyncLevel::Local, Position(0), limit).await.unwrap_err();
        assert!(matches!(error, ReadPageError::Limit(given) if given == limit), "{error}");
    }
    assert_eq!(positions(&mut store, SyncLevel::Local, 0, MAX_PAGE).await, [0]);
}

/// One call raises [`MAX_BATCH`] levels at most.
pub async fn too_many_levels_are_refused<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    save_individuals(&mut store, 0, 1).await;
    let e0 = event_guid("e0");
    let mut many = vec![(&e0, SyncLevel::Remote); MAX_BATCH + 1];
    let error = store.raise_sync_levels(&many).await.unwrap_err();
    assert!(matches!(error, RaiseLevelsError::TooMany(count) if count == MAX_BATCH + 1), "{error}");
    assert_eq!(positions(&mut store, SyncLevel::Local, 0, 10).await, [0]);
    many.pop();
    assert_eq!(store.raise_sync_levels(&many).await.unwrap(), Raised { raised: 1, ..Raised::default() });
}

/// A level is bound by no hash.
pub async fn levels_do_not_change_the_tree<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    save_individuals(&mut store, 0, 5).await;
    let head = store.tree_head().await.unwrap();
    let leaves: Vec<_> = all(&mut store).await.iter().map(|stored| stored.leaf_hash).collect();
    raise(&mut store, "e3", SyncLevel::External).await;
    assert_eq!(store.tree_head().await.unwrap(), head);
    assert!(all(&mut store).await.iter().map(|stored| stored.leaf_hash).eq(leaves));
}

/// Raising one tenant's event leaves its neighbour's of the same guid alone.
pub async fn tenants_have_levels_of_their_own<S: Stores>(stores: &S) {
    let mut a = stores.open(Tenant::A).await;
    let mut b = stores.open(Tenant::B).await;
    save_individuals(&mut a, 0, 2).await;
    save_individuals(&mut b, 0, 1).await;
    raise(&mut a, "e0", SyncLevel::Remote).await;
    assert_eq!(positions(&mut b, SyncLevel::Local, 0, 10).await, [0]);
    assert_eq!(positions(&mut b, SyncLevel::Remote, 0, 10).await, [0; 0]);
    assert_eq!(raise(&mut b, "e1", SyncLevel::Remote).await, Raised { unknown: 1, ..Raised::default() });
    assert_eq!(positions(&mut a, SyncLevel::Local, 0, 10).await, [1]);
}
