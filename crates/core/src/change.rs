//! A captured row change, and the bytes that a leaf of the `changes` log hashes.
//!
//! How changes are captured and sealed is `veritrail-store-pg`'s. A record is hashed as PostgreSQL's own text of the
//! `jsonb`, byte for byte, and never goes through a double: a bigint key must not be rounded.
//!
//! ```text
//! recordHash    = SHA-256(0x02 || salt_record     || record::text)
//! oldRecordHash = SHA-256(0x03 || salt_old_record || old_record::text)
//! commitment    = SHA-256(0x04 || salt_envelope   || JCS(envelope))
//! entry         = "veritrail/change/v1\n" || commitment
//! leaf hash     = SHA-256(0x00 || entry)                    (RFC 9162, section 2.1.1)
//! ```

use uuid::Uuid;
use veritrail_merkle::Hash;

use crate::entry::{ENVELOPE_VERSION, FIRST_DOMAIN, SECOND_DOMAIN, Salts, commitment, salted};
use crate::object::ObjectText;
use crate::timestamp::Timestamp;

/// The first line of an entry of the `changes` log.
pub const CHANGE_ENTRY_PREFIX: &[u8] = b"veritrail/change/v1\n";

/// What a statement did to a row, or to the whole table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChangeOp {
    /// A row was inserted.
    Insert,
    /// A row was updated.
    Update,
    /// A row was deleted.
    Delete,
    /// The table was truncated.
    Truncate,
}

impl ChangeOp {
    /// PostgreSQL's word for it (`TG_OP`).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Truncate => "TRUNCATE",
        }
    }

    /// The operation that a word stands for, if it stands for one.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Insert, Self::Update, Self::Delete, Self::Truncate].into_iter().find(|op| op.as_str() == word)
    }
}

/// A row of `audit.record_version`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowChange {
    /// The row's number: unique, not gapless.
    pub id: i64,
    /// Stable id of the row after the change; none after DELETE and TRUNCATE.
    pub record_id: Option<Uuid>,
    /// Stable id of the row before the change; none before INSERT, and of TRUNCATE.
    pub old_record_id: Option<Uuid>,
    /// What was done.
    pub op: ChangeOp,
    /// When, by the server's clock.
    pub ts: Timestamp,
    /// The table's oid at that time.
    pub table_oid: u32,
    /// The table's schema at that time.
    pub table_schema: String,
    /// The table's name at that time.
    pub table_name: String,
    /// The row after the change, as PostgreSQL writes its `jsonb`.
    pub record: Option<String>,
    /// The row before the change, as PostgreSQL writes its `jsonb`.
    pub old_record: Option<String>,
    /// Who did it.
    pub author: ChangeAuthor,
}

/// Who changed a row, by what the session said and by what PostgreSQL knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeAuthor {
    /// The application's user (`veritrail.user_id`).
    pub user_id: Option<String>,
    /// The application's context (`veritrail.context`), as PostgreSQL writes its `jsonb`.
    pub context: Option<String>,
    /// The database role.
    pub database_role: Option<String>,
    /// The session's `application_name`.
    pub application_name: Option<String>,
    /// The client's network address.
    pub client_address: Option<String>,
    /// The transaction (`xid8`), which groups its changes.
    pub transaction_id: Option<u64>,
}

/// The salted hashes of a change's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangeParts {
    /// Salted hash of the record, if there is one.
    pub record_hash: Option<Hash>,
    /// Salted hash of the old record, if there is one.
    pub old_record_hash: Option<Hash>,
}

impl ChangeParts {
    /// Hashes the records of a change: `salts.data` is that of the record, `salts.metadata` that of the old one.
    #[must_use]
    pub fn of(change: &RowChange, salts: &Salts) -> Self {
        let hash = |domain, salt, text: Option<&String>| text.map(|text| salted(domain, salt, text));
        Self {
            record_hash: hash(FIRST_DOMAIN, &salts.data, change.record.as_ref()),
            old_record_hash: hash(SECOND_DOMAIN, &salts.metadata, change.old_record.as_ref()),
        }
    }
}

/// What a commitment to a row change binds beside the salt.
#[derive(Clone, Copy, Debug)]
pub struct ChangeEnvelope<'a> {
    /// The log's identity.
    pub log_id: Uuid,
    /// The change; its records count by their hashes alone.
    pub change: &'a RowChange,
    /// The records' hashes.
    pub parts: ChangeParts,
    /// The stamp of the seal.
    pub recorded_at: Timestamp,
}

impl ChangeEnvelope<'_> {
    /// The canonical text (RFC 8785) of the envelope: absent members are left out, 64-bit integers are decimal texts.
    #[must_use]
    pub fn to_canonical_text(&self) -> String {
        let (change, author) = (self.change, &self.change.author);
        ObjectText::new()
            .optional_text("applicationName", author.application_name.as_deref())
            .optional_text("clientAddress", author.client_address.as_deref())
            .optional_text("context", author.context.as_deref())
            .optional_text("databaseRole", author.database_role.as_deref())
            .text("id", &change.id.to_string())
            .text("logId", &self.log_id.to_string())
            .optional_hash("oldRecordHash", self.parts.old_record_hash.as_ref())
            .optional_text("oldRecordId", change.old_record_id.map(|id| id.to_string()).as_deref())
            .text("op", change.op.as_str())
            .optional_hash("recordHash", self.parts.record_hash.as_ref())
            .optional_text("recordId", change.record_id.map(|id| id.to_string()).as_deref())
            .instant("recordedAt", self.recorded_at)
            .text("tableName", &change.table_name)
            .number("tableOid", change.table_oid)
            .text("tableSchema", &change.table_schema)
            .optional_text("transactionId", author.transaction_id.map(|id| id.to_string()).as_deref())
            .instant("ts", change.ts)
            .optional_text("userId", author.user_id.as_deref())
            .number("v", ENVELOPE_VERSION)
            .finish()
    }

    /// The commitment to the envelope.
    #[must_use]
    pub fn commitment(&self, salts: &Salts) -> Hash {
        commitment(salts, &self.to_canonical_text())
    }
}

/// The entry whose hash is the leaf: the prefix and the commitment.
#[must_use]
pub fn change_entry(commitment: &Hash) -> Vec<u8> {
    [CHANGE_ENTRY_PREFIX, commitment.as_bytes().as_slice()].concat()
}
