//! Series and streams that fall silent.

use otelier_sdk::Progress;
use otelier_sdk::aggregate::Number;
use otelier_sdk::testing::{Harness, Metric, Point};

use super::{CREATED, at, lines, of_type, one, started};
use crate::Aggregate;
use crate::flush::EXPIRED_PER_CALL;

const TEN_SECONDS: &str = r#"{"metrics": ["work.*"], "group_by": ["work.type"], "expire_after": "10s"}"#;

fn sum(work_type: &str, value: i64) -> Vec<Metric> {
    vec![Metric::delta_sum("work.done", vec![of_type(Point::integer(value), work_type)])]
}

#[test]
fn a_silent_series_leaves_and_returns_from_zero_with_a_later_start() {
    let mut harness = started(TEN_SECONDS);
    harness.process(&sum("a", 5), at(1)).unwrap();
    harness.process(&sum("b", 5), at(1)).unwrap();
    harness.process(&sum("b", 1), at(9)).unwrap();
    assert_eq!(lines(&harness.flush(at(10)).unwrap()).len(), 2);
    assert_eq!(lines(&harness.flush(at(11)).unwrap()), ["work.done_batched{work.type=b} 6"]);
    assert_eq!(harness.host().dictionary_len(0), 1, "its code is released");
    harness.commit();
    harness.crash(at(12)).unwrap();
    harness.process(&sum("a", 2), at(13)).unwrap();
    harness.process(&sum("c", 3), at(13)).unwrap();
    let emitted = harness.flush(at(15)).unwrap();
    let expected =
        ["work.done_batched{work.type=a} 2", "work.done_batched{work.type=b} 6", "work.done_batched{work.type=c} 3"];
    assert_eq!(lines(&emitted), expected);
    let starts: Vec<u64> = emitted.first().unwrap().points.iter().map(|point| point.start_time).collect();
    assert_eq!(starts, [at(11), CREATED, at(11)]);
}

#[test]
fn a_code_that_another_metric_uses_stays() {
    let mut harness = started(TEN_SECONDS);
    let metric = |name| Metric::delta_sum(name, vec![of_type(Point::integer(1), "a")]);
    harness.process(&[metric("work.x"), metric("work.y")], at(1)).unwrap();
    harness.process(&[metric("work.y")], at(9)).unwrap();
    assert_eq!(lines(&harness.flush(at(12)).unwrap()), ["work.y_batched{work.type=a} 2"]);
    assert_eq!(harness.host().dictionary_len(0), 1);
    harness.process(&[metric("work.x")], at(13)).unwrap();
    let expected = ["work.x_batched{work.type=a} 1", "work.y_batched{work.type=a} 2"];
    assert_eq!(lines(&harness.flush(at(14)).unwrap()), expected);
    assert!(harness.flush(at(30)).unwrap().is_empty());
    assert_eq!(harness.host().dictionary_len(0), 0);
}

#[test]
fn a_restart_is_no_reason_to_expire() {
    let mut harness = started(TEN_SECONDS);
    harness.process(&one(), at(1)).unwrap();
    harness.commit();
    harness.crash(at(1000)).unwrap();
    assert_eq!(lines(&harness.flush(at(1000)).unwrap()), ["work.done_batched{work.type=a} 1"]);
    assert!(harness.flush(at(1010)).unwrap().is_empty());
}

