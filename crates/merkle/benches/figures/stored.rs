//! Our tree as somebody would keep it in memory to prove from it: every perfect node, level by level.
//!
//! Not here: a tree on disk or in a database.

use veritrail_merkle::{CompactRange, Hash, NodeId, Sha256Hasher, TreeHasher, proof};

/// The nodes of a growing tree.
pub(crate) struct Stored {
    range: CompactRange,
    levels: Vec<Vec<Hash>>,
}

impl Stored {
    fn empty() -> Self {
        Self { range: CompactRange::empty(0), levels: vec![Vec::new(); 64] }
    }

    pub(crate) fn of_leaves(leaf_hashes: &[Hash]) -> Self {
        let mut tree = Self::empty();
        tree.range.append_leaves(&Sha256Hasher, leaf_hashes, |id, hash| push(&mut tree.levels, id, hash));
        tree
    }

    pub(crate) fn of_entries<E: AsRef<[u8]>>(entries: &[E]) -> Self {
        let mut tree = Self::empty();
        tree.range.append_entries(&Sha256Hasher, entries, |id, hash| push(&mut tree.levels, id, hash));
        tree
    }

    pub(crate) fn append_leaf(&mut self, leaf_hash: Hash) -> Hash {
        self.range.append(&Sha256Hasher, leaf_hash, |id, hash| push(&mut self.levels, id, hash));
        self.root()
    }

    pub(crate) fn append_entry(&mut self, entry: &[u8]) -> Hash {
        self.append_leaf(Sha256Hasher.hash_leaf(entry))
    }

    pub(crate) fn root(&self) -> Hash {
        self.range.root(&Sha256Hasher).expect("the range begins at 0")
    }

    pub(crate) fn prove_inclusion(&self, index: u64) -> Vec<Hash> {
        let plan = proof::plan_inclusion(index, self.range.end()).expect("the tree has the leaf");
        let fetched = plan.nodes().iter().map(|id| self.levels[usize::from(id.level)][id.index as usize]);
        plan.assemble(&Sha256Hasher, fetched.collect()).expect("a hash for each node")
    }
}

fn push(levels: &mut [Vec<Hash>], id: NodeId, hash: Hash) {
    levels[usize::from(id.level)].push(hash);
}
