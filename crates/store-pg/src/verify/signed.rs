//! Compares every checkpoint with the rows and, where keys are given, with its signature.

use std::collections::BTreeMap;

use veritrail_core::{Hash, Origin};
use veritrail_merkle::checkpoint::{self, Checkpoint};
use veritrail_merkle::note::{Note, VerifierKey};

use super::{Finding, Report, Subject};
use crate::checkpoints::CheckpointRow;

pub(super) fn check(
    report: &mut Report,
    subject: &Subject<'_>,
    published: &[CheckpointRow],
    roots: &BTreeMap<u64, Option<Hash>>,
    trusted: &[VerifierKey],
) {
    report.signatures_checked = !trusted.is_empty();
    for row in published {
        let size = row.size;
        let checkpoint = match open(row, subject, trusted) {
            Ok(checkpoint) => checkpoint,
            Err(reason) => {
                report.findings.push(Finding::CheckpointNote { size, reason });
                continue;
            }
        };
        // A size beyond the rows is found as missing rows or a head behind the checkpoint.
        let Some(Some(recomputed)) = roots.get(&size) else { continue };
        if *recomputed != checkpoint.root {
            let (signed, recomputed) = (checkpoint.root, *recomputed);
            report.findings.push(Finding::CheckpointRoot { size, signed, recomputed });
            continue;
        }
        report.checkpoint = Some(size);
    }
    report.unpublished = report.size.saturating_sub(report.checkpoint.unwrap_or(0));
}

/// Reads a note and checks that it says what its row says, of this log, by a trusted key.
fn open(row: &CheckpointRow, subject: &Subject<'_>, trusted: &[VerifierKey]) -> Result<Checkpoint, String> {
    let (checkpoint, signed_by) = if trusted.is_empty() {
        let note = Note::parse(&row.note).map_err(|error| error.to_string())?;
        let checkpoint = Checkpoint::parse(note.text()).map_err(|error| error.to_string())?;
        (checkpoint, None)
    } else {
        let (checkpoint, keys) = checkpoint::open(&row.note, trusted).map_err(|error| error.to_string())?;
        let names: Vec<String> = keys.iter().map(|key| key.name().to_owned()).collect();
        (checkpoint, Some(names))
    };
    let origin: Origin =
        checkpoint.origin.parse().map_err(|error: veritrail_core::OriginError| error.to_string())?;
    if origin.log_id != subject.log.log_id || origin.epoch != subject.log.epoch {
        return Err(format!("it is of {origin}"));
    }
    if signed_by.is_some_and(|names| !names.contains(&origin.prefix)) {
        return Err(format!("`{}` is none of the trusted keys", origin.prefix));
    }
    if checkpoint.size != row.size || checkpoint.root.as_bytes().as_slice() != row.root {
        return Err("its note says another size or root than its row".to_owned());
    }
    Ok(checkpoint)
}
