//! An event's whole way: look up repeats, load entities, apply, lock, append.
//!
//! Validation comes before (`veritrail_core::FormSubmission::parse`), signing after (`publish`). The parts are in
//! `submit/judge.rs` (which events are new and apply) and `append` (what is written, and how).

mod judge;

use diesel_async::AsyncPgConnection;
use veritrail_applier::{ApplyError, Registry};
pub use veritrail_core::store::{MAX_BATCH, MAX_BATCH_BYTES};
use veritrail_core::{EventGuid, FormSubmission, LogName, Receipt, StoredEvent, Subject, TenantId, TreeHead};

use crate::append::{self, AppendError, Locked, stamp_events};
use crate::error::AccessError;
use crate::session::Session;
use judge::{Judgement, judge};

/// How often a pooled submit begins anew after running into a concurrent transaction.
const MAX_ATTEMPTS: u32 = 3;

/// What became of one submitted event.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Applied and appended, or there already.
    Recorded(Receipt),
    /// Not stored.
    Rejected(Rejection),
}

/// Why an event was not stored.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Rejection {
    /// Another event has this guid.
    #[error("event `{guid}` is recorded with other content: {field} differs")]
    Conflict {
        /// The guid.
        guid: EventGuid,
        /// The first member that differs.
        field: &'static str,
    },
    /// The event does not apply to its entity.
    #[error("{0}")]
    DoesNotApply(#[from] ApplyError),
    /// A payload built in Rust breaks a rule that reading from JSON would have refused.
    #[error("{0}")]
    Invalid(#[from] veritrail_core::InvalidInput),
}

impl Rejection {
    /// A stable code for machines.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Conflict { .. } => "CONFLICT",
            Self::DoesNotApply(error) => error.code(),
            Self::Invalid(_) => "INVALID_EVENT",
        }
    }
}

/// The answer to one submit.
#[derive(Clone, Debug, PartialEq)]
pub struct Submitted {
    /// One outcome an event, in the order of the events.
    pub outcomes: Vec<Outcome>,
    /// The head after the append; `None` where nothing new was stored.
    pub head: Option<TreeHead>,
}

/// Why a batch was not stored.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// More than [`MAX_BATCH`] events: submit them in parts.
    #[error("a batch of {0} events is larger than {MAX_BATCH}")]
    BatchTooLarge(usize),
    /// More than [`MAX_BATCH_BYTES`]: submit the events in parts.
    #[error("a batch of {0} bytes of data and metadata is larger than {MAX_BATCH_BYTES}")]
    BatchTooHeavy(usize),
    /// The append failed. Where the connection was lost while committing, the batch may have been stored all the
    /// same: submit it again, what is stored is answered with its receipt.
    #[error(transparent)]
    Append(#[from] AppendError),
}

impl From<AccessError> for SubmitError {
    fn from(error: AccessError) -> Self {
        Self::Append(error.into())
    }
}

impl From<diesel::result::Error> for SubmitError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Append(error.into())
    }
}

/// Whether events change entities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applying {
    /// Events are applied; one that does not apply is rejected.
    Apply,
    /// Events are appended as they are; entities catch up at the next replay.
    AppendOnly,
}

