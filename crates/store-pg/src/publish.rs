//! Publishing: signing the newest committed head of a log into `checkpoints`.
//!
//! Never inside a transaction that may roll back. What is signed is remembered outside PostgreSQL first
//! (`signer`), so that two roots are never signed for one size, whatever happens to the database. Here is one
//! checkpoint of one log; what publishes by itself, again and again, is the `publisher`.

mod flush;
mod note;

use std::sync::Arc;

use diesel_async::AsyncPgConnection;
use veritrail_core::{Epoch, LogName, Origin, TenantId, TreeHead};
use veritrail_merkle::checkpoint::{self, Checkpoint};
use veritrail_merkle::note::KeyId;

use crate::checkpoint_signatures;
use crate::checkpoints::{self, CheckpointRow};
use crate::error::{AccessError, IntegrityError};
use crate::prove::ProveError;
use crate::session::Session;
use crate::signer::{self, LockedMemory, Signed, Signer, SignerError};
use crate::tree_heads::{self, Newest};
use flush::wait_until_flushed;
use note::{Signing, key_ids, remember_and_sign};

/// The epoch in which a log begins.
pub(crate) const FIRST_EPOCH: Epoch = Epoch(1);

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
    /// The change of keys that this checkpoint begins, where it is the first that these keys have signed.
    pub switch: Option<KeySwitch>,
}

/// From a size on, other keys sign a log than before: what an audit entry about it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySwitch {
    /// The size of the first checkpoint that the keys of `to` have signed.
    pub size: u64,
    /// The keys that signed the newest checkpoint before.
    pub from: Vec<KeyId>,
    /// The keys that sign now.
    pub to: Vec<KeyId>,
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
    /// [`PublishError`]: nothing was signed, or it could not be stored and is signed again by the next call.
    pub async fn publish<S: Signer>(
        &mut self,
        signer: &Arc<S>,
        without_memory: WithoutMemory,
    ) -> Result<Published, PublishError> {
        self.publish_log(LogName::Events, signer, without_memory).await
    }

    /// As [`publish`](Self::publish), of one of the tenant's logs. The signer has a memory for each.
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
    #[tracing::instrument(name = "publish", skip_all, fields(%log))]
    pub async fn publish_log<S: Signer>(
        &mut self,
        log: LogName,
        signer: &Arc<S>,
        without_memory: WithoutMemory,
    ) -> Result<Published, PublishError> {
        if self.is_within_transaction().await? {
            return Err(PublishError::WithinTransaction);
        }
        let tenant = self.tenant;
        let row = self.log_of(log).await?.ok_or(PublishError::Empty)?;
        if row.replica {
            return Err(PublishError::Replica);
        }
        let prefix = signer::name_of(signer.as_ref())?;
        let origin = Origin { prefix, log_id: row.log_id, epoch: row.epoch };
        if !signer.memory().exists() && without_memory == WithoutMemory::Refuse {
            let published = self.newest_of_any_epoch(log, row.epoch).await?.map_or(0, |(_, row)| row.size);
            return Err(PublishError::NoMemory { origin, published });
        }
        let memory = lock_memory(signer, &origin).await?;
        // Read under the memory's lock: who signs next sees at least what was signed before.
        let epoch = row.epoch;
        let newest: Newest = self
            .snapshot(async |connection| tree_heads::newest(connection, tenant, log, epoch).await)
            .await?;
        newest.check()?;
        let head = newest.head;
        if head.size().0 == 0 {
            return Err(PublishError::Empty);
        }
        self.snapshot(async |connection| wait_until_flushed(connection).await).await?;
        let published = self.newest_of_any_epoch(log, row.epoch).await?;
        let signed = match memory.read()? {
            Some(signed) => Some(signed),
            None => recall(signer.as_ref(), &origin, published.as_ref(), without_memory)?,
        };
        if let Some(signed) = signed {
            self.check_continues(log, &origin, signed, &head).await?;
        }
        let checkpoint = Checkpoint {
            origin: origin.to_string(),
            size: head.size().0,
            root: head.root,
            extensions: Vec::new(),
        };
        // The memory stays locked until the checkpoint is stored.
        let (signing, _memory) = remember_and_sign(signer, memory, &checkpoint).await?;
        let is_new = self.keep(log, &origin, &checkpoint, &signing).await?;
        let before = published.map(|(_, row)| key_ids(&row.note, &origin.prefix));
        let switch = before.filter(|from| *from != signing.key_ids).map(|from| KeySwitch {
            size: checkpoint.size,
            from,
            to: signing.key_ids,
        });
        Ok(Published { checkpoint, note: signing.note, is_new, switch })
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
        log: LogName,
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
        match self.prove_consistency_of(log, (size, signed.root), (new, head.root)).await {
            Ok(_) => Ok(()),
            Err(ProveError::Access(error)) => Err(error.into()),
            Err(error) => Err(PublishError::Forked { head: new, signed: size, reason: error.to_string() }),
        }
    }

    /// Stores what was signed; tells whether no checkpoint of this size was there. One that was there keeps its note,
    /// and gets the signatures of the keys that have not signed it yet.
    async fn keep(
        &mut self,
        log: LogName,
        origin: &Origin,
        checkpoint: &Checkpoint,
        signing: &Signing,
    ) -> Result<bool, PublishError> {
        let tenant = self.tenant;
        self.write(async |connection| keep(connection, (tenant, log), origin, checkpoint, signing).await)
            .await
    }
}

async fn keep(
    connection: &mut AsyncPgConnection,
    (tenant, log): (&TenantId, LogName),
    origin: &Origin,
    checkpoint: &Checkpoint,
    signing: &Signing,
) -> Result<bool, PublishError> {
    let (epoch, size) = (origin.epoch, checkpoint.size);
    if checkpoints::insert(connection, tenant, log, epoch, checkpoint, &signing.note).await? {
        return Ok(true);
    }
    let stored = checkpoints::newest(connection, tenant, log, epoch).await?;
    let Some(stored) =
        stored.filter(|row| row.size == size && row.root == checkpoint.root.as_bytes().as_slice())
    else {
        let reason = "the checkpoint that is stored for it has another root".to_owned();
        return Err(IntegrityError::Proof { size, reason }.into());
    };
    let present = key_ids(&stored.note, &origin.prefix);
    for signature in signing.signatures.iter().filter(|signature| !present.contains(&signature.key_id())) {
        checkpoint_signatures::insert(connection, tenant, log, (epoch, size), signature).await?;
    }
    Ok(false)
}

async fn lock_memory<S: Signer>(signer: &Arc<S>, origin: &Origin) -> Result<LockedMemory, SignerError> {
    let (signer, origin) = (Arc::clone(signer), origin.clone());
    // Waiting for another process must not stop the runtime's threads.
    tokio::task::spawn_blocking(move || signer.memory().lock(&origin))
        .await
        .expect("locking does not panic and is not aborted")
}

/// What a signer without memory of this log may go on from: a new log in its first epoch, or what it adopts.
fn recall(
    signer: &impl Signer,
    origin: &Origin,
    published: Option<&(Epoch, CheckpointRow)>,
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
    let keys = signer.verifier_keys();
    let (checkpoint, _) = checkpoint::open(&row.note, &keys).map_err(|error| refused(error.to_string()))?;
    let signed_for = Origin { epoch: *epoch, ..origin.clone() };
    if checkpoint.origin != signed_for.to_string() {
        return Err(refused(format!("it is of {}", checkpoint.origin)));
    }
    Ok(Some(Signed { epoch: *epoch, size: checkpoint.size, root: checkpoint.root }))
}
