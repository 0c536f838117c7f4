//! The `health_check` extension: what probes and people ask of the process.
//!
//! | path | 200 | for |
//! |---|---|---|
//! | `path`, `/` by default, and what is below it | while requests are taken, as the Collector's extension says it | probes of a Collector |
//! | `/livez` | while the process answers | whoever restarts it: a restart into the same files mends no plugin and no full disk |
//! | `/readyz` | while requests can be taken: not at start, while it drains, or while state cannot be written | whoever sends it requests |
//! | `/status` | as `healthcheckv2` of the Collector; `?verbose` has every component, `?pipeline=ID` one pipeline | people |

mod status;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use hyper::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::http::Page;
use crate::clock;
use crate::contract::{Authenticators, ComponentId, Health, Phase, Topology};
use crate::families::{
    self, ComponentType, Extension, ExtensionContext, ExtensionType, FormerKey, Listener, MakeError, Stability,
};

/// The Collector's keys.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where it listens.
    pub endpoint: String,
    /// Where the answer is that a Collector gives.
    #[serde(deserialize_with = "path")]
    pub path: String,
    /// Fixed bodies in place of that answer's.
    pub response_body: Option<ResponseBody>,
    /// Health by the share of exports that failed.
    #[schemars(extend("x-no-effect" = "the Collector's documentation says that it does not work there; `/status` tells of every exporter"))]
    #[allow(dead_code, reason = "it has no effect")]
    check_collector_pipeline: PipelineCheck,
}

/// `check_collector_pipeline`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[allow(dead_code, reason = "it has no effect")]
struct PipelineCheck {
    /// Whether there is any.
    enabled: bool,
    /// How far it looks back.
    interval: String,
    /// How many failures are too many.
    exporter_failure_threshold: u64,
}

/// `response_body`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ResponseBody {
    /// Beside 200.
    pub healthy: String,
    /// Beside 503.
    pub unhealthy: String,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            endpoint: "127.0.0.1:13133".to_owned(),
            path: "/".to_owned(),
            response_body: None,
            check_collector_pipeline: PipelineCheck::default(),
        }
    }
}

fn path<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let path = String::deserialize(deserializer)?;
    match path.starts_with('/') {
        true => Ok(path),
        false => Err(serde::de::Error::custom("a path begins with `/`")),
    }
}

/// The type `health_check`.
pub struct Type;

impl ComponentType for Type {
    const NAMES: &'static [&'static str] = &["health_check"];
    const STABILITY: Stability = Stability::Beta;
    const FORMER_KEYS: &'static [FormerKey] =
        &[FormerKey { old: &["port"], new: &["endpoint"], value: |port| Some(format!("0.0.0.0:{port}")) }];
    type Config = Config;

    fn listeners(config: &Config) -> Vec<Listener> {
        vec![Listener { keys: &[], endpoint: config.endpoint.clone(), connections_max: 0, is_shared: false }]
    }
}

impl ExtensionType for Type {
    /// Health is asked at every request.
    fn make(id: &ComponentId, config: Config, context: &ExtensionContext<'_>) -> Result<Extension, MakeError> {
        let (component, endpoint) = (id.to_string(), config.endpoint.clone());
        let (health, topology) = (context.health.clone(), context.topology.clone());
        let answers = Answers { config, health, topology, started: clock::Clock::system().now() };
        let answer = Arc::new(move |path: &str, query: &str| answers.answer(path, query));
        let open = move |_: &Authenticators| -> Result<Box<dyn families::Page>, MakeError> {
            let page = Page::bind(&component, &endpoint, answer)?;
            Ok(Box::new(page))
        };
        Ok(Extension { page: Some(Box::new(open)), ..Extension::default() })
    }
}

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

type Answered = (StatusCode, &'static str, String);

struct Answers {
    config: Config,
    health: Health,
    topology: Topology,
    /// In nanoseconds since the Unix epoch.
    started: u64,
}

impl Answers {
    fn answer(&self, path: &str, query: &str) -> Option<Answered> {
        let (is_at_path, is_below) = (path == self.config.path, self.config.path.ends_with('/'));
        match path {
            _ if is_at_path => Some(self.as_a_collector()),
            "/livez" => Some((StatusCode::OK, TEXT, "ok\n".to_owned())),
            "/readyz" => Some(self.readiness()),
            "/status" => status::report(&self.health, &self.topology, self.started, query),
            // As Go's servers do, which the Collector's extension is one of.
            _ if is_below && path.starts_with(&self.config.path) => Some(self.as_a_collector()),
            _ => None,
        }
    }

    fn as_a_collector(&self) -> Answered {
        let (phase, since) = self.health.phase();
        let is_up = phase == Phase::Running;
        let status = if is_up { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        if let Some(ResponseBody { healthy, unhealthy }) = &self.config.response_body {
            return (status, TEXT, if is_up { healthy.clone() } else { unhealthy.clone() });
        }
        let body = match is_up {
            true => {
                let uptime = clock::Clock::system().now().saturating_sub(since);
                json!({ "status": "Server available", "upSince": clock::date(since), "uptime": go_duration(uptime) })
            }
            // The zero of Go's times.
            false => json!({ "status": "Server not available", "upSince": "0001-01-01T00:00:00Z", "uptime": "" }),
        };
        (status, JSON, body.to_string())
    }

    fn readiness(&self) -> Answered {
        match self.health.obstacle() {
            None => (StatusCode::OK, TEXT, "ok\n".to_owned()),
            Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("{reason}\n")),
        }
    }
}

/// As Go prints durations: `1h2m3.5s`.
fn go_duration(nanoseconds: u64) -> String {
    let (whole, milliseconds) = (nanoseconds / 1_000_000_000, nanoseconds / 1_000_000 % 1000);
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    let fraction = format!("{milliseconds:03}");
    let fraction = fraction.trim_end_matches('0');
    let seconds = if fraction.is_empty() { format!("{seconds}s") } else { format!("{seconds}.{fraction}s") };
    match (hours, minutes) {
        (0, 0) => seconds,
        (0, minutes) => format!("{minutes}m{seconds}"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}"),
    }
}
