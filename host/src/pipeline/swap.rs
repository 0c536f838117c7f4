//! Replacing a running processor between two batches.
//!
//! A version that follows the running one knows what that knows: the two are exchanged at once, wherever a flush stands. Any other starts in
//! its place while batches wait. Where both keep state, that is directly behind a flush, when there is least to read. Any other instance
//! is flushed for the last time directly before it is replaced, when that is due, or at once where it is seldom or never. Batches that
//! come meanwhile wait in the worker's queue: none is lost, refused or counted by both.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use crate::contract::Durability;
use crate::processor::{Follower, Heir, Instance, InstanceError, Successor};
use crate::storage::Write;

use super::slot::{Exchanged, Slot};
use super::trip::Gathered;
use super::worker::{Flushed, Worker};

/// A last flush waits for one that is due within this time, and is made at once otherwise.
const FLUSH_WITHIN: Duration = Duration::from_secs(10);

/// How long a version waits behind that flush for a moment in which no request does.
const IDLE_WITHIN: Duration = Duration::from_millis(20);

/// How soon a last flush that found no room is tried again.
const ROOM_PAUSE: Duration = Duration::from_millis(20);

/// How long a last flush may find no room. What it would have emitted is lost for a processor that does not keep it in its state: so
/// the swap is given up.
const ROOM_WITHIN: Duration = Duration::from_secs(30);

/// How a swap went.
pub enum Swapped {
    /// The new version runs. Batches waited so long for it.
    Done {
        /// From the end of the last flush, where there was one.
        pause: Duration,
        /// The old version, whose memory takes its time to be given back.
        retired: Option<Box<Instance>>,
    },
    /// The old version runs on: the new one follows it, and has to catch up first.
    Behind(Box<Follower>),
    /// The old version is not what the new one has followed: it broke and was rebuilt, or there was too much to follow.
    Lost(Box<Follower>),
    /// The old version runs on.
    Refused(Box<InstanceError>),
    /// The old version runs on: its last flush found no room for what it emits.
    NoRoom,
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

/// A new version for a place of the worker.
pub struct Swap {
    /// Which of its slots.
    pub place: usize,
    /// The new version.
    pub successor: Successor,
    /// To be taken before it is made.
    pub claim: Claim,
    /// Who wants to know.
    pub done: Sender<Swapped>,
}

/// A swap that waits for its moment.
pub struct PlannedSwap {
    /// Which slot.
    pub place: usize,
    /// When it is to be tried.
    pub next: Instant,
    /// Whether the old instance is flushed then, for the last time.
    pub flushes: bool,
    /// It need not wait that long once the place has seen more flushes than these.
    behind_flush: Option<u64>,
    /// Nor that long once no request waits.
    when_idle: bool,
    heir: Box<Heir>,
    claim: Claim,
    done: Sender<Swapped>,
    give_up: Instant,
}

impl Worker {
    /// When the flush of that place is due, if it is soon.
    fn soon(&self, place: usize, now: Instant) -> Option<Instant> {
        let flush_at = self.processors.slots.get(place).and_then(Slot::flush_at);
        flush_at.filter(|due| *due <= now + FLUSH_WITHIN)
    }

    /// Whether a new version waits for a flush. Of several instances one does: the others have theirs at about the same time, which is over
    /// when they are asked.
    fn waits(&self, place: usize) -> bool {
        let partition = self.processors.slots.get(place).and_then(|slot| slot.setup().partition.as_ref());
        partition.is_none_or(|partition| partition.number == 0)
    }

    /// Exchanges a follower at once, and finds the moment for any other.
    pub(super) fn plan_swap(&mut self, swap: Swap) {
        let Swap { place, successor, claim, done } = swap;
        match successor {
            Successor::Follower(follower, behind_max) => {
                if claim.take() {
                    self.exchange(place, follower, behind_max, &done);
                }
            }
            Successor::Heir(heir) => {
                let now = Instant::now();
                let slot = self.processors.slots.get(place);
                // What was not flushed yet is in the state.
                let goes_on = heir.is_stateful() && slot.is_some_and(Slot::is_stateful);
                let due = self.soon(place, now).filter(|_| self.waits(place));
                let (next, behind_flush) = match due {
                    Some(_) if goes_on => (now + FLUSH_WITHIN, slot.map(Slot::flushes)),
                    due => (due.unwrap_or(now), None),
                };
                // A version that has not come to its place yet is overtaken.
                self.swaps.retain(|planned| planned.place != place);
                let give_up = next + ROOM_WITHIN;
                self.swaps.push(PlannedSwap {
                    place,
                    next,
                    flushes: !goes_on,
                    behind_flush,
                    when_idle: false,
                    heir,
                    claim,
                    done,
                    give_up,
                });
            }
        }
    }

