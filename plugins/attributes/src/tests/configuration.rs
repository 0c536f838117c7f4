//! Configurations that are refused.

use otelier_sdk::Signal;
use otelier_sdk::testing::Harness;

use super::started;
use crate::Attributes;

fn refused(config: &str) -> String {
    match Harness::<Attributes>::start_for(Signal::Logs, config, 0) {
        Ok(_) => panic!("{config} is accepted"),
        Err(failure) => failure.message,
    }
}

fn refused_action(action: &str) -> String {
    refused(&format!(r#"{{"actions": [{{"key": "z", "action": "delete"}}, {{{action}}}]}}"#))
}

#[test]
fn mistakes_name_the_field_and_the_way_out() {
    let cases = [
        ("null", "missing key `actions`"),
        (r#"{"actions": []}"#, "`actions`: 0 actions; write 1 to 1024"),
        (r#"{"actions": {}}"#, "`actions`: expected a list, found a mapping"),
        (
            r#"{"actions": [{"key": "a", "action": "delete"}], "levels": "item"}"#,
            "unknown key `levels`; did you mean `level`?",
        ),
        (r#"{"actions": [{"key": "a", "action": "delete"}], "level": "span"}"#, "`level`: unknown value `span`"),
        (
            r#"{"actions": [{"key": "a", "action": "delete"}], "include": {"match_type": "strict"}}"#,
            "`include` has nothing to match; add `log_bodies`, `log_severity_texts`",
        ),
    ];
    for (config, expected) in cases {
        let message = refused(config);
        assert!(message.contains(expected), "{config}\n  gives    {message}\n  expected {expected}");
    }
}

#[test]
fn mistakes_in_an_action_name_it() {
    let cases = [
        (r#""key": "a", "action": "remove""#, "`actions[1].action`: unknown value `remove`; known here: `insert`"),
        (r#""key": "a", "action": "renam""#, "`actions[1].action`: unknown value `renam`; did you mean `rename`?"),
        (r#""key": "a", "actions": "delete""#, "`actions[1].actions`: unknown key `actions`; did you mean `action`?"),
        (
            r#""key": "a", "action": "delete", "regex": "b""#,
            "unknown key `regex`; known here: `key`, `action`, `value`, `from_attribute`, `from_context`, `default_value`, `pattern`, `converted_type`, `new_key`, `level`",
        ),
        (r#""key": "a", "action": "Convert""#, "convert `a`: it needs a `converted_type`: `int`, `double` or `string`"),
        (r#""key": "a", "action": "convert", "converted_type": "bool""#, "`converted_type: bool`: there are `int`"),
        (r#""key": "a", "action": "convert", "converted_type": "int", "pattern": "b""#, "it does not use `pattern`"),
        (r#""key": "a", "action": "delete", "converted_type": "int""#, "it does not use `converted_type`"),
        (r#""key": "a", "action": "extract""#, "extract `a`: it needs a `pattern`"),
        (r#""key": "a", "action": "extract", "pattern": "b""#, "`pattern` has no group"),
        (r#""key": "a", "action": "extract", "pattern": "(?P<b>.)(c)""#, "`pattern` has a group without a name"),
        (r#""key": "a", "action": "extract", "pattern": "(b""#, "`pattern`: `(b` is no pattern: at character 1"),
        (r#""pattern": "(?=b)", "action": "hash""#, "`actions[1]`: hash ``: `pattern`: `(?=b)` is no pattern"),
        (r#""action": "hash""#, "an attribute needs a `key` or a `pattern`"),
        (
            r#""key": "a", "action": "upsert", "from_context": "auth.sub""#,
            "what an authenticator knows reaches no plugin; let",
        ),
        (
            r#""key": "a", "action": "upsert", "from_context": "b", "value": 1"#,
            "`value` and `from_context` exclude each other",
        ),
        (r#""key": "a""#, "`actions[1]`: missing key `action`"),
        (r#""action": "delete""#, "`actions[1]`: delete ``: an attribute needs a `key` or a `pattern`"),
        (r#""key": "a", "action": "insert""#, "`actions[1]`: insert `a`: it needs a `value`, a `from_attribute`"),
        (r#""key": "a", "action": "insert", "value": 1, "from_attribute": "b""#, "exclude each other"),
        (r#""key": "a", "action": "insert", "value": 1, "new_key": "b""#, "it does not use `new_key`"),
        (r#""key": "a", "action": "insert", "from_attribute": """#, "`from_attribute` needs a key"),
        (r#""key": "a", "action": "insert", "from_attribute": 5"#, "expected an attribute such as `user.id`"),
        (r#""key": "a", "action": "hash", "value": 1"#, "it does not use `value`"),
        (r#""key": "a", "action": "rename""#, "it needs a `new_key`"),
        (r#""key": "a", "action": "rename", "new_key": """#, "`new_key` is empty"),
        (r#""key": "a", "action": "rename", "new_key": "a""#, "`new_key` is the key it has"),
        (r#""key": "a", "action": "delete", "level": "metadata""#, "`actions[1].level`: unknown value `metadata`"),
    ];
    for (action, expected) in cases {
        let message = refused_action(action);
        assert!(message.contains(expected), "{action}\n  gives    {message}\n  expected {expected}");
    }
}

#[test]
fn bounds() {
    let many = |count: usize, action: fn(usize) -> String| {
        let actions: Vec<String> = (0..count).map(action).collect();
        format!(r#"{{"actions": [{}]}}"#, actions.join(", "))
    };
    let hashes = |number| format!(r#"{{"key": "{number}", "action": "hash"}}"#);
    let deletes = |number| format!(r#"{{"key": "{number}", "action": "delete"}}"#);
    started(Signal::Traces, &many(16, hashes));
    // More than can be keyed.
    started(Signal::Traces, &many(17, hashes));
    started(Signal::Traces, &many(1024, deletes));
    assert!(refused(&many(1025, deletes)).contains("1025 actions"));
    let long = format!(r#"{{"actions": [{{"key": "a", "action": "upsert", "value": "{}"}}]}}"#, "x".repeat(70_000));
    assert!(refused(&long).contains("the value has more than 65536 bytes"));
}

#[test]
fn actions_are_read_in_any_case() {
    started(Signal::Metrics, r#"{"actions": [{"key": "a", "action": "UPSERT", "value": "x"}]}"#);
}

#[test]
fn a_block_has_what_its_signal_has_as_in_the_collector() {
    let refused = |signal: Signal, block: &str| {
        let config = format!(r#"{{"actions": [{{"key": "a", "action": "delete"}}], "exclude": {{{block}}}}}"#);
        Harness::<Attributes>::start_for(signal, &config, 0).err().map(|failure| failure.message)
    };
    for (block, signals) in [
        (r#""match_type": "strict", "services": ["x"]"#, &[Signal::Traces][..]),
        (r#""match_type": "strict", "span_names": ["x"]"#, &[Signal::Traces]),
        (r#""match_type": "regexp", "span_kinds": ["x"]"#, &[Signal::Traces]),
        (r#""match_type": "strict", "log_bodies": ["x"]"#, &[Signal::Logs]),
        (r#""match_type": "strict", "log_severity_texts": ["x"]"#, &[Signal::Logs]),
        (r#""log_severity_number": {"min": 9}"#, &[Signal::Logs]),
        (r#""match_type": "strict", "metric_names": ["x"]"#, &[Signal::Metrics]),
        (r#""match_type": "strict", "attributes": [{"key": "x"}]"#, &[Signal::Traces, Signal::Logs]),
        (r#""match_type": "strict", "libraries": [{"name": "x"}]"#, &[Signal::Traces, Signal::Logs]),
        (r#""match_type": "strict", "resources": [{"key": "x"}]"#, &[Signal::Traces, Signal::Logs, Signal::Metrics]),
    ] {
        for signal in [Signal::Traces, Signal::Logs, Signal::Metrics] {
            let message = refused(signal, block);
            let is_taken = signals.contains(&signal);
            assert_eq!(message.is_none(), is_taken, "{signal:?}: {block}: {message:?}");
            assert!(message.is_none_or(|message| message.contains("has no meaning in a")), "{signal:?}: {block}");
        }
    }
    let message = refused(Signal::Logs, r#""log_bodies": ["x"]"#).unwrap_or_default();
    assert!(message.contains("`exclude`: `log_bodies`: write `match_type: strict`"), "{message}");
}
