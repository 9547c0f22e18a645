//! Cosignatures: a checkpoint of the public witness network, what is refused, and how witnesses are counted.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use veritrail_merkle::Hash;
use veritrail_merkle::checkpoint::{Checkpoint, CheckpointError};
use veritrail_merkle::cosignature::{
    Cosignature, CosignatureError, CosignerKey, MAX_TIME, Trust, WitnessKey, cosignatures,
};
use veritrail_merkle::note::{KeyError, Note, NoteError, Signature, VerifierKey};

use crate::notes::signer;

/// What a log of Certificate Transparency and five witnesses had signed one day in May 2026. The first line is of a
/// type that this crate does not know (RFC 6962's).
const PUBLIC_CHECKPOINT: &str = "arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

\u{2014} arche2025h1.staging.ct.transparency.dev zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQIgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=
\u{2014} arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=
\u{2014} transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==
\u{2014} witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ75W3u5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==
\u{2014} remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==
\u{2014} witness.stagemole.eu Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwYDJA2NmKeGi9Y8FtEyOUvVr+AJmIY/2TUFucgKi7lI7cUiOvKFYe/TmN9DAg==
";
const PUBLIC_LOG: &str =
    "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f";
const PUBLIC_WITNESS: &str = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2";
const PUBLIC_TIME: u64 = 1_779_573_024;

/// The example of the tlog-cosignature specification, whose public keys are not known.
const C2SP_LINE: &str = "\u{2014} witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==";

fn cosigner(name: &str, seed: u8) -> CosignerKey {
    CosignerKey::from_seed(name, &[seed; 32]).expect("the name is valid")
}

fn checkpoint() -> Checkpoint {
    Checkpoint { origin: "log".into(), size: 5, root: Hash::from([7; 32]), extensions: vec!["more".into()] }
}

fn note_of(checkpoint: &Checkpoint, lines: &[Signature]) -> Note {
    let log = signer("log", 1);
    let mut note = Note::parse(&checkpoint.sign(&[&log]).expect("a checkpoint")).expect("a note");
    lines.iter().for_each(|line| note.add_signature(line.clone()).expect("few signatures"));
    note
}

#[test]
fn a_checkpoint_of_the_public_witness_network_verifies() {
    let note = Note::parse(PUBLIC_CHECKPOINT).unwrap();
    assert_eq!(note.to_string(), PUBLIC_CHECKPOINT);
    let (log_keys, witnesses) = ([PUBLIC_LOG.parse().unwrap()], [PUBLIC_WITNESS.parse().unwrap()]);
    let origin = "arche2025h1.staging.ct.transparency.dev";
    let trust = Trust { origin, log_keys: &log_keys, witnesses: &witnesses, quorum: 1 };
    let trusted = trust.check(&note).unwrap();
    assert_eq!(trusted.checkpoint.size, 1_432_088_532);
    assert_eq!(trusted.signed_by, [&log_keys[0]]);
    assert_eq!(trusted.cosigned_by, [Cosignature { witness: &witnesses[0], time: PUBLIC_TIME }]);
    assert_eq!(witnesses[0].to_string(), PUBLIC_WITNESS);

    let changed = Note::parse(&PUBLIC_CHECKPOINT.replace("1432088532", "1432088533")).unwrap();
    let bad = |name: &str| format!("the signature of {name} is invalid");
    assert_eq!(trust.check(&changed).unwrap_err().to_string(), bad(&format!("{origin}+ba2f06c0")));
    let refused = cosignatures(&changed, &witnesses).unwrap_err();
    assert_eq!(refused.to_string(), bad("remora.n621.de+da77ade7"));
}

#[test]
fn the_line_of_the_specification_has_its_time() {
    let line: Signature = C2SP_LINE.parse().unwrap();
    assert_eq!((line.name(), line.to_string().as_str()), ("witness.example.com/w1", C2SP_LINE));
    assert_eq!(line.bytes().len(), 8 + 64);
    assert_eq!(line.bytes()[..8], 1_679_315_147_u64.to_be_bytes());
    for broken in ["", "\u{2014} a", &C2SP_LINE[3..], &format!("{C2SP_LINE}\n"), &C2SP_LINE.replace("==", "")]
    {
        let refused = broken.parse::<Signature>();
        assert_eq!(refused, Err(NoteError::SignatureLine { line: 1 }), "{broken}");
    }
}

