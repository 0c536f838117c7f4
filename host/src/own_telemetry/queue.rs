//! What waits to be sent: bounded, and never waited for.

use tokio::sync::mpsc;

use crate::telemetry::{Counter, Registry};

const DROPPED_HELP: &str = "Log records and spans of the collector's own telemetry that were dropped.";

/// The near end. Clones lead into the same queue.
#[derive(Debug, Clone)]
pub struct Inlet<T> {
    sender: mpsc::Sender<T>,
    dropped: Counter,
}

/// The far end.
#[derive(Debug)]
pub struct Outlet<T> {
    receiver: mpsc::Receiver<T>,
}

/// A queue for so many; `data_type` is what is counted of it.
pub fn queue<T>(most: usize, data_type: &'static str, registry: &Registry) -> (Inlet<T>, Outlet<T>) {
    let (sender, receiver) = mpsc::channel(most.max(1));
    (Inlet { sender, dropped: dropped(registry, data_type, "queue_full") }, Outlet { receiver })
}

/// What counts log records or spans that were dropped for that reason.
pub fn dropped(registry: &Registry, data_type: &'static str, reason: &'static str) -> Counter {
    let labels = [("data_type", data_type), ("reason", reason)];
    registry.counter("otelier_telemetry_dropped_items", DROPPED_HELP, &labels)
}

impl<T> Inlet<T> {
    /// Adds one, or drops and counts it where there is no room.
    pub fn put(&self, item: T) {
        if self.sender.try_send(item).is_err() {
            self.dropped.add(1);
        }
    }
}

impl<T> Outlet<T> {
    /// Waits for one; `None` when no more will come.
    pub async fn next(&mut self) -> Option<T> {
        self.receiver.recv().await
    }

    /// What is there already, up to so many together with what is in `batch`.
    pub fn fill(&mut self, batch: &mut Vec<T>, most: usize) {
        while batch.len() < most {
            let Ok(item) = self.receiver.try_recv() else { return };
            batch.push(item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_room_is_dropped_and_counted() {
        let registry = Registry::default();
        let (inlet, mut outlet) = queue(2, "logs", &registry);
        (0..5).for_each(|number| inlet.put(number));
        let dropped = || registry.total("otelier_telemetry_dropped_items", &[("reason", "queue_full")]);
        assert_eq!(dropped(), 3);
        let mut batch = vec![9];
        outlet.fill(&mut batch, 2);
        assert_eq!(batch, [9, 0]);
        inlet.put(7);
        outlet.fill(&mut batch, 10);
        assert_eq!((batch.as_slice(), dropped()), (&[9, 0, 1, 7][..], 3));
    }
}
