//! `verify`.

use serde::Serialize;
use veritrail_store_pg::veritrail_core::{Hash, LogName, Origin, OriginError};
use veritrail_store_pg::veritrail_merkle::checkpoint;
use veritrail_store_pg::veritrail_merkle::note::VerifierKey;
use veritrail_store_pg::{ProveError, Report, Session, Trusted};

use crate::args::{Global, Verify};
use crate::connect;
use crate::outcome::{Outcome, usage};
use crate::show;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    log: &'static str,
    log_id: String,
    epoch: u32,
    replica: bool,
    size: u64,
    root: Option<Hash>,
    checkpoint: Option<CheckpointAnswer>,
    unpublished: u64,
    unpublished_since: Option<String>,
    findings: Vec<FindingAnswer>,
    more_findings: u64,
    /// Whether a trusted key has signed the log, up to the size of `checkpoint`.
    signed: bool,
    ok: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CheckpointAnswer {
    size: u64,
    signature_checked: bool,
}

#[derive(Serialize)]
struct FindingAnswer {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    guid: Option<String>,
    message: String,
}

pub(crate) async fn verify(global: &Global, args: &Verify) -> anyhow::Result<Outcome> {
    let log = LogName::from(args.log);
    let keys = connect::verifier_keys(&args.keys)?;
    let entry_keys = connect::audit_keys(&args.entry_keys)?;
    let store = connect::store(global)?;
    let mut session = connect::session(&store).await?;
    let Some(report) = session.verify_log(log, Trusted { checkpoints: &keys, entries: &entry_keys }).await?
    else {
        if let Some(path) = &args.since_checkpoint {
            let kept = path.display();
            let message = format!(
                "the tenant `{}` has no log `{log}`, but {kept} is a checkpoint of one",
                global.tenant
            );
            show::line(&format!("NOT verified: {message}"))?;
            return Ok(Outcome::No);
        }
        return Err(usage(format!("the tenant `{}` has no log `{log}` yet", global.tenant)));
    };
    let mut answer = Answer::of(log, &report);
    if let Some(path) = &args.since_checkpoint {
        let note = connect::read_small(path)?;
        if let Err(reason) = continues(&mut session, log, &note, &keys, &report).await? {
            let message = format!("the log does not continue the checkpoint in {}: {reason}", path.display());
            answer.findings.push(FindingAnswer {
                kind: "kept-checkpoint",
                position: None,
                guid: None,
                message,
            });
            answer.ok = false;
        }
    }
    if global.json {
        show::json(&answer)?;
    } else {
        print(&answer, &report)?;
    }
    Ok(Outcome::from_answer(answer.ok))
}

/// Whether the log continues a checkpoint that was kept elsewhere.
async fn continues(
    session: &mut Session<'_>,
    log: LogName,
    note: &str,
    keys: &[VerifierKey],
    report: &Report,
) -> anyhow::Result<Result<(), String>> {
    let untrusted = |reason: String| usage(format!("the kept checkpoint is not to be trusted: {reason}"));
    let (kept, signers) = checkpoint::open(note, keys).map_err(|error| untrusted(error.to_string()))?;
    let origin: Origin = kept.origin.parse().map_err(|error: OriginError| untrusted(error.to_string()))?;
    // A key speaks for the logs of its own name alone, so that no trusted key can vouch for another one's log.
    if !signers.iter().any(|key| key.name() == origin.prefix) {
        return Err(untrusted(format!("`{}` is none of the keys that signed it", origin.prefix)));
    }
    if origin.log_id != report.log_id || origin.epoch != report.epoch {
        return Ok(Err(format!("it is of {origin}")));
    }
    if kept.size > report.size {
        return Ok(Err(format!("it has size {}, the log has {}", kept.size, report.size)));
    }
    let Some(root) = report.root else { return Ok(Err("rows are missing".to_owned())) };
    match session.prove_consistency_of(log, (kept.size, kept.root), (report.size, root)).await {
        Ok(_) => Ok(Ok(())),
        Err(ProveError::Access(error)) => Err(error.into()),
        Err(error) => Ok(Err(error.to_string())),
    }
}

impl Answer {
    fn of(log: LogName, report: &Report) -> Self {
        let signed = report.signatures_checked && report.checkpoint.is_some();
        let findings = report.findings.iter().map(|finding| FindingAnswer {
            kind: finding.kind(),
            position: finding.event().map(|(position, _)| position),
            guid: finding.event().map(|(_, guid)| guid.to_owned()),
            message: finding.to_string(),
        });
        Self {
            log: log.as_str(),
            log_id: report.log_id.to_string(),
            epoch: report.epoch.0,
            replica: report.replica,
            size: report.size,
            root: report.root,
            checkpoint: report
                .checkpoint
                .map(|size| CheckpointAnswer { size, signature_checked: report.signatures_checked }),
            unpublished: report.unpublished,
            unpublished_since: report.unpublished_since.map(|stamp| stamp.to_string()),
            findings: findings.collect(),
            more_findings: report.more_findings,
            signed,
            // Whoever names a key asks for its word: rows that are only true to themselves are no answer.
            ok: report.is_true() && (signed || !report.signatures_checked || report.size == 0),
        }
    }
}

fn print(answer: &Answer, report: &Report) -> anyhow::Result<()> {
    let noun = several(answer);
    let rows = if answer.root.is_some() {
        format!("{noun} recomputed")
    } else {
        format!("{noun}, some of which are missing")
    };
    let life = if answer.replica { "a replica, epoch" } else { "epoch" };
    show::line(&format!("log {} ({life} {}): {} {rows}", answer.log_id, answer.epoch, answer.size))?;
    let root = answer.root.map_or_else(|| "unknown: rows are missing".to_owned(), |root| root.to_string());
    show::line(&format!("  root        {root}"))?;
    let checkpoint = match &answer.checkpoint {
        None => "none".to_owned(),
        Some(CheckpointAnswer { size, signature_checked: true }) => format!("size {size}, signature checked"),
        Some(CheckpointAnswer { size, .. }) => format!("size {size}, signature NOT checked (no --key)"),
    };
    show::line(&format!("  checkpoint  {checkpoint}"))?;
    if answer.unpublished > 0 {
        let since = answer.unpublished_since.as_deref().unwrap_or("an unknown time");
        show::line(&format!(
            "  unpublished {} {noun} since {since}: recomputed, not signed yet",
            answer.unpublished
        ))?;
    }
    for finding in &answer.findings {
        show::line(&format!("  FOUND [{}] {}", finding.kind, finding.message))?;
    }
    if answer.more_findings > 0 {
        show::line(&format!("  and {} more findings", answer.more_findings))?;
    }
    show::line(&verdict(answer, report))
}

/// What the rows of the log are called.
fn several(answer: &Answer) -> &'static str {
    if answer.log == LogName::Audit.as_str() { "audit entries" } else { "events" }
}

/// The last line, which says no more than what was checked.
fn verdict(answer: &Answer, report: &Report) -> String {
    match &answer.checkpoint {
        _ if !answer.findings.is_empty() => "NOT verified".to_owned(),
        _ if !report.signatures_checked => "true to itself: no signature was checked (no --key)".to_owned(),
        None if !answer.ok => "NOT verified: no checkpoint is signed by a trusted key".to_owned(),
        Some(CheckpointAnswer { size, .. }) if answer.unpublished > 0 => {
            let unpublished = answer.unpublished;
            format!(
                "verified: the first {size} {} are signed and were not changed; {unpublished} are not signed yet",
                several(answer)
            )
        }
        _ => "verified: nothing was changed".to_owned(),
    }
}
