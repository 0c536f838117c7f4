//! Exponential histograms.

use otelier_sdk::testing::{Content, Emitted, ExponentialHistogram, Harness, Metric, Point, Shape};

use super::{BY_TYPE, CREATED, at, log, of_type, started};
use crate::Aggregate;

fn of(scale: i32, zero_count: u64, positive: (i32, &[u64]), negative: (i32, &[u64])) -> ExponentialHistogram {
    let sides = [positive, negative].map(|(offset, counts)| (offset, counts.to_vec()));
    let count = zero_count + sides.iter().flat_map(|(_, counts)| counts).sum::<u64>();
    let [positive, negative] = sides;
    let (sum, min, max) = (Some(count as f64), Some(-8.0), Some(8.0));
    ExponentialHistogram { count, sum, min, max, scale, zero_count, zero_threshold: 0.0, positive, negative }
}

fn shaped(shape: Shape, histogram: ExponentialHistogram, times: [u64; 2]) -> Metric {
    let point = Point::exponential(histogram).at(times[0], times[1]);
    Metric::shaped(shape, "work.time", vec![of_type(point, "a")])
}

fn delta(histogram: ExponentialHistogram) -> Metric {
    shaped(Shape::DeltaExponentialHistogram, histogram, [0, 0])
}

fn total(histogram: ExponentialHistogram, second: u64) -> Metric {
    shaped(Shape::CumulativeExponentialHistogram, histogram, [at(1), at(second)])
}

