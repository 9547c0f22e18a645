//! Instants in microseconds: parsed from RFC 3339 with a zone, written in UTC.
//!
//! No clock is read here. Cursor texts, which have nine fraction digits, are in `veritrail-sync`.

use std::fmt;
use std::str::FromStr;

use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// An instant from 0001-01-01 to 9999-12-31 in UTC, in microseconds (PostgreSQL's resolution).
///
/// [`Display`](fmt::Display) writes three fraction digits, or six where the microseconds need them: the form of
/// JavaScript's `toISOString`, so that what a browser sent comes back as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// Why a text is no [`Timestamp`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTimestamp {
    /// Not a date and time of RFC 3339 with a zone.
    #[error("is not a date and time of RFC 3339 with a zone")]
    Syntax,
    /// More than six fraction digits: the seventh would be lost.
    #[error("has {0} fraction digits, at most 6 are kept")]
    TooPrecise(usize),
    /// A leap second, which neither PostgreSQL nor JavaScript can tell from the next one.
    #[error("is a leap second")]
    LeapSecond,
    /// Outside of the years 0001 to 9999 in UTC.
    #[error("is outside of the years 0001 to 9999 in UTC")]
    OutOfRange,
}

const MICROS_PER_SECOND: i64 = 1_000_000;
/// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999Z.
const MIN_MICROS: i64 = -62_135_596_800 * MICROS_PER_SECOND;
const MAX_MICROS: i64 = 253_402_300_800 * MICROS_PER_SECOND - 1;

impl Timestamp {
    /// Takes microseconds since 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// [`InvalidTimestamp::OutOfRange`] outside of the years 0001 to 9999.
    pub fn from_unix_micros(micros: i64) -> Result<Self, InvalidTimestamp> {
        if (MIN_MICROS..=MAX_MICROS).contains(&micros) {
            Ok(Self(micros))
        } else {
            Err(InvalidTimestamp::OutOfRange)
        }
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn unix_micros(self) -> i64 {
        self.0
    }

    /// UTC with six fraction digits: the form that is hashed.
    #[must_use]
    pub fn to_hashed_text(self) -> String {
        self.with_fraction(6)
    }

    /// UTC with `digits` fraction digits, 0 to 9; what does not fit is cut off.
    #[must_use]
    pub fn with_fraction(self, digits: usize) -> String {
        let instant = self.to_offset_date_time();
        // Digit by digit: this is written twice into every envelope that is hashed.
        let mut text = String::with_capacity(30);
        push_digits(&mut text, instant.year().unsigned_abs(), 4);
        for (mark, number) in [('-', u8::from(instant.month())), ('-', instant.day())] {
            text.push(mark);
            push_digits(&mut text, u32::from(number), 2);
        }
        for (mark, number) in [('T', instant.hour()), (':', instant.minute()), (':', instant.second())] {
            text.push(mark);
            push_digits(&mut text, u32::from(number), 2);
        }
        if digits > 0 {
            text.push('.');
            let end = text.len() + digits.min(9);
            push_digits(&mut text, instant.nanosecond(), 9);
            text.truncate(end);
        }
        text.push('Z');
        text
    }

    fn to_offset_date_time(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000)
            .expect("a timestamp lies within the years 0001 to 9999")
    }
}

/// Writes a number with leading zeros.
fn push_digits(text: &mut String, number: u32, width: u32) {
    for place in (0..width).rev() {
        let digit = number / 10_u32.pow(place) % 10;
        text.push(char::from_digit(digit, 10).expect("a remainder of 10 is a digit"));
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    /// Reads RFC 3339 (section 5.6) with a zone and at most six fraction digits.
    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        let instant = parse_rfc3339(text)?;
        let nanos = instant.unix_timestamp_nanos();
        let micros = i64::try_from(nanos.div_euclid(1_000)).map_err(|_| InvalidTimestamp::OutOfRange)?;
        Self::from_unix_micros(micros)
    }
}

