//! What the actions do that read attributes as a whole, and what a request says of itself.

use otelier_sdk::Signal;
use otelier_sdk::key::AnyValue;
use otelier_sdk::testing::{Attributes as Map, LogRecord};

use super::{map, started};

fn edited(actions: &str, attributes: &[(&str, AnyValue)]) -> Map {
    let mut harness = started(Signal::Logs, &format!(r#"{{"actions": [{actions}]}}"#));
    harness.host().metadata = [("x-tenant", "blue"), ("x-many", "1"), ("x-many", "2")]
        .map(|(key, value)| (key.into(), value.into()))
        .to_vec();
    harness.host().sender = Some("10.1.2.3".to_owned());
    let record = LogRecord { attributes: map(attributes), ..LogRecord::default() };
    harness.process_logs(&[record], 1).unwrap().sent.remove(0).attributes
}

fn text(text: &str) -> AnyValue {
    AnyValue::from(text)
}

#[test]
fn patterns_delete_and_hash_every_key_that_matches() {
    let before = [("a.1", text("x")), ("a.2", AnyValue::from(2)), ("b", text("y")), ("c", text("z"))];
    let deleted = edited(r#"{"pattern": "^a\\.", "key": "b", "action": "delete"}"#, &before);
    assert_eq!(deleted, map(&[("c", text("z"))]));
    let hashed = edited(r#"{"pattern": "^a\\.", "action": "hash"}"#, &before);
    let sha = |bytes: &AnyValue| AnyValue::decode(&plugin_common::editing::hash::hash(&bytes.encode())).unwrap();
    assert_eq!((&hashed["a.1"], &hashed["a.2"]), (&sha(&text("x")), &sha(&AnyValue::from(2))));
    assert_eq!((&hashed["b"], &hashed["c"]), (&text("y"), &text("z")));
    let twice = edited(r#"{"key": "b", "pattern": "b", "action": "hash"}"#, &before);
    assert_eq!(twice["b"], sha(&sha(&text("y"))), "as the Collector does");
}

#[test]
fn groups_are_extracted_and_overwrite() {
    let actions =
        r#"{"key": "url", "action": "extract", "pattern": "^(?P<scheme>\\w+)://(?P<host>[^/:]+)(?::(?P<port>\\d+))?"}"#;
    let before = [("url", text("https://shop/cart")), ("host", AnyValue::from(1))];
    let after = [
        ("url", text("https://shop/cart")),
        ("scheme", text("https")),
        ("host", text("shop")),
        // The group has no part in the match.
        ("port", text("")),
    ];
    assert_eq!(edited(actions, &before), map(&after));
    assert_eq!(edited(actions, &[("url", text("none"))]), map(&[("url", text("none"))]));
    assert_eq!(edited(actions, &[("url", AnyValue::from(7))]), map(&[("url", AnyValue::from(7))]));
    let lazy = r#"{"key": "url", "action": "extract", "pattern": "(?U)^(?P<head>.+)(?P<rest>.*)$"}"#;
    assert_eq!(edited(lazy, &[("url", text("abc"))])["head"], text("a"), "`(?U)` makes repetitions lazy");
}

#[test]
fn values_are_converted_where_they_can_be() {
    for (to, before, after) in [
        ("int", text("42"), AnyValue::from(42)),
        ("int", text("x"), text("x")),
        ("double", text("1.5"), AnyValue::from(1.5)),
        ("string", AnyValue::from(true), text("true")),
        ("string", AnyValue::Array(vec![1.into(), text("a")]), text("[1,\"a\"]")),
    ] {
        let action = format!(r#"{{"key": "a", "action": "convert", "converted_type": "{to}"}}"#);
        assert_eq!(edited(&action, &[("a", before.clone())]), map(&[("a", after)]), "{to} of {before:?}");
    }
}

#[test]
fn a_default_stands_in_for_what_is_not_there() {
    let action = r#"{"key": "k", "action": "insert", "from_attribute": "s", "default_value": "none"}"#;
    assert_eq!(edited(action, &[("s", text("x"))]), map(&[("s", text("x")), ("k", text("x"))]));
    assert_eq!(edited(action, &[]), map(&[("k", text("none"))]));
    assert_eq!(edited(r#"{"key": "k", "action": "upsert", "default_value": 5}"#, &[]), map(&[("k", 5.into())]));
    let with_value = r#"{"key": "k", "action": "upsert", "value": 1, "default_value": 5}"#;
    assert_eq!(edited(with_value, &[]), map(&[("k", 1.into())]));
}

#[test]
fn a_request_gives_its_headers_and_where_it_came_from() {
    let upsert = |name: &str, more: &str| {
        edited(&format!(r#"{{"key": "k", "action": "upsert", "from_context": "{name}"{more}}}"#), &[])
    };
    for (name, value) in [
        ("metadata.X-Tenant", "blue"),
        ("x-tenant", "blue"),
        ("metadata.x-many", "1;2"),
        ("client.address", "10.1.2.3"),
    ] {
        assert_eq!(upsert(name, ""), map(&[("k", text(value))]), "{name}");
    }
    assert_eq!(upsert("metadata.absent", ""), map(&[]));
    assert_eq!(upsert("metadata.absent", r#", "default_value": "d""#), map(&[("k", text("d"))]));
    // With an action that needs values.
    let actions = r#"{"key": "k", "action": "upsert", "from_context": "x-tenant"}, {"key": "k", "action": "hash"}"#;
    let sha = AnyValue::decode(&plugin_common::editing::hash::hash(&text("blue").encode())).unwrap();
    assert_eq!(edited(actions, &[]), map(&[("k", sha)]));
}

#[test]
fn actions_take_place_in_order_whatever_their_kinds_and_levels() {
    let actions = r#"{"key": "a", "action": "upsert", "value": "k=7"},
        {"key": "a", "action": "extract", "pattern": "(?P<name>.)=(?P<number>.)"},
        {"key": "number", "action": "convert", "converted_type": "int"},
        {"key": "copy", "level": "resource", "action": "insert", "from_attribute": {"key": "number", "level": "item"}},
        {"pattern": "^n", "action": "delete"}, {"key": "name", "action": "insert", "value": "back"},
        {"key": "a", "action": "rename", "new_key": "b"}"#;
    let mut harness = started(Signal::Logs, &format!(r#"{{"actions": [{actions}]}}"#));
    let sent = harness.process_logs(&[LogRecord::default(), LogRecord::default()], 1).unwrap().sent;
    for sent in sent {
        assert_eq!(sent.attributes, map(&[("name", text("back")), ("b", text("k=7"))]));
        assert_eq!(sent.resource, map(&[("copy", 7.into())]));
    }
}

#[test]
fn a_long_value_is_copied_beside_actions_of_every_kind_or_the_batch_is_declined() {
    let config = r#"{"actions": [{"key": "k", "action": "upsert", "from_attribute": "s"}, {"key": "s", "action": "delete"},
        {"pattern": "^x", "action": "delete"}]}"#;
    for length in [0, 70_000, 3_000_000] {
        let mut harness = started(Signal::Logs, config);
        let long = "x".repeat(length);
        let record = LogRecord { attributes: map(&[("s", text(&long)), ("xy", 1.into())]), ..LogRecord::default() };
        let sent = harness.process_logs(&[record], 1).unwrap().sent;
        assert_eq!(sent[0].attributes, map(&[("k", text(&long))]), "{length} bytes");
    }
    let mut harness = started(Signal::Logs, config);
    let record = LogRecord { attributes: map(&[("s", text(&"x".repeat(17 << 20)))]), ..LogRecord::default() };
    let failure = harness.process_logs(&[record], 1).unwrap_err();
    assert!(failure.message.contains("cannot be set together") && !failure.retryable, "{failure:?}");
}
