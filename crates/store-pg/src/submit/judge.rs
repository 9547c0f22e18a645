//! Which events of a batch are new, which repeat a recorded one, and which apply.

use std::collections::{BTreeSet, HashMap};

use diesel_async::AsyncPgConnection;
use veritrail_applier::{ApplyError, Entities, EntityWrite};
use veritrail_core::{EntityGuid, FormSubmission, LogName, Receipt, StoredEvent, TreeSize};

use super::{Applying, Batch, Outcome, Rejection, Submitted};
use crate::append::{Effects, HashedEvent, Touched, random_salts};
use crate::entities::{self, Reach};
use crate::error::AccessError;
use crate::{events, logs, tree_heads};

/// What is known of a batch at one size of the log.
pub(crate) struct Judgement {
    /// The size that the reads saw.
    pub(crate) based_on: TreeSize,
    /// What becomes of each event; `None` until its append has given it a receipt.
    outcomes: Vec<Option<Outcome>>,
    /// Indexes of the events to append, in order, and what each touches.
    pub(crate) accepted: Vec<usize>,
    touched: Vec<Vec<EntityGuid>>,
    /// Later events of the batch that repeat an accepted one: (index, place among the accepted).
    echoes: Vec<(usize, usize)>,
    /// The accepted events with their salts and payload hashes.
    pub(crate) hashed: Vec<HashedEvent>,
    writes: Vec<EntityWrite>,
}

/// Judges a batch by what the connection's snapshot shows.
#[tracing::instrument(name = "submit.judge", skip_all)]
pub(crate) async fn judge(
    connection: &mut AsyncPgConnection,
    batch: &Batch<'_>,
) -> Result<Judgement, AccessError> {
    // The size comes first: where guids and entities are newer, the size under the lock shows it.
    let log = logs::find(connection, batch.tenant, LogName::Events).await?;
    let based_on = match log {
        None => TreeSize(0),
        Some(log) => {
            tree_heads::newest(connection, batch.tenant, LogName::Events, log.epoch).await?.head.size()
        }
    };
    let guids: BTreeSet<&str> = batch.events.iter().map(|event| event.guid.as_str()).collect();
    let guids: Vec<&str> = guids.into_iter().collect();
    let recorded = events::by_guid(connection, batch.tenant, &guids).await?;
    let recorded: HashMap<String, StoredEvent> =
        recorded.into_iter().map(|stored| (stored.event.guid.to_string(), stored)).collect();

    let mut judgement = Judgement::new(based_on, batch.events.len());
    let new = judgement.settle_repeats(batch.events, &recorded);
    match batch.applying {
        // What an event would touch belongs to its history, whether it is applied now or at a later replay.
        Applying::AppendOnly => judgement.accept(batch.events, &new, |event| Ok(named_by(batch, event))),
        Applying::Apply => {
            let mut loaded = load_entities(connection, batch, &new).await?;
            judgement.accept(batch.events, &new, |event| {
                batch.registry.apply(event, &mut loaded).map(|applied| applied.touched)
            });
            judgement.writes = loaded.into_writes();
        }
    }
    judgement.hash(batch);
    Ok(judgement)
}

/// The entities besides its own that an event names; none where its type has no applier.
fn named_by(batch: &Batch<'_>, event: &FormSubmission) -> Vec<EntityGuid> {
    let mut named = batch.registry.reads(event).map(|reads| reads.entities).unwrap_or_default();
    named.retain(|guid| *guid != event.entity_guid);
    named
}

async fn load_entities(
    connection: &mut AsyncPgConnection,
    batch: &Batch<'_>,
    new: &[usize],
) -> Result<Entities, AccessError> {
    let mut wanted = BTreeSet::new();
    let mut reach = Reach::Named;
    for index in new {
        // An event of unknown type reads nothing; applying it says so.
        let Ok(reads) = batch.registry.reads(&batch.events[*index]) else { continue };
        wanted.extend(reads.entities);
        if reads.related {
            reach = Reach::Related;
        }
    }
    Ok(Entities::new(entities::load(connection, batch.tenant, &wanted, reach).await?))
}

