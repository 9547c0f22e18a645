//! Roots and proofs at any size of the `events` log, from its tiles and leaves.
//!
//! Not here: proof bundles for published checkpoints (`prove`).

use diesel_async::AsyncPgConnection;
use veritrail_core::{Epoch, Hash, LogName, Position, TenantId, TreeHead, TreeSize};
use veritrail_merkle::proof::{self, Plan, PlanError};
use veritrail_merkle::{
    CompactRange, NodeId, Sha256Hasher, VerifyError, verify_consistency, verify_inclusion, verify_range,
};

use crate::error::IntegrityError;
use crate::events;
use crate::logs;
use crate::merkle_tiles::{self, FetchError, TreeOf};
use crate::tree_heads;

/// The epoch of a log that has not begun.
pub(crate) const FIRST_EPOCH: Epoch = Epoch(1);

/// Where a log stands: its epoch and newest head.
pub(crate) struct Stand {
    pub(crate) epoch: Epoch,
    pub(crate) head: TreeHead,
}

impl Stand {
    /// Reads where the log stands; one that has not begun is empty.
    pub(crate) async fn of(
        connection: &mut AsyncPgConnection,
        tenant: &TenantId,
    ) -> Result<Self, FetchError> {
        let Some(log) = logs::find(connection, tenant, LogName::Events).await? else {
            return Ok(Self { epoch: FIRST_EPOCH, head: TreeHead::empty(&Sha256Hasher) });
        };
        let newest = tree_heads::newest(connection, tenant, LogName::Events, log.epoch).await?;
        newest.check()?;
        Ok(Self { epoch: log.epoch, head: newest.head })
    }

    pub(crate) fn size(&self) -> TreeSize {
        self.head.size()
    }

    /// The root of the first `size` leaves as the tiles and leaves give it, which nobody has checked. There are as many.
    pub(crate) async fn computed_root(
        &self,
        connection: &mut AsyncPgConnection,
        tenant: &TenantId,
        size: TreeSize,
    ) -> Result<Hash, FetchError> {
        let hashes = self.nodes(connection, tenant, &CompactRange::node_ids(0, size.0)).await?;
        let range = CompactRange::from_parts(0, size.0, hashes).expect("a hash was fetched for each node");
        Ok(range.root(&Sha256Hasher).expect("the range begins at 0"))
    }

    /// The root of the first `size` leaves, which the newest head provably continues. There are as many.
    pub(crate) async fn root_at(
        &self,
        connection: &mut AsyncPgConnection,
        tenant: &TenantId,
        size: TreeSize,
    ) -> Result<Hash, FetchError> {
        if size == self.size() {
            return Ok(self.head.root);
        }
        let root = self.computed_root(connection, tenant, size).await?;
        let plan = proof::plan_consistency(size.0, self.size().0).map_err(|error| self.impossible(error))?;
        let proof = self.assemble(connection, tenant, &plan).await?;
        verify_consistency(&Sha256Hasher, size.0, self.size().0, &root, &self.head.root, &proof)
            .map_err(|error| unproven(self.size(), error))?;
        Ok(root)
    }

    /// The proof that a plan is of that a leaf is in the tree of `size`.
    pub(crate) async fn inclusion(
        &self,
        connection: &mut AsyncPgConnection,
        tenant: &TenantId,
        (position, size): (Position, TreeSize),
        plan: &Plan,
    ) -> Result<Vec<Hash>, FetchError> {
        let root = self.root_at(connection, tenant, size).await?;
        let leaf = self.nodes(connection, tenant, &[NodeId::leaf(position.0)]).await?;
        let proof = self.assemble(connection, tenant, plan).await?;
        verify_inclusion(&Sha256Hasher, position.0, size.0, &leaf[0], &proof, &root)
            .map_err(|error| unproven(size, error))?;
        Ok(proof)
    }

    /// The proof that a plan is of that the tree of `new` leaves continues that of `old`.
    pub(crate) async fn consistency(
        &self,
        connection: &mut AsyncPgConnection,
        tenant: &TenantId,
        (old, new): (TreeSize, TreeSize),
        plan: &Plan,
    ) -> Result<Vec<Hash>, FetchError> {
        let old_root = self.root_at(connection, tenant, old).await?;
        let new_root = self.root_at(connection, tenant, new).await?;
        let proof = self.assemble(connection, tenant, plan).await?;
        verify_consistency(&Sha256Hasher, old.0, new.0, &old_root, &new_root, &proof)
            .map_err(|error| unproven(new, error))?;
        Ok(proof)
    }

    /// The proof that a plan is of that a page has exactly the leaves from `begin` to before `end` of the tree of `size`.
    pub(crate) async fn range(
        &self,
        connection: &mut AsyncPgConnection,
        tenant: &TenantId,
        (begin, end, size): (Position, Position, TreeSize),
        plan: &Plan,
    ) -> Result<Vec<Hash>, FetchError> {
        let root = self.root_at(connection, tenant, size).await?;
        let leaves = events::leaf_hashes(connection, tenant, begin.0, end.0).await?;
        let proof = self.assemble(connection, tenant, plan).await?;
        verify_range(&Sha256Hasher, begin.0, size.0, &leaves, &proof, &root)
            .map_err(|error| unproven(size, error))?;
        Ok(proof)
    }

    async fn assemble(
        &self,
        connection: &mut AsyncPgConnection,
        tenant: &TenantId,
        plan: &Plan,
    ) -> Result<Vec<Hash>, FetchError> {
        let nodes = self.nodes(connection, tenant, plan.nodes()).await?;
        Ok(plan.assemble(&Sha256Hasher, nodes).expect("as many nodes were fetched as the plan names"))
    }

    async fn nodes(
        &self,
        connection: &mut AsyncPgConnection,
        tenant: &TenantId,
        ids: &[NodeId],
    ) -> Result<Vec<Hash>, FetchError> {
        let tree = TreeOf { tenant, log: LogName::Events, epoch: self.epoch, stored: self.size().0 };
        merkle_tiles::nodes(connection, tree, ids).await
    }

    /// A head of a size that no tree has.
    fn impossible(&self, error: PlanError) -> FetchError {
        IntegrityError::Proof { size: self.size().0, reason: error.to_string() }.into()
    }
}

fn unproven(size: TreeSize, error: VerifyError) -> FetchError {
    IntegrityError::Proof { size: size.0, reason: error.to_string() }.into()
}
