//! The whole processor on a host in memory.

mod collector;
mod configuration;
mod dictionary;
mod go;
mod model;

use std::path::Path;

use otelier_sdk::Signal;
use otelier_sdk::key::AnyValue;
use otelier_sdk::testing::{Attributes, Harness, LogRecord, Metric, Point, Sent, Span, run_cases};

use crate::Filter;

fn started(signal: Signal, config: &str) -> Harness<Filter> {
    Harness::start_for(signal, config, 0).unwrap_or_else(|failure| panic!("{config}: {}", failure.message))
}

fn map(pairs: &[(&str, AnyValue)]) -> Attributes {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
}

fn names(sent: &[Sent]) -> Vec<&str> {
    sent.iter().map(|item| item.name.as_str()).collect()
}

#[test]
fn cases() {
    run_cases::<Filter>(&Path::new(env!("CARGO_MANIFEST_DIR")).join("cases"));
}

#[test]
fn a_signal_that_nothing_is_said_of_passes_unread() {
    let config = r#"{"logs": {"exclude": {"match_type": "strict", "bodies": ["x"]}}}"#;
    let outcome = started(Signal::Traces, config).process_spans(&[Span::default()], 1).unwrap();
    assert_eq!(outcome.passed, 1);
    let metric = Metric::gauge("a", vec![Point::integer(1)]);
    assert_eq!(started(Signal::Metrics, config).process(&[metric], 1).unwrap().passed, 1);
}

/// Spans named by their number.
fn kept(config: &str, spans: Vec<Span>) -> Vec<usize> {
    let name = |(number, span)| Span { name: format!("{number}"), ..span };
    let spans: Vec<Span> = spans.into_iter().enumerate().map(name).collect();
    let outcome = started(Signal::Traces, config).process_spans(&spans, 1).unwrap();
    assert_eq!(outcome.passed + outcome.dropped, spans.len());
    outcome.sent.iter().map(|sent| sent.name.parse().unwrap()).collect()
}

