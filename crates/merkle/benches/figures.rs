//! The figures of the tree, as one JSON document on stdout: `cargo xtask bench merkle` makes a table of it.
//!
//! Times are the least of several rounds on one thread, ours and the reference in turn.

use std::hint::black_box;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use veritrail_merkle::{CompactRange, Hash, Sha256Hasher, TreeHasher, root_of_leaves};

const LEAVES: u64 = 1_000_000;
const SMALL: u64 = 1_000;
const ROUNDS: usize = 5;
/// Appends that are timed together, since one is too short for the clock.
const APPENDS: u64 = 1_000;

fn main() {
    let leaves: Vec<Hash> = (0..LEAVES).map(|n| Sha256Hasher.hash_leaf(&n.to_be_bytes())).collect();
    let (mut build, mut bare) = (Duration::MAX, Duration::MAX);
    let (mut large, mut small) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        build = build.min(time(|| root_of_leaves(&Sha256Hasher, &leaves)));
        bare = bare.min(time(|| bare_hashes(LEAVES - 1)));
        large = large.min(time_appends(&leaves, LEAVES - APPENDS));
        small = small.min(time_appends(&leaves, SMALL));
    }
    let figures = [
        figure("build_sha256", build, bare, "ms", "<= 0.75"),
        figure("append_growth", large, small, "ms", "<= 1.30"),
    ];
    println!("{{\"area\":\"merkle\",\"figures\":[{}]}}", figures.join(","));
}

/// As many SHA-256 of 65 bytes as a tree has nodes above its leaves, and nothing else.
fn bare_hashes(count: u64) -> [u8; 32] {
    let mut block = [1; 65];
    for _ in 0..count {
        let digest: [u8; 32] = Sha256::digest(block).into();
        block[1..33].copy_from_slice(&digest);
    }
    block[1..33].try_into().expect("32 bytes")
}

/// Appends behind a tree of `size` leaves, with the new root after each.
fn time_appends(leaves: &[Hash], size: u64) -> Duration {
    let mut range = CompactRange::empty(0);
    for leaf in &leaves[..usize::try_from(size).expect("a small size")] {
        range.append(&Sha256Hasher, *leaf, |_, _| {});
    }
    time(|| {
        for leaf in &leaves[..usize::try_from(APPENDS).expect("a small count")] {
            range.append(&Sha256Hasher, *leaf, |_, _| {});
            black_box(range.root(&Sha256Hasher));
        }
    })
}

fn time<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    black_box(work());
    start.elapsed()
}

fn figure(name: &str, ours: Duration, reference: Duration, unit: &str, goal: &str) -> String {
    let (ours, reference) = (ours.as_secs_f64() * 1e3, reference.as_secs_f64() * 1e3);
    let ratio = ours / reference;
    format!(
        r#"{{"name":"{name}","ratio":{ratio:.3},"ours":{ours:.3},"reference":{reference:.3},"unit":"{unit}","goal":"{goal}"}}"#
    )
}
