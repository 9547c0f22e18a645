//! A file while it is written, and how its lines must be answered.
//!
//! Not here: what the lines say (`world`, `story`, `bad`).

use std::collections::BTreeMap;
use std::ops::Range;

use super::event::Event;
use super::random::Random;

/// How many lines must be answered how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) accepted: usize,
    pub(crate) repeated: usize,
    /// By the code of the refusal.
    pub(crate) rejected: BTreeMap<String, usize>,
}

impl Expected {
    pub(crate) fn rejections(&self) -> usize {
        self.rejected.values().sum()
    }
}

/// A file while it is written.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    limit: usize,
    lines: Vec<String>,
    /// The lines of each visit.
    visits: Vec<Range<usize>>,
    expected: Expected,
}

impl Sheet {
    pub(super) fn of(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    pub(super) fn finish(self) -> (Vec<String>, Expected) {
        (self.lines, self.expected)
    }

    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.lines.len() >= self.limit
    }

    /// Whether the file is so far that number `number` of `count`, spread over all of it, is due.
    pub(super) fn has_reached(&self, number: usize, count: usize) -> bool {
        number <= count && !self.is_full() && self.lines.len() * (count + 2) >= number * self.limit
    }

    /// Writes a visit; one that does not fit any more is cut off, as nothing comes after it.
    pub(super) fn accept(&mut self, events: &[Event]) -> anyhow::Result<()> {
        let first = self.lines.len();
        for event in &events[..events.len().min(self.limit - first)] {
            self.lines.push(serde_json::to_string(event)?);
        }
        self.expected.accepted += self.lines.len() - first;
        self.visits.push(first..self.lines.len());
        Ok(())
    }

    /// Sends the newest visit again, as after an answer that was lost.
    pub(super) fn repeat_last(&mut self) {
        self.repeat(self.visits.len() - 1);
    }

    /// Sends any visit again.
    pub(super) fn repeat_any(&mut self, random: &mut Random) {
        self.repeat(random.below(self.visits.len()));
    }

    pub(super) fn reject(&mut self, code: &str, line: String) {
        if !self.is_full() {
            self.lines.push(line);
            *self.expected.rejected.entry(code.to_owned()).or_default() += 1;
        }
    }

    /// Writes a visit again. What the device says of its network may have changed: it is no part of the content.
    fn repeat(&mut self, visit: usize) {
        for at in self.visits[visit].clone() {
            if self.is_full() {
                return;
            }
            let again = self.lines[at].replace(r#""networkStatus":"offline""#, r#""networkStatus":"online""#);
            self.lines.push(again);
            self.expected.repeated += 1;
        }
    }
}
