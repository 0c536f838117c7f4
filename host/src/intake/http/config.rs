//! A server's keys over HTTP, the Collector's where it has them, with every default stated once, here.
//!
//! A receiver's own mapping has them beside keys of its own, so that an error names all that are known there: [`http_config`] declares both.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use super::algorithms::Algorithms;
use super::cors::Cors;
use crate::contract::{Authentication, duration};
use crate::net::tls::ServerTls;
use crate::net::{Endpoint, Headers, Network};

/// What a server over HTTP is told.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpSettings {
    /// Where to listen.
    pub endpoint: Endpoint,
    /// The largest body, compressed, decompressed and converted, in bytes.
    pub max_request_body_size: NonZeroUsize,
    /// Requests under way on one HTTP/2 connection.
    pub max_concurrent_streams: NonZeroU32,
    /// Connections at a time.
    pub max_connections: NonZeroU32,
    /// How long a new connection may take until its first request header is complete.
    pub read_header_timeout: Duration,
    /// How long one request body may take to arrive.
    pub read_timeout: Duration,
    /// How long a connection may go without a request.
    pub idle_timeout: Duration,
    /// TLS; without it, none.
    pub tls: Option<ServerTls>,
    /// Who may send; without it, all.
    pub auth: Option<Authentication>,
    /// Whether requests' headers go along with what they brought.
    pub include_metadata: bool,
    /// Which sites' pages may send.
    pub cors: Option<Cors>,
    /// What it listens on.
    pub transport: Network,
    /// How long an answer may wait for a sender that does not read; `None` is without a bound.
    pub write_timeout: Option<Duration>,
    /// Whether a connection of HTTP/1.1 serves more than one request.
    pub keep_alives_enabled: bool,
    /// What goes along with each answer.
    pub response_headers: Headers,
    /// How requests may be compressed.
    pub compression_algorithms: Option<Algorithms>,
}

impl HttpSettings {
    /// The first key that two servers are told differently, their address aside.
    pub fn difference(&self, other: &HttpSettings) -> Option<&'static str> {
        let same = [
            ("tls", self.tls == other.tls),
            ("auth", self.auth == other.auth),
            ("max_request_body_size", self.max_request_body_size == other.max_request_body_size),
            ("max_concurrent_streams", self.max_concurrent_streams == other.max_concurrent_streams),
            ("max_connections", self.max_connections == other.max_connections),
            ("read_header_timeout", self.read_header_timeout == other.read_header_timeout),
            ("read_timeout", self.read_timeout == other.read_timeout),
            ("idle_timeout", self.idle_timeout == other.idle_timeout),
            ("include_metadata", self.include_metadata == other.include_metadata),
            ("cors", self.cors == other.cors),
            ("write_timeout", self.write_timeout == other.write_timeout),
            ("keep_alives_enabled", self.keep_alives_enabled == other.keep_alives_enabled),
            ("response_headers", self.response_headers == other.response_headers),
            ("compression_algorithms", self.compression_algorithms == other.compression_algorithms),
        ];
        same.into_iter().find(|(_, is_same)| !is_same).map(|(key, _)| key)
    }
}

/// `keepalive: …`: newer names for two older keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HttpKeepalive {
    /// Goes before `keep_alives_enabled`.
    pub enabled: Option<bool>,
    /// Goes before `idle_timeout` beside this mapping.
    #[schemars(extend("x-collector" = "same, 0 refused"), with = "Duration")]
    #[serde(deserialize_with = "some_nonzero")]
    pub idle_timeout: Option<Duration>,
}

fn some_nonzero<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    duration::nonzero(deserializer).map(Some)
}

/// The defaults of all servers over HTTP, in the order of the keys, behind `endpoint`.
pub(crate) mod http_defaults {
    use std::num::{NonZeroU32, NonZeroUsize};
    use std::time::Duration;

    pub const MAX_REQUEST_BODY_SIZE: NonZeroUsize = const { NonZeroUsize::new(64 << 20).unwrap() };
    pub const MAX_CONCURRENT_STREAMS: NonZeroU32 = const { NonZeroU32::new(100).unwrap() };
    pub const MAX_CONNECTIONS: NonZeroU32 = const { NonZeroU32::new(1024).unwrap() };
    pub const READ_HEADER_TIMEOUT: Duration = Duration::from_secs(10);
    pub const READ_TIMEOUT: Duration = Duration::from_secs(30);
    /// Above the 60 s at which SDKs export metrics, so that their connections are still open for the next time.
    pub const IDLE_TIMEOUT: Duration = Duration::from_secs(180);
    pub const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
}

