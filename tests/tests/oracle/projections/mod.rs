//! A projection says what a straightforward computation on the decoded structs says, for every signal and kind.

mod codes;
mod columns;
pub mod random;

use std::collections::BTreeSet;

use fastrand::Rng;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric::Data,
};
use otelier::contract::Signal;
use otelier::otlp::Strings;
use otelier::otlp::columns::Columns;
use otelier::otlp::descriptors::{Descriptor, Kinds};
use otelier::otlp::metrics::MetricKind;
use otelier::otlp::projection::{HistogramColumns, Projection, Projector};
use otelier_tests::generate::{Request, chance, pick};
use prost::Message;

use crate::model::items::{self, Batch, Item};
use crate::seeds;
use codes::Codes;

/// A projector beside what it should know.
struct Pair {
    signal: Signal,
    projection: Projection,
    projector: Projector,
    codes: Vec<Codes>,
    descriptors: Vec<Descriptor>,
    /// Lists of bounds, as bits.
    bounds: Vec<Vec<u64>>,
}

impl Pair {
    fn random(rng: &mut Rng) -> Pair {
        let signal = pick(rng, &[Signal::Metrics, Signal::Metrics, Signal::Traces, Signal::Logs]);
        let projection = random::projection(rng);
        let entries_max = pick(rng, &[1000, 1000, 3, 0]);
        let codes = projection.keyings.iter().map(|_| Codes { entries_max, ..Codes::default() }).collect();
        let projector = Projector::new(signal, projection.clone(), entries_max);
        Pair { signal, projection, projector, codes, descriptors: Vec::new(), bounds: Vec::new() }
    }

    /// Projects bytes and checks all columns against the structs that they decode to.
    fn check(&mut self, bytes: &[u8], request: &Request, strings: Strings) {
        let expected = items::batch(request, &self.projection);
        let mut columns = self.projector.project(bytes, strings).expect("the view reads what the oracle reads");
        self.fill(&mut columns, bytes, strings);
        self.check_layout(&columns, &expected);
        columns::check(&self.projection, self.signal, &columns, &expected.rows);
        self.check_bounds(&columns, &expected.rows);
        for (keying, codes) in self.codes.iter_mut().enumerate() {
            let column = columns.keys.get(keying).map(Vec::as_slice).unwrap_or_default();
            assert_eq!(column.len(), expected.rows.len());
            for (row, code) in expected.rows.iter().zip(column) {
                codes.check(&self.projector, keying, &row.key(&self.projection.keyings[keying]), *code);
            }
        }
    }

    /// What a guest's pull fills.
    fn fill(&mut self, columns: &mut Columns, bytes: &[u8], strings: Strings) {
        if self.signal == Signal::Metrics && self.projection.reads(self.signal) {
            columns.widen(self.projection.histograms);
        }
        for (number, column) in columns.values_of.iter_mut().enumerate() {
            if !self.projector.fills(number) {
                assert!(column.ends.is_empty());
                *column = self.projector.values_of(number, bytes, strings).unwrap();
            }
        }
    }

    fn check_layout(&mut self, columns: &Columns, expected: &Batch<'_>) {
        let layout = &columns.layout;
        assert_eq!(layout.items, expected.items);
        assert_eq!(layout.rows as usize, expected.rows.len());
        assert_eq!(layout.bare.rows().collect::<Vec<_>>(), expected.bare);
        assert_eq!(layout.resources, expected.resources);
        assert_eq!(layout.scopes, expected.scopes);
        let known = self.descriptors.len();
        for run in &expected.runs {
            if !self.descriptors.contains(&run.descriptor) {
                self.descriptors.push(run.descriptor.clone());
            }
        }
        assert_eq!(self.projector.take_unsent_descriptors(), self.descriptors[known..]);
        assert_eq!(layout.runs.len(), expected.runs.len());
        for (run, expected) in layout.runs.iter().zip(&expected.runs) {
            assert_eq!(run.end as usize, expected.end);
            assert_eq!(self.descriptors[run.descriptor as usize], expected.descriptor);
            assert_eq!(run.ordinal, expected.ordinal);
        }
    }

