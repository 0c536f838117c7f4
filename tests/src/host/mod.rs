//! The real host as a child process: its files, its start, what it shows, and its end.
//!
//! Every host has loopback ports, a state directory and logs of its own, so tests run side by side. A host that a test
//! forgot is ended by its process id when its handle goes.

mod configuration;
mod endpoints;
mod setup;

use std::collections::BTreeMap;
use std::process::{Child, Command, ExitStatus};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

pub use configuration::{Configuration, aggregate, manifest};
pub use endpoints::{Endpoints, free};
pub use setup::Setup;

use crate::exposition::{Exposition, Format};
use crate::http::{self, Response};
use crate::{grpc, scrape, wait};

/// A running host.
pub struct Host<'s> {
    setup: &'s Setup,
    child: Child,
}

impl<'s> Host<'s> {
    fn new(setup: &'s Setup, child: Child) -> Host<'s> {
        Host { setup, child }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The largest resident set so far, in bytes, where the system tells it.
    pub fn peak_memory_bytes(&self) -> Result<Option<u64>> {
        let Ok(status) = std::fs::read_to_string(format!("/proc/{}/status", self.id())) else { return Ok(None) };
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
        let kib: u64 = line.trim().trim_end_matches(" kB").trim().parse()?;
        Ok(Some(kib << 10))
    }

    /// Where it listens.
    pub fn endpoints(&self) -> &Endpoints {
        &self.setup.endpoints
    }

    /// Waits until the health endpoint says that requests are taken. An error shows the log.
    pub fn wait_until_healthy(&mut self) -> Result<()> {
        let health = self.setup.endpoints.health;
        let healthy = wait::until("the host is healthy", || {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Some(Err(status)));
            }
            let answer = http::get(health, "/readyz", &[])?;
            Ok((answer.status == 200).then_some(Ok(())))
        });
        match healthy {
            Ok(Ok(())) => Ok(()),
            Ok(Err(status)) => bail!("the host ended with {status}; its log:\n{}", self.setup.log()),
            Err(error) => Err(error.context(format!("the host's log:\n{}", self.setup.log()))),
        }
    }

    /// What the health endpoint says at a path.
    pub fn health(&self, path: &str) -> Result<Response> {
        http::get(self.setup.endpoints.health, path, &[])
    }

    /// What the health endpoint says is wrong: words by component, such as `pipeline:metrics/processor:filter`, or `store`.
    pub fn troubles(&self) -> Result<BTreeMap<String, String>> {
        let answer = self.health("/status?verbose")?;
        let report: Value = serde_json::from_slice(&answer.body).with_context(|| answer.text())?;
        let mut troubles = BTreeMap::new();
        leaves(&report, "", &mut troubles);
        Ok(troubles)
    }

    /// The Prometheus endpoint, in the text format.
    pub fn scrape(&self) -> Result<Exposition> {
        Ok(scrape::page(self.setup.endpoints.prometheus, Format::Text)?.exposition)
    }

    /// The Prometheus endpoint, in OpenMetrics.
    pub fn scrape_open_metrics(&self) -> Result<Exposition> {
        Ok(scrape::page(self.setup.endpoints.prometheus, Format::OpenMetrics)?.exposition)
    }

    /// The host's own metrics.
    pub fn own_metrics(&self) -> Result<Exposition> {
        Ok(scrape::page(self.setup.endpoints.telemetry, Format::Text)?.exposition)
    }

    /// How many requests the OTLP receiver has refused for this reason over this transport.
    pub fn refused(&self, transport: &str, reason: &str) -> Result<f64> {
        let labels = [("receiver", "otlp"), ("transport", transport), ("reason", reason)];
        Ok(self.own_metrics()?.value("otelier_receiver_refused_requests", &labels).unwrap_or(0.0))
    }

    /// A connection to the gRPC port.
    pub fn grpc(&self) -> Result<grpc::Client> {
        grpc::Client::connect(self.setup.endpoints.grpc)
    }

    /// Sends one metrics request over gRPC, and fails unless it is acknowledged.
    pub fn accepts(&self, request: &[u8]) -> Result<()> {
        let outcome = self.grpc()?.send(grpc::METRICS, request);
        ensure!(outcome.is_acknowledged(), "not acknowledged: {outcome:?}; the host's log:\n{}", self.setup.log());
        Ok(())
    }

    /// Waits until a scrape shows this value for this series.
    pub fn wait_for(&self, name: &str, labels: &[(&str, &str)], value: f64) -> Result<()> {
        let what = format!("{name} {labels:?} shows its value");
        let shown = wait::until_equal(&what, &Some(value), || Ok(self.scrape()?.value(name, labels)));
        shown.with_context(|| format!("{:#?}\nthe host's log:\n{}", self.scrape().ok(), self.setup.log()))
    }

    /// The largest file that the host may write, as `prlimit` has it. A write beyond it fails as one to a broken disk does, and not for want
    /// of room.
    pub fn limit_files(&self, bytes: &str) -> Result<()> {
        let mut command = Command::new("prlimit");
        command.arg("--pid").arg(self.id().to_string()).arg(format!("--fsize={bytes}:unlimited"));
        let status = command.status().context("this test needs `prlimit` of util-linux")?;
        ensure!(status.success(), "prlimit ended with {status}");
        Ok(())
    }

    /// SIGKILL: no chance to save anything.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// SIGTERM, and how it ended.
    pub fn terminate(mut self) -> Result<ExitStatus> {
        self.signal_terminate()?;
        self.wait_for_end()
    }

    /// How it ended, by itself or not.
    pub fn wait_for_end(&mut self) -> Result<ExitStatus> {
        wait::until("the host has ended", || Ok(self.child.try_wait()?))
    }

    /// SIGTERM, without waiting for the end.
    pub fn signal_terminate(&self) -> Result<()> {
        self.signal("TERM")
    }

    /// A signal by its name, without `SIG`.
    pub fn signal(&self, name: &str) -> Result<()> {
        // std can only kill, and other ways of signalling are unsafe.
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.id().to_string()).status()?;
        ensure!(status.success(), "kill ended with {status}");
        Ok(())
    }
}

impl Drop for Host<'_> {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Components that have none below them, and something wrong.
fn leaves(report: &Value, path: &str, troubles: &mut BTreeMap<String, String>) {
    match report["components"].as_object() {
        Some(components) => components.iter().for_each(|(name, below)| {
            let path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
            leaves(below, &path, troubles);
        }),
        None => troubles.extend(report["error"].as_str().map(|words| (path.to_owned(), words.to_owned()))),
    }
}
