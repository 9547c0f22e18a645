//! Replay beyond equality (`equivalence`): erasures, snapshots, differences, earlier times, clusters, failures.

use std::num::NonZeroU64;

use serde_json::{Value, json};
use veritrail_applier::{
    Difference, Entities, EntityState, ErasedEvent, LoadedEntity, LogItem, Moment, Registry, Replay,
    Snapshot, SnapshotRule, Which, compare,
};
use veritrail_core::{FormSubmission, Timestamp};

use crate::support::{event, event_at_level, guid};

fn second(second: usize) -> Timestamp {
    event(second, "x", "x", &json!({})).timestamp
}

fn erased(event: &FormSubmission, touched: &[&str]) -> ErasedEvent {
    ErasedEvent {
        guid: event.guid.clone(),
        entity: event.entity_guid.clone(),
        touched: touched.iter().copied().map(guid).collect(),
        timestamp: event.timestamp,
    }
}

/// A household: c lives in g, and g in the village k.
fn household() -> Vec<FormSubmission> {
    vec![
        event(0, "create-group", "g", &json!({"name": "Doe", "members": [{"guid": "c", "name": "Cy"}]})),
        event(1, "create-group", "k", &json!({"members": [{"guid": "g", "type": "group"}]})),
        event(2, "update-group", "g", &json!({"region": "North"})),
        event(3, "update-individual", "c", &json!({"age": 7})),
        event(4, "create-individual", "d", &json!({"name": "Di"})),
        event(5, "add-member", "g", &json!({"members": [{"guid": "d"}]})),
    ]
}

#[test]
fn an_erased_event_leaves_a_tombstone_without_content() {
    let registry = Registry::data_collect();
    let log = household();
    let gone = erased(&log[2], &[]);
    let mut items: Vec<_> = log.iter().map(LogItem::Event).collect();
    items[2] = LogItem::Erased(&gone);
    let mut replay = Replay::new(&registry);
    items.iter().try_for_each(|item| replay.step(*item)).unwrap();

    let row = replay.entities().row(&guid("g")).unwrap();
    let EntityState::Deleted { pair, deleted_at } = &row.state else { panic!("{row:?}") };
    assert_eq!((row.version, *deleted_at), (2, second(2)));
    assert!(pair.modified.data.is_empty() && pair.modified.name.is_none() && pair.initial == pair.modified);
    assert_eq!(pair.modified.member_ids, Some(vec![]));
    // Others go on: who was in it exists, who held it has lost it, what rests on it is passed over.
    assert_eq!(replay.entities().get(&guid("c")).unwrap().data["age"], json!(7));
    assert_eq!(replay.entities().get(&guid("k")).unwrap().member_ids, Some(vec![]));
    let parallel = Replay::new(&registry).finish_in_parallel(&items).unwrap();
    let replayed = replay.finish();
    assert_eq!(replayed.passed_over, [log[5].guid.clone()]);
    assert_eq!((parallel.next, &parallel.passed_over), (replayed.next, &replayed.passed_over));
    let rows = replayed.entities.rows();
    assert_eq!(parallel.entities.rows(), rows);
    assert_eq!(parallel.entities.into_writes(), replayed.entities.into_writes());

    // A snapshot knows of the erasure: what comes after it is passed over, too.
    for middle in 0..=items.len() {
        let mut replay = Replay::new(&registry);
        items[..middle].iter().try_for_each(|item| replay.step(*item)).unwrap();
        let mut resumed = Replay::resume(&registry, replay.snapshot());
        items[middle..].iter().try_for_each(|item| resumed.step(*item)).unwrap();
        assert_eq!(resumed.entities().rows(), rows);
    }
}

