//! The memory of a build, as a figure of its own program, since counting allocations takes time. Not here: times, which
//! are in `figures.rs`.

#[path = "figures/figure.rs"]
#[expect(dead_code, reason = "times are not taken here")]
mod figure;

use std::hint::black_box;

use peak_alloc::PeakAlloc;
use rayon::ThreadPoolBuilder;
use veritrail_merkle::{Hash, Sha256Hasher, TreeHasher, parallel, root_of_leaves};

use crate::figure::Figure;

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

const LEAVES: u64 = 1_000_000;

fn main() {
    let pool = ThreadPoolBuilder::new().num_threads(2).build().expect("two threads can be started");
    let leaves: Vec<Hash> = (0..LEAVES).map(|n| Sha256Hasher.hash_leaf(&n.to_be_bytes())).collect();
    let one_thread = peak(|| root_of_leaves(&Sha256Hasher, &leaves));
    let two_threads = peak(|| pool.install(|| parallel::root_of_leaves(&Sha256Hasher, &leaves)));

    let ours = one_thread.max(two_threads) as f64;
    let reference = size_of_val(leaves.as_slice()) as f64;
    const MIB: f64 = 1024.0 * 1024.0;
    let figure = Figure {
        name: "build_memory".to_owned(),
        ratio: ours / reference,
        ours: ours / MIB,
        reference: Some(reference / MIB),
        unit: "MiB",
        goal: "<= 2.20",
    };
    println!("{}", figure::document(&[figure]));
}

/// The most bytes that were allocated at one time during the work, with what was allocated before it.
fn peak<T>(work: impl FnOnce() -> T) -> usize {
    ALLOCATED.reset_peak_usage();
    black_box(work());
    ALLOCATED.peak_usage()
}
