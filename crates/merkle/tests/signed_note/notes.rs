//! Signed notes, their keys and checkpoints: known answers of other implementations, what is refused, and
//! garbage.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use veritrail_merkle::checkpoint::{self, Checkpoint, CheckpointError};
use veritrail_merkle::note::{
    KeyError, KeyId, MAX_NAME_BYTES, MAX_NOTE_BYTES, MAX_SIGNATURES, Note, NoteError, SignerKey, VerifierKey,
};
use veritrail_merkle::{Hash, MAX_TREE_SIZE};

const GO_VKEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const GO_SKEY: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const GO_TEXT: &str =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const GO_SIGNATURE: &str =
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";

/// The example of the tlog-checkpoint specification.
const C2SP_CHECKPOINT: &str = "example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

\u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
";

pub(crate) fn signer(name: &str, seed: u8) -> SignerKey {
    SignerKey::from_seed(name, &[seed; 32]).expect("the name is valid")
}

fn go_note() -> String {
    format!("{GO_TEXT}\n\u{2014} PeterNeumann {GO_SIGNATURE}\n")
}

#[test]
fn the_note_of_gos_documentation_is_reproduced_and_verified() {
    let (signer, verifier): (SignerKey, VerifierKey) = (GO_SKEY.parse().unwrap(), GO_VKEY.parse().unwrap());
    assert_eq!(*signer.to_secret_text(), GO_SKEY);
    assert_eq!(verifier.to_string(), GO_VKEY);
    assert_eq!(signer.verifier_key(), verifier);
    assert_eq!(Note::sign(GO_TEXT, &[&signer]).unwrap().to_string(), go_note());

    let note = Note::parse(&go_note()).unwrap();
    assert_eq!(note.text(), GO_TEXT);
    assert_eq!(note.to_string(), go_note());
    assert_eq!(note.verify(std::slice::from_ref(&verifier)).unwrap(), [&verifier]);
}

#[test]
fn the_checkpoint_of_the_specification_is_read_and_written() {
    let note = Note::parse(C2SP_CHECKPOINT).unwrap();
    let checkpoint = Checkpoint::parse(note.text()).unwrap();
    assert_eq!(checkpoint.origin, "example.com/behind-the-sofa");
    assert_eq!(checkpoint.size, 20_852_163);
    assert_eq!(checkpoint.root.to_base64(), "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=");
    assert_eq!(checkpoint.extensions, Vec::<String>::new());
    assert_eq!(checkpoint.to_body().unwrap(), note.text());
    assert_eq!(note.to_string(), C2SP_CHECKPOINT);
}

#[test]
fn a_private_key_shows_nothing_of_itself() {
    let signer: SignerKey = GO_SKEY.parse().unwrap();
    let debug = format!("{signer:?}");
    assert!(debug.contains("PeterNeumann"), "{debug}");
    assert!(!debug.contains("AYEK") && !debug.contains("129") && !debug.contains("810a"), "{debug}");
    // An error about a private key must be fit for a log as well.
    let broken = GO_SKEY.replace("c74f20a3", "c74f20a4").parse::<SignerKey>().unwrap_err();
    assert!(!format!("{broken:?} {broken}").contains("AYEK"));
}

#[test]
fn unknown_keys_are_ignored_and_known_ones_named_once() {
    let (log, witness, stranger) = (signer("log", 1), signer("witness", 2), signer("stranger", 3));
    let mut note = Note::sign("text\n", &[&stranger, &witness, &log]).unwrap();
    note.add_signature(log.sign("text\n")).unwrap();
    let known = [log.verifier_key(), witness.verifier_key(), signer("absent", 4).verifier_key()];
    assert_eq!(note.verify(&known).unwrap(), [&known[1], &known[0]]);
    assert_eq!(note.signatures().len(), 4);

    // A key of the same name is another key, and so is the same key under another name.
    let others = [signer("log", 9).verifier_key(), signer("gol", 1).verifier_key()];
    assert_eq!(note.verify(&others), Err(NoteError::NoKnownSignature));
    assert_eq!(note.verify(&[]), Err(NoteError::NoKnownSignature));
}

