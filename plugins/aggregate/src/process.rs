//! One batch.

use std::ops::Range;

use otelier_sdk::aggregate::{CumulativePoint, Number, Step, Sum};
use otelier_sdk::table::Table;
use otelier_sdk::{Batch, Bitmap, Failure, Keying, MetricKind, NO_CODE, Numbers, Run, Temporality, Values};

use crate::Aggregate;
use crate::follow::Points;
use crate::histograms::{self, is_histogram};
use crate::metrics::{Mode, Route};
use crate::reasons::Reason;
use crate::series::Series;

/// The batch's columns; those that few batches need are pulled when the first row does.
pub(crate) struct Columns {
    pub keys: Vec<u32>,
    pub values: Values,
    pub streams: Option<Vec<u32>>,
    pub times: Option<Vec<u64>>,
    pub start_times: Option<Vec<u64>>,
    pub histograms: Option<histograms::Columns>,
    /// Rows that go on as they are.
    passed: Bitmap,
}

impl Columns {
    fn time(&self, row: usize) -> u64 {
        self.times.as_ref().and_then(|times| times.get(row)).copied().unwrap_or(0)
    }

    fn pull_times(&mut self, batch: &mut Batch<'_>) {
        self.times.get_or_insert_with(|| batch.times());
    }

    pub fn pull_streams(&mut self, batch: &mut Batch<'_>, keying: Keying) {
        self.pull_times(batch);
        self.start_times.get_or_insert_with(|| batch.start_times());
        self.pull_stream_codes(batch, keying);
    }

    fn pull_stream_codes(&mut self, batch: &mut Batch<'_>, keying: Keying) {
        self.streams.get_or_insert_with(|| batch.keys(keying).into_codes_and_marks());
    }

    pub fn key(&self, row: usize) -> u32 {
        self.keys.get(row).copied().unwrap_or(NO_CODE)
    }
}

impl Aggregate {
    pub(crate) fn process_rows(&mut self, batch: &mut Batch<'_>) -> Result<(), Failure> {
        let runs = batch.runs();
        let mut columns = Columns {
            keys: batch.keys(self.group_keying).into_codes_and_marks(),
            values: batch.values(),
            streams: None,
            times: None,
            start_times: None,
            histograms: None,
            passed: Bitmap::new(),
        };
        let mut dropped = Bitmap::new();
        for run in &runs {
            self.run(batch, run, &mut columns, &mut dropped)?;
        }
        self.keep_exemplars(batch, &runs, &columns, &dropped);
        self.finish_batch(batch)?;
        let mut absorbed = Bitmap::all(runs.last().map_or(0, |run| run.rows.end));
        if !dropped.is_empty() {
            absorbed.remove(&dropped);
            batch.drop_rows(dropped);
        }
        absorbed.remove(&columns.passed);
        batch.absorb(absorbed);
        Ok(())
    }

    fn finish_batch(&mut self, batch: &mut Batch<'_>) -> Result<(), Failure> {
        let steady = batch.steady();
        self.groups.finish_batch(&self.metrics, steady, &mut batch.output());
        self.streams.finish_batch(self.stream_keying, steady, &mut batch.output());
        self.histograms.finish_batch(steady, &mut batch.output());
        self.histograms.save(&mut batch.storage())?;
        self.groups.save(&mut batch.storage())?;
        self.streams.table().save(&mut batch.storage())
    }

    fn route(&mut self, batch: &mut Batch<'_>, number: u32) -> Result<Option<Route>, Failure> {
        if let Some(route) = self.metrics.known(number) {
            return Ok(route);
        }
        match batch.descriptor(number).cloned() {
            Some(descriptor) => {
                let before = self.metrics.len();
                let route = self.metrics.route(number, &descriptor, &mut batch.storage())?;
                if let Some(clash) = self.metrics.clash().filter(|_| self.metrics.len() > before) {
                    batch.log().warn(&clash);
                }
                Ok(route)
            }
            None => Ok(None),
        }
    }

