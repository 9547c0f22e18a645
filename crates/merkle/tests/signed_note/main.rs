//! Notes and what is built of them: keys, checkpoints, cosignatures, self-contained proofs, and their serde forms.
//!
//! The tree that a checkpoint is about is not here but in `history_tree`.
#![cfg(feature = "note")]

mod cosignatures;
mod notes;
#[cfg(feature = "serde")]
mod serde_forms;
mod tlog_proofs;
