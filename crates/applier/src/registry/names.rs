//! Names of event types that say nothing of what has happened: a warning at registration.
//!
//! Which names are no event types at all is `veritrail-core`'s.

use veritrail_core::EventType;

/// Words that every event could have in its name.
const SAY_NOTHING: [&str; 29] = [
    "action", "change", "changed", "changes", "custom", "data", "do", "edit", "edited", "entity", "event",
    "generic", "item", "misc", "modified", "modify", "new", "object", "other", "process", "record", "save",
    "saved", "set", "submit", "thing", "update", "updated", "updates",
];

/// A name such as `update`, `change` or `event-1`: whoever reads the log later learns nothing from it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the event type `{event_type}` does not say what has happened; a name such as `household-income-updated` does"
)]
pub struct VagueName {
    /// The type.
    pub event_type: EventType,
}

/// A warning where no word of the name says anything.
pub(super) fn warning(event_type: &EventType) -> Option<VagueName> {
    let name = event_type.as_str().to_lowercase();
    let words = name.split(|char: char| !char.is_alphabetic()).filter(|word| !word.is_empty());
    // A single letter is no word: `a`, `e-1`, `v2`.
    let mut telling = words.filter(|word| word.chars().count() > 1 && !SAY_NOTHING.contains(word));
    telling.next().is_none().then(|| VagueName { event_type: event_type.clone() })
}
