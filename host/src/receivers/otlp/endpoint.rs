//! Where a port listens: the text forms the Collector accepts, and the socket.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

use crate::contract::{BindError, ComponentId};

/// Connections the kernel holds for us while we are busy.
const BACKLOG: i32 = 1024;

/// `host:port`, `[ipv6]:port`, or `:port` for every IPv4 address of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct Endpoint {
    host: String,
    port: u16,
}

/// A text that is no endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// A scheme, which a listening address has not.
    #[error("an endpoint to listen on has no scheme: write `host:port`, such as 127.0.0.1:4317")]
    Scheme,
    /// No host and port.
    #[error("not an endpoint: write `host:port`, such as 127.0.0.1:4317, [::1]:4317 or 0.0.0.0:4317")]
    Form,
    /// The part after the last colon.
    #[error("the port is not a number from 0 to 65535: write `host:port`, such as 127.0.0.1:4317")]
    Port,
}

impl Endpoint {
    /// A port of this machine that other machines cannot reach: the default.
    pub(super) fn loopback(port: u16) -> Self {
        Endpoint { host: Ipv4Addr::LOCALHOST.to_string(), port }
    }

    /// Opens a listening socket, ready for tokio.
    pub(super) fn bind(&self, id: &ComponentId) -> Result<TcpListener, BindError> {
        let listener = self.resolve().and_then(listen);
        listener.map_err(|source| {
            let (component, endpoint) = (id.to_string(), self.to_string());
            match source.kind() {
                io::ErrorKind::AddrInUse => BindError::InUse { component, endpoint },
                _ => BindError::Address { component, endpoint, source },
            }
        })
    }

    /// The address behind the host name. IPv4 wins where a name has both, as in the Collector.
    fn resolve(&self) -> io::Result<SocketAddr> {
        let addresses: Vec<SocketAddr> = (self.host.as_str(), self.port).to_socket_addrs()?.collect();
        let address = addresses.iter().find(|address| address.is_ipv4()).or(addresses.first());
        address.copied().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the host name has no address"))
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Connections of the previous run still in TIME_WAIT must not keep us from the port; two listeners stay impossible.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// The address a sender on this machine uses for a listener at `address`.
pub(super) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        if text.contains("://") {
            return Err(EndpointError::Scheme);
        }
        let (host, port) = text.rsplit_once(':').ok_or(EndpointError::Form)?;
        let host = match host.strip_prefix('[') {
            Some(inner) => inner.strip_suffix(']').ok_or(EndpointError::Form)?,
            None if host.contains(':') => return Err(EndpointError::Form),
            None if host.is_empty() => "0.0.0.0",
            None => host,
        };
        if host.is_empty() || host.contains(char::is_whitespace) {
            return Err(EndpointError::Form);
        }
        let port = port.parse().map_err(|_| EndpointError::Port)?;
        Ok(Endpoint { host: host.to_owned(), port })
    }
}

impl TryFrom<String> for Endpoint {
    type Error = EndpointError;

    fn try_from(text: String) -> Result<Self, EndpointError> {
        text.parse()
    }
}

impl Serialize for Endpoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BindError, ComponentId, Endpoint, EndpointError};

    #[test]
    fn the_collectors_forms_are_understood() {
        for (text, shown) in [
            ("127.0.0.1:4317", "127.0.0.1:4317"),
            ("localhost:4317", "localhost:4317"),
            (":4317", "0.0.0.0:4317"),
            ("[::1]:0", "[::1]:0"),
        ] {
            assert_eq!(text.parse::<Endpoint>().map(|e| e.to_string()).as_deref(), Ok(shown));
        }
        for (text, error) in [
            ("4317", EndpointError::Form),
            ("::1:4317", EndpointError::Form),
            ("[::1:4317", EndpointError::Form),
            ("a b:1", EndpointError::Form),
            ("localhost:", EndpointError::Port),
            ("localhost:65536", EndpointError::Port),
            ("http://localhost:4317", EndpointError::Scheme),
        ] {
            assert_eq!(text.parse::<Endpoint>(), Err(error), "{text}");
        }
    }

    #[tokio::test]
    async fn a_taken_port_is_told_from_a_bad_address() -> Result<(), Box<dyn std::error::Error>> {
        let id: ComponentId = "otlp/test".parse()?;
        let first = Endpoint::loopback(0).bind(&id)?;
        let taken = Endpoint::loopback(first.local_addr()?.port()).bind(&id);
        assert!(matches!(taken, Err(BindError::InUse { .. })), "{taken:?}");
        // TEST-NET-1 belongs to no machine.
        let elsewhere = "192.0.2.1:0".parse::<Endpoint>()?.bind(&id);
        assert!(matches!(elsewhere, Err(BindError::Address { .. })), "{elsewhere:?}");
        assert!("localhost:0".parse::<Endpoint>()?.bind(&id).is_ok());
        Ok(())
    }
}
