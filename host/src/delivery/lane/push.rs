//! The near end of a lane to an exporter that pushes: room is reserved here, filled when a trip is committed, and given back when what filled it is settled.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

use super::LaneFull;
use crate::clock::Clock;
use crate::contract::{Batch, ComponentId, Delivery, OnFull, Remark, Remarks, Signal, Sizer, Trace};
use crate::delivery::backpressure::{Budget, Capacity, DrainRate, retry_after};
use crate::delivery::dead_letters::DeadLetters;
use crate::delivery::gate::{Gate, Pressure};
use crate::delivery::metrics::LaneMetrics;
use crate::delivery::queue::{Entry, Held, Queue, Size};
use crate::delivery::stored::{StoredError, StoredQueue};
use crate::delivery::waiter::Waiter;
use crate::pulse;
use crate::storage::{QueueStore, Write};
use crate::telemetry::Registry;

/// How much of a queue on disk is in memory as well, so that what comes and goes fast is never read back, in bytes.
const READY_BYTES_MAX: u64 = 16 << 20;

/// What the backlog is shown as at the most, in seconds, also where nothing drains: a day.
const BACKLOG_S_MAX: f64 = 86_400.0;

/// How often whoever waits for room looks by itself.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What lanes are made from.
#[derive(Clone)]
pub struct LaneContext {
    /// Where queues are kept.
    pub store: QueueStore,
    /// Memory for all lanes.
    pub budget: Budget,
    /// What each storage extension may hold.
    pub quotas: HashMap<ComponentId, Budget>,
    /// Where what cannot be delivered is kept.
    pub dead_letters: DeadLetters,
    /// The time.
    pub clock: Clock,
    /// Where they count.
    pub registry: Registry,
}

/// A lane that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum LaneError {
    /// Its storage is not there.
    #[error(
        "exporter {exporter}: `sending_queue.storage` names `{storage}`, which is no storage extension under `service.extensions`; add `rocksdb:` under `extensions` and list it there"
    )]
    NoStorage {
        /// The exporter.
        exporter: ComponentId,
        /// What was asked for.
        storage: ComponentId,
    },
    /// Its queue on disk.
    #[error("exporter {exporter}: {source}")]
    Stored {
        /// The exporter.
        exporter: ComponentId,
        /// What is wrong.
        source: Box<StoredError>,
    },
}

/// The near end of a lane. Clones lead into the same one.
#[derive(Clone)]
pub struct PushLane {
    pub(in crate::delivery) shared: Arc<LaneCell>,
}

/// Attempts that fail, one after the other.
pub(in crate::delivery) struct Failing {
    /// Since when.
    pub since: Instant,
    /// When that was logged last.
    pub logged: Instant,
    /// How the last one did.
    pub reason: String,
}

/// What both ends have in common.
pub(in crate::delivery) struct LaneCell {
    pub id: ComponentId,
    pub config: Delivery,
    pub gate: Gate,
    pub counters: LaneMetrics,
    /// `None` for a queue in memory.
    pub stored: Option<Arc<StoredQueue>>,
    pub budget: Budget,
    /// What a queue on disk may hold, with all others of its storage extension.
    pub quota: Option<Budget>,
    pub store: QueueStore,
    pub dead_letters: DeadLetters,
    pub clock: Clock,
    pub registry: Registry,
    /// Something to take has come.
    pub work: Notify,
    /// While attempts fail.
    pub failing: Mutex<Option<Failing>>,
    /// No more will come.
    pub closing: watch::Sender<bool>,
    /// Since when.
    pub closed_at: OnceLock<Instant>,
    state: Mutex<LaneState>,
    /// Something has left.
    room: Condvar,
    /// Whether a full queue makes senders wait.
    blocks: AtomicBool,
    /// Whether somebody found no room since batches that gather were last looked at.
    starved: AtomicBool,
}

pub(in crate::delivery) struct LaneState {
    pub queue: Queue,
    /// Bytes of waiting entries that are in memory.
    ready_bytes: u64,
    capacity: Capacity,
    drain: DrainRate,
    /// Batches, for the gate's policy.
    drain_batches: DrainRate,
}

