//! A worker: one OS thread that owns the processors of all pipelines that share a receiver.
//!
//! It runs one trip at a time, start to end, so a batch's pipelines see it in one order, its writes are handed to the commit in the
//! order in which they were made, and no instance is ever entered twice. Between trips it flushes what is due and rebuilds what
//! broke. Pipelines that share no receiver have workers of their own.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::contract::{Accepted, Answer, Batch, Durability, Ingest, Refusal};
use crate::delivery::DeadLetters;
use crate::delivery::dead_letters::Stage;
use crate::guard::EndWithProcess;
use crate::processor::{Mark, Setup, Successor};
use crate::storage::Write;

use super::committer::{Committer, STORE, Ticket, Trip, complete};
use super::health::Health;
use super::lane::Reserved;
use super::poison::Poison;
use super::slot::Slot;
use super::swap::{PlannedSwap, Swap, Swapped};
use super::trip::{Gathered, Pipeline, RETRY_AFTER, Run, reserve, reserve_for_flush};

/// Requests that may wait for a worker.
const REQUESTS_MAX: usize = 1024;
/// Bytes of requests that may wait for a worker.
const REQUEST_BYTES_MAX: usize = 128 << 20;
/// How often a worker looks up when nothing is due.
const IDLE: Duration = Duration::from_secs(60);

/// How long flushing everything may take, at the start and at the end.
const FLUSH_ALL_MAX: Duration = Duration::from_secs(10);

/// How a flush ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flushed {
    Done,
    More,
    NoRoom,
}

enum Job {
    Request {
        source: usize,
        batch: Batch,
        answer: oneshot::Sender<Answer>,
    },
    /// Flush everything now; answered when that is committed.
    Flush {
        last: bool,
        done: Sender<()>,
    },
    /// A dead letter goes on from the processor that broke on it.
    Resume(Box<Resumed>),
    /// A new version takes the place of a processor.
    Swap(Box<Swap>),
    /// The state in that place is marked, for a version that comes to it.
    Mark {
        place: usize,
        done: Sender<Option<Mark>>,
    },
    /// The new version for that place is not wanted any more.
    Withdraw {
        place: usize,
    },
    /// End, after everything before it.
    Stop,
}

/// A batch that enters a pipeline in the middle.
struct Resumed {
    place: usize,
    batch: Batch,
    /// Committed with it.
    writes: Vec<Write>,
    answer: oneshot::Sender<Answer>,
}

/// The near end of a worker. It ends when it is told to, or when all of them are gone.
#[derive(Clone)]
pub struct Handle {
    sender: SyncSender<Job>,
    waiting_bytes: Arc<AtomicUsize>,
}

/// What one receiver's requests of one signal enter: a worker, and the pipelines behind that door.
#[derive(Clone)]
pub struct Entrance {
    handle: Handle,
    source: usize,
}

impl Handle {
    /// The door of a source.
    pub fn entrance(&self, source: usize) -> Entrance {
        Entrance { handle: self.clone(), source }
    }

    /// Begins to flush every processor. What is returned gets a message when the result is committed, and is closed at once where the
    /// worker is gone.
    fn flush(&self, last: bool) -> Receiver<()> {
        let (done, wait) = std::sync::mpsc::channel();
        // An error closes the other end.
        let _ = self.sender.send(Job::Flush { last, done });
        wait
    }

    /// Replaces the processor in that place of the worker. The receiver hears how that went, or is closed where the worker ends before.
    pub fn swap(&self, place: usize, successor: Successor) -> Receiver<Swapped> {
        let (done, wait) = std::sync::mpsc::channel();
        // An error closes the other end.
        let _ = self.sender.send(Job::Swap(Box::new(Swap { place, successor, done })));
        wait
    }

    /// Marks the state in that place of the worker. The receiver hears `None` where no instance is.
    pub fn mark(&self, place: usize) -> Receiver<Option<Mark>> {
        let (done, wait) = std::sync::mpsc::channel();
        // An error closes the other end.
        let _ = self.sender.send(Job::Mark { place, done });
        wait
    }

