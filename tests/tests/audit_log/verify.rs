//! What verify names on the audit log: every edit of every column, what is gone, what is too much, what is not signed.

use std::sync::Arc;

use tempfile::TempDir;
use veritrail_core::{AuditSignerKey, AuditVerifierKey, LogName};
use veritrail_store_pg::{FileSigner, PgEventStore, PublishError, Published, Report, Trusted, WithoutMemory};
use veritrail_tests::database::TestDatabase;
use veritrail_tests::sample::{individuals, signer, store, submit};

use crate::sample::{entries, save, whole};

/// The position of the entry that uses every column.
const WHOLE: u64 = 300;

/// A database with an audit log of 560 entries in four batches, signed at 256 and 560.
struct AuditedLog {
    database: TestDatabase,
    signer: Arc<FileSigner>,
    folder: Arc<TempDir>,
}

fn audit_key() -> AuditSignerKey {
    AuditSignerKey::from_seed("example.org/audit", &[7; 32]).unwrap()
}

impl AuditedLog {
    async fn create() -> Self {
        let folder = TempDir::new().unwrap();
        let log = Self {
            database: TestDatabase::create().await,
            signer: signer(folder.path()),
            folder: Arc::new(folder),
        };
        let store = log.store();
        let mut session = store.session().await.unwrap();
        save(&mut session, &entries(0..256)).await;
        log.publish().await.unwrap();
        save(&mut session, &entries(256..300)).await;
        save(&mut session, &[whole("whole")]).await;
        save(&mut session, &entries(301..560)).await;
        log.publish().await.unwrap();
        log
    }

    fn store(&self) -> PgEventStore {
        store(&self.database, "default").with_audit_key(audit_key())
    }

    async fn copy(&self) -> Self {
        let (signer, folder) = (Arc::clone(&self.signer), Arc::clone(&self.folder));
        Self { database: self.database.duplicate().await, signer, folder }
    }

    async fn publish(&self) -> Result<Published, PublishError> {
        let store = self.store();
        let mut session = store.session().await.unwrap();
        session.publish_log(LogName::Audit, &self.signer, WithoutMemory::Refuse).await
    }

