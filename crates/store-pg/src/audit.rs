//! The audit log: saving entries, all of a batch or none, under the tenant's one lock.
//!
//! Reading is in `audit/read.rs`, rows in `audit/rows.rs`, the one statement that writes in `audit/statement.rs`. What a
//! leaf hashes is `veritrail-core`'s; partitions are made by the database's own function.

mod read;
pub(crate) mod rows;
mod statement;

use std::collections::HashMap;

use diesel_async::{AsyncPgConnection, RunQueryDsl};
use veritrail_core::{
    AuditEnvelope, AuditGuid, AuditLogEntry, AuditParts, AuditSeal, AuditSignerKey, Hash, InvalidInput, Json,
    LogName, Position, Receipt, Salts, StoredAuditEntry, Subject, TenantId, audit_entry,
};
use veritrail_merkle::{Sha256Hasher, TreeHasher};

pub use read::AuditPage;
use statement::AuditStatement;

use crate::append::{self, AppendError, Locked, next_stamp, random_salts};
use crate::error::AccessError;
use crate::session::Session;
use crate::statement::Prepared;

use crate::submit::{MAX_BATCH, MAX_BATCH_BYTES};

/// How often a pooled save begins anew after running into a concurrent transaction.
const MAX_ATTEMPTS: u32 = 3;

/// What a save answers for one entry.
pub type AuditReceipt = Receipt<AuditGuid>;

/// Why no entry of a batch was stored.
#[derive(Debug, thiserror::Error)]
pub enum SaveAuditError {
    /// More than [`MAX_BATCH`] entries: save them in parts.
    #[error("a batch of {0} entries is larger than {MAX_BATCH}")]
    BatchTooLarge(usize),
    /// More than [`MAX_BATCH_BYTES`]: save the entries in parts.
    #[error("a batch of {0} bytes of changes, details and descriptions is larger than {MAX_BATCH_BYTES}")]
    BatchTooHeavy(usize),
    /// An entry breaks a rule.
    #[error("audit entry `{guid}`: {problem}")]
    Invalid {
        /// The entry.
        guid: AuditGuid,
        /// The rule that it breaks.
        problem: InvalidInput,
    },
    /// Another entry has this guid.
    #[error("audit entry `{guid}` is recorded with other content: {field} differs")]
    Conflict {
        /// The guid.
        guid: AuditGuid,
        /// The first member that differs.
        field: &'static str,
    },
    /// The append failed. Where the connection was lost while committing, the batch may have been stored all the
    /// same: save it again, what is stored is answered with its receipt.
    #[error(transparent)]
    Append(#[from] AppendError),
}

impl From<AccessError> for SaveAuditError {
    fn from(error: AccessError) -> Self {
        Self::Append(error.into())
    }
}

impl From<diesel::result::Error> for SaveAuditError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Append(error.into())
    }
}

impl Session<'_> {
    /// Saves audit entries, all of them or none, and gives a receipt each, in their order.
    ///
    /// An entry that is recorded already with the same content is answered with its old receipt. What a log adds to
    /// an entry (hash, signature, time of archiving) is not taken from it.
    ///
    /// When the future is dropped before it is ready, nothing or all of the batch is stored; a transaction of the
    /// caller's is then broken and cannot be committed, and a session of the pool's is of no further use.
    ///
    /// # Errors
    /// [`SaveAuditError`]: nothing of the batch was stored, unless the connection was lost while committing.
    #[tracing::instrument(name = "audit.save", skip_all, fields(entries = entries.len()))]
    pub async fn save_audit_log(
        &mut self,
        entries: &[AuditLogEntry],
        submitted_by: &Subject,
    ) -> Result<Vec<AuditReceipt>, SaveAuditError> {
        check_batch(entries)?;
        for entry in entries {
            let invalid = |problem| SaveAuditError::Invalid { guid: entry.guid.clone(), problem };
            entry.validate_submitted().map_err(invalid)?;
        }
        let author = Author { tenant: self.tenant, submitted_by, key: self.store.audit_key.as_deref() };
        let is_within = self.is_within_transaction().await?;
        let mut attempt = 1;
        loop {
            let saved = self.write(async |connection| append_audit(connection, author, entries).await).await;
            match saved {
                Err(SaveAuditError::Append(AppendError::Access(AccessError::Contended)))
                    if !is_within && attempt < MAX_ATTEMPTS =>
                {
                    attempt += 1;
                }
                saved => return saved,
            }
        }
    }
}

