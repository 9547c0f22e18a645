//! Proofs from the stored tree. Whatever is fetched is verified before it is given out.

use diesel_async::AsyncPgConnection;
use veritrail_core::{
    Epoch, EventGuid, Hash, LogName, PROOF_FORMAT, Position, ProofBundle, SaltsHex, TenantId,
};
use veritrail_merkle::checkpoint::Checkpoint;
use veritrail_merkle::note::Note;
use veritrail_merkle::proof::{self, Plan, PlanError};
use veritrail_merkle::{Sha256Hasher, verify_consistency, verify_inclusion, verify_range};

use crate::checkpoints;
use crate::error::{AccessError, IntegrityError};
use crate::merkle_tiles::{self, FetchError, TreeOf};
use crate::session::Session;
use crate::{events, logs, tree_heads};

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// The database could not be asked.
    #[error("the database could not be asked")]
    Access(#[from] AccessError),
    /// The stored tree does not prove what it should: evidence.
    #[error(transparent)]
    Integrity(#[from] IntegrityError),
    /// No checkpoint covers the event yet: publish one.
    #[error("no checkpoint covers position {position} yet: the newest one has size {published}")]
    NotPublished {
        /// The event's position.
        position: Position,
        /// Size of the newest checkpoint; 0 where there is none.
        published: u64,
    },
    /// The sizes or positions that were asked for do not exist in this log.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The tenant has no log yet.
    #[error("the tenant has no log yet")]
    NoLog,
}

impl From<FetchError> for ProveError {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Access(error) => Self::Access(error),
            FetchError::Integrity(error) => Self::Integrity(error),
        }
    }
}

impl Session<'_> {
    /// The proof bundle of an event, for the newest checkpoint; `None` where there is no such event.
    ///
    /// # Errors
    /// [`ProveError`].
    pub async fn prove(&mut self, guid: &EventGuid) -> Result<Option<ProofBundle>, ProveError> {
        let tenant = self.tenant;
        self.snapshot(async |connection| bundle(connection, tenant, guid).await).await
    }

    /// The proof that the tree of `new` leaves continues that of `old` (RFC 9162, section 2.1.4).
    ///
    /// # Errors
    /// [`ProveError`].
    pub async fn prove_consistency(
        &mut self,
        (old, old_root): (u64, Hash),
        (new, new_root): (u64, Hash),
    ) -> Result<Vec<Hash>, ProveError> {
        self.prove_consistency_of(LogName::Events, (old, old_root), (new, new_root)).await
    }

    /// As [`Self::prove_consistency`], of one of the tenant's logs.
    ///
    /// # Errors
    /// [`ProveError`].
    pub async fn prove_consistency_of(
        &mut self,
        name: LogName,
        (old, old_root): (u64, Hash),
        (new, new_root): (u64, Hash),
    ) -> Result<Vec<Hash>, ProveError> {
        let tenant = self.tenant;
        let plan = proof::plan_consistency(old, new)?;
        let hashes: Vec<Hash> =
            self.snapshot(async |connection| fetch_of_log(connection, tenant, name, &plan).await).await?;
        verify_consistency(&Sha256Hasher, old, new, &old_root, &new_root, &hashes)
            .map_err(|error| IntegrityError::Proof { size: new, reason: error.to_string() })?;
        Ok(hashes)
    }

    /// The proof that some leaves are those at positions from `begin` on in the tree of `size` leaves.
    ///
    /// # Errors
    /// [`ProveError`].
    pub async fn prove_range(
        &mut self,
        begin: u64,
        leaves: &[Hash],
        (size, root): (u64, Hash),
    ) -> Result<Vec<Hash>, ProveError> {
        let tenant = self.tenant;
        let count = u64::try_from(leaves.len()).expect("a page has fewer than 2^64 leaves");
        let plan = proof::plan_range(begin, begin.saturating_add(count), size)?;
        let events = LogName::Events;
        let hashes: Vec<Hash> =
            self.snapshot(async |connection| fetch_of_log(connection, tenant, events, &plan).await).await?;
        verify_range(&Sha256Hasher, begin, size, leaves, &hashes, &root)
            .map_err(|error| IntegrityError::Proof { size, reason: error.to_string() })?;
        Ok(hashes)
    }

    /// The newest signed checkpoint of the `events` log as a note; `None` where none was published.
    ///
    /// # Errors
    /// [`AccessError`].
    pub async fn checkpoint(&mut self) -> Result<Option<String>, AccessError> {
        self.checkpoint_of(LogName::Events).await
    }

    /// As [`Self::checkpoint`], of one of the tenant's logs.
    ///
    /// # Errors
    /// [`AccessError`].
    pub async fn checkpoint_of(&mut self, name: LogName) -> Result<Option<String>, AccessError> {
        let tenant = self.tenant;
        self.snapshot(async |connection| newest_note(connection, tenant, name).await).await
    }
}

