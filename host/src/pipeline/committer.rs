//! The commit: one thread that makes trips durable, many at a time, and only then delivers and answers.
//!
//! Trips of one worker are committed in the order in which they were processed. When a commit fails, every trip of it is refused,
//! and with it every later trip that ran on instances which have seen the failed ones: a worker's trips carry its generation, and a
//! generation that failed once is refused until the worker has rebuilt its instances.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::contract::{Accepted, Answer, Batch, COMMIT, Durability, Refusal, SpanEnd, Trace};
use crate::delivery::dead_letters::Burial;
use crate::delivery::{DeadLetters, Reserved, Waiter, failed_writes};
use crate::guard::EndWithProcess;
use crate::processor::Watermark;
use crate::pulse::{self, Pulse};
use crate::storage::{Store, Write, told_to_senders};
use crate::telemetry::{Counter, Histogram, Registry};

use super::health::Health;

/// Trips that may wait for the commit.
const QUEUE: usize = 256;
/// Bytes of trips that may wait, but for one that is larger.
const QUEUE_BYTES: usize = 64 << 20;
/// Bytes of changes that are written together at the most.
const GROUP_BYTES: usize = 8 << 20;
/// How long a write of durability `interval` may wait for the disk.
const SYNC_INTERVAL: Duration = Duration::from_millis(200);
/// A write that takes longer is a stall: workers take no further request until it ends. Long enough for a disk that is merely slow, short
/// beside the timeouts of senders, which are 5 to 10 s unless they are told otherwise.
const STALLED_AFTER: Duration = Duration::from_millis(250);
/// How often whoever waits for the end of a stall looks whether its request is still wanted.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// How often it is told that state cannot be written, while that goes on.
const TELL_PAUSE: Duration = Duration::from_secs(30);
/// What a sender is told when the store refused.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A processed trip.
pub struct Trip {
    /// Which worker, and which generation of its instances.
    pub generation: Generation,
    /// Its number, for the watermark.
    pub number: u64,
    /// Changes of state.
    pub writes: Vec<Write>,
    /// When `answer` may be given.
    pub durability: Durability,
    /// What it has for each lane.
    pub deliveries: Vec<(Reserved, Vec<Batch>)>,
    /// What to count once it is committed.
    pub tally: Vec<(Counter, u64)>,
    /// What to count where it is not.
    pub unless_committed: Vec<(Counter, u64)>,
    /// Who waits; nobody for a flush.
    pub answer: Option<(oneshot::Sender<Answer>, Accepted)>,
    /// Items whose sender was told before the commit, as durability `memory` allows.
    pub told: u64,
    /// Whether it is answered when the exporters have what is for them.
    pub waits: bool,
    /// Dead letters among the writes.
    pub letters: Vec<Burial>,
    /// What is told of its way, and when it was handed over.
    pub trace: (Trace, Option<Instant>),
}

impl Trip {
    /// One that only writes: synced, for nobody who waits, and with nothing for a lane.
    pub fn of_writes(generation: Generation, number: u64, writes: Vec<Write>) -> Trip {
        Trip {
            generation,
            number,
            writes,
            durability: Durability::Sync,
            deliveries: Vec::new(),
            tally: Vec::new(),
            unless_committed: Vec::new(),
            answer: None,
            told: 0,
            waits: false,
            letters: Vec::new(),
            trace: (Trace::default(), None),
        }
    }

    /// Tells that it is decided.
    fn tell(&self, error: Option<&str>) {
        let (trace, handed_over) = &self.trace;
        trace.span(COMMIT, *handed_over, || {
            SpanEnd::default().with("writes", self.writes.len() as u64).failed(error.map(str::to_owned))
        });
    }

    /// Bytes of what it writes and delivers. What goes to several lanes is there once.
    fn bytes(&self) -> usize {
        let of_lane = |batches: &[Batch]| batches.iter().map(|batch| batch.bytes.len()).sum::<usize>();
        let delivered = self.deliveries.iter().map(|(_, batches)| of_lane(batches)).max().unwrap_or(0);
        self.writes.iter().map(Write::size).sum::<usize>() + delivered
    }
}

