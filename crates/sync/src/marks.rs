//! The four marks that a store keeps for its synchronisations: the timestamp or cursor at which each has ended.
//!
//! A mark is kept verbatim and given back verbatim; what it means is said by who set it. Where a cursor leads is in
//! `locate`.

use crate::cursor::{Cursor, CursorProblem, InvalidCursor, fraction_digits};
use veritrail_core::Timestamp;

/// Most bytes of a mark: a timestamp, `|` and a guid fit.
pub const MAX_MARK_BYTES: usize = 1_024;
/// Characters of a refused text that an error repeats.
const SHOWN_CHARS: usize = 80;
/// Fraction digits of the timestamps that are read.
const READ_DIGITS: usize = 6;

/// A synchronisation whose end is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SyncMark {
    /// Events were pulled from the server (DataCollect: `LastRemoteSyncTimestamp`).
    RemotePull,
    /// Own events were pushed to the server (DataCollect: `LastLocalSyncTimestamp`).
    LocalPush,
    /// Events were pulled from an external system (DataCollect: `LastPullExternalSyncTimestamp`).
    ExternalPull,
    /// Events were pushed to an external system (DataCollect: `LastPushExternalSyncTimestamp`).
    ExternalPush,
}

impl SyncMark {
    /// All four.
    pub const ALL: [Self; 4] = [Self::RemotePull, Self::LocalPush, Self::ExternalPull, Self::ExternalPush];

    /// The key under which a store keeps it.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::RemotePull => "lastRemoteSync",
            Self::LocalPush => "lastLocalSync",
            Self::ExternalPull => "lastPullExternalSync",
            Self::ExternalPush => "lastPushExternalSync",
        }
    }
}

/// The text is no mark: neither a timestamp nor a cursor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMark {
    /// It is neither a timestamp (RFC 3339 with a zone) nor a cursor.
    #[error("`{}` of {}: neither a timestamp nor a cursor", .0.text, .1.key())]
    Text(#[source] InvalidCursor, SyncMark),
    /// It is longer than [`MAX_MARK_BYTES`].
    #[error("a text of {bytes} bytes for {}: at most {MAX_MARK_BYTES} are kept", .mark.key())]
    TooLong {
        /// Which mark.
        mark: SyncMark,
        /// Bytes of the text.
        bytes: usize,
    },
}

/// Checks that a text may be kept as a mark: a cursor, a timestamp of any precision, or empty.
///
/// # Errors
/// [`InvalidMark`].
pub fn check_mark(mark: SyncMark, text: &str) -> Result<(), InvalidMark> {
    if text.len() > MAX_MARK_BYTES {
        return Err(InvalidMark::TooLong { mark, bytes: text.len() });
    }
    if text.contains('\0') {
        let text = text.chars().take(SHOWN_CHARS).collect();
        return Err(InvalidMark::Text(InvalidCursor { text, problem: CursorProblem::Guid }, mark));
    }
    match Cursor::parse(text) {
        Ok(_) => Ok(()),
        // Other systems write nanoseconds. Such a time is no cursor of ours, but theirs to have back.
        Err(error) if error.problem == CursorProblem::Fraction && is_precise_time(text) => Ok(()),
        Err(error) => Err(InvalidMark::Text(error, mark)),
    }
}

/// Whether a text with more than six fraction digits is a timestamp.
fn is_precise_time(text: &str) -> bool {
    let Some(dot) = text.find('.') else { return false };
    let (kept, end) = (dot + 1 + READ_DIGITS, dot + 1 + fraction_digits(text));
    match (text.get(..kept), text.get(end..)) {
        (Some(start), Some(zone)) => format!("{start}{zone}").parse::<Timestamp>().is_ok(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_and_cursors_are_marks() {
        let texts = [
            "",
            "2026-03-01T07:30:01Z",
            "2026-03-01T07:30:01.123+02:00",
            "2026-03-01T07:30:01.123456000Z",
            "2026-03-01T07:30:01.123456789Z",
            "2026-03-01T07:30:01.1234567Z",
            "2026-03-01T07:30:01.123Z|e-1",
        ];
        for text in texts {
            assert_eq!(check_mark(SyncMark::RemotePull, text), Ok(()), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_by_name_and_value() {
        let texts = [
            "now",
            "2026-03-01",
            "2026-13-01T07:30:01.123456789Z",
            "|",
            "a\0b|c",
            "2026-03-01T07:30:01.1234567",
        ];
        for text in texts {
            let refused = check_mark(SyncMark::ExternalPush, text).unwrap_err().to_string();
            assert_eq!(
                refused,
                format!("`{text}` of lastPushExternalSync: neither a timestamp nor a cursor")
            );
        }
        let long = format!("x|{}", "e".repeat(MAX_MARK_BYTES));
        let refused = check_mark(SyncMark::LocalPush, &long);
        assert_eq!(refused, Err(InvalidMark::TooLong { mark: SyncMark::LocalPush, bytes: long.len() }));
    }

    #[test]
    fn keys_differ() {
        let keys: std::collections::BTreeSet<_> = SyncMark::ALL.into_iter().map(SyncMark::key).collect();
        assert_eq!(keys.len(), 4);
    }
}