#[test]
fn a_bad_signature_of_a_known_key_rejects_the_note() {
    let (log, witness) = (signer("log", 1), signer("witness", 2));
    let known = [log.verifier_key(), witness.verifier_key()];
    let bad = NoteError::BadSignature { name: "witness".into(), key_id: witness.id() };
    // Neither a good signature of another key nor one of the same key makes up for it, wherever it stands.
    for position in 0..3 {
        let mut signatures = vec![log.sign("text\n"), witness.sign("text\n")];
        signatures.insert(position, witness.sign("another text\n"));
        let lines: String = signatures.iter().map(|signature| format!("{signature}\n")).collect();
        let note = Note::parse(&format!("text\n\n{lines}")).unwrap();
        assert_eq!(note.verify(&known), Err(bad.clone()));
        // To who does not know the key, it is no worse than any other line.
        assert_eq!(note.verify(&known[..1]).unwrap(), [&known[0]]);
    }
    // A signature of another length than Ed25519's is a bad one.
    let line = witness.sign("text\n").to_string();
    let cut = format!("{}\n", &line[..line.len() - 4]);
    assert_eq!(Note::parse(&format!("text\n\n{cut}")).unwrap().verify(&known), Err(bad));
}

#[test]
fn a_change_anywhere_in_a_signed_text_is_noticed() {
    let known = [GO_VKEY.parse().unwrap()];
    for (position, byte) in GO_TEXT.bytes().enumerate().step_by(7).filter(|&(_, byte)| byte != b'\n') {
        let mut changed = go_note().into_bytes();
        changed[position] = if byte == b'x' { b'y' } else { b'x' };
        let note = Note::parse(std::str::from_utf8(&changed).unwrap()).unwrap();
        assert!(matches!(note.verify(&known), Err(NoteError::BadSignature { .. })));
    }
}

#[test]
fn two_known_keys_of_one_name_and_id_are_ambiguous() {
    // Ids have 32 bits only: these two seeds were the first to meet when counting up from 0.
    let seed = |number: u64| {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&number.to_be_bytes());
        SignerKey::from_seed("example.com/log", &seed).unwrap()
    };
    let (a, b) = (seed(1497), seed(55_170));
    assert_eq!(a.id(), b.id());
    let note = Note::sign("text\n", &[&a]).unwrap();
    let name = "example.com/log".into();
    let keys = [b.verifier_key(), a.verifier_key()];
    assert_eq!(note.verify(&keys), Err(NoteError::AmbiguousKey { name, key_id: a.id() }));
    // The same key given twice is no contradiction.
    assert!(note.verify(&[a.verifier_key(), a.verifier_key()]).is_ok());
}

#[test]
fn a_text_may_have_empty_lines_and_even_look_like_a_note() {
    let signer = signer("log", 1);
    for text in ["\n", "\n\n", "a\n\nb\n", &go_note()] {
        let note = Note::sign(text, &[&signer]).unwrap();
        let read = Note::parse(&note.to_string()).unwrap();
        assert_eq!(read, note);
        assert_eq!(read.text(), text);
        assert!(read.verify(&[signer.verifier_key()]).is_ok());
    }
}

#[test]
fn a_text_that_is_none_is_not_signed() {
    let signer = signer("log", 1);
    for text in ["", "no newline", "carriage return\r\n", "tab\t\n", "null\0\n", "\u{1f}\n"] {
        assert_eq!(Note::sign(text, &[&signer]), Err(NoteError::Text), "{text:?}");
    }
    assert_eq!(Note::sign("text\n", &[]), Err(NoteError::NoSignatures));
}

#[test]
fn malformed_notes_are_refused() {
    let line = format!("\u{2014} PeterNeumann {GO_SIGNATURE}\n");
    let lines = |lines: &str| Note::parse(&format!("text\n\n{lines}")).map(|_| ());
    assert_eq!(lines(&line), Ok(()));
    assert_eq!(lines(""), Err(NoteError::NoSignatures));
    assert_eq!(lines(line.trim_end()), Err(NoteError::NoSignatures));
    assert_eq!(Note::parse(&format!("text\n{line}")), Err(NoteError::NoSignatures));
    assert_eq!(Note::parse(&format!("te\rxt\n\n{line}")), Err(NoteError::Text));
    let name = "n".repeat(MAX_NAME_BYTES + 1);
    let malformed = [
        line.replace('\u{2014}', "-"),
        line.replace("\u{2014} ", "\u{2014}"),
        line.replace("PeterNeumann ", ""),
        line.replace("PeterNeumann", ""),
        line.replace("PeterNeumann", "Peter Neumann"),
        line.replace("PeterNeumann", "Peter+Neumann"),
        line.replace("PeterNeumann", "Peter\u{2003}Neumann"),
        line.replace("PeterNeumann", "Peter\tNeumann"),
        line.replace("PeterNeumann", &name),
        line.replace("AM=", "AM"),
        line.replace("AM=", "AN="),
        line.replace('/', "_"),
        line.replace('\n', " \n"),
        line.replace('\n', "\r\n"),
        // The key id alone, with no signature after it.
        "\u{2014} PeterNeumann x08gow==\n".into(),
    ];
    for broken in malformed {
        assert_eq!(lines(&format!("{line}{broken}")), Err(NoteError::SignatureLine { line: 2 }), "{broken}");
    }
}

