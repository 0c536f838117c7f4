//! Guests that break before the first batch, or at a flush.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use otelier_tests::beside::{after, after_and_down, is_up, restarted};
use otelier_tests::component::{self, AT_INSTANTIATION, Behind};
use otelier_tests::environment;
use otelier_tests::grpc::{self, Outcome, Refusal};
use otelier_tests::host::{Host, Setup, manifest};
use otelier_tests::payload::{self, Temporality};
use otelier_tests::wait;
use serde_json::json;

use super::{GUEST, SEEN, breaking, exchange, hasty, send_good, setup, traps};

/// The start fails for a guest that breaks then, with the file and line of its configuration or its component id.
#[test]
fn a_guest_that_breaks_before_it_runs_keeps_the_host_from_starting() -> Result<()> {
    for (guest, says) in [
        ("trap/describe", "trapped"),
        ("endless-loop/describe", "deadline exceeded"),
        ("decline/describe", "this configuration is refused, as it asks for"),
        ("describe-flood/huge", "more than 1024 metric patterns"),
        ("describe-flood/duplicate", "the same durable keying declared twice"),
        ("trap/start", "trapped"),
        ("endless-loop/start", "deadline exceeded"),
    ] {
        let setup = setup(guest, hasty())?;
        let error = setup.fails_to_start().context(guest)?;
        assert!(error.contains("processor guest: ") && error.contains(says), "{guest}: {error}");
        if !guest.ends_with("start") {
            assert!(error.contains("config.yaml:"), "{guest}: {error}");
            assert!(!setup.state().exists(), "{guest}: the state was touched");
        }
    }
    Ok(())
}

/// What a component does at its instantiation, before any of its exports is called, has the same limits as a call.
#[test]
fn a_component_that_breaks_at_its_instantiation_keeps_the_host_from_starting() -> Result<()> {
    for (behind, says) in AT_INSTANTIATION {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("guest.wasm");
        std::fs::write(&file, component::with(&std::fs::read(environment::guest("honest")?)?, behind)?)?;
        let plugins =
            manifest(&[(GUEST, &file, hasty()), ("aggregate", &environment::plugin("aggregate")?, json!({}))]);
        let setup = Setup::new(&breaking("honest").text(), &plugins)?;
        let error = setup.fails_to_start().with_context(|| format!("{behind:?}"))?;
        assert!(error.contains("processor guest: ") && error.contains(says), "{behind:?}: {error}");
        assert!(error.contains("config.yaml:") && !setup.state().exists(), "{behind:?}: {error}");
    }
    Ok(())
}

/// Nor does it need more than there is, if it needs no more than a component that a compiler made.
#[test]
fn a_few_more_instances_than_a_compiler_makes_are_within_the_bounds() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("guest.wasm");
    let honest = std::fs::read(environment::guest("honest")?)?;
    std::fs::write(&file, component::with(&honest, Behind::Instances(8))?)?;
    let plugins = manifest(&[(GUEST, &file, hasty()), ("aggregate", &environment::plugin("aggregate")?, json!({}))]);
    let setup = Setup::new(&breaking("honest").text(), &plugins)?;
    let host = setup.start()?;
    send_good(&host)?;
    host.wait_for(SEEN, &[], 2.0)?;
    after(&host, &[("good", 3.0)])
}

#[test]
fn a_start_that_asks_for_ever_is_ended() -> Result<()> {
    let setup = setup("endless-calls/start", json!({"limits": {"call_timeout": "60s", "host_calls": 1000}}))?;
    let error = setup.fails_to_start()?;
    assert!(error.contains("too many host calls") && error.contains("`host_calls`"), "{error}");
    Ok(())
}

/// Nobody has been answered yet, so there is nothing to wait for.
#[test]
fn a_start_that_takes_long_ends_at_once_when_it_is_asked_to() -> Result<()> {
    let setup = setup("endless-loop/start", json!({"limits": {"call_timeout": "1h"}}))?;
    let host = setup.spawn()?;
    wait::until("the store is open", || Ok(setup.state().join("otelier-store").exists().then_some(())))?;
    let status = host.terminate()?;
    ensure!(status.success(), "{status}");
    ensure!(setup.log().contains("asked to end while it starts"), "{}", setup.log());
    Ok(())
}

