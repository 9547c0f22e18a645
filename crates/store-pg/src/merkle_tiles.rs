//! Table `merkle_tiles` and the leaves beside it: fetching the hashes that a plan asks for.
//!
//! A hash in a full tile is read from the tile; one in the last, partial tile of a level from the rows below it
//! (`events.leaf_hash`, `audit_index.leaf_hash`, or the roots of the tiles one level down). What is fetched is not believed: whoever
//! makes a proof of it verifies the proof.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::AstPass;
use diesel::sql_types::{Array, BigInt, Binary, Integer, SmallInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use veritrail_core::{Epoch, Hash, LogName, TenantId};
use veritrail_merkle::{NodeId, Sha256Hasher, root_of_leaves};

use crate::convert::{Place, to_bigint};
use crate::error::{AccessError, IntegrityError};
use crate::schema::veritrail::merkle_tiles;
use crate::statement::{Prepared, Statement, unknown_parameter};
use crate::tree_heads::to_integer;
use crate::{audit_index, events};

/// Hashes in a full tile (C2SP `tlog-tiles`).
pub(crate) const TILE_WIDTH: u64 = 256;
/// Tree levels that a tile spans.
pub(crate) const TILE_HEIGHT: u8 = 8;

/// Which tree to read.
#[derive(Clone, Copy)]
pub(crate) struct TreeOf<'a> {
    pub(crate) tenant: &'a TenantId,
    pub(crate) log: LogName,
    pub(crate) epoch: Epoch,
    /// Leaves that are stored: a tile below this size is full and has a row.
    pub(crate) stored: u64,
}

/// Why hashes could not be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error(transparent)]
    Access(#[from] AccessError),
    #[error(transparent)]
    Integrity(#[from] IntegrityError),
}

impl From<diesel::result::Error> for FetchError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Access(error.into())
    }
}

/// A run of hashes of one tile level that lies within one tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    level: u8,
    begin: u64,
    count: u64,
}

impl Run {
    /// The hashes whose subtree is `node`.
    fn below(node: NodeId) -> Self {
        let level = node.level / TILE_HEIGHT;
        let height = u32::from(node.level % TILE_HEIGHT);
        Self { level, begin: node.index << height, count: 1 << height }
    }

    fn tile(self) -> u64 {
        self.begin / TILE_WIDTH
    }

    fn in_full_tile(self, stored: u64) -> bool {
        let width = stored >> (u32::from(self.level) * u32::from(TILE_HEIGHT));
        (self.tile() + 1) * TILE_WIDTH <= width
    }

    fn missing(self) -> IntegrityError {
        IntegrityError::MissingHashes { level: self.level, begin: self.begin, end: self.begin + self.count }
    }
}

struct TileNodes<'a> {
    tenant: &'a str,
    log: &'static str,
    epoch: i32,
    levels: Vec<i16>,
    tiles: Vec<i64>,
    firsts: Vec<i32>,
    counts: Vec<i32>,
}

impl Statement for TileNodes<'_> {
    const SQL: &'static str = include_str!("sql/tile_nodes.sql");
    type Columns = (BigInt, Binary);
    type Key = TileNodes<'static>;

    fn bind<'b>(&'b self, number: usize, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match number {
            1 => out.push_bind_param::<Text, _>(&self.tenant),
            2 => out.push_bind_param::<Text, _>(&self.log),
            3 => out.push_bind_param::<Integer, _>(&self.epoch),
            4 => out.push_bind_param::<Array<SmallInt>, _>(&self.levels),
            5 => out.push_bind_param::<Array<BigInt>, _>(&self.tiles),
            6 => out.push_bind_param::<Array<Integer>, _>(&self.firsts),
            7 => out.push_bind_param::<Array<Integer>, _>(&self.counts),
            other => unknown_parameter(other),
        }
    }
}

/// Fetches perfect nodes, in the order asked for: one statement for those in full tiles, one for each other.
pub(crate) async fn nodes(
    connection: &mut AsyncPgConnection,
    tree: TreeOf<'_>,
    wanted: &[NodeId],
) -> Result<Vec<Hash>, FetchError> {
    let runs: Vec<Run> = wanted.iter().copied().map(Run::below).collect();
    let full: Vec<Run> = runs.iter().copied().filter(|run| run.in_full_tile(tree.stored)).collect();
    let mut from_tiles = full_tile_runs(connection, tree, &full).await?.into_iter();
    let mut found = Vec::with_capacity(runs.len());
    for run in runs {
        let hashes = if run.in_full_tile(tree.stored) {
            from_tiles.next().ok_or_else(|| run.missing())?
        } else {
            level_hashes(connection, tree, run.level, run.begin, run.begin + run.count).await?
        };
        // A run is a perfect subtree, so that its root is that of a tree of its hashes.
        found.push(root_of_leaves(&Sha256Hasher, &hashes));
    }
    Ok(found)
}

