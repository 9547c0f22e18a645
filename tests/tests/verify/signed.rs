//! Checkpoints that are edited or deleted, and databases that are rolled back: what the signer's memory and kept
//! checkpoints find.

use std::process::{Command, Output};

use veritrail_merkle::checkpoint::{self, Checkpoint};
use veritrail_merkle::note::SignerKey;
use veritrail_store_pg::{PublishError, Published};

use crate::log::{TestLog, lines};

#[tokio::test]
async fn edited_checkpoint_is_found_by_its_note() {
    let log = TestLog::create().await;
    let cases = [
        "root = sha256('x')",
        "note = ''",
        "note = 'a checkpoint'",
        "note = replace(note, '1024', '1025')",
        "note = (SELECT note FROM veritrail.checkpoints WHERE size = 256)",
        "size = 1025",
    ];
    for change in cases {
        let copy = log.copy().await;
        copy.edit(&format!("UPDATE veritrail.checkpoints SET {change} WHERE size = 1024")).await;
        let report = copy.verify().await;
        let size = if change.starts_with("size") { 1_025 } else { 1_024 };
        assert_eq!(lines(&report), [format!("checkpoint-note {size}")], "{change}");
        assert_eq!((report.checkpoint, report.unpublished), (Some(256), 1_300 - 256));
    }
}

#[tokio::test]
async fn checkpoint_signed_by_another_key_counts_only_for_whoever_trusts_nobody() {
    let log = TestLog::create().await;
    let newest = log.note().await;
    let (signed, _) = checkpoint::open(&newest, &[log.verifier_key()]).map(|(c, k)| (c, k.len())).unwrap();
    let stranger = SignerKey::from_seed(log.verifier_key().name(), &[7; 32]).unwrap();
    let forged = signed.sign(&[&stranger]).unwrap();
    log.edit(&format!("UPDATE veritrail.checkpoints SET note = '{forged}' WHERE size = 1024")).await;
    let report = log.verify().await;
    assert_eq!(lines(&report), ["checkpoint-note 1024"]);
    assert_eq!(report.checkpoint, Some(256));
    let report = log.verify_without_keys().await;
    assert_eq!(lines(&report), [""; 0]);
    assert_eq!((report.checkpoint, report.signatures_checked), (Some(1_024), false));
}

#[tokio::test]
async fn checkpoint_of_another_log_is_no_checkpoint_of_this_one() {
    let log = TestLog::create().await;
    let other = TestLog::create().await;
    let note = other.note().await;
    log.edit(&format!("UPDATE veritrail.checkpoints SET note = '{note}' WHERE size = 1024")).await;
    assert_eq!(lines(&log.verify_without_keys().await), ["checkpoint-note 1024"]);
}

#[tokio::test]
async fn deleted_checkpoint_is_signed_again_from_the_signers_memory() {
    let log = TestLog::create().await;
    let before = log.publish().await.unwrap();
    assert!(before.is_new);
    log.edit("DELETE FROM veritrail.checkpoints").await;
    let report = log.verify().await;
    assert_eq!((lines(&report).len(), report.checkpoint, report.unpublished), (0, None, 1_300));
    assert_eq!(report.unpublished_since, Some(log.stored(0).await.recorded_at));
    let again = log.publish().await.unwrap();
    assert_eq!(again, before);
}

#[tokio::test]
async fn checkpoints_deleted_with_what_they_signed_are_missed_by_the_signer() {
    let log = TestLog::create().await;
    log.publish().await.unwrap();
    for table in ["checkpoints", "tree_heads"] {
        log.edit(&format!("DELETE FROM veritrail.{table} WHERE size > 600")).await;
    }
    log.edit("DELETE FROM veritrail.merkle_tiles WHERE tile_index >= 2").await;
    log.edit("DELETE FROM veritrail.events WHERE position >= 600").await;
    // Nothing in the database contradicts itself.
    let report = log.verify().await;
    assert_eq!((lines(&report).len(), report.size), (0, 600));
    assert_rolled_back(log.publish().await, 600, 1_300);
}

