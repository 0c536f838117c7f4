//! One point, whatever its kind.

use super::Emission;
use crate::otlp::columns::{Bitmap, ExponentialBuckets};
use crate::otlp::key::{self, Element, Level};
use crate::otlp::points::ExemplarField;
use crate::otlp::wire::{Malformed, put_bytes, put_fixed64, put_varint, put_varint_field};

/// What rows have beside keys and times. All columns of a variant have as many rows.
#[derive(Debug, Clone, PartialEq)]
pub enum Points {
    /// `as_double`.
    Doubles(Vec<f64>),
    /// `as_int`.
    Integers(Vec<i64>),
    /// Explicit bounds.
    Histograms(HistogramRows),
    /// Exponential.
    Exponential(ExponentialRows),
}

/// What both kinds of histograms have.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observations {
    /// `count`.
    pub counts: Vec<u64>,
    /// `sum`.
    pub sums: Vec<f64>,
    /// Rows without a sum.
    pub no_sum: Bitmap,
    /// `min`; NaN, or a column that is empty: none.
    pub mins: Vec<f64>,
    /// `max`, likewise.
    pub maxs: Vec<f64>,
}

/// Histograms by column.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HistogramRows {
    /// Counts, sums, extremes.
    pub observations: Observations,
    /// Lists of bounds that rows share.
    pub bounds: Vec<std::sync::Arc<[f64]>>,
    /// Each row's list; `None`: neither bounds nor buckets.
    pub row_bounds: Vec<Option<u32>>,
    /// Where each row's bucket counts end.
    pub bucket_ends: Vec<u32>,
    /// All bucket counts.
    pub bucket_counts: Vec<u64>,
}

/// Exponential histograms by column.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExponentialRows {
    /// Counts, sums, extremes.
    pub observations: Observations,
    /// `scale`.
    pub scales: Vec<i32>,
    /// `zero_count`.
    pub zero_counts: Vec<u64>,
    /// `zero_threshold`.
    pub zero_thresholds: Vec<f64>,
    /// `positive`.
    pub positive: ExponentialBuckets,
    /// `negative`.
    pub negative: ExponentialBuckets,
}

/// Appends the fields of one row.
pub fn put(
    out: &mut Vec<u8>,
    emission: &Emission,
    row: usize,
    elements: &[Element<'_>],
    exemplars: &[(u32, Box<[u8]>)],
) -> Result<(), Malformed> {
    if let Some(start_time) = emission.start_times.get(row) {
        put_fixed64(out, 2, *start_time);
    }
    put_fixed64(out, 3, at(&emission.times, row));
    let field = match &emission.points {
        Points::Doubles(values) => {
            put_fixed64(out, 4, at(values, row).to_bits());
            ExemplarField::NUMBER
        }
        Points::Integers(values) => {
            put_fixed64(out, 6, at(values, row).cast_unsigned());
            ExemplarField::NUMBER
        }
        Points::Histograms(rows) => {
            put_histogram(out, rows, row);
            ExemplarField::HISTOGRAM
        }
        Points::Exponential(rows) => {
            put_exponential(out, rows, row);
            ExemplarField::EXPONENTIAL
        }
    };
    exemplars.iter().for_each(|(_, exemplar)| put_bytes(out, field.number(), exemplar));
    put_attributes(out, elements, Level::Item, emission.descriptor.kind.attributes())
}

fn at<T: Copy + Default>(column: &[T], row: usize) -> T {
    column.get(row).copied().unwrap_or_default()
}

/// Where a row's part of a list is.
fn part<'c, T>(ends: &[u32], list: &'c [T], row: usize) -> &'c [T] {
    let start = row.checked_sub(1).map_or(0, |before| at(ends, before));
    list.get(start as usize..at(ends, row) as usize).unwrap_or_default()
}

fn put_observations(out: &mut Vec<u8>, observations: &Observations, row: usize, [min, max]: [u32; 2]) {
    put_fixed64(out, 4, at(&observations.counts, row));
    if !observations.no_sum.get(row) {
        put_fixed64(out, 5, at(&observations.sums, row).to_bits());
    }
    for (number, column) in [(min, &observations.mins), (max, &observations.maxs)] {
        if let Some(extreme) = column.get(row).filter(|extreme| !extreme.is_nan()) {
            put_fixed64(out, number, extreme.to_bits());
        }
    }
}

fn put_histogram(out: &mut Vec<u8>, rows: &HistogramRows, row: usize) {
    put_observations(out, &rows.observations, row, [11, 12]);
    let Some(bounds) = at(&rows.row_bounds, row).and_then(|number| rows.bounds.get(number as usize)) else { return };
    put_fixed64s(out, 6, part(&rows.bucket_ends, &rows.bucket_counts, row).iter().copied());
    put_fixed64s(out, 7, bounds.iter().map(|bound| bound.to_bits()));
}

/// A packed field.
fn put_fixed64s(out: &mut Vec<u8>, number: u32, words: impl ExactSizeIterator<Item = u64>) {
    if words.len() == 0 {
        return;
    }
    put_varint(out, u64::from(number) << 3 | 2);
    put_varint(out, words.len() as u64 * 8);
    words.for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
}

fn put_exponential(out: &mut Vec<u8>, rows: &ExponentialRows, row: usize) {
    put_observations(out, &rows.observations, row, [12, 13]);
    put_varint_field(out, 6, zigzag(at(&rows.scales, row)));
    put_fixed64(out, 7, at(&rows.zero_counts, row));
    put_fixed64(out, 14, at(&rows.zero_thresholds, row).to_bits());
    for (number, buckets) in [(8, &rows.positive), (9, &rows.negative)] {
        let counts = part(&buckets.ends, &buckets.counts, row);
        if counts.is_empty() {
            continue;
        }
        let (mut message, mut packed) = (Vec::new(), Vec::new());
        counts.iter().for_each(|count| put_varint(&mut packed, *count));
        put_varint_field(&mut message, 1, zigzag(at(&buckets.offsets, row)));
        put_bytes(&mut message, 2, &packed);
        put_bytes(out, number, &message);
    }
}

fn zigzag(number: i32) -> u64 {
    ((number << 1) ^ (number >> 31)).cast_unsigned().into()
}

/// Appends the attributes of one level as fields of that number.
pub fn put_attributes(out: &mut Vec<u8>, elements: &[Element<'_>], level: Level, number: u32) -> Result<(), Malformed> {
    let (mut attribute, mut value) = (Vec::new(), Vec::new());
    for element in elements.iter().filter(|element| element.level == level) {
        attribute.clear();
        value.clear();
        key::put_any_value(&mut value, element.value)?;
        put_bytes(&mut attribute, 1, element.name);
        put_bytes(&mut attribute, 2, &value);
        put_bytes(out, number, &attribute);
    }
    Ok(())
}
