//! The command line as its users meet it: exit codes, messages, JSON. What `submit` makes of its input is in
//! `cli/input.rs`, the audit log is in `cli/audit.rs`, keys and proofs are in `cli/proof.rs`, reading in `cli/read.rs`, verdicts in `cli/verify.rs`.
//!
//! Not here: what the store does below it (`submit`, `verify`, `publish`, `mirror`).

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is not as it must be")]

#[path = "cli/audit.rs"]
mod audit;
#[path = "cli/input.rs"]
mod input;
#[path = "cli/proof.rs"]
mod proof;
#[path = "cli/read.rs"]
mod read;
#[path = "cli/register.rs"]
mod register;
#[path = "cli/verify.rs"]
mod verify;

use veritrail_tests::database::TestDatabase;
use veritrail_tests::veritrail::{Ran, command, run};

use register::Register;

/// Nobody listens on port 1 of this machine.
const UNREACHABLE: &str = "postgres://nobody@127.0.0.1:1/nothing";

/// Every command that needs a database and finds nothing wrong in its arguments.
fn commands(register: &Register) -> Vec<Vec<String>> {
    let (key, vkey) = (register.key_file(), register.verifier_key());
    let commands = [
        "submit -",
        "events",
        "entity p-1",
        "timeline p-1",
        "audit",
        "verify --log audit",
        "verify",
        "prove e-1",
        &format!("checkpoint --signing-key {key}"),
        &format!("mirror --from {} --key {vkey}", register.url()),
    ];
    commands.map(|line| line.split(' ').map(str::to_owned).collect()).into()
}

fn assert_code(ran: &Ran, code: i32, arguments: &[String]) {
    assert_eq!(ran.code, Some(code), "{arguments:?}: {ran:?}");
    assert!(!ran.stderr.contains("panicked"), "{arguments:?}: {ran:?}");
}

#[tokio::test]
async fn missing_database_url_is_wrong_usage() {
    let register = Register::create().await;
    let migrate = vec![vec!["migrate".to_owned()], vec!["migrate".to_owned(), "--status".to_owned()]];
    for arguments in commands(&register).into_iter().chain(migrate) {
        for url in [None, Some("")] {
            let ran = run(url, &arguments);
            assert_code(&ran, 2, &arguments);
            assert!(ran.stderr.contains("DATABASE_URL"), "{ran:?}");
        }
    }
}

#[tokio::test]
async fn database_out_of_reach_has_its_own_code() {
    let register = Register::create().await;
    let migrate = vec![vec!["migrate".to_owned()], vec!["migrate".to_owned(), "--status".to_owned()]];
    for arguments in commands(&register).into_iter().chain(migrate) {
        let ran = run(Some(UNREACHABLE), &arguments);
        assert_code(&ran, 3, &arguments);
        assert!(ran.stdout.is_empty() && !ran.stderr.is_empty(), "{ran:?}");
    }
    // The origin of a mirror is a database too.
    let vkey = register.verifier_key();
    let arguments = ["mirror", "--from", UNREACHABLE, "--key", &vkey].map(str::to_owned);
    assert_code(&run(Some(register.url()), &arguments), 3, &arguments);
}

#[tokio::test]
async fn database_without_schema_asks_for_migrate() {
    let register = Register::create().await;
    let empty = TestDatabase::create().await;
    empty.connect().await.batch_execute("DROP SCHEMA veritrail CASCADE").await.unwrap();
    for arguments in commands(&register) {
        let ran = run(Some(empty.url()), &arguments);
        assert_code(&ran, 2, &arguments);
        assert!(ran.stderr.contains("veritrail migrate"), "{ran:?}");
    }
    let status = run(Some(empty.url()), ["migrate", "--status"]);
    assert_eq!(status.code, Some(1));
    assert!(
        status.stdout.lines().count() >= 5 && status.stdout.lines().all(|line| line.starts_with("missing "))
    );
    // Whoever asks has changed nothing.
    let schemas = "SELECT count(*) FROM pg_namespace WHERE nspname = 'veritrail'";
    let made: i64 = empty.connect().await.query_one(schemas, &[]).await.unwrap().get(0);
    assert_eq!(made, 0);
}

