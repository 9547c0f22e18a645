//! Notes, keys, checkpoints, cosignatures and self-contained proofs.
//!
//! Proofs as such are not here but in `proofs`.

use std::fmt::{Debug, Display};
use std::str::FromStr;
use std::sync::LazyLock;

use veritrail_merkle::checkpoint::Checkpoint;
use veritrail_merkle::cosignature::{CosignerKey, Trust, WitnessKey, cosignatures};
use veritrail_merkle::note::{Note, Signature, SignerKey, VerifierKey};
use veritrail_merkle::tlog_proof::TlogProof;
use veritrail_merkle::{Hash, Sha256Hasher, TreeHasher as _};

const ORIGIN: &str = "example.com/log";
/// The key of this seed has signed the seeds of the corpus and nothing else.
static LOG_KEYS: LazyLock<[VerifierKey; 1]> =
    LazyLock::new(|| [SignerKey::from_seed(ORIGIN, &[1; 32]).expect("a name").verifier_key()]);
static WITNESSES: LazyLock<[WitnessKey; 1]> =
    LazyLock::new(|| [CosignerKey::from_seed("witness", &[2; 32]).expect("a name").witness_key()]);
/// The text that both have signed.
const SIGNED: &str = "example.com/log\n2\nsTeYX/SE+2ANuTEHx3sDZcgNePW0Kd7Q/Zc2HQd5mes=\n";

fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}

/// What is read is written back as it was.
fn fixpoint<T: FromStr + Display>(text: &str) -> Option<T> {
    let value: T = text.parse().ok()?;
    assert_eq!(value.to_string(), text);
    Some(value)
}

/// Any note: it comes back, and verifies only if it says what was signed.
pub fn note(data: &[u8]) {
    let Some(mut note) = text(data).and_then(fixpoint::<Note>) else { return };
    assert!(note.verify(&*LOG_KEYS).is_err() || note.text() == SIGNED);
    let first = note.signatures()[0].clone();
    if note.add_signature(first).is_ok() {
        assert_eq!(note.to_string().parse(), Ok(note));
    }
}

/// Any text of a key.
pub fn keys(data: &[u8]) {
    let Some(text) = text(data) else { return };
    fixpoint::<VerifierKey>(text);
    fixpoint::<WitnessKey>(text);
    if let Ok(key) = text.parse::<SignerKey>() {
        assert_eq!(*key.to_secret_text(), text);
        assert_eq!(key.verifier_key().to_string().parse(), Ok(key.verifier_key()));
    }
    if let Ok(key) = text.parse::<CosignerKey>() {
        assert_eq!(*key.to_secret_text(), text);
        assert_eq!(key.witness_key().to_string().parse(), Ok(key.witness_key()));
    }
}

/// Any text of a checkpoint.
pub fn checkpoint(data: &[u8]) {
    let Some(text) = text(data) else { return };
    if let Ok(checkpoint) = Checkpoint::parse(text) {
        assert_eq!(checkpoint.to_body().as_deref(), Ok(text));
    }
}

/// Any line of a signature, and any note of a checkpoint that is checked against all that a reader may ask for.
pub fn cosignature(data: &[u8]) {
    let Some(text) = text(data) else { return };
    fixpoint::<Signature>(text);
    let Ok(note) = Note::parse(text) else { return };
    if let Ok(found) = cosignatures(&note, &*WITNESSES) {
        assert!(found.is_empty() || note.text() == SIGNED);
        assert!(found.len() <= WITNESSES.len());
    }
    let trust = Trust { origin: ORIGIN, log_keys: &*LOG_KEYS, witnesses: &*WITNESSES, quorum: 1 };
    if trust.check(&note).is_ok() {
        assert_eq!(note.text(), SIGNED);
    }
}

/// Any text of a self-contained proof.
pub fn tlog_proof(data: &[u8]) {
    let Some(proof) = text(data).and_then(fixpoint::<TlogProof>) else { return };
    let (hashes, extra) = (proof.hashes().to_vec(), proof.extra().to_vec());
    assert_eq!(TlogProof::new(proof.index(), hashes, proof.note().clone(), extra), Ok(proof.clone()));
    let trust = Trust { origin: ORIGIN, log_keys: &*LOG_KEYS, witnesses: &[], quorum: 0 };
    let leaves = [b"a", b"b"].map(|entry| Sha256Hasher.hash_leaf(entry));
    for (index, leaf) in leaves.iter().enumerate() {
        if proof.verify(leaf, &trust).is_ok() {
            assert_eq!((proof.index(), proof.hashes()), (index as u64, &leaves[1 - index..2 - index]));
        }
    }
}

/// Any text of a hash: hex in either case, base64 in one spelling, and the form in JSON.
pub fn hash_text(data: &[u8]) {
    let Some(text) = text(data) else { return };
    if let Ok(hash) = text.parse::<Hash>() {
        assert_eq!(hash.to_string(), text.to_ascii_lowercase());
    }
    if let Ok(hash) = Hash::from_base64(text) {
        assert_eq!(hash.to_base64(), text);
    }
    if let Ok(hash) = serde_json::from_str::<Hash>(text) {
        same_after_json(&hash);
    }
    if let Ok(hash) = Hash::try_from(data) {
        assert_eq!(hash.as_bytes().as_slice(), data);
    }
}

fn same_after_json<T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + Debug>(value: &T) {
    let json = serde_json::to_string(value).expect("a text can be written");
    assert_eq!(&serde_json::from_str::<T>(&json).expect("what was written can be read"), value);
}
