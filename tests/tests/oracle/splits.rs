//! A request that was split, put together again, is the request: items in order, each in its resource, scope and metric.

use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use otelier::contract::Signal;
use otelier::otlp::split::{Bound, split};
use otelier::otlp::{Strings, check};
use otelier_tests::generate::{Request, pick};

use crate::seeds;

/// Every item with all it stands in, as text.
fn flat(request: &Request) -> Vec<String> {
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