    /// Forks the states that are wanted, between two flushes: what a flush has begun, another instance cannot go on with.
    pub(super) fn fork_due(&mut self) {
        for fork in std::mem::take(&mut self.forks) {
            match self.processors.slots.get_mut(fork.place) {
                Some(slot) if slot.is_flushing() => self.forks.push(fork),
                // Whoever asked may have given up waiting.
                slot => drop(fork.done.send(slot.and_then(|slot| slot.fork(fork.snapshot)))),
            }
        }
    }

    /// Takes back the one for that place, if it has not been made.
    pub(super) fn withdraw_swap(&mut self, place: usize) {
        let withdrawn = self.swaps.extract_if(.., |planned| planned.place == place);
        withdrawn.for_each(|planned| tell(&planned.done, Swapped::Withdrawn));
        self.forks.retain(|fork| fork.place != place);
        if let Some(slot) = self.processors.slots.get_mut(place) {
            slot.forget_follower();
        }
    }

    /// No request waits: those who came during the flush have been served.
    pub(super) fn hasten_swaps(&mut self) {
        for swap in self.swaps.iter_mut().filter(|swap| swap.when_idle) {
            swap.next = Instant::now();
        }
    }

    /// Makes the swaps whose moment has come.
    pub(super) fn swap_due(&mut self) {
        let now = Instant::now();
        let flushes = |place: usize| self.processors.slots.get(place).map(Slot::flushes);
        for swap in &mut self.swaps {
            if swap.behind_flush.take_if(|before| flushes(swap.place) > Some(*before)).is_some() {
                (swap.next, swap.when_idle) = (now + IDLE_WITHIN, true);
            }
        }
        while let Some(index) = self.swaps.iter().position(|swap| swap.next <= now) {
            let mut swap = self.swaps.swap_remove(index);
            if !swap.flushes {
                self.swap(swap);
                return;
            }
            match self.flush(swap.place, true) {
                Flushed::NoRoom if now >= swap.give_up => tell(&swap.done, Swapped::NoRoom),
                Flushed::NoRoom => {
                    swap.next = now + ROOM_PAUSE;
                    self.swaps.push(swap);
                }
                // Other work may come between.
                Flushed::More => self.swaps.push(swap),
                Flushed::Done => self.swap(swap),
            }
            if self.swaps.last().is_some_and(|last| last.next <= now) {
                return;
            }
        }
    }

    fn swap(&mut self, swap: PlannedSwap) {
        let PlannedSwap { place, mut heir, claim, done, .. } = swap;
        if !claim.take() {
            return;
        }
        let started = Instant::now();
        if self.processors.slots.get_mut(place).is_some_and(|slot| slot.wants_stored(&mut heir)) {
            self.committer.settle();
        }
        let (trip, now) = (self.trip(), self.clock.now());
        let Some(slot) = self.processors.slots.get_mut(place) else { return };
        match slot.start(*heir, trip.number, now) {
            Ok((writes, retired)) => self.swapped((place, started), trip, writes, retired, &done),
            Err(error) => tell(&done, Swapped::Refused(Box::new(error))),
        }
    }

    fn exchange(&mut self, place: usize, follower: Box<Follower>, behind_max: usize, done: &Sender<Swapped>) {
        let (started, trip) = (Instant::now(), self.trip());
        let Some(slot) = self.processors.slots.get_mut(place) else { return };
        match slot.exchange(follower, behind_max, trip.number) {
            Ok(Exchanged::Done(writes, retired)) => self.swapped((place, started), trip, writes, retired, done),
            Ok(Exchanged::Behind(follower)) => tell(done, Swapped::Behind(follower)),
            Ok(Exchanged::Lost(follower)) => tell(done, Swapped::Lost(follower)),
            Err(error) => {
                slot.forget_follower();
                tell(done, Swapped::Refused(Box::new(error)));
            }
        }
    }

    fn swapped(
        &mut self,
        (place, started): (usize, Instant),
        mut trip: Gathered,
        writes: Vec<Write>,
        retired: Option<Box<Instance>>,
        done: &Sender<Swapped>,
    ) {
        self.health.recovered(&self.part(place));
        trip.writes = writes;
        self.conclude(trip, Durability::Sync, None);
        tell(done, Swapped::Done { pause: started.elapsed(), retired });
    }
}

fn tell(done: &Sender<Swapped>, swapped: Swapped) {
    // Whoever asked may have given up waiting.
    let _ = done.send(swapped);
}
