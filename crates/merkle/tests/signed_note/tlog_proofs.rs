//! Self-contained proofs: the layout of the specification, what is refused in their texts, and every part spoilt.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use veritrail_merkle::checkpoint::Checkpoint;
use veritrail_merkle::cosignature::{CosignatureError, CosignerKey, Trust};
use veritrail_merkle::note::{Note, VerifierKey};
use veritrail_merkle::proof::plan_inclusion;
use veritrail_merkle::tlog_proof::{MAX_EXTRA_BYTES, MAX_HASHES, MAX_PROOF_BYTES, TlogProof, TlogProofError};
use veritrail_merkle::{Hash, Sha256Hasher, TreeHasher as _, VerifyError, root_of_leaves};

use crate::notes::signer;

const SIZE: u64 = 11;
const INDEX: u64 = 6;

fn leaves() -> Vec<Hash> {
    (0..SIZE).map(|index| Sha256Hasher.hash_leaf(&index.to_be_bytes())).collect()
}

fn path(index: u64) -> Vec<Hash> {
    let plan = plan_inclusion(index, SIZE).expect("the leaf is in the tree");
    let fetched = plan.nodes().iter().map(|id| {
        let covered = id.leaves().expect("a small tree");
        root_of_leaves(&Sha256Hasher, &leaves()[covered.start as usize..covered.end as usize])
    });
    plan.assemble(&Sha256Hasher, fetched.collect()).expect("all nodes were fetched")
}

/// Made once: without optimisation a signature takes milliseconds.
static NOTE: LazyLock<Note> = LazyLock::new(cosigned);
static KEYS: LazyLock<[VerifierKey; 1]> = LazyLock::new(|| [signer("example.com/log", 1).verifier_key()]);

fn note() -> Note {
    NOTE.clone()
}

/// The note of the log's checkpoint, cosigned by one witness.
fn cosigned() -> Note {
    let root = root_of_leaves(&Sha256Hasher, &leaves());
    let checkpoint = Checkpoint { origin: "example.com/log".into(), size: SIZE, root, extensions: vec![] };
    let signed = checkpoint.sign(&[&signer("example.com/log", 1)]).expect("a checkpoint");
    let mut note = Note::parse(&signed).expect("a note");
    let witness = CosignerKey::from_seed("witness", &[2; 32]).expect("the name is valid");
    note.add_signature(witness.cosign(note.text(), 77).expect("a checkpoint")).expect("few signatures");
    note
}

fn proof() -> TlogProof {
    TlogProof::new(INDEX, path(INDEX), note(), b"extra".to_vec()).expect("a proof")
}

fn verify(proof: &TlogProof, leaf: &Hash) -> Result<Checkpoint, TlogProofError> {
    let trust = Trust { origin: "example.com/log", log_keys: &*KEYS, witnesses: &[], quorum: 0 };
    proof.verify(leaf, &trust).map(|trusted| trusted.checkpoint)
}

#[test]
fn a_proof_has_the_layout_of_the_specification() {
    let hashes: String = path(INDEX).iter().map(|hash| format!("{}\n", hash.to_base64())).collect();
    let expected = format!("c2sp.org/tlog-proof@v1\nextra ZXh0cmE=\nindex 6\n{hashes}\n{}", note());
    assert_eq!(proof().to_string(), expected);
    assert_eq!(expected.parse(), Ok(proof()));

    let bare = TlogProof::new(0, vec![], note(), vec![]).unwrap();
    assert_eq!(bare.to_string(), format!("c2sp.org/tlog-proof@v1\nindex 0\n\n{}", note()));
    assert_eq!(bare.to_string().parse(), Ok(bare));
}

#[test]
fn every_entry_is_proved_at_its_position_and_at_no_other() {
    let leaves = leaves();
    for index in 0..SIZE {
        let read: TlogProof =
            TlogProof::new(index, path(index), note(), vec![]).unwrap().to_string().parse().unwrap();
        for (position, leaf) in leaves.iter().enumerate() {
            let verified = verify(&read, leaf);
            assert_eq!(
                verified.is_ok(),
                position as u64 == index,
                "leaf {position} with the proof of {index}"
            );
        }
    }
    assert_eq!(verify(&proof(), &leaves[INDEX as usize]).unwrap().size, SIZE);
}

