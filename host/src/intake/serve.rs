//! The life of a port and of its connections, the same for both protocols: accept, bound, watch for quiet, drain.
//!
//! hyper bounds what happens inside a request; nothing in it bounds a connection that never gets to one (no HTTP/2
//! preface, a header that trickles in, an answer nobody reads). So every connection has an [`Activity`]: when no request
//! has been under way for too long, whatever the reason, the connection is told to go away and soon after it is gone.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hyper_util::server::graceful::GracefulConnection;
use tokio::sync::{mpsc, watch};

use super::foreign::{Ended, FIRST_BYTES, First, Foreign, Heard};
use super::metrics::PortMetrics;
use crate::contract::{MemoryGate, MemoryHolder};
use crate::net::tls::TlsServer;
use crate::net::{Connections, Entered, Listening, Place, Stream, Working, network};

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
    /// How old it may get.
    pub(super) age: Option<Age>,
}

/// How old a connection may get.
#[derive(Debug, Clone, Copy)]
pub(super) struct Age {
    /// After about this long it is told to go away: a tenth less or more, so that those that came together do not go together.
    pub(super) max: Duration,
    /// How long its requests may still take from then on; `None` is as long as they like.
    pub(super) grace: Option<Duration>,
}

impl Age {
    async fn reached(age: Option<Age>) {
        match age {
            Some(age) => tokio::time::sleep(age.max.mul_f64(0.9 + 0.2 * fastrand::f64())).await,
            None => std::future::pending().await,
        }
    }

    async fn grace_is_over(self) {
        match self.grace {
            Some(grace) => tokio::time::sleep(grace).await,
            None => std::future::pending().await,
        }
    }
}

/// Who is at the other end of a connection, and which requests it has seen.
#[derive(Debug)]
pub(super) struct Activity {
    /// Begins and ends: a request that took long must not look like silence.
    changes: AtomicU64,
    under_way: AtomicUsize,
    /// The other end.
    pub(super) peer: Option<SocketAddr>,
    first: Arc<First>,
    place: Place,
}

/// Who sends a request.
#[derive(Debug, Clone)]
pub(super) struct Sender {
    /// The other end of the connection.
    pub(super) peer: Option<SocketAddr>,
    /// What its requests hold.
    pub(super) memory: MemoryHolder,
}

impl Sender {
    /// The other end of a connection.
    pub(super) fn of(activity: &Activity, memory: &MemoryGate) -> Sender {
        let peer = activity.peer;
        Sender { peer, memory: memory.holder(peer.map(|peer| network(peer.ip()))) }
    }
}

/// Some names in a sentence: `a, b or c`.
pub(super) fn listed<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<&str> = names.collect();
    match &names[..] {
        [] => "nothing".to_owned(),
        [only] => (*only).to_owned(),
        [others @ .., last] => format!("{} or {last}", others.join(", ")),
    }
}

/// A request under way, until it is dropped.
pub(super) struct Busy {
    activity: Arc<Activity>,
    /// Since it has arrived whole.
    working: OnceLock<Working>,
}

impl Busy {
    /// It has arrived whole: its connection does not give way from now on. Until then it may, or whoever never ends a request would stay.
    pub(super) fn arrived(&self) {
        self.working.get_or_init(|| self.activity.place.work());
    }
}

impl Activity {
    fn of(peer: Option<SocketAddr>, place: Place) -> Self {
        let (changes, under_way) = (AtomicU64::default(), AtomicUsize::default());
        Activity { changes, under_way, peer, first: Arc::default(), place }
    }

    /// Notes a request, which is under way as long as the guard lives.
    pub(super) fn begin(self: &Arc<Self>) -> Busy {
        self.changes.fetch_add(1, Ordering::Relaxed);
        self.under_way.fetch_add(1, Ordering::Relaxed);
        self.place.used();
        Busy { activity: Arc::clone(self), working: OnceLock::new() }
    }

