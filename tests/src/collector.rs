//! The real OpenTelemetry Collector as a child process. It ends with its handle.
//!
//! Its pipelines are routes: a receiver, an exporter and nothing in between, for every signal. Exporters neither queue nor try
//! again, so that an answer to the sender is the answer of the far end.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use otelier::contract::Signal;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::{environment, wait};

/// From one receiver to one exporter.
#[derive(Debug, Clone)]
pub struct Route {
    /// Of receiver, exporter and pipelines, behind the slash; no two are the same.
    pub name: String,
    /// The receiver's `protocols`.
    pub protocols: Value,
    /// Where the one of them listens.
    pub listen: SocketAddr,
    /// The exporter's type: `otlp_grpc`, `otlp_http`, `file`, `debug`, or `prometheus`, which has metrics alone.
    pub exporter: &'static str,
    /// Its configuration. A `file` exporter has a file for each signal: `{signal}` in it is the signal's name.
    pub settings: Value,
}

/// A running Collector.
pub struct Collector {
    folder: TempDir,
    child: Child,
}

impl Collector {
    /// Starts one with these routes and waits until it listens. An error shows its log.
    pub fn start(routes: &[Route]) -> Result<Collector> {
        let listens: Vec<SocketAddr> = routes.iter().map(|route| route.listen).collect();
        Collector::run(&configuration(routes), &listens)
    }

    /// Starts one with this configuration and waits until it listens there. An error shows its log.
    pub fn run(configuration: &Value, listens: &[SocketAddr]) -> Result<Collector> {
        let folder = tempfile::Builder::new().prefix("otelier-collector-").tempdir()?;
        let config = folder.path().join("config.yaml");
        fs::write(&config, format!("{configuration:#}"))?;
        let log = File::create(folder.path().join("log"))?;
        let mut command = Command::new(environment::collector()?);
        command.arg("--config").arg(&config).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().context("cannot start the Collector")?;
        let mut collector = Collector { folder, child };
        collector.wait_for(listens).with_context(|| format!("the Collector's log:\n{}", collector.log()))?;
        Ok(collector)
    }

    fn wait_for(&mut self, listens: &[SocketAddr]) -> Result<()> {
        for address in listens {
            wait::until(&format!("the Collector listens on {address}"), || match self.child.try_wait()? {
                Some(status) => Ok(Some(Err(status))),
                None => Ok(TcpStream::connect(address).is_ok().then_some(Ok(()))),
            })?
            .or_else(|status| bail!("it ended with {status}"))?;
        }
        Ok(())
    }

    /// What it wrote so far.
    pub fn log(&self) -> String {
        let bytes = fs::read(self.folder.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn configuration(routes: &[Route]) -> Value {
    let [mut receivers, mut exporters, mut pipelines] = [(); 3].map(|()| Map::new());
    for Route { name, protocols, exporter, settings, .. } in routes {
        let receiver = format!("otlp/{name}");
        receivers.insert(receiver.clone(), json!({"protocols": protocols}));
        let of_exporter = |signal: &Signal| *exporter != "prometheus" || *signal == Signal::Metrics;
        for signal in Signal::ALL.into_iter().filter(of_exporter).map(Signal::name) {
            let id = format!("{exporter}/{name}-{signal}");
            exporters.insert(id.clone(), of_signal(exporter, settings, signal));
            pipelines.insert(format!("{signal}/{name}"), json!({"receivers": [receiver], "exporters": [id]}));
        }
    }
    let telemetry = json!({"metrics": {"level": "none"}, "logs": {"level": "warn"}});
    json!({
        "receivers": receivers,
        "exporters": exporters,
        "service": {"telemetry": telemetry, "pipelines": pipelines},
    })
}

fn of_signal(exporter: &str, settings: &Value, signal: &str) -> Value {
    let mut settings = settings.as_object().cloned().unwrap_or_default();
    if let Some(Value::String(path)) = settings.get_mut("path") {
        *path = path.replace("{signal}", signal);
    }
    if exporter.starts_with("otlp") {
        settings.insert("sending_queue".to_owned(), json!({"enabled": false}));
        settings.insert("retry_on_failure".to_owned(), json!({"enabled": false}));
    }
    settings.into()
}
