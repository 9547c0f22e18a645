//! What `verify` says of a log, and that it says no more than it has checked.

use std::fs;

use serde_json::Value;
use veritrail_merkle::checkpoint;
use veritrail_merkle::note::SignerKey;
use veritrail_tests::numbered;
use veritrail_tests::veritrail::run;

use crate::register::{Register, members};

#[tokio::test]
async fn verify_names_what_was_changed() {
    let register = Register::with_events(300).await;
    let key = register.verifier_key();
    let answer = register.json(0, &["verify", "--key", &key]);
    let expected = [
        "checkpoint",
        "epoch",
        "findings",
        "log",
        "logId",
        "moreFindings",
        "ok",
        "replica",
        "root",
        "signed",
        "size",
        "unpublished",
        "unpublishedSince",
    ];
    assert_eq!(members(&answer), expected);
    assert_eq!((&answer["ok"], &answer["size"]), (&Value::from(true), &Value::from(300)));
    let text = register.run(&["verify", "--key", &key]);
    assert!(text.stdout.ends_with("verified: nothing was changed\n"), "{text:?}");
    // Whoever trusts nobody is told so, and another key trusts nothing.
    assert!(register.run(&["verify"]).stdout.contains("signature NOT checked"));
    let other = run(None, ["keygen", "example.org/registry", "-o", &register.path("other")]);
    assert_eq!(register.run(&["verify", "--key", other.stdout.trim_end()]).code, Some(1));

    let edit = "SET session_replication_role = replica; \
                UPDATE veritrail.events SET data = '{\"name\":\"Mallory\"}' WHERE guid = 'e-42'";
    register.database.connect().await.batch_execute(edit).await.unwrap();
    let answer = register.json(1, &["verify", "--key", &key]);
    let finding = &answer["findings"][0];
    assert_eq!(members(finding), ["guid", "kind", "message", "position"]);
    assert_eq!((&finding["guid"], &finding["position"]), (&Value::from("e-42"), &Value::from(42)));
    let text = register.run(&["verify", "--key", &key]);
    assert_eq!(text.code, Some(1));
    assert!(text.stdout.contains("FOUND [event-altered] event e-42 at position 42"), "{text:?}");
    assert!(text.stdout.ends_with("NOT verified\n"));
    // Nothing is proved of it either.
    assert_eq!(register.run(&["prove", "e-42"]).code, Some(1));

    let delete = "SET session_replication_role = replica; DELETE FROM veritrail.events";
    register.database.connect().await.batch_execute(delete).await.unwrap();
    let text = register.run(&["verify", "--key", &key]);
    assert_eq!(text.code, Some(1));
    assert!(text.stdout.contains("300 events, some of which are missing"), "{text:?}");
    assert!(text.stdout.contains("FOUND [missing] the events at positions 0 to 299 are missing"), "{text:?}");
}

#[tokio::test]
async fn verdict_says_what_is_signed() {
    let register = Register::create().await;
    let (file, key) = (register.key_file(), register.verifier_key());
    let submit = |number: u64| {
        let ran = register.run_with(&["submit", "-"], numbered::event(number).as_bytes());
        assert_eq!(ran.code, Some(0), "{ran:?}");
    };
    let verdict = |code: i32, arguments: &[&str]| {
        let ran = register.run(arguments);
        assert_eq!(ran.code, Some(code), "{ran:?}");
        ran.stdout.lines().last().unwrap().to_owned()
    };
    let unchecked = "true to itself: no signature was checked (no --key)";
    let trusting = ["verify", "--key", &key];
    submit(0);
    assert_eq!(verdict(0, &["verify"]), unchecked);
    assert_eq!(verdict(1, &trusting), "NOT verified: no checkpoint is signed by a trusted key");
    let answer = register.json(1, &trusting);
    assert_eq!((&answer["ok"], &answer["signed"]), (&false.into(), &false.into()));
    assert_eq!(answer["findings"], Value::Array(Vec::new()));

    assert_eq!(register.run(&["checkpoint", "--signing-key", &file]).code, Some(0));
    assert_eq!(verdict(0, &trusting), "verified: nothing was changed");
    assert_eq!(verdict(0, &["verify"]), unchecked);
    (1..3).for_each(submit);
    let first = "verified: the first 1 events are signed and were not changed; 2 are not signed yet";
    assert_eq!(verdict(0, &trusting), first);
    let answer = register.json(0, &trusting);
    assert_eq!((&answer["signed"], &answer["unpublished"]), (&true.into(), &2.into()));
    assert_eq!(register.json(0, &["verify"])["signed"], Value::from(false));
}

#[tokio::test]
async fn kept_checkpoint_counts_by_the_key_of_its_log() {
    let register = Register::with_events(3).await;
    let (key, file) = (register.verifier_key(), register.path("kept"));
    let note = register.run(&["checkpoint", "--signing-key", &register.key_file()]).stdout;
    let (signed, _) = checkpoint::open(&note, &[key.parse().unwrap()]).map(|(c, k)| (c, k.len())).unwrap();
    let stranger = SignerKey::from_seed("example.com/other", &[7; 32]).unwrap();
    let trusted = stranger.verifier_key().to_string();
    for (note, code) in [(note, 0), (signed.sign(&[&stranger]).unwrap(), 2)] {
        fs::write(&file, note).unwrap();
        let arguments = ["verify", "--key", &key, "--key", &trusted, "--since-checkpoint", &file];
        let ran = register.run(&arguments);
        assert_eq!(ran.code, Some(code), "{ran:?}");
        assert_eq!(ran.stderr.contains("`example.org/registry` is none of the keys"), code == 2, "{ran:?}");
    }
}

/// A log that was removed whole leaves nothing to recompute: what was kept outside says that there was one.
#[tokio::test]
async fn kept_checkpoint_says_that_there_was_a_log() {
    let register = Register::with_events(3).await;
    let (key, file) = (register.verifier_key(), register.path("kept"));
    let note = register.run(&["checkpoint", "--signing-key", &register.key_file()]).stdout;
    fs::write(&file, note).unwrap();
    let empty = Register::create().await;
    let ran = empty.run(&["verify", "--key", &key, "--since-checkpoint", &file]);
    assert_eq!((ran.code, ran.stdout.starts_with("NOT verified")), (Some(1), true), "{ran:?}");
    assert_eq!(empty.run(&["verify", "--key", &key]).code, Some(2));
}
