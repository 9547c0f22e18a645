//! A transaction that holds several operations and the caller's own statements: `PgEventStore::transaction`.
//!
//! It is Diesel's, so that the caller can nest Diesel's savepoints in it. The operations in it are sessions on the
//! caller's connection, as `operation` runs them.

use std::ops::{Deref, DerefMut};

use diesel_async::pooled_connection::deadpool::Object;
use diesel_async::{AnsiTransactionManager, AsyncPgConnection, SimpleAsyncConnection, TransactionManager};

use crate::error::AccessError;
use crate::operation::{begin_at, break_off, give_up};
use crate::session::{Connection, Session, Work};
use crate::store::PgEventStore;

/// A session in an open transaction, with the connection for the caller's own statements.
pub struct Transaction<'t> {
    session: Session<'t>,
}

impl<'t> Transaction<'t> {
    fn on(connection: &'t mut AsyncPgConnection, store: &'t PgEventStore) -> Self {
        Self { session: Session::new(Connection::Callers(connection), store) }
    }

    /// The connection. Its transaction is not the caller's to end; savepoints are (`connection().transaction(…)`).
    ///
    /// # Panics
    /// Never: the connection is there as long as the transaction is.
    pub fn connection(&mut self) -> &mut AsyncPgConnection {
        self.session.connection.get().expect("a transaction holds a connection that nothing takes from it")
    }

    /// Runs `work` in a savepoint: what it does is undone if it does not answer `Ok`, and the transaction goes on.
    ///
    /// # Errors
    /// What `work` answers; [`AccessError`] where the savepoint cannot be made or kept.
    pub async fn savepoint<R, E, F>(&mut self, work: F) -> Result<R, E>
    where
        F: for<'r, 'i> AsyncFnOnce(&'r mut Transaction<'i>) -> Result<R, E>
            + for<'r, 'i> Work<&'r mut Transaction<'i>, Result<R, E>, Fut: Send>
            + Send,
        R: Send,
        E: From<AccessError> + Send,
    {
        let store = self.session.store;
        let mut savepoint = Savepoint { connection: self.connection(), is_over: false };
        savepoint.begin().await?;
        let answer = work(&mut Transaction::on(savepoint.connection, store)).await;
        savepoint.end(answer).await
    }
}

impl<'t> Deref for Transaction<'t> {
    type Target = Session<'t>;

    fn deref(&self) -> &Session<'t> {
        &self.session
    }
}

impl DerefMut for Transaction<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.session
    }
}

/// Runs `work` in a transaction of its own on a connection of the pool's.
pub(crate) async fn run<R, E, F>(
    pooled: Object<AsyncPgConnection>,
    store: &PgEventStore,
    work: F,
) -> Result<R, E>
where
    F: for<'r, 't> AsyncFnOnce(&'r mut Transaction<'t>) -> Result<R, E>
        + for<'r, 't> Work<&'r mut Transaction<'t>, Result<R, E>, Fut: Send>
        + Send,
    R: Send,
    E: From<AccessError> + Send,
{
    let mut held = Held(Some(pooled));
    let begin = begin_at("READ COMMITTED, READ WRITE", store.tenant(), store.limits);
    AnsiTransactionManager::begin_transaction_sql(held.connection(), &begin)
        .await
        .map_err(AccessError::from)?;
    let answer = work(&mut Transaction::on(held.connection(), store)).await;
    let answer = end(held.connection(), 1, answer).await;
    // A connection on which anything is still open is given up.
    if depth(held.connection()) == Some(0) {
        drop(held.0.take());
    }
    answer
}

/// A connection of the pool's that does not go back to it with an open transaction.
struct Held(Option<Object<AsyncPgConnection>>);

impl Held {
    fn connection(&mut self) -> &mut AsyncPgConnection {
        self.0.as_mut().expect("the connection is given back at the end alone")
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(pooled) = self.0.take() {
            give_up(pooled);
        }
    }
}

/// A savepoint of Diesel's, and with it the whole transaction, that is broken off when it is dropped before its end:
/// Diesel would take the commit of the transaction for that of the savepoint.
struct Savepoint<'a> {
    connection: &'a mut AsyncPgConnection,
    is_over: bool,
}

impl Savepoint<'_> {
    async fn begin(&mut self) -> Result<(), AccessError> {
        let begun = AnsiTransactionManager::begin_transaction(self.connection).await;
        self.is_over = begun.is_err();
        Ok(begun?)
    }

    async fn end<R, E: From<AccessError>>(mut self, answer: Result<R, E>) -> Result<R, E> {
        let answer = match depth(self.connection) {
            Some(depth) => end(self.connection, depth, answer).await,
            None => answer.and_then(|_| Err(AccessError::TransactionBroken.into())),
        };
        self.is_over = true;
        answer
    }
}

impl Drop for Savepoint<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            break_off(self.connection);
        }
    }
}

/// How many transactions and savepoints of Diesel's are open; `None` where it cannot be told any more.
fn depth(connection: &mut AsyncPgConnection) -> Option<u32> {
    let status = AnsiTransactionManager::transaction_manager_status_mut(connection);
    status.transaction_depth().ok().map(|depth| depth.map_or(0, u32::from))
}

/// Keeps what was done at this depth, or undoes it where it has failed.
async fn end<R, E: From<AccessError>>(
    connection: &mut AsyncPgConnection,
    opened: u32,
    answer: Result<R, E>,
) -> Result<R, E> {
    let value = match answer {
        Ok(value) => value,
        Err(error) => {
            // The first failure is why this one could fail, too; then the connection is given up.
            let _ = AnsiTransactionManager::rollback_transaction(connection).await;
            return Err(error);
        }
    };
    // The commit of a transaction in which a statement has failed is a rollback that reports no error.
    let is_whole = depth(connection) == Some(opened) && connection.batch_execute("SELECT").await.is_ok();
    if !is_whole {
        let _ = AnsiTransactionManager::rollback_transaction(connection).await;
        return Err(AccessError::TransactionBroken.into());
    }
    AnsiTransactionManager::commit_transaction(connection).await.map_err(AccessError::from)?;
    Ok(value)
}
