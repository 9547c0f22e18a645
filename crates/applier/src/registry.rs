//! The registry: which applier an event's type chooses, and how one event is applied.
//!
//! The built-in appliers are in `data_collect`, what an applier may do in `view`, whole logs in `replay`.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use veritrail_core::{EntityDoc, EntityGuid, EventType, FormSubmission};

use crate::data_collect;
use crate::entities::Entities;
use crate::error::{ApplyError, RegisterError};
use crate::view::View;

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

/// What an event has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Every entity besides its own that the event has read, changed or named in a settled pair, sorted: whoever
    /// wants to replay one entity follows them to the events that it takes.
    pub touched: Vec<EntityGuid>,
    /// The pairs of potential duplicates that the event has settled.
    pub resolved: Vec<DuplicatePair>,
}

/// Two entities that may be one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DuplicatePair {
    /// The entity that was flagged (`entityGuid`).
    pub entity: EntityGuid,
    /// The one that it may repeat (`duplicateGuid`).
    pub duplicate: EntityGuid,
}

/// The appliers, by the type of event that they apply.
pub struct Registry {
    appliers: HashMap<EventType, Box<dyn EventApplier>>,
}

impl Registry {
    /// A registry without appliers.
    #[must_use]
    pub fn empty() -> Self {
        Self { appliers: HashMap::new() }
    }

    /// A registry with the eight event types of DataCollect, which [`crate::data_collect`] describes.
    #[must_use]
    pub fn data_collect() -> Self {
        let appliers = data_collect::appliers().into_iter().map(|applier| {
            let event_type =
                EventType::new(applier.event_type()).expect("the built-in types are event types");
            (event_type, applier)
        });
        Self { appliers: appliers.collect() }
    }

    /// Adds an applier for the type that it names.
    ///
    /// # Errors
    /// [`RegisterError::Duplicate`] where the type has one already, [`RegisterError::InvalidType`].
    pub fn register(&mut self, applier: Box<dyn EventApplier>) -> Result<(), RegisterError> {
        let event_type = EventType::new(applier.event_type()).map_err(|problem| {
            RegisterError::InvalidType { event_type: applier.event_type().to_owned(), problem }
        })?;
        if self.appliers.contains_key(&event_type) {
            return Err(RegisterError::Duplicate { event_type });
        }
        self.appliers.insert(event_type, applier);
        Ok(())
    }

    /// Adds an applier that needs the event's own entity alone: it takes its present state, `None` where it does
    /// not exist or was deleted, and gives the new one.
    ///
    /// What it gives goes through [`View::put`]: `version` and `lastUpdated` are set there, and nobody can join a
    /// group by it, because who joins must be declared.
    ///
    /// # Errors
    /// As [`Registry::register`].
    pub fn register_fn<F>(&mut self, event_type: &str, apply: F) -> Result<(), RegisterError>
    where
        F: Fn(Option<EntityDoc>, &FormSubmission) -> Result<EntityDoc, ApplyError> + Send + Sync + 'static,
    {
        self.register(Box::new(Closure { event_type: event_type.to_owned(), apply }))
    }

    /// The types that have an applier, sorted.
    #[must_use]
    pub fn event_types(&self) -> Vec<&EventType> {
        let mut types: Vec<_> = self.appliers.keys().collect();
        types.sort_unstable();
        types
    }

    /// Which entities an event needs: sorted, each once, its own among them.
    ///
    /// # Errors
    /// [`ApplyError::UnknownType`] and [`ApplyError::Panicked`].
    pub fn reads(&self, event: &FormSubmission) -> Result<Reads, ApplyError> {
        let applier = self.applier(event)?;
        let mut reads = catch(event, || applier.reads(event))?;
        reads.entities.push(event.entity_guid.clone());
        reads.entities.sort_unstable();
        reads.entities.dedup();
        Ok(reads)
    }

    /// Applies one event. Where it fails, the entities are as they were before.
    ///
    /// # Errors
    /// What the applier answers, [`ApplyError::UnknownType`] where there is none, and [`ApplyError::Panicked`]
    /// where it panics (in a program that unwinds).
    pub fn apply(&self, event: &FormSubmission, entities: &mut Entities) -> Result<Applied, ApplyError> {
        let applier = self.applier(event)?;
        let reads = self.reads(event)?;
        // The journal makes the entities safe to look at after a panic: what was changed is taken back.
        let outcome = catch(event, || {
            let mut view = View::new(entities, event, &reads);
            applier.apply(event, &mut view).map(|()| view.finish())
        });
        match outcome.and_then(|applied| applied) {
            Ok((touched, resolved)) => {
                entities.commit();
                Ok(Applied { touched, resolved })
            }
            Err(error) => {
                entities.roll_back();
                Err(error)
            }
        }
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
        f.debug_struct("Registry").field("event_types", &self.event_types()).finish()
    }
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

/// Runs an applier's code and makes its panic an error.
fn catch<T>(event: &FormSubmission, run: impl FnOnce() -> T) -> Result<T, ApplyError> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| ApplyError::Panicked {
        event_type: event.event_type.clone(),
        event: event.guid.clone(),
        message: panic_message(panic.as_ref()),
    })
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message").to_owned()
}
