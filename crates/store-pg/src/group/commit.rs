//! Storing a batch: all of it at once, and where that fails, again or in smaller parts, so that an event that
//! cannot be stored fails alone.
//!
//! Trying again is safe: what is stored already is found by its guid, under the log's lock, and answered with its
//! receipt. So nothing is stored twice, and a commit whose answer was lost is looked up before anybody is told.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::oneshot;
use tracing::Instrument;
use veritrail_core::{FormSubmission, Subject};

use super::GroupError;
use super::queue::{Answer, Member};
use crate::append::AppendError;
use crate::error::AccessError;
use crate::session::Session;
use crate::store::PgEventStore;
use crate::submit::{Applying, SubmitError, Submitted, Submitters};

/// How often a part is tried while the database is out of reach or others are in the way.
const ATTEMPTS: u32 = 5;
/// How often one is tried whose statement has failed: the second time on a new connection.
const STATEMENT_ATTEMPTS: u32 = 2;
/// Wait before the second attempt; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// Failures after which a batch is taken apart no further: with that many it is not single events that are bad.
const MAX_FAILURES: u32 = 64;

/// Events that are stored together, and who waits for them.
struct Part {
    events: Vec<FormSubmission>,
    submitted_by: Vec<Subject>,
    waiting: Vec<oneshot::Sender<Answer>>,
    attempts: u32,
}

/// Why a part was not stored.
enum Fault {
    Submit(SubmitError),
    Panicked,
}

/// What comes after a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The same part again, after a pause.
    Again(Duration),
    /// Each half by itself.
    Halve,
    /// The submitters are told.
    Tell,
}

/// What became of a batch.
pub(super) struct Committed {
    /// How many events were in it.
    pub(super) taken: usize,
    /// How many others waited when the first of them was answered, and could not have come again yet.
    pub(super) others: usize,
    /// Whether something new was stored.
    pub(super) has_stored: bool,
}

/// Stores a batch and answers everybody in it. The session is made when it is missing, and dropped after a fault.
///
/// The batch is taken once there is a connection: what comes while that is waited for goes along.
pub(super) async fn commit<'s>(
    store: &'s PgEventStore,
    session: &mut Option<Session<'s>>,
    take: impl FnOnce() -> Vec<Member> + Send,
    waiting: impl Fn() -> usize + Send,
) -> Committed {
    let early = unless_panicking(open(store, session)).await.err();
    let batch = take();
    let (taken, waited_ms) = (batch.len(), longest_wait(&batch));
    let Some(applying) = batch.first().map(|member| member.applying) else {
        return Committed { taken, others: 0, has_stored: false };
    };
    let span = tracing::info_span!("group.commit", events = taken, waited_ms);
    let mut work = Work {
        store,
        applying,
        parts: vec![Part::of(batch)],
        failures: 0,
        waiting,
        committed: Committed { taken, others: 0, has_stored: false },
        has_answered: false,
    };
    work.finish(session, early).instrument(span).await;
    work.committed
}

/// A batch on its way: what of it is still to be stored, and what came of the rest.
struct Work<'s, W> {
    store: &'s PgEventStore,
    applying: Applying,
    parts: Vec<Part>,
    failures: u32,
    /// How many others wait now.
    waiting: W,
    committed: Committed,
    has_answered: bool,
}

impl<'s, W: Fn() -> usize + Send> Work<'s, W> {
    /// Stores or fails each part, beginning with the fault that stands for the first attempt, if there is one.
    async fn finish(&mut self, session: &mut Option<Session<'s>>, mut early: Option<Fault>) {
        while let Some(mut part) = self.parts.pop() {
            part.attempts += 1;
            let stored = match early.take() {
                Some(fault) => Err(fault),
                None => unless_panicking(part.store(self.store, session, self.applying)).await,
            };
            match stored {
                Ok(submitted) => {
                    self.committed.has_stored |= submitted.head.is_some();
                    self.before_answer();
                    part.answer(submitted);
                }
                Err(fault) => {
                    // Whatever it was: a connection that saw a fault is not trusted with the next part.
                    *session = None;
                    self.after(fault, part).await;
                }
            }
        }
    }

    /// Counts who waits before anybody who was answered can be among them.
    fn before_answer(&mut self) {
        if !self.has_answered {
            self.committed.others = (self.waiting)();
            self.has_answered = true;
        }
    }

    async fn after(&mut self, fault: Fault, mut part: Part) {
        self.failures += 1;
        match next_step(&fault, part.attempts, part.events.len(), self.failures) {
            Step::Again(pause) => {
                tokio::time::sleep(pause).await;
                self.parts.push(part);
            }
            Step::Halve => {
                let second = part.split();
                self.parts.extend([second, part]);
            }
            Step::Tell => {
                self.before_answer();
                part.fail(fault);
            }
        }
    }
}

/// A panic, of the store's or of a hook of the pool's, must not take the tenant's other events with it.
async fn unless_panicking<T>(work: impl Future<Output = Result<T, SubmitError>>) -> Result<T, Fault> {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(done) => done.map_err(Fault::Submit),
        Err(_) => Err(Fault::Panicked),
    }
}

async fn open<'a, 's>(
    store: &'s PgEventStore,
    session: &'a mut Option<Session<'s>>,
) -> Result<&'a mut Session<'s>, SubmitError> {
    match session {
        Some(session) => Ok(session),
        None => Ok(session.insert(store.session().await?)),
    }
}

