//! The rows of one histogram metric.

use std::ops::Range;

use otelier_sdk::aggregate::Increment;
use otelier_sdk::{Batch, Bitmap, MetricKind, NO_BOUNDS, NO_CODE, Temporality};

use super::columns::{Body, Columns};
use super::record::Histogram;
use super::streams::Buckets;
use super::words::CHUNK;
use crate::Aggregate;
use crate::metrics::Route;
use crate::process;
use crate::reasons::Reason;

impl Aggregate {
    pub(crate) fn histogram_run(
        &mut self,
        batch: &mut Batch<'_>,
        route: &Route,
        rows: Range<usize>,
        columns: &mut process::Columns,
        dropped: &mut Bitmap,
    ) {
        if route.temporality == Temporality::Unspecified {
            self.drop_all(Reason::Temporality, Some(route), rows, columns, dropped);
            return;
        }
        let own = columns.histograms.take();
        let mut own = own.unwrap_or_else(|| Columns::pull(batch));
        own.pull_kind(batch, route.kind, &mut self.histograms.bounds);
        let is_cumulative = route.temporality == Temporality::Cumulative;
        if is_cumulative {
            columns.pull_streams(batch, self.stream_keying);
            let streams = self.config.max_streams as usize;
            self.histograms.streams.limit(streams.saturating_sub(self.streams.live()));
        }
        for row in rows {
            let verdict = if is_cumulative {
                self.cumulative_histogram(batch, route, row, columns, &own)
            } else {
                self.delta_histogram(batch, route, row, columns, &own)
            };
            self.judge(verdict, route, row, columns, dropped);
        }
        columns.histograms = Some(own);
    }

    #[inline]
    fn delta_histogram(
        &mut self,
        batch: &mut Batch<'_>,
        route: &Route,
        row: usize,
        columns: &process::Columns,
        own: &Columns,
    ) -> Result<(), Reason> {
        let point = own.point(route.kind, row, &columns.values, &self.histograms.bounds)?;
        self.merge(batch, route, columns.key(row), &point.moments.whole(), &point.body)?;
        self.reasons.count(Reason::SumUnknown, u64::from(point.sum_is_lost));
        Ok(())
    }

    /// A point of a cumulative stream: what was counted since the one before.
    fn cumulative_histogram(
        &mut self,
        batch: &mut Batch<'_>,
        route: &Route,
        row: usize,
        columns: &process::Columns,
        own: &Columns,
    ) -> Result<(), Reason> {
        let cell = |column: &Option<Vec<u64>>| column.as_ref().and_then(|column| column.get(row)).copied().unwrap_or(0);
        let point = own.point(route.kind, row, &columns.values, &self.histograms.bounds)?;
        let code = columns.streams.as_ref().and_then(|codes| codes.get(row)).copied().unwrap_or(NO_CODE);
        let times = [cell(&columns.start_times), cell(&columns.times)];
        let advance = self.histograms.streams.advance(code, &point, times, &self.config, &self.meta)?;
        let body = match (&advance.buckets, &point.body) {
            (Buckets::None | Buckets::Whole, body) => *body,
            (Buckets::Explicit(counts), Body::Explicit { bounds, .. }) => Body::Explicit { bounds: *bounds, counts },
            (Buckets::Exponential(histogram), _) => Body::Exponential(histogram.as_point()),
            (Buckets::Explicit(_), Body::Exponential(_)) => return Err(Reason::NoValue),
        };
        // A group exists from its first point on, though that is a baseline.
        self.merge(batch, route, columns.key(row), &advance.increment, &body)?;
        self.reasons.count(Reason::SumUnknown, u64::from(point.sum_is_lost));
        if advance.is_rebased {
            self.reasons.count(Reason::Rebased, 1);
        }
        // Not before: an increment that found no place is left to the stream's next point.
        self.histograms.streams.accept(advance, &point);
        Ok(())
    }

    #[inline]
    fn merge(
        &mut self,
        batch: &mut Batch<'_>,
        route: &Route,
        key: u32,
        increment: &Increment,
        body: &Body<'_>,
    ) -> Result<(), Reason> {
        let Some(metric) = self.metrics.get_mut(route.metric) else { return Err(Reason::Metrics) };
        let histograms = &mut self.histograms;
        let buckets_max = self.config.max_buckets as usize;
        let slot = metric.slots.get(key);
        if slot < metric.overflow {
            // Neither missing nor for what found no room, if those have greater numbers, as they mostly have.
            let lost = histograms.series.merge(slot, increment, body, &mut histograms.bounds, buckets_max)?;
            if lost > 0 {
                histograms.count_lost(route.metric, lost);
            }
            return Ok(());
        }
        let (bounds, words) = match body {
            Body::Explicit { bounds, counts } => (*bounds, counts.len()),
            Body::Exponential(_) => (NO_BOUNDS, CHUNK),
        };
        let start = self.meta.series_start();
        let new = Histogram { metric: route.metric, key, bounds, start, ..Histogram::default() };
        let has_room = histograms.series.live() + self.groups.live() < self.config.max_series as usize;
        let found = histograms.series.find(metric, new, words, has_room, &mut batch.output());
        let (slot, is_overflow) = found?;
        let lost = histograms.series.merge(slot, increment, body, &mut histograms.bounds, buckets_max)?;
        if lost > 0 {
            histograms.count_lost(route.metric, lost);
        }
        if is_overflow {
            self.reasons.count(Reason::Overflowed, 1);
            let metric = self.metrics.get(route.metric);
            self.groups.let_go(metric, &[key]);
        }
        Ok(())
    }
}

/// Whether a metric's points are histograms of either kind.
pub fn is_histogram(kind: MetricKind) -> bool {
    matches!(kind, MetricKind::Histogram | MetricKind::ExponentialHistogram)
}
