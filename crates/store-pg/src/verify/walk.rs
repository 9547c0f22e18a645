//! Walks the rows of a log once, in position order, and recomputes leaves, tiles and roots from them.
//!
//! Where rows are missing, roots behind the gap cannot be told any more; leaves are still compared with their tiles.

use std::collections::BTreeMap;

use diesel_async::AsyncPgConnection;
use veritrail_core::{Epoch, Hash, Timestamp};
use veritrail_merkle::{CompactRange, Sha256Hasher, root_of_leaves};

use super::rows::{self, Measure, Row};
use super::{Finding, MAX_FINDINGS, Report, RowName, Subject, signed};
use crate::checkpoints::{self, CheckpointRow};
use crate::convert::{Place, concat, to_bigint};
use crate::error::AccessError;
use crate::merkle_tiles::{self, TILE_HEIGHT, TILE_WIDTH, TreeOf};
use crate::publish::FIRST_EPOCH;
use crate::tree_heads::{self, HeadRow, NewestSizes};

/// Stored leaf tiles over a page: (root, hashes) by index.
type Tiles = BTreeMap<u64, (Vec<u8>, Vec<u8>)>;

/// The state of a walk.
pub(super) struct Walk<'a> {
    subject: &'a Subject<'a>,
    /// Size of the newest head: rows from there on are out of band.
    head: u64,
    published: Option<u64>,
    /// The tree of the rows so far; `None` behind a gap.
    frontier: Option<CompactRange>,
    /// Position that the next row must have.
    next: u64,
    last_stamp: Option<Timestamp>,
    /// Leaves of the tile that is not full yet: place within it, leaf, guid.
    open_tile: Vec<(u64, Hash, String)>,
    /// Roots of the full leaf tiles: the hashes of the level above.
    tile_roots: Vec<Hash>,
    /// Size of the newest checkpoint that holds.
    checkpoint: Option<u64>,
    /// Size of the last kept head that agrees with the rows.
    agreed: u64,
    findings: Vec<Finding>,
    more_findings: u64,
}

impl<'a> Walk<'a> {
    pub(super) fn new(subject: &'a Subject<'a>, newest: &NewestSizes) -> Self {
        Self {
            subject,
            head: newest.head,
            published: newest.published,
            frontier: Some(CompactRange::empty(0)),
            next: 0,
            // Stamps go on from those of the epoch before.
            last_stamp: subject.log.base_stamp,
            open_tile: Vec::new(),
            tile_roots: Vec::new(),
            checkpoint: None,
            agreed: 0,
            findings: Vec::new(),
            more_findings: 0,
        }
    }

    /// Reads the rows below the newest head, page by page, with the tiles and heads that stand over each page.
    pub(super) async fn rows(&mut self, connection: &mut AsyncPgConnection) -> Result<(), AccessError> {
        let (tenant, epoch) = (self.subject.tenant, self.subject.log.epoch);
        for head in tree_heads::kept(connection, tenant, self.subject.name, epoch, -1, 0).await? {
            self.kept_head(head);
        }
        let Some(last) = self.head.checked_sub(1) else { return Ok(()) };
        let measure = Measure::of(self.subject);
        let mut page = rows::page(connection, self.subject, 0, last).await?;
        while let Some(end) = page.last().and_then(|row| u64::try_from(row.position()).ok()) {
            let (mut tiles, heads) = self.over_page(connection, end + 1).await?;
            let mut heads = heads.into_iter().peekable();
            let mut signed = self.signed_in_page(connection, end + 1).await?.into_iter().peekable();
            // The next page is read while this one is hashed.
            let checking = rows::check(page, &measure);
            let reading = rows::page(connection, self.subject, end + 1, last);
            let (checked, next) = futures_util::future::join(checking, reading).await;
            page = next?;
            for row in checked {
                self.row(row, &mut tiles);
                while let Some(head) = heads.next_if(|head| u64::try_from(head.0) == Ok(self.next)) {
                    self.kept_head(head);
                }
                while let Some(row) = signed.next_if(|row| row.size <= self.next) {
                    self.signed_head(&row);
                }
                // A head whose size a gap has skipped cannot be compared.
                while heads.next_if(|head| u64::try_from(head.0).is_ok_and(|size| size < self.next)).is_some()
                {
                }
            }
        }
        if self.next < self.head {
            self.gap(self.head);
        }
        if let Some(checkpoint) = self.published.filter(|published| *published > self.head) {
            self.find(Finding::HeadBehindCheckpoint { head: self.head, checkpoint });
        }
        Ok(())
    }

