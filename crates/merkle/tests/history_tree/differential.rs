//! The tree against two other implementations, `ct-merkle` and `tlog_tiles`: equal roots and proofs, ours
//! verified there, theirs verified here, and what is false refused by both.
//!
//! Tiles are compared in `tiles`, checkpoints in `signed_note`.

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use sha2::Sha256;
use tlog_tiles::{HashReader, check_record, check_tree, prove_record, prove_tree, stored_hashes, tree_hash};
use veritrail_merkle::{Hash, Sha256Hasher, TreeHasher as _, verify_consistency, verify_inclusion};

use crate::proofs::{consistency, inclusion};
use crate::reference::{LevelTree, SmallTree, Tree, leaf_hash};

const SIZES: u64 = 130;
const HEIGHT: u32 = 13;

/// The entry whose leaf hash the reference trees have at `index`.
fn entry(index: u64) -> [u8; 8] {
    index.to_be_bytes()
}

/// Stored hashes in the order of `tlog_tiles`: the same whatever the tree grows to.
#[derive(Default)]
struct Storage(Vec<tlog_tiles::Hash>);

impl Storage {
    fn of(entries: u64) -> Self {
        let mut storage = Self::default();
        for index in 0..entries {
            let new = stored_hashes(index, &entry(index), &storage).expect("all earlier hashes are stored");
            storage.0.extend(new);
        }
        storage
    }
}

impl HashReader for Storage {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        Ok(indexes.iter().map(|&index| self.0[index as usize]).collect())
    }
}

fn to_tlog(hash: &Hash) -> tlog_tiles::Hash {
    tlog_tiles::Hash(*hash.as_bytes())
}

fn from_tlog(hash: &tlog_tiles::Hash) -> Hash {
    Hash::from_bytes(hash.0)
}

fn to_ct(root: &Hash, size: u64) -> RootHash<Sha256> {
    RootHash::new((*root.as_bytes()).into(), size)
}

fn bytes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

fn hashes(bytes: &[u8]) -> Vec<Hash> {
    bytes.chunks(32).map(|hash| Hash::try_from(hash).expect("a proof is a list of hashes")).collect()
}

/// Compares everything that can be said of one leaf in one tree.
fn compare_inclusion(tree: &impl Tree, storage: &Storage, index: u64, size: u64) {
    let (root, leaf, ours) = (tree.root(size), tree.leaf(index), inclusion(tree, index, size));
    let theirs = prove_record(size, index, storage).expect("the leaf is in the tree");
    assert_eq!(theirs.iter().map(from_tlog).collect::<Vec<_>>(), ours, "leaf {index} of {size}");
    assert!(check_record(&theirs, size, to_tlog(&root), index, to_tlog(&leaf)).is_ok());
    assert_eq!(verify_inclusion(&Sha256Hasher, index, size, &leaf, &ours, &root), Ok(()));

    let ct = InclusionProof::<Sha256>::from_bytes(bytes(&ours));
    assert!(to_ct(&root, size).verify_inclusion(&entry(index), index, &ct).is_ok(), "{index} of {size}");
    let other = entry(index + 1);
    assert!(to_ct(&root, size).verify_inclusion(&other, index, &ct).is_err());
    assert!(check_record(&theirs, size, to_tlog(&root), index, to_tlog(&leaf_hash(&other))).is_err());
    assert!(verify_inclusion(&Sha256Hasher, index, size, &leaf_hash(&other), &ours, &root).is_err());
}

/// Compares everything that can be said of two trees, `0 < old <= new`.
fn compare_consistency(tree: &impl Tree, storage: &Storage, old: u64, new: u64) {
    let (old_root, new_root, ours) = (tree.root(old), tree.root(new), consistency(tree, old, new));
    let theirs = prove_tree(new, old, storage).expect("the old tree is not empty");
    assert_eq!(theirs.iter().map(from_tlog).collect::<Vec<_>>(), ours, "from {old} to {new}");
    assert!(check_tree(&theirs, new, to_tlog(&new_root), old, to_tlog(&old_root)).is_ok());
    assert_eq!(verify_consistency(&Sha256Hasher, old, new, &old_root, &new_root, &ours), Ok(()));

    let ct = ConsistencyProof::<Sha256>::try_from_bytes(bytes(&ours)).expect("a list of hashes");
    assert!(to_ct(&new_root, new).verify_consistency(&to_ct(&old_root, old), &ct).is_ok(), "{old} to {new}");
    let other = leaf_hash(b"other");
    assert!(to_ct(&new_root, new).verify_consistency(&to_ct(&other, old), &ct).is_err());
    assert!(check_tree(&theirs, new, to_tlog(&new_root), old, to_tlog(&other)).is_err());
    assert!(verify_consistency(&Sha256Hasher, old, new, &other, &new_root, &ours).is_err());
}

#[test]
fn roots_and_proofs_agree_with_those_of_two_others() {
    let (tree, storage) = (SmallTree::numbered(SIZES), Storage::of(SIZES));
    for size in 1..=SIZES {
        assert_eq!(from_tlog(&tree_hash(size, &storage).expect("all hashes are stored")), tree.root(size));
        (0..size).for_each(|index| compare_inclusion(&tree, &storage, index, size));
        (1..=size).for_each(|old| compare_consistency(&tree, &storage, old, size));
    }
    assert_eq!(from_tlog(&tlog_tiles::EMPTY_HASH), Sha256Hasher.empty_root());
}

#[test]
fn proofs_made_by_ct_merkle_verify() {
    let reference = SmallTree::numbered(SIZES);
    let mut theirs = MemoryBackedTree::<Sha256, [u8; 8]>::new();
    for size in 1..=SIZES {
        theirs.push(entry(size - 1));
        let root = Hash::try_from(theirs.root().as_bytes().as_slice()).expect("a root has 32 bytes");
        assert_eq!(root, reference.root(size));
        for index in 0..size {
            let proof = hashes(theirs.prove_inclusion(index as usize).as_bytes());
            let leaf = Sha256Hasher.hash_leaf(&entry(index));
            assert_eq!(verify_inclusion(&Sha256Hasher, index, size, &leaf, &proof, &root), Ok(()));
            let (old, old_root) = (index + 1, reference.root(index + 1));
            let proof = hashes(theirs.prove_consistency((size - old) as usize).as_bytes());
            assert_eq!(verify_consistency(&Sha256Hasher, old, size, &old_root, &root, &proof), Ok(()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        rng_seed: RngSeed::Fixed(0x6469_6666),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn larger_trees_agree_too(picks in prop::collection::vec((1..=1_u64 << HEIGHT, any::<u64>()), 16)) {
        static TREES: std::sync::LazyLock<(LevelTree, Storage)> =
            std::sync::LazyLock::new(|| (LevelTree::numbered(HEIGHT), Storage::of(1 << HEIGHT)));
        let (tree, storage) = &*TREES;
        for (size, pick) in picks {
            compare_inclusion(tree, storage, pick % size, size);
            compare_consistency(tree, storage, pick % size + 1, size);
        }
    }
}
