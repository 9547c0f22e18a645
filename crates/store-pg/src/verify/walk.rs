//! Walks the rows of a log once, in position order, and recomputes leaves, tiles and roots from them.

use std::collections::BTreeMap;

use diesel_async::AsyncPgConnection;
use veritrail_core::{Hash, LogName, Position, StoredEvent, Timestamp};
use veritrail_merkle::{CompactRange, Sha256Hasher, TreeHasher, root_of_leaves};

use super::{Finding, MAX_FINDINGS, PAGE, Report, Subject};
use crate::append::TILE_WIDTH;
use crate::checkpoints::CheckpointRow;
use crate::convert::{Place, to_bigint};
use crate::error::AccessError;
use crate::events::{self, EventRow};
use crate::merkle_tiles::{self, TreeOf};
use crate::tree_heads::{self, HeadRow, Newest};

/// The state of a walk.
pub(super) struct Walk<'a> {
    subject: &'a Subject<'a>,
    frontier: CompactRange,
    /// Position that the next row must have.
    next: u64,
    last_stamp: Option<Timestamp>,
    /// Leaves of the tile that is not full yet, with their guids.
    open_tile: Vec<(Hash, String)>,
    /// Roots of the full leaf tiles: the hashes of the level above.
    tile_roots: Vec<Hash>,
    /// Recomputed roots at the sizes of checkpoints.
    roots: BTreeMap<u64, Option<Hash>>,
    /// Size of the last kept head that agrees with the rows.
    agreed: u64,
    findings: Vec<Finding>,
    more_findings: u64,
}

impl<'a> Walk<'a> {
    pub(super) fn new(subject: &'a Subject<'a>, published: &[CheckpointRow]) -> Self {
        Self {
            subject,
            frontier: CompactRange::empty(0),
            next: 0,
            last_stamp: None,
            open_tile: Vec::new(),
            tile_roots: Vec::new(),
            roots: published.iter().map(|row| (row.size, None)).collect(),
            agreed: 0,
            findings: Vec::new(),
            more_findings: 0,
        }
    }

