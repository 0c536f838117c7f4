//! Histograms with explicit bounds and exponential ones: groups, cumulative streams and their state.
//!
//! Two tables of records (series, streams) and two of words with their buckets ([`words`]), in the journal-and-fold discipline
//! of the sums. What histograms add up to is in `otelier_sdk::aggregate`; this folder decides where it is kept.

mod bounds;
mod columns;
mod emit;
mod packed;
mod process;
mod record;
mod series;
mod streams;
mod words;

use otelier_sdk::{Failure, Flush, Keying, Log, Output, Progress, Storage};

use crate::flush::Idle;
use crate::groups::release;
use crate::metrics::Metrics;

pub use columns::Columns;
#[cfg(test)]
pub(crate) use emit::SERIES_PER_CALL;
pub use process::is_histogram;

/// Metrics that are named in one report of lost resolution.
const NAMED_MAX: usize = 8;

/// All of it.
#[derive(Debug)]
pub struct Histograms {
    group_keying: Keying,
    stream_keying: Keying,
    bounds: bounds::Bounds,
    series: series::Series,
    streams: streams::Streams,
    /// Observations that lost resolution since the last report, by output metric.
    lost: Vec<u64>,
}

impl Histograms {
    pub fn new(group_keying: Keying, stream_keying: Keying) -> Histograms {
        Histograms {
            group_keying,
            stream_keying,
            bounds: bounds::Bounds::default(),
            series: series::Series::new(group_keying),
            streams: streams::Streams::new(),
            lost: Vec::new(),
        }
    }

    /// Series and streams in use.
    pub fn live(&self) -> (usize, usize) {
        (self.series.live(), self.streams.live())
    }

    /// Whether a slot holds a series of that metric.
    pub fn has(&mut self, metric: u32, slot: u32) -> bool {
        self.series.table().get(slot).is_some_and(|series| series.metric == metric)
    }

    pub fn load(&mut self, storage: &mut Storage<'_>, metrics: &mut Metrics) -> Result<(), Failure> {
        self.bounds.load(storage)?;
        self.series.load(storage, metrics, &self.bounds)?;
        self.streams.load(storage, &self.bounds)
    }

    /// The end of a batch.
    pub fn finish_batch(&mut self, steady: u64, output: &mut Output<'_>) {
        self.series.finish_batch(steady);
        self.streams.finish_batch(self.stream_keying, steady, output);
    }

    /// Points with these stream codes were refused.
    pub fn let_go(&mut self, streams: &[u32]) {
        self.streams.let_go(streams);
    }

    /// Stores what a call changed.
    pub fn save(&mut self, storage: &mut Storage<'_>) -> Result<(), Failure> {
        self.bounds.save(storage)?;
        self.series.table().save(storage)?;
        self.series.words().table().save(storage)?;
        self.streams.table().save(storage)?;
        self.streams.words().table().save(storage)
    }

    /// Folds one of the tables, or a part of it; `None` behind the last.
    pub fn fold_table(&mut self, table: usize, storage: &mut Storage<'_>) -> Result<Option<Progress>, Failure> {
        match table {
            0 => self.series.table().fold(storage),
            1 => self.series.words().table().fold(storage),
            2 => self.streams.table().fold(storage),
            3 => self.streams.words().table().fold(storage),
            _ => return Ok(None),
        }
        .map(Some)
    }

    /// Removes idle series; their slots.
    pub fn expire_series(
        &mut self,
        metrics: &mut Metrics,
        idle: Idle,
        from: u32,
        most: usize,
        flush: &mut Flush<'_>,
    ) -> Vec<u32> {
        let (slots, codes) = self.series.expire(metrics, idle, from, most);
        release(&mut flush.output(), self.group_keying, codes);
        slots
    }

    /// Forgets idle streams; their slots.
    pub fn expire_streams(&mut self, idle: Idle, from: u32, most: usize, flush: &mut Flush<'_>) -> Vec<u32> {
        self.streams.expire(self.stream_keying, idle, from, most, &mut flush.output())
    }

    fn count_lost(&mut self, metric: u32, observations: u64) {
        let index = metric as usize;
        if self.lost.len() <= index {
            self.lost.resize(index + 1, 0);
        }
        if let Some(lost) = self.lost.get_mut(index) {
            *lost = lost.saturating_add(observations);
        }
    }

    /// One line for each metric whose points have different bounds; of many, the first few and a line for the rest.
    pub fn report(&mut self, metrics: &Metrics, log: &mut Log<'_>) {
        let lost = std::mem::take(&mut self.lost);
        let lost = (0..).zip(lost).filter(|(_, observations)| *observations > 0);
        let mut rest = 0_u64;
        for (at, (metric, observations)) in lost.enumerate() {
            let Some(metric) = metrics.get(metric).filter(|_| at < NAMED_MAX) else {
                rest = rest.saturating_add(observations);
                continue;
            };
            log.warn(&format!(
                "{observations} observations of `{}` lost resolution: its points have different bounds, and a series keeps those that all of its points have",
                metric.name
            ));
        }
        if rest > 0 {
            log.warn(&format!("{rest} observations of other metrics lost resolution in the same way"));
        }
    }
}
