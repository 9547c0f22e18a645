//! BLAKE3 in two keyed domains: [`Blake3Hasher`].
//!
//! Not here: which kind of tree a log has. Its identity says so, see [`TreeHasher::HASH_ALG`].

#[cfg(feature = "blake3-lanes")]
use alloc::vec::Vec;

use super::TreeHasher;
use crate::Hash;

/// BLAKE3 in its keyed mode, with one key for leaves and one for nodes. Faster than SHA-256 where there are no SHA
/// extensions or with the feature `blake3-lanes`, and no other log's: C2SP's tiles and Certificate Transparency are
/// SHA-256 alone.
///
/// | hash | is |
/// |---|---|
/// | leaf | `keyed_hash(derive_key("veritrail-merkle 2026-11-21 leaf", ""), entry)` |
/// | node | `keyed_hash(derive_key("veritrail-merkle 2026-11-21 node", ""), left \|\| right)` |
/// | empty tree | `derive_key("veritrail-merkle 2026-11-21 empty tree", "")` |
///
/// The functions are those of the [BLAKE3 specification](https://github.com/BLAKE3-team/BLAKE3-specs), section 2.3, with
/// 32 bytes of output and `""` as empty key material. The keys are public; they only keep the domains apart. A node is
/// one block of BLAKE3, where it is two of SHA-256, since no prefix makes it longer than 64 bytes.
///
/// The feature `blake3-lanes` hashes as many nodes at once as the processor has lanes. It uses a function that the
/// `blake3` crate exports without promising to keep it, so an update of that crate can break the build (never a hash:
/// a test compares the two); this is why it is off by default.
///
/// ```
/// use veritrail_merkle::{Blake3Hasher, Sha256Hasher, TreeHasher, root_of_entries};
///
/// let root = root_of_entries(&Blake3Hasher, &["a", "b", "c"]);
/// assert_ne!(root, root_of_entries(&Sha256Hasher, &["a", "b", "c"]));
/// assert_eq!(Blake3Hasher::HASH_ALG, "blake3");
///
/// let key = blake3::derive_key("veritrail-merkle 2026-11-21 leaf", b"");
/// assert_eq!(Blake3Hasher.hash_leaf(b"a").as_bytes(), blake3::keyed_hash(&key, b"a").as_bytes());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Blake3Hasher;

/// `derive_key("veritrail-merkle 2026-11-21 leaf", "")`.
const LEAF_KEY: [u8; 32] = [
    0x2a, 0xc3, 0x87, 0xdc, 0xeb, 0x2f, 0xdc, 0x91, 0x18, 0x11, 0x7b, 0x97, 0x86, 0x0a, 0xc0, 0xee, 0xe8,
    0x2d, 0x26, 0xeb, 0x0f, 0xa0, 0x56, 0xb1, 0x0f, 0x8c, 0x48, 0x10, 0x1c, 0x60, 0x06, 0xed,
];

/// `derive_key("veritrail-merkle 2026-11-21 node", "")`.
const NODE_KEY: [u8; 32] = [
    0x6f, 0x8d, 0x5e, 0x91, 0x94, 0xa8, 0xb1, 0xf5, 0x05, 0x7d, 0x0e, 0x25, 0x4c, 0x93, 0xa8, 0x05, 0xbb,
    0xb3, 0xdf, 0x4a, 0x3f, 0xfe, 0x6b, 0x08, 0xef, 0xab, 0x8f, 0xd2, 0xd1, 0x66, 0xb8, 0xc1,
];

/// `derive_key("veritrail-merkle 2026-11-21 empty tree", "")`.
const EMPTY_ROOT: [u8; 32] = [
    0xeb, 0x15, 0xdd, 0x3e, 0x9e, 0x7c, 0x1b, 0xc5, 0x0b, 0xfd, 0x9e, 0xab, 0x7c, 0x25, 0x54, 0xd6, 0x60,
    0x6d, 0x5d, 0xee, 0xa4, 0x8b, 0xfd, 0xbc, 0xaa, 0xe5, 0x22, 0x9d, 0x1c, 0x3a, 0x8d, 0x29,
];

impl TreeHasher for Blake3Hasher {
    const HASH_ALG: &'static str = "blake3";

    fn empty_root(&self) -> Hash {
        Hash::from_bytes(EMPTY_ROOT)
    }

    fn hash_leaf(&self, entry: &[u8]) -> Hash {
        Hash::from_bytes(blake3::keyed_hash(&LEAF_KEY, entry).into())
    }

    fn hash_children(&self, left: &Hash, right: &Hash) -> Hash {
        Hash::from_bytes(blake3::keyed_hash(&NODE_KEY, &joined(left, right)).into())
    }

    #[cfg(feature = "blake3-lanes")]
    fn hash_level(&self, nodes: &[Hash], parents: &mut Vec<Hash>) {
        lanes::hash_level(nodes, parents);
    }
}

/// What a node hashes: one block of BLAKE3.
fn joined(left: &Hash, right: &Hash) -> [u8; 64] {
    let mut block = [0; 64];
    block[..32].copy_from_slice(left.as_bytes());
    block[32..].copy_from_slice(right.as_bytes());
    block
}

/// As many nodes at once as the processor has lanes.
#[cfg(feature = "blake3-lanes")]
mod lanes {
    use alloc::vec::Vec;
    use core::array;

    use blake3::IncrementCounter;
    use blake3::platform::{MAX_SIMD_DEGREE, Platform};

    use super::{NODE_KEY, joined};
    use crate::Hash;

    // The flags of a block (BLAKE3 specification, table 3). A node is a chunk of one block, and the root of its input.
    const CHUNK_START: u8 = 1 << 0;
    const CHUNK_END: u8 = 1 << 1;
    const ROOT: u8 = 1 << 3;
    const KEYED_HASH: u8 = 1 << 4;

    pub(super) fn hash_level(nodes: &[Hash], parents: &mut Vec<Hash>) {
        let platform = Platform::detect();
        let (words, _) = NODE_KEY.as_chunks::<4>();
        let key: [u32; 8] = array::from_fn(|i| u32::from_le_bytes(words[i]));
        let (pairs, _) = nodes.as_chunks::<2>();
        parents.reserve(pairs.len());
        for group in pairs.chunks(MAX_SIMD_DEGREE) {
            let blocks: [[u8; 64]; MAX_SIMD_DEGREE] =
                array::from_fn(|lane| group.get(lane).map_or([0; 64], |[left, right]| joined(left, right)));
            let inputs: [&[u8; 64]; MAX_SIMD_DEGREE] = blocks.each_ref();
            let mut hashes = [0; 32 * MAX_SIMD_DEGREE];
            platform.hash_many(
                &inputs[..group.len()],
                &key,
                0,
                IncrementCounter::No,
                KEYED_HASH,
                CHUNK_START,
                CHUNK_END | ROOT,
                &mut hashes,
            );
            let (hashes, _) = hashes.as_chunks::<32>();
            parents.extend(hashes[..group.len()].iter().map(|&hash| Hash::from_bytes(hash)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{EMPTY_ROOT, LEAF_KEY, NODE_KEY};

    #[test]
    fn constants_are_those_of_the_documentation() {
        for (constant, context) in [
            (LEAF_KEY, "veritrail-merkle 2026-11-21 leaf"),
            (NODE_KEY, "veritrail-merkle 2026-11-21 node"),
            (EMPTY_ROOT, "veritrail-merkle 2026-11-21 empty tree"),
        ] {
            assert_eq!(constant, blake3::derive_key(context, b""), "{context}");
        }
    }
}
