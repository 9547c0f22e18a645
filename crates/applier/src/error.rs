//! What can go wrong: while an event is applied, while an applier is registered and while a log is replayed.
//!
//! Every error names the entities that it is about. Bad events are refused earlier, by `veritrail-core`.

use veritrail_core::{EntityGuid, EntityKind, EventGuid, EventType, InvalidId, Timestamp};

use crate::conflict::Decision;

/// Why an event does not apply. The entities are then as they were before it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// No applier is registered for the type.
    #[error("no applier is registered for events of type `{event_type}`")]
    UnknownType {
        /// The event's type.
        event_type: EventType,
    },
    /// The group of a membership cannot have it.
    #[error("group `{group}` {problem}")]
    InvalidGroup {
        /// The group.
        group: EntityGuid,
        /// What keeps it from it.
        problem: GroupProblem,
    },
    /// A member of the payload, or the list of them, is not what it must be.
    #[error("group `{group}`: {problem}")]
    InvalidMemberData {
        /// The group that the member is to join or to leave.
        group: EntityGuid,
        /// What is wrong with the member.
        problem: MemberProblem,
    },
    /// The entity does not exist, or no longer.
    #[error("entity `{entity}` {}", gone(*.deleted_at))]
    EntityNotFound {
        /// The entity.
        entity: EntityGuid,
        /// When it was deleted, if it ever was there.
        deleted_at: Option<Timestamp>,
    },
    /// The entity is of the other kind.
    #[error("entity `{entity}` is {found}, the event needs {expected}", found = .found.as_str(), expected = .expected.as_str())]
    TypeMismatch {
        /// The entity.
        entity: EntityGuid,
        /// What the event needs.
        expected: EntityKind,
        /// What the entity is.
        found: EntityKind,
    },
    /// Another part of the payload is not what it must be.
    #[error("entity `{entity}`: `{field}` {problem}")]
    InvalidData {
        /// The event's entity.
        entity: EntityGuid,
        /// The part, such as `data.duplicates[0].entityGuid` or `name`.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// An applier uses an entity that its [`reads`](crate::EventApplier::reads) does not name: a store would not
    /// have loaded it, and replay would give another state.
    #[error("the applier uses entity `{entity}`, which its reads do not name")]
    Undeclared {
        /// The entity.
        entity: EntityGuid,
    },
    /// An applier deletes an entity or links a group, and its [`reads`](crate::EventApplier::reads) does not ask
    /// for related entities.
    #[error(
        "the applier follows the members of entity `{entity}`, but its reads do not ask for related entities"
    )]
    RelatedUndeclared {
        /// The entity.
        entity: EntityGuid,
    },
    /// The payload's schema is older than the oldest upcaster, or newer than what the program knows.
    #[error("schema version {found} of `{event_type}` is unknown, {oldest} to {newest} are understood")]
    SchemaVersion {
        /// The event's type.
        event_type: EventType,
        /// The event's version; one without a version has the first.
        found: u32,
        /// The oldest version that an upcaster takes.
        oldest: u32,
        /// The version that the applier takes.
        newest: u32,
    },
    /// An upcaster cannot bring the payload to the next schema version.
    #[error(
        "the payload of `{event_type}` cannot be brought from schema version {from} to the next: {reason}"
    )]
    NotUpcast {
        /// The event's type.
        event_type: EventType,
        /// The version that it was brought to before.
        from: u32,
        /// Why it goes no further.
        reason: String,
    },
    /// The event is synced and meets local changes that are not, and the policy rejects it.
    #[error(
        "entity `{}` has local changes since version {}, which policy `{}` does not overwrite",
        .0.entity, .0.initial_version, .0.policy
    )]
    Conflict(Box<Decision>),
    /// The applier, or an upcaster or policy before it, has panicked: a bug in it.
    #[error("the applier of `{event_type}` panicked at event `{event}`: {message}")]
    Panicked {
        /// The event's type.
        event_type: EventType,
        /// The event.
        event: EventGuid,
        /// The panic's message.
        message: String,
    },
    /// An applier's own reason.
    #[error("{reason}")]
    Refused {
        /// A short text for programs, such as `NO_SUCH_CASE_WORKER`.
        code: String,
        /// A text for people that names the ids.
        reason: String,
    },
}

