//! The whole processor on a host in memory.

mod bounds;
mod codes;
mod configuration;
mod crash;
mod cumulative;
mod exemplars;
mod expiry;
mod exponential;
mod histogram_crash;
mod histograms;
mod integers;
mod sums;

use std::path::Path;

use otelier_sdk::aggregate::Number;
use otelier_sdk::testing::{Emitted, Harness, Metric, Point, run_cases};

use crate::Aggregate;

const SECOND: u64 = 1_000_000_000;
/// When the component is created in most tests.
const CREATED: u64 = 1000 * SECOND;

const BY_TYPE: &str = r#"{"metrics": ["work.*"], "group_by": ["work.type"]}"#;

fn started(config: &str) -> Harness<Aggregate> {
    Harness::start(config, CREATED).unwrap()
}

fn at(second: u64) -> u64 {
    CREATED + second * SECOND
}

fn of_type(point: Point, work_type: &str) -> Point {
    point.with("work.type", work_type)
}

/// Each emitted point as "metric{key=value} value".
fn lines(emitted: &[Emitted]) -> Vec<String> {
    let point = |metric: &Emitted, point: &otelier_sdk::testing::EmittedPoint| {
        let attributes: Vec<String> = point.attributes.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let value = match point.value {
            Some(Number::Integer(value)) => value.to_string(),
            Some(Number::Double(value)) => format!("{value:?}"),
            None => "none".to_owned(),
        };
        format!("{}{{{}}} {value}", metric.name, attributes.join(","))
    };
    emitted.iter().flat_map(|metric| metric.points.iter().map(move |one| point(metric, one))).collect()
}

/// The log since the last call of this function.
fn log(harness: &mut Harness<Aggregate>) -> Vec<String> {
    std::mem::take(&mut harness.host().log).into_iter().map(|(_, line)| line).collect()
}

#[test]
fn cases() {
    run_cases::<Aggregate>(&Path::new(env!("CARGO_MANIFEST_DIR")).join("cases"));
}

/// One delta point of value 1.
fn one() -> Vec<Metric> {
    vec![Metric::delta_sum("work.done", vec![of_type(Point::integer(1), "a")])]
}
