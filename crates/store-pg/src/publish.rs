//! Publishing: signing the newest committed head of a log into `checkpoints`.
//!
//! Never inside a transaction that may roll back. What is signed is remembered outside PostgreSQL first
//! (`signer`), so that two roots are never signed for one size, whatever happens to the database.

use std::sync::Arc;
use std::time::Duration;

use diesel::pg::Pg;
use diesel::query_builder::AstPass;
use diesel::result::QueryResult;
use diesel::sql_types::{Bool, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use veritrail_core::{Epoch, LogName, Origin, TreeHead};
use veritrail_merkle::checkpoint::{self, Checkpoint};

use crate::checkpoints::{self, CheckpointRow};
use crate::error::{AccessError, IntegrityError};
use crate::logs::Log;
use crate::prove::ProveError;
use crate::session::Session;
use crate::signer::{FileSigner, LockedMemory, Signed, SignerError};
use crate::statement::{Prepared, Statement, unknown_parameter};
use crate::tree_heads::{self, Newest};

/// The epoch in which a log begins.
pub(crate) const FIRST_EPOCH: Epoch = Epoch(1);
/// How often, and how long apart, the server is asked whether the head has reached its disk.
const FLUSH_CHECKS: u32 = 100;
const FLUSH_PAUSE: Duration = Duration::from_millis(20);

/// What a signer without memory does with a log that has checkpoints already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithoutMemory {
    /// Refuses: the memory may have been lost to hide a second history.
    Refuse,
    /// Takes the newest checkpoint that its own key has signed as its memory, and goes on from it.
    Adopt,
}

/// A published checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// What was signed.
    pub checkpoint: Checkpoint,
    /// The signed note.
    pub note: String,
    /// Whether this call signed it; otherwise it was there already.
    pub is_new: bool,
}

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The database could not be asked.
    #[error("the database could not be asked")]
    Access(#[from] AccessError),
    /// The key or the memory could not be used.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// The log contradicts itself.
    #[error(transparent)]
    Integrity(#[from] IntegrityError),
    /// The log is empty.
    #[error("the log is empty: there is nothing to sign")]
    Empty,
    /// The log is a replica: its checkpoints are its origin's.
    #[error("the log is a replica and signs nothing")]
    Replica,
    /// A transaction is open that may roll back.
    #[error("a checkpoint cannot be published inside a transaction")]
    WithinTransaction,
    /// The signer's memory is gone, or it knows nothing of a log that has checkpoints.
    #[error(
        "the signer has no memory of {origin}, whose newest checkpoint has size {published} (if that is right: `veritrail checkpoint --adopt`)"
    )]
    NoMemory {
        /// The log.
        origin: Origin,
        /// Size of its newest checkpoint.
        published: u64,
    },
    /// The newest checkpoint is not signed by this key, so that it cannot be adopted.
    #[error("the checkpoint of size {published} cannot be adopted: {reason}")]
    NotAdoptable {
        /// Its size.
        published: u64,
        /// Why not.
        reason: String,
    },
    /// The log is shorter than what was signed: rows were deleted or a backup was restored.
    #[error("the log has size {head}, but size {signed} was signed: it was rolled back")]
    RolledBack {
        /// Size of the newest head.
        head: u64,
        /// Size that was signed last.
        signed: u64,
    },
    /// The log does not continue what was signed.
    #[error("the log of size {head} does not continue the signed one of size {signed}: {reason}")]
    Forked {
        /// Size of the newest head.
        head: u64,
        /// Size that was signed last.
        signed: u64,
        /// The verifier's verdict.
        reason: String,
    },
    /// The database says another epoch than what was signed last, or a first epoch that is none.
    #[error("the log says epoch {found}, but epoch {signed} was signed: nothing has reopened it")]
    OtherEpoch {
        /// The epoch in the database.
        found: Epoch,
        /// The epoch that was signed last; the first one where nothing was.
        signed: Epoch,
    },
    /// The head has not reached the server's disk.
    #[error("the head is committed but not flushed to disk yet")]
    NotFlushed,
}

