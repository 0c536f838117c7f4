//! Emissions made of bytes. Columns fit together as the host sees to when it takes them from a guest.

use std::sync::Arc;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::Exemplar;
use prost::Message;

use crate::bytes::Choices;
use crate::contract::Signal;
use crate::generate::Request;
use crate::model::canonical;
use crate::model::key::read;
use crate::otlp::columns::{Bitmap, ExponentialBuckets};
use crate::otlp::descriptors::Descriptor;
use crate::otlp::emit::{Emission, ExponentialRows, HistogramRows, Observations, Points};
use crate::otlp::metrics::{MetricKind, Temporality};
use crate::values::within;

/// From a request to an exemplar.
const EXEMPLAR: [u32; 6] = [1, 2, 2, 7, 1, 5];

/// All that the bytes have.
pub fn emissions(choices: &mut Choices<'_>) -> Vec<Emission> {
    let pool: Vec<Box<[u8]>> = (0..choices.byte() % 5).map(|_| key(choices)).collect();
    let mut emissions = Vec::new();
    while !choices.is_done() {
        emissions.push(emission(choices, &pool));
    }
    emissions
}

/// A key made of bytes, as they are or as the canonical form of what they say; empty is "no attributes".
fn key(choices: &mut Choices<'_>) -> Box<[u8]> {
    let raw = choices.flag();
    let bytes = [&[1], choices.short()].concat();
    match read(&bytes) {
        _ if raw => bytes.into(),
        Some(key) if !key.is_empty() => canonical(&key).into(),
        _ => Box::default(),
    }
}

fn emission(choices: &mut Choices<'_>, pool: &[Box<[u8]>]) -> Emission {
    let rows = usize::from(choices.byte() % 8);
    let key = |choices: &mut Choices<'_>| pool.get(usize::from(choices.byte()) % pool.len().max(1)).cloned();
    let keys = (0..rows).map(|_| key(choices).unwrap_or_default()).collect();
    let start_times = if choices.flag() { words(choices, rows) } else { Vec::new() };
    let times = words(choices, rows);
    let (kind, points) = points(choices, rows);
    let descriptor = Descriptor {
        name: choices.pick(&["", "requests", "größe"]).to_owned(),
        unit: choices.pick(&["", "1"]).to_owned(),
        description: choices.pick(&["", "what it counts"]).to_owned(),
        kind,
        temporality: choices.pick(&[Temporality::Unspecified, Temporality::Delta, Temporality::Cumulative]),
        monotonic: choices.flag(),
    };
    Emission { descriptor, keys, start_times, times, points, exemplars: exemplars(choices, rows) }
}

fn column<T>(choices: &mut Choices<'_>, rows: usize, mut one: impl FnMut(&mut Choices<'_>) -> T) -> Vec<T> {
    (0..rows).map(|_| one(choices)).collect()
}

fn words(choices: &mut Choices<'_>, rows: usize) -> Vec<u64> {
    column(choices, rows, |choices| choices.word())
}

fn doubles(choices: &mut Choices<'_>, rows: usize) -> Vec<f64> {
    column(choices, rows, |choices| f64::from_bits(choices.word()))
}

fn points(choices: &mut Choices<'_>, rows: usize) -> (MetricKind, Points) {
    let number = choices.pick(&[MetricKind::Gauge, MetricKind::Sum]);
    match choices.byte() % 4 {
        0 => (number, Points::Doubles(doubles(choices, rows))),
        1 => (number, Points::Integers(column(choices, rows, |choices| choices.word().cast_signed()))),
        2 => (MetricKind::Histogram, Points::Histograms(histograms(choices, rows))),
        _ => (MetricKind::ExponentialHistogram, Points::Exponential(exponential(choices, rows))),
    }
}

fn observations(choices: &mut Choices<'_>, rows: usize) -> Observations {
    let no_sum = Bitmap::from_words(vec![u64::from(choices.byte()) & ((1 << rows) - 1)]);
    let [mins, maxs] = [choices.flag(), choices.flag()].map(|wanted| if wanted { rows } else { 0 });
    Observations {
        counts: words(choices, rows),
        sums: doubles(choices, rows),
        no_sum,
        mins: doubles(choices, mins),
        maxs: doubles(choices, maxs),
    }
}

/// As the host takes them from a guest: a row has one bucket more than bounds, or neither.
fn histograms(choices: &mut Choices<'_>, rows: usize) -> HistogramRows {
    let bounds: Vec<Arc<[f64]>> = (0..3).map(|length| doubles(choices, length).into()).collect();
    let row_bounds = column(choices, rows, |choices| choices.pick(&[None, Some(0), Some(1), Some(2)]));
    let (mut bucket_ends, mut bucket_counts) = (Vec::new(), Vec::new());
    for list in &row_bounds {
        let buckets = list.map_or(0, |list| bounds[list as usize].len() + 1);
        bucket_counts.extend(words(choices, buckets));
        bucket_ends.push(bucket_counts.len() as u32);
    }
    HistogramRows { observations: observations(choices, rows), bounds, row_bounds, bucket_ends, bucket_counts }
}

fn exponential(choices: &mut Choices<'_>, rows: usize) -> ExponentialRows {
    ExponentialRows {
        observations: observations(choices, rows),
        scales: column(choices, rows, |choices| choices.word() as i32),
        zero_counts: words(choices, rows),
        zero_thresholds: doubles(choices, rows),
        positive: buckets(choices, rows),
        negative: buckets(choices, rows),
    }
}

fn buckets(choices: &mut Choices<'_>, rows: usize) -> ExponentialBuckets {
    let mut column = ExponentialBuckets::default();
    for _ in 0..rows {
        let counts = usize::from(choices.byte() % 4);
        column.counts.extend(words(choices, counts));
        column.ends.push(column.counts.len() as u32);
        column.offsets.push(choices.word() as i32);
    }
    column
}

/// Some for each row, ascending by row.
fn exemplars(choices: &mut Choices<'_>, rows: usize) -> Vec<(u32, Box<[u8]>)> {
    let mut exemplars = Vec::new();
    for row in 0..rows as u32 {
        exemplars.extend((0..choices.byte() % 3).map(|_| (row, exemplar(choices.short()))));
    }
    exemplars
}

/// Bytes as an exemplar, or within one where prost would not read them as that below a request.
fn exemplar(bytes: &[u8]) -> Box<[u8]> {
    match Request::decode(Signal::Metrics, &within(bytes.to_vec(), &EXEMPLAR)) {
        Ok(_) => bytes.into(),
        Err(_) => {
            let filtered_attributes =
                vec![KeyValue { key: String::from_utf8_lossy(bytes).into_owned(), ..KeyValue::default() }];
            Exemplar { filtered_attributes, ..Exemplar::default() }.encode_to_vec().into()
        }
    }
}
