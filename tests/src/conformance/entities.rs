//! Facts about entities that are saved by hand.

#![expect(clippy::unwrap_used, reason = "a fact ends at the first thing that is not as it must be")]

use futures_util::future::join_all;
use serde_json::json;
use veritrail_core::store::{
    ClearEntitiesError, EntityStore, EventStore, InvalidPair, MAX_PAGE, ReadPageError, SaveEntityError,
    SnapshotStore,
};
use veritrail_core::{EntityDoc, EntityPair, InvalidState, MAX_ENTITY_VERSION, Position};

use super::{Stores, Tenant, save_individuals};
use crate::sample::entity_guid;

/// An individual's state.
pub(crate) fn state(guid: &str, version: u32, data: &serde_json::Value) -> EntityDoc {
    let doc = json!({"id": guid, "guid": guid, "type": "individual", "version": version, "data": data,
        "lastUpdated": "2026-03-01T12:00:00.000Z"});
    serde_json::from_value(doc).unwrap()
}

/// A pair whose states have these versions.
fn pair(guid: &str, initial: u32, modified: u32) -> EntityPair {
    EntityPair {
        guid: entity_guid(guid),
        initial: state(guid, initial, &json!({"step": initial})),
        modified: state(guid, modified, &json!({"step": modified})),
    }
}

/// Both states come back as they were, with members, names and ids.
pub async fn a_saved_entity_is_read_back<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    let person = pair("p", 1, 3);
    let mut group = pair("päivä 😀", 2, 2);
    group.modified = serde_json::from_value(json!({
        "id": "päivä 😀", "guid": "päivä 😀", "type": "group", "version": 2, "externalId": "X/7", "name": "Zoë's \"family\"",
        "data": {"nested": {"list": [1, null, true, "é", {}]}, "": "empty name"},
        "lastUpdated": "2026-03-01T12:00:00.123456Z", "memberIds": ["p", "q", "a"]
    }))
    .unwrap();
    for saved in [&person, &group] {
        store.save_entity(saved, None).await.unwrap();
    }
    for saved in [person, group] {
        assert_eq!(store.entity_pair(&saved.guid).await.unwrap(), Some(saved));
    }
}

/// A guid that no entity has is no error.
pub async fn an_absent_entity_is_none<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    assert_eq!(store.entity_pair(&entity_guid("p")).await.unwrap(), None);
    assert_eq!(store.entity_pairs(None, 10).await.unwrap(), []);
    store.save_entity(&pair("p", 1, 1), None).await.unwrap();
    assert_eq!(store.entity_pair(&entity_guid("P")).await.unwrap(), None);
}

/// A number has one form, whatever it was written as.
pub async fn numbers_come_back_in_their_one_form<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    let mut saved = pair("p", 1, 1);
    let data = json!({"a": 1.0, "b": -0.0, "c": 1e2, "d": 130.65331632653061, "e": 1e300, "f": 5e-324,
        "g": 9_007_199_254_740_992.0, "h": 0.1});
    saved.modified.data = data.as_object().unwrap().clone();
    store.save_entity(&saved, None).await.unwrap();
    let read = store.entity_pair(&saved.guid).await.unwrap().unwrap().modified.data;
    let expected = json!({"a": 1, "b": 0, "c": 100, "d": 130.65331632653061, "e": 1e300, "f": 5e-324,
        "g": 9_007_199_254_740_992_i64, "h": 0.1});
    assert_eq!(serde_json::Value::Object(read), expected);
}

/// Who expects nothing must find nothing.
pub async fn an_entity_that_is_there_is_not_made_anew<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    let first = pair("p", 1, 4);
    store.save_entity(&first, None).await.unwrap();
    let error = store.save_entity(&pair("p", 1, 5), None).await.unwrap_err();
    assert!(
        matches!(&error, SaveEntityError::OtherVersion { expected: None, found: Some(4), .. }),
        "{error}"
    );
    assert_eq!(store.entity_pair(&first.guid).await.unwrap(), Some(first));
}

