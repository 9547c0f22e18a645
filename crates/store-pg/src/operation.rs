//! The transaction of one operation: how it begins with its tenant set, how it ends, and how it is broken off.
//!
//! On a connection that no transaction is open on, an operation has a transaction of its own. In a transaction of the
//! caller's it is a savepoint, and the tenant that was set before is set again when it ends. Diesel's transaction
//! manager is asked whether the caller has told it of a transaction, and is told when that one is lost; it does not
//! take part otherwise, because a future of its own that is dropped spoils the connection for good.
//!
//! Not here: what the operations do, and the connection that they do it on (`session`).

use std::time::Duration;

use diesel::pg::Pg;
use diesel::query_builder::AstPass;
use diesel::result::QueryResult;
use diesel::sql_types::Bool;
use diesel_async::pooled_connection::deadpool::Object;
use diesel_async::{
    AnsiTransactionManager, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection, TransactionManager,
};
use futures_util::FutureExt;
use tokio::runtime::Handle;
use veritrail_core::TenantId;

use crate::error::AccessError;
use crate::session::Connection;
use crate::statement::{Prepared, Statement, unknown_parameter};

/// How long the server may take to cancel the statement of a connection that is given up.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(5);
/// Makes the server refuse whatever follows in a transaction, and its commit.
const ABORT: &str = "DO $$ BEGIN RAISE EXCEPTION 'an operation of this transaction was cancelled' \
                     USING ERRCODE = 'VT006', CONSTRAINT = 'operation_cancelled'; END $$";

/// How long a transaction of the store's own may wait and be idle. Transactions of the caller's keep the caller's limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionLimits {
    /// How long an append waits for the log's lock before it is refused as busy
    /// ([`AccessError::LogBusy`]). Zero: for ever. 10 seconds by default.
    pub lock_timeout: Duration,
    /// How long the server keeps a transaction whose client says nothing, and the locks that it holds. Zero: for ever.
    /// 60 seconds by default.
    pub idle_timeout: Duration,
}

impl Default for TransactionLimits {
    fn default() -> Self {
        Self { lock_timeout: Duration::from_secs(10), idle_timeout: Duration::from_secs(60) }
    }
}

/// What a transaction of an operation's own may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Reads alone, all of it in one snapshot.
    Snapshot,
    /// Reads what is committed by then, and writes.
    Write,
}

/// Where an operation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// Not asked yet.
    Unknown,
    /// In a transaction of its own.
    Own,
    /// In one that the caller has opened and will end.
    Callers,
}

/// Holds a connection during an operation and breaks it off when it is dropped before its end: the future was
/// cancelled, or it panicked.
///
/// What was left half done must neither be gone on with nor committed. A connection of the pool's is closed, its
/// statement cancelled. On the caller's connection the statement under way runs to its end; then a transaction of our
/// own is rolled back, and one of the caller's is made to fail, so that nothing of it can be committed.
pub(crate) struct Operation<'a, 'c> {
    connection: &'a mut Connection<'c>,
    scope: Scope,
    is_entered: bool,
    is_over: bool,
}

impl<'a, 'c> Operation<'a, 'c> {
    /// Begins a transaction, or a savepoint in the caller's, in which the tenant is set.
    pub(crate) async fn begin(
        connection: &'a mut Connection<'c>,
        tenant: &TenantId,
        limits: TransactionLimits,
        access: Access,
    ) -> Result<Self, AccessError> {
        let mut operation = Self { connection, scope: Scope::Unknown, is_entered: false, is_over: false };
        match operation.enter(tenant, limits, access).await {
            Ok(()) => Ok(operation),
            Err(error) => {
                operation.is_over = true;
                operation.recover().await;
                Err(error)
            }
        }
    }

    /// Asks whether a transaction is open that someone else will end.
    pub(crate) async fn is_within_transaction(
        connection: &'a mut Connection<'c>,
    ) -> Result<bool, AccessError> {
        let mut operation = Self { connection, scope: Scope::Unknown, is_entered: false, is_over: false };
        let answer = operation.connection.is_within_transaction().await;
        operation.is_over = true;
        answer
    }

