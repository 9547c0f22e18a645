//! Access: who may read or write what. A decision from what is known, made before anything is shown or changed.
//!
//! Who somebody is (a token, a session) and which permissions are granted (`entity_permissions`) is found out elsewhere.
//! A subject is the *authenticated* one: what a device claims in `userId` opens nothing.

use std::collections::BTreeSet;

use veritrail_core::{EntityGuid, Subject};

/// Decides whether somebody may do something.
pub trait Authorizer: Send + Sync {
    /// Decides one request.
    fn authorize(&self, request: &AccessRequest<'_>) -> AccessDecision;
}

/// Somebody wants to do something with an entity or one of its events.
#[derive(Clone, Copy, Debug)]
pub struct AccessRequest<'a> {
    /// Who is authenticated.
    pub subject: &'a Subject,
    /// The roles that the authentication gives.
    pub roles: &'a [&'a str],
    /// What is to be done.
    pub action: AccessAction,
    /// The entity, or that of the event.
    pub entity: &'a EntityGuid,
    /// Who has submitted what is read: the event, or the first event of the entity. Of a write, who has submitted the
    /// entity's first event. `None` for an entity that does not exist yet.
    pub submitted_by: Option<&'a Subject>,
    /// What is granted to the subject for this entity.
    pub permission: Permission,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AccessAction {
    /// To see it.
    Read,
    /// To submit an event about it.
    Write,
}

/// A row of `entity_permissions`; nothing is granted where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permission {
    /// `can_read`.
    pub can_read: bool,
    /// `can_write`.
    pub can_write: bool,
}

/// The answer, with its reason for logs and audit entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessDecision {
    /// It may be done.
    Allow(AllowReason),
    /// It may not.
    Deny(DenyReason),
}

/// Why something may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AllowReason {
    /// A role may do everything.
    Role,
    /// The subject has submitted it.
    Own,
    /// A permission grants it.
    Granted,
    /// The entity does not exist yet.
    New,
    /// Nobody asks.
    Open,
}

/// Why something may not be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum DenyReason {
    /// A role of the subject's only reads, and none allows more.
    #[error("the role only reads")]
    ReadOnly,
    /// Somebody else has submitted it, and no permission grants it.
    #[error("somebody else has submitted it, and no permission grants it")]
    NotGranted,
}

/// Roles that do everything or only read; everybody else has what is their own and what is granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleBased {
    /// Roles that may read and write everything: `admin`.
    pub unlimited: BTreeSet<String>,
    /// Roles that never write, whatever is granted: `reader`.
    pub read_only: BTreeSet<String>,
}

/// Lets everybody do everything: for a program with a single user.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllowAll;

impl AccessDecision {
    /// Whether it may be done.
    #[must_use]
    pub fn is_allowed(self) -> bool {
        matches!(self, Self::Allow(_))
    }
}

impl Default for RoleBased {
    fn default() -> Self {
        Self { unlimited: BTreeSet::from(["admin".into()]), read_only: BTreeSet::from(["reader".into()]) }
    }
}

impl Authorizer for RoleBased {
    fn authorize(&self, request: &AccessRequest<'_>) -> AccessDecision {
        let has_one = |of: &BTreeSet<String>| request.roles.iter().any(|role| of.contains(*role));
        if has_one(&self.unlimited) {
            return AccessDecision::Allow(AllowReason::Role);
        }
        let is_write = request.action == AccessAction::Write;
        // Somebody with a role that writes besides is not held back by one that reads.
        if is_write
            && has_one(&self.read_only)
            && request.roles.iter().all(|role| self.read_only.contains(*role))
        {
            return AccessDecision::Deny(DenyReason::ReadOnly);
        }
        let granted = if is_write { request.permission.can_write } else { request.permission.can_read };
        match request.submitted_by {
            Some(by) if by == request.subject => AccessDecision::Allow(AllowReason::Own),
            _ if granted => AccessDecision::Allow(AllowReason::Granted),
            None if is_write => AccessDecision::Allow(AllowReason::New),
            _ => AccessDecision::Deny(DenyReason::NotGranted),
        }
    }
}

impl Authorizer for AllowAll {
    fn authorize(&self, _request: &AccessRequest<'_>) -> AccessDecision {
        AccessDecision::Allow(AllowReason::Open)
    }
}
