//! What waits to be stored, tenant by tenant: bounds, order and what makes a batch.
//!
//! Plain data under the lock of its owner (`group`); nothing here waits or asks the database.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{Notify, oneshot};
use veritrail_core::{FormSubmission, Subject, TenantId};

use super::{GroupError, GroupLimits};
use crate::submit::{Applying, Outcome};

/// Bytes of data and metadata at which a batch takes no further event: far below what one submit takes, so that
/// the batches of all lanes fit the memory.
const BATCH_BYTES: usize = 8 << 20;

/// What a submitter is told.
pub(super) type Answer = Result<Outcome, GroupError>;

/// An event that waits.
pub(super) struct Member {
    pub(super) event: FormSubmission,
    pub(super) submitted_by: Subject,
    pub(super) applying: Applying,
    pub(super) answer: oneshot::Sender<Answer>,
    pub(super) since: Instant,
    bytes: usize,
    number: u64,
}

impl Member {
    pub(super) fn new(
        event: FormSubmission,
        submitted_by: Subject,
        applying: Applying,
        answer: oneshot::Sender<Answer>,
    ) -> Self {
        let bytes = event.payload_bytes();
        Self { event, submitted_by, applying, answer, since: Instant::now(), bytes, number: 0 }
    }
}

/// Whether somebody serves the tenant already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admitted {
    /// Nobody: a lane must be started, which serves until [`Queues::end`].
    First,
    /// Somebody does.
    Joined,
}

/// Why an event may not wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Closed,
    Full { queued: usize, bytes: usize },
}

/// What waits of one tenant.
#[derive(Default)]
struct Queue {
    members: VecDeque<Member>,
    /// How many the lane waits for, and how it is told that they are there.
    wanted: usize,
    complete: Arc<Notify>,
}

/// All queues. A tenant has one from its first event until its lane has ended.
pub(super) struct Queues {
    limits: GroupLimits,
    tenants: HashMap<TenantId, Queue>,
    queued: usize,
    bytes: usize,
    next: u64,
    is_closed: bool,
}

impl Queues {
    pub(super) fn new(limits: GroupLimits) -> Self {
        Self { limits, tenants: HashMap::new(), queued: 0, bytes: 0, next: 0, is_closed: false }
    }

    /// Takes an event in and gives it a number.
    pub(super) fn admit(
        &mut self,
        tenant: &TenantId,
        mut member: Member,
    ) -> Result<(u64, Admitted), Refused> {
        if self.is_closed {
            return Err(Refused::Closed);
        }
        let own = self.tenants.get(tenant);
        let waiting = own.map_or(0, |queue| queue.members.len());
        let is_too_heavy = self.queued > 0 && self.bytes + member.bytes > self.limits.queued_bytes;
        if self.queued >= self.limits.queued.max(1) || is_too_heavy {
            return Err(Refused::Full { queued: self.queued, bytes: self.bytes });
        }
        if waiting >= self.limits.queued_of_tenant.max(1) {
            let bytes = own.map_or(0, |queue| queue.members.iter().map(|member| member.bytes).sum());
            return Err(Refused::Full { queued: waiting, bytes });
        }
        let admitted = if own.is_some() { Admitted::Joined } else { Admitted::First };
        let number = self.next;
        self.next += 1;
        member.number = number;
        self.queued += 1;
        self.bytes += member.bytes;
        let queue = self.tenants.entry(tenant.clone()).or_default();
        queue.members.push_back(member);
        if queue.members.len() == queue.wanted {
            queue.complete.notify_one();
        }
        Ok((number, admitted))
    }

    /// Takes an event back that still waits; tells whether it did.
    pub(super) fn withdraw(&mut self, tenant: &TenantId, number: u64) -> bool {
        let Some(Queue { members, .. }) = self.tenants.get_mut(tenant) else { return false };
        let found = members.iter().position(|member| member.number == number);
        let Some(member) = found.and_then(|place| members.remove(place)) else { return false };
        self.queued -= 1;
        self.bytes -= member.bytes;
        true
    }