/// Who expects a version must find that one.
pub async fn an_entity_of_another_version_is_not_overwritten<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    store.save_entity(&pair("p", 1, 1), None).await.unwrap();
    let second = pair("p", 1, 2);
    store.save_entity(&second, Some(1)).await.unwrap();
    for stale in [1, 3, 7] {
        let error = store.save_entity(&pair("p", 1, 9), Some(stale)).await.unwrap_err();
        let SaveEntityError::OtherVersion { guid, expected, found } = error else { panic!("{error}") };
        assert_eq!((guid.as_str(), expected, found), ("p", Some(stale), Some(2)));
    }
    assert_eq!(store.entity_pair(&second.guid).await.unwrap(), Some(second));
    store.save_entity(&pair("p", 9, 9), Some(2)).await.unwrap();
}

/// An entity that has gone is not made anew by who has read it.
pub async fn an_entity_that_is_not_there_has_no_version<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    let error = store.save_entity(&pair("p", 1, 2), Some(1)).await.unwrap_err();
    assert!(
        matches!(&error, SaveEntityError::OtherVersion { expected: Some(1), found: None, .. }),
        "{error}"
    );
    assert_eq!(store.entity_pair(&entity_guid("p")).await.unwrap(), None);
}

/// No update is lost between two who have read the same state.
pub async fn of_two_writers_one_wins<S: Stores>(stores: &S) {
    stores.open(Tenant::A).await.save_entity(&pair("p", 1, 1), None).await.unwrap();
    let writers = (2..6).map(async |version: u32| {
        let mut store = stores.open(Tenant::A).await;
        store.save_entity(&pair("p", 1, version), Some(1)).await.ok().map(|()| version)
    });
    let won: Vec<u32> = join_all(writers).await.into_iter().flatten().collect();
    let kept = stores.open(Tenant::A).await.entity_pair(&entity_guid("p")).await.unwrap().unwrap();
    assert_eq!(won, [kept.modified.version]);
}

/// What is no pair of states of one entity is refused, and says why.
pub async fn a_pair_that_is_none_is_refused<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    let with = |change: fn(&mut EntityPair)| {
        let mut bad = pair("p", 1, 2);
        change(&mut bad);
        bad
    };
    let unfaithful = |bad: &mut EntityPair| {
        bad.modified.data.insert("n".into(), json!(9_007_199_254_740_993_i64));
    };
    let null_text = |bad: &mut EntityPair| {
        bad.initial.data.insert("n".into(), json!(["a\0b"]));
    };
    let cases: [(&str, EntityPair, Option<u32>); 13] = [
        ("initial: guid", with(|bad| bad.initial.guid = entity_guid("q")), None),
        ("initial: guid", with(|bad| bad.initial.id = entity_guid("q")), None),
        ("modified: guid", with(|bad| bad.modified.guid = entity_guid("q")), None),
        ("initial: guid", with(|bad| bad.guid = entity_guid("q")), None),
        ("initial: version", with(|bad| bad.initial.version = 0), None),
        ("modified: version", with(|bad| bad.modified.version = MAX_ENTITY_VERSION + 1), None),
        ("modified: null", with(|bad| bad.modified.name = Some("a\0".into())), None),
        ("initial: null", with(|bad| bad.initial.external_id = Some("\0".into())), None),
        ("modified: data", with(unfaithful), None),
        ("initial: data", with(null_text), None),
        ("initial ahead", with(|bad| bad.initial.version = 3), None),
        ("not newer", with(|_| ()), Some(2)),
        ("not newer", with(|_| ()), Some(7)),
    ];
    for (expected, bad, version) in cases {
        let error = store.save_entity(&bad, version).await.unwrap_err();
        let SaveEntityError::Invalid { guid, source } = error else { panic!("{expected}: {error}") };
        assert_eq!((guid, kind(&source)), (bad.guid, expected.to_owned()), "{source}");
    }
    assert_eq!(store.entity_pairs(None, 10).await.unwrap(), []);
}

fn kind(invalid: &InvalidPair) -> String {
    let (which, state) = match invalid {
        InvalidPair::Initial(state) => ("initial", state),
        InvalidPair::Modified(state) => ("modified", state),
        InvalidPair::NotNewer { .. } => return "not newer".to_owned(),
        InvalidPair::InitialAhead { .. } => return "initial ahead".to_owned(),
    };
    format!("{which}: {}", state_kind(state))
}

