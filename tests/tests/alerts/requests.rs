//! Faults that senders hear of: requests that are refused, and a disk that takes nothing.

use anyhow::{Result, ensure};
use otelier_tests::downstream::{Downstream, Fate};
use otelier_tests::host::{Configuration, Setup};
use otelier_tests::payload::Temporality;
use otelier_tests::{grpc, payload, wait};
use serde_json::json;

use crate::recording::Recording;
use crate::{FORGOTTEN, forwarding, promtool, send, until};

#[test]
fn one_unreadable_request_of_ten_is_told_and_one_of_two_hundred_is_not() -> Result<()> {
    for (good, fires) in [(9, &["OtelierRequestsRefused"][..]), (199, &[])] {
        let setup = Setup::without_plugins(
            &Configuration::default().pipeline("logs", &[], &["nop"]).set("exporters/nop", json!({})),
        )?;
        let (host, mut recording) = (setup.start()?, Recording::default());
        recording.add(&host, 8, || {
            send(&host, good)?;
            let outcome = host.grpc()?.send(grpc::LOGS, b"this is no request");
            ensure!(!outcome.is_acknowledged(), "{outcome:?}");
            Ok(())
        })?;
        promtool::fires(&recording, fires, fires)?;
        recording.add(&host, FORGOTTEN, || send(&host, 1))?;
        promtool::fires(&recording, fires, &[])?;
    }
    Ok(())
}

#[test]
fn a_full_queue_refuses_senders() -> Result<()> {
    let downstream = Downstream::start(|_| Fate::Unavailable)?;
    let body = json!({"sending_queue": {"queue_size": 5, "num_consumers": 1}});
    let setup = Setup::without_plugins(&forwarding(downstream.address(), &body))?;
    let (host, mut recording) = (setup.start()?, Recording::default());
    send(&host, 5)?;
    recording.add(&host, 8, || {
        let outcome = host.grpc()?.send(grpc::LOGS, &payload::logs(&["one too many"]));
        ensure!(!outcome.is_acknowledged(), "{outcome:?}");
        Ok(())
    })?;
    let both = ["OtelierQueueNearlyFull", "OtelierRequestsRefused"];
    promtool::fires(&recording, &both, &both)?;
    downstream.follow(|_| Fate::Taken);
    until(&host, "otelcol_exporter_queue_size", |size| size == 0.0)?;
    recording.add(&host, FORGOTTEN, || send(&host, 1))?;
    promtool::fires(&recording, &both, &[])
}

#[test]
fn a_disk_that_takes_nothing_is_told() -> Result<()> {
    let setup = Setup::with_aggregate(&Configuration::aggregate())?;
    let (mut host, mut recording) = (setup.start()?, Recording::default());
    let request = payload::work("manual", Temporality::Delta, &[1]);
    recording.add(&host, 2, || host.accepts(&request))?;
    host.limit_files("1")?;
    wait::until("a request is refused", || {
        Ok((!host.grpc()?.send(grpc::METRICS, &request).is_acknowledged()).then_some(()))
    })?;
    let mut failed = 0.0;
    recording.add(&host, 8, || {
        let outcome = host.grpc()?.send(grpc::METRICS, &request);
        ensure!(!outcome.is_acknowledged(), "{outcome:?}");
        // The collector itself goes on trying.
        until(&host, "otelier_store_failed_writes", |writes| writes > failed)?;
        failed = host.own_metrics()?.total("otelier_store_failed_writes", &[]);
        Ok(())
    })?;
    let both = ["OtelierRequestsRefused", "OtelierStoreWriteErrors"];
    promtool::fires(&recording, &both, &both)?;
    host.limit_files("unlimited")?;
    host.wait_until_healthy()?;
    recording.add(&host, FORGOTTEN, || host.accepts(&request))?;
    promtool::fires(&recording, &both, &[])
}
