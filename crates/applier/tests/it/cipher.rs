//! Sealed payloads: vectors of another implementation (Python's `cryptography`), and everything that must not open.

use veritrail_applier::cipher::{
    Aes256GcmCipher, Binding, CipherError, DataKey, KeyError, KeyId, KeyOwner, MAX_SEALED_BYTES, MasterKey,
    MasterKeys, Payload, PayloadCipher, WrappedKey, looks_sealed,
};
use veritrail_core::{
    EntityGuid, EventGuid, Hash, Json, MAX_DATA_BYTES, MAX_METADATA_BYTES, Salts, TenantId,
};
use zeroize::Zeroizing;

/// AES-256-GCM by another implementation: key 00 01 … 1f, nonce 64 65 … 6f.
const SEALED: &str = r#"{"$enc":{"ciphertext":"Mzm6Bw2IdKRFQD6Pv0dQyXPuJGTqAZZQnfPhKYnahzW4yy2lOHP/ZYmSWgWGYK6qbTL7gmkuYxLYhc20g+TRpz+upiL0OFpp/xzPeTO6AdZVSC0ElPW59urBAPRMI3Zht0HzTgl9207Xyrv1xDyI2RMasi7ySI0Fh0ilgO2FMPYLrvmZCwMhGq14MzTvsmywp/XPdGN5sqAEo0h/1yOdyKkDRm7y7oLSD2rExYpW3mx6E2o+Jjh3ftLLv+YkDpo=","keyId":"person-1/1","nonce":"ZGVmZ2hpamtsbW5v"}}"#;
/// The key above, wrapped with a master key of 32 nines and a nonce of threes.
const WRAPPED: &str = "0ZXpcVG5bavTq6V+4DXc/anu00KQ6YM85TrMAmr7sqfwyB9JPcF2d5HKFLqmsH2N";

struct Row {
    tenant: TenantId,
    guid: EventGuid,
    commitment: Hash,
}

impl Row {
    fn new(tenant: &str, guid: &str, commitment: u8) -> Self {
        Self {
            tenant: TenantId::new(tenant).unwrap(),
            guid: EventGuid::new(guid).unwrap(),
            commitment: Hash::from([commitment; 32]),
        }
    }

    fn binding(&self) -> Binding<'_> {
        Binding { tenant: &self.tenant, guid: &self.guid, commitment: &self.commitment }
    }
}

fn row() -> Row {
    Row::new("default", "event-1", 7)
}

fn id(text: &str) -> KeyId {
    KeyId::new(text).unwrap()
}

fn bytes<const N: usize>(first: u8) -> [u8; N] {
    std::array::from_fn(|index| first + u8::try_from(index).unwrap())
}

fn data_key() -> DataKey {
    DataKey::new(id("person-1/1"), Zeroizing::new(bytes(0)))
}

fn cipher() -> Aes256GcmCipher {
    let mut cipher = Aes256GcmCipher::new();
    cipher.insert(&data_key());
    cipher
}