impl Judgement {
    fn new(based_on: TreeSize, events: usize) -> Self {
        Self {
            based_on,
            outcomes: vec![None; events],
            accepted: Vec::new(),
            touched: Vec::new(),
            echoes: Vec::new(),
            hashed: Vec::new(),
            writes: Vec::new(),
        }
    }

    /// Answers what is recorded already or is no valid event, and gives the indexes of the others.
    fn settle_repeats(
        &mut self,
        batch: &[FormSubmission],
        recorded: &HashMap<String, StoredEvent>,
    ) -> Vec<usize> {
        let mut new = Vec::new();
        for (index, event) in batch.iter().enumerate() {
            if let Err(invalid) = event.validate() {
                self.outcomes[index] = Some(Outcome::Rejected(invalid.into()));
                continue;
            }
            let Some(stored) = recorded.get(event.guid.as_str()) else {
                new.push(index);
                continue;
            };
            self.outcomes[index] = Some(match stored.content_difference(event) {
                Some(field) => Outcome::Rejected(Rejection::Conflict { guid: event.guid.clone(), field }),
                None => Outcome::Recorded(receipt(stored, true)),
            });
        }
        new
    }

    /// Applies new events in order; a guid that stands twice in the batch is one event.
    fn accept(
        &mut self,
        batch: &[FormSubmission],
        new: &[usize],
        mut apply: impl FnMut(&FormSubmission) -> Result<Vec<EntityGuid>, ApplyError>,
    ) {
        let mut places: HashMap<&str, usize> = HashMap::new();
        for index in new {
            let event = &batch[*index];
            if let Some(place) = places.get(event.guid.as_str()) {
                self.settle_echo(batch, *index, *place);
                continue;
            }
            match apply(event) {
                Ok(touched) => {
                    places.insert(event.guid.as_str(), self.accepted.len());
                    self.accepted.push(*index);
                    self.touched.push(touched);
                }
                Err(error) => self.outcomes[*index] = Some(Outcome::Rejected(error.into())),
            }
        }
    }

    /// Answers an event whose guid an earlier event of the same batch has.
    fn settle_echo(&mut self, batch: &[FormSubmission], index: usize, place: usize) {
        let (event, first) = (&batch[index], &batch[self.accepted[place]]);
        match event.content_difference(first) {
            Some(field) => {
                let guid = event.guid.clone();
                self.outcomes[index] = Some(Outcome::Rejected(Rejection::Conflict { guid, field }));
            }
            None => self.echoes.push((index, place)),
        }
    }

    fn hash(&mut self, batch: &Batch<'_>) {
        let hashed = |index: &usize| {
            let submitted_by = batch.submitted_by.of(*index).clone();
            HashedEvent::new(batch.events[*index].clone(), submitted_by, random_salts())
        };
        self.hashed = self.accepted.iter().map(hashed).collect();
    }

    /// The rows beside the events, for a log of `size`.
    pub(crate) fn effects(&mut self, size: u64) -> Effects {
        let mut touched = Vec::new();
        for (position, guids) in (size..).zip(&self.touched) {
            touched.extend(guids.iter().map(|guid| Touched { entity_guid: guid.to_string(), position }));
        }
        Effects { entities: std::mem::take(&mut self.writes), touched }
    }

    /// Takes the receipts of what was appended.
    pub(crate) fn record(&mut self, stored: &[StoredEvent]) {
        for (index, stored) in self.accepted.iter().zip(stored) {
            self.outcomes[*index] = Some(Outcome::Recorded(receipt(stored, false)));
        }
        for (index, place) in &self.echoes {
            self.outcomes[*index] = Some(Outcome::Recorded(receipt(&stored[*place], true)));
        }
    }

    pub(crate) fn into_answer(self, head: Option<veritrail_core::TreeHead>) -> Submitted {
        let settled = |outcome: Option<Outcome>| outcome.expect("each event is settled or was appended");
        Submitted { outcomes: self.outcomes.into_iter().map(settled).collect(), head }
    }
}

fn receipt(stored: &StoredEvent, repeated: bool) -> Receipt {
    Receipt { repeated, ..stored.receipt() }
}
