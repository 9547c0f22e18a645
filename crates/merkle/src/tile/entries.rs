//! Entry bundles: the entries of a log, 256 to a file, each behind its length in two bytes, big-endian.
//!
//! Which bundles a log has is not here but in `tile`; that an entry is the one that was logged is shown by its leaf
//! hash in the tile of level 0 with the same index.

use alloc::vec::Vec;

use super::{TILE_WIDTH, TileError, TileId};

/// The longest entry that a bundle can hold, in bytes.
pub const MAX_ENTRY_BYTES: usize = u16::MAX as usize;

/// The bytes of a bundle of these entries.
///
/// ```
/// use veritrail_merkle::tile::{TileId, entries};
///
/// let bundle = entries::encode(&["one", "", "three"])?;
/// assert_eq!(bundle, b"\0\x03one\0\0\0\x05three");
/// let read = entries::decode(TileId::entries(0, 3)?, &bundle)?;
/// assert_eq!(read, [&b"one"[..], b"", b"three"]);
/// # Ok::<(), veritrail_merkle::tile::TileError>(())
/// ```
///
/// # Errors
/// [`TileError::Width`] unless there are 1 to 256 entries, [`TileError::EntryTooLong`] for one of more than
/// [`MAX_ENTRY_BYTES`].
pub fn encode<E: AsRef<[u8]>>(entries: &[E]) -> Result<Vec<u8>, TileError> {
    let width = u16::try_from(entries.len()).unwrap_or(u16::MAX);
    if width == 0 || width > TILE_WIDTH {
        return Err(TileError::Width { width });
    }
    let mut bundle = Vec::new();
    for (entry, bytes) in entries.iter().map(AsRef::as_ref).enumerate() {
        let too_long = TileError::EntryTooLong { entry, bytes: bytes.len() };
        let length = u16::try_from(bytes.len()).map_err(|_| too_long)?;
        bundle.extend(length.to_be_bytes());
        bundle.extend(bytes);
    }
    Ok(bundle)
}

/// The entries of a bundle, of which there must be exactly as many as the tile is wide, and nothing after them.
///
/// # Errors
/// [`TileError::BundleTruncated`] if the bytes end too early, [`TileError::BundleTooLong`] if they go on.
pub fn decode(tile: TileId, bundle: &[u8]) -> Result<Vec<&[u8]>, TileError> {
    let mut rest = bundle;
    let mut entries = Vec::new();
    for entry in 0..usize::from(tile.width()) {
        let truncated = TileError::BundleTruncated { entry };
        let Some((length, after)) = rest.split_first_chunk() else { return Err(truncated) };
        let length = usize::from(u16::from_be_bytes(*length));
        let Some((bytes, after)) = after.split_at_checked(length) else { return Err(truncated) };
        entries.push(bytes);
        rest = after;
    }
    if rest.is_empty() { Ok(entries) } else { Err(TileError::BundleTooLong { bytes: rest.len() }) }
}
