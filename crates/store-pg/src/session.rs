//! A session: one tenant's operations on one connection of the pool's or of the caller's.
//!
//! Not here: how the transaction of an operation begins and ends (`operation`), and the operations themselves.

use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::deadpool::Object;
use veritrail_core::{LogName, TenantId};

use crate::error::AccessError;
use crate::logs::{self, Log};
use crate::operation::{self, Access, Operation};
use crate::store::PgEventStore;

/// Operations of one tenant on one connection.
///
/// Every operation is one transaction, or a few, in which the tenant is set for row-level security; in an open
/// transaction of the caller's it is a savepoint, and takes no other connection. When the future of an operation is
/// dropped before it is ready, nothing is left half done: a session of the pool's is of no further use then, and a
/// transaction of the caller's can no longer be committed.
pub struct Session<'c> {
    pub(crate) connection: Connection<'c>,
    pub(crate) tenant: &'c TenantId,
    pub(crate) store: &'c PgEventStore,
}

/// A connection of the pool's, until an operation on it is broken off, or of the caller's.
pub(crate) enum Connection<'c> {
    Pooled(Option<Box<Object<AsyncPgConnection>>>),
    Callers(&'c mut AsyncPgConnection),
}

impl Connection<'_> {
    pub(crate) fn get(&mut self) -> Result<&mut AsyncPgConnection, AccessError> {
        match self {
            Self::Pooled(Some(connection)) => Ok(&mut *connection),
            Self::Pooled(None) => Err(AccessError::SessionLost),
            Self::Callers(connection) => Ok(connection),
        }
    }

    /// Whether a transaction is open that someone else will end.
    pub(crate) async fn is_within_transaction(&mut self) -> Result<bool, AccessError> {
        match self {
            Self::Pooled(_) => Ok(false),
            Self::Callers(connection) => operation::is_open(connection).await,
        }
    }
}

/// An asynchronous closure whose future can be sent to another thread.
///
/// Implemented for every such closure; the bound exists because the future of an `AsyncFnOnce` cannot be named.
pub trait Work<T, R>: AsyncFnOnce(T) -> R + FnOnce(T) -> <Self as Work<T, R>>::Fut {
    /// What the closure returns.
    type Fut: Future<Output = R>;
}

impl<F, T, Fut, R> Work<T, R> for F
where
    F: AsyncFnOnce(T) -> R + FnOnce(T) -> Fut,
    Fut: Future<Output = R>,
{
    type Fut = Fut;
}

impl<'c> Session<'c> {
    pub(crate) fn new(connection: Connection<'c>, store: &'c PgEventStore) -> Self {
        Self { connection, tenant: store.tenant(), store }
    }

    /// The identity of the tenant's `events` log; `None` before its first append.
    ///
    /// # Errors
    /// [`AccessError`].
    pub async fn log(&mut self) -> Result<Option<Log>, AccessError> {
        let tenant = self.tenant;
        self.snapshot(async |connection| logs::find(connection, tenant, LogName::Events).await).await
    }

    /// Checks that the database has every migration that this crate was built with.
    ///
    /// # Errors
    /// [`AccessError::NotMigrated`] where one is missing; otherwise [`AccessError::Database`],
    /// [`AccessError::Unreachable`].
    pub async fn check_schema(&mut self) -> Result<(), AccessError> {
        let pending: Vec<String> = self
            .snapshot(async |connection| {
                veritrail_migrations::pending(connection).await.map_err(AccessError::from)
            })
            .await?;
        if pending.is_empty() { Ok(()) } else { Err(AccessError::NotMigrated) }
    }

    /// Whether a transaction is open that someone else will end.
    pub(crate) async fn is_within_transaction(&mut self) -> Result<bool, AccessError> {
        Operation::is_within_transaction(&mut self.connection).await
    }

    /// Reads, all of it in one snapshot; in the caller's transaction, in whatever that one sees.
    pub(crate) fn snapshot<'s, R, E, F>(
        &'s mut self,
        work: F,
    ) -> impl Future<Output = Result<R, E>> + Send + 's
    where
        F: for<'r> AsyncFnOnce(&'r mut AsyncPgConnection) -> Result<R, E>
            + for<'r> Work<&'r mut AsyncPgConnection, Result<R, E>, Fut: Send>
            + Send
            + 's,
        R: Send + 's,
        E: From<AccessError> + Send + 's,
    {
        self.run(Access::Snapshot, work)
    }

    /// Reads what is committed by then and writes: all that the work has written is kept, or nothing.
    pub(crate) fn write<'s, R, E, F>(&'s mut self, work: F) -> impl Future<Output = Result<R, E>> + Send + 's
    where
        F: for<'r> AsyncFnOnce(&'r mut AsyncPgConnection) -> Result<R, E>
            + for<'r> Work<&'r mut AsyncPgConnection, Result<R, E>, Fut: Send>
            + Send
            + 's,
        R: Send + 's,
        E: From<AccessError> + Send + 's,
    {
        self.run(Access::Write, work)
    }

    async fn run<R, E, F>(&mut self, access: Access, work: F) -> Result<R, E>
    where
        F: for<'r> AsyncFnOnce(&'r mut AsyncPgConnection) -> Result<R, E>
            + for<'r> Work<&'r mut AsyncPgConnection, Result<R, E>, Fut: Send>
            + Send,
        R: Send,
        E: From<AccessError> + Send,
    {
        let mut operation =
            Operation::begin(&mut self.connection, self.tenant, self.store.limits, access).await?;
        let answer = work(operation.connection()?).await;
        operation.end(answer).await
    }
}
