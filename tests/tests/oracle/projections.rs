//! A projection says what a straightforward computation on the decoded structs says.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use fastrand::Rng;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use otelier::otlp::Strings;
use otelier::otlp::columns::Columns;
use otelier::otlp::descriptors::{Descriptor, Patterns};
use otelier::otlp::dictionary::{NONE, OVERFLOW};
use otelier::otlp::key::{self, Level};
use otelier::otlp::keying::{Grouping, Keying};
use otelier::otlp::metrics::Temporality;
use otelier::otlp::projection::{Projection, Projector};
use otelier_tests::generate::{attributes, chance, metrics, pick, schema, several, vary};
use prost::Message;

use crate::model::{self, Key, Typed};
use crate::seeds;

/// Names and globs that meet the generated names in part.
const PATTERNS: [&str; 14] = [
    "*",
    "requests",
    "requests.*",
    "*.count",
    "*count",
    "a/*",
    "*/b.count",
    "?*",
    "q*.",
    "*.",
    "latenc?",
    "*e*s*",
    ".*",
    "gr*e",
];

/// A projection of everything, some things or nothing.
pub fn projection(rng: &mut Rng) -> Projection {
    let mut metrics = several(rng, 3, |rng| pick(rng, &PATTERNS).to_owned());
    if rng.bool() {
        metrics.push("*".to_owned());
    }
    Projection {
        metrics,
        values: chance(rng, 80),
        times: rng.bool(),
        start_times: rng.bool(),
        keyings: several(rng, 4, keying),
    }
}

fn keying(rng: &mut Rng) -> Keying {
    let names = |rng: &mut Rng, most| {
        several(rng, most, |rng| {
            let level = pick(rng, &[Level::Resource, Level::Scope, Level::Item, Level::Item]);
            (level, pick(rng, &attributes::KEYS).as_bytes().to_vec())
        })
    };
    let grouping = match rng.u32(..6) {
        0..2 => Grouping::Keep(names(rng, 4)),
        2..4 => Grouping::Drop(names(rng, 8)),
        4 => Grouping::Stream(None),
        _ => {
            Grouping::Stream(Some(pick(rng, &[Temporality::Unspecified, Temporality::Delta, Temporality::Cumulative])))
        }
    };
    Keying { grouping, durable: rng.bool() }
}

/// A projector for a projection.
pub fn projector(projection: &Projection, entries_max: usize) -> Projector {
    Projector::new(projection.clone(), Patterns::new(&projection.metrics).unwrap(), entries_max)
}

/// One keying's dictionary as it should be.
#[derive(Default)]
struct Codes {
    by_key: BTreeMap<Key, u32>,
    by_code: HashMap<u32, Key>,
    entries_max: usize,
    /// Given out since the guest was last told.
    new: BTreeSet<u32>,
}

impl Codes {
    /// Checks a row's code and remembers it.
    fn check(&mut self, projector: &Projector, keying: usize, key: &Option<Key>, code: u32) {
        let Some(key) = key else { return assert_eq!(code, NONE, "the keying does not cover the row") };
        if key.is_empty() {
            return assert_eq!(code, NONE, "there is nothing to make a key of");
        }
        assert_ne!(code, NONE, "{key:?}");
        match self.by_key.get(key) {
            Some(known) => assert_eq!(code, *known, "{key:?}"),
            None if code == OVERFLOW => assert_eq!(self.by_key.len(), self.entries_max, "there was room for {key:?}"),
            None => {
                assert!(self.by_key.len() < self.entries_max, "more keys than the bound");
                assert_eq!(self.read(projector, keying, code), *key);
                let dictionary = projector.dictionary(keying).unwrap();
                assert_eq!(dictionary.key(code), Some(model::canonical(key).as_slice()));
                assert_eq!(self.by_code.insert(code, key.clone()), None, "one code for two keys");
                self.by_key.insert(key.clone(), code);
                self.new.insert(code);
            }
        }
    }

    /// The key behind a code, as the host's own reader of keys has it.
    fn read(&self, projector: &Projector, keying: usize, code: u32) -> Key {
        let key = projector.dictionary(keying).unwrap().key(code).expect("a code has a key");
        let elements = key::elements(key).expect("a key is well formed");
        let value = |encoded| {
            let mut message = Vec::new();
            key::put_any_value(&mut message, encoded).unwrap();
            Typed::of(Some(&model::decode(&message)))
        };
        elements.iter().map(|element| ((element.level, element.name.to_vec()), value(element.value))).collect()
    }

    fn release(&mut self, code: u32) {
        if let Some(key) = self.by_code.remove(&code) {
            self.by_key.remove(&key);
            self.new.remove(&code);
        }
    }
}

/// A projector beside what it should know.
struct Pair {
    projection: Projection,
    projector: Projector,
    codes: Vec<Codes>,
    descriptors: Vec<Descriptor>,
}

impl Pair {
    fn random(rng: &mut Rng) -> Pair {
        let projection = projection(rng);
        let entries_max = pick(rng, &[1000, 1000, 3, 0]);
        let codes = projection.keyings.iter().map(|_| Codes { entries_max, ..Codes::default() }).collect();
        Pair { projector: projector(&projection, entries_max), projection, codes, descriptors: Vec::new() }
    }

