//! A processor's step of a pipeline: one slot, or several among which every batch is divided.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use rayon_core::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

use crate::contract::{Batch, OnTrap};
use crate::otlp::edit::EditError;
use crate::otlp::partition::{Divider, Division, Share};
use crate::otlp::{Malformed, Strings};
use crate::processor::{InstanceError, Processed};

use super::slot::Slot;

/// A batch of fewer items is not worth waking other threads for.
const PARALLEL_MIN: u32 = 256;

/// All processors of a worker.
pub struct Processors {
    /// Where instances live.
    pub slots: Vec<Slot>,
    /// What pipelines are made of.
    pub steps: Vec<Step>,
}

/// One processor in one pipeline.
pub struct Step {
    /// Its places in the worker's slots: one for each instance.
    pub slots: Range<usize>,
    /// Where there are several.
    pub divided: Option<Divided>,
}

/// How batches reach several instances.
pub struct Divided {
    /// Says whose the items are.
    pub divider: Divider,
    /// Run instances beside the worker's own thread.
    pub helpers: Helpers,
}

/// Threads that every worker may use.
#[derive(Clone)]
pub struct Helpers(Arc<ThreadPool>);

impl Helpers {
    /// As many as instances can run at a time, beside a worker.
    pub fn start(instances: u32) -> Result<Helpers, ThreadPoolBuildError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = cores.min(instances as usize).saturating_sub(1).max(1);
        let name = |number| format!("instances-{number}");
        Ok(Helpers(Arc::new(ThreadPoolBuilder::new().num_threads(threads).thread_name(name).build()?)))
    }
}

/// A call that was made, or could not be.
pub enum Outcome {
    /// There is no instance.
    Down,
    /// The instance's answer.
    Ran(Result<Processed, InstanceError>),
}

/// What became of a batch, or of a part of it, at one slot.
pub struct Attempt {
    /// Which slot.
    pub index: usize,
    /// What it was called with.
    pub batch: Batch,
    /// The outcome.
    pub outcome: Outcome,
}

/// A batch at one slot.
pub fn attempt(slot: &mut Slot, batch: &Batch, trip: u64, now: u64) -> Outcome {
    match slot.instance() {
        Ok(instance) => Outcome::Ran(instance.process(batch.clone(), trip, now)),
        Err(_) => Outcome::Down,
    }
}

impl Divided {
    /// Whose the batch's items are.
    pub fn divide(&mut self, batch: &Batch) -> Result<Division, Malformed> {
        self.divider.divide(&batch.bytes, Strings::from(batch.invalid_utf8), PARALLEL_MIN)
    }

    /// Calls each instance with its share, several at a time. `slots` are those of the step.
    pub fn run(
        &self,
        slots: (usize, &mut [Slot]),
        batch: &Batch,
        division: &Division,
        (trip, now): (u64, u64),
    ) -> Result<Vec<Attempt>, EditError> {
        let (first, slots) = slots;
        let mut shares = division.shares.iter().peekable();
        let mut calls: Vec<Call<'_>> = Vec::with_capacity(division.shares.len());
        for (number, slot) in slots.iter_mut().enumerate() {
            if let Some(share) = shares.next_if(|share| share.partition as usize == number) {
                calls.push(Call { index: first + number, slot, share, made: None });
            }
        }
        let make = |call: &mut Call<'_>| {
            let bytes = division.take(batch.signal, &batch.bytes, call.share);
            let part = |bytes: Bytes| Batch { bytes, items: Some(call.share.items), ..batch.clone() };
            call.made = Some(bytes.map(part).map(|part| {
                let outcome = attempt(call.slot, &part, trip, now);
                Attempt { index: call.index, batch: part, outcome }
            }));
        };
        match calls.split_first_mut() {
            Some((own, others)) if !others.is_empty() && division.items >= u64::from(PARALLEL_MIN) => {
                let make = &make;
                self.helpers.0.in_place_scope(|scope| {
                    others.iter_mut().for_each(|call| scope.spawn(move |_| make(call)));
                    make(own);
                });
            }
            _ => calls.iter_mut().for_each(make),
        }
        calls.into_iter().filter_map(|call| call.made).collect()
    }
}

/// One slot's part in a batch.
struct Call<'c> {
    index: usize,
    slot: &'c mut Slot,
    share: &'c Share,
    made: Option<Result<Attempt, EditError>>,
}

/// A slot that has a share, no instance, and a manifest that refuses batches then: nothing needs to run before that is said. `places` are
/// those of the step.
pub fn refusing<'s>(places: &Range<usize>, slots: &'s mut [Slot], division: &Division) -> Option<&'s mut Slot> {
    let refuses = |slot: &Slot| slot.retry_at().is_some() && slot.setup().on_trap == OnTrap::Refuse;
    let has_share = |number| division.shares.iter().any(|share| share.partition as usize == number);
    let mut own = slots.get_mut(places.clone())?.iter_mut().enumerate();
    own.find(|(number, slot)| has_share(*number) && refuses(slot)).map(|(_, slot)| slot)
}
