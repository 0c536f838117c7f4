//! Delta sums and gauges.

use otelier_sdk::aggregate::Number;
use otelier_sdk::testing::{Harness, Metric, Point, Shape};

use super::{BY_TYPE, CREATED, at, lines, log, of_type, started};
use crate::Aggregate;

#[test]
fn increments_add_up_by_group_and_the_rest_passes() {
    let mut harness = started(BY_TYPE);
    let work = Metric {
        unit: "1".to_owned(),
        description: "Work that is done.".to_owned(),
        ..Metric::delta_sum(
            "work.done",
            vec![
                of_type(Point::integer(2), "a").with("work.id", "1"),
                of_type(Point::integer(3), "b").with("work.id", "2"),
                of_type(Point::integer(4), "a").with("work.id", "3"),
                Point::integer(5).with("work.id", "4"),
            ],
        )
    };
    let other = Metric::gauge("other", vec![Point::integer(1)]);
    let outcome = harness.process(&[other, work.clone()], at(1)).unwrap();
    assert_eq!((outcome.absorbed, outcome.dropped, outcome.passed), (4, 0, 1));
    let emitted = harness.flush(at(5)).unwrap();
    let expected = ["work.done_batched{} 5", "work.done_batched{work.type=a} 6", "work.done_batched{work.type=b} 3"];
    assert_eq!(lines(&emitted), expected);
    let metric = emitted.first().unwrap();
    assert_eq!((metric.unit.as_str(), metric.shape), ("1", Shape::CumulativeSum));
    assert_eq!(metric.description, "Work that is done.");
    assert!(metric.points.iter().all(|point| (point.start_time, point.time) == (CREATED, at(5))));
    harness.process(&[work], at(6)).unwrap();
    let expected = ["work.done_batched{} 10", "work.done_batched{work.type=a} 12", "work.done_batched{work.type=b} 6"];
    assert_eq!(lines(&harness.flush(at(10)).unwrap()), expected);
    assert_eq!(lines(&harness.flush(at(15)).unwrap()), expected, "a series stays though nothing comes");
    assert!(log(&mut harness).is_empty());
}

#[test]
fn nothing_seen_nothing_emitted() {
    let mut harness = started(BY_TYPE);
    assert!(harness.flush(at(0)).unwrap().is_empty());
}

#[test]
fn values_that_cannot_be_counted_are_dropped_and_reported_once() {
    let mut harness = started(BY_TYPE);
    let points = vec![
        Point::integer(1),
        Point::integer(-7),
        Point::default(),
        Point::double(f64::NAN),
        Point::integer(2),
        Point::double(f64::INFINITY),
        Point::integer(-1),
    ];
    let mixed = Metric::delta_sum("work.done", points);
    let integers = Metric::delta_sum("work.done", vec![Point::integer(10), Point::integer(-1), Point::integer(20)]);
    let outcome = harness.process(&[mixed, integers], at(1)).unwrap();
    assert_eq!((outcome.absorbed, outcome.dropped), (4, 6));
    assert_eq!(lines(&harness.flush(at(5)).unwrap()), ["work.done_batched{} 33"]);
    assert_eq!(
        log(&mut harness),
        [
            "3 dropped: negative values of monotonic sums",
            "2 dropped: values that are NaN or infinite",
            "1 dropped: points without a value",
        ]
    );
    harness.flush(at(10)).unwrap();
    assert!(log(&mut harness).is_empty());
}

#[test]
fn a_sum_that_is_not_monotonic_may_fall() {
    let mut harness = started(BY_TYPE);
    let points = vec![Point::integer(5), Point::integer(-7)];
    let metric = Metric { shape: Shape::DeltaUpDownSum, ..Metric::delta_sum("work.open", points) };
    harness.process(&[metric], at(1)).unwrap();
    let emitted = harness.flush(at(5)).unwrap();
    assert_eq!(lines(&emitted), ["work.open_batched{} -2"]);
    assert_eq!(emitted.first().unwrap().shape, Shape::CumulativeUpDownSum);
}

#[test]
fn a_sum_without_temporality_is_dropped() {
    let mut harness = started(BY_TYPE);
    let metric = Metric { shape: Shape::UnspecifiedSum, ..Metric::delta_sum("work.done", vec![Point::integer(5)]) };
    assert_eq!(harness.process(&[metric], at(1)).unwrap().dropped, 1);
    assert!(harness.flush(at(5)).unwrap().is_empty());
    assert_eq!(log(&mut harness), ["1 dropped: points of sums or histograms that are neither delta nor cumulative"]);
}

