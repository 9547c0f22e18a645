//! Where a cursor leads in a log: what a store must look up for it, and which events follow from what was found.
//!
//! Pure: a store carries out the [`Lookups`] and asks [`locate`]. What a cursor's text means is in `cursor`.

use veritrail_core::{EventGuid, Timestamp};

use crate::cursor::Cursor;

/// How much earlier than a cursor cut or rounded to milliseconds the event may have been recorded.
const COARSE_BEFORE_MICROS: i64 = 500;
/// How much later.
const COARSE_AFTER_MICROS: i64 = 1_000;
/// By how many events a page may go on so that a reader who keeps its cursor in an older way advances.
pub const MAX_EXTENSION: u32 = 10_000;

/// Whose way of keeping a cursor counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CursorRules {
    /// Readers who keep the cursor of the page: the command line, replicas, clients that send our protocol header.
    /// A time is when an event was recorded; a cursor that is not of this log is refused.
    Ours,
    /// Clients of DataCollect, which keep an event's own timestamp: a time is also looked for there, and what is
    /// not of this log is served from the beginning.
    DataCollect,
}

/// What a store looks up to find where a cursor leads. What is `None` need not be looked up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lookups<'a> {
    /// The position of the event with this guid.
    pub named: Option<&'a EventGuid>,
    /// The lowest position of an event that happened at this instant.
    pub happened: Option<Timestamp>,
    /// The first position recorded at or after this instant.
    pub follows: Option<Timestamp>,
    /// The same: the first event of which the cursor may be a cut or rounded form.
    pub near: Option<Timestamp>,
    /// The same: the first event after the last of those.
    pub beyond: Option<Timestamp>,
}

/// What was found; positions that no event has are `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Landmarks {
    /// The position after the log's last event.
    pub size: u64,
    /// The log's newest stamp.
    pub end: Option<Timestamp>,
    /// Whether the server follows another one, which may have events that it has not.
    pub is_standby: bool,
    /// See [`Lookups::named`].
    pub named: Option<u64>,
    /// See [`Lookups::happened`].
    pub happened: Option<u64>,
    /// See [`Lookups::follows`].
    pub follows: Option<u64>,
    /// See [`Lookups::near`].
    pub near: Option<u64>,
    /// See [`Lookups::beyond`].
    pub beyond: Option<u64>,
}

/// Where a cursor leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The page begins at a position and has so many events if there are as many.
    From {
        /// First position of the page.
        begin: u64,
        /// Events of the page: the reader's limit, or more so that the reader advances.
        count: u32,
        /// Whether the reader may keep the largest event timestamp of the page, so that the page must go on to one
        /// that no event before it has: see [`rising`].
        by_event_time: bool,
    },
    /// The cursor is of a newer state of the log than this server has yet.
    NotYet,
    /// The cursor is not of this log.
    NotOfThisLog,
}

impl<'a> Lookups<'a> {
    /// What is to be looked up for a cursor.
    #[must_use]
    pub fn of(cursor: &'a Cursor, rules: CursorRules) -> Self {
        match cursor {
            Cursor::Start => Self::default(),
            Cursor::Recorded(at) => Self { follows: Some(shifted(*at, 1)), ..Self::default() },
            Cursor::Event(guid) => Self { named: Some(guid), ..Self::default() },
            Cursor::Instant { at, coarse } => Self {
                named: None,
                happened: (rules == CursorRules::DataCollect).then_some(*at),
                follows: Some(first_following(*at, *coarse)),
                near: Some(shifted(*at, -COARSE_BEFORE_MICROS)),
                beyond: Some(shifted(*at, COARSE_AFTER_MICROS)),
            },
        }
    }
}

/// Finds where a cursor leads in a log with these landmarks, for a reader who wants `limit` events.
#[must_use]
pub fn locate(cursor: &Cursor, rules: CursorRules, limit: u32, found: &Landmarks) -> Place {
    let plain = |begin| Place::From { begin, count: limit, by_event_time: false };
    let unknown = || match rules {
        _ if found.is_standby => Place::NotYet,
        CursorRules::Ours => Place::NotOfThisLog,
        CursorRules::DataCollect => plain(0),
    };
    let follows = found.follows.unwrap_or(found.size);
    match cursor {
        Cursor::Start => plain(0),
        Cursor::Event(_) => found.named.map_or_else(unknown, |position| plain(position + 1)),
        Cursor::Recorded(at) if is_ahead(*at, found) => unknown(),
        Cursor::Recorded(_) => plain(follows),
        Cursor::Instant { at, coarse } => {
            let earliest = if *coarse { shifted(*at, -COARSE_BEFORE_MICROS) } else { *at };
            match found.happened {
                Some(happened) => by_event_time(happened, *coarse, limit, found),
                None if is_ahead(earliest, found) => unknown(),
                None => {
                    let reach = if *coarse { reach_beyond(found) } else { 0 };
                    Place::From {
                        begin: follows,
                        count: extended(limit, follows, reach),
                        by_event_time: false,
                    }
                }
            }
        }
    }
}