#[tokio::test]
async fn database_rolled_back_is_refused_by_the_signer() {
    let log = TestLog::create().await;
    let older = log.copy().await;
    log.append(1_300..1_400).await.unwrap();
    log.publish().await.unwrap();

    assert_eq!(lines(&older.verify().await), [""; 0]);
    assert_rolled_back(older.publish().await, 1_300, 1_400);
    // Other events in the place of those that were lost: shorter, as long, longer than what was signed.
    older.append(2_000..2_050).await.unwrap();
    assert_rolled_back(older.publish().await, 1_350, 1_400);
    for (numbers, size) in [(2_050..2_100, 1_400), (2_100..2_101, 1_401)] {
        older.append(numbers).await.unwrap();
        let refused = older.publish().await.unwrap_err();
        let PublishError::Forked { head, signed, .. } = refused else { panic!("{refused:?}") };
        assert_eq!((head, signed), (size, 1_400));
    }
    assert_eq!(older.count("checkpoints").await, 2);
    // The log that was not rolled back goes on.
    log.append(1_400..1_401).await.unwrap();
    assert_eq!(log.publish().await.unwrap().checkpoint.size, 1_401);
}

fn assert_rolled_back(published: Result<Published, PublishError>, size: u64, remembered: u64) {
    let refused = published.unwrap_err();
    let PublishError::RolledBack { head, signed } = refused else { panic!("{refused:?}") };
    assert_eq!((head, signed), (size, remembered));
}

#[tokio::test]
async fn kept_checkpoint_finds_what_the_database_has_forgotten() {
    let log = TestLog::create().await;
    let older = log.copy().await;
    log.append(1_300..1_400).await.unwrap();
    let kept = log.publish().await.unwrap();
    let is_true = |log: &TestLog, note: &str| {
        let output = verify_since(log, note);
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(answer["ok"], output.status.success(), "{answer}");
        let findings = answer["findings"].as_array().unwrap();
        let kinds: Vec<_> = findings.iter().map(|finding| finding["kind"].as_str().unwrap()).collect();
        if answer["ok"] == false {
            assert_eq!((output.status.code(), kinds), (Some(1), vec!["kept-checkpoint"]));
        }
        output.status.success()
    };
    assert!(is_true(&log, &kept.note));
    log.edit("DELETE FROM veritrail.checkpoints WHERE size = 1400").await;
    assert!(is_true(&log, &kept.note));
    // Rolled back, then as long again with other events.
    assert!(!is_true(&older, &kept.note));
    older.append(2_000..2_100).await.unwrap();
    assert!(!is_true(&older, &kept.note));
    older.append(2_100..2_200).await.unwrap();
    assert!(!is_true(&older, &kept.note));
    // A checkpoint of another log, though by the same key.
    let (mut checkpoint, _) =
        checkpoint::open(&kept.note, &[log.verifier_key()]).map(|(c, k)| (c, k.len())).unwrap();
    let (rest, epoch) = checkpoint.origin.rsplit_once('/').unwrap();
    checkpoint.origin = format!("{rest}/{}", epoch.parse::<u32>().unwrap() + 1);
    assert!(!is_true(&log, &log.sign(&checkpoint)));
}

#[tokio::test]
async fn kept_checkpoint_that_no_trusted_key_signed_is_wrong_input() {
    let log = TestLog::create().await;
    let note = log.note().await;
    let (signed, _) = checkpoint::open(&note, &[log.verifier_key()]).map(|(c, k)| (c, k.len())).unwrap();
    let stranger = SignerKey::from_seed("example.com/other", &[7; 32]).unwrap();
    for note in [signed.sign(&[&stranger]).unwrap(), "no note".to_owned()] {
        let output = verify_since(&log, &note);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
    }
}

/// Runs `veritrail verify --since-checkpoint` with a file that holds this note.
fn verify_since(log: &TestLog, note: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kept");
    std::fs::write(&file, note).unwrap();
    let program = std::env::var_os("VERITRAIL_BIN").expect("`cargo xtask test` says where the program is");
    Command::new(program)
        .args(["verify", "--json", "--key", &log.verifier_key().to_string(), "--since-checkpoint"])
        .arg(&file)
        .env("DATABASE_URL", log.database.url())
        .output()
        .unwrap()
}

impl TestLog {
    /// The newest checkpoint as the database holds it.
    async fn note(&self) -> String {
        self.store().session().await.unwrap().checkpoint().await.unwrap().unwrap()
    }

    /// A note by the log's key that was never published.
    fn sign(&self, checkpoint: &Checkpoint) -> String {
        let text = std::fs::read_to_string(self.key_file()).unwrap();
        let key: SignerKey = text.trim_end().parse().unwrap();
        checkpoint.sign(&[&key]).unwrap()
    }
}
