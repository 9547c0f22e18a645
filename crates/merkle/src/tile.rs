//! Tiles (C2SP tlog-tiles): a log as files that never change. Which tiles there are, how they are called, which
//! nodes a tile holds, and which tile holds a node.
//!
//! The bytes of a tile are not here but in [`hashes`] (tiles of hashes) and [`entries`] (bundles of entries).
//! Fetching, storing and pruning are not in this crate.
//!
//! This follows the editor's copy of `tlog-tiles` in C2SP at commit `0ad71eb`. The specification fixes SHA-256, so
//! everything here does too: a log with another hash has no tiles that others could read.
//!
//! ```
//! use veritrail_merkle::tile::{TileId, hash_tiles};
//!
//! let names: Vec<String> = hash_tiles(70_000)?.map(|tile| tile.to_string()).collect();
//! assert_eq!(names.len(), 273 + 1 + 1 + 1 + 1);
//! assert_eq!(names[272..], [
//!     "tile/0/272", "tile/0/273.p/112", "tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1"
//! ]);
//! assert_eq!(names[273].parse(), TileId::hashes(0, 273, 112));
//! # Ok::<(), veritrail_merkle::tile::TileError>(())
//! ```

pub mod entries;
pub mod hashes;
mod path;

use core::ops::Range;

use crate::{MAX_TREE_SIZE, NodeId};

/// The number of hashes or entries of a full tile.
pub const TILE_WIDTH: u16 = 256;

/// The number of levels of the tree that one level of tiles spans: 2^8 is [`TILE_WIDTH`].
pub const TILE_HEIGHT: u8 = 8;

/// The highest level that a path can name. (No tree of at most 2^63 leaves has a tile above level 7.)
pub const MAX_TILE_LEVEL: u8 = 63;

/// The name of a tile: what it holds, where, and how many of it. `Display` writes its path and `FromStr` reads
/// what that writes, and nothing else.
///
/// The path is relative to the log's prefix: `tile/<level>/<index>` or `tile/entries/<index>`, with
/// `.p/<width>` if the tile is partial. The index is written in groups of three digits, all but the last
/// marked with an `x`: 1234067 is `x001/x234/067`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    kind: TileKind,
    index: u64,
    /// 1 to 256.
    width: u16,
}

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TileKind {
    /// Hashes: of leaves at level 0, of full tiles of the level below at all others.
    Hashes {
        /// The level, at most [`MAX_TILE_LEVEL`].
        level: u8,
    },
    /// The log's entries (a "bundle").
    Entries,
}

/// Where a node of the tree is in the tiles.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodePlace {
    /// The tile, as wide as it is in the tree that was asked about.
    pub tile: TileId,
    /// Which of the tile's hashes the node is made from: one if the node is stored as it is, otherwise the
    /// leaves, 2 to 128 of them, of the small perfect tree that it is the root of.
    pub hashes: Range<usize>,
}

/// Why something is no tile, or not in the tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TileError {
    /// The tree size is above 2^63.
    #[error("tree size {size} is above 2^63")]
    SizeTooLarge {
        /// The size.
        size: u64,
    },
    /// The level is above [`MAX_TILE_LEVEL`].
    #[error("tile level {level} is above {MAX_TILE_LEVEL}")]
    Level {
        /// The level.
        level: u8,
    },
    /// The width is not 1 to 256.
    #[error("a tile has 1 to {TILE_WIDTH} hashes or entries, not {width}")]
    Width {
        /// The width.
        width: u16,
    },
    /// The text is not the path of a tile, or not as this crate would write it.
    #[error("the text is not the path of a tile")]
    Path,
    /// The old tree is larger than the new one.
    #[error("a tree of size {old} does not come before one of size {new}")]
    SizesReversed {
        /// The old size.
        old: u64,
        /// The new size.
        new: u64,
    },
    /// The node is not complete in the tree, so no tile has it.
    #[error("node {} of level {} is not complete in a tree of size {size}", node.index, node.level)]
    NodeOutOfRange {
        /// The node.
        node: NodeId,
        /// The size of the tree.
        size: u64,
    },
    /// The bytes are not those of that many hashes.
    #[error("a tile of {} hashes has {expected} bytes, not {actual}", expected / 32)]
    Bytes {
        /// The length that the tile's width makes.
        expected: usize,
        /// The length of the bytes.
        actual: usize,
    },
    /// An entry does not fit the two bytes that its length has in a bundle.
    #[error("entry {entry} of the bundle has {bytes} bytes, more than 65535")]
    EntryTooLong {
        /// Which of the bundle's entries, from 0.
        entry: usize,
        /// How long it is.
        bytes: usize,
    },
    /// The bundle ends within an entry.
    #[error("the bundle ends within entry {entry}")]
    BundleTruncated {
        /// Which of the bundle's entries, from 0.
        entry: usize,
    },
    /// The bundle goes on after its last entry.
    #[error("{bytes} bytes follow the last entry of the bundle")]
    BundleTooLong {
        /// How many bytes are left.
        bytes: usize,
    },
}

