//! Conflicts: a synced event meets an entity with local changes that were never synced.
//!
//! That is so where an event with a sync level above local is about an entity whose last synced state (`initial`) and
//! present state (`modified`) have different versions. A policy decides, from the event and both states alone, so that a
//! replay with the same policy decides the same. How a decision is carried out is in `registry/apply.rs`.

use serde_json::{Map, Value, json};
use veritrail_core::{EntityDoc, EntityGuid, FormSubmission, Timestamp};

use crate::applied::{AuditNote, small};
use crate::entities::Fields;

/// Decides conflicts. Deterministic, as appliers are.
pub trait ConflictPolicy: Send + Sync {
    /// The policy's name in audit entries, such as `last-write-wins`.
    fn name(&self) -> &str;

    /// Decides one conflict.
    fn decide(&self, conflict: &Conflict<'_>) -> Verdict;
}

/// A synced event and the entity that it meets.
#[derive(Clone, Copy, Debug)]
pub struct Conflict<'a> {
    /// The event.
    pub event: &'a FormSubmission,
    /// The entity as it was last synced.
    pub initial: &'a EntityDoc,
    /// The entity as it is now.
    pub modified: &'a EntityDoc,
}

/// One of the two that meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The entity with its local changes.
    Local,
    /// The synced event.
    Remote,
}

/// What becomes of a conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The event is recorded and the entity stays as it is, `initial` too.
    KeepLocal,
    /// The event is applied to the last synced state; what was changed locally since is gone from `data`, `name` and
    /// `externalId`. `initial` is the result.
    TakeRemote,
    /// The event is applied to the last synced state, which gives the next one; what was changed locally since stays,
    /// field by field. Where both have changed one field, the side named here has it.
    Merge {
        /// Whose value a field has that both have changed.
        clashes: Side,
    },
    /// The event does not apply.
    Reject,
}

/// The later of the entity's `lastUpdated` and the event's timestamp wins; at a tie the entity stays as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct LastWriteWins;

/// Both sides' changes stay, field by field; of a field that both have changed the later value, at a tie the local one.
///
/// A field is a member of the top level of `data`, the name, or the external id: what an event replaces as a whole.
#[derive(Clone, Copy, Debug, Default)]
pub struct FieldMerge;

/// The event is rejected: an operator decides what becomes of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct RejectConflicts;

/// A decision, as the audit trail keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The entity.
    pub entity: EntityGuid,
    /// The policy's name.
    pub policy: String,
    /// What it has decided.
    pub verdict: Verdict,
    /// The version of the last synced state.
    pub initial_version: u32,
    /// The version of the present state.
    pub modified_version: u32,
    /// When the entity was last changed.
    pub last_updated: Timestamp,
    /// When the event happened.
    pub happened: Timestamp,
    /// Fields that both sides have changed to different values, where fields were merged: `data.<member>`, `name`,
    /// `externalId`; sorted.
    pub clashes: Vec<String>,
}

impl Conflict<'_> {
    /// The later side; the local one at a tie.
    #[must_use]
    pub fn later(&self) -> Side {
        match self.event.timestamp > self.modified.last_updated {
            true => Side::Remote,
            false => Side::Local,
        }
    }
}

impl ConflictPolicy for LastWriteWins {
    fn name(&self) -> &str {
        "last-write-wins"
    }

    fn decide(&self, conflict: &Conflict<'_>) -> Verdict {
        match conflict.later() {
            Side::Local => Verdict::KeepLocal,
            Side::Remote => Verdict::TakeRemote,
        }
    }
}

impl ConflictPolicy for FieldMerge {
    fn name(&self) -> &str {
        "field-merge"
    }

    fn decide(&self, conflict: &Conflict<'_>) -> Verdict {
        Verdict::Merge { clashes: conflict.later() }
    }
}

impl ConflictPolicy for RejectConflicts {
    fn name(&self) -> &str {
        "reject"
    }

    fn decide(&self, _conflict: &Conflict<'_>) -> Verdict {
        Verdict::Reject
    }
}

impl Verdict {
    /// The verdict's name in audit entries.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::KeepLocal => "keep-local",
            Self::TakeRemote => "take-remote",
            Self::Merge { .. } => "merge",
            Self::Reject => "reject",
        }
    }
}

impl Decision {
    pub(crate) fn new(conflict: &Conflict<'_>, policy: &dyn ConflictPolicy) -> Self {
        Self {
            entity: conflict.modified.guid.clone(),
            policy: policy.name().to_owned(),
            verdict: policy.decide(conflict),
            initial_version: conflict.initial.version,
            modified_version: conflict.modified.version,
            last_updated: conflict.modified.last_updated,
            happened: conflict.event.timestamp,
            clashes: Vec::new(),
        }
    }

    /// What the audit entry of this decision says, also of one that has rejected its event.
    #[must_use]
    pub fn audit_note(&self) -> AuditNote {
        let mut changes = json!({
            "policy": cut(&self.policy),
            "verdict": self.verdict.as_str(),
            "initialVersion": self.initial_version,
            "modifiedVersion": self.modified_version,
            "lastUpdated": self.last_updated,
            "happened": self.happened,
        });
        if let Verdict::Merge { .. } = self.verdict {
            let named: Vec<_> = self.clashes.iter().take(MAX_NOTE_CLASHES).map(|field| cut(field)).collect();
            changes["clashes"] = json!(named);
            changes["more"] = json!(self.clashes.len() - named.len());
        }
        AuditNote { entity: self.entity.clone(), action: "conflict.decide", changes: small(&changes) }
    }
}

/// Most fields that a decision's audit note names.
const MAX_NOTE_CLASHES: usize = 1_000;
/// Most characters of a name within it.
const MAX_NOTE_NAME: usize = 80;

/// A text for a note: cut, and without the one character that PostgreSQL cannot store.
fn cut(text: &str) -> String {
    text.chars().filter(|char| *char != '\0').take(MAX_NOTE_NAME).collect()
}

/// Merges two sides' changes of one base; names the fields that both have changed to different values.
pub(crate) fn merge(base: &Fields, local: &Fields, remote: &Fields, winner: Side) -> (Fields, Vec<String>) {
    let mut clashes = Vec::new();
    let mut data = Map::new();
    let mut names: Vec<_> = local.data.keys().chain(remote.data.keys()).chain(base.data.keys()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let sides = [base.data.get(name), local.data.get(name), remote.data.get(name)];
        let (value, clash): (Option<&Value>, _) = pick(sides, winner);
        if let Some(value) = value {
            data.insert(name.clone(), value.clone());
        }
        if clash {
            clashes.push(format!("data.{name}"));
        }
    }
    let mut text = |field: &str, sides: [Option<&String>; 3]| {
        let (value, clash) = pick(sides, winner);
        if clash {
            clashes.push(field.to_owned());
        }
        value.cloned()
    };
    let ids = [&base.external_id, &local.external_id, &remote.external_id].map(Option::as_ref);
    let external_id = text("externalId", ids);
    let name = text("name", [&base.name, &local.name, &remote.name].map(Option::as_ref));
    (Fields { data, name, external_id }, clashes)
}

/// The value of one field, and whether both sides have changed it differently.
fn pick<T: PartialEq>([base, local, remote]: [Option<T>; 3], winner: Side) -> (Option<T>, bool) {
    if local == remote || remote == base {
        return (local, false);
    }
    if local == base {
        return (remote, false);
    }
    match winner {
        Side::Local => (local, true),
        Side::Remote => (remote, true),
    }
}
