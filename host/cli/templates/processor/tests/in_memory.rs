//! The plugin on the SDK's host in memory: `cargo test`. `otelier plugin test` runs `cases/` in the real sandbox.

use {{crate}}::{{Type}};
use otelier_sdk::testing::{Harness, Metric, Point};

#[test]
fn points_of_these_metrics_are_dropped_and_others_pass() {
    let mut plugin = Harness::<{{Type}}>::start(r#"{"metrics": ["debug.*"]}"#, 0).unwrap();
    let metrics = [
        Metric::gauge("debug.cache", vec![Point::integer(1), Point::integer(2)]),
        Metric::gauge("work.done", vec![Point::integer(3)]),
    ];
    let outcome = plugin.process(&metrics, 1).unwrap();
    assert_eq!((outcome.dropped, outcome.passed), (2, 1));
}

#[test]
fn no_metric_is_a_mistake() {
    let failure = Harness::<{{Type}}>::start(r#"{"metrics": []}"#, 0).err().unwrap();
    assert!(failure.message.contains("`metrics` names none"), "{}", failure.message);
}
