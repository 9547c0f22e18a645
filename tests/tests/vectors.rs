//! The frozen bytes of `docs/format.md`: what an independent implementation wrote into `tests/vectors/events.json` is what
//! this workspace reads, stores, hashes, proves and signs. A vector that has to change is a change of the format. The
//! logs `audit` and `changes` are in `vectors/audit.rs`.
//!
//! Not here: how the vectors are made (`tests/vectors/make.py`).

#![expect(clippy::unwrap_used, reason = "clippy takes the functions beside the tests for no tests")]

#[path = "vectors/audit.rs"]
mod audit;

use std::collections::HashMap;

use serde::Deserialize;
use veritrail_core::{
    ENTRY_PREFIX, Envelope, EventHead, FormSubmission, Hash, Json, LeafParts, Origin, ProofBundle,
    SALT_BYTES, Salts, Subject, Timestamp, entry, leaf_hash,
};
use veritrail_merkle::checkpoint::{self, Checkpoint};
use veritrail_merkle::note::{SignerKey, VerifierKey};
use veritrail_merkle::proof::{self, Plan};
use veritrail_merkle::{
    NodeId, Sha256Hasher, TreeHasher, root_of_leaves, verify_consistency, verify_inclusion, verify_range,
};
use veritrail_sync::Cursor;

