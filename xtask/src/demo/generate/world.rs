//! What is true in a register while its file is written: who lives where. Every event that it makes applies.
//!
//! Not here: what is wrong on purpose (`bad`), and the household that the demo follows (`story`).

mod people;

use super::device::{Device, OFFICE, Visit, place};
use super::event::{Change, Event, Member, Pair, Payload};
use super::random::Random;
use people::{household, newborn, person};

/// Someone or something that has been registered.
#[derive(Clone, Debug)]
struct Known {
    guid: String,
    /// When the registration arrived, and others could learn of it.
    since: i64,
}

#[derive(Clone, Debug)]
struct Group {
    guid: String,
    since: i64,
    family: &'static str,
    members: Vec<Known>,
}

/// The living entities of a register, in the order in which they became known.
#[derive(Debug, Default)]
pub(super) struct World {
    groups: Vec<Group>,
    /// Individuals of no household.
    singles: Vec<Known>,
    /// Who was registered twice: the first registration and the second.
    twins: Vec<(Known, Known)>,
    arrival: i64,
}

/// Something that a visit does, and how many of 100 times.
type Deed = (usize, fn(&mut World, &mut Random, &mut Visit<'_>) -> Vec<Event>);

const DEEDS: [Deed; 11] = [
    (14, World::register_household),
    (7, World::register_then_join),
    (34, World::follow_up),
    (9, World::newcomer),
    (6, World::departure),
    (5, World::death),
    (2, World::moved_away),
    (8, World::register_single),
    (6, World::join),
    (4, World::register_twice),
    (5, World::resolve_twins),
];

impl World {
    /// What one visit brings; never nothing.
    pub(super) fn visit(&mut self, random: &mut Random, visit: &mut Visit<'_>, arrival: i64) -> Vec<Event> {
        self.arrival = arrival;
        let mut events = Vec::new();
        for _ in 0..random.between(1, 3) {
            let (_, deed) = DEEDS[random.weighted(&DEEDS.map(|(share, _)| share))];
            events.extend(deed(self, random, visit));
        }
        if events.is_empty() {
            // At the opening there is nobody yet to follow up, and a registration is always possible.
            events = self.register_household(random, visit);
        }
        events
    }

    /// A list of individuals from the office, all with one timestamp.
    pub(super) fn import(&mut self, random: &mut Random, visit: &mut Visit<'_>, arrival: i64) -> Vec<Event> {
        self.arrival = arrival;
        (0..random.between(10, 24)).flat_map(|_| self.register_single(random, visit)).collect()
    }

    pub(super) fn office() -> &'static Device {
        &OFFICE
    }

    /// An individual and a group that exist, for what is to be refused for another reason.
    pub(super) fn examples(&self) -> Option<(&str, &str)> {
        let group = self.groups.iter().rev().find(|group| !group.members.is_empty())?;
        Some((&group.members[0].guid, &group.guid))
    }

    fn register_household(&mut self, random: &mut Random, visit: &mut Visit<'_>) -> Vec<Event> {
        let family = people::family(random);
        let mut data = household(random, visit.profile(), family);
        for _ in 0..random.between(2, 6) {
            let member = person(random, visit.profile(), family);
            data.members.push(Member { guid: random.guid(), person: Some(member) });
        }
        let members = data.members.iter().map(|member| self.known(&member.guid)).collect();
        let guid = random.guid();
        let event = visit.event(random, "create-group", &guid, Payload::Household(Box::new(data)));
        self.groups.push(Group { guid, since: self.arrival, family, members });
        vec![event]
    }

    fn register_then_join(&mut self, random: &mut Random, visit: &mut Visit<'_>) -> Vec<Event> {
        let family = people::family(random);
        let group = random.guid();
        let data = Payload::Household(Box::new(household(random, visit.profile(), family)));
        let mut events = vec![visit.event(random, "create-group", &group, data)];
        let mut members = Vec::new();
        for _ in 0..random.between(1, 4) {
            let guid = random.guid();
            let data = Payload::Person(person(random, visit.profile(), family));
            events.push(visit.event(random, "create-individual", &guid, data));
            members.push(self.known(&guid));
        }
        let list = members.iter().map(|member| Member { guid: member.guid.clone(), person: None }).collect();
        events.push(visit.event(random, "add-member", &group, Payload::Members { members: list }));
        self.groups.push(Group { guid: group, since: self.arrival, family, members });
        events
    }

    fn follow_up(&mut self, random: &mut Random, visit: &mut Visit<'_>) -> Vec<Event> {
        let Some(at) = self.any_group(random, visit) else { return Vec::new() };
        let knows_until = visit.knows_until();
        let group = &self.groups[at];
        let mut events = Vec::new();
        if random.chance(60) {
            let data = Change {
                income: Some(random.between(40, 900) * 10),
                address: random.chance(20).then(|| people::address(random)),
                location: random.chance(10).then(|| place(random, visit.profile())),
                ..Change::default()
            };
            events.push(visit.event(random, "update-group", &group.guid, Payload::Change(data)));
        }
        for member in group.members.iter().filter(|member| member.since <= knows_until) {
            if random.chance(45) {
                let data = Change {
                    income: Some(random.between(0, 400) * 5),
                    phone: random.chance(25).then(|| people::phone(random, visit.profile())),
                    ..Change::default()
                };
                events.push(visit.event(random, "update-individual", &member.guid, Payload::Change(data)));
            }
        }
        events
    }

    fn newcomer(&mut self, random: &mut Random, visit: &mut Visit<'_>) -> Vec<Event> {
        let Some(at) = self.any_group(random, visit) else { return Vec::new() };
        let born = newborn(random, self.groups[at].family, visit.timestamp());
        let member = Member { guid: random.guid(), person: Some(born) };
        let known = self.known(&member.guid);
        let group = &mut self.groups[at];
        group.members.push(known);
        vec![visit.event(random, "add-member", &group.guid, Payload::Members { members: vec![member] })]
    }

    fn departure(&mut self, random: &mut Random, visit: &mut Visit<'_>) -> Vec<Event> {
        let Some((at, member)) = self.any_member(random, visit, 3) else { return Vec::new() };
        let group = &mut self.groups[at];
        let member_id = group.members.remove(member).guid;
        let data = Payload::Departure { member_id, reason: "moved to another household" };
        vec![visit.event(random, "remove-member", &group.guid, data)]
    }

    fn death(&mut self, random: &mut Random, visit: &mut Visit<'_>) -> Vec<Event> {
        let Some((at, member)) = self.any_member(random, visit, 2) else { return Vec::new() };
        let guid = self.groups[at].members.remove(member).guid;
        vec![visit.event(random, "delete-entity", &guid, Payload::End { reason: "deceased" })]
    }

    fn moved_away(&mut self, random: &mut Random, visit: &mut Visit<'_>) -> Vec<Event> {
        let Some(at) = self.any_group(random, visit) else { return Vec::new() };
        let guid = self.groups.remove(at).guid;
        vec![visit.event(
            random,
            "delete-entity",
            &guid,
            Payload::End { reason: "moved out of the district" },
        )]
    }

    fn register_single(&mut self, random: &mut Random, visit: &mut Visit<'_>) -> Vec<Event> {
        let guid = random.guid();
        let family = people::family(random);
        let data = person(random, visit.profile(), family);
        self.singles.push(self.known(&guid));
        vec![visit.event(random, "create-individual", &guid, Payload::Person(data))]
    }

    fn join(&mut self, random: &mut Random, visit: &mut Visit<'_>) -> Vec<Event> {
        let singles = self.singles.partition_point(|single| single.since <= visit.knows_until());
        let Some(at) = self.any_group(random, visit).filter(|_| singles > 0) else { return Vec::new() };
        let Known { guid, .. } = self.singles.remove(random.below(singles));
        let known = self.known(&guid);
        let group = &mut self.groups[at];
        group.members.push(known);
        let members = vec![Member { guid, person: None }];
        vec![visit.event(random, "add-member", &group.guid, Payload::Members { members })]
    }

    fn register_twice(&mut self, random: &mut Random, visit: &mut Visit<'_>) -> Vec<Event> {
        let family = people::family(random);
        let first = person(random, visit.profile(), family);
        let mut second = first.clone();
        second.name = first.name.to_uppercase();
        second.phone = None;
        let (guid, again) = (random.guid(), random.guid());
        self.twins.push((self.known(&guid), self.known(&again)));
        let data = [(guid, first), (again, second)];
        let mut create = |(guid, data): (String, _)| {
            visit.event(random, "create-individual", &guid, Payload::Person(data))
        };
        data.into_iter().map(&mut create).collect()
    }

    fn resolve_twins(&mut self, random: &mut Random, visit: &mut Visit<'_>) -> Vec<Event> {
        let known = self.twins.partition_point(|(_, second)| second.since <= visit.knows_until());
        if known == 0 {
            return Vec::new();
        }
        let (first, second) = self.twins.remove(random.below(known));
        let pair = Pair { entity_guid: second.guid.clone(), duplicate_guid: first.guid };
        let data = Payload::Duplicates { duplicates: [pair], should_delete: random.chance(70) };
        vec![visit.event(random, "resolve-duplicate", &second.guid, data)]
    }

    fn known(&self, guid: &str) -> Known {
        Known { guid: guid.to_owned(), since: self.arrival }
    }

    /// A household that the visitor can know.
    fn any_group(&self, random: &mut Random, visit: &Visit<'_>) -> Option<usize> {
        let known = self.groups.partition_point(|group| group.since <= visit.knows_until());
        (known > 0).then(|| random.below(known))
    }

    /// A household of at least `size`, and one of its members, that the visitor can know.
    fn any_member(&self, random: &mut Random, visit: &Visit<'_>, size: usize) -> Option<(usize, usize)> {
        let at = self.any_group(random, visit)?;
        let members = &self.groups[at].members;
        let known = members.partition_point(|member| member.since <= visit.knows_until());
        (known > 0 && members.len() >= size).then(|| (at, random.below(known)))
    }
}
