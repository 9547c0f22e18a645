//! People and their homes, drawn from the lists of names.
//!
//! Not here: to whom they belong (`world`).

use super::super::device::place;
use super::super::event::{Household, Person};
use super::super::names::{FAMILIES, MEN, STREETS, WOMEN};
use super::super::random::Random;
use super::super::tenant::Profile;
use super::super::time::{DAY, Instant, OPENING};

/// The age of the oldest.
const OLDEST_DAYS: usize = 33_000;
const ADULT_DAYS: i64 = 6_574;

pub(super) fn family(random: &mut Random) -> &'static str {
    random.pick(&FAMILIES)
}

pub(super) fn household(random: &mut Random, profile: &Profile, family: &str) -> Household {
    Household {
        name: format!("{family} household"),
        village: random.pick(&profile.villages),
        address: address(random),
        income: random.between(40, 900) * 10,
        location: place(random, profile),
        members: Vec::new(),
    }
}

pub(super) fn person(random: &mut Random, profile: &Profile, family: &str) -> Person {
    let age = i64::try_from(random.below(OLDEST_DAYS)).unwrap_or_default();
    let adult = age > ADULT_DAYS;
    let mut person = named(random, family, Instant::utc(OPENING - age * DAY));
    if adult {
        person.phone = random.chance(70).then(|| phone(random, profile));
        person.income = random.between(0, 400) * 5;
        person.location = random.chance(30).then(|| place(random, profile));
    }
    person
}

/// A child that is born on the day of the visit.
pub(super) fn newborn(random: &mut Random, family: &str, today: Instant) -> Person {
    named(random, family, today)
}

pub(super) fn phone(random: &mut Random, profile: &Profile) -> String {
    format!("{}{:07}", profile.phone, random.below(10_000_000))
}

pub(super) fn address(random: &mut Random) -> String {
    format!("{} {}", random.between(1, 240), random.pick(&STREETS))
}

fn named(random: &mut Random, family: &str, born: Instant) -> Person {
    let (sex, names) = if random.chance(51) { ("female", &WOMEN) } else { ("male", &MEN) };
    Person {
        name: format!("{} {family}", random.pick(names)),
        birth_date: born.date(),
        sex,
        phone: None,
        income: 0,
        location: None,
    }
}
