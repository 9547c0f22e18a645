//! The household of each register whose life the demo shows: its events, and what must be true of it then and now.
//!
//! Not here: how it is shown (`demo::household`).

use super::device::{Device, Visit, place};
use super::event::{Change, Event, Household, Member, Payload, Person};
use super::random::Random;
use super::tenant::Profile;
use super::time::{DAY, HOUR, Instant, OPENING};

/// What is true of the household at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) income: u32,
    pub(crate) members: Vec<String>,
}

/// What the demo asks about the household, with the right answers.
#[derive(Clone, Debug)]
pub(crate) struct Story {
    pub(crate) household: &'static str,
    pub(crate) name: String,
    /// The types of the household's own events, in order.
    pub(crate) own_events: Vec<&'static str>,
    /// The guids and names of all who ever belonged to it.
    people: Vec<(String, String)>,
    /// A time in the middle of its life.
    pub(crate) at: String,
    pub(crate) then: State,
    pub(crate) now: State,
    /// The event that is proved and later edited: the last update of the income, to `now.income`.
    pub(crate) income_event: String,
}

impl Story {
    /// The name of somebody who ever belonged to the household, or the guid of who never did.
    pub(crate) fn person<'a>(&'a self, guid: &'a str) -> &'a str {
        self.people.iter().find(|(known, _)| known == guid).map_or(guid, |(_, name)| name)
    }
}

/// The household's events, each with the time at which it arrives, and what must come of them.
pub(super) fn tell(random: &mut Random, profile: &Profile, first_guid: &str) -> (Vec<(i64, Event)>, Story) {
    let [head, spouse, child, parent] = [(); 4].map(|()| random.guid());
    let incomes =
        [random.between(90, 130) * 10, random.between(140, 170) * 10, random.between(180, 210) * 10];
    let name = format!("{} household", profile.family);
    let founders = [(&head, "Josephine", "1984-06-11", "female"), (&spouse, "Elias", "1981-11-29", "male")];
    let mut members: Vec<_> =
        founders.map(|(guid, given, born, sex)| member(profile, guid, given, born, sex)).into();
    members.push(member(profile, &child, "Daniel", "2006-03-02", "male"));
    let joins = vec![member(profile, &parent, "Ruth", "1949-01-20", "female")];
    let named = |member: &Member| Some((member.guid.clone(), member.person.as_ref()?.name.clone()));
    let people = members.iter().chain(&joins).filter_map(named).collect();
    let registration = Payload::Household(Box::new(Household {
        name: name.clone(),
        village: profile.villages[0],
        address: "7 Old Ferry Road".to_owned(),
        income: incomes[0],
        location: place(random, profile),
        members,
    }));

    let life = [
        (2, "create-group", profile.household, registration),
        (45, "add-member", profile.household, Payload::Members { members: joins }),
        (96, "update-group", profile.household, income(incomes[1])),
        (163, "remove-member", profile.household, leaves(&child)),
        (214, "update-group", profile.household, income(incomes[2])),
        (259, "delete-entity", parent.as_str(), Payload::End { reason: "deceased" }),
    ];
    let own_events = life.iter().filter(|event| event.2 == profile.household).map(|event| event.1).collect();
    let mut events: Vec<_> = life
        .into_iter()
        .map(|(day, kind, entity, data)| {
            let arrival = OPENING + day * DAY + 9 * HOUR;
            let mut visit = Visit::begin(random, profile, Device::of_story(), arrival);
            (arrival, visit.event(random, kind, entity, data))
        })
        .collect();
    first_guid.clone_into(&mut events[0].1.guid);

    let story = Story {
        household: profile.household,
        name,
        own_events,
        people,
        at: Instant::utc(OPENING + 120 * DAY + 12 * HOUR).text(),
        then: State { income: incomes[1], members: vec![head.clone(), spouse.clone(), child, parent] },
        now: State { income: incomes[2], members: vec![head, spouse] },
        income_event: events[4].1.guid.clone(),
    };
    (events, story)
}

fn member(profile: &Profile, guid: &str, given: &str, born: &str, sex: &'static str) -> Member {
    let person = Person {
        name: format!("{given} {}", profile.family),
        birth_date: born.to_owned(),
        sex,
        phone: None,
        income: 0,
        location: None,
    };
    Member { guid: guid.to_owned(), person: Some(person) }
}

fn income(income: u32) -> Payload {
    Payload::Change(Change { income: Some(income), ..Change::default() })
}

fn leaves(member: &str) -> Payload {
    Payload::Departure { member_id: member.to_owned(), reason: "moved to the city" }
}
