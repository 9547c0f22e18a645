//! What a publisher tells of itself: for health checks and metrics, not for proofs.

use veritrail_core::{LogName, TenantId, Timestamp};

use super::follow::Followed;

/// What a publisher does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublisherState {
    /// Whether it will look again.
    pub is_running: bool,
    /// Each log that it follows.
    pub logs: Vec<LogState>,
}

/// What is published of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogState {
    /// Whose log it is.
    pub tenant: TenantId,
    /// Which of the tenant's logs.
    pub log: LogName,
    /// What comes next.
    pub status: LogStatus,
    /// Size of the newest committed head when it was looked at last; 0 for a log that is empty or not there.
    pub size: u64,
    /// Size of the newest checkpoint; 0 where there is none.
    pub published: u64,
    /// Stamp of the first append that no checkpoint covers.
    pub unpublished_since: Option<Timestamp>,
}

/// What comes next for a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogStatus {
    /// It is published as it grows.
    Following,
    /// It could not be published, and is tried again.
    Failing {
        /// How often in a row it has failed.
        failures: u32,
        /// Why the last time.
        error: String,
    },
    /// It is not published any more: it contradicts itself or what was signed, or is signed elsewhere.
    Stopped {
        /// Why.
        error: String,
    },
}

impl PublisherState {
    pub(super) fn of(followed: &[Followed]) -> Self {
        Self { is_running: true, logs: followed.iter().map(|followed| followed.state.clone()).collect() }
    }

    /// Whether each log is published as it grows.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.is_running && self.logs.iter().all(|log| log.status == LogStatus::Following)
    }
}

impl LogState {
    /// How many entries no checkpoint covers.
    #[must_use]
    pub fn unpublished(&self) -> u64 {
        self.size.saturating_sub(self.published)
    }
}
