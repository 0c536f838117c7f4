//! Versions of breaker policies change as those of processors do.

use anyhow::{Context, Result, ensure};
use otelier_tests::component::{self, AT_INSTANTIATION};
use otelier_tests::downstream::{Downstream, Fate};
use otelier_tests::host::{Configuration, Host, Setup};
use otelier_tests::{environment, grpc, payload, wait};
use serde_json::json;

use crate::{Plugin, until_swaps};

const NAME: &str = "consecutive-failures";

/// What `otelier_breaker_state` says of an open gate.
const OPEN: Option<f64> = Some(2.0);

/// A destination that fails three times, and the policy of the gate in front of it.
struct Gated {
    destination: Downstream,
    plugin: Plugin,
    setup: Setup,
}

impl Gated {
    fn new() -> Result<Gated> {
        let mut failures = 3;
        let destination = Downstream::start(move |_| match failures {
            0 => Fate::Taken,
            _ => {
                failures -= 1;
                Fate::Unavailable
            }
        })?;
        let exporter = json!({
            "endpoint": format!("http://{}", destination.address()),
            "compression": "none",
            "sending_queue": {"num_consumers": 1},
            "retry_on_failure": {"initial_interval": "5ms", "max_interval": "5ms", "max_elapsed_time": "0s"},
            "breaker": NAME,
        });
        let config = Configuration::default()
            .set("exporters/otlphttp", exporter)
            .set(&format!("extensions/{NAME}"), json!({"timeout": "1h", "consecutive_failures": 2, "max_hold": "1h"}))
            .set("service/extensions", json!(["health_check", NAME]))
            .pipeline("logs", &[], &["otlphttp"]);
        let plugin = Plugin::copy(&environment::plugin(NAME)?)?;
        let setup = plugin.setup_as(NAME, &config, json!({"world": "breaker-policy@0.1.0"}))?;
        Ok(Gated { destination, plugin, setup })
    }

    /// A host whose gate is open for an hour. Three requests wait behind it.
    fn start(&self) -> Result<Host<'_>> {
        let host = self.setup.start()?;
        for body in ["one", "two", "three"] {
            let outcome = host.grpc()?.send(grpc::LOGS, &payload::logs(&[body]));
            ensure!(outcome.is_acknowledged(), "{outcome:?}");
        }
        wait::until_equal("the gate is open", &OPEN, || state(&host))?;
        ensure!(self.destination.memory().taken.is_empty());
        Ok(host)
    }
}

fn state(host: &Host<'_>) -> Result<Option<f64>> {
    Ok(host.own_metrics()?.value("otelier_breaker_state", &[("exporter", "otlphttp"), ("breaker", NAME)]))
}

/// One does not understand the configuration, the others break at their instantiation.
#[test]
fn versions_of_a_policy_that_are_refused_do_not_move_the_gate() -> Result<()> {
    let gated = Gated::new()?;
    let (plugin, host) = (&gated.plugin, gated.start()?);
    plugin.exchange(&std::fs::read(environment::guest("misjudge")?)?)?;
    until_swaps(&host, NAME, "refused", 1.0)?;
    ensure!(state(&host)? == OPEN, "a version that was refused has moved the gate");
    for (number, (behind, words)) in (2..).zip(AT_INSTANTIATION) {
        plugin.exchange(&component::with(&plugin.component, behind)?)?;
        until_swaps(&host, NAME, "refused", f64::from(number)).with_context(|| format!("{behind:?}"))?;
        wait::until("the log says why", || Ok(gated.setup.log().contains(words).then_some(())))?;
        ensure!(state(&host)? == OPEN, "{behind:?} has moved the gate");
    }
    ensure!(gated.destination.memory().taken.is_empty());
    let log = gated.setup.log();
    ensure!(log.contains("breaker consecutive-failures of exporter otlphttp"), "{log}");
    Ok(())
}

/// It stands for a closed gate, so what waits is sent.
#[test]
fn a_new_version_of_a_policy_decides_from_then_on() -> Result<()> {
    let gated = Gated::new()?;
    let host = gated.start()?;
    gated.plugin.exchange(&gated.plugin.version("other"))?;
    until_swaps(&host, NAME, "swapped", 1.0)?;
    wait::until("what waited has arrived", || Ok((gated.destination.memory().taken.len() == 3).then_some(())))?;
    let log = gated.setup.log();
    ensure!(log.contains("another version of the policy took over"), "{log}");
    Ok(())
}

#[test]
fn the_history_tells_of_a_new_version_of_a_policy() -> Result<()> {
    let gated = Gated::new()?;
    let host = gated.start()?;
    gated.plugin.exchange(&gated.plugin.version("other"))?;
    until_swaps(&host, NAME, "swapped", 1.0)?;
    let history = gated.setup.prints(&["plugin", "history"])?;
    ensure!(history.contains(NAME) && history.contains("->"), "{history}");
    Ok(())
}
