//! Histogram, exponential histogram and summary points into the form that is kept.
//!
//! One [`PointReader`] reads them all, so that buffers are allocated once and the bounds that a metric's points share are kept
//! once. What cannot be shown is a reason, not an error: the bytes are good protobuf. Sources: `metrics.proto` and the
//! specification's "Metrics Data Model".

use std::sync::Arc;

use super::compound::{Compound, Shape, Times};
use super::drops::Reason;
use super::exemplar::{self, Exemplar};
use super::exponential::Exponential;
use crate::otlp::message::Message;
use crate::otlp::metrics::MetricKind;
use crate::otlp::wire::{Fault, Field, Reader, Value};

/// The most buckets or quantiles of one point: what is shown of a series goes out in one go.
pub const BUCKETS_MAX: usize = 2048;

/// What a point says besides its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// When.
    pub times: Times,
    /// Whether it says that its series has no value any more.
    pub is_stale: bool,
}

/// The field of a compound point that holds its attributes.
pub fn attributes_field(kind: MetricKind) -> u32 {
    match kind {
        MetricKind::Histogram => 9,
        MetricKind::ExponentialHistogram => 1,
        MetricKind::Gauge | MetricKind::Sum | MetricKind::Summary => 7,
    }
}

/// Reads points, one after the other.
#[derive(Debug, Default)]
pub struct PointReader {
    /// The point read last.
    pub compound: Compound,
    bounds: Vec<f64>,
    /// The bounds or quantiles of the point before.
    shared: Option<Arc<[f64]>>,
    exponential: ExponentialFields,
    quantiles: Vec<(f64, u64)>,
}

/// The fields that only an exponential histogram has.
#[derive(Debug, Default)]
struct ExponentialFields {
    scale: i32,
    zero_threshold: f64,
    zero_count: u64,
    negative: Side,
    positive: Side,
}

/// One side of an exponential histogram.
#[derive(Debug, Default)]
struct Side {
    offset: i32,
    counts: Vec<u64>,
}

impl PointReader {
    /// Reads a point of this kind into `compound`.
    pub fn read(
        &mut self,
        kind: MetricKind,
        raw: &[u8],
        exemplars: bool,
    ) -> Result<(Header, Result<(), Reason>), Fault> {
        self.reset();
        let (mut times, mut flags) = (Times { start: 0, end: 0 }, 0);
        let (flags_field, exemplars_field) = match kind {
            MetricKind::Histogram => (10, 8),
            MetricKind::ExponentialHistogram => (10, 11),
            // No exemplars.
            _ => (8, 0),
        };
        let mut reader = Reader::new(raw);
        while let Some(field) = reader.field()? {
            match field.number {
                2 => times.start = field.value.fixed64(field.raw)?,
                3 => times.end = field.value.fixed64(field.raw)?,
                4 => self.compound.count = field.value.fixed64(field.raw)?,
                5 => self.compound.sum = Some(f64::from_bits(field.value.fixed64(field.raw)?)),
                number if number == flags_field => flags = field.value.varint(field.raw)?,
                number if number == exemplars_field => {
                    if exemplars {
                        self.compound.exemplars.push(Exemplar::read(field.value.bytes(field.raw)?)?);
                    }
                }
                _ => match kind {
                    MetricKind::Histogram => self.histogram_field(&field)?,
                    MetricKind::ExponentialHistogram => self.exponential.field(&field)?,
                    _ => self.summary_field(&field)?,
                },
            }
        }
        let header = Header { times, is_stale: flags & 1 == 1 };
        Ok((header, self.finish(kind)))
    }

    fn reset(&mut self) {
        let compound = &mut self.compound;
        (compound.count, compound.sum) = (0, None);
        compound.numbers.clear();
        compound.exemplars.clear();
        self.bounds.clear();
        self.quantiles.clear();
        self.exponential = ExponentialFields::default();
    }

    fn histogram_field(&mut self, field: &Field<'_>) -> Result<(), Fault> {
        match field.number {
            6 => each_fixed64(field, |bits| self.compound.numbers.push(bits)),
            7 => each_fixed64(field, |bits| self.bounds.push(f64::from_bits(bits))),
            _ => Ok(()),
        }
    }

    fn summary_field(&mut self, field: &Field<'_>) -> Result<(), Fault> {
        if field.number != 6 {
            return Ok(());
        }
        let (mut quantile, mut value) = (0.0, 0.0_f64.to_bits());
        Message::whole(field.value.bytes(field.raw)?).each_field(|field| {
            match field.number {
                1 => quantile = f64::from_bits(field.value.fixed64(field.raw)?),
                2 => value = field.value.fixed64(field.raw)?,
                _ => {}
            }
            Ok(())
        })?;
        self.quantiles.push((quantile, value));
        Ok(())
    }

