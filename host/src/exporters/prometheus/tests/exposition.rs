//! Exact expositions.

use super::request::{COUNTER, DELTA, GAUGE, Group, Metric, Point, Request, UP_DOWN, double, integer, one};
use super::*;

const START: u64 = 1_520_430_000_123_000_000;

fn shop() -> Request {
    let resource = [
        ("service.name", "cart"),
        ("service.namespace", "shop"),
        ("service.instance.id", "i-1"),
        ("host.name", "h\"1"),
    ];
    let counted = Point { start_time: START, time: START, ..integer(&[("http.method", "GET"), ("code", "200")], 42) };
    let requests = Metric { name: "http.requests", unit: "{request}", help: "Requests.", ..COUNTER };
    let latency = Metric { name: "latency", unit: "ms", help: "A \\ and\na line", ..GAUGE };
    let length = Metric { name: "queue.length", unit: "1", ..UP_DOWN };
    let group = Group::default()
        .resource(&resource)
        .scope("my.lib", "1.2", &[("short.name", "ml"), ("version", "reserved")])
        .metric(latency, &[double(&[], 1.5)])
        .metric(requests, &[counted])
        .metric(length, &[integer(&[], -3)]);
    Request::default().group(group)
}

const SCOPE: &str = r#"otel_scope_name="my.lib",otel_scope_short_name="ml",otel_scope_version="1.2""#;

#[test]
fn the_prometheus_text_format() {
    let mut bench = Bench::new("{}");
    assert_eq!(bench.consume(shop()), Consumed { items: 3, dropped: 0, reason: "" });
    let expected = format!(
        r#"# HELP http_requests_total Requests.
# TYPE http_requests_total counter
http_requests_total{{code="200",http_method="GET",instance="i-1",job="shop/cart",{SCOPE}}} 42
# HELP latency_milliseconds A \\ and\na line
# TYPE latency_milliseconds gauge
latency_milliseconds{{instance="i-1",job="shop/cart",{SCOPE}}} 1.5
# TYPE queue_length gauge
queue_length{{instance="i-1",job="shop/cart",{SCOPE}}} -3
# HELP target_info Target metadata
# TYPE target_info gauge
target_info{{host_name="h\"1",instance="i-1",job="shop/cart"}} 1
"#
    );
    assert_eq!(bench.text(), expected);
}

