//! A projection judges as the scan does, its columns fit together, and they say what the decoded structs say, those that
//! are filled when a guest asks for them as well. What it takes is bounded by what it reads and gives.

use fastrand::Rng;

use crate::contract::Signal;
use crate::generate::Request;
use crate::memory::{counted, is_bounded};
use crate::model::items::{self, Batch, Item};
use crate::otlp::columns::{Columns, Word, WordSet};
use crate::otlp::descriptors::Kinds;
use crate::otlp::dictionary::{Dictionary, NONE, OVERFLOW};
use crate::otlp::field::Field;
use crate::otlp::key::{self, Level};
use crate::otlp::keying::{Grouping, Keying, Source};
use crate::otlp::metrics::{MetricKind, Temporality};
use crate::otlp::projection::{HistogramColumns, Projection, Projector};
use crate::otlp::{self, Strings};
use crate::projections::codes::Codes;
use crate::projections::columns;
use crate::projections::random::{self, WORDS};

/// As in the tests of the oracle: an attribute of two bytes becomes a record of a hundred in lists that double.
const FACTOR: usize = 250;
/// Hash tables and bitmaps of a few rows.
const BASE: usize = 64 << 10;
/// A metric with more text than this is not read, which the oracle does not know. Longer requests are not compared.
const TEXT_MAX: usize = 8 << 10;

pub fn check(bytes: &[u8]) {
    for signal in Signal::ALL {
        let request = Request::decode(signal, bytes).ok();
        for strings in [Strings::Utf8, Strings::Bytes] {
            // Room for all keys, and for nearly none.
            for (projection, entries_max) in [
                (everything(wide_keyings()), 100_000),
                (everything(narrow_keyings()), 2),
                (random::projection(&mut Rng::with_seed(bytes.len() as u64)), 5),
            ] {
                Pair::new(signal, projection, entries_max).check(bytes, strings, request.as_ref());
            }
        }
    }
}

/// Every column.
fn everything(keyings: Vec<Keying>) -> Projection {
    let kinds = [
        MetricKind::Gauge,
        MetricKind::Sum,
        MetricKind::Histogram,
        MetricKind::ExponentialHistogram,
        MetricKind::Summary,
    ];
    let mut words = WordSet::default();
    WORDS.iter().filter_map(|name| Word::of(name)).for_each(|word| words.insert(word));
    let attribute = |level, name: &str| Source::Attribute(level, name.into());
    Projection {
        metrics: vec!["*".to_owned()],
        bare_metrics: true,
        unnumbered_metrics: false,
        kinds: Some(kinds.into_iter().fold(Kinds::default(), Kinds::with)),
        items: true,
        values: true,
        times: true,
        start_times: true,
        words,
        histograms: HistogramColumns { buckets: true, exponential_buckets: true, quantiles: true, exemplars: true },
        values_of: vec![
            attribute(Level::Resource, "a"),
            attribute(Level::Scope, ""),
            attribute(Level::Item, "a"),
            attribute(Level::Item, "b"),
            Source::Field(Field::Body),
            Source::Field(Field::Name),
            Source::Field(Field::ScopeName),
            Source::Field(Field::StatusMessage),
            Source::Field(Field::TraceId),
            Source::Field(Field::ParentSpanId),
            Source::Field(Field::StartTime),
            Source::Field(Field::ObservedTime),
        ],
        keyings,
        attributes: [true; 3],
    }
}

fn keying(grouping: Grouping) -> Keying {
    Keying { grouping, durable: false, alike: false }
}

/// Keyings of every sort. They take all attributes, so that columns of attributes are filled late.
fn wide_keyings() -> Vec<Keying> {
    let named = |level, name: &str| (level, name.as_bytes().to_vec());
    vec![
        keying(Grouping::Keep(vec![named(Level::Item, "a"), named(Level::Resource, "a"), named(Level::Scope, "")])),
        keying(Grouping::Drop(vec![named(Level::Item, "a"), named(Level::Resource, "b")])),
        keying(Grouping::Drop(Vec::new())),
        keying(Grouping::Stream(None)),
        keying(Grouping::Stream(Some(Temporality::Delta))),
    ]
}