pub(super) fn only(emitted: &[Emitted]) -> ExponentialHistogram {
    let points: Vec<_> = emitted.iter().flat_map(|metric| &metric.points).collect();
    match points.as_slice() {
        [point] => match &point.content {
            Content::Exponential(histogram) => histogram.clone(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

fn shown(harness: &mut Harness<Aggregate>, second: u64) -> ExponentialHistogram {
    only(&harness.flush(at(second)).unwrap())
}

#[test]
fn a_sum_that_is_no_number_is_unknown_from_then_on_and_the_counts_are_kept() {
    let mut harness = started(BY_TYPE);
    let one = of(1, 2, (0, &[1, 2, 3]), (5, &[7]));
    harness.process(&[delta(one.clone())], at(1)).unwrap();
    let lost = ExponentialHistogram { sum: Some(f64::NAN), min: Some(f64::NAN), ..one.clone() };
    let outcome = harness.process(&[delta(lost)], at(2)).unwrap();
    assert_eq!((outcome.absorbed, outcome.dropped), (1, 0));
    harness.commit();
    harness.crash(at(3)).unwrap();
    harness.process(&[delta(one)], at(3)).unwrap();
    let counts = of(1, 6, (0, &[3, 6, 9]), (5, &[21]));
    assert_eq!(shown(&mut harness, 4), ExponentialHistogram { sum: None, min: None, ..counts });
}

#[test]
fn increments_add_up_at_the_lower_scale_and_come_back_after_a_crash() {
    let mut harness = started(BY_TYPE);
    harness.process(&[delta(of(1, 2, (0, &[1, 2, 3]), (5, &[7])))], at(1)).unwrap();
    harness.process(&[delta(of(0, 1, (1, &[10]), (0, &[])))], at(2)).unwrap();
    harness.commit();
    let expected = of(0, 3, (0, &[3, 13]), (2, &[7]));
    for second in [5, 10] {
        let emitted = harness.flush(at(second)).unwrap();
        let metric = emitted.first().unwrap();
        assert_eq!(metric.shape, Shape::CumulativeExponentialHistogram);
        let point = metric.points.first().unwrap();
        assert_eq!((point.start_time, point.time), (CREATED, at(second)));
        assert_eq!(only(&emitted), expected);
        harness.commit();
        harness.crash(at(second)).unwrap();
    }
    harness.process(&[delta(of(0, 0, (1, &[1]), (0, &[])))], at(11)).unwrap();
    assert_eq!(shown(&mut harness, 15), of(0, 3, (0, &[3, 14]), (2, &[7])));
    assert!(log(&mut harness).is_empty());
}

#[test]
fn buckets_are_bounded_by_a_lower_scale() {
    let mut harness = started(r#"{"metrics": ["work.*"], "group_by": [], "max_buckets": 4}"#);
    for offset in 0..16 {
        harness.process(&[delta(of(3, 0, (offset, &[1]), (0, &[])))], at(1)).unwrap();
    }
    assert_eq!(shown(&mut harness, 5), of(1, 0, (0, &[4, 4, 4, 4]), (0, &[])));
}

#[test]
fn a_cumulative_stream_adds_what_it_counted_though_its_scale_falls() {
    let mut harness = started(BY_TYPE);
    harness.process(&[total(of(1, 1, (0, &[1, 2]), (0, &[1])), 2)], at(2)).unwrap();
    harness.process(&[total(of(0, 2, (0, &[4, 5]), (0, &[1])), 3)], at(3)).unwrap();
    harness.commit();
    harness.crash(at(4)).unwrap();
    harness.process(&[total(of(0, 2, (0, &[4, 6]), (0, &[1])), 4)], at(4)).unwrap();
    assert_eq!(shown(&mut harness, 5), of(0, 2, (0, &[4, 6]), (0, &[1])));
    // A bucket fell: it began again.
    harness.process(&[total(of(0, 2, (0, &[3, 9]), (0, &[1])), 6)], at(6)).unwrap();
    assert_eq!(shown(&mut harness, 10), of(0, 4, (0, &[7, 15]), (0, &[2])));
}

#[test]
fn hostile_points_are_dropped_for_a_reason() {
    let scale = "1 dropped: exponential histograms whose scale, zero threshold or buckets are beyond what doubles hold";
    let buckets = "1 dropped: histograms whose bucket counts do not fit their bounds or their count";
    let cases = [
        (of(21, 0, (0, &[1]), (0, &[])), scale),
        (of(i32::MIN, 0, (0, &[1]), (0, &[])), scale),
        (of(20, 0, (i32::MAX, &[1, 1]), (0, &[])), scale),
        (of(20, 0, (0, &[]), (i32::MIN, &[1])), scale),
        (ExponentialHistogram { zero_threshold: f64::NAN, ..of(0, 1, (0, &[]), (0, &[])) }, scale),
        (ExponentialHistogram { zero_threshold: -1.0, ..of(0, 1, (0, &[]), (0, &[])) }, scale),
        (ExponentialHistogram { count: 3, ..of(0, 1, (0, &[1]), (0, &[])) }, buckets),
    ];
    for (histogram, line) in cases {
        for metric in [delta(histogram.clone()), total(histogram.clone(), 2)] {
            let mut harness = started(BY_TYPE);
            assert_eq!(harness.process(&[metric], at(2)).unwrap().dropped, 1, "{histogram:?}");
            assert_eq!((harness.host().dictionary_len(0), harness.host().dictionary_len(1)), (0, 0));
            assert!(harness.flush(at(5)).unwrap().is_empty());
            assert_eq!(log(&mut harness), [line], "{histogram:?}");
        }
    }
}

#[test]
fn explicit_and_exponential_histograms_of_one_name_are_apart() {
    let mut harness = started(BY_TYPE);
    let explicit = super::histograms::of(&[1.0], &[1, 2], 3.0, [0.5, 2.0]);
    let explicit = Metric::shaped(Shape::DeltaHistogram, "work.time", vec![of_type(Point::histogram(explicit), "a")]);
    harness.process(&[delta(of(0, 1, (0, &[1]), (0, &[]))), explicit], at(1)).unwrap();
    let emitted = harness.flush(at(5)).unwrap();
    assert_eq!(emitted.iter().map(|metric| metric.points.len()).collect::<Vec<_>>(), [1, 1]);
}
