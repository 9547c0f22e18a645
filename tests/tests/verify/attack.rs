//! An attacker who knows the format: row and leaf are changed together, then the tree above them.

use veritrail_core::{Envelope, EventHead, Hash, LeafParts, Position, StoredEvent, leaf_hash};
use veritrail_merkle::{CompactRange, Sha256Hasher, root_of_leaves};
use veritrail_store_pg::PublishError;

use crate::log::{HEADS, SIGNED, TestLog, lines};

/// Changes an event's data and everything of its row that depends on them.
async fn forge_row(log: &TestLog, position: u64) {
    let sql = format!(
        "UPDATE veritrail.events SET data = '{{\"age\":1,\"name\":\"Mallory\"}}' WHERE position = {position}"
    );
    log.edit(&sql).await;
    let stored = log.stored(position).await;
    assert_eq!(stored.position, Position(position));
    let parts = LeafParts::of(&stored.event, &stored.salts);
    let leaf = forged_leaf(log, &stored, parts).await;
    let (data, leaf) = (sql_bytes(&[parts.data_hash]), sql_bytes(&[leaf]));
    log.edit(&format!(
        "UPDATE veritrail.events SET data_hash = {data}, leaf_hash = {leaf} WHERE position = {position}"
    ))
    .await;
}

async fn forged_leaf(log: &TestLog, stored: &StoredEvent, parts: LeafParts) -> Hash {
    let log_id = log.store().session().await.unwrap().log().await.unwrap().unwrap().log_id;
    let envelope = Envelope {
        log_id,
        event: EventHead::of(&stored.event),
        parts,
        submitted_by: &stored.submitted_by,
        recorded_at: stored.recorded_at,
    };
    leaf_hash(&Sha256Hasher, &envelope.commitment(&stored.salts))
}

/// Computes every tile and every kept head anew from the leaves that the rows hold.
async fn rebuild_tree(log: &TestLog) {
    let leaves = log.leaves().await;
    for (index, tile) in leaves.chunks_exact(256).enumerate() {
        let (root, hashes) = (sql_bytes(&[root_of_leaves(&Sha256Hasher, tile)]), sql_bytes(tile));
        log.edit(&format!(
            "UPDATE veritrail.merkle_tiles SET root = {root}, hashes = {hashes} WHERE level = 0 AND tile_index = {index}"
        ))
        .await;
    }
    let mut frontier = CompactRange::empty(0);
    for leaf in leaves {
        frontier.append(&Sha256Hasher, leaf, |_, _| {});
        if HEADS.contains(&frontier.end()) {
            let root = sql_bytes(&[frontier.root(&Sha256Hasher).unwrap()]);
            let (hashes, size) = (sql_bytes(frontier.hashes()), frontier.end());
            log.edit(&format!(
                "UPDATE veritrail.tree_heads SET root = {root}, frontier = {hashes} WHERE size = {size}"
            ))
            .await;
        }
    }
}

/// Hashes as a literal of SQL.
fn sql_bytes(hashes: &[Hash]) -> String {
    let hex: String = hashes.iter().map(Hash::to_string).collect();
    format!("'\\x{hex}'::bytea")
}

/// The heads from `position` on, each with the last one before it that agrees with the rows.
fn wrong_heads(position: u64) -> impl Iterator<Item = String> {
    let after = HEADS.into_iter().filter(|head| *head <= position).max().unwrap_or(0);
    HEADS.into_iter().filter(move |head| *head > position).map(move |head| format!("head {after}-{head}"))
}

fn wrong_checkpoints(position: u64) -> impl Iterator<Item = String> {
    SIGNED.into_iter().filter(move |size| *size > position).map(|size| format!("checkpoint-root {size}"))
}

