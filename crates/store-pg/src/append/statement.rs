//! The one statement that writes everything of one append, or nothing.
//!
//! Its last part compares the rows that its parts have written with those wanted and raises VT002 if one is
//! short, so that neither a cancelled future nor a caller's own COMMIT can keep half of an append.

use diesel::data_types::PgTimestamp;
use diesel::pg::Pg;
use diesel::query_builder::AstPass;
use diesel::result::QueryResult;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Integer, Nullable, SmallInt, Text, Timestamptz};
use veritrail_applier::{EntityState, EntityWrite};
use veritrail_core::{Epoch, StoredEvent, TenantId};

use super::plan::TreePlan;
use super::tree_columns::TreeColumns;
use crate::convert::{to_bigint, to_pg};
use crate::statement::{Statement, unknown_parameter};

/// An entity that an event touches besides its own.
pub(crate) struct Touched {
    pub(crate) entity_guid: String,
    pub(crate) position: u64,
}

/// The columns of all rows of one append.
pub(crate) struct AppendStatement<'a> {
    tenant: &'a str,
    first: i64,
    events: EventColumns<'a>,
    tree: TreeColumns<'a>,
    expected_versions: String,
    entities: EntityColumns<'a>,
    touched_guids: Vec<&'a str>,
    touched_positions: Vec<i64>,
    added_members: Vec<&'a str>,
    added_groups: Vec<&'a str>,
    removed_members: Vec<&'a str>,
    removed_groups: Vec<&'a str>,
    wanted: Vec<i64>,
}

#[derive(Default)]
struct EventColumns<'a> {
    guids: Vec<&'a str>,
    entity_guids: Vec<&'a str>,
    types: Vec<&'a str>,
    schema_versions: Vec<Option<i32>>,
    data: Vec<&'a str>,
    metadata: Vec<Option<&'a str>>,
    salts: Vec<Vec<u8>>,
    data_hashes: Vec<&'a [u8]>,
    metadata_hashes: Vec<Option<&'a [u8]>>,
    timestamps: Vec<PgTimestamp>,
    user_ids: Vec<&'a str>,
    submitted_by: Vec<&'a str>,
    sync_levels: Vec<i16>,
    recorded_at: Vec<PgTimestamp>,
    leaf_hashes: Vec<&'a [u8]>,
}

#[derive(Default)]
struct EntityColumns<'a> {
    guids: Vec<&'a str>,
    kinds: Vec<&'a str>,
    names: Vec<Option<&'a str>>,
    external_ids: Vec<Option<&'a str>>,
    versions: Vec<i32>,
    initial: Vec<String>,
    modified: Vec<String>,
    positions: Vec<i64>,
    last_updated: Vec<PgTimestamp>,
    deleted_at: Vec<Option<PgTimestamp>>,
}

/// What an append writes.
pub(crate) struct AppendRows<'a> {
    pub(crate) tenant: &'a TenantId,
    pub(crate) epoch: Epoch,
    pub(crate) events: &'a [StoredEvent],
    pub(crate) tree: &'a TreePlan,
    pub(crate) entities: &'a [EntityWrite],
    pub(crate) touched: &'a [Touched],
}

impl<'a> AppendStatement<'a> {
    /// Turns rows into columns.
    pub(crate) fn new(rows: &AppendRows<'a>) -> Self {
        let mut statement = Self {
            tenant: rows.tenant.as_str(),
            first: rows.events.first().map_or(0, |event| to_bigint(event.position.0)),
            events: EventColumns::default(),
            tree: TreeColumns::new(rows.epoch, rows.tree),
            expected_versions: String::new(),
            entities: EntityColumns::default(),
            touched_guids: Vec::new(),
            touched_positions: Vec::new(),
            added_members: Vec::new(),
            added_groups: Vec::new(),
            removed_members: Vec::new(),
            removed_groups: Vec::new(),
            wanted: Vec::new(),
        };
        for event in rows.events {
            statement.events.push(event);
        }
        let mut expected = serde_json::Map::new();
        let first = rows.events.first().map_or(0, |event| event.position.0);
        for write in rows.entities {
            if let Some(version) = write.expected_version {
                expected.insert(write.guid.to_string(), version.into());
            }
            statement.push_entity(write, first);
        }
        statement.expected_versions = serde_json::Value::Object(expected).to_string();
        for touched in rows.touched {
            statement.touched_guids.push(&touched.entity_guid);
            statement.touched_positions.push(to_bigint(touched.position));
        }
        statement.wanted = [
            statement.events.guids.len(),
            statement.tree.tiles(),
            1,
            statement.entities.guids.len(),
            statement.touched_guids.len(),
            statement.added_members.len(),
            statement.removed_members.len(),
        ]
        .map(|count| i64::try_from(count).expect("a row count fits 63 bits"))
        .to_vec();
        statement
    }

