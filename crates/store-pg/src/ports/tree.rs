//! The ports of the tree and of the hash anchor on PostgreSQL.

use veritrail_core::store::{AnchorError, HashAnchor, HashAnchorStore, TreeError, TreeStore};
use veritrail_core::{Hash, LogIdentity, Position, TreeHead, TreeSize};
use veritrail_merkle::proof;

use super::PortError;
use crate::error::{AccessError, IntegrityError};
use crate::hash_anchors;
use crate::merkle_tiles::FetchError;
use crate::roots::Stand;
use crate::session::Session;

impl TreeStore for Session<'_> {
    async fn identity(&mut self) -> Result<Option<LogIdentity>, PortError> {
        let log = self.log().await?;
        Ok(log.map(|log| LogIdentity { log_id: log.log_id, epoch: log.epoch }))
    }

    async fn tree_head(&mut self) -> Result<Option<TreeHead>, PortError> {
        Ok(Session::tree_head(self).await?)
    }

    async fn root_at(&mut self, size: TreeSize) -> Result<Hash, TreeError<PortError>> {
        let tenant = self.tenant;
        self.snapshot(async |connection| {
            let stand = Stand::of(connection, tenant).await?;
            TreeError::check(size, stand.size())?;
            Ok(stand.root_at(connection, tenant, size).await?)
        })
        .await
    }

    async fn inclusion_proof(
        &mut self,
        position: Position,
        size: TreeSize,
    ) -> Result<Vec<Hash>, TreeError<PortError>> {
        let tenant = self.tenant;
        self.snapshot(async |connection| {
            let stand = Stand::of(connection, tenant).await?;
            TreeError::check(size, stand.size())?;
            let plan = proof::plan_inclusion(position.0, size.0)?;
            Ok(stand.inclusion(connection, tenant, (position, size), &plan).await?)
        })
        .await
    }

    async fn consistency_proof(
        &mut self,
        old: TreeSize,
        new: TreeSize,
    ) -> Result<Vec<Hash>, TreeError<PortError>> {
        let tenant = self.tenant;
        self.snapshot(async |connection| {
            let stand = Stand::of(connection, tenant).await?;
            TreeError::check(new, stand.size())?;
            let plan = proof::plan_consistency(old.0, new.0)?;
            Ok(stand.consistency(connection, tenant, (old, new), &plan).await?)
        })
        .await
    }

    async fn range_proof(
        &mut self,
        begin: Position,
        end: Position,
        size: TreeSize,
    ) -> Result<Vec<Hash>, TreeError<PortError>> {
        let tenant = self.tenant;
        self.snapshot(async |connection| {
            let stand = Stand::of(connection, tenant).await?;
            TreeError::check(size, stand.size())?;
            let plan = proof::plan_range(begin.0, end.0, size.0)?;
            TreeError::check_page(begin, end)?;
            Ok(stand.range(connection, tenant, (begin, end, size), &plan).await?)
        })
        .await
    }
}

impl HashAnchorStore for Session<'_> {
    async fn persist_hash_anchor(&mut self, root: Hash) -> Result<HashAnchor, AnchorError<PortError>> {
        let tenant = self.tenant;
        let kept: Result<Option<HashAnchor>, FetchError> =
            self.write(async |connection| hash_anchors::persist(connection, tenant, root).await).await;
        kept.map_err(unanchored)?.ok_or(AnchorError::NoSuchRoot(root))
    }

    async fn hash_anchor(&mut self) -> Result<Option<HashAnchor>, PortError> {
        let tenant = self.tenant;
        self.snapshot(async |connection| Ok(hash_anchors::kept(connection, tenant).await?)).await
    }

    async fn check_hash_anchor(&mut self) -> Result<Option<HashAnchor>, AnchorError<PortError>> {
        let tenant = self.tenant;
        let checked: Result<Option<HashAnchor>, FetchError> =
            self.snapshot(async |connection| hash_anchors::check(connection, tenant).await).await;
        checked.map_err(unanchored)
    }
}

impl From<AccessError> for TreeError<PortError> {
    fn from(error: AccessError) -> Self {
        Self::Store(error.into())
    }
}

impl From<FetchError> for TreeError<PortError> {
    fn from(error: FetchError) -> Self {
        Self::Store(error.into())
    }
}

fn unanchored(error: FetchError) -> AnchorError<PortError> {
    match error {
        FetchError::Integrity(IntegrityError::Anchor { size, anchored, found }) => {
            AnchorError::Mismatch { anchor: HashAnchor { size: TreeSize(size), root: anchored }, found }
        }
        error => AnchorError::Store(error.into()),
    }
}
