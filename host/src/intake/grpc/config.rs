//! A gRPC server's keys, the Collector's where it has them, with every default stated once, here. [`grpc_config`] declares a mapping of them.

use std::num::NonZeroU32;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::contract::{Authentication, duration};
use crate::net::tls::ServerTls;
use crate::net::{Endpoint, Network};

/// What a gRPC server is told.
#[derive(Debug, Clone, PartialEq)]
pub struct GrpcSettings {
    /// Where to listen.
    pub endpoint: Endpoint,
    /// The largest message, compressed and decompressed, in MiB.
    pub max_recv_msg_size_mib: NonZeroU32,
    /// Requests under way on one connection.
    pub max_concurrent_streams: NonZeroU32,
    /// Connections at a time.
    pub max_connections: NonZeroU32,
    /// How long one request may take to arrive.
    pub read_timeout: Duration,
    /// What is done about quiet connections.
    pub keepalive: Keepalive,
    /// TLS; without it, none.
    pub tls: Option<ServerTls>,
    /// Who may send; without it, all.
    pub auth: Option<Authentication>,
    /// Whether requests' headers go along with what they brought.
    pub include_metadata: bool,
    /// What it listens on.
    pub transport: Network,
}

impl GrpcSettings {
    /// The first key that two servers are told differently, their address aside.
    pub fn difference(&self, other: &GrpcSettings) -> Option<&'static str> {
        let same = [
            ("tls", self.tls == other.tls),
            ("auth", self.auth == other.auth),
            ("max_recv_msg_size_mib", self.max_recv_msg_size_mib == other.max_recv_msg_size_mib),
            ("max_concurrent_streams", self.max_concurrent_streams == other.max_concurrent_streams),
            ("max_connections", self.max_connections == other.max_connections),
            ("read_timeout", self.read_timeout == other.read_timeout),
            ("keepalive", self.keepalive == other.keepalive),
            ("include_metadata", self.include_metadata == other.include_metadata),
        ];
        same.into_iter().find(|(_, is_same)| !is_same).map(|(key, _)| key)
    }

    /// The message limit in bytes.
    pub(super) fn message_bytes_max(&self) -> usize {
        usize::try_from(self.max_recv_msg_size_mib.get()).unwrap_or(usize::MAX).saturating_mul(1 << 20)
    }
}

/// `keepalive: …`, nested as the Collector nests it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Keepalive {
    /// What the server does.
    pub server_parameters: ServerParameters,
    /// What is borne of clients that ping.
    pub enforcement_policy: EnforcementPolicy,
}

/// `keepalive: {enforcement_policy: …}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EnforcementPolicy {
    /// The pause between two pings; the third that comes earlier ends the connection. 0 is five minutes.
    #[serde(deserialize_with = "duration::deserialize")]
    pub min_time: Duration,
    /// Whether connections without a request may be pinged as often; else it is once in two hours.
    pub permit_without_stream: bool,
}

/// gRPC's own default.
const MIN_TIME: Duration = Duration::from_secs(300);

impl EnforcementPolicy {
    pub(super) fn pause(&self) -> Duration {
        if self.min_time.is_zero() { MIN_TIME } else { self.min_time }
    }
}

impl Default for EnforcementPolicy {
    fn default() -> Self {
        EnforcementPolicy { min_time: MIN_TIME, permit_without_stream: false }
    }
}

/// `keepalive: {server_parameters: …}`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServerParameters {
    /// A connection without a request for this long is told to go away.
    #[schemars(extend("x-collector" = "same, 0 refused"))]
    #[serde(deserialize_with = "duration::nonzero")]
    pub max_connection_idle: Duration,
    /// A connection as old as this, a tenth less or more, is told to go away; 0 is never.
    #[serde(deserialize_with = "duration::deserialize")]
    pub max_connection_age: Duration,
    /// How long its requests may still take from then on; 0 is without a bound.
    #[serde(deserialize_with = "duration::deserialize")]
    pub max_connection_age_grace: Duration,
    /// A connection silent for this long is pinged.
    #[schemars(extend("x-collector" = "same, 0 refused"))]
    #[serde(deserialize_with = "duration::nonzero")]
    pub time: Duration,
    /// A ping unanswered for this long closes the connection.
    #[schemars(extend("x-collector" = "same, 0 refused"))]
    #[serde(deserialize_with = "duration::nonzero")]
    pub timeout: Duration,
}