#[test]
fn the_checkpoint_must_be_what_the_reader_trusts() {
    let (proof, leaf) = (proof(), leaves()[INDEX as usize]);
    let others = [signer("example.com/log", 9).verifier_key()];
    let witnesses = [CosignerKey::from_seed("witness", &[2; 32]).unwrap().witness_key()];
    let trust = Trust { origin: "example.com/log", log_keys: &*KEYS, witnesses: &witnesses, quorum: 1 };
    let trusted = proof.verify(&leaf, &trust).unwrap();
    assert_eq!((trusted.signed_by.len(), trusted.cosigned_by[0].time), (1, 77));

    let too_few = CosignatureError::Quorum { quorum: 2, found: 1 };
    assert_eq!(proof.verify(&leaf, &Trust { quorum: 2, ..trust }), Err(TlogProofError::Untrusted(too_few)));
    for wrong in [Trust { log_keys: &others, ..trust }, Trust { origin: "example.com/other", ..trust }] {
        assert!(matches!(proof.verify(&leaf, &wrong), Err(TlogProofError::Untrusted(_))));
    }
}

#[test]
fn spoilt_proofs_are_refused() {
    let (hashes, leaf) = (path(INDEX), leaves()[INDEX as usize]);
    let check = |index: u64, hashes: Vec<Hash>| {
        verify(&TlogProof::new(index, hashes, note(), vec![]).expect("a proof"), &leaf)
    };
    assert!(check(INDEX, hashes.clone()).is_ok());
    for index in [INDEX + 1, INDEX - 1, INDEX ^ 2, 0, SIZE - 1] {
        assert!(matches!(check(index, hashes.clone()), Err(TlogProofError::NotIncluded { .. })), "{index}");
    }
    let beyond = VerifyError::IndexOutOfRange { index: u64::MAX, size: SIZE };
    let refused = check(u64::MAX, hashes.clone());
    assert_eq!(refused, Err(TlogProofError::NotIncluded { index: u64::MAX, source: beyond }));
    for i in 0..hashes.len() {
        let mut changed = hashes.clone();
        changed[i] = Hash::from([i as u8; 32]);
        assert!(check(INDEX, changed).is_err());
        let mut changed = hashes.clone();
        changed.remove(i);
        assert!(check(INDEX, changed).is_err());
        let mut changed = hashes.clone();
        changed.insert(i, hashes[i]);
        assert!(check(INDEX, changed).is_err());
        let mut changed = hashes.clone();
        changed.swap(i, (i + 1) % hashes.len());
        assert!(check(INDEX, changed).is_err());
    }
    assert!(check(INDEX, vec![]).is_err());
}

