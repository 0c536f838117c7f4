//! `sending_queue.batch`: small batches are merged, large ones are split, both on their bytes.
//!
//! Export requests are merged by putting one behind the other. What differs in signal, in what is done about UTF-8 or in a metadata
//! key of the partition is never merged.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::dispatch::{Dispatch, QueueTicket};
use super::queue::Size;
use crate::contract::{Batch, Batching, InvalidUtf8, Metadata, Signal, Sizer};
use crate::otlp::split::{Bound, joined, split};

/// Batches on their way to being one, by partition; the oldest first.
#[derive(Default)]
pub struct Gathering {
    groups: Vec<Group>,
}

/// More partitions than this at a time: the oldest is sent early.
const GROUPS_MAX: usize = 1024;

struct Group {
    partition: Partition,
    parts: Vec<Dispatch>,
    size: Size,
    due: Instant,
}

/// What a merged batch has in common.
#[derive(PartialEq, Eq)]
struct Partition {
    signal: Signal,
    invalid_utf8: InvalidUtf8,
    metadata: Metadata,
    /// Whether senders wait for it: they still have what they sent, and are told what became of it. What nobody waits for is kept here.
    waits: bool,
}

impl Gathering {
    /// When the oldest has waited long enough.
    pub fn due(&self) -> Option<Instant> {
        self.groups.first().map(|group| group.due)
    }

    /// Takes in one more batch; returns what is to be sent now.
    pub fn add(&mut self, batching: &Batching, dispatch: Dispatch, now: Instant) -> Vec<Dispatch> {
        let partition = partition(&dispatch, batching);
        let known = self.groups.iter().position(|group| group.partition == partition);
        let index = known.unwrap_or_else(|| {
            let due = now + batching.flush_timeout;
            self.groups.push(Group { partition, parts: Vec::new(), size: Size::default(), due });
            self.groups.len() - 1
        });
        let Some(group) = self.groups.get_mut(index) else { return Vec::new() };
        group.size += dispatch.size;
        group.parts.push(dispatch);
        if group.size.in_units(batching.sizer) >= batching.min_size {
            return self.groups.remove(index).finish(batching);
        }
        if self.groups.len() > GROUPS_MAX { self.groups.remove(0).finish(batching) } else { Vec::new() }
    }

    /// What has waited long enough at `now`.
    pub fn late(&mut self, batching: &Batching, now: Instant) -> Vec<Dispatch> {
        let late = self.groups.iter().take_while(|group| group.due <= now).count();
        self.groups.drain(..late).flat_map(|group| group.finish(batching)).collect()
    }

    /// Everything.
    pub fn rest(&mut self, batching: &Batching) -> Vec<Dispatch> {
        self.groups.drain(..).flat_map(|group| group.finish(batching)).collect()
    }
}

/// Without keys, whatever metadata there is makes no difference, and does not go on: which of several would it be?
fn partition(dispatch: &Dispatch, batching: &Batching) -> Partition {
    let (batch, waits) = (&dispatch.batch, dispatch.waiters().next().is_some());
    let keys = &batching.metadata_keys;
    let entries = batch.metadata.entries().iter().filter(|(name, _)| keys.contains(name)).cloned();
    let metadata = Metadata::new(entries.collect());
    Partition { signal: batch.signal, invalid_utf8: batch.invalid_utf8, metadata, waits }
}

impl Group {
    fn finish(self, batching: &Batching) -> Vec<Dispatch> {
        let Group { partition, parts, size, .. } = self;
        let Partition { signal, invalid_utf8, metadata, .. } = partition;
        let tickets: Vec<Arc<QueueTicket>> = parts.iter().flat_map(|part| part.tickets.iter().cloned()).collect();
        let batch =
            |bytes: Bytes, items| Batch { signal, bytes, items: Some(items), invalid_utf8, metadata: metadata.clone() };
        let bytes = joined(parts.iter().map(|part| &part.batch.bytes));
        let whole = Dispatch { batch: batch(bytes, size.items), size, tickets };
        let bound = match (batching.max_size, batching.sizer) {
            (0, _) => return vec![whole],
            (most, Sizer::Bytes) => Bound::Bytes(most),
            (most, Sizer::Items | Sizer::Requests) => Bound::Items(most),
        };
        if size.in_units(batching.sizer) <= batching.max_size {
            return vec![whole];
        }
        // Batches were checked when they came; one that does not split goes whole.
        let parts = split(signal, &whole.batch.bytes, bound).unwrap_or_default();
        if parts.is_empty() {
            return vec![whole];
        }
        let of = |part: crate::otlp::split::Part| {
            let size = Size { requests: 1, items: part.items, bytes: part.bytes.len() as u64 };
            Dispatch { batch: batch(part.bytes.into(), part.items), size, tickets: whole.tickets.clone() }
        };
        parts.into_iter().map(of).collect()
    }
}
