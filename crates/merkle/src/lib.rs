//! The history tree of RFC 6962 and RFC 9162 (a Merkle tree over an append-only log): hashing, compact
//! ranges, inclusion, consistency, range and set proofs, and, with the feature `note`, the signed notes and
//! checkpoints of C2SP.
//!
//! It is a pure library: it does no I/O, reads no clock and draws no randomness. It knows nothing of events,
//! databases or wire formats; whoever stores the tree fetches the nodes that a [`proof::Plan`] names, and
//! whoever receives a proof takes the tree size and the root from a checkpoint that it trusts, never from the
//! proof.
//!
//! * [`struct@Hash`], [`TreeHasher`], [`Sha256Hasher`], `Blake3Hasher` (feature `blake3`): how leaves and nodes are
//!   hashed.
//! * [`CompactRange`], [`NodeId`], [`root_of_leaves`], [`root_of_entries`]: construction; `parallel` (feature `rayon`):
//!   on several threads.
//! * [`proof`]: which nodes a proof needs, apart from fetching them.
//! * [`verify_inclusion`], [`verify_consistency`], [`verify_range`], [`verify_set`]: verification, which shares no code with
//!   construction.
//! * [`tile`]: the tiles of C2SP's tiled logs.
//! * `note`, `checkpoint`, `cosignature`, `tlog_proof` (feature `note`): C2SP's signed notes, the checkpoints
//!   of logs, what witnesses sign about them, and proofs that carry all of it.
//!
//! ```
//! use veritrail_merkle::{CompactRange, Hash, Sha256Hasher, TreeHasher, proof, root_of_leaves, verify_inclusion};
//!
//! let hasher = Sha256Hasher;
//! let leaves: Vec<Hash> = ["a", "b", "c"].iter().map(|entry| hasher.hash_leaf(entry.as_bytes())).collect();
//!
//! // Construction: the log appends, and keeps every perfect node that the visitor is shown.
//! let mut nodes = std::collections::HashMap::new();
//! let mut range = CompactRange::empty(0);
//! for &leaf in &leaves {
//!     range.append(&hasher, leaf, |id, hash| {
//!         nodes.insert(id, hash);
//!     });
//! }
//! let root = range.root(&hasher).expect("the range begins at zero");
//! assert_eq!(root, root_of_leaves(&hasher, &leaves));
//!
//! // Proof: plan, fetch, assemble.
//! let plan = proof::plan_inclusion(1, 3)?;
//! let fetched = plan.nodes().iter().map(|id| nodes[id]).collect();
//! let path = plan.assemble(&hasher, fetched)?;
//!
//! // Verification: size and root come from a checkpoint.
//! verify_inclusion(&hasher, 1, 3, &leaves[1], &path, &root)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;

mod decimal;
mod hash;
mod hasher;
mod node;
mod range;
mod verify;

#[cfg(feature = "note")]
pub mod checkpoint;
#[cfg(feature = "note")]
pub mod cosignature;
#[cfg(feature = "note")]
pub mod note;
#[cfg(feature = "rayon")]
pub mod parallel;
pub mod proof;
#[cfg(feature = "serde")]
pub mod serde_forms;
pub mod tile;
#[cfg(feature = "note")]
pub mod tlog_proof;

pub use hash::{Hash, ParseHashError};
#[cfg(feature = "blake3")]
pub use hasher::Blake3Hasher;
pub use hasher::{Sha256Hasher, TreeHasher};
pub use node::NodeId;
pub use range::bulk::{root_of_entries, root_of_leaves};
pub use range::{CompactRange, RangeError};
pub use verify::{VerifyError, verify_consistency, verify_inclusion, verify_range, verify_set};

/// The largest tree size, 2^63 leaves: what fits a signed 64-bit column, and leaves the arithmetic of `u64` a
/// spare bit.
pub const MAX_TREE_SIZE: u64 = 1 << 63;

/// The README's example, compiled and run as a test.
#[cfg(all(doctest, feature = "note"))]
#[doc = include_str!("../README.md")]
struct ReadmeExample;
