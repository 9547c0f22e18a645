//! Batches: what is written, and how much a batch costs.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use veritrail_applier::{Entities, EntityState, LoadedEntity, Registry};
use veritrail_core::{EntityDoc, EntityPair};

use crate::support::{Store, event, guid};

/// A busy machine keeps it in a debug build with much to spare.
const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn a_row_is_written_once_and_only_if_it_changed() {
    let registry = Registry::data_collect();
    let mut store = Store::default();
    store.submit(
        &registry,
        &[event(0, "create-individual", "a", &json!({})), event(1, "create-group", "g", &json!({}))],
    );

    let (version, state) = store.rows[&guid("a")].clone();
    let row = LoadedEntity { guid: guid("a"), version, state };
    let mut entities = Entities::new([row]);
    let batch = [
        event(2, "update-individual", "a", &json!({"n": 1})),
        event(3, "update-individual", "missing", &json!({})),
        event(4, "update-individual", "a", &json!({"n": 2})),
        event(5, "create-individual", "b", &json!({})),
    ];
    let outcomes = registry.apply_batch(&batch, &mut entities);
    assert_eq!(outcomes.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true, true]);
    let writes = entities.into_writes();
    let shown: Vec<_> = writes
        .iter()
        .map(|write| (write.guid.as_str(), write.expected_version, write.version, write.last_event))
        .collect();
    assert_eq!(shown, [("a", Some(1), 3, 1), ("b", None, 1, 2)]);
}

#[test]
fn a_deleted_group_gives_up_its_members_and_its_tombstone_counts_on() {
    let registry = Registry::data_collect();
    let mut store = Store::default();
    let members = json!({"members": [{"guid": "a"}, {"guid": "b"}]});
    store.submit(&registry, &[event(0, "create-group", "g", &members)]);
    store.submit(&registry, &[event(1, "delete-entity", "g", &json!({}))]);
    let (version, state) = &store.rows[&guid("g")];
    assert_eq!(*version, 2);
    let EntityState::Deleted { pair, deleted_at } = state else { panic!("{state:?}") };
    assert_eq!((pair.modified.version, deleted_at.to_string().as_str()), (1, "2026-03-01T00:00:01.000Z"));
    assert_eq!(pair.modified.member_ids, Some(vec![guid("a"), guid("b")]));
    assert!(store.members.is_empty());

    store.submit(&registry, &[event(2, "create-group", "g", &json!({"members": [{"guid": "c"}]}))]);
    assert_eq!(store.rows[&guid("g")].0, 3);
}

#[test]
fn a_failed_replay_names_the_event() {
    let log = [event(0, "create-individual", "a", &json!({})), event(1, "update-group", "a", &json!({}))];
    let error = Registry::data_collect().replay(&log).unwrap_err();
    assert_eq!((error.index, error.event.as_str(), error.source.code()), (1, "event-1", "TYPE_MISMATCH"));
}

#[test]
fn a_prefix_is_the_state_then() {
    let registry = Registry::data_collect();
    let log: Vec<_> = (0..5)
        .map(|number| {
            let event_type = if number == 0 { "create-individual" } else { "update-individual" };
            event(number, event_type, "a", &json!({"n": number}))
        })
        .collect();
    for until in 1..=5 {
        let then = registry.replay(&log[..until]).unwrap();
        assert_eq!(then.get(&guid("a")).unwrap().data["n"], json!(until - 1));
    }
    let mut snapshot = registry.replay(&log[..3]).unwrap();
    registry.replay_onto(&log[3..], &mut snapshot).unwrap();
    assert_eq!(snapshot.into_writes(), registry.replay(&log).unwrap().into_writes());
}

