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
            "`include`: conditions are not there yet",
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
            "unknown key `regex`; known here: `key`, `action`, `value`, `from_attribute`, `new_key`, `level`",
        ),
        (r#""key": "a", "action": "Convert""#, "`actions[1].action`: the action `Convert` is not there yet"),
        (r#""key": "a""#, "`actions[1]`: missing key `action`"),
        (r#""action": "delete""#, "`actions[1]`: delete ``: an attribute needs a `key`"),
        (r#""key": "a", "action": "insert""#, "`actions[1]`: insert `a`: it needs a `value`, or a `from_attribute`"),
        (r#""key": "a", "action": "insert", "value": 1, "from_attribute": "b""#, "exclude each other"),
        (r#""key": "a", "action": "insert", "value": 1, "new_key": "b""#, "it does not use `new_key`"),
        (r#""key": "a", "action": "insert", "from_attribute": """#, "`from_attribute` needs a key"),
        (r#""key": "a", "action": "insert", "from_attribute": 5"#, "expected an attribute such as `user.id`"),
        (r#""key": "a", "action": "insert", "from_context": "b""#, "`actions[1].from_context`: it is not there yet"),
        (r#""key": "a", "action": "hash", "value": 1"#, "it does not use `value`"),
        (r#""key": "a", "action": "delete", "pattern": "^b""#, "`actions[1].pattern`: patterns are not there yet"),
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
    assert!(refused(&many(17, hashes)).contains("values of 17 attributes are hashed or copied"));
    started(Signal::Traces, &many(1024, deletes));
    assert!(refused(&many(1025, deletes)).contains("1025 actions"));
    let long = format!(r#"{{"actions": [{{"key": "a", "action": "upsert", "value": "{}"}}]}}"#, "x".repeat(70_000));
    assert!(refused(&long).contains("the value has more than 65536 bytes"));
}

#[test]
fn actions_are_read_in_any_case() {
    started(Signal::Metrics, r#"{"actions": [{"key": "a", "action": "UPSERT", "value": "x"}]}"#);
}