#[test]
fn an_interface_that_is_not_granted_keeps_the_host_from_starting() -> Result<()> {
    let setup = setup("honest", json!({"grants": {"interfaces": ["log"]}}))?;
    let error = setup.fails_to_start()?;
    for says in ["plugins.yaml:", "plugin `guest`", "imports otelier:plugin/storage@0.1.0", "add `storage`"] {
        assert!(error.contains(says), "{says}: {error}");
    }
    assert!(!setup.state().exists(), "the state was touched");
    Ok(())
}

#[test]
fn a_guest_that_refuses_its_state_keeps_the_host_from_starting_and_the_state_stays() -> Result<()> {
    let setup = setup("honest", hasty())?;
    let host = setup.start()?;
    send_good(&host)?;
    host.kill()?;
    exchange(&setup, "decline/state")?;
    let error = setup.fails_to_start()?;
    assert!(error.contains("processor guest: this state is refused"), "{error}");
    exchange(&setup, "honest")?;
    assert_eq!(setup.start()?.scrape()?.value(SEEN, &[]), Some(2.0));
    Ok(())
}

/// A flush that breaks costs what it would have shown, and no acknowledged points: they are in the state. While a host
/// takes nothing because of it, health says so. It is tried again with a pause.
#[test]
fn a_flush_that_breaks_loses_no_points() -> Result<()> {
    for guest in ["trap/flush", "endless-loop/flush", "endless-flush"] {
        let setup = setup(guest, hasty())?;
        let host = setup.start().context(guest)?;
        let since = Instant::now();
        let mut accepted = None;
        for _ in 0..3 {
            match host.grpc()?.send(grpc::METRICS, &payload::work("good", Temporality::Delta, &[1, 2])) {
                Outcome::Refused(refusal) => is_down(&host, &refusal).context(guest)?,
                outcome => {
                    ensure!(outcome.is_acknowledged(), "{guest}: {outcome:?}");
                    accepted = Some(accepted.unwrap_or(0.0) + 2.0);
                }
            }
        }
        if guest != "endless-flush" {
            wait::until("the trap is counted", || Ok((traps(&host)? >= 1.0).then_some(()))).context(guest)?;
        }
        // The guest asks for a flush every 200 ms.
        let (tries, traps) = (10.0 + since.elapsed().as_secs_f64() * 10.0, traps(&host)?);
        ensure!(traps < tries, "{guest}: {traps} flushes were tried in {:?}", since.elapsed());
        let sums: Vec<(&str, f64)> = accepted.iter().map(|rows| ("good", rows * 1.5)).collect();
        after_and_down(&host, GUEST, &sums).context(guest)?;
        // It drains all the same.
        ensure!(host.terminate().context(guest)?.code() == Some(0), "{guest}");
        exchange(&setup, "honest")?;
        let shown = restarted(&setup, &sums).context(guest)?.scrape()?.value(SEEN, &[]).filter(|value| *value > 0.0);
        ensure!(shown == accepted, "{guest}: {accepted:?} accepted, {shown:?} shown");
    }
    Ok(())
}

/// Batches pass meanwhile, and what they bring is seen nowhere: the operator has to know.
#[test]
fn health_tells_of_flushes_that_break_again_and_again() -> Result<()> {
    let setup = setup("trap/flush", hasty())?;
    let host = setup.start()?;
    send_good(&host)?;
    wait::until("health says so", || {
        Ok(host.troubles()?.contains_key("pipeline:metrics/processor:guest").then_some(()))
    })?;
    let honest = environment::guest("honest")?.display().to_string();
    setup.prints(&["plugin", "swap", GUEST, "--file", &honest])?;
    send_good(&host)?;
    host.wait_for(SEEN, &[], 4.0)?;
    after(&host, &[("good", 6.0)])
}

/// A refusal because the processor has no instance at the moment; the operator can see it.
fn is_down(host: &Host<'_>, refusal: &Refusal) -> Result<()> {
    ensure!(refusal.code == grpc::UNAVAILABLE && refusal.retry_after.is_some(), "{refusal:?}");
    ensure!(refusal.message.contains("processor guest is unavailable"), "{refusal:?}");
    let troubles = host.troubles()?;
    ensure!(troubles.contains_key("pipeline:metrics/processor:guest"), "health says {troubles:?}");
    is_up(host)
}