#[test]
fn a_note_has_a_bounded_number_of_signatures_and_bytes() {
    let line = format!("\u{2014} PeterNeumann {GO_SIGNATURE}\n");
    let note = |count| format!("{GO_TEXT}\n{}", line.repeat(count));
    let mut full = Note::parse(&note(MAX_SIGNATURES)).unwrap();
    assert_eq!(full.verify(&[GO_VKEY.parse().unwrap()]).unwrap().len(), 1);
    assert_eq!(full.add_signature(signer("log", 1).sign(GO_TEXT)), Err(NoteError::TooManySignatures));
    assert_eq!(Note::parse(&note(MAX_SIGNATURES + 1)), Err(NoteError::TooManySignatures));

    let longest = "x".repeat(MAX_NOTE_BYTES - line.len() - 2);
    let note = format!("{longest}\n\n{line}");
    assert_eq!(note.len(), MAX_NOTE_BYTES);
    let mut read = Note::parse(&note).unwrap();
    let refused = read.add_signature(signer("log", 1).sign("text\n"));
    assert!(matches!(refused, Err(NoteError::TooLong { .. })));
    assert_eq!(read.to_string(), note);
    assert_eq!(Note::parse(&format!("x{note}")), Err(NoteError::TooLong { actual: MAX_NOTE_BYTES + 1 }));
}

#[test]
fn malformed_keys_are_refused() {
    let verifier = |text: &str| text.parse::<VerifierKey>().map(|_| ());
    let encoded = GO_VKEY.rsplit('+').next().unwrap();
    assert_eq!(verifier(GO_VKEY), Ok(()));
    assert_eq!(verifier(""), Err(KeyError::Format));
    assert_eq!(verifier("PeterNeumann+c74f20a3"), Err(KeyError::Format));
    assert_eq!(verifier(&format!("+c74f20a3+{encoded}")), Err(KeyError::Name));
    assert_eq!(verifier(&format!("Peter Neumann+c74f20a3+{encoded}")), Err(KeyError::Name));
    assert_eq!(verifier(&format!("PeterNeumann+C74F20A3+{encoded}")), Err(KeyError::Format));
    assert_eq!(verifier(&format!("PeterNeumann+0c74f20a3+{encoded}")), Err(KeyError::Format));
    assert_eq!(verifier(&format!("{GO_VKEY}=")), Err(KeyError::Format));
    assert_eq!(verifier(&format!("{GO_VKEY}AAAA")), Err(KeyError::Format));
    assert_eq!(verifier(&format!("PeterNeumann+c74f20a3+{}", &encoded[..40])), Err(KeyError::Format));
    assert_eq!(
        verifier(&GO_VKEY.replace("+AR", "+BR")),
        Err(KeyError::SignatureType { expected: 1, actual: 5 })
    );
    let id = |bytes| KeyId(bytes);
    let wrong = KeyError::Id { expected: id([0xc7, 0x4f, 0x20, 0xa3]), actual: id([0xc7, 0x4f, 0x20, 0xa4]) };
    assert_eq!(verifier(&GO_VKEY.replace("20a3", "20a4")), Err(wrong.clone()));
    assert_eq!(GO_SKEY.replace("20a3", "20a4").parse::<SignerKey>().map(|_| ()), Err(wrong));
    // A verifier key is no signer key, and the other way round.
    assert_eq!(GO_VKEY.parse::<SignerKey>().map(|_| ()), Err(KeyError::Format));
    assert_eq!(verifier(GO_SKEY), Err(KeyError::Format));
}

#[test]
fn public_keys_that_anybody_can_sign_for_are_refused() {
    let mut identity = [0; 32];
    identity[0] = 1;
    assert_eq!(VerifierKey::from_public_key("log", &identity), Err(KeyError::Point));
    // y = 2 is not on the curve.
    identity[0] = 2;
    assert_eq!(VerifierKey::from_public_key("log", &identity), Err(KeyError::Point));
}

#[test]
fn key_names_are_checked() {
    for name in ["", "a b", "a+b", "a\nb", "a\u{a0}b", "a\u{1}b", &"n".repeat(MAX_NAME_BYTES + 1)] {
        assert_eq!(SignerKey::from_seed(name, &[1; 32]).map(|_| ()), Err(KeyError::Name), "{name:?}");
    }
    for name in ["a", "example.com/log", "\u{1f512}", &"n".repeat(MAX_NAME_BYTES)] {
        let signer = signer(name, 1);
        let verifier = signer.verifier_key();
        assert_eq!(verifier.to_string().parse(), Ok(verifier));
        let read: SignerKey = signer.to_secret_text().parse().unwrap();
        assert_eq!(read.sign("text\n"), signer.sign("text\n"));
    }
}

