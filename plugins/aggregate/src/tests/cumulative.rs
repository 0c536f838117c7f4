//! Cumulative sums.

use std::collections::BTreeMap;

use otelier_sdk::Level;
use otelier_sdk::aggregate::{CumulativePoint, CumulativeState, Number, Step};
use otelier_sdk::testing::{Harness, Metric, Outcome, Point, Shape};

use super::{BY_TYPE, SECOND, at, lines, log, of_type, started};
use crate::Aggregate;

fn total(harness: &mut Harness<Aggregate>, second: u64) -> Vec<String> {
    lines(&harness.flush(at(second)).unwrap())
}

fn send(harness: &mut Harness<Aggregate>, points: Vec<Point>, second: u64) -> Outcome {
    harness.process(&[Metric::cumulative_sum("work.done", points)], at(second)).unwrap()
}

fn stream(id: &str, value: i64, start: u64, time: u64) -> Point {
    of_type(Point::integer(value), "a").with("work.id", id).at(at(start), at(time))
}

#[test]
fn streams_add_what_they_counted_since_the_point_before() {
    let mut harness = started(BY_TYPE);
    send(&mut harness, vec![stream("1", 5, 1, 2), stream("2", 7, 1, 2)], 2);
    assert_eq!(total(&mut harness, 5), ["work.done_batched{work.type=a} 12"]);
    send(&mut harness, vec![stream("1", 8, 1, 6), stream("2", 7, 1, 6)], 6);
    assert_eq!(total(&mut harness, 10), ["work.done_batched{work.type=a} 15"]);
}

#[test]
fn late_repeated_and_wrong_points_are_dropped_and_resets_counted_whole() {
    let mut harness = started(BY_TYPE);
    send(&mut harness, vec![stream("1", 10, 1, 10)], 10);
    let points = vec![
        stream("1", 10, 1, 10),
        stream("1", 8, 1, 9),
        stream("1", 99, 1, 0).at(at(1), 0),
        Point { value: None, ..stream("1", 0, 1, 11) },
        Point::double(f64::NAN).with("work.id", "1").with("work.type", "a").at(at(1), at(11)),
        stream("1", -3, 1, 11),
        stream("1", 4, 1, 12),
        stream("1", 40, 13, 14),
        stream("1", 50, 1, 15),
    ];
    let outcome = send(&mut harness, points, 15);
    assert_eq!((outcome.absorbed, outcome.dropped), (2, 7));
    assert_eq!(total(&mut harness, 20), ["work.done_batched{work.type=a} 54"]);
    assert_eq!(
        log(&mut harness),
        [
            "1 dropped: negative values of monotonic sums",
            "1 dropped: values that are NaN or infinite",
            "1 dropped: points without a value",
            "1 dropped: repeated points of cumulative streams",
            "2 dropped: points of cumulative streams that are older than the last one",
            "1 dropped: cumulative points without a time",
        ]
    );
}

#[test]
fn a_first_point_that_counted_before_the_creation_is_a_baseline() {
    let mut harness = started(BY_TYPE);
    let before = stream("1", 1000, 0, 2).at(at(0) - SECOND, at(2));
    let unknown = stream("2", 1000, 0, 2).at(0, at(2));
    let zero_length = stream("3", 1000, 2, 2);
    assert_eq!(send(&mut harness, vec![before, unknown, zero_length], 2).absorbed, 3);
    assert_eq!(total(&mut harness, 5), ["work.done_batched{work.type=a} 0"]);
    let before = stream("1", 1001, 0, 6).at(at(0) - SECOND, at(6));
    let unknown = stream("2", 1002, 0, 6).at(0, at(6));
    send(&mut harness, vec![before, unknown, stream("3", 1004, 2, 6)], 6);
    assert_eq!(total(&mut harness, 10), ["work.done_batched{work.type=a} 7"]);
}

