//! Delivery to a destination that fails in every way it can, from a host that is killed, filled and starved.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod answers;
mod clock;
mod disk;
mod empty;
mod faults;
mod letters;
mod overload;
mod promises;
mod secrets;

use std::net::SocketAddr;

use otelier_tests::host::Configuration;
use serde_json::{Value, json};

/// Logs from OTLP to one push exporter, with a queue on disk and fast retries; `body` goes over what is there.
fn forwarding(kind: &str, destination: SocketAddr, body: &Value) -> Configuration {
    let endpoint = match kind {
        "otlp" => format!("{destination}"),
        _ => format!("http://{destination}"),
    };
    let mut exporter = json!({
        "endpoint": endpoint,
        "tls": {"insecure": true},
        "compression": "none",
        "timeout": "1s",
        "sending_queue": {"storage": "rocksdb", "queue_size": 10_000},
        "retry_on_failure": {"initial_interval": "10ms", "max_interval": "50ms", "max_elapsed_time": "0s"},
    });
    for (key, value) in body.as_object().into_iter().flatten() {
        exporter[key] = value.clone();
    }
    Configuration::default()
        .set(&format!("exporters/{kind}"), exporter)
        .set("extensions/rocksdb", json!({}))
        .set("service/extensions", json!(["health_check", "rocksdb"]))
        .pipeline("logs", &[], &[kind])
}
