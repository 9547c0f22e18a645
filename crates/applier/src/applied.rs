//! What an applied event has done: the outcome that a store commits, and the audit entries that it is made into.
//!
//! How changes are found is in `entities/difference.rs`. Guids, stamps, salts and signatures of audit entries are
//! the store's; which authenticated subject has submitted the event, too.

use serde_json::{Value, json};
use veritrail_core::{
    EntityGuid, EventGuid, EventType, FormSubmission, Json, MAX_DATA_BYTES, Timestamp, UserId,
};

use crate::conflict::Decision;
use crate::patch::Patch;

/// Most bytes of what one audit note says (canonical JSON): an audit entry's `changes` hold no more.
pub const MAX_NOTE_BYTES: usize = MAX_DATA_BYTES;
/// Most places that a note names whose patch is too large for it.
pub const MAX_NOTE_PATHS: usize = 1_000;

/// What an event has done.
#[derive(Clone, Debug, PartialEq)]
pub struct Applied {
    /// Who has caused it, and by what.
    pub cause: Cause,
    /// Every entity besides its own that the event has read, changed or named in a settled pair, sorted: whoever
    /// wants to replay one entity follows them to the events that it takes.
    pub touched: Vec<EntityGuid>,
    /// The pairs of potential duplicates that the event has settled.
    pub resolved: Vec<DuplicatePair>,
    /// What it has changed, an entity each, sorted by guid. A replay does not ask for them and has none.
    pub changes: Vec<Change>,
    /// What was decided where a synced event met local changes that were not.
    pub decision: Option<Decision>,
}

/// The event behind a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The event.
    pub event: EventGuid,
    /// Its type.
    pub event_type: EventType,
    /// Who made it, by the device's word.
    pub user: UserId,
    /// When it happened, by the device's clock.
    pub timestamp: Timestamp,
    /// `correlationId` of the event's context.
    pub correlation_id: Option<Box<str>>,
}

/// Two entities that may be one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DuplicatePair {
    /// The entity that was flagged (`entityGuid`).
    pub entity: EntityGuid,
    /// The one that it may repeat (`duplicateGuid`).
    pub duplicate: EntityGuid,
}

/// What an event has changed of one entity.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The entity.
    pub entity: EntityGuid,
    /// What has become of it.
    pub action: ChangeAction,
    /// The version before; `None` where it was never there.
    pub version_before: Option<u32>,
    /// The version after; a tombstone's counts the deletion.
    pub version: u32,
    /// The difference, with what was there before.
    pub patch: Patch,
}

/// What has become of an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChangeAction {
    /// It was not there and is.
    Create,
    /// It is another.
    Update,
    /// It was there and is a tombstone.
    Delete,
    /// It was a tombstone and lives again.
    Restore,
}

impl ChangeAction {
    /// The action of the audit entry.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "entity.create",
            Self::Update => "entity.update",
            Self::Delete => "entity.delete",
            Self::Restore => "entity.restore",
        }
    }
}

/// What one audit entry says. With its [`Cause`], a guid and a stamp it is one: `eventGuid`, `userId`, `timestamp` and
/// `correlationId` are the cause's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditNote {
    /// The entity (`entityGuid`).
    pub entity: EntityGuid,
    /// What was done (`action`): `entity.create`, `entity.update`, `entity.delete`, `entity.restore`,
    /// `conflict.decide` or `duplicate.resolve`.
    pub action: &'static str,
    /// What was changed (`changes`): an object of at most [`MAX_NOTE_BYTES`].
    pub changes: Json,
}

impl Applied {
    /// The audit entries that the event leaves: the decision about a conflict, the changes, the settled pairs.
    ///
    /// A change says `{eventType, version: {before?, after}, patch}` where `patch` is RFC 6902 and every `replace` and
    /// `remove` follows a `test` with the old value. Where that is larger than [`MAX_NOTE_BYTES`] or nested deeper than
    /// [`veritrail_core::MAX_JSON_DEPTH`], the old values are left out (`"omitted": "before"`), and where it still is,
    /// the places alone are named (`"omitted": "values"`, `paths`, and in `more` how many beyond [`MAX_NOTE_PATHS`]):
    /// the event itself holds what it said, and a replay gives what was there before.
    #[must_use]
    pub fn audit_notes(&self) -> Vec<AuditNote> {
        let decision = self.decision.iter().map(Decision::audit_note);
        let changes = self.changes.iter().map(|change| change.audit_note(&self.cause));
        let resolved = self.resolved.iter().map(|pair| AuditNote {
            entity: pair.entity.clone(),
            action: "duplicate.resolve",
            changes: small(&json!({"eventType": self.cause.event_type, "duplicateGuid": pair.duplicate})),
        });
        decision.chain(changes).chain(resolved).collect()
    }
}

impl Cause {
    /// The cause that an event is.
    #[must_use]
    pub fn of(event: &FormSubmission) -> Self {
        Self {
            event: event.guid.clone(),
            event_type: event.event_type.clone(),
            user: event.user_id.clone(),
            timestamp: event.timestamp,
            correlation_id: correlation_id(event),
        }
    }
}

impl Change {
    /// What the audit entry of this change says.
    #[must_use]
    pub fn audit_note(&self, cause: &Cause) -> AuditNote {
        let full = self.note(cause, json!({"patch": self.patch}));
        let changes = full
            .or_else(|| self.note(cause, json!({"omitted": "before", "patch": self.patch.without_tests()})))
            .unwrap_or_else(|| small(&self.head(cause, self.places())));
        AuditNote { entity: self.entity.clone(), action: self.action.as_str(), changes }
    }

    fn note(&self, cause: &Cause, body: Value) -> Option<Json> {
        let json = Json::from_value(&self.head(cause, body)).ok()?;
        (json.as_str().len() <= MAX_NOTE_BYTES).then_some(json)
    }

    fn head(&self, cause: &Cause, mut body: Value) -> Value {
        body["eventType"] = json!(cause.event_type);
        body["version"] = match self.version_before {
            None => json!({"after": self.version}),
            Some(before) => json!({"before": before, "after": self.version}),
        };
        body
    }

    /// Places as long as they fit: names of members may be long.
    fn places(&self) -> Value {
        let without_tests = self.patch.without_tests();
        let mut room = MAX_NOTE_BYTES / 16;
        let fits = |path: &&str| {
            let left = room.checked_sub(path.len());
            room = left.unwrap_or(0);
            left.is_some()
        };
        let all = without_tests.operations().iter().map(super::patch::Operation::path);
        let paths: Vec<_> = all.take(MAX_NOTE_PATHS).take_while(fits).collect();
        json!({"omitted": "values", "paths": paths, "more": without_tests.operations().len() - paths.len()})
    }
}

/// A note that is small and flat whatever the event says.
pub(crate) fn small(value: &Value) -> Json {
    Json::from_value(value).expect("ids, counts and places are texts and small numbers")
}

/// The correlation id within the stored metadata; what is no text was never a context.
fn correlation_id(event: &FormSubmission) -> Option<Box<str>> {
    let metadata = event.metadata.as_ref()?.to_value().ok()?;
    metadata.get("context")?.get("correlationId")?.as_str().map(Into::into)
}
