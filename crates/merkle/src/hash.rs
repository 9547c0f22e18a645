//! The 32-byte hash of a leaf or node, and its texts (hex, base64).
//!
//! How a hash is computed is not here but in `hasher`; its serde form is in `serde_forms`.

use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The length of every hash, in bytes.
const HASH_BYTES: usize = 32;

/// The hash of a leaf, of a node or of a whole tree: 32 bytes.
///
/// Its text is 64 hex digits, written in lower case and read in either case; serde (feature `serde`) uses the
/// same text.
///
/// ```
/// use veritrail_merkle::Hash;
///
/// let hash = Hash::from([0xab; 32]);
/// assert_eq!(hash.to_string(), "ab".repeat(32));
/// assert_eq!("ab".repeat(32).parse(), Ok(hash));
/// assert_eq!(Hash::from_base64(&hash.to_base64()), Ok(hash));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; HASH_BYTES]);

/// Why some bytes or a text are not a [`struct@Hash`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseHashError {
    /// The bytes, or those that the text encodes, are not 32.
    #[error("a hash has 32 bytes, not {actual}")]
    Length {
        /// How many bytes there were.
        actual: usize,
    },
    /// The text is not hex digits, an even number of them.
    #[error("a hash in hex has only hex digits, an even number of them")]
    Hex,
    /// The text is not canonical base64 of RFC 4648 section 4 with padding.
    #[error("a hash in base64 is in the standard alphabet, padded and canonical")]
    Base64,
}

impl Hash {
    /// The hash with these bytes; usable in constants, unlike `From`.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; HASH_BYTES]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; HASH_BYTES] {
        &self.0
    }

    /// The hash in base64 (RFC 4648 section 4, with padding): 44 characters.
    #[must_use]
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.0)
    }

    /// Reads what [`to_base64`](Self::to_base64) writes, and no other spelling of it.
    ///
    /// # Errors
    /// [`ParseHashError::Base64`] for text that is not canonical padded base64, [`ParseHashError::Length`] if
    /// it encodes more or fewer than 32 bytes.
    pub fn from_base64(text: &str) -> Result<Self, ParseHashError> {
        let bytes = STANDARD.decode(text).map_err(|_| ParseHashError::Base64)?;
        Self::try_from(bytes.as_slice())
    }
}

impl From<[u8; HASH_BYTES]> for Hash {
    fn from(bytes: [u8; HASH_BYTES]) -> Self {
        Self(bytes)
    }
}

impl From<Hash> for [u8; HASH_BYTES] {
    fn from(hash: Hash) -> Self {
        hash.0
    }
}

impl TryFrom<&[u8]> for Hash {
    type Error = ParseHashError;

    fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
        bytes.try_into().map(Self).map_err(|_| ParseHashError::Length { actual: bytes.len() })
    }
}

impl AsRef<[u8]> for Hash {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 2 * HASH_BYTES];
        hex::encode_to_slice(self.0, &mut text).map_err(|_| fmt::Error)?;
        f.write_str(core::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl FromStr for Hash {
    type Err = ParseHashError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; HASH_BYTES];
        match hex::decode_to_slice(text, &mut bytes) {
            Ok(()) => Ok(Self(bytes)),
            Err(hex::FromHexError::InvalidStringLength) => {
                Err(ParseHashError::Length { actual: text.len() / 2 })
            }
            Err(_) => Err(ParseHashError::Hex),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::{String, ToString as _};

    use super::{Hash, ParseHashError};

    #[test]
    fn hex_and_base64_round_trip() {
        let hash = Hash::from(core::array::from_fn(|i| i as u8 * 7));
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert_eq!(hash.to_string().to_uppercase().parse(), Ok(hash));
        assert_eq!(hash.to_base64().len(), 44);
        assert_eq!(Hash::from_base64(&hash.to_base64()), Ok(hash));
    }

    #[test]
    fn malformed_texts_are_refused() {
        let short = "ab".repeat(31);
        assert_eq!(short.parse::<Hash>(), Err(ParseHashError::Length { actual: 31 }));
        let mut not_hex = "ab".repeat(32);
        not_hex.replace_range(5..6, "x");
        assert_eq!(not_hex.parse::<Hash>(), Err(ParseHashError::Hex));
        assert_eq!((String::from("ab") + &short + "c").parse::<Hash>(), Err(ParseHashError::Hex));
        let text = Hash::from([0; 32]).to_base64();
        assert_eq!(Hash::from_base64(text.trim_end_matches('=')), Err(ParseHashError::Base64));
        // The last digit holds two unused bits, which a lax decoder would ignore.
        assert_eq!(Hash::from_base64(&text.replace("A=", "B=")), Err(ParseHashError::Base64));
        assert_eq!(Hash::from_base64("AAAA"), Err(ParseHashError::Length { actual: 3 }));
        assert_eq!(Hash::try_from(&[0_u8; 33][..]), Err(ParseHashError::Length { actual: 33 }));
    }

    #[cfg(feature = "serde")]
    #[test]
    fn serde_text_is_hex() {
        let hash = Hash::from([0x5a; 32]);
        let json = serde_json::to_string(&hash).unwrap();
        assert_eq!(json, alloc::format!("\"{}\"", "5a".repeat(32)));
        assert_eq!(serde_json::from_str::<Hash>(&json).unwrap(), hash);
        // A string that had to be unescaped cannot be borrowed from its source, and reads as well.
        assert_eq!(serde_json::from_str::<Hash>(&json.replacen('5', "\\u0035", 1)).unwrap(), hash);
        assert!(serde_json::from_str::<Hash>("\"5a\"").is_err());
    }
}
