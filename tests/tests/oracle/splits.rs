//! A request that was split, put together again, is the request: items in order, each in its resource, scope and metric. What is selected of
//! it has these items and no others.

use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use otelier::contract::Signal;
use otelier::otlp::select::{select, units};
use otelier::otlp::split::{Bound, split};
use otelier::otlp::{Strings, check};
use otelier_tests::generate::{Request, pick};

use fastrand::Rng;

use crate::seeds;

/// Every item with all it stands in, as text.
pub fn flat(request: &Request) -> Vec<String> {
    let mut items = Vec::new();
    match request {
        Request::Metrics(request) => {
            for resource in &request.resource_metrics {
                for scope in &resource.scope_metrics {
                    for metric in &scope.metrics {
                        let mut own = metric.clone();
                        let around = |own: &_| {
                            format!(
                                "{:?} {} {:?} {} {own:?}",
                                resource.resource, resource.schema_url, scope.scope, scope.schema_url
                            )
                        };
                        let mut each = |points: Vec<String>, own: &_| {
                            let around = around(own);
                            items.extend(points.into_iter().map(|point| format!("{around} {point}")));
                        };
                        macro_rules! texts {
                            ($data:expr) => {
                                std::mem::take(&mut $data.data_points)
                                    .iter()
                                    .map(|point| format!("{point:?}"))
                                    .collect()
                            };
                        }
                        let points: Vec<String> = match &mut own.data {
                            Some(Data::Gauge(data)) => texts!(data),
                            Some(Data::Sum(data)) => texts!(data),
                            Some(Data::Histogram(data)) => texts!(data),
                            Some(Data::ExponentialHistogram(data)) => texts!(data),
                            Some(Data::Summary(data)) => texts!(data),
                            None => Vec::new(),
                        };
                        each(points, &own);
                    }
                }
            }
        }
        Request::Traces(request) => {
            for resource in &request.resource_spans {
                for scope in &resource.scope_spans {
                    let around = format!(
                        "{:?} {} {:?} {}",
                        resource.resource, resource.schema_url, scope.scope, scope.schema_url
                    );
                    items.extend(scope.spans.iter().map(|span| format!("{around} {span:?}")));
                }
            }
        }
        Request::Logs(request) => {
            for resource in &request.resource_logs {
                for scope in &resource.scope_logs {
                    let around = format!(
                        "{:?} {} {:?} {}",
                        resource.resource, resource.schema_url, scope.scope, scope.schema_url
                    );
                    items.extend(scope.log_records.iter().map(|record| format!("{around} {record:?}")));
                }
            }
        }
    }
    items
}

/// Splits, and compares what the parts have with what the whole has.
fn splits_well(signal: Signal, bytes: &[u8], bound: Bound, largest: u64) -> usize {
    let whole = Request::decode(signal, bytes).unwrap();
    let parts = split(signal, bytes, bound).unwrap();
    let mut gathered = Vec::new();
    for part in &parts {
        assert_eq!(check(signal, &part.bytes, Strings::Bytes), Ok(part.items), "{bound:?}");
        assert!(part.items > 0);
        match bound {
            Bound::Items(most) => assert!(part.items <= most.max(largest), "{bound:?}: {}", part.items),
            Bound::Bytes(most) => {
                assert!(part.items <= largest || part.bytes.len() as u64 <= most, "{bound:?}: {}", part.bytes.len());
            }
        }
        gathered.extend(flat(&Request::decode(signal, &part.bytes).unwrap()));
    }
    assert_eq!(gathered, flat(&whole), "{bound:?}");
    parts.len()
}

const BOUNDS: [Bound; 5] =
    [Bound::Items(1), Bound::Items(3), Bound::Items(u64::MAX), Bound::Bytes(1), Bound::Bytes(600)];

#[test]
fn parts_have_every_item_once_in_its_place() {
    let mut parts = 0;
    seeds::check(500, |rng| {
        let signal = pick(rng, &Signal::ALL);
        let bytes = Request::random(rng, signal).encode();
        parts += BOUNDS.map(|bound| splits_well(signal, &bytes, bound, 1)).iter().sum::<usize>();
    });
    assert!(parts > 1000, "{parts}: the generator makes requests worth splitting");
}

/// Selects some units, and compares what they have with what they have in the whole.
fn selects_well(rng: &mut Rng, signal: Signal, bytes: &[u8]) -> usize {
    let whole = flat(&Request::decode(signal, bytes).unwrap());
    let units = units(signal, bytes).unwrap();
    assert_eq!(units.iter().sum::<u64>(), whole.len() as u64);
    let (mut ranges, mut at) = (Vec::new(), 0);
    while at < units.len() {
        let start = at + pick(rng, &[0, 0, 1, 3]);
        let end = (start + pick(rng, &[1, 2, 5])).min(units.len());
        if start < end {
            ranges.push(start..end);
        }
        at = end.max(start);
    }
    let selected = select(signal, bytes, &ranges).unwrap();
    let (mut items, mut expected) = (whole.into_iter(), Vec::new());
    for (unit, count) in units.iter().enumerate() {
        let taken: Vec<String> = items.by_ref().take(*count as usize).collect();
        if ranges.iter().any(|range| range.contains(&unit)) {
            expected.extend(taken);
        }
    }
    assert_eq!(check(signal, &selected, Strings::Bytes), Ok(expected.len() as u64));
    assert_eq!(flat(&Request::decode(signal, &selected).unwrap()), expected, "{ranges:?}");
    ranges.len()
}

#[test]
fn selections_have_these_items_and_no_others_in_any_wire_form() {
    let mut selected = 0;
    seeds::check(1000, |rng| {
        let signal = pick(rng, &Signal::ALL);
        let request = Request::random(rng, signal);
        let bytes = if pick(rng, &[true, false]) { request.encode() } else { request.varied(rng) };
        selected += selects_well(rng, signal, &bytes);
    });
    assert!(selected > 1000, "{selected}: the generator makes requests worth selecting from");
}

#[test]
fn in_any_wire_form() {
    seeds::check(1000, |rng| {
        let signal = pick(rng, &Signal::ALL);
        let bytes = Request::random(rng, signal).varied(rng);
        for bound in BOUNDS {
            // A metric in pieces stays whole.
            splits_well(signal, &bytes, bound, u64::MAX);
        }
    });
}
