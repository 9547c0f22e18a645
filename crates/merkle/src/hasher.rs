//! How the leaves and nodes of a tree are hashed: the trait [`TreeHasher`] and its implementations.
//!
//! Which nodes there are, and in which order they are hashed, is not here but in `range` and `verify`.

#[cfg(feature = "blake3")]
mod blake3;
mod sha256;

use alloc::vec::Vec;

use crate::Hash;

#[cfg(feature = "blake3")]
pub use blake3::Blake3Hasher;
pub use sha256::Sha256Hasher;

/// The hash functions of one kind of tree.
///
/// Leaves and inner nodes must be hashed in separate domains (RFC 6962 section 2.1 prefixes them with 0x00
/// and 0x01), or an inner node could be passed off as a leaf; every proof of this crate rests on that and on
/// collision resistance.
pub trait TreeHasher: Copy {
    /// The name of this way of hashing, as a log's identity says it: `sha256`, `blake3`. Whoever keeps a tree
    /// keeps this beside it: the hashes of two hashers look alike, and no proof tells which of them made it.
    const HASH_ALG: &'static str;

    /// The root of the tree that has no leaves.
    fn empty_root(&self) -> Hash;

    /// The leaf hash of an entry.
    fn hash_leaf(&self, entry: &[u8]) -> Hash;

    /// The hash of the inner node with these children.
    fn hash_children(&self, left: &Hash, right: &Hash) -> Hash;

    /// Appends to `leaf_hashes` the leaf hashes of `entries`, in order.
    ///
    /// Overriding it is worth it where several entries can be hashed at once; it must give what the default
    /// gives.
    fn hash_leaves<E: AsRef<[u8]>>(&self, entries: &[E], leaf_hashes: &mut Vec<Hash>) {
        leaf_hashes.extend(entries.iter().map(|entry| self.hash_leaf(entry.as_ref())));
    }

    /// Appends to `parents` the parents of `nodes`, two by two from the left. A last node without a partner
    /// is left alone: the caller promotes it.
    ///
    /// Overriding it is worth it where several nodes can be hashed at once; it must give what the default
    /// gives.
    fn hash_level(&self, nodes: &[Hash], parents: &mut Vec<Hash>) {
        let (pairs, _) = nodes.as_chunks::<2>();
        parents.extend(pairs.iter().map(|[left, right]| self.hash_children(left, right)));
    }
}
