//! A new version that is to replace running processors of a worker: all of a plugin that a batch can reach, or none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use crate::processor::{Follower, Heir, Instance, InstanceError};

/// What takes the places of a plugin in one worker, by the number of the slot.
pub enum Successors {
    /// Instances that know all that those before them know but for some calls: batches wait for no more of each than so many.
    Followers(Vec<(usize, Box<Follower>)>, usize),
    /// Those that start in their places.
    Heirs(Vec<(usize, Box<Heir>)>),
}

/// How a swap went.
pub enum Swapped {
    /// The new version runs. Batches waited so long for it.
    Done {
        /// From the end of the last flush, where there was one.
        pause: Duration,
        /// The old version, whose memory takes its time to be given back.
        retired: Vec<Instance>,
    },
    /// The old version runs on: the new one follows it, and has to catch up first.
    Behind(Vec<(usize, Box<Follower>)>),
    /// The old version is not what the new one has followed: it broke and was rebuilt, or there was too much to follow.
    Lost(Vec<(usize, Box<Follower>)>),
    /// The old version runs on, because the new one does not in that slot.
    Refused(usize, Box<InstanceError>),
    /// The old version runs on: its last flush in that slot found no room for what it emits.
    NoRoom(usize),
    /// The old version runs on: the new one was taken back before its moment.
    Withdrawn,
}

/// Who decides about a swap: the worker that begins to make it, or whoever asked for it and waits no longer.
#[derive(Debug, Clone, Default)]
pub struct Claim(Arc<AtomicBool>);

impl Claim {
    /// True for the first who asks.
    pub fn take(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}

/// A new version for places of the worker.
pub struct Swap {
    /// The new version.
    pub successors: Successors,
    /// To be taken before it is made.
    pub claim: Claim,
    /// Who wants to know.
    pub done: Sender<Swapped>,
}

/// A swap that waits for its moment.
pub struct PlannedSwap {
    pub(super) heirs: Vec<(usize, Box<Heir>)>,
    /// When it is to be tried.
    pub next: Instant,
    /// Slots whose instances are flushed then, for the last time.
    pub leaving: Vec<usize>,
    /// So many of them have been at the end of that flush.
    pub(super) flushed: usize,
    /// It need not wait that long once that slot has seen more flushes than these.
    pub(super) behind_flush: Option<(usize, u64)>,
    /// Nor that long once no request waits.
    pub(super) when_idle: bool,
    pub(super) claim: Claim,
    pub(super) done: Sender<Swapped>,
    pub(super) give_up: Instant,
}

impl PlannedSwap {
    /// Whether it comes to one of these places.
    pub(super) fn is_for(&self, wanted: impl Fn(usize) -> bool) -> bool {
        self.heirs.iter().any(|(place, _)| wanted(*place))
    }
}
