//! One state, whichever way: events one by one, in batches, by replay, by replay of what touches an entity.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;
use serde_json::{Value, json};
use veritrail_applier::{Applied, ApplyError, Entities, EntityState, EventApplier, Reads, Registry, View};
use veritrail_core::{EntityGuid, FormSubmission};

use crate::support::{Store, event_at_level};

const INDIVIDUALS: [&str; 4] = ["a", "b", "c", "d"];
const GROUPS: [&str; 4] = ["g", "h", "k", "l"];
/// Sequences with more events than this find nothing that shorter ones do not.
const MAX_EVENTS: usize = 40;

type Step = (&'static str, &'static str, Value, u8);

fn any_entity() -> impl Strategy<Value = &'static str> {
    select([INDIVIDUALS, GROUPS].concat())
}

fn member() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        3 => select(INDIVIDUALS.to_vec()).prop_map(|guid| json!({"guid": guid, "name": "M"})),
        3 => select(GROUPS.to_vec()).prop_map(|guid| json!({"guid": guid, "type": "group"})),
        1 => any_entity().prop_map(|guid| json!({"guid": guid})),
    ];
    leaf.prop_recursive(2, 4, 2, |inner| {
        (select(GROUPS.to_vec()), vec(inner, 0..2))
            .prop_map(|(guid, members)| json!({"guid": guid, "type": "group", "members": members}))
    })
}

fn step() -> impl Strategy<Value = Step> {
    let level = || select(vec![0_u8, 0, 1, 2]);
    let save = (
        select(vec!["create-individual", "update-individual"]),
        prop_oneof![8 => select(INDIVIDUALS.to_vec()), 1 => any_entity()],
        0..9,
        level(),
    )
        .prop_map(|(kind, entity, n, level)| (kind, entity, json!({"n": n, "name": format!("N{n}")}), level));
    let save_group = (
        select(vec!["create-group", "update-group", "create-group"]),
        prop_oneof![8 => select(GROUPS.to_vec()), 1 => any_entity()],
        vec(member(), 0..3),
        level(),
    )
        .prop_map(|(kind, entity, members, level)| (kind, entity, json!({"members": members}), level));
    let add = (select(GROUPS.to_vec()), vec(member(), 0..3), level())
        .prop_map(|(entity, members, level)| ("add-member", entity, json!({"members": members}), level));
    let remove = (select(GROUPS.to_vec()), any_entity(), level())
        .prop_map(|(entity, member, level)| ("remove-member", entity, json!({"memberId": member}), level));
    let delete =
        (any_entity(), level()).prop_map(|(entity, level)| ("delete-entity", entity, json!({}), level));
    let resolve = (any_entity(), any_entity(), any::<bool>()).prop_map(|(entity, other, delete)| {
        let pairs = json!([{"entityGuid": entity, "duplicateGuid": other}]);
        ("resolve-duplicate", entity, json!({"duplicates": pairs, "shouldDelete": delete}), 0)
    });
    let rewrite = (any_entity(), vec(any_entity(), 0..3))
        .prop_map(|(entity, members)| ("rewrite", entity, json!({"memberIds": members}), 0));
    prop_oneof![4 => save, 4 => save_group, 4 => add, 3 => remove, 1 => delete, 1 => resolve, 1 => rewrite]
}

/// Sets a group's members as it likes, cycles and ghosts among them.
struct Rewrite;

impl EventApplier for Rewrite {
    fn event_type(&self) -> &str {
        "rewrite"
    }

    fn reads(&self, event: &FormSubmission) -> Reads {
        Reads { entities: new_members(event), related: false }
    }

    fn apply(&self, event: &FormSubmission, state: &mut View<'_>) -> Result<(), ApplyError> {
        let present = state.get(&event.entity_guid)?.cloned();
        let mut doc = present.ok_or_else(|| ApplyError::not_found(&event.entity_guid))?;
        doc.member_ids = Some(new_members(event));
        state.put(doc)
    }
}

