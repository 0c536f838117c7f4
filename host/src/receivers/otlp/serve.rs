//! The life of a port and of its connections, the same for both protocols: accept, bound, watch for quiet, drain.
//!
//! hyper bounds what happens inside a request; nothing in it bounds a connection that never gets to one (no HTTP/2
//! preface, a header that trickles in, an answer nobody reads). So every connection has an [`Activity`]: when no request
//! has been under way for too long, whatever the reason, the connection is told to go away and soon after it is gone.

use std::fmt::Display;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use hyper_util::server::graceful::GracefulConnection;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::foreign::{FIRST_BYTES, First, Foreign, Heard};
use super::intake::IntakeMetrics;
use crate::net::Stream;
use crate::net::tls::TlsServer;

/// How long requests under way may take when a connection, or the whole process, is to end.
const DRAIN_MAX: Duration = Duration::from_secs(10);

/// How long a connection that is to end may stay open without a request; enough for the last answer to leave.
const LINGER: Duration = Duration::from_millis(500);

/// How long accepting rests when the process has no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long TLS may take to agree on a new connection.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// HTTP/2 flow control. A message of about 1 MB fits a stream's window and a frame, so that one large export request
/// arrives without a round trip and in one piece.
pub(super) const STREAM_WINDOW_BYTES: u32 = 8 << 20;
/// HTTP/2 flow control of a whole connection.
pub(super) const CONNECTION_WINDOW_BYTES: u32 = 16 << 20;
/// The largest HTTP/2 frame a sender may use.
pub(super) const FRAME_BYTES_MAX: u32 = 1 << 20;

/// What bounds a port's connections.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Connections at a time.
    pub(super) connections_max: u32,
    /// How long a new connection may take until its first request.
    pub(super) first_request: Duration,
    /// How long a connection may go without a request.
    pub(super) idle: Duration,
}

/// Who is at the other end of a connection, and which requests it has seen.
#[derive(Debug, Default)]
pub(super) struct Activity {
    /// Begins and ends: a request that took long must not look like silence.
    changes: AtomicU64,
    under_way: AtomicUsize,
    /// The other end.
    pub(super) peer: Option<SocketAddr>,
    first: Arc<First>,
}

/// A request under way, until it is dropped.
pub(super) struct Busy(Arc<Activity>);

impl Activity {
    fn of(peer: Option<SocketAddr>) -> Self {
        Activity { peer, ..Activity::default() }
    }

    /// Notes a request, which is under way as long as the guard lives.
    pub(super) fn begin(self: &Arc<Self>) -> Busy {
        self.changes.fetch_add(1, Ordering::Relaxed);
        self.under_way.fetch_add(1, Ordering::Relaxed);
        Busy(Arc::clone(self))
    }