impl Part {
    fn of(batch: Vec<Member>) -> Self {
        let (mut events, mut submitted_by, mut waiting) = (Vec::new(), Vec::new(), Vec::new());
        for member in batch {
            events.push(member.event);
            submitted_by.push(member.submitted_by);
            waiting.push(member.answer);
        }
        Self { events, submitted_by, waiting, attempts: 0 }
    }

    async fn store<'s>(
        &self,
        store: &'s PgEventStore,
        session: &mut Option<Session<'s>>,
        applying: Applying,
    ) -> Result<Submitted, SubmitError> {
        let session = open(store, session).await?;
        session.submit_batch(&self.events, Submitters::Each(&self.submitted_by), applying).await
    }

    /// Keeps the first half and gives the second.
    fn split(&mut self) -> Self {
        let middle = self.events.len() / 2;
        self.attempts = 0;
        Self {
            events: self.events.split_off(middle),
            submitted_by: self.submitted_by.split_off(middle),
            waiting: self.waiting.split_off(middle),
            attempts: 0,
        }
    }

    fn answer(self, submitted: Submitted) {
        for (waiting, outcome) in self.waiting.into_iter().zip(submitted.outcomes) {
            // Who has gone needs no answer.
            let _ = waiting.send(Ok(outcome));
        }
    }

    fn fail(self, fault: Fault) {
        let error = match fault {
            Fault::Submit(error) => GroupError::Submit(Arc::new(error)),
            Fault::Panicked => GroupError::Panicked,
        };
        tracing::warn!(events = self.events.len(), %error, "events could not be stored");
        for waiting in self.waiting {
            // Who has gone needs no answer.
            let _ = waiting.send(Err(error.clone()));
        }
    }
}

/// How long the first of a batch has waited, in milliseconds.
fn longest_wait(batch: &[Member]) -> u64 {
    let longest = batch.iter().map(|member| member.since.elapsed()).max().unwrap_or_default();
    u64::try_from(longest.as_millis()).unwrap_or(u64::MAX)
}

/// What to do after a part has failed `attempts` times, and its batch `failures` times.
fn next_step(fault: &Fault, attempts: u32, events: usize, failures: u32) -> Step {
    let pause = FIRST_PAUSE * (1 << attempts.saturating_sub(1).min(ATTEMPTS));
    let halve = if events > 1 && failures < MAX_FAILURES { Step::Halve } else { Step::Tell };
    let error = match fault {
        Fault::Panicked | Fault::Submit(SubmitError::BatchTooHeavy(_) | SubmitError::BatchTooLarge(_)) => {
            return halve;
        }
        Fault::Submit(SubmitError::Append(error)) => error,
    };
    match error {
        AppendError::Access(
            AccessError::Unreachable(_)
            | AccessError::PoolTimeout
            | AccessError::Contended
            | AccessError::LogBusy { .. }
            | AccessError::SessionLost,
        ) => {
            // No event's fault.
            if attempts < ATTEMPTS { Step::Again(pause) } else { Step::Tell }
        }
        // A server that ends also shows as a statement that fails.
        AppendError::Access(AccessError::Database(_)) if attempts < STATEMENT_ATTEMPTS => Step::Again(pause),
        // One event may be what the server cannot take, or lead to a row that cannot be believed.
        AppendError::Access(AccessError::Database(_) | AccessError::Corrupt(_))
        | AppendError::EntityChanged => halve,
        AppendError::Access(
            AccessError::NotMigrated | AccessError::TenantRefused(_) | AccessError::TransactionBroken,
        )
        | AppendError::Integrity(_)
        | AppendError::Replica => Step::Tell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::IntegrityError;

    fn append(error: AppendError) -> Fault {
        Fault::Submit(error.into())
    }

    #[test]
    fn a_lost_connection_is_tried_again_a_bounded_number_of_times() {
        let fault = append(AccessError::Unreachable(String::new()).into());
        let pauses: Vec<Step> = (1..=ATTEMPTS).map(|attempts| next_step(&fault, attempts, 9, 1)).collect();
        let pause = |millis| Step::Again(Duration::from_millis(millis));
        assert_eq!(pauses, [pause(50), pause(100), pause(200), pause(400), Step::Tell]);
    }

    #[test]
    fn a_statement_that_fails_twice_is_halved_down_to_one_event() {
        let fault = append(AccessError::Database(diesel::result::Error::NotFound).into());
        assert_eq!(next_step(&fault, 1, 9, 1), Step::Again(FIRST_PAUSE));
        assert_eq!(next_step(&fault, 2, 9, 2), Step::Halve);
        assert_eq!(next_step(&fault, 2, 1, 2), Step::Tell);
        assert_eq!(next_step(&fault, 2, 9, MAX_FAILURES), Step::Tell);
    }

    #[test]
    fn what_no_smaller_part_mends_is_told_at_once() {
        let fault = append(IntegrityError::LogRowMissing.into());
        assert_eq!(next_step(&fault, 1, 9, 1), Step::Tell);
        assert_eq!(next_step(&append(AppendError::Replica), 1, 9, 1), Step::Tell);
        assert_eq!(next_step(&Fault::Panicked, 1, 9, 1), Step::Halve);
        assert_eq!(next_step(&Fault::Submit(SubmitError::BatchTooHeavy(1)), 1, 1, 1), Step::Tell);
    }
}
