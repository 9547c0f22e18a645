//! What is done with signing keys and checkpoints: a key takes over from another, a checkpoint continues an earlier one.

use std::fs;

use veritrail_merkle::note::VerifierKey;
use veritrail_tests::numbered;
use veritrail_tests::veritrail::run;

use crate::register::{Register, members};

impl Register {
    /// Submits one more event and keeps the checkpoint behind it in a file.
    fn grow(&self, number: u64, file: &str) -> String {
        let event = numbered::event(number) + "\n";
        assert_eq!(self.run_with(&["submit", "-"], event.as_bytes()).code, Some(0));
        let ran = self.run(&["checkpoint", "--signing-key", &self.key_file()]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        fs::write(self.path(file), &ran.stdout).unwrap();
        self.path(file)
    }
}

#[tokio::test]
async fn one_checkpoint_continues_another_with_and_without_the_database() {
    let register = Register::with_events(300).await;
    let key = register.verifier_key();
    let (old, new) = (register.grow(300, "old"), register.grow(301, "new"));
    let proof = register.path("proof");
    let ran = register.run(&["consistency", &old, &new, "--key", &key, "-o", &proof]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        ran.stdout.starts_with("consistent: size 302 continues size 301 of example.org/registry/"),
        "{ran:?}"
    );
    let answer = register.json(0, &["consistency", &old, &new, "--key", &key]);
    assert_eq!(members(&answer), ["new", "ok", "old", "proof", "reason"]);
    assert!(!answer["proof"].as_array().unwrap().is_empty());

    // What was written is what a witness takes, and is enough without a database.
    let text = fs::read_to_string(&proof).unwrap();
    assert!(text.starts_with("old 301\n") && text.ends_with(&fs::read_to_string(&new).unwrap()), "{text}");
    let offline = |proof: &str| run(None, ["consistency", &old, &new, "--key", &key, "--proof", proof]);
    assert_eq!(offline(&proof).code, Some(0), "{:?}", offline(&proof));
    let mut lines: Vec<&str> = text.split('\n').collect();
    lines.swap(1, 2);
    fs::write(register.path("swapped"), lines.join("\n")).unwrap();
    let refused = offline(&register.path("swapped"));
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stdout.starts_with("NOT consistent: "));
    fs::write(register.path("short"), "old 301\n").unwrap();
    assert_eq!(offline(&register.path("short")).code, Some(2));

    let backwards = register.run(&["consistency", &new, &old, "--key", &key]);
    assert_eq!(
        (backwards.code, backwards.stdout.as_str()),
        (Some(1), "NOT consistent: the first has size 302, the second 301\n")
    );
    // Of another log, and of nobody who is trusted.
    let other = Register::with_events(2).await;
    let foreign = other.run(&["consistency", &old, &new, "--key", &key]);
    assert!(
        foreign.code == Some(1) && foreign.stdout.contains("the tenant `default` has no log "),
        "{foreign:?}"
    );
    let untrusted = register.run(&["consistency", &old, &new, "--key", &other.verifier_key()]);
    assert!(untrusted.code == Some(2) && untrusted.stderr.contains("is not to be trusted"), "{untrusted:?}");
}

#[tokio::test]
async fn a_database_that_was_rolled_back_does_not_prove_what_was_published() {
    let register = Register::with_events(10).await;
    let key = register.verifier_key();
    let (old, new) = (register.grow(10, "old"), register.grow(11, "new"));
    let forge = "SET session_replication_role = replica; \
                 DELETE FROM veritrail.events WHERE position = 11; DELETE FROM veritrail.tree_heads WHERE size = 12; \
                 DELETE FROM veritrail.checkpoints WHERE size = 12; DELETE FROM veritrail.entities WHERE last_event_position = 11";
    register.database.connect().await.batch_execute(forge).await.unwrap();
    let refused = register.run(&["consistency", &old, &new, "--key", &key]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert_eq!(refused.stdout, "NOT consistent: the database has no tree of size 12\n");
}

#[tokio::test]
async fn a_key_takes_over_from_another() {
    let register = Register::with_events(5).await;
    let (old, new) = (register.key_file(), register.path("new"));
    let made = run(None, ["keygen", "--rotate", &old, "-o", &new]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let keys = [register.verifier_key(), made.stdout.trim_end().to_owned()];
    let names = keys.each_ref().map(|key| key.parse::<VerifierKey>().unwrap().name().to_owned());
    assert_eq!(names, ["example.org/registry", "example.org/registry"]);
    assert_ne!(keys[0], keys[1]);

    let input = numbered::event(5) + "\n";
    let arguments = ["submit", "-", "--signing-key", &new, "--outgoing-key", &old];
    assert_eq!(register.run_with(&arguments, input.as_bytes()).code, Some(0));
    for key in &keys {
        let answer = register.json(0, &["verify", "--key", key]);
        assert_eq!((&answer["ok"], &answer["checkpoint"]["size"]), (&true.into(), &6.into()));
    }
    let checkpoint = register.json(0, &["checkpoint", "--signing-key", &new]);
    assert_eq!((&checkpoint["new"], &checkpoint["size"]), (&false.into(), &6.into()));
    // A key that takes over from nobody does not sign with one that does.
    let stranger = register.path("stranger");
    assert_eq!(run(None, ["keygen", "example.org/registry", "-o", &stranger]).code, Some(0));
    let refused = register.run(&["checkpoint", "--signing-key", &stranger, "--outgoing-key", &old]);
    assert!(refused.code == Some(2) && refused.stderr.contains("its memory is"), "{refused:?}");
    for wrong in [["keygen", "-o", "x"].as_slice(), &["keygen", "name", "--rotate", &old, "-o", "x"]] {
        assert_eq!(run(None, wrong).code, Some(2), "{wrong:?}");
    }
}
