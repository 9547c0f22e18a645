//! Group commit: events that are submitted one by one, at the same time, are stored in one transaction.
//!
//! An append of one event costs a lock, a statement and a flush of the server's log; 64 at once cost little more.
//! So whoever submits an event alone hands it over here and waits for its own outcome. What is queued is in
//! `group/queue.rs`, who takes it in `group/lane.rs`, how one bad event is kept from failing the others in
//! `group/commit.rs`. Batches that the caller has made himself go to [`Session::submit`](crate::Session::submit).

mod commit;
mod lane;
mod queue;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, oneshot};
use veritrail_core::{FormSubmission, Subject, TenantId};

use crate::publisher::CommitSignal;
use crate::store::PgEventStore;
use crate::submit::{Applying, Outcome, SubmitError};
use queue::{Admitted, Member, Queues, Refused};

/// How much may wait, for how long, and how much is stored at once. What is 0 counts as 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupLimits {
    /// Events that wait at most, of all tenants.
    pub queued: usize,
    /// Events that wait at most of one tenant, so that one cannot keep the others out.
    pub queued_of_tenant: usize,
    /// Bytes of data and metadata that wait at most, of all tenants; a single event may be larger.
    pub queued_bytes: usize,
    /// Events of a batch.
    pub batch: usize,
    /// Connections of the pool that are in use at once: as many tenants are served side by side.
    pub connections: usize,
    /// How long a submitter waits for its outcome.
    pub wait: Duration,
    /// How long a batch waits at most for the submitters that were answered last to come again. Who was alone before
    /// is not kept waiting.
    pub linger: Duration,
}

impl Default for GroupLimits {
    fn default() -> Self {
        Self {
            queued: 8_192,
            queued_of_tenant: 1_024,
            queued_bytes: 128 << 20,
            batch: 256,
            connections: 4,
            wait: Duration::from_secs(30),
            linger: Duration::from_millis(2),
        }
    }
}

/// Why a submitted event has no outcome.
#[derive(Clone, Debug, thiserror::Error)]
pub enum GroupError {
    /// Too much is waiting already. Nothing was stored: submit again later.
    #[error("{queued} events of {bytes} bytes are waiting to be stored, which is as much as may wait")]
    Overloaded {
        /// Events that wait, of the tenant or of all, whichever has reached its limit.
        queued: usize,
        /// Their bytes of data and metadata.
        bytes: usize,
    },
    /// No more events are taken. Nothing was stored.
    #[error("the group commit is closed and takes no more events")]
    Closed,
    /// The event was still waiting when [`GroupLimits::wait`] was over. It was taken back: nothing was stored.
    #[error("the event was not begun to be stored within {0:?}")]
    NotBegun(Duration),
    /// The event was being stored when [`GroupLimits::wait`] was over. It may be stored: submit it again, what is
    /// stored is answered with its receipt.
    #[error("the event has no outcome after {0:?}, and may be stored all the same")]
    NoOutcome(Duration),
    /// What was to answer has ended, as at a shutdown of the runtime. The event may be stored: submit it again.
    #[error("nobody is left to tell the event's outcome, and it may be stored all the same")]
    Abandoned,
    /// Storing the event panicked: a fault of ours or of a hook of the pool's. It may be stored: submit it again.
    #[error("storing the event panicked")]
    Panicked,
    /// The event could not be stored, by itself or because nothing can. Where the connection was lost while
    /// committing it may have been: submit it again.
    #[error(transparent)]
    Submit(Arc<SubmitError>),
}

/// Stores events that are submitted one by one in batches. Cheap to clone; all clones share the queues.
///
/// Events of one tenant are stored in the order of their submission, by one connection; several tenants are served
/// side by side. The queues are in memory: an event is stored when its outcome says so, and not before.
#[derive(Clone)]
pub struct GroupCommit {
    shared: Arc<Shared>,
}

/// What handles and lanes share.
struct Shared {
    store: PgEventStore,
    limits: GroupLimits,
    committed: CommitSignal,
    queues: Mutex<Queues>,
    /// One permit for each tenant that is served at the same time.
    turns: Semaphore,
    /// Notified when the last lane has ended.
    idle: Notify,
}

