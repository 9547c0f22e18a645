//! Table `hash_anchors`: a root that is kept beside the log, and its comparison with the log when a store is opened.
//!
//! An anchor is found by the tree's heads and compared with a root that is computed from the tiles and leaves. Not here:
//! signed checkpoints, which also find who can write both (`publish`, `verify`).

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::AstPass;
use diesel::sql_types::{BigInt, Binary, Integer, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use veritrail_core::store::HashAnchor;
use veritrail_core::{Epoch, Hash, LogName, TenantId, TreeSize};
use veritrail_merkle::{Sha256Hasher, TreeHasher};

use crate::convert::{Place, to_bigint};
use crate::error::{AccessError, IntegrityError};
use crate::logs;
use crate::merkle_tiles::FetchError;
use crate::roots::{FIRST_EPOCH, Stand};
use crate::schema::veritrail::{hash_anchors, tree_heads as heads};
use crate::statement::{Prepared, Statement, unknown_parameter};
use crate::store::PgEventStore;
use crate::tree_heads::to_integer;

/// What happens where a log is not the one that was anchored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnMismatch {
    /// The store is not opened.
    Refuse,
    /// The store is opened, and the finding is told.
    Report,
}

/// Why a store was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database could not be asked.
    #[error("the database could not be asked")]
    Access(#[from] AccessError),
    /// The log is not the one that was anchored, or its tree has holes: evidence.
    #[error(transparent)]
    Integrity(#[from] IntegrityError),
}

impl PgEventStore {
    /// Compares the tenant's log with its hash anchor, as is to be done whenever a store is opened. The anchor stays as
    /// it is, whatever is found.
    ///
    /// `None` where the log is the one that was anchored, or nothing was; under [`OnMismatch::Report`] also what is
    /// wrong with it.
    ///
    /// # Errors
    /// [`OpenError::Integrity`] under [`OnMismatch::Refuse`]; [`OpenError::Access`].
    pub async fn check_anchor(&self, policy: OnMismatch) -> Result<Option<IntegrityError>, OpenError> {
        let mut session = self.session().await?;
        let checked: Result<Option<HashAnchor>, FetchError> =
            session.snapshot(async |connection| check(connection, self.tenant()).await).await;
        match checked {
            Ok(_) => Ok(None),
            Err(FetchError::Access(error)) => Err(error.into()),
            Err(FetchError::Integrity(found)) => match policy {
                OnMismatch::Refuse => Err(found.into()),
                OnMismatch::Report => {
                    tracing::error!(tenant = %self.tenant(), %found, "the log is not the one that was anchored");
                    Ok(Some(found))
                }
            },
        }
    }
}

/// Keeps a root that a head has, unless a later one is kept; `None` where no head has it.
///
/// # Errors
/// [`IntegrityError::Anchor`] where the anchor that is kept already is not the log's.
pub(crate) async fn persist(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    root: Hash,
) -> Result<Option<HashAnchor>, FetchError> {
    check(connection, tenant).await?;
    let stand = Stand::of(connection, tenant).await?;
    let Some(size) = size_with_root(connection, tenant, &stand, root).await? else { return Ok(None) };
    // A head is not believed: what is anchored is what the tiles say.
    let computed = stand.computed_root(connection, tenant, size).await?;
    if computed != root {
        let reason = "the tiles have another root than the head".to_owned();
        return Err(IntegrityError::Proof { size: size.0, reason }.into());
    }
    let statement = Persist {
        tenant: tenant.as_str(),
        log: LogName::Events.as_str(),
        epoch: to_integer(stand.epoch),
        size: to_bigint(size.0),
        root: root.as_bytes().as_slice(),
    };
    Prepared(statement).execute(connection).await?;
    Ok(find(connection, tenant, stand.epoch).await?)
}

/// The anchor of the log's present life, as it is kept.
pub(crate) async fn kept(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
) -> Result<Option<HashAnchor>, AccessError> {
    let log = logs::find(connection, tenant, LogName::Events).await?;
    find(connection, tenant, log.map_or(FIRST_EPOCH, |log| log.epoch)).await
}

/// Computes the root at the anchor's size from the tiles and compares.
///
/// # Errors
/// [`IntegrityError::Anchor`] where it is another one, or the log is shorter now.
pub(crate) async fn check(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
) -> Result<Option<HashAnchor>, FetchError> {
    let stand = Stand::of(connection, tenant).await?;
    let Some(anchor) = find(connection, tenant, stand.epoch).await? else { return Ok(None) };
    let found = if anchor.size > stand.size() {
        None
    } else {
        Some(stand.computed_root(connection, tenant, anchor.size).await?)
    };
    if found == Some(anchor.root) {
        return Ok(Some(anchor));
    }
    Err(IntegrityError::Anchor { size: anchor.size.0, anchored: anchor.root, found }.into())
}

/// The size of the newest head that has a root. That of the newest head is known; an older one is looked for among all
/// that are kept.
async fn size_with_root(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    stand: &Stand,
    root: Hash,
) -> Result<Option<TreeSize>, AccessError> {
    if root == stand.head.root {
        return Ok(Some(stand.size()));
    }
    if root == Sha256Hasher.empty_root() {
        return Ok(Some(TreeSize(0)));
    }
    let size: Option<i64> = heads::table
        .filter(heads::tenant_id.eq(tenant.as_str()))
        .filter(heads::log.eq(LogName::Events.as_str()))
        .filter(heads::epoch.eq(to_integer(stand.epoch)))
        .filter(heads::root.eq(root.as_bytes().as_slice()))
        .order(heads::size.desc())
        .select(heads::size)
        .first(connection)
        .await
        .optional()?;
    let place = Place { table: "tree_heads", key: &root };
    Ok(size.map(|size| place.unsigned("size", size)).transpose()?.map(TreeSize))
}

async fn find(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    epoch: Epoch,
) -> Result<Option<HashAnchor>, AccessError> {
    let row: Option<(i32, i64, Vec<u8>)> = hash_anchors::table
        .find((tenant.as_str(), LogName::Events.as_str()))
        .select((hash_anchors::epoch, hash_anchors::size, hash_anchors::root))
        .first(connection)
        .await
        .optional()?;
    // An anchor of an earlier life says nothing of this one.
    let Some((_, size, root)) = row.filter(|row| row.0 == to_integer(epoch)) else { return Ok(None) };
    let place = Place { table: "hash_anchors", key: tenant };
    let size = TreeSize(place.unsigned("size", size)?);
    Ok(Some(HashAnchor { size, root: place.hash("root", &root)? }))
}

struct Persist<'a> {
    tenant: &'a str,
    log: &'static str,
    epoch: i32,
    size: i64,
    root: &'a [u8],
}

impl Statement for Persist<'_> {
    const SQL: &'static str = include_str!("sql/persist_hash_anchor.sql");
    type Columns = ();
    type Key = Persist<'static>;

    fn bind<'b>(&'b self, number: usize, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match number {
            1 => out.push_bind_param::<Text, _>(&self.tenant),
            2 => out.push_bind_param::<Text, _>(&self.log),
            3 => out.push_bind_param::<Integer, _>(&self.epoch),
            4 => out.push_bind_param::<BigInt, _>(&self.size),
            5 => out.push_bind_param::<Binary, _>(&self.root),
            other => unknown_parameter(other),
        }
    }
}
