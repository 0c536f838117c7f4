//! A whole host with a breaker in front of a destination that fails for a while.

use anyhow::{Result, ensure};
use otelier_tests::downstream::{Downstream, Fate};
use otelier_tests::exposition::Exposition;
use otelier_tests::host::{Configuration, Host, Setup, manifest};
use otelier_tests::{environment, grpc, payload, wait};
use serde_json::json;

/// The destinations of one pipeline, of which the first fails four times. Both exporters name the same breaker.
struct Destinations {
    failing: Downstream,
    healthy: Downstream,
    setup: Setup,
}

impl Destinations {
    fn new() -> Result<Destinations> {
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
        Ok(Destinations { failing, healthy, setup })
    }

    /// A host that is sent three requests.
    fn start(&self) -> Result<Host<'_>> {
        let host = self.setup.start()?;
        for body in ["one", "two", "three"] {
            let outcome = host.grpc()?.send(grpc::LOGS, &payload::logs(&[body]));
            ensure!(outcome.is_acknowledged(), "{outcome:?}");
        }
        Ok(host)
    }
}

fn has_everything(destination: &Downstream) -> Result<()> {
    wait::until("everything has arrived", || Ok((destination.memory().taken.len() == 3).then_some(())))
}

/// What is counted of the breaker of an exporter.
fn counted(own: &Exposition, exporter: &str, name: &str, labels: &[(&str, &str)]) -> f64 {
    own.total(name, &[labels, &[("exporter", exporter), ("breaker", "consecutive-failures")]].concat())
}

fn steps(own: &Exposition, exporter: &str, from: &str, to: &str) -> f64 {
    counted(own, exporter, "otelier_breaker_transitions", &[("from", from), ("to", to)])
}

#[test]
fn everything_arrives_at_a_destination_that_fails_for_a_while_and_at_the_one_beside_it() -> Result<()> {
    let destinations = Destinations::new()?;
    let _host = destinations.start()?;
    has_everything(&destinations.failing)?;
    has_everything(&destinations.healthy)
}

/// Three failures in a row open the gate, a probe a second later meets the fourth, the next one closes it. Nobody asked the destination
/// in between.
#[test]
fn a_destination_that_fails_is_left_alone_until_a_probe_succeeds() -> Result<()> {
    let destinations = Destinations::new()?;
    let host = destinations.start()?;
    has_everything(&destinations.failing)?;
    let (own, a) = (host.own_metrics()?, "otlphttp/a");
    assert_eq!((steps(&own, a, "closed", "open"), steps(&own, a, "open", "half_open")), (1.0, 2.0));
    assert_eq!((steps(&own, a, "half_open", "open"), steps(&own, a, "half_open", "closed")), (1.0, 1.0));
    assert_eq!(counted(&own, a, "otelier_breaker_probes", &[("kind", "half_open")]), 2.0);
    assert_eq!(own.total("otelier_exporter_failed_attempts", &[("exporter", a), ("class", "unavailable")]), 4.0);
    assert_eq!(counted(&own, a, "otelier_breaker_state", &[]), 0.0);
    assert_eq!(counted(&own, a, "otelier_breaker_policy_failures", &[]), 0.0);
    let log = destinations.setup.log();
    assert!(
        log.contains("after `unavailable`; of 3 attempts 0 succeeded and 3 failed, 3 in a row; no attempt for 1s"),
        "{log}"
    );
    Ok(())
}

#[test]
fn exporters_that_name_one_breaker_have_a_gate_each() -> Result<()> {
    let destinations = Destinations::new()?;
    let host = destinations.start()?;
    has_everything(&destinations.failing)?;
    has_everything(&destinations.healthy)?;
    assert_eq!(steps(&host.own_metrics()?, "otlphttp/b", "closed", "open"), 0.0);
    Ok(())
}
