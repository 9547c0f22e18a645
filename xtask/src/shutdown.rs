//! An orderly end on Ctrl-C and SIGTERM: the programs we run are ended, what we made is removed, and we exit with the
//! code that a shell expects (130 after Ctrl-C).
//!
//! Not here: what is left by a crash or SIGKILL. The next start sweeps that (`run::sweep`).

use std::process;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::signal::unix::{SignalKind, signal};

/// How long a program may take to end by itself before it is killed.
const GRACE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(20);

type Work = Box<dyn FnOnce() + Send>;

struct State {
    stopping: bool,
    next_ticket: u64,
    /// Process groups of the programs that run now.
    groups: Vec<Pid>,
    /// What to remove, newest last.
    removals: Vec<(u64, Work)>,
}

static STATE: Mutex<State> =
    Mutex::new(State { stopping: false, next_ticket: 0, groups: Vec::new(), removals: Vec::new() });

/// Something that is removed when this is dropped, or when we are told to stop, whichever comes first.
#[derive(Debug)]
pub(crate) struct Removal {
    ticket: u64,
}

/// Starts to listen for signals.
pub(crate) fn install() {
    thread::spawn(|| {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        let Some(code) = runtime.block_on(wait_for_signal()) else { return };
        stop(code);
    });
}

/// Registers `work` before the thing that it removes exists, so that no moment is uncovered.
pub(crate) fn on_exit(work: impl FnOnce() + Send + 'static) -> Removal {
    uninterrupted(|state| {
        state.next_ticket += 1;
        let ticket = state.next_ticket;
        state.removals.push((ticket, Box::new(work)));
        Removal { ticket }
    })
}

impl Removal {
    /// Keeps the thing after all.
    pub(crate) fn cancel(self) {
        uninterrupted(|state| state.removals.retain(|(ticket, _)| *ticket != self.ticket));
    }
}

impl Drop for Removal {
    fn drop(&mut self) {
        // The lock is held while the work runs, so that a signal waits for it instead of ending us half-way.
        let mut state = lock();
        let Some(index) = state.removals.iter().position(|(ticket, _)| *ticket == self.ticket) else {
            return;
        };
        let (_, work) = state.removals.remove(index);
        work();
    }
}

/// Runs `start`, which makes a process group, and remembers the group so that a signal ends it.
pub(crate) fn register_group<T, E>(start: impl FnOnce() -> Result<(T, Pid), E>) -> Result<(T, Pid), E> {
    uninterrupted(|state| {
        let (child, group) = start()?;
        state.groups.push(group);
        Ok((child, group))
    })
}

/// Forgets a group whose leader has ended.
pub(crate) fn forget_group(group: Pid) {
    uninterrupted(|state| state.groups.retain(|known| *known != group));
}

/// Runs `work` so that a signal is handled before or after it, never in its midst.
pub(crate) fn without_interruption<T>(work: impl FnOnce() -> T) -> T {
    uninterrupted(|_| work())
}

fn uninterrupted<T>(work: impl FnOnce(&mut State) -> T) -> T {
    let mut state = lock();
    if state.stopping {
        drop(state);
        // The thread that handles the signal ends the process; nothing that we would do or say now is of use.
        loop {
            thread::park();
        }
    }
    work(&mut state)
}

fn lock() -> MutexGuard<'static, State> {
    // A panic elsewhere leaves the lists as they were; removal must go on all the same.
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn wait_for_signal() -> Option<i32> {
    let mut interrupt = signal(SignalKind::interrupt()).ok()?;
    let mut terminate = signal(SignalKind::terminate()).ok()?;
    let mut hangup = signal(SignalKind::hangup()).ok()?;
    tokio::select! {
        _ = interrupt.recv() => Some(130),
        _ = terminate.recv() => Some(143),
        _ = hangup.recv() => Some(129),
    }
}

fn stop(code: i32) -> ! {
    let (groups, removals) = {
        let mut state = lock();
        state.stopping = true;
        (std::mem::take(&mut state.groups), std::mem::take(&mut state.removals))
    };
    if !removals.is_empty() {
        eprintln!("\nstopping: removing what was started");
    }
    end_groups(&groups);
    for (_, work) in removals.into_iter().rev() {
        work();
    }
    process::exit(code)
}

fn end_groups(groups: &[Pid]) {
    for group in groups {
        let _ = kill_process_group(*group, Signal::TERM);
    }
    let deadline = Instant::now() + GRACE;
    for group in groups {
        while test_kill_process_group(*group).is_ok() && Instant::now() < deadline {
            thread::sleep(POLL);
        }
        let _ = kill_process_group(*group, Signal::KILL);
    }
}