/// Room for one trip in one lane. Dropped, it is given back.
pub struct PushReserved {
    shared: Arc<LaneCell>,
    room: Room,
    trace: Trace,
}

enum Room {
    /// So much is set aside.
    Held(Size),
    /// The same, and the trip's batches have numbers: their entries are in the trip's writes.
    Numbered(Size, Vec<u64>),
    /// There is none, and the configuration says to drop.
    Dropped,
    /// Filled or given back.
    Gone,
}

impl PushLane {
    /// A lane for that exporter; what its queue on disk holds is in it at once.
    pub fn new(id: &ComponentId, config: Delivery, gate: Gate, context: &LaneContext) -> Result<PushLane, LaneError> {
        let now = Instant::now();
        let counters = LaneMetrics::new(id, config.queue.sizer, &context.registry);
        let quota = quota(id, &config, context)?;
        let stored = quota.is_some().then(|| Arc::new(StoredQueue::new(&context.store, id)));
        let mut queue = Queue::default();
        if let Some(stored) = &stored {
            let heads = stored
                .heads()
                .map_err(|source| LaneError::Stored { exporter: id.clone(), source: Box::new(source) })?;
            if !heads.is_empty() {
                tracing::info!(exporter = %id, batches = heads.len(), "the queue on disk is sent first");
            }
            counters.restored.add(heads.len() as u64);
            for head in heads {
                quota.iter().for_each(|quota| quota.force(head.size.bytes));
                let held = Held::Stored;
                let (number, size) = (head.number, head.size);
                queue.restore(Entry {
                    number,
                    size,
                    held,
                    waiter: None,
                    letter: None,
                    since: now,
                    trace: Trace::default(),
                });
            }
        }
        let capacity = Capacity::new(config.queue.queue_size.get());
        let state = LaneState {
            queue,
            ready_bytes: 0,
            capacity,
            drain: DrainRate::new(now),
            drain_batches: DrainRate::new(now),
        };
        let blocks = AtomicBool::new(config.queue.block_on_overflow);
        let shared = LaneCell {
            id: id.clone(),
            config,
            gate,
            counters,
            stored,
            budget: context.budget.clone(),
            quota,
            store: context.store.clone(),
            dead_letters: context.dead_letters.clone(),
            clock: context.clock.clone(),
            registry: context.registry.clone(),
            work: Notify::new(),
            failing: Mutex::default(),
            closing: watch::Sender::new(false),
            closed_at: OnceLock::new(),
            state: Mutex::new(state),
            room: Condvar::new(),
            blocks,
            starved: AtomicBool::default(),
        };
        shared.show(&mut shared.lock());
        Ok(PushLane { shared: Arc::new(shared) })
    }

    /// What there is to say of it while attempts fail.
    pub fn remarks(&self) -> Remarks {
        let shared = Arc::clone(&self.shared);
        Arc::new(move || {
            let failing = shared.failing.lock().unwrap_or_else(PoisonError::into_inner);
            let remark = |failing: &Failing| Remark {
                text: format!("the destination takes nothing, and is tried again: {}", failing.reason),
                age: failing.since.elapsed(),
            };
            failing.iter().map(remark).collect()
        })
    }

    /// For how long the first of those that wait has waited; what is being sent is not among them.
    pub fn oldest(&self) -> Option<Duration> {
        self.shared.lock().queue.oldest().map(|since| since.elapsed())
    }

    /// The exporter it ends at.
    pub fn id(&self) -> &ComponentId {
        &self.shared.id
    }

    /// How many batches it holds, reserved room included.
    pub fn held(&self) -> u64 {
        self.shared.lock().queue.held().requests
    }

    /// Whether its queue is on disk.
    pub fn is_persistent(&self) -> bool {
        self.shared.stored.is_some()
    }

    /// Whether senders wait for what the destination says.
    pub fn waits(&self) -> bool {
        self.shared.waits()
    }

