//! A port or a unix socket that is open.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use tokio::net::TcpListener;

use super::peer::canonical;
use super::stream::Stream;
use super::unix_socket::UnixSocket;

/// What connections come to.
#[derive(Debug)]
pub enum Listening {
    /// Over TCP.
    Tcp(TcpListener),
    /// Of this machine.
    Unix(UnixSocket),
}

impl Listening {
    /// Listens at a path.
    pub(super) fn unix(path: &Path) -> io::Result<Listening> {
        UnixSocket::bind(path).map(Listening::Unix)
    }

    /// The next connection and its other end, which has no address where it is on a unix socket.
    pub async fn accept(&self) -> io::Result<(Stream, Option<SocketAddr>)> {
        match self {
            Listening::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // Without it an answer waits for the sender's delayed acknowledgement. It can only fail on a dead socket.
                let _ = stream.set_nodelay(true);
                Ok((Stream::Tcp(stream), Some(canonical(peer))))
            }
            Listening::Unix(socket) => Ok((Stream::Unix(socket.accept().await?), None)),
        }
    }

    /// Where it is; nothing for a unix socket.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Listening::Tcp(listener) => listener.local_addr().ok(),
            Listening::Unix(_) => None,
        }
    }
}
