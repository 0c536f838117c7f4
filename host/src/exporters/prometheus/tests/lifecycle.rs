//! Series over time: accumulation, staleness, expiry, bounds.

use super::request::{COUNTER, DELTA, GAUGE, Group, Metric, Point, Request, UP_DOWN, double, integer, one, stale};
use super::*;

const JOBS: Metric<'_> = Metric { name: "jobs", ..DELTA };

fn series_of(text: &str) -> usize {
    text.lines().filter(|line| !line.starts_with('#')).count()
}

#[test]
fn deltas_are_accumulated_from_the_first_start() {
    let mut bench = Bench::new("{}");
    for (value, start_time) in [(5, 1_000_000_000), (7, 2_000_000_000), (i64::MAX, 3_000_000_000)] {
        bench.consume(one(JOBS, &[Point { start_time, time: start_time + 1_000_000_000, ..integer(&[], value) }]));
    }
    let expected = "# TYPE jobs counter\njobs_total 9.223372036854775819e18\njobs_created 1\n# EOF\n";
    let shown = bench.scrape(Format::OpenMetrics);
    // The sum left the integers; as a double it is 2^63.
    assert_eq!(shown, expected.replace("9.223372036854775819e18", "9.223372036854776e18"));
}

#[test]
fn up_down_deltas_are_a_gauge_only_where_the_configuration_says_so() {
    let metric = Metric { name: "open", temporality: 1, ..UP_DOWN };
    let points = [integer(&[], 5), integer(&[], -7), double(&[], 0.5)];
    let mut bench = Bench::new("{}");
    assert_eq!(bench.consume(one(metric, &points)), Consumed { items: 0, dropped: 3, reason: "" });
    assert_eq!((bench.text().as_str(), bench.dropped("non_monotonic_delta")), ("", 3));
    let mut bench = Bench::new(r#"{"non_monotonic_deltas": "accumulate"}"#);
    assert_eq!(bench.consume(one(metric, &points)).items, 3);
    assert_eq!(bench.text(), "# TYPE open gauge\nopen -1.5\n");
}

#[test]
fn a_delta_after_a_gap_begins_anew_and_an_overlapping_one_is_dropped() {
    let mut bench = Bench::new("{}");
    let at = |start: u64, end: u64, value| {
        let (start_time, time) = (start * 1_000_000_000, end * 1_000_000_000);
        one(JOBS, &[Point { start_time, time, ..integer(&[], value) }])
    };
    for (start, end, value, items) in [(1, 2, 5, 1), (2, 3, 7, 1), (2, 3, 7, 0), (1, 9, 1, 0), (3, 4, 1, 1)] {
        assert_eq!(bench.consume(at(start, end, value)).items, items, "{start} to {end}");
    }
    assert_eq!(bench.open_metrics(), "# TYPE jobs counter\njobs_total 13\njobs_created 1\n");
    assert_eq!((bench.dropped("overlap"), bench.noted("changes", "total_restarted")), (2, 0));
    assert_eq!(bench.consume(at(6, 7, 2)).items, 1);
    assert_eq!(bench.open_metrics(), "# TYPE jobs counter\njobs_total 2\njobs_created 6\n");
    assert_eq!((bench.dropped("overlap"), bench.noted("changes", "total_restarted")), (2, 1));
}

#[test]
fn an_older_cumulative_point_is_dropped() {
    let mut bench = Bench::new("{}");
    let metric = Metric { name: "jobs", ..COUNTER };
    bench.consume(one(metric, &[Point { time: 10, ..integer(&[], 5) }]));
    let late = bench.consume(one(metric, &[Point { time: 9, ..integer(&[], 4) }]));
    assert_eq!(late, Consumed { items: 0, dropped: 1, reason: "" });
    // A reset is newer, and smaller.
    bench.consume(one(metric, &[Point { time: 11, ..integer(&[], 1) }]));
    assert_eq!(bench.text(), "# TYPE jobs_total counter\njobs_total 1\n");
}

#[test]
fn a_stale_point_removes_its_series() {
    let mut bench = Bench::new("{}");
    let metric = Metric { name: "jobs", ..GAUGE };
    bench.consume(one(metric, &[integer(&[("a", "1")], 1), integer(&[("a", "2")], 2), integer(&[("a", "3")], 3)]));
    assert_eq!(bench.consume(one(metric, &[stale(&[("a", "1")])])).items, 1);
    // Of another stream, and of a series that is not there.
    assert_eq!(bench.consume(one(metric, &[stale(&[("a", "2"), ("b", "")]), stale(&[("a", "9")])])).items, 2);
    assert_eq!(bench.text(), "# TYPE jobs gauge\njobs{a=\"2\"} 2\njobs{a=\"3\"} 3\n");
}

#[test]
fn expired_series_leave_and_come_back_as_new_ones() {
    let mut bench = Bench::new(r#"{"metric_expiration": "60s"}"#);
    bench.consume(one(JOBS, &[integer(&[("a", "1")], 5), integer(&[("a", "2")], 5)]));
    bench.set_clock(60);
    bench.consume(one(JOBS, &[integer(&[("a", "1")], 5)]));
    assert_eq!(series_of(&bench.text()), 2);
    bench.set_clock(61);
    assert_eq!(bench.text(), "# TYPE jobs_total counter\njobs_total{a=\"1\"} 10\n");
    bench.set_clock(121);
    assert_eq!(bench.text(), "");
    bench.consume(one(JOBS, &[integer(&[("a", "1")], 5)]));
    assert_eq!(bench.text(), "# TYPE jobs_total counter\njobs_total{a=\"1\"} 5\n");
}

#[test]
fn an_expired_name_can_change_its_type() {
    let mut bench = Bench::new(r#"{"metric_expiration": "60s"}"#);
    bench.consume(one(JOBS, &[integer(&[], 5)]));
    bench.set_clock(61);
    let gauge = Metric { name: "jobs.total", ..GAUGE };
    // The sweep comes after a batch.
    assert_eq!(bench.consume(one(gauge, &[integer(&[], 1)])).dropped, 1);
    assert_eq!(bench.consume(one(gauge, &[integer(&[], 1)])).items, 1);
    assert_eq!(bench.text(), "# TYPE jobs_total gauge\njobs_total 1\n");
}

#[test]
fn the_limit_holds_and_expiry_makes_room() {
    let mut bench = Bench::new(r#"{"series_max": 2, "metric_expiration": "60s"}"#);
    let points = [integer(&[("a", "1")], 1), integer(&[("a", "2")], 1), integer(&[("a", "3")], 1)];
    let limited = Consumed { items: 2, dropped: 1, reason: "" };
    assert_eq!(bench.consume(one(JOBS, &points)), limited);
    assert_eq!(bench.consume(one(Metric { name: "other", ..GAUGE }, &points)).dropped, 3);
    assert_eq!(bench.dropped("series_limit"), 4);
    assert_eq!(series_of(&bench.text()), 2);
    bench.set_clock(61);
    bench.consume(Request::default());
    assert_eq!(bench.consume(one(JOBS, &points)), limited);
}

#[test]
fn a_sweep_frees_many_series_over_several_batches() {
    let mut bench = Bench::new(r#"{"metric_expiration": "60s", "series_max": 5000}"#);
    let names: Vec<String> = (0..5000).map(|number| number.to_string()).collect();
    let pairs: Vec<[(&str, &str); 1]> = names.iter().map(|name| [("n", name.as_str())]).collect();
    let points: Vec<Point<'_>> = pairs.iter().map(|pairs| integer(pairs, 1)).collect();
    assert_eq!(bench.consume(one(JOBS, &points)).items, 5000);
    bench.set_clock(61);
    for _ in 0..10 {
        bench.consume(Request::default());
    }
    assert_eq!(bench.consume(one(JOBS, &points)).items, 5000);
    assert_eq!(series_of(&bench.text()), 5000);
}

#[test]
fn a_scrape_shows_a_series_once_whatever_happens_meanwhile() {
    let mut bench = Bench::new("{}");
    let metric = Metric { name: "jobs", ..GAUGE };
    bench.consume(one(metric, &[integer(&[("a", "1")], 1), integer(&[("a", "2")], 2)]));
    bench.consume(one(Metric { name: "late", ..GAUGE }, &[integer(&[], 1)]));
    let body = bench.exporter.scrape(Format::Text, false);
    // Removed and made again behind the cursor's start; another family appears before it.
    bench.consume(one(metric, &[stale(&[("a", "1")]), integer(&[("a", "1")], 3), integer(&[("a", "4")], 4)]));
    bench.consume(one(Metric { name: "early", ..GAUGE }, &[integer(&[], 1)]));
    let shown = String::from_utf8(collect(body)).unwrap();
    strict::read(Format::Text, &shown).unwrap();
    assert_eq!(shown, "# TYPE jobs gauge\njobs{a=\"2\"} 2\n# TYPE late gauge\nlate 1\n");
    assert_eq!(series_of(&bench.text()), 5);
}

#[test]
fn the_target_lives_as_long_as_its_resource_reports() {
    let mut bench = Bench::new(r#"{"metric_expiration": "60s"}"#);
    let report = || {
        let group = Group::default().resource(&[("service.name", "cart")]).metric(GAUGE, &[]);
        Request::default().group(group)
    };
    bench.consume(report());
    bench.set_clock(50);
    bench.consume(report());
    bench.set_clock(110);
    assert_eq!(series_of(&bench.text()), 1);
    bench.set_clock(111);
    assert_eq!(bench.text(), "");
}