impl Session<'_> {
    /// Signs the newest committed head of the `events` log, unless that was done already.
    ///
    /// # Errors
    /// [`PublishError`]: nothing was signed.
    pub async fn publish(
        &mut self,
        signer: &Arc<FileSigner>,
        without_memory: WithoutMemory,
    ) -> Result<Published, PublishError> {
        self.publish_log(LogName::Events, signer, without_memory).await
    }

    /// As [`Self::publish`], for one of the tenant's logs. The signer has a memory for each.
    ///
    /// # Errors
    /// [`PublishError`]: nothing was signed.
    #[tracing::instrument(name = "publish", skip_all, fields(log = %name))]
    pub async fn publish_log(
        &mut self,
        name: LogName,
        signer: &Arc<FileSigner>,
        without_memory: WithoutMemory,
    ) -> Result<Published, PublishError> {
        if self.is_within_transaction().await? {
            return Err(PublishError::WithinTransaction);
        }
        let log = self.log_of(name).await?.ok_or(PublishError::Empty)?;
        if log.replica {
            return Err(PublishError::Replica);
        }
        let origin = Origin { prefix: signer.name().to_owned(), log_id: log.log_id, epoch: log.epoch };
        if !signer.has_memory() && without_memory == WithoutMemory::Refuse {
            let published = self.newest_of_any_epoch(name, log.epoch).await?.map_or(0, |(_, row)| row.size);
            return Err(PublishError::NoMemory { origin, published });
        }
        let memory = lock_memory(signer, &origin).await?;
        // Read under the memory's lock: who signs next sees at least what was signed before.
        let (tenant, epoch) = (self.tenant, log.epoch);
        let newest: Newest = self
            .snapshot(async |connection| tree_heads::newest(connection, tenant, name, epoch).await)
            .await?;
        newest.check()?;
        let head = newest.head;
        if head.size().0 == 0 {
            return Err(PublishError::Empty);
        }
        self.snapshot(async |connection| wait_until_flushed(connection).await).await?;
        let published = self.newest_of_any_epoch(name, log.epoch).await?;
        let signed = match memory.read()? {
            Some(signed) => Some(signed),
            None => recall(signer, &origin, published, without_memory)?,
        };
        if let Some(signed) = signed {
            self.check_continues(name, &origin, signed, &head).await?;
        }
        self.sign(signer, (name, &log), &origin, &head, &memory).await
    }

    /// The newest checkpoint of the newest epoch that has one. No epoch but the log's own should have any.
    async fn newest_of_any_epoch(
        &mut self,
        log: LogName,
        own: Epoch,
    ) -> Result<Option<(Epoch, CheckpointRow)>, AccessError> {
        let tenant = self.tenant;
        self.snapshot(async |connection| {
            let epochs = checkpoints::other_epochs(connection, tenant, log, own).await?;
            let epoch = epochs.into_iter().max().unwrap_or(own);
            let row = checkpoints::newest(connection, tenant, log, epoch).await?;
            Ok(row.map(|row| (epoch, row)))
        })
        .await
    }

    /// Checks that the head continues what was signed last.
    async fn check_continues(
        &mut self,
        name: LogName,
        origin: &Origin,
        signed: Signed,
        head: &TreeHead,
    ) -> Result<(), PublishError> {
        if signed.epoch != origin.epoch {
            return Err(PublishError::OtherEpoch { found: origin.epoch, signed: signed.epoch });
        }
        let (size, new) = (signed.size, head.size().0);
        if new < size {
            return Err(PublishError::RolledBack { head: new, signed: size });
        }
        match self.prove_consistency_of(name, (size, signed.root), (new, head.root)).await {
            Ok(_) => Ok(()),
            Err(ProveError::Access(error)) => Err(error.into()),
            Err(error) => Err(PublishError::Forked { head: new, signed: size, reason: error.to_string() }),
        }
    }

    async fn sign(
        &mut self,
        signer: &FileSigner,
        (name, log): (LogName, &Log),
        origin: &Origin,
        head: &TreeHead,
        memory: &LockedMemory,
    ) -> Result<Published, PublishError> {
        let checkpoint = Checkpoint {
            origin: origin.to_string(),
            size: head.size().0,
            root: head.root,
            extensions: Vec::new(),
        };
        memory.write(&checkpoint)?;
        let note = checkpoint.sign(&[signer.key()]).expect("an origin of ours is one line");
        let (tenant, epoch) = (self.tenant, log.epoch);
        let is_new: bool = self
            .write(async |connection| {
                checkpoints::insert(connection, tenant, name, epoch, &checkpoint, &note).await
            })
            .await?;
        if !is_new {
            self.check_stored((name, log), &checkpoint).await?;
        }
        Ok(Published { checkpoint, note, is_new })
    }

    /// Checks that the checkpoint of this size that is stored already has this root.
    async fn check_stored(
        &mut self,
        (name, log): (LogName, &Log),
        checkpoint: &Checkpoint,
    ) -> Result<(), PublishError> {
        let (size, tenant, epoch) = (checkpoint.size, self.tenant, log.epoch);
        let stored: Option<CheckpointRow> = self
            .snapshot(async |connection| checkpoints::newest(connection, tenant, name, epoch).await)
            .await?;
        match stored {
            Some(row) if row.size == size && row.root == checkpoint.root.as_bytes() => Ok(()),
            _ => {
                let reason = "the checkpoint that is stored for it has another root".to_owned();
                Err(IntegrityError::Proof { size, reason }.into())
            }
        }
    }
}

async fn lock_memory(signer: &Arc<FileSigner>, origin: &Origin) -> Result<LockedMemory, SignerError> {
    let (signer, origin) = (Arc::clone(signer), origin.clone());
    // Waiting for another process must not stop the runtime's threads.
    tokio::task::spawn_blocking(move || signer.lock(&origin))
        .await
        .expect("locking does not panic and is not aborted")
}

/// What a signer without memory of this log may go on from: a new log in its first epoch, or what it adopts.
fn recall(
    signer: &FileSigner,
    origin: &Origin,
    published: Option<(Epoch, CheckpointRow)>,
    without_memory: WithoutMemory,
) -> Result<Option<Signed>, PublishError> {
    let Some((epoch, row)) = published else {
        if origin.epoch == FIRST_EPOCH {
            return Ok(None);
        }
        return Err(PublishError::OtherEpoch { found: origin.epoch, signed: FIRST_EPOCH });
    };
    if without_memory == WithoutMemory::Refuse {
        return Err(PublishError::NoMemory { origin: origin.clone(), published: row.size });
    }
    let refused = |reason: String| PublishError::NotAdoptable { published: row.size, reason };
    let keys = [signer.verifier_key()];
    let (checkpoint, _) = checkpoint::open(&row.note, &keys).map_err(|error| refused(error.to_string()))?;
    let signed_for = Origin { epoch, ..origin.clone() };
    if checkpoint.origin != signed_for.to_string() {
        return Err(refused(format!("it is of {}", checkpoint.origin)));
    }
    Ok(Some(Signed { epoch, size: checkpoint.size, root: checkpoint.root }))
}

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

/// Waits until everything that was committed before this call is on the server's disk: with
/// `synchronous_commit = off` a crash could take back what was signed.
async fn wait_until_flushed(connection: &mut AsyncPgConnection) -> Result<(), PublishError> {
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
