//! The host as a server: its configuration, its command line, and its total at the Prometheus endpoint.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Server, Settings, Shares};
use crate::payload::{GROUP, GROUPS, METRIC};

const CONFIG: &str = "config.yaml";
const MANIFEST: &str = "plugins.yaml";
/// A few flush intervals.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);
/// A million series are a long page.
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(30);
/// What the plugin may take.
const MEMORY_MIB: u32 = 256;
/// Of [`METRIC`], renamed by the plugin and once more by the exporter.
const SERIES: &str = "work_done_batched_total";

/// What one host process is started with.
pub struct Files {
    /// Where its receiver listens.
    pub grpc: SocketAddr,
    prometheus: SocketAddr,
    /// Configuration, manifest and state; deleted in the end.
    folder: TempDir,
    /// Series that may come out.
    series: usize,
}

impl Files {
    /// Writes configuration and manifest, and makes room for the state.
    pub fn make(shares: Shares, settings: &Settings) -> Result<Files> {
        // All are held until all are known, so that none is given twice.
        let held: Vec<TcpListener> =
            (0..3).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).collect::<std::io::Result<_>>()?;
        let addresses: Vec<SocketAddr> = held.iter().map(TcpListener::local_addr).collect::<std::io::Result<_>>()?;
        let [grpc, prometheus, telemetry] = addresses[..] else { bail!("no free ports") };
        let folder = tempfile::Builder::new().prefix("otelier-bench-").tempdir_in(&settings.state_root)?;
        let config = config(shares, &settings.durability, [grpc, prometheus, telemetry]);
        fs::write(folder.path().join(CONFIG), config.to_string())?;
        let limits = json!({"memory_mib": MEMORY_MIB});
        let mut plugin = json!({"file": settings.plugin, "limits": limits});
        if let Some(instances) = settings.instances {
            plugin["instances"] = json!(instances);
            plugin["partition_by"] = json!([GROUP]);
        }
        let manifest = json!({"plugins": {"aggregate": plugin}});
        fs::write(folder.path().join(MANIFEST), manifest.to_string())?;
        Ok(Files { grpc, prometheus, folder, series: shares.series.unwrap_or(GROUPS) })
    }

    /// The command line: the same for the host's own binary and for this crate's with the native plugin.
    pub fn command(&self, server: Server, settings: &Settings) -> Result<Command> {
        let mut command = match server {
            Server::Native => {
                let mut command = Command::new(std::env::current_exe()?);
                command.args(["serve", "native"]);
                command
            }
            _ => {
                let mut command = Command::new(&settings.otelier);
                command.arg("run");
                command
            }
        };
        let path = |name: &str| self.folder.path().join(name);
        command.arg("--config").arg(path(CONFIG)).arg("--manifest").arg(path(MANIFEST));
        command.arg("--state-dir").arg(path("state")).stdin(Stdio::null()).stdout(Stdio::null());
        Ok(command)
    }

    /// What was swapped; nothing before the first time.
    pub fn history(&self) -> Vec<Value> {
        otelier::updates::read_history(&self.folder.path().join("state")).unwrap_or_default()
    }

    /// The scraped total.
    pub fn total(&self) -> Result<f64> {
        Ok(scrape(self.prometheus)?.value)
    }

    /// Waits until the scraped total is what was acknowledged; more than that, or too late, is an error.
    pub fn check(&self, expected: i64) -> Result<()> {
        let start = Instant::now();
        loop {
            let Total { series, value } = scrape(self.prometheus)?;
            ensure!(series <= self.series, "{series} series where at most {} were expected", self.series);
            if value == expected as f64 {
                return Ok(());
            }
            let over = value > expected as f64;
            ensure!(!over && start.elapsed() < TOTAL_TIMEOUT, "the total is {value}, acknowledged was {expected}");
            std::thread::sleep(POLL);
        }
    }
}

/// The plugin's part of the configuration.
pub fn processor_config(shares: Shares) -> Value {
    let mut config = json!({
        "metrics": [METRIC],
        "group_by": [GROUP],
        "rename": "{name}_batched",
        "interval": shares.interval.unwrap_or(if shares.many_series().is_some() { "5s" } else { "1s" }),
    });
    if let (Some(series), Some(config)) = (shares.many_series(), config.as_object_mut()) {
        config.insert("max_series".to_owned(), json!(series));
    }
    if let (Some(streams), Some(config)) = (shares.streams, config.as_object_mut()) {
        config.insert("max_streams".to_owned(), json!(streams));
        // The first point of each stream counts whole, so that the total is known.
        config.insert("initial_value".to_owned(), json!("keep"));
    }
    config
}

/// JSON is YAML.
fn config(shares: Shares, durability: &str, addresses: [SocketAddr; 3]) -> Value {
    let [grpc, prometheus, telemetry] = addresses.map(|address| address.to_string());
    json!({
        "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": grpc}}}},
        "processors": {"aggregate": processor_config(shares)},
        "exporters": {"prometheus": {"endpoint": prometheus}},
        "service": {
            "pipelines": {
                "metrics": {
                    "receivers": ["otlp"],
                    "processors": ["aggregate"],
                    "exporters": ["prometheus"],
                    "durability": durability,
                },
            },
            "telemetry": {"logs": {"level": "warn"}, "metrics": {"address": telemetry}},
        },
    })
}

struct Total {
    series: usize,
    value: f64,
}

/// The sum of the series of one scrape.
fn scrape(address: SocketAddr) -> Result<Total> {
    let mut stream = TcpStream::connect_timeout(&address, SCRAPE_TIMEOUT)?;
    stream.set_read_timeout(Some(SCRAPE_TIMEOUT))?;
    // 1.0, so that no server answers in chunks.
    write!(stream, "GET /metrics HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let values = answer.lines().filter_map(|line| line.strip_prefix(SERIES));
    let values: Vec<f64> = values
        .map(|rest| rest.rsplit_once("} ").and_then(|(_, value)| value.parse().ok()))
        .collect::<Option<_>>()
        .with_context(|| format!("a scrape that does not read:\n{answer}"))?;
    Ok(Total { series: values.len(), value: values.iter().sum() })
}