    /// Projects bytes and checks all columns against the structs that they decode to.
    fn check(&mut self, bytes: &[u8], request: &ExportMetricsServiceRequest, strings: Strings) {
        let expected = model::project(request, &self.projection.metrics, &self.projection.keyings);
        let columns = self.projector.project(bytes, strings).expect("the view reads what the oracle reads");
        assert_eq!(columns.items, expected.items);
        assert_eq!(columns.rows as usize, expected.rows.len());
        self.check_runs(&columns, &expected.runs);
        check_values(&self.projection, &columns, &expected.rows);
        assert_eq!(columns.keys.len(), self.codes.len());
        for (keying, codes) in self.codes.iter_mut().enumerate() {
            assert_eq!(columns.keys[keying].len(), expected.rows.len());
            for (row, code) in expected.rows.iter().zip(&columns.keys[keying]) {
                codes.check(&self.projector, keying, &row.keys[keying], *code);
            }
        }
    }

    fn check_runs(&mut self, columns: &Columns, expected: &[model::Run]) {
        let known = self.descriptors.len();
        for run in expected {
            if !self.descriptors.contains(&run.descriptor) {
                self.descriptors.push(run.descriptor.clone());
            }
        }
        assert_eq!(self.projector.take_unsent_descriptors(), self.descriptors[known..]);
        assert_eq!(columns.runs.len(), expected.len());
        for (run, expected) in columns.runs.iter().zip(expected) {
            assert_eq!(run.end as usize, expected.end);
            assert_eq!(self.descriptors[run.descriptor as usize], expected.descriptor);
            assert_eq!(run.ordinal, expected.ordinal);
        }
    }

    /// What a guest does between batches: asks for what is new, and releases what it does not need any more.
    fn settle(&mut self, rng: &mut Rng) {
        for (keying, codes) in self.codes.iter_mut().enumerate() {
            let dictionary = self.projector.dictionary_mut(keying).unwrap();
            assert_eq!(dictionary.len(), codes.by_key.len());
            if rng.bool() {
                let unsent = dictionary.take_unsent();
                let given = unsent.len();
                assert_eq!(unsent.into_iter().collect::<BTreeSet<u32>>(), std::mem::take(&mut codes.new));
                assert!(given <= codes.entries_max);
            }
            let released: Vec<u32> = codes.by_code.keys().copied().filter(|_| chance(rng, 10)).collect();
            dictionary.release(&released);
            released.into_iter().for_each(|code| codes.release(code));
        }
    }
}

fn check_values(projection: &Projection, columns: &Columns, expected: &[model::Row]) {
    let column = |wanted: bool, of: &dyn Fn(&model::Row) -> u64| -> Vec<u64> {
        if wanted { expected.iter().map(of).collect() } else { Vec::new() }
    };
    let word = |row: &model::Row| match row.value {
        None => 0,
        Some(Value::AsDouble(value)) => value.to_bits(),
        Some(Value::AsInt(value)) => value.cast_unsigned(),
    };
    assert_eq!(columns.values, column(projection.values, &word));
    assert_eq!(columns.times, column(projection.times, &|row| row.time));
    assert_eq!(columns.start_times, column(projection.start_times, &|row| row.start_time));
    for (index, row) in expected.iter().enumerate() {
        let integer = matches!(row.value, Some(Value::AsInt(_)));
        assert_eq!(columns.integers.get(index), projection.values && integer, "row {index}");
        assert_eq!(columns.no_value.get(index), projection.values && row.value.is_none(), "row {index}");
    }
    assert!(!columns.integers.reaches(expected.len()) && !columns.no_value.reaches(expected.len()));
}

#[test]
fn columns_and_codes_are_those_of_the_decoded_structs() {
    seeds::check(3000, |rng| {
        let mut pair = Pair::random(rng);
        for _ in 0..rng.u32(1..5) {
            let request = metrics::request(rng);
            let plain = request.encode_to_vec();
            // The same request in several forms has to give the same codes.
            for _ in 0..rng.u32(1..4) {
                let bytes = if chance(rng, 25) { plain.clone() } else { vary(rng, &schema::METRICS, &plain) };
                let strings = pick(rng, &[Strings::Utf8, Strings::Bytes]);
                pair.check(&bytes, &request, strings);
            }
            pair.settle(rng);
        }
    });
}

/// The view reads damaged bytes exactly as the oracle does, or refuses them with it and forgets their keys.
#[test]
fn damaged_requests_are_refused_or_projected_alike() {
    seeds::check(300, |rng| {
        let mut pair = Pair::random(rng);
        let plain = metrics::request(rng).encode_to_vec();
        let bytes = vary(rng, &schema::METRICS, &plain);
        for _ in 0..if bytes.is_empty() { 0 } else { 10 } {
            let mut damaged = bytes.clone();
            let at = rng.usize(..damaged.len());
            damaged[at] ^= 1 << rng.u32(..8);
            match ExportMetricsServiceRequest::decode(damaged.as_slice()) {
                Ok(request) => pair.check(&damaged, &request, Strings::Utf8),
                // Its keys are forgotten again, as those of the next request show. Its metrics stay known.
                Err(_) => {
                    assert!(pair.projector.project(&damaged, Strings::Utf8).is_err());
                    pair.descriptors.extend(pair.projector.take_unsent_descriptors());
                }
            }
        }
    });
}