fn sorted(lines: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut lines: Vec<_> = lines.into_iter().collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn row_and_leaf_changed_together_are_found_by_the_tile() {
    let log = TestLog::create().await;
    for position in [0, 255, 256, 1_279] {
        let copy = log.copy().await;
        forge_row(&copy, position).await;
        let tile = format!("tile 0/{}", position / 256);
        let expected = [format!("leaf-replaced {position} e-{position}"), tile];
        let expected = expected.into_iter().chain(wrong_heads(position)).chain(wrong_checkpoints(position));
        assert_eq!(sorted(lines(&copy.verify().await)), sorted(expected));
    }
}

#[tokio::test]
async fn row_and_leaf_changed_in_the_open_tile_are_found_by_the_head() {
    let log = TestLog::create().await;
    for position in [1_280, 1_299] {
        let copy = log.copy().await;
        forge_row(&copy, position).await;
        assert_eq!(lines(&copy.verify().await), ["head 1024-1300"]);
    }
}

#[tokio::test]
async fn rebuilt_tree_is_found_by_the_checkpoints() {
    let log = TestLog::create().await;
    for position in [0, 100, 300, 1_023] {
        let copy = log.copy().await;
        forge_row(&copy, position).await;
        rebuild_tree(&copy).await;
        let report = copy.verify().await;
        assert_eq!(lines(&report), wrong_checkpoints(position).collect::<Vec<_>>());
        // What was signed before the change still holds; nothing behind it counts as published.
        assert_eq!(report.checkpoint, (position >= 256).then_some(256));
        assert_eq!(report.unpublished, 1_300 - report.checkpoint.unwrap_or(0));
        assert_eq!(lines(&copy.verify_without_keys().await), lines(&report));
    }
}

#[tokio::test]
async fn heads_kept_from_before_the_rebuilding_name_the_batch() {
    let log = TestLog::create().await;
    // The attacker rebuilds everything, but forgets the heads that nobody appends to any more.
    let old = ["556", "600"].map(|size| format!("SELECT root FROM veritrail.tree_heads WHERE size = {size}"));
    let client = log.database.connect().await;
    let mut roots = Vec::new();
    for sql in &old {
        roots.push(hex::encode(client.query_one(sql, &[]).await.unwrap().get::<_, &[u8]>(0)));
    }
    drop(client);
    forge_row(&log, 580).await;
    rebuild_tree(&log).await;
    for (size, root) in ["556", "600"].iter().zip(roots) {
        log.edit(&format!("UPDATE veritrail.tree_heads SET root = '\\x{root}' WHERE size = {size}")).await;
    }
    assert_eq!(lines(&log.verify().await), ["head 556-600", "checkpoint-root 1024"]);
}

#[tokio::test]
async fn rebuilt_tree_behind_the_newest_checkpoint_is_reported_as_unsigned() {
    let log = TestLog::create().await;
    forge_row(&log, 1_100).await;
    rebuild_tree(&log).await;
    let report = log.verify().await;
    // Nothing but a signature could tell, so nothing of it is said to be published.
    assert_eq!(lines(&report), [""; 0]);
    assert_eq!((report.checkpoint, report.unpublished), (Some(1_024), 276));
}

#[tokio::test]
async fn rebuilt_tree_is_not_signed() {
    let log = TestLog::create().await;
    forge_row(&log, 100).await;
    rebuild_tree(&log).await;
    let refused = log.publish().await.unwrap_err();
    assert!(matches!(refused, PublishError::Forked { head: 1_300, signed: 1_024, .. }), "{refused:?}");
    assert_eq!(log.count("checkpoints").await, 2);
}

#[tokio::test]
async fn rebuilt_tree_with_an_edited_checkpoint_is_found_by_its_note() {
    let log = TestLog::create().await;
    forge_row(&log, 300).await;
    rebuild_tree(&log).await;
    let root = sql_bytes(&[root_of_leaves(&Sha256Hasher, &log.leaves().await[..1_024])]);
    log.edit(&format!("UPDATE veritrail.checkpoints SET root = {root} WHERE size = 1024")).await;
    for report in [log.verify().await, log.verify_without_keys().await] {
        assert_eq!(lines(&report), ["checkpoint-note 1024"]);
        assert_eq!(report.checkpoint, Some(256));
    }
}
