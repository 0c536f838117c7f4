//! Why a request has no answer.

use super::address::Address;
use crate::contract::FailureClass;

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
        address: Address,
        /// The operating system's words.
        reason: String,
    },
    /// A proxy that leads nowhere.
    #[error("the proxy at {address} does not lead to the destination: {reason}")]
    Proxy {
        /// Where it is.
        address: Address,
        /// Its words, or those of the operating system.
        reason: String,
    },
    /// No agreement on who is who.
    #[error(
        "TLS with {address} failed: {reason}; does the destination speak TLS? `tls: {{insecure: true}}`, or a scheme of http://, sends without"
    )]
    Tls {
        /// With whom.
        address: Address,
        /// The words of TLS.
        reason: String,
    },
    /// A connection that ended, or what came over it was no answer.
    #[error("no answer that can be read from {address}: {reason}")]
    Exchange {
        /// From whom.
        address: Address,
        /// What happened.
        reason: String,
    },
}

impl Broken {
    /// Whether it may have arrived.
    pub fn class(&self) -> FailureClass {
        match self {
            Broken::Resolve { .. } | Broken::Connect { .. } | Broken::Proxy { .. } | Broken::Tls { .. } => {
                FailureClass::Unreachable
            }
            Broken::Exchange { .. } => FailureClass::Broken,
        }
    }
}