    /// The next batch of a tenant: the longest run from the front that is applied the same way and within bounds.
    pub(super) fn take(&mut self, tenant: &TenantId) -> Vec<Member> {
        let Some(Queue { members, .. }) = self.tenants.get_mut(tenant) else { return Vec::new() };
        let (mut batch, mut bytes): (Vec<Member>, usize) = (Vec::new(), 0);
        while let Some(next) = members.front() {
            let fits = batch.len() < self.limits.batch.max(1) && bytes + next.bytes <= BATCH_BYTES;
            let is_alike = batch.first().is_none_or(|first| first.applying == next.applying);
            let goes_along = batch.is_empty() || (fits && is_alike);
            if !goes_along {
                break;
            }
            bytes += next.bytes;
            batch.extend(members.pop_front());
        }
        self.queued -= batch.len();
        self.bytes -= bytes;
        batch
    }

    /// How many events of a tenant wait.
    pub(super) fn waiting(&self, tenant: &TenantId) -> usize {
        self.tenants.get(tenant).map_or(0, |queue| queue.members.len())
    }

    /// What is notified once `wanted` events of a tenant wait; `None` where they wait already, or none will come.
    pub(super) fn until(&mut self, tenant: &TenantId, wanted: usize) -> Option<Arc<Notify>> {
        if self.is_closed {
            return None;
        }
        let queue = self.tenants.get_mut(tenant).filter(|queue| queue.members.len() < wanted)?;
        queue.wanted = wanted;
        // Of its own for each wait: what was notified too late for the last one says nothing here.
        queue.complete = Arc::default();
        Some(Arc::clone(&queue.complete))
    }

    /// Ends a tenant's lane if nothing waits for it; tells whether it has ended.
    pub(super) fn end(&mut self, tenant: &TenantId) -> bool {
        if self.waiting(tenant) > 0 {
            return false;
        }
        self.tenants.remove(tenant);
        true
    }

    /// Removes a tenant's queue whose lane has died, with what waits in it.
    pub(super) fn abandon(&mut self, tenant: &TenantId) {
        let Queue { members, .. } = self.tenants.remove(tenant).unwrap_or_default();
        self.queued -= members.len();
        self.bytes -= members.iter().map(|member| member.bytes).sum::<usize>();
    }

    /// Admits nothing more; no lane waits for submitters any longer.
    pub(super) fn close(&mut self) {
        self.is_closed = true;
        for queue in self.tenants.values() {
            queue.complete.notify_one();
        }
    }

