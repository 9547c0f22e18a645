//! One log that a publisher follows: when it is published, when it is tried again, and when no more.

use std::sync::Arc;
use std::time::Duration;

use diesel_async::AsyncPgConnection;
use tokio::time::{Instant, timeout};
use veritrail_core::{LogName, TenantId, Timestamp};

use super::state::{LogState, LogStatus};
use crate::error::AccessError;
use crate::publish::{PublishError, WithoutMemory};
use crate::signer::{Signer, SignerError};
use crate::store::PgEventStore;
use crate::{logs, tree_heads};

/// Wait after the first failure; it doubles with each further one, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long one look may take, with a checkpoint: another process may have the signer's memory.
const LOOK_TIMEOUT: Duration = Duration::from_secs(30);

/// A log and what is known of it.
pub(super) struct Followed {
    store: PgEventStore,
    pub(super) state: LogState,
    /// Whether these keys have signed its newest checkpoint, as far as is known.
    is_signed: bool,
    not_before: Instant,
}

/// Why a log was not published.
#[derive(Debug, thiserror::Error)]
enum LookError {
    #[error(transparent)]
    Publish(#[from] PublishError),
    #[error("nothing was published within {0:?}")]
    Timeout(Duration),
}

impl From<AccessError> for LookError {
    fn from(error: AccessError) -> Self {
        Self::Publish(error.into())
    }
}

impl Followed {
    pub(super) fn new(store: PgEventStore, log: LogName) -> Self {
        let tenant = store.tenant().clone();
        let state = LogState {
            tenant,
            log,
            status: LogStatus::Following,
            size: 0,
            published: 0,
            unpublished_since: None,
        };
        Self { store, state, is_signed: false, not_before: Instant::now() }
    }

    /// The next look is due now, whatever failed before.
    pub(super) fn hurry(&mut self) {
        self.not_before = Instant::now();
    }

    /// Publishes the log if it has grown, and notes what came of it.
    pub(super) async fn look<S: Signer>(&mut self, signer: &Arc<S>) {
        if matches!(self.state.status, LogStatus::Stopped { .. }) || Instant::now() < self.not_before {
            return;
        }
        let looked = match timeout(LOOK_TIMEOUT, self.publish(signer)).await {
            Ok(looked) => looked,
            Err(_) => Err(LookError::Timeout(LOOK_TIMEOUT)),
        };
        match looked {
            Ok(()) => self.state.status = LogStatus::Following,
            Err(error) => self.note(&error),
        }
    }

    async fn publish<S: Signer>(&mut self, signer: &Arc<S>) -> Result<(), LookError> {
        let mut session = self.store.session().await?;
        let (tenant, log) = (self.store.tenant(), self.state.log);
        let backlog: Backlog =
            session.snapshot(async |connection| backlog(connection, tenant, log).await).await?;
        (self.state.size, self.state.published) = (backlog.size, backlog.published);
        self.state.unpublished_since = backlog.since;
        // A checkpoint that is ahead of the log is for `publish` to judge.
        let is_even = self.state.published == self.state.size;
        if is_even && (self.is_signed || self.state.size == 0) {
            return Ok(());
        }
        let published = session.publish_log(log, signer, WithoutMemory::Refuse).await?;
        self.is_signed = true;
        let size = published.checkpoint.size;
        (self.state.size, self.state.published, self.state.unpublished_since) = (size, size, None);
        if let Some(switch) = published.switch {
            let (from, to) = (shown(&switch.from), shown(&switch.to));
            tracing::info!(%tenant, %log, size, from, to, "other keys sign from here on");
        }
        Ok(())
    }

    fn note(&mut self, error: &LookError) {
        let (tenant, log) = (&self.state.tenant, self.state.log);
        let text = with_causes(error);
        if is_final(error) {
            tracing::error!(%tenant, %log, error = text, "the log is not published any more");
            self.state.status = LogStatus::Stopped { error: text };
            return;
        }
        let before = match self.state.status {
            LogStatus::Failing { failures, .. } => failures,
            LogStatus::Following | LogStatus::Stopped { .. } => 0,
        };
        tracing::warn!(%tenant, %log, error = text, failures = before + 1, "the log was not published");
        self.not_before = Instant::now() + pause(before);
        self.state.status = LogStatus::Failing { failures: before.saturating_add(1), error: text };
    }
}

/// How far a log and its checkpoints go.
#[derive(Default)]
struct Backlog {
    size: u64,
    published: u64,
    /// Stamp of the first append that no checkpoint covers.
    since: Option<Timestamp>,
}

async fn backlog(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    log: LogName,
) -> Result<Backlog, AccessError> {
    let Some(row) = logs::find(connection, tenant, log).await? else { return Ok(Backlog::default()) };
    let newest = tree_heads::newest_sizes(connection, tenant, log, row.epoch).await?;
    let (size, published) = (newest.head, newest.published.unwrap_or(0));
    let since = if size > published {
        tree_heads::stamp_after(connection, tenant, log, row.epoch, published).await?
    } else {
        None
    };
    Ok(Backlog { size, published, since })
}

/// Whether trying again could only repeat what a person must look at.
fn is_final(error: &LookError) -> bool {
    match error {
        LookError::Timeout(_)
        | LookError::Publish(
            PublishError::NotFlushed
            | PublishError::Empty
            | PublishError::Signer(SignerError::Io { .. } | SignerError::External { .. }),
        ) => false,
        LookError::Publish(PublishError::Access(error)) => {
            matches!(error, AccessError::Corrupt(_) | AccessError::TenantRefused(_))
        }
        LookError::Publish(
            PublishError::Signer(_)
            | PublishError::Integrity(_)
            | PublishError::Replica
            | PublishError::WithinTransaction
            | PublishError::NoMemory { .. }
            | PublishError::NotAdoptable { .. }
            | PublishError::RolledBack { .. }
            | PublishError::Forked { .. }
            | PublishError::OtherEpoch { .. },
        ) => true,
    }
}

/// How long to wait after `before` failures and one more.
fn pause(before: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(before)).min(LONGEST_PAUSE)
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let told = next.to_string();
        if !text.ends_with(&told) {
            text = format!("{text}: {told}");
        }
        cause = next.source();
    }
    text
}

fn shown(keys: &[veritrail_merkle::note::KeyId]) -> String {
    keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::IntegrityError;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pauses: Vec<u64> = [0, 1, 2, 8, 9, 99].map(|n| pause(n).as_secs_f64().to_bits()).to_vec();
        let expected: Vec<u64> = [0.1, 0.2, 0.4, 25.6, 30.0, 30.0].map(f64::to_bits).to_vec();
        assert_eq!(pauses, expected);
    }

    #[test]
    fn what_contradicts_itself_is_not_tried_again() {
        let access = |error: AccessError| LookError::from(error);
        assert!(!is_final(&access(AccessError::Unreachable(String::new()))));
        assert!(!is_final(&access(AccessError::NotMigrated)));
        assert!(!is_final(&LookError::Publish(PublishError::NotFlushed)));
        assert!(is_final(&LookError::Publish(IntegrityError::LogRowMissing.into())));
        assert!(is_final(&LookError::Publish(PublishError::RolledBack { head: 1, signed: 2 })));
    }
}
