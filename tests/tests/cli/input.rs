//! What `submit` makes of its input: a result for every event, in its order, whatever the bytes are.

use std::fs;
use std::io::Read as _;
use std::process::Stdio;

use serde_json::Value;
use veritrail_tests::numbered;
use veritrail_tests::veritrail::{Ran, command};

use crate::register::{Register, members};

/// The results of `submit --json`, one an event.
fn results(ran: &Ran) -> Vec<Value> {
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Line, status and guid of each result.
fn summary(ran: &Ran) -> Vec<(u64, String, Option<String>)> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let one = |result: &Value| {
        (result["line"].as_u64().unwrap(), text(&result["status"]).unwrap(), text(&result["guid"]))
    };
    results(ran).iter().map(one).collect()
}

fn row(line: u64, status: &str, guid: Option<&str>) -> (u64, String, Option<String>) {
    (line, status.to_owned(), guid.map(str::to_owned))
}

fn submit(register: &Register, input: &[u8]) -> Ran {
    let ran = register.run_with(&["submit", "-", "--json"], input);
    assert!(!ran.stderr.contains("panicked"), "{ran:?}");
    ran
}

#[tokio::test]
async fn results_are_in_input_order_with_their_lines() {
    let register = Register::create().await;
    let (zero, one) = (numbered::event(0), numbered::event(1));
    let unknown = numbered::event(2).replace("create-individual", "invent");
    let input = format!("{zero}\n\n  \t\n{{\"guid\":\"bad\"}}\n{one}\n{zero}\nnonsense\n{unknown}\n{zero}");
    let ran = submit(&register, input.as_bytes());
    let expected = [
        row(1, "accepted", Some("e-0")),
        row(4, "rejected", Some("bad")),
        row(5, "accepted", Some("e-1")),
        row(6, "repeated", Some("e-0")),
        row(7, "rejected", None),
        row(8, "rejected", Some("e-2")),
        row(9, "repeated", Some("e-0")),
    ];
    assert_eq!((ran.code, summary(&ran)), (Some(1), expected.into()));
    let results = results(&ran);
    assert_eq!(members(&results[0]), ["guid", "leafHash", "line", "position", "recordedAt", "status"]);
    assert_eq!(members(&results[1]), ["code", "error", "guid", "line", "status"]);
    assert_eq!(results[0]["leafHash"], results[3]["leafHash"]);
    assert!(ran.stderr.contains("2 accepted, 2 repeated, 3 rejected"), "{ran:?}");

    // All of it again, and then with a change to what is recorded.
    let again = submit(&register, format!("{zero}\n{one}\n").as_bytes());
    assert_eq!(again.code, Some(0));
    assert!(summary(&again).iter().all(|(_, status, _)| status == "repeated"));
    let changed = submit(&register, zero.replace("Person 0", "Mallory").as_bytes());
    assert_eq!((changed.code, summary(&changed)), (Some(1), vec![row(1, "rejected", Some("e-0"))]));
    assert_eq!(crate::input::results(&changed)[0]["code"], "CONFLICT");
}

#[tokio::test]
async fn lines_are_counted_across_batches() {
    let register = Register::create().await;
    // Two batches of a thousand and a bit, with a bad line in each.
    let line = |number: u64| match number {
        10 | 1_500 | 2_040 => "[]".to_owned(),
        number => numbered::event(number),
    };
    let input: Vec<String> = (0..2_050).map(line).collect();
    let file = register.path("events.ndjson");
    fs::write(&file, input.join("\n")).unwrap();
    let ran = register.run(&["submit", &file, "--append-only", "--json"]);
    let results = summary(&ran);
    assert_eq!(ran.code, Some(1));
    assert!(results.iter().map(|(line, ..)| *line).eq(1..=2_050));
    let rejected: Vec<_> =
        results.iter().filter(|(_, status, _)| status == "rejected").map(|(line, ..)| *line).collect();
    assert_eq!(rejected, [11, 1_501, 2_041]);
    // People see the same ones.
    let shown = register.run(&["submit", &file]);
    let lines: Vec<_> = shown.stdout.lines().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(lines, ["line 11", "line 1501", "line 2041"]);
}

