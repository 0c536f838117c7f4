//! No value is too long: what moves an attribute keeps it, at every level and of every signal.

use otelier_sdk::key::AnyValue;
use otelier_sdk::testing::{LogRecord, Metric, Point, Sent, Span};
use otelier_sdk::{Level, Signal};

use super::{map, started};

const LEVELS: [(&str, Level); 3] = [("item", Level::Item), ("scope", Level::Scope), ("resource", Level::Resource)];

/// With one attribute, at one level.
fn sent(signal: Signal, config: &str, level: Level, value: &str) -> Sent {
    let at = |one| if one == level { map(&[("s", AnyValue::from(value))]) } else { map(&[]) };
    let (resource, scope, attributes) = (at(Level::Resource), at(Level::Scope), at(Level::Item));
    let mut harness = started(signal, config);
    // A key of such a length has no code; here no key at all has one.
    harness.host().dictionary_entries = 0;
    let outcome = match signal {
        Signal::Traces => harness.process_spans(&[Span { resource, scope, attributes, ..Span::default() }], 1),
        Signal::Logs => harness.process_logs(&[LogRecord { resource, scope, attributes, ..LogRecord::default() }], 1),
        Signal::Metrics => {
            let texts =
                |one| if one == level { [("s".to_owned(), value.to_owned())].into() } else { Default::default() };
            let point = Point {
                resource: texts(Level::Resource),
                scope: texts(Level::Scope),
                attributes: texts(Level::Item),
                ..Point::integer(1)
            };
            harness.process(&[Metric::gauge("a", vec![point])], 1)
        }
    };
    outcome.unwrap().sent.remove(0)
}

#[test]
fn a_value_that_is_copied_and_deleted_is_kept_whatever_its_length() {
    for length in [0, 1, 65_000, 65_536, 70_000, 3_000_000] {
        let value = "x".repeat(length);
        for signal in [Signal::Metrics, Signal::Traces, Signal::Logs] {
            for (from_name, from) in LEVELS {
                for (to_name, to) in LEVELS {
                    for verb in ["upsert", "insert"] {
                        let config = format!(
                            r#"{{"actions": [{{"key": "k", "action": "{verb}", "level": "{to_name}", "from_attribute": {{"key": "s", "level": "{from_name}"}}}},
                                {{"key": "s", "action": "delete", "level": "{from_name}"}}]}}"#
                        );
                        let mut sent = sent(signal, &config, from, &value);
                        assert_eq!(
                            sent.level(to).get("k"),
                            Some(&AnyValue::from(value.as_str())),
                            "{length} bytes of {signal:?}: {config}"
                        );
                        assert!(!sent.level(from).contains_key("s"), "{config}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_chain_of_copies_renames_and_hashes_keeps_a_long_value() {
    let config = r#"{"actions": [{"key": "a", "action": "upsert", "from_attribute": "s"}, {"key": "a", "action": "rename", "new_key": "b"},
        {"key": "c", "action": "upsert", "from_attribute": "b"}, {"key": "s", "action": "delete"}, {"key": "b", "action": "hash"}]}"#;
    let value = "x".repeat(100_000);
    let sent = sent(Signal::Logs, config, Level::Item, &value);
    assert_eq!(sent.attributes.keys().collect::<Vec<_>>(), ["b", "c"]);
    assert_eq!(sent.attributes["c"], AnyValue::from(value.as_str()));
    assert_eq!(
        sent.attributes["b"].encode(),
        plugin_common::editing::hash::hash(&AnyValue::from(value.as_str()).encode())
    );
}

#[test]
fn a_value_that_cannot_be_copied_declines_the_batch() {
    let config = r#"{"actions": [{"key": "k", "action": "upsert", "from_attribute": {"key": "s", "level": "resource"}},
        {"key": "s", "action": "delete", "level": "resource"}]}"#;
    let resource = map(&[("s", AnyValue::from("x".repeat(17 << 20).as_str()))]);
    let mut harness = started(Signal::Logs, config);
    let failure = harness.process_logs(&[LogRecord { resource, ..LogRecord::default() }], 1).unwrap_err();
    assert!(failure.message.contains("cannot be copied to another level") && !failure.retryable, "{failure:?}");
}
