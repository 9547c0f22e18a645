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
mod sheet;
mod story;
mod tenant;
mod time;
mod world;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use bad::Facts;
use device::{Device, Visit};
use event::{Change, Event, Payload};
use random::Random;
pub(crate) use sheet::Expected;
use sheet::Sheet;
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
        let mut sheet = Sheet::of(profile.lines);
        let mut world = World::default();
        let (mut bad, mut conflicts) = (0, 0);
        while !sheet.is_full() {
            let arrival = arrival(sheet.len(), profile.lines);
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
                sheet.repeat_last();
            }
            if random.chance(RESENT_LATER) {
                sheet.repeat_any(random);
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
        let (lines, expected) = sheet.finish();
        Ok(Self { tenant: profile.tenant, lines, expected, story })
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
mod tests {
    use std::collections::{HashMap, HashSet};
    use std::sync::LazyLock;

    use serde_json::Value;

    use super::*;

    /// Made once, since every test but one only reads it.
    static PLAN: LazyLock<Plan> = LazyLock::new(|| Plan::make().unwrap());
    const REQUIRED: [&str; 5] = ["guid", "entityGuid", "type", "timestamp", "userId"];

    fn is_well_formed(line: &str) -> bool {
        let Ok(Value::Object(event)) = serde_json::from_str(line) else { return false };
        let is_text =
            |name: &&str| event.get(*name).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
        REQUIRED.iter().all(is_text) && event.get("data").is_some_and(Value::is_object)
    }

    #[test]
    fn same_seed_gives_the_same_bytes() {
        let (first, second) = (&*PLAN, Plan::make().unwrap());
        for (first, second) in first.tenants.iter().zip(&second.tenants) {
            assert_eq!(first.lines, second.lines);
        }
        let folder = tempfile::tempdir().unwrap();
        let path = first.tenants[0].write(folder.path()).unwrap();
        let text = fs::read_to_string(path).unwrap();
        assert_eq!(text.lines().collect::<Vec<_>>(), first.tenants[0].lines);
    }

    #[test]
    fn three_tenants_have_at_least_20_000_lines() {
        assert_eq!(PLAN.tenants.len(), 3);
        assert!(PLAN.lines() >= 20_000, "{}", PLAN.lines());
    }

    #[test]
    fn expected_answers_add_up() {
        for tenant in &PLAN.tenants {
            assert_eq!(
                tenant.expected.accepted + tenant.expected.repeated + tenant.expected.rejections(),
                tenant.lines.len()
            );
            assert_eq!(tenant.expected.rejections(), bad::KINDS.len() + CONFLICTS);
            assert_eq!(tenant.expected.rejected["CONFLICT"], CONFLICTS);
            assert!(tenant.expected.repeated > tenant.lines.len() / 50);
        }
    }

    #[test]
    fn all_lines_but_the_bad_ones_are_well_formed() {
        for tenant in &PLAN.tenants {
            let malformed = tenant.lines.iter().filter(|line| !is_well_formed(line)).count();
            assert!(malformed <= tenant.expected.rejected["INVALID_EVENT"], "{malformed}");
            assert!(tenant.lines.iter().all(|line| !line.contains('\n')));
        }
    }

    #[test]
    fn repeats_and_conflicts_are_as_many_as_expected() {
        for tenant in &PLAN.tenants {
            let mut seen: HashMap<String, Value> = HashMap::new();
            let (mut repeats, mut conflicts) = (0, 0);
            for line in tenant.lines.iter().filter(|line| is_well_formed(line)) {
                let event: Value = serde_json::from_str(line).unwrap();
                let guid = event["guid"].as_str().unwrap().to_owned();
                match seen.get(&guid) {
                    None => drop(seen.insert(guid, event["data"].clone())),
                    Some(data) if *data == event["data"] => repeats += 1,
                    Some(_) => conflicts += 1,
                }
            }
            assert_eq!((repeats, conflicts), (tenant.expected.repeated, CONFLICTS));
        }
    }

    #[test]
    fn every_event_type_and_every_odd_clock_is_there() {
        for tenant in &PLAN.tenants {
            let events: Vec<Value> =
                tenant.lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
            let kinds: HashSet<_> = events.iter().filter_map(|event| event["type"].as_str()).collect();
            let wanted = "create-individual create-group update-individual update-group add-member remove-member \
                          delete-entity resolve-duplicate";
            for kind in wanted.split_whitespace() {
                assert!(kinds.contains(kind), "{kind}");
            }
            let times: Vec<_> = events.iter().filter_map(|event| event["timestamp"].as_str()).collect();
            assert!(times.iter().any(|time| time.starts_with("2099-")));
            assert!(times.iter().any(|time| !time.ends_with('Z')));
            assert!(times.windows(2).filter(|pair| pair[0] == pair[1]).count() > tenant.lines.len() / 50);
            // Days without the year 2099: in UTC texts the order of the texts is that of the times.
            let days: Vec<_> =
                times.iter().filter(|time| time.ends_with('Z') && time.starts_with("202")).collect();
            assert!(days.windows(2).filter(|pair| pair[1][..10] < pair[0][..10]).count() > 50);
        }
    }

    #[test]
    fn story_of_the_household_is_in_the_file() {
        for tenant in &PLAN.tenants {
            let of_household = format!("\"entityGuid\":\"{}\"", tenant.story.household);
            let own = tenant.lines.iter().filter(|line| line.contains(&of_household));
            let kinds: Vec<Value> =
                own.map(|line| serde_json::from_str::<Value>(line).unwrap()["type"].clone()).collect();
            assert_eq!(kinds, tenant.story.own_events);
            assert_ne!(tenant.story.then, tenant.story.now);
            let income = format!("\"income\":{}", tenant.story.now.income);
            let edited = tenant.lines.iter().find(|line| line.contains(&tenant.story.income_event)).unwrap();
            assert!(edited.contains(&income), "{edited}");
        }
    }
}
