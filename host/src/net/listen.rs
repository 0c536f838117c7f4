//! Whether one could listen somewhere, as far as that can be said without taking the port: the form of an endpoint, the address behind its
//! name, and whether that address is this machine's.

use std::io;
use std::net::{SocketAddr, TcpListener};

use super::endpoint::{Endpoint, EndpointError};

/// A place where nobody can listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// No endpoint.
    #[error(transparent)]
    Form(#[from] EndpointError),
    /// A path, where a receiver can listen and nobody else.
    #[error("{text} is the path of a unix socket, and only receivers listen on one: write `host:port`")]
    Path {
        /// As written.
        text: String,
    },
    /// No address.
    #[error("cannot listen on {text}: {source}; is it a name of this machine?")]
    Unresolved {
        /// As written.
        text: String,
        /// The resolver's words.
        source: io::Error,
    },
    /// An address of another machine.
    #[error("cannot listen on {text}: {source}; name an address of this machine, or 0.0.0.0 for all")]
    Elsewhere {
        /// As written.
        text: String,
        /// The operating system's words.
        source: io::Error,
    },
}

/// Where an endpoint to listen on leads.
pub fn listening(text: &str) -> Result<Vec<SocketAddr>, ListenError> {
    let endpoint: Endpoint = text.parse()?;
    if endpoint.path().is_some() {
        return Err(ListenError::Path { text: text.to_owned() });
    }
    let addresses = endpoint.resolve().map_err(|source| ListenError::Unresolved { text: text.to_owned(), source })?;
    let here = |address: &SocketAddr| TcpListener::bind(SocketAddr::new(address.ip(), 0)).map(drop);
    let mut elsewhere = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in &addresses {
        match here(address) {
            Ok(()) => return Ok(addresses),
            Err(error) => elsewhere = error,
        }
    }
    Err(ListenError::Elsewhere { text: text.to_owned(), source: elsewhere })
}

/// Whether two listeners would be in each other's way.
pub fn collide(one: &[SocketAddr], other: &[SocketAddr]) -> bool {
    let meet = |one: &SocketAddr, other: &SocketAddr| {
        let is_all = one.ip().is_unspecified() || other.ip().is_unspecified();
        one.port() == other.port()
            && one.port() != 0
            && (one.ip() == other.ip() || is_all && one.is_ipv4() == other.is_ipv4())
    };
    one.iter().any(|one| other.iter().any(|other| meet(one, other)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_can_be_said_without_the_port() {
        for text in ["127.0.0.1:4317", ":4317", "localhost:0", "0.0.0.0:65535"] {
            assert!(listening(text).is_ok(), "{text}");
        }
        for (text, words) in [
            (
                "$PROM_ADDR",
                "write `host:port`, such as 127.0.0.1:4317, [::1]:4317 or 0.0.0.0:4317; a variable is written `${env:PROM_ADDR}`",
            ),
            ("$HOST:4317", "a variable is written `${env:HOST}`"),
            ("4317", "write `host:port`"),
            ("a:b", "the port is not a number"),
            ("localhost:70000", "the port is not a number"),
            ("::1:4317", "write `host:port`"),
            ("http://localhost:4317", "has no scheme"),
            ("no-such-host.invalid:4317", "cannot listen on no-such-host.invalid:4317"),
            ("192.0.2.1:4317", "name an address of this machine"),
        ] {
            let error = listening(text).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn two_listeners_meet_at_one_port_of_one_address() {
        let meet = |one: &str, other: &str| collide(&listening(one).unwrap(), &listening(other).unwrap());
        assert!(meet("127.0.0.1:4317", "127.0.0.1:4317") && meet(":4317", "127.0.0.1:4317"));
        assert!(!meet("127.0.0.1:4317", "127.0.0.2:4317") && !meet(":0", ":0") && !meet(":4317", ":4318"));
    }
}
