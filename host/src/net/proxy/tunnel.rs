//! The way through a proxy: as Go's clients have it, requests of `http` are handed to the proxy, and everything else goes through a tunnel
//! (`CONNECT`; RFC 9110, section 9.3.6), gRPC without TLS too.

use std::io;
use std::sync::Arc;

use http::HeaderValue;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Proxy;
use crate::net::tls::{ClientTls, TlsClient, TlsError};
use crate::net::{Stream, Target, bounded};

/// So much of a proxy's answer is read: a status and some headers.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// A destination behind a proxy.
pub struct Through {
    proxy: Proxy,
    /// Of the proxy.
    tls: Option<Arc<TlsClient>>,
    /// `host:port`.
    destination: String,
    is_tunnel: bool,
}

impl Through {
    /// The way to a destination. A proxy with TLS is believed as the destination is, by its own name, as in Go.
    pub fn new(proxy: Proxy, tls: &ClientTls, target: &Target, is_tunnel: bool) -> Result<Through, TlsError> {
        let tls = match proxy.is_secure {
            true => Some(Arc::new(TlsClient::new(&tls.of_proxy(), &proxy.host, &[])?)),
            false => None,
        };
        Ok(Through { proxy, tls, destination: target.authority(), is_tunnel })
    }

    /// Where the proxy is.
    pub(in crate::net) fn target(&self) -> Target {
        self.proxy.target()
    }

    /// What a request tells the proxy that it is handed to; `None` where there is a tunnel, which hides requests from the proxy.
    pub(in crate::net) fn handed(&self) -> Option<Option<&HeaderValue>> {
        (!self.is_tunnel).then_some(self.proxy.authorization.as_ref())
    }

    /// From a connection to the proxy to one on which the destination answers, or the proxy in its place.
    pub(in crate::net) async fn lead(&self, stream: Stream) -> io::Result<Stream> {
        let stream = match &self.tls {
            Some(tls) => tls.connect(stream).await?,
            None => stream,
        };
        if self.is_tunnel { self.connect(stream).await } else { Ok(stream) }
    }

    async fn connect(&self, mut stream: Stream) -> io::Result<Stream> {
        let destination = &self.destination;
        let mut head = format!("CONNECT {destination} HTTP/1.1\r\nHost: {destination}\r\n").into_bytes();
        let agent = concat!("User-Agent: otelier/", env!("CARGO_PKG_VERSION"), "\r\n");
        head.extend_from_slice(agent.as_bytes());
        if let Some(authorization) = &self.proxy.authorization {
            head.extend_from_slice(b"Proxy-Authorization: ");
            head.extend_from_slice(authorization.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"\r\n");
        stream.write_all(&head).await?;
        stream.flush().await?;
        let head = head_of(&mut stream).await?;
        match status(&head) {
            Some("200") => Ok(stream),
            Some("407") if self.proxy.authorization.is_none() => {
                Err(io::Error::other("it asks who is there: write `user:password@` into the URL of the proxy"))
            }
            _ => {
                let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
                Err(io::Error::other(format!("it answers `{}`", bounded(&String::from_utf8_lossy(line)))))
            }
        }
    }
}

/// The head of an answer. One byte at a time, so that nothing is taken of what the destination says behind it.
async fn head_of(stream: &mut Stream) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == HEAD_BYTES_MAX {
            return Err(io::Error::other(format!("its answer has a head of more than {HEAD_BYTES_MAX} bytes")));
        }
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(io::Error::other("it closes the connection without an answer"));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(head)
}

/// The three digits behind the version; `None` where it is no answer of HTTP/1.
fn status(head: &[u8]) -> Option<&str> {
    let line = std::str::from_utf8(head.split(|byte| *byte == b'\r').next()?).ok()?;
    line.strip_prefix("HTTP/1.")?.split(' ').nth(1)
}