async fn newest_note(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    name: LogName,
) -> Result<Option<String>, AccessError> {
    let Some(log) = logs::find(connection, tenant, name).await? else { return Ok(None) };
    let row = checkpoints::newest(connection, tenant, name, log.epoch).await?;
    Ok(row.map(|row| row.note))
}

async fn bundle(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    guid: &EventGuid,
) -> Result<Option<ProofBundle>, ProveError> {
    let found = events::by_guid(connection, tenant, &[guid.as_str()]).await?;
    let Some(stored) = found.into_iter().next() else { return Ok(None) };
    let log = logs::find(connection, tenant, LogName::Events).await?.ok_or(ProveError::NoLog)?;
    let newest = checkpoints::newest(connection, tenant, LogName::Events, log.epoch).await?;
    let position = stored.position;
    let published = newest.as_ref().map_or(0, |row| row.size);
    let Some(row) = newest.filter(|row| row.size > position.0) else {
        return Err(ProveError::NotPublished { position, published });
    };
    stored
        .verify(&Sha256Hasher, log.log_id)
        .map_err(|untrue| IntegrityError::Event { position, reason: untrue.to_string() })?;
    let checkpoint = parse_note(&row.note, row.size)?;
    let (size, root) = (checkpoint.size, checkpoint.root);
    let plan = proof::plan_inclusion(position.0, size)?;
    let inclusion = fetch(connection, tenant, (LogName::Events, log.epoch), &plan).await?;
    verify_inclusion(&Sha256Hasher, position.0, size, &stored.leaf_hash, &inclusion, &root)
        .map_err(|error| IntegrityError::Proof { size, reason: error.to_string() })?;
    Ok(Some(ProofBundle {
        format: PROOF_FORMAT.to_owned(),
        salts: SaltsHex::encode(&stored.salts, &stored.event),
        event: stored.event,
        log_id: log.log_id,
        position,
        recorded_at: stored.recorded_at,
        submitted_by: stored.submitted_by,
        inclusion,
        checkpoint: row.note,
    }))
}

/// Fetches the nodes of a plan from the tenant's log and puts the proof together.
async fn fetch_of_log(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    name: LogName,
    plan: &Plan,
) -> Result<Vec<Hash>, ProveError> {
    let log = logs::find(connection, tenant, name).await?.ok_or(ProveError::NoLog)?;
    fetch(connection, tenant, (name, log.epoch), plan).await
}

/// Fetches the nodes of a plan and puts the proof together.
async fn fetch(
    connection: &mut AsyncPgConnection,
    tenant: &TenantId,
    (log, epoch): (LogName, Epoch),
    plan: &Plan,
) -> Result<Vec<Hash>, ProveError> {
    let newest = tree_heads::newest(connection, tenant, log, epoch).await?;
    let tree = TreeOf { tenant, log, epoch, stored: newest.head.size().0 };
    let nodes = merkle_tiles::nodes(connection, tree, plan.nodes()).await?;
    Ok(plan.assemble(&Sha256Hasher, nodes).expect("as many nodes were fetched as the plan names"))
}

/// Reads a stored note without believing its signature: whoever is given it checks that.
pub(crate) fn parse_note(note: &str, size: u64) -> Result<Checkpoint, IntegrityError> {
    let unreadable = |reason: String| IntegrityError::Proof { size, reason };
    let parsed = Note::parse(note).map_err(|error| unreadable(format!("stored checkpoint: {error}")))?;
    Checkpoint::parse(parsed.text()).map_err(|error| unreadable(format!("stored checkpoint: {error}")))
}
