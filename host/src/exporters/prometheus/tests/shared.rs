//! Series that are several streams: what each adds, and what one of them can take away.

use super::request::{DELTA, GAUGE, Group, HISTOGRAM, Histogram, Metric, Point, Request, integer, stale};
use super::*;

const JOBS: Metric<'_> = Metric { name: "jobs", ..DELTA };

/// From one of several processes that have the labels of their series in common.
fn from(process: &str, metric: Metric<'_>, points: &[Point<'_>]) -> Request {
    let resource = [("service.name", "cart"), ("process.pid", process)];
    Request::default().group(Group::default().resource(&resource).metric(metric, points))
}

fn delta(start: u64, end: u64, value: i64) -> Point<'static> {
    Point { start_time: start * 1_000_000_000, time: end * 1_000_000_000, ..integer(&[], value) }
}

#[test]
fn deltas_of_two_streams_add_up_in_any_order() {
    let mut bench = Bench::new("{}");
    let sent = [
        ("1", delta(10, 20, 1)),
        ("2", delta(12, 22, 10)),
        // Two in a row of one stream, of which the first begins before the other stream's last one ended.
        ("2", delta(22, 32, 100)),
        ("2", delta(32, 42, 1000)),
        ("1", delta(20, 30, 10_000)),
        ("1", delta(30, 40, 100_000)),
        // After a gap that only one of them has.
        ("1", delta(60, 70, 1_000_000)),
    ];
    for (process, point) in sent {
        assert_eq!(bench.consume(from(process, JOBS, &[point])).dropped, 0);
    }
    assert!(bench.text().contains("jobs_total{job=\"cart\"} 1111111\n"), "{}", bench.text());
    assert!(bench.open_metrics().contains("jobs_created{job=\"cart\"} 10\n"), "{}", bench.open_metrics());
    assert_eq!((bench.dropped("overlap"), bench.noted("changes", "total_restarted")), (0, 0));
    assert_eq!(bench.noted("conflicting_points", "series"), 2);
}

#[test]
fn histograms_of_two_streams_add_up_in_any_order() {
    let mut bench = Bench::new("{}");
    for (process, start_time, time) in [("1", 10, 20), ("2", 12, 22), ("2", 22, 32), ("1", 20, 30), ("1", 30, 40)] {
        let point = Histogram { start_time, time, count: 1, counts: &[1], ..Default::default() };
        let metric = Metric { name: "h", temporality: 1, ..HISTOGRAM };
        let group = Group::default().resource(&[("process.pid", process)]).encoded(metric, &[point.encode()]);
        assert_eq!(bench.consume(Request::default().group(group)).dropped, 0);
    }
    assert!(bench.text().contains("h_count 5\n"), "{}", bench.text());
}

#[test]
fn a_series_that_was_shared_and_is_made_anew_is_one_streams_again() {
    let mut bench = Bench::new(r#"{"metric_expiration": "60s"}"#);
    bench.consume(from("1", JOBS, &[delta(10, 20, 1)]));
    bench.consume(from("2", JOBS, &[delta(10, 20, 1)]));
    bench.set_clock(61);
    bench.consume(from("1", JOBS, &[delta(10, 20, 1)]));
    assert_eq!(bench.consume(from("1", JOBS, &[delta(10, 20, 1)])).dropped, 1);
    assert_eq!(bench.dropped("overlap"), 1);
}

#[test]
fn a_stream_that_ends_takes_no_series_away_that_others_share() {
    let gauge = Metric { name: "g", ..GAUGE };
    let mut bench = Bench::new("{}");
    bench.consume(from("1", gauge, &[integer(&[], 1)]));
    // It never had a value of its own.
    bench.consume(from("2", gauge, &[stale(&[])]));
    assert!(bench.text().contains("g{job=\"cart\"} 1\n"), "{}", bench.text());
    assert_eq!(bench.noted("conflicting_points", "series"), 1);
    // Its value is the one shown, and not the only one.
    bench.consume(from("2", gauge, &[integer(&[], 2)]));
    bench.consume(from("2", gauge, &[stale(&[])]));
    assert!(bench.text().contains("g{job=\"cart\"} 2\n"), "{}", bench.text());
    assert_eq!(bench.noted("conflicting_points", "series"), 3);
    // What a stream has alone goes with it.
    bench.consume(from("3", Metric { name: "alone", ..GAUGE }, &[integer(&[], 3), stale(&[])]));
    assert!(!bench.text().contains("alone"), "{}", bench.text());
    assert_eq!(bench.noted("conflicting_points", "series"), 3);
}

#[test]
fn the_name_of_the_target_is_the_exporters_own() {
    for kind in [GAUGE, DELTA, HISTOGRAM] {
        let mut bench = Bench::new(r#"{"add_metric_suffixes": false}"#);
        let metric = Metric { name: "target_info", ..kind };
        let points = [Histogram { count: 1, counts: &[1], ..Default::default() }.encode()];
        let own = match kind.data {
            9 => Group::default().encoded(metric, &points),
            _ => Group::default().metric(metric, &[integer(&[], 7)]),
        };
        assert_eq!(bench.consume(Request::default().group(own)).dropped, 1);
        assert_eq!((bench.dropped("type_conflict"), bench.noted("conflicting_points", "type")), (1, 1));
        assert_eq!(bench.exporter.remarks().unwrap()().len(), 1);
        bench.consume(from("1", GAUGE, &[]));
        assert!(bench.text().contains("target_info{job=\"cart\",process_pid=\"1\"} 1\n"), "{}", bench.text());
    }
}
