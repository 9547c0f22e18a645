//! Whether what was committed has reached the server's disk: with `synchronous_commit = off` a crash could take back
//! what was signed.

use std::time::Duration;

use diesel::pg::Pg;
use diesel::query_builder::AstPass;
use diesel::result::QueryResult;
use diesel::sql_types::{Bool, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::PublishError;
use crate::error::AccessError;
use crate::statement::{Prepared, Statement, unknown_parameter};

/// How often, and how long apart, the server is asked whether the head has reached its disk.
const FLUSH_CHECKS: u32 = 100;
const FLUSH_PAUSE: Duration = Duration::from_millis(20);

struct InsertPosition;

impl Statement for InsertPosition {
    const SQL: &'static str = "SELECT pg_current_wal_insert_lsn()::text";
    type Columns = Text;
    type Key = InsertPosition;

    fn bind<'b>(&'b self, number: usize, _out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        unknown_parameter(number)
    }
}

struct IsFlushed {
    position: String,
}

impl Statement for IsFlushed {
    const SQL: &'static str = "SELECT pg_current_wal_flush_lsn() >= $1::text::pg_lsn";
    type Columns = Bool;
    type Key = IsFlushed;

    fn bind<'b>(&'b self, number: usize, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match number {
            1 => out.push_bind_param::<Text, _>(&self.position),
            other => unknown_parameter(other),
        }
    }
}

/// Waits until everything that was committed before this call is on the server's disk.
pub(super) async fn wait_until_flushed(connection: &mut AsyncPgConnection) -> Result<(), PublishError> {
    let position: String =
        Prepared(InsertPosition).get_result(connection).await.map_err(AccessError::from)?;
    for _ in 0..FLUSH_CHECKS {
        let statement = Prepared(IsFlushed { position: position.clone() });
        let flushed: bool = statement.get_result(connection).await.map_err(AccessError::from)?;
        if flushed {
            return Ok(());
        }
        tokio::time::sleep(FLUSH_PAUSE).await;
    }
    Err(PublishError::NotFlushed)
}
