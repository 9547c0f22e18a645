//! `keygen` and `checkpoint`.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use veritrail_store_pg::veritrail_core::LogName;
use veritrail_store_pg::{FileSigner, Published, Session, WithoutMemory, create_audit_key};

use crate::args::{Checkpoint, Global, Keygen};
use crate::connect;
use crate::outcome::{Outcome, usage, with_causes};
use crate::show;

pub(crate) fn keygen(global: &Global, args: &Keygen) -> anyhow::Result<Outcome> {
    let made = match (&args.rotate, &args.name) {
        (Some(old), _) => FileSigner::create_successor(&args.output, old).map(|key| key.to_string()),
        (None, Some(name)) if args.entries => create_audit_key(&args.output, name).map(|key| key.to_string()),
        (None, Some(name)) => FileSigner::create(&args.output, name).map(|key| key.to_string()),
        (None, None) => {
            return Err(usage("give the key a name, or --rotate the key that it takes over from"));
        }
    };
    let key = made.map_err(|error| usage(with_causes(error)))?;
    if global.json {
        show::json(&serde_json::json!({ "file": args.output, "verifierKey": key }))?;
    } else {
        show::line(&key)?;
        show::note(global, &format!("signing key written to {}; keep it secret", args.output.display()));
    }
    Ok(Outcome::Done)
}

pub(crate) async fn checkpoint(global: &Global, args: &Checkpoint) -> anyhow::Result<Outcome> {
    let signer = open_signer(&args.signing_key, args.outgoing_key.as_deref())?;
    let store = connect::store(global)?;
    let mut session = connect::session(&store).await?;
    let without_memory = if args.adopt { WithoutMemory::Adopt } else { WithoutMemory::Refuse };
    let published = publish(&mut session, args.log.into(), &signer, without_memory).await?;
    if global.json {
        show::json(&serde_json::json!({
            "origin": published.checkpoint.origin,
            "size": published.checkpoint.size,
            "root": published.checkpoint.root,
            "new": published.is_new,
            "note": published.note,
        }))?;
    } else {
        for line in published.note.trim_end_matches('\n').split('\n') {
            show::line(line)?;
        }
    }
    Ok(Outcome::Done)
}

/// Reads a signing key, and the one that it takes over from.
pub(crate) fn open_signer(path: &Path, outgoing: Option<&Path>) -> anyhow::Result<Arc<FileSigner>> {
    let signer = FileSigner::open(path);
    let signer = match outgoing {
        Some(outgoing) => signer.and_then(|signer| signer.with_outgoing(outgoing)),
        None => signer,
    };
    signer.map(Arc::new).map_err(|error| usage(with_causes(error)))
}

/// Signs the newest head.
pub(crate) async fn publish(
    session: &mut Session<'_>,
    log: LogName,
    signer: &Arc<FileSigner>,
    without_memory: WithoutMemory,
) -> anyhow::Result<Published> {
    session.publish_log(log, signer, without_memory).await.context("no checkpoint was published")
}