    pub(crate) fn connection(&mut self) -> Result<&mut AsyncPgConnection, AccessError> {
        self.connection.get()
    }

    async fn enter(
        &mut self,
        tenant: &TenantId,
        limits: TransactionLimits,
        access: Access,
    ) -> Result<(), AccessError> {
        let is_open = self.connection.is_within_transaction().await?;
        let begin = if is_open {
            self.scope = Scope::Callers;
            savepoint(tenant)
        } else {
            self.scope = Scope::Own;
            begin(tenant, limits, access)
        };
        self.connection.get()?.batch_execute(&begin).await?;
        self.is_entered = true;
        Ok(())
    }

    /// Keeps what was done, or undoes it where it has failed.
    pub(crate) async fn end<R, E: From<AccessError>>(mut self, answer: Result<R, E>) -> Result<R, E> {
        let sql = match (self.scope, answer.is_ok()) {
            (Scope::Own | Scope::Unknown, true) => "COMMIT",
            (Scope::Own | Scope::Unknown, false) => "ROLLBACK",
            (Scope::Callers, true) => RELEASE,
            (Scope::Callers, false) => ROLLBACK_TO,
        };
        let ended = match self.connection.get() {
            Ok(connection) => connection.batch_execute(sql).await.map_err(AccessError::from),
            Err(error) => Err(error),
        };
        self.is_over = true;
        let Err(error) = ended else { return answer };
        self.recover().await;
        // The first failure is why the transaction could not end either.
        answer.and_then(|_| Err(error.into()))
    }

    /// Leaves no transaction of ours open after a statement that begins or ends one has failed.
    async fn recover(&mut self) {
        match (&mut *self.connection, self.scope) {
            (Connection::Pooled(pooled), Scope::Own) => drop(pooled.take().map(|taken| Object::take(*taken))),
            // Where the connection has gone there is nothing to roll back, nor anybody to tell.
            (Connection::Callers(connection), Scope::Own) => drop(connection.batch_execute("ROLLBACK").await),
            // Without its savepoint the caller's transaction cannot be gone on with; where it was none from the start,
            // as in one that has failed already, the caller knows.
            (Connection::Callers(connection), Scope::Callers) if self.is_entered => mark_broken(connection),
            _ => {}
        }
    }
}

impl Drop for Operation<'_, '_> {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        match &mut *self.connection {
            Connection::Pooled(pooled) => {
                if let Some(pooled) = pooled.take() {
                    give_up(*pooled);
                }
            }
            Connection::Callers(connection) if self.scope == Scope::Own => send(connection, "ROLLBACK"),
            Connection::Callers(connection) => break_off(connection),
        }
    }
}

/// Makes the transaction that is open on a connection of the caller's fail: on the server, which lets go of its locks,
/// and at its commit through Diesel.
pub(crate) fn break_off(connection: &mut AsyncPgConnection) {
    mark_broken(connection);
    // A failure within our savepoint would leave the caller its locks; without one, this fails, too.
    send(connection, ROLLBACK_TO);
    send(connection, ABORT);
}

/// A commit that is sent as text ends a failed transaction in silence, with nothing kept; Diesel's is told.
fn mark_broken(connection: &mut AsyncPgConnection) {
    let status = AnsiTransactionManager::transaction_manager_status_mut(connection);
    if matches!(status.transaction_depth(), Ok(Some(_))) {
        status.set_in_error();
    }
}

/// Puts a statement behind the one under way; nobody waits for the answer. A future that is asked once has done so.
fn send(connection: &mut AsyncPgConnection, sql: &str) {
    let _ = connection.batch_execute(sql).now_or_never();
}

