//! Upcasters: payloads of older schema versions, brought to the newest one before an applier sees them.
//!
//! What is stored, hashed and compared is always the event as it was received; nothing here writes an event.

use std::borrow::Cow;

use serde_json::{Map, Value};
use veritrail_core::{EventType, FormSubmission, Json};

use crate::error::{ApplyError, RegisterError};

/// The schema version of an event that names none.
pub const FIRST_SCHEMA_VERSION: u32 = 1;

type Step = Box<dyn Fn(Map<String, Value>) -> Result<Map<String, Value>, String> + Send + Sync>;

/// The upcasters of one event type, without a gap: each takes a payload from one schema version to the next.
pub(super) struct Chain {
    oldest: u32,
    steps: Vec<Step>,
}

impl Chain {
    pub(super) fn new(oldest: u32) -> Self {
        Self { oldest, steps: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Adds the step from version `from` to the next one.
    pub(super) fn push(
        &mut self,
        event_type: &EventType,
        from: u32,
        step: Step,
    ) -> Result<(), RegisterError> {
        let newest = self.newest();
        if from != newest {
            let event_type = event_type.clone();
            return Err(match (self.oldest..newest).contains(&from) {
                true => RegisterError::DuplicateUpcaster { event_type, from },
                false => RegisterError::UpcasterGap { event_type, from, newest },
            });
        }
        if newest == u32::MAX {
            return Err(RegisterError::UpcasterGap { event_type: event_type.clone(), from, newest });
        }
        self.steps.push(step);
        Ok(())
    }

    /// The event in the newest version.
    pub(super) fn upcast<'e>(
        &self,
        event: &'e FormSubmission,
    ) -> Result<Cow<'e, FormSubmission>, ApplyError> {
        let found = event.schema_version.unwrap_or(FIRST_SCHEMA_VERSION);
        let newest = self.newest();
        if found == newest {
            return Ok(Cow::Borrowed(event));
        }
        if !(self.oldest..newest).contains(&found) {
            let event_type = event.event_type.clone();
            return Err(ApplyError::SchemaVersion { event_type, found, oldest: self.oldest, newest });
        }
        let mut upcast = event.clone();
        upcast.data = self.upcast_data(event, found)?;
        upcast.schema_version = Some(newest);
        upcast.metadata = Some(migrated_from(event, found)?);
        Ok(Cow::Owned(upcast))
    }

    fn upcast_data(&self, event: &FormSubmission, found: u32) -> Result<Json, ApplyError> {
        let failed =
            |from, reason| ApplyError::NotUpcast { event_type: event.event_type.clone(), from, reason };
        let mut data = match event.data.to_value() {
            Ok(Value::Object(data)) => data,
            Ok(_) => return Err(failed(found, "`data` is not an object".into())),
            Err(error) => return Err(failed(found, error.to_string())),
        };
        for (from, step) in (self.oldest..).zip(&self.steps).filter(|(from, _)| *from >= found) {
            data = step(data).map_err(|reason| failed(from, reason))?;
        }
        // What cannot be stored as an entity must not come from an upcaster either.
        Json::from_value(&Value::Object(data)).map_err(|error| failed(found, error.to_string()))
    }

    fn newest(&self) -> u32 {
        self.oldest + u32::try_from(self.steps.len()).expect("versions are numbers of 32 bits")
    }
}

/// The metadata with `migratedFrom`; an event that a device has migrated before keeps what it was then.
fn migrated_from(event: &FormSubmission, found: u32) -> Result<Json, ApplyError> {
    let failed = |reason| ApplyError::NotUpcast { event_type: event.event_type.clone(), from: found, reason };
    let mut metadata = match event.metadata.as_ref().map(Json::to_value) {
        None => Map::new(),
        Some(Ok(Value::Object(metadata))) => metadata,
        Some(Ok(_)) => return Err(failed("`metadata` is not an object".into())),
        Some(Err(error)) => return Err(failed(error.to_string())),
    };
    metadata.entry("migratedFrom").or_insert_with(|| found.into());
    // `extra` stands around values that may be as deep as a whole payload, so that the strict reader is no way back.
    Json::parse_jsonb(&Value::Object(metadata).to_string()).map_err(|error| failed(error.to_string()))
}
