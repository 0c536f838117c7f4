//! The flush: expiry, then every series to the pipeline, then the state into its pages.

use otelier_sdk::aggregate::Number;
use otelier_sdk::{EmittedRows, Failure, Flush, Progress, Storage};

use crate::Aggregate;
use crate::histograms::is_histogram;
use crate::metrics::Mode;

/// Series looked at in one call: batches wait for it, and are processed between two.
pub(crate) const SERIES_PER_CALL: u32 = 4096;

/// Series, and then streams, that expire in one call: each is a record to write and a code to delete.
pub(crate) const EXPIRED_PER_CALL: usize = 4096;

/// How far a flush that takes several calls has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Stage {
    /// None is on its way.
    #[default]
    Idle,
    /// From this slot on, idle series are still to be removed.
    ExpireSeries(u32),
    /// From this slot on, idle streams are still to be forgotten.
    ExpireStreams(u32),
    /// The same for histograms, which have slots of their own.
    ExpireHistograms(u32),
    ExpireHistogramStreams(u32),
    /// From this slot on, series are still to be emitted.
    Emit(u32),
    EmitHistograms(u32),
    /// From this table on, pages are still to be written.
    Fold(usize),
}

/// What has expired.
#[derive(Debug, Clone, Copy)]
pub struct Idle {
    /// What has taken nothing since then.
    since: u64,
    /// The present, by the steady clock.
    steady: u64,
}

impl Idle {
    /// Whether what took something for the last time then has expired. A time that is still to come is of another clock, which stood in an
    /// older state: nothing was heard since the start, which is longer ago than `since`.
    pub fn is(self, updated: u64) -> bool {
        updated <= self.since || updated > self.steady
    }
}

/// Points of one output metric.
#[derive(Debug, Clone, Default)]
struct Columns {
    integers: EmittedRows<i64>,
    doubles: EmittedRows<f64>,
    /// The slots of either.
    integer_slots: Vec<u32>,
    double_slots: Vec<u32>,
}