impl TileId {
    /// The tile of `width` hashes at this level and index.
    ///
    /// # Errors
    /// [`TileError::Level`] above [`MAX_TILE_LEVEL`], [`TileError::Width`] unless the width is 1 to 256.
    pub fn hashes(level: u8, index: u64, width: u16) -> Result<Self, TileError> {
        Self { kind: TileKind::Hashes { level }, index, width }.checked()
    }

    /// The bundle of `width` entries at this index.
    ///
    /// # Errors
    /// [`TileError::Width`] unless the width is 1 to 256.
    pub fn entries(index: u64, width: u16) -> Result<Self, TileError> {
        Self { kind: TileKind::Entries, index, width }.checked()
    }

    /// What it holds.
    #[must_use]
    pub const fn kind(self) -> TileKind {
        self.kind
    }

    /// Its 0-based place among the tiles of its kind and level.
    #[must_use]
    pub const fn index(self) -> u64 {
        self.index
    }

    /// The number of its hashes or entries, 1 to 256.
    #[must_use]
    pub const fn width(self) -> u16 {
        self.width
    }

    /// Whether it has all 256 hashes or entries, so that it will never grow.
    #[must_use]
    pub const fn is_full(self) -> bool {
        self.width == TILE_WIDTH
    }

    /// The tile that this one becomes when it is full. A log may drop a partial tile then, so a reader that does
    /// not find the one asks for the other.
    #[must_use]
    pub const fn full(self) -> Self {
        Self { width: TILE_WIDTH, ..self }
    }

    /// The positions of the leaves below its hashes, or of its entries; `None` if they reach beyond `u64`,
    /// where no tree has a tile.
    #[must_use]
    pub fn leaves(self) -> Option<Range<u64>> {
        let TileKind::Hashes { level } = self.kind else {
            let begin = self.index.checked_mul(u64::from(TILE_WIDTH))?;
            return Some(begin..begin.checked_add(u64::from(self.width))?);
        };
        let hash_width = 1_u64.checked_shl(u32::from(level) * u32::from(TILE_HEIGHT))?;
        let begin = self.index.checked_mul(u64::from(TILE_WIDTH))?.checked_mul(hash_width)?;
        Some(begin..begin.checked_add(hash_width.checked_mul(u64::from(self.width))?)?)
    }

    /// The nodes whose hashes it holds, in order; for a bundle the leaves of its entries. `None` where
    /// [`leaves`](Self::leaves) is.
    ///
    /// ```
    /// use veritrail_merkle::NodeId;
    /// use veritrail_merkle::tile::TileId;
    ///
    /// let nodes: Vec<NodeId> = TileId::hashes(1, 2, 3)?.nodes().expect("a small tile").collect();
    /// assert_eq!(nodes, [512, 513, 514].map(|index| NodeId::new(8, index)));
    /// # Ok::<(), veritrail_merkle::tile::TileError>(())
    /// ```
    #[must_use]
    pub fn nodes(self) -> Option<impl Iterator<Item = NodeId>> {
        self.leaves()?;
        let level = match self.kind {
            TileKind::Hashes { level } => level * TILE_HEIGHT,
            TileKind::Entries => 0,
        };
        let first = self.index * u64::from(TILE_WIDTH);
        Some((first..first + u64::from(self.width)).map(move |index| NodeId::new(level, index)))
    }

