//! Histogram, exponential histogram and summary points into the form that is kept.
//!
//! One [`PointReader`] reads them all, so that buffers are allocated once and the bounds that a metric's points share are kept
//! once. What cannot be shown is a reason, not an error: the bytes are good protobuf. Sources: `metrics.proto` and the
//! specification's "Metrics Data Model".

use std::sync::Arc;

use super::compound::{Compound, Shape};
use super::drops::Reason;
use super::exemplar::{self, Exemplar};
use super::exponential::Exponential;
use crate::otlp::points::{ExemplarField, ExponentialPoint, HistogramPoint, PointHeader, SummaryPoint};
use crate::otlp::wire::Fault;

/// The most buckets or quantiles of one point: what is shown of a series goes out in one go.
pub const BUCKETS_MAX: usize = 2048;

/// Reads points, one after the other.
#[derive(Debug, Default)]
pub struct PointReader {
    /// The point read last.
    pub compound: Compound,
    bounds: Vec<f64>,
    /// The bounds or quantiles of the point before.
    shared: Option<Arc<[f64]>>,
}

/// Whether a point can be shown.
pub type Readable = Result<(), Reason>;

impl PointReader {
    /// Reads a histogram's point into `compound`.
    pub fn histogram(&mut self, point: &HistogramPoint<'_>, exemplars: bool) -> Result<Readable, Fault> {
        self.begin(&point.header, exemplars.then_some(ExemplarField::HISTOGRAM))?;
        self.compound.numbers.extend(point.bucket_counts.fixed64s());
        self.bounds.extend(point.bounds.fixed64s().map(f64::from_bits).map(without_negative_zero));
        Ok(self.finish_histogram())
    }

    /// Reads an exponential histogram's point into `compound`.
    pub fn exponential(&mut self, point: &ExponentialPoint<'_>, exemplars: bool) -> Result<Readable, Fault> {
        self.begin(&point.header, exemplars.then_some(ExemplarField::EXPONENTIAL))?;
        let [negative, positive] =
            [&point.negative, &point.positive].map(|side| side.counts.varints().collect::<Vec<_>>());
        let parts = [Some(point.zero_count), total(&negative), total(&positive)];
        let sum = parts.into_iter().try_fold(0_u64, |sum, part| sum.checked_add(part?));
        if sum != Some(self.compound.count) || !(0.0..f64::INFINITY).contains(&point.zero_threshold) {
            return Ok(Err(Reason::InvalidHistogram));
        }
        let zero = (without_negative_zero(point.zero_threshold), point.zero_count);
        let (negative, positive) = ((point.negative.offset, negative), (point.positive.offset, positive));
        let (shape, counts) = Exponential::new(point.scale, zero, negative, positive);
        (self.compound.shape, self.compound.numbers) = (Shape::Exponential(shape), counts);
        Ok(Ok(()))
    }

    /// Reads a summary's point into `compound`.
    pub fn summary(&mut self, point: &SummaryPoint<'_>) -> Result<Readable, Fault> {
        self.begin(&point.header, None)?;
        Ok(self.finish_summary(point.quantiles.clone()))
    }

    fn begin(&mut self, header: &PointHeader<'_>, exemplars: Option<ExemplarField>) -> Result<(), Fault> {
        let compound = &mut self.compound;
        (compound.count, compound.sum) = (header.count, header.sum);
        compound.numbers.clear();
        compound.exemplars.clear();
        self.bounds.clear();
        let Some(field) = exemplars else { return Ok(()) };
        field.each(header.raw, |message| {
            compound.exemplars.push(Exemplar::read(message)?);
            Ok(())
        })?;
        exemplar::select(&mut compound.exemplars);
        Ok(())
    }

    fn finish_histogram(&mut self) -> Result<(), Reason> {
        let (compound, bounds) = (&mut self.compound, &mut self.bounds);
        if bounds.len() > BUCKETS_MAX {
            return Err(Reason::BucketLimit);
        }
        if bounds.is_empty() && compound.numbers.is_empty() {
            compound.numbers.push(compound.count);
        }
        if compound.numbers.len() != bounds.len() + 1 {
            return Err(Reason::InvalidHistogram);
        }
        if bounds.pop_if(|bound| *bound == f64::INFINITY).is_some() {
            let above = compound.numbers.pop().unwrap_or(0);
            compound.numbers.last_mut().into_iter().for_each(|last| *last = last.saturating_add(above));
        }
        let ascending = bounds.is_sorted_by(|a, b| a < b) && !bounds.iter().any(|bound| bound.is_nan());
        if !ascending || total(&compound.numbers) != Some(compound.count) {
            return Err(Reason::InvalidHistogram);
        }
        compound.shape = Shape::Bounds(shared(&mut self.shared, bounds));
        Ok(())
    }

    fn finish_summary(&mut self, mut quantiles: Vec<(f64, f64)>) -> Result<(), Reason> {
        if quantiles.len() > BUCKETS_MAX {
            return Err(Reason::BucketLimit);
        }
        if !quantiles.iter().all(|(quantile, _)| (0.0..=1.0).contains(quantile)) {
            return Err(Reason::InvalidSummary);
        }
        quantiles.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        quantiles.dedup_by(|(a, _), (b, _)| a == b);
        self.bounds.extend(quantiles.iter().map(|(quantile, _)| without_negative_zero(*quantile)));
        self.compound.numbers.extend(quantiles.iter().map(|(_, value)| value.to_bits()));
        self.compound.shape = Shape::Quantiles(shared(&mut self.shared, &self.bounds));
        Ok(())
    }
}

/// Points of one metric mostly have the same bounds: then all of its series share them.
fn shared(known: &mut Option<Arc<[f64]>>, bounds: &[f64]) -> Arc<[f64]> {
    match known {
        Some(known) if **known == *bounds => Arc::clone(known),
        _ => Arc::clone(known.insert(Arc::from(bounds))),
    }
}

/// A bound is the text of a label: zero has one.
fn without_negative_zero(bound: f64) -> f64 {
    if bound == 0.0 { 0.0 } else { bound }
}

fn total(counts: &[u64]) -> Option<u64> {
    counts.iter().try_fold(0_u64, |sum, count| sum.checked_add(*count))
}