/// Declares a mapping with a server's keys, its default port, and keys of its own with their defaults.
macro_rules! http_config {
    (
        $(#[$about:meta])*
        pub struct $name:ident at $port:literal {
            $( $(#[$own:meta])* pub $key:ident: $type:ty = $default:expr, )*
        }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name {
            /// Where to listen.
            #[schemars(extend("x-collector" = "same; a port by name is refused"))]
            pub endpoint: $crate::net::Endpoint,
            /// What `endpoint` is: a port of `tcp`, `tcp4` or `tcp6`, or the path of a `unix` socket, which begins with `/` or `.`.
            #[schemars(extend("x-collector" = "same; others than these are refused"))]
            pub transport: $crate::net::Network,
            /// The largest body, compressed, decompressed and transcoded, in bytes.
            #[schemars(extend("x-collector" = "same, 0 refused; 64 MiB by default and not 20"))]
            pub max_request_body_size: std::num::NonZeroUsize,
            /// Requests under way on one HTTP/2 connection; a sender waits with the next.
            #[schemars(extend("x-collector" = "ours"))]
            pub max_concurrent_streams: std::num::NonZeroU32,
            /// Connections at a time; a further one is closed at once and counted.
            #[schemars(extend("x-collector" = "ours"))]
            pub max_connections: std::num::NonZeroU32,
            /// How long a new connection may take until its first request header is complete.
            #[schemars(extend("x-collector" = "same, 0 refused"))]
            #[serde(deserialize_with = "crate::contract::duration::nonzero")]
            pub read_header_timeout: std::time::Duration,
            /// How long one request body may take to arrive.
            #[schemars(extend("x-collector" = "same, 0 refused"))]
            #[serde(deserialize_with = "crate::contract::duration::nonzero")]
            pub read_timeout: std::time::Duration,
            /// How long a connection may go without a request; a later request's header has to arrive within it too.
            #[schemars(extend("x-collector" = "same, 0 refused"))]
            #[serde(deserialize_with = "crate::contract::duration::nonzero")]
            pub idle_timeout: std::time::Duration,
            /// How long an answer may wait for a sender that does not read it; 0 is without a bound.
            #[schemars(extend("x-collector" = "same; there the time until the answer counts too"))]
            #[serde(deserialize_with = "crate::contract::duration::deserialize")]
            pub write_timeout: std::time::Duration,
            /// Whether a connection of HTTP/1.1 serves more than one request.
            #[schemars(extend("x-collector" = "same; there connections of HTTP/2 end too"))]
            pub keep_alives_enabled: bool,
            /// Newer names for `keep_alives_enabled` and `idle_timeout`.
            pub keepalive: $crate::intake::HttpKeepalive,
            /// TLS; without it, none.
            pub tls: Option<$crate::net::tls::ServerTls>,
            /// Who may send; without it, all.
            #[schemars(extend("x-collector" = "same; `request_params` is refused"))]
            pub auth: Option<$crate::contract::Authentication>,
            /// Whether requests' headers go along with what they brought.
            #[schemars(extend("x-collector" = "same, but for headers with secrets and of the connection: who names those elsewhere is refused"))]
            pub include_metadata: bool,
            /// Which other sites' pages may send from a browser; without it, none.
            pub cors: Option<$crate::intake::Cors>,
            /// What goes along with each answer.
            #[schemars(extend("x-collector" = "same; headers that the protocol sets are refused"))]
            pub response_headers: $crate::net::Headers,
            /// How requests may be compressed: `gzip`, `zstd`, `zlib`, `deflate`, `snappy`, `x-snappy-framed`, and an empty text for not at all.
            #[schemars(extend("x-collector" = "same; `lz4` is refused"))]
            pub compression_algorithms: Option<$crate::intake::Algorithms>,
            $( $(#[$own])* pub $key: $type, )*
        }

        impl Default for $name {
            fn default() -> Self {
                use $crate::intake::http_defaults as defaults;
                $name {
                    endpoint: $crate::net::Endpoint::loopback($port),
                    transport: $crate::net::Network::default(),
                    write_timeout: defaults::WRITE_TIMEOUT,
                    keep_alives_enabled: true,
                    keepalive: $crate::intake::HttpKeepalive::default(),
                    response_headers: $crate::net::Headers::default(),
                    compression_algorithms: None,
                    max_request_body_size: defaults::MAX_REQUEST_BODY_SIZE,
                    max_concurrent_streams: defaults::MAX_CONCURRENT_STREAMS,
                    max_connections: defaults::MAX_CONNECTIONS,
                    read_header_timeout: defaults::READ_HEADER_TIMEOUT,
                    read_timeout: defaults::READ_TIMEOUT,
                    idle_timeout: defaults::IDLE_TIMEOUT,
                    tls: None,
                    auth: None,
                    include_metadata: false,
                    cors: None,
                    $( $key: $default, )*
                }
            }
        }

        impl $name {
            /// What the server is told.
            pub fn settings(&self) -> $crate::intake::HttpSettings {
                $crate::intake::HttpSettings {
                    endpoint: self.endpoint.clone(),
                    transport: self.transport,
                    write_timeout: (!self.write_timeout.is_zero()).then_some(self.write_timeout),
                    keep_alives_enabled: self.keepalive.enabled.unwrap_or(self.keep_alives_enabled),
                    response_headers: self.response_headers.clone(),
                    compression_algorithms: self.compression_algorithms.clone(),
                    max_request_body_size: self.max_request_body_size,
                    max_concurrent_streams: self.max_concurrent_streams,
                    max_connections: self.max_connections,
                    read_header_timeout: self.read_header_timeout,
                    read_timeout: self.read_timeout,
                    idle_timeout: self.keepalive.idle_timeout.unwrap_or(self.idle_timeout),
                    tls: self.tls.clone(),
                    auth: self.auth.clone(),
                    include_metadata: self.include_metadata,
                    cors: self.cors.clone(),
                }
            }
        }
    };
}

pub(crate) use http_config;