#[test]
fn signed_checkpoints_open_for_those_who_know_the_key() {
    let (log, stranger) = (signer("example.com/log", 1), signer("example.com/log", 2));
    let root = Hash::from([7; 32]);
    for (size, extensions) in [(0, vec![]), (1, vec!["one".into(), "two".into()]), (MAX_TREE_SIZE, vec![])] {
        let checkpoint = Checkpoint { origin: "example.com/log".into(), size, root, extensions };
        let note = checkpoint.sign(&[&log, &stranger]).unwrap();
        let known = [log.verifier_key()];
        assert_eq!(checkpoint::open(&note, &known), Ok((checkpoint, vec![&known[0]])));
        let others = [signer("other", 3).verifier_key()];
        let unknown = checkpoint::open(&note, &others);
        assert_eq!(unknown, Err(CheckpointError::Note(NoteError::NoKnownSignature)));
    }
}

#[test]
fn a_signed_text_that_is_no_checkpoint_does_not_open() {
    let log = signer("log", 1);
    let note = Note::sign("just a text\n", &[&log]).unwrap().to_string();
    assert_eq!(checkpoint::open(&note, &[log.verifier_key()]), Err(CheckpointError::Lines));
}

#[test]
fn malformed_checkpoints_are_refused() {
    let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    let parse = |origin: &str, size: &str, root: &str, rest: &str| {
        Checkpoint::parse(&format!("{origin}\n{size}\n{root}\n{rest}")).map(|_| ())
    };
    assert_eq!(parse("log", "5", root, ""), Ok(()));
    assert_eq!(parse("log with spaces and +", "0", root, "extension\n"), Ok(()));
    assert_eq!(parse("log", "9223372036854775808", root, ""), Ok(()));

    assert_eq!(parse("", "5", root, ""), Err(CheckpointError::Origin));
    assert_eq!(parse("lo\rg", "5", root, ""), Err(CheckpointError::Origin));
    let sizes = [
        "",
        "05",
        "00",
        "+5",
        "-0",
        " 5",
        "5 ",
        "5.0",
        "0x5",
        "٥",
        "9223372036854775809",
        "18446744073709551616",
    ];
    for size in sizes {
        assert_eq!(parse("log", size, root, ""), Err(CheckpointError::Size), "{size}");
    }
    for root in ["", "AAAA", root.trim_end_matches('='), &root.replace("2I=", "2J="), &root.replace('/', "_")]
    {
        assert_eq!(parse("log", "5", root, ""), Err(CheckpointError::Root), "{root}");
    }
    assert_eq!(parse("log", "5", root, "\n"), Err(CheckpointError::Extension));
    assert_eq!(parse("log", "5", root, "one\n\ntwo\n"), Err(CheckpointError::Extension));
    assert_eq!(parse("log", "5", root, "no newline"), Err(CheckpointError::Lines));
    for body in ["", "\n", "log\n5\n", "log\n5", "log"] {
        assert_eq!(Checkpoint::parse(body), Err(CheckpointError::Lines), "{body:?}");
    }
}

#[test]
fn what_would_read_as_another_checkpoint_is_not_written() {
    let log = signer("log", 1);
    let good = Checkpoint { origin: "log".into(), size: 5, root: Hash::from([7; 32]), extensions: vec![] };
    let refuse = |checkpoint: Checkpoint, error: CheckpointError| {
        assert_eq!(checkpoint.to_body(), Err(error.clone()));
        assert_eq!(checkpoint.sign(&[&log]), Err(error));
    };
    refuse(Checkpoint { origin: "log\n6".into(), ..good.clone() }, CheckpointError::Origin);
    refuse(Checkpoint { origin: String::new(), ..good.clone() }, CheckpointError::Origin);
    refuse(Checkpoint { size: MAX_TREE_SIZE + 1, ..good.clone() }, CheckpointError::Size);
    refuse(Checkpoint { extensions: vec![String::new()], ..good.clone() }, CheckpointError::Extension);
    refuse(Checkpoint { extensions: vec!["a\nb".into()], ..good.clone() }, CheckpointError::Extension);
    assert_eq!(good.sign(&[]), Err(CheckpointError::Note(NoteError::NoSignatures)));
}

/// Read once: without optimisation a key takes milliseconds.
static GO_KEYS: LazyLock<[VerifierKey; 1]> = LazyLock::new(|| [GO_VKEY.parse().expect("a valid key")]);