#[test]
fn what_an_erased_event_alone_has_made_comes_back_from_kept_rows() {
    let registry = Registry::data_collect();
    let log = household();
    let live = registry.replay(&log).unwrap();
    let kept = [live.row(&guid("c")).unwrap()];
    // The creation of g, which also made c, is erased after all six events; c's row was kept then.
    let gone = erased(&log[0], &["c"]);
    let later = event(6, "update-individual", "c", &json!({"age": 8}));
    let mut items: Vec<_> = log.iter().map(LogItem::Event).collect();
    items[0] = LogItem::Erased(&gone);
    items.extend([LogItem::Kept(&kept), LogItem::Event(&later)]);
    let mut replay = Replay::new(&registry);
    items[..6].iter().try_for_each(|item| replay.step(*item)).unwrap();
    assert!(replay.entities().get(&guid("c")).is_none());
    items[6..].iter().try_for_each(|item| replay.step(*item)).unwrap();
    let doc = replay.entities().get(&guid("c")).unwrap();
    assert_eq!((doc.version, doc.name.as_deref(), &doc.data["age"]), (3, Some("Cy"), &json!(8)));
    assert_eq!(replay.next(), 7, "kept rows are no position");
    let passed: Vec<_> = replay.finish().passed_over.iter().map(ToString::to_string).collect();
    // k was to hold g, g was to hold d.
    assert_eq!(passed, ["event-1", "event-2", "event-3", "event-5"]);

    let again = Replay::new(&registry).finish_in_parallel(&items).unwrap();
    assert_eq!(again.entities.get(&guid("c")).unwrap().version, 3);
}

#[test]
fn an_erasure_explains_no_other_failure() {
    let registry = Registry::data_collect();
    let log = household();
    let gone = erased(&log[4], &[]);
    let stray = event(5, "update-individual", "nobody", &json!({}));
    let items =
        [LogItem::Event(&log[0]), LogItem::Erased(&gone), LogItem::Event(&stray), LogItem::Event(&stray)];
    let mut replay = Replay::new(&registry);
    let error = items.iter().try_for_each(|item| replay.step(*item)).unwrap_err();
    assert_eq!((error.index, error.source.code()), (2, "ENTITY_NOT_FOUND"));
    let parallel = Replay::new(&registry).finish_in_parallel(&items).unwrap_err();
    assert_eq!(parallel, error);
    // A new life ends what the erasure explains.
    let reborn = event(6, "create-individual", "d", &json!({"name": "Dora"}));
    let mut replay = Replay::new(&registry);
    replay.step(LogItem::Erased(&gone)).unwrap();
    replay.step(LogItem::Event(&reborn)).unwrap();
    let wrong = event(7, "update-group", "d", &json!({}));
    assert_eq!(replay.step(LogItem::Event(&wrong)).unwrap_err().source.code(), "TYPE_MISMATCH");
    assert_eq!(replay.entities().get(&guid("d")).unwrap().version, 2);
}

#[test]
fn kept_rows_carry_their_memberships() {
    let registry = Registry::data_collect();
    let log = household();
    let live = registry.replay(&log).unwrap();
    let kept: Vec<_> = live.rows();
    let mut replay = Replay::new(&registry);
    replay
        .step(LogItem::Event(&event(0, "create-group", "g", &json!({"members": [{"guid": "z"}]}))))
        .unwrap();
    replay.step(LogItem::Kept(&kept)).unwrap();
    replay.step(LogItem::Event(&event(6, "delete-entity", "d", &json!({})))).unwrap();
    let entities = replay.finish().entities;
    assert_eq!(entities.get(&guid("g")).unwrap().member_ids, Some(vec![guid("c")]));
    let writes = entities.into_writes();
    let group = writes.iter().find(|write| write.guid == guid("g")).unwrap();
    assert_eq!(
        (group.expected_version, &group.members_added, &group.members_removed),
        (None, &vec![guid("c")], &vec![])
    );
}