    fn push_entity(&mut self, write: &'a EntityWrite, first: u64) {
        let (pair, deleted_at) = match &write.state {
            EntityState::Live(pair) => (pair, None),
            EntityState::Deleted { pair, deleted_at } => (pair, Some(to_pg(*deleted_at))),
        };
        let columns = &mut self.entities;
        let json = |doc| serde_json::to_string(doc).expect("an entity has a JSON form");
        columns.guids.push(write.guid.as_str());
        columns.kinds.push(pair.modified.kind.as_str());
        columns.names.push(pair.modified.name.as_deref());
        columns.external_ids.push(pair.modified.external_id.as_deref());
        columns.versions.push(i32::try_from(write.version).expect("a version fits an integer column"));
        columns.initial.push(json(&pair.initial));
        columns.modified.push(json(&pair.modified));
        columns
            .positions
            .push(to_bigint(first + u64::try_from(write.last_event).expect("an index fits 64 bits")));
        columns.last_updated.push(to_pg(pair.modified.last_updated));
        columns.deleted_at.push(deleted_at);
        for member in &write.members_added {
            self.added_members.push(member.as_str());
            self.added_groups.push(write.guid.as_str());
        }
        for member in &write.members_removed {
            self.removed_members.push(member.as_str());
            self.removed_groups.push(write.guid.as_str());
        }
    }
}

impl<'a> EventColumns<'a> {
    fn push(&mut self, stored: &'a StoredEvent) {
        let event = &stored.event;
        self.guids.push(event.guid.as_str());
        self.entity_guids.push(event.entity_guid.as_str());
        self.types.push(event.event_type.as_str());
        self.schema_versions.push(event.schema_version.map(|version| {
            i32::try_from(version).expect("validation keeps a schema version within an integer column")
        }));
        self.data.push(event.data.as_str());
        self.metadata.push(event.metadata.as_ref().map(veritrail_core::Json::as_str));
        self.salts.push(stored.salts.to_bytes().to_vec());
        self.data_hashes.push(stored.parts.data_hash.as_bytes());
        self.metadata_hashes.push(stored.parts.metadata_hash.as_ref().map(|hash| hash.as_bytes().as_slice()));
        self.timestamps.push(to_pg(event.timestamp));
        self.user_ids.push(event.user_id.as_str());
        self.submitted_by.push(stored.submitted_by.as_str());
        self.sync_levels.push(event.sync_level.number());
        self.recorded_at.push(to_pg(stored.recorded_at));
        self.leaf_hashes.push(stored.leaf_hash.as_bytes());
    }
}

impl Statement for AppendStatement<'_> {
    const SQL: &'static str = include_str!("../sql/append.sql");
    type Columns = Bool;
    type Key = AppendStatement<'static>;

    fn bind<'b>(&'b self, number: usize, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let (events, entities) = (&self.events, &self.entities);
        match number {
            1 => out.push_bind_param::<Text, _>(&self.tenant),
            2 => out.push_bind_param::<BigInt, _>(&self.first),
            3 => out.push_bind_param::<Array<Text>, _>(&events.guids),
            4 => out.push_bind_param::<Array<Text>, _>(&events.entity_guids),
            5 => out.push_bind_param::<Array<Text>, _>(&events.types),
            6 => out.push_bind_param::<Array<Nullable<Integer>>, _>(&events.schema_versions),
            7 => out.push_bind_param::<Array<Text>, _>(&events.data),
            8 => out.push_bind_param::<Array<Nullable<Text>>, _>(&events.metadata),
            9 => out.push_bind_param::<Array<Binary>, _>(&events.salts),
            10 => out.push_bind_param::<Array<Binary>, _>(&events.data_hashes),
            11 => out.push_bind_param::<Array<Nullable<Binary>>, _>(&events.metadata_hashes),
            12 => out.push_bind_param::<Array<Timestamptz>, _>(&events.timestamps),
            13 => out.push_bind_param::<Array<Text>, _>(&events.user_ids),
            14 => out.push_bind_param::<Array<Text>, _>(&events.submitted_by),
            15 => out.push_bind_param::<Array<SmallInt>, _>(&events.sync_levels),
            16 => out.push_bind_param::<Array<Timestamptz>, _>(&events.recorded_at),
            17 => out.push_bind_param::<Array<Binary>, _>(&events.leaf_hashes),
            18..=26 => self.tree.bind(number - 18, out),
            27 => out.push_bind_param::<Text, _>(&self.expected_versions),
            28 => out.push_bind_param::<Array<Text>, _>(&entities.guids),
            29 => out.push_bind_param::<Array<Text>, _>(&entities.kinds),
            30 => out.push_bind_param::<Array<Nullable<Text>>, _>(&entities.names),
            31 => out.push_bind_param::<Array<Nullable<Text>>, _>(&entities.external_ids),
            32 => out.push_bind_param::<Array<Integer>, _>(&entities.versions),
            33 => out.push_bind_param::<Array<Text>, _>(&entities.initial),
            34 => out.push_bind_param::<Array<Text>, _>(&entities.modified),
            35 => out.push_bind_param::<Array<BigInt>, _>(&entities.positions),
            36 => out.push_bind_param::<Array<Timestamptz>, _>(&entities.last_updated),
            37 => out.push_bind_param::<Array<Nullable<Timestamptz>>, _>(&entities.deleted_at),
            38 => out.push_bind_param::<Array<Text>, _>(&self.touched_guids),
            39 => out.push_bind_param::<Array<BigInt>, _>(&self.touched_positions),
            40 => out.push_bind_param::<Array<Text>, _>(&self.added_members),
            41 => out.push_bind_param::<Array<Text>, _>(&self.added_groups),
            42 => out.push_bind_param::<Array<Text>, _>(&self.removed_members),
            43 => out.push_bind_param::<Array<Text>, _>(&self.removed_groups),
            44 => out.push_bind_param::<Array<BigInt>, _>(&self.wanted),
            other => unknown_parameter(other),
        }
    }
}