#[test]
fn cycles_that_a_store_holds_end() {
    // g holds h and a, h holds k, k holds g: no applier makes this, an import may.
    let loaded = || {
        [("g", vec!["h", "a"]), ("h", vec!["k"]), ("k", vec!["g", "ghost"]), ("r", vec!["h"])]
            .map(|(group, members)| row(group, Some(members)))
            .into_iter()
            .chain([row("a", None)])
    };
    let registry = Registry::data_collect();
    let mut entities = Entities::new(loaded());
    registry.apply(&event(0, "delete-entity", "h", &json!({})), &mut entities).unwrap();
    let gone: Vec<_> = ["a", "g", "h", "k"].map(|text| entities.get(&guid(text)).is_none()).into();
    assert_eq!(gone, [true; 4]);
    assert_eq!(entities.get(&guid("r")).unwrap().member_ids, Some(vec![]));

    let mut entities = Entities::new(loaded());
    registry.apply(&event(0, "remove-member", "k", &json!({"memberId": "g"})), &mut entities).unwrap();
    assert!(entities.get(&guid("h")).is_none());
    let mut entities = Entities::new(loaded());
    let join = json!({"members": [{"guid": "g", "type": "group"}]});
    assert!(registry.apply(&event(0, "add-member", "r", &join), &mut entities).is_ok());
    let error = registry.apply(&event(1, "add-member", "h", &join), &mut entities).unwrap_err();
    assert_eq!(error.code(), "INVALID_GROUP");
    registry.apply(&event(2, "remove-member", "k", &json!({"memberId": "ghost"})), &mut entities).unwrap();
}

#[test]
fn a_group_of_ten_thousand_ends_quickly() {
    let registry = Registry::data_collect();
    let start = Instant::now();
    let members: Vec<Value> = (0..10_000).map(|n| json!({"guid": format!("m-{n:05}")})).collect();
    let mut entities = Entities::default();
    let village = json!({"members": members});
    registry.apply(&event(0, "create-group", "g", &village), &mut entities).unwrap();
    registry.apply(&event(1, "create-group", "other", &village), &mut entities).unwrap();
    for number in 2..1_002 {
        let one = json!({"members": [{"guid": format!("n-{number}")}]});
        registry.apply(&event(number, "add-member", "g", &one), &mut entities).unwrap();
    }
    for number in 0..100 {
        let one = json!({"memberId": format!("m-{number:05}")});
        registry.apply(&event(number, "remove-member", "g", &one), &mut entities).unwrap();
    }
    registry.apply(&event(0, "delete-entity", "g", &json!({})), &mut entities).unwrap();
    assert_eq!(entities.get(&guid("other")).unwrap().member_ids.as_ref().unwrap().len(), 100);
    assert_eq!(entities.into_writes().len(), 11_002);
    assert!(start.elapsed() < LIMIT, "{:?}", start.elapsed());
}

#[test]
fn a_batch_of_updates_is_linear() {
    let registry = Registry::data_collect();
    let start = Instant::now();
    let guids: Vec<_> = (0..1_000).map(|n| format!("e-{n}")).collect();
    let mut entities = Entities::new(guids.iter().map(|guid| row(guid, None)));
    for round in 0..10 {
        for guid in &guids {
            let update = event(round, "update-individual", guid, &json!({"n": round}));
            registry.apply(&update, &mut entities).unwrap();
        }
    }
    let writes = entities.into_writes();
    assert!(writes.len() == 1_000 && writes.iter().all(|write| write.version == 11));
    assert!(start.elapsed() < LIMIT, "{:?}", start.elapsed());
}

fn row(text: &str, members: Option<Vec<&str>>) -> LoadedEntity {
    let kind = if members.is_some() { "group" } else { "individual" };
    let mut doc = json!({"id": text, "guid": text, "type": kind, "version": 1, "data": {},
        "lastUpdated": "2026-02-01T00:00:00Z"});
    if let Some(members) = members {
        doc["memberIds"] = json!(members);
    }
    let doc = EntityDoc::from_jsonb_text(&doc.to_string()).unwrap();
    let pair = EntityPair { guid: guid(text), initial: doc.clone(), modified: doc };
    LoadedEntity { guid: guid(text), version: 1, state: EntityState::Live(pair) }
}
