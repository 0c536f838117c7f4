//! Histograms, exponential histograms, summaries and exemplars, exactly.

use super::request::{
    COUNTER, EXPONENTIAL, Exponential, GAUGE, HISTOGRAM, Histogram, Metric, Point, SUMMARY, exemplar, integer, one,
    one_encoded, summary,
};
use super::*;

const SECOND: u64 = 1_000_000_000;
const LATENCY: Metric<'_> = Metric { name: "http.latency", unit: "s", help: "How long.", ..HISTOGRAM };
const DELTAS: Metric<'_> = Metric { temporality: 1, ..LATENCY };

fn latency<'a>(pairs: &'a [(&'a str, &'a str)], counts: &'a [u64], sum: f64) -> Histogram<'a> {
    let (bounds, count): (&[f64], u64) = (&[0.5, 1.0, 2_500_000.0], counts.iter().sum());
    Histogram {
        pairs,
        start_time: SECOND,
        time: 2 * SECOND,
        count,
        sum: Some(sum),
        counts,
        bounds,
        ..Default::default()
    }
}

fn consume_points(bench: &mut Bench, metric: Metric<'_>, points: &[Vec<u8>]) -> Consumed {
    bench.consume(one_encoded(metric, points))
}

#[test]
fn a_histogram_in_the_text_format() {
    let mut bench = Bench::new("{}");
    let points = [latency(&[("code", "200")], &[1, 2, 0, 3], 12.5).encode(), latency(&[], &[0; 4], 0.0).encode()];
    assert_eq!(consume_points(&mut bench, LATENCY, &points), Consumed { items: 2, dropped: 0, reason: "" });
    let expected = r#"# HELP http_latency_seconds How long.
# TYPE http_latency_seconds histogram
http_latency_seconds_bucket{code="200",le="0.5"} 1
http_latency_seconds_bucket{code="200",le="1"} 3
http_latency_seconds_bucket{code="200",le="2.5e+06"} 3
http_latency_seconds_bucket{code="200",le="+Inf"} 6
http_latency_seconds_sum{code="200"} 12.5
http_latency_seconds_count{code="200"} 6
http_latency_seconds_bucket{le="0.5"} 0
http_latency_seconds_bucket{le="1"} 0
http_latency_seconds_bucket{le="2.5e+06"} 0
http_latency_seconds_bucket{le="+Inf"} 0
http_latency_seconds_sum 0
http_latency_seconds_count 0
"#;
    assert_eq!(bench.text(), expected);
}

#[test]
fn a_histogram_in_open_metrics_has_exemplars_and_a_start() {
    let mut bench = Bench::new("{}");
    let exemplars = vec![
        exemplar(0.75, 3 * SECOND, 1),
        exemplar(0.7, 4 * SECOND, 0),
        exemplar(9e6, 0, 2),
        exemplar(0.6, SECOND, 3),
    ];
    let point = Histogram { exemplars, ..latency(&[], &[0, 3, 0, 1], 12.5) };
    consume_points(&mut bench, LATENCY, &[point.encode()]);
    let expected = r#"# HELP http_latency_seconds How long.
# TYPE http_latency_seconds histogram
# UNIT http_latency_seconds seconds
http_latency_seconds_bucket{le="0.5"} 0
http_latency_seconds_bucket{le="1.0"} 3 # {} 0.7 4
http_latency_seconds_bucket{le="2.5e+06"} 3
http_latency_seconds_bucket{le="+Inf"} 4 # {trace_id="02020202020202020202020202020202",span_id="0202020202020202"} 9000000
http_latency_seconds_sum 12.5
http_latency_seconds_count 4
http_latency_seconds_created 1
# EOF
"#;
    assert_eq!(bench.scrape(Format::OpenMetrics), expected);
    // A point without exemplars leaves those that are there.
    consume_points(&mut bench, LATENCY, &[latency(&[], &[0, 4, 0, 1], 13.0).encode()]);
    assert_eq!(bench.scrape(Format::OpenMetrics).matches(" # {").count(), 2);
}

