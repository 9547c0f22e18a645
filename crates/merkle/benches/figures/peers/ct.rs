//! `ct-merkle`: a tree in memory that takes entries and keeps them. Same tree as ours.

use std::hint::black_box;

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use sha2::Sha256;
use veritrail_merkle::{Hash, Sha256Hasher, TreeHasher, verify_inclusion};

use super::{BUILD_ROUNDS, GOAL, for_each, positions};
use crate::figure::{Figure, cpu, least};
use crate::stored::Stored;

type Peer = MemoryBackedTree<Sha256, [u8; 32]>;

pub(super) fn figures(entries: &[[u8; 32]]) -> [Figure; 4] {
    let build =
        least(BUILD_ROUNDS, [&mut || cpu(|| Stored::of_entries(entries)), &mut || cpu(|| peer_of(entries))]);
    let (mut ours, mut peer) = (Stored::of_entries(entries), peer_of(entries));
    assert_eq!(ours.root().as_bytes().as_slice(), peer.root().as_bytes().as_slice());

    let size = entries.len();
    let positions = positions(size);
    let prove = for_each(
        &positions,
        |&position| drop(black_box(ours.prove_inclusion(position as u64))),
        |&position| drop(black_box(peer.prove_inclusion(position))),
    );

    let (our_root, peer_root) = (ours.root(), peer.root());
    let proofs: Vec<_> = positions
        .iter()
        .map(|&position| (position, ours.prove_inclusion(position as u64), peer.prove_inclusion(position)))
        .collect();
    let verify = for_each(
        &proofs,
        |(position, proof, _)| {
            let leaf: Hash = Sha256Hasher.hash_leaf(&entries[*position]);
            verify_inclusion(&Sha256Hasher, *position as u64, size as u64, &leaf, proof, &our_root)
                .expect("a valid proof");
        },
        |(position, _, proof)| {
            peer_root.verify_inclusion(&entries[*position], *position as u64, proof).expect("a valid proof");
        },
    );

    let append = for_each(
        &positions,
        |&position| {
            black_box(ours.append_entry(&entries[position]));
        },
        |&position| {
            peer.push(entries[position]);
            black_box(peer.root());
        },
    );
    [
        Figure::reference_over_ours("build_vs_ct_merkle", build, GOAL),
        Figure::for_one("append_vs_ct_merkle", append, GOAL),
        Figure::for_one("prove_vs_ct_merkle", prove, GOAL),
        Figure::for_one("verify_vs_ct_merkle", verify, GOAL),
    ]
}

fn peer_of(entries: &[[u8; 32]]) -> Peer {
    let mut tree = Peer::new();
    for entry in entries {
        tree.push(*entry);
    }
    tree
}
