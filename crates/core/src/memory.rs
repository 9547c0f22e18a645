//! The store in memory: the same answers as on PostgreSQL, without a database. For tests of code that is written against
//! the ports (`store`), and for tools that need a log for a while.
//!
//! Nothing is applied to entities here and nothing is signed. What is stored is gone with the last handle.

mod anchor;
mod entities;
mod events;
mod levels;
mod log;
mod snapshots;
mod tree;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::entity::EntityPair;
use crate::entry::{SALT_BYTES, Salts};
use crate::ids::{EntityGuid, TenantId};
use crate::log::Epoch;
use crate::store::{EntitySnapshot, HashAnchor, Store};
use crate::timestamp::Timestamp;
use log::Log;

/// How far the clock of [`MemoryStore::numbered`] goes on between two readings.
const NUMBERED_STEP_MICROS: i64 = 1_000;

/// A handle of one tenant's store in memory. Clones, and handles of other tenants, share what is stored; several threads
/// may use them at once.
///
/// ```
/// use veritrail_core::store::{EventStore, TreeStore};
/// use veritrail_core::{FormSubmission, MemoryStore, Subject};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let mut store = MemoryStore::numbered("2026-03-01T00:00:00Z".parse()?);
/// let event = FormSubmission::parse(
///     r#"{"guid": "e-1", "entityGuid": "person-1", "type": "create-individual", "userId": "ana",
///         "timestamp": "2026-03-01T09:30:00+02:00", "data": {"name": "Mary", "age": 41}}"#,
/// )?;
/// let receipts = store.save_events(&[event], &Subject::new("tests")?).await?;
/// let head = store.tree_head().await?.ok_or("a log has begun")?;
/// assert_eq!((receipts[0].position.0, head.size().0), (0, 1));
/// # Ok(())
/// # }
/// # let mut future = std::pin::pin!(example());
/// # let mut context = std::task::Context::from_waker(std::task::Waker::noop());
/// # assert!(matches!(future.as_mut().poll(&mut context), std::task::Poll::Ready(Ok(()))));
/// ```
#[derive(Clone)]
pub struct MemoryStore {
    tenant: TenantId,
    shared: Arc<Mutex<Shared>>,
}

/// Why the store in memory fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MemoryError {
    /// The last stamp of the year 9999 is taken, and stamps never go back: the clock is wrong.
    #[error("the log's stamps have come to the end of the year 9999")]
    OutOfStamps,
}

/// Why a tenant was not cleared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("to clear everything of tenant `{tenant}`, confirm with its name, not with `{given}`")]
pub struct ClearError {
    /// The tenant.
    pub tenant: TenantId,
    /// What was given.
    pub given: TenantId,
}

struct Shared {
    sources: Sources,
    tenants: BTreeMap<TenantId, Register>,
}

/// What a store needs from outside.
struct Sources {
    clock: Box<dyn FnMut() -> Timestamp + Send>,
    random: Box<FillRandom>,
}

/// Fills a slice with random bytes.
type FillRandom = dyn FnMut(&mut [u8]) + Send;

/// What is stored of one tenant.
#[derive(Default)]
struct Register {
    log: Option<Log>,
    anchor: Option<HashAnchor>,
    entities: BTreeMap<EntityGuid, EntityPair>,
    snapshots: BTreeMap<(EntityGuid, u32), EntitySnapshot>,
}

impl MemoryStore {
    /// An empty store for the tenant `default`, with a clock and a source of random bytes, such as that of the operating
    /// system: salts that can be guessed hide nothing.
    #[must_use]
    pub fn new(
        clock: impl FnMut() -> Timestamp + Send + 'static,
        random: impl FnMut(&mut [u8]) + Send + 'static,
    ) -> Self {
        let sources = Sources { clock: Box::new(clock), random: Box::new(random) };
        let shared = Shared { sources, tenants: BTreeMap::new() };
        Self { tenant: TenantId::default(), shared: Arc::new(Mutex::new(shared)) }
    }

    /// An empty store whose stamps and salts are the same at every run, for tests: the clock begins at `start` and goes
    /// on one millisecond a reading, the random bytes are counted. Its salts hide nothing.
    #[must_use]
    pub fn numbered(start: Timestamp) -> Self {
        let mut now = start;
        let clock = move || {
            let reading = now;
            now = Timestamp::from_unix_micros(now.unix_micros() + NUMBERED_STEP_MICROS).unwrap_or(now);
            reading
        };
        let mut block: u64 = 0;
        let random = move |bytes: &mut [u8]| {
            for chunk in bytes.chunks_mut(32) {
                chunk.copy_from_slice(&Sha256::digest(block.to_be_bytes())[..chunk.len()]);
                block += 1;
            }
        };
        Self::new(clock, random)
    }

    /// A handle of another tenant's store, which shares nothing with this one's but clock and random bytes.
    #[must_use]
    pub fn with_tenant(mut self, tenant: TenantId) -> Self {
        self.tenant = tenant;
        self
    }

    /// The tenant.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Removes everything of the tenant. The log's next epoch begins: it is empty, keeps its identity, and its stamps go
    /// on where they were, so that no reader's cursor is mistaken.
    ///
    /// # Errors
    /// [`ClearError`] unless `confirm` is the tenant's name.
    pub fn clear(&self, confirm: &TenantId) -> Result<(), ClearError> {
        if *confirm != self.tenant {
            return Err(ClearError { tenant: self.tenant.clone(), given: confirm.clone() });
        }
        self.with(|register, _| {
            let log = register.log.take().map(Log::next_epoch);
            *register = Register { log, ..Register::default() };
        });
        Ok(())
    }

    /// Does something with the tenant's register while nobody else does.
    fn with<R>(&self, work: impl FnOnce(&mut Register, &mut Sources) -> R) -> R {
        // Every operation plans before it changes anything, so that one that panicked has left nothing half done.
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let Shared { sources, tenants } = &mut *shared;
        work(tenants.entry(self.tenant.clone()).or_default(), sources)
    }
}

impl Store for MemoryStore {
    type Error = MemoryError;
}

impl Sources {
    fn now(&mut self) -> Timestamp {
        (self.clock)()
    }

    fn salts(&mut self) -> Salts {
        let mut bytes = [0; 3 * SALT_BYTES];
        (self.random)(&mut bytes);
        Salts::from_bytes(&bytes)
    }

    fn log_id(&mut self) -> uuid::Uuid {
        let mut bytes = [0; 16];
        (self.random)(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }
}

impl Register {
    fn log_or_begin(&mut self, sources: &mut Sources) -> &mut Log {
        self.log.get_or_insert_with(|| Log::begin(sources.log_id(), Epoch(1), None))
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}
