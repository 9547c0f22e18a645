//! Replay on all cores, cluster by cluster: the same state as one event after the other leads to.
//!
//! Which items belong together is in `replay/clusters.rs`.

use rayon::prelude::{IntoParallelIterator, ParallelIterator};
use veritrail_core::EventGuid;

use super::clusters::Clusters;
use super::{LogItem, Replay, Replayed};
use crate::entities::Entities;
use crate::error::ReplayError;

/// A cluster replayed: its entities and the events that it has passed over, each with its index.
type Part = (Entities, Vec<(usize, EventGuid)>);

impl Replay<'_> {
    /// Takes many items at once and ends, on the threads of the present rayon pool.
    ///
    /// A log that does not fit into memory is taken in stretches: the next replay goes on
    /// [onto](Replay::onto) what this one has led to.
    ///
    /// # Errors
    /// As [`Replay::step`], for the first item that fails; the state is lost then.
    pub fn finish_in_parallel(mut self, items: &[LogItem<'_>]) -> Result<Replayed, ReplayError> {
        let clusters = Clusters::of(self.registry, items, &self.entities);
        let count = clusters.parts.len();
        let mut split = self.entities.split(count, |guid| clusters.part_of.get(guid).copied());
        let tasks: Vec<_> = clusters.parts.into_iter().zip(split.drain(..)).collect();
        let (whole, applied) = (&self, self.entities.applied());
        let replayed: Vec<_> = tasks
            .into_par_iter()
            .map(|(indexes, entities)| {
                whole.part(indexes.iter().map(|index| (applied + *index, items[*index])), entities)
            })
            .collect();

        let mut passed_over = Vec::new();
        let mut first_error: Option<ReplayError> = None;
        for part in replayed {
            match part {
                Ok((entities, passed)) => {
                    self.entities.absorb(entities);
                    passed_over.extend(passed);
                }
                Err(error) if first_error.as_ref().is_none_or(|first| error.index < first.index) => {
                    first_error = Some(error);
                }
                Err(_) => {}
            }
        }
        if let Some(error) = first_error {
            return Err(error);
        }
        passed_over.sort_unstable_by_key(|(index, _)| *index);
        self.passed_over.extend(passed_over.into_iter().map(|(_, event)| event));
        self.entities.number(self.entities.applied() + items.len());
        let positions = items.iter().filter(|item| item.is_position()).count();
        self.next += u64::try_from(positions).expect("a slice has fewer than 2^64 items");
        Ok(self.finish())
    }

    /// Replays one cluster's items, each with the number that it has in the whole.
    fn part<'i>(
        &self,
        items: impl Iterator<Item = (usize, LogItem<'i>)>,
        entities: Entities,
    ) -> Result<Part, ReplayError> {
        let mut part = Replay::onto(self.registry, entities, 0);
        part.base = self.base;
        let mut passed_over = Vec::new();
        for (number, item) in items {
            part.entities.number(number);
            part.step(item)?;
            passed_over.extend(part.passed_over.drain(..).map(|event| (number, event)));
        }
        Ok((part.entities, passed_over))
    }
}
