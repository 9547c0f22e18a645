//! The verifiers of proofs, on any numbers and hashes. Their verdict must be that of the algorithms that RFC 9162 gives for
//! verifying (sections 2.1.3.2 and 2.1.4.2), written here as the text has them; a set of leaves has no algorithm there,
//! and is compared with inclusion proofs and with itself.

use veritrail_merkle::proof::{plan_consistency, plan_inclusion, plan_range, plan_set};
use veritrail_merkle::{
    CompactRange, Hash, MAX_TREE_SIZE, Sha256Hasher, TreeHasher as _, VerifyError, verify_consistency,
    verify_inclusion, verify_range, verify_set,
};

/// Numbers and hashes, read from the front of the input for as long as there is any.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> u8 {
        let Some((&byte, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        byte
    }

    /// A number of any order of magnitude: the first byte says how many bits it has.
    fn number(&mut self) -> u64 {
        let bits = self.byte() % 65;
        let mut bytes = [0; 8];
        bytes.iter_mut().take(usize::from(bits).div_ceil(8)).for_each(|byte| *byte = self.byte());
        if bits == 64 { u64::from_le_bytes(bytes) } else { u64::from_le_bytes(bytes) & ((1 << bits) - 1) }
    }

    /// A hash of one repeated byte: what matters is which are equal.
    fn hash(&mut self) -> Hash {
        Hash::from([self.byte(); 32])
    }

    fn hashes(&mut self, count: usize) -> Vec<Hash> {
        (0..count).map(|_| self.hash()).collect()
    }
}

