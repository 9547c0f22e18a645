//! A lane: the task that stores one tenant's events, batch by batch, as long as any wait.
//!
//! How a batch is stored is in `group/commit.rs`.

use std::sync::Arc;

use veritrail_core::TenantId;

use super::Shared;
use super::commit::commit;
use crate::store::PgEventStore;

/// Batches that a lane stores before it lets another tenant have its connection, if one waits for it.
const BATCHES_OF_A_TURN: usize = 16;

/// Serves a tenant until nothing waits.
pub(super) async fn serve(shared: Arc<Shared>, tenant: TenantId) {
    let mut lane = Lane { shared: &shared, tenant: &tenant, has_ended: false };
    let store = shared.store.clone().with_tenant(tenant.clone());
    let mut expected = 1;
    while !lane.has_ended {
        let _turn = shared.turns.acquire().await.expect("the semaphore is never closed");
        lane.take_turn(&store, &mut expected).await;
    }
}

struct Lane<'a> {
    shared: &'a Shared,
    tenant: &'a TenantId,
    /// Whether another lane may serve the tenant by now.
    has_ended: bool,
}

impl Lane<'_> {
    /// Stores some batches on one connection. `expected` is how many submitters were there last.
    async fn take_turn(&mut self, store: &PgEventStore, expected: &mut usize) {
        let mut session = None;
        for batches in 0.. {
            if batches >= BATCHES_OF_A_TURN && self.shared.turns.available_permits() == 0 {
                return;
            }
            self.linger(*expected).await;
            if self.shared.lock().end(self.tenant) {
                self.has_ended = true;
                return;
            }
            let take = || self.shared.lock().take(self.tenant);
            let waiting = || self.shared.lock().waiting(self.tenant);
            let committed = commit(store, &mut session, take, waiting).await;
            if committed.has_stored {
                self.shared.committed.notify();
            }
            // Those that were answered come again, if they come again, beside those that came meanwhile.
            *expected = committed.taken + committed.others;
        }
    }

    /// Waits a moment for as many submitters as were there last. Without that, one that comes first would be
    /// served alone while all others wait, round after round.
    async fn linger(&self, expected: usize) {
        let wanted = expected.min(self.shared.limits.batch.max(1));
        let Some(complete) = self.shared.lock().until(self.tenant, wanted) else { return };
        // Whether they have come or the time is over is one to what follows.
        let _ = tokio::time::timeout(self.shared.limits.linger, complete.notified()).await;
    }
}

impl Drop for Lane<'_> {
    fn drop(&mut self) {
        let mut queues = self.shared.lock();
        if !self.has_ended {
            // The task was cut off, and nobody else serves this tenant: those who wait are told so.
            queues.abandon(self.tenant);
        }
        if queues.is_idle() {
            self.shared.idle.notify_waiters();
        }
    }
}
