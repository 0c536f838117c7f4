//! A whole host with a breaker in front of a destination that fails for a while.

use anyhow::{Result, ensure};
use otelier_tests::downstream::{Downstream, Fate};
use otelier_tests::host::{Configuration, Setup, manifest};
use otelier_tests::{environment, grpc, payload, wait};
use serde_json::json;

/// Three failures in a row open the gate, a probe a second later meets the fourth, the next one closes it. Nobody asked the destination
/// in between, nothing is lost, and both lanes that name the breaker have a gate of their own.
#[test]
fn a_destination_that_fails_is_left_alone_and_misses_nothing() -> Result<()> {
    let mut failures = 4;
    let failing = Downstream::start(move |_| match failures {
        0 => Fate::Taken,
        _ => {
            failures -= 1;
            Fate::Unavailable
        }
    })?;
    let healthy = Downstream::start(|_| Fate::Taken)?;
    let exporter = |destination: &Downstream| {
        json!({
            "endpoint": format!("http://{}", destination.address()),
            "compression": "none",
            "sending_queue": {"num_consumers": 1},
            "retry_on_failure": {"initial_interval": "5ms", "max_interval": "5ms", "max_elapsed_time": "1s"},
            "breaker": "consecutive-failures",
        })
    };
    let config = Configuration::default()
        .set("exporters/otlphttp~1a", exporter(&failing))
        .set("exporters/otlphttp~1b", exporter(&healthy))
        .set("extensions/consecutive-failures", json!({"timeout": "1s", "consecutive_failures": 2}))
        .set("service/extensions", json!(["health_check", "consecutive-failures"]))
        .pipeline("logs", &[], &["otlphttp/a", "otlphttp/b"]);
    let plugin = environment::plugin("consecutive-failures")?;
    let entry = json!({"world": "breaker-policy@0.1.0"});
    let setup = Setup::new(&config.text(), &manifest(&[("consecutive-failures", &plugin, entry)]))?;
    let host = setup.start()?;
    for body in ["one", "two", "three"] {
        let outcome = host.grpc()?.send(grpc::LOGS, &payload::logs(&[body]));
        ensure!(outcome.is_acknowledged(), "{outcome:?}");
    }
    for destination in [&failing, &healthy] {
        wait::until("everything has arrived", || Ok((destination.memory().taken.len() == 3).then_some(())))?;
    }
    let own = host.own_metrics()?;
    let of = |name: &str, labels: &[(&str, &str)], exporter| {
        own.total(name, &[labels, &[("exporter", exporter), ("breaker", "consecutive-failures")]].concat())
    };
    let steps = |from, to, exporter| of("otelier_breaker_transitions", &[("from", from), ("to", to)], exporter);
    let (a, b) = ("otlphttp/a", "otlphttp/b");
    assert_eq!((steps("closed", "open", a), steps("open", "half_open", a)), (1.0, 2.0));
    assert_eq!((steps("half_open", "open", a), steps("half_open", "closed", a)), (1.0, 1.0));
    assert_eq!(of("otelier_breaker_probes", &[("kind", "half_open")], a), 2.0);
    assert_eq!(own.total("otelier_exporter_failed_attempts", &[("exporter", a), ("class", "unavailable")]), 4.0);
    assert_eq!((of("otelier_breaker_state", &[], a), of("otelier_breaker_policy_failures", &[], a)), (0.0, 0.0));
    assert_eq!(steps("closed", "open", b), 0.0);
    let log = setup.log();
    assert!(
        log.contains("after `unavailable`; of 3 attempts 0 succeeded and 3 failed, 3 in a row; no attempt for 1s"),
        "{log}"
    );
    Ok(())
}
