//! What leaves a queue together. An entry that is split into several dispatches is done with when the last of them is.

use std::sync::Arc;

use super::lane::Shared;
use super::queue::{Entry, Held, Size};
use super::stored::StoredError;
use super::waiter::Waiter;
use crate::contract::Batch;

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
}

/// Makes dispatches of what waits, one task at a time, so that they leave in order.
pub struct Dispatcher {
    shared: Arc<Shared>,
    turn: tokio::sync::Mutex<()>,
}

impl Dispatcher {
    /// For one lane.
    pub fn new(shared: Arc<Shared>) -> Dispatcher {
        Dispatcher { shared, turn: tokio::sync::Mutex::new(()) }
    }

    /// Waits for the next dispatch. `None` when the lane is closed and nothing is left to send before the end.
    pub async fn next(&self) -> Option<Dispatch> {
        loop {
            let entry = {
                let _turn = self.turn.lock().await;
                self.take().await?
            };
            match self.load(entry).await {
                Ok(dispatch) => return Some(dispatch),
                Err((error, size)) => {
                    // It stays on disk, where a person or a later version can look at it.
                    tracing::error!(exporter = %self.shared.id, %error, "an entry of the queue cannot be read; it is left where it is");
                    self.shared.release(size);
                }
            }
        }
    }

    async fn take(&self) -> Option<Entry> {
        let mut closing = self.shared.closing.subscribe();
        loop {
            // Made before looking, so that what comes between is not missed.
            let work = self.shared.work.notified();
            let closed = *closing.borrow();
            if closed && self.shared.stored.is_some() {
                return None;
            }
            match self.shared.take() {
                Some(entry) => return Some(entry),
                None if closed => return None,
                None => {}
            }
            tokio::select! {
                () = work => {}
                // An error means that the lane is gone.
                _ = closing.changed() => {}
            }
        }
    }

    async fn load(&self, entry: Entry) -> Result<Dispatch, (StoredError, Size)> {
        let Entry { number, size, held, waiter, .. } = entry;
        let batch = match held {
            Held::Ready(batch) => batch,
            Held::Stored(stored) => match tokio::task::spawn_blocking(move || stored.read(number)).await {
                Ok(read) => read.map_err(|error| (error, size))?,
                Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
            },
        };
        Ok(Dispatch { batch, size, tickets: vec![Arc::new(Ticket { number, size, waiter })] })
    }

    /// Removes entries from the disk.
    pub async fn remove(&self, done: &[Ticket]) {
        let Some(stored) = self.shared.stored.clone().filter(|_| !done.is_empty()) else { return };
        let numbers: Vec<u64> = done.iter().map(|ticket| ticket.number).collect();
        let removed = tokio::task::spawn_blocking(move || stored.remove(&numbers)).await;
        if let Ok(Err(error)) = removed {
            tracing::error!(exporter = %self.shared.id, %error, "what was sent cannot be removed from the queue: it is sent again after the next start");
        }
    }
}
