//! Saving: atomic, idempotent, under the lock that events are appended under.

use diesel_async::{AsyncConnection, AsyncPgConnection};
use veritrail_core::{AuditLogEntry, AuditSignerKey, AuditStatus, LogName, TenantId};
use veritrail_merkle::{Sha256Hasher, root_of_leaves};
use veritrail_store_pg::diesel_async;
use veritrail_store_pg::{AppendError, IntegrityError, MAX_BATCH, SaveAuditError};
use veritrail_tests::database::TestDatabase;
use veritrail_tests::sample::{individuals, store, submit, submitter};

use crate::sample::{entries, entry, leaves, save, whole};

#[tokio::test(flavor = "multi_thread")]
async fn tree_and_stamps_do_not_depend_on_how_entries_were_batched() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let mut session = store.session().await.unwrap();
    let mut receipts = Vec::new();
    for (begin, end) in [(0, 1), (1, 255), (255, 256), (256, 900), (900, 901)] {
        receipts.extend(save(&mut session, &entries(begin..end)).await);
    }
    let positions: Vec<_> = receipts.iter().map(|receipt| receipt.position.0).collect();
    assert_eq!(positions, (0..901).collect::<Vec<_>>());
    assert!(receipts.windows(2).all(|pair| pair[0].recorded_at < pair[1].recorded_at));
    let head = session.tree_head_of(LogName::Audit).await.unwrap().unwrap();
    assert_eq!(head.root, root_of_leaves(&Sha256Hasher, &leaves(&receipts)));
    assert_eq!(head.size().0, 901);
    let client = database.connect().await;
    let sql = "SELECT count(*) FROM veritrail.merkle_tiles WHERE log = 'audit'";
    assert_eq!(client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn repeat_is_answered_with_its_receipt() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let mut session = store.session().await.unwrap();
    let first = save(&mut session, &[whole("a-0"), entry("a-1")]).await;
    // What the log added travels with an entry and is no content.
    let served = session.audit_entry(&whole("a-0").guid).await.unwrap().unwrap().entry;
    assert!(served.seal.hash.is_some());
    let again = save(&mut session, &[served, entry("a-2"), entry("a-2"), entry("a-1")]).await;
    let positions: Vec<_> = again.iter().map(|receipt| (receipt.position.0, receipt.repeated)).collect();
    assert_eq!(positions, [(0, true), (2, false), (2, true), (1, true)]);
    assert_eq!(again[0].leaf_hash, first[0].leaf_hash);
    assert_eq!(session.tree_head_of(LogName::Audit).await.unwrap().unwrap().size().0, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_conflict_or_bad_entry_leaves_nothing() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let mut session = store.session().await.unwrap();
    save(&mut session, &[whole("a-0")]).await;
    let changed = |change: fn(&mut AuditLogEntry)| {
        let mut entry = whole("a-0");
        change(&mut entry);
        entry
    };
    let cases = [
        (changed(|e| e.status = AuditStatus::Attempt), "status"),
        (changed(|e| e.changes = None), "changes"),
        (changed(|e| e.outcome_description = None), "details"),
        (changed(|e| e.organization_id = None), "organizationId"),
        (changed(|e| e.user_id = None), "userId"),
    ];
    for (other, expected) in cases {
        let refused = session.save_audit_log(&[entry("new"), other], &submitter()).await.unwrap_err();
        let SaveAuditError::Conflict { guid, field } = &refused else { panic!("{refused:?}") };
        assert_eq!((guid.as_str(), *field), ("a-0", expected));
    }
    let mut twice = [entry("b"), entry("b")];
    twice[1].status = AuditStatus::Failure;
    let refused = session.save_audit_log(&twice, &submitter()).await;
    assert!(matches!(refused, Err(SaveAuditError::Conflict { field: "status", .. })), "{refused:?}");

    let ours = AuditLogEntry::parse(
        r#"{"guid":"x","timestamp":"2026-03-01T07:30:00Z","action":"veritrail.retire"}"#,
    );
    let refused = session.save_audit_log(&[entry("new"), ours.unwrap()], &submitter()).await.unwrap_err();
    let message =
        "audit entry `x`: field `action` begins with the reserved prefix `veritrail.`: \"veritrail.retire\"";
    assert_eq!(refused.to_string(), message);
    let refused = session.save_audit_log(&vec![entry("new"); MAX_BATCH + 1], &submitter()).await;
    assert!(matches!(refused, Err(SaveAuditError::BatchTooLarge(_))), "{refused:?}");
    assert_eq!(session.get_audit_log(None, 100).await.unwrap().entries.len(), 1);
    assert_eq!(save(&mut session, &[]).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn rolled_back_caller_leaves_nothing_and_no_hole() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    save(&mut store.session().await.unwrap(), &entries(0..3)).await;
    let mut connection = AsyncPgConnection::establish(database.url()).await.unwrap();
    let rolled_back = connection
        .transaction::<(), anyhow::Error, _>(async |connection| {
            let mut session = store.within(connection);
            save(&mut session, &entries(3..6)).await;
            assert_eq!(session.get_audit_log(None, 100).await.unwrap().entries.len(), 6);
            Err(anyhow::anyhow!("rolled back"))
        })
        .await;
    assert!(rolled_back.is_err());
    // A refused batch within a caller's transaction spoils nothing but itself.
    connection
        .transaction::<(), anyhow::Error, _>(async |connection| {
            let mut session = store.within(connection);
            let mut other = entry("a-0");
            other.status = AuditStatus::Failure;
            assert!(session.save_audit_log(&[entry("lost"), other], &submitter()).await.is_err());
            save(&mut session, &[entry("kept")]).await;
            submit(&mut session, &individuals(0, 2)).await;
            Ok(())
        })
        .await
        .unwrap();
    let page = store.session().await.unwrap().get_audit_log(None, 100).await.unwrap();
    let found: Vec<_> = page.entries.iter().map(|e| (e.position.0, e.entry.guid.as_str())).collect();
    assert_eq!(found, [(0, "a-0"), (1, "a-1"), (2, "a-2"), (3, "kept")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_and_entries_at_once_do_not_deadlock() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let mut writers = Vec::new();
    for writer in 0..8_usize {
        let store = store.clone();
        writers.push(tokio::spawn(async move {
            let mut session = store.session().await.unwrap();
            for round in 0..6 {
                let n = writer * 6 + round;
                if writer % 2 == 0 {
                    submit(&mut session, &individuals(n, 1)).await;
                } else {
                    save(&mut session, &[entry(&format!("a-{n}"))]).await;
                }
            }
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let mut session = store.session().await.unwrap();
    assert_eq!(session.tree_head_of(LogName::Audit).await.unwrap().unwrap().size().0, 24);
    assert_eq!(session.tree_head().await.unwrap().unwrap().size().0, 24);
    for log in [LogName::Events, LogName::Audit] {
        let report = session.verify_log(log, Default::default()).await.unwrap().unwrap();
        assert_eq!((report.findings, report.size), (vec![], 24), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_have_identities_of_their_own() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let mut session = store.session().await.unwrap();
    assert_eq!(session.log_of(LogName::Audit).await.unwrap(), None);
    save(&mut session, &[entry("a-0")]).await;
    let audit = session.log_of(LogName::Audit).await.unwrap().unwrap();
    // The lock row is there, too; the log behind it is empty.
    let events = session.log_of(LogName::Events).await.unwrap().unwrap();
    assert_ne!(audit.log_id, events.log_id);
    assert_eq!(session.tree_head().await.unwrap().unwrap().size().0, 0);
    submit(&mut session, &individuals(0, 1)).await;
    assert_eq!(session.log_of(LogName::Events).await.unwrap().unwrap(), events);
}

#[tokio::test(flavor = "multi_thread")]
async fn log_row_that_is_gone_is_not_made_anew() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let mut session = store.session().await.unwrap();
    save(&mut session, &[entry("a-0")]).await;
    let edit = "SET session_replication_role = replica; DELETE FROM veritrail.logs WHERE log = 'audit'";
    database.connect().await.batch_execute(edit).await.unwrap();
    let refused = session.save_audit_log(&[entry("a-1")], &submitter()).await;
    let expected = |error: &SaveAuditError| {
        matches!(error, SaveAuditError::Append(AppendError::Integrity(IntegrityError::LogRowMissing)))
    };
    assert!(refused.as_ref().is_err_and(expected), "{refused:?}");
    let report = session.verify_log(LogName::Audit, Default::default()).await.unwrap().unwrap();
    assert_eq!(report.findings, [veritrail_store_pg::Finding::LogRowMissing]);
    // The other log does not care.
    submit(&mut session, &individuals(0, 1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_signed_with_a_key_that_signs_nothing_else() {
    let database = TestDatabase::create().await;
    let key = AuditSignerKey::from_seed("example.org/audit", &[7; 32]).unwrap();
    let public = key.verifier_key().clone();
    let store = store(&database, "a").with_audit_key(key);
    let mut session = store.session().await.unwrap();
    save(&mut session, &entries(0..3)).await;
    for stored in session.get_audit_log(None, 10).await.unwrap().entries {
        let signature = stored.entry.seal.signature.as_deref().unwrap();
        assert!(signature.starts_with("example.org/audit "));
        let keys = std::slice::from_ref(&public);
        assert_eq!(veritrail_core::AuditVerifierKey::check(keys, &stored.commitment, signature), Ok(()));
    }
    assert_eq!(store.tenant(), &TenantId::new("a").unwrap());
}
