//! A worker: one OS thread that owns the processors of all pipelines that share a receiver.
//!
//! It runs one trip at a time, start to end, so a batch's pipelines see it in one order, its writes are handed to the commit in the
//! order in which they were made, and no instance is ever entered twice. Between trips it flushes what is due and rebuilds what
//! broke. Pipelines that share no receiver have workers of their own.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::contract::{Accepted, Answer, Batch, Durability, Refusal, Request};
use crate::delivery::DeadLetters;
use crate::delivery::dead_letters::Stage;
use crate::guard::EndWithProcess;
use crate::processor::Setup;

use super::committer::{Committer, STORE, Ticket, Trip, complete};
use super::handle::{Handle, Job, PlannedFork, Resumed};
use super::health::Health;
use super::lane::Reserved;
use super::poison::Poison;
use super::room::{reserve, reserve_for_flush};
use super::slot::Slot;
use super::step::{Processors, Step};
use super::swap::PlannedSwap;
use super::trip::{Gathered, Pipeline, RETRY_AFTER, Run};

/// How often a worker looks up when nothing is due.
const IDLE: Duration = Duration::from_secs(60);

/// With more trips than these on their way to the store, a flush goes no faster than requests let it: each of its calls has room in every lane.
const UNCOMMITTED_MAX: u64 = 32;

/// How long flushing everything may take, at the start and at the end.
const FLUSH_ALL_MAX: Duration = Duration::from_secs(10);

/// How a flush ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flushed {
    Done,
    More,
    NoRoom,
}

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
    /// Where its trips are committed.
    pub committer: Committer,
    /// Where items go on which a plugin breaks.
    pub letters: DeadLetters,
    /// Whether any of its processors keeps state.
    pub stateful: bool,
    /// Its generation.
    pub ticket: Ticket,
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
}

impl Worker {
    /// Starts the thread.
    pub fn start(self) -> std::io::Result<(Handle, std::thread::JoinHandle<()>)> {
        let (handle, receiver) = Handle::new();
        let mut worker = self;
        let thread = std::thread::Builder::new().name(format!("worker-{}", worker.number)).spawn(move || {
            let _end = EndWithProcess;
            worker.run(&receiver);
        })?;
        Ok((handle, thread))
    }

