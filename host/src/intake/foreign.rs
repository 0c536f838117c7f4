//! Connections that never get to a request, because their peer speaks something else: told by the first bytes it sent.

use std::error::Error;
use std::fmt::Display;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::transport::Transport;
use crate::net::Stream;

/// As many bytes tell a protocol.
pub(super) const FIRST_BYTES: usize = 4;

/// What stands in a connection's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Foreign {
    /// TLS on a port without.
    Tls,
    /// HTTP/1 on the gRPC port.
    Http1,
    /// No TLS on a port that has it.
    Plaintext,
    /// TLS on which the two did not agree.
    Handshake,
    /// HTTP that cannot be read.
    Http,
    /// None of these.
    Unknown,
    /// There are too many connections already.
    TooMany,
    /// There were, and one that was idle gave way.
    GaveWay,
    /// It was pinged too often.
    Pings,
}

impl Foreign {
    pub(super) const ALL: [Foreign; 9] = [
        Foreign::Tls,
        Foreign::Http1,
        Foreign::Plaintext,
        Foreign::Handshake,
        Foreign::Http,
        Foreign::Unknown,
        Foreign::TooMany,
        Foreign::GaveWay,
        Foreign::Pings,
    ];

    /// The `reason` label.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Foreign::Tls => "tls",
            Foreign::Http1 => "http1",
            Foreign::Plaintext => "plaintext",
            Foreign::Handshake => "handshake",
            Foreign::Http => "http",
            Foreign::Unknown => "protocol",
            Foreign::TooMany => "max_connections",
            Foreign::GaveWay => "gave_way",
            Foreign::Pings => "pings",
        }
    }

    /// What can be done about it.
    pub(super) fn remedy(self) -> &'static str {
        match self {
            Foreign::Tls => "set the sender to plain text (`http://`, `insecure: true`), or give this port a `tls`",
            Foreign::Http1 => "send OTLP/HTTP to the port of `protocols.http`, or gRPC here",
            Foreign::Plaintext => "set the sender to TLS (`https://`), or take `tls` from this port",
            Foreign::Handshake => "compare certificates, their authorities and the versions of TLS",
            Foreign::Http => {
                "the sender's HTTP library, or a proxy between, sends a head that is malformed or too large"
            }
            Foreign::Unknown => "see what sends to this port",
            Foreign::Pings => {
                "raise the sender's keepalive time, or lower `keepalive: {enforcement_policy: {min_time}}`"
            }
            Foreign::TooMany | Foreign::GaveWay => {
                "raise `max_connections` and the limit of open files, or see who keeps connections open"
            }
        }
    }

    /// What a connection without TLS that broke before its first request was, by how it began.
    pub(super) fn of_plain(transport: Transport, first: [u8; FIRST_BYTES]) -> Option<Foreign> {
        let is_http1 = METHODS.iter().any(|method| first == **method);
        match (transport, first) {
            (_, [0x16, 3, ..]) => Some(Foreign::Tls),
            // What belongs on the port and broke is the sender's affair.
            (Transport::Grpc, first) if first == *b"PRI " => None,
            (Transport::Http, first) if is_http1 || first == *b"PRI " => None,
            (Transport::Grpc, _) if is_http1 => Some(Foreign::Http1),
            _ => Some(Foreign::Unknown),
        }
    }

    /// What a connection was on which TLS was not agreed on.
    pub(super) fn of_secure(first: &[u8]) -> Option<Foreign> {
        match first {
            // Somebody looked whether the port is open.
            [] => None,
            // A record of a handshake, and the version's major number.
            [0x16, 3, ..] | [0x16] => Some(Foreign::Handshake),
            _ => Some(Foreign::Plaintext),
        }
    }
}

/// How requests of HTTP/1 begin.
const METHODS: [&[u8; FIRST_BYTES]; 9] =
    [b"GET ", b"POST", b"PUT ", b"HEAD", b"DELE", b"OPTI", b"PATC", b"CONN", b"TRAC"];

/// An error with which a connection ended.
pub(super) trait Ended: Display {
    /// Whether the peer sent a head that cannot be read.
    fn is_head(&self) -> bool;
}

impl Ended for hyper::Error {
    fn is_head(&self) -> bool {
        self.is_parse() || self.is_parse_too_large()
    }
}

impl Ended for Box<dyn Error + Send + Sync> {
    fn is_head(&self) -> bool {
        self.downcast_ref::<hyper::Error>().is_some_and(Ended::is_head)
    }
}

/// The first bytes that a peer sent, once there are so many.
#[derive(Debug, Default)]
pub(super) struct First(OnceLock<[u8; FIRST_BYTES]>);

impl First {
    pub(super) fn bytes(&self) -> Option<[u8; FIRST_BYTES]> {
        self.0.get().copied()
    }
}

/// A connection whose first bytes are kept.
pub(super) struct Heard {
    stream: Stream,
    first: Arc<First>,
    /// Until they are complete.
    gathering: Option<Vec<u8>>,
}

impl Heard {
    pub(super) fn new(stream: Stream, first: Arc<First>) -> Heard {
        Heard { stream, first, gathering: Some(Vec::new()) }
    }

    fn hear(&mut self, bytes: &[u8]) {
        let Some(gathered) = &mut self.gathering else { return };
        gathered.extend(bytes.iter().take(FIRST_BYTES));
        if let Some(first) = gathered.first_chunk() {
            // Nobody else sets it.
            let _ = self.first.0.set(*first);
            self.gathering = None;
        }
    }
}

impl AsyncRead for Heard {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, into);
        if self.gathering.is_some() {
            self.hear(into.filled().get(before..).unwrap_or_default());
        }
        polled
    }
}

impl AsyncWrite for Heard {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::{Foreign, Transport};

    #[test]
    fn first_bytes_tell_what_came_to_the_wrong_port() {
        for (first, grpc, http) in [
            (b"\x16\x03\x01\x02", Some(Foreign::Tls), Some(Foreign::Tls)),
            (b"POST", Some(Foreign::Http1), None),
            (b"GET ", Some(Foreign::Http1), None),
            (b"PRI ", None, None),
            (b"SSH-", Some(Foreign::Unknown), Some(Foreign::Unknown)),
        ] {
            assert_eq!(Foreign::of_plain(Transport::Grpc, *first), grpc, "{first:?}");
            assert_eq!(Foreign::of_plain(Transport::Http, *first), http, "{first:?}");
        }
        assert_eq!(Foreign::of_secure(b"POST"), Some(Foreign::Plaintext));
        assert_eq!(Foreign::of_secure(b"\x16\x03\x01\x02"), Some(Foreign::Handshake));
        assert_eq!(Foreign::of_secure(b""), None);
    }
}
