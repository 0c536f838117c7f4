//! Columns against the rows that they should say.

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValueList, any_value};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use otelier::contract::Signal;
use otelier::otlp::columns::{Blob, Columns, ExponentialBuckets, Word};
use otelier::otlp::key::Level;
use otelier::otlp::projection::Projection;
use prost::Message;

use super::random::words;
use crate::model::Typed;
use crate::model::items::Item;
use crate::model::key::encoded;
use crate::model::rows::Value;

/// Checks all columns but those with numbers that go on from batch to batch.
pub fn check(projection: &Projection, signal: Signal, columns: &Columns, rows: &[Item<'_>]) {
    check_values(projection, signal, columns, rows);
    for word in words(projection, signal) {
        let expected: Vec<u64> = rows.iter().flat_map(|row| row.words(word)).collect();
        assert_eq!(columns.words.get(word), expected, "{word:?}");
        assert_eq!(expected.len(), rows.len() * if word == Word::TraceId { 2 } else { 1 });
    }
    assert_eq!(
        columns.values_of.len(),
        if rows.is_empty() { columns.values_of.len() } else { projection.values_of.len() }
    );
    for (source, column) in projection.values_of.iter().zip(&columns.values_of) {
        let values: Vec<Vec<u8>> = rows.iter().map(|row| row.value_of(source)).collect();
        assert_eq!(parts(&column.ends, &column.bytes), values, "{source:?}");
    }
    check_attributes(projection, columns, rows);
    check_histograms(projection, signal, columns, rows);
}

fn check_attributes(projection: &Projection, columns: &Columns, rows: &[Item<'_>]) {
    let levels = [Level::Resource, Level::Scope, Level::Item];
    for ((level, is_wanted), column) in levels.into_iter().zip(projection.attributes).zip(&columns.attributes) {
        let sets = parts(&column.sets.ends, &column.sets.bytes);
        let found: Vec<&Vec<u8>> = column.numbers.iter().map(|number| &sets[*number as usize]).collect();
        let expected = |row: &Item<'_>| {
            let values = row.attributes(level).to_vec();
            encoded(&Typed::of(Some(&AnyValue { value: Some(any_value::Value::KvlistValue(KeyValueList { values })) })))
        };
        let expected: Vec<Vec<u8>> = rows.iter().filter(|_| is_wanted).map(expected).collect();
        assert_eq!(found, expected.iter().collect::<Vec<_>>(), "{level:?}");
    }
}

/// The lists that a list with ends stands for.
fn parts<T: Clone>(ends: &[u32], all: &[T]) -> Vec<Vec<T>> {
    let starts = std::iter::once(&0).chain(ends);
    assert_eq!(ends.last().map_or(0, |end| *end as usize), all.len());
    starts.zip(ends).map(|(start, end)| all[*start as usize..*end as usize].to_vec()).collect()
}

fn check_values(projection: &Projection, signal: Signal, columns: &Columns, rows: &[Item<'_>]) {
    let column = |wanted: bool, of: &dyn Fn(&Item<'_>) -> u64| -> Vec<u64> {
        if wanted { rows.iter().map(of).collect() } else { Vec::new() }
    };
    let has_values = projection.values && signal == Signal::Metrics;
    let word = |row: &Item<'_>| match row.value() {
        Value::None => 0,
        Value::Double(value) => value.to_bits(),
        Value::Integer(value) => value.cast_unsigned(),
    };
    assert_eq!(columns.values, column(has_values, &word));
    assert_eq!(columns.times, column(projection.times, &|row| row.time()));
    assert_eq!(columns.start_times, column(projection.start_times, &|row| row.start_time()));
    for (index, row) in rows.iter().enumerate() {
        let is_integer = matches!(row.value(), Value::Integer(_));
        assert_eq!(columns.integers.get(index), has_values && is_integer, "row {index}");
        assert_eq!(columns.no_value.get(index), has_values && row.value() == Value::None, "row {index}");
    }
    assert!(!columns.integers.reaches(rows.len()) && !columns.no_value.reaches(rows.len()));
}

fn check_histograms(projection: &Projection, signal: Signal, columns: &Columns, rows: &[Item<'_>]) {
    let histograms = &columns.histograms;
    let is = |wanted: bool| wanted && signal == Signal::Metrics;
    let buckets: Vec<Vec<u64>> = rows.iter().map(|row| row.bucket_counts().to_vec()).collect();
    let wanted = is(projection.histograms.buckets);
    assert_eq!(parts(&histograms.bucket_ends, &histograms.bucket_counts), if wanted { buckets } else { Vec::new() });

    let wanted = is(projection.histograms.exponential_buckets);
    let positive: Vec<Buckets> = rows.iter().map(Item::positive).collect();
    let negative: Vec<Buckets> = rows.iter().map(Item::negative).collect();
    assert_eq!(exponential(&histograms.positive), if wanted { positive } else { Vec::new() });
    assert_eq!(exponential(&histograms.negative), if wanted { negative } else { Vec::new() });

    let wanted = is(projection.histograms.quantiles);
    let bits = |(quantile, value): &(f64, f64)| (quantile.to_bits(), value.to_bits());
    let quantiles: Vec<(u64, u64)> = histograms.quantiles.iter().map(bits).collect();
    let expected = |row: &Item<'_>| {
        row.quantiles().iter().map(|pair| (pair.quantile.to_bits(), pair.value.to_bits())).collect::<Vec<_>>()
    };
    let expected: Vec<_> = if wanted { rows.iter().map(expected).collect() } else { Vec::new() };
    assert_eq!(parts(&histograms.quantile_ends, &quantiles), expected);

    let wanted = is(projection.histograms.exemplars);
    let Blob { ends, bytes } = &histograms.exemplars;
    let normal = |exemplar: &Vec<u8>| {
        opentelemetry_proto::tonic::metrics::v1::Exemplar::decode(exemplar.as_slice()).unwrap().encode_to_vec()
    };
    let exemplars: Vec<Vec<u8>> = parts(ends, bytes).iter().map(normal).collect();
    let expected = |row: &Item<'_>| row.exemplars().iter().map(Message::encode_to_vec).collect::<Vec<_>>();
    let expected: Vec<_> = if wanted { rows.iter().map(expected).collect() } else { Vec::new() };
    assert_eq!(parts(&histograms.exemplar_ends, &exemplars), expected);
}

fn exponential(column: &ExponentialBuckets) -> Vec<Buckets> {
    let counts = parts(&column.ends, &column.counts);
    assert_eq!(counts.len(), column.offsets.len());
    let buckets = |(offset, bucket_counts): (&i32, Vec<u64>)| Buckets { offset: *offset, bucket_counts };
    column.offsets.iter().zip(counts).map(buckets).collect()
}
