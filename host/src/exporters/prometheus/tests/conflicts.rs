//! Two metrics, or two streams, that come to one name or to one series.

use super::request::{COUNTER, DELTA, GAUGE, Group, Metric, Point, Request, double, integer, one};
use super::*;
use crate::contract::Remark;

const WORK: Metric<'_> = Metric { name: "work.done", ..COUNTER };

fn at(time: u64, value: i64) -> Point<'static> {
    Point { time, ..integer(&[], value) }
}

#[test]
fn an_empty_unit_or_description_is_no_conflict_and_the_first_that_says_something_stands() {
    let mut bench = Bench::new("{}");
    let seconds = Metric { name: "work.seconds", ..COUNTER };
    let described = Metric { name: "work", unit: "s", help: "Work.", ..COUNTER };
    for (index, metric) in [seconds, described, seconds].into_iter().enumerate() {
        let number = index.to_string();
        bench.consume(one(metric, &[integer(&[("n", &number)], 1)]));
    }
    let series = |n| format!("work_seconds_total{{n=\"{n}\"}} 1\n");
    let expected = format!(
        "# HELP work_seconds Work.\n# TYPE work_seconds counter\n# UNIT work_seconds seconds\n{}{}{}",
        series(0),
        series(1),
        series(2)
    );
    assert_eq!(bench.open_metrics(), expected);
    let conflicts = ["type", "unit", "description", "series"].map(|kind| bench.noted("conflicting_points", kind));
    assert_eq!(conflicts, [0; 4]);
}

#[test]
fn the_unit_of_a_count_is_none() {
    let mut bench = Bench::new("{}");
    for (unit, name) in [("", "sdk"), ("1", "curl"), ("{request}", "other")] {
        bench.consume(one(Metric { unit, ..WORK }, &[integer(&[("from", name)], 7)]));
    }
    let series = ["sdk", "curl", "other"].map(|name| format!("work_done_total{{from=\"{name}\"}} 7\n")).concat();
    assert_eq!(bench.text(), format!("# TYPE work_done_total counter\n{series}"));
    assert_eq!(bench.noted("conflicting_points", "unit"), 0);
}

#[test]
fn another_unit_or_description_is_shown_and_counted_per_point() {
    let mut bench = Bench::new(r#"{"add_metric_suffixes": false}"#);
    let first = Metric { unit: "s", help: "First.", ..WORK };
    bench.consume(one(first, &[integer(&[("n", "0")], 1)]));
    for _ in 0..2 {
        let points = [integer(&[("n", "1")], 1), integer(&[("n", "2")], 1)];
        assert_eq!(bench.consume(one(Metric { unit: "ms", ..first }, &points)).items, 2);
    }
    assert_eq!(bench.consume(one(Metric { help: "Second.", ..first }, &[integer(&[("n", "3")], 1)])).items, 1);
    let shown = bench.text();
    assert!(shown.starts_with("# HELP work_done First.\n") && shown.matches("work_done{").count() == 4, "{shown}");
    let conflicts = ["unit", "description", "type"].map(|kind| bench.noted("conflicting_points", kind));
    assert_eq!(conflicts, [4, 1, 0]);
}

#[test]
fn another_type_is_dropped_and_counted_per_point() {
    let mut bench = Bench::new("{}");
    bench.consume(one(WORK, &[integer(&[], 1)]));
    let gauge = Metric { name: "work.done.total", ..GAUGE };
    for _ in 0..2 {
        assert_eq!(bench.consume(one(gauge, &[integer(&[], 2), integer(&[("a", "b")], 3)])).dropped, 2);
    }
    assert_eq!(bench.text(), "# TYPE work_done_total counter\nwork_done_total 1\n");
    assert_eq!((bench.dropped("type_conflict"), bench.noted("conflicting_points", "type")), (4, 4));
}

#[test]
fn remarks_name_both_metrics_and_both_senders() {
    let mut bench = Bench::new("{}");
    let remarks = bench.exporter.remarks().unwrap();
    let from = |service, metric, point| {
        let group = Group::default().resource(&[("host.name", "h"), ("service.name", service)]).scope("lib", "", &[]);
        Request::default().group(group.metric(metric, &[point]))
    };
    bench.consume(from("cart", WORK, at(1, 1)));
    assert!(remarks().is_empty());
    bench.consume(from("till", Metric { name: "work.done.total", ..GAUGE }, at(1, 1)));
    let expected = "work_done_total: type conflict: first work.done (monotonic sum, no unit) of resource \
                    {service.name=cart, host.name=h}, scope \"lib\", now work.done.total (gauge, no unit) of resource \
                    {service.name=till, host.name=h}, scope \"lib\"";
    let texts = |remarks: Vec<Remark>| remarks.into_iter().map(|remark| remark.text).collect::<Vec<_>>();
    assert_eq!(texts(remarks()), [expected]);
    bench.set_clock(600);
    assert!(remarks().is_empty());
}

#[test]
fn two_types_of_a_value_that_are_one_series_are_a_conflict() {
    let mut bench = Bench::new("{}");
    let metrics = r#"[{"name":"work.done","sum":{"isMonotonic":true,"aggregationTemporality":2,"dataPoints":[
        {"asInt":"5","timeUnixNano":"1700000001000000000","attributes":[{"key":"code","value":{"intValue":"200"}}]},
        {"asInt":"7","timeUnixNano":"1700000001000000000","attributes":[{"key":"code","value":{"stringValue":"200"}}]}]}}]"#;
    bench.metrics(metrics);
    assert_eq!(bench.text(), "# TYPE work_done_total counter\nwork_done_total{code=\"200\"} 7\n");
    assert_eq!(bench.noted("conflicting_points", "series"), 1);
    bench.metrics(metrics);
    assert_eq!(bench.noted("conflicting_points", "series"), 3);
}

