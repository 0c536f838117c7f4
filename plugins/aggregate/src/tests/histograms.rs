//! Histograms with explicit bounds, and summaries.

use otelier_sdk::testing::{Content, Emitted, Harness, Histogram, Metric, Point, Shape, Summary};

use super::{BY_TYPE, CREATED, at, lines, log, of_type, one, started};
use crate::Aggregate;
use crate::histograms::SERIES_PER_CALL;

/// Of these bounds and counts, with a sum and extremes that go with them.
pub(super) fn of(bounds: &[f64], buckets: &[u64], sum: f64, [min, max]: [f64; 2]) -> Histogram {
    let (bounds, buckets) = (bounds.to_vec(), buckets.to_vec());
    Histogram { count: buckets.iter().sum(), sum: Some(sum), min: Some(min), max: Some(max), bounds, buckets }
}

fn delta(points: Vec<Point>) -> Metric {
    Metric::shaped(Shape::DeltaHistogram, "work.time", points)
}

fn cumulative(points: Vec<Point>) -> Metric {
    Metric::shaped(Shape::CumulativeHistogram, "work.time", points)
}

/// The one histogram that is emitted.
pub(super) fn only(emitted: &[Emitted]) -> Histogram {
    match emitted {
        [Emitted { points, .. }] => match points.as_slice() {
            [point] => match &point.content {
                Content::Histogram(histogram) => histogram.clone(),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

fn shown(harness: &mut Harness<Aggregate>, second: u64) -> Histogram {
    only(&harness.flush(at(second)).unwrap())
}

const BOUNDS: [f64; 3] = [1.0, 2.0, 4.0];

#[test]
fn increments_add_up_by_group() {
    let mut harness = started(BY_TYPE);
    let point = |histogram, work_type| of_type(Point::histogram(histogram), work_type);
    let points = vec![
        point(of(&BOUNDS, &[1, 2, 0, 3], 30.0, [0.5, 9.0]), "a"),
        point(of(&BOUNDS, &[1, 0, 0, 0], 1.0, [1.0, 1.0]), "b"),
        point(of(&BOUNDS, &[0, 0, 5, 0], 15.0, [2.5, 3.5]), "a"),
    ];
    let outcome = harness.process(&[delta(points)], at(1)).unwrap();
    assert_eq!((outcome.absorbed, outcome.dropped, outcome.passed), (3, 0, 0));
    let emitted = harness.flush(at(5)).unwrap();
    let metric = emitted.first().unwrap();
    assert_eq!((metric.name.as_str(), metric.shape), ("work.time_batched", Shape::CumulativeHistogram));
    let [a, b] = metric.points.as_slice() else { panic!("{metric:?}") };
    assert_eq!(a.content, Content::Histogram(of(&BOUNDS, &[1, 2, 5, 3], 45.0, [0.5, 9.0])));
    assert_eq!(b.content, Content::Histogram(of(&BOUNDS, &[1, 0, 0, 0], 1.0, [1.0, 1.0])));
    assert_eq!((a.start_time, a.time, a.attributes["work.type"].as_str()), (CREATED, at(5), "a"));
    assert!(log(&mut harness).is_empty());
    assert_eq!(harness.flush(at(10)).unwrap().len(), 1, "a series stays though nothing comes");
}

#[test]
fn delta_and_cumulative_input_of_one_name_is_one_output() {
    let mut harness = started(BY_TYPE);
    let total = |buckets: &[u64], sum, second| {
        cumulative(vec![Point::histogram(of(&BOUNDS, buckets, sum, [0.5, 5.0])).at(at(1), at(second))])
    };
    harness.process(&[delta(vec![Point::histogram(of(&BOUNDS, &[1, 0, 0, 0], 1.0, [1.0, 1.0]))])], at(2)).unwrap();
    harness.process(&[total(&[1, 2, 3, 4], 30.0, 2), total(&[2, 2, 3, 4], 30.5, 3)], at(3)).unwrap();
    assert_eq!(shown(&mut harness, 5), of(&BOUNDS, &[3, 2, 3, 4], 31.5, [0.5, 5.0]));
    // The same time again, an older one, and one of a sequence that has ended.
    let late = total(&[9, 9, 9, 9], 99.0, 3);
    let older = total(&[1, 2, 3, 4], 30.0, 2);
    let ended = cumulative(vec![Point::histogram(of(&BOUNDS, &[9, 9, 9, 9], 9.0, [0.5, 5.0])).at(CREATED - 1, at(9))]);
    let untimed = cumulative(vec![Point::histogram(of(&BOUNDS, &[9, 9, 9, 9], 9.0, [0.5, 5.0]))]);
    assert_eq!(harness.process(&[late, older, ended, untimed], at(6)).unwrap().dropped, 4);
    assert_eq!(shown(&mut harness, 10).count, 12);
}

#[test]
fn a_cumulative_stream_that_begins_again_is_counted_whole() {
    let buckets = [[5, 5, 5, 5], [6, 0, 9, 9]];
    // A later start; a lower count; a bucket that fell though the count rose.
    for (name, second, start) in
        [("start", [9, 9, 9, 9], at(3)), ("count", [1, 0, 0, 0], at(1)), ("bucket", buckets[1], at(1))]
    {
        let mut harness = started(BY_TYPE);
        let total = |buckets: &[u64], start, second| {
            cumulative(vec![Point::histogram(of(&BOUNDS, buckets, 1.0, [0.5, 5.0])).at(start, at(second))])
        };
        harness.process(&[total(&buckets[0], at(1), 2), total(&second, start, 4)], at(4)).unwrap();
        let expected: Vec<u64> = buckets[0].iter().zip(second).map(|(a, b)| a + b).collect();
        assert_eq!(shown(&mut harness, 5).buckets, expected, "{name}");
    }
}

#[test]
fn a_stream_that_started_earlier_is_a_baseline_and_leaves_the_extremes_open() {
    let mut harness = started(BY_TYPE);
    let total = |buckets: &[u64], extremes, second| {
        cumulative(vec![Point::histogram(of(&BOUNDS, buckets, 7.0, extremes)).at(CREATED - 1, at(second))])
    };
    harness.process(&[total(&[1, 1, 1, 1], [0.5, 9.0], 2)], at(2)).unwrap();
    let none = Histogram { bounds: BOUNDS.to_vec(), buckets: vec![0; 4], sum: Some(0.0), ..Histogram::default() };
    assert_eq!(shown(&mut harness, 3), none);
    harness.process(&[total(&[1, 3, 1, 1], [0.5, 9.5], 4)], at(4)).unwrap();
    // The greatest is new, so it was observed since; of the least nobody knows.
    let expected = Histogram { min: None, ..of(&BOUNDS, &[0, 2, 0, 0], 0.0, [0.0, 9.5]) };
    assert_eq!(shown(&mut harness, 5), expected);
}

#[test]
fn other_bounds_meet_on_the_common_ones() {
    let mut harness = started(BY_TYPE);
    let coarse = of(&[0.0, 2.0, 4.0, 8.0], &[1, 10, 100, 0, 1000], 7.0, [-1.0, 9.0]);
    harness.process(&[delta(vec![Point::histogram(of(&BOUNDS, &[1, 2, 4, 8], 3.0, [0.5, 5.0]))])], at(1)).unwrap();
    harness.process(&[delta(vec![Point::histogram(coarse.clone())])], at(2)).unwrap();
    let merged = of(&[2.0, 4.0], &[14, 104, 1008], 10.0, [-1.0, 9.0]);
    assert_eq!(shown(&mut harness, 5), merged);
    // Up to 2: 3 of the series and 11 of the point; beyond 4: only the point's, as the series had one bucket there.
    let text = "observations of `work.time` lost resolution: its points have different bounds, and a series keeps those that all of its points have";
    assert_eq!(log(&mut harness), [format!("{} {text}", 3 + 11 + 1000)]);
    harness.commit();
    harness.crash(at(6)).unwrap();
    harness.process(&[delta(vec![Point::histogram(of(&BOUNDS, &[1, 2, 4, 8], 3.0, [0.5, 5.0]))])], at(7)).unwrap();
    assert_eq!(shown(&mut harness, 10), of(&[2.0, 4.0], &[17, 108, 1016], 13.0, [-1.0, 9.0]));
    assert_eq!(log(&mut harness), [format!("3 {text}")]);
    // Without bounds at all it is one bucket for everything.
    let bare = Histogram { count: 5, sum: Some(1.0), min: Some(0.0), max: Some(1.0), ..Histogram::default() };
    harness.process(&[delta(vec![Point::histogram(bare)])], at(11)).unwrap();
    let all = shown(&mut harness, 15);
    assert_eq!((all.count, all.bounds.len(), all.buckets.len()), (17 + 108 + 1016 + 5, 0, 0));
}

#[test]
fn a_cumulative_stream_with_other_bounds_is_a_baseline() {
    let mut harness = started(BY_TYPE);
    let total = |bounds: &[f64], buckets: &[u64], second| {
        cumulative(vec![Point::histogram(of(bounds, buckets, 1.0, [0.5, 5.0])).at(at(1), at(second))])
    };
    let other = [1.0, 2.0];
    let batch = [total(&BOUNDS, &[1, 1, 1, 1], 2), total(&other, &[2, 2, 2], 3), total(&other, &[2, 3, 2], 4)];
    assert_eq!(harness.process(&batch, at(4)).unwrap().absorbed, 3);
    assert_eq!(shown(&mut harness, 5).buckets, [1, 2, 2]);
    let log = log(&mut harness);
    assert!(log.iter().any(|line| line.starts_with("1 counted nothing: points of cumulative histograms")), "{log:?}");
}

#[test]
fn a_sum_and_extremes_are_shown_as_long_as_all_parts_have_them() {
    let mut harness = started(BY_TYPE);
    let full = of(&BOUNDS, &[1, 0, 0, 0], 1.0, [1.0, 1.0]);
    let empty = Histogram { bounds: BOUNDS.to_vec(), buckets: vec![0; 4], ..Histogram::default() };
    harness.process(&[delta(vec![Point::histogram(full.clone()), Point::histogram(empty)])], at(1)).unwrap();
    assert_eq!(shown(&mut harness, 2), full, "nothing observed changes nothing");
    let no_sum = Histogram { sum: None, ..full.clone() };
    harness.process(&[delta(vec![Point::histogram(no_sum)])], at(3)).unwrap();
    assert_eq!(shown(&mut harness, 4), Histogram { sum: None, ..of(&BOUNDS, &[2, 0, 0, 0], 0.0, [1.0, 1.0]) });
    let no_extremes = Histogram { min: None, max: None, ..full.clone() };
    harness.process(&[delta(vec![Point::histogram(no_extremes), Point::histogram(full)])], at(5)).unwrap();
    let expected = Histogram { count: 4, bounds: BOUNDS.to_vec(), buckets: vec![4, 0, 0, 0], ..Histogram::default() };
    assert_eq!(shown(&mut harness, 6), expected);
}

/// One bad observation spoils the sum for good, and nothing else.
#[test]
fn a_sum_that_is_no_number_is_unknown_from_then_on_and_the_counts_are_kept() {
    for lost in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for shape in [Shape::DeltaHistogram, Shape::CumulativeHistogram] {
            let mut harness = started(BY_TYPE);
            let send = |harness: &mut Harness<Aggregate>, sum: f64, second: u64| {
                let seen = if shape == Shape::DeltaHistogram { 1 } else { second };
                let histogram = of(&BOUNDS, &[seen, 0, 0, 0], sum, [1.0, 1.0]);
                let point = Point::histogram(histogram).at(at(0), at(second));
                let outcome = harness.process(&[Metric::shaped(shape, "work.time", vec![point])], at(second)).unwrap();
                assert_eq!((outcome.absorbed, outcome.dropped), (1, 0), "{lost} {shape:?}");
            };
            send(&mut harness, 1.0, 1);
            send(&mut harness, lost, 2);
            let unknown = |seen| Histogram { sum: None, ..of(&BOUNDS, &[seen, 0, 0, 0], 0.0, [1.0, 1.0]) };
            assert_eq!(shown(&mut harness, 3), unknown(2), "{lost} {shape:?}");
            assert!(log(&mut harness)[0].contains("1 came with a sum that is NaN or infinite"));
            harness.commit();
            harness.crash(at(3)).unwrap();
            send(&mut harness, 3.0, 3);
            assert_eq!(shown(&mut harness, 4), unknown(3), "{lost} {shape:?}: from then on");
        }
    }
}

/// Points that make no histogram, each with what the log says.
fn hostile() -> Vec<(Point, &'static str)> {
    let good = of(&BOUNDS, &[1, 0, 0, 0], 1.0, [1.0, 1.0]);
    let point = |change: fn(&mut Histogram)| {
        let mut histogram = good.clone();
        change(&mut histogram);
        Point::histogram(histogram)
    };
    let bounds = "1 dropped: histograms whose bounds do not ascend, or are not finite";
    let buckets = "1 dropped: histograms whose bucket counts do not fit their bounds or their count";
    vec![
        (point(|one| one.bounds = vec![2.0, 1.0, 4.0]), bounds),
        (point(|one| one.bounds = vec![1.0, 1.0, 4.0]), bounds),
        (point(|one| one.bounds = vec![1.0, f64::NAN, 4.0]), bounds),
        (point(|one| one.bounds = vec![1.0, 2.0, f64::INFINITY]), bounds),
        (point(|one| one.bounds = vec![1.0]), buckets),
        (point(|one| one.buckets.clear()), buckets),
        (point(|one| one.count = 2), buckets),
        (point(|one| one.buckets = vec![2, u64::MAX, 0, 0]), buckets),
        (Point { no_recorded_value: true, ..Point::histogram(good.clone()) }, "1 dropped: points without a value"),
    ]
}

#[test]
fn hostile_points_are_dropped_for_a_reason_and_leave_nothing() {
    let good = Point::histogram(of(&BOUNDS, &[1, 0, 0, 0], 1.0, [1.0, 1.0]));
    for (point, line) in hostile() {
        for shape in [Shape::DeltaHistogram, Shape::CumulativeHistogram] {
            let mut harness = started(BY_TYPE);
            let metric = |point: Point| vec![Metric::shaped(shape, "work.time", vec![point.at(at(1), at(2))])];
            let outcome = harness.process(&metric(of_type(point.clone(), "a")), at(2)).unwrap();
            assert_eq!((outcome.dropped, outcome.absorbed), (1, 0), "{point:?}");
            assert_eq!((harness.host().dictionary_len(0), harness.host().dictionary_len(1)), (0, 0), "{point:?}");
            assert!(harness.flush(at(5)).unwrap().is_empty());
            assert_eq!(log(&mut harness), [line], "{point:?}");
            harness.process(&metric(good.clone()), at(6)).unwrap();
            assert_eq!(shown(&mut harness, 10).count, 1);
        }
    }
}

#[test]
fn a_histogram_without_temporality_is_dropped() {
    let mut harness = started(BY_TYPE);
    let point = Point::histogram(of(&BOUNDS, &[1, 0, 0, 0], 1.0, [1.0, 1.0]));
    let metric = Metric::shaped(Shape::UnspecifiedHistogram, "work.time", vec![point]);
    assert_eq!(harness.process(&[metric], at(1)).unwrap().dropped, 1);
    assert!(harness.flush(at(5)).unwrap().is_empty());
    assert_eq!(log(&mut harness), ["1 dropped: points of sums or histograms that are neither delta nor cumulative"]);
}

#[test]
fn a_count_never_exceeds_64_bits() {
    let mut harness = started(BY_TYPE);
    let most = of(&[], &[u64::MAX], 1.0, [1.0, 1.0]);
    let two = delta(vec![Point::histogram(most.clone()), Point::histogram(most)]);
    let outcome = harness.process(&[two], at(1)).unwrap();
    assert_eq!((outcome.absorbed, outcome.dropped), (1, 1));
    assert_eq!(shown(&mut harness, 5).count, u64::MAX);
}

#[test]
fn summaries_pass_and_are_told() {
    let mut harness = started(BY_TYPE);
    let summary = Summary { count: 5, sum: 3.0, quantiles: vec![(0.5, 1.0)] };
    let point = of_type(Point::summary(summary), "a");
    let metric = Metric::shaped(Shape::Summary, "work.summary", vec![point.clone(), point]);
    let outcome = harness.process(&[one(), vec![metric]].concat(), at(1)).unwrap();
    assert_eq!((outcome.passed, outcome.absorbed, outcome.dropped), (2, 1, 0));
    assert_eq!(lines(&harness.flush(at(5)).unwrap()), ["work.done_batched{work.type=a} 1"]);
    assert_eq!(log(&mut harness), ["2 passed on: points of summaries, which cannot be merged"]);
    assert_eq!(harness.host().dictionary_len(0), 1);
}

fn of_types(range: std::ops::Range<u32>) -> Metric {
    let one = |n: u32| of_type(Point::histogram(of(&BOUNDS, &[1, 0, 0, 0], 1.0, [1.0, 1.0])), &format!("t{n:05}"));
    delta(range.map(one).collect())
}

#[test]
fn max_series_counts_all_kinds_and_the_rest_overflows() {
    let mut harness = started(r#"{"metrics": ["work.*"], "group_by": ["work.type"], "max_series": 3}"#);
    harness.process(&[one(), vec![of_types(0..5)], one()].concat(), at(1)).unwrap();
    let other = Metric::delta_sum("work.done", vec![of_type(Point::integer(1), "b")]);
    harness.process(&[other, of_types(0..5)], at(2)).unwrap();
    for second in [5, 10] {
        let emitted = harness.flush(at(second)).unwrap();
        let [sums, histograms] = emitted.as_slice() else { panic!("{emitted:?}") };
        let expected = ["work.done_batched{otel.metric.overflow=true} 1", "work.done_batched{work.type=a} 2"];
        assert_eq!(lines(std::slice::from_ref(sums)), expected);
        let counts: Vec<u64> = histograms
            .points
            .iter()
            .map(|point| match &point.content {
                Content::Histogram(histogram) => histogram.count,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(counts, [6, 2, 2], "the overflow series comes first");
        assert_eq!(harness.host().dictionary_len(0), 4, "overflow, a, t00000, t00001");
        harness.commit();
        harness.crash(at(second)).unwrap();
    }
}

#[test]
fn silent_series_and_streams_leave_and_their_buckets_are_used_again() {
    let config = r#"{"metrics": ["work.*"], "group_by": ["work.type"], "expire_after": "10s"}"#;
    let mut harness = started(config);
    let total = |work_type: &str, second| {
        let point = Point::histogram(of(&BOUNDS, &[second, 0, 0, 0], 1.0, [1.0, 1.0]));
        cumulative(vec![of_type(point, work_type).at(at(1), at(second))])
    };
    let mut stored = 0;
    for round in 0..5_u64 {
        let second = 2 + round * 20;
        harness.process(&[total(&format!("g{round}"), second)], at(second)).unwrap();
        harness.commit();
        let emitted = harness.flush(at(second + 1)).unwrap();
        assert_eq!(only(&emitted).buckets[0], if round == 0 { second } else { 0 }, "a baseline once any has expired");
        assert!(harness.flush(at(second + 15)).unwrap().is_empty());
        assert_eq!((harness.host().dictionary_len(0), harness.host().dictionary_len(1)), (0, 0));
        harness.commit();
        if round == 2 {
            stored = harness.host().storage().len();
            harness.crash(at(second + 15)).unwrap();
        }
    }
    assert_eq!(harness.host().storage().len(), stored);
}

/// More series than one call emits.
#[test]
fn a_large_flush_takes_several_calls_with_others_between() {
    let mut harness = started(r#"{"metrics": ["work.*"], "group_by": ["work.type"], "max_series": 70000}"#);
    harness.process(&[of_types(0..SERIES_PER_CALL as u32 + 5000)], at(1)).unwrap();
    let (_, first) = harness.flush_once(at(5), false).unwrap();
    assert_eq!(first.iter().map(|metric| metric.points.len()).sum::<usize>(), SERIES_PER_CALL);
    harness.process(&[of_types(0..10)], at(6)).unwrap();
    let rest = harness.flush(at(6)).unwrap();
    assert_eq!(rest.iter().map(|metric| metric.points.len()).sum::<usize>(), 5_000);
    harness.commit();
    harness.crash(at(7)).unwrap();
    let points = harness.flush(at(7)).unwrap().remove(0).points;
    assert_eq!(points.len(), SERIES_PER_CALL + 5000);
    let count = |point: &otelier_sdk::testing::EmittedPoint| match &point.content {
        Content::Histogram(histogram) => histogram.count,
        other => panic!("{other:?}"),
    };
    assert_eq!((count(&points[0]), count(&points[9]), count(&points[10])), (2, 2, 1));
}

#[test]
fn max_streams_counts_all_kinds() {
    let mut harness = started(r#"{"metrics": ["work.*"], "group_by": [], "max_streams": 3}"#);
    let sum = |id: &str| Metric::cumulative_sum("work.done", vec![Point::integer(1).with("id", id).at(at(1), at(2))]);
    let histogram = |id: &str| {
        let point = Point::histogram(of(&BOUNDS, &[1, 0, 0, 0], 1.0, [1.0, 1.0]));
        cumulative(vec![point.with("id", id).at(at(1), at(2))])
    };
    let batch = [histogram("1"), sum("1"), histogram("2"), sum("2"), histogram("3")];
    let outcome = harness.process(&batch, at(2)).unwrap();
    assert_eq!((outcome.absorbed, outcome.dropped), (3, 2));
    assert_eq!(harness.host().dictionary_len(1), 3);
    harness.commit();
    let failure =
        harness.restart_with(r#"{"metrics": ["work.*"], "group_by": [], "max_streams": 2}"#, at(3)).unwrap_err();
    assert!(failure.message.contains("`max_streams` is 2, but 3 are stored"), "{}", failure.message);
}

#[test]
fn damaged_buckets_are_told() {
    let mut harness = started(BY_TYPE);
    harness.process(&[of_types(0..3)], at(1)).unwrap();
    harness.commit();
    // The buckets are gone, the series are not.
    let (start, end) = (vec![crate::stored::HISTOGRAM_WORDS], vec![crate::stored::HISTOGRAM_WORDS + 1]);
    otelier_sdk::Host::storage_delete_range(harness.host(), start, end).unwrap();
    harness.commit();
    let message = harness.crash(at(2)).unwrap_err().message;
    assert!(message.contains("the stored state is damaged: bucket counts 0 are missing"), "{message}");
}

#[test]
fn a_damaged_stream_is_told() {
    let mut harness = started(BY_TYPE);
    let point = Point::histogram(of(&BOUNDS, &[1, 0, 0, 0], 1.0, [1.0, 1.0])).at(at(1), at(2));
    harness.process(&[cumulative(vec![point])], at(2)).unwrap();
    harness.commit();
    // Both series and stream name bounds that are not there.
    let (start, end) = (vec![crate::stored::BOUNDS], vec![crate::stored::BOUNDS + 1]);
    otelier_sdk::Host::storage_delete_range(harness.host(), start, end).unwrap();
    let (start, end) = (vec![crate::stored::HISTOGRAMS], vec![crate::stored::HISTOGRAMS + 1]);
    otelier_sdk::Host::storage_delete_range(harness.host(), start, end).unwrap();
    harness.commit();
    let message = harness.crash(at(3)).unwrap_err().message;
    assert!(message.contains("the stored state is damaged: histogram stream 0"), "{message}");
}