/// Names a worker's generation; shared between the worker and the committer.
#[derive(Debug, Clone)]
pub struct Generation {
    worker: usize,
    number: u64,
    /// The last generation that failed, plus one.
    failed: Arc<AtomicU64>,
    /// The last trip that was committed.
    pub watermark: Watermark,
}

impl Generation {
    /// The first generation of a worker.
    pub fn new(worker: usize) -> Generation {
        Generation { worker, number: 0, failed: Arc::default(), watermark: Watermark::default() }
    }

    /// Whether a commit of this generation failed: its instances know what the store does not.
    pub fn is_spoilt(&self) -> bool {
        self.failed.load(Ordering::Acquire) > self.number
    }

    /// The next generation, after a rebuild.
    pub fn renew(&mut self) {
        self.number += 1;
    }
}

enum Message {
    Trip(Box<Trip>),
    /// Answered when every trip before it has been committed or refused.
    Barrier(Sender<()>),
}

/// The near end. Clones lead to the same thread, which ends with the last of them.
#[derive(Clone)]
pub struct Committer {
    sender: SyncSender<Message>,
    backlog: Arc<Backlog>,
    writing: Arc<Writing>,
    pulse: Pulse,
}

/// Bytes of trips that wait, or are being written.
#[derive(Debug, Default)]
struct Backlog {
    bytes: Mutex<usize>,
    less: Condvar,
}

impl Backlog {
    fn bytes(&self) -> MutexGuard<'_, usize> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for room; whatever its size a trip has room where no other is.
    fn add(&self, more: usize) {
        let is_full = |bytes: &mut usize| *bytes > 0 && *bytes + more > QUEUE_BYTES;
        let room = || self.less.wait_while(self.bytes(), is_full).unwrap_or_else(PoisonError::into_inner);
        *pulse::resting(room) += more;
    }

    fn give(&self, less: usize) {
        *self.bytes() -= less;
        self.less.notify_all();
    }
}

/// Commits that failed one after the other.
#[derive(Debug, Default)]
struct Failing {
    commits: u64,
    told: Option<Instant>,
}

/// The write under way.
#[derive(Debug, Default)]
struct Writing {
    since: Mutex<Option<Instant>>,
    ended: Condvar,
}

impl Writing {
    fn since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self) {
        *self.since() = Some(Instant::now());
    }

    fn end(&self, durations: &Histogram) {
        let since = self.since().take();
        self.ended.notify_all();
        since.iter().for_each(|since| durations.record(since.elapsed()));
    }
}

impl Committer {
    /// Starts the thread.
    pub fn start(
        store: Store,
        health: Health,
        letters: DeadLetters,
        registry: &Registry,
    ) -> std::io::Result<(Committer, std::thread::JoinHandle<()>)> {
        let (sender, receiver) = sync_channel(QUEUE);
        let (backlog, writing) = (Arc::<Backlog>::default(), Arc::new(Writing::default()));
        let mut commits = Commits {
            store,
            health,
            receiver,
            spoilt: HashMap::new(),
            unsynced_since: None,
            failure: String::new(),
            failing: None,
            lost: registry.counter("otelier_store_lost_items", LOST_HELP, &[]),
            failed_writes: failed_writes("commit", registry),
            durations: Durations::new(registry),
            letters,
            backlog: Arc::clone(&backlog),
            writing: Arc::clone(&writing),
        };
        let pulse = Pulse::default();
        let own = pulse.clone();
        let thread = std::thread::Builder::new().name("commit".into()).spawn(move || {
            let _end = EndWithProcess;
            own.adopt();
            commits.run();
        })?;
        Ok((Committer { sender, backlog, writing, pulse }, thread))
    }

    /// Whether the thread gets on.
    pub fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    /// Hands over a trip. Waits while the disk is behind, by trips or by bytes.
    pub fn commit(&self, trip: Trip) {
        self.backlog.add(trip.bytes());
        if let Err(error) = pulse::resting(|| self.sender.send(Message::Trip(Box::new(trip)))) {
            tracing::error!(%error, "the commit thread is gone");
        }
    }

