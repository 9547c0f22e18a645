//! Cosignatures: what a witness has signed is kept with the checkpoint, and what it has not is not.

use veritrail_merkle::cosignature::{CosignerKey, Trust};
use veritrail_merkle::note::Note;
use veritrail_store_pg::{CosignError, WithoutMemory};
use veritrail_tests::database::TestDatabase;
use veritrail_tests::sample::{individuals, signer, store, submit};

const TIME: u64 = 1_780_000_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_cosignature_is_checked_kept_and_served() {
    let (database, folder) = (TestDatabase::create().await, tempfile::tempdir().unwrap());
    let (store, key) = (store(&database, "a"), signer(folder.path()));
    let mut session = store.session().await.unwrap();
    submit(&mut session, &individuals(0, 10)).await;
    let published = session.publish(&key, WithoutMemory::Refuse).await.unwrap();
    let text = Note::parse(&published.note).unwrap().text().to_owned();
    let witness = CosignerKey::from_seed("witness.example/w1", &[8; 32]).unwrap();
    let stranger = CosignerKey::from_seed("witness.example/w2", &[9; 32]).unwrap();
    let witnesses = [witness.witness_key()];
    let line = witness.cosign(&text, TIME).unwrap().to_string();

    assert!(session.add_cosignature(10, &line, &witnesses).await.unwrap());
    assert!(!session.add_cosignature(10, &format!("{line}\n"), &witnesses).await.unwrap(), "it is there");
    let later = witness.cosign(&text, TIME + 1).unwrap().to_string();
    assert!(!session.add_cosignature(10, &later, &witnesses).await.unwrap(), "the first one is kept");
    let served = session.checkpoint().await.unwrap().unwrap();
    assert_eq!(served, format!("{}{line}\n", published.note));
    // Any client that speaks the format reads it, and the log's own checks take no offence.
    let log_keys = [key.verifier_key()];
    let origin = &published.checkpoint.origin;
    let trust = Trust { origin, log_keys: &log_keys, witnesses: &witnesses, quorum: 1 };
    assert_eq!(trust.check(&Note::parse(&served).unwrap()).unwrap().cosigned_by[0].time, TIME);
    assert!(session.verify(&log_keys).await.unwrap().unwrap().is_true());
    assert!(!session.publish(&key, WithoutMemory::Refuse).await.unwrap().is_new);

    let other = text.replacen("\n10\n", "\n11\n", 1);
    let foreign = witness.cosign(&other, TIME).unwrap().to_string();
    let refused = session.add_cosignature(10, &foreign, &witnesses).await;
    assert!(matches!(refused, Err(CosignError::Invalid(_))), "{refused:?}");
    let unknown = stranger.cosign(&text, TIME).unwrap().to_string();
    let refused = session.add_cosignature(10, &unknown, &witnesses).await;
    assert!(
        matches!(&refused, Err(CosignError::Stranger { name }) if name == "witness.example/w2"),
        "{refused:?}"
    );
    let refused = session.add_cosignature(10, "no line", &witnesses).await;
    assert!(matches!(refused, Err(CosignError::Line(_))), "{refused:?}");
    for size in [0, 9, 11, u64::MAX] {
        let refused = session.add_cosignature(size, &line, &witnesses).await;
        assert!(matches!(refused, Err(CosignError::NoCheckpoint { size: of }) if of == size), "{refused:?}");
    }
    assert_eq!(session.checkpoint().await.unwrap().unwrap(), served);
}
