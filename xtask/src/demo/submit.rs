//! The three registers submit their files: what was accepted, repeated and rejected, and why.
//!
//! Not here: what the files hold (`generate`).

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::Stage;
use super::generate::{Expected, TenantPlan};
use super::program::{Call, Exit};
use super::screen;

/// What the program has answered to one file, or to all.
#[derive(Debug, Default)]
struct Tally {
    counts: Expected,
    /// By code and kind of reason.
    reasons: BTreeMap<(String, String), Reason>,
}

/// A reason for which lines were rejected.
#[derive(Debug)]
struct Reason {
    count: usize,
    /// Tenant and number of the first line.
    first: String,
    /// What the program said of the first line.
    text: String,
}

pub(super) fn run(stage: &mut Stage) -> anyhow::Result<String> {
    let mut all = Tally::default();
    let mut rows = Vec::new();
    let mut took = Duration::ZERO;
    for tenant in &stage.plan.tenants {
        let file = tenant.file_name();
        let words = ["--tenant", tenant.tenant, "--json", "submit", &file, "--signing-key", super::KEY_FILE];
        // Every file has bad events in it, and the program must not call that a success.
        let call = Call::new(&words).expects(Exit::No).answers_lines(tenant.lines.len());
        let answer = stage.program.run(&call)?;
        screen::quote(&answer.stderr);
        took += answer.elapsed;
        let counts =
            all.take_in(tenant, &answer.stdout).with_context(|| format!("tenant {}", tenant.tenant))?;
        let rate = tenant.lines.len() as f64 / answer.elapsed.as_secs_f64();
        rows.push(vec![
            tenant.tenant.to_owned(),
            screen::grouped(tenant.lines.len()),
            screen::grouped(counts.accepted),
            screen::grouped(counts.repeated),
            screen::grouped(counts.rejections()),
            format!("{rate:.0}"),
        ]);
    }
    stage.submitted = Some(took);
    screen::say("\nWhat became of the lines, as the files' generator had foretold:");
    screen::table(&["tenant", "lines", "accepted", "repeated", "rejected", "lines/s"], &rows);
    screen::say("One event guid stands in all three files: it is unique within its tenant alone.");
    screen::say("\nWhy lines were rejected, with what was said of the first of each kind:");
    let reasons = all
        .reasons
        .into_iter()
        .map(|((code, _), reason)| vec![reason.count.to_string(), code, reason.first, reason.text]);
    screen::table(&["count", "code", "first line", "reason"], &reasons.collect::<Vec<_>>());
    Ok(format!(
        "{} accepted, {} repeated, {} rejected, each as expected",
        screen::grouped(all.counts.accepted),
        screen::grouped(all.counts.repeated),
        screen::grouped(all.counts.rejections())
    ))
}

impl Tally {
    /// Counts the answers to one file and compares them with those expected.
    fn take_in(&mut self, tenant: &TenantPlan, answers: &str) -> anyhow::Result<Expected> {
        let mut counts = Expected::default();
        for (number, text) in (1_usize..).zip(answers.lines()) {
            let answer: Value =
                serde_json::from_str(text).with_context(|| format!("answer {number}: {text}"))?;
            ensure!(answer["line"] == number, "answer {number} is about another line: {text}");
            match answer["status"].as_str() {
                Some("accepted") => {
                    ensure!(answer["position"] == counts.accepted, "positions have a gap: {text}");
                    counts.accepted += 1;
                }
                Some("repeated") => counts.repeated += 1,
                Some("rejected") => {
                    let (code, reason) = (text_of(&answer, "code")?, text_of(&answer, "error")?);
                    *counts.rejected.entry(code.clone()).or_default() += 1;
                    let kind = (code, kind_of(&reason));
                    let first = || Reason {
                        count: 0,
                        first: format!("{} {}", tenant.tenant, screen::grouped(number)),
                        text: reason,
                    };
                    self.reasons.entry(kind).or_insert_with(first).count += 1;
                }
                _ => anyhow::bail!("answer {number} has no status: {text}"),
            }
        }
        ensure!(counts == tenant.expected, "expected {:?}, got {counts:?}", tenant.expected);
        self.counts.accepted += counts.accepted;
        self.counts.repeated += counts.repeated;
        for (code, count) in &counts.rejected {
            *self.counts.rejected.entry(code.clone()).or_default() += count;
        }
        Ok(counts)
    }
}

fn text_of(answer: &Value, name: &str) -> anyhow::Result<String> {
    Ok(answer[name].as_str().with_context(|| format!("no `{name}` in {answer}"))?.to_owned())
}

/// A reason without what differs from line to line: guids, numbers, times.
fn kind_of(reason: &str) -> String {
    let words = reason.split_inclusive(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    words.filter(|word| !word.contains(|c: char| c.is_ascii_digit())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_of_one_kind_are_counted_together() {
        let of = |guid| kind_of(&format!("entity `{guid}` does not exist"));
        assert_eq!(of("6f1d0c52-8a7e-4b39-9c1d-5e0a7f3b2d11"), of("c0a8e3b7-1f42-4d6e-a5b9-2d7c9e4f6a22"));
        assert_ne!(kind_of("field `userId` is missing"), kind_of("field `data` is missing"));
    }
}
