//! How the leaves and nodes of a tree are hashed: the trait [`TreeHasher`] and SHA-256 as in RFC 6962.
//!
//! Which nodes there are, and in which order they are hashed, is not here but in `range` and `verify`.

use alloc::vec::Vec;

use sha2::{Digest as _, Sha256};

use crate::Hash;

/// The hash functions of one kind of tree.
///
/// Leaves and inner nodes must be hashed in separate domains (RFC 6962 section 2.1 prefixes them with 0x00
/// and 0x01), or an inner node could be passed off as a leaf; every proof of this crate rests on that and on
/// collision resistance.
pub trait TreeHasher: Copy {
    /// The root of the tree that has no leaves.
    fn empty_root(&self) -> Hash;

    /// The leaf hash of an entry.
    fn hash_leaf(&self, entry: &[u8]) -> Hash;

    /// The hash of the inner node with these children.
    fn hash_children(&self, left: &Hash, right: &Hash) -> Hash;

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

/// SHA-256 with the prefixes of RFC 6962 section 2.1 (RFC 9162 section 2.1.1): `SHA-256(0x00 || entry)` for a
/// leaf, `SHA-256(0x01 || left || right)` for a node, `SHA-256("")` for the empty tree. The hash of
/// Certificate Transparency and of C2SP's tiled logs.
///
/// ```
/// use veritrail_merkle::{Sha256Hasher, TreeHasher};
///
/// let empty = Sha256Hasher.empty_root();
/// assert_eq!(empty.to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sha256Hasher;

const LEAF_PREFIX: u8 = 0x00;
const NODE_PREFIX: u8 = 0x01;

impl TreeHasher for Sha256Hasher {
    fn empty_root(&self) -> Hash {
        Hash::from_bytes(Sha256::digest([]).into())
    }

    fn hash_leaf(&self, entry: &[u8]) -> Hash {
        let mut state = Sha256::new();
        state.update([LEAF_PREFIX]);
        state.update(entry);
        Hash::from_bytes(state.finalize().into())
    }

    fn hash_children(&self, left: &Hash, right: &Hash) -> Hash {
        // One buffer and one update: three small updates cost more than the copy.
        let mut node = [NODE_PREFIX; 65];
        node[1..33].copy_from_slice(left.as_bytes());
        node[33..].copy_from_slice(right.as_bytes());
        Hash::from_bytes(Sha256::digest(node).into())
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::{Sha256Hasher, TreeHasher as _};
    use crate::Hash;

    #[test]
    fn bulk_hashing_equals_hashing_pairs_at_every_ragged_size() {
        let nodes: Vec<Hash> = (0..70_u8).map(|i| Sha256Hasher.hash_leaf(&[i])).collect();
        for count in 0..nodes.len() {
            let mut parents = nodes[..3].to_vec();
            Sha256Hasher.hash_level(&nodes[..count], &mut parents);
            let pairs =
                nodes[..count].chunks_exact(2).map(|pair| Sha256Hasher.hash_children(&pair[0], &pair[1]));
            let expected: Vec<Hash> = nodes[..3].iter().copied().chain(pairs).collect();
            assert_eq!(parents, expected);
        }
    }
}