impl<'c> Aggregate {
    pub(crate) fn flush_step(&mut self, flush: &mut Flush<'c>) -> Result<Progress, Failure> {
        if self.stage == Stage::Idle {
            self.stage = Stage::ExpireSeries(0);
        }
        if let Stage::ExpireSeries(from) = self.stage {
            if let Some(next) = self.expire_series(flush, from)? {
                return self.pause(flush, Stage::ExpireSeries(next));
            }
            self.stage = Stage::ExpireStreams(0);
        }
        if let Stage::ExpireStreams(from) = self.stage {
            if let Some(next) = self.expire_streams(flush, from)? {
                return self.pause(flush, Stage::ExpireStreams(next));
            }
            self.stage = Stage::ExpireHistograms(0);
        }
        if let Stage::ExpireHistograms(from) = self.stage {
            if let Some(next) = self.expire_histograms(flush, from)? {
                return self.pause(flush, Stage::ExpireHistograms(next));
            }
            self.stage = Stage::ExpireHistogramStreams(0);
        }
        if let Stage::ExpireHistogramStreams(from) = self.stage {
            if let Some(next) = self.expire_histogram_streams(flush, from)? {
                return self.pause(flush, Stage::ExpireHistogramStreams(next));
            }
            self.reasons.report(&mut flush.log());
            self.histograms.report(&self.metrics, &mut flush.log());
            self.stage = Stage::Emit(0);
        }
        self.emit_and_fold(flush)
    }

    fn emit_and_fold(&mut self, flush: &mut Flush<'c>) -> Result<Progress, Failure> {
        if let Stage::Emit(from) = self.stage {
            let to = from.saturating_add(SERIES_PER_CALL);
            self.emit(flush, from..to);
            if (to as usize) < self.groups.table().len() {
                return self.pause(flush, Stage::Emit(to));
            }
            self.stage = Stage::EmitHistograms(0);
            if from > 0 {
                return self.pause(flush, self.stage);
            }
        }
        if let Stage::EmitHistograms(from) = self.stage {
            if let Some(next) = self.emit_histograms(flush, from) {
                return self.pause(flush, Stage::EmitHistograms(next));
            }
            self.stage = Stage::Fold(0);
        }
        if let Stage::Fold(from) = self.stage {
            let mut table = from;
            while let Some(progress) = self.fold_table(table, &mut flush.storage())? {
                match progress {
                    Progress::Done => table += 1,
                    Progress::More => return self.pause(flush, Stage::Fold(table)),
                }
            }
        }
        self.stage = Stage::Idle;
        self.save(flush)?;
        Ok(Progress::Done)
    }

    /// Folds one of the tables, or a part of it; `None` behind the last. One after the other: a table that was folded to its end is not
    /// begun again while another is.
    fn fold_table(&mut self, table: usize, storage: &mut Storage<'_>) -> Result<Option<Progress>, Failure> {
        match table {
            0 => self.groups.table().fold(storage).map(Some),
            1 => self.groups.observed().fold(storage).map(Some),
            2 => self.streams.table().fold(storage).map(Some),
            _ => self.histograms.fold_table(table - 3, storage),
        }
    }

    /// Ends a call that the next one goes on from.
    fn pause(&mut self, flush: &mut Flush<'c>, stage: Stage) -> Result<Progress, Failure> {
        self.stage = stage;
        self.save(flush)?;
        Ok(Progress::More)
    }

    /// Stores what the call has changed and not folded.
    fn save(&mut self, flush: &mut Flush<'c>) -> Result<(), Failure> {
        self.groups.save(&mut flush.storage())?;
        self.streams.table().save(&mut flush.storage())?;
        self.histograms.save(&mut flush.storage())
    }

    /// What has expired at that time of the steady clock. `None`: nothing expires.
    fn idle(&self, steady: u64) -> Option<Idle> {
        let after = u64::try_from(self.config.expire_after.as_nanos()).unwrap_or(u64::MAX);
        // A restart is no reason to expire: nobody could send meanwhile.
        let heard_for = steady.saturating_sub(self.started);
        (after > 0 && heard_for >= after).then(|| Idle { since: steady.saturating_sub(after), steady })
    }

    /// Series from this slot on, as many as one call may expire; the slot from which to go on in the next call.
    fn expire_series(&mut self, flush: &mut Flush<'c>, from: u32) -> Result<Option<u32>, Failure> {
        let Some(idle) = self.idle(flush.steady()) else { return Ok(None) };
        let (metrics, output) = (&mut self.metrics, &mut flush.output());
        let expired = self.groups.expire(metrics, idle, from, EXPIRED_PER_CALL, output);
        self.series_expired(flush, &expired)
    }

    /// The same for histograms.
    fn expire_histograms(&mut self, flush: &mut Flush<'c>, from: u32) -> Result<Option<u32>, Failure> {
        let Some(idle) = self.idle(flush.steady()) else { return Ok(None) };
        let expired = self.histograms.expire_series(&mut self.metrics, idle, from, EXPIRED_PER_CALL, flush);
        self.series_expired(flush, &expired)
    }

    fn series_expired(&mut self, flush: &mut Flush<'c>, expired: &[u32]) -> Result<Option<u32>, Failure> {
        if !expired.is_empty() {
            self.meta.series_expired = self.meta.series_expired.max(flush.now());
            self.meta.save(&mut flush.storage())?;
            let (groups, histograms) = (&mut self.groups, &mut self.histograms);
            let is_live =
                |slot: u32, metric: u32| groups.table().get(slot).is_some_and(|one| u32::from(one.metric) == metric);
            let metrics = &self.metrics;
            let mut is_live = is_live;
            self.exemplars.retain(|metric, slot| match metrics.get(metric) {
                Some(known) if is_histogram(known.kind) => histograms.has(metric, slot),
                _ => is_live(slot, metric),
            });
        }
        Ok(next_slot(expired))
    }

    /// The same for streams.
    fn expire_streams(&mut self, flush: &mut Flush<'c>, from: u32) -> Result<Option<u32>, Failure> {
        let Some(idle) = self.idle(flush.steady()) else { return Ok(None) };
        let output = &mut flush.output();
        let expired = self.streams.expire(self.stream_keying, idle, from, EXPIRED_PER_CALL, output);
        self.streams_expired(flush, &expired)
    }

    /// The same for streams of histograms.
    fn expire_histogram_streams(&mut self, flush: &mut Flush<'c>, from: u32) -> Result<Option<u32>, Failure> {
        let Some(idle) = self.idle(flush.steady()) else { return Ok(None) };
        let expired = self.histograms.expire_streams(idle, from, EXPIRED_PER_CALL, flush);
        self.streams_expired(flush, &expired)
    }

    fn streams_expired(&mut self, flush: &mut Flush<'c>, expired: &[u32]) -> Result<Option<u32>, Failure> {
        if !expired.is_empty() {
            self.meta.streams_expired = self.meta.streams_expired.max(flush.now());
            self.meta.save(&mut flush.storage())?;
        }
        Ok(next_slot(expired))
    }

    /// Emits the series in these slots.
    fn emit(&mut self, flush: &mut Flush<'c>, slots: std::ops::Range<u32>) {
        self.groups.close_windows(&self.metrics, slots.clone());
        let mut columns = vec![Columns::default(); self.metrics.len()];
        for slot in slots {
            let Some(series) = self.groups.table().get(slot) else { break };
            let Some(metric) = self.metrics.get(series.metric.into()) else { continue };
            let Some(columns) = columns.get_mut(usize::from(series.metric)) else { continue };
            let start = (metric.mode == Mode::Total).then_some(series.start);
            // A clock that was set back must not make a point older than its start.
            let time = flush.now().max(series.start);
            let key = series.key;
            match self.groups.result(slot, metric.mode) {
                Some(Number::Integer(value)) => {
                    columns.integer_slots.push(slot);
                    push(&mut columns.integers, key, start, time, value);
                }
                Some(Number::Double(value)) => {
                    columns.double_slots.push(slot);
                    push(&mut columns.doubles, key, start, time, value);
                }
                None => {}
            }
        }
        for ((index, metric), columns) in (0..).zip(self.metrics.iter_mut()).zip(columns) {
            let Columns { integers, doubles, integer_slots, double_slots } = columns;
            if integers.keys.is_empty() && doubles.keys.is_empty() {
                continue;
            }
            let mut output = flush.output();
            let number = metric.described(&self.config.rename, &mut output);
            if !integers.keys.is_empty() {
                output.emit_integers(number, self.group_keying, integers);
                self.exemplars.take(index, &integer_slots).send(&mut output);
            }
            if !doubles.keys.is_empty() {
                output.emit_doubles(number, self.group_keying, doubles);
                self.exemplars.take(index, &double_slots).send(&mut output);
            }
        }
    }
}

/// Where to look for more when one call expired all it may.
fn next_slot(expired: &[u32]) -> Option<u32> {
    expired.last().filter(|_| expired.len() >= EXPIRED_PER_CALL).map(|last| last + 1)
}

fn push<T>(rows: &mut EmittedRows<T>, key: u32, start: Option<u64>, time: u64, value: T) {
    rows.keys.push(key);
    rows.start_times.extend(start);
    rows.times.push(time);
    rows.values.push(value);
}
