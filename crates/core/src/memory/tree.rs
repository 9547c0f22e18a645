//! The tree of a log in memory: every perfect node, by level, and the port of it.

use veritrail_merkle::proof::{self, Plan};
use veritrail_merkle::{CompactRange, Hash, NodeId, Sha256Hasher};

use super::{MemoryError, MemoryStore};
use crate::log::{LogIdentity, Position, TreeHead, TreeSize};
use crate::store::{TreeError, TreeStore};

/// A history tree with all its perfect nodes.
pub(super) struct Tree {
    frontier: CompactRange,
    /// The hashes of the perfect nodes of each level, from the leaves up, left to right.
    levels: Vec<Vec<Hash>>,
}

impl Default for Tree {
    fn default() -> Self {
        Self { frontier: CompactRange::empty(0), levels: Vec::new() }
    }
}

impl Tree {
    pub(super) fn append(&mut self, leaf: Hash) {
        let levels = &mut self.levels;
        self.frontier.append(&Sha256Hasher, leaf, |node, hash| {
            let level = usize::from(node.level);
            if level == levels.len() {
                levels.push(Vec::new());
            }
            // Nodes of one level become complete from left to right.
            levels[level].push(hash);
        });
    }

    pub(super) fn size(&self) -> TreeSize {
        TreeSize(self.frontier.end())
    }

    pub(super) fn frontier(&self) -> &CompactRange {
        &self.frontier
    }

    pub(super) fn root(&self) -> Hash {
        root_of(&self.frontier)
    }

    /// The root of the first `size` leaves; `None` where there are fewer.
    pub(super) fn root_at(&self, size: TreeSize) -> Option<Hash> {
        if size > self.size() {
            return None;
        }
        let hashes = self.nodes(&CompactRange::node_ids(0, size.0));
        let range = CompactRange::from_parts(0, size.0, hashes).expect("a hash was taken for each node");
        Some(root_of(&range))
    }

    fn nodes(&self, ids: &[NodeId]) -> Vec<Hash> {
        let index = |id: &NodeId| usize::try_from(id.index).expect("a node in memory has an index in memory");
        ids.iter().map(|id| self.levels[usize::from(id.level)][index(id)]).collect()
    }
}

fn root_of(range: &CompactRange) -> Hash {
    range.root(&Sha256Hasher).expect("the range begins at 0")
}

impl MemoryStore {
    /// Makes a proof in the tree of the first `size` leaves.
    fn proof(
        &self,
        size: TreeSize,
        plan: impl FnOnce() -> Result<Plan, TreeError<MemoryError>>,
    ) -> Result<Vec<Hash>, TreeError<MemoryError>> {
        self.with(|register, _| {
            let empty = Tree::default();
            let tree = register.log.as_ref().map_or(&empty, |log| &log.tree);
            TreeError::check(size, tree.size())?;
            let plan = plan()?;
            let proof = plan.assemble(&Sha256Hasher, tree.nodes(plan.nodes()));
            Ok(proof.expect("a hash was taken for each node of the plan"))
        })
    }
}

impl TreeStore for MemoryStore {
    async fn identity(&mut self) -> Result<Option<LogIdentity>, Self::Error> {
        Ok(self.with(|register, _| register.log.as_ref().map(|log| log.identity)))
    }

    async fn tree_head(&mut self) -> Result<Option<TreeHead>, Self::Error> {
        Ok(self.with(|register, _| register.log.as_ref().map(super::log::Log::head)))
    }

    async fn root_at(&mut self, size: TreeSize) -> Result<Hash, TreeError<Self::Error>> {
        self.with(|register, _| {
            let empty = Tree::default();
            let tree = register.log.as_ref().map_or(&empty, |log| &log.tree);
            tree.root_at(size).ok_or(TreeError::BeyondLog { size, log: tree.size() })
        })
    }

    async fn inclusion_proof(
        &mut self,
        position: Position,
        size: TreeSize,
    ) -> Result<Vec<Hash>, TreeError<Self::Error>> {
        self.proof(size, || Ok(proof::plan_inclusion(position.0, size.0)?))
    }

    async fn consistency_proof(
        &mut self,
        old: TreeSize,
        new: TreeSize,
    ) -> Result<Vec<Hash>, TreeError<Self::Error>> {
        self.proof(new, || Ok(proof::plan_consistency(old.0, new.0)?))
    }

    async fn range_proof(
        &mut self,
        begin: Position,
        end: Position,
        size: TreeSize,
    ) -> Result<Vec<Hash>, TreeError<Self::Error>> {
        self.proof(size, || {
            let plan = proof::plan_range(begin.0, end.0, size.0)?;
            TreeError::check_page(begin, end)?;
            Ok(plan)
        })
    }
}