    fn finish(&mut self, kind: MetricKind) -> Result<(), Reason> {
        exemplar::select(&mut self.compound.exemplars);
        match kind {
            MetricKind::Histogram => self.finish_histogram(),
            MetricKind::ExponentialHistogram => self.finish_exponential(),
            _ => self.finish_summary(),
        }
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

    fn finish_exponential(&mut self) -> Result<(), Reason> {
        let ExponentialFields { scale, zero_threshold, zero_count, negative, positive } =
            std::mem::take(&mut self.exponential);
        let parts = [Some(zero_count), total(&negative.counts), total(&positive.counts)];
        let sum = parts.into_iter().try_fold(0_u64, |sum, part| sum.checked_add(part?));
        if sum != Some(self.compound.count) || !(0.0..f64::INFINITY).contains(&zero_threshold) {
            return Err(Reason::InvalidHistogram);
        }
        let zero = (zero_threshold, zero_count);
        let (negative, positive) = ((negative.offset, negative.counts), (positive.offset, positive.counts));
        let (shape, counts) = Exponential::new(scale, zero, negative, positive);
        (self.compound.shape, self.compound.numbers) = (Shape::Exponential(shape), counts);
        Ok(())
    }

    fn finish_summary(&mut self) -> Result<(), Reason> {
        let quantiles = &mut self.quantiles;
        if quantiles.len() > BUCKETS_MAX {
            return Err(Reason::BucketLimit);
        }
        if !quantiles.iter().all(|(quantile, _)| (0.0..=1.0).contains(quantile)) {
            return Err(Reason::InvalidSummary);
        }
        // A proto3 double that is zero is not written.
        self.compound.sum = self.compound.sum.or(Some(0.0));
        quantiles.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        quantiles.dedup_by(|(a, _), (b, _)| a == b);
        self.bounds.extend(quantiles.iter().map(|(quantile, _)| *quantile));
        self.compound.numbers.extend(quantiles.iter().map(|(_, value)| *value));
        self.compound.shape = Shape::Quantiles(shared(&mut self.shared, &self.bounds));
        Ok(())
    }
}

impl ExponentialFields {
    fn field(&mut self, field: &Field<'_>) -> Result<(), Fault> {
        match field.number {
            6 => self.scale = zigzag(field.value.varint(field.raw)?),
            7 => self.zero_count = field.value.fixed64(field.raw)?,
            8 => self.positive.merge(field.value.bytes(field.raw)?)?,
            9 => self.negative.merge(field.value.bytes(field.raw)?)?,
            14 => self.zero_threshold = f64::from_bits(field.value.fixed64(field.raw)?),
            _ => {}
        }
        Ok(())
    }
}

impl Side {
    fn merge(&mut self, piece: &[u8]) -> Result<(), Fault> {
        Message::whole(piece).each_field(|field| {
            match (field.number, field.value) {
                (1, value) => self.offset = zigzag(value.varint(field.raw)?),
                (2, Value::Len(packed)) => {
                    let mut reader = Reader::new(packed);
                    while !reader.rest.is_empty() {
                        self.counts.push(reader.varint()?);
                    }
                }
                (2, value) => self.counts.push(value.varint(field.raw)?),
                _ => {}
            }
            Ok(())
        })
    }
}

/// Points of one metric mostly have the same bounds: then all of its series share them.
fn shared(known: &mut Option<Arc<[f64]>>, bounds: &[f64]) -> Arc<[f64]> {
    match known {
        Some(known) if **known == *bounds => Arc::clone(known),
        _ => Arc::clone(known.insert(Arc::from(bounds))),
    }
}

fn total(counts: &[u64]) -> Option<u64> {
    counts.iter().try_fold(0_u64, |sum, count| sum.checked_add(*count))
}

fn each_fixed64(field: &Field<'_>, mut each: impl FnMut(u64)) -> Result<(), Fault> {
    match field.value {
        Value::Len(packed) => packed.as_chunks::<8>().0.iter().for_each(|word| each(u64::from_le_bytes(*word))),
        value => each(value.fixed64(field.raw)?),
    }
    Ok(())
}

fn zigzag(bits: u64) -> i32 {
    let bits = bits as u32;
    (bits >> 1).cast_signed() ^ -(bits & 1).cast_signed()
}
