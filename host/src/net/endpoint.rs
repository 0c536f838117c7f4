//! Where a port listens: the text forms the Collector accepts, and the socket.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

use super::host_port;
use super::listening::Listening;
use super::network::{Network, NetworkError};
use crate::contract::BindError;

/// Connections the kernel holds for us while we are busy.
pub(super) const BACKLOG: i32 = 1024;

/// `host:port`, `[ipv6]:port`, or `:port` for every address of the machine, of both families where it has both, as in Go. Or the path of a unix
/// socket, which begins with `/` or `.`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct Endpoint {
    /// Empty for every address.
    host: String,
    port: u16,
    /// Of a unix socket, in place of both.
    path: Option<PathBuf>,
}

/// A text that is no endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// A scheme, which a listening address has not.
    #[error("an endpoint to listen on has no scheme: write `host:port`, such as 127.0.0.1:4317{}", Variable::of(text))]
    Scheme {
        /// As written.
        text: String,
    },
    /// No host and port.
    #[error(
        "not an endpoint: write `host:port`, such as 127.0.0.1:4317, [::1]:4317 or 0.0.0.0:4317{}",
        Variable::of(text)
    )]
    Form {
        /// As written.
        text: String,
    },
    /// The part after the last colon.
    #[error(
        "the port is not a number from 0 to 65535: write `host:port`, such as 127.0.0.1:4317{}",
        Variable::of(text)
    )]
    Port {
        /// As written.
        text: String,
    },
}

/// What to write in place of a `$NAME`, which is no variable.
struct Variable<'t>(&'t str);

impl Variable<'_> {
    fn of(text: &str) -> Variable<'_> {
        let name = text.split_once('$').map_or("", |(_, after)| after);
        let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name.len());
        Variable(name.get(..end).unwrap_or_default())
    }
}

impl fmt::Display for Variable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            "" => Ok(()),
            name => write!(f, "; a variable is written `${{env:{name}}}`"),
        }
    }
}

impl Endpoint {
    /// A port of this machine that other machines cannot reach: the default.
    pub fn loopback(port: u16) -> Self {
        Endpoint { host: Ipv4Addr::LOCALHOST.to_string(), port, path: None }
    }

    /// The endpoint of a component whose configuration has it as a text.
    pub fn read(component: &str, text: &str) -> Result<Endpoint, BindError> {
        text.parse().map_err(|error: EndpointError| {
            let source = io::Error::new(io::ErrorKind::InvalidInput, error.to_string());
            BindError::Address { component: component.to_owned(), endpoint: text.to_owned(), source }
        })
    }

    /// Whether the system chooses the port.
    pub fn is_any_port(&self) -> bool {
        self.port == 0 && self.path.is_none()
    }

    /// The path of a unix socket.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Whether it can be listened on over that network.
    pub fn check(&self, network: Network) -> Result<(), NetworkError> {
        match (network, &self.path) {
            (Network::Unix, None) => Err(NetworkError::NoPath),
            (Network::Tcp | Network::Tcp4 | Network::Tcp6, Some(_)) => Err(NetworkError::Path),
            _ => Ok(()),
        }
    }

    /// Opens a listening port, ready for tokio.
    pub fn bind(&self, component: &str) -> Result<TcpListener, BindError> {
        self.listen(Network::Tcp).map_err(|source| self.unopened(component, source))
    }

    /// Opens a port or a unix socket, ready for tokio.
    pub fn open(&self, component: &str, network: Network) -> Result<Listening, BindError> {
        let opened = match &self.path {
            Some(path) => Listening::unix(path),
            None => self.listen(network).map(Listening::Tcp),
        };
        opened.map_err(|source| self.unopened(component, source))
    }

    fn unopened(&self, component: &str, source: io::Error) -> BindError {
        let (component, endpoint) = (component.to_owned(), self.to_string());
        match source.kind() {
            io::ErrorKind::AddrInUse => BindError::InUse { component, endpoint },
            _ => BindError::Address { component, endpoint, source },
        }
    }

    fn listen(&self, network: Network) -> io::Result<TcpListener> {
        let mut resolved = self.resolve()?;
        resolved.retain(|address| match network {
            Network::Tcp4 => address.is_ipv4(),
            Network::Tcp6 => address.is_ipv6(),
            Network::Tcp | Network::Unix => true,
        });
        // IPv4 wins where a name has both, as in the Collector.
        let named = resolved.iter().find(|address| address.is_ipv4() && !self.host.is_empty());
        let address = named.or(resolved.first());
        let address = address.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the host name has no address"))?;
        match listen(*address, network) {
            // A machine without IPv6.
            Err(error)
                if self.host.is_empty() && network == Network::Tcp && error.kind() != io::ErrorKind::AddrInUse =>
            {
                listen((Ipv4Addr::UNSPECIFIED, self.port).into(), network)
            }
            listener => listener,
        }
    }

    /// The addresses behind the host name.
    pub(super) fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        if self.path.is_some() {
            let text = "only receivers listen at a path: write `host:port`";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        if self.host.is_empty() {
            return Ok(vec![(Ipv6Addr::UNSPECIFIED, self.port).into(), (Ipv4Addr::UNSPECIFIED, self.port).into()]);
        }
        Ok((self.host.as_str(), self.port).to_socket_addrs()?.collect())
    }

