//! One connection: opening it, and one exchange on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::header::{HOST, PROXY_AUTHORIZATION};
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, UnixStream};

use super::address::Address;
use super::body::Outgoing;
use super::broken::Broken;
use super::options::{Options, Protocol};
use super::stream::Stream;
use super::tls::TlsClient;

/// How long one address may take to accept a connection, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Quiet connections are probed by the kernel, so that one whose peer is gone is found before it is needed.
const TCP_KEEPALIVE: Duration = Duration::from_secs(15);

/// The largest frame an answer may come in; answers are small.
const HEADER_BYTES_MAX: u32 = 64 << 10;

/// HTTP/2: clones are the same connection.
#[derive(Clone)]
pub(super) struct Multiplexed {
    sender: http2::SendRequest<Outgoing>,
    /// No new request goes here: one has waited in vain.
    retired: Arc<AtomicBool>,
}

/// HTTP/1.1: one request at a time.
pub(super) struct Exclusive {
    sender: http1::SendRequest<Outgoing>,
}

impl Multiplexed {
    /// Whether the next request may go here.
    pub(super) fn is_usable(&self) -> bool {
        !self.sender.is_closed() && !self.retired.load(Ordering::Relaxed)
    }

    /// Says that a request waits for its answer on this connection from now on.
    pub(super) fn wait(&self) -> Waiting {
        Waiting { retired: Arc::clone(&self.retired), is_over: false }
    }

    /// Sends a request. Dropping the future resets its stream.
    pub(super) async fn send(&mut self, request: Request<Outgoing>) -> Result<Response<Incoming>, TrySend> {
        self.sender.try_send_request(request).await
    }
}

/// What hyper says of a request that got no answer; it has the request where the connection never took it.
pub(super) type TrySend = TrySendError<Request<Outgoing>>;

/// A request that nobody has answered yet. Giving it up says that the connection may be dead: without keep-alive pings nothing else
/// would tell.
pub(super) struct Waiting {
    retired: Arc<AtomicBool>,
    is_over: bool,
}

impl Waiting {
    /// There was an answer, or an error.
    pub(super) fn end(mut self) {
        self.is_over = true;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if !self.is_over {
            self.retired.store(true, Ordering::Relaxed);
        }
    }
}

impl Exclusive {
    /// Whether the next request may go here.
    pub(super) fn is_usable(&self) -> bool {
        self.sender.is_ready()
    }

    /// Resolves when the exchange before is over on the wire as well; `false` when there will be no other.
    pub(super) async fn is_reusable(&mut self) -> bool {
        self.sender.ready().await.is_ok()
    }

    /// Sends a request. Dropping the future, or this, ends the connection.
    pub(super) async fn send(&mut self, request: Request<Outgoing>) -> Result<Response<Incoming>, TrySend> {
        self.sender.try_send_request(request).await
    }
}

/// The form in which a request goes over HTTP/1.1: the host in a header, the path alone in the first line.
pub(super) fn in_origin_form(request: &mut Request<Outgoing>) {
    let uri = request.uri();
    let host = uri.authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
    let path = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    if let Some(host) = host {
        request.headers_mut().insert(HOST, host);
    }
    *request.uri_mut() = Uri::from(path);
}

/// The form in which a request goes to a proxy over HTTP/1.1: the whole URI in the first line, and who sends it.
pub(super) fn for_proxy(request: &mut Request<Outgoing>, authorization: Option<&HeaderValue>) {
    let uri = request.uri().clone();
    in_origin_form(request);
    *request.uri_mut() = uri;
    if let Some(authorization) = authorization {
        request.headers_mut().insert(PROXY_AUTHORIZATION, authorization.clone());
    }
}

/// Opens a connection and greets the peer.
pub(super) async fn open(address: &Address, options: &Options) -> Result<Opened, Broken> {
    let opening = async {
        let stream = connect(address).await?;
        let stream = match &options.through {
            None => stream,
            Some(through) => {
                let led = through.lead(stream).await;
                led.map_err(|error| Broken::Proxy { address: address.clone(), reason: error.to_string() })?
            }
        };
        let stream = secure(stream, address, options.tls.as_deref()).await?;
        let is_http2 = match options.protocol {
            Protocol::Http2 => true,
            Protocol::Http1 => false,
            Protocol::Negotiated => stream.is_http2(),
        };
        let greeted = if is_http2 { greet_http2(stream, options).await } else { greet_http1(stream).await };
        greeted.map_err(|error| Broken::Exchange { address: address.clone(), reason: with_causes(&error) })
    };
    match tokio::time::timeout(CONNECT_TIMEOUT, opening).await {
        Ok(opened) => opened,
        Err(_) => {
            let reason = format!("not open within {} ms", CONNECT_TIMEOUT.as_millis());
            Err(Broken::Connect { address: address.clone(), reason })
        }
    }
}

/// What a peer was found to speak.
pub(super) enum Opened {
    Http2(Multiplexed),
    Http1(Exclusive),
}

async fn connect(address: &Address) -> Result<Stream, Broken> {
    let refused = |error: std::io::Error| Broken::Connect { address: address.clone(), reason: error.to_string() };
    match address {
        Address::Unix(path) => Ok(Stream::Unix(UnixStream::connect(path).await.map_err(refused)?)),
        Address::Ip(address) => {
            let stream = TcpStream::connect(address).await.map_err(refused)?;
            stream.set_nodelay(true).map_err(refused)?;
            SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(TCP_KEEPALIVE)).map_err(refused)?;
            Ok(Stream::Tcp(stream))
        }
    }
}

async fn secure(stream: Stream, address: &Address, tls: Option<&TlsClient>) -> Result<Stream, Broken> {
    let Some(tls) = tls else { return Ok(stream) };
    let secured = tls.connect(stream).await;
    secured.map_err(|error| Broken::Tls { address: address.clone(), reason: error.to_string() })
}

async fn greet_http2(stream: Stream, options: &Options) -> hyper::Result<Opened> {
    let mut http2 = http2::Builder::new(TokioExecutor::new());
    http2.timer(TokioTimer::new()).adaptive_window(false).max_header_list_size(HEADER_BYTES_MAX);
    if let Some(pings) = &options.pings {
        http2
            .keep_alive_interval(pings.time)
            .keep_alive_timeout(pings.timeout)
            .keep_alive_while_idle(pings.permit_without_stream);
    }
    let (sender, connection) = http2.handshake(TokioIo::new(stream)).await?;
    // How it ended, each request on it is told.
    tokio::spawn(async move { drop(connection.await) });
    Ok(Opened::Http2(Multiplexed { sender, retired: Arc::default() }))
}

async fn greet_http1(stream: Stream) -> hyper::Result<Opened> {
    let (sender, connection) = http1::Builder::new().handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move { drop(connection.await) });
    Ok(Opened::Http1(Exclusive { sender }))
}

/// hyper's own words are general; what happened is in the causes.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = error.source();
    }
    text
}
