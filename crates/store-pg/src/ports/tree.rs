//! The ports of the tree and of the hash anchor on PostgreSQL.

use veritrail_core::store::{AnchorError, HashAnchor, HashAnchorStore, TreeError, TreeStore};
use veritrail_core::{Hash, LogIdentity, Position, TreeHead, TreeSize};
use veritrail_merkle::proof;

use super::PortError;
use crate::error::IntegrityError;
use crate::hash_anchors;
use crate::merkle_tiles::FetchError;
use crate::roots::Stand;
use crate::store::Session;

impl TreeStore for Session<'_> {
    async fn identity(&mut self) -> Result<Option<LogIdentity>, PortError> {
        let log = self.log().await?;
        Ok(log.map(|log| LogIdentity { log_id: log.log_id, epoch: log.epoch }))
    }

    async fn tree_head(&mut self) -> Result<Option<TreeHead>, PortError> {
        Ok(Session::tree_head(self).await?)
    }

    async fn root_at(&mut self, size: TreeSize) -> Result<Hash, TreeError<PortError>> {
        let stand = Stand::of(&mut self.connection, self.tenant).await.map_err(unproven)?;
        TreeError::check(size, stand.size())?;
        stand.root_at(&mut self.connection, self.tenant, size).await.map_err(unproven)
    }

    async fn inclusion_proof(
        &mut self,
        position: Position,
        size: TreeSize,
    ) -> Result<Vec<Hash>, TreeError<PortError>> {
        let stand = Stand::of(&mut self.connection, self.tenant).await.map_err(unproven)?;
        TreeError::check(size, stand.size())?;
        let plan = proof::plan_inclusion(position.0, size.0)?;
        let wanted = (position, size);
        stand.inclusion(&mut self.connection, self.tenant, wanted, &plan).await.map_err(unproven)
    }

    async fn consistency_proof(
        &mut self,
        old: TreeSize,
        new: TreeSize,
    ) -> Result<Vec<Hash>, TreeError<PortError>> {
        let stand = Stand::of(&mut self.connection, self.tenant).await.map_err(unproven)?;
        TreeError::check(new, stand.size())?;
        let plan = proof::plan_consistency(old.0, new.0)?;
        stand.consistency(&mut self.connection, self.tenant, (old, new), &plan).await.map_err(unproven)
    }

    async fn range_proof(
        &mut self,
        begin: Position,
        end: Position,
        size: TreeSize,
    ) -> Result<Vec<Hash>, TreeError<PortError>> {
        let stand = Stand::of(&mut self.connection, self.tenant).await.map_err(unproven)?;
        TreeError::check(size, stand.size())?;
        let plan = proof::plan_range(begin.0, end.0, size.0)?;
        TreeError::check_page(begin, end)?;
        let wanted = (begin, end, size);
        stand.range(&mut self.connection, self.tenant, wanted, &plan).await.map_err(unproven)
    }
}

impl HashAnchorStore for Session<'_> {
    async fn persist_hash_anchor(&mut self, root: Hash) -> Result<HashAnchor, AnchorError<PortError>> {
        let kept =
            hash_anchors::persist(&mut self.connection, self.tenant, root).await.map_err(unanchored)?;
        kept.ok_or(AnchorError::NoSuchRoot(root))
    }

    async fn hash_anchor(&mut self) -> Result<Option<HashAnchor>, PortError> {
        Ok(hash_anchors::kept(&mut self.connection, self.tenant).await?)
    }

    async fn check_hash_anchor(&mut self) -> Result<Option<HashAnchor>, AnchorError<PortError>> {
        hash_anchors::check(&mut self.connection, self.tenant).await.map_err(unanchored)
    }
}

fn unproven(error: FetchError) -> TreeError<PortError> {
    TreeError::Store(error.into())
}

fn unanchored(error: FetchError) -> AnchorError<PortError> {
    match error {
        FetchError::Integrity(IntegrityError::Anchor { size, anchored, found }) => {
            AnchorError::Mismatch { anchor: HashAnchor { size: TreeSize(size), root: anchored }, found }
        }
        error => AnchorError::Store(error.into()),
    }
}
