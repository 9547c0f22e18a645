//! The one statement that writes everything of an append to the audit log, or nothing.

use diesel::data_types::PgTimestamp;
use diesel::pg::Pg;
use diesel::query_builder::AstPass;
use diesel::result::QueryResult;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Integer, Nullable, Text, Timestamptz};
use veritrail_core::{DataClassification, Epoch, Json, ShortText, StoredAuditEntry, TenantId};

use crate::append::{TreeColumns, TreePlan};
use crate::convert::{to_bigint, to_pg};
use crate::statement::{Statement, unknown_parameter};

/// The columns of all rows of one append.
pub(super) struct AuditStatement<'a> {
    tenant: &'a str,
    first: i64,
    entries: EntryColumns<'a>,
    tree: TreeColumns<'a>,
    wanted: Vec<i64>,
}

#[derive(Default)]
struct EntryColumns<'a> {
    guids: Vec<&'a str>,
    timestamps: Vec<PgTimestamp>,
    ttls: Vec<Option<&'a str>>,
    principal_ids: Vec<Option<&'a str>>,
    organization_ids: Vec<Option<&'a str>>,
    actions: Vec<&'a str>,
    resource_types: Vec<Option<&'a str>>,
    resource_ids: Vec<Option<&'a str>>,
    statuses: Vec<&'a str>,
    outcomes: Vec<Option<&'a str>>,
    hashes: Vec<String>,
    event_versions: Vec<Option<&'a str>>,
    correlation_ids: Vec<Option<&'a str>>,
    classifications: Vec<Option<&'a str>>,
    policies: Vec<Option<&'a str>>,
    latencies: Vec<Option<i32>>,
    details: Vec<Option<&'a str>>,
    event_guids: Vec<Option<&'a str>>,
    entity_guids: Vec<Option<&'a str>>,
    changes: Vec<Option<&'a str>>,
    signatures: Vec<Option<&'a str>>,
    salts: Vec<Vec<u8>>,
    changes_hashes: Vec<Option<&'a [u8]>>,
    details_hashes: Vec<Option<&'a [u8]>>,
    submitted_by: Vec<&'a str>,
    recorded_at: Vec<PgTimestamp>,
    leaf_hashes: Vec<&'a [u8]>,
}

impl<'a> AuditStatement<'a> {
    /// Turns rows into columns.
    pub(super) fn new(
        tenant: &'a TenantId,
        epoch: Epoch,
        entries: &'a [StoredAuditEntry],
        tree: &'a TreePlan,
    ) -> Self {
        let mut columns = EntryColumns::default();
        for entry in entries {
            columns.push(entry);
        }
        let tree = TreeColumns::new(epoch, tree);
        let wanted = [entries.len(), entries.len(), tree.tiles(), 1]
            .map(|count| i64::try_from(count).expect("a row count fits 63 bits"));
        Self {
            tenant: tenant.as_str(),
            first: entries.first().map_or(0, |entry| to_bigint(entry.position.0)),
            entries: columns,
            tree,
            wanted: wanted.to_vec(),
        }
    }
}

impl<'a> EntryColumns<'a> {
    fn push(&mut self, stored: &'a StoredAuditEntry) {
        let entry = &stored.entry;
        self.guids.push(entry.guid.as_str());
        self.timestamps.push(to_pg(entry.timestamp));
        self.ttls.push(short(entry.ttl.as_ref()));
        self.principal_ids.push(entry.user_id.as_ref().map(AsRef::as_ref));
        self.organization_ids.push(short(entry.organization_id.as_ref()));
        self.actions.push(entry.action.as_str());
        self.resource_types.push(short(entry.target_resource_type.as_ref()));
        self.resource_ids.push(short(entry.target_resource_id.as_ref()));
        self.statuses.push(entry.status.as_str());
        self.outcomes.push(entry.outcome_description.as_deref());
        self.hashes.push(stored.commitment.to_string());
        self.event_versions.push(short(entry.event_version.as_ref()));
        self.correlation_ids.push(short(entry.correlation_id.as_ref()));
        self.classifications.push(entry.data_classification.map(DataClassification::as_str));
        self.policies.push(short(entry.retention_policy.as_ref()));
        self.latencies.push(entry.processing_latency.map(|latency| {
            i32::try_from(latency).expect("validation keeps a latency within an integer column")
        }));
        self.details.push(entry.details.as_ref().map(Json::as_str));
        self.event_guids.push(entry.event_guid.as_ref().map(AsRef::as_ref));
        self.entity_guids.push(entry.entity_guid.as_ref().map(AsRef::as_ref));
        self.changes.push(entry.changes.as_ref().map(Json::as_str));
        self.signatures.push(entry.seal.signature.as_deref());
        self.salts.push(stored.salts.to_bytes().to_vec());
        self.changes_hashes.push(stored.parts.changes_hash.as_ref().map(|hash| hash.as_bytes().as_slice()));
        self.details_hashes.push(stored.parts.details_hash.as_ref().map(|hash| hash.as_bytes().as_slice()));
        self.submitted_by.push(stored.submitted_by.as_str());
        self.recorded_at.push(to_pg(stored.recorded_at));
        self.leaf_hashes.push(stored.leaf_hash.as_bytes());
    }