    /// Resolves when there was no request in the `first` period, or later between one and two `idle` periods without.
    async fn quiet(&self, first: Duration, idle: Duration) {
        tokio::time::sleep(first).await;
        let mut seen = 0;
        loop {
            let changes = self.changes.load(Ordering::Relaxed);
            if changes == seen && self.under_way.load(Ordering::Relaxed) == 0 {
                return;
            }
            seen = changes;
            tokio::time::sleep(idle).await;
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.changes.fetch_add(1, Ordering::Relaxed);
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Accepts connections until `stop` turns true, then waits for those under way. `connect` makes the HTTP side of one.
pub(super) async fn accept<C, F>(
    listener: TcpListener,
    bounds: Bounds,
    tls: Option<TlsServer>,
    counters: &Arc<IntakeMetrics>,
    mut stop: watch::Receiver<bool>,
    connect: F,
) where
    C: GracefulConnection<Error: Display> + Send + 'static,
    F: Fn(Heard, Arc<Activity>) -> C + Send + Sync + 'static,
{
    let connect = Arc::new(connect);
    let permits = Arc::new(Semaphore::new(bounds.connections_max as usize));
    loop {
        let stream = tokio::select! {
            () = stopped(&mut stop) => break,
            stream = next(&listener) => stream,
        };
        let peer = stream.peer_addr().ok();
        let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else {
            counters.refused_connections.add(1);
            counters.reject_connection(Foreign::TooMany, peer, "there are too many already");
            continue;
        };
        counters.connections.add(1);
        let open = Open::new(counters, permit);
        let (tls, connect, mut stop) = (tls.clone(), Arc::clone(&connect), stop.clone());
        tokio::spawn(async move {
            let secured = tokio::select! {
                secured = secure(stream, tls.as_ref(), &open, peer) => secured,
                () = stopped(&mut stop) => None,
            };
            if let Some(stream) = secured {
                let activity = Arc::new(Activity::of(peer));
                let heard = Heard::new(stream, Arc::clone(&activity.first));
                let ended = drive(connect(heard, Arc::clone(&activity)), &activity, bounds, stop).await;
                open.tell(&activity, ended.err());
            }
            drop(open);
        });
    }
    drop(listener);
    // Each connection ends by itself within DRAIN_MAX.
    drop(permits.acquire_many(bounds.connections_max).await);
}

/// Agrees on TLS, where the port has it. A peer that does not is counted and gone.
async fn secure(stream: TcpStream, tls: Option<&TlsServer>, open: &Open, peer: Option<SocketAddr>) -> Option<Stream> {
    let Some(tls) = tls else { return Some(Stream::Plain(stream)) };
    let (mut first, mut heard) = ([0; FIRST_BYTES], 0);
    let agreeing = async {
        heard = stream.peek(&mut first).await.unwrap_or(0);
        tls.accept(stream).await
    };
    let agreed = tokio::time::timeout(HANDSHAKE_MAX, agreeing).await;
    let error = match agreed {
        Ok(Ok(stream)) => return Some(stream),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("not agreed within {} ms", HANDSHAKE_MAX.as_millis()),
    };
    open.counters.failed_handshakes.add(1);
    match Foreign::of_secure(first.get(..heard).unwrap_or_default()) {
        Some(foreign) => open.counters.reject_connection(foreign, peer, &format!("no TLS was agreed on: {error}")),
        None => tracing::debug!(error, "a connection ended before TLS was agreed on"),
    }
    None
}

/// A connection that is counted as open until it is dropped.
struct Open {
    counters: Arc<IntakeMetrics>,
    _permit: OwnedSemaphorePermit,
}

impl Open {
    fn new(counters: &Arc<IntakeMetrics>, permit: OwnedSemaphorePermit) -> Self {
        counters.open_connections.add(1);
        Open { counters: Arc::clone(counters), _permit: permit }
    }

    /// A connection that broke before its first request may have come to the wrong port.
    fn tell(&self, activity: &Activity, error: Option<impl Display>) {
        let Some(error) = error.filter(|_| activity.changes.load(Ordering::Relaxed) == 0) else { return };
        let Some(first) = activity.first.bytes() else { return };
        if let Some(foreign) = Foreign::of_plain(self.counters.transport, first) {
            self.counters.reject_connection(foreign, activity.peer, &error.to_string());
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.counters.open_connections.add(-1);
    }
}

/// Serves one connection to its end, which is near once `stop` turns true or it has been quiet for too long. An error is one that it ended
/// with by itself.
async fn drive<C: GracefulConnection>(
    connection: C,
    activity: &Activity,
    bounds: Bounds,
    mut stop: watch::Receiver<bool>,
) -> Result<(), C::Error> {
    let mut connection = pin!(connection);
    tokio::select! {
        // How a connection with requests ended is the sender's affair: every request on it has been answered or counted.
        ended = connection.as_mut() => return ended,
        () = stopped(&mut stop) => {}
        () = activity.quiet(bounds.first_request, bounds.idle) => {}
    }
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        _ = tokio::time::timeout(DRAIN_MAX, connection) => {}
        // hyper waits for a peer that has not finished its greeting or does not answer the good-bye. We need not.
        () = activity.quiet(LINGER, LINGER) => {}
    }
    Ok(())
}

/// Resolves when the port is to stop; whoever could say so being gone means the same.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stopping| *stopping).await;
}

/// The next connection. An error is either of one connection that is already gone or of a shortage that passes.
async fn next(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Without it an answer waits for the sender's delayed acknowledgement. It can only fail on a dead socket.
                let _ = stream.set_nodelay(true);
                return stream;
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection; trying again");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
