//! The texts that devices send and outsiders check: JSON, events, proof bundles, origins, cursors.

use veritrail_core::{FormSubmission, Json, Origin, ProofBundle};
use veritrail_sync::Cursor;

fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}

/// Any JSON: the canonical text is canonical, and a tree of it is the same value.
pub fn json(data: &[u8]) {
    let Some(json) = text(data).and_then(|text| Json::parse(text).ok()) else { return };
    assert_eq!(Json::parse(json.as_str()), Ok(json.clone()));
    let value = json.to_value().expect("a canonical text is JSON");
    assert_eq!(Json::from_value(&value), Ok(json.clone()));
    assert_eq!(Json::parse_jsonb(json.as_str()), Ok(json));
}

/// Any event: its wire form is the same event.
pub fn event(data: &[u8]) {
    let Some(event) = text(data).and_then(|text| FormSubmission::parse(text).ok()) else { return };
    let wire = event.to_json();
    let read = FormSubmission::parse(&wire).expect("what was accepted is accepted again");
    assert_eq!(read, event);
    assert_eq!(read.to_json(), wire);
    assert_eq!(event.validate(), Ok(()));
}

/// Any proof bundle: it comes back, and proves nothing to who trusts nobody.
pub fn bundle(data: &[u8]) {
    let Some(bundle) = text(data).and_then(|text| ProofBundle::parse(text).ok()) else { return };
    let json = bundle.to_json();
    assert_eq!(ProofBundle::parse(&json).expect("what was accepted is accepted again"), bundle);
    assert!(bundle.check(&[]).is_err());
}

/// Any origin.
pub fn origin(data: &[u8]) {
    let Some(text) = text(data) else { return };
    if let Ok(origin) = text.parse::<Origin>() {
        assert_eq!(origin.to_string(), text);
    }
}

/// Any cursor: what it stands for does not change when it is written and read again.
pub fn cursor(data: &[u8]) {
    let Some(cursor) = text(data).and_then(|text| Cursor::parse(text).ok()) else { return };
    assert_eq!(Cursor::parse(&cursor.to_string()), Ok(cursor));
}
