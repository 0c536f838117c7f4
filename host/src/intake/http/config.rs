//! A server's keys over HTTP, the Collector's where it has them, with every default stated once, here.
//!
//! A receiver's own mapping has them beside keys of its own, so that an error names all that are known there: [`http_config`] declares both.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use super::cors::Cors;
use crate::contract::Authentication;
use crate::net::Endpoint;
use crate::net::tls::ServerTls;

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
        ];
        same.into_iter().find(|(_, is_same)| !is_same).map(|(key, _)| key)
    }
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
            #[schemars(extend("x-collector" = "same; a port by name and `unix` are refused"))]
            pub endpoint: $crate::net::Endpoint,
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
            $( $(#[$own])* pub $key: $type, )*
        }

        impl Default for $name {
            fn default() -> Self {
                use $crate::intake::http_defaults as defaults;
                $name {
                    endpoint: $crate::net::Endpoint::loopback($port),
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
                    max_request_body_size: self.max_request_body_size,
                    max_concurrent_streams: self.max_concurrent_streams,
                    max_connections: self.max_connections,
                    read_header_timeout: self.read_header_timeout,
                    read_timeout: self.read_timeout,
                    idle_timeout: self.idle_timeout,
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
