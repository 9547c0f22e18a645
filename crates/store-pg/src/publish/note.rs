//! The signed note of a checkpoint: remembered, signed, and checked before anybody is given it.

use std::sync::Arc;

use veritrail_merkle::checkpoint::Checkpoint;
use veritrail_merkle::note::{KeyId, Note, Signature, VerifierKey};

use crate::signer::{LockedMemory, Signer, SignerError};

/// What a signer has made of a checkpoint.
pub(super) struct Signing {
    pub(super) note: String,
    pub(super) signatures: Vec<Signature>,
    /// The ids of the keys that have signed, in order.
    pub(super) key_ids: Vec<KeyId>,
}

/// Remembers a checkpoint, durably, and has it signed. Gives the memory back, which is locked still.
pub(super) async fn remember_and_sign<S: Signer>(
    signer: &Arc<S>,
    memory: LockedMemory,
    checkpoint: &Checkpoint,
) -> Result<(Signing, LockedMemory), SignerError> {
    let signer = Arc::clone(signer);
    let text = checkpoint.to_body().expect("an origin of ours is one line");
    // Both write to disks or ask devices.
    let signed = tokio::task::spawn_blocking(move || {
        memory.write(&text)?;
        Ok((sign(signer.as_ref(), &text)?, memory))
    });
    match signed.await {
        Ok(signed) => signed,
        // What an application's own signer panics at is its own to see.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Signs a text with all keys of a signer, and checks that each of them has.
fn sign(signer: &impl Signer, text: &str) -> Result<Signing, SignerError> {
    let invalid = |reason: String| SignerError::BadSignature(reason);
    let signatures = signer.sign(text)?;
    let keys = signer.verifier_keys();
    let lines: String = signatures.iter().map(|signature| format!("{signature}\n")).collect();
    let note = format!("{text}\n{lines}");
    let parsed = Note::parse(&note).map_err(|error| invalid(error.to_string()))?;
    let signed_by = parsed.verify(&keys).map_err(|error| invalid(error.to_string()))?;
    if let Some(missing) = keys.iter().find(|key| !signed_by.contains(key)) {
        return Err(invalid(format!("{}+{} is missing", missing.name(), missing.id())));
    }
    let mut key_ids: Vec<KeyId> = keys.iter().map(VerifierKey::id).collect();
    key_ids.sort_unstable_by_key(ToString::to_string);
    Ok(Signing { note, signatures, key_ids })
}

/// The ids of the keys of a name that a stored note names as its signers, in order. Nothing is verified.
pub(super) fn key_ids(note: &str, name: &str) -> Vec<KeyId> {
    let Ok(note) = Note::parse(note) else { return Vec::new() };
    let own = note.signatures().iter().filter(|signature| signature.name() == name);
    let mut ids: Vec<KeyId> = own.map(Signature::key_id).collect();
    ids.sort_unstable_by_key(ToString::to_string);
    ids.dedup();
    ids
}
