//! SHA-256 as in RFC 6962: [`Sha256Hasher`], and the blocks of the messages that it hashes.
//!
//! How several messages are hashed at once is not here but in `lanes`.

#[cfg(all(feature = "simd", target_arch = "x86_64"))]
mod lanes;

/// No kernel for this processor, or none wanted: every message by itself.
#[cfg(not(all(feature = "simd", target_arch = "x86_64")))]
mod lanes {
    use alloc::vec::Vec;

    use super::{Message, digest};
    use crate::Hash;

    pub(super) fn hash_one(message: &impl Message) -> Hash {
        digest(message)
    }

    pub(super) fn hash_all<M: Message>(messages: impl Iterator<Item = M>, hashes: &mut Vec<Hash>) {
        hashes.extend(messages.map(|message| digest(&message)));
    }
}

use alloc::vec::Vec;

use sha2::block_api::compress256;

use super::TreeHasher;
use crate::Hash;

/// SHA-256 with the prefixes of RFC 6962 section 2.1 (RFC 9162 section 2.1.1): `SHA-256(0x00 || entry)` for a
/// leaf, `SHA-256(0x01 || left || right)` for a node, `SHA-256("")` for the empty tree. The hash of
/// Certificate Transparency and of C2SP's tiled logs.
///
/// With the feature `simd`, on x86-64 with SHA extensions or AVX2, [`hash_level`](TreeHasher::hash_level) and
/// [`hash_leaves`](TreeHasher::hash_leaves) hash two or eight messages at once. The processor is asked at run
/// time, also without the standard library; every other one uses the `sha2` crate.
///
/// ```
/// use veritrail_merkle::{Sha256Hasher, TreeHasher};
///
/// let empty = Sha256Hasher.empty_root();
/// assert_eq!(empty.to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
///
/// let mut leaves = Vec::new();
/// Sha256Hasher.hash_leaves(&["a", "b", "c"], &mut leaves);
/// assert_eq!(leaves[1], Sha256Hasher.hash_leaf(b"b"));
///
/// let mut parents = Vec::new();
/// Sha256Hasher.hash_level(&leaves, &mut parents);
/// assert_eq!(parents, [Sha256Hasher.hash_children(&leaves[0], &leaves[1])]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sha256Hasher;

/// `SHA-256("")`.
const EMPTY_ROOT: Hash = Hash::from_bytes([
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27,
    0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
]);

const LEAF_PREFIX: u8 = 0x00;
const NODE_PREFIX: u8 = 0x01;

/// The state before the first block (FIPS 180-4 section 5.3.3).
const INITIAL_STATE: [u32; 8] =
    [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];

const BLOCK_BYTES: usize = 64;

/// The bytes of a block in quarters, each as a little-endian number. Numbers stay in registers, where a prefix of one
/// byte is a shift; by way of memory, loading would wait for stores that do not fit the load.
type Block = [u128; 4];

impl TreeHasher for Sha256Hasher {
    const HASH_ALG: &'static str = "sha256";

    fn empty_root(&self) -> Hash {
        EMPTY_ROOT
    }

    fn hash_leaf(&self, entry: &[u8]) -> Hash {
        lanes::hash_one(&Leaf(entry))
    }

    fn hash_children(&self, left: &Hash, right: &Hash) -> Hash {
        lanes::hash_one(&Node(left, right))
    }

    fn hash_leaves<E: AsRef<[u8]>>(&self, entries: &[E], leaf_hashes: &mut Vec<Hash>) {
        lanes::hash_all(entries.iter().map(|entry| Leaf(entry.as_ref())), leaf_hashes);
    }

    fn hash_level(&self, nodes: &[Hash], parents: &mut Vec<Hash>) {
        let (pairs, _) = nodes.as_chunks::<2>();
        lanes::hash_all(pairs.iter().map(|[left, right]| Node(left, right)), parents);
    }
}

/// What is hashed, as the padded blocks that SHA-256 compresses (FIPS 180-4 section 5.1.1).
trait Message: Copy {
    /// How many blocks there are; at least one.
    fn block_count(&self) -> usize;

