//! The columns that histograms have besides those of numbers, and one row of them as a point.

use otelier_sdk::aggregate::histogram::check_counts;
use otelier_sdk::aggregate::{ExponentialRef, Moments};
use otelier_sdk::{Batch, BucketCounts, Column, ExponentialBuckets, MetricKind, Values};

use super::bounds::Bounds;
use crate::reasons::Reason;

/// The flag of a point that has "no recorded value".
const NO_RECORDED_VALUE: u64 = 1;

/// Columns of a batch that has histograms.
pub struct Columns {
    flags: Vec<u64>,
    counts: Vec<u64>,
    mins: Vec<u64>,
    maxs: Vec<u64>,
    explicit: Option<Explicit>,
    exponential: Option<Exponentials>,
}

struct Explicit {
    bounds: Vec<u32>,
    buckets: BucketCounts,
}

struct Exponentials {
    scales: Vec<u64>,
    zero_counts: Vec<u64>,
    zero_thresholds: Vec<u64>,
    positive: ExponentialBuckets,
    negative: ExponentialBuckets,
}

/// A point that can be counted.
#[derive(Debug, Clone, Copy)]
pub struct Point<'c> {
    pub moments: Moments,
    pub body: Body<'c>,
    /// Whether it has a sum that is NaN or infinite.
    pub sum_is_lost: bool,
}

/// Its buckets.
#[derive(Debug, Clone, Copy)]
pub enum Body<'c> {
    /// Between bounds with that own number; without bounds one count for everything.
    Explicit { bounds: u32, counts: &'c [u64] },
    /// Of an exponential histogram.
    Exponential(ExponentialRef<'c>),
}

fn cell(column: &[u64], row: usize) -> u64 {
    column.get(row).copied().unwrap_or(0)
}

fn slice<'c>(ends: &[u32], counts: &'c [u64], row: usize) -> &'c [u64] {
    let start = row.checked_sub(1).map_or(Some(&0), |before| ends.get(before));
    let (Some(start), Some(end)) = (start, ends.get(row)) else { return &[] };
    counts.get(*start as usize..*end as usize).unwrap_or_default()
}

fn side(buckets: &ExponentialBuckets, row: usize) -> (i32, &[u64]) {
    (buckets.offsets.get(row).copied().unwrap_or(0), slice(&buckets.ends, &buckets.counts, row))
}

impl Columns {
    /// Pulls what every kind of histogram has.
    pub fn pull(batch: &mut Batch<'_>) -> Columns {
        Columns {
            flags: batch.column(Column::Flags),
            counts: batch.column(Column::Count),
            mins: batch.column(Column::Min),
            maxs: batch.column(Column::Max),
            explicit: None,
            exponential: None,
        }
    }

    /// Pulls what this kind has, once.
    pub fn pull_kind(&mut self, batch: &mut Batch<'_>, kind: MetricKind, bounds: &mut Bounds) {
        if kind == MetricKind::Histogram {
            self.explicit.get_or_insert_with(|| {
                let pulled = Explicit { bounds: batch.bounds(), buckets: batch.buckets() };
                bounds.learn(batch, &pulled.bounds);
                pulled
            });
        } else {
            self.exponential.get_or_insert_with(|| Exponentials {
                scales: batch.column(Column::Scale),
                zero_counts: batch.column(Column::ZeroCount),
                zero_thresholds: batch.column(Column::ZeroThreshold),
                positive: batch.positive_buckets(),
                negative: batch.negative_buckets(),
            });
        }
    }

    /// One row, checked: what it says can be added up.
    #[inline]
    pub fn point<'c>(
        &'c self,
        kind: MetricKind,
        row: usize,
        values: &Values,
        bounds: &Bounds,
    ) -> Result<Point<'c>, Reason> {
        if cell(&self.flags, row) & NO_RECORDED_VALUE != 0 {
            return Err(Reason::NoValue);
        }
        let count = cell(&self.counts, row);
        // A sum that is no number says nothing of the counts: there is none, as where the point has none.
        let sum = values.get(row).map_or(f64::NAN, |sum| sum.as_f64());
        let sum_is_lost = !sum.is_finite() && values.get(row).is_some();
        let sum = if sum.is_finite() { sum } else { f64::NAN };
        let (min, max) = (f64::from_bits(cell(&self.mins, row)), f64::from_bits(cell(&self.maxs, row)));
        let moments = Moments { count, sum, min, max };
        let body = match (kind, &self.explicit, &self.exponential) {
            (MetricKind::Histogram, Some(explicit), _) => self.explicit(explicit, row, count, bounds)?,
            (_, _, Some(columns)) => Body::Exponential(columns.point(row, count)?),
            _ => return Err(Reason::NoValue),
        };
        Ok(Point { moments, body, sum_is_lost })
    }

    #[inline]
    fn explicit<'c>(
        &'c self,
        explicit: &'c Explicit,
        row: usize,
        count: u64,
        bounds: &Bounds,
    ) -> Result<Body<'c>, Reason> {
        let own = bounds.own(explicit.bounds.get(row).copied().unwrap_or(otelier_sdk::NO_BOUNDS))?;
        let counts = slice(&explicit.buckets.ends, &explicit.buckets.counts, row);
        check_counts(bounds.list(own).len(), counts, count)?;
        // Without buckets it is one for everything, and the count is its count.
        let counts = if counts.is_empty() { self.counts.get(row..row + 1).unwrap_or_default() } else { counts };
        Ok(Body::Explicit { bounds: own, counts })
    }
}

impl Exponentials {
    fn point(&self, row: usize, count: u64) -> Result<ExponentialRef<'_>, Reason> {
        let scale = cell(&self.scales, row).cast_signed();
        let zero_threshold = f64::from_bits(cell(&self.zero_thresholds, row));
        let counts = [count, cell(&self.zero_counts, row)];
        let (positive, negative) = (side(&self.positive, row), side(&self.negative, row));
        Ok(ExponentialRef::checked(scale, counts, zero_threshold, positive, negative)?)
    }
}