    /// The stored leaf tiles and kept heads that stand over the rows from the present position to `end`.
    async fn over_page(
        &self,
        connection: &mut AsyncPgConnection,
        end: u64,
    ) -> Result<(Tiles, Vec<HeadRow>), AccessError> {
        let (tenant, epoch, from) = (self.subject.tenant, self.subject.log.epoch, self.next);
        let (after, to) = (to_bigint(from), to_bigint(end));
        let heads = tree_heads::kept(connection, tenant, self.subject.name, epoch, after, to).await?;
        let (first, behind) = (from / TILE_WIDTH, end.div_ceil(TILE_WIDTH));
        let tiles = merkle_tiles::stored_tiles(connection, self.tree(), 0, first, behind).await?;
        let by_index = |(index, root, hashes)| Some((u64::try_from(index).ok()?, (root, hashes)));
        Ok((tiles.into_iter().filter_map(by_index).collect(), heads))
    }

    /// Names rows that stand where none should.
    pub(super) async fn rows_beyond(
        &mut self,
        connection: &mut AsyncPgConnection,
    ) -> Result<(), AccessError> {
        for finding in rows::strays(connection, self.subject, self.head).await? {
            self.find(finding);
        }
        Ok(())
    }

    fn row(&mut self, row: Row, tiles: &mut Tiles) {
        let position = u64::try_from(row.name.position).expect("rows are read from position 0 on");
        if position < self.next {
            // The key of a partitioned table does not forbid it.
            let reason = "another row stands at its position".to_owned();
            return self.find(Finding::Altered { row: row.name, reason });
        }
        if position > self.next {
            self.gap(position);
        }
        let guid = row.name.guid.clone();
        match row.believed {
            Ok(believed) => {
                for finding in believed.findings {
                    self.find(finding);
                }
                self.stamp(row.name, believed.recorded_at);
            }
            Err(column) => {
                self.find(Finding::Unreadable { row: row.name, column });
                self.last_stamp = None;
            }
        }
        match row.leaf {
            Some(leaf) => self.leaf(leaf, guid, tiles),
            None => self.skip_to(position + 1),
        }
    }

    /// Notes that rows up to `position` are missing.
    fn gap(&mut self, position: u64) {
        let log = self.subject.name;
        self.find(Finding::Missing { log, from: self.next, to: position - 1 });
        self.skip_to(position);
    }

    /// Goes on at a position without the leaves before it: roots cannot be told any more.
    fn skip_to(&mut self, position: u64) {
        self.frontier = None;
        self.last_stamp = None;
        if position / TILE_WIDTH != self.next / TILE_WIDTH {
            self.open_tile.clear();
        }
        self.next = position;
    }

    fn stamp(&mut self, row: RowName, recorded_at: Timestamp) {
        if self.last_stamp.is_some_and(|last| recorded_at <= last) {
            self.find(Finding::StampOrder { row, recorded_at });
        }
        self.last_stamp = Some(recorded_at);
    }

    /// Takes the leaf at the next position into the tree and compares a tile that is full with the stored one.
    fn leaf(&mut self, leaf: Hash, guid: String, tiles: &mut Tiles) {
        if let Some(frontier) = &mut self.frontier {
            frontier.append(&Sha256Hasher, leaf, |_, _| {});
        }
        self.open_tile.push((self.next % TILE_WIDTH, leaf, guid));
        self.next += 1;
        if self.next.is_multiple_of(TILE_WIDTH) {
            let index = self.next / TILE_WIDTH - 1;
            self.full_leaf_tile(index, tiles.remove(&index));
        }
    }

    fn full_leaf_tile(&mut self, index: u64, stored: Option<(Vec<u8>, Vec<u8>)>) {
        let leaves = std::mem::take(&mut self.open_tile);
        let hashes: Vec<Hash> = leaves.iter().map(|(_, leaf, _)| *leaf).collect();
        let is_whole = u64::try_from(hashes.len()) == Ok(TILE_WIDTH);
        let root = root_of_leaves(&Sha256Hasher, &hashes);
        self.tile_roots.push(root);
        let Some((stored_root, stored_hashes)) = stored else {
            return self.find(Finding::Tile { level: 0, index, problem: "is missing" });
        };
        for (place, leaf, guid) in leaves {
            let at = usize::try_from(place * 32).expect("a place within a tile is below 256");
            if stored_hashes.get(at..at + 32) != Some(leaf.as_bytes().as_slice()) {
                let position = to_bigint(index * TILE_WIDTH + place);
                let row = RowName { log: self.subject.name, position, guid };
                self.find(Finding::LeafReplaced { row });
            }
        }
        if is_whole && stored_root != root.as_bytes() {
            self.find(Finding::Tile { level: 0, index, problem: "does not fold to its root" });
        }
    }

