//! Texts of a bounded length, as the columns of the audit log hold them.
//!
//! Identifiers, which have types of their own, are in `ids`; JSON strings in general are in `json`.

use std::fmt;

use crate::ids::{MAX_ID_BYTES, TenantId};

/// A text of 1 to `CHARS` characters (Unicode scalar values) and at most [`MAX_ID_BYTES`] bytes without U+0000, so that
/// it fits a `varchar(CHARS)` and an index key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct ShortText<const CHARS: usize>(Box<str>);

/// Why a text does not fit its column.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// The text is empty.
    #[error("is empty")]
    Empty,
    /// The text is longer than its column.
    #[error(
        "has {chars} characters in {bytes} bytes, at most {limit} characters and {MAX_ID_BYTES} bytes are allowed"
    )]
    TooLong {
        /// Characters in the text.
        chars: usize,
        /// Bytes in the text.
        bytes: usize,
        /// Characters that the column takes.
        limit: usize,
    },
    /// The text contains U+0000, which PostgreSQL cannot store.
    #[error("contains the character U+0000")]
    Null,
}

impl<const CHARS: usize> ShortText<CHARS> {
    /// Takes a text of 1 to `CHARS` characters.
    ///
    /// # Errors
    /// [`InvalidText`] says which rule the text breaks.
    pub fn new(text: impl Into<Box<str>>) -> Result<Self, InvalidText> {
        let text = text.into();
        let chars = text.chars().count();
        if text.is_empty() {
            return Err(InvalidText::Empty);
        }
        if chars > CHARS || text.len() > MAX_ID_BYTES {
            return Err(InvalidText::TooLong { chars, bytes: text.len(), limit: CHARS });
        }
        if text.contains('\0') {
            return Err(InvalidText::Null);
        }
        Ok(Self(text))
    }

    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&TenantId> for ShortText<255> {
    /// The organisation that a tenant's entry belongs to where it names none.
    fn from(tenant: &TenantId) -> Self {
        Self(tenant.as_str().into())
    }
}

impl<const CHARS: usize> fmt::Display for ShortText<CHARS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const CHARS: usize> std::str::FromStr for ShortText<CHARS> {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, InvalidText> {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_fits_its_column() {
        let problem = |text: &str, limit| match limit {
            20 => ShortText::<20>::new(text).err(),
            _ => ShortText::<255>::new(text).err(),
        };
        let too_long = |chars, bytes, limit| Some(InvalidText::TooLong { chars, bytes, limit });
        assert_eq!(problem(&"é".repeat(20), 20), None);
        assert_eq!(problem(&"é".repeat(21), 20), too_long(21, 42, 20));
        assert_eq!(problem(&"€".repeat(171), 255), too_long(171, 513, 255));
        assert_eq!(ShortText::<50>::new(""), Err(InvalidText::Empty));
        assert_eq!(ShortText::<50>::new("a\0"), Err(InvalidText::Null));
    }
}
