//! Every operation of a session, for tests of what must hold for all of them, and a tenant on whose data each does
//! something.
//!
//! Not here: what an operation answers in each case (the test named after it).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;
use veritrail_core::Hash;
use veritrail_store_pg::veritrail_merkle::note::VerifierKey;
use veritrail_store_pg::veritrail_sync::{Cursor, CursorRules};
use veritrail_store_pg::{
    Applying, FileSigner, MirrorLimits, Moment, PgEventStore, Session, TransactionLimits, WithoutMemory,
};

use crate::database::TestDatabase;
use crate::sample::{entity_guid, event, event_guid, individuals, signer, store, submit, submitter};

/// Events that the tenant has: more than a tile of them.
pub const EVENTS: usize = 300;
/// Events of a submit.
pub const BATCH: usize = 3;

/// An operation of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `Session::check_schema`.
    CheckSchema,
    /// `Session::log`.
    Log,
    /// `Session::tree_head`.
    TreeHead,
    /// `Session::event`.
    Event,
    /// `Session::events_since`.
    EventsSince,
    /// `Session::events_between`.
    EventsBetween,
    /// `Session::entity`.
    Entity,
    /// `Session::timeline`.
    Timeline,
    /// `Session::entity_at`.
    EntityAt,
    /// `Session::checkpoint`.
    Checkpoint,
    /// `Session::prove`.
    Prove,
    /// `Session::prove_consistency`.
    ProveConsistency,
    /// `Session::prove_range`.
    ProveRange,
    /// `Session::verify`.
    Verify,
    /// `Session::submit`.
    Submit,
    /// `Session::publish`.
    Publish,
    /// `Session::mirror`, on a replica of its own.
    Mirror,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::CheckSchema,
        Self::Log,
        Self::TreeHead,
        Self::Event,
        Self::EventsSince,
        Self::EventsBetween,
        Self::Entity,
        Self::Timeline,
        Self::EntityAt,
        Self::Checkpoint,
        Self::Prove,
        Self::ProveConsistency,
        Self::ProveRange,
        Self::Verify,
        Self::Submit,
        Self::Publish,
        Self::Mirror,
    ];
}

/// A tenant `a` with a published log, and what its operations need.
pub struct Stage {
    /// The tenant's store.
    pub store: PgEventStore,
    signer: Arc<FileSigner>,
    key: VerifierKey,
    head: (u64, Hash),
    leaves: Vec<Hash>,
    attempts: AtomicUsize,
    _folder: TempDir,
}

impl Stage {
    /// Fills the tenant's log and publishes it.
    ///
    /// # Panics
    /// When an operation fails.
    pub async fn set(database: &TestDatabase) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let signer = signer(folder.path());
        // An operation that waits for a lock that nobody will let go of must fail.
        let limits = TransactionLimits {
            lock_timeout: std::time::Duration::from_secs(5),
            ..TransactionLimits::default()
        };
        let store = store(database, "a").with_limits(limits);
        let mut session = store.session().await.expect("a session");
        submit(&mut session, &[event("g", "create-group", "group", r#"{"members":[{"guid":"m"}]}"#)]).await;
        submit(&mut session, &individuals(1, EVENTS - 1)).await;
        session.publish(&signer, WithoutMemory::Refuse).await.expect("it is published");
        let head = session.tree_head().await.expect("an answer").expect("a head");
        let page = session.events_since(&Cursor::Start, 10, CursorRules::Ours).await.expect("a page");
        drop(session);
        Self {
            store,
            key: signer.verifier_key(),
            signer,
            head: (head.size().0, head.root),
            leaves: page.events.iter().map(|stored| stored.leaf_hash).collect(),
            attempts: AtomicUsize::new(0),
            _folder: folder,
        }
    }

    /// The store on which an operation is tried: that of the tenant, or of its replica.
    #[must_use]
    pub fn store_for(&self, operation: Operation) -> PgEventStore {
        match operation {
            Operation::Mirror => self.store.clone().with_tenant("replica".parse().expect("a tenant's name")),
            _ => self.store.clone(),
        }
    }

    /// Number of submits so far; the events of submit `n` have the guids `s<n>-<i>`.
    #[must_use]
    pub fn attempts(&self) -> usize {
        self.attempts.load(Ordering::Relaxed)
    }

    /// Does an operation and says what it has answered, leaving out what differs from time to time.
    ///
    /// # Errors
    /// The operation's.
    pub async fn perform(&self, operation: Operation, session: &mut Session<'_>) -> anyhow::Result<String> {
        let (guid, entity) = (event_guid("e7"), entity_guid("group"));
        let (early, late) = ("2000-01-01T00:00:00Z".parse()?, "2100-01-01T00:00:00Z".parse()?);
        Ok(match operation {
            Operation::CheckSchema => format!("{:?}", session.check_schema().await?),
            Operation::Log => format!("{:?}", session.log().await?),
            Operation::TreeHead => format!("{:?}", session.tree_head().await?),
            Operation::Event => format!("{:?}", session.event(&guid).await?),
            Operation::EventsSince => {
                format!("{:?}", session.events_since(&Cursor::Start, 50, CursorRules::Ours).await?.events)
            }
            Operation::EventsBetween => format!("{:?}", session.events_between(early, late, 50).await?),
            Operation::Entity => format!("{:?}", session.entity(&entity).await?),
            Operation::Timeline => format!("{:?}", session.timeline(&entity).await?),
            Operation::EntityAt => {
                format!("{:?}", session.entity_at(&entity, Moment::Happened(late)).await?)
            }
            Operation::Checkpoint => format!("{:?}", session.checkpoint().await?),
            Operation::Prove => format!("{:?}", session.prove(&guid).await?),
            Operation::ProveConsistency => {
                format!("{:?}", session.prove_consistency(self.head, self.head).await?)
            }
            Operation::ProveRange => format!("{:?}", session.prove_range(0, &self.leaves, self.head).await?),
            Operation::Verify => {
                let report = session.verify(std::slice::from_ref(&self.key)).await?;
                format!("{:?}", report.map(|report| report.findings))
            }
            Operation::Submit => self.submit(session).await?,
            Operation::Publish => {
                session.publish(&self.signer, WithoutMemory::Refuse).await?;
                String::new()
            }
            Operation::Mirror => {
                let mut origin = self.store.session().await?;
                let limits = MirrorLimits { page: 100, pages: u64::MAX };
                let keys = std::slice::from_ref(&self.key);
                format!("{:?}", session.mirror(&mut origin, keys, limits, |_, _| {}).await?.is_complete)
            }
        })
    }

    async fn submit(&self, session: &mut Session<'_>) -> anyhow::Result<String> {
        let attempt = self.attempts.fetch_add(1, Ordering::Relaxed);
        let one = |n| {
            let guid = format!("s{attempt}-{n}");
            event(&guid, "create-individual", &format!("of-{guid}"), "{}")
        };
        let batch: Vec<_> = (0..BATCH).map(one).collect();
        let submitted = session.submit(&batch, &submitter(), Applying::Apply).await?;
        Ok(format!("{}", submitted.outcomes.len()))
    }
}