    /// The rows of one metric.
    fn run(
        &mut self,
        batch: &mut Batch<'_>,
        run: &Run,
        columns: &mut Columns,
        dropped: &mut Bitmap,
    ) -> Result<(), Failure> {
        let rows = run.rows.clone();
        let (series, streams) = self.histograms.live();
        self.groups.limit((self.config.max_series as usize).saturating_sub(series));
        self.streams.limit((self.config.max_streams as usize).saturating_sub(streams));
        let Some(route) = self.route(batch, run.descriptor)? else {
            // They may be of cumulative streams.
            columns.pull_stream_codes(batch, self.stream_keying);
            self.drop_all(Reason::Metrics, None, rows, columns, dropped);
            return Ok(());
        };
        let is_sum = route.kind == MetricKind::Sum;
        match (is_sum, route.temporality) {
            _ if is_histogram(route.kind) => self.histogram_run(batch, &route, rows, columns, dropped),
            _ if route.kind == MetricKind::Summary => self.pass(rows, columns),
            (true, Temporality::Unspecified) => {
                self.drop_all(Reason::Temporality, Some(&route), rows, columns, dropped);
            }
            (true, Temporality::Delta) if route.mode == Mode::Total => {
                self.deltas(batch, &route, rows, columns, dropped)
            }
            (true, Temporality::Cumulative) => {
                columns.pull_streams(batch, self.stream_keying);
                let mut rows = rows;
                loop {
                    rows.start += self.add_following(&route, rows.clone(), columns);
                    let Some(row) = rows.next() else { break };
                    let verdict = self.cumulative_row(batch, &route, row, columns);
                    self.judge(verdict, &route, row, columns, dropped);
                }
            }
            _ => {
                if route.mode == Mode::Last {
                    columns.pull_times(batch);
                }
                for row in rows {
                    let verdict = self.row(batch, &route, row, columns);
                    self.judge(verdict, &route, row, columns, dropped);
                }
            }
        }
        Ok(())
    }

    /// Summaries have quantiles, which cannot be merged.
    fn pass(&mut self, rows: Range<usize>, columns: &mut Columns) {
        self.reasons.count(Reason::Passed, rows.len() as u64);
        columns.passed.set_range(rows.clone());
        self.groups.let_go(None, columns.keys.get(rows).unwrap_or_default());
    }

    pub(crate) fn judge(
        &mut self,
        verdict: Result<(), Reason>,
        route: &Route,
        row: usize,
        columns: &Columns,
        dropped: &mut Bitmap,
    ) {
        if let Err(reason) = verdict {
            self.drop_all(reason, Some(route), row..row + 1, columns, dropped);
        }
    }

    /// Drops rows, and with them the codes that came with them and that nothing is kept under.
    pub(crate) fn drop_all(
        &mut self,
        reason: Reason,
        route: Option<&Route>,
        rows: Range<usize>,
        columns: &Columns,
        dropped: &mut Bitmap,
    ) {
        self.reasons.count(reason, rows.len() as u64);
        dropped.set_range(rows.clone());
        let metric = route.and_then(|route| self.metrics.get(route.metric));
        self.groups.let_go(metric, columns.keys.get(rows.clone()).unwrap_or_default());
        let streams = columns.streams.as_deref().unwrap_or_default();
        let streams = streams.get(rows).unwrap_or_default();
        if route.is_some_and(|route| is_histogram(route.kind)) {
            self.histograms.let_go(streams);
        } else {
            self.streams.let_go(streams);
        }
    }

    /// Increments of totals: plain loops as long as rows are plain, and one by one where they are not.
    fn deltas(
        &mut self,
        batch: &mut Batch<'_>,
        route: &Route,
        rows: Range<usize>,
        columns: &Columns,
        dropped: &mut Bitmap,
    ) {
        let numbers = columns.values.numbers(rows.clone());
        let keys = columns.keys.get(rows.clone()).unwrap_or_default();
        self.sums.begin();
        let (mut at, mut promoted) = (0, 0);
        while at < rows.len() {
            at += self.add_plain(route, keys.get(at..).unwrap_or_default(), numbers, at);
            if at < rows.len() {
                let row = rows.start + at;
                promoted += self.sums.catch_up(&mut self.groups, columns.key(row));
                let verdict = self.row(batch, route, row, columns);
                self.judge(verdict, route, row, columns, dropped);
                at += 1;
            }
        }
        promoted += self.sums.finish(&mut self.groups);
        self.reasons.count(Reason::Promoted, promoted);
    }

    /// Adds rows from `at` on up to the first that is not plain; how many were added.
    fn add_plain(&mut self, route: &Route, keys: &[u32], numbers: Numbers<'_>, at: usize) -> usize {
        let Some(metric) = self.metrics.get(route.metric) else { return 0 };
        match numbers {
            Numbers::Integers(words) => {
                let least = if route.monotonic { 0 } else { i64::MIN };
                let words = words.get(at..).unwrap_or_default();
                self.sums.add(self.groups.table(), metric, keys, words, least)
            }
            Numbers::Doubles(words) => {
                let least = if route.monotonic { 0.0 } else { f64::MIN };
                let words = words.get(at..).unwrap_or_default();
                // What goes into the overflow series is counted apart.
                add_doubles(self.groups.table(), metric.slots.by_code(), metric.overflow, keys, words, least)
            }
            Numbers::Mixed => 0,
        }
    }