#[test]
fn a_double_makes_its_series_double_for_good() {
    let mut harness = started(BY_TYPE);
    let metric = |points| vec![Metric::delta_sum("work.done", points)];
    let both = vec![of_type(Point::integer(1), "a"), of_type(Point::integer(1), "b"), of_type(Point::double(0.5), "a")];
    harness.process(&metric(both), at(1)).unwrap();
    let expected = ["work.done_batched{work.type=a} 1.5", "work.done_batched{work.type=b} 1"];
    assert_eq!(lines(&harness.flush(at(5)).unwrap()), expected);
    harness.process(&metric(vec![of_type(Point::integer(1), "a")]), at(6)).unwrap();
    harness.process(&metric(vec![of_type(Point::double(0.25), "a"); 3]), at(6)).unwrap();
    harness.commit();
    harness.crash(at(7)).unwrap();
    let expected = ["work.done_batched{work.type=a} 3.25", "work.done_batched{work.type=b} 1"];
    assert_eq!(lines(&harness.flush(at(10)).unwrap()), expected);
}

#[test]
fn an_integer_total_beyond_64_bits_becomes_a_double_and_says_so_once() {
    let mut harness = started(BY_TYPE);
    let metric = Metric::delta_sum("work.done", vec![Point::integer(i64::MAX), Point::integer(1), Point::integer(1)]);
    assert_eq!(harness.process(&[metric], at(1)).unwrap().absorbed, 3);
    assert_eq!(lines(&harness.flush(at(5)).unwrap()), ["work.done_batched{} 9.223372036854776e18"]);
    let log = log(&mut harness);
    assert_eq!(log.len(), 1);
    assert!(log.iter().all(|line| line.starts_with("1 made an integer total a double")), "{log:?}");
    let huge = Metric::delta_sum("work.huge", vec![Point::double(f64::MAX), Point::double(f64::MAX)]);
    assert_eq!(harness.process(&[huge], at(6)).unwrap().dropped, 1);
}