#[test]
fn texts_that_are_no_proofs_are_refused() {
    let good = proof().to_string();
    let read = |text: &str| text.parse::<TlogProof>();
    assert!(read(&good).is_ok());
    let first = path(INDEX)[0].to_base64();
    let refused = [
        ("c2sp.org/tlog-proof@v1", "c2sp.org/tlog-proof@v2", TlogProofError::Header),
        ("c2sp.org/tlog-proof@v1\n", "c2sp.org/tlog-proof@v1\r\n", TlogProofError::Header),
        ("c2sp.org/tlog-proof@v1\n", "\n", TlogProofError::Header),
        ("extra ZXh0cmE=", "extra ", TlogProofError::Extra),
        ("extra ZXh0cmE=", "extra ZXh0cmE", TlogProofError::Extra),
        ("extra ZXh0cmE=", "extra ZXh0cmF=", TlogProofError::Extra),
        ("extra ZXh0cmE=", "extra ZXh0cmE= ", TlogProofError::Extra),
        ("extra ZXh0cmE=", "extra", TlogProofError::Index),
        ("extra ZXh0cmE=\nindex 6", "index 6\nextra ZXh0cmE=", TlogProofError::Hash { hash: 1 }),
        ("extra ZXh0cmE=", "extra ZXh0cmE=\nextra ZXh0cmE=", TlogProofError::Index),
        ("index 6", "index  6", TlogProofError::Index),
        ("index 6", "index 06", TlogProofError::Index),
        ("index 6", "index +6", TlogProofError::Index),
        ("index 6", "index -6", TlogProofError::Index),
        ("index 6", "index 6 ", TlogProofError::Index),
        ("index 6", "index ", TlogProofError::Index),
        ("index 6", "index 18446744073709551616", TlogProofError::Index),
        ("index 6", "Index 6", TlogProofError::Index),
        ("index 6\n", "", TlogProofError::Index),
        (&first, &first[..43], TlogProofError::Hash { hash: 1 }),
        (&first, "AAAA", TlogProofError::Hash { hash: 1 }),
        (&first, &format!("{first} "), TlogProofError::Hash { hash: 1 }),
        ("\n\nexample.com/log", "\nexample.com/log", TlogProofError::Hash { hash: 5 }),
    ];
    for (from, to, error) in refused {
        let text = good.replacen(from, to, 1);
        assert_ne!(text, good);
        assert_eq!(read(&text), Err(error), "{to:?} for {from:?}");
    }
    for (from, to) in [("11\n", "011\n"), ("\n\n\u{2014}", "\n\u{2014}"), ("\n\nexample", "\n\n\nexample")] {
        let text = good.replacen(from, to, 1);
        assert_ne!(text, good);
        assert!(matches!(read(&text), Err(TlogProofError::Checkpoint(_))), "{to:?} for {from:?}");
    }
    // Cut anywhere, it is no proof, except between two signature lines: those are the note's own.
    for length in 0..good.len() {
        let Some(cut) = good.get(..length) else { continue };
        let is_whole_note = cut.ends_with("=\n") && cut.contains('\u{2014}');
        assert_eq!(read(cut).is_ok(), is_whole_note, "{cut}");
    }
}

#[test]
fn proofs_are_bounded() {
    let hash = Hash::from([1; 32]);
    let new = |hashes: usize, extra: usize| TlogProof::new(0, vec![hash; hashes], note(), vec![7; extra]);
    let largest = new(MAX_HASHES, MAX_EXTRA_BYTES).unwrap();
    assert_eq!(largest.to_string().parse(), Ok(largest.clone()));
    assert_eq!(new(MAX_HASHES + 1, 0), Err(TlogProofError::TooManyHashes));
    assert_eq!(new(0, MAX_EXTRA_BYTES + 1), Err(TlogProofError::Extra));
    let line = format!("{}\n", hash.to_base64());
    let longer = largest.to_string().replacen(&line, &line.repeat(2), 1);
    assert_eq!(longer.parse::<TlogProof>(), Err(TlogProofError::TooManyHashes));
    let text = "x".repeat(MAX_PROOF_BYTES + 1);
    assert_eq!(text.parse::<TlogProof>(), Err(TlogProofError::TooLong { actual: MAX_PROOF_BYTES + 1 }));
    let note = Note::sign("just a text\n", &[&signer("log", 1)]).unwrap();
    assert!(matches!(TlogProof::new(0, vec![], note, vec![]), Err(TlogProofError::Checkpoint(_))));
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        rng_seed: RngSeed::Fixed(0x7072_6f6f),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_spoilt_text_proves_nothing_else(
        position in any::<prop::sample::Index>(),
        insert in any::<char>(),
        cut in 0..3_usize,
    ) {
        let good = proof();
        let text: Vec<char> = good.to_string().chars().collect();
        let at = position.index(text.len());
        let spoilt: String = text[..at].iter().chain([&insert]).chain(text[at..].iter().skip(cut)).collect();
        if let Ok(read) = spoilt.parse::<TlogProof>() {
            prop_assert_eq!(read.to_string(), spoilt);
            // What may differ is what nobody vouches for: the extra data, and lines of unknown keys.
            if verify(&read, &leaves()[INDEX as usize]).is_ok() {
                prop_assert_eq!(read.index(), good.index());
                prop_assert_eq!(read.hashes(), good.hashes());
                prop_assert_eq!(read.note().text(), good.note().text());
            }
        }
    }
}
