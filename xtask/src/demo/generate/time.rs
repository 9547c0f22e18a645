//! Instants of the generator: milliseconds that count from a constant day, never from a clock.
//!
//! Not here: whose clock goes wrong, and how (`device`).

use serde::{Serialize, Serializer};
use time::{OffsetDateTime, UtcOffset};

pub(super) const SECOND: i64 = 1_000;
pub(super) const MINUTE: i64 = 60 * SECOND;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;

/// 2025-02-03T00:00:00Z, a Monday: the day on which the registers open, in milliseconds since 1970.
pub(super) const OPENING: i64 = 1_738_540_800 * SECOND;
/// The days that the files cover.
pub(super) const DAYS: i64 = 330;

/// A time as a device writes it: an instant, and the zone that the device shows it in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Instant {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub(super) millis: i64,
    /// What the zone's clocks show more than UTC.
    pub(super) zone_hours: i8,
}

impl Instant {
    pub(super) fn utc(millis: i64) -> Self {
        Self { millis, zone_hours: 0 }
    }

    /// RFC 3339 with three fraction digits, as JavaScript writes it.
    pub(super) fn text(self) -> String {
        let local = self.local();
        let (hour, minute, second) = local.to_hms();
        let zone = if self.zone_hours == 0 { "Z".to_owned() } else { format!("{:+03}:00", self.zone_hours) };
        format!("{}T{hour:02}:{minute:02}:{second:02}.{:03}{zone}", self.date(), local.millisecond())
    }

    /// The day alone.
    pub(super) fn date(self) -> String {
        let local = self.local();
        format!("{:04}-{:02}-{:02}", local.year(), u8::from(local.month()), local.day())
    }

    fn local(self) -> OffsetDateTime {
        let instant = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.millis) * 1_000_000);
        let zone = UtcOffset::from_hms(self.zone_hours, 0, 0);
        // The generator stays within a hundred years of its opening day, where neither can fail.
        instant.unwrap_or(OffsetDateTime::UNIX_EPOCH).to_offset(zone.unwrap_or(UtcOffset::UTC))
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_as_rfc_3339() {
        let text = |millis, zone_hours| Instant { millis, zone_hours }.text();
        assert_eq!(text(OPENING, 0), "2025-02-03T00:00:00.000Z");
        assert_eq!(text(951_782_400_123, 0), "2000-02-29T00:00:00.123Z");
        assert_eq!(text(0, -1), "1969-12-31T23:00:00.000-01:00");
        assert_eq!(text(4_102_444_799_999, 3), "2100-01-01T02:59:59.999+03:00");
    }
}