    /// Sets room aside for `shares` batches of about that size each: for all of them or for none. With `on_full: drop` a full lane is
    /// no obstacle. It never waits: whoever wants to holds nothing meanwhile.
    pub fn reserve(&self, size: Size, shares: usize) -> Result<Vec<PushReserved>, LaneFull> {
        let reserved = |room: fn(Size) -> Room| (0..shares).map(|_| self.reserved(room(size.occupied()))).collect();
        match (self.shared.hold(size, shares), self.shared.config.on_full) {
            (true, _) => Ok(reserved(Room::Held)),
            (false, OnFull::Drop) => {
                self.shared.starve();
                Ok(reserved(|_| Room::Dropped))
            }
            (false, OnFull::Refuse) => Err(self.shared.full()),
        }
    }

    /// Waits until so much fits, nobody is to wait any more, or nobody waits for this batch.
    pub fn wait_for_room(&self, size: Size, shares: usize, is_withdrawn: &dyn Fn() -> bool) {
        let shared = &self.shared;
        let mut state = shared.lock();
        let blocks = || shared.blocks.load(Ordering::Acquire) && !is_withdrawn();
        let size = size.times(shares);
        while blocks() && !(shared.has_places(&state, size) && shared.bytes().has_room(size.bytes)) {
            pulse::beat();
            shared.starve();
            // What is waited for may also be given back by other lanes, or by whoever ends the waiting.
            let woken = shared.room.wait_timeout(state, LOOK_AGAIN).unwrap_or_else(PoisonError::into_inner);
            state = woken.0;
        }
    }

    /// Room for one batch whatever the configuration says of a full lane, while the lane is open.
    pub fn try_reserve(&self, size: Size) -> Result<PushReserved, LaneFull> {
        let is_held = !*self.shared.closing.borrow() && self.shared.hold(size, 1);
        if is_held { Ok(self.reserved(Room::Held(size.occupied()))) } else { Err(self.shared.full()) }
    }

    fn reserved(&self, room: Room) -> PushReserved {
        PushReserved { shared: Arc::clone(&self.shared), room, trace: Trace::default() }
    }

    /// Whether its bound is in items: they have to be counted before room is reserved.
    pub fn counts_items(&self) -> bool {
        self.shared.config.queue.sizer == Sizer::Items
    }

    /// A batch of so many items found no room.
    pub fn count_refused(&self, signal: Signal, items: u64) {
        LaneMetrics::add(&self.shared.counters.enqueue_failed, signal, items);
    }

    /// A full queue refuses from now on instead of making anybody wait.
    pub fn stop_blocking(&self) {
        self.shared.blocks.store(false, Ordering::Release);
        self.shared.room.notify_all();
    }

    /// No more will come: what waits in memory is tried once more, what is on disk stays there.
    pub fn close(&self) {
        self.shared.closed_at.get_or_init(Instant::now);
        self.shared.closing.send_replace(true);
    }
}

/// The quota of the storage extension that a queue is kept in, if it is kept on disk.
fn quota(id: &ComponentId, config: &Delivery, context: &LaneContext) -> Result<Option<Budget>, LaneError> {
    let Some(storage) = &config.queue.storage else { return Ok(None) };
    let missing = || LaneError::NoStorage { exporter: id.clone(), storage: storage.clone() };
    context.quotas.get(storage).cloned().map(Some).ok_or_else(missing)
}

impl PushReserved {
    /// Adds to the trip's writes what makes its batches survive, where the queue is on disk.
    pub fn prepare(&mut self, batches: &[Batch], writes: &mut Vec<Write>) {
        let (Room::Held(size), Some(stored)) = (&self.room, &self.shared.stored) else { return };
        let numbers: Vec<u64> = {
            let mut state = self.shared.lock();
            batches.iter().map(|_| state.queue.number()).collect()
        };
        writes.extend(batches.iter().zip(&numbers).flat_map(|(batch, number)| stored.put(*number, batch)));
        self.room = Room::Numbered(*size, numbers);
    }

