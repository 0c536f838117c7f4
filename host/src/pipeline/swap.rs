//! Replacing a running processor between two batches.
//!
//! A version that keeps state goes on from it, whatever was not flushed yet: between two batches nothing is anywhere else. Its moment is when
//! there is least to read: soon after the flush that is due, when what had to wait for that flush has gone on. So batches wait for the new
//! version's start alone, and not for both. Any other instance is flushed for the last time directly before it is replaced, when it is due, or
//! at once where that is seldom or never. Batches that come meanwhile wait in the worker's queue: none is lost, refused or seen by both.

use std::ops::RangeInclusive;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use crate::contract::Durability;
use crate::processor::{Instance, InstanceError, Successor};

use super::slot::Slot;
use super::worker::{Flushed, Worker};

/// A swap waits for a flush that is due within this time, and makes one otherwise.
const FLUSH_WITHIN: Duration = Duration::from_secs(10);

/// The worker has caught up with what a flush has kept waiting, after so many times as long as that took.
const CAUGHT_UP: u32 = 2;
/// The bounds of that time.
const CATCH_UP: RangeInclusive<Duration> = Duration::from_millis(20)..=Duration::from_secs(1);

/// How soon a last flush that found no room is tried again.
const ROOM_PAUSE: Duration = Duration::from_millis(20);

/// How long a last flush may find no room. What it would have emitted is lost for a processor that does not keep it in its state: so
/// the swap is given up.
const ROOM_WITHIN: Duration = Duration::from_secs(30);

/// How a swap went.
pub enum Swapped {
    /// The new version runs. Batches waited so long for it.
    Done {
        /// From the end of the last flush.
        pause: Duration,
        /// The old version, whose memory takes its time to be given back.
        retired: Option<Box<Instance>>,
    },
    /// The old version runs on.
    Refused(Box<InstanceError>),
    /// The old version runs on: its last flush found no room for what it emits.
    NoRoom,
    /// The old version runs on: the new one was taken back before its moment.
    Withdrawn,
}

/// A new version for a place of the worker.
pub struct Swap {
    /// Which of its slots.
    pub place: usize,
    /// The new version.
    pub successor: Successor,
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
    successor: Successor,
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

    /// How long the worker takes to catch up with what a flush keeps waiting.
    fn catch_up(&self, place: usize) -> Duration {
        let took = self.processors.slots.get(place).map_or(Duration::ZERO, Slot::flush_took);
        took.saturating_mul(CAUGHT_UP).clamp(*CATCH_UP.start(), *CATCH_UP.end())
    }

    /// Finds the moment for a swap.
    pub(super) fn plan_swap(&mut self, swap: Swap) {
        let Swap { place, mut successor, done } = swap;
        let now = Instant::now();
        let goes_on = successor.is_stateful() && self.processors.slots.get(place).is_some_and(Slot::is_stateful);
        let (next, flushes) = match self.soon(place, now) {
            Some(due) if goes_on && self.waits(place) => (due + self.catch_up(place), false),
            Some(_) if goes_on => (now, false),
            due => (due.filter(|_| self.waits(place)).unwrap_or(now), true),
        };
        // A version that has not come to its place yet is overtaken.
        self.swaps.retain(|planned| planned.place != place);
        self.swaps.push(PlannedSwap { place, next, flushes, successor, done, give_up: next + ROOM_WITHIN });
    }

    /// Takes back the one for that place, if it has not been made.
    pub(super) fn withdraw_swap(&mut self, place: usize) {
        let withdrawn = self.swaps.extract_if(.., |planned| planned.place == place);
        withdrawn.for_each(|planned| tell(&planned.done, Swapped::Withdrawn));
        self.unmark(place);
    }

    /// Makes the swaps whose moment has come.
    pub(super) fn swap_due(&mut self) {
        let now = Instant::now();
        while let Some(index) = self.swaps.iter().position(|swap| swap.next <= now) {
            let mut swap = self.swaps.swap_remove(index);
            if !swap.flushes {
                self.swap(swap);
                return;
            }
            match self.flush(swap.place, true) {
                Flushed::NoRoom if now >= swap.give_up => {
                    self.unmark(swap.place);
                    tell(&swap.done, Swapped::NoRoom);
                }
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

    fn unmark(&mut self, place: usize) {
        if let Some(slot) = self.processors.slots.get_mut(place) {
            slot.forget_mark();
        }
    }

    fn swap(&mut self, swap: PlannedSwap) {
        let PlannedSwap { place, mut successor, done, .. } = swap;
        let (started, part) = (Instant::now(), self.part(place));
        if self.processors.slots.get_mut(place).is_some_and(|slot| slot.wants_stored(&mut successor)) {
            self.committer.settle();
        }
        let (mut trip, now) = (self.trip(), self.clock.now());
        let Some(slot) = self.processors.slots.get_mut(place) else { return };
        match slot.swap(successor, trip.number, now) {
            Ok((writes, retired)) => {
                self.health.recovered(&part);
                trip.writes = writes;
                self.conclude(trip, Durability::Sync, None);
                tell(&done, Swapped::Done { pause: started.elapsed(), retired });
            }
            Err(error) => tell(&done, Swapped::Refused(Box::new(error))),
        }
    }
}

fn tell(done: &Sender<Swapped>, swapped: Swapped) {
    // Whoever asked may have given up waiting.
    let _ = done.send(swapped);
}