#[tokio::test]
async fn array_is_read_as_events() {
    let register = Register::create().await;
    let (zero, one) = (numbered::event(0), numbered::event(1));
    let ran = submit(&register, format!("\n [ {zero},\n {{}}, 5,\n{one} ]\n").as_bytes());
    let expected = [
        row(1, "accepted", Some("e-0")),
        row(2, "rejected", None),
        row(3, "rejected", None),
        row(4, "accepted", Some("e-1")),
    ];
    assert_eq!((ran.code, summary(&ran)), (Some(1), expected.into()));
    let none = submit(&register, b"[]");
    assert_eq!((none.code, none.stdout.as_str()), (Some(0), ""));
    for broken in ["[", "[{}", "[{},]", "[{}] x", "[{}][{}]"] {
        let ran = submit(&register, broken.as_bytes());
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{broken}: {ran:?}");
        assert!(ran.stderr.contains("cannot read"), "{ran:?}");
    }
    // Nothing of an array with a broken end was stored.
    let ran = submit(&register, format!("[{},", numbered::event(7)).as_bytes());
    assert_eq!(ran.code, Some(2));
    assert_eq!(submit(&register, numbered::event(7).as_bytes()).code, Some(0));
}

#[tokio::test]
async fn white_space_before_the_first_event_changes_nothing_but_its_line() {
    let register = Register::create().await;
    let blank = " \r\n".repeat(20_000);
    let ran = submit(&register, format!("{blank}{}\n", numbered::event(0)).as_bytes());
    assert_eq!(summary(&ran), [row(20_001, "accepted", Some("e-0"))]);
    let ran = submit(&register, format!("{blank}[\n{}\n]", numbered::event(1)).as_bytes());
    assert_eq!(summary(&ran), [row(1, "accepted", Some("e-1"))]);
}

#[tokio::test]
async fn empty_input_is_done_at_once() {
    let register = Register::create().await;
    let key = register.key_file();
    for input in ["", "\n", "\r\n \n", " "] {
        let ran = register.run_with(&["submit", "-", "--signing-key", &key], input.as_bytes());
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""), "{input:?}: {ran:?}");
        assert!(ran.stderr.contains("0 accepted, 0 repeated, 0 rejected"));
    }
    let ran = register.run(&["submit", "/dev/null"]);
    assert_eq!(ran.code, Some(0));
}

#[tokio::test]
async fn line_ends_and_a_byte_order_mark_are_no_part_of_an_event() {
    let register = Register::create().await;
    let crlf = format!("{}\r\n\r\n{}\r\n", numbered::event(0), numbered::event(1));
    let ran = submit(&register, crlf.as_bytes());
    assert_eq!(summary(&ran), [row(1, "accepted", Some("e-0")), row(3, "accepted", Some("e-1"))]);
    let marked = format!("\u{feff}{}\n{}\n", numbered::event(2), numbered::event(3));
    let ran = submit(&register, marked.as_bytes());
    assert_eq!(summary(&ran), [row(1, "accepted", Some("e-2")), row(2, "accepted", Some("e-3"))]);
    let ran = submit(&register, format!("\u{feff}[{}]", numbered::event(4)).as_bytes());
    assert_eq!(summary(&ran), [row(1, "accepted", Some("e-4"))]);
    // The marks change nothing about the events.
    assert_eq!(submit(&register, numbered::event(2).as_bytes()).code, Some(0));
}

#[tokio::test]
async fn bytes_that_are_no_text_are_rejected_line_by_line() {
    let register = Register::create().await;
    let mut input = Vec::new();
    let bad: [&[u8]; 5] =
        [b"\xff\xfe", b"\0\0\0", b"{\"guid\":\"a\0b\"}", b"\xc3(", b"{\"guid\":\"\xed\xa0\x80\"}"];
    for bytes in bad {
        input.extend_from_slice(bytes);
        input.push(b'\n');
    }
    let null = numbered::event(1).replace("Person 1", "a\\u0000b");
    input.extend_from_slice(format!("{null}\n{}\n", numbered::event(0)).as_bytes());
    let ran = submit(&register, &input);
    let statuses: Vec<_> = summary(&ran).into_iter().map(|(line, status, _)| (line, status)).collect();
    let mut expected: Vec<_> = (1..=6).map(|line| (line, "rejected".to_owned())).collect();
    expected.push((7, "accepted".to_owned()));
    assert_eq!((ran.code, statuses), (Some(1), expected));
    assert!(results(&ran).iter().take(6).all(|result| result["code"] == "INVALID_EVENT"));
}

