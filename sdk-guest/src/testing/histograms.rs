//! Points that have more than a value: what a test writes, how a batch's columns show it, and what comes back out.

use serde::{Deserialize, Serialize};

use crate::aggregate::Number;
use crate::{Bitmap, Blob, BucketCounts, ExemplarLists, ExponentialBuckets, ExponentialHistograms, Histograms};
use crate::{MetricKind, NO_BOUNDS, QuantileValues};

use super::EmittedPoint;
use super::memory::Columns;

/// The flag of a point that has "no recorded value".
const NO_RECORDED_VALUE: u64 = 1;

/// What a histogram point has besides attributes and times.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Histogram {
    /// `count`.
    pub count: u64,
    /// `sum`.
    pub sum: Option<f64>,
    /// `min`.
    pub min: Option<f64>,
    /// `max`.
    pub max: Option<f64>,
    /// `explicit_bounds`.
    pub bounds: Vec<f64>,
    /// `bucket_counts`.
    pub buckets: Vec<u64>,
}

/// The same of an exponential histogram point.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExponentialHistogram {
    /// `count`.
    pub count: u64,
    /// `sum`.
    pub sum: Option<f64>,
    /// `min`.
    pub min: Option<f64>,
    /// `max`.
    pub max: Option<f64>,
    /// `scale`.
    pub scale: i32,
    /// `zero_count`.
    pub zero_count: u64,
    /// `zero_threshold`.
    pub zero_threshold: f64,
    /// `positive`: offset and counts.
    pub positive: (i32, Vec<u64>),
    /// `negative`: offset and counts.
    pub negative: (i32, Vec<u64>),
}

/// The same of a summary point.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Summary {
    /// `count`.
    pub count: u64,
    /// `sum`.
    pub sum: f64,
    /// `quantile_values`: quantile and value.
    pub quantiles: Vec<(f64, f64)>,
}

/// What a point holds.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// A number, in `value`.
    #[default]
    Number,
    /// `Histogram`.
    Histogram(Histogram),
    /// `ExponentialHistogram`.
    Exponential(ExponentialHistogram),
    /// `Summary`.
    Summary(Summary),
}

/// Bounds by number, and how many of them the guest has been told.
#[derive(Debug, Default)]
pub(super) struct InputBounds {
    pub lists: Vec<Vec<f64>>,
    pub sent: usize,
}

impl InputBounds {
    fn number(&mut self, bounds: &[f64]) -> u32 {
        let bits = |list: &[f64]| list.iter().map(|bound| bound.to_bits()).collect::<Vec<u64>>();
        let known = self.lists.iter().position(|known| bits(known) == bits(bounds));
        known.unwrap_or_else(|| {
            self.lists.push(bounds.to_vec());
            self.lists.len() - 1
        }) as u32
    }
}