    /// Adds the increments of cumulative rows up to the first that is not plain; how many were added.
    fn add_following(&mut self, route: &Route, rows: Range<usize>, columns: &Columns) -> usize {
        let metric = self.metrics.get(route.metric).filter(|_| route.mode == Mode::Total);
        let (Some(metric), Some(streams), Some(times), Some(start_times)) =
            (metric, &columns.streams, &columns.times, &columns.start_times)
        else {
            return 0;
        };
        let points = Points {
            keys: columns.keys.get(rows.clone()).unwrap_or_default(),
            codes: streams.get(rows.clone()).unwrap_or_default(),
            times: times.get(rows.clone()).unwrap_or_default(),
            start_times: start_times.get(rows.clone()).unwrap_or_default(),
            values: &columns.values,
            first: rows.start,
            monotonic: route.monotonic,
        };
        points.follow(&mut self.streams, &mut self.groups, metric)
    }

    /// A value as it is: an increment of a delta sum, or a gauge's.
    fn row(&mut self, batch: &mut Batch<'_>, route: &Route, row: usize, columns: &Columns) -> Result<(), Reason> {
        let value = columns.values.get(row).ok_or(Reason::NoValue)?;
        if !value.is_finite() {
            return Err(Reason::NotFinite);
        }
        if route.monotonic && value.is_negative() {
            return Err(Reason::Negative);
        }
        self.take(batch, route, row, columns, value)
    }

    /// A value of a cumulative sum: what its stream counted since the point before.
    fn cumulative_row(
        &mut self,
        batch: &mut Batch<'_>,
        route: &Route,
        row: usize,
        columns: &Columns,
    ) -> Result<(), Reason> {
        let cell = |column: &Option<Vec<u64>>| column.as_ref().and_then(|column| column.get(row)).copied().unwrap_or(0);
        let value = columns.values.get(row).ok_or(Reason::NoValue)?;
        let point = CumulativePoint { value, start_time: cell(&columns.start_times), time: cell(&columns.times) };
        let code = columns.streams.as_ref().and_then(|codes| codes.get(row)).copied().unwrap_or(NO_CODE);
        let advance = self.streams.advance(code, &point, route.monotonic, self.config.initial_value, &self.meta)?;
        match advance.step {
            Step::Add(increment) | Step::Reset(increment) => self.take(batch, route, row, columns, increment)?,
            // The group exists from here on, with nothing counted yet.
            Step::Baseline if route.mode == Mode::Total => self.take(batch, route, row, columns, value.zero())?,
            Step::Baseline => self.groups.let_go(self.metrics.get(route.metric), &[columns.key(row)]),
        }
        // Not before: an increment that found no place is left to the stream's next point.
        self.streams.accept(advance);
        Ok(())
    }

    fn take(
        &mut self,
        batch: &mut Batch<'_>,
        route: &Route,
        row: usize,
        columns: &Columns,
        value: Number,
    ) -> Result<(), Reason> {
        let key = columns.key(row);
        let start = self.meta.series_start();
        let time = match columns.time(row) {
            0 => batch.now(),
            time => time,
        };
        let found = self.groups.find(&mut self.metrics, route.metric, key, start, &mut batch.output());
        let (slot, is_overflow) = found?;
        let taken = self.groups.take(slot, route.mode, value, time)?;
        if is_overflow {
            self.reasons.count(Reason::Overflowed, 1);
        }
        if let Sum::Promoted(_) = taken {
            self.reasons.count(Reason::Promoted, 1);
        }
        Ok(())
    }
}

/// Adds doubles to double totals, as long as nothing else is asked for.
fn add_doubles(
    table: &mut Table<Series>,
    slots: &[u32],
    overflow: u32,
    keys: &[u32],
    words: &[u64],
    least: f64,
) -> usize {
    for (at, (key, word)) in keys.iter().zip(words).enumerate() {
        let value = f64::from_bits(*word);
        let Some(slot) = slots.get(*key as usize).copied().filter(|slot| *slot != overflow) else { return at };
        let Some(series) = table.touch(slot).filter(|series| series.is_double) else { return at };
        let total = f64::from_bits(series.value) + value;
        if value < least || !total.is_finite() {
            return at;
        }
        series.value = total.to_bits();
    }
    keys.len().min(words.len())
}
