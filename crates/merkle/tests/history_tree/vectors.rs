//! Known answers: the eight-leaf tree of Certificate Transparency's own tests, and proofs in it.

use veritrail_merkle::proof::{Plan, plan_consistency, plan_inclusion};
use veritrail_merkle::{
    CompactRange, Hash, Sha256Hasher, TreeHasher as _, root_of_leaves, verify_consistency, verify_inclusion,
};

use crate::reference::{SmallTree, Tree};

const INPUTS: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];

const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/// Leaf index, tree size, path.
const INCLUSION: [(u64, u64, &[&str]); 5] = [
    (0, 1, &[]),
    (
        0,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        &[
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (2, 3, &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        1,
        5,
        &[
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
];

/// Old size, new size, proof.
const CONSISTENCY: [(u64, u64, &[&str]); 4] = [
    (1, 1, &[]),
    (
        1,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        &[
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        &[
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
];

fn hash(text: &str) -> Hash {
    text.parse().expect("a known answer is hex")
}

fn leaves() -> Vec<Hash> {
    let entries = INPUTS.map(|input| hex::decode(input).expect("a known input is hex"));
    entries.iter().map(|entry| Sha256Hasher.hash_leaf(entry)).collect()
}

#[test]
fn the_roots_are_the_published_ones() {
    let empty = hash("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_eq!(Sha256Hasher.empty_root(), empty);
    assert_eq!(root_of_leaves(&Sha256Hasher, &[]), empty);
    assert_eq!(CompactRange::empty(0).root(&Sha256Hasher), Some(empty));
    let mut range = CompactRange::empty(0);
    for (leaf, root) in leaves().into_iter().zip(ROOTS) {
        range.append(&Sha256Hasher, leaf, |_, _| ());
        assert_eq!(range.root(&Sha256Hasher), Some(hash(root)));
        assert_eq!(root_of_leaves(&Sha256Hasher, &leaves()[..range.end() as usize]), hash(root));
    }
}

#[test]
fn the_proofs_are_the_published_ones() {
    let tree = SmallTree::new(leaves());
    let assemble = |plan: Plan| plan.assemble(&Sha256Hasher, tree.fetch(plan.nodes())).unwrap();
    let hashes = |texts: &[&str]| texts.iter().map(|text| hash(text)).collect::<Vec<_>>();
    let root = |size: u64| hash(ROOTS[size as usize - 1]);
    for (index, size, texts) in INCLUSION {
        let proof = assemble(plan_inclusion(index, size).unwrap());
        assert_eq!(proof, hashes(texts));
        let leaf = leaves()[index as usize];
        assert_eq!(verify_inclusion(&Sha256Hasher, index, size, &leaf, &proof, &root(size)), Ok(()));
    }
    for (old, new, texts) in CONSISTENCY {
        let proof = assemble(plan_consistency(old, new).unwrap());
        assert_eq!(proof, hashes(texts));
        assert_eq!(verify_consistency(&Sha256Hasher, old, new, &root(old), &root(new), &proof), Ok(()));
    }
}
