//! Rows of metrics: points of every kind.

use super::Pass;
use super::item::Item;
use crate::otlp::bounds::NO_BOUNDS;
use crate::otlp::columns::{ExponentialBuckets, Extent, Histograms, Run, Word};
use crate::otlp::descriptors::{UNNUMBERED, Unread};
use crate::otlp::message::Message;
use crate::otlp::metrics::{MetricHeader, MetricKind, MetricsVisitor, Number, NumberPoint, Visit};
use crate::otlp::points::{Buckets, ExemplarField, ExponentialPoint, HistogramPoint, PointHeader, SummaryPoint};
use crate::otlp::wire::Fault;

/// The words of a point that another kind has.
const NONE: f64 = f64::NAN;

impl<'a> MetricsVisitor<'a> for Pass<'_, 'a> {
    fn resource(&mut self, resource: &Message<'a>) -> Result<(), Fault> {
        self.begin_resource(resource)
    }

    fn scope(&mut self, scope: &Message<'a>) -> Result<(), Fault> {
        self.begin_scope(scope)
    }

    fn metric(&mut self, metric: &MetricHeader<'a>) -> Result<Visit, Fault> {
        self.close_metric()?;
        let ordinal = self.ordinal;
        self.ordinal += 1;
        let descriptor = match self.descriptors.number(metric) {
            Ok(descriptor) => descriptor,
            Err(Unread::Bound) if self.projection.unnumbered_metrics => UNNUMBERED,
            Err(unread) => {
                self.is_beyond_bound = unread == Unread::Bound;
                return Ok(Visit::Skip);
            }
        };
        self.keys.metric(metric);
        self.cells.metric(metric)?;
        let end = self.columns.layout.rows;
        self.metric = Some(end);
        self.columns.layout.runs.push(Run { end, descriptor, ordinal });
        Ok(Visit::Points)
    }

    fn skipped(&mut self, points: u64) {
        let layout = &mut self.columns.layout;
        layout.unread += if self.is_beyond_bound { points } else { 0 };
        for extent in [layout.resources.last_mut(), layout.scopes.last_mut()].into_iter().flatten() {
            let Extent { has_others, .. } = extent;
            *has_others |= points > 0;
        }
    }

    #[inline(always)]
    fn attribute(&mut self, key: &'a [u8], raw: &'a [u8]) -> Result<(), Fault> {
        self.begin_attribute(key, raw);
        Ok(())
    }

    #[inline(always)]
    fn number(&mut self, point: &NumberPoint<'a>) -> Result<(), Fault> {
        let columns = &mut self.columns;
        let row = columns.layout.rows as usize;
        if self.projection.values {
            let word = match point.value {
                _ if point.is_stale() => None,
                Number::None => None,
                Number::Double(value) => Some(value.to_bits()),
                Number::Integer(value) => {
                    columns.integers.set(row);
                    Some(value.cast_unsigned())
                }
            };
            if word.is_none() {
                columns.no_value.set(row);
            }
            columns.values.push(word.unwrap_or(0));
        }
        if point.flags != 0 || point.has_exemplars {
            self.columns.widen(self.projection.histograms);
        }
        if self.columns.is_wide {
            self.wide_number(point)?;
        }
        self.finish_point(point.start_time, point.time, &Item::Point(point.raw, MetricKind::Gauge.attributes()))
    }

    fn histogram(&mut self, point: &HistogramPoint<'a>) -> Result<(), Fault> {
        let header = &point.header;
        self.columns.widen(self.projection.histograms);
        self.sum(header);
        self.count_words(header, point.min, point.max);
        self.exponential_words(0, 0, 0.0);
        if self.projection.histograms.buckets {
            let bounds = self.bounds.number(&point.bounds);
            let histograms = &mut self.columns.histograms;
            histograms.bounds.push(bounds);
            histograms.bucket_counts.extend(point.bucket_counts.fixed64s());
            histograms.bucket_ends.push(histograms.bucket_counts.len() as u32);
        }
        self.no_exponential_buckets();
        self.end_quantiles();
        self.exemplars(header.raw, Some(ExemplarField::HISTOGRAM))?;
        self.finish_point(header.start_time, header.time, &Item::Point(header.raw, MetricKind::Histogram.attributes()))
    }

    fn exponential(&mut self, point: &ExponentialPoint<'a>) -> Result<(), Fault> {
        let header = &point.header;
        self.columns.widen(self.projection.histograms);
        self.sum(header);
        self.count_words(header, point.min, point.max);
        self.exponential_words(point.scale, point.zero_count, point.zero_threshold);
        self.no_buckets();
        if self.projection.histograms.exponential_buckets {
            let Histograms { positive, negative, .. } = &mut self.columns.histograms;
            push_buckets(positive, &point.positive);
            push_buckets(negative, &point.negative);
        }
        self.end_quantiles();
        self.exemplars(header.raw, Some(ExemplarField::EXPONENTIAL))?;
        self.finish_point(
            header.start_time,
            header.time,
            &Item::Point(header.raw, MetricKind::ExponentialHistogram.attributes()),
        )
    }