const VECTORS: &str = include_str!("../vectors/events.json");

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vectors {
    format: String,
    log_id: uuid::Uuid,
    key: Key,
    numbers: Vec<NumberVector>,
    refused: Vec<String>,
    events: Vec<EventVector>,
    roots: Vec<Hash>,
    inclusion: Inclusion,
    consistency: Consistency,
    range: Range,
    tiles: Tiles,
    checkpoint: SignedCheckpoint,
    bundle: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Key {
    name: String,
    seed: Hash,
    verifier_key: String,
}

#[derive(Deserialize)]
struct NumberVector {
    input: String,
    canonical: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EventVector {
    name: String,
    position: u64,
    input: String,
    data: String,
    metadata: Option<String>,
    served: String,
    salts: HashMap<String, String>,
    submitted_by: Subject,
    recorded_at: String,
    cursor: String,
    data_hash: Hash,
    metadata_hash: Option<Hash>,
    envelope: String,
    commitment: Hash,
    entry: String,
    leaf_hash: Hash,
}

#[derive(Deserialize)]
struct Inclusion {
    position: u64,
    size: u64,
    proof: Vec<Hash>,
}

#[derive(Deserialize)]
struct Consistency {
    old: u64,
    new: u64,
    proof: Vec<Hash>,
}

#[derive(Deserialize)]
struct Range {
    begin: u64,
    end: u64,
    size: u64,
    proof: Vec<Hash>,
}

#[derive(Deserialize)]
struct Tiles {
    leaves: u64,
    root: Hash,
    full: Vec<Tile>,
}

#[derive(Deserialize)]
struct Tile {
    level: u8,
    index: usize,
    root: Hash,
    sha256: Hash,
}

#[derive(Deserialize)]
struct SignedCheckpoint {
    origin: String,
    size: u64,
    root: Hash,
    note: String,
}

impl Vectors {
    fn read() -> Self {
        serde_json::from_str(VECTORS).unwrap()
    }

    fn leaves(&self) -> Vec<Hash> {
        self.events.iter().map(|event| event.leaf_hash).collect()
    }

    fn signer(&self) -> SignerKey {
        SignerKey::from_seed(&self.key.name, self.key.seed.as_bytes()).unwrap()
    }

    /// The proof that a plan makes of the leaves of the vectors.
    fn assemble(&self, plan: &Plan) -> Vec<Hash> {
        let leaves = self.leaves();
        let hash = |node: &NodeId| {
            let covered = node.leaves().unwrap();
            let (begin, end) = (covered.start.try_into().unwrap(), covered.end.try_into().unwrap());
            root_of_leaves(&Sha256Hasher, &leaves[begin..end])
        };
        plan.assemble(&Sha256Hasher, plan.nodes().iter().map(hash).collect()).unwrap()
    }
}

impl EventVector {
    fn salts(&self) -> Salts {
        let salt = |part: &str| {
            let mut salt = [0; SALT_BYTES];
            hex::decode_to_slice(&self.salts[part], &mut salt).unwrap();
            salt
        };
        Salts { data: salt("data"), metadata: salt("metadata"), envelope: salt("envelope") }
    }
}

#[test]
fn numbers_are_written_as_rfc_8785_has_them() {
    for number in Vectors::read().numbers {
        let read = Json::parse(&number.input).unwrap();
        assert_eq!(read.as_str(), number.canonical, "{}", number.input);
    }
}

#[test]
fn what_cannot_be_hashed_faithfully_is_refused() {
    for text in Vectors::read().refused {
        assert!(Json::parse(&text).is_err(), "{text:?}");
    }
}

#[test]
fn events_are_stored_and_served_as_frozen() {
    for vector in Vectors::read().events {
        let event =
            FormSubmission::parse(&vector.input).unwrap_or_else(|error| panic!("{}: {error}", vector.name));
        assert_eq!(event.data.as_str(), vector.data, "{}", vector.name);
        assert_eq!(event.metadata.as_ref().map(Json::as_str), vector.metadata.as_deref(), "{}", vector.name);
        // The order of the members in what is served is free: the canonical text has none.
        assert_eq!(Json::parse(&event.to_json()).unwrap().as_str(), vector.served, "{}", vector.name);
        assert_eq!(FormSubmission::parse(&vector.served).unwrap(), event, "{}", vector.name);
    }
}

#[test]
fn events_are_hashed_as_frozen() {
    let vectors = Vectors::read();
    assert_eq!(vectors.format.as_bytes(), ENTRY_PREFIX);
    for (position, vector) in (0..).zip(&vectors.events) {
        let event = FormSubmission::parse(&vector.input).unwrap();
        let salts = vector.salts();
        let recorded_at: Timestamp = vector.recorded_at.parse().unwrap();
        let parts = LeafParts::of(&event, &salts);
        let envelope = Envelope {
            log_id: vectors.log_id,
            event: EventHead::of(&event),
            parts,
            submitted_by: &vector.submitted_by,
            recorded_at,
        };
        assert_eq!(vector.position, position);
        assert_eq!(parts.data_hash, vector.data_hash, "{}", vector.name);
        assert_eq!(parts.metadata_hash, vector.metadata_hash, "{}", vector.name);
        assert_eq!(envelope.to_canonical_text(), vector.envelope, "{}", vector.name);
        let commitment = envelope.commitment(&salts);
        assert_eq!(commitment, vector.commitment, "{}", vector.name);
        assert_eq!(hex::encode(entry(&commitment)), vector.entry, "{}", vector.name);
        assert_eq!(leaf_hash(&Sha256Hasher, &commitment), vector.leaf_hash, "{}", vector.name);
        assert_eq!(Cursor::after(recorded_at).to_string(), vector.cursor, "{}", vector.name);
        assert_eq!(Cursor::parse(&vector.cursor), Ok(Cursor::Recorded(recorded_at)), "{}", vector.name);
    }
}

#[test]
fn roots_and_proofs_are_those_of_the_rfc() {
    let vectors = Vectors::read();
    let leaves = vectors.leaves();
    assert_eq!(vectors.roots.len(), leaves.len() + 1);
    for (size, root) in vectors.roots.iter().enumerate() {
        assert_eq!(root_of_leaves(&Sha256Hasher, &leaves[..size]), *root, "size {size}");
    }
    let root = vectors.roots[leaves.len()];

    let Inclusion { position, size, proof } = &vectors.inclusion;
    assert_eq!(vectors.assemble(&proof::plan_inclusion(*position, *size).unwrap()), *proof);
    let leaf = &leaves[usize::try_from(*position).unwrap()];
    verify_inclusion(&Sha256Hasher, *position, *size, leaf, proof, &root).unwrap();

    let Consistency { old, new, proof } = &vectors.consistency;
    assert_eq!(vectors.assemble(&proof::plan_consistency(*old, *new).unwrap()), *proof);
    let old_root = vectors.roots[usize::try_from(*old).unwrap()];
    verify_consistency(&Sha256Hasher, *old, *new, &old_root, &root, proof).unwrap();

    let Range { begin, end, size, proof } = &vectors.range;
    assert_eq!(vectors.assemble(&proof::plan_range(*begin, *end, *size).unwrap()), *proof);
    let page = &leaves[usize::try_from(*begin).unwrap()..usize::try_from(*end).unwrap()];
    verify_range(&Sha256Hasher, *begin, *size, page, proof, &root).unwrap();
}

#[test]
fn tiles_are_256_hashes_under_one_root() {
    let tiles = Vectors::read().tiles;
    let leaves: Vec<Hash> =
        (0..tiles.leaves).map(|index| Sha256Hasher.hash_leaf(format!("leaf {index}").as_bytes())).collect();
    assert_eq!(root_of_leaves(&Sha256Hasher, &leaves), tiles.root);
    for tile in tiles.full {
        assert_eq!(tile.level, 0);
        let hashes = &leaves[tile.index * 256..(tile.index + 1) * 256];
        assert_eq!(root_of_leaves(&Sha256Hasher, hashes), tile.root);
        let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.as_bytes().iter().copied()).collect();
        assert_eq!(bytes.len(), 8_192);
        assert_eq!(sha256(&bytes), tile.sha256);
    }
}

#[test]
fn checkpoint_is_signed_and_opened_as_frozen() {
    let vectors = Vectors::read();
    let SignedCheckpoint { origin, size, root, note } = &vectors.checkpoint;
    let verifier: VerifierKey = vectors.key.verifier_key.parse().unwrap();
    let signer = vectors.signer();
    assert_eq!(signer.verifier_key(), verifier);

    let keys = [verifier];
    let (opened, signed_by) = checkpoint::open(note, &keys).unwrap();
    let expected = Checkpoint { origin: origin.clone(), size: *size, root: *root, extensions: vec![] };
    assert_eq!(opened, expected);
    assert_eq!(signed_by[0].name(), vectors.key.name);
    // Ed25519 signatures depend on nothing but key and text (RFC 8032).
    assert_eq!(expected.sign(&[&signer]).unwrap(), *note);

    let origin: Origin = origin.parse().unwrap();
    assert_eq!((origin.prefix, origin.log_id, origin.epoch.0), (vectors.key.name.clone(), vectors.log_id, 1));
    assert_eq!(*root, vectors.roots[vectors.events.len()]);
}

#[test]
fn proof_bundle_checks_offline() {
    let vectors = Vectors::read();
    let bundle = ProofBundle::parse(&vectors.bundle).unwrap();
    let keys = [vectors.key.verifier_key.parse().unwrap()];
    let checked = bundle.check(&keys).unwrap();
    assert_eq!(checked.leaf_hash, vectors.events[usize::try_from(bundle.position.0).unwrap()].leaf_hash);
    assert_eq!(checked.tree_size, vectors.checkpoint.size);
    assert_eq!(checked.signed_by, [vectors.key.name.as_str()]);
    assert_eq!(Json::parse(&bundle.to_json()).unwrap().as_str(), vectors.bundle);
}

fn sha256(bytes: &[u8]) -> Hash {
    let digest: [u8; 32] = <sha2::Sha256 as sha2::Digest>::digest(bytes).into();
    Hash::from(digest)
}
