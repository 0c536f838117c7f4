//! What leaves a queue together. An entry that is split into several dispatches is done with when the last of them is.

use std::collections::VecDeque;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::gathering::Gathering;
use super::lane::push::LaneCell;
use super::queue::{Entry, Held, Size};
use super::stored::{StoredError, StoredQueue};
use super::waiter::Waiter;
use crate::contract::{Batch, Batching, Refusal, Trace};
use crate::storage::StoreError;

/// One batch to send.
#[derive(Debug)]
pub struct Dispatch {
    /// What is sent.
    pub batch: Batch,
    /// How much that is.
    pub size: Size,
    /// The entries it is made of.
    pub tickets: Vec<Arc<QueueTicket>>,
}

impl Dispatch {
    /// Whoever waits for what becomes of it.
    pub fn waiters(&self) -> impl Iterator<Item = &Waiter> {
        self.tickets.iter().filter_map(|ticket| ticket.waiter.as_ref())
    }

    /// When the oldest of it came into the queue.
    pub fn since(&self) -> Option<Instant> {
        self.tickets.iter().map(|ticket| ticket.since).min()
    }

    /// Tells those who wait that the destination refused some of it. It does not say which: the first hear of it, each of no more
    /// than was theirs, so that what all are told adds up.
    pub fn tell_rejected(&self, rejected: u64, reason: &str) {
        let mut rest = rejected;
        for ticket in &self.tickets {
            let theirs = rest.min(ticket.size.items);
            rest -= theirs;
            if let Some(waiter) = &ticket.waiter {
                waiter.rejected(theirs, reason);
            }
        }
    }
}

/// An entry that has been taken.
#[derive(Debug)]
pub struct QueueTicket {
    /// Its number.
    pub number: u64,
    /// Its size, which it holds until it is released.
    pub size: Size,
    /// Whom the destination's answer is for.
    pub waiter: Option<Waiter>,
    /// The dead letter it is.
    pub letter: Option<u64>,
    /// When it came into the queue.
    pub since: Instant,
    /// What is told of its trip.
    pub trace: Trace,
    /// Whether some of it was not tried to the end, because the process ends: on disk it stays whole, whatever becomes of its other parts.
    pub is_interrupted: AtomicBool,
}

/// How long a store that cannot be read or written is left alone.
pub const STORE_PAUSE: Duration = Duration::from_secs(1);

/// How much is read of a queue on disk at once, unless one entry is more: in entries, and in bytes.
const READ_ENTRIES: usize = 64;
const READ_BYTES: u64 = 1 << 20;

/// Makes dispatches of what waits, one task at a time, so that they leave in order.
pub struct Dispatcher {
    shared: Arc<LaneCell>,
    /// Ready to be sent, in order.
    ready: Mutex<VecDeque<Dispatch>>,
    /// What is gathered, with `sending_queue.batch`.
    turn: tokio::sync::Mutex<Gathering>,
}

/// What can be taken.
enum Next {
    Ready(Dispatch),
    /// At least one, in order.
    Entries(Vec<Entry>),
    /// Nothing came in time.
    Late,
    /// No more can come: what gathers holds the room.
    Full,
    /// The lane is closed and empty.
    End,
}

