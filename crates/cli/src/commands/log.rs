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
    let made = if args.entries {
        create_audit_key(&args.output, &args.name).map(|key| key.to_string())
    } else {
        FileSigner::create(&args.output, &args.name).map(|key| key.to_string())
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
    let signer = open_signer(&args.signing_key)?;
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

/// Reads a signing key.
pub(crate) fn open_signer(path: &Path) -> anyhow::Result<Arc<FileSigner>> {
    FileSigner::open(path).map(Arc::new).map_err(|error| usage(with_causes(error)))
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
