//! Configurations that are refused, and changes of them.

use otelier_sdk::testing::Harness;

use super::{BY_TYPE, CREATED, at, lines, one, started};
use crate::Aggregate;

fn refused(config: &str) -> String {
    match Harness::<Aggregate>::start(config, CREATED) {
        Ok(_) => panic!("{config} is accepted"),
        Err(failure) => failure.message,
    }
}

#[test]
fn mistakes_name_the_field_and_the_way_out() {
    let cases = [
        ("null", "missing key `metrics`"),
        (
            r#"{"metrics": ["a"], "group_by": [], "intervall": "5s"}"#,
            "unknown key `intervall`; did you mean `interval`?",
        ),
        (r#"{"metrics": ["a"]}"#, "missing key `group_by` (the attributes to keep"),
        (r#"{"metrics": ["a"], "group_by": ["b"], "drop": ["c"]}"#, "`group_by` and `drop` exclude each other"),
        (r#"{"metrics": [], "group_by": []}"#, "`metrics`: 0 names; write 1 to 1024"),
        (r#"{"metrics": "a", "group_by": []}"#, "`metrics`: expected a list, found the text `a`"),
        (r#"{"metrics": [""], "group_by": []}"#, "`metrics`: an empty name"),
        (r#"{"metrics": ["a[b"], "group_by": []}"#, "`metrics`: `a[b` contains `[`"),
        (
            r#"{"metrics": ["a"], "group_by": [{"key": "b", "level": "point"}]}"#,
            "`group_by[0].level`: unknown value `point`; known here: `resource`, `scope`, `item`",
        ),
        (
            r#"{"metrics": ["a"], "group_by": [{"name": "b"}]}"#,
            "`group_by[0].name`: unknown key `name`; known here: `key`, `level`",
        ),
        (r#"{"metrics": ["a"], "group_by": [5]}"#, "`group_by[0]`: expected an attribute such as `work.type`"),
        (r#"{"metrics": ["a"], "group_by": [""]}"#, "`group_by`: an attribute without a key"),
        (r#"{"metrics": ["a"], "group_by": [], "interval": 5}"#, "`interval`: `5`: a duration needs a unit"),
        (r#"{"metrics": ["a"], "group_by": [], "interval": "5ms"}"#, "`interval`: 5ms is not between 10ms and 49 days"),
        (r#"{"metrics": ["a"], "group_by": [], "interval": "2000h"}"#, "is not between 10ms and 49 days"),
        (
            r#"{"metrics": ["a"], "group_by": [], "expire_after": "1s"}"#,
            "`expire_after`: 1s is less than `interval` (5s)",
        ),
        (r#"{"metrics": ["a"], "group_by": [], "max_series": 0}"#, "`max_series`: 0 is not between 1 and 2000000"),
        (r#"{"metrics": ["a"], "group_by": [], "max_streams": 9999999}"#, "`max_streams`: 9999999 is not between"),
        (r#"{"metrics": ["a"], "group_by": [], "max_buckets": 3}"#, "`max_buckets`: 3 is not between 4 and 1024"),
        (r#"{"metrics": ["a"], "group_by": [], "max_exemplars": 0}"#, "`max_exemplars`: 0 is not between 1 and 64"),
        (r#"{"metrics": ["a"], "group_by": [], "exemplars": "some"}"#, "`exemplars`: unknown value `some`"),
        (
            r#"{"metrics": ["a"], "group_by": [], "max_series": -1}"#,
            "`max_series`: expected a whole number, 0 or more, found `-1`",
        ),
        (
            r#"{"metrics": ["a"], "group_by": [], "functions": {"sum": "avg"}}"#,
            "`functions.sum`: unknown value `avg`; known here: `sum`, `last`",
        ),
        (
            r#"{"metrics": ["a"], "group_by": [], "functions": {"sums": "sum"}}"#,
            "`functions.sums`: unknown key `sums`; did you mean `sum`?",
        ),
        (r#"{"metrics": ["a"], "group_by": [], "initial_value": "zero"}"#, "`initial_value`: unknown value `zero`"),
        (
            r#"{"metrics": ["a*"], "group_by": [], "rename": "total"}"#,
            "`rename`: `total` gives all metrics the same name",
        ),
        (r#"{"metrics": ["a"], "group_by": [], "rename": ""}"#, "`rename`: a metric needs a name"),
    ];
    for (config, expected) in cases {
        let message = refused(config);
        assert!(message.contains(expected), "{config}\n  gives    {message}\n  expected {expected}");
    }
}

#[test]
fn one_metric_may_have_any_name() {
    let mut harness = started(r#"{"metrics": ["work.done"], "group_by": [], "rename": "total", "interval": "10ms"}"#);
    assert_eq!(harness.host().flush_every_ms(), Some(10));
    harness.process(&one(), at(1)).unwrap();
    assert_eq!(lines(&harness.flush(at(1)).unwrap()), ["total{} 1"]);
}

fn restarted(config: &str) -> Result<Vec<String>, String> {
    let mut harness = started(BY_TYPE);
    harness.process(&one(), at(1)).unwrap();
    harness.commit();
    harness.restart_with(config, at(2)).map_err(|failure| failure.message)?;
    Ok(lines(&harness.flush(at(2)).unwrap()))
}

#[test]
fn what_does_not_change_the_series_meaning_is_carried_on() {
    let cases = [
        (BY_TYPE, "work.done_batched{work.type=a} 1"),
        (
            r#"{"metrics": ["work.done", "other"], "group_by": ["work.type", "work.type"], "interval": "1s"}"#,
            "work.done_batched{work.type=a} 1",
        ),
        (
            r#"{"metrics": ["work.*"], "group_by": [{"key": "work.type"}], "rename": "{name}_sum", "max_series": 1, "functions": {"gauge": "last"}}"#,
            "work.done_sum{work.type=a} 1",
        ),
    ];
    for (config, expected) in cases {
        assert_eq!(restarted(config), Ok(vec![expected.to_owned()]), "{config}");
    }
}

#[test]
fn what_would_misread_the_state_is_refused() {
    let cases = [
        (
            r#"{"metrics": ["work.*"], "group_by": ["work.id"]}"#,
            "`group_by` was [work.type] when the stored state was written and is [work.id] now: its series cannot be carried on; give the processor a new id, such as aggregate/orders-2, to start fresh, or restore the old `group_by`",
        ),
        (
            r#"{"metrics": ["work.*"], "group_by": [{"key": "work.type", "level": "resource"}]}"#,
            "`group_by` was [work.type] when the stored state was written and is [work.type (resource)] now",
        ),
        (
            r#"{"metrics": ["work.*"], "drop": ["work.type"]}"#,
            "`group_by` was [work.type] when the stored state was written and is absent now",
        ),
        (
            r#"{"metrics": ["work.*"], "group_by": ["work.type"], "functions": {"sum": "max"}}"#,
            "`functions.sum` was sum when",
        ),
        (
            r#"{"metrics": ["work.*"], "group_by": ["work.type"], "functions": {"gauge": "min"}}"#,
            "`functions.gauge` was last when",
        ),
    ];
    for (config, expected) in cases {
        let message = restarted(config).unwrap_err();
        assert!(message.starts_with(expected), "{config}\n  gives    {message}\n  expected {expected}");
    }
}

#[test]
fn a_bound_below_what_is_stored_is_refused() {
    let mut harness = started(BY_TYPE);
    let points = ["a", "b"].map(|name| super::of_type(otelier_sdk::testing::Point::integer(1), name));
    harness.process(&[otelier_sdk::testing::Metric::delta_sum("work.done", points.to_vec())], at(1)).unwrap();
    harness.commit();
    let fewer = r#"{"metrics": ["work.*"], "group_by": ["work.type"], "max_series": 1}"#;
    let message = harness.restart_with(fewer, at(2)).unwrap_err().message;
    assert!(message.starts_with("`max_series` is 1, but 2 are stored; raise it"), "{message}");
}

#[test]
fn damaged_state_starts_nothing_from_zero() {
    let mut harness = started(BY_TYPE);
    harness.process(&one(), at(1)).unwrap();
    harness.commit();
    for key in harness.host().storage().keys().cloned().collect::<Vec<_>>() {
        let mut harness = started(BY_TYPE);
        harness.process(&one(), at(1)).unwrap();
        let value = vec![0xff; 7];
        otelier_sdk::Host::storage_set(harness.host(), otelier_sdk::Blob::one(key), otelier_sdk::Blob::one(value))
            .unwrap();
        harness.commit();
        let message = harness.crash(at(2)).unwrap_err().message;
        assert!(message.starts_with("the stored state is damaged"), "{message}");
    }
}

#[test]
fn only_metrics() {
    let mut host = otelier_sdk::testing::MemoryHost::default();
    let described = otelier_sdk::Instance::<Aggregate>::describe(&mut host, otelier_sdk::Signal::Traces, BY_TYPE);
    assert_eq!(described.unwrap_err().message, "aggregate reads metrics: use it in a metrics pipeline");
}
