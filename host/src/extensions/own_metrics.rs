//! The host's own metrics at `/metrics`, as the Collector serves its own.

use std::sync::Arc;

use hyper::StatusCode;

use super::http::Page;
use crate::contract::BindError;
use crate::telemetry::Registry;

/// Binds the endpoint.
pub fn own_metrics(endpoint: &str, registry: &Registry) -> Result<Page, BindError> {
    let registry = registry.clone();
    let answer = move |path: &str, _: &str| {
        (path == "/metrics").then(|| (StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", registry.render()))
    };
    Page::bind("service.telemetry.metrics", endpoint, Arc::new(answer))
}
