//! What verify must find: every change is made in SQL by a superuser, and exactly what it is is reported. The tree that is
//! rebuilt by an attacker is in `verify/attack.rs`, the signer's part in `verify/signed.rs`.
//!
//! Not here: what the command line makes of it (`cli`).

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is not as it must be")]

#[path = "verify/attack.rs"]
mod attack;
#[path = "verify/log.rs"]
mod log;
#[path = "verify/signed.rs"]
mod signed;

use veritrail_core::{EventGuid, Hash};
use veritrail_merkle::{CompactRange, Sha256Hasher};
use veritrail_store_pg::{AppendError, IntegrityError, SubmitError};

use log::{HEADS, TestLog, lines};

/// A position in the third batch, inside of a full tile, of an event with metadata and a schema version.
const INSIDE: u64 = 300;

#[tokio::test]
async fn untouched_log_verifies() {
    let log = TestLog::create().await;
    let report = log.verify().await;
    assert_eq!(lines(&report), [""; 0]);
    assert_eq!((report.size, report.checkpoint, report.unpublished), (1_300, Some(1_024), 276));
    assert!(report.signatures_checked);
    assert_eq!(report.unpublished_since, Some(log.stored(1_024).await.recorded_at));
    let without = log.verify_without_keys().await;
    assert_eq!(
        (lines(&without).len(), without.checkpoint, without.signatures_checked),
        (0, Some(1_024), false)
    );
}

#[tokio::test]
async fn edited_column_is_found_by_position_and_guid() {
    let log = TestLog::create().await;
    let altered = format!("event-altered {INSIDE} e-{INSIDE}");
    let data = "the data do not match their hash";
    let metadata = "the metadata do not match their hash";
    let envelope = "guid, entity, type, version, time, user, submitter or stamp do not match the leaf";
    let cases = [
        ("data = '{\"age\":30,\"name\":\"Mallory\"}'", data),
        ("data = '{\"age\": 30,\"name\":\"Person 300\"}'", data),
        ("data_hash = sha256('x')", data),
        ("metadata = '{\"device\":\"tablet-0\"}'", metadata),
        ("metadata = NULL", metadata),
        ("metadata_hash = NULL", metadata),
        ("metadata = NULL, metadata_hash = NULL", envelope),
        ("type = 'delete-entity'", envelope),
        ("user_id = 'user-9'", envelope),
        ("\"timestamp\" = \"timestamp\" + interval '1 microsecond'", envelope),
        ("entity_guid = 'p-301'", envelope),
        ("submitted_by = 'somebody'", envelope),
        ("schema_version = 3", envelope),
        ("schema_version = NULL", envelope),
        ("salts = set_byte(salts, 0, get_byte(salts, 0) # 1)", data),
        ("salts = set_byte(salts, 16, get_byte(salts, 16) # 1)", metadata),
        ("salts = set_byte(salts, 47, get_byte(salts, 47) # 1)", envelope),
    ];
    for (change, reason) in cases {
        let copy = log.copy().await;
        copy.edit(&format!("UPDATE veritrail.events SET {change} WHERE position = {INSIDE}")).await;
        let report = copy.verify().await;
        assert_eq!(lines(&report), [altered.as_str()], "{change}");
        assert!(report.findings[0].to_string().ends_with(reason), "{change}: {}", report.findings[0]);
    }
}

#[tokio::test]
async fn edited_guid_is_found_at_its_position() {
    let log = TestLog::create().await;
    log.edit(&format!("UPDATE veritrail.events SET guid = 'other' WHERE position = {INSIDE}")).await;
    assert_eq!(lines(&log.verify().await), [format!("event-altered {INSIDE} other")]);
}

#[tokio::test]
async fn edited_stamp_is_found_also_by_its_order() {
    let log = TestLog::create().await;
    for (change, order) in [("+", INSIDE + 1), ("-", INSIDE)] {
        let copy = log.copy().await;
        let sql = format!(
            "UPDATE veritrail.events SET recorded_at = recorded_at {change} interval '1 day' WHERE position = {INSIDE}"
        );
        copy.edit(&sql).await;
        let expected =
            [format!("event-altered {INSIDE} e-{INSIDE}"), format!("stamp-order {order} e-{order}")];
        assert_eq!(lines(&copy.verify().await), expected);
    }
}