    /// Whether nobody serves anybody.
    pub(super) fn is_idle(&self) -> bool {
        self.tenants.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.queued
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(guid: &str, applying: Applying) -> Member {
        let text = format!(
            r#"{{"guid":"{guid}","entityGuid":"x","type":"create-individual","data":{{}},"timestamp":"2026-03-01T12:00:00Z","userId":"ana"}}"#
        );
        let event = FormSubmission::parse(&text).unwrap();
        Member::new(event, Subject::new("tests").unwrap(), applying, oneshot::channel().0)
    }

    fn guids(batch: &[Member]) -> Vec<&str> {
        batch.iter().map(|member| member.event.guid.as_str()).collect()
    }

    fn tenant(name: &str) -> TenantId {
        TenantId::new(name).unwrap()
    }

    #[test]
    fn a_batch_is_what_waits_in_order_and_is_applied_alike() {
        let mut queues = Queues::new(GroupLimits { batch: 2, ..GroupLimits::default() });
        let a = tenant("a");
        for (n, applying) in
            [Applying::Apply, Applying::Apply, Applying::Apply, Applying::AppendOnly].into_iter().enumerate()
        {
            let (_, admitted) = queues.admit(&a, member(&format!("e{n}"), applying)).unwrap();
            assert_eq!(admitted == Admitted::First, n == 0);
        }
        assert_eq!(guids(&queues.take(&a)), ["e0", "e1"]);
        assert_eq!(guids(&queues.take(&a)), ["e2"]);
        assert!(!queues.end(&a), "somebody waits");
        assert_eq!(guids(&queues.take(&a)), ["e3"]);
        assert!(queues.end(&a) && queues.is_idle());
        assert_eq!(queues.len(), 0);
    }

    #[test]
    fn one_tenant_fills_its_own_queue_alone() {
        let limits = GroupLimits { queued: 3, queued_of_tenant: 2, ..GroupLimits::default() };
        let mut queues = Queues::new(limits);
        let (a, b) = (tenant("a"), tenant("b"));
        for n in 0..2 {
            queues.admit(&a, member(&format!("a{n}"), Applying::Apply)).unwrap();
        }
        let refused = queues.admit(&a, member("a2", Applying::Apply));
        assert_eq!(refused, Err(Refused::Full { queued: 2, bytes: 4 }));
        queues.admit(&b, member("b0", Applying::Apply)).unwrap();
        let refused = queues.admit(&b, member("b1", Applying::Apply));
        assert_eq!(refused, Err(Refused::Full { queued: 3, bytes: 6 }));
        queues.close();
        assert_eq!(queues.admit(&b, member("b1", Applying::Apply)), Err(Refused::Closed));
    }

    #[test]
    fn a_lane_is_told_once_as_many_wait_as_it_wants() {
        let mut queues = Queues::new(GroupLimits::default());
        let a = tenant("a");
        queues.admit(&a, member("e0", Applying::Apply)).unwrap();
        assert!(queues.until(&a, 1).is_none(), "it is there");
        let complete = queues.until(&a, 3).unwrap();
        let is_told = || futures_util::FutureExt::now_or_never(complete.notified()).is_some();
        queues.admit(&a, member("e1", Applying::Apply)).unwrap();
        assert!(!is_told());
        queues.admit(&a, member("e2", Applying::Apply)).unwrap();
        assert!(is_told());
        let complete = queues.until(&a, 9).unwrap();
        queues.close();
        assert!(
            futures_util::FutureExt::now_or_never(complete.notified()).is_some(),
            "nobody comes any more"
        );
        assert!(queues.until(&a, 9).is_none());
    }

    #[test]
    fn what_is_taken_back_makes_room_and_is_in_no_batch() {
        let mut queues = Queues::new(GroupLimits { queued: 2, queued_bytes: 4, ..GroupLimits::default() });
        let a = tenant("a");
        let (first, _) = queues.admit(&a, member("e0", Applying::Apply)).unwrap();
        queues.admit(&a, member("e1", Applying::Apply)).unwrap();
        assert!(queues.admit(&a, member("e2", Applying::Apply)).is_err());
        assert!(queues.withdraw(&a, first) && !queues.withdraw(&a, first));
        queues.admit(&a, member("e2", Applying::Apply)).unwrap();
        assert_eq!(guids(&queues.take(&a)), ["e1", "e2"]);
    }

    #[test]
    fn an_event_that_is_too_heavy_for_any_batch_goes_alone() {
        let mut queues = Queues::new(GroupLimits { queued_bytes: 0, ..GroupLimits::default() });
        let a = tenant("a");
        let mut heavy = member("e0", Applying::Apply);
        heavy.bytes = BATCH_BYTES + 1;
        queues.admit(&a, heavy).unwrap();
        let refused = queues.admit(&a, member("e1", Applying::Apply));
        assert_eq!(refused, Err(Refused::Full { queued: 1, bytes: BATCH_BYTES + 1 }));
        assert_eq!(guids(&queues.take(&a)), ["e0"]);
        queues.abandon(&a);
        assert_eq!((queues.len(), queues.is_idle()), (0, true));
    }
}
