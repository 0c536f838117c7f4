//! `transport`: what a server listens on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The Collector's names; its other ones are not for servers of streams.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// Over IPv4 and IPv6.
    #[default]
    Tcp,
    /// Over IPv4 alone.
    Tcp4,
    /// Over IPv6 alone.
    Tcp6,
    /// At a path of this machine, which `endpoint` is.
    Unix,
}

/// An `endpoint` that the `transport` has no use for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// A port.
    #[error("`transport: unix` listens at a path: write `endpoint: /path/of/the/socket`, or leave `transport` out")]
    NoPath,
    /// A path.
    #[error("`endpoint` is the path of a unix socket: write `transport: unix` beside it")]
    Path,
}