/// The columns of a batch that numbers do not have, row by row.
#[derive(Debug)]
pub(super) struct PointColumns {
    words: [(&'static str, Vec<u64>); 7],
    bounds: Vec<u32>,
    buckets: BucketCounts,
    positive: ExponentialBuckets,
    negative: ExponentialBuckets,
    quantiles: QuantileValues,
    exemplars: ExemplarLists,
}

fn no_buckets() -> ExponentialBuckets {
    ExponentialBuckets { offsets: Vec::new(), ends: Vec::new(), counts: Vec::new() }
}

impl PointColumns {
    pub fn new() -> PointColumns {
        let names = ["flags", "count", "min", "max", "scale", "zero_count", "zero_threshold"];
        PointColumns {
            words: names.map(|name| (name, Vec::new())),
            bounds: Vec::new(),
            buckets: BucketCounts { ends: Vec::new(), counts: Vec::new() },
            positive: no_buckets(),
            negative: no_buckets(),
            quantiles: QuantileValues { ends: Vec::new(), quantiles: Vec::new(), values: Vec::new() },
            exemplars: ExemplarLists { ends: Vec::new(), entries: Blob::default() },
        }
    }

    /// Appends a row; gives what stands in `values`.
    pub fn push(&mut self, point: &super::Point, input: &mut InputBounds) -> Option<Number> {
        let empty = ExponentialHistogram::default();
        let (mut count, mut extremes, mut sum) = (0, [None, None], point.value);
        let (mut exponential, mut buckets, mut bounds) = (&empty, &[][..], NO_BOUNDS);
        match &point.content {
            Content::Number => {}
            Content::Histogram(histogram) => {
                (count, sum) = (histogram.count, histogram.sum.map(Number::Double));
                extremes = [histogram.min, histogram.max];
                (buckets, bounds) = (&histogram.buckets, input.number(&histogram.bounds));
            }
            Content::Exponential(histogram) => {
                (count, sum) = (histogram.count, histogram.sum.map(Number::Double));
                extremes = [histogram.min, histogram.max];
                exponential = histogram;
            }
            Content::Summary(summary) => {
                (count, sum) = (summary.count, Some(Number::Double(summary.sum)));
                self.quantiles.quantiles.extend(summary.quantiles.iter().map(|(quantile, _)| *quantile));
                self.quantiles.values.extend(summary.quantiles.iter().map(|(_, value)| *value));
            }
        }
        let flags = if point.no_recorded_value { NO_RECORDED_VALUE } else { 0 };
        let [min, max] = extremes.map(|extreme| extreme.unwrap_or(f64::NAN).to_bits());
        let scale = i64::from(exponential.scale).cast_unsigned();
        let threshold = exponential.zero_threshold.to_bits();
        let row = [flags, count, min, max, scale, exponential.zero_count, threshold];
        self.words.iter_mut().zip(row).for_each(|((_, column), word)| column.push(word));
        self.bounds.push(bounds);
        self.buckets.counts.extend(buckets);
        self.buckets.ends.push(self.buckets.counts.len() as u32);
        for (column, (offset, counts)) in
            [(&mut self.positive, &exponential.positive), (&mut self.negative, &exponential.negative)]
        {
            column.offsets.push(*offset);
            column.counts.extend(counts);
            column.ends.push(column.counts.len() as u32);
        }
        self.quantiles.ends.push(self.quantiles.values.len() as u32);
        point.exemplars.iter().for_each(|exemplar| self.exemplars.entries.push(exemplar.as_bytes()));
        self.exemplars.ends.push(self.exemplars.entries.len() as u32);
        sum.filter(|_| !point.no_recorded_value)
    }

    /// Hands out those that were declared.
    pub fn finish(self, declared: &[String], columns: &mut Columns) {
        let is_declared = |name: &str| declared.iter().any(|one| one == name);
        let words = self.words.into_iter().filter(|(name, _)| is_declared(name));
        columns.words = words.map(|(name, column)| (name.to_owned(), column)).collect();
        columns.bounds = is_declared("buckets").then_some(self.bounds);
        columns.buckets = is_declared("buckets").then_some(self.buckets);
        columns.positive_buckets = is_declared("exponential_buckets").then_some(self.positive);
        columns.negative_buckets = is_declared("exponential_buckets").then_some(self.negative);
        columns.quantiles = is_declared("quantiles").then_some(self.quantiles);
        columns.exemplars = is_declared("exemplars").then_some(self.exemplars);
    }
}

/// The kinds that are read where a processor declares none.
pub(super) const DEFAULT_KINDS: [MetricKind; 5] = {
    use MetricKind::{ExponentialHistogram, Gauge, Histogram, Sum, Summary};
    [Gauge, Sum, Histogram, ExponentialHistogram, Summary]
};

/// Whether a list of a column has one entry a row.
fn is_full<T>(list: &[T], rows: usize) -> bool {
    list.len() == rows
}

/// Whether it has, or has none at all.
fn is_full_or_empty<T>(list: &[T], rows: usize) -> bool {
    list.is_empty() || is_full(list, rows)
}

fn slice<'c>(ends: &[u32], counts: &'c [u64], row: usize) -> &'c [u64] {
    let start = row.checked_sub(1).map_or(0, |before| ends[before]) as usize;
    counts.get(start..ends[row] as usize).expect("ends of buckets never decrease and end with the counts")
}