    /// Waits while a write takes longer than a disk that works needs, but not for a request that is withdrawn. What was processed meanwhile
    /// would count although its sender has gone; what still waits can be withdrawn.
    pub fn wait_while_stalled(&self, is_withdrawn: impl Fn() -> bool) {
        let mut since = self.writing.since();
        while since.is_some_and(|since| since.elapsed() >= STALLED_AFTER) && !is_withdrawn() {
            pulse::beat();
            let woken = self.writing.ended.wait_timeout(since, LOOK_AGAIN).unwrap_or_else(PoisonError::into_inner);
            since = woken.0;
        }
    }

    /// Waits until every trip handed over so far has been decided.
    pub fn barrier(&self) {
        let (done, wait) = std::sync::mpsc::channel();
        pulse::resting(|| {
            if self.sender.send(Message::Barrier(done)).is_ok() {
                // Unanswered only when the thread is gone.
                let _ = wait.recv();
            }
        });
    }
}

struct Commits {
    store: Store,
    health: Health,
    receiver: Receiver<Message>,
    /// Worker → first generation that is not refused.
    spoilt: HashMap<usize, u64>,
    /// When the oldest write that is not synced was made.
    unsynced_since: Option<Instant>,
    /// Why the last commit that failed did.
    failure: String,
    /// What is told of commits that fail, while they do.
    failing: Option<Failing>,
    /// Items of trips that failed after their senders had been told.
    lost: Counter,
    /// Writes and syncs that failed.
    failed_writes: Counter,
    durations: Durations,
    letters: DeadLetters,
    backlog: Arc<Backlog>,
    writing: Arc<Writing>,
}

/// How long the store takes.
struct Durations {
    /// A write that is synced with a later one.
    write: Histogram,
    /// A write that is on the disk when it ends.
    write_and_sync: Histogram,
    /// What brings earlier writes to the disk.
    sync: Histogram,
}

impl Durations {
    fn new(registry: &Registry) -> Durations {
        let of = |operation| {
            let help = "How long the store took to write the changes of one or more trips, or to sync them.";
            registry.histogram("otelier_store_write_duration_seconds", help, &[("operation", operation)])
        };
        Durations { write: of("write"), write_and_sync: of("write_and_sync"), sync: of("sync") }
    }
}

const LOST_HELP: &str = "Items accepted with durability `memory` whose state could not be written.";

