//! The rules of `configs/prometheus` and the dashboard of `configs/grafana`, on metrics that real hosts produced: under each fault its own
//! alert fires, and on a healthy host under load none does.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod certificates;
mod dashboard;
mod delivery;
mod full;
mod healthy;
mod plugins;
mod promtool;
mod quotas;
mod recording;
mod requests;
mod rules;

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use otelier_tests::host::{Configuration, Host};
use otelier_tests::{grpc, payload, wait};
use serde_json::{Value, json};

/// Longer than every window and every `for` of the rules, in scrapes of a minute each: what was, is forgotten.
const FORGOTTEN: usize = 17;

/// Log records from OTLP to an `otlphttp` exporter that tries again soon; `body` goes over what is there.
fn forwarding(destination: SocketAddr, body: &Value) -> Configuration {
    let mut exporter = json!({
        "endpoint": format!("http://{destination}"),
        "compression": "none",
        "timeout": "1s",
        "sending_queue": {"num_consumers": 1},
        "retry_on_failure": {"initial_interval": "10ms", "max_interval": "50ms", "max_elapsed_time": "0s"},
    });
    for (key, value) in body.as_object().into_iter().flatten() {
        exporter[key] = value.clone();
    }
    Configuration::default().set("exporters/otlphttp", exporter).pipeline("logs", &[], &["otlphttp"])
}

/// Sends so many requests of one record, which are acknowledged.
fn send(host: &Host<'_>, count: usize) -> Result<()> {
    let mut client = host.grpc()?;
    for _ in 0..count {
        let outcome = client.send(grpc::LOGS, &payload::logs(&["the oven is hot"]));
        ensure!(outcome.is_acknowledged(), "{outcome:?}");
    }
    Ok(())
}

/// Waits until what the host says of itself adds up to that.
fn until(host: &Host<'_>, name: &str, is_there: impl Fn(f64) -> bool) -> Result<()> {
    wait::until(&format!("{name} is what it is to be"), || {
        let value = host.own_metrics()?.total(name, &[]);
        Ok(is_there(value).then_some(()))
    })
}