    /// Whether a request is under way.
    pub(super) fn has_requests(&self) -> bool {
        self.under_way.load(Ordering::Relaxed) > 0
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
        self.activity.changes.fetch_add(1, Ordering::Relaxed);
        self.activity.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Accepts connections until `stop` turns true, then waits for those under way. `connect` makes the HTTP side of one.
pub(super) async fn accept<C, F>(
    listener: Listening,
    bounds: Bounds,
    tls: Option<TlsServer>,
    counters: &Arc<PortMetrics>,
    mut stop: watch::Receiver<bool>,
    connect: F,
) where
    C: GracefulConnection<Error: Ended> + Send + 'static,
    F: Fn(Heard, Arc<Activity>) -> C + Send + Sync + 'static,
{
    let connect = Arc::new(connect);
    let connections = Connections::new(bounds.connections_max as usize);
    // Every connection has one of the near ends.
    let (serving, mut all_served) = mpsc::channel::<Infallible>(1);
    loop {
        let (stream, peer) = tokio::select! {
            () = stopped(&mut stop) => break,
            accepted = next(&listener, counters) => accepted,
        };
        let place = match connections.enter(peer) {
            Ok(Entered { place, given_way: None }) => place,
            Ok(Entered { place, given_way: Some((other, left)) }) => {
                let other = other.map_or_else(|| "gone".to_owned(), |other| other.to_string());
                let text = format!("an idle connection of {other} gave way to it; {left} more of that peer are open");
                counters.reject_connection(Foreign::GaveWay, peer, &text);
                place
            }
            Err(crowded) => {
                counters.refused_connections.add(1);
                counters.reject_connection(Foreign::TooMany, peer, &crowded.to_string());
                continue;
            }
        };
        counters.connections.add(1);
        let open = Open::new(counters);
        let (tls, connect, mut stop, serving) = (tls.clone(), Arc::clone(&connect), stop.clone(), serving.clone());
        tokio::spawn(async move {
            let secured = tokio::select! {
                secured = secure(stream, tls.as_ref(), &open, peer) => secured,
                () = stopped(&mut stop) => None,
                () = place.given_away() => None,
            };
            if let Some(stream) = secured {
                let activity = Arc::new(Activity::of(peer, place));
                let heard = Heard::new(stream, Arc::clone(&activity.first));
                let ended = drive(connect(heard, Arc::clone(&activity)), &activity, bounds, stop).await;
                open.tell(&activity, ended.err());
            }
            drop((open, serving));
        });
        // Who waited with a request is looked at before others take the place.
        tokio::task::yield_now().await;
    }
    drop((listener, serving));
    // Each connection ends by itself within DRAIN_MAX.
    let _nothing = all_served.recv().await;
}

/// Agrees on TLS, where the port has it. A peer that does not is counted and gone.
async fn secure(stream: Stream, tls: Option<&TlsServer>, open: &Open, peer: Option<SocketAddr>) -> Option<Stream> {
    let Some(tls) = tls else { return Some(stream) };
    let (mut first, mut heard) = ([0; FIRST_BYTES], 0);
    let agreeing = async {
        if let Stream::Tcp(stream) = &stream {
            heard = stream.peek(&mut first).await.unwrap_or(0);
        }
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
    counters: Arc<PortMetrics>,
}

impl Open {
    fn new(counters: &Arc<PortMetrics>) -> Self {
        counters.open_connections.add(1);
        Open { counters: Arc::clone(counters) }
    }

    /// A connection that broke before its first request may have come to the wrong port; a head that cannot be read is told in any case.
    fn tell(&self, activity: &Activity, error: Option<impl Ended>) {
        let Some(error) = error else { return };
        let is_first = activity.changes.load(Ordering::Relaxed) == 0;
        let Some(first) = activity.first.bytes() else { return };
        let foreign = Foreign::of_plain(self.counters.transport, first).filter(|_| is_first);
        if let Some(foreign) = foreign.or(error.is_head().then_some(Foreign::Http)) {
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
    let mut aged = None;
    tokio::select! {
        // How a connection with requests ended is the sender's affair: every request on it has been answered or counted.
        ended = connection.as_mut() => return ended,
        () = stopped(&mut stop) => {}
        () = activity.quiet(bounds.first_request, bounds.idle) => {}
        () = Age::reached(bounds.age) => aged = bounds.age,
        // It does nothing, and somebody else needs the place.
        () = activity.place.given_away() => if !activity.place.is_working() { return Ok(()) },
    }
    connection.as_mut().graceful_shutdown();
    let time_is_up = async {
        let Some(age) = aged else { return tokio::time::sleep(DRAIN_MAX).await };
        tokio::select! {
            () = age.grace_is_over() => {}
            () = async { stopped(&mut stop).await; tokio::time::sleep(DRAIN_MAX).await } => {}
        }
    };
    tokio::select! {
        _ = connection => {}
        () = time_is_up => {}
        // hyper waits for a peer that has not finished its greeting or does not answer the good-bye. We need not.
        () = activity.quiet(LINGER, LINGER) => {}
    }
    Ok(())
}

/// Resolves when the port is to stop; whoever could say so being gone means the same.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stopping| *stopping).await;
}

/// The next connection. An error is either of one connection that is already gone or of a shortage that passes.
async fn next(listener: &Listening, counters: &PortMetrics) -> (Stream, Option<SocketAddr>) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                counters.cannot_accept(&error);
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
