//! Compares a checkpoint with the rows and, where keys are given, with its signature.

use veritrail_core::{Hash, Origin};
use veritrail_merkle::checkpoint::Checkpoint;
use veritrail_merkle::note::{Note, NoteError};

use super::{Finding, Subject};
use crate::checkpoints::CheckpointRow;

/// What a checkpoint is worth.
pub(super) enum Verdict {
    /// It holds.
    Holds,
    /// It says what the rows give, but no trusted key has signed it. A later checkpoint that holds vouches for it: it
    /// is then of a key that was used before.
    Unvouched(Finding),
    /// It is none of this log, or of other rows.
    Wrong(Finding),
}

/// Checks one checkpoint against the root that the rows below it give; `None` where that cannot be told.
pub(super) fn check(row: &CheckpointRow, subject: &Subject<'_>, recomputed: Option<Hash>) -> Verdict {
    let size = row.size;
    let note = |reason: String| Finding::CheckpointNote { size, reason };
    let (checkpoint, untrusted) = match open(row, subject) {
        Ok(opened) => opened,
        Err(reason) => return Verdict::Wrong(note(reason)),
    };
    match (recomputed, untrusted) {
        (Some(recomputed), _) if recomputed != checkpoint.root => {
            Verdict::Wrong(Finding::CheckpointRoot { size, signed: checkpoint.root, recomputed })
        }
        (_, Some(reason)) => Verdict::Unvouched(note(reason)),
        (_, None) => Verdict::Holds,
    }
}

/// Reads a note and checks that it says what its row says, of this log; and tells why no trusted key vouches for it,
/// if none does.
fn open(row: &CheckpointRow, subject: &Subject<'_>) -> Result<(Checkpoint, Option<String>), String> {
    let trusted = subject.trusted.checkpoints;
    let note = Note::parse(&row.note).map_err(|error| error.to_string())?;
    let (signed_by, untrusted) = match note.verify(trusted) {
        Ok(keys) => (keys, None),
        Err(NoteError::NoKnownSignature) if trusted.is_empty() => (Vec::new(), None),
        Err(error @ NoteError::NoKnownSignature) => (trusted.iter().collect(), Some(error.to_string())),
        Err(error) => return Err(error.to_string()),
    };
    let checkpoint = Checkpoint::parse(note.text()).map_err(|error| error.to_string())?;
    let origin: Origin =
        checkpoint.origin.parse().map_err(|error: veritrail_core::OriginError| error.to_string())?;
    if origin.log_id != subject.log.log_id || origin.epoch != subject.log.epoch {
        return Err(format!("it is of {origin}"));
    }
    if !trusted.is_empty() && !signed_by.iter().any(|key| key.name() == origin.prefix) {
        return Err(format!("`{}` is none of the trusted keys", origin.prefix));
    }
    if checkpoint.size != row.size || checkpoint.root.as_bytes().as_slice() != row.root {
        return Err("its note says another size or root than its row".to_owned());
    }
    Ok((checkpoint, untrusted))
}
