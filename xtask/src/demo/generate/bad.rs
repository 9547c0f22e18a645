//! Lines that must be refused, each for a reason of its own, with the code of the refusal.
//!
//! Not here: conflicts of one guid with two contents, which need an earlier event (`generate`).

/// What a bad line is made from.
pub(super) struct Facts<'a> {
    pub(super) guid: String,
    /// An individual that exists.
    pub(super) individual: &'a str,
    /// A group that exists.
    pub(super) group: &'a str,
    /// A guid that nobody has.
    pub(super) nobody: String,
    pub(super) timestamp: String,
}

pub(super) struct BadKind {
    pub(super) code: &'static str,
    pub(super) write: fn(&Facts<'_>) -> String,
}

const fn kind(code: &'static str, write: fn(&Facts<'_>) -> String) -> BadKind {
    BadKind { code, write }
}

const INVALID: &str = "INVALID_EVENT";

/// One of each goes into every file.
pub(super) const KINDS: [BadKind; 32] = [
    kind(INVALID, |facts| update(facts).without("userId").text()),
    kind(INVALID, |facts| update(facts).with("guid", "\"\"").text()),
    kind(INVALID, |facts| update(facts).with("guid", format!("\"{}\"", "long-".repeat(60))).text()),
    kind(INVALID, |facts| update(facts).without("entityGuid").text()),
    kind(INVALID, |facts| update(facts).with("type", "7").text()),
    kind(INVALID, |facts| update(facts).with("type", "\"veritrail.erase\"").text()),
    kind(INVALID, |facts| update(facts).without("timestamp").text()),
    kind(INVALID, |facts| update(facts).with("timestamp", "\"2025-06-01T10:15:00\"").text()),
    kind(INVALID, |facts| update(facts).with("timestamp", "\"2025-02-30T10:15:00Z\"").text()),
    kind(INVALID, |facts| update(facts).with("timestamp", "\"2025-06-30T23:59:60Z\"").text()),
    kind(INVALID, |facts| update(facts).with("timestamp", "\"2025-06-01T10:15:00.123456789Z\"").text()),
    kind(INVALID, |facts| update(facts).with("timestamp", "1748772900000").text()),
    kind(INVALID, |facts| update(facts).without("data").text()),
    kind(INVALID, |facts| update(facts).with("data", "[1,2,3]").text()),
    kind(INVALID, |facts| update(facts).with("data", r#"{"income":12345678901234567890}"#).text()),
    kind(INVALID, |facts| update(facts).with("data", r#"{"income":1e999}"#).text()),
    kind(INVALID, |facts| update(facts).with("data", r#"{"income":NaN}"#).text()),
    kind(INVALID, |facts| update(facts).with("data", r#"{"name":"Grace\u0000Mwangi"}"#).text()),
    kind(INVALID, |facts| update(facts).with("data", r#"{"name":"half \ud83d of a face"}"#).text()),
    kind(INVALID, |facts| update(facts).with("data", r#"{"income":500,"income":900}"#).text()),
    kind(INVALID, |facts| update(facts).with("data", too_deep()).text()),
    kind(INVALID, |facts| update(facts).with("syncLevel", "7").text()),
    kind(INVALID, |facts| update(facts).with("metadata", "\"tablet-01\"").text()),
    kind(INVALID, |facts| cut_short(&update(facts).text())),
    kind("UNKNOWN_EVENT_TYPE", |facts| update(facts).with("type", "\"update-indivdual\"").text()),
    kind("ENTITY_NOT_FOUND", |facts| update(facts).with("entityGuid", quoted(&facts.nobody)).text()),
    kind("ENTITY_NOT_FOUND", |facts| {
        update(facts).with("type", "\"delete-entity\"").with("entityGuid", quoted(&facts.nobody)).text()
    }),
    kind("TYPE_MISMATCH", |facts| update(facts).with("entityGuid", quoted(facts.group)).text()),
    kind("INVALID_GROUP", |facts| {
        let newcomer = format!(r#"{{"members":[{{"guid":"{}"}}]}}"#, facts.nobody);
        update(facts).with("type", "\"add-member\"").with("data", newcomer).text()
    }),
    kind("INVALID_MEMBER_DATA", |facts| {
        of_group(facts, "remove-member", &format!(r#"{{"memberId":"{}"}}"#, facts.nobody))
    }),
    kind("INVALID_MEMBER_DATA", |facts| of_group(facts, "add-member", r#"{"members":[{"name":"no guid"}]}"#)),
    kind("INVALID_MEMBER_DATA", |facts| of_group(facts, "add-member", r#"{"members":"everybody"}"#)),
];

/// The members of an event as raw JSON, so that any of them can be wrong in any way.
struct Line(Vec<(&'static str, String)>);

impl Line {
    fn with(mut self, name: &'static str, raw: impl Into<String>) -> Self {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some(member) => member.1 = raw.into(),
            None => self.0.push((name, raw.into())),
        }
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.0.retain(|(known, _)| *known != name);
        self
    }

    fn text(&self) -> String {
        let members: Vec<_> = self.0.iter().map(|(name, raw)| format!("\"{name}\":{raw}")).collect();
        format!("{{{}}}", members.join(","))
    }
}

/// An event with which nothing is wrong yet.
fn update(facts: &Facts<'_>) -> Line {
    Line(vec![
        ("guid", quoted(&facts.guid)),
        ("entityGuid", quoted(facts.individual)),
        ("type", quoted("update-individual")),
        ("data", r#"{"income":640}"#.to_owned()),
        ("timestamp", quoted(&facts.timestamp)),
        ("userId", quoted("user-daniel.reyes")),
        ("syncLevel", "0".to_owned()),
    ])
}

fn of_group(facts: &Facts<'_>, kind: &str, data: &str) -> String {
    update(facts).with("type", quoted(kind)).with("entityGuid", quoted(facts.group)).with("data", data).text()
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

fn too_deep() -> String {
    const LEVELS: usize = 70;
    format!("{{\"nested\":{}{}}}", "[".repeat(LEVELS), "]".repeat(LEVELS))
}

/// A line that a dying battery has cut off.
fn cut_short(line: &str) -> String {
    line.chars().take(line.chars().count() / 2).collect()
}
