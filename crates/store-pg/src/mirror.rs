//! Mirror: a replica that believes only what folds to a checkpoint that a trusted key has signed.
//!
//! A replica keeps its origin's log id, positions, stamps and salts, so that it ends with the same root. It
//! holds the log alone: entities are rebuilt by replay, and appends and signatures are its origin's.

use veritrail_core::{Hash, LogName, Origin, StoredEvent, TreeHead};
use veritrail_merkle::checkpoint::{self, Checkpoint, CheckpointError};
use veritrail_merkle::note::VerifierKey;
use veritrail_merkle::{Sha256Hasher, verify_consistency};
use veritrail_sync::{Cursor, CursorRules, PageError, check_page};

use crate::append::{self, AppendError, Effects};
use crate::checkpoints;
use crate::error::{AccessError, IntegrityError};
use crate::logs::{self, Log};
use crate::prove::ProveError;
use crate::read::ReadError;
use crate::session::Session;

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
    #[error("the database could not be asked")]
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
    #[error("the signed log of size {signed} does not continue the replica of size {known}: {reason}")]
    Forked {
        /// Size of the checkpoint.
        signed: u64,
        /// Size of the replica.
        known: u64,
        /// The verifier's verdict.
        reason: String,
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
    #[tracing::instrument(name = "mirror", skip_all)]
    pub async fn mirror(
        &mut self,
        origin: &mut Session<'_>,
        trusted: &[VerifierKey],
        limits: MirrorLimits,
        mut progress: impl FnMut(u64, u64) + Send,
    ) -> Result<Mirrored, MirrorError> {
        let note = origin.checkpoint().await?.ok_or(MirrorError::NoCheckpoint)?;
        let (checkpoint, signed_origin) = open(&note, trusted)?;
        let mut known = self.known_head(&signed_origin).await?;
        self.check_continued(origin, &known, &checkpoint).await?;

        let (mut pages, mut events) = (0, 0);
        while known.size().0 < checkpoint.size && pages < limits.pages {
            let cursor = known.recorded_at.map_or(Cursor::Start, Cursor::after);
            let mut page = origin.events_since(&cursor, limits.page, CursorRules::Ours).await?.events;
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
            known = self.take_page(&signed_origin, &known, &page).await?;
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

    /// What the replica has; nothing before its first page has made its log.
    async fn known_head(&mut self, origin: &Origin) -> Result<TreeHead, MirrorError> {
        let Some(found) = self.log().await? else { return Ok(TreeHead::empty(&Sha256Hasher)) };
        check_replica(&found, origin)?;
        Ok(self.tree_head().await?.unwrap_or_else(|| TreeHead::empty(&Sha256Hasher)))
    }

    /// Checks that the signed log continues what the replica has, before anything is added to it.
    async fn check_continued(
        &mut self,
        origin: &mut Session<'_>,
        known: &TreeHead,
        checkpoint: &Checkpoint,
    ) -> Result<(), MirrorError> {
        let (old, new) = ((known.size().0, known.root), (checkpoint.size, checkpoint.root));
        if new.0 < old.0 {
            return Err(PageError::RolledBack { size: new.0, known: old.0 }.into());
        }
        if old.0 == 0 {
            return Ok(());
        }
        // The origin has a proof or contradicts itself; what it gives is verified all the same.
        let forked = |reason: String| MirrorError::Forked { signed: new.0, known: old.0, reason };
        let proof = match origin.prove_consistency(old, new).await {
            Ok(proof) => proof,
            Err(ProveError::Integrity(error)) => return Err(forked(error.to_string())),
            Err(error) => return Err(error.into()),
        };
        verify_consistency(&Sha256Hasher, old.0, new.0, &old.1, &new.1, &proof)
            .map_err(|error| forked(error.to_string()))
    }

    /// Writes a page that was checked, if the replica still is where it was. The first page makes its log.
    async fn take_page(
        &mut self,
        origin: &Origin,
        known: &TreeHead,
        page: &[StoredEvent],
    ) -> Result<TreeHead, MirrorError> {
        let tenant = self.tenant;
        self.write(async |connection| {
            let (log, epoch) = (LogName::Events, origin.epoch);
            let is_new = logs::create_replica(connection, tenant, log, origin.log_id, epoch).await?;
            if is_new && logs::has_rows(connection, tenant, log).await? {
                return Err(AppendError::from(IntegrityError::LogRowMissing).into());
            }
            let locked = append::lock(connection, tenant, log).await?;
            check_replica(&locked.log, origin)?;
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
        self.write(async |connection| {
            checkpoints::insert(connection, tenant, log, origin.epoch, checkpoint, note).await.map(|_| ())
        })
        .await
    }
}

/// Checks that a log is a replica of this origin.
fn check_replica(found: &Log, origin: &Origin) -> Result<(), MirrorError> {
    if found.replica && found.log_id == origin.log_id && found.epoch == origin.epoch {
        return Ok(());
    }
    let kind = if found.replica { "a replica of" } else { "a log of its own," };
    let found = format!("{kind} {}, epoch {}", found.log_id, found.epoch);
    Err(MirrorError::OtherLog { found, origin: origin.clone() })
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