fn extreme(column: &[f64], row: usize) -> Option<f64> {
    column.get(row).copied().filter(|value| !value.is_nan())
}

/// The columns of emitted points that numbers have too, and for each row what it holds.
pub(super) type Emission = ([Vec<u64>; 2], Vec<u32>, Vec<Content>);

/// Emitted histograms as points.
pub(super) fn histograms(points: Histograms, bounds: &[Vec<f64>]) -> Emission {
    let rows = points.keys.len();
    let full = is_full(&points.counts, rows) && is_full(&points.sums, rows) && is_full(&points.bounds, rows);
    assert!(full && is_full(&points.bucket_ends, rows), "the columns of an emission differ in length");
    assert!(is_full_or_empty(&points.mins, rows) && is_full_or_empty(&points.maxs, rows), "extremes for some only");
    let no_sum = Bitmap::from_words(points.no_sum);
    let content = |row: usize| {
        let bounds = match points.bounds[row] {
            NO_BOUNDS => None,
            number => Some(bounds[number as usize].clone()),
        };
        let buckets = slice(&points.bucket_ends, &points.bucket_counts, row).to_vec();
        assert_eq!(buckets.len(), bounds.as_ref().map_or(0, |bounds| bounds.len() + 1), "one bucket more than bounds");
        Content::Histogram(Histogram {
            count: points.counts[row],
            sum: Some(points.sums[row]).filter(|_| !no_sum.get(row)),
            min: extreme(&points.mins, row),
            max: extreme(&points.maxs, row),
            bounds: bounds.unwrap_or_default(),
            buckets,
        })
    };
    let contents = (0..rows).map(content).collect();
    ([points.start_times, points.times], points.keys, contents)
}

/// Emitted exponential histograms as points.
pub(super) fn exponential_histograms(points: ExponentialHistograms) -> Emission {
    let rows = points.keys.len();
    let counts = is_full(&points.counts, rows) && is_full(&points.zero_counts, rows) && is_full(&points.scales, rows);
    let doubles = is_full(&points.sums, rows) && is_full(&points.zero_thresholds, rows);
    assert!(counts && doubles, "the columns of an emission differ in length");
    for side in [&points.positive, &points.negative] {
        assert!(is_full(&side.offsets, rows) && is_full(&side.ends, rows), "the columns of buckets differ in length");
    }
    assert!(is_full_or_empty(&points.mins, rows) && is_full_or_empty(&points.maxs, rows), "extremes for some only");
    let no_sum = Bitmap::from_words(points.no_sum);
    let side =
        |side: &ExponentialBuckets, row: usize| (side.offsets[row], slice(&side.ends, &side.counts, row).to_vec());
    let content = |row: usize| {
        Content::Exponential(ExponentialHistogram {
            count: points.counts[row],
            sum: Some(points.sums[row]).filter(|_| !no_sum.get(row)),
            min: extreme(&points.mins, row),
            max: extreme(&points.maxs, row),
            scale: points.scales[row],
            zero_count: points.zero_counts[row],
            zero_threshold: points.zero_thresholds[row],
            positive: side(&points.positive, row),
            negative: side(&points.negative, row),
        })
    };
    let contents = (0..rows).map(content).collect();
    ([points.start_times, points.times], points.keys, contents)
}

/// Gives exemplars to points.
pub(super) fn attach(points: &mut [EmittedPoint], rows: &[u32], entries: &Blob) {
    assert_eq!(rows.len(), entries.len(), "as many rows as exemplars");
    for (row, entry) in rows.iter().zip(entries.iter()) {
        let point = points.get_mut(*row as usize).expect("an exemplar of a row that was not emitted");
        point.exemplars.push(String::from_utf8_lossy(entry).into_owned());
    }
}
