//! The whole processor on a host in memory.

mod actions;
mod conditions;
mod configuration;
mod dictionary;
mod long;
mod model;

use std::path::Path;

use otelier_sdk::Signal;
use otelier_sdk::key::AnyValue;
use otelier_sdk::testing::{Attributes as Map, Harness, LogRecord, Metric, Point, Span, run_cases};

use crate::Attributes;

fn started(signal: Signal, config: &str) -> Harness<Attributes> {
    Harness::start_for(signal, config, 0).unwrap_or_else(|failure| panic!("{config}: {}", failure.message))
}

fn map(pairs: &[(&str, AnyValue)]) -> Map {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
}

#[test]
fn cases() {
    run_cases::<Attributes>(&Path::new(env!("CARGO_MANIFEST_DIR")).join("cases"));
}

#[test]
fn every_signal_and_every_level() {
    let config = r#"{"level": "resource", "actions": [
        {"key": "a", "action": "delete", "level": "item"},
        {"key": "b", "action": "upsert", "value": [1, {"c": true}]},
        {"key": "d", "action": "rename", "new_key": "e", "level": "scope"}]}"#;
    let attributes = map(&[("a", AnyValue::from("x"))]);
    let scope = map(&[("d", AnyValue::from("y"))]);
    let expected = (Map::new(), map(&[("e", AnyValue::from("y"))]));

    let span = Span { attributes: attributes.clone(), scope: scope.clone(), ..Span::default() };
    let record = LogRecord { attributes, scope, ..LogRecord::default() };
    let mut point = Point::integer(1).with("a", "x");
    point.scope.insert("d".to_owned(), "y".to_owned());
    let outcomes = [
        started(Signal::Traces, config).process_spans(&[span], 1).unwrap(),
        started(Signal::Logs, config).process_logs(&[record], 1).unwrap(),
        started(Signal::Metrics, config).process(&[Metric::gauge("any", vec![point])], 1).unwrap(),
    ];
    for outcome in outcomes {
        assert_eq!((outcome.passed, outcome.dropped, outcome.absorbed), (1, 0, 0));
        let sent = &outcome.sent[0];
        assert_eq!((sent.attributes.clone(), sent.scope.clone()), expected);
        assert_eq!(
            sent.resource.get("b").map(AnyValue::encode),
            Some(vec![5, 2, 3, 1, 0, 0, 0, 0, 0, 0, 0, 6, 1, 1, b'c', 2, 1])
        );
    }
}
