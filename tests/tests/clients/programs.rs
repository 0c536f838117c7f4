//! The clients, as programs.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use otelier::contract::Signal;
use otelier_tests::environment;
use otelier_tests::recorder::Transport;

/// Where a client sends to.
#[derive(Clone, Copy)]
pub struct Target {
    /// OTLP/gRPC.
    pub grpc: SocketAddr,
    /// OTLP/HTTP.
    pub http: SocketAddr,
}

/// The transports in the order in which the SDKs' clients use them for each of their requests.
pub const TRANSPORTS: [Transport; 3] = [Transport::Grpc, Transport::HttpProtobuf, Transport::HttpJson];

/// A client with an SDK: it sends each of its requests once over each transport.
pub struct Sdk {
    /// The name of its folder in `tests/clients` and in `tests/collections`.
    pub name: &'static str,
    command: fn() -> Result<Command>,
}

/// The SDKs' clients.
pub const SDKS: [Sdk; 2] = [
    Sdk {
        name: "python",
        command: || {
            let mut command = Command::new(environment::test_python()?);
            command.arg(environment::test_client("python/emit.py")?);
            Ok(command)
        },
    },
    Sdk {
        name: "javascript",
        command: || {
            let mut command = Command::new(environment::node()?);
            command.arg(environment::test_client("javascript/emit.js")?);
            command.env("NODE_PATH", environment::node_modules()?);
            Ok(command)
        },
    },
];

impl Sdk {
    /// Runs it to its end. It writes what each request holds to `said`, by its SDK's own encoder. With `packed` its
    /// SDK compresses each request.
    pub fn send(&self, target: Target, said: &Path, packed: bool) -> Result<()> {
        let mut command = (self.command)()?;
        command.arg("--grpc").arg(target.grpc.to_string()).arg("--http").arg(target.http.to_string());
        command.arg("--said").arg(said);
        clear_environment(&mut command);
        if packed {
            command.env("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip");
        }
        run(&mut command)
    }
}

/// One request of the generator.
pub struct Generated {
    /// What it is called in the collection.
    pub name: &'static str,
    /// Of what.
    pub signal: Signal,
    arguments: &'static [&'static str],
}

const IDS: [&str; 4] = ["--trace-id", "0102030405060708090a0b0c0d0e0f10", "--span-id", "1112131415161718"];

/// All that telemetrygen can make. It has no up-down counter and no summary, and does not speak JSON.
pub const GENERATED: &[Generated] = &[
    metrics("metrics-gauge", &["--metric-type", "Gauge"]),
    metrics(
        "metrics-sum-delta",
        &["--metric-type", "Sum", "--aggregation-temporality", "delta", "--otlp-metric-name", "orders.placed"],
    ),
    metrics(
        "metrics-sum-cumulative",
        &["--metric-type", "Sum", "--aggregation-temporality", "cumulative", "--otlp-metric-name", "orders.placed"],
    ),
    metrics("metrics-histogram-delta", &["--metric-type", "Histogram", "--aggregation-temporality", "delta"]),
    metrics("metrics-histogram-cumulative", &["--metric-type", "Histogram", "--aggregation-temporality", "cumulative"]),
    metrics(
        "metrics-exponential-histogram-delta",
        &["--metric-type", "ExponentialHistogram", "--aggregation-temporality", "delta"],
    ),
    metrics(
        "metrics-exponential-histogram-cumulative",
        &["--metric-type", "ExponentialHistogram", "--aggregation-temporality", "cumulative"],
    ),
    Generated {
        name: "traces-spans",
        signal: Signal::Traces,
        arguments: &["traces", "--traces", "3", "--child-spans", "2", "--span-links", "2", "--status-code", "Error"],
    },
    Generated {
        name: "logs-records",
        signal: Signal::Logs,
        arguments: &[
            "logs",
            "--logs",
            "3",
            "--body",
            "the oven is hot ☕",
            "--severity-number",
            "18",
            "--severity-text",
            "Error",
        ],
    },
];

const fn metrics(name: &'static str, arguments: &'static [&'static str]) -> Generated {
    Generated { name, signal: Signal::Metrics, arguments }
}

impl Generated {
    /// Runs telemetrygen to its end: one request, over gRPC or HTTP/protobuf.
    pub fn send(&self, transport: Transport, endpoint: SocketAddr) -> Result<()> {
        let mut command = Command::new(environment::telemetrygen()?);
        if self.signal == Signal::Metrics {
            command.args(["metrics", "--metrics", "3"]);
        }
        command.args(self.arguments);
        if self.signal != Signal::Traces {
            command.args(IDS);
        }
        command.args(["--rate", "0", "--otlp-insecure", "--otlp-endpoint", &endpoint.to_string()]);
        for attribute in ["host.name=\"Zürich ☕\"", "cores=8", "virtual=true", "addresses=[\"10.0.0.1\",\"::1\"]"] {
            command.args(["--otlp-attributes", attribute]);
        }
        for attribute in ["work.type=\"manual\"", "priority=-1", "retry=false"] {
            command.args(["--telemetry-attributes", attribute]);
        }
        if transport == Transport::HttpProtobuf {
            command.arg("--otlp-http");
        }
        clear_environment(&mut command);
        run(&mut command).with_context(|| self.name)
    }
}

/// A protobuf request in OTLP's JSON, by the protobuf library for Python: for a client that does not speak it.
pub fn to_json(signal: Signal, protobuf: &Path) -> Result<Vec<u8>> {
    let mut command = Command::new(environment::test_python()?);
    command.arg(environment::test_client("python/to_json.py")?).arg(signal.name()).arg(protobuf);
    let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(output.stdout)
}

/// Nothing of the caller's environment may send elsewhere or change what is sent.
fn clear_environment(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("OTEL_") || text.to_lowercase().ends_with("_proxy") {
            command.env_remove(&name);
        }
    }
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
    let written = || [&output.stdout[..], &output.stderr].concat();
    ensure!(
        output.status.success(),
        "{command:?} ended with {}:\n{}",
        output.status,
        String::from_utf8_lossy(&written())
    );
    Ok(())
}
