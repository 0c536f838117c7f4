//! Sums, gauges and histograms of many streams become few series: grouped by attributes, in state that survives a crash.
//!
//! A row's way: its metric leads to an output metric, its key code to a series of that (`groups`), where its value is added
//! or observed. The value of a cumulative sum first becomes the increment since the point before of its own stream
//! (`streams`). Histograms go the same way in tables of their own (`histograms`); summaries pass. Each flush emits every series. What a call changed is journaled at its end, and folded by the flush.
//!
//! Invariants:
//!
//! - Every row of a metric that matches is absorbed or dropped for a counted reason, or is of a summary and passes.
//! - A series' value is what was counted since its start time, and both are stored in one record.
//! - A code that nothing is kept under is released in the call in which it came, so the dictionaries hold what the state does.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod carry;
mod config;
mod exemplars;
mod flush;
mod follow;
#[cfg(feature = "other-formats")]
mod formats;
mod groups;
mod histograms;
mod meta;
mod metrics;
mod process;
mod reasons;
mod series;
mod slots;
mod streams;
mod sums;

use otelier_sdk::{Batch, Column, Declare, Failure, Flush, Keying, Processor, Progress, Signal, Start, Temporality};

pub use config::Config;

/// The format of the stored state. A build for tests has another one, the same under other keys: versions whose formats differ take turns.
const STATE_FORMAT: u32 = if cfg!(feature = "format-3") { 3 } else { 2 };

/// First bytes of the keys in storage.
mod stored {
    const FIRST: u8 = if cfg!(feature = "format-3") { 64 } else { 0 };
    pub const META: u8 = FIRST;
    pub const METRICS: u8 = FIRST + 1;
    pub const SERIES: u8 = FIRST + 2;
    pub const STREAMS: u8 = FIRST + 3;
    pub const HISTOGRAMS: u8 = FIRST + 4;
    pub const HISTOGRAM_WORDS: u8 = FIRST + 5;
    pub const HISTOGRAM_STREAMS: u8 = FIRST + 6;
    pub const STREAM_WORDS: u8 = FIRST + 7;
    pub const BOUNDS: u8 = FIRST + 8;
    pub const OBSERVED: u8 = FIRST + 9;
}

/// The processor.
#[derive(Debug)]
pub struct Aggregate {
    config: Config,
    /// Series by output metric.
    group_keying: Keying,
    /// Streams of cumulative input.
    stream_keying: Keying,
    meta: meta::Meta,
    metrics: metrics::Metrics,
    groups: groups::Groups,
    streams: streams::Streams,
    sums: sums::Sums,
    histograms: histograms::Histograms,
    exemplars: exemplars::Exemplars,
    reasons: reasons::Reasons,
    stage: flush::Stage,
    /// What the steady clock showed when this instance was started: nothing expires for having heard nothing before.
    started: u64,
}

impl Processor for Aggregate {
    type Config = Config;

    fn describe(config: Config, signal: Signal, declare: &mut Declare<'_>) -> Result<Aggregate, Failure> {
        if signal != Signal::Metrics {
            return Err(Failure::refused("aggregate reads metrics: use it in a metrics pipeline"));
        }
        config.check()?;
        declare.metrics(config.metrics.clone());
        declare_columns(declare);
        let kept = match config.exemplars {
            config::Exemplars::Drop => 0,
            config::Exemplars::Keep => config.max_exemplars as usize,
        };
        let exemplars = exemplars::Exemplars::new(kept);
        if exemplars.are_read() {
            declare.exemplars();
        }
        let group_keying = match (&config.group_by, &config.drop) {
            (Some(kept), _) => declare.keep(config::attributes(kept), true),
            (None, dropped) => declare.drop(config::attributes(dropped.as_deref().unwrap_or_default()), true),
        };
        // Exporters to text could not tell them apart.
        declare.alike(group_keying);
        let stream_keying = declare.stream(Some(Temporality::Cumulative), true);
        declare.state(STATE_FORMAT);
        declare.flush_every(config.interval)?;
        Ok(Aggregate {
            group_keying,
            stream_keying,
            meta: meta::Meta::default(),
            metrics: metrics::Metrics::new(config.functions),
            groups: groups::Groups::new(group_keying, config.max_series),
            streams: streams::Streams::new(config.max_streams),
            sums: sums::Sums::default(),
            histograms: histograms::Histograms::new(group_keying, stream_keying),
            exemplars,
            reasons: reasons::Reasons::default(),
            stage: flush::Stage::default(),
            started: 0,
            config,
        })
    }

    fn start(&mut self, start: &mut Start<'_>) -> Result<(), Failure> {
        self.started = start.steady();
        let Some(previous) = start.previous().cloned() else {
            self.meta = meta::Meta::created_at(start.now());
            return self.meta.save(&mut start.storage());
        };
        let mut storage = start.storage();
        #[cfg(feature = "other-formats")]
        let previous = formats::carry_over(&mut storage, previous)?;
        carry::check(&self.config, &previous)?;
        self.meta = meta::Meta::load(&mut storage)?;
        self.metrics.load(&mut storage)?;
        self.groups.load(&mut storage, &mut self.metrics)?;
        self.streams.load(&mut storage)?;
        self.histograms.load(&mut storage, &mut self.metrics)?;
        let (series, streams) = self.histograms.live();
        carry::check_bounds(&self.config, self.groups.live() + series, self.streams.live() + streams)
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), Failure> {
        self.process_rows(batch)
    }

    fn flush(&mut self, flush: &mut Flush<'_>) -> Result<Progress, Failure> {
        self.flush_step(flush)
    }
}

fn declare_columns(declare: &mut Declare<'_>) {
    declare.values();
    declare.times();
    declare.start_times();
    use Column::{Count, Flags, Max, Min, Scale, ZeroCount, ZeroThreshold};
    for column in [Flags, Count, Min, Max, Scale, ZeroCount, ZeroThreshold] {
        declare.column(column);
    }
    declare.buckets();
    declare.exponential_buckets();
}

otelier_sdk::export!(Aggregate);

#[cfg(test)]
mod tests;
