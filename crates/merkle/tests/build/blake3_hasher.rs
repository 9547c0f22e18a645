//! BLAKE3 trees: the functions that the documentation says, and, with `blake3-lanes`, many nodes at once.
//!
//! Not here: SHA-256 (`hashers`).

use veritrail_merkle::{Blake3Hasher, Hash, Sha256Hasher, TreeHasher, root_of_leaves};

use crate::plain::leaves;

/// What the documentation says, from the context strings.
fn documented(domain: &str, input: &[u8]) -> Hash {
    let key = blake3::derive_key(&format!("veritrail-merkle 2026-11-21 {domain}"), b"");
    Hash::from_bytes(blake3::keyed_hash(&key, input).into())
}

#[test]
fn leaves_nodes_and_the_empty_tree_are_hashed_as_documented() {
    for length in [0, 1, 51, 63, 64, 65, 1_023, 1_024, 1_025, 5_000] {
        let entry = vec![0xa5; length];
        assert_eq!(Blake3Hasher.hash_leaf(&entry), documented("leaf", &entry), "{length}");
    }
    let [left, right] = [0, 1].map(|n| leaves(2)[n]);
    let both = [left, right].map(<[u8; 32]>::from).concat();
    assert_eq!(Blake3Hasher.hash_children(&left, &right), documented("node", &both));
    let empty = blake3::derive_key("veritrail-merkle 2026-11-21 empty tree", b"");
    assert_eq!(root_of_leaves(&Blake3Hasher, &[]), Hash::from_bytes(empty));
}

#[test]
fn every_ragged_level_is_hashed_as_pairs() {
    let nodes = leaves(300);
    for count in 0..nodes.len() {
        let mut parents = nodes[..3].to_vec();
        Blake3Hasher.hash_level(&nodes[..count], &mut parents);
        let pairs = nodes[..count].as_chunks::<2>().0.iter();
        let expected = pairs.map(|[left, right]| Blake3Hasher.hash_children(left, right));
        assert_eq!(parents, nodes[..3].iter().copied().chain(expected).collect::<Vec<_>>(), "{count}");
    }
}

#[test]
fn an_entry_is_no_node_and_no_sha256_leaf() {
    let [left, right] = [0, 1].map(|n| leaves(2)[n]);
    let both = [left, right].map(<[u8; 32]>::from).concat();
    assert_ne!(Blake3Hasher.hash_leaf(&both), Blake3Hasher.hash_children(&left, &right));
    assert_ne!(Blake3Hasher.hash_leaf(b"entry"), Sha256Hasher.hash_leaf(b"entry"));
    assert_ne!(Blake3Hasher.empty_root(), Sha256Hasher.empty_root());
    assert_ne!(Blake3Hasher::HASH_ALG, Sha256Hasher::HASH_ALG);
}
