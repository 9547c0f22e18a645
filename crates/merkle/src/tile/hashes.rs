//! The bytes of tiles of hashes, and nodes computed from them.
//!
//! Which tile has a node is not here but in `tile`.

use alloc::vec::Vec;

use super::{NodePlace, TileError, TileId};
use crate::{Hash, Sha256Hasher, root_of_leaves};

const HASH_BYTES: usize = 32;

/// The bytes of a tile: its hashes, one after another.
#[must_use]
pub fn encode(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

/// The hashes of a tile, of which there must be exactly as many as it is wide. That they are the right ones is
/// not checked: fold them to a root that you trust, or verify what you compute from them.
///
/// # Errors
/// [`TileError::Bytes`] if the bytes are longer or shorter.
pub fn decode(tile: TileId, bytes: &[u8]) -> Result<Vec<Hash>, TileError> {
    let expected = usize::from(tile.width()) * HASH_BYTES;
    let (hashes, rest) = bytes.as_chunks::<HASH_BYTES>();
    if bytes.len() != expected || !rest.is_empty() {
        return Err(TileError::Bytes { expected, actual: bytes.len() });
    }
    Ok(hashes.iter().copied().map(Hash::from_bytes).collect())
}

/// The hash of the node at `place`, from the hashes of its tile (SHA-256, as the specification has it).
///
/// ```
/// use veritrail_merkle::tile::{self, hashes};
/// use veritrail_merkle::{Hash, NodeId, Sha256Hasher, TreeHasher};
///
/// let leaves: Vec<Hash> = (0..7_u8).map(|i| Sha256Hasher.hash_leaf(&[i])).collect();
/// let place = tile::place_of(NodeId::new(1, 2), 7)?;
/// assert_eq!(place.tile.to_string(), "tile/0/000.p/7");
/// assert_eq!(hashes::node_hash(&place, &leaves)?, Sha256Hasher.hash_children(&leaves[4], &leaves[5]));
/// # Ok::<(), tile::TileError>(())
/// ```
///
/// # Errors
/// [`TileError::Bytes`] if there are fewer hashes than the place needs.
pub fn node_hash(place: &NodePlace, hashes: &[Hash]) -> Result<Hash, TileError> {
    let expected = place.hashes.end.saturating_mul(HASH_BYTES);
    let missing = TileError::Bytes { expected, actual: hashes.len().saturating_mul(HASH_BYTES) };
    Ok(root_of_leaves(&Sha256Hasher, hashes.get(place.hashes.clone()).ok_or(missing)?))
}
