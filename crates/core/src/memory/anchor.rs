//! The hash anchor in memory.

use veritrail_merkle::{Hash, Sha256Hasher, TreeHasher};

use super::{MemoryError, MemoryStore, Register};
use crate::log::TreeSize;
use crate::store::{AnchorError, HashAnchor, HashAnchorStore};

impl HashAnchorStore for MemoryStore {
    async fn persist_hash_anchor(&mut self, root: Hash) -> Result<HashAnchor, AnchorError<MemoryError>> {
        self.with(|register, _| {
            check(register)?;
            let size = register.size_with_root(&root).ok_or(AnchorError::NoSuchRoot(root))?;
            let newest = register.anchor.filter(|kept| kept.size >= size);
            Ok(*register.anchor.insert(newest.unwrap_or(HashAnchor { size, root })))
        })
    }

    async fn hash_anchor(&mut self) -> Result<Option<HashAnchor>, MemoryError> {
        Ok(self.with(|register, _| register.anchor))
    }

    async fn check_hash_anchor(&mut self) -> Result<Option<HashAnchor>, AnchorError<MemoryError>> {
        self.with(|register, _| check(register))
    }
}

fn check(register: &Register) -> Result<Option<HashAnchor>, AnchorError<MemoryError>> {
    let Some(anchor) = register.anchor else { return Ok(None) };
    let found = register.root_at(anchor.size);
    if found == Some(anchor.root) { Ok(Some(anchor)) } else { Err(AnchorError::Mismatch { anchor, found }) }
}

impl Register {
    fn size_with_root(&self, root: &Hash) -> Option<TreeSize> {
        match &self.log {
            Some(log) => log.size_with_root(root),
            None => (*root == Sha256Hasher.empty_root()).then_some(TreeSize(0)),
        }
    }

    fn root_at(&self, size: TreeSize) -> Option<Hash> {
        match &self.log {
            Some(log) => log.tree.root_at(size),
            None => (size == TreeSize(0)).then(|| Sha256Hasher.empty_root()),
        }
    }
}
