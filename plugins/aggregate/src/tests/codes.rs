//! The dictionaries hold what the state does: rows that leave nothing behind leave no code either.

use otelier_sdk::testing::{Harness, Metric, Point, Shape};

use super::{BY_TYPE, at, lines, of_type, started};
use crate::Aggregate;

/// How many groups and streams have a code.
fn codes(harness: &mut Harness<Aggregate>) -> (usize, usize) {
    (harness.host().dictionary_len(0), harness.host().dictionary_len(1))
}

fn shaped(shape: Shape, point: Point) -> Metric {
    Metric { shape, ..Metric::delta_sum("work.done", vec![of_type(point, "a")]) }
}

fn timed(point: Point) -> Point {
    point.at(at(1), at(2))
}

/// Rows that are dropped, each for another reason.
fn refused() -> Vec<(&'static str, Metric)> {
    use Shape::{CumulativeSum, DeltaSum, Gauge, UnspecifiedSum};
    vec![
        ("delta without a value", shaped(DeltaSum, Point::default())),
        ("infinite delta", shaped(DeltaSum, Point::double(f64::INFINITY))),
        ("negative delta", shaped(DeltaSum, Point::integer(-1))),
        ("gauge without a value", shaped(Gauge, Point::default())),
        ("gauge that is not a number", shaped(Gauge, Point::double(f64::NAN))),
        ("sum without temporality", shaped(UnspecifiedSum, Point::integer(1))),
        ("cumulative without a value", shaped(CumulativeSum, timed(Point::default()))),
        ("infinite cumulative", shaped(CumulativeSum, timed(Point::double(f64::INFINITY)))),
        ("negative cumulative", shaped(CumulativeSum, timed(Point::integer(-1)))),
        ("cumulative without a time", shaped(CumulativeSum, Point::integer(1))),
    ]
}

#[test]
fn a_dropped_row_leaves_no_code() {
    for (name, metric) in refused() {
        let mut harness = started(BY_TYPE);
        assert_eq!(harness.process(&[metric], at(2)).unwrap().dropped, 1, "{name}");
        assert_eq!(codes(&mut harness), (0, 0), "{name}");
    }
}

#[test]
fn a_dropped_row_takes_no_code_that_is_in_use() {
    let good = shaped(Shape::CumulativeSum, timed(Point::integer(5)));
    for (name, metric) in refused() {
        for batch in [vec![good.clone(), metric.clone()], vec![metric.clone(), good.clone()]] {
            let mut harness = started(BY_TYPE);
            harness.process(&batch, at(2)).unwrap();
            assert_eq!(codes(&mut harness), (1, 1), "{name}");
            harness.process(std::slice::from_ref(&metric), at(3)).unwrap();
            assert_eq!(codes(&mut harness), (1, 1), "{name}");
            assert_eq!(lines(&harness.flush(at(5)).unwrap()), ["work.done_batched{work.type=a} 5"], "{name}");
        }
    }
}

#[test]
fn a_group_of_untracked_streams_has_no_code() {
    let mut harness = started(r#"{"metrics": ["work.*"], "group_by": ["work.type"], "max_streams": 1}"#);
    let point = |work_type| of_type(Point::integer(1), work_type).at(at(1), at(2));
    let outcome = harness.process(&[Metric::cumulative_sum("work.done", vec![point("a"), point("b")])], at(2)).unwrap();
    assert_eq!((outcome.absorbed, outcome.dropped), (1, 1));
    assert_eq!(codes(&mut harness), (1, 1));
}

#[test]
fn a_baseline_that_makes_no_series_keeps_its_stream_alone() {
    let mut harness = started(r#"{"metrics": ["work.*"], "group_by": ["work.type"], "functions": {"sum": "max"}}"#);
    let total = |value, second| {
        vec![Metric::cumulative_sum("work.done", vec![of_type(Point::integer(value), "a").at(0, at(second))])]
    };
    assert_eq!(harness.process(&total(5, 2), at(2)).unwrap().absorbed, 1);
    assert_eq!(codes(&mut harness), (0, 1));
    harness.process(&total(8, 3), at(3)).unwrap();
    assert_eq!(codes(&mut harness), (1, 1));
    assert_eq!(lines(&harness.flush(at(5)).unwrap()), ["work.done_batched{work.type=a} 3"]);
}

#[test]
fn metrics_without_room_leave_no_codes() {
    let mut harness = started(BY_TYPE);
    let metric = |n: usize| Metric::delta_sum(&format!("work.{n}"), vec![Point::integer(1)]);
    let first: Vec<Metric> = (0..4096).map(metric).collect();
    assert_eq!(harness.process(&first, at(1)).unwrap().dropped, 0);
    for shape in [Shape::DeltaSum, Shape::CumulativeSum, Shape::Gauge] {
        let more = shaped(shape, timed(Point::integer(1)));
        assert_eq!(harness.process(&[more], at(2)).unwrap().dropped, 1, "{shape:?}");
        assert_eq!(codes(&mut harness), (0, 0), "{shape:?}");
    }
}
