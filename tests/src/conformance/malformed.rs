//! Submissions that are refused: a table of more than 200, each with the field that is to blame and what is wrong with it.
//!
//! Not here: values that are built in Rust and break a rule (`saving`), and events that do not apply to their entity.

#![expect(clippy::unwrap_used, reason = "a fact ends at the first thing that is not as it must be")]

use veritrail_core::store::{EventStore, TreeStore};
use veritrail_core::{
    FormSubmission, InvalidId, InvalidInput, InvalidText, InvalidTimestamp, JsonProblem, NumberProblem,
    Position, Receipt,
};

use super::{Stores, Tenant, all, save};

/// What is wrong with a submission.
#[derive(Clone, Debug, PartialEq)]
enum Problem {
    Missing,
    WrongType,
    TooLarge,
    Contradiction,
    Id(InvalidId),
    Text(InvalidText),
    Time(InvalidTimestamp),
    Syntax,
    Duplicate,
    Null,
    Surrogate,
    TooDeep,
    Number(NumberProblem),
}

struct Row {
    text: String,
    /// The path of the field; one that ends with `…` is the beginning of the path.
    field: String,
    problem: Problem,
}

impl Row {
    fn blames(&self, field: &str) -> bool {
        self.field.strip_suffix('…').map_or(self.field == field, |begin| field.starts_with(begin))
    }
}