#[tokio::test]
async fn what_no_code_of_ours_writes_is_found_by_column() {
    let log = TestLog::create().await;
    let cases = [
        ("data = NULL", "data"),
        ("salts = substring(salts FROM 1 FOR 16)", "salts"),
        ("guid = ''", "guid"),
        ("type = 'veritrail.erase'", "type"),
        ("user_id = ''", "user_id"),
        ("schema_version = -1", "schema_version"),
        ("recorded_at = 'infinity'", "recorded_at"),
        ("\"timestamp\" = '0044-03-15 BC'", "timestamp"),
    ];
    for (change, column) in cases {
        let copy = log.copy().await;
        copy.edit(&format!("UPDATE veritrail.events SET {change} WHERE position = {INSIDE}")).await;
        let report = copy.verify().await;
        let guid = if column == "guid" { String::new() } else { format!("e-{INSIDE}") };
        assert_eq!(lines(&report), [format!("event-unreadable {INSIDE} {guid}")], "{change}");
        assert!(report.findings[0].to_string().contains(&format!("`{column}`")), "{change}");
    }
}

#[tokio::test]
async fn what_no_leaf_binds_is_not_found() {
    let log = TestLog::create().await;
    // Operational, and a salt of metadata that are not there.
    log.edit("UPDATE veritrail.events SET sync_level = 2").await;
    log.edit("UPDATE veritrail.events SET salts = set_byte(salts, 16, 0) WHERE metadata IS NULL").await;
    assert_eq!(lines(&log.verify().await), [""; 0]);
}

#[tokio::test]
async fn another_log_id_alters_every_event() {
    let log = TestLog::create().await;
    log.edit("UPDATE veritrail.logs SET log_id = gen_random_uuid()").await;
    let report = log.verify().await;
    let kinds: Vec<_> = report.findings.iter().map(veritrail_store_pg::Finding::kind).collect();
    // 1,300 events and two checkpoints, in the order in which the walk meets them, to the limit.
    let of_kind = |wanted: &str| kinds.iter().filter(|kind| **kind == wanted).count();
    assert_eq!(
        (of_kind("event-altered"), of_kind("checkpoint-note")),
        (veritrail_store_pg::MAX_FINDINGS - 1, 1)
    );
    assert_eq!(report.more_findings, 302);
    assert_eq!(report.checkpoint, None);
}

#[tokio::test]
async fn deleted_event_is_missing() {
    let log = TestLog::create().await;
    let inside = log.copy().await;
    inside.edit(&format!("DELETE FROM veritrail.events WHERE position = {INSIDE}")).await;
    let report = inside.verify().await;
    assert_eq!(lines(&report), [format!("missing {INSIDE}-{INSIDE}")]);
    // Roots behind the gap cannot be told: what is signed there does not count.
    assert_eq!((report.root, report.checkpoint), (None, Some(256)));
    // Leaves behind it are compared with their tiles still.
    for position in [INSIDE + 1, 1_000] {
        inside
            .edit(&format!("UPDATE veritrail.events SET leaf_hash = sha256('x') WHERE position = {position}"))
            .await;
    }
    let expected = [
        "missing 300-300",
        "event-altered 301 e-301",
        "leaf-replaced 301 e-301",
        "event-altered 1000 e-1000",
        "leaf-replaced 1000 e-1000",
        "tile 0/3",
    ];
    assert_eq!(lines(&inside.verify().await), expected);

    // The last ones leave no gap but a head without rows.
    log.edit("DELETE FROM veritrail.events WHERE position >= 1298").await;
    let report = log.verify().await;
    assert_eq!(lines(&report), ["missing 1298-1299"]);
    assert_eq!(report.root, None);
}

#[tokio::test]
async fn all_events_deleted_are_missing() {
    let log = TestLog::create().await;
    log.edit("DELETE FROM veritrail.events").await;
    let report = log.verify().await;
    assert_eq!(lines(&report), ["missing 0-1299"]);
    assert_eq!((report.root, report.checkpoint), (None, None));
}

