//! What a worker flushes, and when.

use std::time::{Duration, Instant};

use crate::pipeline::room::reserve_for_flush;
use crate::pipeline::slot::Slot;
use crate::pipeline::trip::{FlushPlace, FlushRefused, Run};

use super::{Worker, position};

/// With more trips than these on their way to the store, a flush goes no faster than requests let it: each of its calls has room in every lane.
const UNCOMMITTED_MAX: u64 = 32;

/// How long flushing everything may take, at the start and at the end.
const FLUSH_ALL_MAX: Duration = Duration::from_secs(10);

/// How a flush ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flushed {
    Done,
    More,
    NoRoom,
}

impl Worker {
    /// Nobody waits: flushes that have more to do go on at once, unless the commit is behind.
    pub(super) fn hasten_flushes(&mut self) {
        if self.next_trip.saturating_sub(self.generation.watermark.get()) > UNCOMMITTED_MAX {
            return;
        }
        self.processors.slots.iter_mut().for_each(Slot::hasten_flush);
    }

    pub(super) fn flushes_fail(&self, index: usize) -> bool {
        self.processors.slots.get(index).is_some_and(Slot::flushes_fail)
    }

    pub(super) fn flush_due(&mut self) {
        let now = Instant::now();
        let is_due =
            |(index, slot): &(usize, &Slot)| slot.flush_at().is_some_and(|due| due <= now) && !self.is_leaving(*index);
        let due: Vec<usize> = self.processors.slots.iter().enumerate().filter(is_due).map(|(index, _)| index).collect();
        for index in due {
            self.flush(index, false);
        }
    }

    pub(super) fn put_off_flush(&mut self, index: usize) {
        if let Some(slot) = self.processors.slots.get_mut(index) {
            slot.put_off_flush();
        }
    }

    pub(super) fn flush_all(&mut self, last: bool) {
        let patience = Instant::now() + FLUSH_ALL_MAX;
        for index in 0..self.processors.slots.len() {
            loop {
                match self.flush(index, last) {
                    Flushed::Done => break,
                    _ if Instant::now() > patience => {
                        tracing::warn!("flushing everything takes too long; what is kept stays in the store");
                        break;
                    }
                    Flushed::More => {}
                    // The lane's task runs elsewhere and makes room; what is down is built again when its time comes.
                    Flushed::NoRoom => {
                        std::thread::sleep(Duration::from_millis(2));
                        self.mend();
                    }
                }
            }
        }
    }

    /// Flushes one processor. A full lane, or a processor further on that is down, puts it off. The last flush has no other time: it finds no
    /// room there, unless there is nothing to lose, as the plugin keeps what it has in its state or is never flushed.
    pub(super) fn flush(&mut self, index: usize, last: bool) -> Flushed {
        let (started, mut trip) = (Instant::now(), self.trip());
        let Some((pipeline, step)) = position(&self.pipelines, &self.processors.steps, index) else {
            return Flushed::Done;
        };
        let (is_last, mut last, mut finishes) = (last, last, false);
        if let Some(slot) = self.processors.slots.get_mut(index) {
            slot.schedule_flush();
            // The last one begins when the one that is under way has ended.
            finishes = last && slot.is_flushing() && !slot.is_flushing_last();
            last &= !finishes;
        }
        let connected = pipeline.behind.iter().filter_map(|place| Some(self.pipelines.get(*place)?.steps.clone()));
        let steps = std::iter::once(step + 1..pipeline.steps.end).chain(connected);
        let behind = steps.flat_map(|steps| self.processors.steps.get(steps).unwrap_or_default());
        let down = |slot: usize| self.processors.slots.get(slot).is_some_and(|slot| slot.retry_at().is_some());
        if behind.flat_map(|step| step.slots.clone()).any(down) {
            let loses = is_last && self.processors.slots.get_mut(index).is_some_and(Slot::loses_what_is_not_flushed);
            self.put_off_flush(index);
            return if loses { Flushed::NoRoom } else { Flushed::Done };
        }
        let Some(rooms) = reserve_for_flush(pipeline) else {
            self.put_off_flush(index);
            return Flushed::NoRoom;
        };
        let failed_before = self.flushes_fail(index);
        let commits = (&self.committer, &self.generation);
        let (processors, pipelines) = (&mut self.processors, self.pipelines.as_slice());
        let mut run = Run { processors, pipelines, moment: self.clock.moment(), commits, resumed: false };
        let flushed = run.flush(pipeline, FlushPlace { step, index }, rooms, last, &mut trip);
        let durability = pipeline.durability;
        match flushed {
            Ok(more) => {
                self.conclude(trip, durability, None);
                if let Some(slot) = self.processors.slots.get_mut(index) {
                    slot.flushed(more.then_some(last), started.elapsed());
                }
                if failed_before {
                    self.health.recovered(&self.flushes_of(index));
                }
                if more || finishes { Flushed::More } else { Flushed::Done }
            }
            Err(FlushRefused { refusal, more }) => {
                self.discard(&trip);
                if self.flushes_fail(index) {
                    self.health.failed(&self.flushes_of(index), &refusal.to_string());
                }
                let Some(more) = more else { return Flushed::Done };
                if let Some(slot) = self.processors.slots.get_mut(index) {
                    slot.flushed(more.then_some(last), started.elapsed());
                }
                if more || finishes { Flushed::More } else { Flushed::Done }
            }
        }
    }
}
