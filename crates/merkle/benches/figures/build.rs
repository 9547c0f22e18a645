//! From leaf hashes to the root, against the bare hash; and appending to a compact range at two sizes.
//!
//! Not here: building a tree that can prove, which is timed against the peers.

use std::hint::black_box;
use std::time::Duration;

use rayon::ThreadPoolBuilder;
use sha2::{Digest as _, Sha256};
use veritrail_merkle::{Blake3Hasher, CompactRange, Hash, Sha256Hasher, parallel, root_of_leaves};

use crate::figure::{Figure, cpu, least, wall};

const ROUNDS: usize = 15;
/// More rounds where a single other process spoils one.
const WALL_ROUNDS: usize = 60;
/// Appends behind one tree before the next one begins at the size anew. From 1,024 on they complete a node of each of
/// the ten lowest levels, behind either tree.
const APPENDS: usize = 1_024;
/// Trees that are timed together, since one takes too little time for the clock.
const TREES: usize = 100;
const SMALL: usize = 1_000;

pub(crate) fn figures(leaves: &[Hash]) -> Vec<Figure> {
    let [sha256, blake3, bare] = least(
        ROUNDS,
        [
            &mut || cpu(|| root_of_leaves(&Sha256Hasher, leaves)),
            &mut || cpu(|| root_of_leaves(&Blake3Hasher, leaves)),
            &mut || cpu(|| bare_hashes(leaves)),
        ],
    );
    let pool = ThreadPoolBuilder::new().num_threads(2).build().expect("two threads can be started");
    assert_eq!(
        pool.install(|| parallel::root_of_leaves(&Sha256Hasher, leaves)),
        root_of_leaves(&Sha256Hasher, leaves),
    );
    let two_threads = least(
        WALL_ROUNDS,
        [&mut || wall(|| pool.install(|| parallel::root_of_leaves(&Sha256Hasher, leaves))), &mut || {
            wall(|| root_of_leaves(&Sha256Hasher, leaves))
        }],
    );
    vec![
        Figure::ours_over_reference("build_sha256", [sha256, bare], "<= 0.75"),
        Figure::ours_over_reference("build_blake3", [blake3, bare], "<= 0.25"),
        Figure::reference_over_ours("build_two_threads", two_threads, ">= 1.80"),
    ]
}

/// As many SHA-256 of 65 bytes, by the `sha2` crate, as a tree of these leaves has nodes above them, and nothing else.
/// No input waits for an output, which suits the processor better than a chain.
fn bare_hashes(leaves: &[Hash]) {
    let mut node = [1; 65];
    for pair in leaves.windows(2) {
        node[1..33].copy_from_slice(pair[0].as_bytes());
        node[33..].copy_from_slice(pair[1].as_bytes());
        black_box(Sha256::digest(node));
    }
}

/// Appends of one leaf each, behind a large and behind a small tree.
pub(crate) fn append_growth(leaves: &[Hash]) -> Figure {
    let [large, small] = [leaves.len(), SMALL].map(|size| {
        let mut range = CompactRange::empty(0);
        range.append_leaves(&Sha256Hasher, &leaves[..size], |_, _| ());
        range
    });
    let times = least(ROUNDS, [&mut || appends(&large, leaves), &mut || appends(&small, leaves)]);
    let one = times.map(|time| time / (APPENDS * TREES) as u32);
    Figure {
        ratio: one[0].as_secs_f64() / one[1].as_secs_f64(),
        ..Figure::for_one("append_growth", one, "<= 1.30")
    }
}

fn appends(range: &CompactRange, leaves: &[Hash]) -> Duration {
    let mut trees = vec![range.clone(); TREES];
    cpu(|| {
        for range in &mut trees {
            for leaf in &leaves[..APPENDS] {
                range.append(&Sha256Hasher, *leaf, |id, hash| {
                    black_box((id, hash));
                });
            }
        }
        trees
    })
}
