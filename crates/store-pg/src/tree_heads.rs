//! Table `tree_heads`: size, root and frontier after each append.

use diesel::data_types::PgTimestamp;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::AstPass;
use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use veritrail_core::{Epoch, LogName, TenantId, Timestamp, TreeHead};
use veritrail_merkle::{CompactRange, Sha256Hasher};

use crate::convert::{Corrupt, Place};
use crate::error::{AccessError, IntegrityError};
use crate::logs;
use crate::schema::veritrail::tree_heads;
use crate::session::Session;
use crate::statement::{Prepared, Statement, unknown_parameter};

/// The newest head with what an append must know beside it.
pub(crate) struct Newest {
    pub(crate) head: TreeHead,
    /// Size of the newest checkpoint.
    pub(crate) published: Option<u64>,
    /// The server's clock.
    pub(crate) clock: Timestamp,
    /// Whether each statement of the transaction sees what was committed before it.
    pub(crate) read_committed: bool,
}

impl Newest {
    /// Checks that the head folds to its root and is not behind the newest checkpoint.
    ///
    /// # Errors
    /// [`IntegrityError::HeadFolds`], [`IntegrityError::HeadBehindCheckpoint`].
    pub(crate) fn check(&self) -> Result<(), IntegrityError> {
        let size = self.head.size().0;
        if self.head.frontier.root(&Sha256Hasher) != Some(self.head.root) {
            return Err(IntegrityError::HeadFolds { size });
        }
        match self.published {
            Some(checkpoint) if checkpoint > size => {
                Err(IntegrityError::HeadBehindCheckpoint { head: size, checkpoint })
            }
            _ => Ok(()),
        }
    }
}

impl Session<'_> {
    /// The newest tree head of one of the tenant's logs; `None` before its first append.
    ///
    /// # Errors
    /// [`AccessError`].
    pub async fn tree_head_of(&mut self, name: LogName) -> Result<Option<TreeHead>, AccessError> {
        let tenant = self.tenant;
        self.snapshot(async |connection| newest_of(connection, tenant, name).await).await
    }
}

/// The newest head of a log; `None` before its first append.
pub(crate) async fn newest_of(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    name: LogName,
) -> Result<Option<TreeHead>, AccessError> {
    let Some(log) = logs::find(connection, tenant, name).await? else { return Ok(None) };
    Ok(Some(newest(connection, tenant, name, log.epoch).await?.head))
}

struct NewestHead<'a> {
    tenant: &'a str,
    log: &'static str,
    epoch: i32,
}

impl Statement for NewestHead<'_> {
    const SQL: &'static str = include_str!("sql/head.sql");
    type Columns = (
        Nullable<BigInt>,
        Nullable<Binary>,
        Nullable<Binary>,
        Nullable<Timestamptz>,
        Nullable<BigInt>,
        Timestamptz,
        Bool,
    );
    type Key = NewestHead<'static>;

    fn bind<'b>(&'b self, number: usize, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match number {
            1 => out.push_bind_param::<Text, _>(&self.tenant),
            2 => out.push_bind_param::<Text, _>(&self.log),
            3 => out.push_bind_param::<Integer, _>(&self.epoch),
            other => unknown_parameter(other),
        }
    }
}

type NewestRow =
    (Option<i64>, Option<Vec<u8>>, Option<Vec<u8>>, Option<PgTimestamp>, Option<i64>, PgTimestamp, bool);

/// Reads the newest head; an empty log has one of size 0.
pub(crate) async fn newest(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    log: LogName,
    epoch: Epoch,
) -> Result<Newest, AccessError> {
    let statement = NewestHead { tenant: tenant.as_str(), log: log.as_str(), epoch: to_integer(epoch) };
    let row: NewestRow = Prepared(statement).get_result(connection).await?;
    let (size, root, frontier, recorded_at, published, clock, read_committed) = row;
    let key = format!("{tenant}/{log}/{epoch}");
    let place = Place { table: "tree_heads", key: &key };
    let head = match (size, root, frontier, recorded_at) {
        (Some(size), Some(root), Some(frontier), Some(recorded_at)) => {
            to_head(place, (size, root, frontier, recorded_at))?
        }
        _ => TreeHead::empty(&Sha256Hasher),
    };
    let published = published.map(|size| place.unsigned("size", size)).transpose()?;
    Ok(Newest { head, published, clock: place.timestamp("clock", clock)?, read_committed })
}

/// Sizes of the newest head and the newest checkpoint.
pub(crate) struct NewestSizes {
    /// 0 for an empty log.
    pub(crate) head: u64,
    pub(crate) published: Option<u64>,
}

/// Reads how far the newest head and the newest checkpoint go, whatever else they say.
pub(crate) async fn newest_sizes(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    log: LogName,
    epoch: Epoch,
) -> Result<NewestSizes, AccessError> {
    let statement = NewestHead { tenant: tenant.as_str(), log: log.as_str(), epoch: to_integer(epoch) };
    let row: NewestRow = Prepared(statement).get_result(connection).await?;
    let key = format!("{tenant}/{log}/{epoch}");
    let place = Place { table: "tree_heads", key: &key };
    let size = |size: Option<i64>| size.map(|size| place.unsigned("size", size)).transpose();
    Ok(NewestSizes { head: size(row.0)?.unwrap_or(0), published: size(row.4)? })
}

pub(crate) type HeadRow = (i64, Vec<u8>, Vec<u8>, PgTimestamp);

/// The kept heads with a size in (`after`, `to`], smallest first.
pub(crate) async fn kept(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    log: LogName,
    epoch: Epoch,
    after: i64,
    to: i64,
) -> Result<Vec<HeadRow>, AccessError> {
    let rows = tree_heads::table
        .filter(tree_heads::tenant_id.eq(tenant.as_str()))
        .filter(tree_heads::log.eq(log.as_str()))
        .filter(tree_heads::epoch.eq(to_integer(epoch)))
        .filter(tree_heads::size.gt(after))
        .filter(tree_heads::size.le(to))
        .order(tree_heads::size)
        .select((tree_heads::size, tree_heads::root, tree_heads::frontier, tree_heads::recorded_at))
        .load(connection)
        .await?;
    Ok(rows)
}

pub(crate) fn to_head(
    place: Place<'_>,
    (size, root, frontier, recorded_at): HeadRow,
) -> Result<TreeHead, Corrupt> {
    let size = place.unsigned("size", size)?;
    let hashes = place.hashes("frontier", &frontier)?;
    let frontier = CompactRange::from_parts(0, size, hashes).map_err(|_| place.corrupt("frontier"))?;
    Ok(TreeHead {
        frontier,
        root: place.hash("root", &root)?,
        recorded_at: Some(place.timestamp("recorded_at", recorded_at)?),
    })
}

/// An epoch as PostgreSQL's `integer`.
pub(crate) fn to_integer(epoch: Epoch) -> i32 {
    i32::try_from(epoch.0).expect("an epoch comes from an integer column")
}
