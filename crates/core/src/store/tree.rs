//! The port of the tree over the events: its heads and its proofs.
//!
//! Checking a proof is `veritrail-merkle`'s; signed checkpoints and proof bundles are the stores' own.

use veritrail_merkle::Hash;
use veritrail_merkle::proof::PlanError;

use super::{MAX_PAGE, Store};
use crate::log::{LogIdentity, Position, TreeHead, TreeSize};

/// The history tree (RFC 9162) over a tenant's events. Proofs are given at every size that the log has had, not only at
/// those of published checkpoints; whoever checks one takes size and root from where they trust them.
pub trait TreeStore: Store {
    /// Which log the leaves are bound to; `None` before the first event.
    ///
    /// # Errors
    /// The store's own.
    fn identity(&mut self) -> impl Future<Output = Result<Option<LogIdentity>, Self::Error>> + Send;

    /// The newest tree head; `None` before the first event.
    ///
    /// # Errors
    /// The store's own.
    fn tree_head(&mut self) -> impl Future<Output = Result<Option<TreeHead>, Self::Error>> + Send;

    /// The root of the tree of the first `size` events.
    ///
    /// # Errors
    /// [`TreeError::BeyondLog`].
    fn root_at(
        &mut self,
        size: TreeSize,
    ) -> impl Future<Output = Result<Hash, TreeError<Self::Error>>> + Send;

    /// The proof that the leaf at a position is in the tree of the first `size` events (RFC 9162, section 2.1.3).
    ///
    /// # Errors
    /// [`TreeError`].
    fn inclusion_proof(
        &mut self,
        position: Position,
        size: TreeSize,
    ) -> impl Future<Output = Result<Vec<Hash>, TreeError<Self::Error>>> + Send;

    /// The proof that the tree of the first `new` events continues that of the first `old` (RFC 9162, section 2.1.4).
    ///
    /// # Errors
    /// [`TreeError`].
    fn consistency_proof(
        &mut self,
        old: TreeSize,
        new: TreeSize,
    ) -> impl Future<Output = Result<Vec<Hash>, TreeError<Self::Error>>> + Send;

    /// The proof that a page holds exactly the leaves from `begin` to before `end` of the tree of the first `size` events
    /// (see [`veritrail_merkle::proof`]).
    ///
    /// # Errors
    /// [`TreeError`].
    fn range_proof(
        &mut self,
        begin: Position,
        end: Position,
        size: TreeSize,
    ) -> impl Future<Output = Result<Vec<Hash>, TreeError<Self::Error>>> + Send;
}

/// Why there is no such root or proof.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeError<E> {
    /// The log has not grown so far.
    #[error("the log has {log} events, not {size}")]
    BeyondLog {
        /// The size that was asked for.
        size: TreeSize,
        /// The log's size.
        log: TreeSize,
    },
    /// A page has [`MAX_PAGE`] leaves at most.
    #[error("a page has at most {MAX_PAGE} leaves, not {0}")]
    PageTooLong(u64),
    /// There is no such leaf, page or pair of sizes.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[source] E),
}

impl<E> TreeError<E> {
    /// Checks that a log has grown to a size.
    ///
    /// # Errors
    /// [`TreeError::BeyondLog`].
    pub fn check(size: TreeSize, log: TreeSize) -> Result<(), Self> {
        if size <= log { Ok(()) } else { Err(Self::BeyondLog { size, log }) }
    }

    /// Checks the length of a page.
    ///
    /// # Errors
    /// [`TreeError::PageTooLong`].
    pub fn check_page(begin: Position, end: Position) -> Result<(), Self> {
        let length = end.0.saturating_sub(begin.0);
        if length <= u64::from(MAX_PAGE) { Ok(()) } else { Err(Self::PageTooLong(length)) }
    }
}