/// What keeps an entity from being the group of a membership.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupProblem {
    /// There is no such entity.
    #[error("does not exist")]
    Absent,
    /// It was deleted.
    #[error("was deleted at {0}")]
    Deleted(Timestamp),
    /// It is an individual.
    #[error("is an individual")]
    NotAGroup,
    /// The new member is the group itself, or holds it.
    #[error("would contain itself through member `{member}`")]
    Cycle {
        /// The member.
        member: EntityGuid,
    },
}

/// What is wrong with a member.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MemberProblem {
    /// `data.members` must be there, and be a list.
    #[error("`{path}` is not a list of members")]
    NotAList {
        /// Where the list is expected, such as `data.members`.
        path: String,
    },
    /// An `add-member` that adds nobody.
    #[error("`{path}` is empty")]
    Empty {
        /// Where the list stands.
        path: String,
    },
    /// A member is no JSON object.
    #[error("`{path}` is not an object")]
    NotAnObject {
        /// Where it stands, such as `data.members[2]`.
        path: String,
    },
    /// A guid is missing or is not a text.
    #[error("`{path}` is not a guid")]
    NoGuid {
        /// Where it is expected, such as `data.memberId`.
        path: String,
    },
    /// A text is no guid.
    #[error("`{path}` {problem}")]
    InvalidGuid {
        /// Where it stands.
        path: String,
        /// The rule that it breaks.
        problem: InvalidId,
    },
    /// Who is to leave the group is no member of it.
    #[error("entity `{member}` is not a member")]
    NotAMember {
        /// The entity.
        member: EntityGuid,
    },
}

/// Why an applier was not registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// The type has an applier already.
    #[error("an applier is already registered for events of type `{event_type}`")]
    Duplicate {
        /// The type.
        event_type: EventType,
    },
    /// The type has an upcaster from this version already.
    #[error("an upcaster of `{event_type}` from schema version {from} is already registered")]
    DuplicateUpcaster {
        /// The type.
        event_type: EventType,
        /// The version that it starts from.
        from: u32,
    },
    /// Between the newest version so far and the one that an upcaster starts from there is a gap.
    #[error(
        "an upcaster of `{event_type}` from schema version {from} leaves a gap: the next starts from {newest}"
    )]
    UpcasterGap {
        /// The type.
        event_type: EventType,
        /// The version that it starts from.
        from: u32,
        /// The newest version so far.
        newest: u32,
    },
    /// The text is no event type.
    #[error("event type {event_type:?} {problem}")]
    InvalidType {
        /// The text.
        event_type: String,
        /// The rule that it breaks.
        problem: InvalidId,
    },
}

/// Why a replay has stopped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("event `{event}`, number {index} of the replay, does not apply")]
pub struct ReplayError {
    /// The event.
    pub event: EventGuid,
    /// Its 0-based number among the replayed items.
    pub index: usize,
    /// Why it does not apply.
    pub source: ApplyError,
}

impl ApplyError {
    /// An applier's own reason: a short text for programs and one for people that names the ids.
    #[must_use]
    pub fn refused(code: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Refused { code: code.into(), reason: reason.into() }
    }

    /// The error for an entity that an event needs and that is not there.
    #[must_use]
    pub fn not_found(entity: &EntityGuid) -> Self {
        Self::EntityNotFound { entity: entity.clone(), deleted_at: None }
    }

    /// The error's name for programs; DataCollect's where it has one.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::UnknownType { .. } => "UNKNOWN_EVENT_TYPE",
            Self::InvalidGroup { .. } => "INVALID_GROUP",
            Self::InvalidMemberData { .. } => "INVALID_MEMBER_DATA",
            Self::EntityNotFound { .. } => "ENTITY_NOT_FOUND",
            Self::TypeMismatch { .. } => "TYPE_MISMATCH",
            Self::InvalidData { .. } => "INVALID_DATA",
            Self::Undeclared { .. } | Self::RelatedUndeclared { .. } => "UNDECLARED_READ",
            Self::SchemaVersion { .. } => "UNKNOWN_SCHEMA_VERSION",
            Self::NotUpcast { .. } => "NOT_UPCAST",
            Self::Conflict(_) => "CONFLICTING_CHANGES",
            Self::Panicked { .. } => "APPLIER_PANICKED",
            Self::Refused { code, .. } => code,
        }
    }
}

fn gone(deleted_at: Option<Timestamp>) -> String {
    match deleted_at {
        None => "does not exist".to_owned(),
        Some(instant) => format!("was deleted at {instant}"),
    }
}