/// No malformed submission reaches a store, and the first good one is at position 0.
pub async fn a_malformed_submission_is_refused_and_nothing_is_stored<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    let table = table();
    assert!(table.len() > 200, "{} rows", table.len());
    let mut wrong = Vec::new();
    for row in &table {
        match submit(&mut store, &row.text).await {
            Ok(receipt) => wrong.push(format!("{}: stored as {receipt:?}", row.text)),
            Err(error) => {
                let (field, problem) = (error.field(), problem(&error));
                if !row.blames(field) || problem != row.problem {
                    let text: String = row.text.chars().take(300).collect();
                    let expected = (&row.field, &row.problem);
                    wrong.push(format!("{text}: {:?} instead of {expected:?}", (field, problem)));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(store.identity().await.unwrap(), None);
    assert_eq!(all(&mut store).await, []);
    assert_eq!(submit(&mut store, &with("syncLevel", "0")).await.unwrap().position, Position(0));
}

/// Reads a submission and saves it.
async fn submit(store: &mut impl EventStore, text: &str) -> Result<Receipt, InvalidInput> {
    let event = FormSubmission::parse(text)?;
    Ok(save(store, &[event]).await.remove(0))
}

fn problem(error: &InvalidInput) -> Problem {
    match error {
        InvalidInput::Missing { .. } => Problem::Missing,
        InvalidInput::WrongType { .. } => Problem::WrongType,
        InvalidInput::TooLarge { .. } => Problem::TooLarge,
        InvalidInput::Contradiction { .. } => Problem::Contradiction,
        InvalidInput::Id { problem, .. } => Problem::Id(problem.clone()),
        InvalidInput::Text { problem, .. } => Problem::Text(problem.clone()),
        InvalidInput::Timestamp { problem, .. } => Problem::Time(problem.clone()),
        InvalidInput::Json(error) => match &error.problem {
            JsonProblem::Syntax(_) => Problem::Syntax,
            JsonProblem::DuplicateMember(_) => Problem::Duplicate,
            JsonProblem::NullCharacter => Problem::Null,
            JsonProblem::LoneSurrogate => Problem::Surrogate,
            JsonProblem::TooDeep(_) => Problem::TooDeep,
            JsonProblem::Number { problem, .. } => Problem::Number(*problem),
        },
    }
}

/// A good submission with one member replaced or added; an empty value removes it.
fn with(member: &str, value: &str) -> String {
    let members = [
        ("guid", r#""e-1""#),
        ("entityGuid", r#""person-1""#),
        ("type", r#""create-individual""#),
        ("data", r#"{"name":"Mary"}"#),
        ("timestamp", r#""2026-03-01T07:30:00.000Z""#),
        ("userId", r#""ana""#),
    ];
    let others = members.iter().filter(|(name, _)| *name != member);
    let mut parts: Vec<String> = others.map(|(name, value)| format!("\"{name}\":{value}")).collect();
    if !value.is_empty() {
        parts.push(format!("\"{member}\":{value}"));
    }
    format!("{{{}}}", parts.join(","))
}

/// Rows of one member, all to blame on `field`, all for one problem.
fn rows(rows: &mut Vec<Row>, (member, field): (&str, &str), problem: &Problem, values: &[&str]) {
    rows.extend(values.iter().map(|value| Row {
        text: with(member, value),
        field: field.to_owned(),
        problem: problem.clone(),
    }));
}

fn table() -> Vec<Row> {
    let mut table = Vec::new();
    ids(&mut table);
    timestamps(&mut table);
    payloads(&mut table);
    numbers(&mut table);
    strings_and_syntax(&mut table);
    optional_members(&mut table);
    whole_texts(&mut table);
    table
}

fn ids(table: &mut Vec<Row>) {
    let long = format!("\"{}\"", "x".repeat(256));
    let longer = format!("\"{}\"", "x".repeat(513));
    let wide = format!("\"{}\"", "€".repeat(171));
    let wider = format!("\"{}\"", "😀".repeat(129));
    for member in ["guid", "entityGuid", "type", "userId"] {
        let of = (member, member);
        let too_long = |chars, bytes| Problem::Id(InvalidId::TooLong { chars, bytes });
        rows(table, of, &Problem::Missing, &["", "null"]);
        rows(table, of, &Problem::WrongType, &["7", "1.5", "true", "[]", "[\"a\"]", "{}"]);
        rows(table, of, &Problem::Id(InvalidId::Empty), &["\"\""]);
        rows(table, of, &too_long(256, 256), &[&long]);
        rows(table, of, &too_long(513, 513), &[&longer]);
        rows(table, of, &too_long(171, 513), &[&wide]);
        rows(table, of, &too_long(129, 516), &[&wider]);
        rows(table, of, &Problem::Null, &[r#""a\u0000b""#]);
        rows(table, of, &Problem::Surrogate, &[r#""\ud800""#]);
    }
    let reserved = [r#""veritrail.""#, r#""veritrail.erase""#, r#""veritrail.reopen""#];
    rows(table, ("type", "type"), &Problem::Id(InvalidId::Reserved), &reserved);
}

fn timestamps(table: &mut Vec<Row>) {
    const SYNTAX: [&str; 30] = [
        "",
        " ",
        "yesterday",
        "1772350200",
        "2026",
        "2026-03",
        "2026-03-01",
        "2026-03-01T07:30",
        "2026-03-01T07:30Z",
        "2026-03-01T07:30:00",
        "2026-03-01T07:30:00.123",
        "2026-03-01 07:30:00Z",
        " 2026-03-01T07:30:00Z",
        "2026-03-01T07:30:00Z ",
        "2026-03-01T07:30:00 Z",
        "2026-3-1T07:30:00Z",
        "20260301T073000Z",
        "2026-W09-7T07:30:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2025-02-29T00:00:00Z",
        "2026-03-01T24:00:00Z",
        "2026-03-01T07:60:00Z",
        "2026-03-01T07:30:61Z",
        "2026-03-01T07:30:00.Z",
        "2026-03-01T07:30:00+0200",
        "2026-03-01T07:30:00+24:00",
        "2026-03-01T07:30:00+01:60",
        "+12026-03-01T07:30:00Z",
    ];
    let of = ("timestamp", "timestamp");
    let mut times = |problem: InvalidTimestamp, texts: &[&str]| {
        for text in texts {
            rows(table, of, &Problem::Time(problem.clone()), &[&format!("\"{text}\"")]);
        }
    };
    times(InvalidTimestamp::Syntax, &SYNTAX);
    times(InvalidTimestamp::TooPrecise(7), &["2026-03-01T07:30:00.1234567Z"]);
    times(InvalidTimestamp::TooPrecise(9), &["2026-03-01T07:30:00.000000000Z"]);
    times(InvalidTimestamp::TooPrecise(12), &["2026-03-01T07:30:00.123456000000+02:00"]);
    times(InvalidTimestamp::LeapSecond, &["2016-12-31T23:59:60Z", "2026-12-31T23:59:60.5+00:00"]);
    times(
        InvalidTimestamp::OutOfRange,
        &["0000-12-31T23:59:59Z", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"],
    );
    rows(table, of, &Problem::Missing, &["", "null"]);
    rows(table, of, &Problem::WrongType, &["1772350200", "1.5", "true", "[]", "{}"]);
}

fn payloads(table: &mut Vec<Row>) {
    let nested = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    let array = format!("{{\"a\":{}{}}}", "[".repeat(64), "]".repeat(64));
    let text = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes));
    let of = ("data", "data");
    rows(table, of, &Problem::Missing, &["", "null"]);
    rows(table, of, &Problem::WrongType, &["7", "-0.5", "\"{}\"", "true", "[]", "[{}]"]);
    rows(table, of, &Problem::TooLarge, &[&text(1 << 20)]);
    rows(table, ("data", "data"), &Problem::Duplicate, &[r#"{"a":1,"a":1}"#, r#"{"a":1,"b":2,"\u0061":3}"#]);
    rows(table, ("data", "data.a"), &Problem::Duplicate, &[r#"{"a":{"b":1,"b":2}}"#]);
    rows(table, ("data", "data.a[1]"), &Problem::Duplicate, &[r#"{"a":[0,{"b":1,"b":2}]}"#]);
    let deep = |table: &mut Vec<Row>, member: &str, value: String| {
        table.push(Row {
            text: with(member, &value),
            field: format!("{member}…"),
            problem: Problem::TooDeep,
        });
    };
    deep(table, "data", nested(65));
    deep(table, "data", nested(3_000));
    deep(table, "data", array);
    deep(table, "note", nested(65));

    let of = ("metadata", "metadata");
    rows(table, of, &Problem::WrongType, &["7", "\"x\"", "true", "[]", "[{}]"]);
    rows(table, of, &Problem::TooLarge, &[&text(64 << 10)]);
    rows(table, of, &Problem::Duplicate, &[r#"{"a":1,"a":2}"#]);
    // Unknown members are kept in the metadata, and counted with it.
    let large = format!("\"{}\"", "x".repeat(64 << 10));
    rows(table, ("note", "metadata"), &Problem::TooLarge, &[&large]);
    rows(table, ("note", "note"), &Problem::Duplicate, &[r#"{"a":1,"a":2}"#]);
}

fn numbers(table: &mut Vec<Row>) {
    let many = [
        "0.1234567890123456789",
        "1.000000000000000001",
        "-3.14159265358979323846",
        "12345678.9012345678901",
        "1.234567890123456789e10",
    ];
    let exact = [
        "9007199254740993",
        "-9007199254740993",
        "9223372036854775807",
        "18446744073709551615",
        "12345678901234567890",
        "100000000000000000000001",
        "1000000000000000000000",
    ];
    let kinds: [(NumberProblem, &[&str]); 4] = [
        (NumberProblem::TooManyDigits, &many),
        (NumberProblem::NotFinite, &["1e309", "-1e309", "1e400", "1.7976931348623159e308", "1e99999"]),
        (NumberProblem::Underflow, &["1e-400", "-1e-400", "1e-324", "0.1e-330"]),
        (NumberProblem::InexactInteger, &exact),
    ];
    for (problem, values) in kinds {
        for value in values {
            let object = format!("{{\"a\":[{value}]}}");
            rows(table, ("data", "data.a[0]"), &Problem::Number(problem), &[&object]);
        }
        rows(
            table,
            ("metadata", "metadata.a"),
            &Problem::Number(problem),
            &[&format!("{{\"a\":{}}}", values[0])],
        );
        rows(table, ("note", "note"), &Problem::Number(problem), &[values[0]]);
    }
}

fn strings_and_syntax(table: &mut Vec<Row>) {
    rows(table, ("data", "data.a"), &Problem::Null, &[r#"{"a":"\u0000"}"#, r#"{"a":"x\u0000y"}"#]);
    rows(table, ("metadata", "metadata.a"), &Problem::Null, &[r#"{"a":"\u0000"}"#]);
    let lone = [
        r#"{"a":"\ud800"}"#,
        r#"{"a":"\udc00"}"#,
        r#"{"a":"\udc00\ud800"}"#,
        r#"{"a":"\ud800x"}"#,
        r#"{"a":"\ud800\u0041"}"#,
        r#"{"a":"\uDBFF"}"#,
    ];
    rows(table, ("data", "data.a"), &Problem::Surrogate, &lone);
    let in_value = [
        r#"{"a":.5}"#,
        r#"{"a":5.}"#,
        r#"{"a":+1}"#,
        r#"{"a":-}"#,
        r#"{"a":--1}"#,
        r#"{"a":1e}"#,
        r#"{"a":1.e5}"#,
        r#"{"a":NaN}"#,
        r#"{"a":Infinity}"#,
        r#"{"a":tru}"#,
        r#"{"a":nul}"#,
        r#"{"a":"\x41"}"#,
        r#"{"a":"\u12"}"#,
        "{\"a\":\"raw\ttab\"}",
        r#"{"a":[1 2]}"#,
        r#"{"a":[1,]}"#,
        r#"{"a":}"#,
    ];
    for value in in_value {
        table
            .push(Row { text: with("data", value), field: "data.a…".to_owned(), problem: Problem::Syntax });
    }
    let in_object = [
        r#"{a:1}"#,
        r#"{'a':1}"#,
        r#"{"a" 1}"#,
        r#"{"a":1,}"#,
        "{,}",
        r#"{"a":1 "b":2}"#,
        // The number ends before what makes it none.
        r#"{"a":01}"#,
        r#"{"a":0x10}"#,
    ];
    for value in in_object {
        table.push(Row { text: with("data", value), field: "data…".to_owned(), problem: Problem::Syntax });
    }
}

fn optional_members(table: &mut Vec<Row>) {
    let no_integers = ["\"1\"", "-1", "1.5", "2147483648", "true", "[]", "{}"];
    for member in ["schemaVersion", "version", "migratedFrom"] {
        rows(table, (member, member), &Problem::WrongType, &no_integers);
    }
    let two = with("schemaVersion", "2").replacen('{', r#"{"version":1,"#, 1);
    table.push(Row { text: two, field: "version".to_owned(), problem: Problem::Contradiction });
    let levels = ["3", "-1", "1.5", "1e9", "\"1\"", "\"LOCAL\"", "true", "[]", "{}"];
    rows(table, ("syncLevel", "syncLevel"), &Problem::WrongType, &levels);
    rows(table, ("context", "context"), &Problem::WrongType, &["7", "\"x\"", "true", "[]"]);
    for name in ["reason", "source", "sessionId", "correlationId"] {
        let field = format!("context.{name}");
        let values = ["7", "{}", "[\"a\"]"].map(|value| format!("{{\"{name}\":{value}}}"));
        rows(table, ("context", &field), &Problem::WrongType, &values.each_ref().map(String::as_str));
    }
    let of = ("context", "context.correlationId");
    rows(table, of, &Problem::Id(InvalidId::Empty), &[r#"{"correlationId":""}"#]);
    let long = format!("{{\"correlationId\":\"{}\"}}", "x".repeat(256));
    rows(table, of, &Problem::Id(InvalidId::TooLong { chars: 256, bytes: 256 }), &[&long]);
}

fn whole_texts(table: &mut Vec<Row>) {
    let good = with("syncLevel", "0");
    let mut row = |text: &str, field: &str, problem: &Problem| {
        table.push(Row { text: text.to_owned(), field: field.to_owned(), problem: problem.clone() });
    };
    for text in ["[]", "7", "null", "true", "\"x\"", &format!("[{good}]")] {
        row(text, "event", &Problem::WrongType);
    }
    row("{}", "guid", &Problem::Missing);
    let broken = [
        String::new(),
        " ".to_owned(),
        "{".to_owned(),
        "}".to_owned(),
        "{]".to_owned(),
        "// comment".to_owned(),
        good.replace('"', "'"),
        format!("{good} x"),
        format!("{good},"),
        format!("{good}{good}"),
        format!("\u{feff}{good}"),
        good.trim_end_matches('}').to_owned(),
    ];
    for text in &broken {
        row(text, "", &Problem::Syntax);
    }
    for member in [r#""guid":"e-2""#, r#""data":{}"#, r#""note":1,"note":1"#] {
        row(&good.replacen('{', &format!("{{{member},"), 1), "", &Problem::Duplicate);
    }
    // The predecessor's own first example.
    let example = r#"{"guid":"event-1","entityGuid":"entity-1","timestamp":"2026-01-01T00:00:00.000Z","type":"create-entity","data":{}}"#;
    row(example, "userId", &Problem::Missing);
}
