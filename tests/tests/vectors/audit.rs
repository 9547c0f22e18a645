//! The frozen bytes of the logs `audit` and `changes`: what an independent implementation wrote into
//! `tests/vectors/audit.json`.
//!
//! Not here: how the vectors are made (`tests/vectors/make_audit.py`).

use serde::Deserialize;
use uuid::Uuid;
use veritrail_core::{
    AUDIT_ENTRY_PREFIX, AuditEnvelope, AuditLogEntry, AuditParts, AuditSeal, AuditSignerKey,
    AuditVerifierKey, CHANGE_ENTRY_PREFIX, ChangeAuthor, ChangeEnvelope, ChangeOp, ChangeParts, Hash, Json,
    Position, RowChange, Salts, StoredAuditEntry, Subject, TenantId, Timestamp, audit_entry, change_entry,
};
use veritrail_merkle::{Sha256Hasher, TreeHasher, root_of_leaves};

const VECTORS: &str = include_str!("../../vectors/audit.json");

#[derive(Deserialize)]
struct Vectors {
    key: Key,
    audit: AuditVectors,
    changes: ChangeVectors,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Key {
    name: String,
    seed: Hash,
    verifier_key: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuditVectors {
    format: String,
    log_id: Uuid,
    tenant: TenantId,
    entries: Vec<AuditVector>,
    root: Hash,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuditVector {
    name: String,
    position: u64,
    input: String,
    details: Option<String>,
    served: String,
    salts: String,
    submitted_by: Subject,
    recorded_at: Timestamp,
    changes_hash: Option<Hash>,
    details_hash: Option<Hash>,
    envelope: String,
    commitment: Hash,
    entry: String,
    leaf_hash: Hash,
    signature: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChangeVectors {
    format: String,
    log_id: Uuid,
    entries: Vec<ChangeVector>,
    root: Hash,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChangeVector {
    name: String,
    position: u64,
    change: ChangeInput,
    salts: String,
    recorded_at: Timestamp,
    record_hash: Option<Hash>,
    old_record_hash: Option<Hash>,
    envelope: String,
    commitment: Hash,
    entry: String,
    leaf_hash: Hash,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ChangeInput {
    id: String,
    record_id: Option<Uuid>,
    old_record_id: Option<Uuid>,
    op: String,
    ts: Timestamp,
    table_oid: u32,
    table_schema: String,
    table_name: String,
    record: Option<String>,
    old_record: Option<String>,
    user_id: Option<String>,
    context: Option<String>,
    database_role: Option<String>,
    application_name: Option<String>,
    client_address: Option<String>,
    transaction_id: Option<String>,
}

fn read() -> Vectors {
    serde_json::from_str(VECTORS).unwrap()
}

fn salts(text: &str) -> Salts {
    let mut bytes = [0; 48];
    hex::decode_to_slice(text, &mut bytes).unwrap();
    Salts::from_bytes(&bytes)
}

impl ChangeInput {
    fn into_change(self) -> RowChange {
        RowChange {
            id: self.id.parse().unwrap(),
            record_id: self.record_id,
            old_record_id: self.old_record_id,
            op: ChangeOp::from_word(&self.op).unwrap(),
            ts: self.ts,
            table_oid: self.table_oid,
            table_schema: self.table_schema,
            table_name: self.table_name,
            record: self.record,
            old_record: self.old_record,
            author: ChangeAuthor {
                user_id: self.user_id,
                context: self.context,
                database_role: self.database_role,
                application_name: self.application_name,
                client_address: self.client_address,
                transaction_id: self.transaction_id.map(|id| id.parse().unwrap()),
            },
        }
    }
}

#[test]
fn audit_entries_are_read_and_served_as_frozen() {
    let vectors = read();
    for vector in vectors.audit.entries {
        let name = &vector.name;
        let received = AuditLogEntry::parse(&vector.input).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut entry = received.of_tenant(&vectors.audit.tenant);
        entry.seal = AuditSeal::default();
        assert_eq!(entry.details.as_ref().map(Json::as_str), vector.details.as_deref(), "{name}");
        // The order of the members in what is served is free: the canonical text has none.
        assert_eq!(Json::parse(&entry.to_json()).unwrap().as_str(), vector.served, "{name}");
        assert_eq!(AuditLogEntry::parse(&vector.served).unwrap(), entry, "{name}");
    }
}

#[test]
fn audit_entries_are_hashed_as_frozen() {
    let Vectors { audit, .. } = read();
    assert_eq!(audit.format.as_bytes(), AUDIT_ENTRY_PREFIX);
    assert!(audit.entries.iter().any(|vector| vector.input.contains("130.65331632653061")));
    let mut leaves = Vec::new();
    for (position, vector) in (0..).zip(audit.entries) {
        let (name, salts) = (&vector.name, salts(&vector.salts));
        let entry = AuditLogEntry::parse(&vector.input).unwrap().of_tenant(&audit.tenant);
        let parts = AuditParts::of(&entry, &salts);
        let envelope = AuditEnvelope {
            log_id: audit.log_id,
            entry: &entry,
            parts,
            submitted_by: &vector.submitted_by,
            recorded_at: vector.recorded_at,
        };
        assert_eq!(vector.position, position);
        assert_eq!(
            (parts.changes_hash, parts.details_hash),
            (vector.changes_hash, vector.details_hash),
            "{name}"
        );
        assert_eq!(envelope.to_canonical_text(), vector.envelope, "{name}");
        let commitment = envelope.commitment(&salts);
        assert_eq!(commitment, vector.commitment, "{name}");
        assert_eq!(hex::encode(audit_entry(&commitment)), vector.entry, "{name}");
        let leaf_hash = Sha256Hasher.hash_leaf(&audit_entry(&commitment));
        assert_eq!(leaf_hash, vector.leaf_hash, "{name}");
        let stored = StoredAuditEntry {
            position: Position(position),
            entry,
            salts,
            parts,
            submitted_by: vector.submitted_by,
            recorded_at: vector.recorded_at,
            commitment,
            leaf_hash,
        };
        assert_eq!(stored.verify(&Sha256Hasher, audit.log_id), Ok(()), "{name}");
        leaves.push(leaf_hash);
    }
    assert_eq!(root_of_leaves(&Sha256Hasher, &leaves), audit.root);
}

#[test]
fn audit_entries_are_signed_as_frozen() {
    let Vectors { audit, key, .. } = read();
    let signer = AuditSignerKey::from_seed(&key.name, key.seed.as_bytes()).unwrap();
    assert_eq!(signer.verifier_key().to_string(), key.verifier_key);
    let keys: [AuditVerifierKey; 1] = [key.verifier_key.parse().unwrap()];
    for vector in audit.entries {
        // Ed25519 signatures depend on nothing but key and bytes (RFC 8032).
        assert_eq!(signer.sign(&vector.commitment), vector.signature);
        assert_eq!(AuditVerifierKey::check(&keys, &vector.commitment, &vector.signature), Ok(()));
    }
}

#[test]
fn row_changes_are_hashed_as_frozen() {
    let Vectors { changes, .. } = read();
    assert_eq!(changes.format.as_bytes(), CHANGE_ENTRY_PREFIX);
    let mut leaves = Vec::new();
    let mut records = String::new();
    for (position, vector) in (0..).zip(changes.entries) {
        let (name, salts) = (&vector.name, salts(&vector.salts));
        let change = vector.change.into_change();
        let parts = ChangeParts::of(&change, &salts);
        let envelope = ChangeEnvelope {
            log_id: changes.log_id,
            change: &change,
            parts,
            recorded_at: vector.recorded_at,
        };
        assert_eq!(vector.position, position);
        assert_eq!(
            (parts.record_hash, parts.old_record_hash),
            (vector.record_hash, vector.old_record_hash),
            "{name}"
        );
        assert_eq!(envelope.to_canonical_text(), vector.envelope, "{name}");
        let commitment = envelope.commitment(&salts);
        assert_eq!(commitment, vector.commitment, "{name}");
        assert_eq!(hex::encode(change_entry(&commitment)), vector.entry, "{name}");
        leaves.push(Sha256Hasher.hash_leaf(&change_entry(&commitment)));
        assert_eq!(leaves.last(), Some(&vector.leaf_hash), "{name}");
        records.extend(change.record);
    }
    assert_eq!(root_of_leaves(&Sha256Hasher, &leaves), changes.root);
    assert!(records.contains("130.65331632653061") && records.contains("9007199254740993"));
}