#[tokio::test]
async fn line_that_is_too_long_is_rejected_alone() {
    const LIMIT: usize = 8 << 20;
    let register = Register::create().await;
    let pad = |number: u64, length: usize| {
        let event = numbered::event(number);
        let spaces = " ".repeat(length - event.len());
        format!("{event}{spaces}\n")
    };
    // As long as may be with its end, one byte more, and much more.
    let input = [pad(0, LIMIT - 1), pad(1, LIMIT), pad(2, 9 << 20), numbered::event(3)].concat();
    let ran = submit(&register, input.as_bytes());
    let expected = [
        row(1, "accepted", Some("e-0")),
        row(2, "rejected", None),
        row(3, "rejected", None),
        row(4, "accepted", Some("e-3")),
    ];
    assert_eq!((ran.code, summary(&ran)), (Some(1), expected.into()));
    assert!(results(&ran)[2]["error"].as_str().unwrap().contains("longer than 8388608 bytes"));
    // The last line, without an end.
    let ran = submit(&register, "x".repeat(9 << 20).as_bytes());
    assert_eq!(summary(&ran), [row(1, "rejected", None)]);
}

#[tokio::test]
async fn data_over_its_limit_are_rejected_alone() {
    let register = Register::create().await;
    let large = numbered::event(0).replace("Person 0", &"x".repeat(1 << 20));
    let ran = submit(&register, format!("{large}\n{}\n", numbered::event(1)).as_bytes());
    assert_eq!(summary(&ran), [row(1, "rejected", Some("e-0")), row(2, "accepted", Some("e-1"))]);
    assert!(results(&ran)[0]["error"].as_str().unwrap().contains("`data`"));
}

#[tokio::test]
async fn large_events_are_submitted_in_batches_that_fit() {
    let register = Register::create().await;
    let name = "x".repeat(900_000);
    let large = |number: u64| numbered::event(number).replace(&format!("Person {number}"), &name);
    let mut input: Vec<String> = (0..40).map(large).collect();
    input.push(numbered::event(40));
    let ran = submit(&register, input.join("\n").as_bytes());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let guids = summary(&ran).into_iter().map(|(_, _, guid)| guid.unwrap());
    assert!(guids.eq((0..=40).map(numbered::guid)));
    // Every batch is a transaction: two of 16 MiB and the rest.
    let transactions = "SELECT count(DISTINCT xmin::text) FROM veritrail.events";
    let batches: i64 = register.database.connect().await.query_one(transactions, &[]).await.unwrap().get(0);
    assert_eq!(batches, 3);
}

#[tokio::test]
async fn many_rejections_are_cut_for_people_alone() {
    let register = Register::create().await;
    let input = "nonsense\n".repeat(50);
    let shown = register.run_with(&["submit", "-"], input.as_bytes());
    assert_eq!((shown.code, shown.stdout.lines().count()), (Some(1), 21));
    assert_eq!(summary(&submit(&register, input.as_bytes())).len(), 50);
}

#[tokio::test]
async fn submit_goes_on_when_nobody_reads_its_results() {
    const COUNT: u64 = 3_500;
    let register = Register::create().await;
    let file = register.path("events.ndjson");
    fs::write(&file, (0..COUNT).map(|number| numbered::event(number) + "\n").collect::<String>()).unwrap();
    let mut child = command(Some(register.url()))
        .args(["submit", &file, "--append-only", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("3500 accepted"), "{said}");
    let count = "SELECT count(*) FROM veritrail.events";
    let stored: i64 = register.database.connect().await.query_one(count, &[]).await.unwrap().get(0);
    assert_eq!(stored.unsigned_abs(), COUNT);
}