async fn full_tile_runs(
    connection: &mut AsyncPgConnection,
    tree: TreeOf<'_>,
    runs: &[Run],
) -> Result<Vec<Vec<Hash>>, FetchError> {
    let small = |number: u64| i32::try_from(number).expect("an offset within a tile is below 256");
    let statement = TileNodes {
        tenant: tree.tenant.as_str(),
        log: tree.log.as_str(),
        epoch: to_integer(tree.epoch),
        levels: runs.iter().map(|run| i16::from(run.level)).collect(),
        tiles: runs.iter().map(|run| to_bigint(run.tile())).collect(),
        firsts: runs.iter().map(|run| small(run.begin % TILE_WIDTH)).collect(),
        counts: runs.iter().map(|run| small(run.count)).collect(),
    };
    if runs.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<(i64, Vec<u8>)> = Prepared(statement).load(connection).await?;
    let mut found = vec![Vec::new(); runs.len()];
    for (ordinal, bytes) in rows {
        let key = format!("run {ordinal}");
        let place = Place { table: "merkle_tiles", key: &key };
        let hashes = place.hashes("hashes", &bytes).map_err(AccessError::from)?;
        let slot = usize::try_from(ordinal - 1).ok().and_then(|index| found.get_mut(index));
        *slot.expect("an ordinal counts the runs that were asked for") = hashes;
    }
    for (run, hashes) in runs.iter().zip(&found) {
        if u64::try_from(hashes.len()).ok() != Some(run.count) {
            return Err(run.missing().into());
        }
    }
    Ok(found)
}

/// The hashes [`begin`, `end`) of one tile level, from the rows below.
pub(crate) async fn level_hashes(
    connection: &mut AsyncPgConnection,
    tree: TreeOf<'_>,
    level: u8,
    begin: u64,
    end: u64,
) -> Result<Vec<Hash>, FetchError> {
    let hashes = if level == 0 {
        leaf_hashes(connection, tree, begin, end).await?
    } else {
        tile_roots(connection, tree, level - 1, begin, end).await?
    };
    if u64::try_from(hashes.len()).ok() != Some(end - begin) {
        return Err(IntegrityError::MissingHashes { level, begin, end }.into());
    }
    Ok(hashes)
}

/// The leaves at positions [`begin`, `end`) that are there, from the rows of the log.
async fn leaf_hashes(
    connection: &mut AsyncPgConnection,
    tree: TreeOf<'_>,
    begin: u64,
    end: u64,
) -> Result<Vec<Hash>, AccessError> {
    match tree.log {
        LogName::Events => events::leaf_hashes(connection, tree.tenant, begin, end).await,
        LogName::Audit => audit_index::leaf_hashes(connection, tree.tenant, begin, end).await,
        // Captured changes are not sealed in this version: no such leaf can be there.
        LogName::Changes => Ok(Vec::new()),
    }
}

/// The tiles of one level.
#[diesel::dsl::auto_type(no_type_alias)]
fn of_level<'a>(tenant: &'a str, log: &'a str, epoch: i32, level: i16) -> _ {
    merkle_tiles::table
        .filter(merkle_tiles::tenant_id.eq(tenant))
        .filter(merkle_tiles::log.eq(log))
        .filter(merkle_tiles::epoch.eq(epoch))
        .filter(merkle_tiles::level.eq(level))
}

async fn tile_roots(
    connection: &mut AsyncPgConnection,
    tree: TreeOf<'_>,
    level: u8,
    begin: u64,
    end: u64,
) -> Result<Vec<Hash>, AccessError> {
    let rows: Vec<Vec<u8>> =
        of_level(tree.tenant.as_str(), tree.log.as_str(), to_integer(tree.epoch), i16::from(level))
            .filter(merkle_tiles::tile_index.ge(to_bigint(begin)))
            .filter(merkle_tiles::tile_index.lt(to_bigint(end)))
            .order(merkle_tiles::tile_index)
            .select(merkle_tiles::root)
            .load(connection)
            .await?;
    let key = format!("level {level}, tiles {begin}..{end}");
    let place = Place { table: "merkle_tiles", key: &key };
    rows.iter().map(|hash| Ok(place.hash("root", hash)?)).collect()
}

/// A stored tile: its index, root and hashes as bytes.
pub(crate) type TileRow = (i64, Vec<u8>, Vec<u8>);

/// The stored tiles of one level with an index in [`begin`, `end`), in order.
pub(crate) async fn stored_tiles(
    connection: &mut AsyncPgConnection,
    tree: TreeOf<'_>,
    level: u8,
    begin: u64,
    end: u64,
) -> Result<Vec<TileRow>, AccessError> {
    let rows = of_level(tree.tenant.as_str(), tree.log.as_str(), to_integer(tree.epoch), i16::from(level))
        .filter(merkle_tiles::tile_index.ge(to_bigint(begin)))
        .filter(merkle_tiles::tile_index.lt(to_bigint(end)))
        .order(merkle_tiles::tile_index)
        .select((merkle_tiles::tile_index, merkle_tiles::root, merkle_tiles::hashes))
        .load(connection)
        .await?;
    Ok(rows)
}

/// The index of the first stored tile of one level with an index of at least `begin`.
pub(crate) async fn first_from(
    connection: &mut AsyncPgConnection,
    tree: TreeOf<'_>,
    level: u8,
    begin: u64,
) -> Result<Option<u64>, AccessError> {
    let index: Option<i64> =
        of_level(tree.tenant.as_str(), tree.log.as_str(), to_integer(tree.epoch), i16::from(level))
            .filter(merkle_tiles::tile_index.ge(to_bigint(begin)))
            .order(merkle_tiles::tile_index)
            .select(merkle_tiles::tile_index)
            .first(connection)
            .await
            .optional()?;
    Ok(index.and_then(|index| u64::try_from(index).ok()))
}
