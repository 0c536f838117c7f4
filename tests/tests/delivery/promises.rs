//! What senders are promised: by a fallback, by an exporter whose answer they wait for, and by a process that is short of memory.

use anyhow::{Result, ensure};
use otelier_tests::downstream::{Downstream, Fate};
use otelier_tests::grpc::{self, Outcome};
use otelier_tests::host::{Configuration, Endpoints, Host, Setup};
use otelier_tests::{payload, wait};
use serde_json::json;

use crate::forwarding;

fn sends(host: &Host<'_>, text: &str) -> Result<()> {
    let outcome = host.grpc()?.send(grpc::LOGS, &payload::logs(&[text]));
    ensure!(outcome.is_acknowledged(), "{text}: {outcome:?}");
    Ok(())
}

fn arrives(downstream: &Downstream, text: &str) -> Result<()> {
    wait::until("it arrives", || Ok(downstream.memory().taken.contains_key(text).then_some(())))
}

#[test]
fn a_fallback_takes_over_and_gives_back() -> Result<()> {
    let (first, second) = (Downstream::start(|_| Fate::Unavailable)?, Downstream::start(|_| Fate::Taken)?);
    let exporter = |downstream: &Downstream| json!({"endpoint": format!("http://{}", downstream.address()), "compression": "none", "timeout": "5s"});
    let configuration = Configuration::default()
        .set("exporters/otlphttp~1near", exporter(&first))
        .set("exporters/otlphttp~1far", exporter(&second))
        .set("exporters/fallback", json!({"exporters": ["otlphttp/near", "otlphttp/far"], "probe_interval": "50ms"}))
        .pipeline("logs", &[], &["fallback"]);
    let setup = Setup::without_plugins(&configuration)?;
    let host = setup.start()?;
    sends(&host, "while the first is down")?;
    arrives(&second, "while the first is down")?;
    ensure!(first.memory().taken.is_empty());
    first.follow(|_| Fate::Taken);
    wait::until("the first takes over again", || {
        sends(&host, "afterwards")?;
        Ok(first.memory().taken.contains_key("afterwards").then_some(()))
    })?;
    host.kill()
}

#[test]
fn a_member_that_is_not_defined_is_a_configuration_error() -> Result<()> {
    let configuration = Configuration::default()
        .set("exporters/fallback", json!({"exporters": ["otlphttp/nowhere", "debug"]}))
        .pipeline("logs", &[], &["fallback"]);
    let error = Setup::without_plugins(&configuration)?.fails_to_start()?;
    ensure!(error.contains("otlphttp/nowhere") && error.contains("fallback"), "{error}");
    let configuration = configuration.set("exporters/fallback", json!({"exporters": ["debug"]}));
    let error = Setup::without_plugins(&configuration)?.fails_to_start()?;
    ensure!(error.contains("`debug` cannot stand in a fallback"), "{error}");
    Ok(())
}

#[test]
fn a_queue_without_its_storage_is_a_configuration_error() -> Result<()> {
    let configuration = forwarding("otlp", Endpoints::free()?.spare, &json!({}));
    let configuration = configuration.set("service/extensions", json!(["health_check"]));
    let error = Setup::without_plugins(&configuration)?.fails_to_start()?;
    ensure!(error.contains("`rocksdb` is no storage extension that runs"), "{error}");
    Ok(())
}

#[test]
fn a_sender_that_waits_hears_what_the_destination_says() -> Result<()> {
    let downstream = Downstream::start(|number| match number {
        0 => Fate::Refused,
        1 => Fate::Partial,
        _ => Fate::Taken,
    })?;
    let body = json!({"sending_queue": {"wait_for_result": true}});
    let setup = Setup::without_plugins(&forwarding("otlphttp", downstream.address(), &body))?;
    let host = setup.start()?;
    let mut client = host.grpc()?;
    let refusal = client.send(grpc::LOGS, &payload::logs(&["refused"])).refusal()?;
    ensure!(refusal.code == grpc::INVALID_ARGUMENT && refusal.retry_after.is_none(), "{refusal:?}");
    let partial = client.send(grpc::LOGS, &payload::logs(&["rejected", "taken"]));
    ensure!(matches!(&partial, Outcome::Acknowledged(message) if !message.is_empty()), "{partial:?}");
    ensure!(client.send(grpc::LOGS, &payload::logs(&["taken too"])).is_acknowledged());
    ensure!(downstream.memory().taken.contains_key("taken too"), "answered before it was delivered");
    ensure!(host.own_metrics()?.value("otelier_dead_letters", &[]) == Some(0.0), "its sender still has it");
    host.kill()
}

#[test]
fn a_process_short_of_memory_refuses_before_it_reads() -> Result<()> {
    let configuration = Configuration::default()
        .processor("memory_limiter", json!({"check_interval": "50ms", "limit_mib": 2}))
        .pipeline("logs", &["memory_limiter"], &["debug"]);
    let setup = Setup::without_plugins(&configuration)?;
    let host = setup.start()?;
    let refusal = wait::until("memory is measured", || {
        Ok(host.grpc()?.send(grpc::LOGS, &payload::logs(&["one"])).refusal().ok())
    })?;
    ensure!(refusal.code == grpc::UNAVAILABLE && refusal.message.contains("short of memory"), "{refusal:?}");
    ensure!(refusal.retry_after.is_some_and(|delay| !delay.is_zero()), "{refusal:?}");
    host.kill()
}
