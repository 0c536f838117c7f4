//! When an instance is flushed, and what becomes of a flush that fails.

use std::time::{Duration, Instant};

use crate::contract::Refusal;
use crate::processor::InstanceError;

use super::{Occupant, Slot};

/// For so many times as long as a call of a flush took, requests that wait are processed before the next call.
const REQUESTS_FIRST: u32 = 3;
/// A flush that waits for so long after it failed, which is the third in a row, is told by health.
const FLUSHES_FAIL: Duration = Duration::from_secs(4);
/// How soon a flush that found no room on its way is tried again.
const STALLED_PAUSE: Duration = Duration::from_millis(20);

/// A flush between two of its calls.
pub(super) struct Flushing {
    /// Whether it is the last one of the instance.
    last: bool,
    /// Whether it found no room, or a processor behind it was down.
    is_stalled: bool,
}

impl Slot {
    /// Whether an instance lives here that has what it emits in no other place than its memory.
    pub fn loses_what_is_not_flushed(&mut self) -> bool {
        matches!(&self.occupant, Occupant::Living(instance) if !instance.is_stateful() && instance.flush_every().is_some())
    }

    /// A processor behind this one does not take what its flush emitted. Where there is state, that is emitted again later.
    pub fn flush_refused(&mut self, batch: u64, emitted: u64, refusal: &Refusal) {
        let error = format!("what its flush emitted is refused: {refusal}");
        if self.is_stateful() {
            self.say(batch, &error, "it is emitted again by an instance rebuilt from committed state");
            self.flush_backoff.fail();
            self.discard(batch, &error);
            return;
        }
        self.say(batch, &error, &format!("its {emitted} items are lost, as the processor keeps no state"));
        self.ledger.emitted.add(emitted);
        self.ledger.dropped_refused.add(emitted);
    }

    /// Whether a flush has begun that has more to do.
    pub fn is_flushing(&self) -> bool {
        self.flushing.is_some() && matches!(self.occupant, Occupant::Living(_))
    }

    /// A flush failed. The next instance takes batches at once, and is not flushed before a while.
    pub fn flush_failed(&mut self, error: &InstanceError) {
        self.flush_backoff.fail();
        self.fail(error);
    }

    /// Whether several flushes failed, one after the other.
    pub fn flushes_fail(&self) -> bool {
        self.flush_backoff.wait() >= FLUSHES_FAIL
    }

    /// A flush counted.
    pub fn flush_succeeded(&mut self) {
        // It says nothing of batches.
        self.flush_backoff.reset();
    }

    /// When the next flush is due. Nothing that is broken is flushed.
    pub fn flush_at(&self) -> Option<Instant> {
        self.flush_at.filter(|_| matches!(self.occupant, Occupant::Living(_)))
    }

    /// Sets the next flush one interval from now.
    pub fn schedule_flush(&mut self) {
        let Occupant::Living(instance) = &self.occupant else { return };
        self.flush_at = instance.flush_every().map(|interval| Instant::now() + interval.max(self.flush_backoff.wait()));
    }

    /// A call of the flush counts, which took so long. Where there is more to flush (`more` says whether of the last one), requests that wait
    /// go first for a while.
    pub fn flushed(&mut self, more: Option<bool>, took: Duration) {
        self.flushing = more.map(|last| Flushing { last, is_stalled: false });
        match self.flushing {
            Some(_) => self.flush_at = Some(Instant::now() + took * REQUESTS_FIRST),
            None => {
                self.flushes += 1;
                self.unflushed.clear();
            }
        }
    }

    /// Nobody waits: a flush that has more to do, and could do it the last time, goes on at once.
    pub fn hasten_flush(&mut self) {
        if self.flushing.as_ref().is_some_and(|flushing| !flushing.is_stalled) {
            self.flush_at = Some(Instant::now());
        }
    }

    /// A flush that cannot go on now is tried again soon, one that has not begun at its next time.
    pub fn put_off_flush(&mut self) {
        if let Some(flushing) = &mut self.flushing {
            flushing.is_stalled = true;
            self.flush_at = Some(Instant::now() + STALLED_PAUSE);
        }
    }

    /// Whether the last flush of the instance is under way.
    pub fn is_flushing_last(&self) -> bool {
        self.flushing.as_ref().is_some_and(|flushing| flushing.last)
    }

    /// How many flushes have come to their end here.
    pub fn flushes(&self) -> u64 {
        self.flushes
    }

    /// After another instance has taken over: a plugin that breaks again and again is flushed as often as any other.
    pub(super) fn resume_flush(&mut self) {
        let before = self.flush_at;
        self.schedule_flush();
        let not_before = Instant::now() + self.flush_backoff.wait();
        self.flush_at = self.flush_at.map(|at| before.map_or(at, |before| before.min(at).max(not_before)));
    }
}