    fn run(&mut self, receiver: &Receiver<Job>) {
        loop {
            let job = match receiver.try_recv() {
                Err(TryRecvError::Empty) => {
                    self.hasten_flushes();
                    self.hasten_swaps();
                    receiver.recv_timeout(self.until_due())
                }
                Err(TryRecvError::Disconnected) => return,
                Ok(job) => Ok(job),
            };
            match job {
                Ok(Job::Request { source, request }) => self.request(source, &request),
                Ok(Job::Flush { last, done }) => {
                    self.mend();
                    self.flush_all(last);
                    self.committer.settle();
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
                Ok(Job::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            }
            self.flush_due();
            self.fork_due();
            self.swap_due();
            self.tell_left_alone();
        }
    }

    /// Nobody waits: flushes that have more to do go on at once, unless the commit is behind.
    fn hasten_flushes(&mut self) {
        if self.next_trip.saturating_sub(self.ticket.watermark.get()) > UNCOMMITTED_MAX {
            return;
        }
        self.processors.slots.iter_mut().for_each(Slot::hasten_flush);
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

    /// A request stays where its sender can withdraw it until a plugin sees it: whoever has gone sends it again, and it would count twice.
    fn request(&mut self, source: usize, request: &Request) {
        if self.is_synced(source) {
            self.committer.wait_while_stalled(|| request.is_withdrawn());
        }
        // Waiting may have shown that the store fails.
        self.mend();
        let Some(batch) = request.batch() else { return };
        let (batch, reserved) = match self.reserve(source, batch, request) {
            Ok(Some(reserved)) => reserved,
            Ok(None) => return,
            Err(refusal) => return request.refuse(refusal),
        };
        let Some((_, answer)) = request.take() else { return };
        let mut trip = self.trip();
        match self.pass(source, batch, reserved, &mut trip) {
            Ok(durability) => self.conclude(trip, durability, Some(answer)),
            Err(refusal) => {
                self.discard(&trip);
                // The sender may have hung up.
                let _ = answer.send(Err(refusal));
            }
        }
    }

    /// The pipelines behind a source.
    fn behind(&self, source: usize) -> Vec<&Pipeline> {
        let places = self.sources.get(&source).map(Vec::as_slice).unwrap_or_default();
        places.iter().filter_map(|place| self.pipelines.get(*place)).collect()
    }

    /// Whether senders there wait for the disk.
    fn is_synced(&self, source: usize) -> bool {
        self.behind(source).iter().any(|pipeline| pipeline.durability == Durability::Sync)
    }

    /// Room in all lanes behind the source. `None` where the request was withdrawn meanwhile.
    fn reserve(
        &self,
        source: usize,
        mut batch: Batch,
        request: &Request,
    ) -> Result<Option<(Batch, Vec<Vec<Reserved>>)>, Refusal> {
        let reserved = reserve(&self.behind(source), &mut batch, &|| request.is_withdrawn())?;
        Ok(reserved.map(|reserved| (batch, reserved)))
    }

    fn resume(&mut self, resumed: Resumed) {
        let Resumed { place, batch, writes, answer } = resumed;
        let mut trip = self.trip();
        trip.writes = writes;
        match self.pass_on(place, batch, &mut trip) {
            Ok(()) => {
                // Nobody has it who could send it again: what cannot be delivered is a dead letter, of the exporter.
                trip.waits = false;
                self.conclude(trip, Durability::Sync, Some(answer));
            }
            Err(refusal) => {
                self.discard(&trip);
                // Whoever asked may have given up waiting.
                let _ = answer.send(Err(refusal));
            }
        }
    }

    fn pass_on(&mut self, place: usize, mut batch: Batch, trip: &mut Gathered) -> Result<(), Refusal> {
        let signal = batch.signal;
        let Some((pipeline, step)) = position(&self.pipelines, &self.processors.steps, place) else {
            return Err(Refusal::NoPipeline { signal });
        };
        trip.items = batch.items;
        let reserved = reserve(&[pipeline], &mut batch, &|| false)?;
        let lanes = reserved.and_then(|mut reserved| reserved.pop()).unwrap_or_default();
        if lanes.iter().any(Reserved::drops) {
            return Err(Refusal::Full { queue: "the queue of an exporter".to_owned(), retry_after: RETRY_AFTER });
        }
        let commits = (&self.committer, &self.ticket);
        let mut run = Run { processors: &mut self.processors, now: self.clock.now(), commits, resumed: true };
        run.onwards(pipeline, step, lanes, vec![batch], trip)
    }

    /// Processes, in that order over all pipelines of the source.
    fn pass(
        &mut self,
        source: usize,
        batch: Batch,
        reserved: Vec<Vec<Reserved>>,
        trip: &mut Gathered,
    ) -> Result<Durability, Refusal> {
        let places = self.sources.get(&source).map(Vec::as_slice).unwrap_or_default();
        let pipelines = places.iter().filter_map(|place| self.pipelines.get(*place));
        let commits = (&self.committer, &self.ticket);
        let mut run = Run { processors: &mut self.processors, now: self.clock.now(), commits, resumed: false };
        let mut durability = Durability::Memory;
        for (pipeline, lanes) in pipelines.zip(reserved) {
            run.request(pipeline, lanes, batch.clone(), trip)?;
            durability = stricter(durability, pipeline.durability);
        }
        Ok(durability)
    }

    /// Hands a processed trip to the commit, or ends it here when there is nothing to wait for.
    pub(super) fn conclude(&mut self, trip: Gathered, durability: Durability, answer: Option<oneshot::Sender<Answer>>) {
        let accepted = Accepted { items: trip.items.unwrap_or(0), ..Accepted::default() };
        let Gathered { mut writes, mut deliveries, poison, waits, unless_committed, .. } = trip;
        // Whatever the pipeline promises: nobody else has them.
        let durability = if poison.is_empty() { durability } else { Durability::Sync };
        let bury = |(stage, Poison { batch, reason }): (Stage, Poison)| {
            self.letters.bury_poison(&stage, &batch, &reason, self.clock.now(), &mut writes)
        };
        let letters = poison.into_iter().map(bury).collect();
        deliveries.iter_mut().for_each(|(reserved, batches)| reserved.prepare(batches, &mut writes));
        let waits = waits && deliveries.iter().any(|(reserved, batches)| reserved.waits() && !batches.is_empty());
        let mut trip = Trip {
            ticket: self.ticket.clone(),
            number: trip.number,
            writes,
            durability,
            deliveries,
            tally: trip.tally,
            unless_committed,
            answer: answer.map(|answer| (answer, accepted)),
            told: 0,
            waits,
            letters,
        };
        let memory = durability == Durability::Memory && !waits;
        if memory && trip.writes.is_empty() && !self.stateful {
            return complete(trip);
        }
        if let Some((answer, accepted)) = trip.answer.take_if(|_| memory) {
            trip.told = accepted.items;
            // The sender may have hung up.
            let _ = answer.send(Ok(accepted));
        }
        self.committer.commit(trip);
    }

    /// A trip that does not count: instances that have seen it are rebuilt.
    fn discard(&mut self, trip: &Gathered) {
        for index in &trip.touched {
            if let Some(slot) = self.processors.slots.get_mut(*index) {
                slot.discard(trip.number, "a request that it had seen was refused");
            }
        }
    }

    /// Rebuilds what broke, from what is committed.
    fn mend(&mut self) {
        if self.ticket.is_spoilt() {
            self.committer.settle();
            self.ticket.renew();
            let troubles = self.health.troubles();
            let reason = format!("state cannot be written: {}", troubles.get(STORE).map_or("", String::as_str));
            // Not at every request: a rebuild reads the whole state.
            for slot in &mut self.processors.slots {
                slot.discard_uncommitted(RETRY_AFTER, &reason);
            }
        }
        let broken: Vec<usize> = self
            .processors
            .slots
            .iter()
            .enumerate()
            .filter(|(_, slot)| slot.wants_rebuild())
            .map(|(index, _)| index)
            .collect();
        if broken.is_empty() {
            return;
        }
        // What ran before counts or does not: the new instance has to start from the answer.
        self.committer.settle();
        for index in broken {
            self.rebuild(index);
        }
    }

    /// Says which plugins are left alone from now on, and which are not any more.
    fn tell_left_alone(&mut self) {
        for index in 0..self.processors.slots.len() {
            let Some(slot) = self.processors.slots.get(index) else { continue };
            let was = self.left_alone.get(&index).map(String::as_str);
            if slot.left_alone() == was {
                continue;
            }
            let (component, on_trap) = (slot.setup().id.to_string(), slot.setup().on_trap);
            let (now, part) = (slot.left_alone().map(ToOwned::to_owned), self.part(index));
            match now {
                Some(reason) => {
                    tracing::error!(
                        component,
                        ?on_trap,
                        "the plugin is left alone, its batches follow `on_trap`: {reason}"
                    );
                    self.health.failed(&part, &reason);
                    self.left_alone.insert(index, reason);
                }
                None => {
                    tracing::info!(component, "the plugin works again");
                    self.health.recovered(&part);
                    self.left_alone.remove(&index);
                }
            }
        }
    }

    /// Every slot's number, what its instances are made from, and whether they keep state.
    pub fn processors(&self) -> impl Iterator<Item = (usize, Setup, bool)> + '_ {
        self.processors.slots.iter().enumerate().map(|(index, slot)| (index, slot.setup().clone(), slot.is_stateful()))
    }

    /// What health calls a processor: an id may stand in several pipelines, each with an instance of its own.
    pub(super) fn part(&self, index: usize) -> String {
        let Some(setup) = self.processors.slots.get(index).map(Slot::setup) else { return String::new() };
        let part = format!("{} in {}", setup.id, self.pipeline(index));
        match &setup.partition {
            None => part,
            Some(partition) => format!("{part}, instance {} of {}", partition.number + 1, partition.of.count()),
        }
    }

    /// What health calls its flushes, which can fail while batches pass.
    pub(super) fn flushes_of(&self, index: usize) -> String {
        format!("flushes of {}", self.part(index))
    }

    fn flushes_fail(&self, index: usize) -> bool {
        self.processors.slots.get(index).is_some_and(Slot::flushes_fail)
    }

    /// The pipeline of a processor.
    pub(super) fn pipeline(&self, index: usize) -> String {
        position(&self.pipelines, &self.processors.steps, index)
            .map(|(pipeline, _)| pipeline.id.clone())
            .unwrap_or_default()
    }

    fn rebuild(&mut self, index: usize) {
        let mut trip = self.trip();
        let now = self.clock.now();
        let part = self.part(index);
        let Some(slot) = self.processors.slots.get_mut(index) else { return };
        let (component, version) = (slot.setup().id.to_string(), slot.setup().version().to_owned());
        match slot.rebuild(trip.number, now) {
            Ok(writes) => {
                // That it starts says nothing of batches.
                match slot.left_alone() {
                    Some(reason) => self.health.failed(&part, reason),
                    None => self.health.recovered(&part),
                }
                tracing::info!(component, version, "instance rebuilt");
                trip.writes = writes;
                self.conclude(trip, Durability::Sync, None);
            }
            Err(error) => {
                self.health.failed(&part, &error.to_string());
                tracing::error!(component, version, %error, "instance cannot be rebuilt; trying again later");
            }
        }
    }

    fn flush_due(&mut self) {
        let now = Instant::now();
        let is_due =
            |(index, slot): &(usize, &Slot)| slot.flush_at().is_some_and(|due| due <= now) && !self.is_leaving(*index);
        let due: Vec<usize> = self.processors.slots.iter().enumerate().filter(is_due).map(|(index, _)| index).collect();
        for index in due {
            self.flush(index, false);
        }
    }

    fn put_off_flush(&mut self, index: usize) {
        if let Some(slot) = self.processors.slots.get_mut(index) {
            slot.put_off_flush();
        }
    }

    fn flush_all(&mut self, last: bool) {
        let patience = Instant::now() + FLUSH_ALL_MAX;
        for index in 0..self.processors.slots.len() {
            loop {
                match self.flush(index, last) {
                    Flushed::Done => break,
                    _ if Instant::now() > patience => {
                        tracing::warn!("flushing everything takes too long; what is kept stays in the store");
                        break;
                    }
                    Flushed::More => {}
                    // The lane's task runs elsewhere and makes room; what is down is built again when its time comes.
                    Flushed::NoRoom => {
                        std::thread::sleep(Duration::from_millis(2));
                        self.mend();
                    }
                }
            }
        }
    }

    /// Flushes one processor. A full lane, or a processor further on that is down, puts it off. The last flush has no other time: it finds no
    /// room there, unless there is nothing to lose, as the plugin keeps what it has in its state or is never flushed.
    pub(super) fn flush(&mut self, index: usize, last: bool) -> Flushed {
        let (started, mut trip) = (Instant::now(), self.trip());
        let Some((pipeline, step)) = position(&self.pipelines, &self.processors.steps, index) else {
            return Flushed::Done;
        };
        let (is_last, mut last, mut finishes) = (last, last, false);
        if let Some(slot) = self.processors.slots.get_mut(index) {
            slot.schedule_flush();
            // The last one begins when the one that is under way has ended.
            finishes = last && slot.is_flushing() && !slot.is_flushing_last();
            last &= !finishes;
        }
        let behind = self.processors.steps.get(step + 1..pipeline.steps.end).unwrap_or_default();
        let down = |slot: usize| self.processors.slots.get(slot).is_some_and(|slot| slot.retry_at().is_some());
        if behind.iter().flat_map(|step| step.slots.clone()).any(down) {
            let loses = is_last && self.processors.slots.get_mut(index).is_some_and(Slot::loses_what_is_not_flushed);
            self.put_off_flush(index);
            return if loses { Flushed::NoRoom } else { Flushed::Done };
        }
        let Some(lanes) = reserve_for_flush(pipeline) else {
            self.put_off_flush(index);
            return Flushed::NoRoom;
        };
        let failed_before = self.flushes_fail(index);
        let commits = (&self.committer, &self.ticket);
        let mut run = Run { processors: &mut self.processors, now: self.clock.now(), commits, resumed: false };
        let flushed = run.flush(pipeline, (step, index), lanes, last, &mut trip);
        let durability = pipeline.durability;
        match flushed {
            Ok(more) => {
                self.conclude(trip, durability, None);
                if let Some(slot) = self.processors.slots.get_mut(index) {
                    slot.flushed(more.then_some(last), started.elapsed());
                }
                if failed_before {
                    self.health.recovered(&self.flushes_of(index));
                }
                if more || finishes { Flushed::More } else { Flushed::Done }
            }
            Err(refusal) => {
                self.discard(&trip);
                if self.flushes_fail(index) {
                    self.health.failed(&self.flushes_of(index), &refusal.to_string());
                }
                Flushed::Done
            }
        }
    }
}

/// The pipeline of a slot, and its step.
fn position<'p>(pipelines: &'p [Pipeline], steps: &[Step], slot: usize) -> Option<(&'p Pipeline, usize)> {
    let step = steps.iter().position(|step| step.slots.contains(&slot))?;
    pipelines.iter().find(|pipeline| pipeline.steps.contains(&step)).map(|pipeline| (pipeline, step))
}

fn stricter(one: Durability, other: Durability) -> Durability {
    match (one, other) {
        (Durability::Sync, _) | (_, Durability::Sync) => Durability::Sync,
        (Durability::Interval, _) | (_, Durability::Interval) => Durability::Interval,
        _ => Durability::Memory,
    }
}
