//! `PgEventStore`: a tenant's store on a pool that it owns or was handed, and the sessions on its connections.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use diesel_async::{AnsiTransactionManager, AsyncPgConnection, TransactionManager};
use tokio::runtime::Handle;
use veritrail_applier::Registry;
use veritrail_core::{AuditSignerKey, LogName, TenantId};

use crate::error::AccessError;
use crate::logs::{self, Log};

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
    registry: Arc<Registry>,
    audit_key: Option<Arc<AuditSignerKey>>,
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
        let connection = Connection::Pooled(Box::new(self.pool.get().await?));
        Ok(Session {
            connection,
            tenant: &self.tenant,
            registry: &self.registry,
            audit_key: self.audit_key.as_deref(),
        })
    }

    /// Makes a session of the caller's connection: every operation takes part in the transaction that is open on
    /// it, and takes no connection from the pool.
    ///
    /// The transaction is one that diesel-async has begun (`transaction`, `build_transaction` or a transaction
    /// manager): one that was begun by sending `BEGIN` as text is unknown to it and would be ended here.
    pub fn within<'c>(&'c self, connection: &'c mut AsyncPgConnection) -> Session<'c> {
        Session {
            connection: Connection::Callers(connection),
            tenant: &self.tenant,
            registry: &self.registry,
            audit_key: self.audit_key.as_deref(),
        }
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

/// Operations of one tenant on one connection.
pub struct Session<'c> {
    pub(crate) connection: Connection<'c>,
    pub(crate) tenant: &'c TenantId,
    pub(crate) registry: &'c Registry,
    pub(crate) audit_key: Option<&'c AuditSignerKey>,
}

/// A connection of the pool's or of the caller's.
pub(crate) enum Connection<'c> {
    Pooled(Box<Object<AsyncPgConnection>>),
    Callers(&'c mut AsyncPgConnection),
}

impl Session<'_> {
    /// The identity of the tenant's `events` log; `None` before its first append.
    ///
    /// # Errors
    /// [`AccessError`].
    pub async fn log(&mut self) -> Result<Option<Log>, AccessError> {
        logs::find(&mut self.connection, self.tenant, LogName::Events).await
    }

    /// Checks that the database has every migration that this crate was built with.
    ///
    /// # Errors
    /// [`AccessError::NotMigrated`] where one is missing; otherwise [`AccessError::Database`],
    /// [`AccessError::Unreachable`].
    pub async fn check_schema(&mut self) -> Result<(), AccessError> {
        let pending = veritrail_migrations::pending(&mut self.connection).await?;
        if pending.is_empty() { Ok(()) } else { Err(AccessError::NotMigrated) }
    }

    /// Whether a transaction is open that someone else will end.
    pub(crate) fn is_within_transaction(&mut self) -> bool {
        matches!(self.connection, Connection::Callers(_))
    }
}

/// Holds a connection during a transaction of ours and breaks it off when it is dropped before its end: the future
/// was cancelled, or it panicked.
///
/// A transaction that was left open must neither be gone on with nor committed. On a pooled connection the
/// statement is also cancelled on the server, and the pool throws the connection away; on the caller's the
/// transaction is marked as broken, so that its commit fails instead of keeping a part.
pub(crate) struct Guarded<'a, 'c> {
    pub(crate) connection: &'a mut Connection<'c>,
    is_finished: bool,
}

impl<'a, 'c> Guarded<'a, 'c> {
    pub(crate) fn new(connection: &'a mut Connection<'c>) -> Self {
        Self { connection, is_finished: false }
    }

    /// The transaction has ended, one way or the other.
    pub(crate) fn finish(mut self) {
        self.is_finished = true;
    }
}

impl Drop for Guarded<'_, '_> {
    fn drop(&mut self) {
        if self.is_finished {
            return;
        }
        AnsiTransactionManager::transaction_manager_status_mut(&mut **self.connection).set_in_error();
        let (Connection::Pooled(pooled), Ok(runtime)) = (&*self.connection, Handle::try_current()) else {
            return;
        };
        let cancel = pooled.cancel_token();
        runtime.spawn(async move {
            // Without it the statement runs to its end for nobody; there is nobody to tell of a failure either.
            let _ = cancel.cancel_query(tokio_postgres::NoTls).await;
        });
    }
}

impl Deref for Connection<'_> {
    type Target = AsyncPgConnection;

    fn deref(&self) -> &AsyncPgConnection {
        match self {
            Self::Pooled(connection) => connection,
            Self::Callers(connection) => connection,
        }
    }
}

impl DerefMut for Connection<'_> {
    fn deref_mut(&mut self) -> &mut AsyncPgConnection {
        match self {
            Self::Pooled(connection) => connection,
            Self::Callers(connection) => connection,
        }
    }
}