#[test]
fn initial_value_keep_and_drop() {
    for (policy, first) in [("keep", "1000"), ("drop", "0")] {
        let config = format!(r#"{{"metrics": ["work.*"], "group_by": [], "initial_value": "{policy}"}}"#);
        let mut harness = started(&config);
        send(&mut harness, vec![stream("1", 400, 1, 2), stream("2", 600, 0, 2).at(0, at(2))], 2);
        assert_eq!(total(&mut harness, 5), [format!("work.done_batched{{}} {first}")], "{policy}");
    }
}

#[test]
fn a_double_stream() {
    let mut harness = started(BY_TYPE);
    let double = |value, time| of_type(Point::double(value), "a").at(at(1), at(time));
    send(&mut harness, vec![double(0.5, 2)], 2);
    send(&mut harness, vec![double(0.75, 3)], 3);
    assert_eq!(total(&mut harness, 5), ["work.done_batched{work.type=a} 0.75"]);
}

#[test]
fn streams_beyond_the_bound_are_never_counted() {
    let mut harness = started(r#"{"metrics": ["work.*"], "group_by": [], "max_streams": 2}"#);
    let outcome = send(&mut harness, (0..5).map(|id| stream(&id.to_string(), 10, 1, 2)).collect(), 2);
    assert_eq!((outcome.absorbed, outcome.dropped), (2, 3));
    assert_eq!(harness.host().dictionary_len(1), 2, "codes of untracked streams are released");
    let outcome = send(&mut harness, (0..5).map(|id| stream(&id.to_string(), 11, 1, 3)).collect(), 3);
    assert_eq!((outcome.absorbed, outcome.dropped), (2, 3));
    assert_eq!(total(&mut harness, 5), ["work.done_batched{} 22"]);
    let log = log(&mut harness);
    assert!(log.iter().any(|line| line.starts_with("6 dropped: points of cumulative streams beyond")), "{log:?}");
}

#[test]
fn a_full_stream_dictionary_is_the_same() {
    let mut harness = started(r#"{"metrics": ["work.*"], "group_by": []}"#);
    harness.host().dictionary_entries = 2;
    let outcome = send(&mut harness, (0..5).map(|id| stream(&id.to_string(), 10, 1, 2)).collect(), 2);
    assert_eq!((outcome.absorbed, outcome.dropped), (2, 3));
    assert_eq!(total(&mut harness, 5), ["work.done_batched{} 20"]);
}

#[test]
fn a_first_point_that_is_wrong_leaves_nothing() {
    let mut harness = started(BY_TYPE);
    assert_eq!(send(&mut harness, vec![stream("1", -5, 1, 2)], 2).dropped, 1);
    assert_eq!(harness.host().dictionary_len(1), 0);
    send(&mut harness, vec![stream("1", 5, 1, 3)], 3);
    assert_eq!(total(&mut harness, 5), ["work.done_batched{work.type=a} 5"]);
}

/// An increment that found no place in the total is in the difference to the next point.
#[test]
fn a_point_that_the_total_refuses_leaves_its_stream_where_it_was() {
    let mut harness = started(BY_TYPE);
    let sum = |shape, value| {
        let point = of_type(Point::double(value), "a");
        Metric { shape, ..Metric::delta_sum("work.open", vec![point]) }
    };
    let counted = |value, second| {
        let mut metric = sum(Shape::CumulativeUpDownSum, value);
        metric.points = metric.points.into_iter().map(|point| point.at(at(1), at(second))).collect();
        metric
    };
    harness.process(&[counted(0.5, 2), sum(Shape::DeltaUpDownSum, f64::MAX)], at(2)).unwrap();
    assert_eq!(harness.process(&[counted(f64::MAX, 3)], at(3)).unwrap().dropped, 1);
    harness.process(&[sum(Shape::DeltaUpDownSum, f64::MIN)], at(4)).unwrap();
    assert_eq!(total(&mut harness, 5), ["work.open_batched{work.type=a} 0.0"]);
    assert_eq!(harness.process(&[counted(f64::MAX, 6)], at(6)).unwrap().absorbed, 1);
    assert_eq!(total(&mut harness, 10), [format!("work.open_batched{{work.type=a}} {:?}", f64::MAX)]);
}

#[test]
fn a_first_point_that_finds_no_room_leaves_no_stream() {
    let mut harness = started(BY_TYPE);
    harness.host().dictionary_entries = 1;
    for name in 0..4097 {
        let key = otelier_sdk::key::KeyBuilder::default();
        let name = format!("{name}");
        let key = key.attribute(Level::Item, "other", otelier_sdk::key::Value::String(name.as_bytes()));
        otelier_sdk::Host::output_intern(harness.host(), 0, otelier_sdk::Blob::one(key.finish()));
    }
    assert_eq!(send(&mut harness, vec![stream("1", 10, 1, 2)], 2).dropped, 1);
    assert_eq!(harness.host().dictionary_len(1), 0);
    harness.host().dictionary_entries = 10_000;
    assert_eq!(send(&mut harness, vec![stream("1", 15, 1, 3)], 3).absorbed, 1);
    assert_eq!(total(&mut harness, 5), ["work.done_batched{work.type=a} 15"]);
}

/// Points in any order, repeated, late, starting again and falling: a batch adds what its points add one by one.
#[test]
fn a_batch_adds_what_its_points_add_one_by_one() {
    let mut random = 99_u64;
    let mut pick = |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let mut harness = started(r#"{"metrics": ["work.*"], "group_by": ["work.type"], "initial_value": "keep"}"#);
    let (mut streams, mut totals) = (BTreeMap::<u64, CumulativeState>::new(), BTreeMap::<u64, i64>::new());
    for batch in 0..300 {
        let mut points = Vec::new();
        for _ in 0..30 {
            let (id, start) = (pick(12), at(pick(10) / 9));
            let (value, time) = ((batch * 10 + pick(12)).cast_signed() - 3, at(10 + batch + pick(3)));
            let point = of_type(Point::integer(value).at(start, time), &format!("t{}", id % 3));
            points.push(point.with("id", &id.to_string()));
            let point = CumulativePoint { value: Number::Integer(value), start_time: start, time };
            let step = match streams.get_mut(&id) {
                Some(state) => state.advance(&point, true),
                None => CumulativeState::first(&point, true, true).map(|(state, step)| {
                    streams.insert(id, state);
                    step
                }),
            };
            if let Ok(Step::Add(Number::Integer(added)) | Step::Reset(Number::Integer(added))) = step {
                *totals.entry(id % 3).or_default() += added;
            }
        }
        send(&mut harness, points, batch);
    }
    let expected = totals.iter().map(|(group, total)| format!("work.done_batched{{work.type=t{group}}} {total}"));
    assert_eq!(lines(&harness.flush(at(1000)).unwrap()), expected.collect::<Vec<_>>());
}
