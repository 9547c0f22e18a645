//! `consistency`.
//!
//! The proof is written as the body of a witness's `add-checkpoint` (C2SP tlog-witness): the old size, the hashes of
//! the proof, and the new checkpoint. So a file of it can be sent to a witness, or kept and checked offline.

use std::fs;
use std::path::Path;

use anyhow::Context;
use veritrail_store_pg::veritrail_core::{Hash, LogName, Origin, OriginError};
use veritrail_store_pg::veritrail_merkle::checkpoint::{self, Checkpoint};
use veritrail_store_pg::veritrail_merkle::note::VerifierKey;
use veritrail_store_pg::veritrail_merkle::{Sha256Hasher, verify_consistency};
use veritrail_store_pg::{IntegrityError, ProveError};

use crate::args::{Consistency, Global};
use crate::connect;
use crate::outcome::{Outcome, usage};
use crate::show;

/// A checkpoint that a trusted key has signed for a log of its own name.
struct Signed {
    checkpoint: Checkpoint,
    note: String,
}

pub(crate) async fn consistency(global: &Global, args: &Consistency) -> anyhow::Result<Outcome> {
    let keys = connect::verifier_keys(&args.keys)?;
    let (old, new) = (open(&args.old, &keys)?, open(&args.new, &keys)?);
    let (earlier, later) = (&old.checkpoint, &new.checkpoint);
    if earlier.origin != later.origin {
        return refuse(
            global,
            &old,
            &new,
            &format!("they are of {} and of {}", earlier.origin, later.origin),
        );
    }
    if earlier.size > later.size {
        let reason = format!("the first has size {}, the second {}", earlier.size, later.size);
        return refuse(global, &old, &new, &reason);
    }
    let proof = match &args.proof {
        Some(path) => read_proof(path, &new)?,
        None => match prove(global, &old, &new).await? {
            Ok(proof) => proof,
            Err(reason) => return refuse(global, &old, &new, &reason),
        },
    };
    // What the database or the file gives is believed only now.
    let sizes = (earlier.size, later.size);
    let verified = verify_consistency(&Sha256Hasher, sizes.0, sizes.1, &earlier.root, &later.root, &proof);
    if let Err(error) = verified {
        return refuse(global, &old, &new, &error.to_string());
    }
    if let Some(path) = &args.output {
        let text = to_witness(earlier.size, &proof, &new.note);
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if global.json {
        show::json(&answer(&old, &new, Some(&proof), None))?;
    } else {
        show::line(&format!("consistent: size {} continues size {} of {}", sizes.1, sizes.0, later.origin))?;
    }
    Ok(Outcome::Done)
}

/// The proof from the database; or why it has none, which is an answer.
async fn prove(global: &Global, old: &Signed, new: &Signed) -> anyhow::Result<Result<Vec<Hash>, String>> {
    let store = connect::store(global)?;
    let mut session = connect::session(&store).await?;
    let origin: Origin =
        new.checkpoint.origin.parse().map_err(|error: OriginError| usage(error.to_string()))?;
    let mut named = None;
    for name in [LogName::Events, LogName::Audit] {
        let log = session.log_of(name).await?;
        if log.is_some_and(|log| (log.log_id, log.epoch) == (origin.log_id, origin.epoch)) {
            named = Some(name);
        }
    }
    let Some(name) = named else {
        return Ok(Err(format!("the tenant `{}` has no log {origin}", global.tenant)));
    };
    let (earlier, later) = (&old.checkpoint, &new.checkpoint);
    let (earlier, later) = ((earlier.size, earlier.root), (later.size, later.root));
    match session.prove_consistency_of(name, earlier, later).await {
        Ok(proof) => Ok(Ok(proof)),
        Err(ProveError::Integrity(IntegrityError::MissingHashes { .. })) => {
            Ok(Err(format!("the database has no tree of size {}", later.0)))
        }
        Err(ProveError::Integrity(error)) => Ok(Err(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

fn open(path: &Path, keys: &[VerifierKey]) -> anyhow::Result<Signed> {
    let note = connect::read_small(path)?;
    let untrusted = |reason: String| usage(format!("{} is not to be trusted: {reason}", path.display()));
    let (checkpoint, signers) =
        checkpoint::open(&note, keys).map_err(|error| untrusted(error.to_string()))?;
    let origin: Origin =
        checkpoint.origin.parse().map_err(|error: OriginError| untrusted(error.to_string()))?;
    // A key speaks for the logs of its own name alone.
    if !signers.iter().any(|key| key.name() == origin.prefix) {
        return Err(untrusted(format!("`{}` is none of the keys that signed it", origin.prefix)));
    }
    Ok(Signed { checkpoint, note })
}

fn to_witness(old: u64, proof: &[Hash], note: &str) -> String {
    let lines: String = proof.iter().map(|hash| format!("{}\n", hash.to_base64())).collect();
    format!("old {old}\n{lines}\n{note}")
}

/// Reads the hashes of a proof; the checkpoint behind them must be the one that was given.
fn read_proof(path: &Path, new: &Signed) -> anyhow::Result<Vec<Hash>> {
    let text = connect::read_small(path)?;
    let malformed = |reason: &str| usage(format!("{} holds no proof: {reason}", path.display()));
    let (head, note) = text.split_once("\n\n").ok_or_else(|| malformed("there is no empty line"))?;
    if note != new.note {
        return Err(malformed("it is for another checkpoint than the second one"));
    }
    let mut lines = head.split('\n');
    if lines.next().is_none_or(|line| !line.starts_with("old ")) {
        return Err(malformed("it does not begin with the old size"));
    }
    lines.map(|line| Hash::from_base64(line).map_err(|_| malformed("a line is no hash"))).collect()
}

fn refuse(global: &Global, old: &Signed, new: &Signed, reason: &str) -> anyhow::Result<Outcome> {
    if global.json {
        show::json(&answer(old, new, None, Some(reason)))?;
    } else {
        show::line(&format!("NOT consistent: {reason}"))?;
    }
    Ok(Outcome::No)
}

fn answer(old: &Signed, new: &Signed, proof: Option<&[Hash]>, reason: Option<&str>) -> serde_json::Value {
    let side = |signed: &Signed| {
        let Checkpoint { origin, size, root, .. } = &signed.checkpoint;
        serde_json::json!({ "origin": origin, "size": size, "root": root })
    };
    serde_json::json!({
        "ok": proof.is_some(),
        "old": side(old),
        "new": side(new),
        "proof": proof,
        "reason": reason,
    })
}
