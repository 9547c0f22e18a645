//! The log: its names and numbers, what is stored at a position, and what an append answers.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;
use veritrail_merkle::{CompactRange, Hash, TreeHasher};

use crate::entry::{Envelope, EventHead, LeafParts, Salts, data_hash, leaf_hash, metadata_hash};
use crate::event::FormSubmission;
use crate::ids::{EventGuid, Subject};
use crate::timestamp::Timestamp;

/// One of a tenant's logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogName {
    /// Submitted events.
    Events,
    /// Audit entries.
    Audit,
    /// Captured row changes.
    Changes,
}

impl LogName {
    /// The log's name in SQL and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Audit => "audit",
            Self::Changes => "changes",
        }
    }
}

impl fmt::Display for LogName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A 0-based index in a log: the index of its leaf in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Position(pub u64);

/// How many leaves a tree has.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct TreeSize(pub u64);

/// Counts the lives of a log, from 1: clearing or reopening it begins a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u32);

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for TreeSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which log it is: what its leaves and its checkpoints are bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LogIdentity {
    /// Bound into every leaf and into the origin of the log's checkpoints.
    pub log_id: Uuid,
    /// The log's present life.
    pub epoch: Epoch,
}

/// The name that a checkpoint is signed for: `<prefix>/<log id>/<epoch>`. It holds no tenant's name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// Whoever runs the log: the name of the key that signs it.
    pub prefix: String,
    /// The log.
    pub log_id: Uuid,
    /// The log's life.
    pub epoch: Epoch,
}

/// The text is no origin of Veritrail's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no origin of the form <prefix>/<log id>/<epoch>")]
pub struct OriginError(pub String);

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.prefix, self.log_id, self.epoch)
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let parse = || {
            let (rest, epoch) = text.rsplit_once('/')?;
            let (prefix, log_id) = rest.rsplit_once('/')?;
            let origin = Self {
                prefix: prefix.to_owned(),
                log_id: log_id.parse().ok()?,
                epoch: Epoch(epoch.parse().ok()?),
            };
            // Only the one spelling that we write is ours: no upper case, no leading zero.
            (!prefix.is_empty() && origin.to_string() == text).then_some(origin)
        };
        parse().ok_or_else(|| OriginError(text.to_owned()))
    }
}

/// Size, root and frontier of a log's tree: unsigned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeHead {
    /// The compact range from 0 to the tree's size.
    pub frontier: CompactRange,
    /// The root of that tree.
    pub root: Hash,
    /// The stamp of the last event; `None` for an empty log that never had one.
    pub recorded_at: Option<Timestamp>,
}

impl TreeHead {
    /// The head of an empty log.
    #[must_use]
    pub fn empty<H: TreeHasher>(hasher: &H) -> Self {
        Self { frontier: CompactRange::empty(0), root: hasher.empty_root(), recorded_at: None }
    }

    /// The number of leaves.
    #[must_use]
    pub fn size(&self) -> TreeSize {
        TreeSize(self.frontier.end())
    }
}

/// What an append answers for one event; with another guid than an event's, for what has that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt<Guid = EventGuid> {
    /// The event.
    pub guid: Guid,
    /// Where it stands.
    pub position: Position,
    /// The server's stamp.
    pub recorded_at: Timestamp,
    /// Its leaf in the tree.
    pub leaf_hash: Hash,
    /// Whether the event was there already: the receipt is then the old one.
    pub repeated: bool,
}

/// An event as a log keeps it: all that is needed to recompute its leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Where it stands.
    pub position: Position,
    /// The event.
    pub event: FormSubmission,
    /// Its salts.
    pub salts: Salts,
    /// The payloads' hashes, as stored.
    pub parts: LeafParts,
    /// The authenticated submitter.
    pub submitted_by: Subject,
    /// The server's stamp.
    pub recorded_at: Timestamp,
    /// The leaf, as stored.
    pub leaf_hash: Hash,
}

/// What about a stored event is not what was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untrue {
    /// The data do not have the stored hash.
    #[error("the data do not match their hash")]
    Data,
    /// The metadata do not have the stored hash, or are there without one, or are gone.
    #[error("the metadata do not match their hash")]
    Metadata,
    /// Guid, entity, type, version, timestamp, user, submitter, stamp or a payload's hash was changed.
    #[error("guid, entity, type, version, time, user, submitter or stamp do not match the leaf")]
    Envelope,
}

impl StoredEvent {
    /// The receipt that its append answers.
    #[must_use]
    pub fn receipt(&self) -> Receipt {
        Receipt {
            guid: self.event.guid.clone(),
            position: self.position,
            recorded_at: self.recorded_at,
            leaf_hash: self.leaf_hash,
            repeated: false,
        }
    }

    /// The first member of a submitted event's content that differs from this one's; `None` where the event repeats it.
    ///
    /// Content is `entityGuid`, `type`, `schemaVersion`, `timestamp`, `userId` and `data`, which are compared by their
    /// salted hash: devices add metadata and levels between two attempts.
    #[must_use]
    pub fn content_difference(&self, event: &FormSubmission) -> Option<&'static str> {
        let data_differ = || data_hash(&self.salts, &event.data) != self.parts.data_hash;
        event.head_difference(&self.event).or_else(|| data_differ().then_some("data"))
    }

    /// Recomputes the leaf from the row and compares it with the stored one.
    ///
    /// # Errors
    /// [`Untrue`] says which part differs.
    pub fn verify<H: TreeHasher>(&self, hasher: &H, log_id: Uuid) -> Result<(), Untrue> {
        if data_hash(&self.salts, &self.event.data) != self.parts.data_hash {
            return Err(Untrue::Data);
        }
        let recomputed = self.event.metadata.as_ref().map(|metadata| metadata_hash(&self.salts, metadata));
        if recomputed != self.parts.metadata_hash {
            return Err(Untrue::Metadata);
        }
        if self.recomputed_leaf(hasher, log_id) != self.leaf_hash {
            return Err(Untrue::Envelope);
        }
        Ok(())
    }

    /// The leaf that the row's envelope gives, with the payloads' hashes as stored.
    #[must_use]
    pub fn recomputed_leaf<H: TreeHasher>(&self, hasher: &H, log_id: Uuid) -> Hash {
        let envelope = Envelope {
            log_id,
            event: EventHead::of(&self.event),
            parts: self.parts,
            submitted_by: &self.submitted_by,
            recorded_at: self.recorded_at,
        };
        leaf_hash(hasher, &envelope.commitment(&self.salts))
    }
}
