//! `PgEventStore`: a tenant's store on a pool that it owns or was handed.
//!
//! Not here: what can be done on its connections (`session`).

use std::sync::Arc;
use std::time::Duration;

use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::pooled_connection::deadpool::Pool;
use veritrail_applier::Registry;
use veritrail_core::{AuditSignerKey, TenantId};

use crate::error::AccessError;
use crate::operation::TransactionLimits;
use crate::session::{Connection, Session, Work};
use crate::transaction::{self, Transaction};

/// A pool of connections, as diesel-async and deadpool make it.
pub type PgPool = Pool<AsyncPgConnection>;

/// Connections that a store with a pool of its own keeps at most.
const OWNED_POOL_SIZE: usize = 8;
/// How long a store with a pool of its own waits for a connection to be made or to become free.
const OWNED_POOL_TIMEOUT: Duration = Duration::from_secs(30);

/// A tenant's event store on PostgreSQL. Cheap to clone.
#[derive(Clone)]
pub struct PgEventStore {
    pool: PgPool,
    owns_pool: bool,
    tenant: TenantId,
    pub(crate) registry: Arc<Registry>,
    pub(crate) limits: TransactionLimits,
    pub(crate) audit_key: Option<Arc<AuditSignerKey>>,
}

impl PgEventStore {
    /// Makes a store with a pool of its own for the tenant `default`. Connects when the first session begins.
    ///
    /// # Errors
    /// [`AccessError::Unreachable`] where the pool cannot be made.
    pub fn from_url(database_url: &str) -> Result<Self, AccessError> {
        let manager = AsyncDieselConnectionManager::<AsyncPgConnection>::new(database_url);
        let pool = Pool::builder(manager)
            .max_size(OWNED_POOL_SIZE)
            .wait_timeout(Some(OWNED_POOL_TIMEOUT))
            .create_timeout(Some(OWNED_POOL_TIMEOUT))
            .runtime(deadpool::Runtime::Tokio1)
            .build()
            .map_err(|error| AccessError::Unreachable(error.to_string()))?;
        Ok(Self { owns_pool: true, ..Self::from_pool(pool) })
    }

    /// Makes a store on a pool that the caller keeps: [`PgEventStore::close`] leaves it open.
    #[must_use]
    pub fn from_pool(pool: PgPool) -> Self {
        Self {
            pool,
            owns_pool: false,
            tenant: TenantId::default(),
            registry: Arc::new(Registry::data_collect()),
            limits: TransactionLimits::default(),
            audit_key: None,
        }
    }

    /// The same store for another tenant.
    #[must_use]
    pub fn with_tenant(mut self, tenant: TenantId) -> Self {
        self.tenant = tenant;
        self
    }

    /// The same store with these appliers instead of DataCollect's.
    #[must_use]
    pub fn with_registry(mut self, registry: Registry) -> Self {
        self.registry = Arc::new(registry);
        self
    }

    /// The same store whose own transactions wait and are idle as long as this.
    #[must_use]
    pub fn with_limits(mut self, limits: TransactionLimits) -> Self {
        self.limits = limits;
        self
    }

    /// The same store with a key that signs each audit entry that it saves. No key of a checkpoint is one.
    #[must_use]
    pub fn with_audit_key(mut self, key: AuditSignerKey) -> Self {
        self.audit_key = Some(Arc::new(key));
        self
    }

    /// Brings the database's schema up. Idempotent; several processes at once wait for each other. Needs a
    /// multi-thread tokio runtime.
    ///
    /// # Errors
    /// [`MigrateError`](veritrail_migrations::MigrateError): no connection, or a migration failed.
    pub async fn initialize(database_url: &str) -> Result<(), veritrail_migrations::MigrateError> {
        veritrail_migrations::migrate(database_url).await.map(|_| ())
    }

    /// The pool.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// The tenant.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Begins a session on a connection of the pool.
    ///
    /// # Errors
    /// [`AccessError::Unreachable`], [`AccessError::PoolTimeout`].
    pub async fn session(&self) -> Result<Session<'_>, AccessError> {
        let connection = Connection::Pooled(Some(Box::new(self.pool.get().await?)));
        Ok(self.session_on(connection))
    }

    /// Makes a session of the caller's connection: every operation takes part in the transaction that is open on
    /// it, and takes no connection from the pool.
    ///
    /// The transaction may be one of diesel-async's (`transaction`, `build_transaction`) or one that was begun by
    /// sending `BEGIN` as text. Where none is open, each operation has its own.
    pub fn within<'c>(&'c self, connection: &'c mut AsyncPgConnection) -> Session<'c> {
        self.session_on(Connection::Callers(connection))
    }

    /// Runs `work` in one transaction (READ COMMITTED) on one connection of the pool: all that it does is kept if it
    /// answers `Ok`, and nothing of it otherwise. The tenant is set for row-level security all the while.
    ///
    /// ```no_run
    /// # use veritrail_store_pg::{AccessError, Applying, PgEventStore, SubmitError};
    /// # use veritrail_store_pg::veritrail_core::{FormSubmission, Subject};
    /// # use veritrail_store_pg::diesel_async::SimpleAsyncConnection;
    /// # async fn example(store: PgEventStore, events: Vec<FormSubmission>, by: Subject) -> Result<(), SubmitError> {
    /// store
    ///     .transaction(async |tx| {
    ///         tx.connection().batch_execute("INSERT INTO visits VALUES (now())").await?;
    ///         tx.submit(&events, &by, Applying::Apply).await
    ///     })
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What `work` answers. [`AccessError::TransactionBroken`] where `work` answers `Ok` though a statement has failed
    /// or an operation was cancelled, so that the server would keep nothing; other [`AccessError`]s of the beginning
    /// and the commit. After an ambiguous commit (the connection is lost) ask what is stored before anything else.
    pub async fn transaction<R, E, F>(&self, work: F) -> Result<R, E>
    where
        F: for<'r, 't> AsyncFnOnce(&'r mut Transaction<'t>) -> Result<R, E>
            + for<'r, 't> Work<&'r mut Transaction<'t>, Result<R, E>, Fut: Send>
            + Send,
        R: Send,
        E: From<AccessError> + Send,
    {
        let pooled = self.pool.get().await.map_err(AccessError::from)?;
        transaction::run(pooled, self, work).await
    }

    fn session_on<'c>(&'c self, connection: Connection<'c>) -> Session<'c> {
        Session::new(connection, self)
    }

    /// Closes the pool if the store owns it.
    pub fn close(&self) {
        if self.owns_pool {
            self.pool.close();
        }
    }
}

impl std::fmt::Debug for PgEventStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PgEventStore")
            .field("tenant", &self.tenant)
            .field("owns_pool", &self.owns_pool)
            .finish_non_exhaustive()
    }
}
