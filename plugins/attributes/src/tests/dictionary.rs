//! What actions cost, and that dictionaries do not fill for good.

use otelier_sdk::key::{AnyValue, KeyBuilder, Value};
use otelier_sdk::testing::{LogRecord, MemoryHost};
use otelier_sdk::{Attribute, Blob, Host, Instance, Level, Signal};

use super::{map, started};
use crate::Attributes;
use plugin_common::editing::hash::hash;

fn users(range: std::ops::Range<i64>) -> Vec<LogRecord> {
    let record = |user| LogRecord { attributes: map(&[("user", AnyValue::from(user))]), ..LogRecord::default() };
    range.map(record).collect()
}

const HASH_USER: &str = r#"{"actions": [{"key": "user", "action": "hash"}]}"#;

#[test]
fn constants_renames_and_copies_within_a_level_read_nothing() {
    let config = r#"{"actions": [{"key": "a", "action": "delete"}, {"key": "b", "action": "insert", "value": 1},
        {"key": "c", "action": "rename", "new_key": "d"}, {"key": "e", "action": "upsert", "from_attribute": "f"}]}"#;
    let mut host = MemoryHost::default();
    Instance::<Attributes>::describe(&mut host, Signal::Logs, config).unwrap();
    let next = host.projection_keep(vec![Attribute::item("x")], false);
    assert_eq!(next, 0, "no keying was declared before this one");
    let next = host.projection_value_of(Attribute::item("x").into());
    assert_eq!(next, 0, "no column of values was declared before this one");
}

#[test]
fn attributes_that_do_not_meet_have_dictionaries_of_their_own() {
    let config = r#"{"actions": [{"key": "user", "action": "hash"}, {"key": "mail", "action": "hash"}]}"#;
    let mut harness = started(Signal::Logs, config);
    let records: Vec<LogRecord> = (0..6)
        .map(|row| LogRecord {
            attributes: map(&[("user", AnyValue::from(row % 2)), ("mail", AnyValue::from(row % 3))]),
            ..LogRecord::default()
        })
        .collect();
    harness.process_logs(&records, 1).unwrap();
    assert_eq!((harness.host().dictionary_len(0), harness.host().dictionary_len(1)), (2, 3));
}

#[test]
fn codes_are_released_before_they_fill_the_dictionary() {
    let mut harness = started(Signal::Logs, HASH_USER);
    for batch in 0..50 {
        let records = users(batch * 4..batch * 4 + 4);
        let outcome = harness.process_logs(&records, 1).unwrap();
        for (sent, record) in outcome.sent.iter().zip(&records) {
            let expected = hash(&record.attributes["user"].encode());
            assert_eq!(sent.attributes["user"].encode(), expected);
        }
        // The bound is 6 in tests.
        assert!(harness.host().dictionary_len(0) <= 6 + 4);
    }
}

#[test]
fn a_dictionary_that_is_full_makes_room() {
    let mut harness = started(Signal::Logs, HASH_USER);
    harness.host().dictionary_entries = 3;
    harness.process_logs(&users(0..4), 1).unwrap();
    assert_eq!(harness.host().dictionary_len(0), 0, "the fourth had no room, so all left");
    harness.process_logs(&users(10..13), 1).unwrap();
    assert_eq!(harness.host().dictionary_len(0), 3);
}

#[test]
fn a_code_whose_key_was_never_heard_is_played_and_released() {
    let mut harness = started(Signal::Logs, HASH_USER);
    let key = KeyBuilder::default().attribute(Level::Item, "user", Value::Integer(0)).finish();
    let host = harness.host();
    host.output_intern(0, Blob::one(key));
    host.rows_new_keys(0);
    for remaining in [0, 2] {
        let sent = harness.process_logs(&users(0..2), 1).unwrap().sent;
        for (user, sent) in (0..).zip(&sent) {
            assert_eq!(sent.attributes["user"].encode(), hash(&AnyValue::from(user).encode()));
        }
        assert_eq!(harness.host().dictionary_len(0), remaining);
    }
}

#[test]
fn a_value_too_long_for_a_key_is_hashed_and_copied() {
    let config = r#"{"actions": [{"key": "copy", "action": "upsert", "from_attribute": "user"}, {"key": "user", "action": "hash"}]}"#;
    let mut harness = started(Signal::Logs, config);
    let long = AnyValue::from("x".repeat(70_000).as_str());
    let mut records = users(0..2);
    records[0].attributes.insert("user".to_owned(), long.clone());
    for _ in 0..3 {
        let sent = harness.process_logs(&records, 1).unwrap().sent;
        assert_eq!(sent[0].attributes["copy"], long);
        assert_eq!(sent[0].attributes["user"].encode(), hash(&long.encode()));
        assert_eq!(sent[1].attributes["copy"], AnyValue::from(1));
    }
    assert_eq!(harness.host().dictionary_len(0), 1, "a long key is no reason to let go");
}