#[tokio::test]
async fn migrate_brings_the_schema_up_and_tells_what_it_did() {
    let database = TestDatabase::create().await;
    let url = Some(database.url());
    let json = |ran: &Ran| -> serde_json::Value { serde_json::from_str(&ran.stdout).unwrap() };
    // What deletes everything takes two words.
    let refused = run(url, ["migrate", "--revert"]);
    assert_eq!(refused.code, Some(2));
    assert!(
        refused.stderr.contains("events, entities, trees and checkpoints of EVERY tenant"),
        "{refused:?}"
    );
    assert_eq!(run(url, ["migrate", "--yes"]).code, Some(2));
    assert_eq!(run(url, ["migrate", "--status"]).code, Some(0));
    let reverted = run(url, ["migrate", "--revert", "--yes", "--json"]);
    let applied = run(url, ["migrate", "--json"]);
    assert_eq!((reverted.code, applied.code), (Some(0), Some(0)));
    let count = json(&applied)["applied"].as_array().unwrap().len();
    assert_eq!(json(&reverted)["reverted"].as_array().unwrap().len(), count);
    let again = run(url, ["migrate"]);
    assert_eq!((again.code, again.stdout.as_str()), (Some(0), ""));
    assert!(again.stderr.contains("nothing to do"));
    let status = run(url, ["migrate", "--status", "--json"]);
    assert_eq!(status.code, Some(0));
    let states = json(&status);
    assert_eq!(states.as_array().unwrap().len(), count);
    assert!(
        states.as_array().unwrap().iter().all(|state| state["applied"] == true && state["name"].is_string())
    );
}

#[tokio::test]
async fn wrong_arguments_are_wrong_usage() {
    let register = Register::create().await;
    let cases = [
        "",
        "unknown",
        "verify --log audit",
        "verify --key nonsense",
        "verify --since-checkpoint nothing",
        "verify --tenant=",
        "events --since yesterday",
        "events --since 2026-03-01T07:30:01.123456789Z",
        "events --limit 0",
        "events --limit -1",
        "events --since x|y --entity p-1",
        "events --from yesterday",
        "entity",
        "entity p-1 --at yesterday",
        "entity p-1 --axis recorded",
        "submit",
        "submit /nowhere/events",
        "submit - --signing-key /nowhere/key",
        "prove",
        "check /nowhere/bundle",
        "checkpoint",
        "checkpoint --signing-key /nowhere/key",
        "mirror --from x",
        "keygen name",
        "completions tcl",
    ];
    for line in cases {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let ran = run(Some(register.url()), &arguments);
        assert_code(&ran, 2, &arguments);
        assert!(!ran.stderr.is_empty() && ran.stdout.is_empty(), "{line}: {ran:?}");
    }
    let vkey = register.verifier_key();
    for page in ["0", "1000000"] {
        let ran =
            run(Some(register.url()), ["mirror", "--from", register.url(), "--key", &vkey, "--page", page]);
        assert_eq!(ran.code, Some(2), "{ran:?}");
    }
}

#[tokio::test]
async fn origin_of_a_mirror_need_not_be_an_argument() {
    let register = Register::with_events(1).await;
    let replica = TestDatabase::create().await;
    let mut mirror = command(Some(replica.url()));
    mirror.args(["mirror", "--key", &register.verifier_key()]).env("VERITRAIL_MIRROR_FROM", register.url());
    let output = mirror.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let help = mirror.arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(help.contains("VERITRAIL_MIRROR_FROM") && !help.contains(register.url()), "{help}");
}

#[tokio::test]
async fn asking_for_help_is_no_error() {
    for arguments in [["help", "submit"], ["events", "--help"], ["completions", "bash"]] {
        let ran = run(None, arguments);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(ran.stdout.contains("veritrail") && ran.stderr.is_empty(), "{ran:?}");
    }
    assert!(run(None, ["--version"]).stdout.starts_with("veritrail "));
}

#[tokio::test]
async fn empty_register_answers_no() {
    let register = Register::create().await;
    let (key, vkey) = (register.key_file(), register.verifier_key());
    let url = register.url();
    let cases = [
        (vec!["events"], 0),
        (vec!["events", "--entity", "p-1"], 0),
        (vec!["entity", "p-1"], 1),
        (vec!["timeline", "p-1"], 1),
        (vec!["prove", "e-1"], 1),
        (vec!["verify"], 2),
        (vec!["checkpoint", "--signing-key", &key], 1),
        (vec!["mirror", "--from", url, "--key", &vkey], 1),
    ];
    for (arguments, code) in cases {
        let ran = run(Some(url), &arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(code), ""), "{arguments:?}: {ran:?}");
    }
    let page = run(Some(url), ["events", "--json"]);
    assert_eq!(page.stdout, "{\"events\":[],\"cursor\":\"\"}\n");
}