#[test]
fn metrics_that_differ_in_their_unit_alone_and_are_one_series_are_a_conflict() {
    let mut bench = Bench::new("{}");
    bench.consume(one(WORK, &[at(10, 100)]));
    bench.consume(one(Metric { unit: "1", ..WORK }, &[at(11, 1)]));
    assert_eq!(bench.text(), "# TYPE work_done_total counter\nwork_done_total 1\n");
    assert_eq!(bench.noted("conflicting_points", "series"), 1);
}

#[test]
fn deltas_of_two_streams_of_one_series_add_up() {
    let mut bench = Bench::new("{}");
    let sender = |pid: &str, start: u64, value: i64| {
        let point = Point { start_time: start * 10, time: start * 10 + 10, ..integer(&[], value) };
        let metric = Metric { name: "work.done", ..DELTA };
        Request::default().group(Group::default().resource(&[("process.pid", pid)]).metric(metric, &[point]))
    };
    for start in 1..4 {
        for (pid, value) in [("1", 5), ("2", 7)] {
            assert_eq!(bench.consume(sender(pid, start, value)).dropped, 0);
        }
    }
    assert_eq!(bench.text(), "# TYPE work_done_total counter\nwork_done_total 36\n");
    assert_eq!(bench.noted("conflicting_points", "series"), 5);
    assert_eq!((bench.dropped("overlap"), bench.noted("changes", "total_restarted")), (0, 0));
}

#[test]
fn the_order_of_a_resources_attributes_makes_no_other_stream() {
    let mut bench = Bench::new("{}");
    let mut pairs = [("service.name", "cart"), ("host.name", "h"), ("process.pid", "1")];
    for time in 0..3 {
        pairs.rotate_left(1);
        let group = Group::default().resource(&pairs).metric(WORK, &[at(time, 1)]);
        bench.consume(Request::default().group(group));
    }
    assert_eq!(bench.noted("conflicting_points", "series"), 0);
    // Another process is another stream, though nothing in the series' labels says so.
    let group = Group::default().resource(&[("service.name", "cart")]).metric(WORK, &[at(4, 1)]);
    bench.consume(Request::default().group(group));
    assert_eq!(bench.noted("conflicting_points", "series"), 1);
}

#[test]
fn an_older_value_of_another_stream_is_dropped_and_a_conflict_too() {
    let mut bench = Bench::new("{}");
    bench.consume(one(Metric { name: "g", ..GAUGE }, &[Point { time: 9, ..double(&[], 1.5) }]));
    let other = Group::default().resource(&[("host.name", "h")]).metric(Metric { name: "g", ..GAUGE }, &[at(8, 2)]);
    assert_eq!(bench.consume(Request::default().group(other)).dropped, 1);
    assert_eq!((bench.dropped("out_of_order"), bench.noted("conflicting_points", "series")), (1, 1));
    assert_eq!(bench.text(), "# TYPE g gauge\ng 1.5\n");
}
