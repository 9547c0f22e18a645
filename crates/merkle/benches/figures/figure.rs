//! A figure, how it is written, and how times are taken.
//!
//! Not here: what is timed.

use std::hint::black_box;
use std::time::{Duration, Instant};

use cpu_time::ThreadTime;

/// Ours, the reference, and the ratio of the two that has a goal.
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) ratio: f64,
    pub(crate) ours: f64,
    pub(crate) reference: Option<f64>,
    pub(crate) unit: &'static str,
    pub(crate) goal: &'static str,
}

impl Figure {
    /// Our time over that of the reference.
    pub(crate) fn ours_over_reference(
        name: &str,
        [ours, reference]: [Duration; 2],
        goal: &'static str,
    ) -> Self {
        let [ours, reference] = [ours, reference].map(milliseconds);
        Self {
            name: name.to_owned(),
            ratio: ours / reference,
            ours,
            reference: Some(reference),
            unit: "ms",
            goal,
        }
    }

    /// The reference's time over ours: how many times faster we are.
    pub(crate) fn reference_over_ours(
        name: &str,
        [ours, reference]: [Duration; 2],
        goal: &'static str,
    ) -> Self {
        let ratio = reference.as_secs_f64() / ours.as_secs_f64();
        Self { ratio, ..Self::ours_over_reference(name, [ours, reference], goal) }
    }

    /// The same, of times for one operation, in microseconds.
    pub(crate) fn for_one(name: &str, times: [Duration; 2], goal: &'static str) -> Self {
        let [ours, reference] = times.map(|time| milliseconds(time) * 1e3);
        Self { ours, reference: Some(reference), unit: "µs", ..Self::reference_over_ours(name, times, goal) }
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// All figures as one JSON document.
pub(crate) fn document(figures: &[Figure]) -> String {
    let figures: Vec<String> = figures
        .iter()
        .map(|Figure { name, ratio, ours, reference, unit, goal }| {
            let reference = reference.map_or_else(|| "null".to_owned(), |reference| format!("{reference:.3}"));
            format!(
                r#"{{"name":"{name}","ratio":{ratio:.3},"ours":{ours:.3},"reference":{reference},"unit":"{unit}","goal":"{goal}"}}"#
            )
        })
        .collect();
    format!(r#"{{"area":"merkle","figures":[{}]}}"#, figures.join(","))
}

/// The least time of each task over so many rounds, the tasks in turn.
pub(crate) fn least<const N: usize>(
    rounds: usize,
    mut tasks: [&mut dyn FnMut() -> Duration; N],
) -> [Duration; N] {
    let mut least = [Duration::MAX; N];
    for _ in 0..rounds {
        for (least, task) in least.iter_mut().zip(&mut tasks) {
            *least = (*least).min(task());
        }
    }
    least
}

/// What the work takes of this thread's CPU.
pub(crate) fn cpu<T>(work: impl FnOnce() -> T) -> Duration {
    let start = ThreadTime::now();
    black_box(work());
    start.elapsed()
}

/// What the work takes by the clock on the wall.
pub(crate) fn wall<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    black_box(work());
    start.elapsed()
}
