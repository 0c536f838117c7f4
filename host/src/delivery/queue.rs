//! The order of a lane and its bound: plain data, no threads, no clock of its own.
//!
//! What is reserved, what waits and what is being sent count together against the bound, so that whatever was let in has a place.

use std::collections::VecDeque;
use std::ops::{AddAssign, SubAssign};
use std::time::Instant;

use super::waiter::Waiter;
use crate::contract::{Batch, Sizer, Trace};

/// How much something is, in every unit a queue can be bounded in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    /// Batches.
    pub requests: u64,
    /// Metric points, spans or log records.
    pub items: u64,
    /// Bytes of OTLP.
    pub bytes: u64,
}

impl Size {
    /// The size of one batch whose items have been counted.
    pub fn of(batch: &Batch) -> Size {
        Size { requests: 1, items: batch.items.unwrap_or(0), bytes: batch.bytes.len() as u64 }
    }

    /// What room for it takes: a place at least, where it is not known yet what a flush will emit.
    pub fn occupied(self) -> Size {
        Size { requests: self.requests.max(1), ..self }
    }

    /// What room for so many takes.
    pub fn times(self, shares: usize) -> Size {
        let (one, shares) = (self.occupied(), shares as u64);
        Size {
            requests: one.requests.saturating_mul(shares),
            items: one.items.saturating_mul(shares),
            bytes: one.bytes.saturating_mul(shares),
        }
    }

    /// In one unit.
    pub fn in_units(self, sizer: Sizer) -> u64 {
        match sizer {
            Sizer::Requests => self.requests,
            Sizer::Items => self.items,
            Sizer::Bytes => self.bytes,
        }
    }
}

impl AddAssign for Size {
    fn add_assign(&mut self, more: Size) {
        self.requests += more.requests;
        self.items += more.items;
        self.bytes += more.bytes;
    }
}

impl SubAssign for Size {
    fn sub_assign(&mut self, less: Size) {
        self.requests = self.requests.saturating_sub(less.requests);
        self.items = self.items.saturating_sub(less.items);
        self.bytes = self.bytes.saturating_sub(less.bytes);
    }
}

/// One batch that waits.
#[derive(Debug)]
pub struct Entry {
    /// Its place in the order, and its name on disk.
    pub number: u64,
    /// How much it is.
    pub size: Size,
    /// The batch.
    pub held: Held,
    /// Whom the destination's answer is for.
    pub waiter: Option<Waiter>,
    /// The dead letter it is, in a queue in memory: removed when it is settled.
    pub letter: Option<u64>,
    /// When it came, or the process began.
    pub since: Instant,
    /// What is told of its trip.
    pub trace: Trace,
}

impl Entry {
    /// Whether its batch is on disk only.
    pub fn is_stored(&self) -> bool {
        matches!(self.held, Held::Stored)
    }
}

/// Where a batch that waits is.
#[derive(Debug)]
pub enum Held {
    /// In memory.
    Ready(Batch),
    /// On disk only.
    Stored,
}

/// The entries of one lane, in the order of their numbers.
#[derive(Debug, Default)]
pub struct Queue {
    waiting: VecDeque<Entry>,
    /// Of everything reserved, waiting and being sent.
    held: Size,
    next_number: u64,
}

impl Queue {
    /// How much is reserved, waiting or being sent.
    pub fn held(&self) -> Size {
        self.held
    }

    /// When the first of those that wait came.
    pub fn oldest(&self) -> Option<Instant> {
        self.waiting.front().map(|entry| entry.since)
    }

    /// Counts more as held: what was let in.
    pub fn hold(&mut self, size: Size) {
        self.held += size;
    }

    /// Counts less as held: what has left.
    pub fn release(&mut self, size: Size) {
        self.held -= size;
    }

    /// The number of the next entry.
    pub fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number - 1
    }

    /// An entry that was there before the start: it is held, and later numbers are higher.
    pub fn restore(&mut self, entry: Entry) {
        self.next_number = self.next_number.max(entry.number + 1);
        self.held += entry.size;
        self.insert(entry);
    }

    /// Takes in an entry that is held already. Trips of several workers may come a little out of order.
    pub fn insert(&mut self, entry: Entry) {
        let behind = self.waiting.iter().rev().take_while(|waiting| waiting.number > entry.number).count();
        self.waiting.insert(self.waiting.len() - behind, entry);
    }

    /// The first entry leaves the queue if it is such a one.
    pub fn take_if(&mut self, wanted: impl Fn(&Entry) -> bool) -> Option<Entry> {
        self.waiting.pop_front_if(|entry| wanted(entry))
    }

    /// The first entry leaves the queue; it stays held until it is released.
    pub fn take(&mut self) -> Option<Entry> {
        self.waiting.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::contract::{InvalidUtf8, Metadata, Signal};

    fn entry(number: u64, bytes: u64) -> Entry {
        let size = Size { requests: 1, items: 2, bytes };
        let batch = Batch {
            signal: Signal::Logs,
            bytes: Bytes::new(),
            items: Some(2),
            invalid_utf8: InvalidUtf8::Accept,
            metadata: Metadata::default(),
        };
        Entry {
            number,
            size,
            held: Held::Ready(batch),
            waiter: None,
            letter: None,
            since: Instant::now(),
            trace: Trace::default(),
        }
    }

    #[test]
    fn entries_leave_in_the_order_of_their_numbers() {
        let mut queue = Queue::default();
        queue.restore(entry(7, 10));
        assert_eq!((queue.number(), queue.number()), (8, 9));
        queue.insert(entry(9, 1));
        queue.insert(entry(8, 1));
        let taken: Vec<u64> = std::iter::from_fn(|| queue.take()).map(|entry| entry.number).collect();
        assert_eq!(taken, [7, 8, 9]);
        assert_eq!(queue.held(), Size { requests: 1, items: 2, bytes: 10 }, "only what was restored was counted here");
    }
}
