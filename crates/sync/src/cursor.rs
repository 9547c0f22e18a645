//! Where a reader has got to in a log.
//!
//! The cursor that we give is the stamp of the last event of a page with nine fraction digits: exact, exclusive
//! and safe in a URL. Events' own timestamps never have more than six, so that the two cannot be mistaken. What
//! older clients keep is read too; which position it means is decided by who has the log.

use std::fmt;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use veritrail_core::{EventGuid, InvalidTimestamp, Timestamp};

/// A reader's place in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cursor {
    /// The beginning (an empty text).
    Start,
    /// After the event that was recorded at this stamp (nine fraction digits): what we give.
    Recorded(Timestamp),
    /// After this event (`<text>|<guid>`): what DataCollect 2 clients keep.
    Event(EventGuid),
    /// A time with fewer digits: an event's own timestamp, or a cursor of ours that was cut or rounded.
    Instant {
        /// The time.
        at: Timestamp,
        /// Whether it has at most three fraction digits, so that up to a millisecond may have been lost.
        coarse: bool,
    },
}

/// The text is no cursor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no cursor: {problem}")]
pub struct InvalidCursor {
    /// The text, cut to 80 characters.
    pub text: String,
    /// What is wrong with it.
    pub problem: CursorProblem,
}

/// What is wrong with a text that is no cursor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CursorProblem {
    /// No time of RFC 3339.
    #[error("it {0}")]
    Time(InvalidTimestamp),
    /// Seven or eight fraction digits, or nine of which the last three are not zero.
    #[error("its fraction has another length than a cursor's or an event's")]
    Fraction,
    /// No guid stands behind the `|`.
    #[error("no guid stands behind its `|`")]
    Guid,
}

/// Fraction digits of the cursors that we give.
const CURSOR_DIGITS: usize = 9;
/// Characters of a refused text that an error repeats.
const SHOWN_CHARS: usize = 80;

impl Cursor {
    /// The cursor after the event with this stamp.
    #[must_use]
    pub fn after(recorded_at: Timestamp) -> Self {
        Self::Recorded(recorded_at)
    }

    /// Reads a cursor.
    ///
    /// # Errors
    /// [`InvalidCursor`] where the text is no cursor of ours and none that an older client keeps.
    pub fn parse(text: &str) -> Result<Self, InvalidCursor> {
        read(text)
            .map_err(|problem| InvalidCursor { text: text.chars().take(SHOWN_CHARS).collect(), problem })
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        Self::parse(text)
    }
}

impl From<Timestamp> for Cursor {
    /// After what was recorded by an instant. One of whole milliseconds may come from a clock or a type that knows no
    /// smaller ones, so it counts as coarse.
    fn from(at: Timestamp) -> Self {
        Self::Instant { at, coarse: at.unix_micros() % 1_000 == 0 }
    }
}

impl TryFrom<SystemTime> for Cursor {
    type Error = InvalidTimestamp;

    /// As from a [`Timestamp`]; what is smaller than a microsecond is cut off, so that no event is passed over.
    ///
    /// # Errors
    /// [`InvalidTimestamp::OutOfRange`] outside of the years 0001 to 9999.
    fn try_from(instant: SystemTime) -> Result<Self, InvalidTimestamp> {
        let nanos = match instant.duration_since(UNIX_EPOCH) {
            Ok(since) => i128::try_from(since.as_nanos()).ok(),
            Err(before) => i128::try_from(before.duration().as_nanos()).ok().map(|nanos| -nanos),
        };
        let micros = nanos.and_then(|nanos| i64::try_from(nanos.div_euclid(1_000)).ok());
        Timestamp::from_unix_micros(micros.ok_or(InvalidTimestamp::OutOfRange)?).map(Self::from)
    }
}

fn read(text: &str) -> Result<Cursor, CursorProblem> {
    if text.is_empty() {
        return Ok(Cursor::Start);
    }
    if let Some((_, guid)) = text.split_once('|') {
        return EventGuid::new(guid).map(Cursor::Event).map_err(|_| CursorProblem::Guid);
    }
    let digits = fraction_digits(text);
    if digits > 6 {
        return read_nine(text, digits);
    }
    let at = text.parse().map_err(CursorProblem::Time)?;
    Ok(Cursor::Instant { at, coarse: digits <= 3 })
}

