//! Mirror: a replica that believes only what folds to a checkpoint that a trusted key has signed.
//!
//! A replica keeps its origin's log id, positions, stamps and salts, so that it ends with the same root. It
//! holds the log alone: entities are rebuilt by replay, and appends and signatures are its origin's.

use diesel_async::AsyncConnection;
use veritrail_core::{Hash, LogName, Origin, StoredEvent};
use veritrail_merkle::checkpoint::{self, Checkpoint, CheckpointError};
use veritrail_merkle::note::VerifierKey;
use veritrail_merkle::{Sha256Hasher, VerifyError, verify_consistency};
use veritrail_sync::{Cursor, PageError, check_page};

use crate::append::{self, AppendError, Effects};
use crate::error::AccessError;
use crate::prove::ProveError;
use crate::read::ReadError;
use crate::store::Session;
use crate::{checkpoints, logs};

/// What one round of mirroring has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirrored {
    /// The checkpoint to which every page was folded.
    pub checkpoint: Checkpoint,
    /// Pages that were taken.
    pub pages: u64,
    /// Events that were taken.
    pub events: u64,
    /// Size of the replica now.
    pub size: u64,
    /// Root of the replica now.
    pub root: Hash,
    /// Whether the replica holds all that the checkpoint covers.
    pub is_complete: bool,
}

/// How far one round goes.
#[derive(Clone, Copy, Debug)]
pub struct MirrorLimits {
    /// Events of a page.
    pub page: u32,
    /// Pages of the round; the next one goes on from there.
    pub pages: u64,
}

