//! Reading: pages, entities then and now, timelines and `mirror`.

use std::io::Read as _;
use std::process::Stdio;

use serde_json::Value;
use veritrail_tests::database::TestDatabase;
use veritrail_tests::numbered;
use veritrail_tests::veritrail::{command, run};

use crate::register::{Register, members};

#[tokio::test]
async fn pages_give_every_event_once() {
    const COUNT: u64 = 250;
    let register = Register::with_events(COUNT).await;
    let mut cursor = String::new();
    let mut guids = Vec::new();
    loop {
        let page = register.json(0, &["events", "--since", &cursor, "--limit", "37"]);
        assert_eq!(members(&page), ["cursor", "events"]);
        cursor = page["cursor"].as_str().unwrap().to_owned();
        let events = page["events"].as_array().unwrap();
        guids.extend(events.iter().map(|event| event["guid"].as_str().unwrap().to_owned()));
        if events.is_empty() {
            break;
        }
    }
    assert!(guids.into_iter().eq((0..COUNT).map(numbered::guid)));
    // For people: an event a line, the cursor beside them.
    let lines = register.run(&["events", "--limit", "10"]);
    assert_eq!(lines.stdout.lines().count(), 10);
    let said = lines.stderr.trim_end().strip_prefix("cursor: ").unwrap();
    let next = register.json(0, &["events", "--limit", "1", "--since", said]);
    assert_eq!(next["events"][0]["guid"], "e-10");
    assert_eq!(register.run(&["events", "--limit", "10", "--quiet"]).stderr, "");
}

#[tokio::test]
async fn served_events_are_those_that_were_submitted() {
    let register = Register::with_events(20).await;
    let ran = register.run(&["events"]);
    for (number, line) in (0..).zip(ran.stdout.lines()) {
        let mut served: Value = serde_json::from_str(line).unwrap();
        let sent: Value = serde_json::from_str(&numbered::event(number)).unwrap();
        // Served with milliseconds and a level, which this one did not say.
        served.as_object_mut().unwrap().remove("syncLevel");
        let stamp = served["timestamp"].as_str().unwrap().replace(".000Z", "Z");
        served["timestamp"] = stamp.into();
        assert_eq!(served, sent);
    }
    // What was served can be submitted again.
    let again = register.run_with(&["submit", "-"], ran.stdout.as_bytes());
    assert!(again.stderr.contains("0 accepted, 20 repeated, 0 rejected"), "{again:?}");
}