/// Whatever a returning stream counted before is in the total, so only what it counts from now on may be added.
#[test]
fn a_stream_that_expired_and_returns_is_a_baseline() {
    for policy in ["auto", "keep"] {
        let config =
            format!(r#"{{"metrics": ["work.*"], "group_by": [], "expire_after": "10s", "initial_value": "{policy}"}}"#);
        let mut harness = started(&config);
        let stream = |id: &str, value, start, time| {
            Metric::cumulative_sum("work.done", vec![Point::integer(value).with("id", id).at(at(start), at(time))])
        };
        harness.process(&[stream("old", 100, 1, 2)], at(2)).unwrap();
        // Another stream keeps the series alive.
        for second in [3, 8, 13] {
            harness.process(&[stream("live", i64::try_from(second).unwrap(), 1, second)], at(second)).unwrap();
        }
        assert_eq!(lines(&harness.flush(at(13)).unwrap()), ["work.done_batched{} 113"], "{policy}");
        assert_eq!(harness.host().dictionary_len(1), 1);
        harness.commit();
        harness.crash(at(14)).unwrap();
        harness.process(&[stream("old", 130, 1, 15)], at(15)).unwrap();
        assert_eq!(lines(&harness.flush(at(15)).unwrap()), ["work.done_batched{} 113"], "{policy}: returned");
        harness.process(&[stream("old", 131, 1, 16)], at(16)).unwrap();
        // A stream that began after the last expiry cannot have been forgotten.
        harness.process(&[stream("new", 1000, 14, 16)], at(16)).unwrap();
        assert_eq!(lines(&harness.flush(at(17)).unwrap()), ["work.done_batched{} 1114"], "{policy}: went on");
    }
}

#[test]
fn the_overflow_series_expires_too() {
    let mut harness =
        started(r#"{"metrics": ["work.*"], "group_by": ["work.type"], "expire_after": "10s", "max_series": 1}"#);
    harness.process(&[sum("a", 1), sum("b", 2)].concat(), at(1)).unwrap();
    assert_eq!(lines(&harness.flush(at(2)).unwrap()).len(), 2);
    assert!(harness.flush(at(20)).unwrap().is_empty());
    assert_eq!(harness.host().dictionary_len(0), 0);
    harness.process(&[sum("b", 2), sum("a", 1)].concat(), at(21)).unwrap();
    let expected = ["work.done_batched{otel.metric.overflow=true} 1", "work.done_batched{work.type=b} 2"];
    assert_eq!(lines(&harness.flush(at(22)).unwrap()), expected);
}

/// What expires at once may be more than one call may write.
#[test]
fn a_mass_expiry_takes_several_calls_with_others_between() {
    const COUNT: usize = EXPIRED_PER_CALL + 100;
    let config = r#"{"metrics": ["work.*"], "group_by": ["id"], "expire_after": "10s", "max_series": 20000}"#;
    let mut harness = started(config);
    let stream = |id: usize, value, second| Point::integer(value).with("id", &format!("{id:05}")).at(at(1), at(second));
    let points = (0..COUNT).map(|id| stream(id, 5, 2)).collect();
    harness.process(&[Metric::cumulative_sum("work.done", points)], at(2)).unwrap();
    harness.flush(at(5)).unwrap();
    let left = |harness: &mut Harness<Aggregate>| (harness.host().dictionary_len(0), harness.host().dictionary_len(1));
    let once = |harness: &mut Harness<Aggregate>| {
        let (progress, emitted) = harness.flush_once(at(20), false).unwrap();
        assert!(emitted.is_empty());
        harness.commit();
        (progress, left(harness))
    };
    assert_eq!(once(&mut harness), (Progress::More, (100, COUNT)));
    // A stream whose series is gone already, and one whose series is not.
    let points = vec![stream(1, 6, 20), stream(COUNT - 1, 7, 20)];
    harness.process(&[Metric::cumulative_sum("work.done", points)], at(20)).unwrap();
    assert_eq!(once(&mut harness), (Progress::More, (2, COUNT - EXPIRED_PER_CALL)));
    let emitted = harness.flush(at(20)).unwrap();
    assert_eq!(left(&mut harness), (2, 2));
    let last = format!("work.done_batched{{id={:05}}} 7", COUNT - 1);
    assert_eq!(lines(&emitted), ["work.done_batched{id=00001} 1", &last]);
    harness.commit();
    harness.crash(at(21)).unwrap();
    assert_eq!(lines(&harness.flush(at(21)).unwrap()), ["work.done_batched{id=00001} 1", &last]);
    assert_eq!(left(&mut harness), (2, 2));
}

/// A process that dies in the middle of an expiry goes on with what was committed.
#[test]
fn an_expiry_that_was_cut_leaves_nothing_half_done() {
    const COUNT: usize = EXPIRED_PER_CALL + 100;
    let config = r#"{"metrics": ["work.*"], "group_by": ["id"], "expire_after": "10s", "max_series": 20000}"#;
    let mut harness = started(config);
    let points = |value| (0..COUNT).map(|id| Point::integer(value).with("id", &format!("{id:05}"))).collect();
    harness.process(&[Metric::delta_sum("work.done", points(5))], at(2)).unwrap();
    harness.commit();
    assert_eq!(harness.flush_once(at(20), false).unwrap().0, Progress::More);
    harness.commit();
    harness.crash(at(21)).unwrap();
    harness.process(&[Metric::delta_sum("work.done", points(1))], at(22)).unwrap();
    let emitted = harness.flush(at(25)).unwrap();
    let points = &emitted.first().unwrap().points;
    let (new, kept) = points.split_at(EXPIRED_PER_CALL);
    assert!(new.iter().all(|point| (point.value, point.start_time) == (Some(Number::Integer(1)), at(20))));
    assert!(kept.iter().all(|point| (point.value, point.start_time) == (Some(Number::Integer(6)), CREATED)));
    assert_eq!(kept.len(), 100);
}

/// Somebody sets the wall clock: nothing is older or younger for it.
#[test]
fn a_wall_clock_that_is_set_expires_nothing_and_keeps_nothing() {
    const DAY: i64 = 24 * 3600 * 1_000_000_000;
    let to_1970 = -i64::try_from(CREATED).unwrap();
    for jump in [DAY, -DAY / 1000, to_1970, 130 * 365 * DAY] {
        let set = |second: u64| at(second).saturating_add_signed(jump);
        let mut harness = started(TEN_SECONDS);
        let stream = |value, second| {
            let point = of_type(Point::integer(value), "c").at(at(1), at(second));
            vec![Metric::cumulative_sum("work.done", vec![point])]
        };
        harness.process(&sum("a", 5), at(1)).unwrap();
        harness.process(&stream(7, 2), at(2)).unwrap();
        harness.jump(jump);
        assert_eq!(lines(&harness.flush(set(3)).unwrap()).len(), 2, "{jump}");
        harness.commit();
        harness.crash(set(4)).unwrap();
        harness.process(&sum("a", 1), set(5)).unwrap();
        harness.process(&stream(9, 5), set(5)).unwrap();
        let expected = ["work.done_batched{work.type=a} 6", "work.done_batched{work.type=c} 9"];
        assert_eq!(lines(&harness.flush(set(6)).unwrap()), expected, "{jump}: nothing is lost");
        assert_eq!(lines(&harness.flush(set(14)).unwrap()).len(), 2, "{jump}");
        // Nine seconds after the crash, the clock is set right again.
        harness.jump(-jump);
        assert_eq!(lines(&harness.flush(at(14)).unwrap()).len(), 2, "{jump}");
        assert!(harness.flush(at(16)).unwrap().is_empty(), "{jump}: expired in time");
    }
}

/// A state whose times are of the wall clock, as one of an earlier version.
#[test]
fn times_of_another_clock_count_as_heard_at_the_start() {
    let mut harness = started(TEN_SECONDS);
    harness.process(&sum("a", 5), at(1)).unwrap();
    harness.commit();
    harness.forget_steady();
    harness.crash(at(2)).unwrap();
    assert_eq!(lines(&harness.flush(at(11)).unwrap()), ["work.done_batched{work.type=a} 5"]);
    assert!(harness.flush(at(12)).unwrap().is_empty());
}
