//! Every way in which a valid proof is spoilt before it is checked again: each must be refused. They are the
//! probes of transparency-dev/merkle, on every kind of proof.
//!
//! A mutation that leaves a true statement with a valid proof would rightly be accepted, so none is made that
//! can: the leaves of the trees are all different, sizes are doubled and halved (a size changed by one can
//! leave the path as it is, which is why the size has to come from the checkpoint), and swapped hashes are
//! unequal ones.

use veritrail_merkle::{Hash, Sha256Hasher, verify_consistency, verify_inclusion, verify_range, verify_set};

use crate::reference::{Tree, leaf_hash};

/// Positions and leaf hashes.
type Set = Vec<(u64, Hash)>;

fn flip(hash: &Hash, bit: usize) -> Hash {
    let mut bytes = *hash.as_bytes();
    bytes[bit / 8 % 32] ^= 1 << (bit % 8);
    Hash::from(bytes)
}

/// The list with each hash flipped, left out, doubled or swapped with the next; with one more at either end;
/// empty.
fn spoilt(hashes: &[Hash], strangers: &[Hash]) -> Vec<Vec<Hash>> {
    let mut lists = Vec::new();
    let mut push = |list: Vec<Hash>| {
        if list != hashes {
            lists.push(list);
        }
    };
    for i in 0..hashes.len() {
        let mut list = hashes.to_vec();
        list[i] = flip(&list[i], i * 11);
        push(list);
        let mut list = hashes.to_vec();
        list.remove(i);
        push(list);
        let mut list = hashes.to_vec();
        list.insert(i, hashes[i]);
        push(list);
        let mut list = hashes.to_vec();
        list.swap(i, (i + 1) % hashes.len());
        push(list);
    }
    for stranger in strangers {
        push([hashes, &[*stranger]].concat());
        push([&[*stranger], hashes].concat());
    }
    push(hashes.iter().rev().copied().collect());
    push([hashes, hashes].concat());
    push(vec![]);
    lists
}

/// Numbers near `n` in the senses that matter to a tree; those that wrap are out of range and must be refused
/// as well.
fn moved(n: u64) -> [u64; 3] {
    [n.wrapping_add(1), n.wrapping_sub(1), n ^ 2]
}

pub(crate) fn refuse_spoilt_inclusion(tree: &impl Tree, index: u64, size: u64, proof: &[Hash]) {
    let (leaf, root) = (tree.leaf(index), tree.root(size));
    let check = |index, size, leaf: &Hash, proof: &[Hash], root: &Hash| {
        verify_inclusion(&Sha256Hasher, index, size, leaf, proof, root)
    };
    assert_eq!(check(index, size, &leaf, proof, &root), Ok(()));
    let what = |change: &str| format!("{change} in the inclusion proof of {index} in {size}");

    for other in moved(index) {
        assert!(check(other, size, &leaf, proof, &root).is_err(), "{}", what("index"));
    }
    for other in [size * 2, size / 2, 0, u64::MAX] {
        assert!(check(index, other, &leaf, proof, &root).is_err(), "{}", what("size"));
    }
    for other in [flip(&leaf, 3), Hash::from([0; 32]), leaf_hash(b"stranger")] {
        assert!(check(index, size, &other, proof, &root).is_err(), "{}", what("leaf"));
        assert!(check(index, size, &leaf, proof, &other).is_err(), "{}", what("root"));
    }
    for proof in spoilt(proof, &[leaf, root, Hash::from([0; 32])]) {
        assert!(check(index, size, &leaf, &proof, &root).is_err(), "{}", what("hashes"));
    }
}

pub(crate) fn refuse_spoilt_consistency(tree: &impl Tree, old: u64, new: u64, proof: &[Hash]) {
    let (old_root, new_root) = (tree.root(old), tree.root(new));
    let check = |old, new, old_root: &Hash, new_root: &Hash, proof: &[Hash]| {
        verify_consistency(&Sha256Hasher, old, new, old_root, new_root, proof)
    };
    assert_eq!(check(old, new, &old_root, &new_root, proof), Ok(()));
    let what = |change: &str| format!("{change} in the consistency proof from {old} to {new}");

    for other in moved(old) {
        assert!(check(other, new, &old_root, &new_root, proof).is_err(), "{}", what("old size"));
    }
    for other in [flip(&old_root, 3), Hash::from([0; 32])] {
        assert!(check(old, new, &other, &new_root, proof).is_err(), "{}", what("old root"));
    }
    for proof in spoilt(proof, &[old_root, new_root, Hash::from([0; 32])]) {
        assert!(check(old, new, &old_root, &new_root, &proof).is_err(), "{}", what("hashes"));
    }
    if old == 0 && new > 0 {
        // Every tree begins with the empty one, so no new size and no new root makes that false.
        return;
    }
    for other in [new * 2, new / 2, u64::MAX].into_iter().filter(|&other| other != new) {
        assert!(check(old, other, &old_root, &new_root, proof).is_err(), "{}", what("new size"));
    }
    for other in [flip(&new_root, 3), Hash::from([0; 32])] {
        assert!(check(old, new, &old_root, &other, proof).is_err(), "{}", what("new root"));
    }
    if old != new {
        assert!(check(old, new, &new_root, &old_root, proof).is_err(), "{}", what("swapped roots"));
        assert!(check(new, old, &new_root, &old_root, proof).is_err(), "{}", what("swapped sizes"));
    }
}

