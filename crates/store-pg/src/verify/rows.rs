//! Checks rows by themselves, on all processors: whether each can be read, and whether it is what its leaf says.
//!
//! What stands between rows, their order and the tree over them, is in `verify/walk.rs`.

use std::num::NonZero;
use std::thread;

use tokio::task::{JoinHandle, spawn_blocking};
use uuid::Uuid;
use veritrail_core::{Hash, StoredEvent, Timestamp, Untrue};
use veritrail_merkle::Sha256Hasher;

use crate::events::EventRow;

/// A row and what is wrong with it.
pub(super) struct CheckedRow {
    pub(super) position: i64,
    pub(super) guid: String,
    /// The leaf as stored, if it is one.
    pub(super) leaf: Option<Hash>,
    /// The column that holds no value of ours, or what the row holds.
    pub(super) content: Result<Content, &'static str>,
}

/// What can be said of a row that can be read.
pub(super) struct Content {
    pub(super) recorded_at: Timestamp,
    pub(super) untrue: Option<Untrue>,
}

/// Checks rows on threads of their own, so that others can be read meanwhile.
pub(super) async fn check(rows: Vec<EventRow>, log_id: Uuid) -> Vec<CheckedRow> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let share = rows.len().div_ceil(threads).max(1);
    let mut rest = rows.into_iter();
    let mut tasks: Vec<JoinHandle<Vec<CheckedRow>>> = Vec::new();
    loop {
        let part: Vec<EventRow> = rest.by_ref().take(share).collect();
        if part.is_empty() {
            break;
        }
        tasks.push(spawn_blocking(move || part.into_iter().map(|row| check_row(row, log_id)).collect()));
    }
    let mut checked = Vec::new();
    for task in tasks {
        checked.extend(task.await.expect("checking a row does not panic, and nobody aborts it"));
    }
    checked
}

fn check_row(row: EventRow, log_id: Uuid) -> CheckedRow {
    let (position, guid, leaf) = (row.position, row.guid.clone(), row.leaf_hash.0);
    let content = match StoredEvent::try_from(row) {
        Ok(stored) => {
            let untrue = stored.verify(&Sha256Hasher, log_id).err();
            Ok(Content { recorded_at: stored.recorded_at, untrue })
        }
        Err(corrupt) => Err(corrupt.column),
    };
    CheckedRow { position, guid, leaf, content }
}