/// A time that is some event's own: after the lowest position that has it. Where an event was recorded about then,
/// the time may also be our own cursor cut short: then the lower of the two, and the page goes on behind the other,
/// so that neither kind of reader comes back to where it was.
fn by_event_time(happened: u64, coarse: bool, limit: u32, found: &Landmarks) -> Place {
    let after = happened + 1;
    if !is_recorded_near(found) {
        return Place::From { begin: after, count: limit, by_event_time: true };
    }
    let follows = found.follows.unwrap_or(found.size);
    let begin = after.min(follows);
    let reach = after.max(follows).saturating_add(u64::from(limit));
    let reach = if coarse { reach.max(reach_beyond(found)) } else { reach };
    Place::From { begin, count: extended(limit, begin, reach), by_event_time: true }
}

/// The candidates for the end of a page of at least `least` events whose reader keeps the largest timestamp in it:
/// the page's length and that timestamp, for each length at which it is another one.
///
/// A page advances its reader if no event before the page has that timestamp. `times` are the timestamps of the
/// events in order, from the page's first on.
#[must_use]
pub fn rising(times: &[Timestamp], least: usize) -> Vec<(usize, Timestamp)> {
    let mut candidates: Vec<(usize, Timestamp)> = Vec::new();
    let mut largest: Option<Timestamp> = None;
    for (place, time) in times.iter().enumerate() {
        let is_larger = largest.is_none_or(|largest| *time > largest);
        if is_larger {
            largest = Some(*time);
        }
        let length = place + 1;
        if let Some(largest) = largest.filter(|_| length == least || (length > least && is_larger)) {
            candidates.push((length, largest));
        }
    }
    candidates
}

fn is_ahead(at: Timestamp, found: &Landmarks) -> bool {
    found.end.is_none_or(|end| at > end)
}

/// Whether an event was recorded of which the time may be a cut or rounded form.
fn is_recorded_near(found: &Landmarks) -> bool {
    found.near.unwrap_or(found.size) < found.beyond.unwrap_or(found.size)
}

/// The position after the first event beyond those, if there are such: a page that ends there has another cursor,
/// even when it is cut.
fn reach_beyond(found: &Landmarks) -> u64 {
    if is_recorded_near(found) { found.beyond.unwrap_or(found.size).saturating_add(1) } else { 0 }
}

/// The length of a page that goes on to `reach`, within bounds.
fn extended(limit: u32, begin: u64, reach: u64) -> u32 {
    let longest = limit.saturating_add(MAX_EXTENSION);
    u32::try_from(reach.saturating_sub(begin)).unwrap_or(longest).clamp(limit, longest)
}

fn first_following(at: Timestamp, coarse: bool) -> Timestamp {
    shifted(at, if coarse { -COARSE_BEFORE_MICROS } else { 1 })
}

