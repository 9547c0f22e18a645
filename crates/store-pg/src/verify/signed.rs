//! Compares a checkpoint with the rows and, where keys are given, with its signature.

use veritrail_core::{Hash, Origin};
use veritrail_merkle::checkpoint::{self, Checkpoint};
use veritrail_merkle::note::Note;

use super::{Finding, Subject};
use crate::checkpoints::CheckpointRow;

/// Checks one checkpoint against the root that the rows below it give; `None` where that cannot be told.
///
/// # Errors
/// The [`Finding`] that it is.
pub(super) fn check(
    row: &CheckpointRow,
    subject: &Subject<'_>,
    recomputed: Option<Hash>,
) -> Result<(), Finding> {
    let size = row.size;
    let checkpoint = open(row, subject).map_err(|reason| Finding::CheckpointNote { size, reason })?;
    match recomputed {
        Some(recomputed) if recomputed != checkpoint.root => {
            Err(Finding::CheckpointRoot { size, signed: checkpoint.root, recomputed })
        }
        _ => Ok(()),
    }
}

/// Reads a note and checks that it says what its row says, of this log, by a trusted key.
fn open(row: &CheckpointRow, subject: &Subject<'_>) -> Result<Checkpoint, String> {
    let trusted = subject.trusted.checkpoints;
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
