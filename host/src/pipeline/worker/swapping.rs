//! Replacing running processors between two batches: all of a plugin that a batch can reach, or none, in one commit. So no batch is seen
//! by two versions.
//!
//! A version that follows the running one knows what that knows: the two are exchanged at once, wherever a flush stands. Any other starts in
//! its place while batches wait. Where both keep state, that is directly behind a flush, when there is least to read. Any other instance
//! is flushed for the last time directly before it is replaced, when that is due, or at once where it is seldom or never. Batches that
//! come meanwhile wait in the worker's queue: none is lost, refused or counted by both.

use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use crate::contract::Durability;
use crate::pipeline::slot::{Before, Slot};
use crate::pipeline::swap::{Claim, PlannedSwap, Successors, Swap, Swapped};
use crate::pipeline::trip::Gathered;
use crate::processor::{Follower, Heir, Instance, InstanceError, Standing};

use super::Worker;
use super::flushing::Flushed;

/// A last flush waits for one that is due within this time, and is made at once otherwise.
const FLUSH_WITHIN: Duration = Duration::from_secs(10);

/// How long a version waits behind that flush for a moment in which no request does.
const IDLE_WITHIN: Duration = Duration::from_millis(20);

/// How soon a last flush that found no room is tried again.
const ROOM_PAUSE: Duration = Duration::from_millis(20);

/// How long batches wait for what is flushed once more in several places, before that is put off.
const FLUSH_AGAIN_WITHIN: Duration = Duration::from_millis(500);

/// How long a last flush may find no room. What it would have emitted is lost for a processor that does not keep it in its state: so
/// the swap is given up.
const ROOM_WITHIN: Duration = Duration::from_secs(30);

impl Worker {
    /// When the flush of that place is due, if it is soon.
    fn soon(&self, place: usize, now: Instant) -> Option<Instant> {
        let flush_at = self.processors.slots.get(place).and_then(Slot::flush_at);
        flush_at.filter(|due| *due <= now + FLUSH_WITHIN)
    }

    /// Exchanges followers at once, and finds the moment for any other.
    pub(super) fn plan_swap(&mut self, swap: Swap) {
        let Swap { successors, claim, done } = swap;
        match successors {
            Successors::Followers(followers, behind_max) => {
                if claim.take() {
                    self.exchange(followers, behind_max, &done);
                }
            }
            Successors::Heirs(heirs) => self.plan(heirs, claim, done),
        }
    }

    fn plan(&mut self, heirs: Vec<(usize, Box<Heir>)>, claim: Claim, done: Sender<Swapped>) {
        let now = Instant::now();
        // What was not flushed yet is in the state.
        let goes_on = |place: usize, heir: &Heir| {
            heir.is_stateful() && self.processors.slots.get(place).is_some_and(Slot::is_stateful)
        };
        let leaves = |(place, heir): &(usize, Box<Heir>)| (!goes_on(*place, heir)).then_some(*place);
        let leaving: Vec<usize> = heirs.iter().filter_map(leaves).collect();
        let soon = heirs.iter().filter_map(|(place, _)| Some((self.soon(*place, now)?, *place)));
        let (next, behind_flush) = match leaving.is_empty() {
            // Those that go on have their flushes at about the same time.
            true => match soon.min() {
                Some((_, place)) => {
                    (now + FLUSH_WITHIN, self.processors.slots.get(place).map(|slot| (place, slot.flushes())))
                }
                None => (now, None),
            },
            false => (soon.filter(|(_, place)| leaving.contains(place)).min().map_or(now, |(due, _)| due), None),
        };
        // A version that has not come to its place yet is overtaken.
        self.swaps.retain(|planned| !planned.is_for(|place| heirs.iter().any(|(other, _)| *other == place)));
        let give_up = next + ROOM_WITHIN;
        let planned =
            PlannedSwap { heirs, next, leaving, flushed: 0, behind_flush, when_idle: false, claim, done, give_up };
        self.swaps.push(planned);
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

    /// Takes back the one for these places, if it has not been made.
    pub(super) fn withdraw_swap(&mut self, places: &[usize]) {
        let withdrawn = self.swaps.extract_if(.., |planned| planned.is_for(|place| places.contains(&place)));
        withdrawn.for_each(|planned| tell(&planned.done, Swapped::Withdrawn));
        self.forks.retain(|fork| !places.contains(&fork.place));
        places.iter().for_each(|place| self.forget_follower(*place));
    }

    fn forget_follower(&mut self, place: usize) {
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
            if swap.behind_flush.take_if(|(place, before)| flushes(*place) > Some(*before)).is_some() {
                (swap.next, swap.when_idle) = (now + IDLE_WITHIN, true);
            }
        }
        while let Some(index) = self.swaps.iter().position(|swap| swap.next <= now) {
            let mut swap = self.swaps.swap_remove(index);
            match self.flush_leaving(&mut swap) {
                Ok(()) => return self.swap(swap),
                Err((place, Flushed::NoRoom)) if now >= swap.give_up => tell(&swap.done, Swapped::NoRoom(place)),
                Err((_, Flushed::NoRoom)) => {
                    swap.next = now + ROOM_PAUSE;
                    self.swaps.push(swap);
                }
                // Other work may come between.
                Err(_) => return self.swaps.push(swap),
            }
        }
    }

