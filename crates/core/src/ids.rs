//! Identifiers as types of their own, so that one cannot be passed for another.
//!
//! Every identifier is text of 1 to 255 characters and at most 512 bytes without U+0000. Numbers of the log
//! (position, tree size, epoch) are in `log`.

use std::borrow::Borrow;
use std::fmt;

/// Most characters (Unicode scalar values) that an identifier, a type or a correlation id may have.
pub const MAX_ID_CHARS: usize = 255;
/// Most bytes (UTF-8) that an identifier, a type or a correlation id may have, so that it fits an index key.
pub const MAX_ID_BYTES: usize = 512;

/// Event types and audit actions that begin so belong to Veritrail itself.
pub const RESERVED_TYPE_PREFIX: &str = "veritrail.";

/// Why a text is no identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// The text is empty.
    #[error("is empty")]
    Empty,
    /// The text is longer than [`MAX_ID_CHARS`] or [`MAX_ID_BYTES`].
    #[error(
        "has {chars} characters in {bytes} bytes, at most {MAX_ID_CHARS} characters and {MAX_ID_BYTES} bytes are allowed"
    )]
    TooLong {
        /// Characters in the text.
        chars: usize,
        /// Bytes in the text.
        bytes: usize,
    },
    /// The text contains U+0000, which PostgreSQL cannot store.
    #[error("contains the character U+0000")]
    Null,
    /// An event type begins with the prefix that is kept for events of Veritrail itself.
    #[error("begins with the reserved prefix `veritrail.`")]
    Reserved,
}

/// Checks the rules that all identifiers share.
pub(crate) fn check_id(text: &str) -> Result<(), InvalidId> {
    if text.is_empty() {
        return Err(InvalidId::Empty);
    }
    // No text has more characters than bytes.
    if text.len() > MAX_ID_CHARS {
        let chars = text.chars().count();
        if chars > MAX_ID_CHARS || text.len() > MAX_ID_BYTES {
            return Err(InvalidId::TooLong { chars, bytes: text.len() });
        }
    }
    if text.contains('\0') {
        return Err(InvalidId::Null);
    }
    Ok(())
}

fn check_type(text: &str) -> Result<(), InvalidId> {
    check_id(text)?;
    if text.starts_with(RESERVED_TYPE_PREFIX) {
        return Err(InvalidId::Reserved);
    }
    Ok(())
}

// The types differ in meaning alone: a macro keeps their impls the same, which a function cannot do.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(Box<str>);

        impl $name {
            /// Takes a text of 1 to 255 characters.
            ///
            /// # Errors
            /// [`InvalidId`] says which rule the text breaks.
            pub fn new(text: impl Into<Box<str>>) -> Result<Self, InvalidId> {
                let text = text.into();
                $check(&text)?;
                Ok(Self(text))
            }

            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::new(text).map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// The guid of an event, unique within its tenant.
    EventGuid,
    check_id
);
id!(
    /// The guid of an audit entry, unique within its tenant.
    AuditGuid,
    check_id
);
id!(
    /// What an audit entry says was done, such as `user.login`. Those that begin with [`RESERVED_TYPE_PREFIX`] are
    /// Veritrail's own: a store takes them from itself alone.
    AuditAction,
    check_id
);
id!(
    /// The guid of an entity (an individual, a group, or what an applier of yours makes).
    EntityGuid,
    check_id
);
id!(
    /// The type of an event, such as `create-individual`: it chooses the applier.
    EventType,
    check_type
);
id!(
    /// Who a device says has made an event. A claim: access rules use [`Subject`].
    UserId,
    check_id
);
id!(
    /// The authenticated submitter of an event: a token's issuer and subject, or the name that the caller of
    /// the library or of the command line goes by.
    Subject,
    check_id
);
id!(
    /// One isolated register. Its name is bound into no hash, so that a tenant can be renamed.
    TenantId,
    check_id
);

impl Default for TenantId {
    /// The tenant `default`, for who has just one.
    fn default() -> Self {
        Self("default".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_to_255_characters() {
        assert_eq!(EventGuid::new(""), Err(InvalidId::Empty));
        assert!(EventGuid::new("é".repeat(255)).is_ok());
        assert_eq!(EventGuid::new("é".repeat(256)), Err(InvalidId::TooLong { chars: 256, bytes: 512 }));
        assert_eq!(EventGuid::new("€".repeat(171)), Err(InvalidId::TooLong { chars: 171, bytes: 513 }));
        assert_eq!(EventGuid::new("a\0b"), Err(InvalidId::Null));
    }

    #[test]
    fn a_type_of_our_own_is_refused() {
        assert_eq!(EventType::new("veritrail.erase"), Err(InvalidId::Reserved));
        assert!(EventType::new("veritrail-like").is_ok());
    }
}