    /// Takes a new version back that has not come to its place: its receiver hears of that, unless it has heard of something else.
    pub fn withdraw(&self, place: usize) {
        // An error closes the receiver.
        let _ = self.sender.send(Job::Withdraw { place });
    }

    /// Sends a batch through the processor in that place of the worker, and onwards; `writes` are committed with it. Answered after the
    /// commit, and refused whole where the processor breaks on it or a lane has no room.
    pub fn resume(&self, place: usize, batch: Batch, writes: Vec<Write>) -> oneshot::Receiver<Answer> {
        let (answer, wait) = oneshot::channel();
        // An error closes the other end.
        let _ = self.sender.send(Job::Resume(Box::new(Resumed { place, batch, writes, answer })));
        wait
    }

    /// Ends the worker; requests that come later are refused.
    pub fn stop(&self) {
        // An error means that it has ended.
        let _ = self.sender.send(Job::Stop);
    }
}

/// Flushes all workers and waits until the result is committed. At the same time: each has its own bound on how long that takes.
pub fn flush_all<'w>(workers: impl Iterator<Item = &'w Handle>, last: bool) {
    let flushing: Vec<Receiver<()>> = workers.map(|worker| worker.flush(last)).collect();
    for flushed in flushing {
        // An error means that the worker is gone.
        let _ = flushed.recv();
    }
}

impl Ingest for Entrance {
    fn submit(&self, batch: Batch) -> oneshot::Receiver<Answer> {
        let (answer, wait) = oneshot::channel();
        let size = batch.bytes.len();
        let waiting = &self.handle.waiting_bytes;
        let before = waiting.fetch_add(size, Ordering::Relaxed);
        // A request is let in whatever its size when nothing else waits.
        let crowded = before > 0 && before + size > REQUEST_BYTES_MAX;
        let job = Job::Request { source: self.source, batch, answer };
        let refused = match crowded {
            true => Some((job, "the queue of requests is full")),
            false => match self.handle.sender.try_send(job) {
                Ok(()) => None,
                Err(TrySendError::Full(job)) => Some((job, "the queue of requests is full")),
                Err(TrySendError::Disconnected(job)) => Some((job, "the process is shutting down")),
            },
        };
        if let Some((Job::Request { answer, .. }, reason)) = refused {
            waiting.fetch_sub(size, Ordering::Relaxed);
            let refusal = Refusal::Unavailable { reason: reason.to_owned(), retry_after: RETRY_AFTER };
            // The receiver holds the other end until it has an answer.
            let _ = answer.send(Err(refusal));
        }
        wait
    }
}

/// What a worker is made of.
pub struct Worker {
    /// For the thread's name.
    pub number: usize,
    /// Its processors.
    pub slots: Vec<Slot>,
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
}

impl Worker {
    /// Starts the thread.
    pub fn start(self) -> std::io::Result<(Handle, std::thread::JoinHandle<()>)> {
        let (sender, receiver) = sync_channel(REQUESTS_MAX);
        let waiting_bytes = Arc::new(AtomicUsize::new(0));
        let handle = Handle { sender, waiting_bytes: waiting_bytes.clone() };
        let mut worker = self;
        let thread = std::thread::Builder::new().name(format!("worker-{}", worker.number)).spawn(move || {
            let _end = EndWithProcess;
            worker.run(&receiver, &waiting_bytes);
        })?;
        Ok((handle, thread))
    }