pub(crate) fn refuse_spoilt_range(tree: &impl Tree, page: (u64, u64), size: u64, proof: &[Hash]) {
    let (begin, leaves, root) = (page.0, tree.leaves(page.0, page.1), tree.root(size));
    let check = |begin, size, leaves: &[Hash], proof: &[Hash], root: &Hash| {
        verify_range(&Sha256Hasher, begin, size, leaves, proof, root)
    };
    assert_eq!(check(begin, size, &leaves, proof, &root), Ok(()));
    let what = |change: &str| format!("{change} in the range proof of {page:?} in {size}");

    for other in moved(begin) {
        assert!(check(other, size, &leaves, proof, &root).is_err(), "{}", what("begin"));
    }
    for other in [size * 2, size / 2, u64::MAX].into_iter().filter(|&other| other != size) {
        assert!(check(begin, other, &leaves, proof, &root).is_err(), "{}", what("size"));
    }
    for other in [flip(&root, 3), Hash::from([0; 32])] {
        assert!(check(begin, size, &leaves, proof, &other).is_err(), "{}", what("root"));
    }
    let strangers = [root, Hash::from([0; 32]), leaf_hash(b"stranger")];
    for proof in spoilt(proof, &strangers) {
        assert!(check(begin, size, &leaves, &proof, &root).is_err(), "{}", what("hashes"));
    }
    for leaves in spoilt(&leaves, &strangers) {
        assert!(check(begin, size, &leaves, proof, &root).is_err(), "{}", what("leaves"));
    }
    // A shorter page is as true, but these hashes do not prove it.
    if let Some((_, rest)) = leaves.split_first() {
        assert!(check(begin + 1, size, rest, proof, &root).is_err(), "{}", what("first leaf"));
    }
}

pub(crate) fn refuse_spoilt_set(tree: &impl Tree, set: &[u64], size: u64, proof: &[Hash]) {
    let leaves: Vec<(u64, Hash)> = set.iter().map(|&index| (index, tree.leaf(index))).collect();
    let root = tree.root(size);
    let check = |size, leaves: &[(u64, Hash)], proof: &[Hash], root: &Hash| {
        verify_set(&Sha256Hasher, size, leaves, proof, root)
    };
    assert_eq!(check(size, &leaves, proof, &root), Ok(()));
    let what = |change: &str| format!("{change} in the set proof of {set:?} in {size}");

    for other in [size * 2, size / 2, 0, u64::MAX] {
        assert!(check(other, &leaves, proof, &root).is_err(), "{}", what("size"));
    }
    for other in [flip(&root, 3), Hash::from([0; 32]), leaf_hash(b"stranger")] {
        assert!(check(size, &leaves, proof, &other).is_err(), "{}", what("root"));
    }
    let strangers = [root, leaves[0].1, Hash::from([0; 32])];
    for proof in spoilt(proof, &strangers) {
        assert!(check(size, &leaves, &proof, &root).is_err(), "{}", what("hashes"));
    }
    for leaves in spoilt_set(&leaves) {
        assert!(check(size, &leaves, proof, &root).is_err(), "{} ({leaves:?})", what("leaves"));
    }
}

/// The set with each of its positions moved and each of its leaves changed, left out, given twice (also with
/// another hash the second time) or swapped with the next; with one more at the end; reversed; empty.
fn spoilt_set(leaves: &[(u64, Hash)]) -> Vec<Set> {
    let mut sets = Vec::new();
    let mut push = |change: &dyn Fn(&mut Set)| {
        let mut set = leaves.to_vec();
        change(&mut set);
        if set != leaves {
            sets.push(set);
        }
    };
    for (i, &(index, hash)) in leaves.iter().enumerate() {
        for other in moved(index) {
            push(&|set| set[i].0 = other);
        }
        for other in [flip(&hash, i * 11), leaf_hash(b"stranger")] {
            push(&|set| set[i].1 = other);
            push(&|set| set.insert(i, (index, other)));
            push(&|set| set.insert(i + 1, (index, other)));
        }
        push(&|set| {
            set.remove(i);
        });
        push(&|set| set.insert(i, (index, hash)));
        push(&|set| set.swap(i, (i + 1) % leaves.len()));
        // Each leaf still has a position of the set, but not its own.
        push(&|set| (set[i].1, set[(i + 1) % leaves.len()].1) = (leaves[(i + 1) % leaves.len()].1, hash));
    }
    push(&|set| set.push((u64::MAX, leaf_hash(b"stranger"))));
    push(&|set| set.push((leaves[leaves.len() - 1].0 + 1, leaf_hash(b"stranger"))));
    push(&|set| set.reverse());
    push(&|set| set.clear());
    sets
}
