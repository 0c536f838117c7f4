//! The whole processor on a host in memory.

use std::path::Path;

use otelier_sdk::Signal;
use otelier_sdk::key::AnyValue;
use otelier_sdk::testing::{Attributes, Harness, LogRecord, Metric, Point, Span, run_cases};

use crate::Resource;

fn started(signal: Signal, config: &str) -> Harness<Resource> {
    Harness::start_for(signal, config, 0).unwrap_or_else(|failure| panic!("{config}: {}", failure.message))
}

fn refused(config: &str) -> String {
    let started = Harness::<Resource>::start_for(Signal::Logs, config, 0);
    started.err().unwrap_or_else(|| panic!("{config} is accepted")).message
}

#[test]
fn cases() {
    run_cases::<Resource>(&Path::new(env!("CARGO_MANIFEST_DIR")).join("cases"));
}

#[test]
fn resources_of_every_signal_are_edited_and_nothing_else() {
    let config = r#"{"attributes": [{"key": "a", "action": "upsert", "value": 2}, {"key": "b", "action": "hash"},
        {"key": "c", "action": "extract", "pattern": "^(?P<d>.)"}]}"#;
    let text = |key: &str, value: &str| (key.to_owned(), AnyValue::from(value));
    let before: Attributes = [text("a", "x"), text("c", "yz")].into();
    let after: Attributes = [("a".to_owned(), AnyValue::from(2)), text("c", "yz"), text("d", "y")].into();

    let (resource, scope, attributes) = (before.clone(), before.clone(), before.clone());
    let span =
        Span { resource: resource.clone(), scope: scope.clone(), attributes: attributes.clone(), ..Span::default() };
    let record = LogRecord { resource, scope, attributes, ..LogRecord::default() };
    let mut point = Point::integer(1).with("a", "x").with("c", "yz");
    for (key, value) in [("a", "x"), ("c", "yz")] {
        point.scope.insert(key.to_owned(), value.to_owned());
        point.resource.insert(key.to_owned(), value.to_owned());
    }
    let outcomes = [
        started(Signal::Traces, config).process_spans(&[span], 1).unwrap(),
        started(Signal::Logs, config).process_logs(&[record], 1).unwrap(),
        started(Signal::Metrics, config).process(&[Metric::gauge("any", vec![point])], 1).unwrap(),
    ];
    for outcome in outcomes {
        let sent = &outcome.sent[0];
        assert_eq!((&sent.resource, &sent.scope, &sent.attributes), (&after, &before, &before));
    }
}

#[test]
fn mistakes_name_the_field_and_the_way_out() {
    let cases = [
        ("null", "missing key `attributes`"),
        (r#"{"attributes": []}"#, "`attributes`: 0 actions; write 1 to 1024"),
        (r#"{"actions": []}"#, "unknown key `actions`; "),
        (
            r#"{"attributes": [{"action": "upsert", "value": 1}]}"#,
            "`attributes[0]`: upsert ``: an attribute needs a `key`",
        ),
    ];
    for (config, expected) in cases {
        let message = refused(config);
        assert!(message.contains(expected), "{config}\n  gives    {message}\n  expected {expected}");
    }
}
