//! What the present event has changed, read from the journal: entity by entity, as audit entries show it.
//!
//! The usual changes (fields, members that join or leave) cost what they move and no copy of the entity. An entity
//! that was replaced or deleted as a whole is taken back on a copy, to see what it was.

use std::collections::BTreeMap;

use veritrail_core::EntityGuid;

use super::journal::Undo;
use super::{Entities, Record};
use crate::applied::{Change, ChangeAction};
use crate::patch::Patch;

impl Entities {
    /// The changes since the last commit, sorted by guid.
    pub(crate) fn changes(&self) -> Vec<Change> {
        let mut by_entity: BTreeMap<&EntityGuid, Vec<&Undo>> = BTreeMap::new();
        for undo in &self.journal {
            if let Some(guid) = undo.entity() {
                by_entity.entry(guid).or_default().push(undo);
            }
        }
        let change = |(guid, undos): (_, Vec<&Undo>)| {
            let record = self.records.get(guid)?;
            let as_a_whole = undos
                .iter()
                .any(|undo| matches!(undo, Undo::Inserted(_) | Undo::Replaced(..) | Undo::Deleted { .. }));
            Some(if as_a_whole { whole(guid, record, &undos) } else { in_part(guid, record, &undos) })
        };
        by_entity.into_iter().filter_map(change).collect()
    }
}

fn whole(guid: &EntityGuid, record: &Record, undos: &[&Undo]) -> Change {
    let before = before(record, undos);
    let live_before = before.as_ref().and_then(Record::live);
    let action = match (&before, live_before, record.live()) {
        (_, _, None) => ChangeAction::Delete,
        (None, _, Some(_)) => ChangeAction::Create,
        (Some(_), None, Some(_)) => ChangeAction::Restore,
        (Some(_), Some(_), Some(_)) => ChangeAction::Update,
    };
    Change {
        entity: guid.clone(),
        action,
        version_before: before.as_ref().map(|record| record.version),
        version: record.version,
        patch: Patch::between(live_before, record.live()),
    }
}

/// The record before the event.
fn before(record: &Record, undos: &[&Undo]) -> Option<Record> {
    if let Some(Undo::Inserted(_)) = undos.first() {
        return None;
    }
    let mut before = record.clone();
    for undo in undos.iter().rev() {
        match undo {
            Undo::Replaced(_, old) => before = (**old).clone(),
            other => before.undo((*other).clone()),
        }
    }
    Some(before)
}

fn in_part(guid: &EntityGuid, record: &Record, undos: &[&Undo]) -> Change {
    let mut patch = Patch::default();
    let fields = undos.iter().find_map(|undo| match undo {
        Undo::Fields(_, fields) => Some(fields),
        _ => None,
    });
    if let Some(fields) = fields {
        patch.fields(fields, &record.doc);
    }
    let mut version_before = None;
    for undo in undos {
        match undo {
            Undo::Stamped { version, .. } => version_before = version_before.or(Some(*version)),
            Undo::Pushed { member, .. } => patch.joined(member),
            Undo::Taken(_, taken) => patch.left(taken.iter().map(|(index, member)| (*index, member))),
            _ => {}
        }
    }
    Change {
        entity: guid.clone(),
        action: ChangeAction::Update,
        version_before,
        version: record.version,
        patch,
    }
}
