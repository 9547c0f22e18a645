//! Cosignatures: what witnesses have signed about a published checkpoint is checked, kept and served with it.
//!
//! Who is a witness is the caller's configuration, never the database's. The signatures themselves are
//! `veritrail_merkle::cosignature`'s (C2SP tlog-cosignature); asking witnesses for them is the caller's.

use diesel_async::AsyncPgConnection;
use veritrail_core::{LogName, TenantId};
use veritrail_merkle::cosignature::{CosignatureError, WitnessKey, cosignatures};
use veritrail_merkle::note::{MAX_SIGNATURES, Note, NoteError, Signature};

use crate::error::{AccessError, IntegrityError};
use crate::session::Session;
use crate::{checkpoint_signatures, checkpoints, logs};

/// Why a cosignature was not kept.
#[derive(Debug, thiserror::Error)]
pub enum CosignError {
    /// The database could not be asked.
    #[error("the database could not be asked")]
    Access(#[from] AccessError),
    /// The stored checkpoint is no note.
    #[error(transparent)]
    Integrity(#[from] IntegrityError),
    /// No checkpoint of this size was published in the log's present life.
    #[error("no checkpoint of size {size} was published")]
    NoCheckpoint {
        /// The size that was asked for.
        size: u64,
    },
    /// The line is no signature line of a note.
    #[error("the cosignature is no signature line")]
    Line(#[source] NoteError),
    /// The line is no cosignature of this checkpoint by the witness that it names.
    #[error("the cosignature does not hold")]
    Invalid(#[source] CosignatureError),
    /// The line names none of the witnesses.
    #[error("`{name}` is none of the witnesses")]
    Stranger {
        /// The name in the line.
        name: String,
    },
    /// The checkpoint has as many signatures as a note may have.
    #[error("the checkpoint of size {size} has {MAX_SIGNATURES} signatures already")]
    Full {
        /// The checkpoint's size.
        size: u64,
    },
}

impl Session<'_> {
    /// Keeps a witness's cosignature of the `events` checkpoint of `size`: one line, as the witness has answered. Tells
    /// whether it was new; of each witness the first one is kept. From then on the checkpoint is served with it.
    ///
    /// # Errors
    /// [`CosignError`]: nothing was kept.
    pub async fn add_cosignature(
        &mut self,
        size: u64,
        line: &str,
        witnesses: &[WitnessKey],
    ) -> Result<bool, CosignError> {
        let signature: Signature = line.trim_end_matches('\n').parse().map_err(CosignError::Line)?;
        let tenant = self.tenant;
        self.write(async |connection| keep(connection, tenant, size, &signature, witnesses).await).await
    }
}

async fn keep(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    size: u64,
    signature: &Signature,
    witnesses: &[WitnessKey],
) -> Result<bool, CosignError> {
    let absent = || CosignError::NoCheckpoint { size };
    let log = logs::find(connection, tenant, LogName::Events).await?.ok_or_else(absent)?;
    let row = checkpoints::of_size(connection, tenant, LogName::Events, (log.epoch, size)).await?;
    let note = Note::parse(&row.ok_or_else(absent)?.note)
        .map_err(|error| IntegrityError::Proof { size, reason: format!("stored checkpoint: {error}") })?;
    check(note.text(), signature, witnesses)?;
    if note.signatures().len() >= MAX_SIGNATURES {
        return Err(CosignError::Full { size });
    }
    Ok(checkpoint_signatures::insert(connection, tenant, LogName::Events, (log.epoch, size), signature)
        .await?)
}

/// Checks that a witness has cosigned a checkpoint's text.
fn check(text: &str, signature: &Signature, witnesses: &[WitnessKey]) -> Result<(), CosignError> {
    let alone = Note::parse(&format!("{text}\n{signature}\n")).map_err(CosignError::Line)?;
    let found = cosignatures(&alone, witnesses).map_err(CosignError::Invalid)?;
    if found.is_empty() { Err(CosignError::Stranger { name: signature.name().to_owned() }) } else { Ok(()) }
}
