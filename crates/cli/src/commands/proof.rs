//! `prove` and `check`.

use std::io::Read;
use std::path::Path;

use anyhow::Context;
use veritrail_store_pg::veritrail_core::{BundleError, ProofBundle};

use crate::args::{Check, Global, Prove};
use crate::connect;
use crate::outcome::{Outcome, usage, with_causes};
use crate::show;

/// Largest bundle that is read: the largest event with its proof fits many times.
const MAX_BUNDLE_BYTES: u64 = 16 << 20;

pub(crate) async fn prove(global: &Global, args: &Prove) -> anyhow::Result<Outcome> {
    let store = connect::store(global)?;
    let mut session = connect::session(&store).await?;
    let Some(bundle) = session.prove(&args.guid).await? else {
        show::note(global, &format!("there is no event `{}`", args.guid));
        return Ok(Outcome::No);
    };
    let text = bundle.to_json();
    if args.output == Path::new("-") {
        show::raw(&show::visible_json(&text))?;
    } else {
        std::fs::write(&args.output, format!("{text}\n"))
            .with_context(|| format!("cannot write {}", args.output.display()))?;
        let (position, file) = (bundle.position, args.output.display());
        show::note(
            global,
            &format!("proof of event `{}` at position {position} written to {file}", args.guid),
        );
    }
    Ok(Outcome::Done)
}

pub(crate) fn check(global: &Global, args: &Check) -> anyhow::Result<Outcome> {
    let keys = connect::verifier_keys(&args.keys)?;
    let bundle = ProofBundle::parse(&read(&args.file)?);
    let checked = bundle.and_then(|bundle| bundle.check(&keys).map(|checked| (bundle, checked)));
    let (bundle, checked) = match checked {
        Ok(checked) => checked,
        Err(error) => return refuse(global, error),
    };
    if global.json {
        show::json(&serde_json::json!({
            "ok": true,
            "guid": bundle.event.guid,
            "position": bundle.position,
            "recordedAt": bundle.recorded_at.to_hashed_text(),
            "submittedBy": bundle.submitted_by,
            "origin": checked.origin.to_string(),
            "treeSize": checked.tree_size,
            "leafHash": checked.leaf_hash,
            "signedBy": checked.signed_by,
        }))?;
    } else {
        let (guid, position, size) = (&bundle.event.guid, bundle.position, checked.tree_size);
        show::line(&format!("proved: event `{guid}` is at position {position} of a log of {size} events"))?;
        show::line(&format!("  log          {}", checked.origin))?;
        show::line(&format!("  recorded at  {}", bundle.recorded_at.to_hashed_text()))?;
        show::line(&format!("  submitted by {}", bundle.submitted_by))?;
        show::line(&format!("  signed by    {}", checked.signed_by.join(", ")))?;
    }
    Ok(Outcome::Done)
}

fn refuse(global: &Global, error: BundleError) -> anyhow::Result<Outcome> {
    let outcome = match error {
        BundleError::Malformed(_) | BundleError::UnknownFormat(_) => Outcome::Usage,
        _ => Outcome::No,
    };
    let error = with_causes(error);
    if global.json {
        show::json(&serde_json::json!({ "ok": false, "error": error }))?;
    } else {
        show::line(&format!("NOT proved: {error}"))?;
    }
    Ok(outcome)
}

fn read(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let unreadable = |error| usage(format!("cannot read {}: {error}", path.display()));
    if path == Path::new("-") {
        std::io::stdin().lock().take(MAX_BUNDLE_BYTES).read_to_string(&mut text).map_err(unreadable)?;
    } else {
        let file = std::fs::File::open(path).map_err(unreadable)?;
        file.take(MAX_BUNDLE_BYTES).read_to_string(&mut text).map_err(unreadable)?;
    }
    Ok(text)
}