/// A cursor of ours: the last three of its nine digits are zero.
fn read_nine(text: &str, digits: usize) -> Result<Cursor, CursorProblem> {
    let end = text.find('.').map_or(0, |dot| dot + 1 + digits);
    if digits != CURSOR_DIGITS || !text[..end].ends_with("000") {
        return Err(CursorProblem::Fraction);
    }
    let shortened = format!("{}{}", &text[..end - 3], &text[end..]);
    shortened.parse().map(Cursor::Recorded).map_err(CursorProblem::Time)
}

pub(crate) fn fraction_digits(text: &str) -> usize {
    let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
    fraction.bytes().take_while(u8::is_ascii_digit).count()
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => Ok(()),
            Self::Recorded(stamp) => f.write_str(&stamp.with_fraction(CURSOR_DIGITS)),
            Self::Event(guid) => write!(f, "|{guid}"),
            Self::Instant { at, coarse: true } => f.write_str(&at.with_fraction(3)),
            Self::Instant { at, coarse: false } => f.write_str(&at.with_fraction(6)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_cursor_that_we_give_is_read_back() {
        let cursor = Cursor::after(at("2026-03-01T07:30:01.123456Z"));
        assert_eq!(cursor.to_string(), "2026-03-01T07:30:01.123456000Z");
        assert_eq!(Cursor::parse(&cursor.to_string()), Ok(cursor));
        let zoned = Cursor::parse("2026-03-01T08:30:01.123456000+01:00").unwrap();
        assert_eq!(zoned, Cursor::Recorded(at("2026-03-01T07:30:01.123456Z")));
    }

    #[test]
    fn what_older_clients_keep_is_told_apart() {
        let cases = [
            ("", Cursor::Start),
            ("2026-03-01T07:30:01.123Z|e-1", Cursor::Event(EventGuid::new("e-1").unwrap())),
            ("x|a|b", Cursor::Event(EventGuid::new("a|b").unwrap())),
            ("2026-03-01T07:30:01Z", Cursor::Instant { at: at("2026-03-01T07:30:01Z"), coarse: true }),
            (
                "2026-03-01T07:30:01.123Z",
                Cursor::Instant { at: at("2026-03-01T07:30:01.123Z"), coarse: true },
            ),
            (
                "2026-03-01T07:30:01.1234Z",
                Cursor::Instant { at: at("2026-03-01T07:30:01.1234Z"), coarse: false },
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(Cursor::parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn an_instant_is_a_cursor() {
        let coarse = Cursor::from(at("2026-03-01T07:30:01.123Z"));
        assert_eq!(coarse, Cursor::parse("2026-03-01T07:30:01.123Z").unwrap());
        let fine = Cursor::from(at("2026-03-01T07:30:01.123456Z"));
        assert_eq!(fine, "2026-03-01T07:30:01.123456Z".parse().unwrap());
        let nanos = std::time::Duration::from_nanos(1_999);
        let fine = |text: &str| Cursor::Instant { at: at(text), coarse: false };
        assert_eq!(Cursor::try_from(UNIX_EPOCH + nanos), Ok(fine("1970-01-01T00:00:00.000001Z")));
        assert_eq!(Cursor::try_from(UNIX_EPOCH - nanos), Ok(fine("1969-12-31T23:59:59.999998Z")));
        let never = UNIX_EPOCH + std::time::Duration::from_secs(300_000_000_000);
        assert_eq!(Cursor::try_from(never), Err(InvalidTimestamp::OutOfRange));
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        let cases = [
            ("now", CursorProblem::Time(InvalidTimestamp::Syntax)),
            ("2026-03-01", CursorProblem::Time(InvalidTimestamp::Syntax)),
            ("x|", CursorProblem::Guid),
            ("2026-03-01T07:30:01.1234567Z", CursorProblem::Fraction),
            ("2026-03-01T07:30:01.123456789Z", CursorProblem::Fraction),
            ("2026-03-01T07:30:01.000000000", CursorProblem::Time(InvalidTimestamp::Syntax)),
            (".000000000", CursorProblem::Time(InvalidTimestamp::Syntax)),
            ("é.000000000é", CursorProblem::Time(InvalidTimestamp::Syntax)),
        ];
        for (text, problem) in cases {
            assert_eq!(Cursor::parse(text).map_err(|error| error.problem), Err(problem), "{text}");
        }
    }
}
