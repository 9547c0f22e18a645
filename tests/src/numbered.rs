//! Events that tests submit: the same ones for the same numbers, valid, all different.
//!
//! Not here: what they do when they are applied (each makes one individual of its own).

/// The guid of event `number`.
#[must_use]
pub fn guid(number: u64) -> String {
    format!("e-{number}")
}

/// The JSON text of event `number`, on one line. Every third one has metadata, every fourth a schema version.
#[must_use]
pub fn event(number: u64) -> String {
    let guid = guid(number);
    let metadata = if number.is_multiple_of(3) {
        format!(r#","metadata":{{"device":"tablet-{}"}}"#, number % 7)
    } else {
        String::new()
    };
    let version = if number.is_multiple_of(4) { r#","schemaVersion":2"# } else { "" };
    let (minute, hour, day) = (number % 60, number / 60 % 24, 1 + number / 1_440 % 28);
    let (month, year) = (1 + number / 40_320 % 12, 2_025);
    format!(
        r#"{{"guid":"{guid}","entityGuid":"p-{number}","type":"create-individual","userId":"user-{user}","timestamp":"{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:00Z","data":{{"age":{age},"name":"Person {number}"}}{metadata}{version}}}"#,
        user = number % 5,
        age = number % 90,
    )
}