/// Texts that come close: pieces of notes and keys, shuffled, with garbage between.
fn nearly() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "\n",
        "\n\n",
        "\u{2014} ",
        "\u{2014}",
        " ",
        "+",
        "PRIVATE+KEY+",
        "PeterNeumann",
        "c74f20a3",
        "log",
        "0",
        "20852163",
        GO_SIGNATURE,
        GO_TEXT,
        GO_VKEY,
        GO_SKEY,
        "AA==",
        "=",
        "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=",
    ]);
    let piece = prop_oneof![4 => pieces.prop_map(String::from), 1 => any::<String>(), 1 => ".{0,3}"];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        rng_seed: RngSeed::Fixed(0x6e6f_7465),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn garbage_is_refused_or_reads_as_what_it_writes(text in prop_oneof![any::<String>(), nearly()]) {
        let keys = &*GO_KEYS;
        if let Ok(note) = Note::parse(&text) {
            prop_assert_eq!(note.to_string(), text.clone());
            prop_assert!(note.verify(keys).is_err() || note.text() == GO_TEXT);
        }
        if let Ok(key) = text.parse::<VerifierKey>() {
            prop_assert_eq!(key.to_string(), text.clone());
        }
        if let Ok(key) = text.parse::<SignerKey>() {
            prop_assert!(*key.to_secret_text() == text);
        }
        if let Ok(checkpoint) = Checkpoint::parse(&text) {
            prop_assert_eq!(checkpoint.to_body().expect("what was read can be written"), text.clone());
        }
        let _ = checkpoint::open(&text, keys);
        let _ = (text.parse::<Hash>(), Hash::from_base64(&text));
    }
}

proptest! {
    // Fewer cases: most of them verify a signature.
    #![proptest_config(ProptestConfig {
        cases: 128,
        rng_seed: RngSeed::Fixed(0x6e6f_7465),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_spoilt_note_never_verifies_another_text(
        position in any::<prop::sample::Index>(),
        insert in any::<char>(),
        cut in 0..3_usize,
    ) {
        let note: Vec<char> = go_note().chars().collect();
        let at = position.index(note.len());
        let spoilt: String = note[..at].iter().chain([&insert]).chain(note[at..].iter().skip(cut)).collect();
        if let Ok(read) = Note::parse(&spoilt) {
            prop_assert!(read.verify(&*GO_KEYS).is_err() || read.text() == GO_TEXT);
        }
    }
}

/// Lines that come close to a checkpoint's, for others to read as well.
fn nearly_a_checkpoint() -> impl Strategy<Value = String> {
    let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    let origin = prop::sample::select(vec!["log", "example.com/log", "a b+c", "", "\u{e9}", "t\tab"]);
    let size = prop::sample::select(vec![
        "0",
        "5",
        "05",
        "+5",
        "",
        "9223372036854775807",
        "9223372036854775808",
        "9223372036854775809",
        "18446744073709551616",
    ]);
    let root = prop::sample::select(vec![root, "AAAA", "", &root[..43]]);
    let rest =
        prop::sample::select(vec!["", "one\n", "one\ntwo\n", "\n", "one\n\n", "no newline", "\u{1}\n"]);
    (origin, size, root, rest)
        .prop_map(|(origin, size, root, rest)| format!("{origin}\n{size}\n{root}\n{rest}"))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        rng_seed: RngSeed::Fixed(0x6369_7465),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_checkpoint_reads_as_it_does_in_tlog_tiles(text in nearly_a_checkpoint()) {
        let (ours, theirs) = (Checkpoint::parse(&text), tlog_tiles::Checkpoint::from_bytes(text.as_bytes()));
        // Theirs also takes what no note can have and sizes that no tree of ours has.
        let is_beyond = text.bytes().any(|byte| byte < b' ' && byte != b'\n')
            || theirs.as_ref().is_ok_and(|theirs| theirs.size() > MAX_TREE_SIZE);
        prop_assert_eq!(ours.is_ok(), theirs.is_ok() && !is_beyond, "{:?}", text);
        if let (Ok(ours), Ok(theirs)) = (ours, theirs) {
            prop_assert_eq!(&ours.origin, theirs.origin());
            prop_assert_eq!(ours.size, theirs.size());
            prop_assert_eq!(ours.root.as_bytes(), &theirs.hash().0);
            prop_assert_eq!(ours.extensions.iter().map(|line| format!("{line}\n")).collect::<String>(), theirs.extension());
            prop_assert_eq!(ours.to_body().unwrap().into_bytes(), theirs.to_bytes());
        }
    }
}
