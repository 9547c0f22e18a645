//! Side by side with other crates: building a tree that can prove, appending a leaf and working out the new root,
//! proving the inclusion of a leaf, verifying that proof.
//!
//! Each peer is used as its own documentation shows. Where a peer takes entries, so do we; where it takes leaf hashes,
//! so do we. Not here: what the two agree on, which is tested under `tests/`.

#[path = "peers/ct.rs"]
mod ct;
#[path = "peers/rs.rs"]
mod rs;
#[path = "peers/tlog.rs"]
mod tlog;

use std::time::Duration;

use veritrail_merkle::Hash;

use crate::figure::{Figure, cpu, least};

const GOAL: &str = "> 1.0";
/// A peer's tree takes seconds to build.
const BUILD_ROUNDS: usize = 2;
const ROUNDS: usize = 5;
/// Operations that are timed together.
const OPERATIONS: usize = 1_000;

pub(crate) fn figures(entries: &[[u8; 32]], leaves: &[Hash]) -> Vec<Figure> {
    [ct::figures(entries), rs::figures(leaves), tlog::figures(leaves)].into_iter().flatten().collect()
}

/// Positions all over a tree of this size, the same in every run.
fn positions(size: usize) -> Vec<usize> {
    (0..OPERATIONS as u64).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) as usize % size).collect()
}

/// Times for one operation, of ours and of the peer's `operations` in turn.
fn for_each<T>(operations: &[T], mut ours: impl FnMut(&T), mut peer: impl FnMut(&T)) -> [Duration; 2] {
    let times = least(
        ROUNDS,
        [&mut || cpu(|| operations.iter().for_each(&mut ours)), &mut || {
            cpu(|| operations.iter().for_each(&mut peer))
        }],
    );
    times.map(|time| time / operations.len() as u32)
}
