//! Enrichment: metadata that the program adds to an event before it is hashed and stored.
//!
//! Where the values come from (a clock, a position, a network) is the caller's: enrichers here take them as arguments.
//! Metadata is no content of an event, so a repeat with other metadata is still the same event.

use serde_json::{Map, Value};
use veritrail_core::{FormSubmission, InvalidInput, Json, JsonError};

/// Members of the stored metadata that are parts of the event itself and that no enricher may change.
const PARTS_OF_THE_EVENT: [&str; 3] = ["context", "extra", "migratedFrom"];

/// Adds metadata to events.
pub trait Enricher: Send + Sync {
    /// Adds to the metadata of an event. Nothing is stored where it fails.
    ///
    /// # Errors
    /// A text for people: why the event cannot be enriched.
    fn enrich(&self, event: &FormSubmission, metadata: &mut Map<String, Value>) -> Result<(), String>;
}

/// What a device knows about itself; absent values are left out. A member that the event has already stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeviceMetadata {
    /// `deviceId`.
    pub device_id: Option<String>,
    /// `location`: any JSON value, such as `{"latitude": 41.9, "longitude": 12.5}`.
    pub location: Option<Value>,
    /// `appVersion`.
    pub app_version: Option<String>,
    /// `networkStatus`, such as `online`.
    pub network_status: Option<String>,
}

/// Enrichers one after the other: each sees what those before it have added.
#[derive(Default)]
pub struct Enrichers(Vec<Box<dyn Enricher>>);

/// Why an event was not enriched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnrichError {
    /// An enricher has refused the event.
    #[error("the event cannot be enriched: {0}")]
    Refused(String),
    /// An enricher has changed a part of the event itself.
    #[error("an enricher has changed `metadata.{member}`, which is a part of the event itself")]
    Reserved {
        /// The member.
        member: &'static str,
    },
    /// The metadata cannot be hashed faithfully.
    #[error("the enriched metadata cannot be stored: {0}")]
    Json(#[from] JsonError),
    /// The metadata would outgrow its limit.
    #[error(transparent)]
    Invalid(#[from] InvalidInput),
}

/// The event with the metadata that an enricher adds. An event to which nothing is added stays as it is.
///
/// # Errors
/// [`EnrichError`].
pub fn enrich(event: FormSubmission, enricher: &dyn Enricher) -> Result<FormSubmission, EnrichError> {
    let received = match event.metadata.as_ref().map(Json::to_value).transpose()? {
        Some(Value::Object(members)) => members,
        _ => Map::new(),
    };
    let mut metadata = received.clone();
    enricher.enrich(&event, &mut metadata).map_err(EnrichError::Refused)?;
    if metadata == received {
        return Ok(event);
    }
    let changed = |member: &&&str| metadata.get(**member) != received.get(**member);
    if let Some(member) = PARTS_OF_THE_EVENT.iter().find(changed) {
        return Err(EnrichError::Reserved { member });
    }
    let enriched = FormSubmission { metadata: Some(stored(&metadata)?), ..event };
    enriched.validate()?;
    Ok(enriched)
}

/// The canonical form of metadata. Each member is read strictly by itself: `extra` stands around values that may be as
/// deep as a whole payload.
fn stored(metadata: &Map<String, Value>) -> Result<Json, JsonError> {
    for (member, value) in
        metadata.iter().filter(|(member, _)| !PARTS_OF_THE_EVENT.contains(&member.as_str()))
    {
        let alone = Map::from_iter([(member.clone(), value.clone())]);
        Json::from_value(&Value::Object(alone))?;
    }
    Json::parse_jsonb(&Value::Object(metadata.clone()).to_string())
}

impl Enricher for DeviceMetadata {
    fn enrich(&self, _event: &FormSubmission, metadata: &mut Map<String, Value>) -> Result<(), String> {
        let text = |text: &Option<String>| text.clone().map(Value::String);
        let members = [
            ("deviceId", text(&self.device_id)),
            ("location", self.location.clone()),
            ("appVersion", text(&self.app_version)),
            ("networkStatus", text(&self.network_status)),
        ];
        for (member, value) in members {
            if let Some(value) = value {
                metadata.entry(member).or_insert(value);
            }
        }
        Ok(())
    }
}

impl Enrichers {
    /// Adds one more, after those that are there.
    #[must_use]
    pub fn with(mut self, enricher: impl Enricher + 'static) -> Self {
        self.0.push(Box::new(enricher));
        self
    }
}

impl Enricher for Enrichers {
    fn enrich(&self, event: &FormSubmission, metadata: &mut Map<String, Value>) -> Result<(), String> {
        self.0.iter().try_for_each(|enricher| enricher.enrich(event, metadata))
    }
}

impl<F> Enricher for F
where
    F: Fn(&FormSubmission, &mut Map<String, Value>) -> Result<(), String> + Send + Sync,
{
    fn enrich(&self, event: &FormSubmission, metadata: &mut Map<String, Value>) -> Result<(), String> {
        self(event, metadata)
    }
}
