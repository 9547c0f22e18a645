//! The demo's input: three NDJSON files of form submissions, the same bytes at every run, and what must become of each
//! line.
//!
//! Not here: submitting them (`demo::submit`). What the registers live through is in `generate/world.rs`, what is wrong
//! on purpose in `generate/bad.rs`.

mod bad;
mod device;
mod event;
mod names;
mod random;
mod story;
mod tenant;
mod time;
mod world;

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use bad::Facts;
use device::{Device, Visit};
use event::{Change, Event, Payload};
use random::Random;
pub(crate) use story::{State, Story};
use tenant::{PROFILES, Profile};
use time::{DAY, DAYS, HOUR, OPENING};
use world::World;

/// Changing it changes every byte of the files.
const SEED: u64 = 0x5652_5444_454d_4f31;
/// Guids that are used again for another content, in every file.
const CONFLICTS: usize = 5;
/// How many of 100 visits are sent twice at once, because the answer was lost.
const RESENT_AT_ONCE: usize = 4;
/// How many of 100 visits are followed by an older one that is sent again.
const RESENT_LATER: usize = 4;
/// How many of 100 visits are lists from the office.
const IMPORTS: usize = 1;

/// The files of all tenants.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) tenants: Vec<TenantPlan>,
}

/// One tenant's file, with the right answers.
#[derive(Debug)]
pub(crate) struct TenantPlan {
    pub(crate) tenant: &'static str,
    pub(crate) lines: Vec<String>,
    pub(crate) expected: Expected,
    pub(crate) story: Story,
}

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

    pub(crate) fn total(&self) -> usize {
        self.accepted + self.repeated + self.rejections()
    }
}

impl Plan {
    pub(crate) fn make() -> anyhow::Result<Self> {
        let mut random = Random::new(SEED);
        // One guid is used in all three registers, where it is no conflict.
        let shared = random.guid();
        let tenants = PROFILES.iter().map(|profile| {
            let mut random = Random::new(SEED ^ u64::try_from(profile.lines)?);
            TenantPlan::make(&mut random, profile, &shared)
        });
        Ok(Self { tenants: tenants.collect::<anyhow::Result<_>>()? })
    }

    pub(crate) fn lines(&self) -> usize {
        self.tenants.iter().map(|tenant| tenant.lines.len()).sum()
    }
}

impl TenantPlan {
    pub(crate) fn file_name(&self) -> String {
        format!("{}.ndjson", self.tenant)
    }

    pub(crate) fn write(&self, folder: &Path) -> anyhow::Result<PathBuf> {
        let path = folder.join(self.file_name());
        let text = self.lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect::<String>();
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    fn make(random: &mut Random, profile: &Profile, shared_guid: &str) -> anyhow::Result<Self> {
        let (life, story) = story::tell(random, profile, shared_guid);
        let mut life = life.into_iter().peekable();
        let mut sheet = Sheet { limit: profile.lines, ..Sheet::default() };
        let mut world = World::default();
        let (mut bad, mut conflicts) = (0, 0);
        while !sheet.is_full() {
            let arrival = arrival(sheet.lines.len(), profile.lines);
            while let Some((_, event)) = life.next_if(|(at, _)| *at <= arrival) {
                sheet.accept(&[event])?;
            }
            let is_import = random.chance(IMPORTS);
            let device = if is_import { World::office() } else { Device::choose(random) };
            let mut visit = Visit::begin(random, profile, device, arrival);
            let deeds = if is_import { World::import } else { World::visit };
            let events = deeds(&mut world, random, &mut visit, arrival);
            sheet.accept(&events)?;
            if random.chance(RESENT_AT_ONCE) {
                sheet.repeat(sheet.visits.len() - 1);
            }
            if random.chance(RESENT_LATER) {
                sheet.repeat(random.below(sheet.visits.len()));
            }
            if sheet.has_reached(bad + 1, bad::KINDS.len())
                && let Some((individual, group)) = world.examples()
            {
                let kind = &bad::KINDS[bad];
                let timestamp = visit.timestamp().text();
                let facts =
                    Facts { guid: random.guid(), individual, group, nobody: random.guid(), timestamp };
                sheet.reject(kind.code, (kind.write)(&facts));
                bad += 1;
            }
            if sheet.has_reached(conflicts + 1, CONFLICTS)
                && let Some(event) = events.iter().find_map(with_other_income)
            {
                sheet.reject("CONFLICT", serde_json::to_string(&event)?);
                conflicts += 1;
            }
        }
        anyhow::ensure!(
            life.next().is_none() && bad == bad::KINDS.len() && conflicts == CONFLICTS,
            "the file of {} ended before everything was in it",
            profile.tenant
        );
        Ok(Self { tenant: profile.tenant, lines: sheet.lines, expected: sheet.expected, story })
    }
}

/// A file while it is written.
#[derive(Default)]
struct Sheet {
    limit: usize,
    lines: Vec<String>,
    /// The lines of each visit.
    visits: Vec<Range<usize>>,
    expected: Expected,
}

impl Sheet {
    fn is_full(&self) -> bool {
        self.lines.len() >= self.limit
    }

    /// Whether the file is so far that number `number` of `count`, spread over all of it, is due.
    fn has_reached(&self, number: usize, count: usize) -> bool {
        number <= count && !self.is_full() && self.lines.len() * (count + 2) >= number * self.limit
    }

    /// Writes a visit; one that does not fit any more is cut off, as nothing comes after it.
    fn accept(&mut self, events: &[Event]) -> anyhow::Result<()> {
        let first = self.lines.len();
        for event in &events[..events.len().min(self.limit - first)] {
            self.lines.push(serde_json::to_string(event)?);
        }
        self.expected.accepted += self.lines.len() - first;
        self.visits.push(first..self.lines.len());
        Ok(())
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

    fn reject(&mut self, code: &str, line: String) {
        if !self.is_full() {
            self.lines.push(line);
            *self.expected.rejected.entry(code.to_owned()).or_default() += 1;
        }
    }
}

/// When a line arrives: the lines are spread over the days, and over the working hours of each.
fn arrival(line: usize, of: usize) -> i64 {
    const PARTS: i64 = 1_000;
    let (line, of) = (i64::try_from(line).unwrap_or_default(), i64::try_from(of).unwrap_or(1));
    let passed = line * DAYS * PARTS / of;
    OPENING + passed / PARTS * DAY + 5 * HOUR + passed % PARTS * 11 * HOUR / PARTS
}

/// The same guid, of an update of an income, with another income.
fn with_other_income(event: &Event) -> Option<Event> {
    let Payload::Change(Change { income: Some(income), .. }) = event.data else { return None };
    let data = Payload::Change(Change { income: Some(income + 15), ..Change::default() });
    Some(Event { data, ..event.clone() })
}

#[cfg(test)]
mod tests;
