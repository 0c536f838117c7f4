//! Which items are edited: each key of `include` and `exclude`.

use otelier_sdk::Signal;
use otelier_sdk::key::AnyValue;
use otelier_sdk::testing::{LogRecord, Metric, Point, Span};

use super::{map, started};

/// For each of these, whether it was edited, by edits of all kinds: constants, hashes and extractions.
fn edited(signal: Signal, conditions: &str) -> Vec<bool> {
    let ways = [
        r#"{"key": "new", "action": "upsert", "value": "y"}"#,
        r#"{"key": "new", "action": "upsert", "value": "y"}, {"key": "new", "action": "hash"}"#,
        r#"{"key": "new", "action": "upsert", "value": "y"}, {"pattern": "^gone$", "action": "delete"}"#,
    ];
    let mut outcomes = ways.into_iter().map(|actions| {
        let config = format!(r#"{{"actions": [{actions}], {conditions}}}"#);
        let mut harness = started(signal, &config);
        let outcome = match signal {
            Signal::Traces => harness.process_spans(&spans(), 1),
            Signal::Logs => harness.process_logs(&records(), 1),
            Signal::Metrics => harness.process(&metrics(), 1),
        };
        let sent = outcome.unwrap().sent;
        sent.iter().map(|sent| sent.attributes.contains_key("new")).collect::<Vec<bool>>()
    });
    let first = outcomes.next().unwrap();
    outcomes.for_each(|other| assert_eq!(other, first, "{conditions}"));
    first
}

fn spans() -> Vec<Span> {
    let span = |name: &str, kind, service: Option<&str>, scope: &str, user: Option<AnyValue>| Span {
        name: name.to_owned(),
        kind,
        resource: service.map(|service| map(&[("service.name", service.into())])).unwrap_or_default(),
        scope_name: scope.to_owned(),
        attributes: user.map(|user| map(&[("user", user)])).unwrap_or_default(),
        ..Span::default()
    };
    vec![
        span("GET /", 2, Some("shop"), "http", Some(7.into())),
        span("GET /health", 2, Some("shop"), "http", Some("7".into())),
        span("query", 3, Some("bank"), "sql", None),
        span("", 0, None, "", None),
    ]
}

fn records() -> Vec<LogRecord> {
    let record = |body: &str, number, text: &str| LogRecord {
        body: body.into(),
        severity_number: number,
        severity_text: text.to_owned(),
        ..LogRecord::default()
    };
    vec![record("started", 9, "INFO"), record("failed", 17, "ERROR"), record("odd", 0, "")]
}

fn metrics() -> Vec<Metric> {
    ["cpu", "memory", "cpu.idle"].map(|name| Metric::gauge(name, vec![Point::integer(1)])).to_vec()
}

#[test]
fn spans_are_chosen() {
    for (conditions, expected) in [
        (r#""include": {"match_type": "strict", "services": ["shop"]}"#, [true, true, false, false]),
        (r#""include": {"match_type": "strict", "services": ["<nil-service-name>"]}"#, [false, false, false, true]),
        (r#""exclude": {"match_type": "regexp", "span_names": ["^GET"]}"#, [false, false, true, true]),
        (r#""include": {"match_type": "strict", "span_kinds": ["SPAN_KIND_SERVER"]}"#, [true, true, false, false]),
        (r#""include": {"match_type": "regexp", "span_kinds": ["CLIENT|UNSPEC"]}"#, [false, false, true, true]),
        (
            r#""include": {"match_type": "strict", "attributes": [{"key": "user", "value": 7}]}"#,
            [true, false, false, false],
        ),
        (
            r#""include": {"match_type": "regexp", "attributes": [{"key": "user", "value": "7"}]}"#,
            [true, true, false, false],
        ),
        (r#""exclude": {"match_type": "strict", "attributes": [{"key": "user"}]}"#, [false, false, true, true]),
        (
            r#""include": {"match_type": "strict", "resources": [{"key": "service.name", "value": "bank"}]}"#,
            [false, false, true, false],
        ),
        (r#""include": {"match_type": "strict", "libraries": [{"name": "http"}]}"#, [true, true, false, false]),
        (
            r#""include": {"match_type": "strict", "services": ["shop"], "regexp": {"cacheenabled": true, "cachemaxnumentries": 5}},
               "exclude": {"match_type": "regexp", "span_names": ["health$"]}"#,
            [true, false, false, false],
        ),
    ] {
        assert_eq!(edited(Signal::Traces, conditions), expected, "{conditions}");
    }
}

#[test]
fn records_are_chosen() {
    for (conditions, expected) in [
        (r#""include": {"match_type": "regexp", "log_bodies": ["ed$"]}"#, [true, true, false]),
        (r#""exclude": {"match_type": "strict", "log_severity_texts": ["ERROR", ""]}"#, [true, false, false]),
        (r#""include": {"log_severity_number": {"min": 10}}"#, [false, true, false]),
        (r#""include": {"log_severity_number": {"min": 10, "match_undefined": true}}"#, [false, true, true]),
    ] {
        assert_eq!(edited(Signal::Logs, conditions), expected, "{conditions}");
    }
}

#[test]
fn metrics_are_chosen_by_their_names_alone() {
    for (conditions, expected) in [
        (r#""include": {"match_type": "strict", "metric_names": ["cpu", "other"]}"#, [true, false, false]),
        (r#""include": {"match_type": "regexp", "metric_names": ["^cpu"]}"#, [true, false, true]),
        (r#""exclude": {"match_type": "regexp", "metric_names": ["^cpu"]}"#, [false, true, false]),
        (r#""include": {"match_type": "strict", "resources": [{"key": "absent"}]}"#, [true, true, true]),
    ] {
        assert_eq!(edited(Signal::Metrics, conditions), expected, "{conditions}");
    }
    let config = r#"{"actions": [{"key": "a", "action": "delete"}], "include": {"resources": [{"key": "b"}]}}"#;
    let log = started(Signal::Metrics, config).host().log.clone();
    assert!(log.iter().any(|(_, line)| line.starts_with("`include.resources` has no effect on metrics")), "{log:?}");
}

#[test]
fn conditions_look_at_what_came() {
    let config = r#"{"actions": [{"key": "user", "action": "delete"}, {"key": "seen", "action": "insert", "value": true}],
        "include": {"match_type": "strict", "attributes": [{"key": "user", "value": 7}]}}"#;
    let sent = started(Signal::Traces, config).process_spans(&spans(), 1).unwrap().sent;
    assert_eq!(sent[0].attributes, map(&[("seen", true.into())]));
    assert_eq!(sent[1].attributes, map(&[("user", "7".into())]));
}
