//! `audit`, and the audit log under `verify`, `checkpoint` and `keygen`.

use serde_json::Value;
use veritrail_core::{AuditLogEntry, Subject};
use veritrail_store_pg::{PgEventStore, open_audit_key};
use veritrail_tests::veritrail::run;

use crate::register::Register;

/// A register with six audit entries by a key that signs them, and that key.
async fn audited() -> (Register, String) {
    let register = Register::create().await;
    let file = register.path("entries");
    let made = run(None, ["keygen", "example.org/audit", "--entries", "-o", &file]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let store = PgEventStore::from_url(register.url()).unwrap();
    let store = store.with_audit_key(open_audit_key(file.as_ref()).unwrap());
    let entries = (0..6).map(|n| {
        let text = format!(
            r#"{{"guid":"a-{n}","timestamp":"2026-03-01T07:30:00Z","userId":"ana","action":"entity.update",
                "entityGuid":"person-{}","changes":{{"weight":130.65331632653061,"name":"\u001b[31m{n}"}}}}"#,
            n % 2
        );
        AuditLogEntry::parse(&text).unwrap()
    });
    let entries: Vec<_> = entries.collect();
    let mut session = store.session().await.unwrap();
    session.save_audit_log(&entries, &Subject::new("tests").unwrap()).await.unwrap();
    (register, made.stdout.trim_end().to_owned())
}

/// The guids that an answer of one entry a line has, and its stamps.
fn guids(stdout: &str) -> Vec<String> {
    let guid = |line: &str| serde_json::from_str::<Value>(line).unwrap()["guid"].as_str().unwrap().to_owned();
    stdout.lines().map(guid).collect()
}

#[tokio::test]
async fn audit_shows_the_newest_first() {
    let (register, _) = audited().await;
    let all = register.run(&["audit", "--json"]);
    assert_eq!(
        (all.code, guids(&all.stdout)),
        (Some(0), ["a-5", "a-4", "a-3", "a-2", "a-1", "a-0"].map(str::to_owned).into())
    );
    assert_eq!(all.stdout.matches("130.65331632653061").count(), 6, "no number passes through a double");
    let trail = register.run(&["audit", "person-1", "--json"]);
    assert_eq!(guids(&trail.stdout), ["a-5", "a-3", "a-1"]);
    let limited = register.run(&["audit", "--json", "--limit", "2"]);
    assert_eq!(guids(&limited.stdout), ["a-5", "a-4"]);
    assert!(limited.stderr.contains("older entries follow"), "{limited:?}");

    let sql = "SELECT to_char(recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US') FROM veritrail.audit_log \
               WHERE guid = 'a-3'";
    let stamp: String = register.database.connect().await.query_one(sql, &[]).await.unwrap().get(0);
    for since in [format!("{stamp}Z"), format!("{stamp}000Z")] {
        assert_eq!(guids(&register.run(&["audit", "--json", "--since", &since]).stdout), ["a-5", "a-4"]);
        let trail = register.run(&["audit", "person-1", "--json", "--since", &since]);
        assert_eq!(guids(&trail.stdout), ["a-5"], "{since}");
    }
    let table = register.run(&["audit", "person-1"]);
    assert!(table.stdout.contains("entity.update") && table.stdout.contains("success"), "{table:?}");
    assert!(!table.stdout.contains('\u{1b}'), "what a device sent reaches no terminal: {table:?}");
    let nobody = register.run(&["audit", "nobody"]);
    assert_eq!((nobody.code, nobody.stdout.as_str()), (Some(1), ""));
    assert!(nobody.stderr.contains("nothing is recorded of `nobody`"), "{nobody:?}");
    for (since, message) in
        [("yesterday", "yesterday"), ("2026-03-01T00:00:00Z|e-1", "is a cursor of events")]
    {
        let refused = register.run(&["audit", "--since", since]);
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.stderr.contains(message), "{refused:?}");
    }
}

#[tokio::test]
async fn audit_log_is_signed_and_verified_beside_the_events() {
    let (register, entry_key) = audited().await;
    let (file, key) = (register.key_file(), register.verifier_key());
    let verify = ["verify", "--log", "audit", "--key", &key, "--entry-key", &entry_key];
    assert_eq!(register.run(&verify).code, Some(1), "nothing is signed yet");
    let signed = register.run(&["checkpoint", "--log", "audit", "--signing-key", &file]);
    assert_eq!(signed.code, Some(0), "{signed:?}");
    let kept = register.path("kept");
    std::fs::write(&kept, &signed.stdout).unwrap();
    let answer = register.json(0, &[&verify[..], &["--since-checkpoint", &kept]].concat());
    assert_eq!((&answer["log"], &answer["size"]), (&Value::from("audit"), &Value::from(6)));
    let text = register.run(&verify);
    assert!(text.stdout.contains("6 audit entries recomputed"), "{text:?}");
    // The events log has signed nothing, and there is nothing in it.
    assert_eq!(register.run(&["checkpoint", "--signing-key", &file]).code, Some(1));

    let edit = "SET session_replication_role = replica; \
                UPDATE veritrail.audit_log SET principal_id = 'eve' WHERE guid = 'a-2'";
    register.database.connect().await.batch_execute(edit).await.unwrap();
    let text = register.run(&verify);
    assert_eq!(text.code, Some(1));
    assert!(text.stdout.contains("FOUND [entry-altered] audit entry a-2 at position 2"), "{text:?}");
}

#[tokio::test]
async fn keys_of_entries_and_of_checkpoints_are_told_apart() {
    let (register, entry_key) = audited().await;
    let refused = register.run(&["checkpoint", "--log", "audit", "--signing-key", &register.path("entries")]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    let refused = register.run(&["verify", "--log", "audit", "--key", &entry_key]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    let refused = register.run(&["verify", "--log", "audit", "--entry-key", &register.verifier_key()]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("this is a key that signs notes"), "{refused:?}");
    assert!(open_audit_key(register.key_file().as_ref()).is_err());
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(register.path("entries")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
}