impl GroupCommit {
    /// Begins to take events for the tenants of a store's pool. `committed` is signalled after each commit, so that
    /// a [`Publisher`](crate::Publisher) can follow.
    ///
    /// Lanes are tasks of the runtime that [`submit`](Self::submit) is called on, and live as long as something is
    /// queued.
    #[must_use]
    pub fn start(store: PgEventStore, limits: GroupLimits, committed: CommitSignal) -> Self {
        let turns = Semaphore::new(limits.connections.clamp(1, Semaphore::MAX_PERMITS));
        let queues = Mutex::new(Queues::new(limits));
        Self { shared: Arc::new(Shared { store, limits, committed, queues, turns, idle: Notify::new() }) }
    }

    /// Submits an event to the log of the store's tenant, and answers once it is durably stored or rejected.
    ///
    /// When the future is dropped while the event waits, nothing of it is stored; later, it is stored or not.
    ///
    /// A receipt says `repeated` also where the connection was lost while committing and the event was found when
    /// it was looked up again.
    ///
    /// # Errors
    /// [`GroupError`]; which of them leave open whether the event was stored is said there.
    pub async fn submit(
        &self,
        event: FormSubmission,
        submitted_by: Subject,
        applying: Applying,
    ) -> Result<Outcome, GroupError> {
        self.submit_for(self.shared.store.tenant(), event, submitted_by, applying).await
    }

    /// As [`submit`](Self::submit), to the log of another tenant.
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    pub async fn submit_for(
        &self,
        tenant: &TenantId,
        event: FormSubmission,
        submitted_by: Subject,
        applying: Applying,
    ) -> Result<Outcome, GroupError> {
        let (answer, mut outcome) = oneshot::channel();
        let member = Member::new(event, submitted_by, applying, answer);
        let mut ticket = self.enter(tenant, member)?;
        let wait = self.shared.limits.wait;
        let Ok(answered) = tokio::time::timeout(wait, &mut outcome).await else {
            return Err(match ticket.withdraw() {
                Withdrawn::FromQueue => GroupError::NotBegun(wait),
                Withdrawn::TooLate => GroupError::NoOutcome(wait),
            });
        };
        ticket.is_settled = true;
        answered.unwrap_or(Err(GroupError::Abandoned))
    }

    /// How many events wait to be stored, of all tenants; those that are being stored are not counted.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.shared.lock().len()
    }

    /// Takes no more events, and returns once everything that was taken has its outcome.
    pub async fn close(&self) {
        self.shared.lock().close();
        loop {
            let idle = self.shared.idle.notified();
            if self.shared.lock().is_idle() {
                return;
            }
            idle.await;
        }
    }

    fn enter(&self, tenant: &TenantId, member: Member) -> Result<Ticket<'_>, GroupError> {
        let (number, admitted) =
            self.shared.lock().admit(tenant, member).map_err(|refused| match refused {
                Refused::Closed => GroupError::Closed,
                Refused::Full { queued, bytes } => GroupError::Overloaded { queued, bytes },
            })?;
        if admitted == Admitted::First {
            tokio::spawn(lane::serve(Arc::clone(&self.shared), tenant.clone()));
        }
        Ok(Ticket { shared: &self.shared, tenant: tenant.clone(), number, is_settled: false })
    }
}

impl std::fmt::Debug for GroupCommit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GroupCommit").field("limits", &self.shared.limits).finish_non_exhaustive()
    }
}

impl Shared {
    /// Nothing that holds the lock awaits or calls code of others.
    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().expect("no holder of the queues' lock panics")
    }
}

/// A submitter's place in the queue, which it leaves when it no longer waits.
struct Ticket<'a> {
    shared: &'a Shared,
    tenant: TenantId,
    number: u64,
    is_settled: bool,
}

enum Withdrawn {
    FromQueue,
    TooLate,
}

impl Ticket<'_> {
    fn withdraw(&mut self) -> Withdrawn {
        self.is_settled = true;
        if self.shared.lock().withdraw(&self.tenant, self.number) {
            Withdrawn::FromQueue
        } else {
            Withdrawn::TooLate
        }
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        if !self.is_settled {
            self.withdraw();
        }
    }
}
