//! Construction: the hashers' bulk functions, and many leaves at once, on one thread and on several.
//!
//! Not here: proofs and roots against the recursion of the RFC (`history_tree`), and the kernels one by one, which are
//! tested where they are.

#[cfg(feature = "blake3")]
mod blake3_hasher;
mod bulk;
mod hashers;
mod plain;