    /// The block at this index, which is below [`block_count`](Self::block_count).
    fn block(&self, index: usize) -> Block;
}

/// An entry behind the prefix of a leaf.
#[derive(Clone, Copy)]
struct Leaf<'a>(&'a [u8]);

/// Two hashes behind the prefix of a node: 65 bytes, of which the second block holds the last one.
#[derive(Clone, Copy)]
struct Node<'a>(&'a Hash, &'a Hash);

/// The byte that ends every message, before the zeros and the length.
const END_OF_MESSAGE: u8 = 0x80;
const LENGTH_BYTES: usize = 8;

impl Message for Leaf<'_> {
    #[inline]
    fn block_count(&self) -> usize {
        (1 + self.0.len() + 1 + LENGTH_BYTES).div_ceil(BLOCK_BYTES)
    }

    #[inline]
    fn block(&self, index: usize) -> Block {
        let Self(entry) = *self;
        let mut block = [0; BLOCK_BYTES];
        // The prefix moves the entry by one byte: block i > 0 begins with byte 64i - 1 of it.
        let (begin, at) = if index == 0 { (0, 1) } else { (index * BLOCK_BYTES - 1, 0) };
        block[..at].fill(LEAF_PREFIX);
        if let Some(rest) = entry.get(begin..) {
            let end = at + rest.len().min(BLOCK_BYTES - at);
            block[at..end].copy_from_slice(&rest[..end - at]);
            if let Some(after) = block.get_mut(end) {
                *after = END_OF_MESSAGE;
            }
        }
        if index + 1 == self.block_count() {
            let bits = (1 + entry.len() as u64) * 8;
            block[BLOCK_BYTES - LENGTH_BYTES..].copy_from_slice(&bits.to_be_bytes());
        }
        block_of(&block)
    }
}

impl Message for Node<'_> {
    #[inline]
    fn block_count(&self) -> usize {
        2
    }

    #[inline]
    fn block(&self, index: usize) -> Block {
        let Self(left, right) = self;
        // The prefix moves each hash by one byte over the borders of the quarters.
        if index == 0 {
            [
                u128::from(NODE_PREFIX) | sixteen_bytes(left, 0) << 8,
                sixteen_bytes(left, 15),
                u128::from(left.as_bytes()[31]) | sixteen_bytes(right, 0) << 8,
                sixteen_bytes(right, 15),
            ]
        } else {
            let [last, end] = [right.as_bytes()[31], END_OF_MESSAGE].map(u128::from);
            [last | end << 8, 0, 0, u128::from_le_bytes(u128::to_be_bytes(65 * 8))]
        }
    }
}

/// The bytes of a hash from this one on, as in a [`Block`].
#[inline]
fn sixteen_bytes(hash: &Hash, begin: usize) -> u128 {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.as_bytes()[begin..begin + 16]);
    u128::from_le_bytes(bytes)
}

/// The block with these bytes.
#[inline]
fn block_of(bytes: &[u8; BLOCK_BYTES]) -> Block {
    let (quarters, _) = bytes.as_chunks::<16>();
    core::array::from_fn(|at| u128::from_le_bytes(quarters[at]))
}

/// The hash of one message by the `sha2` crate.
fn digest(message: &impl Message) -> Hash {
    let mut state = INITIAL_STATE;
    for index in 0..message.block_count() {
        compress256(&mut state, &[bytes_of(&message.block(index))]);
    }
    hash_of(&state)
}

/// The bytes of a block.
#[inline]
fn bytes_of(block: &Block) -> [u8; BLOCK_BYTES] {
    let mut bytes = [0; BLOCK_BYTES];
    for (quarter, bytes) in block.iter().zip(bytes.as_chunks_mut::<16>().0) {
        *bytes = quarter.to_le_bytes();
    }
    bytes
}

/// The hash that a state stands for after the last block.
fn hash_of(state: &[u32; 8]) -> Hash {
    let mut bytes = [0; 32];
    for (word, bytes) in state.iter().zip(bytes.as_chunks_mut::<4>().0) {
        *bytes = word.to_be_bytes();
    }
    Hash::from_bytes(bytes)
}
