//! A projection judges as the scan does, its columns fit together, and they say what the decoded structs say.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;

use crate::contract::Signal;
use crate::memory::bounded;
use crate::model::{self, Batch, Row};
use crate::otlp::columns::Columns;
use crate::otlp::dictionary::{Dictionary, NONE, OVERFLOW};
use crate::otlp::projection::Projector;
use crate::otlp::{self, Strings, key};
use crate::subject;

/// As in the tests of the oracle: an attribute of two bytes becomes a record of a hundred in lists that double.
const FACTOR: usize = 250;
/// Hash tables and bitmaps of a few rows.
const BASE: usize = 64 << 10;
/// A metric with more text than this is not read, which the model does not know. Longer requests are not compared.
const TEXT_MAX: usize = 8 << 10;

pub fn check(bytes: &[u8]) {
    for strings in [Strings::Utf8, Strings::Bytes] {
        // Room for all keys, and for nearly none.
        for entries_max in [100_000, 2] {
            Subject { projector: subject::projector(entries_max), entries_max }.check(bytes, strings);
        }
    }
}

struct Subject {
    projector: Projector,
    entries_max: usize,
}

impl Subject {
    fn check(&mut self, bytes: &[u8], strings: Strings) {
        let scanned = otlp::check(Signal::Metrics, bytes, strings);
        let projected = bounded(bytes.len(), FACTOR, BASE, || self.projector.project(bytes, strings));
        assert_eq!(projected.as_ref().map(subject::items), scanned.as_ref().copied());
        let Ok(columns) = projected else {
            let mut dictionaries = (0..).map_while(|keying| self.projector.dictionary(keying));
            return assert!(dictionaries.all(Dictionary::is_empty), "a refused request leaves no keys");
        };
        self.fit_together(&columns);
        let again = bounded(bytes.len(), FACTOR, BASE, || self.projector.project(bytes, strings));
        assert_eq!(again.as_ref(), Ok(&columns), "the same bytes give the same columns and codes");
        if let Some(expected) = subject::expected(bytes).filter(|_| bytes.len() <= TEXT_MAX) {
            self.compare(&columns, &expected);
        }
    }

    fn fit_together(&self, columns: &Columns) {
        let (rows, runs) = (subject::rows(columns), subject::runs(columns));
        assert_eq!([columns.values.len(), columns.times.len(), columns.start_times.len()], [rows; 3]);
        assert_eq!(columns.keys.len(), subject::everything().keyings.len());
        assert!(columns.keys.iter().all(|codes| codes.len() == rows));
        assert_eq!(runs.last().map_or(0, |run| run.end as usize), rows);
        assert!(runs.windows(2).all(|pair| pair[0].end <= pair[1].end && pair[0].ordinal < pair[1].ordinal));
        assert!(!columns.integers.reaches(rows) && !columns.no_value.reaches(rows));
        assert!(!columns.integers.overlaps(&columns.no_value));
        for (keying, codes) in columns.keys.iter().enumerate() {
            let dictionary = self.projector.dictionary(keying).unwrap();
            assert!(dictionary.len() <= self.entries_max);
            for code in codes.iter().filter(|code| ![NONE, OVERFLOW].contains(code)) {
                let key = dictionary.key(*code).expect("a code has a key");
                assert!(key::elements(key).is_ok_and(|elements| !elements.is_empty()), "{key:02x?}");
            }
        }
    }

    fn compare(&mut self, columns: &Columns, expected: &Batch) {
        assert_eq!((subject::items(columns), subject::rows(columns)), (expected.items, expected.rows.len()));
        self.compare_runs(columns, expected);
        for (index, row) in expected.rows.iter().enumerate() {
            assert_eq!([columns.times[index], columns.start_times[index]], [row.time, row.start_time]);
            let (word, integer) = value(row);
            assert_eq!(columns.no_value.get(index), word.is_none());
            assert_eq!(columns.integers.get(index), integer);
            assert_eq!(columns.values[index], word.unwrap_or(0));
        }
        for (keying, codes) in columns.keys.iter().enumerate() {
            self.compare_keys(keying, codes, &expected.rows);
        }
    }

    fn compare_runs(&mut self, columns: &Columns, expected: &Batch) {
        let descriptors = self.projector.take_unsent_descriptors();
        let mut runs = subject::runs(columns).iter();
        for run in &expected.runs {
            let found = runs.next().expect("a run for each metric that is read");
            assert_eq!((found.end as usize, found.ordinal), (run.end, run.ordinal));
            assert_eq!(descriptors[found.descriptor as usize], run.descriptor);
        }
        assert_eq!(runs.next(), None);
    }

    fn compare_keys(&self, keying: usize, codes: &[u32], rows: &[Row]) {
        let dictionary = self.projector.dictionary(keying).unwrap();
        let mut known: BTreeMap<&model::Key, u32> = BTreeMap::new();
        for (row, code) in rows.iter().zip(codes) {
            let Some(key) = row.keys[keying].as_ref().filter(|key| !key.is_empty()) else {
                assert_eq!(*code, NONE, "there is nothing to make a key of");
                continue;
            };
            assert_eq!(known.insert(key, *code).unwrap_or(*code), *code, "one key, one code");
            match *code {
                OVERFLOW => assert_eq!(dictionary.len(), self.entries_max, "there was room for {key:?}"),
                code => assert_eq!(dictionary.key(code), Some(model::canonical(key).as_slice())),
            }
        }
    }
}

/// The word of a row's value, and whether it is an integer.
fn value(row: &Row) -> (Option<u64>, bool) {
    match row.value {
        None => (None, false),
        Some(Value::AsDouble(value)) => (Some(value.to_bits()), false),
        Some(Value::AsInt(value)) => (Some(value.cast_unsigned()), true),
    }
}