/// Section 2.1.3.2: the root that the path leads to, and on which side of the path each hash stood.
fn root_of_path(index: u64, size: u64, leaf: Hash, path: &[Hash]) -> Option<(Hash, Vec<bool>)> {
    if index >= size {
        return None;
    }
    let (mut node, mut last, mut root) = (index, size - 1, leaf);
    let mut is_left = Vec::new();
    for hash in path {
        if last == 0 {
            return None;
        }
        if node & 1 == 1 || node == last {
            root = Sha256Hasher.hash_children(hash, &root);
            is_left.push(true);
            while node & 1 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            root = Sha256Hasher.hash_children(&root, hash);
            is_left.push(false);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    (last == 0).then_some((root, is_left))
}

/// Section 2.1.4.2, for `0 < old < new`: the two roots that the proof leads to.
fn roots_of_consistency(old: u64, new: u64, old_root: Hash, proof: &[Hash]) -> Option<(Hash, Hash)> {
    let path = if old.is_power_of_two() { [&[old_root], proof].concat() } else { proof.to_vec() };
    let (&seed, path) = path.split_first()?;
    let (mut node, mut last) = (old - 1, new - 1);
    while node & 1 == 1 {
        (node, last) = (node >> 1, last >> 1);
    }
    let (mut first_root, mut second_root) = (seed, seed);
    for hash in path {
        if last == 0 {
            return None;
        }
        if node & 1 == 1 || node == last {
            first_root = Sha256Hasher.hash_children(hash, &first_root);
            second_root = Sha256Hasher.hash_children(hash, &second_root);
            while node & 1 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            second_root = Sha256Hasher.hash_children(&second_root, hash);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    (last == 0).then_some((first_root, second_root))
}

/// Inclusion, and the same leaf as a page and as a set of one.
pub fn verify_inclusion_like_the_rfc(data: &[u8]) {
    let mut input = Input(data);
    let (size, index, leaf, root) = (input.number(), input.number(), input.hash(), input.hash());
    let length = match plan_inclusion(index, size) {
        // Mostly as many hashes as it takes, or the input would hardly ever get past the count.
        Ok(plan) if input.byte() % 8 > 0 => plan.proof_len(),
        _ => usize::from(input.byte()),
    };
    let path = input.hashes(length);
    let expected = root_of_path(index, size, leaf, &path).filter(|_| size <= MAX_TREE_SIZE);
    let verified = verify_inclusion(&Sha256Hasher, index, size, &leaf, &path, &root);
    let Some((computed, is_left)) = expected else { return assert!(verified.is_err()) };
    assert_eq!(verified.is_ok(), computed == root);
    assert_eq!(verify_inclusion(&Sha256Hasher, index, size, &leaf, &path, &computed), Ok(()));

    // Left to right: what is left of the leaf from the top down, then what is right of it from the bottom up.
    let side = |wanted| path.iter().zip(&is_left).filter(move |(_, is_left)| **is_left == wanted);
    let ordered: Vec<Hash> = side(true).rev().chain(side(false)).map(|(hash, _)| *hash).collect();
    assert_eq!(verify_range(&Sha256Hasher, index, size, &[leaf], &ordered, &computed), Ok(()));
    assert_eq!(verify_set(&Sha256Hasher, size, &[(index, leaf)], &ordered, &computed), Ok(()));
}

/// Consistency.
pub fn verify_consistency_like_the_rfc(data: &[u8]) {
    let mut input = Input(data);
    let (new, old, old_root, new_root) = (input.number(), input.number(), input.hash(), input.hash());
    let length = match plan_consistency(old, new) {
        Ok(plan) if input.byte() % 8 > 0 => plan.proof_len(),
        _ => usize::from(input.byte()),
    };
    let proof = input.hashes(length);
    let check = |old_root: &Hash, new_root: &Hash| {
        verify_consistency(&Sha256Hasher, old, new, old_root, new_root, &proof)
    };
    let verified = check(&old_root, &new_root);
    if old == 0 || old >= new || new > MAX_TREE_SIZE {
        // What the RFC leaves out: nothing is said about the empty tree's future, and equal sizes have equal roots.
        let is_empty = old == 0 && old_root == Sha256Hasher.empty_root();
        let is_same = old == new && old_root == new_root && (old > 0 || is_empty);
        let is_true = new <= MAX_TREE_SIZE && proof.is_empty() && (is_same || (is_empty && new > 0));
        return assert_eq!(verified.is_ok(), is_true);
    }
    let Some((old_computed, new_computed)) = roots_of_consistency(old, new, old_root, &proof) else {
        return assert!(verified.is_err());
    };
    assert_eq!(verified.is_ok(), (old_computed, new_computed) == (old_root, new_root));
    assert_eq!(check(&old_computed, &new_computed), Ok(()));
}

/// Ranges: a page with leaves is the set of its leaves, and one without is the frontier of the whole tree.
pub fn verify_range_like_a_set(data: &[u8]) {
    let mut input = Input(data);
    let (size, begin, count) = (input.number(), input.number(), usize::from(input.byte() % 9));
    // Mostly near the end of the tree, where pages end.
    let begin = if input.byte() % 2 == 0 { begin } else { size.wrapping_sub(begin % 9) };
    let leaves = input.hashes(count);
    let end = begin.checked_add(count as u64);
    let plan = end.map(|end| plan_range(begin, end, size));
    let length = match &plan {
        Some(Ok(plan)) if input.byte() % 8 > 0 => plan.proof_len(),
        _ => usize::from(input.byte()),
    };
    let (proof, root) = (input.hashes(length), input.hash());
    let check = |root: &Hash| verify_range(&Sha256Hasher, begin, size, &leaves, &proof, root);
    let computed = match check(&root) {
        Err(VerifyError::RootMismatch { computed, .. }) => computed,
        Ok(()) => root,
        Err(_) => {
            let is_possible = plan.is_some_and(|plan| plan.is_ok_and(|plan| plan.proof_len() == proof.len()));
            return assert!(!is_possible);
        }
    };
    assert_eq!(check(&computed), Ok(()));
    if leaves.is_empty() {
        let frontier = CompactRange::from_parts(0, size, proof.clone()).expect("the proof is the frontier");
        return assert_eq!(frontier.root(&Sha256Hasher), Some(computed));
    }
    let set: Vec<(u64, Hash)> = (begin..).zip(leaves.iter().copied()).collect();
    assert_eq!(verify_set(&Sha256Hasher, size, &set, &proof, &computed), Ok(()));
    let mut other = leaves.clone();
    other.swap(0, count - 1);
    if other != leaves {
        assert!(verify_range(&Sha256Hasher, begin, size, &other, &proof, &computed).is_err());
    }
}

/// Sets: any positions; what is accepted is refused when any part of it changes, and a page is its set.
pub fn verify_set_like_itself(data: &[u8]) {
    let mut input = Input(data);
    let (size, count) = (input.number(), usize::from(input.byte() % 9));
    let mut leaves: Vec<(u64, Hash)> = Vec::new();
    for _ in 0..count {
        // Mostly a little after the one before.
        let step = input.byte();
        let index = match (step, leaves.last()) {
            (255, _) | (_, None) => input.number(),
            (step, Some(&(last, _))) => last.wrapping_add(u64::from(step)),
        };
        leaves.push((index, input.hash()));
    }
    let indices: Vec<u64> = leaves.iter().map(|&(index, _)| index).collect();
    let plan = plan_set(&indices, size);
    let length = match &plan {
        Ok(plan) if input.byte() % 8 > 0 => plan.proof_len(),
        _ => usize::from(input.byte()),
    };
    let (proof, root) = (input.hashes(length), input.hash());
    let check = |leaves: &[(u64, Hash)], proof: &[Hash], root: &Hash| {
        verify_set(&Sha256Hasher, size, leaves, proof, root)
    };
    let computed = match check(&leaves, &proof, &root) {
        Err(VerifyError::RootMismatch { computed, .. }) => computed,
        Ok(()) => root,
        Err(_) => return assert!(plan.is_err() || plan.is_ok_and(|plan| plan.proof_len() != proof.len())),
    };
    // Construction and verification agree on which sets there are and how many hashes each takes.
    assert_eq!(plan.map(|plan| plan.proof_len()), Ok(proof.len()));
    assert_eq!(check(&leaves, &proof, &computed), Ok(()));
    let flipped = |hash: Hash| Hash::from(hash.as_bytes().map(|byte| !byte));
    for i in 0..leaves.len() {
        let mut other = leaves.clone();
        other[i].1 = flipped(other[i].1);
        assert!(check(&other, &proof, &computed).is_err());
        let mut other = leaves.clone();
        other.insert(i, leaves[i]);
        assert!(check(&other, &proof, &computed).is_err());
    }
    for i in 0..proof.len() {
        let mut other = proof.clone();
        other[i] = flipped(other[i]);
        assert!(check(&leaves, &other, &computed).is_err());
    }
    let (begin, end) = (indices[0], indices[0].saturating_add(leaves.len() as u64));
    if indices[leaves.len() - 1] < end {
        let page: Vec<Hash> = leaves.iter().map(|&(_, leaf)| leaf).collect();
        assert_eq!(plan_range(begin, end, size), plan_set(&indices, size));
        assert_eq!(verify_range(&Sha256Hasher, begin, size, &page, &proof, &computed), Ok(()));
    }
}
