//! Where a reader has got to in a log.
//!
//! The cursor that we give is the stamp of the last event of a page with nine fraction digits: exact, exclusive
//! and safe in a URL. Events' own timestamps never have more than six, so that the two cannot be mistaken. What
//! older clients keep is read too; which position it means is decided by who has the log.

use std::fmt;

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

fn fraction_digits(text: &str) -> usize {
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
