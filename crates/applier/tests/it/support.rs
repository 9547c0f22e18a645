//! Events from short texts, states as JSON, and a store in memory that loads and writes as a real one does.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use veritrail_applier::{
    Applied, ApplyError, Entities, EntityState, EntityWrite, LoadedEntity, Reads, Registry,
};
use veritrail_core::{EntityDoc, EntityGuid, EntityPair, FormSubmission};

/// Event number `number`, which happened in second `number` of the first of March.
pub(crate) fn event(number: usize, event_type: &str, entity: &str, data: &Value) -> FormSubmission {
    event_at_level(number, number, event_type, entity, data, 0)
}

/// Event number `number`, which happened in second `second`.
pub(crate) fn event_at_level(
    number: usize,
    second: usize,
    event_type: &str,
    entity: &str,
    data: &Value,
    sync_level: u8,
) -> FormSubmission {
    let (minutes, seconds) = (second / 60, second % 60);
    let text = json!({
        "guid": format!("event-{number}"), "entityGuid": entity, "type": event_type, "userId": "ana",
        "timestamp": format!("2026-03-01T{:02}:{:02}:{seconds:02}Z", minutes / 60, minutes % 60),
        "data": data, "syncLevel": sync_level,
    });
    FormSubmission::parse(&text.to_string()).unwrap()
}

pub(crate) fn guid(text: &str) -> EntityGuid {
    EntityGuid::new(text).unwrap()
}

/// What an observer can see of some entities: state, last synced state, deletion.
pub(crate) fn seen(entities: &Entities, guids: &[EntityGuid]) -> Vec<Value> {
    let one = |guid| {
        json!([entities.get(guid), entities.initial(guid), entities.deleted_at(guid), entities.applied()])
    };
    guids.iter().map(one).collect()
}

/// Rows and memberships, as `entities` and `entity_members` hold them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Store {
    pub(crate) rows: BTreeMap<EntityGuid, (u32, EntityState)>,
    pub(crate) members: BTreeSet<(EntityGuid, EntityGuid)>,
}

impl Store {
    /// Loads what a batch reads, applies the batch and writes what comes out.
    pub(crate) fn submit(
        &mut self,
        registry: &Registry,
        batch: &[FormSubmission],
    ) -> Vec<Result<Applied, ApplyError>> {
        let mut entities = Entities::new(self.load(registry, batch));
        let outcomes = registry.apply_batch(batch, &mut entities);
        self.write(entities.into_writes());
        outcomes
    }

    fn load(&self, registry: &Registry, batch: &[FormSubmission]) -> Vec<LoadedEntity> {
        let reads: Vec<Reads> = batch.iter().filter_map(|event| registry.reads(event).ok()).collect();
        let related = reads.iter().any(|reads| reads.related);
        let mut wanted: BTreeSet<EntityGuid> = reads.into_iter().flat_map(|reads| reads.entities).collect();
        if related {
            let mut waiting: Vec<EntityGuid> = wanted.iter().cloned().collect();
            while let Some(group) = waiting.pop() {
                let members = self.members.iter().filter(|(of, _)| *of == group).map(|(_, member)| member);
                waiting.extend(members.filter(|member| wanted.insert((*member).clone())).cloned());
            }
            let holders = self.members.iter().filter(|(_, member)| wanted.contains(member));
            let holders: Vec<_> = holders.map(|(group, _)| group.clone()).collect();
            wanted.extend(holders);
        }
        let rows = wanted.into_iter().filter_map(|guid| {
            let (version, state) = self.rows.get(&guid)?;
            Some(LoadedEntity { guid, version: *version, state: through_jsonb(state) })
        });
        rows.collect()
    }

    fn write(&mut self, writes: Vec<EntityWrite>) {
        for write in writes {
            let stored = self.rows.get(&write.guid).map(|(version, _)| *version);
            assert_eq!(stored, write.expected_version, "of {}", write.guid);
            for member in write.members_added {
                assert!(self.members.insert((write.guid.clone(), member)));
            }
            for member in write.members_removed {
                assert!(self.members.remove(&(write.guid.clone(), member)));
            }
            self.rows.insert(write.guid, (write.version, write.state));
        }
        assert_eq!(self.members, self.members_of_docs());
    }

    fn members_of_docs(&self) -> BTreeSet<(EntityGuid, EntityGuid)> {
        let mut members = BTreeSet::new();
        for (guid, (_, state)) in &self.rows {
            let EntityState::Live(pair) = state else { continue };
            let ids = pair.modified.member_ids.iter().flatten();
            members.extend(ids.map(|member| (guid.clone(), member.clone())));
        }
        members
    }
}

pub(crate) fn through_jsonb(state: &EntityState) -> EntityState {
    let read = |doc: &EntityDoc| EntityDoc::from_jsonb_text(&serde_json::to_string(doc).unwrap()).unwrap();
    let pair = |pair: &EntityPair| EntityPair {
        guid: pair.guid.clone(),
        initial: read(&pair.initial),
        modified: read(&pair.modified),
    };
    match state {
        EntityState::Live(live) => EntityState::Live(pair(live)),
        EntityState::Deleted { pair: last, deleted_at } => {
            EntityState::Deleted { pair: pair(last), deleted_at: *deleted_at }
        }
    }
}
