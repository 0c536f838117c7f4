//! Dictionaries do not fill for good, and keys too long for them are judged all the same.

use otelier_sdk::key::{AnyValue, KeyBuilder, Value};
use otelier_sdk::testing::Span;
use otelier_sdk::{Blob, Host, Signal};

use super::{map, started};

const NO_HEALTH: &str = r#"{"spans": {"exclude": {"match_type": "regexp", "span_names": ["health"]}}}"#;

fn spans(names: impl Iterator<Item = String>) -> Vec<Span> {
    names.map(|name| Span { name, ..Span::default() }).collect()
}

#[test]
fn codes_are_released_before_they_fill_the_dictionary() {
    let mut harness = started(Signal::Traces, NO_HEALTH);
    for batch in 0..50 {
        let spans = spans((0..4).map(|n| if n == 1 { format!("health {batch}") } else { format!("{batch} {n}") }));
        assert_eq!(harness.process_spans(&spans, 1).unwrap().dropped, 1);
        // The bound is 6 in tests.
        assert!(harness.host().dictionary_len(0) <= 6 + 4);
    }
}

#[test]
fn a_dictionary_that_is_full_makes_room() {
    let mut harness = started(Signal::Traces, NO_HEALTH);
    harness.host().dictionary_entries = 3;
    let four = spans(["a", "b", "c", "health"].map(str::to_owned).into_iter());
    assert_eq!(harness.process_spans(&four, 1).unwrap().dropped, 1);
    assert_eq!(harness.host().dictionary_len(0), 0, "the fourth had no room, so all left");
    assert_eq!(harness.process_spans(&four[1..], 1).unwrap().dropped, 1);
    assert_eq!(harness.host().dictionary_len(0), 3);
}

#[test]
fn a_code_whose_key_was_never_heard_is_judged_and_released() {
    let mut harness = started(Signal::Traces, NO_HEALTH);
    let key = KeyBuilder::default().field("name", Value::String(b"health")).finish();
    let host = harness.host();
    host.output_intern(0, Blob::one(key));
    host.rows_new_keys(0);
    let two = spans(["a", "health"].map(str::to_owned).into_iter());
    assert_eq!(harness.process_spans(&two, 1).unwrap().dropped, 1);
    assert_eq!(harness.host().dictionary_len(0), 0);
    assert_eq!(harness.process_spans(&two, 1).unwrap().dropped, 1);
    assert_eq!(harness.host().dictionary_len(0), 2, "now both are heard of");
}

#[test]
fn a_name_too_long_for_a_key_is_judged_by_itself() {
    let mut harness = started(Signal::Traces, NO_HEALTH);
    let long = format!("{}health", "x".repeat(70_000));
    let two = spans([long, "a".to_owned()].into_iter());
    for _ in 0..3 {
        assert_eq!(harness.process_spans(&two, 1).unwrap().dropped, 1);
        assert_eq!(harness.host().dictionary_len(0), 1, "a long key is no reason to let go");
    }
}

#[test]
fn attributes_of_items_have_dictionaries_of_their_own_as_long_as_there_are() {
    let keys: Vec<String> = (0..12).map(|key| format!(r#"{{"key": "{key}", "value": "x"}}"#)).collect();
    let config = format!(
        r#"{{"spans": {{"exclude": {{"match_type": "strict", "services": ["s"], "attributes": [{}]}}}}}}"#,
        keys.join(", ")
    );
    let mut harness = started(Signal::Traces, &config);
    let span = |wrong: usize| {
        let mut attributes = map(&[]);
        for key in 0..12 {
            attributes.insert(key.to_string(), AnyValue::from(if key == wrong { "y" } else { "x" }));
        }
        Span { attributes, resource: map(&[("service.name", AnyValue::from("s"))]), ..Span::default() }
    };
    let spans: Vec<Span> = (0..13).map(span).collect();
    let outcome = harness.process_spans(&spans, 1).unwrap();
    assert_eq!((outcome.dropped, outcome.sent.len()), (1, 12), "only the last is right in all");
    assert_eq!((harness.host().dictionary_len(0), harness.host().dictionary_len(1)), (1, 2));
    assert_eq!(harness.host().dictionary_len(8), 0, "eight keyings and no more");
}