#[test]
fn a_snapshot_that_is_not_what_the_events_say_is_found() {
    let registry = Registry::data_collect();
    let log = household();
    let items: Vec<_> = log.iter().map(LogItem::Event).collect();
    let mut replay = Replay::new(&registry);
    items[..4].iter().try_for_each(|item| replay.step(*item)).unwrap();
    let mut snapshot = replay.snapshot();
    assert_eq!(snapshot.clone().verify(&registry, items[..4].iter().copied()).unwrap(), []);
    assert_eq!(snapshot.clone().verify(&registry, items[..5].iter().copied()).unwrap().len(), 1);

    let EntityState::Live(pair) = &mut snapshot.rows[0].state else { panic!("c lives") };
    pair.modified.data.insert("age".into(), json!(17));
    let found = snapshot.verify(&registry, items[..4].iter().copied()).unwrap();
    let [Difference::State { entity, which: Which::Modified, patch, live, replayed }] = found.as_slice()
    else {
        panic!("{found:?}")
    };
    assert_eq!((entity, live), (&guid("c"), replayed));
    let expected = json!([
        {"op": "test", "path": "/data/age", "value": 17}, {"op": "replace", "path": "/data/age", "value": 7}]);
    assert_eq!(json!(patch), expected);
}

#[test]
fn every_difference_has_a_name() {
    let registry = Registry::data_collect();
    let log = household();
    let replayed = registry.replay(&log).unwrap();
    let mut live = replayed.rows();
    assert_eq!(compare(live.clone(), &replayed), []);
    live.reverse();
    assert_eq!(compare(live.clone(), &replayed), [], "the order is no difference");

    // By guid: k, g, d, c.
    live[0].version = 9;
    let EntityState::Live(pair) = live[1].state.clone() else { panic!("g lives") };
    live[1].state = EntityState::Deleted { pair, deleted_at: second(9) };
    let EntityState::Live(pair) = &mut live[2].state else { panic!("d lives") };
    pair.initial.last_updated = second(9);
    let stranger = LoadedEntity { guid: guid("zoe"), ..live[2].clone() };
    live[3] = stranger;
    let found = compare(live, &replayed);
    let names: Vec<_> = found
        .iter()
        .map(|difference| match difference {
            Difference::Missing { entity } => format!("{entity} missing"),
            Difference::Unexplained { entity } => format!("{entity} unexplained"),
            Difference::Version { entity, live, replayed } => format!("{entity} {live} {replayed}"),
            Difference::Deletion { entity, live, replayed } => format!("{entity} {live:?} {replayed:?}"),
            Difference::State { entity, which, patch, .. } => format!("{entity} {which:?} {}", json!(patch)),
        })
        .collect();
    let deletion = format!("g {:?} None", Some(second(9)));
    let expected = ["c missing", "d Initial []", &deletion, "k 9 1", "zoe unexplained"];
    assert_eq!(names, expected);
}

#[test]
fn a_moment_chooses_by_what_had_happened_or_by_what_was_known() {
    let registry = Registry::data_collect();
    let update =
        |number, second, n: u8| event_at_level(number, second, "update-individual", "a", &json!({"n": n}), 1);
    let created = event_at_level(0, 10, "create-individual", "a", &json!({"n": 0}), 1);
    let early = event_at_level(1, 5, "update-individual", "a", &json!({"early": true}), 1);
    // Event 3 happened before event 2 and arrived after it.
    let log = [
        (created, second(100)),
        (early, second(101)),
        (update(2, 30, 2), second(102)),
        (update(3, 20, 3), second(103)),
    ];
    let seen = |moment| {
        let past = registry.at(moment, log.iter().map(|(event, recorded_at)| (event, *recorded_at)));
        let n = past.entities.get(&guid("a")).map(|doc| doc.data["n"].clone());
        (n.unwrap_or(Value::Null), past.replayed, past.left_out.len())
    };
    assert_eq!(seen(Moment::Happened(second(9))), (json!(null), 0, 1));
    assert_eq!(seen(Moment::Happened(second(10))), (json!(0), 2, 0));
    assert_eq!(seen(Moment::Happened(second(20))), (json!(3), 3, 0));
    assert_eq!(seen(Moment::Happened(second(30))), (json!(3), 4, 0), "in the order of the log");
    assert_eq!(seen(Moment::Recorded(second(99))), (json!(null), 0, 0));
    assert_eq!(seen(Moment::Recorded(second(102))), (json!(2), 3, 0));
    assert_eq!(seen(Moment::Recorded(second(103))), (json!(3), 4, 0));
    let past = registry.at(Moment::Happened(second(9)), log.iter().map(|(event, at)| (event, *at)));
    assert_eq!((past.left_out[0].0.as_str(), past.left_out[0].1.code()), ("event-1", "ENTITY_NOT_FOUND"));
}