impl Session<'_> {
    /// Applies and appends a batch: all that apply are stored, together, or nothing is.
    ///
    /// A repeat of a recorded event is answered with its old receipt and is not applied again.
    ///
    /// When the future is dropped before it is ready, nothing or all of the batch is stored; a transaction of the
    /// caller's is then broken and cannot be committed, and a session of the pool's is of no further use.
    ///
    /// # Errors
    /// [`SubmitError`]: nothing of the batch was stored, unless the connection was lost while committing.
    #[tracing::instrument(name = "submit", skip_all, fields(events = events.len()))]
    pub async fn submit(
        &mut self,
        events: &[FormSubmission],
        submitted_by: &Subject,
        applying: Applying,
    ) -> Result<Submitted, SubmitError> {
        self.submit_batch(events, Submitters::All(submitted_by), applying).await
    }

    /// As [`submit`](Self::submit), of one or of several submitters.
    pub(crate) async fn submit_batch(
        &mut self,
        events: &[FormSubmission],
        submitted_by: Submitters<'_>,
        applying: Applying,
    ) -> Result<Submitted, SubmitError> {
        if events.len() > MAX_BATCH {
            return Err(SubmitError::BatchTooLarge(events.len()));
        }
        let bytes = events.iter().map(FormSubmission::payload_bytes).sum();
        if bytes > MAX_BATCH_BYTES {
            return Err(SubmitError::BatchTooHeavy(bytes));
        }
        let batch =
            Batch { tenant: self.tenant, registry: &self.store.registry, events, submitted_by, applying };
        if self.is_within_transaction().await? {
            // The caller's snapshot is what it is: everything is looked up under the lock.
            return self.write(async |connection| batch.append(connection, None).await).await;
        }
        let mut attempt = 1;
        loop {
            match self.judge_and_append(&batch).await {
                Err(SubmitError::Append(AppendError::Access(AccessError::Contended)))
                    if attempt < MAX_ATTEMPTS =>
                {
                    attempt += 1;
                }
                answer => return answer,
            }
        }
    }

    /// Judges the batch in one snapshot, then appends in another transaction.
    async fn judge_and_append(&mut self, batch: &Batch<'_>) -> Result<Submitted, SubmitError> {
        // One snapshot, so that size, guids and entities belong together.
        let judgement: Judgement = self
            .snapshot(async |connection| judge(connection, batch).await)
            .await
            .map_err(SubmitError::from)?;
        if judgement.accepted.is_empty() {
            return Ok(judgement.into_answer(None));
        }
        self.write(async |connection| batch.append(connection, Some(judgement)).await).await
    }
}

/// Who submits the events of a batch.
#[derive(Clone, Copy)]
pub(crate) enum Submitters<'a> {
    /// One submits all of them.
    All(&'a Subject),
    /// Each has its own, in the order of the events.
    Each(&'a [Subject]),
}

impl<'a> Submitters<'a> {
    /// Who submits the event with this index.
    pub(crate) fn of(self, index: usize) -> &'a Subject {
        match self {
            Self::All(subject) => subject,
            Self::Each(subjects) => &subjects[index],
        }
    }
}

/// One submit's input.
pub(crate) struct Batch<'a> {
    pub(crate) tenant: &'a TenantId,
    pub(crate) registry: &'a Registry,
    pub(crate) events: &'a [FormSubmission],
    pub(crate) submitted_by: Submitters<'a>,
    pub(crate) applying: Applying,
}

impl Batch<'_> {
    /// Appends under the lock; what was judged before is judged again if the log has moved since.
    async fn append(
        &self,
        connection: &mut AsyncPgConnection,
        early: Option<Judgement>,
    ) -> Result<Submitted, SubmitError> {
        let locked = append::lock(connection, self.tenant, LogName::Events).await?;
        if locked.log.replica {
            return Err(AppendError::Replica.into());
        }
        let size = locked.newest.head.size();
        let mut judgement = match early {
            Some(judgement) if judgement.based_on == size => judgement,
            _ => judge(connection, self).await?,
        };
        if judgement.accepted.is_empty() {
            return Ok(judgement.into_answer(None));
        }
        let stamped = stamp(&locked, &mut judgement);
        let effects = judgement.effects(size.0);
        let head = append::write(connection, self.tenant, &locked, &stamped, &effects).await?;
        judgement.record(&stamped);
        Ok(judgement.into_answer(Some(head)))
    }
}

fn stamp(locked: &Locked, judgement: &mut Judgement) -> Vec<StoredEvent> {
    stamp_events(
        std::mem::take(&mut judgement.hashed),
        locked.log.log_id,
        &locked.newest.head,
        locked.newest.clock,
        locked.log.base_stamp,
    )
}
