//! How a channel connects, and to which of several addresses.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::proxy::Through;
use super::tls::TlsClient;
use crate::contract::duration;

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
    /// The proxy in front of the destination.
    pub through: Option<Through>,
    /// Whose turn it is.
    pub balancer: Balancer,
    /// Whether a request waits for a destination that cannot be reached, until it is given up.
    pub wait_for_ready: bool,
    /// Connections in use at a time, over all addresses, where each takes one request; `None` is without a bound.
    pub connections_max: Option<NonZeroUsize>,
    /// Of HTTP/2.
    pub pings: Option<Pings>,
    /// Whether a connection serves more than one request.
    pub reuse: bool,
    /// HTTP/1.1 connections that are kept between requests, for each address.
    pub idle_max: usize,
    /// How long they are kept; `None` is as long as the peer lets them.
    pub idle_timeout: Option<Duration>,
}
