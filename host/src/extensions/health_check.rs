//! The `health_check` extension: 200 while the process can keep its promises, 503 with the reason while it cannot.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use hyper::StatusCode;
use serde::Deserialize;

use super::http::Page;
use crate::contract::{BindError, ComponentId};

/// The Collector's keys.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where it listens.
    pub endpoint: String,
    /// Where the answer is.
    pub path: String,
}

impl Default for Config {
    fn default() -> Self {
        Config { endpoint: "127.0.0.1:13133".to_owned(), path: "/".to_owned() }
    }
}

/// Troubles by part; none is health.
pub type Troubles = Arc<dyn Fn() -> BTreeMap<String, String> + Send + Sync>;

/// Opens the health endpoint.
pub struct HealthCheck;

impl HealthCheck {
    /// Binds it; `troubles` is asked at every request.
    pub fn bind(id: &ComponentId, config: &Config, troubles: Troubles) -> Result<Page, BindError> {
        let path = config.path.clone();
        let since = Instant::now();
        let answer = move |asked: &str| {
            (asked == path).then(|| {
                let (status, body) = report(&troubles(), since);
                (status, "application/json", body)
            })
        };
        Page::bind(&id.to_string(), &config.endpoint, Arc::new(answer))
    }
}

fn report(troubles: &BTreeMap<String, String>, since: Instant) -> (StatusCode, String) {
    let (status, words) = match troubles.is_empty() {
        true => (StatusCode::OK, "Server available"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "Server not available"),
    };
    let uptime = format!("{:.3}s", since.elapsed().as_secs_f64());
    let body = serde_json::json!({ "status": words, "uptime": uptime, "troubles": troubles });
    (status, format!("{body}\n"))
}