#[test]
fn metrics_that_differ_in_name_unit_or_kind_are_apart() {
    let mut harness = started(BY_TYPE);
    let sum = |name, unit: &str| Metric {
        unit: unit.to_owned(),
        ..Metric::delta_sum(name, vec![of_type(Point::integer(1), "a")])
    };
    let gauge = Metric::gauge("work.a", vec![of_type(Point::integer(7), "a")]);
    let batch = [sum("work.a", "1"), sum("work.b", "1"), sum("work.a", "s"), gauge, sum("work.a", "1")];
    harness.process(&batch, at(1)).unwrap();
    let mut lines = lines(&harness.flush(at(5)).unwrap());
    lines.sort();
    let expected = [
        "work.a_batched{work.type=a} 1",
        "work.a_batched{work.type=a} 2",
        "work.a_batched{work.type=a} 7",
        "work.b_batched{work.type=a} 1",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn an_empty_unit_or_description_is_no_conflict_whichever_comes_first() {
    let texts = [("", ""), ("1", "What is done."), ("", "Work, done."), ("1", "")];
    for first in 0..texts.len() {
        let mut harness = started(BY_TYPE);
        let send = |harness: &mut Harness<Aggregate>, (unit, description): (&str, &str), second| {
            let points = vec![of_type(Point::integer(1), "a")];
            let (unit, description) = (unit.to_owned(), description.to_owned());
            let metric = Metric { unit, description, ..Metric::delta_sum("work.done", points) };
            harness.process(&[metric], at(second)).unwrap();
        };
        for (second, at) in (first..texts.len()).chain(0..first).enumerate() {
            send(&mut harness, texts[at], 1 + second as u64);
            harness.flush(super::at(1 + second as u64)).unwrap();
        }
        harness.commit();
        harness.crash(at(5)).unwrap();
        send(&mut harness, ("", ""), 6);
        send(&mut harness, ("1", "Something else."), 6);
        let emitted = harness.flush(at(7)).unwrap();
        assert_eq!(lines(&emitted), ["work.done_batched{work.type=a} 6"], "{first}");
        let described = [emitted[0].unit.as_str(), emitted[0].description.as_str()];
        let expected = if matches!(first, 2) { "Work, done." } else { "What is done." };
        assert_eq!(described, ["1", expected], "{first}: the first that is not empty");
        assert!(log(&mut harness).is_empty());
    }
}

#[test]
fn units_that_differ_are_kept_apart_and_told_once() {
    let mut harness = started(BY_TYPE);
    for unit in ["s", "ms", "", "s", "ms"] {
        let points = vec![of_type(Point::integer(1), "a")];
        harness.process(&[Metric { unit: unit.to_owned(), ..Metric::delta_sum("work.time", points) }], at(1)).unwrap();
    }
    let emitted = harness.flush(at(5)).unwrap();
    let mut totals: Vec<_> = emitted.iter().map(|metric| (metric.unit.as_str(), metric.points[0].value)).collect();
    totals.sort_by_key(|(unit, _)| *unit);
    assert_eq!(totals, [("ms", Some(Number::Integer(2))), ("s", Some(Number::Integer(3)))]);
    let log = log(&mut harness);
    assert_eq!(log.len(), 1, "{log:?}");
    let says = "metric `work.time` comes as monotonic sum in `s` and as monotonic sum in `ms`";
    assert!(log[0].starts_with(says), "{log:?}");
}

#[test]
fn delta_and_cumulative_input_of_one_name_is_one_output() {
    let mut harness = started(BY_TYPE);
    let delta = Metric::delta_sum("work.done", vec![of_type(Point::integer(1), "a")]);
    let cumulative = Metric::cumulative_sum("work.done", vec![of_type(Point::integer(10), "a").at(at(1), at(2))]);
    harness.process(&[delta, cumulative], at(2)).unwrap();
    assert_eq!(lines(&harness.flush(at(5)).unwrap()), ["work.done_batched{work.type=a} 11"]);
}

#[test]
fn drop_keeps_every_other_attribute_of_every_level() {
    let mut harness =
        started(r#"{"metrics": ["work.done"], "drop": ["work.id", {"key": "host.id", "level": "resource"}]}"#);
    let mut point = of_type(Point::integer(1), "a").with("work.id", "1");
    for (key, value) in [("host.id", "h1"), ("service.name", "s")] {
        point.resource.insert(key.to_owned(), value.to_owned());
    }
    let mut second = point.clone().with("work.id", "2");
    second.resource.insert("host.id".to_owned(), "h2".to_owned());
    harness.process(&[Metric::delta_sum("work.done", vec![point, second])], at(1)).unwrap();
    let expected = ["work.done_batched{resource.service.name=s,work.type=a} 2"];
    assert_eq!(lines(&harness.flush(at(5)).unwrap()), expected);
}

fn gauge_config(function: &str) -> String {
    format!(r#"{{"metrics": ["work.load"], "group_by": [], "functions": {{"gauge": "{function}"}}}}"#)
}

#[test]
fn gauges() {
    // What is shown after three points, after an interval without any, and after one more point of 5.
    let cases = [
        ("last", ["3", "3", "5"]),
        ("min", ["1", "1", "5"]),
        ("max", ["8", "8", "5"]),
        ("mean", ["4.0", "4.0", "5.0"]),
        ("sum", ["12", "12", "5"]),
    ];
    for (function, [first, second, third]) in cases {
        let mut harness = started(&gauge_config(function));
        let load = |value, second| Point::integer(value).at(0, at(second));
        harness.process(&[Metric::gauge("work.load", vec![load(8, 1), load(3, 3), load(1, 2)])], at(3)).unwrap();
        let emitted = harness.flush(at(5)).unwrap();
        assert_eq!(lines(&emitted), [format!("work.load_batched{{}} {first}")], "{function}");
        let metric = emitted.first().unwrap();
        assert_eq!(metric.shape, Shape::Gauge);
        assert!(metric.points.iter().all(|point| (point.start_time, point.time) == (0, at(5))));
        assert_eq!(lines(&harness.flush(at(10)).unwrap()), [format!("work.load_batched{{}} {second}")], "{function}");
        harness.commit();
        harness.crash(at(10)).unwrap();
        assert_eq!(lines(&harness.flush(at(10)).unwrap()), [format!("work.load_batched{{}} {second}")], "{function}");
        harness.process(&[Metric::gauge("work.load", vec![load(5, 11)])], at(11)).unwrap();
        assert_eq!(lines(&harness.flush(at(15)).unwrap()), [format!("work.load_batched{{}} {third}")], "{function}");
    }
}

#[test]
fn another_function_over_increments_is_a_gauge() {
    let mut harness =
        started(r#"{"metrics": ["work.done"], "group_by": [], "functions": {"sum": "max"}, "rename": "{name}_max"}"#);
    let delta = Metric::delta_sum("work.done", vec![Point::integer(4), Point::integer(9)]);
    let cumulative = |value, second| {
        Metric::cumulative_sum("work.done", vec![Point::integer(value).with("id", "1").at(at(1), at(second))])
    };
    harness.process(&[delta, cumulative(5, 2), cumulative(17, 3)], at(3)).unwrap();
    let emitted = harness.flush(at(5)).unwrap();
    assert_eq!(lines(&emitted), ["work.done_max{} 12"]);
    assert_eq!(emitted.first().unwrap().shape, Shape::Gauge);
}