fn check_batch(entries: &[AuditLogEntry]) -> Result<(), SaveAuditError> {
    if entries.len() > MAX_BATCH {
        return Err(SaveAuditError::BatchTooLarge(entries.len()));
    }
    let bytes = entries.iter().map(payload_bytes).sum();
    if bytes > MAX_BATCH_BYTES { Err(SaveAuditError::BatchTooHeavy(bytes)) } else { Ok(()) }
}

fn payload_bytes(entry: &AuditLogEntry) -> usize {
    let json = |json: &Option<Json>| json.as_ref().map_or(0, |json| json.as_str().len());
    json(&entry.changes)
        + json(&entry.details)
        + entry.outcome_description.as_ref().map_or(0, |text| text.len())
}

/// Whose log an entry is appended to, by whom, and with which key it is signed.
#[derive(Clone, Copy)]
pub(crate) struct Author<'a> {
    pub(crate) tenant: &'a TenantId,
    pub(crate) submitted_by: &'a Subject,
    /// Without one, entries are not signed.
    pub(crate) key: Option<&'a AuditSignerKey>,
}

/// Appends entries in a transaction that is open, and takes the tenant's lock for it (again, where the caller has it).
///
/// The caller has validated them; actions of Veritrail's own are taken here.
///
/// # Errors
/// [`SaveAuditError`]: nothing was written; the transaction can go on, unless a statement failed.
#[tracing::instrument(name = "audit.append", skip_all, fields(entries = entries.len()))]
pub(crate) async fn append_audit(
    connection: &mut AsyncPgConnection,
    author: Author<'_>,
    entries: &[AuditLogEntry],
) -> Result<Vec<AuditReceipt>, SaveAuditError> {
    let mut batch = Batch::new(entries, author.tenant)?;
    // Salts and payloads do not depend on the log: they are hashed before anybody waits for the lock.
    let hashed: Vec<HashedEntry> = batch.distinct.drain(..).map(HashedEntry::new).collect();
    let locked = append::lock(connection, author.tenant, LogName::Audit).await?;
    if locked.log.replica {
        return Err(AppendError::Replica.into());
    }
    let guids: Vec<&str> = hashed.iter().map(|hashed| hashed.entry.guid.as_str()).collect();
    let recorded = rows::by_guid(connection, author.tenant, &guids).await?;
    let recorded: HashMap<String, StoredAuditEntry> =
        recorded.into_iter().map(|stored| (stored.entry.guid.to_string(), stored)).collect();
    let mut receipts = HashMap::new();
    let mut new = Vec::new();
    for hashed in hashed {
        let Some(stored) = recorded.get(hashed.entry.guid.as_str()) else {
            new.push(hashed);
            continue;
        };
        if let Some(field) = stored.difference(&hashed.entry) {
            return Err(SaveAuditError::Conflict { guid: hashed.entry.guid, field });
        }
        receipts.insert(stored.entry.guid.clone(), receipt(stored, true));
    }
    if !new.is_empty() {
        let stamped = stamp_entries(new, &locked, author);
        write(connection, author.tenant, &locked, &stamped).await?;
        receipts.extend(stamped.iter().map(|stored| (stored.entry.guid.clone(), receipt(stored, false))));
    }
    Ok(batch.answer(receipts))
}

/// A batch whose repeats within itself are settled.
struct Batch {
    /// The guid of each entry, in their order.
    guids: Vec<AuditGuid>,
    /// The entries without those that repeat an earlier one.
    distinct: Vec<AuditLogEntry>,
}

