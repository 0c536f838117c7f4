//! Gets configurations over HTTP, before anything runs.

use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

use crate::net::{Proxies, Target};

/// A server that does not answer is no reason to wait for ever at a start. The Collector has no bound.
const TIME_MAX: Duration = Duration::from_secs(30);
/// As of a file.
const BYTES_MAX: u64 = 1 << 20;

/// Gets what an `http:` or `https:` URI names, with the system's CA certificates: only 200 is an answer, as in the Collector.
pub fn fetch(uri: &str) -> Result<Vec<u8>, String> {
    let certificates = rustls_native_certs::load_native_certs().certs;
    let certificates = certificates.iter().map(|certificate| Certificate::from_der(certificate).to_owned());
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
        .root_certs(RootCerts::Specific(Arc::new(certificates.collect())))
        .build();
    let agent: Agent = Agent::config_builder()
        .timeout_global(Some(TIME_MAX))
        .http_status_as_error(false)
        .tls_config(tls)
        .proxy(proxy(uri)?)
        .build()
        .into();
    let mut answer = agent.get(uri).call().map_err(|error| error.to_string())?;
    match answer.status().as_u16() {
        200 => answer.body_mut().with_config().limit(BYTES_MAX).read_to_vec().map_err(|error| error.to_string()),
        _ => Err(format!("the server answers {}", answer.status())),
    }
}

/// The proxy that the environment names for a URI, by the rules of all clients here.
fn proxy(uri: &str) -> Result<Option<ureq::Proxy>, String> {
    let Ok(target) = Target::url(uri.split(['?', '#']).next().unwrap_or_default()) else { return Ok(None) };
    let named = Proxies::of_process().in_front_of(&target, target.secure == Some(true));
    let Some(proxy) = named.map_err(|error| error.to_string())? else { return Ok(None) };
    ureq::Proxy::new(proxy.reveal()).map(Some).map_err(|error| format!("the proxy of the environment: {error}"))
}
