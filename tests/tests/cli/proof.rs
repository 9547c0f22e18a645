//! Keys, checkpoints and proof bundles that are checked offline.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;
use veritrail_tests::veritrail::run;

use crate::register::{Register, members};

/// An event with metadata and a schema version, in the middle of a log of 300.
const GUID: &str = "e-132";

async fn proved() -> (Register, String) {
    let register = Register::with_events(300).await;
    let file = register.path("bundle");
    let ran = register.run(&["prove", GUID, "-o", &file]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""), "{ran:?}");
    (register, file)
}

/// The exit code of a check, without a database.
fn check(file: &str, key: &str) -> i32 {
    let ran = run(None, ["check", file, "--key", key]);
    assert!(!ran.stderr.contains("panicked"), "{ran:?}");
    assert_eq!(ran.stdout.starts_with("proved: "), ran.code == Some(0), "{ran:?}");
    ran.code.unwrap()
}

#[tokio::test]
async fn keygen_writes_a_private_file_once() {
    let register = Register::create().await;
    let file = register.key_file();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o600);
    let before = fs::read(&file).unwrap();
    let again = run(None, ["keygen", "example.org/registry", "-o", &file]);
    assert_eq!((again.code, again.stdout.as_str()), (Some(2), ""), "{again:?}");
    assert_eq!(fs::read(&file).unwrap(), before);
    let other = register.path("other");
    let made = run(None, ["keygen", "example.org/registry", "-o", &other, "--json"]);
    let answer: Value = serde_json::from_str(&made.stdout).unwrap();
    assert_eq!(members(&answer), ["file", "verifierKey"]);
    assert_ne!(answer["verifierKey"], register.verifier_key());
    // The secret is in the file alone.
    let secret = fs::read_to_string(&other).unwrap();
    assert!(!made.stdout.contains(secret.trim_end()) && !made.stderr.contains(secret.trim_end()));
    for name in ["", "a b", "a+b"] {
        let ran = run(None, ["keygen", name, "-o", &register.path("named")]);
        assert_eq!(ran.code, Some(2), "{ran:?}");
    }
    assert!(!fs::exists(register.path("named")).unwrap());
}

#[tokio::test]
async fn key_that_others_can_read_is_refused() {
    let register = Register::with_events(1).await;
    let file = register.key_file();
    for mode in [0o640, 0o604, 0o660, 0o644] {
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        let ran = register.run(&["checkpoint", "--signing-key", &file]);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.stderr.contains("chmod 600"), "{ran:?}");
        assert_eq!(register.run_with(&["submit", "-", "--signing-key", &file], b"").code, Some(2));
    }
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    assert_eq!(register.run(&["checkpoint", "--signing-key", &file]).code, Some(0));
    fs::write(&file, "no key").unwrap();
    assert_eq!(register.run(&["checkpoint", "--signing-key", &file]).code, Some(2));
}

#[tokio::test]
async fn checkpoint_says_what_was_signed() {
    let register = Register::with_events(3).await;
    let file = register.key_file();
    let answer = register.json(0, &["checkpoint", "--signing-key", &file]);
    assert_eq!(members(&answer), ["new", "note", "origin", "root", "size"]);
    assert_eq!((&answer["size"], &answer["new"]), (&Value::from(3), &Value::from(false)));
    let note = register.run(&["checkpoint", "--signing-key", &file]).stdout;
    assert_eq!(note, answer["note"].as_str().unwrap());
    // A signer whose memory is gone goes on only when it is told to.
    fs::remove_dir_all(format!("{file}.memory")).unwrap();
    let lost = register.run(&["checkpoint", "--signing-key", &file]);
    assert_eq!(lost.code, Some(1));
    assert!(lost.stderr.contains("--adopt"), "{lost:?}");
    assert_eq!(register.run(&["checkpoint", "--signing-key", &file, "--adopt"]).code, Some(0));
}

#[tokio::test]
async fn bundle_is_checked_offline() {
    let (register, file) = proved().await;
    let key = register.verifier_key();
    assert_eq!(check(&file, &key), 0);
    let key_file = register.path("vkey");
    fs::write(&key_file, format!("{key}\n")).unwrap();
    assert_eq!(check(&file, &key_file), 0);
    let answer = run(None, ["check", &file, "--key", &key, "--json"]);
    let answer: Value = serde_json::from_str(&answer.stdout).unwrap();
    let expected =
        ["guid", "leafHash", "ok", "origin", "position", "recordedAt", "signedBy", "submittedBy", "treeSize"];
    assert_eq!(members(&answer), expected);
    assert_eq!((&answer["position"], &answer["treeSize"]), (&Value::from(132), &Value::from(300)));
    // By way of standard output and input as well.
    let printed = register.run(&["prove", GUID]);
    assert_eq!(printed.stdout, fs::read_to_string(&file).unwrap());
    let piped =
        veritrail_tests::veritrail::run_with(None, ["check", "-", "--key", &key], printed.stdout.as_bytes());
    assert_eq!(piped.code, Some(0));
}

