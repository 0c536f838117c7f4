//! A worker: one OS thread that owns the processors of all pipelines that share a receiver.
//!
//! It runs one trip at a time, start to end, so a batch's pipelines see it in one order, its writes are handed to the commit in the
//! order in which they were made, and no instance is ever entered twice. Between trips it flushes what is due and rebuilds what
//! broke. Pipelines that share no receiver have workers of their own. What it does with a request, a flush and what broke is beside this file.

mod flushing;
mod mending;
mod requests;
mod swapping;

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::contract::Refusal;
use crate::delivery::DeadLetters;
use crate::guard::EndWithProcess;
use crate::processor::Setup;
use crate::pulse;
use crate::telemetry::Histogram;

use super::committer::{Committer, Generation};
use super::connected::Pipeline;
use super::handle::{Handle, Job, PlannedFork};
use super::health::Health;
use super::slot::Slot;
use super::step::{Processors, Step};
use super::swap::PlannedSwap;
use super::trip::{Gathered, RETRY_AFTER};

/// How often a worker looks up when nothing is due.
const IDLE: Duration = Duration::from_secs(60);

/// What a worker is made of.
pub struct Worker {
    /// For the thread's name.
    pub number: usize,
    /// Its processors.
    pub processors: Processors,
    /// Its pipelines.
    pub pipelines: Vec<Pipeline>,
    /// Source → pipelines, as places in `pipelines`.
    pub sources: HashMap<usize, Vec<usize>>,
    /// How long requests of each source waited.
    pub waits: Vec<Histogram>,
    /// Where its trips are committed.
    pub committer: Committer,
    /// Where items go on which a plugin breaks.
    pub letters: DeadLetters,
    /// Whether any of its processors keeps state.
    pub stateful: bool,
    /// Its generation.
    pub generation: Generation,
    /// The number of the next trip.
    pub next_trip: u64,
    /// The time.
    pub clock: Clock,
    /// Where its troubles are told.
    pub health: Health,
    /// Slots of plugins that are left alone, and why.
    pub left_alone: HashMap<usize, String>,
    /// New versions that wait for their moment.
    pub(super) swaps: Vec<PlannedSwap>,
    /// New versions that wait for a state to follow.
    pub(super) forks: Vec<PlannedFork>,
    /// The last trip that was handed to the commit.
    pub(super) handed_over: u64,
}

impl Worker {
    /// Starts the thread.
    pub fn start(self) -> std::io::Result<(Handle, std::thread::JoinHandle<()>)> {
        let (handle, receiver) = Handle::new();
        let (mut worker, pulse) = (self, handle.pulse());
        let thread = std::thread::Builder::new().name(format!("worker-{}", worker.number)).spawn(move || {
            let _end = EndWithProcess;
            pulse.adopt();
            worker.run(&receiver);
        })?;
        Ok((handle, thread))
    }

    fn run(&mut self, receiver: &Receiver<Job>) {
        loop {
            pulse::beat();
            let job = match receiver.try_recv() {
                Err(TryRecvError::Empty) => {
                    self.hasten_flushes();
                    self.hasten_swaps();
                    let until_due = self.until_due();
                    pulse::resting(|| receiver.recv_timeout(until_due))
                }
                Err(TryRecvError::Disconnected) => return,
                Ok(job) => Ok(job),
            };
            match job {
                Ok(Job::Request { source, request }) => self.request(source, &request),
                Ok(Job::Flush { last, done }) => {
                    self.mend();
                    self.flush_all(last);
                    self.committer.barrier();
                    // The caller may have given up waiting.
                    let _ = done.send(());
                }
                Ok(Job::Resume(resumed)) => {
                    self.mend();
                    self.resume(*resumed);
                }
                Ok(Job::Swap(swap)) => {
                    self.mend();
                    self.plan_swap(*swap);
                }
                Ok(Job::Mark { place, among, done }) => {
                    // The caller may have given up waiting.
                    let _ = done.send(self.processors.slots.get_mut(place).and_then(|slot| slot.mark(among)));
                }
                Ok(Job::Fork(fork)) => self.forks.push(*fork),
                Ok(Job::Withdraw { places }) => self.withdraw_swap(&places),
                Err(RecvTimeoutError::Timeout) => self.mend(),
                Ok(Job::Stop) | Err(RecvTimeoutError::Disconnected) => return refuse_rest(receiver),
            }
            self.flush_due();
            self.fork_due();
            self.swap_due();
            self.tell_left_alone();
        }
    }

    fn until_due(&self) -> Duration {
        let times = |(index, slot): (usize, &Slot)| {
            slot.flush_at().filter(|_| !self.is_leaving(index)).into_iter().chain(slot.retry_at())
        };
        let slots = self.processors.slots.iter().enumerate().flat_map(times);
        let due = slots.chain(self.swaps.iter().map(|swap| swap.next)).min();
        due.map_or(IDLE, |due| due.saturating_duration_since(Instant::now()))
    }

    /// Whether it is about to be replaced: then it is flushed with its swap, for the last time.
    fn is_leaving(&self, index: usize) -> bool {
        self.swaps.iter().any(|swap| swap.leaving.contains(&index))
    }

    pub(super) fn trip(&mut self) -> Gathered {
        let number = self.next_trip;
        self.next_trip += 1;
        Gathered { number, waits: true, ..Gathered::default() }
    }

    /// Every slot's number, what its instances are made from, and whether they keep state.
    pub fn processors(&self) -> impl Iterator<Item = (usize, Setup, bool)> + '_ {
        self.processors.slots.iter().enumerate().map(|(index, slot)| (index, slot.setup().clone(), slot.is_stateful()))
    }
}

/// Nobody else would answer what came behind the end.
fn refuse_rest(receiver: &Receiver<Job>) {
    while let Ok(job) = receiver.try_recv() {
        if let Job::Request { request, .. } = job {
            let reason = "the process is shutting down".to_owned();
            request.refuse(Refusal::Unavailable { reason, retry_after: RETRY_AFTER });
        }
    }
}

/// The pipeline of a slot, and its step.
fn position<'p>(pipelines: &'p [Pipeline], steps: &[Step], slot: usize) -> Option<(&'p Pipeline, usize)> {
    let step = steps.iter().position(|step| step.slots.contains(&slot))?;
    pipelines.iter().find(|pipeline| pipeline.steps.contains(&step)).map(|pipeline| (pipeline, step))
}
