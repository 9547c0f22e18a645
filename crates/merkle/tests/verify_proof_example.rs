//! The example `verify_proof`: its files are the ones that this crate makes, they verify, and nothing spoilt does.
//!
//! What a proof is and what is refused in its text is not here but in `signed_note`.
#![cfg(feature = "note")]

#[expect(dead_code, reason = "the example's `main` is not called here")]
#[path = "../examples/verify_proof.rs"]
mod verify_proof;

use std::fs;
use std::path::{Path, PathBuf};

use veritrail_merkle::checkpoint::Checkpoint;
use veritrail_merkle::cosignature::CosignerKey;
use veritrail_merkle::note::{Note, SignerKey};
use veritrail_merkle::proof::plan_inclusion;
use veritrail_merkle::tlog_proof::TlogProof;
use veritrail_merkle::{Hash, Sha256Hasher, TreeHasher as _, root_of_leaves};

use verify_proof::{Failure, run};

const SIZE: u64 = 300;
const INDEX: u64 = 200;
const TIME: u64 = 1_772_323_200;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data").join(name)
}

fn entry(index: u64) -> String {
    format!("entry {index}\n")
}

fn log() -> SignerKey {
    SignerKey::from_seed("example.com/log", &[1; 32]).expect("the name is valid")
}

fn witness() -> CosignerKey {
    CosignerKey::from_seed("witness.example/w1", &[2; 32]).expect("the name is valid")
}

/// The proof of one entry of a log, signed and cosigned by keys that everybody can make.
fn proof() -> TlogProof {
    let leaves: Vec<Hash> = (0..SIZE).map(|index| Sha256Hasher.hash_leaf(entry(index).as_bytes())).collect();
    let root = root_of_leaves(&Sha256Hasher, &leaves);
    let checkpoint = Checkpoint { origin: "example.com/log".into(), size: SIZE, root, extensions: vec![] };
    let mut note = Note::parse(&checkpoint.sign(&[&log()]).expect("a checkpoint")).expect("a note");
    note.add_signature(witness().cosign(note.text(), TIME).expect("a checkpoint")).expect("few signatures");
    let plan = plan_inclusion(INDEX, SIZE).expect("the entry is in the log");
    let fetched = plan.nodes().iter().map(|id| {
        let covered = id.leaves().expect("a small tree");
        root_of_leaves(&Sha256Hasher, &leaves[covered.start as usize..covered.end as usize])
    });
    let path = plan.assemble(&Sha256Hasher, fetched.collect()).expect("all nodes were fetched");
    TlogProof::new(INDEX, path, note, vec![]).expect("a proof")
}

/// Runs the example on a proof and an entry that are written to files first.
fn run_on(proof: &str, entry: &str, keys: &[String]) -> Result<String, Failure> {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let paths = [("a.tlog-proof", proof), ("entry", entry)].map(|(name, text)| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("the file can be written");
        path.to_str().expect("a path in UTF-8").to_owned()
    });
    run(&[&paths, keys].concat())
}

#[test]
fn the_files_of_the_example_are_those_that_this_crate_makes() {
    let read = |name| fs::read_to_string(data(name)).unwrap();
    assert_eq!(read("entry-200.tlog-proof"), proof().to_string());
    assert_eq!(read("entry-200.txt"), entry(INDEX));
    assert_eq!(read("log.vkey").trim_end(), log().verifier_key().to_string());
    assert_eq!(read("witness.vkey").trim_end(), witness().witness_key().to_string());
}

#[test]
fn the_example_verifies_its_files() {
    let path = |name| data(name).to_str().unwrap().to_owned();
    let key = |name| fs::read_to_string(data(name)).unwrap().trim_end().to_owned();
    let files = [path("entry-200.tlog-proof"), path("entry-200.txt"), key("log.vkey")];
    let said = run(&files).unwrap();
    assert_eq!(said, "entry 200 of the 300 in example.com/log, signed by the log and 0 of its witnesses");
    let said = run(&[&files[..], &[key("witness.vkey")]].concat()).unwrap();
    assert_eq!(said, "entry 200 of the 300 in example.com/log, signed by the log and 1 of its witnesses");
}

#[test]
fn tampered_files_are_not_proved() {
    let (text, log_key) = (proof().to_string(), log().verifier_key().to_string());
    let good = |proof: &str, entry: &str| run_on(proof, entry, std::slice::from_ref(&log_key));
    assert!(good(&text, &entry(INDEX)).is_ok());
    let not_proved = |result: Result<String, Failure>, reason: &str| match result {
        Err(Failure::NotProved(said)) => assert!(said.contains(reason), "{said}"),
        other => panic!("{other:?}"),
    };
    not_proved(good(&text, &entry(INDEX + 1)), "not at position 200");
    not_proved(good(&text, ""), "leads to the root");
    not_proved(good(&text.replace("index 200", "index 201"), &entry(INDEX)), "not at position 201");
    not_proved(good(&text.replace("\n300\n", "\n301\n"), &entry(INDEX)), "signature of example.com/log");
    let first = proof().hashes()[0].to_base64();
    not_proved(
        good(&text.replace(&first, &Hash::from([0; 32]).to_base64()), &entry(INDEX)),
        "not at position",
    );
    not_proved(good(&text.replace(&format!("{first}\n"), ""), &entry(INDEX)), "has 8 hashes instead of 9");

    let other = SignerKey::from_seed("example.com/log", &[9; 32]).unwrap().verifier_key().to_string();
    not_proved(run_on(&text, &entry(INDEX), &[other]), "no signature is by a known key");
    let stranger = CosignerKey::from_seed("stranger", &[3; 32]).unwrap().witness_key().to_string();
    not_proved(run_on(&text, &entry(INDEX), &[log_key.clone(), stranger]), "0 of the trusted witnesses");
}

#[test]
fn wrong_input_is_told_from_a_proof_that_fails() {
    let log_key = log().verifier_key().to_string();
    let is_input =
        |result: Result<String, Failure>| assert!(matches!(result, Err(Failure::Input(_))), "{result:?}");
    is_input(run(&[]));
    is_input(run(&["no-such-file".into(), "no-such-file".into(), log_key.clone()]));
    is_input(run_on("no proof", &entry(INDEX), &[log_key]));
    is_input(run_on(&proof().to_string(), &entry(INDEX), &["no key".into()]));
    // A witness's key is not the log's.
    is_input(run_on(&proof().to_string(), &entry(INDEX), &[witness().witness_key().to_string()]));
}
