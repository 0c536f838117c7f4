//! Versions of breaker policies change as those of processors do.

use anyhow::{Context, Result, ensure};
use otelier_tests::component::{self, AT_INSTANTIATION};
use otelier_tests::downstream::{Downstream, Fate};
use otelier_tests::host::{Configuration, Setup, manifest};
use otelier_tests::{environment, grpc, payload, wait};
use serde_json::json;

use crate::{Plugin, until_swaps};

const NAME: &str = "consecutive-failures";

/// The gate is open for an hour when a new version comes: it stands for a closed gate, so what waits is sent. One that does not understand
/// the configuration does not come into place.
#[test]
fn a_new_version_of_a_policy_decides_from_then_on() -> Result<()> {
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
    let entry = json!({"world": "breaker-policy@0.1.0"});
    let setup = Setup::new(&config.text(), &manifest(&[(NAME, &plugin.file, entry)]))?;
    let host = setup.start()?;
    for body in ["one", "two", "three"] {
        let outcome = host.grpc()?.send(grpc::LOGS, &payload::logs(&[body]));
        ensure!(outcome.is_acknowledged(), "{outcome:?}");
    }
    let state =
        || Ok(host.own_metrics()?.value("otelier_breaker_state", &[("exporter", "otlphttp"), ("breaker", NAME)]));
    wait::until_equal("the gate is open", &Some(2.0), state)?;
    ensure!(destination.memory().taken.is_empty());

    plugin.exchange(&std::fs::read(environment::guest("misjudge")?)?)?;
    until_swaps(&host, NAME, "refused", 1.0)?;
    ensure!(state()? == Some(2.0), "a version that was refused has moved the gate");
    for (number, (behind, words)) in (2..).zip(AT_INSTANTIATION) {
        plugin.exchange(&component::with(&plugin.component, behind)?)?;
        until_swaps(&host, NAME, "refused", f64::from(number)).with_context(|| format!("{behind:?}"))?;
        wait::until("the log says why", || Ok(setup.log().contains(words).then_some(())))?;
        ensure!(state()? == Some(2.0), "{behind:?} has moved the gate");
    }
    ensure!(destination.memory().taken.is_empty());

    plugin.exchange(&plugin.version("other"))?;
    until_swaps(&host, NAME, "swapped", 1.0)?;
    wait::until("what waited has arrived", || Ok((destination.memory().taken.len() == 3).then_some(())))?;
    let log = setup.log();
    ensure!(log.contains("another version of the policy took over"), "{log}");
    ensure!(log.contains("breaker consecutive-failures of exporter otlphttp"), "{log}");
    let history = setup.prints(&["plugin", "history"])?;
    ensure!(history.contains("->"), "{history}");
    Ok(())
}
