//! The HTTP side: `GET /metrics` and nothing else.
//!
//! Bounded: so many connections and scrapes at a time, so long for a request's head, for a scrape, for a connection. A scraper
//! that stops reading holds a connection's buffer, one chunk and one piece of the store until it is cut off.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER, VARY};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::negotiate;
use super::pace::{Limits, Pace, Turns};
use super::scrape::{ScrapeBody, ScrapeTarget};
use crate::contract::{BindError, ComponentId, Stop};
use crate::net::{Connections, Endpoint, Entered, Paced, Place, canonical};

/// Where the metrics are.
pub const PATH: &str = "/metrics";

/// Connections of scrapers at a time.
pub const CONNECTIONS_MAX: usize = 64;
/// What a connection keeps of an answer that was not read yet.
const WRITE_BUFFER_BYTES: usize = 128 * 1024;
/// Also how long an idle connection is kept, so longer than scrape intervals usually are.
const HEAD_TIME_MAX: Duration = Duration::from_secs(120);
/// How long the first request's head may take.
const FIRST_HEAD_TIME_MAX: Duration = Duration::from_secs(10);
/// After this a connection is closed between two requests.
const CONNECTION_TIME_MAX: Duration = Duration::from_secs(600);
/// How long a scrape under way may take once its connection is to be closed.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(5);
/// After a failed `accept`, which is nearly always a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

type Answer = Response<Either<ScrapeBody, Full<Bytes>>>;

/// Opens the socket, and says where a scraper on this machine reaches it. Inside the tokio runtime.
pub fn bind(id: &ComponentId, endpoint: &str) -> Result<(TcpListener, Option<SocketAddr>), BindError> {
    let endpoint = Endpoint::read(&id.to_string(), endpoint)?;
    let listener = endpoint.bind(&id.to_string())?;
    let address = listener.local_addr().ok().map(|address| endpoint.reachable(address));
    Ok((listener, address))
}

/// Serves scrapes until `stop` resolves, then lets those under way finish.
pub async fn serve(listener: TcpListener, shared: Arc<ScrapeTarget>, limits: Limits, mut stop: Stop) {
    let turns = Arc::new(Turns::new(limits.scrapes));
    let closing = watch::Sender::new(false);
    let (places, mut connections) = (Connections::new(CONNECTIONS_MAX), JoinSet::new());
    let told = Arc::new(Told::default());
    loop {
        tokio::select! {
            () = &mut stop => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => match places.enter(Some(canonical(peer))) {
                    Ok(Entered { place, given_way }) => {
                        if let Some((Some(other), left)) = given_way
                            && let Some(left_out) = told.gave_way.admit()
                        {
                            tracing::warn!(%peer, %other, left, left_out, "an idle connection gave way to another scraper's; see who keeps connections open");
                        }
                        let (shared, turns, pace) = (Arc::clone(&shared), Arc::clone(&turns), Arc::default());
                        let scrapes = Scrapes { shared, turns, pace, place: Arc::new(place), told: Arc::clone(&told) };
                        connections.spawn(connection(stream, scrapes, limits, closing.subscribe()));
                        // Who waited with a request is looked at before others take the place.
                        tokio::task::yield_now().await;
                    }
                    Err(crowded) => {
                        if let Some(left_out) = told.crowded.admit() {
                            tracing::warn!(%peer, left_out, "a scraper's connection was not accepted: {crowded}");
                        }
                    }
                },
                Err(error) => {
                    if let Some(left_out) = told.cannot_accept.admit() {
                        tracing::warn!(%error, left_out, "cannot accept a scrape; is the limit of open files reached?");
                    }
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    closing.send_replace(true);
    while connections.join_next().await.is_some() {}
}

/// What is told of connections; a scraper could fill the log.
#[derive(Default)]
struct Told {
    gave_way: Paced,
    crowded: Paced,
    cannot_accept: Paced,
    cut_off: Paced,
}

/// What a connection answers from.
struct Scrapes {
    shared: Arc<ScrapeTarget>,
    /// Of all connections.
    turns: Arc<Turns>,
    pace: Arc<Pace>,
    place: Arc<Place>,
    told: Arc<Told>,
}

async fn connection(stream: TcpStream, scrapes: Scrapes, limits: Limits, mut closing: watch::Receiver<bool>) {
    let (pace, place, told) = (Arc::clone(&scrapes.pace), Arc::clone(&scrapes.place), Arc::clone(&scrapes.told));
    let asked = Arc::new(AtomicBool::new(false));
    let service = {
        let asked = Arc::clone(&asked);
        service_fn(move |request: Request<Incoming>| {
            asked.store(true, Ordering::Relaxed);
            let answer = respond(&request, &scrapes);
            async move { Ok::<_, Infallible>(answer) }
        })
    };
    let silent = async {
        sleep(FIRST_HEAD_TIME_MAX).await;
        if asked.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    };
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME_MAX).max_buf_size(WRITE_BUFFER_BYTES);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        result = connection.as_mut() => return log_broken(result),
        () = pace.overdue(&limits) => {
            if let Some(left_out) = told.cut_off.admit() {
                tracing::warn!(?limits.stall, ?limits.whole, left_out, "a scraper was cut off: it read nothing for too long, or took too long");
            }
            return;
        }
        () = place.given_away() => return,
        () = silent => return,
        _ = closing.wait_for(|closing| *closing) => {}
        () = sleep(CONNECTION_TIME_MAX) => {}
    }
    connection.as_mut().graceful_shutdown();
    finish(connection).await;
}

async fn finish(connection: impl Future<Output = hyper::Result<()>>) {
    match timeout(DRAIN_TIME_MAX, connection).await {
        Ok(result) => log_broken(result),
        Err(_) => tracing::debug!("a scrape was cut off: its connection was to be closed and it did not end in time"),
    }
}

/// A scraper that goes away is its own business.
fn log_broken(result: hyper::Result<()>) {
    if let Err(error) = result {
        tracing::debug!(%error, "a scraper's connection broke");
    }
}

fn respond<B>(request: &Request<B>, scrapes: &Scrapes) -> Answer {
    if request.uri().path() != PATH {
        return plain(StatusCode::NOT_FOUND, "metrics are at /metrics\n");
    }
    match *request.method() {
        Method::GET => metrics(request, scrapes, true),
        Method::HEAD => metrics(request, scrapes, false),
        _ => {
            let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, "use GET or HEAD\n");
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            answer
        }
    }
}

fn metrics<B>(request: &Request<B>, scrapes: &Scrapes, with_body: bool) -> Answer {
    let format = negotiate::format(request.headers(), scrapes.shared.enable_open_metrics);
    let gzip = negotiate::gzip(request.headers());
    let body = match with_body.then(|| scrapes.turns.take(&scrapes.pace, scrapes.place.work())) {
        Some(Some(turn)) => Either::Left(ScrapeBody::new(Arc::clone(&scrapes.shared), format, gzip, Some(turn))),
        Some(None) => {
            let mut answer = plain(StatusCode::SERVICE_UNAVAILABLE, "too many scrapes at a time\n");
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            return answer;
        }
        None => Either::Right(Full::default()),
    };
    let mut answer = Response::new(body);
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    headers.insert(VARY, HeaderValue::from_static("accept, accept-encoding"));
    if gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    answer
}

fn plain(status: StatusCode, text: &'static str) -> Answer {
    let mut answer = Response::new(Either::Right(Full::from(text)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}
