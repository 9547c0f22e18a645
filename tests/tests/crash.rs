//! A submitter that is killed: what it acknowledged is there, what is there verifies, and submitting again is safe.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is not as it must be")]

use std::collections::HashSet;
use std::env;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use veritrail_tests::database::TestDatabase;
use veritrail_tests::sample::{event_guid, individuals, store};

const EVENTS: usize = 6_000;
/// After so many acknowledgements each submitter is killed: within a batch, at its border, and before the first.
const KILLED_AFTER: [usize; 7] = [0, 1, 999, 1_000, 1_001, 2_500, 4_000];

fn submit(database: &TestDatabase, file: &Path) -> Command {
    let binary = env::var_os("VERITRAIL_BIN").expect("`cargo xtask test` sets VERITRAIL_BIN");
    let mut command = Command::new(binary);
    command.args(["--json", "--quiet", "submit"]).arg(file);
    command.env("DATABASE_URL", database.url()).env_remove("VERITRAIL_SIGNING_KEY").stderr(Stdio::null());
    command
}

/// The guid that a line of `submit --json` acknowledges.
fn acknowledged(line: &str) -> String {
    let answer: serde_json::Value = serde_json::from_str(line).unwrap();
    assert!(matches!(answer["status"].as_str(), Some("accepted" | "repeated")), "{line}");
    answer["guid"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_submitter_loses_nothing_that_it_acknowledged() {
    let database = TestDatabase::create().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.ndjson");
    let lines: Vec<String> = individuals(0, EVENTS).iter().map(|event| event.to_json() + "\n").collect();
    std::fs::write(&file, lines.concat()).unwrap();

    let mut known: HashSet<String> = HashSet::new();
    let store = store(&database, "default");
    for acknowledgements in KILLED_AFTER {
        let mut child = submit(&database, &file).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        known.extend(output.lines().take(acknowledgements).map(|line| acknowledged(&line.unwrap())));
        child.kill().unwrap();
        child.wait().unwrap();

        let mut session = store.session().await.unwrap();
        let Some(report) = session.verify(&[]).await.unwrap() else {
            assert!(known.is_empty());
            continue;
        };
        assert!(report.is_true(), "{:?}", report.findings);
        for guid in &known {
            assert!(session.event(&event_guid(guid)).await.unwrap().is_some(), "{guid} was acknowledged");
        }
    }
    assert!(known.len() >= 4_000, "the last submitter acknowledged that many");

    let output = submit(&database, &file).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let mut session = store.session().await.unwrap();
    let report = session.verify(&[]).await.unwrap().unwrap();
    assert_eq!((report.size, report.findings), (6_000, Vec::new()));
}
