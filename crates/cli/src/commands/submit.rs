//! `submit`: a result for every event of the input, in its order.
//!
//! Reading the input is in `submit/input.rs`.

mod input;

use std::path::Path;

use anyhow::Context;
use serde::Serialize;
use veritrail_store_pg::veritrail_core::{FormSubmission, Hash, LogName, Subject};
use veritrail_store_pg::{Applying, Outcome as EventOutcome, Session, WithoutMemory};

use self::input::{Input, Item};
use super::log;
use crate::args::{Global, Submit};
use crate::connect;
use crate::outcome::{Outcome, usage};
use crate::show;

/// Events that are submitted together.
const BATCH: usize = 1_000;
/// Bytes of text after which a batch takes no other event: a statement must stay far below the 1 GB that PostgreSQL
/// takes, however large the events are.
const BATCH_BYTES: usize = 16 << 20;
/// Rejections that people are shown; `--json` has them all.
const SHOWN_REJECTIONS: usize = 20;

/// The result for one event of the input.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    line: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    guid: Option<String>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recorded_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    leaf_hash: Option<Hash>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Default)]
struct Counts {
    accepted: u64,
    repeated: u64,
    rejected: u64,
}

pub(crate) async fn submit(global: &Global, args: &Submit) -> anyhow::Result<Outcome> {
    let signer = args.signing_key.as_deref().map(log::open_signer).transpose()?;
    let applying = if args.append_only { Applying::AppendOnly } else { Applying::Apply };
    let submitted_by = args.submitted_by.clone().unwrap_or_else(local_subject);
    let input = Input::open(&args.file)?;
    let store = connect::store(global)?;
    let mut session = connect::session(&store).await?;
    let mut run = Run { global, counts: Counts::default(), shown: 0, is_read: true };
    run.all(&mut session, input, &submitted_by, applying).await?;

    let Counts { accepted, repeated, rejected } = run.counts;
    show::note(global, &format!("{accepted} accepted, {repeated} repeated, {rejected} rejected"));
    match signer {
        Some(signer) if accepted + repeated > 0 => {
            let published =
                log::publish(&mut session, LogName::Events, &signer, WithoutMemory::Refuse).await?;
            show::note(global, &format!("published a checkpoint of size {}", published.checkpoint.size));
        }
        None if accepted > 0 => {
            show::note(
                global,
                "no signing key: what was appended is not published yet (`veritrail checkpoint`)",
            );
        }
        _ => {}
    }
    Ok(Outcome::from_answer(rejected == 0))
}

struct Run<'a> {
    global: &'a Global,
    counts: Counts,
    shown: usize,
    is_read: bool,
}

impl Run<'_> {
    async fn all(
        &mut self,
        session: &mut Session<'_>,
        mut input: Input,
        submitted_by: &Subject,
        applying: Applying,
    ) -> anyhow::Result<()> {
        let bar = show::progress(self.global, "submitting", None);
        loop {
            let items = input.next_batch(BATCH, BATCH_BYTES)?;
            let Some(first) = items.first().map(|item| item.line) else { break };
            let count = u64::try_from(items.len())?;
            self.batch(session, items, submitted_by, applying).await.with_context(|| {
                // A connection that is lost while the batch commits leaves open whether it did.
                format!(
                    "the events from line {first} on may not have been submitted (submitting the file again is safe)"
                )
            })?;
            bar.inc(count);
        }
        bar.finish_and_clear();
        Ok(())
    }

    async fn batch(
        &mut self,
        session: &mut Session<'_>,
        items: Vec<Item>,
        submitted_by: &Subject,
        applying: Applying,
    ) -> anyhow::Result<()> {
        let mut events = Vec::with_capacity(items.len());
        let mut answers: Vec<(u64, Option<Answer>)> = Vec::with_capacity(items.len());
        for item in items {
            match item.text.and_then(|text| FormSubmission::parse(&text).map_err(|error| error.to_string())) {
                Ok(event) => {
                    events.push(event);
                    answers.push((item.line, None));
                }
                Err(error) => answers.push((item.line, Some(Answer::invalid(item.line, item.guid, error)))),
            }
        }
        let submitted = session.submit(&events, submitted_by, applying).await?;
        let mut outcomes = submitted.outcomes.into_iter().zip(&events);
        for (line, answer) in answers {
            let answer = match answer {
                Some(answer) => answer,
                None => {
                    let (outcome, event) = outcomes.next().context("fewer outcomes than events")?;
                    Answer::of(line, event, outcome)
                }
            };
            self.print(&answer)?;
        }
        Ok(())
    }

    fn print(&mut self, answer: &Answer) -> anyhow::Result<()> {
        match answer.status {
            "accepted" => self.counts.accepted += 1,
            "repeated" => self.counts.repeated += 1,
            _ => self.counts.rejected += 1,
        }
        if self.global.json {
            return self.say(&serde_json::to_string(answer)?);
        }
        if let (Some(error), Some(code)) = (&answer.error, &answer.code) {
            self.shown += 1;
            if self.shown <= SHOWN_REJECTIONS {
                let text = format!("line {}: rejected, {code}: {error}", answer.line);
                self.say(&show::visible(&text))?;
            } else if self.shown == SHOWN_REJECTIONS + 1 {
                self.say("more events were rejected; --json lists them all")?;
            }
        }
        Ok(())
    }

    /// Prints a line as long as somebody reads: events are submitted whether their results are looked at or not.
    fn say(&mut self, text: &str) -> anyhow::Result<()> {
        self.is_read = self.is_read && show::offer(text)?;
        Ok(())
    }
}

impl Answer {
    fn invalid(line: u64, guid: Option<String>, error: String) -> Self {
        let code = Some("INVALID_EVENT".to_owned());
        Self { error: Some(error), code, ..Self::empty(line, guid, "rejected") }
    }

    fn of(line: u64, event: &FormSubmission, outcome: EventOutcome) -> Self {
        let guid = Some(event.guid.to_string());
        match outcome {
            EventOutcome::Recorded(receipt) => Self {
                position: Some(receipt.position.0),
                recorded_at: Some(receipt.recorded_at.to_hashed_text()),
                leaf_hash: Some(receipt.leaf_hash),
                ..Self::empty(line, guid, if receipt.repeated { "repeated" } else { "accepted" })
            },
            EventOutcome::Rejected(rejection) => Self {
                code: Some(rejection.code().to_owned()),
                error: Some(rejection.to_string()),
                ..Self::empty(line, guid, "rejected")
            },
        }
    }

    fn empty(line: u64, guid: Option<String>, status: &'static str) -> Self {
        let (position, recorded_at, leaf_hash, code, error) = (None, None, None, None, None);
        Self { line, guid, status, position, recorded_at, leaf_hash, code, error }
    }
}

/// Who submits where nobody said so: the user of this machine.
fn local_subject() -> Subject {
    let user =
        ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()));
    let named = user.and_then(|user| Subject::new(format!("cli:{user}")).ok());
    named.unwrap_or_else(|| Subject::new("cli").expect("a constant name"))
}

/// A file that cannot be opened is the caller's to mend.
fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> anyhow::Error {
    usage(format!("cannot read {}: {error}", path.display()))
}