impl Default for ServerParameters {
    fn default() -> Self {
        ServerParameters {
            max_connection_idle: Duration::from_secs(600),
            max_connection_age: Duration::ZERO,
            max_connection_age_grace: Duration::ZERO,
            time: Duration::from_secs(60),
            timeout: Duration::from_secs(20),
        }
    }
}

/// The defaults of all gRPC servers.
pub(crate) mod grpc_defaults {
    use std::num::NonZeroU32;
    use std::time::Duration;

    pub const MAX_RECV_MSG_SIZE_MIB: NonZeroU32 = const { NonZeroU32::new(64).unwrap() };
    pub const MAX_CONCURRENT_STREAMS: NonZeroU32 = const { NonZeroU32::new(100).unwrap() };
    pub const MAX_CONNECTIONS: NonZeroU32 = const { NonZeroU32::new(1024).unwrap() };
    pub const READ_TIMEOUT: Duration = Duration::from_secs(30);
}

/// Declares a mapping with a gRPC server's keys and its default port.
macro_rules! grpc_config {
    ($(#[$about:meta])* pub struct $name:ident at $port:literal;) => {
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
            /// How much would be read at a time.
            #[schemars(extend("x-no-effect" = "as much is read as there is room for: what a message needs, its frames and flow control say"))]
            pub read_buffer_size: usize,
            /// How much would be gathered before it is written.
            #[schemars(extend("x-no-effect" = "an answer is written at once, in as few calls as it takes"))]
            pub write_buffer_size: usize,
            /// The largest message, compressed and decompressed, in MiB.
            #[schemars(extend("x-collector" = "same, 0 refused; 64 by default and not 4"))]
            pub max_recv_msg_size_mib: std::num::NonZeroU32,
            /// Requests under way on one connection; a sender waits with the next.
            #[schemars(extend("x-collector" = "same, 0 refused; 100 by default and not unbounded"))]
            pub max_concurrent_streams: std::num::NonZeroU32,
            /// Connections at a time; a further one is closed at once and counted.
            #[schemars(extend("x-collector" = "ours"))]
            pub max_connections: std::num::NonZeroU32,
            /// How long one request may take to arrive.
            #[schemars(extend("x-collector" = "ours"))]
            #[serde(deserialize_with = "crate::contract::duration::nonzero")]
            pub read_timeout: std::time::Duration,
            /// What is done about quiet connections.
            pub keepalive: $crate::intake::Keepalive,
            /// TLS; without it, none.
            pub tls: Option<$crate::net::tls::ServerTls>,
            /// Who may send; without it, all.
            pub auth: Option<$crate::contract::Authentication>,
            /// Whether requests' headers go along with what they brought.
            #[schemars(extend("x-collector" = "same, but for headers with secrets and of the connection: who names those elsewhere is refused"))]
            pub include_metadata: bool,
        }

        impl Default for $name {
            fn default() -> Self {
                use $crate::intake::grpc_defaults as defaults;
                $name {
                    endpoint: $crate::net::Endpoint::loopback($port),
                    transport: $crate::net::Network::default(),
                    read_buffer_size: 0,
                    write_buffer_size: 0,
                    max_recv_msg_size_mib: defaults::MAX_RECV_MSG_SIZE_MIB,
                    max_concurrent_streams: defaults::MAX_CONCURRENT_STREAMS,
                    max_connections: defaults::MAX_CONNECTIONS,
                    read_timeout: defaults::READ_TIMEOUT,
                    keepalive: $crate::intake::Keepalive::default(),
                    tls: None,
                    auth: None,
                    include_metadata: false,
                }
            }
        }

        impl $name {
            /// What the server is told.
            pub fn settings(&self) -> $crate::intake::GrpcSettings {
                $crate::intake::GrpcSettings {
                    endpoint: self.endpoint.clone(),
                    transport: self.transport,
                    max_recv_msg_size_mib: self.max_recv_msg_size_mib,
                    max_concurrent_streams: self.max_concurrent_streams,
                    max_connections: self.max_connections,
                    read_timeout: self.read_timeout,
                    keepalive: self.keepalive.clone(),
                    tls: self.tls.clone(),
                    auth: self.auth.clone(),
                    include_metadata: self.include_metadata,
                }
            }
        }
    };
}

pub(crate) use grpc_config;