fn parse_rfc3339(text: &str) -> Result<OffsetDateTime, InvalidTimestamp> {
    let bytes = text.as_bytes();
    let digits = match bytes.get(19) {
        Some(b'.') => bytes[20..].iter().take_while(|byte| byte.is_ascii_digit()).count(),
        _ => 0,
    };
    if !matches!(bytes.get(10), Some(b'T' | b't')) {
        return Err(InvalidTimestamp::Syntax);
    }
    if bytes.get(17..19) == Some(b"60") {
        return Err(InvalidTimestamp::LeapSecond);
    }
    if digits > 6 {
        return Err(InvalidTimestamp::TooPrecise(digits));
    }
    let instant = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| InvalidTimestamp::Syntax)?;
    instant.checked_to_offset(UtcOffset::UTC).ok_or(InvalidTimestamp::OutOfRange)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = if self.0 % 1_000 == 0 { 3 } else { 6 };
        f.write_str(&self.with_fraction(digits))
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error| serde::de::Error::custom(format_args!("`{text}` {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(text: &str) -> Result<String, InvalidTimestamp> {
        text.parse::<Timestamp>().map(|instant| instant.to_string())
    }

    #[test]
    fn a_zone_is_turned_into_utc() {
        assert_eq!(served("2026-03-01T00:30:00.25+02:00").unwrap(), "2026-02-28T22:30:00.250Z");
        assert_eq!(served("2026-03-01t00:30:00z").unwrap(), "2026-03-01T00:30:00.000Z");
        assert_eq!(served("2026-03-01T00:30:00.123456-00:00").unwrap(), "2026-03-01T00:30:00.123456Z");
        assert_eq!(served("1969-12-31T23:59:59.999999Z").unwrap(), "1969-12-31T23:59:59.999999Z");
    }

    #[test]
    fn the_hashed_text_always_has_six_digits() {
        let instant: Timestamp = "2026-03-01T00:30:00Z".parse().unwrap();
        assert_eq!(instant.to_hashed_text(), "2026-03-01T00:30:00.000000Z");
        assert_eq!(instant.with_fraction(9), "2026-03-01T00:30:00.000000000Z");
        assert_eq!(instant.with_fraction(0), "2026-03-01T00:30:00Z");
    }

    #[test]
    fn what_cannot_be_kept_is_refused() {
        let cases = [
            ("2026-03-01T00:30:00", InvalidTimestamp::Syntax),
            ("2026-03-01 00:30:00Z", InvalidTimestamp::Syntax),
            ("2026-03-01", InvalidTimestamp::Syntax),
            ("", InvalidTimestamp::Syntax),
            ("2026-02-30T00:30:00Z", InvalidTimestamp::Syntax),
            ("2026-03-01T24:00:00Z", InvalidTimestamp::Syntax),
            ("2026-03-01T00:30:00+24:00", InvalidTimestamp::Syntax),
            ("2026-03-01T00:30:00.Z", InvalidTimestamp::Syntax),
            ("٢٠٢٦-03-01T00:30:00Z", InvalidTimestamp::Syntax),
            ("+12026-03-01T00:30:00Z", InvalidTimestamp::Syntax),
            ("2026-03-01T00:30:00.1234567Z", InvalidTimestamp::TooPrecise(7)),
            ("2026-12-31T23:59:60Z", InvalidTimestamp::LeapSecond),
            ("0000-12-31T23:59:59Z", InvalidTimestamp::OutOfRange),
            ("0001-01-01T00:00:00+01:00", InvalidTimestamp::OutOfRange),
            ("9999-12-31T23:59:59-01:00", InvalidTimestamp::OutOfRange),
        ];
        for (text, expected) in cases {
            assert_eq!(served(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn the_whole_range_is_written_with_four_year_digits() {
        let first = Timestamp::from_unix_micros(MIN_MICROS).unwrap();
        let last = Timestamp::from_unix_micros(MAX_MICROS).unwrap();
        assert_eq!(first.to_hashed_text(), "0001-01-01T00:00:00.000000Z");
        assert_eq!(last.to_hashed_text(), "9999-12-31T23:59:59.999999Z");
        assert!(Timestamp::from_unix_micros(MAX_MICROS + 1).is_err());
    }
}
