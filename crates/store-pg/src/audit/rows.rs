//! Table `audit_log` with its row of `audit_index`: reading. Only the one statement of an append writes.

use diesel::data_types::PgTimestamp;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::AstPass;
use diesel::sql_types::{Array, BigInt, Binary, Integer, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use veritrail_core::{
    AuditLogEntry, AuditParts, AuditSeal, AuditStatus, DataClassification, HASH_ALGORITHM, Json, Position,
    StoredAuditEntry, TenantId,
};

use crate::convert::{Corrupt, Place};
use crate::error::AccessError;
use crate::statement::{Prepared, Statement, unknown_parameter};

pub(super) type AuditColumns = (
    BigInt,
    Text,
    Timestamptz,
    Nullable<Text>,
    Nullable<Text>,
    Text,
    Text,
    Nullable<Text>,
    Nullable<Text>,
    Text,
    Nullable<Text>,
    Text,
    Text,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Integer>,
    Nullable<Timestamptz>,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Binary,
    Nullable<Binary>,
    Nullable<Binary>,
    Text,
    Timestamptz,
    Nullable<Binary>,
    Nullable<Text>,
    Nullable<Timestamptz>,
);

/// A row as PostgreSQL gives it: nothing of it is believed yet.
#[derive(Queryable)]
pub(crate) struct AuditRow {
    pub(crate) position: i64,
    pub(crate) guid: String,
    timestamp: PgTimestamp,
    ttl: Option<String>,
    principal_id: Option<String>,
    organization_id: String,
    action: String,
    target_resource_type: Option<String>,
    target_resource_id: Option<String>,
    status: String,
    outcome_description: Option<String>,
    hash: String,
    hash_algorithm: String,
    event_version: Option<String>,
    correlation_id: Option<String>,
    data_classification: Option<String>,
    retention_policy: Option<String>,
    processing_latency: Option<i32>,
    archived_at: Option<PgTimestamp>,
    details: Option<String>,
    event_guid: Option<String>,
    entity_guid: Option<String>,
    changes: Option<String>,
    signature: Option<String>,
    salts: Vec<u8>,
    changes_hash: Option<Vec<u8>>,
    details_hash: Option<Vec<u8>>,
    submitted_by: String,
    recorded_at: PgTimestamp,
    /// From `audit_index`, as the next two.
    pub(crate) leaf_hash: Option<Vec<u8>>,
    index_guid: Option<String>,
    index_recorded_at: Option<PgTimestamp>,
}

impl AuditRow {
    /// Whether `audit_index` says the same guid and stamp.
    pub(crate) fn is_as_in_index(&self) -> bool {
        self.index_guid.as_ref() == Some(&self.guid) && self.index_recorded_at == Some(self.recorded_at)
    }
}

impl TryFrom<AuditRow> for StoredAuditEntry {
    type Error = Corrupt;

    fn try_from(row: AuditRow) -> Result<Self, Corrupt> {
        let key = row.guid.clone();
        let place = Place { table: "audit_log", key: &key };
        if row.hash_algorithm != HASH_ALGORITHM {
            return Err(place.corrupt("hash_algorithm"));
        }
        let is_lower = !row.hash.bytes().any(|byte| byte.is_ascii_uppercase());
        let commitment = is_lower.then(|| row.hash.parse().ok()).flatten();
        let commitment = commitment.ok_or_else(|| place.corrupt("hash"))?;
        let details = row.details.as_deref().map(Json::parse_stored_jsonb).transpose();
        let classification = row.data_classification.as_deref().map(|word| {
            DataClassification::from_word(word).ok_or_else(|| place.corrupt("data_classification"))
        });
        let latency = row.processing_latency.map(u32::try_from).transpose();
        let archived_at = row.archived_at.map(|at| place.timestamp("archived_at", at)).transpose()?;
        let entry = AuditLogEntry {
            guid: place.parsed("guid", &row.guid)?,
            timestamp: place.timestamp("timestamp", row.timestamp)?,
            user_id: parsed(place, "principal_id", row.principal_id.as_deref())?,
            action: place.parsed("action", &row.action)?,
            event_guid: parsed(place, "event_guid", row.event_guid.as_deref())?,
            entity_guid: parsed(place, "entity_guid", row.entity_guid.as_deref())?,
            changes: row.changes.map(Json::from_canonical_text),
            organization_id: Some(place.parsed("organization_id", &row.organization_id)?),
            target_resource_type: parsed(place, "target_resource_type", row.target_resource_type.as_deref())?,
            target_resource_id: parsed(place, "target_resource_id", row.target_resource_id.as_deref())?,
            status: AuditStatus::from_word(&row.status).ok_or_else(|| place.corrupt("status"))?,
            outcome_description: row.outcome_description.map(Into::into),
            details: details.map_err(|_| place.corrupt("details"))?,
            ttl: parsed(place, "ttl", row.ttl.as_deref())?,
            event_version: parsed(place, "event_version", row.event_version.as_deref())?,
            correlation_id: parsed(place, "correlation_id", row.correlation_id.as_deref())?,
            data_classification: classification.transpose()?,
            retention_policy: parsed(place, "retention_policy", row.retention_policy.as_deref())?,
            processing_latency: latency.map_err(|_| place.corrupt("processing_latency"))?,
            seal: AuditSeal { hash: Some(commitment), signature: row.signature.map(Into::into), archived_at },
        };
        let hash = |column, bytes: Option<Vec<u8>>| bytes.map(|bytes| place.hash(column, &bytes)).transpose();
        Ok(Self {
            position: Position(place.unsigned("position", row.position)?),
            entry,
            salts: place.salts(&row.salts)?,
            parts: AuditParts {
                changes_hash: hash("changes_hash", row.changes_hash)?,
                details_hash: hash("details_hash", row.details_hash)?,
            },
            submitted_by: place.parsed("submitted_by", &row.submitted_by)?,
            recorded_at: place.timestamp("recorded_at", row.recorded_at)?,
            commitment,
            leaf_hash: place.hash("leaf_hash", row.leaf_hash.as_deref().unwrap_or_default())?,
        })
    }
}

fn parsed<T: std::str::FromStr>(
    place: Place<'_>,
    column: &'static str,
    text: Option<&str>,
) -> Result<Option<T>, Corrupt> {
    text.map(|text| place.parsed(column, text)).transpose()
}

struct ByPosition<'a> {
    tenant: &'a str,
    begin: i64,
    last: i64,
    limit: i64,
}