    /// Reads all rows, page by page, with the tiles and heads that stand over each page.
    pub(super) async fn rows(&mut self, connection: &mut AsyncPgConnection) -> Result<(), AccessError> {
        let (tenant, epoch) = (self.subject.tenant, self.subject.log.epoch);
        loop {
            let from = self.next;
            let page = events::by_position(connection, tenant, from, u64::MAX, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            let end = u64::try_from(last.position).unwrap_or(u64::MAX).saturating_add(1);
            let heads =
                tree_heads::kept(connection, tenant, LogName::Events, epoch, to_bigint(from), to_bigint(end))
                    .await?;
            let tiles = merkle_tiles::stored_tiles(
                connection,
                self.tree(end),
                0,
                from / TILE_WIDTH,
                end.div_ceil(TILE_WIDTH),
            )
            .await?;
            let mut tiles: BTreeMap<u64, (Vec<u8>, Vec<u8>)> = tiles
                .into_iter()
                .filter_map(|(index, root, hashes)| Some((u64::try_from(index).ok()?, (root, hashes))))
                .collect();
            let mut heads = heads.into_iter().peekable();
            for row in page {
                self.row(row, &mut tiles);
                while let Some(head) = heads.next_if(|head| u64::try_from(head.0) == Ok(self.next)) {
                    self.kept_head(head);
                }
                // A head whose size a gap has skipped cannot be compared.
                while heads.next_if(|head| u64::try_from(head.0).is_ok_and(|size| size < self.next)).is_some()
                {
                }
            }
        }
    }

    fn row(&mut self, row: EventRow, tiles: &mut BTreeMap<u64, (Vec<u8>, Vec<u8>)>) {
        let position = u64::try_from(row.position).expect("a check keeps positions from being negative");
        if position > self.next {
            self.find(Finding::Missing { from: self.next, to: position - 1 });
            // The leaves that are gone are unknown; what follows is compared with its tiles alone.
            while self.next < position {
                self.leaf(Sha256Hasher.empty_root(), String::new(), tiles);
            }
        }
        let (stored_position, guid, stored_leaf) = (row.position, row.guid.clone(), row.leaf_hash.clone());
        match StoredEvent::try_from(row) {
            Ok(stored) => {
                self.event(&stored);
                self.leaf(stored.leaf_hash, guid, tiles);
            }
            Err(corrupt) => {
                let column = corrupt.column;
                self.find(Finding::EventUnreadable { position: stored_position, guid: guid.clone(), column });
                let leaf = Hash::try_from(stored_leaf.as_slice()).unwrap_or(Sha256Hasher.empty_root());
                self.leaf(leaf, guid, tiles);
            }
        }
    }

    fn event(&mut self, stored: &StoredEvent) {
        let (position, guid) = (stored.position, &stored.event.guid);
        if let Err(untrue) = stored.verify(&Sha256Hasher, self.subject.log.log_id) {
            self.find(Finding::EventAltered { position, guid: guid.clone(), reason: untrue.to_string() });
        }
        if self.last_stamp.is_some_and(|last| stored.recorded_at <= last) {
            let recorded_at = stored.recorded_at;
            self.find(Finding::StampOrder { position, guid: guid.clone(), recorded_at });
        }
        self.last_stamp = Some(stored.recorded_at);
    }

    /// Takes the leaf at the next position into the tree and compares a tile that is full with the stored one.
    fn leaf(&mut self, leaf: Hash, guid: String, tiles: &mut BTreeMap<u64, (Vec<u8>, Vec<u8>)>) {
        self.frontier.append(&Sha256Hasher, leaf, |_, _| {});
        self.open_tile.push((leaf, guid));
        self.next += 1;
        if self.roots.contains_key(&self.next) {
            let root = self.frontier.root(&Sha256Hasher);
            self.roots.insert(self.next, root);
        }
        if self.next.is_multiple_of(TILE_WIDTH) {
            let index = self.next / TILE_WIDTH - 1;
            self.full_leaf_tile(index, tiles.remove(&index));
        }
    }

    fn full_leaf_tile(&mut self, index: u64, stored: Option<(Vec<u8>, Vec<u8>)>) {
        let leaves = std::mem::take(&mut self.open_tile);
        let hashes: Vec<Hash> = leaves.iter().map(|(leaf, _)| *leaf).collect();
        let root = root_of_leaves(&Sha256Hasher, &hashes);
        self.tile_roots.push(root);
        let Some((stored_root, stored_hashes)) = stored else {
            return self.find(Finding::Tile { level: 0, index, problem: "is missing" });
        };
        for (place, (leaf, guid)) in leaves.into_iter().enumerate() {
            if stored_hashes.get(place * 32..(place + 1) * 32) != Some(leaf.as_bytes().as_slice()) {
                let place = u64::try_from(place).expect("a place within a tile is below 256");
                let position = Position(index * TILE_WIDTH + place);
                self.find(Finding::LeafReplaced { position, guid });
            }
        }
        if stored_root != root.as_bytes() {
            self.find(Finding::Tile { level: 0, index, problem: "does not fold to its root" });
        }
    }

    /// Compares the tiles above the leaves, each level with the one below.
    pub(super) async fn upper_tiles(
        &mut self,
        connection: &mut AsyncPgConnection,
    ) -> Result<(), AccessError> {
        let mut below = std::mem::take(&mut self.tile_roots);
        let mut level = 1;
        while u64::try_from(below.len()).is_ok_and(|len| len >= TILE_WIDTH) {
            let width = usize::try_from(TILE_WIDTH).expect("256 fits");
            let mut roots = Vec::new();
            for (index, hashes) in (0..).zip(below.chunks_exact(width)) {
                let root = root_of_leaves(&Sha256Hasher, hashes);
                roots.push(root);
                let tree = self.tree(self.next);
                let stored = merkle_tiles::stored_tiles(connection, tree, level, index, index + 1).await?;
                match stored.into_iter().next() {
                    None => self.find(Finding::Tile { level, index, problem: "is missing" }),
                    Some((_, stored_root, stored_hashes)) => {
                        let same =
                            stored_hashes == crate::convert::concat(hashes) && stored_root == root.as_bytes();
                        if !same {
                            let problem = "does not hold the roots of the tiles below it";
                            self.find(Finding::Tile { level, index, problem });
                        }
                    }
                }
            }
            below = roots;
            level += 1;
        }
        Ok(())
    }

    fn kept_head(&mut self, row: HeadRow) {
        let size = self.next;
        let after = self.agreed;
        let place = Place { table: "tree_heads", key: &size };
        let problem = match tree_heads::to_head(place, row) {
            Err(_) => Some("cannot be read"),
            Ok(head) if Some(head.root) != self.frontier.root(&Sha256Hasher) => {
                Some("has another root than the rows")
            }
            Ok(head) if head.frontier != self.frontier => Some("has another frontier than the rows"),
            Ok(head) if head.recorded_at != self.last_stamp => Some("has another stamp than its last event"),
            Ok(_) => None,
        };
        match problem {
            Some(problem) => self.find(Finding::Head { size, after, problem }),
            None => self.agreed = size,
        }
    }

    /// Compares the newest head with the end of the rows and the newest checkpoint.
    pub(super) fn newest_head(&mut self, newest: &Newest) {
        let head = newest.head.size().0;
        if self.next > head {
            self.find(Finding::RowsBeyondHead { rows: self.next, head });
        }
        if self.next < head {
            self.find(Finding::Missing { from: self.next, to: head - 1 });
        }
        if let Some(checkpoint) = newest.published.filter(|published| *published > head) {
            self.find(Finding::HeadBehindCheckpoint { head, checkpoint });
        }
    }

    pub(super) fn into_report(self) -> (Report, BTreeMap<u64, Option<Hash>>) {
        let report = Report {
            log_id: self.subject.log.log_id,
            epoch: self.subject.log.epoch,
            size: self.next,
            root: self.frontier.root(&Sha256Hasher).expect("the walk begins at 0"),
            checkpoint: None,
            signatures_checked: false,
            unpublished: self.next,
            unpublished_since: None,
            findings: self.findings,
            more_findings: self.more_findings,
        };
        (report, self.roots)
    }

    fn tree(&self, stored: u64) -> TreeOf<'a> {
        TreeOf { tenant: self.subject.tenant, epoch: self.subject.log.epoch, stored }
    }

    fn find(&mut self, finding: Finding) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(finding);
        } else {
            self.more_findings += 1;
        }
    }
}