/// Keyings that leave most columns to the walk.
fn narrow_keyings() -> Vec<Keying> {
    let named = |level, name: &str| (level, name.as_bytes().to_vec());
    let fields = ["name", "unit", "kind", "status.code", "trace_state", "severity_text", "body", "scope.version"];
    let fields = fields.map(|field| named(Level::Field, field));
    let ids = ["trace_id", "span_id", "parent_span_id", "end_time_unix_nano", "time_unix_nano"];
    let ids = ids.map(|field| named(Level::Field, field));
    vec![
        keying(Grouping::Keep(ids.to_vec())),
        keying(Grouping::Keep(fields.to_vec())),
        keying(Grouping::Keep(vec![named(Level::Item, "a")])),
    ]
}

/// A projector beside what it should know.
struct Pair {
    signal: Signal,
    projection: Projection,
    projector: Projector,
    entries_max: usize,
}

impl Pair {
    fn new(signal: Signal, projection: Projection, entries_max: usize) -> Pair {
        let projector = Projector::new(signal, projection.clone(), entries_max);
        Pair { signal, projection, projector, entries_max }
    }

    fn check(&mut self, bytes: &[u8], strings: Strings, request: Option<&Request>) {
        let scanned = otlp::check(self.signal, bytes, strings);
        let Some(columns) = self.project(bytes, strings) else {
            assert!(scanned.is_err(), "a request that the scan takes");
            return self.knows_nothing();
        };
        assert_eq!(Ok(columns.layout.items), scanned);
        let again = self.project(bytes, strings).expect("it was taken before");
        assert_eq!(comparable(again), comparable(columns.clone()), "the same bytes give the same columns and codes");
        let columns = self.filled(columns, bytes, strings);
        self.fit_together(&columns);
        if let Some(request) = request.filter(|_| self.signal != Signal::Metrics || bytes.len() <= TEXT_MAX) {
            self.compare(&columns, &items::batch(request, &self.projection));
        }
    }

    /// The columns, for memory in proportion to the bytes and to what was made of them: values and keys say once more, for
    /// each row, what rows share.
    fn project(&mut self, bytes: &[u8], strings: Strings) -> Option<Columns> {
        let (projected, taken) = counted(|| self.projector.project(bytes, strings));
        let columns = projected.ok()?;
        let values: usize = columns.values_of.iter().map(|column| column.bytes.len()).sum();
        is_bounded(taken, bytes.len() + values + self.key_bytes(&columns), FACTOR, BASE);
        Some(columns)
    }

    fn key_bytes(&self, columns: &Columns) -> usize {
        let of = |(keying, codes): (usize, &Vec<u32>)| {
            let mut codes = codes.clone();
            codes.sort_unstable();
            codes.dedup();
            let dictionary = self.projector.dictionary(keying).unwrap();
            codes.into_iter().filter_map(|code| dictionary.key(code)).map(<[u8]>::len).sum::<usize>()
        };
        columns.keys.iter().enumerate().map(of).sum()
    }

    /// A refused request leaves nothing behind.
    fn knows_nothing(&mut self) {
        let mut dictionaries = (0..).map_while(|keying| self.projector.dictionary(keying));
        assert!(dictionaries.all(Dictionary::is_empty), "keys");
        assert_eq!(self.projector.take_unsent_descriptors(), []);
        assert!(self.projector.take_unsent_bounds().is_empty(), "bounds");
    }

    /// With what a guest's pull fills.
    fn filled(&mut self, mut columns: Columns, bytes: &[u8], strings: Strings) -> Columns {
        if self.signal == Signal::Metrics && self.projection.reads(self.signal) {
            columns.widen(self.projection.histograms);
        }
        for (number, column) in columns.values_of.iter_mut().enumerate() {
            if !self.projector.fills(number) {
                assert!(column.ends.is_empty() && column.bytes.is_empty());
                let (filled, taken) = counted(|| self.projector.values_of(number, bytes, strings));
                *column = filled.expect("what was projected can be read again");
                is_bounded(taken, bytes.len() + column.bytes.len(), FACTOR, BASE);
            }
        }
        columns
    }