fn payload() -> Payload {
    Payload {
        salts: Salts::from_bytes(&bytes(0)),
        data: Json::parse(r#"{"name":"Mary","age":41.0}"#).unwrap(),
        metadata: Some(Json::parse(r#"{"deviceId":"tablet-7"}"#).unwrap()),
    }
}

fn text(text: &str) -> Json {
    Json::from_canonical_text(text)
}

#[test]
fn sealing_gives_the_bytes_of_another_implementation() {
    let sealed = cipher().seal(&row().binding(), &id("person-1/1"), &bytes(100), &payload()).unwrap();
    assert_eq!(sealed.as_str(), SEALED);
    assert_eq!(Json::parse(SEALED).unwrap(), sealed, "what is stored is canonical");
    assert!(cipher().open(&row().binding(), &sealed).unwrap() == payload());
    assert!(looks_sealed(&sealed) && !looks_sealed(&payload().data));

    let without = Payload { metadata: None, ..payload() };
    let sealed = cipher().seal(&row().binding(), &id("person-1/1"), &bytes(101), &without).unwrap();
    assert!(cipher().open(&row().binding(), &sealed).unwrap() == without);
}

#[test]
fn a_payload_opens_in_its_own_row_alone() {
    for other in [
        Row::new("other", "event-1", 7),
        Row::new("default", "event-2", 7),
        Row::new("default", "event-1", 8),
    ] {
        let refused = cipher().open(&other.binding(), &text(SEALED)).unwrap_err();
        assert_eq!(refused, CipherError::Refused(id("person-1/1")));
    }
    // Ids cannot be moved from one part of the binding to the next.
    let (one, two) = (Row::new("a\",\"x\":\"", "b", 7), Row::new("a", "x\":\"b", 7));
    let sealed = cipher().seal(&one.binding(), &id("person-1/1"), &bytes(1), &payload()).unwrap();
    assert!(cipher().open(&two.binding(), &sealed).is_err());
}

#[test]
fn another_key_does_not_open() {
    let mut other = Aes256GcmCipher::new();
    let unknown = other.open(&row().binding(), &text(SEALED)).unwrap_err();
    assert_eq!(unknown, CipherError::UnknownKey(id("person-1/1")));
    assert!(other.seal(&row().binding(), &id("person-1/1"), &bytes(1), &payload()).is_err());
    other.insert(&DataKey::new(id("person-1/1"), Zeroizing::new([1; 32])));
    assert_eq!(
        other.open(&row().binding(), &text(SEALED)).unwrap_err(),
        CipherError::Refused(id("person-1/1"))
    );
    // A destroyed key is the end of what it has sealed.
    let mut cipher = cipher();
    cipher.remove(&id("person-1/1"));
    assert!(matches!(cipher.open(&row().binding(), &text(SEALED)), Err(CipherError::UnknownKey(_))));
}

#[test]
fn no_changed_character_opens() {
    let original = SEALED.as_bytes();
    for at in 0..original.len() {
        for with in [b'A', b'"', b' '] {
            let mut changed = original.to_vec();
            changed[at] = with;
            if changed == original {
                continue;
            }
            let changed = text(std::str::from_utf8(&changed).unwrap());
            assert!(cipher().open(&row().binding(), &changed).is_err(), "{at}");
        }
    }
    for end in 0..original.len() {
        assert!(cipher().open(&row().binding(), &text(&SEALED[..end])).is_err(), "{end}");
    }
}

#[test]
fn the_form_is_strict() {
    let not_sealed = |form: &str| {
        let error = cipher().open(&row().binding(), &text(form)).unwrap_err();
        assert!(matches!(error, CipherError::NotSealed(_)), "{form}: {error}");
        error.to_string()
    };
    for form in [
        "null",
        "{}",
        r#"{"$enc":{}}"#,
        r#"{"$enc":{"ciphertext":"","keyId":"k"}}"#,
        r#"{"$enc":{"ciphertext":"","keyId":"k","nonce":"ZGVmZ2hpamtsbW5v","more":1}}"#,
        r#"{"$enc":{"ciphertext":"","keyId":"k","nonce":"ZGVmZ2hpamtsbW5v"},"more":1}"#,
        r#"{"$enc":{"ciphertext":"","keyId":"k","keyId":"k","nonce":"ZGVmZ2hpamtsbW5v"}}"#,
        r#"{"$enc":{"ciphertext":"","keyId":7,"nonce":"ZGVmZ2hpamtsbW5v"}}"#,
    ] {
        not_sealed(form);
    }
    let with = |key: &str, nonce: &str, ciphertext: &str| {
        not_sealed(&format!(
            r#"{{"$enc":{{"ciphertext":"{ciphertext}","keyId":"{key}","nonce":"{nonce}"}}}}"#
        ))
    };
    assert!(with("", "ZGVmZ2hpamtsbW5v", "").contains("key id"));
    assert!(with("k", "ZGVmZ2hpamtsbW5", "").contains("`nonce` is not base64"));
    assert!(with("k", "ZGVm", "").contains("12 bytes"));
    assert!(with("k", "ZGVmZ2hpamtsbW5v", "A").contains("`ciphertext` is not base64"));
    assert!(with("k", "ZGVmZ2hpamtsbW5v", &"A".repeat(MAX_SEALED_BYTES)).contains("too large"));
}

#[test]
fn the_largest_payload_fits() {
    let filled = |bytes: usize| Json::parse(&format!("{{\"x\":\"{}\"}}", "y".repeat(bytes - 8))).unwrap();
    let largest = Payload {
        salts: payload().salts,
        data: filled(MAX_DATA_BYTES),
        metadata: Some(filled(MAX_METADATA_BYTES)),
    };
    let sealed = cipher().seal(&row().binding(), &id("person-1/1"), &bytes(1), &largest).unwrap();
    assert!(cipher().open(&row().binding(), &sealed).unwrap() == largest);
}

#[test]
fn rotation_wraps_the_data_key_anew_and_leaves_payloads_alone() {
    let (tenant, entity) = (TenantId::default(), EntityGuid::new("person-1").unwrap());
    let owner = KeyOwner { tenant: &tenant, entity: &entity };
    let old = MasterKey::new(id("master-2025"), Zeroizing::new([9; 32]));
    let new = MasterKey::new(id("master-2026"), Zeroizing::new([8; 32]));
    let wrapped = old.wrap(&owner, &data_key(), &[3; 12]);
    assert_eq!((wrapped.ciphertext.as_str(), wrapped.nonce.as_str()), (WRAPPED, "AwMDAwMDAwMDAwMD"));

    let both = MasterKeys::default().with(old).with(new.clone());
    let rotated = both.rewrap(&owner, &wrapped, &id("master-2026"), &[4; 12]).unwrap();
    let text = serde_json::to_string(&rotated).unwrap();
    assert!(text.starts_with(r#"{"keyId":"person-1/1","masterKeyId":"master-2026","nonce":"#), "{text}");
    let rotated: WrappedKey = serde_json::from_str(&text).unwrap();

    // The old master key is no longer needed, and no longer enough.
    let only_new = MasterKeys::default().with(new);
    let mut cipher = Aes256GcmCipher::new();
    cipher.insert(&only_new.unwrap_key(&owner, &rotated).unwrap());
    assert!(cipher.open(&row().binding(), &Json::from_canonical_text(SEALED)).unwrap() == payload());
    let (key, master) = (id("person-1/1"), id("master-2025"));
    assert_eq!(only_new.unwrap_key(&owner, &wrapped).unwrap_err(), KeyError::UnknownMaster { key, master });

    let refused =
        |owner: &KeyOwner<'_>, wrapped: &WrappedKey| only_new.unwrap_key(owner, wrapped).unwrap_err();
    let expected = KeyError::Refused { key: id("person-1/1"), master: id("master-2026") };
    let other = EntityGuid::new("person-2").unwrap();
    assert_eq!(refused(&KeyOwner { tenant: &tenant, entity: &other }, &rotated), expected);
    let renamed = WrappedKey { key_id: id("person-1/2"), ..rotated.clone() };
    assert!(matches!(refused(&owner, &renamed), KeyError::Refused { .. }));
    let cut = WrappedKey { ciphertext: rotated.ciphertext[..60].into(), ..rotated.clone() };
    assert_eq!(refused(&owner, &cut), expected);
    let malformed = WrappedKey { nonce: "AwM=".into(), ..rotated.clone() };
    assert_eq!(refused(&owner, &malformed), KeyError::Malformed { key: id("person-1/1"), field: "nonce" });
    let unknown = both.rewrap(&owner, &wrapped, &id("master-2027"), &[4; 12]).unwrap_err();
    assert!(unknown.to_string().contains("`master-2027`, which is not at hand"));
}

#[test]
fn keys_are_never_shown() {
    let shown = format!("{:?} {:?} {:?}", data_key(), cipher(), payload());
    assert_eq!(shown, "DataKey(person-1/1) Aes256GcmCipher { keys: [KeyId(\"person-1/1\")] } Payload(..)");
    assert_eq!(
        KeyId::new("a b").unwrap_err().to_string(),
        "a key id has 1 to 128 visible ASCII characters, not \"a b\""
    );
    assert!(KeyId::new("k".repeat(129)).is_err() && KeyId::new("k".repeat(128)).is_ok());
}
