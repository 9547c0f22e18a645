//! The tiles and the head that an append writes, as parameters of its statement.

use diesel::data_types::PgTimestamp;
use diesel::pg::Pg;
use diesel::query_builder::AstPass;
use diesel::result::QueryResult;
use diesel::sql_types::{Array, BigInt, Binary, Integer, Nullable, SmallInt, Timestamptz};
use veritrail_core::Epoch;

use super::plan::TreePlan;
use crate::convert::{concat, to_bigint, to_pg};
use crate::statement::unknown_parameter;
use crate::tree_heads::to_integer;

/// Nine parameters: epoch; level, index, root and hashes of each tile; size, root, frontier and stamp of the head.
pub(crate) struct TreeColumns<'a> {
    epoch: i32,
    tile_levels: Vec<i16>,
    tile_indexes: Vec<i64>,
    tile_roots: Vec<&'a [u8]>,
    tile_hashes: Vec<Vec<u8>>,
    size: i64,
    root: &'a [u8],
    frontier: Vec<u8>,
    recorded_at: Option<PgTimestamp>,
}

impl<'a> TreeColumns<'a> {
    /// Turns rows into columns.
    pub(crate) fn new(epoch: Epoch, tree: &'a TreePlan) -> Self {
        let tiles = &tree.tiles;
        Self {
            epoch: to_integer(epoch),
            tile_levels: tiles.iter().map(|tile| i16::from(tile.level)).collect(),
            tile_indexes: tiles.iter().map(|tile| to_bigint(tile.index)).collect(),
            tile_roots: tiles.iter().map(|tile| tile.root.as_bytes().as_slice()).collect(),
            tile_hashes: tiles.iter().map(|tile| concat(&tile.hashes)).collect(),
            size: to_bigint(tree.head.size().0),
            root: tree.head.root.as_bytes(),
            frontier: concat(tree.head.frontier.hashes()),
            recorded_at: tree.head.recorded_at.map(to_pg),
        }
    }

    /// How many tiles are written.
    pub(crate) fn tiles(&self) -> usize {
        self.tile_levels.len()
    }

    /// Binds one of the parameters, counted from 0.
    pub(crate) fn bind<'b>(&'b self, place: usize, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match place {
            0 => out.push_bind_param::<Integer, _>(&self.epoch),
            1 => out.push_bind_param::<Array<SmallInt>, _>(&self.tile_levels),
            2 => out.push_bind_param::<Array<BigInt>, _>(&self.tile_indexes),
            3 => out.push_bind_param::<Array<Binary>, _>(&self.tile_roots),
            4 => out.push_bind_param::<Array<Binary>, _>(&self.tile_hashes),
            5 => out.push_bind_param::<BigInt, _>(&self.size),
            6 => out.push_bind_param::<Binary, _>(&self.root),
            7 => out.push_bind_param::<Binary, _>(&self.frontier),
            8 => out.push_bind_param::<Nullable<Timestamptz>, _>(&self.recorded_at),
            other => unknown_parameter(other),
        }
    }
}
