//! The `zpages` extension: what `otelier status` tells, in a browser.
//!
//! | path | what it has |
//! |---|---|
//! | `/debug/servicez` | version, phase, health, plugins, dead letters |
//! | `/debug/pipelinez` | pipelines, rates of each component, queues, breakers, what failed last |
//! | `/debug/extensionz` | extensions, and what failed last in each |
//! | `/debug/expvarz` | the same as JSON, where `expvar` is on |
//!
//! Every other path is 404 with this list: `/debug/tracez` and `/debug/featurez` of the Collector have nothing to show here.

mod html;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use hyper::StatusCode;
use hyper::header::CONTENT_SECURITY_POLICY;
use schemars::JsonSchema;
use serde::Deserialize;

use super::pages;
use crate::contract::ComponentId;
use crate::families::{
    ComponentType, Extension, ExtensionContext, ExtensionType, Listener, MakeError, Oddity, Reference, Role, Stability,
};
use crate::intake::{PageAnswer, PagePort, http_config, http_defaults, page_answer};
use crate::status::Board;

http_config! {
    /// The Collector's keys.
    pub struct Config at 55679 {
        /// The report as JSON, beside the pages.
        #[schemars(extend("x-collector" = "`/debug/expvarz` has what `otelier status --json` prints, and not Go's variables"))]
        pub expvar: Expvar = Expvar::default(),
    }
}

/// `expvar`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Expvar {
    /// Whether `/debug/expvarz` is there.
    pub enabled: bool,
}

/// The type `zpages`.
pub struct Type;

impl ComponentType for Type {
    const NAMES: &'static [&'static str] = &["zpages"];
    const STABILITY: Stability = Stability::Beta;
    type Config = Config;

    fn listeners(config: &Config) -> Vec<Listener> {
        let (endpoint, connections_max) = (config.endpoint.to_string(), config.max_connections.get() as usize);
        vec![Listener { keys: &[], endpoint, connections_max, is_shared: false }]
    }

    fn references(config: &Config) -> Vec<Reference> {
        let auth = config.auth.iter();
        auth.map(|auth| Reference { role: Role::ServerAuthenticator, id: auth.authenticator.clone() }).collect()
    }

    /// A request for a page has no body, and its headers go nowhere.
    fn oddities(config: &Config) -> Vec<Oddity> {
        let without_effect = [
            ("max_request_body_size", config.max_request_body_size != http_defaults::MAX_REQUEST_BODY_SIZE),
            ("include_metadata", config.include_metadata),
            ("read_timeout", config.read_timeout != http_defaults::READ_TIMEOUT),
        ];
        let told =
            |(key, _): (&str, bool)| Oddity { keys: &[], words: format!("`{key}` has no effect on pages; remove it") };
        without_effect.into_iter().filter(|(_, is_set)| *is_set).map(told).collect()
    }
}

impl ExtensionType for Type {
    fn make(id: &ComponentId, config: Config, context: &ExtensionContext<'_>) -> Result<Extension, MakeError> {
        let pages = Arc::new(Pages { board: context.board.clone(), with_expvar: config.expvar.enabled });
        let answers = Arc::new(move |path: String, _: String| -> Pin<Box<dyn Future<Output = _> + Send>> {
            let answer = pages.answer(&path);
            Box::pin(std::future::ready(Some(answer)))
        });
        let port = PagePort::new(config.settings(), answers).map_err(|error| MakeError::from(error).below("tls"))?;
        Ok(Extension { page: Some(pages::opener(id, port)), ..Extension::default() })
    }
}

const HTML: &str = "text/html; charset=utf-8";

/// No script runs on a page, whatever it shows, and nothing is loaded from elsewhere.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

struct Pages {
    board: Board,
    with_expvar: bool,
}

impl Pages {
    fn answer(&self, path: &str) -> PageAnswer {
        let report = || self.board.report();
        let (status, body) = match path.trim_end_matches('/') {
            "/debug/servicez" => (StatusCode::OK, html::service(&report())),
            "/debug/pipelinez" => (StatusCode::OK, html::pipelines(&report())),
            "/debug/extensionz" => (StatusCode::OK, html::extensions(&report())),
            "/debug/expvarz" if self.with_expvar => {
                let body = serde_json::to_vec(&report()).unwrap_or_default();
                return page_answer(StatusCode::OK, "application/json", body);
            }
            "" | "/debug" => (StatusCode::OK, html::index(self.with_expvar, None)),
            other => (StatusCode::NOT_FOUND, html::index(self.with_expvar, Some(other))),
        };
        let mut answer = page_answer(status, HTML, body);
        answer.headers_mut().insert(CONTENT_SECURITY_POLICY, http::HeaderValue::from_static(POLICY));
        answer
    }
}
