//! Saving events in memory, and reading them back.

use std::collections::HashMap;

use super::log::Log;
use super::{MemoryError, MemoryStore, Register, Sources};
use crate::event::FormSubmission;
use crate::ids::{EntityGuid, EventGuid, Subject};
use crate::log::{Position, Receipt, StoredEvent};
use crate::stamp::{HashedEvent, StampFrom, stamp_events};
use crate::store::{EventStore, ReadPageError, SaveEventsError};

type SaveError = SaveEventsError<MemoryError>;

impl EventStore for MemoryStore {
    async fn save_events(
        &mut self,
        events: &[FormSubmission],
        submitted_by: &Subject,
    ) -> Result<Vec<Receipt>, SaveError> {
        SaveError::check(events)?;
        self.with(|register, sources| {
            let answers = judge(register.log.as_ref(), events)?;
            append(register, sources, events, &answers, submitted_by)?;
            let log = register.log.as_ref();
            Ok(answers.into_iter().zip(events).map(|(answer, event)| receipt(log, answer, event)).collect())
        })
    }

    async fn event(&mut self, guid: &EventGuid) -> Result<Option<StoredEvent>, MemoryError> {
        Ok(self.with(|register, _| register.log.as_ref()?.by_guid(guid).cloned()))
    }

    async fn event_exists(&mut self, guid: &EventGuid) -> Result<bool, MemoryError> {
        Ok(self.with(|register, _| register.log.as_ref().is_some_and(|log| log.by_guid(guid).is_some())))
    }

    async fn events_from(
        &mut self,
        begin: Position,
        limit: u32,
    ) -> Result<Vec<StoredEvent>, ReadPageError<MemoryError>> {
        self.page(limit, |log, limit| log.events_from(begin).iter().take(limit).cloned().collect())
    }

    async fn events_about(
        &mut self,
        entity: &EntityGuid,
        begin: Position,
        limit: u32,
    ) -> Result<Vec<StoredEvent>, ReadPageError<MemoryError>> {
        self.page(limit, |log, limit| {
            log.about(entity).skip_while(|stored| stored.position < begin).take(limit).cloned().collect()
        })
    }
}

impl MemoryStore {
    /// A page that is read from the log; an empty one where there is no log yet.
    pub(super) fn page(
        &self,
        limit: u32,
        read: impl FnOnce(&Log, usize) -> Vec<StoredEvent>,
    ) -> Result<Vec<StoredEvent>, ReadPageError<MemoryError>> {
        ReadPageError::check(limit)?;
        let limit = usize::try_from(limit).expect("a page's length fits");
        Ok(self.with(|register, _| register.log.as_ref().map_or_else(Vec::new, |log| read(log, limit))))
    }
}

/// What becomes of an event of a batch that is saved.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    New,
    /// It is recorded already, in the log or earlier in the batch.
    Repeated,
}

/// Finds out which events of a batch are new; the first that is refused refuses the batch.
fn judge(log: Option<&Log>, events: &[FormSubmission]) -> Result<Vec<Answer>, SaveError> {
    let mut earlier: HashMap<&EventGuid, &FormSubmission> = HashMap::new();
    let mut answers = Vec::with_capacity(events.len());
    for (index, event) in events.iter().enumerate() {
        let guid = &event.guid;
        event.validate().map_err(|source| SaveError::Invalid { index, guid: guid.clone(), source })?;
        let stored = log.and_then(|log| log.by_guid(guid));
        let difference = match (stored, earlier.get(guid)) {
            (Some(stored), _) => Some(stored.content_difference(event)),
            (None, Some(first)) => Some(event.content_difference(first)),
            (None, None) => None,
        };
        answers.push(match difference {
            None => Answer::New,
            Some(None) => Answer::Repeated,
            Some(Some(field)) => return Err(SaveError::Conflict { index, guid: guid.clone(), field }),
        });
        earlier.entry(guid).or_insert(event);
    }
    Ok(answers)
}

fn append(
    register: &mut Register,
    sources: &mut Sources,
    events: &[FormSubmission],
    answers: &[Answer],
    submitted_by: &Subject,
) -> Result<(), SaveError> {
    let new = events.iter().zip(answers).filter(|(_, answer)| **answer == Answer::New);
    let mut hash =
        |event: &FormSubmission| HashedEvent::new(event.clone(), submitted_by.clone(), sources.salts());
    let hashed: Vec<_> = new.map(|(event, _)| hash(event)).collect();
    if hashed.is_empty() {
        return Ok(());
    }
    let clock = sources.now();
    let log = register.log_or_begin(sources);
    let from =
        StampFrom { log_id: log.identity.log_id, size: log.tree.size(), previous: log.newest_stamp, clock };
    let stamped = stamp_events(hashed, from);
    log.append(stamped.ok_or(SaveError::Store(MemoryError::OutOfStamps))?);
    Ok(())
}

fn receipt(log: Option<&Log>, answer: Answer, event: &FormSubmission) -> Receipt {
    let stored = log.and_then(|log| log.by_guid(&event.guid)).expect("the event was recorded or is by now");
    Receipt { repeated: answer == Answer::Repeated, ..stored.receipt() }
}