/// The instant so many microseconds later. At the end of all time it is the instant itself, where nothing is recorded.
fn shifted(at: Timestamp, micros: i64) -> Timestamp {
    Timestamp::from_unix_micros(at.unix_micros().saturating_add(micros)).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_unix_micros(micros).unwrap()
    }

    fn instant(micros: i64, coarse: bool) -> Cursor {
        Cursor::Instant { at: at(micros), coarse }
    }

    /// A log of 100 events that ends at 1 s.
    fn log() -> Landmarks {
        Landmarks { size: 100, end: Some(at(1_000_000)), ..Landmarks::default() }
    }

    fn from(begin: u64, count: u32) -> Place {
        Place::From { begin, count, by_event_time: false }
    }

    #[test]
    fn only_what_a_cursor_needs_is_looked_up() {
        assert_eq!(Lookups::of(&Cursor::Start, CursorRules::DataCollect), Lookups::default());
        let recorded = Cursor::Recorded(at(5));
        assert_eq!(
            Lookups::of(&recorded, CursorRules::DataCollect),
            Lookups { follows: Some(at(6)), ..Lookups::default() }
        );
        let coarse = instant(5_000, true);
        let ours = Lookups::of(&coarse, CursorRules::Ours);
        let expected = Lookups {
            named: None,
            happened: None,
            follows: Some(at(4_500)),
            near: Some(at(4_500)),
            beyond: Some(at(6_000)),
        };
        assert_eq!(ours, expected);
        let theirs = Lookups::of(&coarse, CursorRules::DataCollect);
        assert_eq!(theirs, Lookups { happened: Some(at(5_000)), ..expected });
        assert_eq!(Lookups::of(&instant(5_001, false), CursorRules::Ours).follows, Some(at(5_002)));
    }

    #[test]
    fn a_stamp_is_exclusive_and_a_guid_is_followed() {
        let found = Landmarks { follows: Some(40), ..log() };
        assert_eq!(locate(&Cursor::Recorded(at(1_000)), CursorRules::Ours, 10, &found), from(40, 10));
        let at_the_end = Cursor::Recorded(at(1_000_000));
        assert_eq!(locate(&at_the_end, CursorRules::Ours, 10, &log()), from(100, 10));
        let guid = Cursor::Event(EventGuid::new("e").unwrap());
        let found = Landmarks { named: Some(7), ..log() };
        assert_eq!(locate(&guid, CursorRules::DataCollect, 10, &found), from(8, 10));
    }

    #[test]
    fn what_is_not_of_this_log_is_refused_or_begun_anew_or_waited_for() {
        let guid = Cursor::Event(EventGuid::new("e").unwrap());
        // Half a millisecond behind the end, a rounded cursor may still be of the last event.
        let ahead =
            [guid, Cursor::Recorded(at(1_000_001)), instant(1_000_001, false), instant(1_001_000, true)];
        for cursor in &ahead {
            assert_eq!(locate(cursor, CursorRules::Ours, 10, &log()), Place::NotOfThisLog, "{cursor:?}");
            assert_eq!(locate(cursor, CursorRules::DataCollect, 10, &log()), from(0, 10), "{cursor:?}");
            let standby = Landmarks { is_standby: true, ..log() };
            for rules in [CursorRules::Ours, CursorRules::DataCollect] {
                assert_eq!(locate(cursor, rules, 10, &standby), Place::NotYet, "{cursor:?}");
            }
        }
        let rounded_up = instant(1_000_000, true);
        let found = Landmarks { end: Some(at(999_500)), follows: Some(99), near: Some(99), ..log() };
        assert_eq!(locate(&rounded_up, CursorRules::Ours, 10, &found), from(99, 10));
        assert_eq!(locate(&rounded_up, CursorRules::Ours, 10, &Landmarks::default()), Place::NotOfThisLog);
    }

    #[test]
    fn a_coarse_time_reaches_beyond_what_it_may_stand_for() {
        let cursor = instant(5_000, true);
        let found = Landmarks { follows: Some(10), near: Some(10), beyond: Some(60), ..log() };
        assert_eq!(locate(&cursor, CursorRules::Ours, 10, &found), from(10, 51));
        assert_eq!(locate(&cursor, CursorRules::Ours, 80, &found), from(10, 80));
        let nothing_near = Landmarks { near: Some(60), follows: Some(60), ..found };
        assert_eq!(locate(&cursor, CursorRules::Ours, 10, &nothing_near), from(60, 10));
        let fine = Landmarks { follows: Some(30), ..found };
        assert_eq!(locate(&instant(5_001, false), CursorRules::Ours, 10, &fine), from(30, 10));
        let many = Landmarks { size: 90_000, beyond: Some(80_000), ..found };
        assert_eq!(locate(&cursor, CursorRules::Ours, 10, &many), from(10, 10_010));
    }

    #[test]
    fn an_events_own_time_is_followed_from_its_lowest_position() {
        let theirs = |cursor: &Cursor, found: &Landmarks| locate(cursor, CursorRules::DataCollect, 10, found);
        let place = |begin, count| Place::From { begin, count, by_event_time: true };
        let far = Landmarks { happened: Some(20), follows: Some(5), near: Some(5), beyond: Some(5), ..log() };
        assert_eq!(theirs(&instant(5_000, true), &far), place(21, 10));
        // A fast device's time is ahead of the log and is followed all the same.
        let fast = Landmarks { happened: Some(20), ..log() };
        assert_eq!(theirs(&instant(9_000_000, true), &fast), place(21, 10));
        // An event was recorded about then: the lower one, and a page that goes behind the upper one.
        let lower =
            Landmarks { happened: Some(20), follows: Some(15), near: Some(15), beyond: Some(18), ..log() };
        assert_eq!(theirs(&instant(5_000, true), &lower), place(15, 16));
        let upper =
            Landmarks { happened: Some(20), follows: Some(40), near: Some(40), beyond: Some(70), ..log() };
        assert_eq!(theirs(&instant(5_000, true), &upper), place(21, 50));
        assert_eq!(theirs(&instant(5_001, false), &upper), place(21, 29));
    }

    #[test]
    fn a_page_ends_where_the_largest_time_changes() {
        let times: Vec<Timestamp> = [5, 3, 5, 9, 7, 9, 11].map(at).into();
        assert_eq!(rising(&times, 2), [(2, at(5)), (4, at(9)), (7, at(11))]);
        assert_eq!(rising(&times, 4), [(4, at(9)), (7, at(11))]);
        assert_eq!(rising(&times, 8), []);
        assert_eq!(rising(&[], 1), []);
    }
}
