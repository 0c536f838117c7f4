//! Faults of destinations: one that is down, one that refuses, one that takes a part, and a breaker in front of one.

use anyhow::Result;
use otelier_tests::downstream::{Downstream, Fate};
use otelier_tests::host::{Setup, manifest};
use otelier_tests::{environment, wait};
use serde_json::json;

use crate::recording::Recording;
use crate::{FORGOTTEN, forwarding, promtool, send, until};

#[test]
fn a_destination_that_is_down_fills_its_queue() -> Result<()> {
    let downstream = Downstream::start(|_| Fate::Unavailable)?;
    let body = json!({"sending_queue": {"queue_size": 10, "num_consumers": 1}});
    let setup = Setup::without_plugins(&forwarding(downstream.address(), &body))?;
    let (host, mut recording) = (setup.start()?, Recording::default());
    recording.add(&host, 2, || Ok(()))?;
    send(&host, 9)?;
    until(&host, "otelcol_exporter_queue_size", |size| size == 9.0)?;
    recording.add(&host, 7, || Ok(()))?;
    promtool::fires(&recording, &["OtelierQueueNearlyFull"], &["OtelierQueueNearlyFull"])?;
    let labels = json!({
        "severity": "warning", "exporter": "otlphttp", "sizer": "requests", "job": "otelier", "instance": "127.0.0.1:8888",
    });
    let annotations = json!({
        "summary": "The queue of otlphttp is nearly full",
        "description": "The queue of exporter otlphttp on 127.0.0.1:8888 is 90% full. When it is full, senders are refused, or data \
                        is dropped.",
        "runbook_url": "https://github.com/otelier/otelier/blob/main/docs/src/operations/alerts/queue-nearly-full.md",
    });
    promtool::says(&recording, "OtelierQueueNearlyFull", &labels, &annotations)?;
    downstream.follow(|_| Fate::Taken);
    until(&host, "otelcol_exporter_queue_size", |size| size == 0.0)?;
    recording.add(&host, 1, || Ok(()))?;
    promtool::fires(&recording, &["OtelierQueueNearlyFull"], &[])
}

#[test]
fn a_breaker_that_does_not_close_is_told() -> Result<()> {
    let downstream = Downstream::start(|_| Fate::Unavailable)?;
    let config = forwarding(downstream.address(), &json!({"breaker": "consecutive-failures"}))
        .set("extensions/consecutive-failures", json!({"timeout": "1s", "consecutive_failures": 2}))
        .set("service/extensions", json!(["health_check", "consecutive-failures"]));
    let plugin = environment::plugin("consecutive-failures")?;
    let entry = json!({"world": "breaker-policy@0.1.0"});
    let setup = Setup::new(&config.text(), &manifest(&[("consecutive-failures", &plugin, entry)]))?;
    let (host, mut recording) = (setup.start()?, Recording::default());
    recording.add(&host, 2, || Ok(()))?;
    send(&host, 1)?;
    until(&host, "otelier_breaker_state", |state| state > 0.0)?;
    // Through several probes, which do not close it.
    recording.add(&host, 7, || {
        std::thread::sleep(std::time::Duration::from_millis(400));
        Ok(())
    })?;
    promtool::fires(&recording, &["OtelierBreakerOpen"], &["OtelierBreakerOpen"])?;
    downstream.follow(|_| Fate::Taken);
    until(&host, "otelier_breaker_state", |state| state == 0.0)?;
    recording.add(&host, 1, || Ok(()))?;
    promtool::fires(&recording, &["OtelierBreakerOpen"], &[])
}

#[test]
fn a_destination_that_refuses_for_good_makes_dead_letters() -> Result<()> {
    let downstream = Downstream::start(|_| Fate::Refused)?;
    let setup = Setup::without_plugins(&forwarding(downstream.address(), &json!({})))?;
    let (host, mut recording) = (setup.start()?, Recording::default());
    recording.add(&host, 2, || Ok(()))?;
    send(&host, 3)?;
    until(&host, "otelier_dead_letters", |letters| letters == 3.0)?;
    recording.add(&host, 2, || Ok(()))?;
    promtool::fires(&recording, &["OtelierDeadLettersGrow"], &["OtelierDeadLettersGrow"])?;
    recording.add(&host, FORGOTTEN, || Ok(()))?;
    promtool::fires(&recording, &["OtelierDeadLettersGrow"], &[])?;
    // Fewer are no growth.
    setup.prints(&["dlq", "drop", "--all"])?;
    recording.add(&host, 3, || Ok(()))?;
    promtool::fires(&recording, &["OtelierDeadLettersGrow"], &[])
}

#[test]
fn what_a_full_queue_drops_is_told() -> Result<()> {
    let downstream = Downstream::start(|_| Fate::Stalled)?;
    let body = json!({
        "timeout": "60s", "on_full": "drop", "sending_queue": {"queue_size": 2, "num_consumers": 1},
    });
    let setup = Setup::without_plugins(&forwarding(downstream.address(), &body))?;
    let (host, mut recording) = (setup.start()?, Recording::default());
    recording.add(&host, 2, || Ok(()))?;
    send(&host, 10)?;
    recording.add(&host, 7, || Ok(()))?;
    promtool::fires(
        &recording,
        &["OtelierItemsDropped", "OtelierQueueNearlyFull"],
        &["OtelierItemsDropped", "OtelierQueueNearlyFull"],
    )
}

#[test]
fn what_a_destination_leaves_out_of_a_batch_is_told() -> Result<()> {
    let downstream = Downstream::start(|_| Fate::Partial)?;
    let setup = Setup::without_plugins(&forwarding(downstream.address(), &json!({})))?;
    let (host, mut recording) = (setup.start()?, Recording::default());
    recording.add(&host, 2, || Ok(()))?;
    send(&host, 3)?;
    wait::until("all are sent", || {
        let rejected = host.own_metrics()?.total("otelier_exporter_rejected_items", &[]);
        Ok((rejected == 3.0).then_some(()))
    })?;
    recording.add(&host, 2, || Ok(()))?;
    promtool::fires(&recording, &["OtelierItemsDropped"], &["OtelierItemsDropped"])?;
    recording.add(&host, FORGOTTEN, || Ok(()))?;
    promtool::fires(&recording, &["OtelierItemsDropped"], &[])
}
