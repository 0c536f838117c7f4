//! Quotas that are nearly reached: of a plugin's state, of queues on disk, of dead letters.

use anyhow::{Result, ensure};
use otelier_tests::downstream::{Downstream, Fate};
use otelier_tests::host::{Configuration, Host, Setup, manifest};
use otelier_tests::payload::{self, Temporality};
use otelier_tests::{environment, grpc, wait};
use serde_json::json;

use crate::recording::Recording;
use crate::{forwarding, promtool, until};

const ALERT: &str = "OtelierStoreNearQuota";

/// Does something until `part` of `whole` is more than nine tenths; both are metrics without more than one series.
fn nearly_fill(host: &Host<'_>, part: &str, whole: &str, mut more: impl FnMut(usize) -> Result<()>) -> Result<()> {
    for number in 0..10_000 {
        let own = host.own_metrics()?;
        let (part, whole) = (own.total(part, &[]), own.total(whole, &[]));
        ensure!(whole > 0.0, "no quota is shown");
        if part > 0.9 * whole {
            return Ok(());
        }
        more(number)?;
    }
    anyhow::bail!("{part} does not grow")
}

#[test]
fn state_that_nearly_fills_its_quota_is_told() -> Result<()> {
    let file = environment::plugin("aggregate")?;
    let entry = json!({"limits": {"storage_mib": 1}});
    let setup = Setup::new(&Configuration::aggregate().text(), &manifest(&[("aggregate", &file, entry)]))?;
    let (host, mut recording) = (setup.start()?, Recording::default());
    recording.add(&host, 2, || Ok(()))?;
    let (bytes, bytes_max) = ("otelier_processor_state_bytes", "otelier_processor_state_bytes_max");
    nearly_fill(&host, bytes, bytes_max, |number| {
        let point = |series: usize| payload::integer(1, &[("work.type", &format!("{number:0>200}-{series}"))]);
        let points = (0..20).map(point).collect();
        host.accepts(&payload::metrics(vec![payload::counter("work.done", Temporality::Delta, points)]))
    })?;
    let kept = host.own_metrics()?.total(bytes, &[]);
    ensure!(host.own_metrics()?.total(bytes_max, &[]) == f64::from(1 << 20), "another quota than one MiB");
    recording.add(&host, 7, || Ok(()))?;
    promtool::fires(&recording, &[ALERT], &[ALERT])?;
    // Another process knows it from its start.
    host.kill()?;
    let again = setup.start()?.own_metrics()?.total(bytes, &[]);
    ensure!(again > 0.9 * kept, "{kept} before the kill, {again} after it");
    Ok(())
}

#[test]
fn queues_that_nearly_fill_their_storage_are_told() -> Result<()> {
    let downstream = Downstream::start(|_| Fate::Unavailable)?;
    let body = json!({"sending_queue": {"storage": "rocksdb", "queue_size": 1000, "num_consumers": 1}});
    let config = forwarding(downstream.address(), &body)
        .set("extensions/rocksdb", json!({"max_bytes": 100_000}))
        .set("service/extensions", json!(["health_check", "rocksdb"]));
    let setup = Setup::without_plugins(&config)?;
    let (host, mut recording) = (setup.start()?, Recording::default());
    recording.add(&host, 2, || Ok(()))?;
    nearly_fill(&host, "otelier_storage_queue_bytes", "otelier_storage_queue_bytes_max", |_| record(&host, 1000))?;
    recording.add(&host, 7, || Ok(()))?;
    promtool::fires(&recording, &[ALERT], &[ALERT])?;
    downstream.follow(|_| Fate::Taken);
    until(&host, "otelier_storage_queue_bytes", |bytes| bytes == 0.0)?;
    recording.add(&host, 1, || Ok(()))?;
    promtool::fires(&recording, &[ALERT], &[])
}

fn record(host: &Host<'_>, bytes: usize) -> Result<()> {
    let outcome = host.grpc()?.send(grpc::LOGS, &payload::logs(&[&"x".repeat(bytes)]));
    ensure!(outcome.is_acknowledged(), "{outcome:?}");
    Ok(())
}

#[test]
fn dead_letters_that_nearly_fill_their_room_are_told() -> Result<()> {
    let downstream = Downstream::start(|_| Fate::Refused)?;
    let config =
        forwarding(downstream.address(), &json!({})).set("service/delivery", json!({"dead_letter_bytes_max": 100_000}));
    let setup = Setup::without_plugins(&config)?;
    let (host, mut recording) = (setup.start()?, Recording::default());
    recording.add(&host, 2, || Ok(()))?;
    nearly_fill(&host, "otelier_dead_letter_bytes", "otelier_dead_letter_bytes_max", |number| {
        record(&host, 1000)?;
        let letters = (number + 1) as f64;
        wait::until_equal("it is a dead letter", &letters, || {
            Ok(host.own_metrics()?.total("otelier_dead_letters", &[]))
        })
    })?;
    recording.add(&host, 7, || Ok(()))?;
    let both = ["OtelierDeadLettersGrow", ALERT];
    promtool::fires(&recording, &both, &both)?;
    setup.prints(&["dlq", "drop", "--all"])?;
    recording.add(&host, crate::FORGOTTEN, || Ok(()))?;
    promtool::fires(&recording, &both, &[])
}