#[test]
fn delta_histograms_add_up_until_their_bounds_change() {
    let mut bench = Bench::new(r#"{"send_timestamps": true}"#);
    for (start, counts) in [(1, [1, 0, 0, 1]), (2, [0, 2, 0, 0]), (3, [0, 0, 3, 0])] {
        let point = Histogram { start_time: start * SECOND, time: (start + 1) * SECOND, ..latency(&[], &counts, 0.25) };
        consume_points(&mut bench, DELTAS, &[point.encode()]);
    }
    let shown = bench.scrape(Format::OpenMetrics);
    for line in ["_bucket{le=\"0.5\"} 1 4", "_bucket{le=\"+Inf\"} 7 4", "_sum 0.75 4", "_count 7 4", "_created 1 4"] {
        assert!(shown.contains(&format!("http_latency_seconds{line}\n")), "{line} in {shown}");
    }
    let other = Histogram { bounds: &[7.0], start_time: 4 * SECOND, time: 5 * SECOND, ..latency(&[], &[1, 1], 0.5) };
    consume_points(&mut bench, DELTAS, &[other.encode()]);
    // The same again is not counted again, and a gap begins anew.
    assert_eq!(consume_points(&mut bench, DELTAS, &[other.encode()]).dropped, 1);
    let later = Histogram { start_time: 20 * SECOND, time: 21 * SECOND, ..other.clone() };
    consume_points(&mut bench, DELTAS, &[later.encode()]);
    assert_eq!((bench.dropped("overlap"), bench.noted("changes", "total_restarted")), (1, 2));
    let shown = bench.scrape(Format::OpenMetrics);
    for line in ["_bucket{le=\"7.0\"} 1 21", "_sum 0.5 21", "_count 2 21", "_created 20 21"] {
        assert!(shown.contains(&format!("http_latency_seconds{line}\n")), "{line} in {shown}");
    }
    assert_eq!(shown.matches("le=").count(), 2);
}

#[test]
fn an_exponential_histogram_has_classic_buckets() {
    let mut bench = Bench::new("{}");
    let metric = Metric { name: "size", temporality: 1, ..EXPONENTIAL };
    let point = Exponential {
        count: 12,
        scale: 1,
        zero_count: 2,
        positive: (0, &[1, 2, 3]),
        negative: (-1, &[4]),
        ..Default::default()
    };
    assert_eq!(consume_points(&mut bench, metric, &[point.encode()]).items, 1);
    // The coarser scale wins.
    let coarse = Exponential { count: 10, scale: 0, positive: (0, &[10]), ..Default::default() };
    assert_eq!(consume_points(&mut bench, metric, &[coarse.encode()]).items, 1);
    let expected = r#"# TYPE size histogram
size_bucket{le="-1"} 0
size_bucket{le="-0.5"} 4
size_bucket{le="0"} 6
size_bucket{le="1"} 6
size_bucket{le="2"} 19
size_bucket{le="4"} 22
size_bucket{le="+Inf"} 22
size_count 22
"#;
    assert_eq!(bench.text(), expected);
}

#[test]
fn a_summary_in_both_formats() {
    let mut bench = Bench::new("{}");
    let metric = Metric { name: "wait", unit: "ms", ..SUMMARY };
    let point = summary(&[("queue", "a")], SECOND, 7, 3.5, &[(0.99, 2.0), (0.5, 0.1), (1.0, f64::NAN)]);
    assert_eq!(consume_points(&mut bench, metric, &[point]).items, 1);
    let expected = r#"# TYPE wait_milliseconds summary
wait_milliseconds{queue="a",quantile="0.5"} 0.1
wait_milliseconds{queue="a",quantile="0.99"} 2
wait_milliseconds{queue="a",quantile="1"} NaN
wait_milliseconds_sum{queue="a"} 3.5
wait_milliseconds_count{queue="a"} 7
"#;
    assert_eq!(bench.text(), expected);
    let shown = bench.scrape(Format::OpenMetrics);
    assert!(
        shown.contains("quantile=\"1.0\"") && shown.contains("\nwait_milliseconds_created{queue=\"a\"} 1\n"),
        "{shown}"
    );
}

#[test]
fn a_counter_shows_its_latest_exemplar() {
    let mut bench = Bench::new("{}");
    let metric = Metric { name: "jobs", ..COUNTER };
    let pairs = [("a", "1")];
    let point = Point { exemplar: Some((1.5, 5 * SECOND)), ..integer(&pairs, 3) };
    bench.consume(one(metric, &[point, integer(&[("a", "2")], 1)]));
    bench.consume(one(metric, &[integer(&[("a", "1")], 4)]));
    let ids = format!("trace_id=\"{}\",span_id=\"{}\"", "ab".repeat(16), "ab".repeat(8));
    let expected =
        format!("# TYPE jobs counter\njobs_total{{a=\"1\"}} 4 # {{{ids}}} 1.5 5\njobs_total{{a=\"2\"}} 1\n# EOF\n");
    assert_eq!(bench.scrape(Format::OpenMetrics), expected);
    assert!(!bench.text().contains("trace_id"));
}

#[test]
fn what_cannot_be_shown_is_counted_by_reason() {
    let mut bench = Bench::new("{}");
    let good = latency(&[], &[1, 2, 3, 4], 1.0);
    let many: Vec<f64> = (0..3000).map(f64::from).collect();
    let points = [
        good.encode(),
        Histogram { count: 11, ..good.clone() }.encode(),
        Histogram { bounds: &[0.5, 0.5, 1.0], ..good.clone() }.encode(),
        Histogram { bounds: &[0.5, f64::NAN, 1.0], ..good.clone() }.encode(),
        Histogram { bounds: &[0.5], ..good.clone() }.encode(),
        Histogram { time: SECOND, ..good.clone() }.encode(),
        Histogram { bounds: &many, ..good.clone() }.encode(),
    ];
    assert_eq!(consume_points(&mut bench, LATENCY, &points), Consumed { items: 1, dropped: 6, reason: "" });
    let exponential = Exponential { count: 3, positive: (0, &[1]), ..Default::default() };
    consume_points(&mut bench, Metric { name: "size", ..EXPONENTIAL }, &[exponential.encode()]);
    consume_points(&mut bench, Metric { name: "wait", ..SUMMARY }, &[summary(&[], 0, 1, 1.0, &[(1.5, 1.0)])]);
    consume_points(&mut bench, Metric { name: "new", temporality: 0, ..HISTOGRAM }, &[good.encode()]);
    consume_points(&mut bench, DELTAS, &[Histogram { sum: Some(f64::NAN), ..good.clone() }.encode()]);
    let reasons = [
        "invalid_histogram",
        "out_of_order",
        "bucket_limit",
        "invalid_summary",
        "unspecified_temporality",
        "invalid_delta",
    ];
    assert_eq!(reasons.map(|reason| bench.dropped(reason)), [5, 1, 1, 1, 1, 1]);
}

#[test]
fn an_infinite_bound_and_no_bounds_at_all() {
    let mut bench = Bench::new("{}");
    let point = Histogram { bounds: &[0.5, 1.0, f64::INFINITY], ..latency(&[], &[1, 1, 1, 1], 1.0) };
    let none = Histogram { pairs: &[("a", "1")], count: 9, sum: None, time: SECOND, ..Default::default() };
    consume_points(&mut bench, LATENCY, &[point.encode(), none.encode()]);
    let shown = bench.text();
    assert!(shown.contains("bucket{le=\"1\"} 2\nhttp_latency_seconds_bucket{le=\"+Inf\"} 4\n"), "{shown}");
    let expected = "http_latency_seconds_bucket{a=\"1\",le=\"+Inf\"} 9\nhttp_latency_seconds_count{a=\"1\"} 9\n";
    assert!(shown.ends_with(expected), "{shown}");
}

#[test]
fn a_stale_histogram_leaves() {
    let mut bench = Bench::new("{}");
    consume_points(&mut bench, LATENCY, &[latency(&[("a", "1")], &[1, 0, 0, 0], 0.1).encode()]);
    let stale = Histogram { pairs: &[("a", "1")], flags: 1, ..Default::default() };
    assert_eq!(consume_points(&mut bench, LATENCY, &[stale.encode()]).items, 1);
    assert_eq!(bench.text(), "");
}

#[test]
fn names_that_a_histogram_makes_are_its_own() {
    let mut bench = Bench::new("{}");
    bench.consume(one(Metric { name: "first_sum", ..GAUGE }, &[integer(&[], 1)]));
    let point = || latency(&[], &[1, 0, 0, 0], 0.1).encode();
    assert_eq!(consume_points(&mut bench, Metric { name: "first", ..HISTOGRAM }, &[point()]).dropped, 1);
    assert_eq!(consume_points(&mut bench, Metric { name: "second", ..HISTOGRAM }, &[point()]).items, 1);
    for name in ["second", "second_bucket", "second_sum", "second_count"] {
        assert_eq!(bench.consume(one(Metric { name, ..GAUGE }, &[integer(&[], 1)])).dropped, 1, "{name}");
    }
    assert_eq!(bench.consume(one(Metric { name: "second_max", ..GAUGE }, &[integer(&[], 1)])).items, 1);
    assert_eq!(bench.dropped("type_conflict"), 5);
}

#[test]
fn every_bucket_counts_towards_the_limit() {
    // A histogram of four buckets is six series.
    let mut bench = Bench::new(r#"{"series_max": 13, "metric_expiration": "60s"}"#);
    let point = |name| latency(name, &[1, 0, 0, 0], 0.1);
    let points = [point(&[("a", "1")]), point(&[("a", "2")]), point(&[("a", "3")])].map(|point| point.encode());
    assert_eq!(consume_points(&mut bench, LATENCY, &points), Consumed { items: 2, dropped: 1, reason: "" });
    assert_eq!(bench.consume(one(Metric { name: "g", ..GAUGE }, &[integer(&[], 1)])).items, 1);
    // Growing is refused as well, and shrinking makes room.
    let grown = Histogram { counts: &[1, 0, 0, 0, 0], bounds: &[1.0, 2.0, 3.0, 4.0], ..point(&[("a", "1")]) };
    assert_eq!(consume_points(&mut bench, LATENCY, &[grown.encode()]).dropped, 1);
    let shrunk = Histogram { counts: &[1], bounds: &[], ..point(&[("a", "2")]) };
    assert_eq!(consume_points(&mut bench, LATENCY, &[shrunk.encode(), grown.encode()]).dropped, 0);
    bench.set_clock(61);
    bench.consume(Request::default());
    assert_eq!(consume_points(&mut bench, LATENCY, &points).items, 2);
}

#[test]
fn a_scrape_shows_a_histogram_of_one_point_whatever_comes_meanwhile() {
    let mut bench = Bench::new("{}");
    let names: Vec<String> = (0..2000).map(|number| number.to_string()).collect();
    let feed = |bench: &mut Bench, round: u64| {
        let counts = [round, round, round, round];
        let point = |name: &String| {
            let pairs = [("n", name.as_str())];
            let point = Histogram { pairs: &pairs, ..latency(&[], &counts, round as f64) };
            point.encode()
        };
        let points: Vec<Vec<u8>> = names.iter().map(point).collect();
        assert_eq!(consume_points(bench, LATENCY, &points).items, 2000);
    };
    feed(&mut bench, 1);
    let mut body = bench.exporter.scrape(Format::Text, false);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut shown = Vec::new();
    let mut round = 1;
    while let Some(frame) = runtime.block_on(body.frame()) {
        shown.extend_from_slice(&frame.unwrap().into_data().unwrap());
        round += 1;
        feed(&mut bench, round);
    }
    assert!(round > 5);
    let shown = String::from_utf8(shown).unwrap();
    strict::read(Format::Text, &shown).unwrap();
    let lines: Vec<&str> = shown.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(lines.len(), 6 * 2000);
    for series in lines.chunks(6) {
        let values: Vec<u64> = series.iter().map(|line| line.rsplit_once(' ').unwrap().1.parse().unwrap()).collect();
        let of = values[0];
        assert_eq!(values, [of, 2 * of, 3 * of, 4 * of, of, 4 * of]);
    }
}
