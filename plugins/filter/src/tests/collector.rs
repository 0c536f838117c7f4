//! For every example configuration that the Collector has for its `filter` processor, one of the same kind: it loads, or is refused for what is
//! not supported. Each case begins with the example's file and name there; what is in it is written anew.

use otelier_sdk::testing::{Harness, LogRecord, Metric, Point, Span};
use otelier_sdk::{Severity, Signal};

use crate::Filter;

const SIGNALS: [Signal; 3] = [Signal::Metrics, Signal::Traces, Signal::Logs];

const LOADED: [(&str, &str); 34] = [
    ("regexp: filter", "null"),
    (
        "regexp: include",
        r#"{"metrics": {"include": {"match_type": "regexp", "metric_names": ["^http\\.", ".*_total", "cpu"]}}}"#,
    ),
    (
        "regexp: exclude",
        r#"{"metrics": {"exclude": {"match_type": "regexp", "metric_names": ["^http\\.", ".*_total", "cpu"]}}}"#,
    ),
    (
        "regexp: unlimitedcache",
        r#"{"metrics": {"include": {"match_type": "regexp", "regexp": {"cacheenabled": true}, "metric_names": ["^a/.*"]}}}"#,
    ),
    (
        "regexp: limitedcache",
        r#"{"metrics": {"exclude": {"match_type": "regexp", "metric_names": ["^a/.*"],
            "regexp": {"cacheenabled": true, "cachemaxnumentries": 100}}}}"#,
    ),
    ("strict: empty", r#"{"metrics": {"include": {"match_type": "strict"}}}"#),
    ("strict: include", r#"{"metrics": {"include": {"match_type": "strict", "metric_names": ["up", "a/b"]}}}"#),
    ("strict: exclude", r#"{"metrics": {"exclude": {"match_type": "strict", "metric_names": ["up", "a/b"]}}}"#),
    (
        "strict: includeexclude",
        r#"{"metrics": {"include": {"match_type": "strict", "metric_names": ["up", "a/b"]},
            "exclude": {"match_type": "strict", "metric_names": ["up"]}}}"#,
    ),
    ("logs_body_regexp: include", r#"{"logs": {"include": {"match_type": "regexp", "bodies": ["^urgent"]}}}"#),
    ("logs_body_regexp: exclude", r#"{"logs": {"exclude": {"match_type": "regexp", "bodies": ["^trivial"]}}}"#),
    (
        "logs_body_regexp: includeexclude",
        r#"{"logs": {"include": {"match_type": "regexp", "bodies": ["^urgent"]},
            "exclude": {"match_type": "regexp", "bodies": ["^trivial"]}}}"#,
    ),
    (
        "logs_body_strict: include, exclude",
        r#"{"logs": {"include": {"match_type": "strict", "bodies": ["disk full"]}}}"#,
    ),
    (
        "logs_body_strict: includeexclude",
        r#"{"logs": {"include": {"match_type": "strict", "bodies": ["disk full"]},
            "exclude": {"match_type": "strict", "bodies": ["all is well"]}}}"#,
    ),
    (
        "logs_min_severity: include",
        r#"{"logs": {"include": {"severity_number": {"min": "WARN", "match_undefined": true}}}}"#,
    ),
    ("logs_min_severity: exclude", r#"{"logs": {"exclude": {"severity_number": {"min": "FATAL"}}}}"#),
    (
        "logs_min_severity: includeexclude",
        r#"{"logs": {"include": {"severity_number": {"min": "debug", "match_undefined": true}},
            "exclude": {"severity_number": {"min": "FATAL"}}}}"#,
    ),
    ("logs_record_attributes_regexp: empty", r#"{"logs": {"include": {"match_type": "regexp"}}}"#),
    (
        "logs_record_attributes_regexp: include, exclude",
        r#"{"logs": {"include": {"match_type": "regexp", "record_attributes": [{"key": "zone", "value": "(eu|us)-.*"}]}}}"#,
    ),
    (
        "logs_record_attributes_regexp: includeexclude",
        r#"{"logs": {"include": {"match_type": "regexp", "record_attributes": [{"key": "keep", "value": "(yes|maybe)"}]},
            "exclude": {"match_type": "regexp", "record_attributes": [{"key": "drop", "value": "(yes|maybe)"}]}}}"#,
    ),
    ("logs_record_attributes_strict: empty", r#"{"logs": {"include": {"match_type": "strict"}}}"#),
    (
        "logs_record_attributes_strict: include, exclude",
        r#"{"logs": {"include": {"match_type": "strict", "record_attributes": [{"key": "keep", "value": "yes"}]}}}"#,
    ),
    (
        "logs_record_attributes_strict: includeexclude",
        r#"{"logs": {"include": {"match_type": "strict", "record_attributes": [{"key": "keep", "value": "yes"}]},
            "exclude": {"match_type": "strict", "record_attributes": [{"key": "drop", "value": "yes"}]}}}"#,
    ),
    ("logs_regexp: empty", r#"{"logs": {"exclude": {"match_type": "regexp"}}}"#),
    (
        "logs_regexp: include, exclude",
        r#"{"logs": {"exclude": {"match_type": "regexp", "resource_attributes": [{"key": "host.name", "value": "test-.*"}]}}}"#,
    ),
    (
        "logs_regexp: includeexclude",
        r#"{"logs": {"include": {"match_type": "regexp", "resource_attributes": [{"key": "keep", "value": "(yes|maybe)"}]},
            "exclude": {"match_type": "regexp", "resource_attributes": [{"key": "drop", "value": "(yes|maybe)"}]}}}"#,
    ),
    (
        "logs_severity_regexp: include, exclude",
        r#"{"logs": {"include": {"match_type": "regexp", "severity_texts": ["WARN[2-4]?"]}}}"#,
    ),
    (
        "logs_severity_regexp: includeexclude",
        r#"{"logs": {"include": {"match_type": "regexp", "severity_texts": ["WARN[2-4]?"]},
            "exclude": {"match_type": "regexp", "severity_texts": ["WARN4"]}}}"#,
    ),
    (
        "logs_severity_strict: include, exclude",
        r#"{"logs": {"exclude": {"match_type": "strict", "severity_texts": ["TRACE", "TRACE2"]}}}"#,
    ),
    (
        "logs_severity_strict: includeexclude",
        r#"{"logs": {"include": {"match_type": "strict", "severity_texts": ["WARN"]},
            "exclude": {"match_type": "strict", "severity_texts": ["TRACE", "TRACE2"]}}}"#,
    ),
    ("logs_strict: empty", r#"{"logs": {"exclude": {"match_type": "strict"}}}"#),
    (
        "logs_strict: include, exclude",
        r#"{"logs": {"exclude": {"match_type": "strict", "resource_attributes": [{"key": "drop", "value": "yes"}]}}}"#,
    ),
    (
        "logs_strict: includeexclude",
        r#"{"logs": {"include": {"match_type": "strict", "resource_attributes": [{"key": "keep", "value": "yes"}]},
            "exclude": {"match_type": "strict", "resource_attributes": [{"key": "drop", "value": "yes"}]}}}"#,
    ),
    (
        "traces: spans",
        r#"{"spans": {"include": {"match_type": "strict", "services": ["shop", "bank"], "attributes": [{"key": "keep", "value": "yes"}]},
            "exclude": {"match_type": "regexp", "attributes": [{"key": "drop", "value": "(yes|maybe)"}]}}}"#,
    ),
];