impl Statement for ByPosition<'_> {
    const SQL: &'static str =
        concat!(include_str!("../sql/audit_columns.sql"), include_str!("../sql/audit_by_position.sql"));
    type Columns = AuditColumns;
    type Key = ByPosition<'static>;

    fn bind<'b>(&'b self, number: usize, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match number {
            1 => out.push_bind_param::<Text, _>(&self.tenant),
            2 => out.push_bind_param::<BigInt, _>(&self.begin),
            3 => out.push_bind_param::<BigInt, _>(&self.last),
            4 => out.push_bind_param::<BigInt, _>(&self.limit),
            other => unknown_parameter(other),
        }
    }
}

struct ByGuid<'a> {
    tenant: &'a str,
    guids: &'a [&'a str],
}

impl Statement for ByGuid<'_> {
    const SQL: &'static str =
        concat!(include_str!("../sql/audit_columns.sql"), include_str!("../sql/audit_by_guid.sql"));
    type Columns = AuditColumns;
    type Key = ByGuid<'static>;

    fn bind<'b>(&'b self, number: usize, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match number {
            1 => out.push_bind_param::<Text, _>(&self.tenant),
            2 => out.push_bind_param::<Array<Text>, _>(&self.guids),
            other => unknown_parameter(other),
        }
    }
}

struct Outside<'a> {
    tenant: &'a str,
    end: i64,
    limit: i64,
}

impl Statement for Outside<'_> {
    const SQL: &'static str = include_str!("../sql/audit_outside.sql");
    type Columns = (BigInt, Text);
    type Key = Outside<'static>;

    fn bind<'b>(&'b self, number: usize, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match number {
            1 => out.push_bind_param::<Text, _>(&self.tenant),
            2 => out.push_bind_param::<BigInt, _>(&self.end),
            3 => out.push_bind_param::<BigInt, _>(&self.limit),
            other => unknown_parameter(other),
        }
    }
}

/// Rows with a position from `begin` to `last`, in order, `limit` at most. The key does not keep a second row from a
/// position, since it has the stamp in it.
pub(crate) async fn by_position(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    begin: u64,
    last: u64,
    limit: u32,
) -> Result<Vec<AuditRow>, AccessError> {
    let statement = ByPosition {
        tenant: tenant.as_str(),
        begin: i64::try_from(begin).unwrap_or(i64::MAX),
        last: i64::try_from(last).unwrap_or(i64::MAX),
        limit: i64::from(limit),
    };
    Ok(Prepared(statement).load(connection).await?)
}

/// The entries that have one of these guids, in no order.
pub(crate) async fn by_guid(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    guids: &[&str],
) -> Result<Vec<StoredAuditEntry>, AccessError> {
    believe(Prepared(ByGuid { tenant: tenant.as_str(), guids }).load(connection).await?)
}

/// Turns rows into entries.
///
/// # Errors
/// [`AccessError::Corrupt`] for the first row that cannot be believed.
pub(super) fn believe(rows: Vec<AuditRow>) -> Result<Vec<StoredAuditEntry>, AccessError> {
    rows.into_iter().map(|row| StoredAuditEntry::try_from(row).map_err(AccessError::from)).collect()
}

/// Position and guid of rows that stand before position 0 or from `end` on, `limit` at most of each.
pub(crate) async fn outside(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    end: u64,
    limit: u32,
) -> Result<Vec<(i64, String)>, AccessError> {
    let end = i64::try_from(end).unwrap_or(i64::MAX);
    Ok(Prepared(Outside { tenant: tenant.as_str(), end, limit: i64::from(limit) }).load(connection).await?)
}
