//! Configurations that are refused.

use otelier_sdk::Signal;
use otelier_sdk::testing::Harness;

use super::started;
use crate::Filter;

fn refused(config: &str) -> String {
    match Harness::<Filter>::start_for(Signal::Logs, config, 0) {
        Ok(_) => panic!("{config} is accepted"),
        Err(failure) => failure.message,
    }
}

fn refused_block(signal: &str, block: &str) -> String {
    refused(&format!(r#"{{"{signal}": {{"exclude": {{{block}}}}}}}"#))
}

#[test]
fn mistakes_name_the_field_and_the_way_out() {
    let cases = [
        (r#"{"span": {}}"#, "unknown key `span`; did you mean `spans`?"),
        (r#"{"points": {}}"#, "unknown key `points`; known here: `error_mode`, `metrics`, `spans`, `logs`"),
        (r#"{"error_mode": "test"}"#, "`error_mode`: unknown value `test`; known here: `ignore`, `silent`"),
        (r#"{"logs": {"includes": {}}}"#, "`logs.includes`: unknown key `includes`; did you mean `include`?"),
        (r#"{"logs": {"drop": {}}}"#, "`logs.drop`: unknown key `drop`; known here: `include`, `exclude`, `regexp`"),
        (
            r#"{"spans": {"include": {"match_type": "strict", "services": []}}}"#,
            "`spans`: `include` has nothing to match; add a list or remove it",
        ),
    ];
    for (config, expected) in cases {
        let message = refused(config);
        assert!(message.contains(expected), "{config}\n  gives    {message}\n  expected {expected}");
    }
}

#[test]
fn conditions_of_the_collector_are_named() {
    let cases = [
        (r#"{"error_mode": "ignore", "traces": {"span": ["true"]}}"#, "`traces`: conditions in OTTL"),
        (
            r#"{"traces": {"span": ["attributes[\"a\"] == 1"]}}"#,
            "`traces`: conditions in OTTL are not supported; write",
        ),
        (r#"{"metrics": {"datapoint": ["true"]}}"#, "`metrics.datapoint`: conditions in OTTL are not supported; write"),
        (r#"{"logs": {"log_record": ["true"]}}"#, "`logs.log_record`: conditions in OTTL are not supported; write"),
        (r#"{"trace_conditions": ["true"]}"#, "`trace_conditions`: conditions in OTTL are not supported; write"),
        (
            r#"{"metrics": {"exclude": {"expressions": ["true"], "match_type": "expr"}}}"#,
            "`metrics.exclude.expressions`: expressions are not supported; list names",
        ),
        (
            r#"{"metrics": {"include": {"match_type": "expr"}}}"#,
            "`metrics.include.match_type`: expressions are not supported; list names",
        ),
    ];
    for (config, expected) in cases {
        let message = refused(config);
        assert!(message.starts_with(expected), "{config}\n  gives    {message}\n  expected {expected}");
    }
}

#[test]
fn mistakes_in_a_block_name_it() {
    let cases = [
        (
            "logs",
            r#""bodies": ["x"]"#,
            "`logs`: `exclude`: `bodies`: write `match_type: strict` or `match_type: regexp` beside it",
        ),
        (
            "spans",
            r#""attributes": [{"key": "k", "value": "v"}]"#,
            "`spans`: `exclude`: `attributes`: write `match_type: strict`",
        ),
        ("spans", r#""libraries": [{"name": "k"}]"#, "`spans`: `exclude`: `libraries`: write `match_type: strict`"),
        ("spans", r#""span_kinds": ["server"]"#, "`spans`: `exclude`: `span_kinds`: write `match_type: strict`"),
        (
            "logs",
            r#""match_type": "regex", "bodies": ["x"]"#,
            "`logs.exclude.match_type`: unknown value `regex`; did you mean `regexp`?",
        ),
        (
            "spans",
            r#""match_type": "strict", "libraries": [{"name": "a"}, {"name": "b"}]"#,
            "`libraries`: several entries are not supported: by its documentation the Collector",
        ),
        (
            "metrics",
            r#""regexp": {"cacheenabled": "yes"}, "metric_names": []"#,
            "`metrics.exclude.regexp.cacheenabled`",
        ),
        ("metrics", r#""regexp": {"cache": 1}, "metric_names": []"#, "unknown key `cache`"),
        (
            "logs",
            r#""match_type": "strict", "span_names": ["x"]"#,
            "`logs.exclude.span_names`: unknown key `span_names`",
        ),
        (
            "metrics",
            r#""match_type": "strict", "metric_names": "x""#,
            "`metrics.exclude.metric_names`: expected a list, found the text",
        ),
        (
            "metrics",
            r#""match_type": "strict", "metric_names": ["x", 5]"#,
            "`metrics.exclude.metric_names[1]`: expected ",
        ),
        (
            "logs",
            r#""match_type": "regexp", "bodies": ["fine", "a(b"]"#,
            "`logs`: `exclude`: `bodies`: `a(b` is no pattern: at character 2: this `(` is not closed",
        ),
        (
            "spans",
            r#""match_type": "regexp", "attributes": [{"key": "k", "value": "["}]"#,
            "`spans`: `exclude`: `attributes`: `k`: `[` is no pattern: ",
        ),
        (
            "spans",
            r#""match_type": "regexp", "attributes": [{"key": "k", "value": 5}]"#,
            "`attributes`: `k`: the value is no string; with `match_type: regexp` it is a pattern: quote it",
        ),
        ("spans", r#""match_type": "strict", "attributes": [{"key": ""}]"#, "`attributes`: an attribute needs a key"),
        (
            "spans",
            r#""match_type": "strict", "attributes": [{"value": 1}]"#,
            "`spans.exclude.attributes[0]`: missing key `key`",
        ),
        (
            "spans",
            r#""match_type": "strict", "span_kinds": ["web"]"#,
            "`span_kinds`: `web` is none of SPAN_KIND_UNSPECIFIED",
        ),
        (
            "spans",
            r#""match_type": "strict", "status_codes": ["BAD"]"#,
            "`status_codes`: `BAD` is none of STATUS_CODE_UNSET",
        ),
        (
            "logs",
            r#""match_type": "strict", "severity_number": {"min": "LOUD"}"#,
            "`logs.exclude.severity_number.min`: `LOUD` is no severity; write `WARN`",
        ),
        (
            "metrics",
            r#""match_type": "regexp", "metric_names": ["*"]"#,
            "`metric_names`: `*` is no pattern: at character 1: `*` has nothing to repeat",
        ),
        ("metrics", r#""match_type": "regexp", "metric_names": ["\\pL{1000}"]"#, "compiled, it takes more than"),
    ];
    for (signal, block, expected) in cases {
        let message = refused_block(signal, block);
        assert!(message.contains(expected), "{block}\n  gives    {message}\n  expected {expected}");
    }
}

#[test]
fn bounds() {
    let many = |count: usize, entry: fn(usize) -> String| (0..count).map(entry).collect::<Vec<_>>().join(", ");
    let names = |count| format!(r#""match_type": "strict", "metric_names": [{}]"#, many(count, |n| format!("\"{n}\"")));
    started(Signal::Metrics, &format!(r#"{{"metrics": {{"exclude": {{{}}}}}}}"#, names(1024)));
    assert!(refused_block("metrics", &names(1025)).contains("`metric_names`: 1025 entries; at most 1024"));
    let attributes = |count| {
        format!(r#""match_type": "strict", "attributes": [{}]"#, many(count, |n| format!(r#"{{"key": "{n}"}}"#)))
    };
    started(Signal::Traces, &format!(r#"{{"spans": {{"exclude": {{{}}}}}}}"#, attributes(16)));
    assert!(refused_block("spans", &attributes(17)).contains("17 different attributes and fields; at most 16"));
    let long = format!(r#""match_type": "strict", "bodies": ["{}"]"#, "x".repeat(5000));
    assert!(refused_block("logs", &long).contains("…` has more than 4096 bytes"));
}