/// Why a replica took no more.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// The origin's database, or the replica's, could not be asked.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The origin has published nothing yet.
    #[error("the origin has no checkpoint yet: there is nothing to believe")]
    NoCheckpoint,
    /// The checkpoint is malformed, or no trusted key has signed it.
    #[error("the origin's checkpoint is not to be trusted")]
    Untrusted(#[from] CheckpointError),
    /// The checkpoint is not for a log of the key that signed it.
    #[error("the origin's checkpoint is of `{0}`, which is no log of a trusted key")]
    ForeignOrigin(String),
    /// The tenant has a log of its own, or a replica of another log.
    #[error("the tenant's log is {found}, not a replica of {origin}")]
    OtherLog {
        /// What is there.
        found: String,
        /// What was to be mirrored.
        origin: Origin,
    },
    /// A page is not what follows in the signed log. Nothing of it was kept.
    #[error(transparent)]
    Page(#[from] PageError),
    /// The replica holds a history that the checkpoint does not continue.
    #[error("the signed log of size {signed} does not continue the replica of size {known}")]
    Forked {
        /// Size of the checkpoint.
        signed: u64,
        /// Size of the replica.
        known: u64,
        /// The verifier's verdict.
        source: VerifyError,
    },
    /// The origin could not read a page.
    #[error("the origin gave no page")]
    Read(#[from] ReadError),
    /// The origin could not prove a page.
    #[error("the origin gave no proof")]
    Prove(#[from] ProveError),
    /// The replica could not write.
    #[error(transparent)]
    Append(#[from] AppendError),
}

impl From<diesel::result::Error> for MirrorError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Access(error.into())
    }
}

impl Session<'_> {
    /// Takes what `origin` has and this replica has not, page by page; each page is committed before the next.
    ///
    /// `progress` is told the replica's size and the checkpoint's after each page.
    ///
    /// # Errors
    /// [`MirrorError`]; pages taken before stay, and the next call goes on from there.
    pub async fn mirror(
        &mut self,
        origin: &mut Session<'_>,
        trusted: &[VerifierKey],
        limits: MirrorLimits,
        mut progress: impl FnMut(u64, u64) + Send,
    ) -> Result<Mirrored, MirrorError> {
        let note = origin.checkpoint().await?.ok_or(MirrorError::NoCheckpoint)?;
        let (checkpoint, signed_origin) = open(&note, trusted)?;
        self.prepare_replica(&signed_origin).await?;
        let mut known = self.tree_head().await?.expect("the replica's log was made above");
        self.check_continued(origin, &known, &checkpoint).await?;

        let (mut pages, mut events) = (0, 0);
        while known.size().0 < checkpoint.size && pages < limits.pages {
            let cursor = known.recorded_at.map_or(Cursor::Start, Cursor::after);
            let mut page = origin.events_since(&cursor, limits.page).await?.events;
            let left = usize::try_from(checkpoint.size - known.size().0).unwrap_or(usize::MAX);
            page.truncate(left);
            if page.is_empty() {
                let (end, size) = (known.size().0, checkpoint.size);
                return Err(PageError::BeyondCheckpoint { end, size }.into());
            }
            let leaves: Vec<Hash> = page.iter().map(|event| event.leaf_hash).collect();
            let signed = (checkpoint.size, checkpoint.root);
            let proof = origin.prove_range(known.size().0, &leaves, signed).await?;
            let page = check_page(&known, signed_origin.log_id, page, &proof, &checkpoint)?;
            known = self.take_page(&known, &page).await?;
            pages += 1;
            events += u64::try_from(page.len()).expect("a page has fewer than 2^64 events");
            progress(known.size().0, checkpoint.size);
        }
        let is_complete = known.size().0 >= checkpoint.size;
        if is_complete {
            self.keep_checkpoint(&signed_origin, &checkpoint, &note).await?;
        }
        Ok(Mirrored { pages, events, size: known.size().0, root: known.root, is_complete, checkpoint })
    }

    /// Makes the replica's log, or checks that the one that is there mirrors this origin.
    async fn prepare_replica(&mut self, origin: &Origin) -> Result<(), MirrorError> {
        let (tenant, log) = (self.tenant, LogName::Events);
        logs::create_replica(&mut self.connection, tenant, log, origin.log_id, origin.epoch).await?;
        let found = self.log().await?.expect("the log was made above");
        if !found.replica || found.log_id != origin.log_id || found.epoch != origin.epoch {
            let kind = if found.replica { "a replica of" } else { "a log of its own," };
            let found = format!("{kind} {}, epoch {}", found.log_id, found.epoch);
            return Err(MirrorError::OtherLog { found, origin: origin.clone() });
        }
        Ok(())
    }

    /// Checks that the signed log continues what the replica has, before anything is added to it.
    async fn check_continued(
        &mut self,
        origin: &mut Session<'_>,
        known: &veritrail_core::TreeHead,
        checkpoint: &Checkpoint,
    ) -> Result<(), MirrorError> {
        let (old, new) = ((known.size().0, known.root), (checkpoint.size, checkpoint.root));
        if new.0 < old.0 {
            return Err(PageError::RolledBack { size: new.0, known: old.0 }.into());
        }
        if old.0 == 0 {
            return Ok(());
        }
        let proof = origin.prove_consistency(old, new).await?;
        verify_consistency(&Sha256Hasher, old.0, new.0, &old.1, &new.1, &proof)
            .map_err(|source| MirrorError::Forked { signed: new.0, known: old.0, source })
    }

    /// Writes a page that was checked, if the replica still is where it was.
    async fn take_page(
        &mut self,
        known: &veritrail_core::TreeHead,
        page: &[StoredEvent],
    ) -> Result<veritrail_core::TreeHead, MirrorError> {
        let tenant = self.tenant;
        self.connection
            .transaction(async |connection| {
                let locked = append::lock(connection, tenant).await?;
                if locked.newest.head != *known {
                    return Err(AppendError::from(AccessError::Contended).into());
                }
                Ok(append::write(connection, tenant, &locked, page, &Effects::default()).await?)
            })
            .await
    }

    async fn keep_checkpoint(
        &mut self,
        origin: &Origin,
        checkpoint: &Checkpoint,
        note: &str,
    ) -> Result<(), AccessError> {
        let (tenant, log) = (self.tenant, LogName::Events);
        checkpoints::insert(&mut self.connection, tenant, log, origin.epoch, checkpoint, note).await?;
        Ok(())
    }
}

fn open(note: &str, trusted: &[VerifierKey]) -> Result<(Checkpoint, Origin), MirrorError> {
    let (checkpoint, signed_by) = checkpoint::open(note, trusted)?;
    let origin: Origin =
        checkpoint.origin.parse().map_err(|_| MirrorError::ForeignOrigin(checkpoint.origin.clone()))?;
    if !signed_by.iter().any(|key| key.name() == origin.prefix) {
        return Err(MirrorError::ForeignOrigin(checkpoint.origin));
    }
    Ok((checkpoint, origin))
}
