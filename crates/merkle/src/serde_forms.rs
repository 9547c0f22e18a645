//! Serde (feature `serde`): what is a text serialises as that text, and reads back as strictly as `FromStr` does.
//!
//! The text of a hash in hex is in `hash`; in base64 it is [`base64`], for formats that want that. Private keys have
//! no serde form on purpose: their text has to be asked for.

use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;
use core::str::FromStr;

use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::tile::TileId;
use crate::{CompactRange, Hash};

/// A [`struct@Hash`] as base64 instead of hex, with `#[serde(with = "veritrail_merkle::serde_forms::base64")]`.
///
/// ```
/// use veritrail_merkle::Hash;
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct TreeHead {
///     #[serde(with = "veritrail_merkle::serde_forms::base64")]
///     root: Hash,
/// }
///
/// let json = serde_json::to_string(&TreeHead { root: Hash::from([0; 32]) })?;
/// assert_eq!(json, r#"{"root":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}"#);
/// assert!(serde_json::from_str::<TreeHead>(&json.replace('=', "")).is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
pub mod base64 {
    use core::str::FromStr;

    use serde::{Deserializer, Serializer};

    use super::TextVisitor;
    use crate::{Hash, ParseHashError};

    /// Writes the hash in base64.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(hash: &Hash, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hash.to_base64())
    }

    /// Reads a hash from canonical base64.
    ///
    /// # Errors
    /// Those of the deserializer, and for any other text.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Hash, D::Error> {
        struct Base64(Hash);

        impl FromStr for Base64 {
            type Err = ParseHashError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Hash::from_base64(text).map(Self)
            }
        }

        deserializer.deserialize_str(TextVisitor::<Base64>::new("a hash in base64")).map(|Base64(hash)| hash)
    }
}

/// Reads a value from a string that need not outlive the call, which a derived `&str` field would demand.
struct TextVisitor<T> {
    expected: &'static str,
    value: PhantomData<T>,
}

impl<T> TextVisitor<T> {
    const fn new(expected: &'static str) -> Self {
        Self { expected, value: PhantomData }
    }
}

impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor::new("a hash of 64 hex digits"))
    }
}

/// The path.
impl Serialize for TileId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TileId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor::new("the path of a tile"))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CompactRangeParts {
    begin: u64,
    end: u64,
    hashes: Vec<Hash>,
}

/// `{"begin": …, "end": …, "hashes": […]}`, the hashes in hex.
impl Serialize for CompactRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (begin, end, hashes) = (self.begin(), self.end(), self.hashes().to_vec());
        CompactRangeParts { begin, end, hashes }.serialize(serializer)
    }
}

/// Refuses what [`CompactRange::from_parts`] refuses.
impl<'de> Deserialize<'de> for CompactRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let CompactRangeParts { begin, end, hashes } = CompactRangeParts::deserialize(deserializer)?;
        Self::from_parts(begin, end, hashes).map_err(D::Error::custom)
    }
}

#[cfg(feature = "note")]
mod note_forms {
    use super::{Deserialize, Deserializer, Serialize, Serializer, TextVisitor};
    use crate::cosignature::WitnessKey;
    use crate::note::{Note, VerifierKey};
    use crate::tlog_proof::TlogProof;

    /// The vkey.
    impl Serialize for VerifierKey {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(self)
        }
    }

    impl<'de> Deserialize<'de> for VerifierKey {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_str(TextVisitor::new("the verifier key of a note"))
        }
    }

    /// The vkey.
    impl Serialize for WitnessKey {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(self)
        }
    }

    impl<'de> Deserialize<'de> for WitnessKey {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_str(TextVisitor::new("the verifier key of a witness"))
        }
    }

    /// The signed note as it is sent.
    impl Serialize for Note {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(self)
        }
    }

    /// Reads a note; nothing is verified.
    impl<'de> Deserialize<'de> for Note {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_str(TextVisitor::new("a signed note"))
        }
    }

    /// The text of a `.tlog-proof`.
    impl Serialize for TlogProof {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(self)
        }
    }

    /// Reads a proof; nothing is verified.
    impl<'de> Deserialize<'de> for TlogProof {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_str(TextVisitor::new("a proof in the form of tlog-proof"))
        }
    }
}
