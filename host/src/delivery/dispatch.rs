//! What leaves a queue together. An entry that is split into several dispatches is done with when the last of them is.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::gathering::Gathering;
use super::lane::Shared;
use super::queue::{Entry, Held, Size};
use super::stored::{StoredError, StoredQueue};
use super::waiter::Waiter;
use crate::contract::{Batch, Batching, Refusal};
use crate::storage::StoreError;

/// One batch to send.
#[derive(Debug)]
pub struct Dispatch {
    /// What is sent.
    pub batch: Batch,
    /// How much that is.
    pub size: Size,
    /// The entries it is made of.
    pub tickets: Vec<Arc<Ticket>>,
}

impl Dispatch {
    /// Whoever waits for what becomes of it.
    pub fn waiters(&self) -> impl Iterator<Item = &Waiter> {
        self.tickets.iter().filter_map(|ticket| ticket.waiter.as_ref())
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
pub struct Ticket {
    /// Its number.
    pub number: u64,
    /// Its size, which it holds until it is released.
    pub size: Size,
    /// Whom the destination's answer is for.
    pub waiter: Option<Waiter>,
    /// The dead letter it is.
    pub letter: Option<u64>,
}

/// How long a store that cannot be read or written is left alone.
pub const STORE_PAUSE: Duration = Duration::from_secs(1);

/// Makes dispatches of what waits, one task at a time, so that they leave in order.
pub struct Dispatcher {
    shared: Arc<Shared>,
    turn: tokio::sync::Mutex<Turn>,
}

/// What the task whose turn it is works on.
#[derive(Default)]
struct Turn {
    /// Ready to be sent, in order.
    ready: VecDeque<Dispatch>,
    /// What is gathered, with `sending_queue.batch`.
    gathering: Gathering,
}

/// What can be taken.
enum Next {
    Entry(Entry),
    /// Nothing came in time.
    Late,
    /// The lane is closed and empty.
    End,
}

impl Dispatcher {
    /// For one lane.
    pub fn new(shared: Arc<Shared>) -> Dispatcher {
        Dispatcher { shared, turn: tokio::sync::Mutex::default() }
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
                // Read without the turn: several entries can be on their way from the disk.
                Next::Entry(entry) => match self.load(entry).await {
                    Some(dispatch) => return Some(dispatch),
                    None => continue,
                },
                Next::Late => {}
                Next::End => return None,
            }
        }
    }

    async fn next_batch(&self, batching: &Batching) -> Option<Dispatch> {
        let mut turn = self.turn.lock().await;
        loop {
            if let Some(dispatch) = turn.ready.pop_front() {
                return Some(dispatch);
            }
            match self.take(turn.gathering.due()).await {
                Next::Entry(entry) => {
                    let Some(dispatch) = self.load(entry).await else { continue };
                    let full = turn.gathering.add(batching, dispatch, Instant::now());
                    turn.ready.extend(full);
                }
                Next::Late => {
                    let late = turn.gathering.late(batching, Instant::now());
                    turn.ready.extend(late);
                }
                Next::End => {
                    let rest = turn.gathering.rest(batching);
                    turn.ready.extend(rest);
                    return turn.ready.pop_front();
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
            if due.is_some_and(|due| due <= Instant::now()) {
                return Next::Late;
            }
            match self.shared.take() {
                Some(entry) => return Next::Entry(entry),
                None if closed => return Next::End,
                None => {}
            }
            tokio::select! {
                () = work => {}
                // An error means that the lane is gone.
                _ = closing.changed() => {}
                () = until(due) => {}
            }
        }
    }

    /// `None` for an entry that cannot be read: it stays on disk, where a person or a later version can look at it.
    async fn load(&self, entry: Entry) -> Option<Dispatch> {
        let Entry { number, size, held, waiter, letter } = entry;
        let batch = match held {
            Held::Ready(batch) => batch,
            Held::Stored(stored) => match self.read(&stored, number).await? {
                Ok(batch) => batch,
                Err(error) => {
                    tracing::error!(exporter = %self.shared.id, %error, "an entry of the queue cannot be read; it is left where it is");
                    if let Some(waiter) = waiter {
                        waiter.failed(Refusal::Unavailable { reason: error.to_string(), retry_after: STORE_PAUSE });
                    }
                    self.shared.leave_on_disk(size);
                    return None;
                }
            },
        };
        Some(Dispatch { batch, size, tickets: vec![Arc::new(Ticket { number, size, waiter, letter })] })
    }

    /// Reads an entry. While the store itself cannot be read, as on a full disk, it tries again: that says nothing about the entry.
    /// `None` when the lane is closed meanwhile; what is on disk is sent after the next start.
    async fn read(&self, stored: &Arc<StoredQueue>, number: u64) -> Option<Result<Batch, StoredError>> {
        let mut closing = self.shared.closing.subscribe();
        loop {
            let stored = Arc::clone(stored);
            let read = match tokio::task::spawn_blocking(move || stored.read(number)).await {
                Ok(read) => read,
                Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
            };
            match read {
                Err(StoredError::Store(error)) if !matches!(error, StoreError::Record { .. }) => {
                    tracing::warn!(exporter = %self.shared.id, %error, "the queue on disk cannot be read; trying again");
                }
                read => return Some(read),
            }
            tokio::select! {
                () = tokio::time::sleep(STORE_PAUSE) => {}
                // An error means that the lane is gone.
                _ = closing.wait_for(|closing| *closing) => return None,
            }
        }
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