#[test]
fn kinds_and_status_codes() {
    let kind = |kind| Span { kind, ..Span::default() };
    let kinds = || (0..8).map(kind).collect();
    let include = |more: &str| format!(r#"{{"spans": {{"include": {{"match_type": {more}}}}}}}"#);
    assert_eq!(kept(&include(r#""strict", "span_kinds": ["SPAN_KIND_SERVER", "client"]"#), kinds()), [2, 3]);
    assert_eq!(kept(&include(r#""regexp", "span_kinds": ["ER$"]"#), kinds()), [2, 4, 5]);
    assert_eq!(kept(&include(r#""regexp", "span_kinds": ["^$"]"#), kinds()), [6, 7]);
    let statuses = || (0..4).map(|status_code| Span { status_code, ..Span::default() }).collect();
    assert_eq!(kept(&include(r#""strict", "status_codes": ["ERROR", "STATUS_CODE_OK"]"#), statuses()), [1, 2]);
    let exclude = r#"{"spans": {"exclude": {"match_type": "regexp", "status_codes": ["unset"]}}}"#;
    assert_eq!(kept(exclude, statuses()), [1, 2, 3]);
}

#[test]
fn libraries_match_by_name_and_version() {
    let scope = |name: &str, version: &str| Span {
        scope_name: name.to_owned(),
        scope_version: version.to_owned(),
        ..Span::default()
    };
    let spans = || vec![scope("a", "1"), scope("a", "2"), scope("b", "1"), scope("", ""), scope("b", "")];
    let config = |libraries: &str| {
        format!(r#"{{"spans": {{"include": {{"match_type": "strict", "libraries": [{libraries}]}}}}}}"#)
    };
    assert_eq!(kept(&config(r#"{"name": "a"}"#), spans()), [0, 1]);
    assert_eq!(kept(&config(r#"{"name": "a", "version": "2"}"#), spans()), [1]);
    assert_eq!(kept(&config(r#"{"name": "b", "version": ""}"#), spans()), [4]);
    assert_eq!(kept(&config(r#"{"name": ""}"#), spans()), [3]);
}

#[test]
fn services() {
    let service = |name: AnyValue| Span { resource: map(&[("service.name", name)]), ..Span::default() };
    let spans = || vec![service(AnyValue::from("shop")), service(AnyValue::from(7)), Span::default()];
    let include =
        |more: &str| format!(r#"{{"spans": {{"include": {{"match_type": "regexp", "services": ["{more}"]}}}}}}"#);
    assert_eq!(kept(&include("^shop$"), spans()), [0]);
    assert_eq!(kept(&include("^7$"), spans()), [1]);
    let double = Span { resource: map(&[("service.name", AnyValue::from(1e21))]), ..Span::default() };
    assert_eq!(kept(&include(r"^1e\\+21$"), vec![double]), [0]);
    assert_eq!(kept(&include("nil-service"), spans()), [2]);
}

#[test]
fn bodies_of_every_type() {
    let record = |body: AnyValue| LogRecord { body, ..LogRecord::default() };
    let bytes = AnyValue::Bytes(vec![0xff, 0, 0xfb]);
    let map = AnyValue::Map([(b"k".to_vec(), bytes.clone())].into());
    let cases = [
        (bytes, "/wD7"),
        (map, r#"{\"k\":\"/wD7\"}"#),
        (AnyValue::from(1e21), "1e+21"),
        (AnyValue::from(-1e-7), "-1e-7"),
        (AnyValue::from(f64::NEG_INFINITY), "-Infinity"),
        (AnyValue::Array(vec![AnyValue::from(f64::NAN)]), ""),
        (AnyValue::Empty, ""),
    ];
    for (body, text) in cases {
        let config = format!(r#"{{"logs": {{"include": {{"match_type": "strict", "bodies": ["{text}"]}}}}}}"#);
        let outcome = started(Signal::Logs, &config).process_logs(&[record(body.clone())], 1).unwrap();
        assert_eq!(outcome.passed, 1, "{body:?} is {text}");
    }
}

#[test]
fn severities() {
    let record = |severity_number| LogRecord {
        severity_number,
        event_name: format!("{severity_number}"),
        ..LogRecord::default()
    };
    let records: Vec<LogRecord> = [0, 1, 12, 13, 24, 31, 99].map(record).to_vec();
    let passed = |more: &str| {
        let config = format!(r#"{{"logs": {{"include": {{"match_type": "strict", "severity_number": {{{more}}}}}}}}}"#);
        let outcome = started(Signal::Logs, &config).process_logs(&records, 1).unwrap();
        names(&outcome.sent).join(" ")
    };
    assert_eq!(passed(r#""min": "WARN""#), "13 24 31 99");
    assert_eq!(passed(r#""min": 12, "match_undefined": true"#), "0 12 13 24 31 99");
    for no_minimum in ["", r#""min": """#, r#""min": null"#] {
        assert_eq!(passed(no_minimum), "1 12 13 24 31 99", "{no_minimum}");
    }
    assert_eq!(passed(r#""match_undefined": true"#), "0 1 12 13 24 31 99");
}

#[test]
fn numbers_below_zero_are_no_severity_and_no_kind() {
    let below = |number: i64| LogRecord { severity_number: number.cast_unsigned(), ..LogRecord::default() };
    for more in [r#""min": "TRACE", "match_undefined": true"#, r#""match_undefined": true"#] {
        let config = format!(r#"{{"logs": {{"include": {{"severity_number": {{{more}}}}}}}}}"#);
        let outcome = started(Signal::Logs, &config).process_logs(&[below(-1), below(i64::MIN)], 1).unwrap();
        assert_eq!((outcome.passed, outcome.dropped), (0, 2), "{more}");
    }
    let span = Span { kind: (-1_i64).cast_unsigned(), ..Span::default() };
    let config = r#"{"spans": {"include": {"match_type": "regexp", "span_kinds": ["^$"]}}}"#;
    assert_eq!(kept(config, vec![span]), [0]);
}

#[test]
fn metrics_by_name_and_by_what_points_carry() {
    let metric = |name: &str| {
        let mut of_host = Point::integer(1).with("host", "a");
        of_host.resource.insert("env".to_owned(), "prod".to_owned());
        Metric::gauge(name, vec![of_host, Point::integer(2).with("host", "b")])
    };
    let metrics = [metric("a.x"), metric("b*"), metric("a.y")];
    let passed = |config: &str| {
        let mut harness = started(Signal::Metrics, config);
        // The second time from what is kept.
        harness.process(&metrics, 1).unwrap();
        names(&harness.process(&metrics, 1).unwrap().sent).join(" ")
    };
    assert_eq!(
        passed(r#"{"metrics": {"include": {"match_type": "regexp", "metric_names": ["^a"]}}}"#),
        "a.x a.x a.y a.y"
    );
    assert_eq!(
        passed(r#"{"metrics": {"exclude": {"match_type": "strict", "metric_names": ["a.x", "no"]}}}"#),
        "b* b* a.y a.y"
    );
    assert_eq!(
        passed(r#"{"metrics": {"exclude": {"match_type": "strict", "metric_names": ["b*"]}}}"#),
        "a.x a.x a.y a.y"
    );
    let exclude = r#"{"metrics": {"exclude": {"match_type": "strict", "metric_names": ["a.x"],
        "resource_attributes": [{"key": "env", "value": "prod"}]}}}"#;
    // Each by itself: the points of host `a` have that resource.
    assert_eq!(passed(exclude), "b* a.y");
    let with_attributes = r#"{"metrics": {"exclude": {"match_type": "strict", "metric_names": ["a.x"],
        "attributes": [{"key": "host", "value": "b"}], "resource_attributes": [{"key": "env", "value": "prod"}]}}}"#;
    assert_eq!(passed(with_attributes), "b* a.y", "names and attributes of points together");
    let include = r#"{"metrics": {"include": {"match_type": "strict", "metric_names": ["a.x"],
        "resource_attributes": [{"key": "env", "value": "prod"}]}}}"#;
    assert_eq!(passed(include), "a.x", "both must match to be included");
    let both = r#"{"metrics": {"include": {"match_type": "strict", "attributes": [{"key": "host", "value": "b"}]},
        "exclude": {"match_type": "regexp", "metric_names": ["y"]}}}"#;
    assert_eq!(passed(both), "a.x b*");
}

#[test]
fn metrics_without_points_are_kept_or_dropped_like_others() {
    let metrics = [Metric::gauge("a", vec![]), Metric::gauge("b", vec![]), Metric::gauge("b", vec![Point::integer(1)])];
    let outcome = |config: &str| {
        let outcome = started(Signal::Metrics, config).process(&metrics, 1).unwrap();
        (names(&outcome.sent).join(" "), outcome.passed, outcome.dropped)
    };
    let exclude = |name: &str, how: &str| {
        outcome(&format!(r#"{{"metrics": {{"exclude": {{"match_type": "{how}", "metric_names": ["{name}"]}}}}}}"#))
    };
    // Where names are all that counts, others are not even looked at.
    assert_eq!(exclude("a", "strict"), ("b".to_owned(), 1, 0));
    assert_eq!(exclude("b", "regexp"), ("a".to_owned(), 0, 1));
    assert_eq!(exclude("c", "regexp"), ("a b b".to_owned(), 1, 0));
    let include = r#"{"metrics": {"include": {"match_type": "strict", "metric_names": ["a"]}}}"#;
    assert_eq!(outcome(include), ("a".to_owned(), 0, 1));
}

#[test]
fn names_alone_are_all_that_is_read_where_they_can_be() {
    let config = r#"{"metrics": {"exclude": {"match_type": "strict", "metric_names": ["a"]}}}"#;
    let metric = |name| Metric::gauge(name, vec![Point::integer(1)]);
    let mut harness = started(Signal::Metrics, config);
    let outcome = harness.process(&[metric("a"), metric("b")], 1).unwrap();
    assert_eq!((outcome.dropped, names(&outcome.sent)), (1, vec!["b"]));
    harness.process(&[metric("b")], 1).unwrap();
    assert_eq!(otelier_sdk::Host::rows_count(harness.host()), 0, "points of `b` are no rows");
}
