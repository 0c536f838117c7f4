//! A processor's step of a pipeline: one slot, or several among which every batch is divided.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use rayon_core::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

use crate::clock::Moment;
use crate::contract::{Batch, OnTrap};
use crate::otlp::partition::{Part, Partitions};
use crate::otlp::split::joined;
use crate::otlp::{Malformed, Strings};
use crate::processor::{InstanceError, Processed};
use crate::pulse;

use super::slot::Slot;

/// A batch of fewer items is not worth waking other threads for.
const PARALLEL_MIN: u64 = 256;

/// All processors of a worker.
pub struct Processors {
    /// Where instances live.
    pub slots: Vec<Slot>,
    /// What pipelines are made of.
    pub steps: Vec<Step>,
    /// Where some step has several slots.
    pub helpers: Option<Helpers>,
}

/// One processor in one pipeline.
pub struct Step {
    /// Its places in the worker's slots: one for each instance.
    pub slots: Range<usize>,
    /// How batches are divided where there are several.
    pub divided: Option<Arc<Partitions>>,
}

/// Threads that run instances beside the worker's own.
pub struct Helpers(ThreadPool);

impl Helpers {
    /// As many as can run so many instances at a time, with the worker.
    pub fn start(instances: usize) -> Result<Helpers, ThreadPoolBuildError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let name = |number| format!("instances-{number}");
        let threads = cores.min(instances).saturating_sub(1).max(1);
        Ok(Helpers(ThreadPoolBuilder::new().num_threads(threads).thread_name(name).build()?))
    }

    /// Works at the calls, on the worker's thread as on the others, until none is left.
    fn run(&self, calls: &mut [Call<'_>], trip: u64, moment: Moment) {
        let threads = self.0.current_num_threads().min(calls.len().saturating_sub(1));
        let left = Mutex::new(calls.iter_mut());
        let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
        let work = || {
            while let Some(call) = next() {
                call.make(trip, moment);
            }
        };
        self.0.in_place_scope(|scope| {
            (0..threads).for_each(|_| scope.spawn(|_| work()));
            work();
        });
    }
}

/// A call that was made, or could not be.
pub enum Outcome {
    /// There is no instance.
    Down,
    /// The instance's answer.
    Ran(Result<Processed, InstanceError>),
}

impl Outcome {
    /// Whether the plugin broke.
    pub fn is_broken(&self) -> bool {
        matches!(self, Outcome::Ran(Err(error)) if error.is_broken())
    }
}

/// A batch, or a part of one, and the slot it goes to.
pub struct Share {
    /// Which slot.
    pub index: usize,
    /// What it is called with.
    pub batch: Batch,
}

/// What became of a batch, or of a part of it, at one slot.
pub struct Attempt {
    /// What was tried where.
    pub share: Share,
    /// The outcome.
    pub outcome: Outcome,
}

/// A batch at one slot.
pub fn attempt(slot: &mut Slot, batch: &Batch, trip: u64, moment: Moment) -> Outcome {
    let Ok(instance) = slot.instance() else { return Outcome::Down };
    pulse::beat();
    let began = Instant::now();
    let processed = instance.process(batch.clone(), trip, moment);
    // A batch without a row that the plugin reads passes without a call.
    let is_uncalled = processed.as_ref().is_ok_and(|processed| !processed.called);
    if !is_uncalled {
        slot.ledger.calls.record(began.elapsed());
        slot.show_kept();
    }
    Outcome::Ran(processed)
}

/// A batch in the parts of a step's instances, ascending; each knows its items.
pub fn divide(partitions: &Partitions, batch: &Batch) -> Result<Vec<(usize, Batch)>, Malformed> {
    let parts = partitions.divide(batch.signal, &batch.bytes, Strings::from(batch.invalid_utf8), PARALLEL_MIN)?;
    let part =
        |Part { partition, bytes, items }| (partition as usize, Batch { bytes, items: Some(items), ..batch.clone() });
    Ok(parts.into_iter().map(part).collect())
}

/// The first slot that has a part and no instance, where batches are refused then: nothing needs to run before that is said.
pub fn refusing<'s>(slots: &'s mut [Slot], parts: &[(usize, Batch)]) -> Option<&'s mut Slot> {
    let refuses = |slot: &Slot| slot.retry_at().is_some() && slot.on_down() == OnTrap::Refuse;
    let has_part = |number| parts.iter().any(|(other, _)| *other == number);
    slots.iter_mut().enumerate().find(|(number, slot)| has_part(*number) && refuses(slot)).map(|(_, slot)| slot)
}

/// Calls each instance of a step with its part, several at a time where that is worth it. `first` is the number of the first slot.
pub fn run(
    helpers: Option<&Helpers>,
    first: usize,
    slots: &mut [Slot],
    parts: Vec<(usize, Batch)>,
    trip: u64,
    moment: Moment,
) -> Vec<Attempt> {
    let items: u64 = parts.iter().filter_map(|(_, part)| part.items).sum();
    let mut parts = parts.into_iter().peekable();
    let mut calls: Vec<Call<'_>> = Vec::new();
    for (number, slot) in slots.iter_mut().enumerate() {
        if let Some((_, batch)) = parts.next_if(|(other, _)| *other == number) {
            calls.push(Call { index: first + number, slot, batch, outcome: Outcome::Down });
        }
    }
    match helpers {
        Some(helpers) if calls.len() > 1 && items >= PARALLEL_MIN => helpers.run(&mut calls, trip, moment),
        _ => calls.iter_mut().for_each(|call| call.make(trip, moment)),
    }
    calls
        .into_iter()
        .map(|Call { index, batch, outcome, .. }| Attempt { share: Share { index, batch }, outcome })
        .collect()
}

/// One instance's part of a batch.
struct Call<'c> {
    index: usize,
    slot: &'c mut Slot,
    batch: Batch,
    outcome: Outcome,
}

impl Call<'_> {
    fn make(&mut self, trip: u64, moment: Moment) {
        self.outcome = attempt(self.slot, &self.batch, trip, moment);
    }
}

/// Batches that differ in nothing but their items as one. The next processor is called once then, and an exporter gets one request for one.
pub fn merged(batches: Vec<Batch>) -> Vec<Batch> {
    let mut groups: Vec<Vec<Batch>> = Vec::new();
    for batch in batches {
        let is_like = |other: &Batch| {
            (other.signal, other.invalid_utf8) == (batch.signal, batch.invalid_utf8) && other.metadata == batch.metadata
        };
        match groups.iter_mut().find(|group| group.first().is_some_and(is_like)) {
            Some(group) => group.push(batch),
            None => groups.push(vec![batch]),
        }
    }
    groups.into_iter().filter_map(one).collect()
}

fn one(mut group: Vec<Batch>) -> Option<Batch> {
    let bytes = joined(group.iter().map(|batch| &batch.bytes));
    let items = group.iter().map(|batch| batch.items).sum();
    group.pop().map(|last| Batch { bytes, items, ..last })
}