#[test]
fn clusters_have_no_entity_in_common() {
    let registry = Registry::data_collect();
    let log = [
        event(0, "create-individual", "a", &json!({})),
        event(1, "create-group", "g", &json!({"members": [{"guid": "b"}]})),
        event(2, "update-individual", "a", &json!({})),
        event(3, "no-such-type", "z", &json!({})),
        event(4, "update-individual", "b", &json!({})),
        event(5, "create-group", "h", &json!({})),
        event(6, "add-member", "h", &json!({"members": [{"guid": "g", "type": "group"}]})),
    ];
    assert_eq!(registry.clusters(&log), [vec![0, 2], vec![1, 4, 5, 6], vec![3]]);
    assert_eq!(registry.clusters::<FormSubmission>(&[]), Vec::<Vec<usize>>::new());
}

#[test]
fn the_first_failure_is_the_same_in_parallel() {
    let registry = Registry::data_collect();
    let mut log = household();
    log.insert(4, event(9, "update-individual", "y", &json!({})));
    log.insert(2, event(8, "update-individual", "x", &json!({})));
    let items: Vec<_> = log.iter().map(LogItem::Event).collect();
    let error = Replay::new(&registry).finish_in_parallel(&items).unwrap_err();
    assert_eq!((error.index, error.event.as_str()), (2, "event-8"));
    assert_eq!(registry.replay(&log).unwrap_err(), error);
}

#[test]
fn a_chain_of_ten_thousand_is_one_cluster_in_bounded_time() {
    let registry = Registry::data_collect();
    let one = |n: usize| {
        let members = json!({"members": [{"guid": format!("g-{}", n + 1), "type": "group"}]});
        event(n, "create-group", &format!("g-{n}"), &members)
    };
    let log: Vec<_> = (0..10_000).map(one).collect();
    let clusters = registry.clusters(&log);
    assert_eq!(clusters.len(), 1);
    assert_eq!(clusters[0].len(), 10_000);
}

#[test]
fn snapshots_are_due_and_thinned_by_a_rule() {
    let rule = SnapshotRule { every: NonZeroU64::new(100).unwrap(), newest: 4 };
    let due: Vec<_> = (0..=300).filter(|events| rule.is_due(*events)).collect();
    assert_eq!(due, [100, 200, 300]);
    assert_eq!(rule.thin(&[]), Vec::<u64>::new());
    assert_eq!(rule.thin(&[400, 100, 300, 200]), Vec::<u64>::new());

    let mut kept: Vec<u64> = Vec::new();
    for taken in (100..=200_000).step_by(100) {
        kept.push(taken);
        let gone = rule.thin(&kept);
        kept.retain(|events| !gone.contains(events));
        assert!(kept.len() <= 4 + 64);
        assert_eq!(rule.thin(&kept), Vec::<u64>::new(), "thinned once is thinned");
        assert!(kept.len() < 4 || kept[kept.len() - 4..] == [taken - 300, taken - 200, taken - 100, taken]);
        // Whatever age a state has, the nearest snapshot before it is not far, measured by that age.
        for pair in [&[0], kept.as_slice()].concat().windows(2) {
            let age = taken - pair[1];
            assert!(pair[1] - pair[0] <= 4 * (age + 100), "{taken}: {pair:?}");
        }
    }
}

#[test]
fn a_snapshot_of_nothing_is_the_beginning() {
    let registry = Registry::data_collect();
    let replay = Replay::resume(&registry, Snapshot::default());
    assert_eq!((replay.next(), replay.entities().rows()), (0, Entities::default().rows()));
}
