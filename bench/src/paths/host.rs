//! The host with the processors of a scenario and an exporter that keeps nothing, and its own account of what passed.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::items::Kind;
use super::scenario::{Scenario, To};
use crate::kernel;
use crate::servers::Settings;

/// Compiling the plugins is part of it.
const START_TIMEOUT: Duration = Duration::from_secs(60);
const LEDGER_TIMEOUT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);

/// A host at work; dropped before its end, it is killed.
pub struct Host {
    child: Child,
    grpc: SocketAddr,
    telemetry: SocketAddr,
    /// Configuration, manifest and state; deleted in the end.
    _folder: TempDir,
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Host {
    /// Starts a host on the servers' core and waits until it listens.
    pub fn start(scenario: &Scenario, sink: Option<SocketAddr>, settings: &Settings) -> Result<Host> {
        let held: Vec<TcpListener> =
            (0..2).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).collect::<std::io::Result<_>>()?;
        let addresses: Vec<SocketAddr> = held.iter().map(TcpListener::local_addr).collect::<std::io::Result<_>>()?;
        let [grpc, telemetry] = addresses[..] else { bail!("no free ports") };
        drop(held);
        let folder = tempfile::Builder::new().prefix("otelier-bench-").tempdir_in(&settings.state_root)?;
        let path = |name: &str| folder.path().join(name);
        fs::write(path("config.yaml"), config(scenario, sink, [grpc, telemetry]).to_string())?;
        fs::write(path("plugins.yaml"), manifest(scenario, settings)?.to_string())?;
        let mut command = Command::new(&settings.otelier);
        command.arg("run").arg("--config").arg(path("config.yaml")).arg("--manifest").arg(path("plugins.yaml"));
        command.arg("--state-dir").arg(path("state")).stdin(Stdio::null()).stdout(Stdio::null());
        let child = match settings.instances {
            None => kernel::spawn_on(settings.core, &mut command)?,
            Some(_) => command.spawn()?,
        };
        let mut host = Host { child, grpc, telemetry, _folder: folder };
        host.wait_until_listening()?;
        Ok(host)
    }

    fn wait_until_listening(&mut self) -> Result<()> {
        let start = Instant::now();
        while TcpStream::connect(self.grpc).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("the host did not start: {status}");
            }
            ensure!(start.elapsed() < START_TIMEOUT, "the host does not listen at {}", self.grpc);
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where it listens for gRPC.
    pub fn address(&self) -> SocketAddr {
        self.grpc
    }

    /// Checks its account against what was acknowledged and should have gone on, and ends it.
    pub fn finish(self, kind: Kind, accepted: u64, sent: Option<u64>) -> Result<()> {
        let start = Instant::now();
        let items = kind.items();
        loop {
            let page = self.own_metrics()?;
            let found = total(&page, &format!("otelcol_receiver_accepted_{items}"));
            let gone = total(&page, &format!("otelcol_exporter_sent_{items}"));
            let all_sent = sent.is_none_or(|sent| gone == sent as f64);
            if found == accepted as f64 && all_sent {
                break;
            }
            let over = found > accepted as f64 || sent.is_some_and(|sent| gone > sent as f64);
            ensure!(
                !over && start.elapsed() < LEDGER_TIMEOUT,
                "accepted {found} of {accepted} acknowledged, sent on {gone} of {sent:?}"
            );
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// Items that its exporter has sent so far.
    pub fn sent(&self, kind: Kind) -> Result<f64> {
        Ok(total(&self.own_metrics()?, &format!("otelcol_exporter_sent_{}", kind.items())))
    }

    fn own_metrics(&self) -> Result<String> {
        let mut stream = TcpStream::connect(self.telemetry)?;
        // 1.0, so that no server answers in chunks.
        write!(stream, "GET /metrics HTTP/1.0\r\nHost: {}\r\nConnection: close\r\n\r\n", self.telemetry)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

/// The sum over the series of a metric.
fn total(page: &str, name: &str) -> f64 {
    let of = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ', '_']));
    page.lines().filter(of).filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}

fn id(index: usize, plugin: &str) -> String {
    format!("{plugin}/{index}")
}

/// JSON is YAML.
fn config(scenario: &Scenario, sink: Option<SocketAddr>, [grpc, telemetry]: [SocketAddr; 2]) -> Value {
    let processors = (scenario.processors)();
    let ids: Vec<String> = processors.iter().enumerate().map(|(index, (plugin, _))| id(index, plugin)).collect();
    let bodies: Map<String, Value> = ids.iter().cloned().zip(processors.into_iter().map(|(_, body)| body)).collect();
    let exporter = if sink.is_some() { "otlp" } else { "nop" };
    let exporters = match sink {
        None => json!({"nop": {}}),
        Some(sink) => {
            // The load waits for the host as it would for the proxy, except where being told to come back is what is tried.
            let mut queue = match scenario.to == To::OtlpOverloaded {
                true => json!({"queue_size": 10_000}),
                false => json!({"queue_size": 32, "block_on_overflow": true}),
            };
            if scenario.to == To::OtlpByDisk {
                queue["storage"] = json!("rocksdb");
            }
            json!({"otlp": {
                "endpoint": sink.to_string(), "tls": {"insecure": true}, "compression": "none", "sending_queue": queue,
            }})
        }
    };
    json!({
        "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": grpc.to_string()}}}},
        "processors": bodies,
        "exporters": exporters,
        "extensions": {"rocksdb": {}},
        "service": {
            "extensions": ["rocksdb"],
            "pipelines": {
                scenario.kind.pipeline(): {"receivers": ["otlp"], "processors": ids, "exporters": [exporter]},
            },
            "telemetry": {"logs": {"level": "warn"}, "metrics": {"address": telemetry.to_string()}},
        },
    })
}

fn manifest(scenario: &Scenario, settings: &Settings) -> Result<Value> {
    let folder = settings.plugin.parent().context("the plugin has no folder")?;
    let instances = settings.instances.unwrap_or(1);
    let entry = |(plugin, _): (&str, Value)| {
        (plugin.to_owned(), json!({"file": folder.join(format!("{plugin}.wasm")), "instances": instances}))
    };
    let mut plugins: Map<String, Value> = (scenario.processors)().into_iter().map(entry).collect();
    if plugins.is_empty() {
        // A manifest names at least one.
        plugins.insert("aggregate".to_owned(), json!({"file": settings.plugin}));
    }
    Ok(json!({ "plugins": plugins }))
}
