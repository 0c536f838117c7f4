//! A lane: what stands between pipelines and one exporter.
//!
//! Room is reserved before any plugin runs, so a full lane refuses a request while nothing has changed, and a committed trip
//! always has a place to go. There are two kinds: exporters that hold their data in memory are fed in order by one task; those
//! that push have a queue, retries and a breaker.

pub(super) mod local;
pub(super) mod push;

use std::time::Duration;

use super::{Size, Waiter};
use crate::contract::{Batch, ComponentId, Trace};
use crate::storage::Write;
pub use local::{LocalLane, LocalReserved, LocalTask};
pub use push::{LaneContext, LaneError, PushLane, PushReserved};

/// The near end of a lane. Clones lead into the same one.
#[derive(Clone)]
pub enum Lane {
    /// To an exporter in memory.
    Local(LocalLane),
    /// To an exporter that pushes.
    Push(PushLane),
}

/// Room for one trip in one lane. Dropped, it is given back.
pub enum Reserved {
    /// In a lane to memory.
    Local(LocalReserved),
    /// In a queue.
    Push(PushReserved),
}

/// The lane has no room.
#[derive(Debug)]
pub struct LaneFull {
    /// The exporter's id.
    pub exporter: ComponentId,
    /// When there will be.
    pub retry_after: Duration,
    /// Whether senders are to wait for it rather than be refused.
    pub waits: bool,
}

/// What a flush emits is not known before it has run.
fn size(batch: Option<&Batch>) -> Size {
    batch.map_or_else(Size::default, Size::of)
}

impl Lane {
    /// Sets room aside for as many trips with this batch, or flushes: for all of them or for none, and without waiting.
    pub fn reserve(&self, batch: Option<&Batch>, shares: usize) -> Result<Vec<Reserved>, LaneFull> {
        match self {
            Lane::Local(lane) => (0..shares).map(|_| lane.reserve().map(Reserved::Local)).collect(),
            Lane::Push(lane) => Ok(lane.reserve(size(batch), shares)?.into_iter().map(Reserved::Push).collect()),
        }
    }

    /// Waits until there is room for so many trips with this batch, nobody is to wait any more, or nobody waits for this one.
    pub fn wait_for_room(&self, batch: &Batch, shares: usize, is_withdrawn: &dyn Fn() -> bool) {
        if let Lane::Push(lane) = self {
            lane.wait_for_room(Size::of(batch), shares, is_withdrawn);
        }
    }

    /// Whether items have to be counted before room is reserved.
    pub fn counts_items(&self) -> bool {
        matches!(self, Lane::Push(lane) if lane.counts_items())
    }

    /// A batch of so many items found no room.
    pub fn count_refused(&self, batch: &Batch, items: u64) {
        if let Lane::Push(lane) = self {
            lane.count_refused(batch.signal, items);
        }
    }

    /// The exporter it ends at.
    pub fn id(&self) -> &ComponentId {
        match self {
            Lane::Local(lane) => lane.id(),
            Lane::Push(lane) => lane.id(),
        }
    }

    /// Whether senders wait for what the destination says.
    pub fn waits(&self) -> bool {
        matches!(self, Lane::Push(lane) if lane.waits())
    }

    /// Whether what is in it is on disk.
    pub fn is_persistent(&self) -> bool {
        matches!(self, Lane::Push(lane) if lane.is_persistent())
    }

    /// Waits until everything sent so far has been consumed, for an exporter in memory.
    pub async fn drained(&self) {
        if let Lane::Local(lane) = self {
            lane.drained().await;
        }
    }

    /// A full lane refuses from now on instead of making anybody wait: the process is about to end.
    pub fn stop_blocking(&self) {
        if let Lane::Push(lane) = self {
            lane.stop_blocking();
        }
    }

    /// Nothing more will come.
    pub fn close(self) {
        if let Lane::Push(lane) = self {
            lane.close();
        }
    }
}

impl Reserved {
    /// Adds to the trip's writes what makes its batches survive, where the lane is on disk.
    pub fn prepare(&mut self, batches: &[Batch], writes: &mut Vec<Write>) {
        if let Reserved::Push(reserved) = self {
            reserved.prepare(batches, writes);
        }
    }

    /// What becomes of its batches is told to that trace.
    pub fn follow(&mut self, trace: &Trace) {
        match self {
            Reserved::Local(reserved) => reserved.follow(trace),
            Reserved::Push(reserved) => reserved.follow(trace),
        }
    }

    /// Whether the trip's sender waits for what becomes of it here.
    pub fn waits(&self) -> bool {
        matches!(self, Reserved::Push(reserved) if reserved.waits())
    }

    /// Whether what is sent here is dropped.
    pub fn drops(&self) -> bool {
        matches!(self, Reserved::Push(reserved) if reserved.drops())
    }

    /// Fills the room. Nothing to send gives it back.
    pub fn send(self, batches: Vec<Batch>, waiter: Option<&Waiter>) {
        match self {
            Reserved::Local(reserved) => reserved.send(batches),
            Reserved::Push(reserved) => reserved.send(batches, waiter),
        }
    }
}
