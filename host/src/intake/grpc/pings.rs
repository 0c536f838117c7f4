//! `enforcement_policy`: a peer that pings too often is told so and loses its connection, by the rules of gRPC's Go server
//! (`internal/transport/http2_server.go`; gRFC A8).
//!
//! hyper answers pings by itself and tells nobody, so they are counted where the connection's bytes pass by.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::super::foreign::Heard;
use super::super::frames::{ACK, Frames, kind};
use super::super::serve::Activity;
use super::config::EnforcementPolicy;

/// So many pings that come too early are borne.
const STRIKES_MAX: u32 = 2;

/// The pause that a connection without a request has to keep, where it may not be pinged.
const PAUSE_WITHOUT_STREAM: Duration = Duration::from_secs(2 * 3600);

/// `GOAWAY` that ends a connection: ENHANCE_YOUR_CALM, and the words that gRPC's clients look for. Any of its requests may have been begun.
const GOAWAY: [u8; 31] = [
    0,
    0,
    22,
    kind::GOAWAY,
    0,
    0,
    0,
    0,
    0,
    0x7f,
    0xff,
    0xff,
    0xff,
    0,
    0,
    0,
    11,
    b't',
    b'o',
    b'o',
    b'_',
    b'm',
    b'a',
    b'n',
    b'y',
    b'_',
    b'p',
    b'i',
    b'n',
    b'g',
    b's',
];

/// How often a peer has pinged.
#[derive(Debug)]
struct Pings {
    policy: EnforcementPolicy,
    last: Option<Instant>,
    strikes: u32,
    /// Something was sent since the last ping, which may be a measurement of the connection.
    has_answered: bool,
}

impl Pings {
    /// Whether it is one too many.
    fn ping(&mut self, now: Instant, has_requests: bool) -> bool {
        let last = self.last.replace(now);
        if std::mem::take(&mut self.has_answered) {
            self.strikes = 0;
            return false;
        }
        let is_allowed = has_requests || self.policy.permit_without_stream;
        let pause = if is_allowed { self.policy.pause() } else { PAUSE_WITHOUT_STREAM };
        let is_early = last.is_some_and(|last| now.saturating_duration_since(last) < pause);
        self.strikes += u32::from(is_early);
        self.strikes > STRIKES_MAX
    }
}

/// A connection on which pings are counted.
pub(super) struct Policed<F> {
    stream: Heard,
    incoming: Frames,
    outgoing: Frames,
    pings: Pings,
    activity: Arc<Activity>,
    has_ended: bool,
    /// Told when a connection is ended.
    tell: F,
}

impl<F: Fn(&Activity)> Policed<F> {
    pub(super) fn new(stream: Heard, policy: EnforcementPolicy, activity: Arc<Activity>, tell: F) -> Policed<F> {
        let pings = Pings { policy, last: None, strikes: 0, has_answered: false };
        let (incoming, outgoing) = (Frames::of_client(), Frames::of_server());
        Policed { stream, incoming, outgoing, pings, activity, has_ended: false, tell }
    }

    /// Whether what was read has a ping too many.
    fn is_too_much(&mut self, read: &[u8]) -> bool {
        let (pings, activity, mut is_too_much) = (&mut self.pings, &self.activity, false);
        self.incoming.pass(read, |kind, flags| {
            if kind == kind::PING && flags & ACK == 0 {
                is_too_much |= pings.ping(Instant::now(), activity.has_requests());
            }
        });
        is_too_much
    }

    /// Says why, where that can be said at once, and is at its end.
    fn end(&mut self, cx: &mut Context<'_>) {
        self.has_ended = true;
        (self.tell)(&self.activity);
        let mut rest = if self.outgoing.is_between() { &GOAWAY[..] } else { &[] };
        while !rest.is_empty() {
            match Pin::new(&mut self.stream).poll_write(cx, rest) {
                Poll::Ready(Ok(written)) if written > 0 => rest = rest.get(written..).unwrap_or_default(),
                _ => return,
            }
        }
        if Pin::new(&mut self.stream).poll_flush(cx).is_ready() {
            // Whether it is closed in order or at once: it is closed.
            let _ = Pin::new(&mut self.stream).poll_shutdown(cx);
        }
    }

    fn sent(&mut self, bytes: &[u8]) {
        let pings = &mut self.pings;
        self.outgoing.pass(bytes, |kind, _| pings.has_answered |= matches!(kind, kind::DATA | kind::HEADERS));
    }
}

impl<F: Fn(&Activity) + Unpin> AsyncRead for Policed<F> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.has_ended {
            return Poll::Ready(Ok(()));
        }
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, into))?;
        if self.is_too_much(into.filled().get(before..).unwrap_or_default()) {
            into.set_filled(before);
            self.end(cx);
        }
        Poll::Ready(Ok(()))
    }
}

impl<F: Fn(&Activity) + Unpin> AsyncWrite for Policed<F> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.has_ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.sent(bytes.get(..written).unwrap_or_default());
        Poll::Ready(Ok(written))
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
        if self.has_ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, slices))?;
        let mut left = written;
        for slice in slices {
            let sent = slice.get(..left.min(slice.len())).unwrap_or_default();
            left -= sent.len();
            self.sent(sent);
        }
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_ping_that_comes_too_early_is_too_many() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let pings = |permit_without_stream| {
            let policy = EnforcementPolicy { min_time: Duration::from_secs(10), permit_without_stream };
            Pings { policy, last: None, strikes: 0, has_answered: false }
        };
        let mut quick = pings(false);
        assert_eq!([0, 1, 2, 3].map(|second| quick.ping(at(second), true)), [false, false, false, true]);
        let mut slow = pings(false);
        assert!((0..20).all(|number| !slow.ping(at(number * 10), true)));
        // Without a request.
        let mut idle = pings(false);
        assert_eq!([0, 60, 120, 180].map(|second| idle.ping(at(second), false)), [false, false, false, true]);
        let mut allowed = pings(true);
        assert!((0..20).all(|number| !allowed.ping(at(number * 10), false)));
        // A server that sends something begins anew.
        let mut answered = pings(false);
        for second in 0..20 {
            answered.has_answered = second % 3 == 0;
            assert!(!answered.ping(at(second), true));
        }
    }
}
