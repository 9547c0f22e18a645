//! A key that takes over from another one: both sign for a while, neither ever signs what contradicts the other.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is not as it must be")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use veritrail_core::ProofBundle;
use veritrail_merkle::checkpoint;
use veritrail_merkle::note::{SignerKey, VerifierKey};
use veritrail_store_pg::{
    ExternalSigner, FileSigner, MirrorLimits, PublishError, Session, SignerError, SignerMemory, WithoutMemory,
};
use veritrail_tests::database::TestDatabase;
use veritrail_tests::sample::{event_guid, individuals, store, submit};

const NAME: &str = "example.org/tests";

/// A key and the one that takes over from it.
struct Keys {
    folder: tempfile::TempDir,
    old: VerifierKey,
    new: VerifierKey,
}

impl Keys {
    fn create() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let old = FileSigner::create(&folder.path().join("old"), NAME).unwrap();
        let new =
            FileSigner::create_successor(&folder.path().join("new"), &folder.path().join("old")).unwrap();
        Self { folder, old, new }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn signer(&self, name: &str) -> Arc<FileSigner> {
        Arc::new(FileSigner::open(&self.path(name)).unwrap())
    }

    fn both(&self) -> Arc<FileSigner> {
        let new = FileSigner::open(&self.path("new")).unwrap();
        Arc::new(new.with_outgoing(&self.path("old")).unwrap())
    }
}

fn signers(note: &str, trusted: &[VerifierKey]) -> usize {
    checkpoint::open(note, trusted).map_or(0, |(_, keys)| keys.len())
}

/// The newest checkpoint, and whether nothing is found by whoever trusts this key alone.
async fn verified(session: &mut Session<'_>, key: &VerifierKey) -> (Option<u64>, bool) {
    let report = session.verify(std::slice::from_ref(key)).await.unwrap().unwrap();
    (report.checkpoint, report.is_true())
}