    /// Flushes what is replaced and does not go on, for the last time. An error is the slot at which that stopped.
    fn flush_leaving(&mut self, swap: &mut PlannedSwap) -> Result<(), (usize, Flushed)> {
        while let Some(place) = swap.leaving.get(swap.flushed).copied() {
            match self.flush(place, true) {
                Flushed::Done => swap.flushed += 1,
                stopped => return Err((place, stopped)),
            }
        }
        match &swap.leaving[..] {
            // Nothing has come since.
            [] | [_] => Ok(()),
            several => self.flush_again(several),
        }
    }

    /// Flushes all once more without a pause: batches may have come to one while another was flushed, and cannot be many.
    fn flush_again(&mut self, leaving: &[usize]) -> Result<(), (usize, Flushed)> {
        let until = Instant::now() + FLUSH_AGAIN_WITHIN;
        for place in leaving {
            loop {
                match self.flush(*place, true) {
                    Flushed::Done => break,
                    Flushed::More if Instant::now() < until => {}
                    _ => return Err((*place, Flushed::NoRoom)),
                }
            }
        }
        Ok(())
    }

    fn swap(&mut self, swap: PlannedSwap) {
        let PlannedSwap { mut heirs, claim, done, .. } = swap;
        if !claim.take() {
            return;
        }
        let started = Instant::now();
        let slots = &mut self.processors.slots;
        let wants_stored =
            |(place, heir): &mut (usize, Box<Heir>)| slots.get_mut(*place).is_some_and(|slot| slot.wants_stored(heir));
        if heirs.iter_mut().any(wants_stored) {
            self.committer.barrier();
        }
        let (mut trip, moment) = (self.trip(), self.clock.moment());
        let (mut replaced, mut retired) = (Vec::new(), Vec::new());
        for (place, heir) in heirs {
            let Some(slot) = self.processors.slots.get_mut(place) else { continue };
            let before = slot.before();
            match slot.start(*heir, trip.number, moment) {
                Ok((mut writes, old)) => {
                    trip.writes.append(&mut writes);
                    retired.extend(old.map(|old| *old));
                    replaced.push((place, before));
                }
                Err(error) => {
                    replaced.into_iter().for_each(|(place, before)| self.take_back(place, before));
                    return tell(&done, Swapped::Refused(place, Box::new(error)));
                }
            }
        }
        let places: Vec<usize> = replaced.into_iter().map(|(place, _)| place).collect();
        self.swapped(&places, started, trip, retired, &done);
    }

    /// What started there was to run with another that does not start. Nothing of it is committed.
    fn take_back(&mut self, place: usize, before: Before) {
        if let Some(slot) = self.processors.slots.get_mut(place) {
            slot.take_back(before);
        }
    }

    fn exchange(&mut self, mut followers: Vec<(usize, Box<Follower>)>, behind_max: usize, done: &Sender<Swapped>) {
        let (started, mut trip) = (Instant::now(), self.trip());
        match self.draw_level(&mut followers, behind_max) {
            Ok(Standing::CaughtUp) => {}
            Ok(Standing::Behind) => return tell(done, Swapped::Behind(followers)),
            Ok(Standing::Lost | Standing::Differs) => return tell(done, Swapped::Lost(followers)),
            Err((place, error)) => {
                followers.iter().for_each(|(place, _)| self.forget_follower(*place));
                return tell(done, Swapped::Refused(place, error));
            }
        }
        let (mut places, mut retired) = (Vec::new(), Vec::new());
        for (place, follower) in followers {
            let Some(slot) = self.processors.slots.get_mut(place) else { continue };
            let (mut writes, old) = slot.exchange(follower, trip.number);
            trip.writes.append(&mut writes);
            retired.extend(old.map(|old| *old));
            places.push(place);
        }
        self.swapped(&places, started, trip, retired, done);
    }

    /// All followers make the last calls; then their states are adopted. Nothing can go wrong with any of them from then on.
    fn draw_level(
        &mut self,
        followers: &mut [(usize, Box<Follower>)],
        behind_max: usize,
    ) -> Result<Standing, (usize, Box<InstanceError>)> {
        let slots = &mut self.processors.slots;
        for (place, follower) in followers.iter_mut() {
            let Some(slot) = slots.get_mut(*place) else { return Ok(Standing::Lost) };
            match slot.catch_up(follower, behind_max).map_err(|error| (*place, Box::new(error)))? {
                Standing::CaughtUp => {}
                other => return Ok(other),
            }
        }
        for (place, follower) in followers.iter_mut() {
            let Some(slot) = slots.get_mut(*place) else { return Ok(Standing::Lost) };
            slot.adopt(follower).map_err(|error| (*place, Box::new(error)))?;
        }
        Ok(Standing::CaughtUp)
    }

    fn swapped(
        &mut self,
        places: &[usize],
        started: Instant,
        trip: Gathered,
        retired: Vec<Instance>,
        done: &Sender<Swapped>,
    ) {
        for place in places {
            if let Some(slot) = self.processors.slots.get_mut(*place) {
                slot.begin_anew();
            }
            self.health.recovered(&self.part(*place));
            self.health.recovered(&self.flushes_of(*place));
        }
        self.conclude(trip, Durability::Sync, None);
        tell(done, Swapped::Done { pause: started.elapsed(), retired });
    }
}

fn tell(done: &Sender<Swapped>, swapped: Swapped) {
    // Whoever asked may have given up waiting.
    let _ = done.send(swapped);
}
