//! A row of `events` on its way to an event: each column is decoded once, straight from PostgreSQL's bytes into the type
//! that it ends in. Payloads stay the text that they are: nobody looks inside to read a page.
//!
//! Which rows are read is asked in `events`; whether an event is what was appended is `verify`'s to find.

use diesel::data_types::PgTimestamp;
use diesel::deserialize::{self, FromSql, FromSqlRow, Queryable};
use diesel::pg::{Pg, PgValue};
use diesel::sql_types::{self, BigInt, Binary, Integer, Nullable, SmallInt, Text, Timestamptz};
use veritrail_core::{
    EntityGuid, EventGuid, EventType, FormSubmission, Hash, Json, LeafParts, Position, SALT_BYTES, Salts,
    StoredEvent, Subject, SyncLevel, Timestamp, UserId,
};

use crate::convert::{Corrupt, Place, from_pg};

pub(crate) type EventColumns = (
    BigInt,
    Text,
    Text,
    Text,
    Nullable<Integer>,
    Nullable<sql_types::Json>,
    Nullable<sql_types::Json>,
    Binary,
    Binary,
    Nullable<Binary>,
    Timestamptz,
    Text,
    Text,
    SmallInt,
    Timestamptz,
    Binary,
);

/// What stands in a column: nothing where no code of ours writes such a value.
#[derive(FromSqlRow)]
pub(crate) struct Column<T>(pub(crate) Option<T>);

/// A row of `events` as PostgreSQL gives it: nothing of it is believed yet.
#[derive(Queryable)]
pub(crate) struct EventRow {
    pub(crate) position: i64,
    pub(crate) guid: String,
    entity_guid: Column<EntityGuid>,
    event_type: Column<EventType>,
    schema_version: Option<i32>,
    data: Option<Column<Json>>,
    metadata: Option<Column<Json>>,
    salts: Column<Salts>,
    data_hash: Column<Hash>,
    metadata_hash: Option<Column<Hash>>,
    timestamp: Column<Timestamp>,
    user_id: Column<UserId>,
    submitted_by: Column<Subject>,
    sync_level: Column<SyncLevel>,
    recorded_at: Column<Timestamp>,
    pub(crate) leaf_hash: Column<Hash>,
}

impl TryFrom<EventRow> for StoredEvent {
    type Error = Corrupt;

    fn try_from(row: EventRow) -> Result<Self, Corrupt> {
        let key = row.guid;
        let place = Place { table: "events", key: &key };
        let schema_version = row.schema_version.map(u32::try_from).transpose();
        let event = Unnamed {
            entity_guid: row.entity_guid.believed(place, "entity_guid")?,
            event_type: row.event_type.believed(place, "type")?,
            schema_version: schema_version.map_err(|_| place.corrupt("schema_version"))?,
            data: row.data.unwrap_or(Column(None)).believed(place, "data")?,
            metadata: row.metadata.map(|metadata| metadata.believed(place, "metadata")).transpose()?,
            timestamp: row.timestamp.believed(place, "timestamp")?,
            user_id: row.user_id.believed(place, "user_id")?,
            sync_level: row.sync_level.believed(place, "sync_level")?,
        };
        let metadata_hash = row.metadata_hash.map(|hash| hash.believed(place, "metadata_hash"));
        let position = Position(place.unsigned("position", row.position)?);
        let salts = row.salts.believed(place, "salts")?;
        let parts = LeafParts {
            data_hash: row.data_hash.believed(place, "data_hash")?,
            metadata_hash: metadata_hash.transpose()?,
        };
        let submitted_by = row.submitted_by.believed(place, "submitted_by")?;
        let recorded_at = row.recorded_at.believed(place, "recorded_at")?;
        let leaf_hash = row.leaf_hash.believed(place, "leaf_hash")?;
        // The last one, because it takes the text that errors name the row by.
        let guid =
            EventGuid::new(key).map_err(|_| Place { table: "events", key: &row.position }.corrupt("guid"))?;
        Ok(Self { position, event: event.named(guid), salts, parts, submitted_by, recorded_at, leaf_hash })
    }
}

/// An event but for its guid.
struct Unnamed {
    entity_guid: EntityGuid,
    event_type: EventType,
    schema_version: Option<u32>,
    data: Json,
    metadata: Option<Json>,
    timestamp: Timestamp,
    user_id: UserId,
    sync_level: SyncLevel,
}

impl Unnamed {
    fn named(self, guid: EventGuid) -> FormSubmission {
        FormSubmission {
            guid,
            entity_guid: self.entity_guid,
            event_type: self.event_type,
            schema_version: self.schema_version,
            data: self.data,
            metadata: self.metadata,
            timestamp: self.timestamp,
            user_id: self.user_id,
            sync_level: self.sync_level,
        }
    }
}

impl<T> Column<T> {
    fn believed(self, place: Place<'_>, column: &'static str) -> Result<T, Corrupt> {
        self.0.ok_or_else(|| place.corrupt(column))
    }
}

impl<T: std::str::FromStr> FromSql<Text, Pg> for Column<T> {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(std::str::from_utf8(value.as_bytes()).ok().and_then(|text| text.parse().ok())))
    }
}

impl FromSql<sql_types::Json, Pg> for Column<Json> {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(std::str::from_utf8(value.as_bytes()).ok().map(Json::from_canonical_text)))
    }
}

impl FromSql<Binary, Pg> for Column<Hash> {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(Hash::try_from(value.as_bytes()).ok()))
    }
}

impl FromSql<Binary, Pg> for Column<Salts> {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let bytes: Result<&[u8; 3 * SALT_BYTES], _> = value.as_bytes().try_into();
        Ok(Self(bytes.ok().map(Salts::from_bytes)))
    }
}

impl FromSql<Timestamptz, Pg> for Column<Timestamp> {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let instant = <PgTimestamp as FromSql<Timestamptz, Pg>>::from_sql(value)?;
        Ok(Self(from_pg(instant)))
    }
}

impl FromSql<SmallInt, Pg> for Column<SyncLevel> {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let number = <i16 as FromSql<SmallInt, Pg>>::from_sql(value)?;
        Ok(Self(SyncLevel::from_number(number)))
    }
}
