//! How one event is applied: upcast, decided upon where it conflicts, handed to its applier, told to the audit trail.
//!
//! Which applier that is says the registry; what the applier may do says the view.

use std::any::Any;
use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use veritrail_core::{EntityGuid, FormSubmission};

use super::{EventApplier, Reads, Registry};
use crate::applied::{Applied, Cause, DuplicatePair};
use crate::conflict::{Conflict, Decision, Verdict, merge};
use crate::entities::{Entities, Fields, Stamp};
use crate::error::ApplyError;
use crate::view::View;

/// An event in its newest version, its applier, and what it reads.
struct Prepared<'a> {
    event: Cow<'a, FormSubmission>,
    applier: &'a dyn EventApplier,
    reads: Reads,
}

/// What an applier has done: entities that it touched, pairs that it settled.
type Done = (Vec<EntityGuid>, Vec<DuplicatePair>);

impl Registry {
    /// The event as its applier sees it: in the newest schema version, with `migratedFrom` in its metadata where that
    /// is not the version that was received.
    ///
    /// # Errors
    /// [`ApplyError::SchemaVersion`], [`ApplyError::NotUpcast`] and [`ApplyError::Panicked`].
    pub fn upcast<'e>(&self, event: &'e FormSubmission) -> Result<Cow<'e, FormSubmission>, ApplyError> {
        match self.upcasters.get(&event.event_type) {
            None => Ok(Cow::Borrowed(event)),
            Some(chain) => catch(event, || chain.upcast(event))?,
        }
    }

    /// Which entities an event needs: sorted, each once, its own among them.
    ///
    /// # Errors
    /// [`ApplyError::UnknownType`], [`ApplyError::Panicked`], and as [`Registry::upcast`].
    pub fn reads(&self, event: &FormSubmission) -> Result<Reads, ApplyError> {
        self.prepare(event).map(|prepared| prepared.reads)
    }

    /// Applies one event. Where it fails, the entities are as they were before.
    ///
    /// # Errors
    /// What the applier answers, [`ApplyError::UnknownType`] where there is none, [`ApplyError::Conflict`] where the
    /// policy rejects it, [`ApplyError::Panicked`] where applier, upcaster or policy panic (in a program that
    /// unwinds), and as [`Registry::upcast`].
    pub fn apply(&self, event: &FormSubmission, entities: &mut Entities) -> Result<Applied, ApplyError> {
        let ((touched, resolved), decision) = self.run(event, entities)?;
        let changes = entities.changes();
        entities.commit();
        Ok(Applied { cause: Cause::of(event), touched, resolved, changes, decision })
    }

    /// Applies one event for its state alone: nothing is told to an audit trail.
    pub(crate) fn apply_again(
        &self,
        event: &FormSubmission,
        entities: &mut Entities,
    ) -> Result<(), ApplyError> {
        self.run(event, entities)?;
        entities.commit();
        Ok(())
    }

    fn prepare<'a>(&'a self, event: &'a FormSubmission) -> Result<Prepared<'a>, ApplyError> {
        let applier = self.applier(event)?;
        let event = self.upcast(event)?;
        let mut reads = catch(&event, || applier.reads(&event))?;
        reads.entities.push(event.entity_guid.clone());
        reads.entities.sort_unstable();
        reads.entities.dedup();
        Ok(Prepared { event, applier, reads })
    }

    /// Applies one event and leaves it to be committed; takes back what it has changed where it fails.
    fn run(
        &self,
        event: &FormSubmission,
        entities: &mut Entities,
    ) -> Result<(Done, Option<Decision>), ApplyError> {
        let prepared = self.prepare(event)?;
        let decided = self.decide(&prepared.event, entities);
        let outcome = decided.and_then(|decision| match decision {
            None => prepared.apply(entities).map(|done| (done, None)),
            Some(decision) => prepared.apply_decided(entities, decision),
        });
        if outcome.is_err() {
            entities.roll_back();
        }
        outcome
    }

    /// What the policy says where the event is in conflict.
    fn decide(&self, event: &FormSubmission, entities: &Entities) -> Result<Option<Decision>, ApplyError> {
        let (initial, modified) =
            match (entities.initial(&event.entity_guid), entities.get(&event.entity_guid)) {
                (Some(initial), Some(modified)) if initial.version != modified.version => (initial, modified),
                _ => return Ok(None),
            };
        if !Stamp::of(event).synced {
            return Ok(None);
        }
        let conflict = Conflict { event, initial, modified };
        let decision = catch(event, || Decision::new(&conflict, self.conflicts.as_ref()))?;
        match decision.verdict {
            Verdict::Reject => Err(ApplyError::Conflict(Box::new(decision))),
            _ => Ok(Some(decision)),
        }
    }
}

impl Prepared<'_> {
    /// What is changed before an applier panics is in the journal, which makes the entities safe to look at after.
    fn apply(&self, entities: &mut Entities) -> Result<Done, ApplyError> {
        catch(&self.event, || {
            let mut view = View::new(entities, &self.event, &self.reads);
            self.applier.apply(&self.event, &mut view).map(|()| view.finish())
        })?
    }

    /// Applies the event to the last synced state and keeps of both sides what was decided.
    ///
    /// Fields alone go back to that state. Memberships are made and ended one by one by events of both sides, and a
    /// list of them from before could name members that are deleted by now, or close a cycle.
    fn apply_decided(
        &self,
        entities: &mut Entities,
        mut decision: Decision,
    ) -> Result<(Done, Option<Decision>), ApplyError> {
        let guid = &self.event.entity_guid;
        let fields = |doc: Option<&_>| doc.map(Fields::of).expect("an entity in conflict exists");
        let (base, local) = (fields(entities.initial(guid)), fields(entities.get(guid)));
        entities.set_fields(guid, base.clone(), Stamp::of(&self.event));
        // Also an event that loses must apply: one that never could is rejected whoever would have won.
        let mut done = self.apply(entities)?;
        match decision.verdict {
            Verdict::KeepLocal => {
                entities.roll_back();
                done.1.clear();
            }
            Verdict::Merge { clashes } => {
                // A deletion leaves nothing to merge.
                if let Some(remote) = entities.get(guid).map(Fields::of) {
                    let (merged, clashing) = merge(&base, &local, &remote, clashes);
                    decision.clashes = clashing;
                    if merged != remote {
                        entities.fork(guid, decision.initial_version.saturating_add(1), merged);
                    }
                }
            }
            Verdict::TakeRemote | Verdict::Reject => {}
        }
        Ok((done, Some(decision)))
    }
}

/// Runs code that is not ours and makes its panic an error.
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