impl Commits {
    fn run(&mut self) {
        loop {
            let until_sync = self.until_sync();
            let first = match pulse::resting(|| self.receiver.recv_timeout(until_sync)) {
                Ok(message) => message,
                Err(RecvTimeoutError::Timeout) => {
                    self.sync();
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let (trips, barriers) = self.gather(first);
            let bytes = trips.iter().map(Trip::bytes).sum();
            self.decide(trips);
            self.backlog.give(bytes);
            if self.until_sync().is_zero() {
                self.sync();
            }
            for barrier in barriers {
                // The worker may have given up waiting.
                let _ = barrier.send(());
            }
        }
        self.sync();
    }

    /// Everything that waits, up to a bound.
    fn gather(&mut self, first: Message) -> (Vec<Trip>, Vec<Sender<()>>) {
        let (mut trips, mut barriers, mut bytes) = (Vec::new(), Vec::new(), 0);
        let mut next = Some(first);
        while let Some(message) = next.take() {
            match message {
                Message::Trip(trip) => {
                    bytes += trip.writes.iter().map(Write::size).sum::<usize>();
                    trips.push(*trip);
                }
                Message::Barrier(barrier) => barriers.push(barrier),
            }
            if bytes < GROUP_BYTES {
                next = self.receiver.try_recv().ok();
            }
        }
        (trips, barriers)
    }

    fn decide(&mut self, trips: Vec<Trip>) {
        let (spoilt, sound): (Vec<Trip>, Vec<Trip>) =
            trips.into_iter().partition(|trip| self.is_spoilt(&trip.generation));
        for trip in spoilt {
            self.refuse(trip, &self.failure);
        }
        let writes = || sound.iter().flat_map(|trip| &trip.writes);
        let needs_sync = sound.iter().any(|trip| trip.durability == Durability::Sync && !trip.writes.is_empty());
        if writes().next().is_some() {
            self.writing.begin();
            let written = pulse::resting(|| self.store.commit(writes(), needs_sync));
            self.writing.end(if needs_sync { &self.durations.write_and_sync } else { &self.durations.write });
            if let Err(error) = written {
                return self.fail(sound, &error.to_string());
            }
            self.unsynced_since = if needs_sync { None } else { self.unsynced_since.or_else(|| Some(Instant::now())) };
            self.recovered();
        }
        if sound.iter().any(|trip| !trip.letters.is_empty()) {
            self.letters.buried(sound.iter().flat_map(|trip| &trip.letters));
        }
        for trip in sound {
            complete(trip);
        }
    }

    fn is_spoilt(&self, generation: &Generation) -> bool {
        self.spoilt.get(&generation.worker).is_some_and(|first_sound| generation.number < *first_sound)
    }

    fn fail(&mut self, trips: Vec<Trip>, reason: &str) {
        self.tell_failing(reason);
        self.health.failed(STORE, reason);
        reason.clone_into(&mut self.failure);
        for trip in trips {
            let first_sound = trip.generation.number + 1;
            self.spoilt.insert(trip.generation.worker, first_sound);
            trip.generation.failed.store(first_sound, Ordering::Release);
            self.refuse(trip, reason);
        }
    }

    /// Once a while, as every request that comes meanwhile is a try.
    fn tell_failing(&mut self, reason: &str) {
        self.failed_writes.add(1);
        let failing = self.failing.get_or_insert_with(Failing::default);
        failing.commits += 1;
        if failing.told.is_none_or(|told| told.elapsed() >= TELL_PAUSE) {
            failing.told = Some(Instant::now());
            tracing::error!(reason, commits = failing.commits, "state cannot be written; senders are told to retry");
        }
    }

    fn recovered(&mut self) {
        self.health.recovered(STORE);
        if let Some(Failing { commits, .. }) = self.failing.take() {
            tracing::info!(commits, "state can be written again");
        }
    }

    fn refuse(&self, trip: Trip, reason: &str) {
        trip.tell(Some(reason));
        self.lost.add(trip.told);
        trip.unless_committed.iter().for_each(|(counter, count)| counter.add(*count));
        trip.letters.into_iter().rev().for_each(|burial| self.letters.unbury(burial));
        if let Some((answer, _)) = trip.answer {
            let reason = told_to_senders(reason);
            // The sender may have hung up.
            let _ = answer.send(Err(Refusal::Unavailable { reason, retry_after: RETRY_AFTER }));
        }
    }

    /// How long until the oldest write that is not synced has waited long enough.
    fn until_sync(&self) -> Duration {
        self.unsynced_since.map_or(SYNC_INTERVAL, |since| SYNC_INTERVAL.saturating_sub(since.elapsed()))
    }

    fn sync(&mut self) {
        if self.unsynced_since.take().is_none() {
            return;
        }
        self.writing.begin();
        let synced = pulse::resting(|| self.store.sync());
        self.writing.end(&self.durations.sync);
        match synced {
            Ok(()) => self.recovered(),
            Err(error) => {
                self.unsynced_since = Some(Instant::now());
                self.tell_failing(&error.to_string());
                self.health.failed(STORE, &error.to_string());
            }
        }
    }
}

/// The store's name in health reports.
pub use crate::contract::STORE;

/// The trip counts: deliver, count, answer.
pub fn complete(trip: Trip) {
    trip.tell(None);
    for (counter, count) in trip.tally {
        counter.add(count);
    }
    let mut answer = trip.answer;
    // Answers when the last of the exporters has.
    let waiter = answer.take_if(|_| trip.waits).map(|(answer, accepted)| Waiter::new(answer, accepted));
    for (reserved, batches) in trip.deliveries {
        let waiter = waiter.as_ref().filter(|_| reserved.waits());
        reserved.send(batches, waiter);
    }
    // What comes behind it may be delivered from now on.
    trip.generation.watermark.advance(trip.number);
    if let Some((answer, accepted)) = answer {
        // The sender may have hung up; it will send again what it was not told of.
        let _ = answer.send(Ok(accepted));
    }
}
