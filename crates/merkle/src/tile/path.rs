//! The paths of tiles: how a [`TileId`] is written, and strict reading of what was written.
//!
//! What a path means is not here but in `tile`.

use core::fmt;
use core::str::FromStr;

use super::{TILE_WIDTH, TileError, TileId, TileKind};
use crate::decimal;

/// The digits of one group of an index.
const GROUP_DIGITS: usize = 3;

/// Seven groups hold any `u64`, which has 20 digits at most.
const MAX_GROUPS: u32 = 7;

impl fmt::Display for TileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Hashes { level } => write!(f, "tile/{level}/")?,
            TileKind::Entries => f.write_str("tile/entries/")?,
        }
        let group = |power: u32| self.index / 1000_u64.pow(power);
        for power in (1..MAX_GROUPS).rev().filter(|&power| group(power) > 0) {
            write!(f, "x{:03}/", group(power) % 1000)?;
        }
        write!(f, "{:03}", self.index % 1000)?;
        if self.width < TILE_WIDTH { write!(f, ".p/{}", self.width) } else { Ok(()) }
    }
}

impl FromStr for TileId {
    type Err = TileError;

    fn from_str(path: &str) -> Result<Self, Self::Err> {
        parse(path).ok_or(TileError::Path)
    }
}

fn parse(path: &str) -> Option<TileId> {
    let (kind, rest) = path.strip_prefix("tile/")?.split_once('/')?;
    let (index, width) = match rest.split_once(".p/") {
        Some((index, width)) => (index, decimal::parse(width)?),
        None => (rest, u64::from(TILE_WIDTH)),
    };
    // A full tile has no width in its path.
    let width = u16::try_from(width).ok().filter(|&width| width < TILE_WIDTH || rest == index)?;
    let index = parse_index(index)?;
    if kind == "entries" {
        return TileId::entries(index, width).ok();
    }
    TileId::hashes(u8::try_from(decimal::parse(kind)?).ok()?, index, width).ok()
}

/// Reads `x001/x234/067` and the like: groups of three digits, each but the last with an `x`, none in front that
/// is zero and could be left out.
fn parse_index(text: &str) -> Option<u64> {
    let (marked, last) = text.rsplit_once('/').map_or((None, text), |(marked, last)| (Some(marked), last));
    let mut index = 0_u64;
    for group in marked.into_iter().flat_map(|groups| groups.split('/')) {
        index = push_group(index, group.strip_prefix('x')?)?;
        if index == 0 {
            return None;
        }
    }
    push_group(index, last)
}

fn push_group(index: u64, digits: &str) -> Option<u64> {
    let is_group = digits.len() == GROUP_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    let group: u64 = if is_group { digits.parse().ok()? } else { return None };
    index.checked_mul(1000)?.checked_add(group)
}