#[test]
fn the_signed_message_is_the_specified_one() {
    // Made by hand from the specification: header line, time line, the whole body with its extension lines.
    use ed25519_dalek::Signer as _;
    let body = checkpoint().to_body().unwrap();
    let message = format!("cosignature/v1\ntime 1679315147\n{body}");
    let key = ed25519_dalek::SigningKey::from_bytes(&[2; 32]);
    let expected = [&1_679_315_147_u64.to_be_bytes()[..], &key.sign(message.as_bytes()).to_bytes()].concat();
    let line = cosigner("witness", 2).cosign(&body, 1_679_315_147).unwrap();
    assert_eq!(line.bytes(), expected);
}

#[test]
fn a_time_that_no_clock_has_is_refused_although_it_was_signed() {
    use ed25519_dalek::Signer as _;
    let (witness, body) = (cosigner("witness", 2), checkpoint().to_body().unwrap());
    let signed_at = |time: u64| {
        let message = format!("cosignature/v1\ntime {time}\n{body}");
        let signature = ed25519_dalek::SigningKey::from_bytes(&[2; 32]).sign(message.as_bytes()).to_bytes();
        let encoded = STANDARD.encode([&witness.id().0[..], &time.to_be_bytes(), &signature].concat());
        let line = format!("\u{2014} witness {encoded}").parse::<Signature>().unwrap();
        cosignatures(&note_of(&checkpoint(), &[line]), &[witness.witness_key()]).map(|found| found[0].time)
    };
    assert_eq!(signed_at(MAX_TIME), Ok(MAX_TIME));
    let bad = NoteError::BadSignature { name: "witness".into(), key_id: witness.id() };
    assert_eq!(signed_at(MAX_TIME + 1), Err(CosignatureError::Checkpoint(CheckpointError::Note(bad))));
}

#[test]
fn keys_of_logs_and_of_witnesses_are_not_taken_for_each_other() {
    let (log, witness) = (signer("name", 1), cosigner("name", 1));
    assert_eq!(log.verifier_key().public_key(), witness.witness_key().public_key());
    assert_ne!(log.id(), witness.id());
    let wrong = |expected, actual| KeyError::SignatureType { expected, actual };
    assert_eq!(log.verifier_key().to_string().parse::<WitnessKey>(), Err(wrong(4, 1)));
    assert_eq!(witness.witness_key().to_string().parse::<VerifierKey>(), Err(wrong(1, 4)));
    assert_eq!(log.to_secret_text().parse::<CosignerKey>().map(|_| ()), Err(wrong(4, 1)));
    // The type byte alone makes no key of the other kind: the id is made from it as well.
    let changed = log.verifier_key().to_string().replace("+AY", "+BI").parse::<WitnessKey>();
    assert!(matches!(changed, Err(KeyError::Id { .. })), "{changed:?}");

    let read: CosignerKey = witness.to_secret_text().parse().unwrap();
    let body = checkpoint().to_body().unwrap();
    assert_eq!(read.cosign(&body, 1), witness.cosign(&body, 1));
    assert_eq!(witness.witness_key().to_string().parse(), Ok(witness.witness_key()));
    let debug = format!("{witness:?}");
    assert!(debug.contains("name") && !debug.contains("0101") && !debug.contains("AQEB"), "{debug}");
    assert_eq!(CosignerKey::from_seed("a b", &[1; 32]).map(|_| ()), Err(KeyError::Name));
    let mut identity = [0; 32];
    identity[0] = 1;
    assert_eq!(WitnessKey::from_public_key("name", &identity), Err(KeyError::Point));
}

#[test]
fn only_checkpoints_are_cosigned_and_times_are_bounded() {
    let witness = cosigner("witness", 2);
    let refused = witness.cosign("just a text\n", 1);
    assert_eq!(refused, Err(CosignatureError::Checkpoint(CheckpointError::Lines)));
    let body = checkpoint().to_body().unwrap();
    assert!(witness.cosign(&body, MAX_TIME).is_ok());
    assert_eq!(witness.cosign(&body, MAX_TIME + 1), Err(CosignatureError::Time { time: MAX_TIME + 1 }));
    let note = Note::sign("just a text\n", &[&signer("log", 1)]).unwrap();
    assert_eq!(cosignatures(&note, &[]), Err(CosignatureError::Checkpoint(CheckpointError::Lines)));
}

