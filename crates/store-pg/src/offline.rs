//! The check of one event against its proof. Needs no database: whoever has both and a key can make it anywhere.
//!
//! Proofs are made in `prove`; what a bundle holds is in `veritrail-core`.

use veritrail_core::{BundleError, CheckedProof, FormSubmission, ProofBundle};
use veritrail_merkle::note::VerifierKey;

use crate::store::PgEventStore;

/// Why an event is not proved.
#[derive(Debug, thiserror::Error)]
pub enum VerifyEventError {
    /// The proof is of another event, or the event was changed.
    #[error("the proof is of event `{proved}`, and `{field}` of the event given is another")]
    OtherEvent {
        /// Guid of the event that the proof is of.
        proved: String,
        /// The first member that differs.
        field: &'static str,
    },
    /// The proof itself does not hold.
    #[error(transparent)]
    Bundle(#[from] BundleError),
}

impl PgEventStore {
    /// Checks that an event is what a signed log holds; DataCollect's `verifyEvent`.
    ///
    /// `syncLevel` is not compared: it changes on an event's way and is bound into no hash. `trusted` are the keys
    /// whose word counts; they come from the caller, never from a database.
    ///
    /// # Errors
    /// [`VerifyEventError`] says what does not hold.
    pub fn verify_event(
        event: &FormSubmission,
        proof: &ProofBundle,
        trusted: &[VerifierKey],
    ) -> Result<CheckedProof, VerifyEventError> {
        let checked = proof.check(trusted)?;
        match difference(event, &proof.event) {
            None => Ok(checked),
            Some(field) => {
                Err(VerifyEventError::OtherEvent { proved: proof.event.guid.as_str().to_owned(), field })
            }
        }
    }
}

fn difference(given: &FormSubmission, proved: &FormSubmission) -> Option<&'static str> {
    let same = [
        ("guid", given.guid == proved.guid),
        ("entityGuid", given.entity_guid == proved.entity_guid),
        ("type", given.event_type == proved.event_type),
        ("schemaVersion", given.schema_version == proved.schema_version),
        ("data", given.data == proved.data),
        ("metadata", given.metadata == proved.metadata),
        ("timestamp", given.timestamp == proved.timestamp),
        ("userId", given.user_id == proved.user_id),
    ];
    same.into_iter().find(|(_, is_same)| !is_same).map(|(field, _)| field)
}