const OTTL: &str = "conditions in OTTL are not supported";
const EXPRESSIONS: &str = "expressions are not supported";

const REFUSED: [(&str, &str, &str); 33] = [
    (
        "invalid: include",
        r#"{"metrics": {"include": {"match_type": "regexp", "metric_names": ["(a|$"]}}}"#,
        "this `(` is not closed",
    ),
    (
        "logs_invalid_severity",
        r#"{"logs": {"include": {"severity_number": {"min": "LOUD"}}}}"#,
        "`LOUD` is no severity",
    ),
    (
        "traces_invalid: spans",
        r#"{"spans": {"include": {"match_type": "regexp", "services": ["shop"]}, "exclude": {"match_type": "regexp"}}}"#,
        "`exclude` has nothing to match",
    ),
    ("expr: empty", r#"{"metrics": {"include": {"match_type": "expr"}}}"#, EXPRESSIONS),
    (
        "expr: include",
        r#"{"metrics": {"include": {"match_type": "expr", "expressions": ["HasLabel(\"a\")"]}}}"#,
        EXPRESSIONS,
    ),
    (
        "expr: exclude",
        r#"{"metrics": {"exclude": {"match_type": "expr", "expressions": ["HasLabel(\"a\")"]}}}"#,
        EXPRESSIONS,
    ),
    (
        "expr: includeexclude",
        r#"{"metrics": {"include": {"match_type": "expr", "expressions": ["HasLabel(\"a\")"]},
            "exclude": {"match_type": "expr", "expressions": ["HasLabel(\"b\")"]}}}"#,
        EXPRESSIONS,
    ),
    ("ottl: ottl", r#"{"error_mode": "ignore", "traces": {"resource": ["x"]}, "metrics": {"metric": ["x"]}}"#, OTTL),
    ("ottl: ottl, metrics", r#"{"metrics": {"resource": ["x"]}}"#, OTTL),
    ("ottl: ottl, points", r#"{"metrics": {"datapoint": ["x"]}}"#, OTTL),
    ("ottl: ottl, logs", r#"{"logs": {"log_record": ["x"]}}"#, OTTL),
    ("ottl: ottl, resources of logs", r#"{"logs": {"resource": ["x"]}}"#, OTTL),
    ("ottl: multiline", r#"{"traces": {"span": ["x", "y"]}}"#, OTTL),
    (
        "ottl: spans_mix_config",
        r#"{"spans": {"include": {"match_type": "strict", "services": ["a"]}}, "traces": {"span": ["x"]}}"#,
        OTTL,
    ),
    ("ottl: metrics_mix_config", r#"{"metrics": {"include": {"metric_names": []}, "metric": ["x"]}}"#, OTTL),
    (
        "ottl: logs_mix_config",
        r#"{"logs": {"include": {"match_type": "strict", "bodies": ["a"]}, "log_record": ["x"]}}"#,
        OTTL,
    ),
    ("ottl: bad_syntax_span", r#"{"traces": {"span": ["["]}}"#, OTTL),
    ("ottl: bad_syntax_spanevent", r#"{"traces": {"spanevent": ["["]}}"#, OTTL),
    ("ottl: bad_syntax_metric", r#"{"metrics": {"metric": ["["]}}"#, OTTL),
    ("ottl: bad_syntax_datapoint", r#"{"metrics": {"datapoint": ["["]}}"#, OTTL),
    ("ottl: bad_syntax_log", r#"{"logs": {"log_record": ["["]}}"#, OTTL),
    ("ottl: context_inferred_trace", r#"{"trace_conditions": [{"conditions": ["x"]}]}"#, OTTL),
    ("ottl: context_inferred_metric", r#"{"metric_conditions": [{"conditions": ["x"]}]}"#, OTTL),
    ("ottl: context_inferred_log", r#"{"log_conditions": [{"conditions": ["x"]}]}"#, OTTL),
    ("ottl: context_inferred_profile", r#"{"profile_conditions": [{"conditions": ["x"]}]}"#, OTTL),
    (
        "ottl: context_inferred_with_error_mode",
        r#"{"error_mode": "silent", "trace_conditions": [{"conditions": ["x"]}]}"#,
        OTTL,
    ),
    (
        "ottl: mix_metric_conditions_with_include",
        r#"{"metric_conditions": ["x"], "metrics": {"include": {"metric_names": []}}}"#,
        OTTL,
    ),
    ("ottl: mix_profile_conditions", r#"{"profile_conditions": ["x"], "profiles": {"profile": ["x"]}}"#, OTTL),
    ("ottl: flat_style", r#"{"trace_conditions": ["x"], "log_conditions": ["y"]}"#, OTTL),
    (
        "ottl: advance_style",
        r#"{"log_conditions": [{"context": "scope", "error_mode": "silent", "conditions": ["x"]}]}"#,
        OTTL,
    ),
    ("ottl: unknown_error_mode", r#"{"error_mode": "loud"}"#, "`error_mode`: unknown value `loud`"),
    ("profiles: profiles", r#"{"profiles": {"profile": ["x"]}}"#, OTTL),
    (
        "span_events: include",
        r#"{"spans": {"include": {"match_type": "strict", "event_names": ["a"]}}}"#,
        "unknown key `event_names`",
    ),
];

#[test]
fn the_collectors_examples_load_for_every_signal() {
    for (name, config) in LOADED {
        for signal in SIGNALS {
            let started = Harness::<Filter>::start_for(signal, config, 0);
            assert!(
                started.is_ok(),
                "{name}: {config}: {}",
                started.err().map_or_else(String::new, |failure| failure.message)
            );
        }
    }
}

#[test]
fn the_collectors_other_examples_are_refused_for_what_is_not_supported() {
    for (name, config, expected) in REFUSED {
        for signal in SIGNALS {
            let message = Harness::<Filter>::start_for(signal, config, 0).err().map(|failure| failure.message);
            let message = message.unwrap_or_else(|| panic!("{name}: {config} is accepted"));
            assert!(message.contains(expected), "{name}: {config}\n  gives    {message}\n  expected {expected}");
        }
    }
}

/// What is nothing is as good as left out, and the log says so.
#[test]
fn empty_blocks_and_lists_have_no_effect() {
    let configs = [
        ("null", "nothing is filtered: there is none of `metrics`, `spans` and `logs`"),
        (r#"{"metrics": {}, "spans": {}, "logs": {}}"#, ""),
        (
            r#"{"metrics": {"include": null}, "spans": {"exclude": null}, "logs": {"include": null, "exclude": null}}"#,
            "",
        ),
        (r#"{"error_mode": "PROPAGATE", "metrics": {"regexp": {"cacheenabled": true, "cachemaxnumentries": 5}}}"#, ""),
        (r#"{"metrics": {"include": {}}}"#, "`metrics.include` has nothing to match and has no effect"),
        (r#"{"logs": {"exclude": {"match_type": ""}}}"#, "`logs.exclude` has nothing to match and has no effect"),
        (
            r#"{"metrics": {"exclude": {"match_type": "strict", "metric_names": [], "resource_attributes": null}}}"#,
            "`metrics.exclude` has nothing to match and has no effect",
        ),
        (
            r#"{"logs": {"include": {"match_type": "regexp", "bodies": null, "severity_texts": [], "severity_number": null}}}"#,
            "`logs.include` has nothing to match and has no effect",
        ),
    ];
    for (config, note) in configs {
        let start = |signal| {
            Harness::<Filter>::start_for(signal, config, 0).unwrap_or_else(|failure| panic!("{}", failure.message))
        };
        let mut metrics = start(Signal::Metrics);
        assert_eq!(metrics.process(&[Metric::gauge("a", vec![Point::integer(1)])], 1).unwrap().passed, 1, "{config}");
        assert_eq!(start(Signal::Traces).process_spans(&[Span::default()], 1).unwrap().passed, 1, "{config}");
        assert_eq!(start(Signal::Logs).process_logs(&[LogRecord::default()], 1).unwrap().passed, 1, "{config}");
        let log = metrics.host().log.clone();
        let expected: Vec<_> = (!note.is_empty()).then(|| (Severity::Warn, note.to_owned())).into_iter().collect();
        assert_eq!(log, expected, "{config}");
    }
}

#[test]
fn an_empty_block_beside_another_has_no_effect() {
    let config =
        r#"{"logs": {"include": {"match_type": "strict"}, "exclude": {"match_type": "strict", "bodies": ["a"]}}}"#;
    let mut harness = Harness::<Filter>::start_for(Signal::Logs, config, 0).unwrap();
    let record = |body: &str| LogRecord { body: body.into(), ..LogRecord::default() };
    let outcome = harness.process_logs(&[record("a"), record("b")], 1).unwrap();
    assert_eq!((outcome.passed, outcome.dropped), (1, 1));
}

#[test]
fn a_key_alone_needs_no_match_type() {
    let attributes = r#"[{"key": "a"}]"#;
    for (part, list) in [("metrics", "resource_attributes"), ("spans", "attributes"), ("logs", "record_attributes")] {
        let config = format!(r#"{{"{part}": {{"exclude": {{"{list}": {attributes}}}}}}}"#);
        for signal in SIGNALS {
            assert!(Harness::<Filter>::start_for(signal, &config, 0).is_ok(), "{config}");
        }
    }
}