    const fn checked(self) -> Result<Self, TileError> {
        if let TileKind::Hashes { level } = self.kind
            && level > MAX_TILE_LEVEL
        {
            return Err(TileError::Level { level });
        }
        if self.width == 0 || self.width > TILE_WIDTH {
            return Err(TileError::Width { width: self.width });
        }
        Ok(self)
    }
}

/// All tiles of hashes of the tree of `size` leaves: level by level from the leaves, each from the left, the last
/// of a level partial if need be. An empty tree has none.
///
/// # Errors
/// [`TileError::SizeTooLarge`] for a size above 2^63.
pub fn hash_tiles(size: u64) -> Result<impl Iterator<Item = TileId>, TileError> {
    new_hash_tiles(0, size)
}

/// The tiles of hashes that a log writes when its tree grows from `old` to `new` leaves: those that are new or
/// wider. A level that has not grown has none.
///
/// # Errors
/// [`TileError::SizeTooLarge`] for a size above 2^63, [`TileError::SizesReversed`] unless `old <= new`.
pub fn new_hash_tiles(old: u64, new: u64) -> Result<impl Iterator<Item = TileId>, TileError> {
    check_sizes(old, new)?;
    let levels = (0..8_u8).map(move |level| {
        let shift = level * TILE_HEIGHT;
        (TileKind::Hashes { level }, old >> shift, new >> shift)
    });
    Ok(levels.flat_map(|(kind, old, new)| grown(kind, old, new)))
}

/// All bundles of the entries of a log of `size` entries, the last one partial if need be.
///
/// # Errors
/// [`TileError::SizeTooLarge`] for a size above 2^63.
pub fn entry_tiles(size: u64) -> Result<impl Iterator<Item = TileId>, TileError> {
    new_entry_tiles(0, size)
}

/// The bundles that a log writes when it grows from `old` to `new` entries.
///
/// # Errors
/// [`TileError::SizeTooLarge`] for a size above 2^63, [`TileError::SizesReversed`] unless `old <= new`.
pub fn new_entry_tiles(old: u64, new: u64) -> Result<impl Iterator<Item = TileId>, TileError> {
    check_sizes(old, new)?;
    Ok(grown(TileKind::Entries, old, new))
}

/// The tile that has this node in the tree of `size` leaves, and which of its hashes make it.
/// [`hashes::node_hash`] computes the node from them.
///
/// # Errors
/// [`TileError::SizeTooLarge`] for a size above 2^63, [`TileError::NodeOutOfRange`] for a node that is not
/// complete in the tree.
pub fn place_of(node: NodeId, size: u64) -> Result<NodePlace, TileError> {
    check_sizes(0, size)?;
    if node.leaves().is_none_or(|leaves| leaves.end > size) {
        return Err(TileError::NodeOutOfRange { node, size });
    }
    let (level, above) = (node.level / TILE_HEIGHT, node.level % TILE_HEIGHT);
    // The first of the hashes at the tile's own level that the node covers.
    let first = node.index << above;
    let index = first / u64::from(TILE_WIDTH);
    let width = width_at(index, size >> (level * TILE_HEIGHT));
    let begin = (first % u64::from(TILE_WIDTH)) as usize;
    let tile = TileId { kind: TileKind::Hashes { level }, index, width };
    Ok(NodePlace { tile, hashes: begin..begin + (1 << above) })
}

/// The tiles of one kind and level that change when its hashes or entries grow from `old` to `new`.
fn grown(kind: TileKind, old: u64, new: u64) -> impl Iterator<Item = TileId> {
    let width = u64::from(TILE_WIDTH);
    let end = if old == new { old / width } else { new.div_ceil(width) };
    (old / width..end).map(move |index| TileId { kind, index, width: width_at(index, new) })
}

/// How wide the tile at `index` is where its level has `count` hashes, of which it holds at least one.
fn width_at(index: u64, count: u64) -> u16 {
    let left = count - index * u64::from(TILE_WIDTH);
    u16::try_from(left).map_or(TILE_WIDTH, |left| left.min(TILE_WIDTH))
}

fn check_sizes(old: u64, new: u64) -> Result<(), TileError> {
    if new > MAX_TREE_SIZE {
        return Err(TileError::SizeTooLarge { size: new });
    }
    if old > new { Err(TileError::SizesReversed { old, new }) } else { Ok(()) }
}