#[test]
fn names_scopes_and_resource_labels_as_the_settings_say() {
    let shown = |config: &str| {
        let mut bench = Bench::new(config);
        bench.consume(shop());
        bench.text()
    };
    let text = shown(r#"{"without_scope_info": true, "translation_strategy": "UnderscoreEscapingWithoutSuffixes"}"#);
    assert!(
        text.contains("\nhttp_requests{code=\"200\",http_method=\"GET\",instance=\"i-1\",job=\"shop/cart\"} 42\n"),
        "{text}"
    );
    let text = shown(r#"{"without_scope_info": true, "resource_constant_labels": {"included": ["host.*"]}}"#);
    let labels = r#"{host_name="h\"1",instance="i-1",job="shop/cart"}"#;
    assert!(text.contains(&format!("\nqueue_length{labels} -3\n")), "{text}");
    let text = shown(
        r#"{"without_scope_info": true, "resource_to_telemetry_conversion": {"enabled": true, "exclude_service_attributes": true}}"#,
    );
    assert!(text.contains(&format!("\nqueue_length{labels} -3\n")), "{text}");
}

#[test]
fn open_metrics() {
    let mut bench = Bench::new("{}");
    bench.consume(shop());
    let expected = format!(
        r#"# HELP http_requests Requests.
# TYPE http_requests counter
http_requests_total{{code="200",http_method="GET",instance="i-1",job="shop/cart",{SCOPE}}} 42
http_requests_created{{code="200",http_method="GET",instance="i-1",job="shop/cart",{SCOPE}}} 1520430000.123
# HELP latency_milliseconds A \\ and\na line
# TYPE latency_milliseconds gauge
# UNIT latency_milliseconds milliseconds
latency_milliseconds{{instance="i-1",job="shop/cart",{SCOPE}}} 1.5
# TYPE queue_length gauge
queue_length{{instance="i-1",job="shop/cart",{SCOPE}}} -3
# HELP target Target metadata
# TYPE target info
target_info{{host_name="h\"1",instance="i-1",job="shop/cart"}} 1
# EOF
"#
    );
    assert_eq!(bench.scrape(Format::OpenMetrics), expected);
}

#[test]
fn an_empty_store_says_so_where_there_is_a_place_for_it() {
    let bench = Bench::new("{}");
    assert!(bench.scrape(Format::Text).starts_with("# Nothing to show yet"));
    assert_eq!(bench.text(), "");
    assert_eq!(bench.scrape(Format::OpenMetrics), "# EOF\n");
}

#[test]
fn settings_change_names_and_labels() {
    let mut bench = Bench::new(
        r#"{"namespace": "my-app", "const_labels": {"env": "prod", "code": "c"}, "send_timestamps": true,
            "resource_to_telemetry_conversion": {"enabled": true}, "add_metric_suffixes": false}"#,
    );
    let point = Point { time: START, ..integer(&[("code", "200"), ("host.name", "from point")], 1) };
    let group = Group::default()
        .resource(&[("service.name", "cart"), ("host.name", "from resource")])
        .metric(Metric { name: "requests", unit: "s", ..COUNTER }, &[point]);
    bench.consume(Request::default().group(group));
    let expected = r#"# TYPE my_app_requests counter
my_app_requests{code="c",env="prod",host_name="from point",job="cart",service_name="cart"} 1 1520430000123
# HELP my_app_target_info Target metadata
# TYPE my_app_target_info gauge
my_app_target_info{host_name="from resource",job="cart"} 1
"#;
    assert_eq!(bench.text(), expected);
    assert!(bench.scrape(Format::OpenMetrics).starts_with("# TYPE my_app_requests counter\nmy_app_requests_total{"));
}

#[test]
fn the_first_type_and_description_of_a_name_stand() {
    let mut bench = Bench::new("{}");
    let first = Metric { name: "jobs", help: "First.", ..COUNTER };
    assert_eq!(bench.consume(one(first, &[integer(&[], 1)])).items, 1);
    let other_help = Metric { help: "Second.", ..first };
    assert_eq!(bench.consume(one(other_help, &[integer(&[("a", "b")], 2)])).items, 1);
    let conflict = Consumed { items: 0, dropped: 1, reason: "" };
    // In the text format this gauge would have the counter's own name.
    assert_eq!(bench.consume(one(Metric { name: "jobs.total", ..GAUGE }, &[integer(&[], 4)])), conflict);
    let expected = "# HELP jobs_total First.\n# TYPE jobs_total counter\njobs_total 1\njobs_total{a=\"b\"} 2\n";
    assert_eq!(bench.text(), expected);
    assert_eq!(bench.dropped("type_conflict"), 1);
}

#[test]
fn what_renders_the_same_is_one_series() {
    let mut bench = Bench::new("{}");
    let metric = Metric { name: "jobs", ..DELTA };
    let orders: [&[(&str, &str)]; 4] = [
        &[("a.b", "1"), ("c", "2")],
        &[("c", "2"), ("a.b", "1")],
        &[("a_b", "1"), ("c", "2")],
        &[("a.b", "1"), ("c", "2"), ("d", "")],
    ];
    for pairs in orders {
        assert_eq!(bench.consume(one(metric, &[integer(pairs, 1)])).items, 1);
    }
    assert_eq!(bench.text(), "# TYPE jobs_total counter\njobs_total{a_b=\"1\",c=\"2\"} 4\n");
    // The first two are the same stream.
    assert_eq!(bench.noted("conflicting_points", "series"), 2);
}

#[test]
fn resources_that_differ_only_in_their_information_share_a_series_and_the_later_one_describes_the_target() {
    let mut bench = Bench::new("{}");
    for (pid, value) in [("1", 10), ("2", 20)] {
        let group = Group::default()
            .resource(&[("service.name", "cart"), ("process.pid", pid)])
            .metric(Metric { name: "jobs", ..GAUGE }, &[integer(&[], value)]);
        bench.consume(Request::default().group(group));
    }
    let text = bench.text();
    assert!(
        text.contains("jobs{job=\"cart\"} 20\n") && text.contains("target_info{job=\"cart\",process_pid=\"2\"} 1\n")
    );
    assert_eq!(text.lines().filter(|line| !line.starts_with('#')).count(), 2);
}

#[test]
fn every_point_is_accounted_for() {
    let mut bench = Bench::new("{}");
    let missing = Point { flags: 0, ..super::request::stale(&[]) };
    let group = Group::default()
        .metric(Metric { name: "ok", ..GAUGE }, &[integer(&[], 1)])
        .metric(Metric { name: "none", ..GAUGE }, &[missing])
        .metric(Metric { name: "", ..GAUGE }, &[integer(&[], 1)])
        .metric(Metric { name: "unspecified", temporality: 0, ..COUNTER }, &[integer(&[], 1), integer(&[], 2)])
        .metric(Metric { name: "down", ..DELTA }, &[integer(&[], -1), double(&[], f64::NAN)]);
    let consumed = bench.consume(Request::default().group(group));
    assert_eq!(consumed, Consumed { items: 1, dropped: 6, reason: "" });
    let reasons = ["no_value", "invalid_name", "unspecified_temporality", "invalid_delta"].map(|r| bench.dropped(r));
    assert_eq!(reasons, [1, 1, 2, 2]);
    assert_eq!(bench.text(), "# TYPE ok gauge\nok 1\n");
}

#[test]
fn other_signals_are_dropped_and_counted() {
    let mut bench = Bench::new("{}");
    let request = one(GAUGE, &[integer(&[], 1)]);
    let consumed = bench.exporter.consume(&batch(Signal::Logs, Vec::new())).unwrap();
    assert_eq!(consumed, Consumed::default());
    let mut truncated = request.bytes();
    truncated.pop();
    let error = bench.exporter.consume(&batch(Signal::Metrics, truncated)).unwrap_err();
    assert!(error.to_string().starts_with("unreadable batch at byte "), "{error}");
}