#[test]
fn a_cosignature_of_anything_else_rejects_the_checkpoint() {
    let (witness, checkpoint) = (cosigner("witness", 2), checkpoint());
    let known = [witness.witness_key()];
    let body = checkpoint.to_body().unwrap();
    let good = witness.cosign(&body, 9).unwrap();
    let bad = NoteError::BadSignature { name: "witness".into(), key_id: witness.id() };
    let bad = Err(CosignatureError::Checkpoint(CheckpointError::Note(bad)));

    let mut lines: Vec<Signature> = vec![
        witness.cosign(&body.replace("more", "less"), 9).unwrap(),
        witness.cosign(&body.replace("5\n", "6\n"), 9).unwrap(),
    ];
    // Another time, a time out of range, a signature without time, one cut short, one with more after it.
    let spoil = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = [&good.key_id().0[..], good.bytes()].concat();
        change(&mut bytes);
        let encoded = STANDARD.encode(bytes);
        format!("\u{2014} witness {encoded}").parse::<Signature>().unwrap()
    };
    lines.push(spoil(&|bytes| bytes[11] ^= 1));
    lines.push(spoil(&|bytes| bytes[4] |= 0x80));
    lines.push(spoil(&|bytes| drop(bytes.drain(4..12))));
    lines.push(spoil(&|bytes| bytes.truncate(75)));
    lines.push(spoil(&|bytes| bytes.truncate(9)));
    lines.push(spoil(&|bytes| bytes.push(0)));
    for bit in (0..64 * 8).step_by(37) {
        lines.push(spoil(&|bytes| bytes[12 + bit / 8] ^= 1 << (bit % 8)));
    }
    for line in lines {
        // Not even a good one beside it makes up for it.
        let note = note_of(&checkpoint, &[good.clone(), line.clone()]);
        assert_eq!(cosignatures(&note, &known), bad, "{line}");
        // To who does not know the witness, it is no worse than any other line.
        assert_eq!(cosignatures(&note, &[]), Ok(vec![]));
    }
    assert_eq!(cosignatures(&note_of(&checkpoint, &[good]), &known).unwrap().len(), 1);
}

#[test]
fn a_quorum_counts_different_witnesses() {
    let (checkpoint, log) = (checkpoint(), signer("log", 1));
    let body = checkpoint.to_body().unwrap();
    let (a, b, c) = (cosigner("a", 2), cosigner("b", 3), cosigner("c", 4));
    let stranger = cosigner("stranger", 5);
    let alias = cosigner("alias-of-a", 2);
    let at = |key: &CosignerKey, time| key.cosign(&body, time).unwrap();
    let (log_keys, witnesses) = ([log.verifier_key()], [&a, &b, &c, &alias].map(CosignerKey::witness_key));
    let check = |lines: &[Signature], quorum| {
        let trust = Trust { origin: "log", log_keys: &log_keys, witnesses: &witnesses, quorum };
        trust.check(&note_of(&checkpoint, lines)).map(|trusted| trusted.cosigned_by)
    };
    let of = |index: usize, time| Cosignature { witness: &witnesses[index], time };

    assert_eq!(check(&[], 0), Ok(vec![]));
    assert_eq!(check(&[], 1), Err(CosignatureError::Quorum { quorum: 1, found: 0 }));
    assert_eq!(check(&[at(&b, 7), at(&a, 8)], 2), Ok(vec![of(1, 7), of(0, 8)]));
    assert_eq!(check(&[at(&b, 7), at(&a, 8)], 3), Err(CosignatureError::Quorum { quorum: 3, found: 2 }));
    // Neither a stranger, nor a second line, nor a second name makes another witness.
    let lines = [at(&a, 5), at(&stranger, 6), at(&a, 9), at(&alias, 7), at(&a, 4)];
    assert_eq!(check(&lines, 1), Ok(vec![of(0, 9)]));
    assert_eq!(check(&lines, 2), Err(CosignatureError::Quorum { quorum: 2, found: 1 }));
    assert_eq!(
        check(&[at(&c, 1)], usize::MAX),
        Err(CosignatureError::Quorum { quorum: usize::MAX, found: 1 })
    );
}

#[test]
fn a_quorum_does_not_make_up_for_the_logs_signature_or_origin() {
    let (checkpoint, log) = (checkpoint(), signer("log", 1));
    let witness = cosigner("witness", 2);
    let note = note_of(&checkpoint, &[witness.cosign(&checkpoint.to_body().unwrap(), 9).unwrap()]);
    let (log_keys, others) = ([log.verifier_key()], [signer("log", 9).verifier_key()]);
    let witnesses = [witness.witness_key()];
    let trust = Trust { origin: "log", log_keys: &log_keys, witnesses: &witnesses, quorum: 1 };
    assert!(trust.check(&note).is_ok());
    let unknown = CheckpointError::Note(NoteError::NoKnownSignature);
    assert_eq!(Trust { log_keys: &others, ..trust }.check(&note), Err(unknown.clone().into()));
    assert_eq!(Trust { log_keys: &[], ..trust }.check(&note), Err(unknown.into()));
    let elsewhere = Trust { origin: "other", ..trust }.check(&note);
    let (expected, actual) = ("other".into(), "log".into());
    assert_eq!(elsewhere, Err(CosignatureError::Origin { expected, actual }));
}