    fn summary(&mut self, point: &SummaryPoint<'a>) -> Result<(), Fault> {
        let header = &point.header;
        self.columns.widen(self.projection.histograms);
        self.sum(header);
        self.count_words(header, None, None);
        self.exponential_words(0, 0, 0.0);
        self.no_buckets();
        self.no_exponential_buckets();
        if self.projection.histograms.quantiles {
            self.columns.histograms.quantiles.extend_from_slice(&point.quantiles);
        }
        self.end_quantiles();
        self.exemplars(header.raw, None)?;
        self.finish_point(header.start_time, header.time, &Item::Point(header.raw, MetricKind::Summary.attributes()))
    }
}

impl<'a> Pass<'_, 'a> {
    /// A metric ends. One without points is a row like a point without anything, where that was declared.
    pub(super) fn close_metric(&mut self) -> Result<(), Fault> {
        let row = self.columns.layout.rows;
        if self.metric.take() != Some(row) || !self.projection.bare_metrics {
            return Ok(());
        }
        self.columns.layout.bare.set(row as usize);
        let (value, raw) = (Number::None, &[]);
        self.number(&NumberPoint { start_time: 0, time: 0, value, flags: 0, has_exemplars: false, raw })
    }

    #[inline(always)]
    fn finish_point(&mut self, start_time: u64, time: u64, item: &Item<'_, 'a>) -> Result<(), Fault> {
        self.finish_row(start_time, time, item)?;
        let layout = &mut self.columns.layout;
        if let Some(run) = layout.runs.last_mut() {
            run.end = layout.rows;
        }
        Ok(())
    }

    fn sum(&mut self, header: &PointHeader<'_>) {
        if !self.projection.values {
            return;
        }
        let row = self.columns.layout.rows as usize;
        let sum = header.sum.filter(|_| !header.is_stale());
        if sum.is_none() {
            self.columns.no_value.set(row);
        }
        self.columns.values.push(sum.map_or(0, f64::to_bits));
    }

    fn count_words(&mut self, header: &PointHeader<'_>, min: Option<f64>, max: Option<f64>) {
        let words = &mut self.columns.words;
        words.push(Word::Flags, header.flags.into());
        words.push(Word::Count, header.count);
        words.push(Word::Min, min.unwrap_or(NONE).to_bits());
        words.push(Word::Max, max.unwrap_or(NONE).to_bits());
    }

    fn exponential_words(&mut self, scale: i32, zero_count: u64, zero_threshold: f64) {
        let words = &mut self.columns.words;
        words.push(Word::Scale, i64::from(scale).cast_unsigned());
        words.push(Word::ZeroCount, zero_count);
        words.push(Word::ZeroThreshold, zero_threshold.to_bits());
    }

    /// What a number point has in the columns of histograms.
    #[inline(never)]
    fn wide_number(&mut self, point: &NumberPoint<'a>) -> Result<(), Fault> {
        self.count_words(&PointHeader { flags: point.flags, ..PointHeader::default() }, None, None);
        self.exponential_words(0, 0, 0.0);
        self.no_buckets();
        self.no_exponential_buckets();
        self.end_quantiles();
        self.exemplars(point.raw, Some(ExemplarField::NUMBER))
    }

    fn no_buckets(&mut self) {
        if self.projection.histograms.buckets {
            let histograms = &mut self.columns.histograms;
            histograms.bounds.push(NO_BOUNDS);
            histograms.bucket_ends.push(histograms.bucket_counts.len() as u32);
        }
    }

    fn no_exponential_buckets(&mut self) {
        if self.projection.histograms.exponential_buckets {
            let Histograms { positive, negative, .. } = &mut self.columns.histograms;
            push_buckets(positive, &Buckets::default());
            push_buckets(negative, &Buckets::default());
        }
    }

    /// Ends the row's quantiles, none or some.
    fn end_quantiles(&mut self) {
        if self.projection.histograms.quantiles {
            let histograms = &mut self.columns.histograms;
            histograms.quantile_ends.push(histograms.quantiles.len() as u32);
        }
    }

    fn exemplars(&mut self, point: &'a [u8], field: Option<ExemplarField>) -> Result<(), Fault> {
        if !self.projection.histograms.exemplars {
            return Ok(());
        }
        let Histograms { exemplars, exemplar_ends, .. } = &mut self.columns.histograms;
        if let Some(field) = field {
            field.each(point, |exemplar| {
                exemplars.bytes.extend_from_slice(exemplar);
                exemplars.end();
                Ok(())
            })?;
        }
        exemplar_ends.push(exemplars.ends.len() as u32);
        Ok(())
    }
}

fn push_buckets(column: &mut ExponentialBuckets, buckets: &Buckets<'_>) {
    column.offsets.push(buckets.offset);
    column.counts.extend(buckets.counts.varints());
    column.ends.push(column.counts.len() as u32);
}