    /// What can be said without the oracle, which reads less than the host does.
    fn fit_together(&self, columns: &Columns) {
        let rows = columns.layout.rows as usize;
        let Projection { values, times, start_times, .. } = self.projection;
        let wanted = [values && self.signal == Signal::Metrics, times, start_times];
        let lengths = [columns.values.len(), columns.times.len(), columns.start_times.len()];
        assert_eq!(lengths, wanted.map(|wanted| if wanted { rows } else { 0 }));
        assert!(columns.values_of.iter().all(|column| column.ends.len() == rows && column.ends.is_sorted()));
        assert!(!columns.integers.reaches(rows) && !columns.no_value.reaches(rows));
        assert!(!columns.integers.overlaps(&columns.no_value));
        assert_eq!(columns.layout.resources.last().map_or(0, |resource| resource.end as usize), rows);
        let runs = &columns.layout.runs;
        assert!(runs.windows(2).all(|pair| pair[0].end <= pair[1].end && pair[0].ordinal < pair[1].ordinal));
        for (keying, codes) in columns.keys.iter().enumerate() {
            assert_eq!(codes.len(), rows);
            let dictionary = self.projector.dictionary(keying).unwrap();
            assert!(dictionary.len() <= self.entries_max);
            for code in codes.iter().filter(|code| ![NONE, OVERFLOW].contains(code)) {
                let key = dictionary.key(*code).expect("a code has a key");
                assert!(key::elements(key).is_ok_and(|elements| !elements.is_empty()), "{key:02x?}");
            }
        }
    }

    fn compare(&mut self, columns: &Columns, expected: &Batch<'_>) {
        let layout = &columns.layout;
        assert_eq!((layout.items, layout.rows as usize), (expected.items, expected.rows.len()));
        assert_eq!((&layout.resources, &layout.scopes), (&expected.resources, &expected.scopes));
        columns::check(&self.projection, self.signal, columns, &expected.rows);
        self.compare_runs(columns, expected);
        self.compare_bounds(columns, &expected.rows);
        for (number, codes) in columns.keys.iter().enumerate() {
            let mut known = Codes { entries_max: self.entries_max, ..Codes::default() };
            for (row, code) in expected.rows.iter().zip(codes) {
                known.check(&self.projector, number, &row.key(&self.projection.keyings[number]), *code);
            }
            assert_eq!(self.projector.dictionary(number).unwrap().len(), known.by_key.len());
        }
    }

    fn compare_runs(&mut self, columns: &Columns, expected: &Batch<'_>) {
        let descriptors = self.projector.take_unsent_descriptors();
        assert_eq!(columns.layout.runs.len(), expected.runs.len());
        for (run, expected) in columns.layout.runs.iter().zip(&expected.runs) {
            assert_eq!((run.end as usize, run.ordinal), (expected.end, expected.ordinal));
            assert_eq!(descriptors[run.descriptor as usize], expected.descriptor);
        }
    }

    /// A number leads to the bounds of the row, and equal bounds have one number.
    fn compare_bounds(&mut self, columns: &Columns, rows: &[Item<'_>]) {
        let bits = |list: &Vec<f64>| list.iter().map(|bound| bound.to_bits()).collect::<Vec<u64>>();
        let lists: Vec<Vec<u64>> = self.projector.take_unsent_bounds().iter().map(bits).collect();
        assert!(lists.iter().enumerate().all(|(number, list)| !lists[..number].contains(list)), "{lists:?}");
        let is_wanted = self.signal == Signal::Metrics && self.projection.histograms.buckets;
        assert_eq!(columns.histograms.bounds.len(), if is_wanted { rows.len() } else { 0 });
        for (row, number) in rows.iter().zip(&columns.histograms.bounds) {
            assert_eq!(lists.get(*number as usize).cloned(), row.bounds());
        }
    }
}

/// Columns in which a NaN is equal to itself.
fn comparable(mut columns: Columns) -> (Columns, Vec<[u64; 2]>) {
    let quantiles = std::mem::take(&mut columns.histograms.quantiles);
    (columns, quantiles.into_iter().map(|(quantile, value)| [quantile.to_bits(), value.to_bits()]).collect())
}