#[tokio::test]
async fn swapped_events_are_found_at_both_positions() {
    let log = TestLog::create().await;
    let swap = "UPDATE veritrail.events SET position = CASE position WHEN 300 THEN 301 ELSE 300 END \
                WHERE position IN (300, 301)";
    // The key is checked row by row: it is dropped and made again around the change.
    let key = "ALTER TABLE veritrail.events DROP CONSTRAINT events_pkey";
    let again = "ALTER TABLE veritrail.events ADD PRIMARY KEY (tenant_id, position)";
    log.tamper(key).await;
    log.edit(swap).await;
    log.tamper(again).await;
    // Each row is true to its own leaf: the tile and the order of the stamps tell.
    let expected = [
        "stamp-order 301 e-300",
        "leaf-replaced 300 e-301",
        "leaf-replaced 301 e-300",
        "tile 0/1",
        "head 256-556",
        "head 256-600",
        "head 256-1024",
        "head 256-1300",
        "checkpoint-root 1024",
    ];
    let mut found = lines(&log.verify().await);
    let mut expected: Vec<String> = expected.map(str::to_owned).into();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

/// Inserts a copy of the last row at a position that the head does not cover.
async fn insert_out_of_band(log: &TestLog, position: i64) {
    log.edit(&format!(
        "INSERT INTO veritrail.events SELECT tenant_id, {position}, 'forged', entity_guid, type, schema_version, data, \
         metadata, salts, data_hash, metadata_hash, \"timestamp\", user_id, submitted_by, sync_level, \
         recorded_at + interval '1 second', leaf_hash FROM veritrail.events WHERE position = 1299"
    ))
    .await;
}

#[tokio::test]
async fn event_inserted_out_of_band_is_beyond_the_head() {
    let log = TestLog::create().await;
    insert_out_of_band(&log, 1_300).await;
    assert_eq!(lines(&log.verify().await), ["row-outside 1300 forged"]);
    assert_refused(&log, &IntegrityError::RowsBeyondHead { size: 1_300 }).await;
}

#[tokio::test]
async fn event_inserted_far_away_is_found_in_bounded_time() {
    let log = TestLog::create().await;
    for far in [-1, 5_000_000_000, i64::MAX] {
        let copy = log.copy().await;
        copy.tamper("ALTER TABLE veritrail.events DROP CONSTRAINT events_position_check").await;
        insert_out_of_band(&copy, far).await;
        assert_eq!(lines(&copy.verify().await), [format!("row-outside {far} forged")]);
    }
}

#[tokio::test]
async fn tile_edited_alone_is_found() {
    let log = TestLog::create().await;
    let copy = log.copy().await;
    copy.edit("UPDATE veritrail.merkle_tiles SET root = sha256('x') WHERE tile_index = 2").await;
    assert_eq!(lines(&copy.verify().await), ["tile 0/2"]);
    let copy = log.copy().await;
    copy.edit(
        "UPDATE veritrail.merkle_tiles SET hashes = set_byte(hashes, 64, get_byte(hashes, 64) # 1) WHERE tile_index = 2",
    )
    .await;
    assert_eq!(lines(&copy.verify().await), ["leaf-replaced 514 e-514"]);
    log.edit("DELETE FROM veritrail.merkle_tiles WHERE tile_index = 2").await;
    assert_eq!(lines(&log.verify().await), ["tile 0/2"]);
}

#[tokio::test]
async fn tile_that_is_not_full_yet_is_found() {
    let log = TestLog::create().await;
    for (level, index) in [(0, 5), (0, 9), (1, 0)] {
        let copy = log.copy().await;
        copy.edit(&format!(
            "INSERT INTO veritrail.merkle_tiles SELECT tenant_id, log, epoch, {level}, {index}, root, hashes \
             FROM veritrail.merkle_tiles WHERE tile_index = 4"
        ))
        .await;
        assert_eq!(lines(&copy.verify().await), [format!("tile {level}/{index}")]);
    }
}

#[tokio::test]
async fn edited_head_names_its_batch() {
    let log = TestLog::create().await;
    for change in ["root = sha256('x')", "frontier = sha256('x') || substring(frontier FROM 33)"] {
        for (after, head) in HEADS.iter().zip(&HEADS[1..]) {
            let copy = log.copy().await;
            copy.edit(&format!("UPDATE veritrail.tree_heads SET {change} WHERE size = {head}")).await;
            assert_eq!(lines(&copy.verify().await), [format!("head {after}-{head}")], "{change}");
        }
    }
    let copy = log.copy().await;
    copy.edit("UPDATE veritrail.tree_heads SET recorded_at = recorded_at + interval '1 s' WHERE size = 600")
        .await;
    assert_eq!(lines(&copy.verify().await), ["head 556-600"]);
    // One that cannot be read is a finding too, the newest one as well as any other.
    for size in [600, 1_300] {
        let copy = log.copy().await;
        copy.edit(&format!("UPDATE veritrail.tree_heads SET frontier = '' WHERE size = {size}")).await;
        let after = if size == 600 { 556 } else { 1_024 };
        assert_eq!(lines(&copy.verify().await), [format!("head {after}-{size}")]);
    }
}

#[tokio::test]
async fn deleted_newest_head_leaves_rows_beyond() {
    let log = TestLog::create().await;
    let unpublished = log.copy().await;
    unpublished.edit("DELETE FROM veritrail.tree_heads WHERE size = 1300").await;
    // The tile that the forgotten append has completed stands where no head says that it is full.
    let tile = std::iter::once("tile 0/4".to_owned());
    let beyond: Vec<_> = tile.chain((1_024..1_300).map(|n| format!("row-outside {n} e-{n}"))).collect();
    let report = unpublished.verify().await;
    assert_eq!((lines(&report), report.size), (beyond.clone(), 1_024));
    assert_refused(&unpublished, &IntegrityError::RowsBeyondHead { size: 1_024 }).await;

    log.publish().await.unwrap();
    log.edit("DELETE FROM veritrail.tree_heads WHERE size = 1300").await;
    let mut expected = vec!["head-behind-checkpoint 1024-1300".to_owned()];
    expected.extend(beyond);
    assert_eq!(lines(&log.verify().await), expected);
    assert_refused(&log, &IntegrityError::HeadBehindCheckpoint { head: 1_024, checkpoint: 1_300 }).await;
}

#[tokio::test]
async fn append_to_an_edited_head_is_refused() {
    let log = TestLog::create().await;
    for change in ["root = sha256('x')", "frontier = sha256('x') || substring(frontier FROM 33)"] {
        let copy = log.copy().await;
        copy.edit(&format!("UPDATE veritrail.tree_heads SET {change} WHERE size = 1300")).await;
        assert_refused(&copy, &IntegrityError::HeadFolds { size: 1_300 }).await;
    }
}

/// A head that folds, at the last size that there is: neither an append nor verify counts beyond it.
#[tokio::test]
async fn head_forged_to_the_last_size_is_found_and_takes_no_append() {
    let log = TestLog::create().await;
    let size = i64::MAX.unsigned_abs();
    let hashes = vec![Hash::from_bytes([7; 32]); size.count_ones().try_into().unwrap()];
    let frontier = CompactRange::from_parts(0, size, hashes).unwrap();
    let root = frontier.root(&Sha256Hasher).unwrap();
    log.edit(&format!(
        "INSERT INTO veritrail.tree_heads VALUES ('default', 'events', 1, {size}, decode('{root}', 'hex'), \
         decode('{}', 'hex'), now())",
        "07".repeat(63 * 32)
    ))
    .await;
    assert_eq!(lines(&log.verify().await), [format!("missing 1300-{}", size - 1)]);
    assert_refused(&log, &IntegrityError::NoRoom { size }).await;
}

#[tokio::test]
async fn append_that_needs_a_deleted_row_is_refused() {
    let log = TestLog::create().await;
    log.edit("DELETE FROM veritrail.events WHERE position = 1290").await;
    // The tile of 1280 to 1535 is completed by this append and needs the leaf that is gone.
    let refused = log.append(1_300..1_540).await.unwrap_err();
    let expected = IntegrityError::MissingHashes { level: 0, begin: 1_280, end: 1_300 };
    assert_integrity(&refused, &expected);
}

/// Appends one event, which is refused for this reason; nothing of it is stored.
async fn assert_refused(log: &TestLog, expected: &IntegrityError) {
    const TABLES: [&str; 4] = ["events", "merkle_tiles", "tree_heads", "entities"];
    let mut before = Vec::new();
    for table in TABLES {
        before.push(log.count(table).await);
    }
    let refused = log.append(5_000..5_001).await.unwrap_err();
    assert_integrity(&refused, expected);
    for (table, count) in TABLES.iter().zip(before) {
        assert_eq!(log.count(table).await, count, "{table}");
    }
}

fn assert_integrity(error: &SubmitError, expected: &IntegrityError) {
    match error {
        SubmitError::Append(AppendError::Integrity(found)) => assert_eq!(found, expected),
        other => panic!("{other:?} instead of {expected:?}"),
    }
}

#[tokio::test]
async fn long_log_verifies_and_proves_at_tile_borders() {
    const SIZE: u64 = 70_000;
    const BATCH: u64 = 5_000;
    let log = TestLog::empty().await;
    for begin in (0..SIZE).step_by(usize::try_from(BATCH).unwrap()) {
        log.append(begin..begin + BATCH).await.unwrap();
    }
    let published = log.publish().await.unwrap();
    let report = log.verify().await;
    assert_eq!(lines(&report), [""; 0]);
    assert_eq!((report.size, report.checkpoint, report.unpublished), (SIZE, Some(SIZE), 0));
    assert_eq!(report.root, Some(published.checkpoint.root));
    let keys = [log.verifier_key()];
    let store = log.store();
    let mut session = store.session().await.unwrap();
    for position in [0, 255, 256, 65_535, 65_536, SIZE - 1] {
        let guid = EventGuid::new(veritrail_tests::numbered::guid(position)).unwrap();
        let bundle = session.prove(&guid).await.unwrap().unwrap();
        assert_eq!(bundle.position.0, position);
        assert_eq!(bundle.check(&keys).unwrap().tree_size, SIZE);
    }
}
