//! `tlog_tiles`: functions over a reader of stored hashes, here a vector in memory in the crate's own order. Same tree
//! as ours.

use std::hint::black_box;

use tlog_tiles::tlog::{
    Hash as PeerHash, HashReader, check_record, prove_record, stored_hashes_for_record_hash, tree_hash,
};
use veritrail_merkle::{Hash, Sha256Hasher, verify_inclusion};

use super::{BUILD_ROUNDS, GOAL, for_each, positions};
use crate::figure::{Figure, cpu, least};
use crate::stored::Stored;

/// The stored hashes, and how many leaves they are of.
struct Peer {
    hashes: Vec<PeerHash>,
    size: u64,
}

impl HashReader for Peer {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<PeerHash>, tlog_tiles::tlog::Error> {
        Ok(indexes.iter().map(|&index| self.hashes[index as usize]).collect())
    }
}

impl Peer {
    fn of_leaves(leaves: &[Hash]) -> Self {
        let mut tree = Self { hashes: Vec::new(), size: 0 };
        for &leaf in leaves {
            tree.append(leaf);
        }
        tree
    }

    fn append(&mut self, leaf: Hash) {
        let hashes = stored_hashes_for_record_hash(self.size, PeerHash(leaf.into()), self)
            .expect("every hash is stored");
        self.hashes.extend(hashes);
        self.size += 1;
    }

    fn root(&self) -> PeerHash {
        tree_hash(self.size, self).expect("every hash is stored")
    }

    fn prove_inclusion(&self, position: usize) -> Vec<PeerHash> {
        prove_record(self.size, position as u64, self).expect("every hash is stored")
    }
}

pub(super) fn figures(leaves: &[Hash]) -> [Figure; 4] {
    let build = least(
        BUILD_ROUNDS,
        [&mut || cpu(|| Stored::of_leaves(leaves)), &mut || cpu(|| Peer::of_leaves(leaves))],
    );
    let (mut ours, mut peer) = (Stored::of_leaves(leaves), Peer::of_leaves(leaves));
    assert_eq!(ours.root().as_bytes(), &peer.root().0);

    let size = leaves.len() as u64;
    let positions = positions(leaves.len());
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
            let leaf = &leaves[*position];
            verify_inclusion(&Sha256Hasher, *position as u64, size, leaf, proof, &our_root)
                .expect("a valid proof");
        },
        |(position, _, proof)| {
            let leaf = PeerHash(leaves[*position].into());
            check_record(proof, size, peer_root, *position as u64, leaf).expect("a valid proof");
        },
    );

    let append = for_each(
        &positions,
        |&position| {
            black_box(ours.append_leaf(leaves[position]));
        },
        |&position| {
            peer.append(leaves[position]);
            black_box(peer.root());
        },
    );
    [
        Figure::reference_over_ours("build_vs_tlog_tiles", build, GOAL),
        Figure::for_one("append_vs_tlog_tiles", append, GOAL),
        Figure::for_one("prove_vs_tlog_tiles", prove, GOAL),
        Figure::for_one("verify_vs_tlog_tiles", verify, GOAL),
    ]
}
