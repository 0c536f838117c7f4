//! An emission is refused for a bad key alone, and otherwise decodes to what was emitted.

mod drawn;

use opentelemetry_proto::tonic::metrics::v1::Exemplar;
use prost::Message;

use crate::bytes::Choices;
use crate::contract::Signal;
use crate::generate::Request;
use crate::memory::bounded;
use crate::model::items::{self, Item};
use crate::model::key::read;
use crate::model::rows::Value;
use crate::model::{Key, Typed};
use crate::otlp::columns::Word;
use crate::otlp::descriptors::{Descriptor, Kinds};
use crate::otlp::emit::{Emission, ExponentialRows, HistogramRows, Observations, Points, encode};
use crate::otlp::key::{self, Level};
use crate::otlp::keying::{Grouping, Keying};
use crate::otlp::metrics::{MetricKind, Temporality};
use crate::otlp::projection::Projection;
use crate::otlp::{self, Strings};

const FACTOR: usize = 60;
const BASE: usize = 16 << 10;
/// What a row takes beside its key, exemplars and buckets: times, words, and the metric around it.
const ROW: usize = 200;

pub fn check(bytes: &[u8]) {
    let emissions = drawn::emissions(&mut Choices::new(bytes));
    let keys = || emissions.iter().flat_map(|emission| &emission.keys);
    let exemplars = emissions.iter().flat_map(|emission| &emission.exemplars);
    let size = bytes.len() + keys().map(|key| key.len() + ROW).sum::<usize>();
    let size = size + exemplars.map(|(_, exemplar)| exemplar.len()).sum::<usize>();
    let Ok(request) = bounded(size, FACTOR, BASE, || encode(&emissions, usize::MAX)) else {
        let is_bad = |key: &[u8]| !key.is_empty() && key::elements(key).is_err();
        return assert!(keys().any(|key| is_bad(key)), "refused without a reason");
    };
    let items = otlp::check(Signal::Metrics, &request, Strings::Bytes);
    assert_eq!(items, Ok(keys().count() as u64), "what is emitted is OTLP");
    if keys().all(|key| key.is_empty() || key::check(key).is_ok()) {
        compare(&emissions, &Request::decode(Signal::Metrics, &request).expect("prost reads what is emitted"));
    }
}

/// A row of an emission with what its key says.
struct Row<'e> {
    emission: &'e Emission,
    row: usize,
    key: Key,
}

impl Row<'_> {
    /// What points share with what encloses them.
    fn enclosing(&self) -> Key {
        let encloses = |level: &Level| matches!(level, Level::Resource | Level::Scope | Level::Field);
        let elements = self.key.iter().filter(|((level, _), _)| encloses(level));
        elements.map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

/// Whether a field is written with the scope.
fn is_scope(name: &[u8]) -> bool {
    matches!(name, b"scope.name" | b"scope.version")
}

/// The rows in the order of their groups, by the resource and scope in their keys.
fn grouped(emissions: &[Emission]) -> Vec<Vec<Row<'_>>> {
    let mut groups: Vec<Vec<Row<'_>>> = Vec::new();
    for emission in emissions {
        for (row, encoded) in emission.keys.iter().enumerate() {
            let mut key = read(encoded).unwrap_or_default();
            key.retain(|(level, name), value| match level {
                Level::Resource | Level::Scope | Level::Item => true,
                Level::Field => is_scope(name) && matches!(value, Typed::Text(text) if !text.is_empty()),
                _ => false,
            });
            let row = Row { emission, row, key };
            match groups.iter_mut().find(|group| group[0].enclosing() == row.enclosing()) {
                Some(group) => group.push(row),
                None => groups.push(vec![row]),
            }
        }
    }
    groups
}

fn compare(emissions: &[Emission], request: &Request) {
    let kinds = [MetricKind::Gauge, MetricKind::Sum, MetricKind::Histogram, MetricKind::ExponentialHistogram];
    let kinds = Some(kinds.into_iter().fold(Kinds::default(), Kinds::with));
    let all = Projection { metrics: vec!["*".to_owned()], kinds, ..Projection::default() };
    let found = items::batch(request, &all);
    let groups = grouped(emissions);
    assert_eq!((found.resources.len(), found.scopes.len()), (groups.len(), groups.len()));
    // One metric goes on as long as the next row of its group has the same descriptor.
    let metrics = |group: &Vec<Row<'_>>| group.chunk_by(|a, b| a.emission.descriptor == b.emission.descriptor).count();
    assert_eq!(found.runs.len(), groups.iter().map(metrics).sum::<usize>());
    assert_eq!(found.rows.len(), groups.iter().map(Vec::len).sum::<usize>());
    groups.iter().flatten().zip(&found.rows).for_each(|(row, item)| compare_row(row, item));
}

