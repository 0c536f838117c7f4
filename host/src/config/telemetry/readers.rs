//! `metrics.readers`: who gets the host's own metrics.

use std::num::NonZeroU64;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::destination::PushExporter;
use super::{HOST, PORT};
use crate::contract::TelemetryDestination;

/// A reader that pushes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeriodicReader {
    /// How often.
    pub interval: Duration,
    /// How long one push may take, retries included.
    pub timeout: Duration,
    /// Where to.
    pub destination: TelemetryDestination,
}

/// All readers, by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Readers {
    /// `host:port` of each that pulls.
    pub addresses: Vec<String>,
    /// Each that pushes.
    pub periodic: Vec<PeriodicReader>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reader {
    /// Metrics are fetched.
    #[serde(default)]
    pull: Option<Pull>,
    /// Metrics are pushed.
    #[serde(default)]
    periodic: Option<Periodic>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Pull {
    /// By whom.
    exporter: PullExporter,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PullExporter {
    /// By Prometheus.
    prometheus: Prometheus,
}

#[derive(Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Prometheus {
    /// Where it listens.
    host: String,
    /// At which port.
    port: u16,
}

impl Default for Prometheus {
    fn default() -> Self {
        Prometheus { host: HOST.to_owned(), port: PORT }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Periodic {
    /// How often, in milliseconds.
    #[serde(default = "interval_ms")]
    interval: NonZeroU64,
    /// How long one push may take, retries included, in milliseconds.
    #[serde(default = "timeout_ms")]
    timeout: NonZeroU64,
    /// By whom.
    exporter: PushExporter,
}

fn interval_ms() -> NonZeroU64 {
    const { NonZeroU64::new(60_000).unwrap() }
}

fn timeout_ms() -> NonZeroU64 {
    const { NonZeroU64::new(30_000).unwrap() }
}

impl Readers {
    /// Each is of one kind.
    pub fn of(readers: Vec<Reader>) -> Result<Readers, &'static str> {
        let mut all = Readers::default();
        for reader in readers {
            match reader {
                Reader { pull: Some(pull), periodic: None } => all.addresses.push(pull.exporter.prometheus.address()),
                Reader { pull: None, periodic: Some(periodic) } => all.periodic.push(periodic.resolve()),
                _ => return Err("a reader is either `pull` or `periodic`: write one of them"),
            }
        }
        Ok(all)
    }
}

impl Prometheus {
    fn address(self) -> String {
        match self.host.contains(':') && !self.host.starts_with('[') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

impl Periodic {
    fn resolve(self) -> PeriodicReader {
        PeriodicReader {
            interval: Duration::from_millis(self.interval.get()),
            timeout: Duration::from_millis(self.timeout.get()),
            destination: self.exporter.destination(),
        }
    }
}
