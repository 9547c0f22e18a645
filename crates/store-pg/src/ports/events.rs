//! The port of the events on PostgreSQL.

use diesel::pg::Pg;
use diesel::query_builder::AstPass;
use diesel::result::QueryResult;
use diesel::sql_types::{BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use veritrail_core::store::{EventStore, ReadPageError, SaveEventsError};
use veritrail_core::{
    EntityGuid, EventGuid, FormSubmission, Position, Receipt, StoredEvent, Subject, TenantId,
};

use super::PortError;
use crate::error::AccessError;
use crate::events::{self, EventColumns, EventRow};
use crate::session::{Connection, Session};
use crate::statement::{Prepared, Statement, unknown_parameter};
use crate::submit::{Applying, Outcome, Rejection, SubmitError};
use crate::sync_levels;

impl EventStore for Session<'_> {
    async fn save_events(
        &mut self,
        events: &[FormSubmission],
        submitted_by: &Subject,
    ) -> Result<Vec<Receipt>, SaveEventsError<PortError>> {
        SaveEventsError::check(events)?;
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let store = self.store;
        let saved: Result<Vec<Receipt>, Unsaved> = self
            .write(async |connection| {
                let mut inner = Session::new(Connection::Callers(connection), store);
                let submitted = inner.submit(events, submitted_by, Applying::AppendOnly).await?;
                all_recorded(submitted.outcomes)
            })
            .await;
        saved.map_err(|unsaved| unsaved.of(events))
    }

    async fn event(&mut self, guid: &EventGuid) -> Result<Option<StoredEvent>, PortError> {
        Ok(Session::event(self, guid).await?)
    }

    async fn event_exists(&mut self, guid: &EventGuid) -> Result<bool, PortError> {
        Ok(Session::event(self, guid).await?.is_some())
    }

    async fn events_from(
        &mut self,
        begin: Position,
        limit: u32,
    ) -> Result<Vec<StoredEvent>, ReadPageError<PortError>> {
        ReadPageError::check(limit)?;
        let tenant = self.tenant;
        self.snapshot(async |connection| {
            let rows = events::by_position(connection, tenant, begin.0, u64::MAX, limit).await?;
            complete(connection, tenant, rows).await
        })
        .await
        .map_err(unread)
    }

    async fn events_about(
        &mut self,
        entity: &EntityGuid,
        begin: Position,
        limit: u32,
    ) -> Result<Vec<StoredEvent>, ReadPageError<PortError>> {
        ReadPageError::check(limit)?;
        let tenant = self.tenant;
        let statement = EventsAbout {
            tenant: tenant.as_str(),
            entity: entity.as_str(),
            begin: i64::try_from(begin.0).unwrap_or(i64::MAX),
            limit: i64::from(limit),
        };
        self.snapshot(async |connection| {
            let rows: Vec<EventRow> = Prepared(statement).load(connection).await?;
            complete(connection, tenant, rows).await
        })
        .await
        .map_err(unread)
    }
}

/// Events of rows, with the level that they have reached by now.
async fn complete(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    rows: Vec<EventRow>,
) -> Result<Vec<StoredEvent>, AccessError> {
    let mut found = events::believe(rows)?;
    sync_levels::complete(connection, tenant, &mut found).await?;
    Ok(found)
}

pub(super) fn unread(error: AccessError) -> ReadPageError<PortError> {
    ReadPageError::Store(error.into())
}

/// Why a batch is rolled back.
enum Unsaved {
    Rejected { index: usize, rejection: Rejection },
    Failed(SubmitError),
}

/// The receipts of a batch, or the first event that was refused.
fn all_recorded(outcomes: Vec<Outcome>) -> Result<Vec<Receipt>, Unsaved> {
    outcomes
        .into_iter()
        .enumerate()
        .map(|(index, outcome)| match outcome {
            Outcome::Recorded(receipt) => Ok(receipt),
            Outcome::Rejected(rejection) => Err(Unsaved::Rejected { index, rejection }),
        })
        .collect()
}

impl Unsaved {
    /// The port's error, for a batch of these events.
    fn of(self, events: &[FormSubmission]) -> SaveEventsError<PortError> {
        let (index, rejection) = match self {
            Self::Rejected { index, rejection } => (index, rejection),
            Self::Failed(SubmitError::BatchTooLarge(count)) => return SaveEventsError::TooMany(count),
            Self::Failed(SubmitError::BatchTooHeavy(bytes)) => return SaveEventsError::TooHeavy(bytes),
            Self::Failed(SubmitError::Append(error)) => return SaveEventsError::Store(error.into()),
        };
        match rejection {
            Rejection::Conflict { guid, field } => SaveEventsError::Conflict { index, guid, field },
            Rejection::Invalid(source) => {
                SaveEventsError::Invalid { index, guid: events[index].guid.clone(), source }
            }
            Rejection::DoesNotApply(error) => unreachable!("nothing was to be applied: {error}"),
        }
    }
}

impl From<SubmitError> for Unsaved {
    fn from(error: SubmitError) -> Self {
        Self::Failed(error)
    }
}

impl From<AccessError> for Unsaved {
    fn from(error: AccessError) -> Self {
        Self::Failed(error.into())
    }
}

struct EventsAbout<'a> {
    tenant: &'a str,
    entity: &'a str,
    begin: i64,
    limit: i64,
}

impl Statement for EventsAbout<'_> {
    const SQL: &'static str =
        concat!(include_str!("../sql/event_columns.sql"), include_str!("../sql/events_about.sql"));
    type Columns = EventColumns;
    type Key = EventsAbout<'static>;

    fn bind<'b>(&'b self, number: usize, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match number {
            1 => out.push_bind_param::<Text, _>(&self.tenant),
            2 => out.push_bind_param::<Text, _>(&self.entity),
            3 => out.push_bind_param::<BigInt, _>(&self.begin),
            4 => out.push_bind_param::<BigInt, _>(&self.limit),
            other => unknown_parameter(other),
        }
    }
}