impl Dispatcher {
    /// For one lane.
    pub fn new(shared: Arc<LaneCell>) -> Dispatcher {
        Dispatcher { shared, ready: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }

    fn ready(&self) -> MutexGuard<'_, VecDeque<Dispatch>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next dispatch. `None` when the lane is closed and nothing is left to send before the end.
    pub async fn next(&self) -> Option<Dispatch> {
        match self.shared.config.queue.batch.clone() {
            None => self.next_entry().await,
            Some(batching) => self.next_batch(&batching).await,
        }
    }

    async fn next_entry(&self) -> Option<Dispatch> {
        loop {
            let next = {
                let _turn = self.turn.lock().await;
                self.take(None).await
            };
            match next {
                Next::Ready(dispatch) => return Some(dispatch),
                // Read without the turn: the next entries can be on their way from the disk as well.
                Next::Entries(entries) => {
                    let mut loaded = self.load(entries).await;
                    let first = loaded.pop_front();
                    self.ready().append(&mut loaded);
                    // Whoever has the turn may have looked before.
                    self.shared.work.notify_one();
                    if first.is_some() {
                        return first;
                    }
                }
                Next::Late | Next::Full => {}
                Next::End => return None,
            }
        }
    }

    async fn next_batch(&self, batching: &Batching) -> Option<Dispatch> {
        let mut gathering = self.turn.lock().await;
        loop {
            match self.take(gathering.due()).await {
                Next::Ready(dispatch) => return Some(dispatch),
                Next::Entries(entries) => {
                    for dispatch in self.load(entries).await {
                        let full = gathering.add(batching, dispatch, Instant::now());
                        self.ready().extend(full);
                    }
                }
                Next::Late => self.ready().extend(gathering.late(batching, Instant::now())),
                Next::Full => self.ready().extend(gathering.rest(batching)),
                Next::End => {
                    let mut ready = self.ready();
                    ready.extend(gathering.rest(batching));
                    return ready.pop_front();
                }
            }
        }
    }

    async fn take(&self, due: Option<Instant>) -> Next {
        let mut closing = self.shared.closing.subscribe();
        loop {
            // Made before looking, so that what comes between is not missed.
            let work = self.shared.work.notified();
            let closed = *closing.borrow_and_update();
            if closed && self.shared.stored.is_some() {
                return Next::End;
            }
            if let Some(dispatch) = self.ready().pop_front() {
                return Next::Ready(dispatch);
            }
            if due.is_some_and(|due| due <= Instant::now()) {
                return Next::Late;
            }
            match self.shared.take(READ_ENTRIES, READ_BYTES) {
                entries if !entries.is_empty() => return Next::Entries(entries),
                _ if closed => return Next::End,
                _ if due.is_some() && self.shared.is_starved() => return Next::Full,
                _ => {}
            }
            tokio::select! {
                () = work => {}
                // An error means that the lane is gone.
                _ = closing.changed() => {}
                () = until(due) => {}
            }
        }
    }

    /// Entries that cannot be read stay on disk, where a person or a later version can look at them. Nothing comes of those that follow
    /// when the lane is closed meanwhile: they are sent after the next start.
    async fn load(&self, entries: Vec<Entry>) -> VecDeque<Dispatch> {
        let stored: Vec<u64> = entries.iter().filter(|entry| entry.is_stored()).map(|entry| entry.number).collect();
        let mut read = self.read(stored).await.into_iter();
        let mut loaded = VecDeque::with_capacity(entries.len());
        for Entry { number, size, held, waiter, letter, since, trace } in entries {
            let batch = match held {
                Held::Ready(batch) => batch,
                Held::Stored => match read.next() {
                    Some(Ok(batch)) => batch,
                    Some(Err(error)) => {
                        tracing::error!(exporter = %self.shared.id, %error, "an entry of the queue cannot be read; it is left where it is");
                        if let Some(waiter) = waiter {
                            waiter.failed(Refusal::Unavailable { reason: error.to_string(), retry_after: STORE_PAUSE });
                        }
                        self.shared.leave_on_disk(size);
                        continue;
                    }
                    None => break,
                },
            };
            let is_interrupted = AtomicBool::default();
            let ticket = QueueTicket { number, size, waiter, letter, since, trace, is_interrupted };
            loaded.push_back(Dispatch { batch, size, tickets: vec![Arc::new(ticket)] });
        }
        loaded
    }

    /// Reads entries. While the store itself cannot be read, as on a full disk, it tries again: that says nothing about an entry. Fewer
    /// come back when the lane is closed meanwhile.
    async fn read(&self, numbers: Vec<u64>) -> Vec<Result<Batch, StoredError>> {
        let (mut closing, mut read) = (self.shared.closing.subscribe(), Vec::with_capacity(numbers.len()));
        let Some(stored) = self.shared.stored.as_ref().filter(|_| !numbers.is_empty()) else { return read };
        let mut left = numbers;
        loop {
            let (stored, numbers) = (Arc::clone(stored), left.clone());
            let reading = tokio::task::spawn_blocking(move || read_until_trouble(&stored, &numbers));
            let (more, trouble) = match reading.await {
                Ok(read) => read,
                Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
            };
            left.drain(..more.len().min(left.len()));
            read.extend(more);
            let Some(error) = trouble else { return read };
            tracing::warn!(exporter = %self.shared.id, %error, "the queue on disk cannot be read; trying again");
            tokio::select! {
                () = tokio::time::sleep(STORE_PAUSE) => {}
                // An error means that the lane is gone.
                _ = closing.wait_for(|closing| *closing) => return read,
            }
        }
    }
}

/// The entries up to the first at which the store could not be read, and why it could not.
fn read_until_trouble(stored: &StoredQueue, numbers: &[u64]) -> (Vec<Result<Batch, StoredError>>, Option<StoreError>) {
    let mut read = Vec::with_capacity(numbers.len());
    for number in numbers {
        match stored.read(*number) {
            Err(StoredError::Store(error)) if !matches!(error, StoreError::Record { .. }) => {
                return (read, Some(error));
            }
            entry => read.push(entry),
        }
    }
    (read, None)
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
