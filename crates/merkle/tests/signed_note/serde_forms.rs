//! Serde forms: everything that has one comes back, and nothing else is read.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use veritrail_merkle::cosignature::{CosignerKey, WitnessKey};
use veritrail_merkle::note::{Note, VerifierKey};
use veritrail_merkle::tile::TileId;
use veritrail_merkle::tlog_proof::TlogProof;
use veritrail_merkle::{CompactRange, Hash};

use crate::notes::signer;

/// The value comes back from its JSON, which is `json`; from a string that had to be unescaped as well, which cannot be
/// borrowed from its source.
fn round_trip<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T, json: &str) {
    assert_eq!(serde_json::to_string(value).expect("writes"), json);
    assert_eq!(&serde_json::from_str::<T>(json).expect("reads"), value);
    if json.starts_with('"') {
        let escaped = format!("\"\\u{:04x}{}", json.as_bytes()[1], &json[2..]);
        assert_eq!(&serde_json::from_str::<T>(&escaped).expect("reads"), value);
    }
}

fn refuse<T: DeserializeOwned + Debug>(json: &str) {
    assert!(serde_json::from_str::<T>(json).is_err(), "{json}");
}

#[test]
fn texts_come_back() {
    let hash = Hash::from([0x5a; 32]);
    let witness = CosignerKey::from_seed("w", &[2; 32]).unwrap().witness_key();
    round_trip(&hash, &format!("\"{hash}\""));
    round_trip(&TileId::hashes(1, 1234, 7).unwrap(), "\"tile/1/x001/234.p/7\"");
    round_trip(&signer("log", 1).verifier_key(), &format!("\"{}\"", signer("log", 1).verifier_key()));
    round_trip(&witness, &format!("\"{witness}\""));
    let note = Note::sign("text\n", &[&signer("log", 1)]).unwrap();
    round_trip(&note, &format!("\"{}\"", note.to_string().replace('\n', "\\n")));
    let body = format!("log\n5\n{}\n", hash.to_base64());
    let note = Note::sign(&body, &[&signer("log", 1)]).unwrap();
    let proof = TlogProof::new(3, vec![hash; 2], note, vec![]).unwrap();
    round_trip(&proof, &format!("\"{}\"", proof.to_string().replace('\n', "\\n")));
    round_trip(&vec![hash; 2], &format!("[\"{hash}\",\"{hash}\"]"));
}

#[test]
fn a_compact_range_comes_back_if_it_is_one() {
    let hash = Hash::from([1; 32]);
    let range = CompactRange::from_parts(0, 3, vec![hash; 2]).unwrap();
    let json = format!("{{\"begin\":0,\"end\":3,\"hashes\":[\"{hash}\",\"{hash}\"]}}");
    round_trip(&range, &json);
    refuse::<CompactRange>(&json.replace("\"end\":3", "\"end\":4"));
    refuse::<CompactRange>(&json.replace("\"begin\":0", "\"begin\":4"));
    refuse::<CompactRange>(&json.replace("\"end\":3", "\"end\":3,\"more\":1"));
    refuse::<CompactRange>(&json.replace("\"begin\":0,", ""));
}

#[test]
fn other_texts_are_refused() {
    for json in ["\"\"", "\"5a\"", "\"tile\"", "5", "null", "[]", "{}", "\"text\\n\""] {
        refuse::<Hash>(json);
        refuse::<TileId>(json);
        refuse::<VerifierKey>(json);
        refuse::<WitnessKey>(json);
        refuse::<Note>(json);
        refuse::<TlogProof>(json);
        refuse::<CompactRange>(json);
    }
    // What is wrong is said.
    let error = serde_json::from_str::<Hash>("\"5a\"").unwrap_err().to_string();
    assert!(error.contains("a hash has 32 bytes, not 1"), "{error}");
    let error = serde_json::from_str::<TileId>("7").unwrap_err().to_string();
    assert!(error.contains("the path of a tile"), "{error}");
}
