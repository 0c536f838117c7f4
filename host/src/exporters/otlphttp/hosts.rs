//! The hosts that requests go to, each with its connections: those of the configuration, and those that they redirect to.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::client::ClientError;
use super::config::Config;
use crate::net::tls::{ClientTls, Expiry, TlsClient};
use crate::net::{Balancer, Channel, Options, Protocol, Proxies, Proxy, Target, Through};

/// Connections to so many hosts are kept; where redirects lead to more, those of the oldest are closed.
const HOSTS_MAX: usize = 16;

/// How connections are made and kept.
pub(super) struct Hosts {
    tls: ClientTls,
    proxy: Option<Proxy>,
    proxies: &'static Proxies,
    balancer: Balancer,
    connections: super::config::Connections,
    open: Mutex<Vec<(Target, Arc<Channel>)>>,
    expiry: OnceLock<Expiry>,
}

impl Hosts {
    /// None yet. A `proxy_url` goes before what the environment names.
    pub(super) fn new(config: &Config, proxies: &'static Proxies) -> Hosts {
        Hosts {
            tls: config.tls.clone(),
            proxy: config.proxy.clone(),
            proxies,
            balancer: config.balancer,
            connections: config.connections.clone(),
            open: Mutex::default(),
            expiry: OnceLock::new(),
        }
    }

    /// When the certificate ends that is shown to them, if one is.
    pub(super) fn expiry(&self) -> Option<Expiry> {
        self.expiry.get().cloned()
    }

    /// The connections to a target's host.
    pub(super) fn channel(&self, target: &Target) -> Result<Arc<Channel>, ClientError> {
        let host = Target { path: String::new(), ..target.clone() };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, channel)) = open.iter().find(|(known, _)| *known == host) {
            return Ok(Arc::clone(channel));
        }
        let channel = Arc::new(Channel::new(host.clone(), self.options(&host)?));
        if open.len() == HOSTS_MAX {
            open.remove(0);
        }
        open.push((host, Arc::clone(&channel)));
        Ok(channel)
    }

    fn options(&self, host: &Target) -> Result<Options, ClientError> {
        let is_https = host.secure == Some(true);
        let offered: &[&str] = if self.connections.offer_http2 { &["h2", "http/1.1"] } else { &["http/1.1"] };
        let tls = is_https.then(|| TlsClient::new(&self.tls, &host.host, offered).map(Arc::new)).transpose()?;
        if let Some(expiry) = tls.as_ref().and_then(|tls| tls.expiry()) {
            // All of them show the same certificate.
            self.expiry.get_or_init(|| expiry);
        }
        let proxy = match &self.proxy {
            Some(proxy) => Some(proxy.clone()),
            None => self.proxies.in_front_of(host, is_https)?,
        };
        let through = proxy.map(|proxy| Through::new(proxy, &self.tls, host, is_https)).transpose()?;
        let can_be_http2 = tls.is_some() && self.connections.offer_http2;
        Ok(Options {
            protocol: if can_be_http2 { Protocol::Negotiated } else { Protocol::Http1 },
            tls,
            through,
            balancer: self.balancer,
            wait_for_ready: false,
            connections_max: self.connections.connections_max,
            pings: self.connections.pings.clone(),
            reuse: self.connections.reuse,
            idle_max: self.connections.idle_max,
            idle_timeout: self.connections.idle_timeout,
        })
    }
}
