//! What is stored: events with payloads of some 1,000 bytes, and their columns in PostgreSQL's binary form.

use std::error::Error;

use tokio_postgres::types::{ToSql, Type};
use veritrail_store_pg::veritrail_core::FormSubmission;

use crate::Outcome;

/// Members of a payload of some 1,000 bytes.
const MEMBERS: usize = 40;

/// The columns of `events`, in the order of the table.
pub(crate) const COLUMNS: &str = r#"tenant_id, position, guid, entity_guid, type, schema_version, data, metadata, salts,
    data_hash, metadata_hash, "timestamp", user_id, submitted_by, sync_level, recorded_at, leaf_hash"#;

/// The types of [`COLUMNS`].
pub(crate) const TYPES: [Type; 17] = [
    Type::TEXT,
    Type::INT8,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::INT4,
    Type::JSON,
    Type::JSON,
    Type::BYTEA,
    Type::BYTEA,
    Type::BYTEA,
    Type::TIMESTAMPTZ,
    Type::TEXT,
    Type::TEXT,
    Type::INT2,
    Type::TIMESTAMPTZ,
    Type::BYTEA,
];

/// An event with a payload of some 1,000 bytes.
pub(crate) fn event(n: usize) -> Outcome<FormSubmission> {
    let members: Vec<String> =
        (0..MEMBERS).map(|m| format!(r#""member{m:02}":"value {:08}""#, n * m)).collect();
    let text = format!(
        r#"{{"guid":"event-{n:012}","entityGuid":"entity-{:08}","type":"update-individual","userId":"bench","timestamp":"2026-03-01T12:00:00.000Z","data":{{{}}}}}"#,
        n % 5_000,
        members.join(",")
    );
    Ok(FormSubmission::parse(&text)?)
}

/// An event as a row of `events`; what has no influence on the time is made up.
pub(crate) struct Row<'a> {
    position: i64,
    guid: &'a str,
    entity: &'a str,
    event_type: &'a str,
    data: RawJson<'a>,
    instant: Micros,
    user: &'a str,
    recorded: Micros,
}

impl<'a> Row<'a> {
    pub(crate) fn of(position: i64, event: &'a FormSubmission) -> Self {
        Self {
            position,
            guid: event.guid.as_str(),
            entity: event.entity_guid.as_str(),
            event_type: event.event_type.as_str(),
            data: RawJson(event.data.as_str()),
            instant: Micros(event.timestamp.unix_micros()),
            user: event.user_id.as_str(),
            recorded: Micros(event.timestamp.unix_micros() + position),
        }
    }

    /// The values of [`COLUMNS`].
    pub(crate) fn columns(&self) -> [&(dyn ToSql + Sync); 17] {
        [
            &"default",
            &self.position,
            &self.guid,
            &self.entity,
            &self.event_type,
            &None::<i32>,
            &self.data,
            &None::<RawJson<'static>>,
            &SALTS,
            &HASH,
            &None::<&[u8]>,
            &self.instant,
            &self.user,
            &"bench",
            &0_i16,
            &self.recorded,
            &HASH,
        ]
    }
}

const SALTS: &[u8] = &[7; 48];
const HASH: &[u8] = &[9; 32];

/// A JSON text as the binary form of `json`.
#[derive(Debug)]
struct RawJson<'a>(&'a str);

impl ToSql for RawJson<'_> {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut tokio_postgres::types::private::BytesMut,
    ) -> Result<tokio_postgres::types::IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(self.0.as_bytes());
        Ok(tokio_postgres::types::IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::JSON
    }

    tokio_postgres::types::to_sql_checked!();
}

/// Microseconds since 1970 as the binary form of `timestamptz`.
#[derive(Debug)]
struct Micros(i64);

impl ToSql for Micros {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut tokio_postgres::types::private::BytesMut,
    ) -> Result<tokio_postgres::types::IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(&(self.0 - 946_684_800_000_000).to_be_bytes());
        Ok(tokio_postgres::types::IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::TIMESTAMPTZ
    }

    tokio_postgres::types::to_sql_checked!();
}
