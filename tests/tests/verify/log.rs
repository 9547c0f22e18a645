//! A log with several batches, kept heads and signed checkpoints, whose rows a test changes as a superuser would.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;
use veritrail_core::{EventGuid, FormSubmission, Hash, StoredEvent, Subject, TreeHead};
use veritrail_merkle::note::VerifierKey;
use veritrail_store_pg::{
    Applying, FileSigner, Finding, Outcome, PgEventStore, PublishError, Published, Report, SubmitError,
    WithoutMemory,
};
use veritrail_tests::database::TestDatabase;
use veritrail_tests::numbered;

/// The kept heads of [`TestLog::create`]; the second, the fifth and no later one are signed.
pub(crate) const HEADS: [u64; 6] = [1, 256, 556, 600, 1_024, 1_300];
/// The sizes that are signed.
pub(crate) const SIGNED: [u64; 2] = [256, 1_024];

/// A database with a log, and the key that signs it.
pub(crate) struct TestLog {
    pub(crate) database: TestDatabase,
    signer: Arc<FileSigner>,
    folder: Arc<TempDir>,
}

impl TestLog {
    /// A log with [`HEADS`] and [`SIGNED`].
    pub(crate) async fn create() -> Self {
        let log = Self::empty().await;
        let mut size = 0;
        for head in HEADS {
            log.append(size..head).await.unwrap();
            size = head;
            if SIGNED.contains(&head) {
                assert_eq!(log.publish().await.unwrap().checkpoint.size, head);
            }
        }
        log
    }

    /// A log without events.
    pub(crate) async fn empty() -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("key");
        FileSigner::create(&path, "example.org/registry").unwrap();
        let signer = Arc::new(FileSigner::open(&path).unwrap());
        Self { database: TestDatabase::create().await, signer, folder: Arc::new(folder) }
    }

    /// The database as it is now; the key and its memory are the same ones.
    pub(crate) async fn copy(&self) -> Self {
        let (signer, folder) = (Arc::clone(&self.signer), Arc::clone(&self.folder));
        Self { database: self.database.duplicate().await, signer, folder }
    }

    /// A store with its own connections, which are closed with it: an open one would keep the database from being
    /// copied.
    pub(crate) fn store(&self) -> PgEventStore {
        PgEventStore::from_url(self.database.url()).unwrap()
    }

    /// Appends the sample events with these numbers in one transaction.
    pub(crate) async fn append(&self, numbers: std::ops::Range<u64>) -> Result<TreeHead, SubmitError> {
        let events: Vec<_> =
            numbers.map(|number| FormSubmission::parse(&numbered::event(number)).unwrap()).collect();
        let store = self.store();
        let mut session = store.session().await.unwrap();
        let by = Subject::new("tests").unwrap();
        let submitted = session.submit(&events, &by, Applying::AppendOnly).await?;
        assert!(submitted.outcomes.iter().all(|outcome| matches!(outcome, Outcome::Recorded(_))));
        Ok(submitted.head.expect("the events are new"))
    }

    pub(crate) async fn publish(&self) -> Result<Published, PublishError> {
        let store = self.store();
        store.session().await.unwrap().publish(&self.signer, WithoutMemory::Refuse).await
    }

    pub(crate) fn key_file(&self) -> PathBuf {
        self.folder.path().join("key")
    }

    pub(crate) fn verifier_key(&self) -> VerifierKey {
        self.signer.verifier_key()
    }

    /// What verify says to whoever trusts the log's key.
    pub(crate) async fn verify(&self) -> Report {
        let keys = [self.verifier_key()];
        self.store().session().await.unwrap().verify(&keys).await.unwrap().expect("there is a log")
    }

    /// What verify says to whoever trusts nobody.
    pub(crate) async fn verify_without_keys(&self) -> Report {
        self.store().session().await.unwrap().verify(&[]).await.unwrap().expect("there is a log")
    }

    /// Runs SQL as a superuser whom no trigger stops, and says how many rows it changed.
    pub(crate) async fn tamper(&self, sql: &str) -> u64 {
        let client = self.database.connect().await;
        client.batch_execute("SET session_replication_role = replica").await.unwrap();
        client.execute(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"))
    }

    /// Changes rows, at least one.
    pub(crate) async fn edit(&self, sql: &str) {
        assert_ne!(self.tamper(sql).await, 0, "nothing was changed by {sql}");
    }

    pub(crate) async fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM veritrail.{table}");
        self.database.connect().await.query_one(&sql, &[]).await.unwrap().get(0)
    }

    /// The event that stands at a position, believed as it is.
    pub(crate) async fn stored(&self, position: u64) -> StoredEvent {
        let guid = EventGuid::new(numbered::guid(position)).unwrap();
        self.store().session().await.unwrap().event(&guid).await.unwrap().expect("the event is there")
    }

    /// The log's leaves as the rows hold them.
    pub(crate) async fn leaves(&self) -> Vec<Hash> {
        let sql = "SELECT leaf_hash FROM veritrail.events ORDER BY position";
        let rows = self.database.connect().await.query(sql, &[]).await.unwrap();
        rows.iter().map(|row| Hash::try_from(row.get::<_, &[u8]>(0)).unwrap()).collect()
    }
}

/// What is reported, a line each: kind, place and guid.
pub(crate) fn lines(report: &Report) -> Vec<String> {
    assert_eq!(report.more_findings, 0);
    assert_eq!(report.is_true(), report.findings.is_empty());
    report.findings.iter().map(line).collect()
}

fn line(finding: &Finding) -> String {
    let mut line = finding.kind().to_owned();
    let place = match finding {
        Finding::Missing { from, to, .. } => format!(" {from}-{to}"),
        Finding::Tile { level, index, .. } => format!(" {level}/{index}"),
        Finding::Head { size, after, .. } => format!(" {after}-{size}"),
        Finding::HeadBehindCheckpoint { head, checkpoint } => format!(" {head}-{checkpoint}"),
        Finding::CheckpointRoot { size, .. } | Finding::CheckpointNote { size, .. } => format!(" {size}"),
        _ => String::new(),
    };
    line.push_str(&place);
    if let Some((position, guid)) = finding.event() {
        write!(line, " {position} {guid}").unwrap();
    }
    line
}