/// What is wrong with a state, in a word.
pub(crate) fn state_kind(invalid: &InvalidState) -> &'static str {
    match invalid {
        InvalidState::Guid(_) => "guid",
        InvalidState::Version(_) => "version",
        InvalidState::Null(_) => "null",
        InvalidState::Data(_) => "data",
        InvalidState::TooLarge(_) => "too large",
    }
}

/// Pages go by the bytes of the guids, not by a language's order.
pub async fn entities_are_paged_in_the_order_of_bytes<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    let sorted = ["!", "A", "B", "Z", "a", "a b", "ab", "z", "é", "ä\u{30a}", "日", "😀"];
    let mut sorted: Vec<&str> = sorted.into();
    sorted.sort_unstable();
    for guid in sorted.iter().rev() {
        store.save_entity(&pair(guid, 1, 1), None).await.unwrap();
    }
    for limit in [1, 5, 11, 12, 13] {
        let mut read: Vec<EntityPair> = Vec::new();
        loop {
            let after = read.last().map(|pair| pair.guid.clone());
            let page = store.entity_pairs(after.as_ref(), limit).await.unwrap();
            let is_last = u32::try_from(page.len()).unwrap() < limit;
            read.extend(page);
            if is_last {
                break;
            }
        }
        let guids: Vec<&str> = read.iter().map(|pair| pair.guid.as_str()).collect();
        assert_eq!(guids, sorted, "pages of {limit}");
    }
    // A page may begin behind a guid that no entity has.
    let page = store.entity_pairs(Some(&entity_guid("c")), 1).await.unwrap();
    assert_eq!(page[0].guid.as_str(), "z");
    for limit in [0, MAX_PAGE + 1] {
        let error = store.entity_pairs(None, limit).await.unwrap_err();
        assert!(matches!(error, ReadPageError::Limit(given) if given == limit), "{error}");
    }
}

/// Nobody clears by mistake.
pub async fn clearing_takes_the_tenants_name<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    store.save_entity(&pair("p", 1, 1), None).await.unwrap();
    let error = store.clear_entities(&Tenant::B.id()).await.unwrap_err();
    let ClearEntitiesError::Unconfirmed { tenant, given } = error else { panic!("{error}") };
    assert_eq!((tenant, given), (Tenant::A.id(), Tenant::B.id()));
    assert_eq!(store.entity_pairs(None, 10).await.unwrap().len(), 1);
}

/// Events, snapshots and neighbours stay.
pub async fn clearing_removes_entities_alone<S: Stores>(stores: &S) {
    let mut neighbour = stores.open(Tenant::B).await;
    neighbour.save_entity(&pair("p", 1, 1), None).await.unwrap();
    let mut store = stores.open(Tenant::A).await;
    save_individuals(&mut store, 0, 3).await;
    let snapshot = super::snapshots::snapshot("p", 1);
    store.save_snapshot(&snapshot).await.unwrap();
    for guid in ["p", "q"] {
        store.save_entity(&pair(guid, 1, 2), None).await.unwrap();
    }
    assert_eq!(store.clear_entities(&Tenant::A.id()).await.unwrap(), 2);
    assert_eq!(store.entity_pairs(None, 10).await.unwrap(), []);
    assert_eq!(store.clear_entities(&Tenant::A.id()).await.unwrap(), 0);
    assert_eq!(store.events_from(Position(0), 10).await.unwrap().len(), 3);
    assert_eq!(store.snapshot(&entity_guid("p"), None).await.unwrap(), Some(snapshot));
    assert_eq!(neighbour.entity_pairs(None, 10).await.unwrap().len(), 1);
    // What was cleared can be made anew.
    store.save_entity(&pair("p", 1, 1), None).await.unwrap();
}

/// A guid names another entity in another tenant.
pub async fn tenants_have_entities_of_their_own<S: Stores>(stores: &S) {
    let (mut a, mut b) = (stores.open(Tenant::A).await, stores.open(Tenant::B).await);
    a.save_entity(&pair("p", 1, 1), None).await.unwrap();
    assert_eq!(b.entity_pair(&entity_guid("p")).await.unwrap(), None);
    b.save_entity(&pair("p", 1, 5), None).await.unwrap();
    assert_eq!(a.entity_pair(&entity_guid("p")).await.unwrap(), Some(pair("p", 1, 1)));
    assert_eq!(b.entity_pairs(None, 10).await.unwrap(), [pair("p", 1, 5)]);
}