    /// What becomes of its batches is told to that trace.
    pub fn follow(&mut self, trace: &Trace) {
        self.trace = trace.clone();
    }

    /// Whether the trip's sender waits for what becomes of it here.
    pub fn waits(&self) -> bool {
        !self.drops() && self.shared.waits()
    }

    /// Whether there was no room, and the configuration says to drop.
    pub fn drops(&self) -> bool {
        matches!(self.room, Room::Dropped)
    }

    /// Fills the room: the trip is committed.
    pub fn send(self, batches: Vec<Batch>, waiter: Option<&Waiter>) {
        self.fill(batches, waiter, None);
    }

    /// Fills the room with a dead letter that is sent again, and is one until it is settled.
    pub fn send_letter(self, batch: Batch, letter: u64) {
        self.fill(vec![batch], None, Some(letter));
    }

    fn fill(mut self, batches: Vec<Batch>, waiter: Option<&Waiter>, letter: Option<u64>) {
        let shared = Arc::clone(&self.shared);
        let (size, numbers) = match std::mem::replace(&mut self.room, Room::Gone) {
            Room::Held(size) => (size, None),
            Room::Numbered(size, numbers) => (size, Some(numbers)),
            Room::Dropped | Room::Gone => {
                for batch in &batches {
                    LaneMetrics::add(&shared.counters.dropped_full, batch.signal, batch.items.unwrap_or(0));
                }
                return;
            }
        };
        let since = Instant::now();
        let mut state = shared.lock();
        state.queue.release(size);
        let mut numbers = numbers.map(Vec::into_iter);
        for batch in batches {
            let size = Size::of(&batch);
            let number = numbers.as_mut().and_then(Iterator::next).unwrap_or_else(|| state.queue.number());
            state.queue.hold(size);
            shared.bytes().force(size.bytes);
            let held = match &shared.stored {
                Some(_) if !shared.keeps_ready(&mut state, size) => Held::Stored,
                Some(_) => Held::Ready(batch),
                None => {
                    let units = size.in_units(shared.config.queue.sizer);
                    state.capacity.follow(units, size.bytes, shared.budget.max());
                    Held::Ready(batch)
                }
            };
            state.queue.insert(Entry {
                number,
                size,
                held,
                waiter: waiter.cloned(),
                letter,
                since,
                trace: self.trace.clone(),
            });
            shared.work.notify_one();
        }
        // What came is counted, so what was set aside for it need not be any more.
        shared.bytes().give(size.bytes);
        shared.show(&mut state);
        drop(state);
        shared.room.notify_all();
    }
}

impl Drop for PushReserved {
    fn drop(&mut self) {
        if let Room::Held(size) | Room::Numbered(size, _) = &self.room {
            let size = *size;
            self.room = Room::Gone;
            self.shared.give_back(size);
        }
    }
}

