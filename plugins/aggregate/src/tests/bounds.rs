//! More than there is room for.

use otelier_sdk::Progress;
use otelier_sdk::testing::{Metric, Point};

use super::{at, lines, log, of_type, started};
use crate::flush::SERIES_PER_CALL;

fn types(range: std::ops::Range<u32>) -> Vec<Metric> {
    let point = |n: u32| of_type(Point::integer(1), &format!("t{n:05}"));
    vec![Metric::delta_sum("work.done", range.map(point).collect())]
}

#[test]
fn beyond_max_series_all_goes_into_one_series_and_totals_stay_right() {
    let mut harness = started(r#"{"metrics": ["work.*"], "group_by": ["work.type"], "max_series": 2}"#);
    for second in 1..4 {
        assert_eq!(harness.process(&types(0..10), at(second)).unwrap().absorbed, 10);
    }
    let expected = [
        "work.done_batched{otel.metric.overflow=true} 24",
        "work.done_batched{work.type=t00000} 3",
        "work.done_batched{work.type=t00001} 3",
    ];
    assert_eq!(lines(&harness.flush(at(5)).unwrap()), expected);
    assert_eq!(harness.host().dictionary_len(0), 3, "codes that no series has are released");
    assert_eq!(
        log(&mut harness),
        ["24 went into the overflow series: `max_series` or `dictionary_entries` is reached"]
    );
    harness.commit();
    harness.crash(at(6)).unwrap();
    harness.process(&types(0..10), at(7)).unwrap();
    let expected = [
        "work.done_batched{otel.metric.overflow=true} 32",
        "work.done_batched{work.type=t00000} 4",
        "work.done_batched{work.type=t00001} 4",
    ];
    assert_eq!(lines(&harness.flush(at(10)).unwrap()), expected);
}

#[test]
fn each_output_metric_has_its_own_overflow_series() {
    let mut harness = started(r#"{"metrics": ["work.*"], "group_by": ["work.type"], "max_series": 1}"#);
    let metric = |name, work_type| Metric::delta_sum(name, vec![of_type(Point::integer(1), work_type)]);
    harness.process(&[metric("work.x", "a"), metric("work.y", "a"), metric("work.x", "b")], at(1)).unwrap();
    let expected = [
        "work.x_batched{otel.metric.overflow=true} 1",
        "work.x_batched{work.type=a} 1",
        "work.y_batched{otel.metric.overflow=true} 1",
    ];
    assert_eq!(lines(&harness.flush(at(5)).unwrap()), expected);
}

#[test]
fn a_full_dictionary_leads_to_the_overflow_series() {
    let mut harness = started(r#"{"metrics": ["work.*"], "group_by": ["work.type"]}"#);
    harness.host().dictionary_entries = 3;
    harness.process(&types(0..10), at(1)).unwrap();
    let lines = lines(&harness.flush(at(5)).unwrap());
    assert_eq!(lines.len(), 4);
    assert_eq!(lines.first().unwrap(), "work.done_batched{otel.metric.overflow=true} 7");
}

#[test]
fn a_sender_may_use_the_overflow_mark_itself() {
    // The memory host has string attributes only, so the key is interned as the plugin does it.
    let mut harness = started(r#"{"metrics": ["work.*"], "group_by": ["work.type"], "max_series": 3}"#);
    let code =
        otelier_sdk::Host::output_intern(harness.host(), 0, otelier_sdk::Blob::one(otelier_sdk::key::overflow()));
    assert_eq!(code, [1]);
    harness.process(&types(0..5), at(1)).unwrap();
    let lines = lines(&harness.flush(at(5)).unwrap());
    assert_eq!(lines.first().unwrap(), "work.done_batched{otel.metric.overflow=true} 2");
}

/// More series than one call looks at.
#[test]
fn a_large_flush_takes_several_calls_with_others_between() {
    const COUNT: u32 = 2 * SERIES_PER_CALL + 100;
    let mut harness = started(r#"{"metrics": ["work.*"], "group_by": ["work.type"], "max_series": 70000}"#);
    harness.process(&types(0..COUNT), at(1)).unwrap();
    for flushed in [SERIES_PER_CALL, SERIES_PER_CALL, 100] {
        let (progress, emitted) = harness.flush_once(at(5), false).unwrap();
        assert_eq!((progress, lines(&emitted).len()), (Progress::More, flushed as usize));
        harness.process(&types(0..10), at(6)).unwrap();
        harness.commit();
    }
    let (progress, emitted) = harness.flush_once(at(6), false).unwrap();
    assert!(progress == Progress::Done && emitted.is_empty());
    harness.commit();
    harness.crash(at(7)).unwrap();
    let lines = lines(&harness.flush(at(7)).unwrap());
    assert_eq!(lines.len(), COUNT as usize);
    assert_eq!(lines.first().unwrap(), "work.done_batched{work.type=t00000} 4");
    assert_eq!(lines.last().unwrap(), "work.done_batched{work.type=t08291} 1");
}

#[test]
fn a_store_that_does_not_answer_fails_the_call_and_nothing_counts_twice() {
    let mut harness = started(super::BY_TYPE);
    harness.process(&types(0..1), at(1)).unwrap();
    harness.commit();
    harness.host().unavailable = true;
    let failure = harness.process(&types(0..1), at(2)).unwrap_err();
    assert!(failure.retryable, "{failure:?}");
    harness.host().unavailable = false;
    harness.process(&types(0..1), at(3)).unwrap();
    assert_eq!(lines(&harness.flush(at(5)).unwrap()), ["work.done_batched{work.type=t00000} 2"]);
}

/// Beyond the codes that have sums of their own within a run.
#[test]
fn many_series_add_up_like_few() {
    let mut harness = started(r#"{"metrics": ["work.*"], "group_by": ["work.type"], "max_series": 6000}"#);
    harness.process(&types(0..7000), at(1)).unwrap();
    let again = |value: i64| (0..7000).map(move |n| of_type(Point::integer(value), &format!("t{n:05}")));
    let points = again(2).chain(again(3)).chain([of_type(Point::integer(i64::MAX), "t05999")]).collect();
    harness.process(&[Metric::delta_sum("work.done", points)], at(2)).unwrap();
    let mut lines = lines(&harness.flush(at(5)).unwrap());
    lines.sort_unstable();
    assert_eq!(lines.len(), 6001);
    assert_eq!(lines.first().unwrap(), "work.done_batched{otel.metric.overflow=true} 6000");
    for n in 0..5999_usize {
        assert_eq!(lines.get(n + 1).unwrap(), &format!("work.done_batched{{work.type=t{n:05}}} 6"));
    }
    let promoted = i64::MAX as f64;
    assert_eq!(lines.last().unwrap(), &format!("work.done_batched{{work.type=t05999}} {promoted:?}"));
}