impl Batch {
    fn new(entries: &[AuditLogEntry], tenant: &TenantId) -> Result<Self, SaveAuditError> {
        let mut places: HashMap<&AuditGuid, usize> = HashMap::new();
        let mut distinct: Vec<AuditLogEntry> = Vec::new();
        for entry in entries {
            let with_defaults =
                AuditLogEntry { seal: AuditSeal::default(), ..entry.clone() }.of_tenant(tenant);
            match places.get(&entry.guid) {
                None => {
                    places.insert(&entry.guid, distinct.len());
                    distinct.push(with_defaults);
                }
                Some(place) => {
                    if let Some(field) = distinct[*place].difference(&with_defaults) {
                        return Err(SaveAuditError::Conflict { guid: entry.guid.clone(), field });
                    }
                }
            }
        }
        Ok(Self { guids: entries.iter().map(|entry| entry.guid.clone()).collect(), distinct })
    }

    /// A receipt for each entry; one that repeats an earlier one of the batch is marked as such.
    fn answer(self, mut receipts: HashMap<AuditGuid, AuditReceipt>) -> Vec<AuditReceipt> {
        let mut answer = Vec::with_capacity(self.guids.len());
        for guid in &self.guids {
            let receipt = receipts.get_mut(guid).expect("each entry is recorded or was appended");
            answer.push(receipt.clone());
            receipt.repeated = true;
        }
        answer
    }
}

fn receipt(stored: &StoredAuditEntry, repeated: bool) -> AuditReceipt {
    Receipt {
        guid: stored.entry.guid.clone(),
        position: stored.position,
        recorded_at: stored.recorded_at,
        leaf_hash: stored.leaf_hash,
        repeated,
    }
}

/// An entry that is hashed as far as it can be before its stamp is known.
struct HashedEntry {
    entry: AuditLogEntry,
    salts: Salts,
    parts: AuditParts,
}

impl HashedEntry {
    fn new(entry: AuditLogEntry) -> Self {
        let salts = random_salts();
        let parts = AuditParts::of(&entry, &salts);
        Self { entry, salts, parts }
    }
}

/// Gives each entry its position, stamp, commitment, leaf and signature.
fn stamp_entries(entries: Vec<HashedEntry>, locked: &Locked, author: Author<'_>) -> Vec<StoredAuditEntry> {
    let head = &locked.newest.head;
    let mut previous = head.recorded_at.max(locked.log.base_stamp);
    let mut stamped = Vec::with_capacity(entries.len());
    for (position, HashedEntry { mut entry, salts, parts }) in (head.size().0..).zip(entries) {
        let recorded_at = next_stamp(locked.newest.clock, previous);
        let (log_id, submitted_by) = (locked.log.log_id, author.submitted_by);
        let envelope = AuditEnvelope { log_id, entry: &entry, parts, submitted_by, recorded_at };
        let commitment = envelope.commitment(&salts);
        entry.seal.hash = Some(commitment);
        entry.seal.signature = author.key.map(|key| key.sign(&commitment).into());
        stamped.push(StoredAuditEntry {
            position: Position(position),
            entry,
            salts,
            parts,
            submitted_by: submitted_by.clone(),
            recorded_at,
            commitment,
            leaf_hash: Sha256Hasher.hash_leaf(&audit_entry(&commitment)),
        });
        previous = Some(recorded_at);
    }
    stamped
}

/// Writes entries that have their positions, stamps and leaves, and what they make of the tree.
async fn write(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    locked: &Locked,
    entries: &[StoredAuditEntry],
) -> Result<(), AppendError> {
    let leaves: Vec<Hash> = entries.iter().map(|entry| entry.leaf_hash).collect();
    let last = entries.last().map(|entry| entry.recorded_at);
    let tree = append::extend(connection, tenant, locked, &leaves, last).await?;
    let statement = AuditStatement::new(tenant, locked.log.epoch, entries, &tree);
    let written: Result<bool, _> = Prepared(statement).get_result(connection).await;
    written.map(|_| ()).map_err(|error| append::refused(error, locked))
}
