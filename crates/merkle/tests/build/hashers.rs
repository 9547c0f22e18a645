//! SHA-256 as the crate hashes it on this machine, against the `sha2` crate.
//!
//! Not here: BLAKE3 (`blake3_hasher`).

use proptest::prelude::*;
use veritrail_merkle::{Hash, Sha256Hasher, TreeHasher};

use crate::plain::{PlainSha256, entries, leaves, seeded};

#[test]
fn every_ragged_level_is_hashed_as_pairs_by_the_sha2_crate() {
    let nodes = leaves(600);
    for count in 0..nodes.len() {
        // What is in the vector already stays.
        let (mut parents, mut expected) = (nodes[..3].to_vec(), nodes[..3].to_vec());
        Sha256Hasher.hash_level(&nodes[..count], &mut parents);
        PlainSha256.hash_level(&nodes[..count], &mut expected);
        assert_eq!(parents, expected, "{count}");
    }
}

#[test]
fn the_empty_tree_has_the_hash_of_nothing() {
    assert_eq!(Sha256Hasher.empty_root(), PlainSha256.empty_root());
}

proptest! {
    #![proptest_config(seeded(256))]

    #[test]
    fn entries_of_any_lengths_are_hashed_as_by_the_sha2_crate(entries in entries(0..40)) {
        let (mut together, mut expected) = (Vec::new(), Vec::new());
        Sha256Hasher.hash_leaves(&entries, &mut together);
        PlainSha256.hash_leaves(&entries, &mut expected);
        prop_assert_eq!(&together, &expected);
        let one_by_one: Vec<Hash> = entries.iter().map(|entry| Sha256Hasher.hash_leaf(entry)).collect();
        prop_assert_eq!(one_by_one, expected);
    }

    #[test]
    fn nodes_of_any_hashes_are_hashed_as_by_the_sha2_crate(
        hashes in proptest::collection::vec(any::<[u8; 32]>().prop_map(Hash::from), 0..80),
    ) {
        let (mut together, mut expected) = (Vec::new(), Vec::new());
        Sha256Hasher.hash_level(&hashes, &mut together);
        PlainSha256.hash_level(&hashes, &mut expected);
        prop_assert_eq!(&together, &expected);
        let pairs = hashes.as_chunks::<2>().0.iter();
        let one_by_one: Vec<Hash> = pairs.map(|[left, right]| Sha256Hasher.hash_children(left, right)).collect();
        prop_assert_eq!(one_by_one, expected);
    }
}
