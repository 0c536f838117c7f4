//! Histogram series on their way out.

use otelier_sdk::aggregate::Exponential;
use otelier_sdk::aggregate::exponential::Side;
use otelier_sdk::{Bitmap, ExponentialBuckets, ExponentialHistograms, Flush, Histograms, MetricKind, NO_BOUNDS};

use super::record::Histogram;
use crate::Aggregate;

/// Series in one call, and their bucket counts: batches wait for it, and are processed between two.
pub(crate) const SERIES_PER_CALL: usize = 4096;
const COUNTS_PER_CALL: usize = 1 << 16;

/// Points of one output metric; of an exponential one without bounds.
struct Columns {
    slots: Vec<u32>,
    no_sum: Bitmap,
    points: Histograms,
    scales: Vec<i32>,
    zero_counts: Vec<u64>,
    zero_thresholds: Vec<f64>,
    positive: ExponentialBuckets,
    negative: ExponentialBuckets,
}

fn no_buckets() -> ExponentialBuckets {
    ExponentialBuckets { offsets: Vec::new(), ends: Vec::new(), counts: Vec::new() }
}

impl Columns {
    fn new() -> Columns {
        Columns {
            slots: Vec::new(),
            no_sum: Bitmap::new(),
            points: Histograms {
                keys: Vec::new(),
                start_times: Vec::new(),
                times: Vec::new(),
                counts: Vec::new(),
                sums: Vec::new(),
                no_sum: Vec::new(),
                mins: Vec::new(),
                maxs: Vec::new(),
                bounds: Vec::new(),
                bucket_ends: Vec::new(),
                bucket_counts: Vec::new(),
            },
            scales: Vec::new(),
            zero_counts: Vec::new(),
            zero_thresholds: Vec::new(),
            positive: no_buckets(),
            negative: no_buckets(),
        }
    }

    fn push(&mut self, slot: u32, series: &Histogram, now: u64) {
        let moments = &series.moments;
        if moments.sum.is_nan() {
            self.no_sum.set(self.slots.len());
        }
        self.slots.push(slot);
        let points = &mut self.points;
        points.keys.push(series.key);
        points.start_times.push(series.start);
        // A clock that was set back must not make a point older than its start.
        points.times.push(now.max(series.start));
        points.counts.push(moments.count);
        points.sums.push(if moments.sum.is_nan() { 0.0 } else { moments.sum });
        points.mins.push(moments.known_min().unwrap_or(f64::NAN));
        points.maxs.push(moments.known_max().unwrap_or(f64::NAN));
    }

    fn push_buckets(&mut self, bounds: u32, counts: &[u64]) {
        self.points.bounds.push(bounds);
        // Without bounds the count says it all.
        if bounds != NO_BOUNDS {
            self.points.bucket_counts.extend(counts);
        }
        self.points.bucket_ends.push(self.points.bucket_counts.len() as u32);
    }

    fn push_exponential(&mut self, histogram: &Exponential) {
        self.scales.push(histogram.scale);
        self.zero_counts.push(histogram.zero_count);
        self.zero_thresholds.push(histogram.zero_threshold);
        push_side(&mut self.positive, &histogram.positive);
        push_side(&mut self.negative, &histogram.negative);
    }

    fn explicit(self) -> Histograms {
        Histograms { no_sum: self.no_sum.into_words(), ..self.points }
    }

    fn exponential(self) -> ExponentialHistograms {
        let Histograms { keys, start_times, times, counts, sums, mins, maxs, .. } = self.points;
        ExponentialHistograms {
            keys,
            start_times,
            times,
            counts,
            sums,
            no_sum: self.no_sum.into_words(),
            mins,
            maxs,
            scales: self.scales,
            zero_counts: self.zero_counts,
            zero_thresholds: self.zero_thresholds,
            positive: self.positive,
            negative: self.negative,
        }
    }
}

fn push_side(buckets: &mut ExponentialBuckets, side: &Side) {
    buckets.offsets.push(side.offset);
    buckets.counts.extend(&side.counts);
    buckets.ends.push(buckets.counts.len() as u32);
}

impl<'c> Aggregate {
    /// Emits the histogram series from this slot on; the slot to go on from, if one call may not emit them all.
    pub(crate) fn emit_histograms(&mut self, flush: &mut Flush<'c>, from: u32) -> Option<u32> {
        let mut columns: Vec<Option<Columns>> = Vec::new();
        columns.resize_with(self.metrics.len(), || None);
        let (mut slot, mut series_count, mut counts) = (from, 0, 0);
        let histograms = &mut self.histograms;
        let next = loop {
            if histograms.series.table().get(slot).is_none() {
                break None;
            }
            if series_count >= SERIES_PER_CALL || counts >= COUNTS_PER_CALL {
                break Some(slot);
            }
            let series = histograms.series.table().get(slot).cloned().unwrap_or_default();
            if let Some(columns) = columns.get_mut(series.metric as usize) {
                let columns = columns.get_or_insert_with(Columns::new);
                columns.push(slot, &series, flush.now());
                if let Some(histogram) = histograms.series.exponential(slot).filter(|_| series.bounds == NO_BOUNDS) {
                    columns.push_exponential(histogram);
                } else {
                    let bounds = histograms.bounds.output(series.bounds, &mut flush.output());
                    let words = histograms.bounds.list(series.bounds).len() + 1;
                    columns.push_buckets(bounds, &histograms.series.words().read(series.span, words));
                }
                series_count += 1;
                counts += series.span.words();
            }
            slot += 1;
        };
        for (metric, columns) in (0..).zip(columns) {
            if let Some(columns) = columns {
                self.emit_columns(flush, metric, columns);
            }
        }
        next
    }

    fn emit_columns(&mut self, flush: &mut Flush<'c>, number: u32, columns: Columns) {
        let Some(metric) = self.metrics.get_mut(number) else { return };
        let mut output = flush.output();
        let described = metric.described(&self.config.rename, &mut output);
        let exemplars = self.exemplars.take(number, &columns.slots);
        if metric.kind == MetricKind::Histogram {
            output.emit_histograms(described, self.group_keying, columns.explicit());
        } else {
            output.emit_exponential_histograms(described, self.group_keying, columns.exponential());
        }
        exemplars.send(&mut output);
    }
}
