//! Hashers of a few lines to compare with, and leaves to compare on.
//!
//! Not here: anything that is tested.

use proptest::strategy::Strategy;
use proptest::test_runner::{Config as ProptestConfig, RngSeed};
use sha2::{Digest as _, Sha256};
use veritrail_merkle::{Hash, TreeHasher};

/// SHA-256 of RFC 6962 by the `sha2` crate alone, with the bulk functions that the trait gives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlainSha256;

impl TreeHasher for PlainSha256 {
    const HASH_ALG: &'static str = "sha256";

    fn empty_root(&self) -> Hash {
        Hash::from_bytes(Sha256::digest([]).into())
    }

    fn hash_leaf(&self, entry: &[u8]) -> Hash {
        Hash::from_bytes(Sha256::new().chain_update([0x00]).chain_update(entry).finalize().into())
    }

    fn hash_children(&self, left: &Hash, right: &Hash) -> Hash {
        let state = Sha256::new().chain_update([0x01]).chain_update(left).chain_update(right);
        Hash::from_bytes(state.finalize().into())
    }
}

/// So many different hashes.
pub(crate) fn leaves(count: usize) -> Vec<Hash> {
    (0..count as u64).map(|n| PlainSha256.hash_leaf(&n.to_be_bytes())).collect()
}

/// Entries of lengths up to some blocks; a third of them are of the length of an event's entry.
pub(crate) fn entries(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Vec<u8>>> {
    let length = proptest::prop_oneof![0..200_usize, 51..52_usize, 0..70_usize];
    let entry = length.prop_flat_map(|length| proptest::collection::vec(proptest::num::u8::ANY, length));
    proptest::collection::vec(entry, count)
}

/// As many cases, the same ones in every run.
pub(crate) fn seeded(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(0x6275_696c),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}