    async fn edit(&self, sql: &str) {
        let client = self.database.connect().await;
        client.batch_execute("SET session_replication_role = replica").await.unwrap();
        let changed = client.execute(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        assert_ne!(changed, 0, "nothing was changed by {sql}");
    }

    async fn drop_checks(&self) {
        let sql = "SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) FROM pg_constraint \
                   WHERE contype = 'c' AND conrelid IN ('veritrail.audit_log'::regclass, 'veritrail.audit_index'::regclass)";
        let client = self.database.connect().await;
        for row in client.query(sql, &[]).await.unwrap() {
            client.batch_execute(row.get(0)).await.unwrap();
        }
    }

    async fn verify_with(&self, entry_keys: &[AuditVerifierKey]) -> Report {
        let keys = [self.signer.verifier_key()];
        let store = self.store();
        let mut session = store.session().await.unwrap();
        let trusted = Trusted { checkpoints: &keys, entries: entry_keys };
        session.verify_log(LogName::Audit, trusted).await.unwrap().expect("there is a log")
    }

    async fn verify(&self) -> Vec<String> {
        lines(&self.verify_with(&[]).await)
    }
}

fn lines(report: &Report) -> Vec<String> {
    assert_eq!(report.is_true(), report.findings.is_empty());
    let line = |finding: &veritrail_store_pg::Finding| {
        let row = finding.event().map(|(position, guid)| format!(" {position} {guid}"));
        format!("{}{}", finding.kind(), row.unwrap_or_default())
    };
    report.findings.iter().map(line).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn untouched_log_verifies() {
    let log = AuditedLog::create().await;
    let report = log.verify_with(&[audit_key().verifier_key().clone()]).await;
    assert_eq!(lines(&report), [""; 0]);
    assert_eq!((report.size, report.checkpoint, report.unpublished), (560, Some(560), 0));
    assert_eq!(log.publish().await.unwrap().checkpoint.root, report.root.unwrap());
    let store = log.store();
    let mut session = store.session().await.unwrap();
    save(&mut session, &entries(600..602)).await;
    let report = log.verify_with(&[]).await;
    assert_eq!((report.checkpoint, report.unpublished), (Some(560), 2));
    assert!(report.unpublished_since.is_some());
    // The audit log is none of the events log's business, and the other way round.
    submit(&mut session, &individuals(0, 3)).await;
    assert_eq!(session.verify(&[]).await.unwrap().unwrap().size, 3);
    assert!(session.checkpoint_of(LogName::Audit).await.unwrap().is_some());
    assert_eq!(session.checkpoint().await.unwrap(), None);
}

/// Every column of the two tables but those that no leaf binds.
#[tokio::test(flavor = "multi_thread")]
async fn edit_of_any_single_column_is_named() {
    let log = AuditedLog::create().await;
    log.drop_checks().await;
    let columns = "SELECT attname::text, format_type(atttypid, NULL) FROM pg_attribute \
                   WHERE attrelid = 'veritrail.audit_log'::regclass AND attnum > 0 ORDER BY attnum";
    let client = log.database.connect().await;
    let columns: Vec<(String, String)> =
        client.query(columns, &[]).await.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect();
    drop(client);
    assert_eq!(columns.len(), 30);
    for (column, kind) in columns {
        let value = match (column.as_str(), kind.as_str()) {
            ("tenant_id", _) => "'other'".to_owned(),
            // Bound into no hash: one is set later, the other is a signature of what is bound.
            ("archived_at" | "signature", _) => continue,
            ("position", _) => "1000000".to_owned(),
            ("details", _) => "details || '{\"ip\": \"10.0.0.8\"}'".to_owned(),
            ("changes", _) => "'{\"weight\":131}'".to_owned(),
            ("status", _) => "'success'".to_owned(),
            ("data_classification", _) => "'PUBLIC'".to_owned(),
            ("hash", _) => "encode(sha256('x'), 'hex')".to_owned(),
            (_, "timestamp with time zone") => format!("\"{column}\" + interval '1 microsecond'"),
            (_, "integer") => format!("{column} + 1"),
            (_, "bytea") => format!("set_byte({column}, 0, get_byte({column}, 0) # 1)"),
            _ => format!("{column} || 'x'"),
        };
        let copy = log.copy().await;
        copy.edit(&format!("UPDATE veritrail.audit_log SET \"{column}\" = {value} WHERE position = {WHOLE}"))
            .await;
        let found = copy.verify().await;
        let expected = match column.as_str() {
            "tenant_id" => "missing".to_owned(),
            "position" => "missing".to_owned(),
            "guid" => format!("entry-altered {WHOLE} wholex"),
            "hash_algorithm" => format!("entry-unreadable {WHOLE} whole"),
            _ => format!("entry-altered {WHOLE} whole"),
        };
        assert!(found.contains(&expected), "{column}: {found:?}");
    }
    // A number that no double tells from the old one, and one that is written in another way.
    for number in ["130.653316326530610001", "130.653316326530610"] {
        let copy = log.copy().await;
        copy.edit(&format!(
            "UPDATE veritrail.audit_log SET details = jsonb_set(details, '{{weight}}', '{number}') WHERE position = {WHOLE}"
        ))
        .await;
        assert_eq!(copy.verify().await, [format!("entry-unreadable {WHOLE} whole")], "{number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn emptied_column_is_named() {
    let log = AuditedLog::create().await;
    let columns = [
        "ttl",
        "principal_id",
        "target_resource_type",
        "target_resource_id",
        "outcome_description",
        "event_version",
        "correlation_id",
        "data_classification",
        "retention_policy",
        "processing_latency",
        "details",
        "event_guid",
        "entity_guid",
        "changes",
        "changes_hash",
        "details_hash",
    ];
    for column in columns {
        let copy = log.copy().await;
        copy.edit(&format!("UPDATE veritrail.audit_log SET {column} = NULL WHERE position = {WHOLE}")).await;
        assert_eq!(copy.verify().await, [format!("entry-altered {WHOLE} whole")], "{column}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn edit_of_the_index_is_named() {
    let log = AuditedLog::create().await;
    let row = format!("WHERE position = {WHOLE}");
    for change in ["guid = 'other'", "recorded_at = recorded_at + interval '1 second'"] {
        let copy = log.copy().await;
        copy.edit(&format!("UPDATE veritrail.audit_index SET {change} {row}")).await;
        assert_eq!(copy.verify().await, [format!("entry-altered {WHOLE} whole")], "{change}");
    }
    let copy = log.copy().await;
    copy.edit(&format!("UPDATE veritrail.audit_index SET leaf_hash = sha256('x') {row}")).await;
    let found = copy.verify().await;
    for expected in
        [format!("entry-altered {WHOLE} whole"), format!("leaf-replaced {WHOLE} whole"), "tile".to_owned()]
    {
        assert!(found.contains(&expected), "{found:?}");
    }
    let copy = log.copy().await;
    copy.edit(&format!("DELETE FROM veritrail.audit_index {row}")).await;
    assert_eq!(copy.verify().await[0], format!("entry-unreadable {WHOLE} whole"));
    let copy = log.copy().await;
    copy.edit("INSERT INTO veritrail.audit_index VALUES ('default', 560, 'forged', now(), sha256('x'))")
        .await;
    assert_eq!(copy.verify().await, ["row-outside 560 forged"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_or_too_much_is_named() {
    let log = AuditedLog::create().await;
    let copy = log.copy().await;
    copy.edit(&format!("DELETE FROM veritrail.audit_log WHERE position = {WHOLE}")).await;
    let report = copy.verify_with(&[]).await;
    assert_eq!((lines(&report), report.root), (vec!["missing".to_owned()], None));
    let message = "the audit entries at positions 300 to 300 are missing";
    assert_eq!(report.findings[0].to_string(), message);

    let forged = |position: &str, stamp: &str| {
        format!(
            "INSERT INTO veritrail.audit_log SELECT (jsonb_populate_record(a, jsonb_build_object('position', {position}, \
             'guid', 'forged', 'recorded_at', {stamp}))).* FROM veritrail.audit_log AS a WHERE position = {WHOLE}"
        )
    };
    let copy = log.copy().await;
    copy.edit(&forged("560", "now()")).await;
    assert_eq!(copy.verify().await, ["row-outside 560 forged"]);
    // The stamp is in the key, so that a second row can stand at a position: in another month, too.
    for stamp in ["a.recorded_at + interval '1 hour'", "a.recorded_at + interval '2 months'"] {
        let copy = log.copy().await;
        copy.edit(&forged("a.position", stamp)).await;
        assert_eq!(copy.verify().await, [format!("entry-altered {WHOLE} forged")], "{stamp}");
    }
    let copy = log.copy().await;
    copy.edit(&forged("a.position", "a.recorded_at - interval '1 microsecond'")).await;
    let found = copy.verify().await;
    assert!(found.contains(&format!("entry-altered {WHOLE} forged")), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_tiles_and_checkpoints_are_compared() {
    let log = AuditedLog::create().await;
    let cases = [
        (
            "UPDATE veritrail.merkle_tiles SET root = sha256('x') WHERE log = 'audit' AND tile_index = 1",
            "tile",
        ),
        ("UPDATE veritrail.tree_heads SET root = sha256('x') WHERE log = 'audit' AND size = 300", "head"),
        ("UPDATE veritrail.checkpoints SET note = 'x' WHERE log = 'audit' AND size = 256", "checkpoint-note"),
        ("UPDATE veritrail.logs SET epoch = 2 WHERE log = 'audit'", "epoch"),
    ];
    for (sql, expected) in cases {
        let copy = log.copy().await;
        copy.edit(sql).await;
        assert!(copy.verify().await.contains(&expected.to_owned()), "{sql}");
    }
    // The signer remembers each log by itself: a shortened one is not signed again.
    log.edit("DELETE FROM veritrail.tree_heads WHERE log = 'audit' AND size = 560").await;
    log.edit("DELETE FROM veritrail.checkpoints WHERE log = 'audit' AND size = 560").await;
    let refused = log.publish().await.unwrap_err();
    assert!(matches!(refused, PublishError::RolledBack { head: 301, signed: 560 }), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn entry_that_no_given_key_has_signed_is_named() {
    let log = AuditedLog::create().await;
    let ours = [audit_key().verifier_key().clone()];
    let copy = log.copy().await;
    copy.edit("UPDATE veritrail.audit_log SET signature = NULL WHERE position = 7").await;
    let swap = "UPDATE veritrail.audit_log AS a SET signature = b.signature FROM veritrail.audit_log AS b \
                WHERE a.position = 8 AND b.position = 9";
    copy.edit(swap).await;
    assert_eq!(lines(&copy.verify_with(&ours).await), ["entry-signature 7 a-7", "entry-signature 8 a-8"]);
    // Nobody's signature is asked for without a key.
    assert_eq!(copy.verify().await, [""; 0]);
    let other = AuditSignerKey::from_seed("example.org/other", &[7; 32]).unwrap();
    let report = log.verify_with(&[other.verifier_key().clone()]).await;
    assert_eq!(report.findings.len(), 560);
}
