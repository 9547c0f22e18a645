//! The registry: which applier an event's type chooses, which upcasters come before it, who decides conflicts.
//!
//! How one event is applied is in `registry/apply.rs`. The built-in appliers are in `data_collect`, what an applier may
//! do in `view`, whole logs in `replay`.

mod apply;
mod names;
mod upcast;

use std::collections::HashMap;
use std::fmt;

use serde_json::{Map, Value};
use veritrail_core::{EntityDoc, EntityGuid, EventType, FormSubmission};

use crate::conflict::{ConflictPolicy, LastWriteWins};
use crate::data_collect;
use crate::error::{ApplyError, RegisterError};
use crate::view::View;

pub use names::VagueName;
pub use upcast::FIRST_SCHEMA_VERSION;

/// Makes an event of one type into changes of entities.
///
/// An applier is deterministic: what it does depends on the event and on the entities alone, never on a clock,
/// randomness or anything outside, or replay would give another state than the one that was live.
pub trait EventApplier: Send + Sync {
    /// The type of the events that it applies.
    fn event_type(&self) -> &str;

    /// The entities that it needs for an event besides the event's own.
    fn reads(&self, event: &FormSubmission) -> Reads {
        let _ = event;
        Reads::default()
    }

    /// Changes the entities as the event says.
    ///
    /// # Errors
    /// [`ApplyError`]: the event is rejected, and what was changed for it is taken back.
    fn apply(&self, event: &FormSubmission, state: &mut View<'_>) -> Result<(), ApplyError>;
}

/// Which entities an event needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// The entities.
    pub entities: Vec<EntityGuid>,
    /// Whether it also needs the members of all these entities, their members and so on, and the groups that hold
    /// any of them: a cascade does.
    pub related: bool,
}

/// The appliers and upcasters, by the type of event that they are for, and the policy for conflicts.
pub struct Registry {
    appliers: HashMap<EventType, Box<dyn EventApplier>>,
    upcasters: HashMap<EventType, upcast::Chain>,
    conflicts: Box<dyn ConflictPolicy>,
}

impl Registry {
    /// A registry without appliers.
    #[must_use]
    pub fn empty() -> Self {
        Self { appliers: HashMap::new(), upcasters: HashMap::new(), conflicts: Box::new(LastWriteWins) }
    }

    /// A registry with the eight event types of DataCollect, which [`crate::data_collect`] describes.
    #[must_use]
    pub fn data_collect() -> Self {
        let appliers = data_collect::appliers().into_iter().map(|applier| {
            let event_type =
                EventType::new(applier.event_type()).expect("the built-in types are event types");
            (event_type, applier)
        });
        Self { appliers: appliers.collect(), ..Self::empty() }
    }

    /// Adds an applier for the type that it names; warns of a name that says nothing of what has happened.
    ///
    /// # Errors
    /// [`RegisterError::Duplicate`] where the type has one already, [`RegisterError::InvalidType`].
    pub fn register(&mut self, applier: Box<dyn EventApplier>) -> Result<Option<VagueName>, RegisterError> {
        let event_type = event_type(applier.event_type())?;
        if self.appliers.contains_key(&event_type) {
            return Err(RegisterError::Duplicate { event_type });
        }
        let warning = names::warning(&event_type);
        self.appliers.insert(event_type, applier);
        Ok(warning)
    }

    /// Adds an applier that needs the event's own entity alone: it takes its present state, `None` where it does
    /// not exist or was deleted, and gives the new one.
    ///
    /// What it gives goes through [`View::put`]: `version` and `lastUpdated` are set there, and nobody can join a
    /// group by it, because who joins must be declared.
    ///
    /// # Errors
    /// As [`Registry::register`].
    pub fn register_fn<F>(&mut self, event_type: &str, apply: F) -> Result<Option<VagueName>, RegisterError>
    where
        F: Fn(Option<EntityDoc>, &FormSubmission) -> Result<EntityDoc, ApplyError> + Send + Sync + 'static,
    {
        self.register(Box::new(Closure { event_type: event_type.to_owned(), apply }))
    }

    /// Adds the upcaster that takes payloads of one type from schema version `from` to the next.
    ///
    /// They are registered in order. The first one's `from` is the oldest version that is still understood; an event
    /// without a version has [`FIRST_SCHEMA_VERSION`]. Appliers then see the newest version alone, while the stored
    /// event, its hash and its content for repeats stay what was received. The upcaster is deterministic, as appliers
    /// are, and answers with a text for people where a payload cannot be brought forward.
    ///
    /// # Errors
    /// [`RegisterError::DuplicateUpcaster`] and [`RegisterError::UpcasterGap`] where `from` is not the newest version
    /// so far, [`RegisterError::InvalidType`].
    pub fn register_upcaster<F>(&mut self, for_type: &str, from: u32, upcast: F) -> Result<(), RegisterError>
    where
        F: Fn(Map<String, Value>) -> Result<Map<String, Value>, String> + Send + Sync + 'static,
    {
        let event_type = event_type(for_type)?;
        let mut chain = self.upcasters.remove(&event_type).unwrap_or_else(|| upcast::Chain::new(from));
        let pushed = chain.push(&event_type, from, Box::new(upcast));
        if !chain.is_empty() {
            self.upcasters.insert(event_type, chain);
        }
        pushed
    }

    /// Lets a policy decide conflicts; [`LastWriteWins`] does where none was named.
    #[must_use]
    pub fn with_conflict_policy(mut self, policy: impl ConflictPolicy + 'static) -> Self {
        self.conflicts = Box::new(policy);
        self
    }

    /// The types that have an applier, sorted.
    #[must_use]
    pub fn event_types(&self) -> Vec<&EventType> {
        let mut types: Vec<_> = self.appliers.keys().collect();
        types.sort_unstable();
        types
    }

    fn applier(&self, event: &FormSubmission) -> Result<&dyn EventApplier, ApplyError> {
        match self.appliers.get(&event.event_type) {
            Some(applier) => Ok(applier.as_ref()),
            None => Err(ApplyError::UnknownType { event_type: event.event_type.clone() }),
        }
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Registry");
        shown.field("event_types", &self.event_types()).field("conflicts", &self.conflicts.name()).finish()
    }
}

fn event_type(text: &str) -> Result<EventType, RegisterError> {
    EventType::new(text)
        .map_err(|problem| RegisterError::InvalidType { event_type: text.to_owned(), problem })
}

struct Closure<F> {
    event_type: String,
    apply: F,
}

impl<F> EventApplier for Closure<F>
where
    F: Fn(Option<EntityDoc>, &FormSubmission) -> Result<EntityDoc, ApplyError> + Send + Sync,
{
    fn event_type(&self) -> &str {
        &self.event_type
    }

    fn apply(&self, event: &FormSubmission, state: &mut View<'_>) -> Result<(), ApplyError> {
        let present = state.get(&event.entity_guid)?.cloned();
        let doc = (self.apply)(present, event)?;
        state.put(doc)
    }
}