#[tokio::test]
async fn bundle_is_written_for_its_owner_and_over_nothing() {
    let register = Register::with_events(3).await;
    let (key, file) = (register.key_file(), register.path("bundle"));
    let secret = fs::read(&key).unwrap();
    let refused = register.run(&["prove", "e-1", "-o", &key]);
    assert_eq!((refused.code, fs::read(&key).unwrap()), (Some(2), secret), "{refused:?}");
    assert!(refused.stderr.contains("--force"), "{refused:?}");
    let private = || fs::metadata(&file).unwrap().permissions().mode() & 0o7777 == 0o600;
    assert_eq!(register.run(&["prove", "e-1", "-o", &file, "--force"]).code, Some(0));
    assert!(private());
    assert_eq!(register.run(&["prove", "e-2", "-o", &file]).code, Some(2));
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    assert_eq!(register.run(&["prove", "e-2", "-o", &file, "--force"]).code, Some(0));
    assert!(private() && fs::read_to_string(&file).unwrap().contains("\"e-2\""));
    assert_eq!(check(&file, &register.verifier_key()), 0);
    // Nothing is left beside it, and what is no file stays.
    let names = fs::read_dir(register.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names.filter(|name| name.to_string_lossy().contains("bundle")).count(), 1);
    for output in ["/dev/null", register.folder.path().to_str().unwrap(), "/nowhere/bundle"] {
        let ran = register.run(&["prove", "e-1", "-o", output, "--force"]);
        assert_eq!(ran.code, Some(2), "{ran:?}");
    }
}

#[tokio::test]
async fn bundle_proves_nothing_to_another_key() {
    let (register, file) = proved().await;
    let other = run(None, ["keygen", "example.org/registry", "-o", &register.path("other")]);
    let stranger = run(None, ["keygen", "example.com/other", "-o", &register.path("stranger")]);
    let (other, stranger) = (other.stdout.trim_end(), stranger.stdout.trim_end());
    assert_eq!(check(&file, other), 1);
    assert_eq!(check(&file, stranger), 1);
    let both = run(None, ["check", &file, "--key", stranger, "--key", &register.verifier_key()]);
    assert_eq!(both.code, Some(0));
    let refused = run(None, ["check", &file, "--key", other, "--json"]);
    let answer: Value = serde_json::from_str(&refused.stdout).unwrap();
    assert_eq!((members(&answer), &answer["ok"]), (vec!["error", "ok"], &Value::from(false)));
}

/// The paths of all strings and numbers in a document.
fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| leaves(value, &format!("{path}/{name}"), found));
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, value)| leaves(value, &format!("{path}/{index}"), found));
        }
        _ => found.push(path.to_owned()),
    }
}

/// Other values of the same kind: a number beside it, or the text with one character changed at its beginning, in its
/// middle and at its end, cut or longer.
fn others(value: &Value) -> Vec<Value> {
    if let Some(number) = value.as_u64() {
        return vec![(number + 1).into(), number.saturating_sub(1).into()];
    }
    let text: Vec<char> = value.as_str().expect("a bundle has strings and numbers").chars().collect();
    let changed = |at: usize| {
        let mut text = text.clone();
        text[at] = if text[at] == '1' { '2' } else { '1' };
        Value::from(text.into_iter().collect::<String>())
    };
    let whole: String = text.iter().collect();
    let mut values = vec![changed(0), changed(text.len() / 2), changed(text.len() - 1)];
    values.push(Value::from(text[..text.len() - 1].iter().collect::<String>()));
    values.push(Value::from(format!("{whole}1")));
    values.push(Value::from(""));
    values
}