impl LaneCell {
    pub fn lock(&self) -> MutexGuard<'_, LaneState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waits(&self) -> bool {
        self.config.waits()
    }

    /// Sets room aside where there is some.
    fn hold(&self, size: Size, shares: usize) -> bool {
        let size = size.times(shares);
        let mut state = self.lock();
        let fits = self.has_places(&state, size) && self.bytes().take(size.bytes);
        if fits {
            state.queue.hold(size);
        }
        fits
    }

    /// Gives room back that was set aside.
    fn give_back(&self, size: Size) {
        self.lock().queue.release(size);
        self.bytes().give(size.bytes);
        self.room.notify_all();
    }

    /// What its bytes are counted against: reserved, waiting and being sent.
    fn bytes(&self) -> &Budget {
        self.quota.as_ref().unwrap_or(&self.budget)
    }

    fn full(&self) -> LaneFull {
        self.starve();
        let waits = self.blocks.load(Ordering::Acquire);
        LaneFull { exporter: self.id.clone(), retry_after: self.retry_after(), waits }
    }

    /// Batches that gather hold room, so they wait no longer for more where there is none.
    fn starve(&self) {
        if self.config.queue.batch.is_some() {
            self.starved.store(true, Ordering::Release);
            self.work.notify_one();
        }
    }

    /// Whether somebody found no room since this was last asked.
    pub fn is_starved(&self) -> bool {
        self.starved.swap(false, Ordering::AcqRel)
    }

    /// A batch that is larger than the whole queue is let in when nothing else is there: it would never be otherwise.
    fn has_places(&self, state: &LaneState, size: Size) -> bool {
        let sizer = self.config.queue.sizer;
        let (held, more) = (state.queue.held().in_units(sizer), size.in_units(sizer).max(1));
        held == 0 || held.saturating_add(more) <= state.capacity.units()
    }

    /// Whether an entry of a queue on disk stays in memory as well until it is taken.
    fn keeps_ready(&self, state: &mut LaneState, size: Size) -> bool {
        let keeps = state.ready_bytes + size.bytes <= READY_BYTES_MAX && self.budget.take(size.bytes);
        if keeps {
            state.ready_bytes += size.bytes;
        }
        keeps
    }

    fn retry_after(&self) -> Duration {
        let now = Instant::now();
        let drained = {
            let state = self.lock();
            let held = state.queue.held().in_units(self.config.queue.sizer);
            retry_after(held, state.capacity.units(), state.drain.per_second(now))
        };
        // Without the lane's lock: the gate may be busy with its policy.
        let closed = self.gate.closed_until().map(|until| until.saturating_duration_since(now));
        closed.map_or(drained, |closed| drained.max(closed))
    }

    /// The first entry, and those behind it that are to be read from the disk as it is, up to so many entries and bytes.
    pub fn take(&self, entries_max: usize, bytes_max: u64) -> Vec<Entry> {
        let mut state = self.lock();
        let Some(first) = state.queue.take() else { return Vec::new() };
        if self.stored.is_some() && matches!(first.held, Held::Ready(_)) {
            state.ready_bytes = state.ready_bytes.saturating_sub(first.size.bytes);
            self.budget.give(first.size.bytes);
        }
        let (mut bytes, mut entries) = (first.size.bytes, vec![first]);
        while entries.len() < entries_max && bytes < bytes_max && entries.last().is_some_and(Entry::is_stored) {
            let Some(next) = state.queue.take_if(Entry::is_stored) else { break };
            bytes += next.size.bytes;
            entries.push(next);
        }
        entries
    }

    /// An entry that cannot be read stays on disk, where it takes room as before.
    pub fn leave_on_disk(&self, size: Size) {
        let mut state = self.lock();
        state.queue.release(size);
        self.show(&mut state);
        drop(state);
        self.room.notify_all();
    }

    /// An entry has left for good.
    pub fn release(&self, size: Size) {
        let now = Instant::now();
        let mut state = self.lock();
        state.queue.release(size);
        state.drain.note(size.in_units(self.config.queue.sizer), now);
        state.drain_batches.note(size.requests, now);
        self.bytes().give(size.bytes);
        self.show(&mut state);
        drop(state);
        self.room.notify_all();
    }

    /// What a policy may go by.
    pub fn pressure(&self) -> Pressure {
        let state = self.lock();
        let now = Instant::now();
        Pressure { depth: state.queue.held().requests, drain_per_s: state.drain_batches.per_second(now) }
    }

    /// Puts the lane's state into its gauges.
    pub fn show(&self, state: &mut LaneState) {
        let held = state.queue.held().in_units(self.config.queue.sizer);
        let per_s = state.drain.per_second(Instant::now());
        let backlog = if held == 0 { 0.0 } else { (held as f64 / per_s).min(BACKLOG_S_MAX) };
        self.counters.queue_size.set(i64::try_from(held).unwrap_or(i64::MAX));
        self.counters.queue_capacity.set(i64::try_from(state.capacity.units()).unwrap_or(i64::MAX));
        self.counters.backlog_s.set(backlog as i64);
    }
}
