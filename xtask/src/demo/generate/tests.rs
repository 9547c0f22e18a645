use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use serde_json::Value;

use super::*;

/// Made once, since every test but one only reads it.
static PLAN: LazyLock<Plan> = LazyLock::new(|| Plan::make().unwrap());
const REQUIRED: [&str; 5] = ["guid", "entityGuid", "type", "timestamp", "userId"];

fn is_well_formed(line: &str) -> bool {
    let Ok(Value::Object(event)) = serde_json::from_str(line) else { return false };
    let is_text = |name: &&str| event.get(*name).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
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
        assert_eq!(tenant.expected.total(), tenant.lines.len());
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