    /// Compares the tiles above the leaves, each level with the one below.
    pub(super) async fn upper_tiles(
        &mut self,
        connection: &mut AsyncPgConnection,
    ) -> Result<(), AccessError> {
        let mut below = std::mem::take(&mut self.tile_roots);
        if self.frontier.is_none() {
            return Ok(());
        }
        let width = usize::try_from(TILE_WIDTH).expect("256 fits");
        let mut level = 1;
        while below.len() >= width {
            let mut roots = Vec::new();
            for (index, hashes) in (0..).zip(below.chunks_exact(width)) {
                let root = root_of_leaves(&Sha256Hasher, hashes);
                roots.push(root);
                let stored =
                    merkle_tiles::stored_tiles(connection, self.tree(), level, index, index + 1).await?;
                let problem = match stored.into_iter().next() {
                    None => Some("is missing"),
                    Some((_, stored_root, stored_hashes)) => {
                        let same = stored_hashes == concat(hashes) && stored_root == root.as_bytes();
                        (!same).then_some("does not hold the roots of the tiles below it")
                    }
                };
                if let Some(problem) = problem {
                    self.find(Finding::Tile { level, index, problem });
                }
            }
            below = roots;
            level += 1;
        }
        Ok(())
    }

    /// Finds the first tile of each level that is not full by the newest head: it would keep an append from completing
    /// its own.
    pub(super) async fn stray_tiles(
        &mut self,
        connection: &mut AsyncPgConnection,
    ) -> Result<(), AccessError> {
        for level in 0..TILE_HEIGHT {
            let shift = (u32::from(level) + 1) * u32::from(TILE_HEIGHT);
            let full = self.head.checked_shr(shift).unwrap_or(0);
            let found = merkle_tiles::first_from(connection, self.tree(), level, full).await?;
            if let Some(index) = found {
                self.find(Finding::Tile { level, index, problem: "is there though it is not full yet" });
            }
        }
        Ok(())
    }

    /// The checkpoints with a size from the present one to `end`.
    async fn signed_in_page(
        &self,
        connection: &mut AsyncPgConnection,
        end: u64,
    ) -> Result<Vec<CheckpointRow>, AccessError> {
        let (tenant, epoch) = (self.subject.tenant, self.subject.log.epoch);
        let sizes = (to_bigint(self.next), to_bigint(end));
        checkpoints::between(connection, tenant, self.subject.name, epoch, sizes).await
    }

    fn signed_head(&mut self, row: &CheckpointRow) {
        let reached = self.frontier.as_ref().filter(|_| row.size == self.next);
        let recomputed = reached.and_then(|frontier| frontier.root(&Sha256Hasher));
        match signed::check(row, self.subject, recomputed) {
            Ok(()) if recomputed.is_some() => self.checkpoint = Some(row.size),
            Ok(()) => {}
            Err(finding) => self.find(finding),
        }
    }

    /// Names lives of the log that there should not be: nothing reopens a log in this version.
    pub(super) fn epochs(&mut self, others: &[Epoch]) {
        let found = self.subject.log.epoch;
        for other in others {
            self.find(Finding::Epoch { found, other: *other });
        }
        // A replica takes the epoch of its origin.
        if found != FIRST_EPOCH && others.is_empty() && !self.subject.log.replica {
            self.find(Finding::Epoch { found, other: FIRST_EPOCH });
        }
    }

    fn kept_head(&mut self, row: HeadRow) {
        let (size, after) = (self.next, self.agreed);
        let Some(frontier) = &self.frontier else { return };
        let place = Place { table: "tree_heads", key: &size };
        let problem = match tree_heads::to_head(place, row) {
            Err(_) => Some("cannot be read"),
            Ok(head) if Some(head.root) != frontier.root(&Sha256Hasher) => {
                Some("has another root than the rows")
            }
            Ok(head) if head.frontier != *frontier => Some("has another frontier than the rows"),
            Ok(head) if self.last_stamp.is_some() && head.recorded_at != self.last_stamp => {
                Some("has another stamp than its last event")
            }
            Ok(_) => None,
        };
        match problem {
            Some(problem) => self.find(Finding::Head { size, after, problem }),
            None => self.agreed = size,
        }
    }

    pub(super) fn into_report(self) -> Report {
        Report {
            log_id: self.subject.log.log_id,
            epoch: self.subject.log.epoch,
            replica: self.subject.log.replica,
            size: self.next,
            root: self.frontier.as_ref().and_then(|frontier| frontier.root(&Sha256Hasher)),
            checkpoint: self.checkpoint,
            signatures_checked: !self.subject.trusted.checkpoints.is_empty(),
            unpublished: self.next.saturating_sub(self.checkpoint.unwrap_or(0)),
            unpublished_since: None,
            findings: self.findings,
            more_findings: self.more_findings,
        }
    }

    fn tree(&self) -> TreeOf<'a> {
        let Subject { tenant, name, log, .. } = self.subject;
        TreeOf { tenant, log: *name, epoch: log.epoch, stored: self.head }
    }

    fn find(&mut self, finding: Finding) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(finding);
        } else {
            self.more_findings += 1;
        }
    }
}
