//! Random emissions.

use std::sync::Arc;

use fastrand::Rng;
use otelier::otlp::columns::{Bitmap, ExponentialBuckets};
use otelier::otlp::descriptors::Descriptor;
use otelier::otlp::emit::{Emission, ExponentialRows, HistogramRows, Observations, Points};
use otelier::otlp::metrics::{MetricKind, Temporality};
use otelier_tests::generate::{chance, double, integer, metrics, pick, several, time};
use prost::Message;

use crate::model::{self, Key};

/// An emission and its rows' keys; few keys, so that groups form.
pub fn emission(rng: &mut Rng, pool: &[Key]) -> (Emission, Vec<Key>) {
    let rows = rng.usize(..8);
    let keys: Vec<Key> = (0..rows).map(|_| pool[rng.usize(..pool.len())].clone()).collect();
    let encoded = |key: &Key| if key.is_empty() { Box::default() } else { model::canonical(key).into() };
    let points = points(rng, rows);
    let emission = Emission {
        descriptor: descriptor(rng, &points),
        keys: keys.iter().map(encoded).collect(),
        start_times: if rng.bool() { column(rng, rows, time) } else { Vec::new() },
        times: column(rng, rows, time),
        points,
        exemplars: exemplars(rng, rows),
    };
    (emission, keys)
}

fn column<T>(rng: &mut Rng, rows: usize, mut one: impl FnMut(&mut Rng) -> T) -> Vec<T> {
    (0..rows).map(|_| one(rng)).collect()
}

fn descriptor(rng: &mut Rng, points: &Points) -> Descriptor {
    let kind = match points {
        Points::Doubles(_) | Points::Integers(_) => pick(rng, &[MetricKind::Gauge, MetricKind::Sum, MetricKind::Sum]),
        Points::Histograms(_) => MetricKind::Histogram,
        Points::Exponential(_) => MetricKind::ExponentialHistogram,
    };
    Descriptor {
        name: pick(rng, &metrics::NAMES[..4]).to_owned(),
        unit: pick(rng, &["", "1"]).to_owned(),
        description: pick(rng, &["", "what it counts"]).to_owned(),
        kind,
        temporality: pick(rng, &[Temporality::Unspecified, Temporality::Delta, Temporality::Cumulative]),
        monotonic: rng.bool(),
    }
}

fn points(rng: &mut Rng, rows: usize) -> Points {
    match rng.u32(..4) {
        0 => Points::Doubles(column(rng, rows, double)),
        1 => Points::Integers(column(rng, rows, integer)),
        2 => Points::Histograms(histograms(rng, rows)),
        _ => Points::Exponential(ExponentialRows {
            observations: observations(rng, rows),
            scales: column(rng, rows, |rng| pick(rng, &[0, -10, 20, i32::MIN, i32::MAX])),
            zero_counts: column(rng, rows, |rng| rng.u64(..3)),
            zero_thresholds: column(rng, rows, double),
            positive: buckets(rng, rows),
            negative: buckets(rng, rows),
        }),
    }
}

fn observations(rng: &mut Rng, rows: usize) -> Observations {
    let mut no_sum = Bitmap::default();
    (0..rows).filter(|_| chance(rng, 30)).for_each(|row| no_sum.set(row));
    let extremes = |rng: &mut Rng| if rng.bool() { column(rng, rows, double) } else { Vec::new() };
    Observations {
        counts: column(rng, rows, |rng| rng.u64(..5)),
        sums: column(rng, rows, double),
        no_sum,
        mins: extremes(rng),
        maxs: extremes(rng),
    }
}

/// Rows share a few lists of bounds, or have none.
fn histograms(rng: &mut Rng, rows: usize) -> HistogramRows {
    let bounds: Vec<Arc<[f64]>> = vec![Arc::new([]), Arc::new([1.0]), Arc::new([0.5, 1.0, 2.0])];
    let row_bounds = column(rng, rows, |rng| chance(rng, 80).then(|| rng.u32(..bounds.len() as u32)));
    let (mut bucket_ends, mut bucket_counts) = (Vec::new(), Vec::new());
    for row in &row_bounds {
        let buckets = row.map_or(0, |list| bounds[list as usize].len() + 1);
        bucket_counts.extend((0..buckets).map(|_| rng.u64(..4)));
        bucket_ends.push(bucket_counts.len() as u32);
    }
    HistogramRows { observations: observations(rng, rows), bounds, row_bounds, bucket_ends, bucket_counts }
}

fn buckets(rng: &mut Rng, rows: usize) -> ExponentialBuckets {
    let mut column = ExponentialBuckets::default();
    for _ in 0..rows {
        column.offsets.push(pick(rng, &[0, -1, 200, i32::MIN, i32::MAX]));
        column.counts.extend(several(rng, 3, |rng| pick(rng, &[0, 1, 300, u64::MAX])));
        column.ends.push(column.counts.len() as u32);
    }
    column
}

/// Up to two for a row, ascending by row.
fn exemplars(rng: &mut Rng, rows: usize) -> Vec<(u32, Box<[u8]>)> {
    if rng.bool() {
        return Vec::new();
    }
    let of = |rng: &mut Rng, row| several(rng, 2, |rng| (row, metrics::exemplar(rng).encode_to_vec().into()));
    (0..rows as u32).flat_map(|row| of(rng, row)).collect()
}