fn new_members(event: &FormSubmission) -> Vec<EntityGuid> {
    serde_json::from_value(event.data.to_value().unwrap()["memberIds"].clone()).unwrap()
}

fn registry() -> Registry {
    let mut registry = Registry::data_collect();
    registry.register(Box::new(Rewrite)).unwrap();
    registry
}

fn events(steps: Vec<Step>) -> Vec<FormSubmission> {
    let event = |(number, (kind, entity, data, level)): (usize, Step)| {
        event_at_level(number, kind, entity, &data, level)
    };
    steps.into_iter().enumerate().map(event).collect()
}

/// The states and versions that a replay leads to, as a store's rows.
fn rows(entities: Entities) -> BTreeMap<EntityGuid, (u32, EntityState)> {
    let writes = entities.into_writes();
    writes.into_iter().map(|write| (write.guid, (write.version, write.state))).collect()
}

/// The events that the state of `entity` depends on, and no others that nothing leads to.
fn cluster(entity: &EntityGuid, log: &[(FormSubmission, Applied)]) -> Vec<FormSubmission> {
    let mut reached = BTreeSet::from([entity.clone()]);
    loop {
        let before = reached.len();
        for (event, applied) in log {
            if reached.contains(&event.entity_guid)
                || applied.touched.iter().any(|guid| reached.contains(guid))
            {
                reached.insert(event.entity_guid.clone());
                reached.extend(applied.touched.iter().cloned());
            }
        }
        if reached.len() == before {
            break;
        }
    }
    log.iter().map(|(event, _)| event).filter(|event| reached.contains(&event.entity_guid)).cloned().collect()
}

/// The same cases in every run; `PROPTEST_CASES` asks for more of them.
fn config() -> ProptestConfig {
    ProptestConfig { rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_way_leads_to_one_state(
        steps in vec(step(), 1..MAX_EVENTS),
        sizes in vec(1_usize..12, MAX_EVENTS),
    ) {
        let registry = registry();
        let events = events(steps);

        let mut singly = Store::default();
        let outcomes: Vec<_> =
            events.chunks(1).flat_map(|batch| singly.submit(&registry, batch)).collect();

        let mut batched = Store::default();
        let mut batched_outcomes = Vec::new();
        let mut rest = events.as_slice();
        for size in sizes {
            let (batch, after) = rest.split_at(size.min(rest.len()));
            batched_outcomes.extend(batched.submit(&registry, batch));
            rest = after;
        }
        prop_assert_eq!(&batched_outcomes, &outcomes);
        prop_assert_eq!(&batched, &singly);

        // Rejected events are as if they had never been: a log holds the others.
        let log: Vec<_> = events
            .into_iter()
            .zip(outcomes)
            .filter_map(|(event, outcome)| Some((event, outcome.ok()?)))
            .collect();
        let replayed = registry.replay(log.iter().map(|(event, _)| event)).unwrap();
        prop_assert_eq!(&rows(replayed), &singly.rows);

        for (guid, row) in &singly.rows {
            let part = rows(registry.replay(cluster(guid, &log)).unwrap());
            prop_assert_eq!(part.get(guid), Some(row));
        }
    }

    #[test]
    fn built_in_appliers_leave_a_sound_state(steps in vec(step(), 1..MAX_EVENTS)) {
        let registry = Registry::data_collect();
        let mut entities = Entities::default();
        for event in events(steps) {
            let _ = registry.apply(&event, &mut entities);
            for guid in entities.live() {
                let mut seen = BTreeSet::new();
                let mut waiting: Vec<_> = entities.get(guid).unwrap().member_ids.iter().flatten().collect();
                while let Some(member) = waiting.pop() {
                    prop_assert_ne!(member, guid, "a group contains itself");
                    let doc = entities.get(member);
                    prop_assert!(doc.is_some(), "{} holds {}, which is not there", guid, member);
                    if seen.insert(member) {
                        waiting.extend(doc.unwrap().member_ids.iter().flatten());
                    }
                }
            }
        }
    }
}