    /// The address that a sender on this machine uses for a listener of this endpoint at `address`.
    pub fn reachable(&self, address: SocketAddr) -> SocketAddr {
        let ip = match address.ip() {
            IpAddr::V6(ip) if ip.is_unspecified() && !self.host.is_empty() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            ip => ip,
        };
        SocketAddr::new(ip, address.port())
    }
}

fn listen(address: SocketAddr, network: Network) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Whatever the system's default is.
    if address.is_ipv6() && address.ip().is_unspecified() {
        socket.set_only_v6(network == Network::Tcp6)?;
    }
    // Connections of the previous run still in TIME_WAIT must not keep us from the port; two listeners stay impossible.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let form = || EndpointError::Form { text: text.to_owned() };
        if text.starts_with(['/', '.']) && !text.ends_with('/') {
            return Ok(Endpoint { host: String::new(), port: 0, path: Some(PathBuf::from(text)) });
        }
        if text.contains("://") {
            return Err(EndpointError::Scheme { text: text.to_owned() });
        }
        let (host, port) = host_port::split(text).ok_or_else(form)?;
        if !host.chars().all(|c| c.is_ascii_graphic() && c != '$') {
            return Err(form());
        }
        let port = port.parse().map_err(|_| EndpointError::Port { text: text.to_owned() })?;
        Ok(Endpoint { host: host.to_owned(), port, path: None })
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
        match &self.path {
            Some(path) => path.display().fmt(f),
            None => host_port::write(f, &self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BindError, Endpoint, EndpointError, Network, NetworkError};

    #[test]
    fn the_collectors_forms_are_understood() {
        for text in ["127.0.0.1:4317", "localhost:4317", ":4317", "[::1]:0"] {
            assert_eq!(text.parse::<Endpoint>().map(|endpoint| endpoint.to_string()).as_deref(), Ok(text));
        }
        for (text, words) in [
            ("4317", "not an endpoint"),
            ("/run/", "not an endpoint"),
            ("::1:4317", "not an endpoint"),
            ("[::1:4317", "not an endpoint"),
            ("[]:4317", "not an endpoint"),
            ("a b:1", "not an endpoint"),
            ("$HOST:4317", "a variable is written `${env:HOST}`"),
            ("localhost:", "the port is not a number"),
            ("localhost:65536", "the port is not a number"),
            ("http://localhost:4317", "has no scheme"),
        ] {
            let error = text.parse::<Endpoint>().map_err(|error: EndpointError| error.to_string()).err();
            assert!(error.as_deref().is_some_and(|error| error.contains(words)), "{text}: {error:?}");
        }
    }

    #[tokio::test]
    async fn a_taken_port_is_told_from_a_bad_address() -> Result<(), Box<dyn std::error::Error>> {
        let first = Endpoint::loopback(0).bind("otlp")?;
        let taken = Endpoint::loopback(first.local_addr()?.port()).bind("otlp");
        assert!(matches!(taken, Err(BindError::InUse { .. })), "{taken:?}");
        // TEST-NET-1 belongs to no machine.
        let elsewhere = "192.0.2.1:0".parse::<Endpoint>()?.bind("otlp");
        assert!(matches!(elsewhere, Err(BindError::Address { .. })), "{elsewhere:?}");
        assert!("localhost:0".parse::<Endpoint>()?.bind("otlp").is_ok());
        Ok(())
    }

    #[tokio::test]
    async fn a_transport_decides_about_families_and_paths() -> Result<(), Box<dyn std::error::Error>> {
        let any: Endpoint = ":0".parse()?;
        let address = |network| any.open("otlp", network).map(|open| open.address());
        assert!(address(Network::Tcp4)?.is_some_and(|address| address.is_ipv4()));
        // Not every machine has it.
        if let Ok(address) = address(Network::Tcp6) {
            assert!(address.is_some_and(|address| address.is_ipv6()));
        }
        let loopback: Endpoint = "127.0.0.1:0".parse()?;
        assert!(loopback.open("otlp", Network::Tcp6).is_err());
        let folder = tempfile::tempdir()?;
        let path: Endpoint = folder.path().join("otlp.sock").display().to_string().parse()?;
        assert_eq!(path.check(Network::Unix), Ok(()));
        assert_eq!(path.check(Network::Tcp), Err(NetworkError::Path));
        assert_eq!(any.check(Network::Unix), Err(NetworkError::NoPath));
        let open = path.open("otlp", Network::Unix)?;
        assert!(matches!(path.open("otlp", Network::Unix), Err(BindError::InUse { .. })));
        assert!(matches!(path.bind("health_check"), Err(BindError::Address { .. })));
        drop(open);
        Ok(())
    }

    #[tokio::test]
    async fn a_port_alone_is_every_address_of_both_families() -> Result<(), Box<dyn std::error::Error>> {
        let endpoint: Endpoint = ":0".parse()?;
        let listener = endpoint.bind("otlp")?;
        let address = listener.local_addr()?;
        let reachable = endpoint.reachable(address);
        assert_eq!(reachable.to_string(), format!("127.0.0.1:{}", address.port()));
        let loopbacks = if address.is_ipv6() { &["127.0.0.1", "::1"][..] } else { &["127.0.0.1"] };
        for loopback in loopbacks {
            tokio::net::TcpStream::connect((*loopback, address.port())).await?;
            let (_, peer) = listener.accept().await?;
            assert_eq!(crate::net::canonical(peer).ip().to_string(), *loopback);
        }
        Ok(())
    }
}