#[tokio::test]
async fn every_change_of_a_bundle_is_noticed() {
    /// How far an event has travelled is operational: no leaf binds it.
    const UNBOUND: [&str; 1] = ["/event/syncLevel"];
    let (register, file) = proved().await;
    let key = register.verifier_key();
    let bundle: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let mut paths = Vec::new();
    leaves(&bundle, "", &mut paths);
    assert!(paths.len() > 25, "{paths:?}");
    let mut accepted = Vec::new();
    for path in &paths {
        for other in others(bundle.pointer(path).unwrap()) {
            let mut changed = bundle.clone();
            *changed.pointer_mut(path).unwrap() = other.clone();
            if changed == bundle {
                continue;
            }
            fs::write(&file, changed.to_string()).unwrap();
            if check(&file, &key) == 0 && !UNBOUND.contains(&path.as_str()) {
                accepted.push(format!("{path}: {other}"));
            }
        }
    }
    assert_eq!(accepted, [""; 0]);
    // Written otherwise it is the same bundle.
    fs::write(&file, bundle.to_string()).unwrap();
    assert_eq!(check(&file, &key), 0);
}

#[tokio::test]
async fn bundle_with_a_member_more_or_less_is_refused() {
    /// The level is a claim of no consequence, and an absent one means the lowest.
    const OPTIONAL: [&str; 1] = ["/event/syncLevel"];
    let (register, file) = proved().await;
    let key = register.verifier_key();
    let bundle: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let mut accepted = Vec::new();
    for place in ["", "/event", "/salts"] {
        for name in members(bundle.pointer(place).unwrap()) {
            let mut changed = bundle.clone();
            changed.pointer_mut(place).unwrap().as_object_mut().unwrap().remove(name);
            fs::write(&file, changed.to_string()).unwrap();
            if check(&file, &key) == 0 && !OPTIONAL.contains(&format!("{place}/{name}").as_str()) {
                accepted.push(format!("without {place}/{name}"));
            }
        }
        let mut changed = bundle.clone();
        changed.pointer_mut(place).unwrap()["more"] = 1.into();
        fs::write(&file, changed.to_string()).unwrap();
        if check(&file, &key) == 0 {
            accepted.push(format!("with {place}/more"));
        }
    }
    let count = bundle["inclusion"].as_array().unwrap().len();
    for index in 0..count {
        let mut shorter = bundle.clone();
        shorter["inclusion"].as_array_mut().unwrap().remove(index);
        let mut longer = bundle.clone();
        let again = bundle["inclusion"][index].clone();
        longer["inclusion"].as_array_mut().unwrap().insert(index, again);
        let mut swapped = bundle.clone();
        swapped["inclusion"].as_array_mut().unwrap().swap(index, (index + 1) % count);
        for changed in [shorter, longer, swapped] {
            fs::write(&file, changed.to_string()).unwrap();
            if check(&file, &key) == 0 {
                accepted.push(format!("inclusion at {index}"));
            }
        }
    }
    assert_eq!(accepted, [""; 0]);
}

#[tokio::test]
async fn salt_of_metadata_is_there_with_metadata_alone() {
    let register = Register::with_events(4).await;
    let (file, key) = (register.path("changed"), register.verifier_key());
    for (guid, has_metadata) in [("e-2", false), ("e-3", true)] {
        let mut bundle: Value = serde_json::from_str(&register.run(&["prove", guid]).stdout).unwrap();
        assert_eq!(bundle["salts"].get("metadata").is_some(), has_metadata);
        let salts = bundle["salts"].as_object_mut().unwrap();
        if salts.remove("metadata").is_none() {
            salts.insert("metadata".to_owned(), "00".repeat(16).into());
        }
        fs::write(&file, bundle.to_string()).unwrap();
        let ran = run(None, ["check", &file, "--key", &key]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stdout.contains("salt `metadata`"), "{ran:?}");
    }
}

#[tokio::test]
async fn what_is_no_bundle_is_wrong_input() {
    let (register, file) = proved().await;
    let key = register.verifier_key();
    let text = fs::read_to_string(&file).unwrap();
    let twice = text.replacen("\"position\"", "\"position\": 132, \"position\"", 1);
    for wrong in ["", "{}", "[]", "null", &text[..text.len() / 2], &format!("{text}{text}"), &twice] {
        fs::write(&file, wrong).unwrap();
        assert_eq!(check(&file, &key), 2, "{wrong}");
    }
    fs::write(&file, [0xff, 0xfe]).unwrap();
    assert_eq!(run(None, ["check", &file, "--key", &key]).code, Some(2));
}

#[tokio::test]
async fn event_that_is_not_published_has_no_proof_yet() {
    let register = Register::with_events(3).await;
    let line = veritrail_tests::numbered::event(3);
    assert_eq!(register.run_with(&["submit", "-"], line.as_bytes()).code, Some(0));
    let ran = register.run(&["prove", "e-3"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
    assert!(ran.stderr.contains("no checkpoint covers position 3"), "{ran:?}");
}
