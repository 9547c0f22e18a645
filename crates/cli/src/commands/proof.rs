//! `prove` and `check`.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
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
        let text = format!("{text}\n");
        if args.force {
            replace(&args.output, &text)?;
        } else {
            create(&args.output, &text)?;
        }
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

/// Writes a new file that its owner alone may read: a bundle holds an event and its salts.
fn create(path: &Path, text: &str) -> anyhow::Result<()> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = opened.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => usage(format!("{} exists (--force replaces a file)", path.display())),
        _ => usage(format!("cannot write {}: {error}", path.display())),
    })?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    if written.is_err() {
        // Half a bundle proves nothing; that it cannot be removed either adds nothing to why.
        let _ = fs::remove_file(path);
    }
    written.with_context(|| format!("cannot write {}", path.display()))
}

/// Puts a new file in the place of another one in one step, so that there is a whole one at any time.
fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    // A device, or what a link leads to, is nothing to be replaced by a file.
    if fs::symlink_metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(usage(format!("{} is no file that can be replaced", path.display())));
    }
    let Some(name) = path.file_name() else {
        return Err(usage(format!("{} is no name of a file", path.display())));
    };
    let new = path.with_file_name(format!(".{}.{}", name.to_string_lossy(), std::process::id()));
    create(&new, text)?;
    fs::rename(&new, path).with_context(|| {
        // The reason why the file could not be replaced is told, not why its successor stays.
        let _ = fs::remove_file(&new);
        format!("cannot replace {}", path.display())
    })
}

fn read(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let unreadable = |error| usage(format!("cannot read {}: {error}", path.display()));
    if path == Path::new("-") {
        std::io::stdin().lock().take(MAX_BUNDLE_BYTES).read_to_string(&mut text).map_err(unreadable)?;
    } else {
        let file = fs::File::open(path).map_err(unreadable)?;
        file.take(MAX_BUNDLE_BYTES).read_to_string(&mut text).map_err(unreadable)?;
    }
    Ok(text)
}
