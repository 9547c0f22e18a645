//! Between PostgreSQL's numbers, instants and bytes and the types of `veritrail-core`.
//!
//! What cannot be believed becomes [`Corrupt`], which names table, column and key: it is evidence.

use diesel::data_types::PgTimestamp;
use veritrail_core::{Hash, SALT_BYTES, Salts, Timestamp};

/// Microseconds from 1970-01-01 to 2000-01-01, where PostgreSQL's count begins.
const POSTGRES_EPOCH_MICROS: i64 = 946_684_800_000_000;

/// A stored value that no code of ours has written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("corrupt value in {table}.{column} of {key}")]
pub struct Corrupt {
    /// The table, without its schema.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// The row.
    pub key: String,
}

/// A row on its way to a typed value: where it stands, for the errors.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) table: &'static str,
    pub(crate) key: &'a dyn std::fmt::Display,
}

impl Place<'_> {
    pub(crate) fn corrupt(self, column: &'static str) -> Corrupt {
        Corrupt { table: self.table, column, key: self.key.to_string() }
    }

    pub(crate) fn unsigned(self, column: &'static str, number: i64) -> Result<u64, Corrupt> {
        u64::try_from(number).map_err(|_| self.corrupt(column))
    }

    pub(crate) fn timestamp(self, column: &'static str, instant: PgTimestamp) -> Result<Timestamp, Corrupt> {
        from_pg(instant).ok_or_else(|| self.corrupt(column))
    }

    pub(crate) fn hash(self, column: &'static str, bytes: &[u8]) -> Result<Hash, Corrupt> {
        Hash::try_from(bytes).map_err(|_| self.corrupt(column))
    }

    pub(crate) fn hashes(self, column: &'static str, bytes: &[u8]) -> Result<Vec<Hash>, Corrupt> {
        if !bytes.len().is_multiple_of(32) {
            return Err(self.corrupt(column));
        }
        bytes.chunks(32).map(|chunk| self.hash(column, chunk)).collect()
    }

    pub(crate) fn salts(self, bytes: &[u8]) -> Result<Salts, Corrupt> {
        let bytes: &[u8; 3 * SALT_BYTES] = bytes.try_into().map_err(|_| self.corrupt("salts"))?;
        Ok(Salts::from_bytes(bytes))
    }

    pub(crate) fn parsed<T: std::str::FromStr>(self, column: &'static str, text: &str) -> Result<T, Corrupt> {
        text.parse().map_err(|_| self.corrupt(column))
    }
}

/// An instant as PostgreSQL counts it.
pub(crate) fn to_pg(instant: Timestamp) -> PgTimestamp {
    PgTimestamp(instant.unix_micros() - POSTGRES_EPOCH_MICROS)
}

/// An instant of PostgreSQL's, unless it lies outside of the years 0001 to 9999 or is infinite.
pub(crate) fn from_pg(instant: PgTimestamp) -> Option<Timestamp> {
    Timestamp::from_unix_micros(instant.0.checked_add(POSTGRES_EPOCH_MICROS)?).ok()
}

/// A position or size as PostgreSQL's `bigint`.
pub(crate) fn to_bigint(number: u64) -> i64 {
    i64::try_from(number).expect("a log has fewer than 2^63 entries: its positions come from a bigint column")
}

/// Hashes one after the other.
pub(crate) fn concat(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.as_bytes().iter().copied()).collect()
}
