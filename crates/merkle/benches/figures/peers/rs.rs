//! `rs_merkle`: a tree in memory that takes leaf hashes and keeps its history, for rollback. Another tree than ours
//! (nodes without a prefix), of the same shape and number of compressions.

use std::hint::black_box;

use rs_merkle::MerkleTree;
use rs_merkle::algorithms::Sha256;
use veritrail_merkle::{Hash, Sha256Hasher, verify_inclusion};

use super::{BUILD_ROUNDS, GOAL, for_each, positions};
use crate::figure::{Figure, cpu, least};
use crate::stored::Stored;

/// A commit copies the whole tree, so few of them are timed.
const COMMITS: usize = 3;

pub(super) fn figures(leaves: &[Hash]) -> [Figure; 4] {
    let peer_leaves: Vec<[u8; 32]> = leaves.iter().map(|&leaf| leaf.into()).collect();
    let build = least(
        BUILD_ROUNDS,
        [&mut || cpu(|| Stored::of_leaves(leaves)), &mut || {
            cpu(|| MerkleTree::<Sha256>::from_leaves(&peer_leaves))
        }],
    );
    let (mut ours, mut peer) = (Stored::of_leaves(leaves), MerkleTree::<Sha256>::from_leaves(&peer_leaves));

    let size = leaves.len();
    let positions = positions(size);
    let prove = for_each(
        &positions,
        |&position| drop(black_box(ours.prove_inclusion(position as u64))),
        |&position| drop(black_box(peer.proof(&[position]))),
    );

    let (our_root, peer_root) = (ours.root(), peer.root().expect("a tree with leaves"));
    let proofs: Vec<_> = positions
        .iter()
        .map(|&position| (position, ours.prove_inclusion(position as u64), peer.proof(&[position])))
        .collect();
    let verify = for_each(
        &proofs,
        |(position, proof, _)| {
            let leaf = &leaves[*position];
            verify_inclusion(&Sha256Hasher, *position as u64, size as u64, leaf, proof, &our_root)
                .expect("a valid proof");
        },
        |(position, _, proof)| {
            assert!(proof.verify(peer_root, &[*position], &[peer_leaves[*position]], size));
        },
    );

    let append = for_each(
        &positions[..COMMITS],
        |&position| {
            black_box(ours.append_leaf(leaves[position]));
        },
        |&position| {
            peer.insert(peer_leaves[position]).commit();
            black_box(peer.root());
        },
    );
    [
        Figure::reference_over_ours("build_vs_rs_merkle", build, GOAL),
        Figure::for_one("append_vs_rs_merkle", append, GOAL),
        Figure::for_one("prove_vs_rs_merkle", prove, GOAL),
        Figure::for_one("verify_vs_rs_merkle", verify, GOAL),
    ]
}