    /// Equal lists have equal numbers, others others, and new ones are announced in their order.
    fn check_bounds(&mut self, columns: &Columns, rows: &[Item<'_>]) {
        let known = self.bounds.len();
        let mut numbers = Vec::new();
        if self.projection.histograms.buckets && self.signal == Signal::Metrics {
            for bounds in rows.iter().map(Item::bounds) {
                let Some(bounds) = bounds else {
                    numbers.push(u32::MAX);
                    continue;
                };
                if !self.bounds.contains(&bounds) {
                    self.bounds.push(bounds.clone());
                }
                numbers.push(self.bounds.iter().position(|known| *known == bounds).unwrap() as u32);
            }
        }
        assert_eq!(columns.histograms.bounds, numbers);
        let new = self.projector.take_unsent_bounds();
        let new: Vec<Vec<u64>> = new.iter().map(|list| list.iter().map(|bound| bound.to_bits()).collect()).collect();
        assert_eq!(new, self.bounds[known..]);
    }

    /// What a guest does between batches: asks for what is new, and releases what it does not need any more.
    fn between_batches(&mut self, rng: &mut Rng) {
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
        if chance(rng, 20) {
            self.rebuild();
        }
    }

    /// After a trap: everything is new again to the next instance.
    fn rebuild(&mut self) {
        self.projector.forget_sent();
        assert_eq!(self.projector.take_unsent_descriptors(), self.descriptors);
        assert_eq!(self.projector.take_unsent_bounds().len(), self.bounds.len());
        self.codes.iter_mut().for_each(|codes| codes.new = codes.by_code.keys().copied().collect());
    }
}

#[test]
fn columns_and_codes_are_those_of_the_decoded_structs() {
    seeds::check(3000, |rng| {
        let mut pair = Pair::random(rng);
        for _ in 0..rng.u32(1..5) {
            let request = Request::random(rng, pair.signal);
            // The same request in several forms has to give the same codes.
            for _ in 0..rng.u32(1..4) {
                let bytes = if chance(rng, 25) { request.encode() } else { request.varied(rng) };
                let strings = pick(rng, &[Strings::Utf8, Strings::Bytes]);
                pair.check(&bytes, &request, strings);
            }
            pair.between_batches(rng);
        }
    });
}

/// The view reads damaged bytes exactly as the oracle does, or refuses them with it and forgets what it learnt from them.
#[test]
fn damaged_requests_are_refused_or_projected_alike() {
    seeds::check(300, |rng| {
        let mut pair = Pair::random(rng);
        let bytes = Request::random(rng, pair.signal).varied(rng);
        for _ in 0..if bytes.is_empty() { 0 } else { 10 } {
            let mut damaged = bytes.clone();
            let at = rng.usize(..damaged.len());
            damaged[at] ^= 1 << rng.u32(..8);
            match Request::decode(pair.signal, &damaged) {
                Ok(request) => pair.check(&damaged, &request, Strings::Utf8),
                // Its keys, metrics and bounds are forgotten again, as those of the next request show.
                Err(_) => {
                    let error = pair.projector.project(&damaged, Strings::Utf8).unwrap_err();
                    assert!(error.offset <= damaged.len());
                }
            }
        }
    });
}

/// A gauge with one point, in a request of its own.
fn gauge(name: String, unit: String, description: String) -> ExportMetricsServiceRequest {
    let data = Some(Data::Gauge(Gauge { data_points: vec![NumberDataPoint::default()] }));
    let metrics = vec![Metric { name, unit, description, data, ..Metric::default() }];
    let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }],
    }
}