    /// Binds one of the columns, by the number of its parameter.
    fn bind<'b>(&'b self, number: usize, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match number {
            3 => out.push_bind_param::<Array<Text>, _>(&self.guids),
            4 => out.push_bind_param::<Array<Timestamptz>, _>(&self.timestamps),
            5 => out.push_bind_param::<Array<Nullable<Text>>, _>(&self.ttls),
            6 => out.push_bind_param::<Array<Nullable<Text>>, _>(&self.principal_ids),
            7 => out.push_bind_param::<Array<Nullable<Text>>, _>(&self.organization_ids),
            8 => out.push_bind_param::<Array<Text>, _>(&self.actions),
            9 => out.push_bind_param::<Array<Nullable<Text>>, _>(&self.resource_types),
            10 => out.push_bind_param::<Array<Nullable<Text>>, _>(&self.resource_ids),
            11 => out.push_bind_param::<Array<Text>, _>(&self.statuses),
            12 => out.push_bind_param::<Array<Nullable<Text>>, _>(&self.outcomes),
            13 => out.push_bind_param::<Array<Text>, _>(&self.hashes),
            14 => out.push_bind_param::<Array<Nullable<Text>>, _>(&self.event_versions),
            15 => out.push_bind_param::<Array<Nullable<Text>>, _>(&self.correlation_ids),
            16 => out.push_bind_param::<Array<Nullable<Text>>, _>(&self.classifications),
            17 => out.push_bind_param::<Array<Nullable<Text>>, _>(&self.policies),
            18 => out.push_bind_param::<Array<Nullable<Integer>>, _>(&self.latencies),
            19 => out.push_bind_param::<Array<Nullable<Text>>, _>(&self.details),
            20 => out.push_bind_param::<Array<Nullable<Text>>, _>(&self.event_guids),
            21 => out.push_bind_param::<Array<Nullable<Text>>, _>(&self.entity_guids),
            22 => out.push_bind_param::<Array<Nullable<Text>>, _>(&self.changes),
            23 => out.push_bind_param::<Array<Nullable<Text>>, _>(&self.signatures),
            24 => out.push_bind_param::<Array<Binary>, _>(&self.salts),
            25 => out.push_bind_param::<Array<Nullable<Binary>>, _>(&self.changes_hashes),
            26 => out.push_bind_param::<Array<Nullable<Binary>>, _>(&self.details_hashes),
            27 => out.push_bind_param::<Array<Text>, _>(&self.submitted_by),
            28 => out.push_bind_param::<Array<Timestamptz>, _>(&self.recorded_at),
            29 => out.push_bind_param::<Array<Binary>, _>(&self.leaf_hashes),
            other => unknown_parameter(other),
        }
    }
}

fn short<const CHARS: usize>(text: Option<&ShortText<CHARS>>) -> Option<&str> {
    text.map(ShortText::as_str)
}

impl Statement for AuditStatement<'_> {
    const SQL: &'static str = include_str!("../sql/audit_append.sql");
    type Columns = Bool;
    type Key = AuditStatement<'static>;

    fn bind<'b>(&'b self, number: usize, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match number {
            1 => out.push_bind_param::<Text, _>(&self.tenant),
            2 => out.push_bind_param::<BigInt, _>(&self.first),
            3..=29 => self.entries.bind(number, out),
            30..=38 => self.tree.bind(number - 30, out),
            39 => out.push_bind_param::<Array<BigInt>, _>(&self.wanted),
            other => unknown_parameter(other),
        }
    }
}
