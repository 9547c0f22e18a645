//! The publisher: a task that signs the newest committed head of each log, again and again.
//!
//! It runs beside the appends and never inside a transaction. What one checkpoint takes is in `publish`; how one log
//! is followed, and what stops that, in `publisher/follow.rs`; what is told of it in `publisher/state.rs`.

mod follow;
mod state;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use veritrail_core::LogName;

use crate::signer::Signer;
use crate::store::PgEventStore;
use follow::Followed;
pub use state::{LogState, LogStatus, PublisherState};

/// How often logs are looked at that other processes append to, where every commit of this one is published.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Logs that are looked at side by side: as many connections of their pools are in use at most.
const SIDE_BY_SIDE: usize = 4;
/// How long a stop waits at most for what is pending to be published.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// What is published, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublisherSettings {
    /// Time between two checkpoints of a log; zero publishes after every commit, or after several that come while
    /// the last one is signed.
    pub interval: Duration,
    /// The logs of each tenant; one that is not there yet is published once it is.
    pub logs: Vec<LogName>,
}

impl Default for PublisherSettings {
    fn default() -> Self {
        Self { interval: Duration::from_secs(1), logs: vec![LogName::Events, LogName::Audit] }
    }
}

/// Tells those who follow a log that something was committed to it. Clones are one signal.
///
/// It is given after the commit and outside of the database, where a `NOTIFY` would make all commits queue.
#[derive(Clone, Debug)]
pub struct CommitSignal {
    commits: Arc<watch::Sender<u64>>,
}

impl Default for CommitSignal {
    fn default() -> Self {
        Self { commits: Arc::new(watch::Sender::new(0)) }
    }
}

impl CommitSignal {
    /// Something was committed.
    pub fn notify(&self) {
        self.commits.send_modify(|commits| *commits = commits.wrapping_add(1));
    }
}

/// A running publisher. When it is dropped it ends by itself, as after [`stop`](Self::stop), with nobody waiting.
///
/// A log that cannot be published because the database is out of reach is tried again, ever more slowly. One that
/// contradicts itself or what was signed is not: it stays stopped, with the reason in its [`LogState`], until a person
/// has looked at it and starts another publisher. Several processes with one signer's memory take turns.
#[derive(Debug)]
pub struct Publisher {
    stop: watch::Sender<bool>,
    state: watch::Receiver<PublisherState>,
    task: JoinHandle<()>,
}

impl Publisher {
    /// Begins to publish the logs of some tenants, on the present runtime. `committed` is what their appends signal;
    /// it matters where the interval is zero.
    #[must_use]
    pub fn start<S: Signer>(
        stores: &[PgEventStore],
        signer: Arc<S>,
        settings: &PublisherSettings,
        committed: &CommitSignal,
    ) -> Self {
        let followed: Vec<Followed> = stores
            .iter()
            .flat_map(|store| settings.logs.iter().map(|log| Followed::new(store.clone(), *log)))
            .collect();
        let (report, state) = watch::channel(PublisherState::of(&followed));
        let (stop, stopped) = watch::channel(false);
        let commits = committed.commits.subscribe();
        let run = Run { followed, signer, interval: settings.interval, commits, stopped, report };
        Self { stop, state, task: tokio::spawn(run.until_stopped()) }
    }

    /// What is published and what is not; the receiver is told of each change. Once the publisher has ended, its last
    /// state stays.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<PublisherState> {
        self.state.clone()
    }

    /// Publishes what is pending, for [10 seconds](STOP_TIMEOUT) at most, and ends.
    pub async fn stop(self) -> PublisherState {
        // Where nobody listens any more, the task has ended already.
        let _ = self.stop.send(true);
        // A task that was cut off leaves the state that it told last.
        let _ = self.task.await;
        self.state.borrow().clone()
    }
}

/// What the task owns.
struct Run<S> {
    followed: Vec<Followed>,
    signer: Arc<S>,
    interval: Duration,
    commits: watch::Receiver<u64>,
    stopped: watch::Receiver<bool>,
    report: watch::Sender<PublisherState>,
}

impl<S: Signer> Run<S> {
    async fn until_stopped(mut self) {
        let mut stopped = self.stopped.clone();
        loop {
            // What is committed from here on is seen by the next look, if not by this one.
            self.commits.borrow_and_update();
            let due = self.due();
            let round = async {
                self.look().await;
                due.await;
            };
            tokio::select! {
                // Told to stop, or nobody is left to tell. A look that is broken off is done again below.
                _ = stopped.changed() => break,
                () = round => {}
            }
        }
        let deadline = Instant::now() + STOP_TIMEOUT;
        for followed in &mut self.followed {
            followed.hurry();
        }
        // What was not published by then is told in the state.
        let _ = timeout_at(deadline, self.look()).await;
        let mut state = PublisherState::of(&self.followed);
        state.is_running = false;
        self.report.send_replace(state);
    }

    /// When to look again.
    fn due(&self) -> impl Future<Output = ()> + Send + use<S> {
        let (interval, mut commits) = (self.interval, self.commits.clone());
        async move {
            if !interval.is_zero() {
                return tokio::time::sleep(interval).await;
            }
            tokio::select! {
                changed = commits.changed() => if changed.is_err() {
                    // Nobody is left who could signal: only the clock is.
                    tokio::time::sleep(LOOK_AGAIN).await;
                },
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
        }
    }

    /// Looks at each log, and publishes what has grown.
    #[tracing::instrument(name = "publisher.look", skip_all)]
    async fn look(&mut self) {
        let signer = &self.signer;
        stream::iter(&mut self.followed)
            .for_each_concurrent(SIDE_BY_SIDE, |followed| followed.look(signer))
            .await;
        let state = PublisherState::of(&self.followed);
        self.report.send_if_modified(|told| {
            let is_news = *told != state;
            *told = state;
            is_news
        });
    }
}