fn compare_row(Row { emission, row, key }: &Row<'_>, item: &Item<'_>) {
    let row = *row;
    let attributes = Keying { grouping: Grouping::Drop(Vec::new()), durable: false, alike: false };
    assert_eq!(item.key(&attributes).as_ref(), Some(key));
    assert_eq!(item.descriptor.as_ref(), Some(&decodable(&emission.descriptor)));
    assert_eq!([item.time(), item.start_time()], [emission.times[row], at(&emission.start_times, row)]);
    let exemplars: Vec<Vec<u8>> = item.exemplars().iter().map(Message::encode_to_vec).collect();
    let own = emission.exemplars.iter().filter(|(at, _)| *at as usize == row);
    let own: Vec<Vec<u8>> = own.map(|(_, exemplar)| Exemplar::decode(&**exemplar).unwrap().encode_to_vec()).collect();
    assert_eq!(exemplars, own);
    let value = match item.value() {
        Value::None => None,
        Value::Integer(value) => Some(value.cast_unsigned()),
        Value::Double(value) => Some(value.to_bits()),
    };
    let expected = match &emission.points {
        Points::Doubles(values) => Some(values[row].to_bits()),
        Points::Integers(values) => Some(values[row].cast_unsigned()),
        Points::Histograms(rows) => compare_histogram(rows, row, item),
        Points::Exponential(rows) => compare_exponential(rows, row, item),
    };
    assert_eq!(value, expected);
    assert_eq!(matches!(item.value(), Value::Integer(_)), matches!(emission.points, Points::Integers(_)));
}

/// What is left of a descriptor on the wire.
fn decodable(descriptor: &Descriptor) -> Descriptor {
    let mut descriptor = descriptor.clone();
    descriptor.monotonic &= descriptor.kind == MetricKind::Sum;
    if descriptor.kind == MetricKind::Gauge {
        descriptor.temporality = Temporality::Unspecified;
    }
    descriptor
}

fn at<T: Copy + Default>(column: &[T], row: usize) -> T {
    column.get(row).copied().unwrap_or_default()
}

fn part<'c>(ends: &[u32], counts: &'c [u64], row: usize) -> &'c [u64] {
    let start = if row == 0 { 0 } else { ends[row - 1] };
    &counts[start as usize..ends[row] as usize]
}

/// Compares what both kinds have, and returns the sum.
fn compare_observations(rows: &Observations, row: usize, item: &Item<'_>) -> Option<u64> {
    assert_eq!(item.words(Word::Count), [rows.counts[row]]);
    for (word, column) in [(Word::Min, &rows.mins), (Word::Max, &rows.maxs)] {
        // Any NaN is none at all.
        let extreme = column.get(row).copied().filter(|extreme| !extreme.is_nan()).unwrap_or(f64::NAN);
        assert_eq!(item.words(word), [extreme.to_bits()], "{word:?}");
    }
    (!rows.no_sum.get(row)).then(|| rows.sums[row].to_bits())
}

fn compare_histogram(rows: &HistogramRows, row: usize, item: &Item<'_>) -> Option<u64> {
    let bounds = rows.row_bounds[row].map(|list| &*rows.bounds[list as usize]).unwrap_or_default();
    assert_eq!(item.bounds(), Some(bounds.iter().map(|bound| bound.to_bits()).collect()));
    assert_eq!(item.bucket_counts(), part(&rows.bucket_ends, &rows.bucket_counts, row));
    compare_observations(&rows.observations, row, item)
}

fn compare_exponential(rows: &ExponentialRows, row: usize, item: &Item<'_>) -> Option<u64> {
    assert_eq!(item.words(Word::Scale), [i64::from(rows.scales[row]).cast_unsigned()]);
    assert_eq!(item.words(Word::ZeroCount), [rows.zero_counts[row]]);
    assert_eq!(item.words(Word::ZeroThreshold), [rows.zero_thresholds[row].to_bits()]);
    for (column, found) in [(&rows.positive, item.positive()), (&rows.negative, item.negative())] {
        let counts = part(&column.ends, &column.counts, row);
        assert_eq!(found.bucket_counts, counts);
        // Without counts an offset says nothing.
        assert_eq!(found.offset, if counts.is_empty() { 0 } else { column.offsets[row] });
    }
    compare_observations(&rows.observations, row, item)
}
