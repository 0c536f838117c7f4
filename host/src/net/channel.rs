//! Requests to one target, over as many connections as it needs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answer::Answer;
use super::body::Outgoing;
use super::resolve::Addresses;
use super::slot::{ConnectionSlot, Exchange, Lease};
use super::target::Target;
use super::tls::TlsClient;
use crate::contract::FailureClass;
use crate::contract::duration;

/// A connection that ended while it lay idle is no failure, and neither is the next one; some destinations close every one.
const STALE_MAX: u32 = 8;

/// What is spoken on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1 alone.
    Http1,
    /// HTTP/2 alone, as gRPC demands.
    Http2,
    /// What TLS settles: HTTP/2 where the peer offers it.
    Negotiated,
}

/// `balancer_name`: which of several addresses a request goes to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Balancer {
    /// To each in turn.
    #[default]
    RoundRobin,
    /// To the first that can be reached.
    PickFirst,
}

/// `keepalive`: pings on connections that are quiet.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Pings {
    /// A connection silent for this long is pinged. Servers of gRPC's own refuse more than one ping in five minutes by default.
    #[schemars(extend("x-collector" = "same, 0 refused"))]
    #[serde(deserialize_with = "duration::nonzero")]
    pub time: Duration,
    /// A ping unanswered for this long ends the connection.
    #[schemars(extend("x-collector" = "same, 0 refused"))]
    #[serde(deserialize_with = "duration::nonzero")]
    pub timeout: Duration,
    /// Whether connections without a request are pinged too.
    pub permit_without_stream: bool,
}

impl Default for Pings {
    fn default() -> Self {
        Pings { time: Duration::from_secs(300), timeout: Duration::from_secs(20), permit_without_stream: false }
    }
}

/// How a channel connects.
pub struct Options {
    /// What is spoken.
    pub protocol: Protocol,
    /// `None` is plain TCP.
    pub tls: Option<Arc<TlsClient>>,
    /// Whose turn it is.
    pub balancer: Balancer,
    /// Of HTTP/2.
    pub pings: Option<Pings>,
    /// Whether a connection serves more than one request.
    pub reuse: bool,
    /// HTTP/1.1 connections that are kept between requests, for each address.
    pub idle_max: usize,
    /// How long they are kept; `None` is as long as the peer lets them.
    pub idle_timeout: Option<Duration>,
}

/// No answer. Nobody knows whether a request that was on its way has arrived.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// No address.
    #[error("cannot resolve {host}: {reason}")]
    Resolve {
        /// The name.
        host: String,
        /// The resolver's words.
        reason: String,
    },
    /// No connection.
    #[error("cannot connect to {address}: {reason}")]
    Connect {
        /// Where to.
        address: SocketAddr,
        /// The operating system's words.
        reason: String,
    },
    /// No agreement on who is who.
    #[error(
        "TLS with {address} failed: {reason}; does the destination speak TLS? `tls: {{insecure: true}}`, or a scheme of http://, sends without"
    )]
    Tls {
        /// With whom.
        address: SocketAddr,
        /// The words of TLS.
        reason: String,
    },
    /// A connection that ended, or what came over it was no answer.
    #[error("no answer that can be read from {address}: {reason}")]
    Exchange {
        /// From whom.
        address: SocketAddr,
        /// What happened.
        reason: String,
    },
}

impl Broken {
    /// Whether it may have arrived.
    pub fn class(&self) -> FailureClass {
        match self {
            Broken::Resolve { .. } | Broken::Connect { .. } | Broken::Tls { .. } => FailureClass::Unreachable,
            Broken::Exchange { .. } => FailureClass::Broken,
        }
    }
}

/// Requests to one target.
pub struct Channel {
    addresses: Addresses,
    options: Options,
}

impl Channel {
    /// A channel. Nothing is opened before the first request.
    pub fn new(target: Target, options: Options) -> Channel {
        Channel { addresses: Addresses::new(target, options.balancer), options }
    }

    /// Sends a request, whose URI is absolute, and reads the answer. The future may be dropped at any time.
    pub async fn send(&self, request: Request<Outgoing>) -> Result<Answer, Broken> {
        let mut request = request;
        let mut stale = 0;
        loop {
            let (slot, lease) = self.lease().await?;
            match slot.exchange(lease, request, &self.options).await {
                Exchange::Answered(answer) => return Ok(*answer),
                Exchange::NotSent(unsent) if stale < STALE_MAX => {
                    stale += 1;
                    request = *unsent;
                }
                Exchange::NotSent(_) => {
                    let reason = "it closes every connection before a request".to_owned();
                    return Err(Broken::Exchange { address: slot.address, reason });
                }
                Exchange::Broken(broken) => {
                    self.addresses.doubt();
                    return Err(broken);
                }
            }
        }
    }

    /// A connection to the address whose turn it is, or to the next that can be reached.
    async fn lease(&self) -> Result<(Arc<ConnectionSlot>, Lease), Broken> {
        let mut last = None;
        for slot in self.addresses.in_turn().await? {
            match slot.lease(&self.options).await {
                Ok(lease) => return Ok((slot, lease)),
                Err(broken) => {
                    self.addresses.doubt();
                    last = Some(broken);
                }
            }
        }
        let reason = || "no address is left".to_owned();
        Err(last.unwrap_or_else(|| Broken::Resolve { host: String::new(), reason: reason() }))
    }
}