/// Closes a connection of the pool's whose transaction nobody will end. Its statement is cancelled first: the server
/// would run it to its end for nobody, with all the locks of the transaction.
pub(crate) fn give_up(pooled: Object<AsyncPgConnection>) {
    let connection = Object::take(pooled);
    let Ok(runtime) = Handle::try_current() else { return };
    let cancel = connection.cancel_token();
    runtime.spawn(async move {
        let _ = tokio::time::timeout(CANCEL_TIMEOUT, cancel.cancel_query(tokio_postgres::NoTls)).await;
        drop(connection);
    });
}

const RELEASE: &str = "RELEASE SAVEPOINT veritrail_operation; \
    SELECT set_config('veritrail.tenant_id', current_setting('veritrail.outer_tenant_id'), true)";
const ROLLBACK_TO: &str = "ROLLBACK TO SAVEPOINT veritrail_operation; RELEASE SAVEPOINT veritrail_operation";

/// Rolling back to the savepoint also brings back the tenant that was set before it.
fn savepoint(tenant: &TenantId) -> String {
    format!(
        "SAVEPOINT veritrail_operation; \
         SELECT set_config('veritrail.outer_tenant_id', \
             coalesce(current_setting('veritrail.tenant_id', true), ''), true); \
         SET LOCAL veritrail.tenant_id = {}",
        literal(tenant.as_str())
    )
}

fn begin(tenant: &TenantId, limits: TransactionLimits, access: Access) -> String {
    let level = match access {
        Access::Snapshot => "REPEATABLE READ, READ ONLY",
        // Whatever the database's default is: the head must be read as it is once the lock is had.
        Access::Write => "READ COMMITTED, READ WRITE",
    };
    begin_at(level, tenant, limits)
}

/// The text that begins a transaction with its tenant and its limits set, in one round trip.
pub(crate) fn begin_at(level: &str, tenant: &TenantId, limits: TransactionLimits) -> String {
    format!(
        "BEGIN ISOLATION LEVEL {level}; SET LOCAL veritrail.tenant_id = {}; SET LOCAL lock_timeout = {}; \
         SET LOCAL idle_in_transaction_session_timeout = {}",
        literal(tenant.as_str()),
        milliseconds(limits.lock_timeout),
        milliseconds(limits.idle_timeout),
    )
}

/// PostgreSQL counts in whole milliseconds and takes zero for no limit.
fn milliseconds(duration: Duration) -> i32 {
    let at_least_one = if duration.is_zero() { 0 } else { duration.as_millis().max(1) };
    i32::try_from(at_least_one).unwrap_or(i32::MAX)
}

/// A text as a literal that means the same whether or not `standard_conforming_strings` is on.
fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// Whether a transaction is open on the caller's connection, also one that was begun by a text.
///
/// Diesel knows of those that it has begun, and the protocol's own answer is handed on by nobody. So a setting is made
/// that lasts until the transaction ends: a later statement sees it only where that one has not ended yet.
pub(crate) async fn is_open(connection: &mut AsyncPgConnection) -> Result<bool, AccessError> {
    let status = AnsiTransactionManager::transaction_manager_status_mut(connection);
    match status.transaction_depth() {
        Ok(Some(_)) => return Ok(true),
        Ok(None) => {}
        Err(_) => return Err(AccessError::TransactionBroken),
    }
    connection.batch_execute("SELECT set_config('veritrail.open_transaction', 'yes', true)").await?;
    Ok(Prepared(IsOpen).get_result(connection).await?)
}

struct IsOpen;

impl Statement for IsOpen {
    const SQL: &'static str =
        "SELECT coalesce(current_setting('veritrail.open_transaction', true), '') = 'yes'";
    type Columns = Bool;
    type Key = IsOpen;

    fn bind<'b>(&'b self, number: usize, _out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        unknown_parameter(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_holds_quotes_and_backslashes() {
        assert_eq!(literal(r"it's \' $$"), r"E'it''s \\'' $$'");
    }

    #[test]
    fn a_limit_below_a_millisecond_is_none_of_zero() {
        let counted = [Duration::ZERO, Duration::from_micros(1), Duration::from_secs(2), Duration::MAX];
        assert_eq!(counted.map(milliseconds), [0, 1, 2_000, i32::MAX]);
    }
}
