//! The port of the hash anchor: a root that is kept beside the log and compared with it when the store is opened.

use veritrail_merkle::Hash;

use super::Store;
use crate::log::TreeSize;

/// The anchor of a tenant's events.
///
/// It finds a log that was cut, or changed together with its newest tree head, by who did not know of the anchor. It lies
/// beside the log, so that it is no proof against who can write both: that is a signed checkpoint.
pub trait HashAnchorStore: Store {
    /// Keeps a root that the log's tree has had after one of its appends (or the empty tree's), with its size, and tells
    /// which anchor is kept now: an anchor never moves back, so the one of the larger size.
    ///
    /// # Errors
    /// [`AnchorError::NoSuchRoot`]; [`AnchorError::Mismatch`] where the anchor that is kept already is not the log's, and
    /// is therefore not overwritten.
    fn persist_hash_anchor(
        &mut self,
        root: Hash,
    ) -> impl Future<Output = Result<HashAnchor, AnchorError<Self::Error>>> + Send;

    /// The anchor as it is kept; `None` where none was.
    ///
    /// # Errors
    /// The store's own.
    fn hash_anchor(&mut self) -> impl Future<Output = Result<Option<HashAnchor>, Self::Error>> + Send;

    /// Computes the root at the anchor's size anew and compares; `None` where no anchor is kept.
    ///
    /// # Errors
    /// [`AnchorError::Mismatch`].
    fn check_hash_anchor(
        &mut self,
    ) -> impl Future<Output = Result<Option<HashAnchor>, AnchorError<Self::Error>>> + Send;
}

/// A root with the size of the tree that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashAnchor {
    /// The tree's size.
    pub size: TreeSize,
    /// Its root.
    pub root: Hash,
}

/// Why an anchor is not kept, or not the log's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnchorError<E> {
    /// No append of the log has led to this root.
    #[error("the log has had no tree with the root {0}")]
    NoSuchRoot(Hash),
    /// The log is not the one that was anchored: evidence.
    #[error(
        "at size {size} the log was anchored with root {root}, but {found}",
        size = anchor.size, root = anchor.root, found = shown(found.as_ref())
    )]
    Mismatch {
        /// The anchor.
        anchor: HashAnchor,
        /// The root that the log has at that size; `None` where it is shorter now.
        found: Option<Hash>,
    },
    /// The store failed.
    #[error("the store failed")]
    Store(#[source] E),
}

fn shown(found: Option<&Hash>) -> String {
    found.map_or_else(|| "it is shorter now".to_owned(), |root| format!("has root {root} now"))
}
