//! The definitions of RFC 9162 section 2.1, written as the recursions that the text gives, with nothing
//! clever and nothing of the crate under test but the type of a hash. Trees differ in where `MTH` of a run of
//! leaves comes from.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use sha2::{Digest as _, Sha256};
use veritrail_merkle::{Hash, NodeId};

pub(crate) fn leaf_hash(entry: &[u8]) -> Hash {
    Hash::from_bytes(Sha256::new().chain_update([0]).chain_update(entry).finalize().into())
}

pub(crate) fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Hash::from_bytes(Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into())
}

/// The largest power of two smaller than `n`, which must be above 1.
fn split_point(n: u64) -> u64 {
    let mut k = 1;
    while k * 2 < n {
        k *= 2;
    }
    k
}

/// A list of leaves `D`, and the recursions of the RFC over it.
pub(crate) trait Tree {
    /// `MTH(D[begin:end])`, section 2.1.1, for a run that occurs as a subtree; or of everything, if `begin`
    /// is 0.
    fn mth(&self, begin: u64, end: u64) -> Hash;

    fn root(&self, size: u64) -> Hash {
        self.mth(0, size)
    }

    fn leaf(&self, index: u64) -> Hash {
        self.mth(index, index + 1)
    }

    fn leaves(&self, begin: u64, end: u64) -> Vec<Hash> {
        (begin..end).map(|index| self.leaf(index)).collect()
    }

    /// What a store would answer for these nodes.
    fn fetch(&self, ids: &[NodeId]) -> Vec<Hash> {
        let covered = ids.iter().map(|id| id.leaves().expect("a planned node lies within the tree"));
        covered.map(|range| self.mth(range.start, range.end)).collect()
    }

    /// `PATH(m, D[begin:end])`, section 2.1.3.1, with `m` counted from `begin`.
    fn path(&self, m: u64, begin: u64, end: u64) -> Vec<Hash> {
        if end - begin == 1 {
            return vec![];
        }
        let middle = begin + split_point(end - begin);
        let (mut path, other) = if begin + m < middle {
            (self.path(m, begin, middle), self.mth(middle, end))
        } else {
            (self.path(m - (middle - begin), middle, end), self.mth(begin, middle))
        };
        path.push(other);
        path
    }

    /// `PROOF(m, D_n)`, section 2.1.4.1, for `0 < m < n`; with no hashes for the two cases that the RFC
    /// leaves out.
    fn consistency(&self, m: u64, n: u64) -> Vec<Hash> {
        if m == 0 || m == n { vec![] } else { self.subproof(m, 0, n, true) }
    }

    /// `SUBPROOF(m, D[begin:end], b)`, section 2.1.4.1, with `m` counted from `begin`.
    fn subproof(&self, m: u64, begin: u64, end: u64, b: bool) -> Vec<Hash> {
        if m == end - begin {
            return if b { vec![] } else { vec![self.mth(begin, end)] };
        }
        let middle = begin + split_point(end - begin);
        let (mut proof, other) = if begin + m <= middle {
            (self.subproof(m, begin, middle, b), self.mth(middle, end))
        } else {
            (self.subproof(m - (middle - begin), middle, end, false), self.mth(begin, middle))
        };
        proof.push(other);
        proof
    }

    /// The largest subtrees of `D[begin:end]` that have no leaf of the page, left to right: a range proof by
    /// its definition.
    fn outside(&self, page: (u64, u64), begin: u64, end: u64) -> Vec<Hash> {
        if end <= page.0 || begin >= page.1 {
            return vec![self.mth(begin, end)];
        }
        if begin >= page.0 && end <= page.1 {
            return vec![];
        }
        let middle = begin + split_point(end - begin);
        [self.outside(page, begin, middle), self.outside(page, middle, end)].concat()
    }

    /// The same for a set of leaves anywhere: a set proof by its definition.
    fn outside_set(&self, set: &[u64], begin: u64, end: u64) -> Vec<Hash> {
        if !set.iter().any(|index| (begin..end).contains(index)) {
            return vec![self.mth(begin, end)];
        }
        if end - begin == 1 {
            return vec![];
        }
        let middle = begin + split_point(end - begin);
        [self.outside_set(set, begin, middle), self.outside_set(set, middle, end)].concat()
    }
}

/// A few hundred different leaves; `MTH` is the bare recursion, remembered so that all pairs of sizes take a
/// moment only.
pub(crate) struct SmallTree {
    leaves: Vec<Hash>,
    known: RefCell<HashMap<(u64, u64), Hash>>,
}

impl SmallTree {
    pub(crate) fn new(leaves: Vec<Hash>) -> Self {
        Self { leaves, known: RefCell::default() }
    }

    pub(crate) fn numbered(size: u64) -> Self {
        Self::new((0..size).map(|index| leaf_hash(&index.to_be_bytes())).collect())
    }
}

impl Tree for SmallTree {
    fn mth(&self, begin: u64, end: u64) -> Hash {
        if let Some(&hash) = self.known.borrow().get(&(begin, end)) {
            return hash;
        }
        let hash = match end - begin {
            0 => Hash::from_bytes(Sha256::digest([]).into()),
            1 => self.leaves[begin as usize],
            n => {
                let middle = begin + split_point(n);
                node_hash(&self.mth(begin, middle), &self.mth(middle, end))
            }
        };
        self.known.borrow_mut().insert((begin, end), hash);
        hash
    }
}

/// Different leaves by the million, with every perfect node computed once.
pub(crate) struct LevelTree(Vec<Vec<Hash>>);

impl LevelTree {
    pub(crate) fn numbered(height: u32) -> Self {
        let mut levels: Vec<Vec<Hash>> =
            vec![(0..1_u64 << height).map(|index| leaf_hash(&index.to_be_bytes())).collect()];
        for level in 0..height as usize {
            let parents = levels[level].chunks(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
            levels.push(parents);
        }
        Self(levels)
    }
}

impl Tree for LevelTree {
    fn mth(&self, begin: u64, end: u64) -> Hash {
        let n = end - begin;
        if n.is_power_of_two() {
            return self.0[n.ilog2() as usize][(begin / n) as usize];
        }
        let middle = begin + split_point(n);
        node_hash(&self.mth(begin, middle), &self.mth(middle, end))
    }
}

/// As many leaves as there can be, all equal but for a few that are marked, so that a subtree without a mark
/// has a hash that only its height decides.
pub(crate) struct SparseTree {
    marked: BTreeMap<u64, Hash>,
    unmarked: Vec<Hash>,
}

impl SparseTree {
    pub(crate) fn marked(positions: impl IntoIterator<Item = u64>) -> Self {
        let mut unmarked = vec![leaf_hash(b"unmarked")];
        for level in 0..63 {
            unmarked.push(node_hash(&unmarked[level], &unmarked[level]));
        }
        let mark = |position: u64| (position, leaf_hash(&position.to_be_bytes()));
        Self { marked: positions.into_iter().map(mark).collect(), unmarked }
    }
}

impl Tree for SparseTree {
    fn mth(&self, begin: u64, end: u64) -> Hash {
        let n = end - begin;
        let mut marks = self.marked.range(begin..end);
        match marks.next() {
            None if n.is_power_of_two() => self.unmarked[n.ilog2() as usize],
            Some((_, &hash)) if n == 1 => hash,
            _ => {
                let middle = begin + split_point(n);
                node_hash(&self.mth(begin, middle), &self.mth(middle, end))
            }
        }
    }
}