    fn run(&mut self, receiver: &Receiver<Job>, waiting_bytes: &AtomicUsize) {
        loop {
            match receiver.recv_timeout(self.until_due()) {
                Ok(Job::Request { source, batch, answer }) => {
                    waiting_bytes.fetch_sub(batch.bytes.len(), Ordering::Relaxed);
                    self.mend();
                    self.request(source, batch, answer);
                }
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
                Ok(Job::Mark { place, done }) => {
                    // The caller may have given up waiting.
                    let _ = done.send(self.slots.get_mut(place).and_then(Slot::mark));
                }
                Ok(Job::Withdraw { place }) => self.withdraw_swap(place),
                Err(RecvTimeoutError::Timeout) => self.mend(),
                Ok(Job::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            }
            self.flush_due();
            self.swap_due();
            self.tell_left_alone();
        }
    }

    fn until_due(&self) -> Duration {
        let times = |(index, slot): (usize, &Slot)| {
            slot.flush_at().filter(|_| !self.is_leaving(index)).into_iter().chain(slot.retry_at())
        };
        let slots = self.slots.iter().enumerate().flat_map(times);
        let due = slots.chain(self.swaps.iter().map(|swap| swap.next)).min();
        due.map_or(IDLE, |due| due.saturating_duration_since(Instant::now()))
    }

    /// Whether it is about to be replaced: then it is flushed with its swap, for the last time.
    fn is_leaving(&self, index: usize) -> bool {
        self.swaps.iter().any(|swap| swap.place == index)
    }

    pub(super) fn trip(&mut self) -> Gathered {
        let number = self.next_trip;
        self.next_trip += 1;
        Gathered { number, waits: true, ..Gathered::default() }
    }

    fn request(&mut self, source: usize, batch: Batch, answer: oneshot::Sender<Answer>) {
        // Its sender has hung up and will send it again: then it would count twice.
        if answer.is_closed() {
            return;
        }
        let mut trip = self.trip();
        match self.pass(source, batch, &mut trip) {
            Ok(durability) => self.conclude(trip, durability, Some(answer)),
            Err(refusal) => {
                self.discard(&trip);
                // The sender may have hung up.
                let _ = answer.send(Err(refusal));
            }
        }
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
        let Some((pipeline, position)) = position(&self.pipelines, place) else {
            return Err(Refusal::NoPipeline { signal });
        };
        trip.items = batch.items;
        let lanes = reserve(&[pipeline], &mut batch)?.pop().unwrap_or_default();
        if lanes.iter().any(Reserved::drops) {
            return Err(Refusal::Full { queue: "the queue of an exporter".to_owned(), retry_after: RETRY_AFTER });
        }
        let commits = (&self.committer, &self.ticket);
        let mut run = Run { slots: &mut self.slots, now: self.clock.now(), commits, resumed: true };
        run.onwards(pipeline, position, lanes, vec![batch], trip)
    }

    /// Reserves, then processes, in that order over all pipelines of the source.
    fn pass(&mut self, source: usize, mut batch: Batch, trip: &mut Gathered) -> Result<Durability, Refusal> {
        let places = self.sources.get(&source).map(Vec::as_slice).unwrap_or_default();
        let pipelines: Vec<&Pipeline> = places.iter().filter_map(|place| self.pipelines.get(*place)).collect();
        let reserved = reserve(&pipelines, &mut batch)?;
        let commits = (&self.committer, &self.ticket);
        let mut run = Run { slots: &mut self.slots, now: self.clock.now(), commits, resumed: false };
        let mut durability = Durability::Memory;
        for (pipeline, lanes) in pipelines.into_iter().zip(reserved) {
            run.request(pipeline, lanes, batch.clone(), trip)?;
            durability = stricter(durability, pipeline.durability);
        }
        Ok(durability)
    }

    /// Hands a processed trip to the commit, or ends it here when there is nothing to wait for.
    pub(super) fn conclude(&mut self, trip: Gathered, durability: Durability, answer: Option<oneshot::Sender<Answer>>) {
        let accepted = Accepted { items: trip.items.unwrap_or(0), ..Accepted::default() };
        let Gathered { mut writes, mut deliveries, poison, waits, .. } = trip;
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
            if let Some(slot) = self.slots.get_mut(*index) {
                slot.break_down("a request that it had seen was refused");
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
            for slot in self.slots.iter_mut().filter(|slot| slot.is_stateful()) {
                slot.break_down_for(RETRY_AFTER, &reason);
            }
        }
        let broken: Vec<usize> =
            self.slots.iter().enumerate().filter(|(_, slot)| slot.wants_rebuild()).map(|(index, _)| index).collect();
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
        for index in 0..self.slots.len() {
            let Some(slot) = self.slots.get(index) else { continue };
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

    /// Every slot's number and what its instances are made from.
    pub fn processors(&self) -> impl Iterator<Item = (usize, Setup)> + '_ {
        self.slots.iter().enumerate().map(|(index, slot)| (index, slot.setup().clone()))
    }

    /// What health calls a processor: an id may stand in several pipelines, each with an instance of its own.
    pub(super) fn part(&self, index: usize) -> String {
        let component = self.slots.get(index).map(|slot| slot.setup().id.to_string()).unwrap_or_default();
        format!("{component} in {}", self.pipeline(index))
    }

    /// The pipeline of a processor.
    pub(super) fn pipeline(&self, index: usize) -> String {
        position(&self.pipelines, index).map(|(pipeline, _)| pipeline.id.clone()).unwrap_or_default()
    }

    fn rebuild(&mut self, index: usize) {
        let mut trip = self.trip();
        let now = self.clock.now();
        let part = self.part(index);
        let Some(slot) = self.slots.get_mut(index) else { return };
        let component = slot.setup().id.to_string();
        match slot.rebuild(trip.number, now) {
            Ok(writes) => {
                self.health.recovered(&part);
                tracing::info!(component, "instance rebuilt");
                trip.writes = writes;
                self.conclude(trip, Durability::Sync, None);
            }
            Err(error) => {
                self.health.failed(&part, &error.to_string());
                tracing::error!(component, %error, "instance cannot be rebuilt; trying again later");
            }
        }
    }

    fn flush_due(&mut self) {
        let now = Instant::now();
        let is_due =
            |(index, slot): &(usize, &Slot)| slot.flush_at().is_some_and(|due| due <= now) && !self.is_leaving(*index);
        let due: Vec<usize> = self.slots.iter().enumerate().filter(is_due).map(|(index, _)| index).collect();
        for index in due {
            self.flush(index, false);
        }
    }

    fn flush_all(&mut self, last: bool) {
        let patience = Instant::now() + FLUSH_ALL_MAX;
        for index in 0..self.slots.len() {
            loop {
                match self.flush(index, last) {
                    Flushed::Done => break,
                    _ if Instant::now() > patience => {
                        tracing::warn!("flushing everything takes too long; what is kept stays in the store");
                        break;
                    }
                    Flushed::More => {}
                    // The lane's task runs elsewhere and makes room.
                    Flushed::NoRoom => std::thread::sleep(Duration::from_millis(2)),
                }
            }
        }
    }

    /// Flushes one processor. A full lane, or a processor further on that is down, puts it off.
    pub(super) fn flush(&mut self, index: usize, last: bool) -> Flushed {
        let mut trip = self.trip();
        let Some((pipeline, position)) = position(&self.pipelines, index) else { return Flushed::Done };
        if let Some(slot) = self.slots.get_mut(index) {
            slot.schedule_flush();
        }
        let down = |slot: &usize| self.slots.get(*slot).is_some_and(|slot| slot.retry_at().is_some());
        if pipeline.slots.iter().skip(position + 1).any(down) {
            return Flushed::Done;
        }
        let Some(lanes) = reserve_for_flush(pipeline) else { return Flushed::NoRoom };
        let commits = (&self.committer, &self.ticket);
        let mut run = Run { slots: &mut self.slots, now: self.clock.now(), commits, resumed: false };
        let flushed = run.flush(pipeline, position, lanes, last, &mut trip);
        let durability = pipeline.durability;
        match flushed {
            Ok(more) => {
                self.conclude(trip, durability, None);
                if let Some(slot) = self.slots.get_mut(index).filter(|_| more) {
                    slot.flush_again();
                }
                if more { Flushed::More } else { Flushed::Done }
            }
            Err(_) => {
                self.discard(&trip);
                Flushed::Done
            }
        }
    }
}

/// The pipeline of a processor, and where in it.
fn position(pipelines: &[Pipeline], index: usize) -> Option<(&Pipeline, usize)> {
    let place = |pipeline: &Pipeline| pipeline.slots.iter().position(|slot| *slot == index);
    pipelines.iter().find_map(|pipeline| place(pipeline).map(|position| (pipeline, position)))
}

fn stricter(one: Durability, other: Durability) -> Durability {
    match (one, other) {
        (Durability::Sync, _) | (_, Durability::Sync) => Durability::Sync,
        (Durability::Interval, _) | (_, Durability::Interval) => Durability::Interval,
        _ => Durability::Memory,
    }
}
