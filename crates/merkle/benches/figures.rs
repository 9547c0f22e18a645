//! The figures of the tree, as one JSON document on stdout: `cargo xtask bench merkle` makes a table of it. What each
//! means is in `docs/benchmarks.md`.
//!
//! Each time is the least of several rounds, ours and the reference in turn: of CPU on one thread, but for
//! `build_two_threads`, which is of the clock on the wall. Not here: memory, which is in `memory.rs`, since counting
//! allocations takes time.

#[path = "figures/build.rs"]
mod build;
#[path = "figures/figure.rs"]
mod figure;
#[path = "figures/peers.rs"]
mod peers;
#[path = "figures/stored.rs"]
mod stored;

use veritrail_merkle::{Hash, Sha256Hasher, TreeHasher};

/// The tree's size in every figure.
const LEAVES: usize = 1_000_000;

fn main() {
    let entries: Vec<[u8; 32]> = (0..LEAVES as u64).map(entry).collect();
    let leaves: Vec<Hash> = entries.iter().map(|entry| Sha256Hasher.hash_leaf(entry)).collect();

    let mut figures = build::figures(&leaves);
    figures.push(build::append_growth(&leaves));
    figures.extend(peers::figures(&entries, &leaves));
    println!("{}", figure::document(&figures));
}

/// An entry of the size of a hash, which suits every peer.
fn entry(position: u64) -> [u8; 32] {
    let mut bytes = [0x5a; 32];
    bytes[..8].copy_from_slice(&position.to_be_bytes());
    bytes
}