#[tokio::test(flavor = "multi_thread")]
async fn during_an_overlap_each_key_alone_is_enough() {
    let (database, keys) = (TestDatabase::create().await, Keys::create());
    let store = store(&database, "a");
    let mut session = store.session().await.unwrap();
    let grow = async |session: &mut Session<'_>, first| submit(session, &individuals(first, 10)).await;
    grow(&mut session, 0).await;
    let before = session.publish(&keys.signer("old"), WithoutMemory::Refuse).await.unwrap();
    assert_eq!((signers(&before.note, std::slice::from_ref(&keys.new)), before.switch), (0, None));
    assert_eq!(verified(&mut session, &keys.new).await, (None, false), "the new key has signed nothing yet");

    grow(&mut session, 10).await;
    let overlap = session.publish(&keys.both(), WithoutMemory::Refuse).await.unwrap();
    assert_eq!(signers(&overlap.note, &[keys.old.clone(), keys.new.clone()]), 2);
    let switch = overlap.switch.unwrap();
    assert_eq!((switch.size, switch.from, switch.to.len()), (20, vec![keys.old.id()], 2));
    for key in [&keys.old, &keys.new] {
        // The earlier checkpoint, which only the old key has signed, is vouched for by this one.
        assert_eq!(verified(&mut session, key).await, (Some(20), true));
        let bundle = session.prove(&event_guid("e3")).await.unwrap().unwrap();
        ProofBundle::parse(&bundle.to_json()).unwrap().check(std::slice::from_ref(key)).unwrap();
        let copy = TestDatabase::create().await;
        let replica = veritrail_tests::sample::store(&copy, "a");
        let mut taken = replica.session().await.unwrap();
        let limits = MirrorLimits { page: 100, pages: 9 };
        let mirrored =
            taken.mirror(&mut session, std::slice::from_ref(key), limits, |_, _| {}).await.unwrap();
        assert!(mirrored.is_complete);
        assert_eq!(verified(&mut taken, key).await, (Some(20), true));
    }
    let again = session.publish(&keys.both(), WithoutMemory::Refuse).await.unwrap();
    assert_eq!((again.is_new, again.switch), (false, None));

    // The old key is retired: its file goes, the memory that both have stays.
    std::fs::remove_file(keys.path("old")).unwrap();
    grow(&mut session, 20).await;
    let after = session.publish(&keys.signer("new"), WithoutMemory::Refuse).await.unwrap();
    let switch = after.switch.unwrap();
    assert_eq!((switch.size, switch.from.len(), switch.to), (30, 2, vec![keys.new.id()]));
    assert_eq!(verified(&mut session, &keys.new).await, (Some(30), true));
    assert_eq!(
        verified(&mut session, &keys.old).await,
        (Some(20), false),
        "it cannot vouch for what came later"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_that_is_there_gets_the_new_keys_signature_too() {
    let (database, keys) = (TestDatabase::create().await, Keys::create());
    let store = store(&database, "a");
    let mut session = store.session().await.unwrap();
    submit(&mut session, &individuals(0, 10)).await;
    let old = session.publish(&keys.signer("old"), WithoutMemory::Refuse).await.unwrap();
    let both = session.publish(&keys.both(), WithoutMemory::Refuse).await.unwrap();
    assert_eq!((both.is_new, both.switch.map(|switch| switch.size)), (false, Some(10)));
    let served = session.checkpoint().await.unwrap().unwrap();
    assert!(served.starts_with(&old.note), "what was published stays as it was");
    assert_eq!(signers(&served, &[keys.old.clone(), keys.new.clone()]), 2);
    for key in [&keys.old, &keys.new] {
        assert_eq!(verified(&mut session, key).await, (Some(10), true));
    }
    let client = database.connect().await;
    let refused = client.batch_execute("DELETE FROM veritrail.checkpoint_signatures").await.unwrap_err();
    assert_eq!(refused.code().unwrap().code(), "VT001");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_new_key_remembers_what_the_old_one_signed() {
    let (database, keys) = (TestDatabase::create().await, Keys::create());
    {
        let store = store(&database, "a");
        submit(&mut store.session().await.unwrap(), &individuals(0, 5)).await;
        store.close();
    }
    let backup = database.duplicate().await;
    let live = store(&database, "a");
    let mut session = live.session().await.unwrap();
    submit(&mut session, &individuals(5, 5)).await;
    session.publish(&keys.signer("old"), WithoutMemory::Refuse).await.unwrap();

    let restored = store(&backup, "a");
    let mut other = restored.session().await.unwrap();
    for signer in [keys.signer("new"), keys.both()] {
        let refused = other.publish(&signer, WithoutMemory::Refuse).await;
        assert!(matches!(refused, Err(PublishError::RolledBack { head: 5, signed: 10 })), "{refused:?}");
    }
    submit(&mut other, &individuals(50, 5)).await;
    for memory in [WithoutMemory::Refuse, WithoutMemory::Adopt] {
        let refused = other.publish(&keys.signer("new"), memory).await;
        assert!(matches!(refused, Err(PublishError::Forked { head: 10, signed: 10, .. })), "{refused:?}");
    }
    // And the old one what the new one signed.
    submit(&mut session, &individuals(10, 5)).await;
    session.publish(&keys.signer("new"), WithoutMemory::Refuse).await.unwrap();
    submit(&mut other, &individuals(60, 5)).await;
    let refused = other.publish(&keys.signer("old"), WithoutMemory::Refuse).await;
    assert!(matches!(refused, Err(PublishError::Forked { head: 15, signed: 15, .. })), "{refused:?}");
    assert!(other.checkpoint().await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_do_not_share_a_memory_do_not_sign_together() {
    let keys = Keys::create();
    let stranger = keys.path("stranger");
    FileSigner::create(&stranger, NAME).unwrap();
    let open = || FileSigner::open(&keys.path("new")).unwrap();
    let refused = open().with_outgoing(&stranger);
    assert!(matches!(refused, Err(SignerError::OtherSigner { .. })), "{refused:?}");
    let other = keys.path("other");
    FileSigner::create(&other, "example.org/other").unwrap();
    assert!(matches!(open().with_outgoing(&other), Err(SignerError::OtherSigner { .. })));
    assert!(matches!(open().with_outgoing(&keys.path("new")), Err(SignerError::OtherSigner { .. })));
    // A key that has forgotten what it signed has nothing to hand over.
    std::fs::remove_dir_all(keys.path("stranger.memory")).unwrap();
    let refused = FileSigner::create_successor(&keys.path("heir"), &stranger);
    assert!(matches!(refused, Err(SignerError::NoMemory { .. })), "{refused:?}");
    assert!(!keys.path("heir").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_moved_together_keep_their_memory() {
    let (database, keys) = (TestDatabase::create().await, Keys::create());
    let store = store(&database, "a");
    let mut session = store.session().await.unwrap();
    submit(&mut session, &individuals(0, 5)).await;
    session.publish(&keys.both(), WithoutMemory::Refuse).await.unwrap();
    let elsewhere = keys.path("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    for name in ["old", "old.memory", "new", "new.memory"] {
        std::fs::rename(keys.path(name), elsewhere.join(name)).unwrap();
    }
    submit(&mut session, &individuals(5, 5)).await;
    let new = FileSigner::open(&elsewhere.join("new")).unwrap();
    let both = new.with_outgoing(&elsewhere.join("old")).unwrap();
    assert!(session.publish(&Arc::new(both), WithoutMemory::Refuse).await.unwrap().is_new);
    // Without what the link leads to, nothing is known, and nothing is signed.
    std::fs::remove_dir_all(elsewhere.join("old.memory")).unwrap();
    let forgetful = Arc::new(FileSigner::open(&elsewhere.join("new")).unwrap());
    let refused = session.publish(&forgetful, WithoutMemory::Refuse).await;
    assert!(matches!(refused, Err(PublishError::NoMemory { published: 10, .. })), "{refused:?}");
}

/// A signer whose key lies in the test.
fn external(key: &SignerKey, folder: &Path) -> Arc<ExternalSigner> {
    let (own, memory) = (key.clone(), SignerMemory::at(folder));
    let sign = move |_: &VerifierKey, text: &str| Ok(own.sign(text).bytes().try_into()?);
    Arc::new(ExternalSigner::new(vec![key.verifier_key()], memory, sign).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_the_application_keeps_signs_with_a_memory_of_its_own() {
    let (database, folder) = (TestDatabase::create().await, tempfile::tempdir().unwrap());
    let store = store(&database, "a");
    let mut session = store.session().await.unwrap();
    submit(&mut session, &individuals(0, 5)).await;
    let key = SignerKey::from_seed(NAME, &[7; 32]).unwrap();
    let memory = folder.path().join("memory");
    let refused = session.publish(&external(&key, &memory), WithoutMemory::Refuse).await;
    assert!(matches!(refused, Err(PublishError::NoMemory { published: 0, .. })), "{refused:?}");
    SignerMemory::create(&memory).unwrap();

    // A module that signs with another key than it says, or with none.
    let (stranger, own) = (SignerKey::from_seed(NAME, &[8; 32]).unwrap(), key.verifier_key());
    let sign = move |_: &VerifierKey, text: &str| Ok(stranger.sign(text).bytes().try_into()?);
    let wrong = ExternalSigner::new(vec![own.clone()], SignerMemory::at(&memory), sign).unwrap();
    let refused = session.publish(&Arc::new(wrong), WithoutMemory::Refuse).await;
    assert!(matches!(refused, Err(PublishError::Signer(SignerError::BadSignature(_)))), "{refused:?}");
    let broken = ExternalSigner::new(vec![own.clone()], SignerMemory::at(&memory), |_, _| Err("no".into()));
    let refused = session.publish(&Arc::new(broken.unwrap()), WithoutMemory::Refuse).await;
    assert!(matches!(refused, Err(PublishError::Signer(SignerError::External { .. }))), "{refused:?}");
    assert!(session.checkpoint().await.unwrap().is_none());
    assert!(ExternalSigner::new(Vec::new(), SignerMemory::at(&memory), |_, _| Ok([0; 64])).is_err());

    let published = session.publish(&external(&key, &memory), WithoutMemory::Refuse).await.unwrap();
    assert_eq!(signers(&published.note, &[own]), 1);
    assert!(std::fs::read_dir(&memory).unwrap().count() > 0, "it has been remembered");
}