#[tokio::test]
async fn cursor_of_another_log_is_refused() {
    let register = Register::with_events(5).await;
    let ahead = "2999-01-01T00:00:00.000000000Z";
    for cursor in [ahead, "2026-01-01T00:00:00.000Z|e-99", "|nobody"] {
        let ran = register.run(&["events", "--since", cursor]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
        assert!(ran.stderr.contains("is not one of this log"), "{ran:?}");
    }
    // What clients of DataCollect keep is a cursor.
    let page = register.json(0, &["events", "--since", "2026-01-01T00:00:00.000Z|e-2"]);
    assert_eq!(page["events"].as_array().unwrap().len(), 2);
    // The events of one tenant are no events of another's.
    assert_eq!(
        register.json(0, &["events", "--tenant", "other"])["events"],
        Value::from(Vec::<Value>::new())
    );
}

#[tokio::test]
async fn events_are_found_by_entity_and_by_time() {
    let register = Register::with_events(30).await;
    let guids = |answer: &Value| -> Vec<String> {
        let events = answer["events"].as_array().unwrap();
        events.iter().map(|event| event["guid"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(guids(&register.json(0, &["events", "--entity", "p-7"])), ["e-7"]);
    let (from, to) = ("2025-01-01T00:05:00Z", "2025-01-01T00:08:00Z");
    assert_eq!(guids(&register.json(0, &["events", "--from", from, "--to", to])), ["e-5", "e-6", "e-7"]);
    assert_eq!(guids(&register.json(0, &["events", "--to", from, "--limit", "2"])), ["e-0", "e-1"]);
    // Whatever the limit keeps back is told of.
    for (bounds, limit, more) in
        [(["--to", from], "4", true), (["--to", from], "5", false), (["--from", to], "20000", false)]
    {
        let arguments = ["events", bounds[0], bounds[1], "--limit", limit];
        assert_eq!(register.json(0, &arguments)["more"], Value::from(more), "{arguments:?}");
        assert_eq!(register.run(&arguments).stderr.contains("more events follow"), more, "{arguments:?}");
    }
    let other = numbered::event(77).replace("p-77", "p-7").replace("create-individual", "update-individual");
    assert_eq!(register.run_with(&["submit", "-"], other.as_bytes()).code, Some(0));
    for (limit, more) in [("1", true), ("2", false)] {
        let arguments = ["events", "--entity", "p-7", "--limit", limit];
        assert_eq!(register.json(0, &arguments)["more"], Value::from(more));
    }
}

#[tokio::test]
async fn events_by_time_are_read_beyond_one_page() {
    const COUNT: u64 = 10_050;
    let register = Register::create().await;
    // Ten events share every instant, so that a page may end between them.
    let event = |number: u64| {
        let stamp = format!("2026-01-01T{:02}:{:02}:00Z", number / 10 / 60, number / 10 % 60);
        format!(
            r#"{{"guid":"e-{number}","entityGuid":"p","type":"t","userId":"u","timestamp":"{stamp}","data":{{}}}}"#
        )
    };
    let lines: Vec<String> = (0..COUNT).map(event).collect();
    let submitted = register.run_with(&["submit", "-", "--append-only"], lines.join("\n").as_bytes());
    assert_eq!(submitted.code, Some(0), "{submitted:?}");
    for (limit, found) in [("20000", COUNT), ("10050", COUNT), ("10049", 10_049), ("10000", 10_000)] {
        let answer = register.json(0, &["events", "--from", "2026-01-01T00:00:00Z", "--limit", limit]);
        let events = answer["events"].as_array().unwrap();
        let guids = events.iter().map(|event| event["guid"].as_str().unwrap().to_owned());
        assert!(guids.eq((0..found).map(numbered::guid)), "{limit}: {}", events.len());
        assert_eq!(answer["more"], Value::from(found < COUNT), "{limit}");
    }
}

#[tokio::test]
async fn entity_is_told_as_it_was() {
    let register = Register::create().await;
    let event = |guid: &str, kind: &str, day: u32, data: &str| {
        format!(
            r#"{{"guid":"{guid}","entityGuid":"p","type":"{kind}","userId":"u","timestamp":"2026-01-{day:02}T00:00:00Z","data":{data}}}"#
        )
    };
    let lines = [
        event("a", "create-individual", 1, r#"{"name":"Mary","age":40}"#),
        event("b", "update-individual", 10, r#"{"age":41}"#),
        event("c", "delete-entity", 20, "{}"),
    ];
    assert_eq!(register.run_with(&["submit", "-"], lines.join("\n").as_bytes()).code, Some(0));
    let then = register.json(0, &["entity", "p", "--at", "2026-01-05T00:00:00Z"]);
    assert_eq!((&then["data"]["age"], &then["version"]), (&Value::from(40), &Value::from(1)));
    let later = register.json(0, &["entity", "p", "--at", "2026-01-10T00:00:00Z"]);
    assert_eq!((&later["data"]["age"], &later["name"]), (&Value::from(41), &Value::from("Mary")));
    for arguments in [vec!["entity", "p"], vec!["entity", "p", "--at", "2025-12-31T00:00:00Z"]] {
        let ran = register.run(&arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{ran:?}");
    }
    // By the server's stamps, nothing was known then, and all is known now.
    let recorded = ["entity", "p", "--axis", "recorded", "--at", "2026-01-10T00:00:00Z"];
    assert_eq!(register.run(&recorded).code, Some(1));

    let ran = register.run(&["timeline", "p", "--json"]);
    let entries: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let expected =
        ["data", "entityGuid", "guid", "number", "position", "recordedAt", "timestamp", "type", "userId"];
    assert!(entries.iter().all(|entry| members(entry) == expected));
    let told: Vec<_> =
        entries.iter().map(|entry| (entry["number"].as_u64().unwrap(), &entry["guid"])).collect();
    assert_eq!(told, [(1, &Value::from("a")), (2, &Value::from("b")), (3, &Value::from("c"))]);
    let table = register.run(&["timeline", "p"]).stdout;
    assert!(table.contains("update-individual") && table.contains("Mary"));
}

/// What a device may have sent to paint on a terminal and to write lines of its own.
const FORGERY: &str = "\u{1b}[31m\nverified: forged\u{9b}";

#[tokio::test]
async fn what_devices_sent_forges_no_line_and_reaches_no_terminal() {
    let register = Register::create().await;
    let (guid, key) = (format!("e{FORGERY}"), register.verifier_key());
    let event = serde_json::json!({
        "guid": guid, "entityGuid": "p", "type": "create-individual", "userId": format!("ana{FORGERY}"),
        "timestamp": "2026-01-01T00:00:00Z", "data": { "name": FORGERY },
    });
    let submitted = register.run_with(
        &["submit", "-", "--signing-key", &register.key_file(), "--submitted-by", &format!("me{FORGERY}")],
        event.to_string().as_bytes(),
    );
    assert_eq!(submitted.code, Some(0), "{submitted:?}");
    let bundle = register.path("bundle");
    let mut all = vec![register.run(&["prove", &guid, "-o", &bundle])];
    for arguments in [vec!["events"], vec!["entity", "p"], vec!["timeline", "p"], vec!["prove", &guid]] {
        all.push(register.run(&arguments));
    }
    all.push(run(None, ["check", &bundle, "--key", &key]));
    all.push(register.run(&["checkpoint", "--signing-key", &register.key_file()]));
    let edit = "SET session_replication_role = replica; UPDATE veritrail.events SET data = '{}'";
    register.database.connect().await.batch_execute(edit).await.unwrap();
    all.push(register.run(&["verify", "--key", &key]));
    assert!(all.last().unwrap().stdout.contains("FOUND [event-altered]"), "{all:?}");
    let wrong = register.run(&["prove", &format!("nobody{FORGERY}")]);
    let bad =
        register.run_with(&["submit", "-"], event.to_string().replace("create", "in\\nvent").as_bytes());
    for ran in all.into_iter().chain([wrong, bad]) {
        let text = ran.stdout.clone() + &ran.stderr;
        assert!(!text.contains(|one: char| one.is_control() && one != '\n'), "{ran:?}");
        assert!(!text.lines().any(|line| line.starts_with("verified: forged")), "{ran:?}");
    }
    // Escapes for people are still the same JSON.
    let served = register.run(&["events"]).stdout;
    assert_eq!(serde_json::from_str::<Value>(&served).unwrap()["userId"], event["userId"]);
}

#[tokio::test]
async fn mirror_ends_with_the_same_root() {
    let register = Register::with_events(300).await;
    let replica = TestDatabase::create().await;
    let (key, url) = (register.verifier_key(), Some(replica.url()));
    let arguments = ["mirror", "--from", register.url(), "--key", &key, "--page", "70", "--json"];
    let first = run(url, arguments.into_iter().chain(["--max-pages", "2"]));
    let first: Value = serde_json::from_str(&first.stdout).unwrap();
    assert_eq!(members(&first), ["complete", "events", "origin", "pages", "root", "size"]);
    assert_eq!((&first["complete"], &first["size"]), (&Value::from(false), &Value::from(140)));
    let rest = run(url, arguments);
    let rest: Value = serde_json::from_str(&rest.stdout).unwrap();
    assert_eq!((&rest["complete"], &rest["events"]), (&Value::from(true), &Value::from(160)));
    let here = register.json(0, &["verify", "--key", &key]);
    let there = run(url, ["verify", "--key", &key, "--json"]);
    assert_eq!(there.code, Some(0));
    let mut there: Value = serde_json::from_str(&there.stdout).unwrap();
    assert_eq!((&here["replica"], &there["replica"]), (&Value::from(false), &Value::from(true)));
    there["replica"] = Value::from(false);
    assert_eq!(here, there, "it differs in nothing else");
    assert_eq!(rest["root"], here["root"]);
    // A replica appends nothing and signs nothing.
    let line = numbered::event(1_000);
    let appended = veritrail_tests::veritrail::run_with(url, ["submit", "-"], line.as_bytes());
    assert_eq!(appended.code, Some(1), "{appended:?}");
    assert_eq!(run(url, ["checkpoint", "--signing-key", &register.key_file()]).code, Some(1));
    let other = run(None, ["keygen", "example.org/registry", "-o", &register.path("other")]);
    let distrusted = run(url, ["mirror", "--from", register.url(), "--key", other.stdout.trim_end()]);
    assert_eq!(distrusted.code, Some(1), "{distrusted:?}");
}

#[tokio::test]
async fn reader_that_goes_away_ends_the_program_quietly() {
    let register = Register::with_events(2_000).await;
    for arguments in [vec!["events", "--limit", "2000"], vec!["events", "--limit", "2000", "--json"]] {
        let mut child = command(Some(register.url()))
            .args(&arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = [0; 10];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
    }
}