#[test]
fn a_long_description_is_cut_and_its_metric_read() {
    let projection = Projection { metrics: vec!["*".to_owned()], ..Projection::default() };
    for (description, left) in [
        ("d".repeat(7992), "d".repeat(7992)),
        ("d".repeat(7993), "d".repeat(7992)),
        ("d".repeat(1 << 20), "d".repeat(7992)),
        ("漢".repeat(3000), "漢".repeat(2664)),
    ] {
        let mut projector = Projector::new(Signal::Metrics, projection.clone(), 10);
        let request = gauge("m".repeat(100), "u".repeat(100), description);
        let layout = projector.project(&request.encode_to_vec(), Strings::Utf8).unwrap().layout;
        assert_eq!((layout.items, layout.rows, layout.unread), (1, 1, 0));
        let descriptors = projector.take_unsent_descriptors();
        assert_eq!((descriptors.len(), &descriptors[0].description), (1, &left));
    }
}

/// Beyond the bound nobody can say whether a metric is wanted: its points pass, counted.
#[test]
fn metrics_with_names_beyond_the_bound_are_no_rows_and_counted() {
    for (pattern, name, unit, expected) in [
        ("*", 8 << 10, 0, (1, 0)),
        ("*", (8 << 10) + 1, 0, (0, 1)),
        ("*", 10, 8 << 10, (0, 1)),
        ("m*", 1 << 20, 0, (0, 1)),
        ("plain", 1 << 20, 0, (0, 0)),
        ("a*", 10, 8 << 10, (0, 0)),
    ] {
        let projection = Projection { metrics: vec![pattern.to_owned()], ..Projection::default() };
        let mut projector = Projector::new(Signal::Metrics, projection, 10);
        let request = gauge("m".repeat(name), "u".repeat(unit), String::new());
        let layout = projector.project(&request.encode_to_vec(), Strings::Utf8).unwrap().layout;
        assert_eq!((layout.rows, layout.unread), expected, "{pattern}: {name}, {unit}");
        assert_eq!((layout.items, layout.scopes[0].has_others), (1, expected.0 == 0));
    }
}

#[test]
fn metrics_beyond_the_bound_are_rows_without_a_number_where_that_was_declared() {
    let projection = Projection { metrics: vec!["*".to_owned()], unnumbered_metrics: true, ..Projection::default() };
    let mut projector = Projector::new(Signal::Metrics, projection, 10);
    let request = gauge("m".repeat(8 << 10), "u".to_owned(), String::new());
    let layout = projector.project(&request.encode_to_vec(), Strings::Utf8).unwrap().layout;
    assert_eq!((layout.rows, layout.unread, layout.runs[0].descriptor), (1, 0, u32::MAX));
    assert_eq!(projector.take_unsent_descriptors(), []);
}

/// Lists beyond the bound have no number of their own, and those before it keep theirs.
#[test]
fn bounds_are_numbered_up_to_a_bound() {
    let histograms = HistogramColumns { buckets: true, ..HistogramColumns::default() };
    let kinds = Some(Kinds::default().with(MetricKind::Histogram));
    let projection = Projection { metrics: vec!["*".to_owned()], kinds, histograms, ..Projection::default() };
    let mut projector = Projector::new(Signal::Metrics, projection, 10);
    let point = |bound: u32| HistogramDataPoint { explicit_bounds: vec![f64::from(bound)], ..Default::default() };
    let data = Data::Histogram(Histogram { data_points: (0..65_540).map(point).collect(), aggregation_temporality: 1 });
    let metrics = vec![Metric { data: Some(data), ..Metric::default() }];
    let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
    let request = ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }],
    };
    for _ in 0..2 {
        let columns = projector.project(&request.encode_to_vec(), Strings::Utf8).unwrap();
        let expected: Vec<u32> = (0..65_540).map(|number| if number < 65_536 { number } else { u32::MAX }).collect();
        assert_eq!(columns.histograms.bounds, expected);
    }
    assert_eq!(projector.take_unsent_bounds().len(), 65_536);
    assert_eq!(projector.take_unsent_bounds().len(), 0);
}
