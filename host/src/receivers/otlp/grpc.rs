//! OTLP/gRPC: three unary methods, straight on hyper.
//!
//! gRPC's framing of a unary call is five bytes, so it is done here and not by a gRPC library: a message that arrives in
//! one HTTP/2 frame goes to the host without being copied, memory follows what has arrived instead of what the sender
//! announced, and a message that is too large gets the status OTLP senders know not to retry.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use ::http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use ::http::{Method, Request, Response};
use bytes::Bytes;
use http_body::{Body, Frame};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::admission::{Admission, MakeError};
use super::body::{SizeLimit, gather, in_time, unpacked};
use super::config::GrpcConfig;
use super::deadline::{Deadline, timeout_of};
use super::foreign::{Ended, Heard};
use super::intake::{Intake, Sender};
use super::rejection::{METADATA_BYTES_MAX, Rejection};
use super::serve::{self, Activity, Bounds, Busy};
use super::wire;
use crate::contract::{Accepted, Authenticators, MemoryHolder, MemoryPass, Metadata, Signal};
use crate::net::tls::TlsServer;
use crate::net::{Encoding, shown};

/// One flag byte and the message's length.
const PREFIX_BYTES: usize = 5;

/// So much metadata is read, to be answered in gRPC's terms where it is too much. Beyond it HTTP/2 itself refuses.
const METADATA_READ_BYTES_MAX: u32 = 256 << 10;

/// What HTTP/2 counts for a field beside its name and value (RFC 9113, section 6.5.2).
const FIELD_BYTES: usize = 32;

const CONTENT_TYPE_GRPC: &str = "application/grpc";
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const GRPC_DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// The gRPC port's behaviour.
pub(super) struct GrpcServer {
    http2: http2::Builder<TokioExecutor>,
    bounds: Bounds,
    tls: Option<TlsServer>,
    exporter: Arc<Service>,
}

/// What answers requests.
struct Service {
    intake: Intake,
    admission: Admission,
    limit: SizeLimit,
    read_timeout: Duration,
}

impl GrpcServer {
    /// A port that submits to `intake`.
    pub(super) fn new(config: &GrpcConfig, intake: Intake, authenticators: &Authenticators) -> Result<Self, MakeError> {
        let keepalive = &config.keepalive.server_parameters;
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .adaptive_window(false)
            .initial_stream_window_size(serve::STREAM_WINDOW_BYTES)
            .initial_connection_window_size(serve::CONNECTION_WINDOW_BYTES)
            .max_frame_size(serve::FRAME_BYTES_MAX)
            .max_concurrent_streams(config.max_concurrent_streams.get())
            .max_header_list_size(METADATA_READ_BYTES_MAX)
            .keep_alive_interval(keepalive.time)
            .keep_alive_timeout(keepalive.timeout)
            .auto_date_header(false);
        let idle = keepalive.max_connection_idle;
        // SDKs connect when they start and may send their first request a minute later.
        let bounds = Bounds { connections_max: config.max_connections.get(), first_request: idle, idle };
        let limit = SizeLimit { bytes: config.message_bytes_max(), setting: "max_recv_msg_size_mib" };
        let tls = config.tls.as_ref().map(|tls| TlsServer::new(tls, &["h2"])).transpose()?;
        let admission = Admission::new(config.auth.as_ref(), config.include_metadata, authenticators)?;
        let exporter = Arc::new(Service { intake, admission, limit, read_timeout: config.read_timeout });
        Ok(GrpcServer { http2, bounds, tls, exporter })
    }

    /// Serves until `stop` turns true and what was under way has been answered.
    pub(super) async fn serve(self, listener: TcpListener, stop: watch::Receiver<bool>) {
        let (exporter, bounds, tls) = (Arc::clone(&self.exporter), self.bounds, self.tls.clone());
        let connect = move |stream, activity| self.connect(stream, activity);
        serve::accept(listener, bounds, tls, exporter.intake.counters(), stop, connect).await;
    }

    fn connect(&self, stream: Heard, activity: Arc<Activity>) -> impl GracefulConnection<Error: Ended> + Send + use<> {
        let exporter = Arc::clone(&self.exporter);
        let sender = Sender { peer: activity.peer, memory: exporter.intake.holder(activity.peer) };
        let service = service_fn(move |request| {
            let (exporter, busy, sender) = (Arc::clone(&exporter), activity.begin(), sender.clone());
            async move {
                let response = exporter.answer(request, &sender, &busy).await;
                drop(busy);
                Ok::<_, Infallible>(response)
            }
        });
        self.http2.serve_connection(TokioIo::new(stream), service)
    }
}

impl Service {
    /// Answers within the time that the sender gives.
    async fn answer(&self, request: Request<Incoming>, sender: &Sender, busy: &Busy) -> Response<Reply> {
        let peer = sender.peer;
        let deadline = match timeout_of(request.headers()) {
            Ok(limit) => limit.map(Deadline::after),
            Err(rejection) => return self.refuse(&rejection, peer),
        };
        let received = match deadline {
            None => self.receive(request, &sender.memory).await,
            // A time that is over is none, even where all has arrived.
            Some(Deadline { limit, .. }) if limit.is_zero() => Err(Rejection::Deadline { limit }),
            Some(Deadline { limit, at }) => {
                let received = tokio::time::timeout_at(at, self.receive(request, &sender.memory)).await;
                received.unwrap_or(Err(Rejection::Deadline { limit }))
            }
        };
        let (signal, message, metadata, _memory) = match received {
            Ok(received) => received,
            Err(rejection) => return self.refuse(&rejection, peer),
        };
        busy.arrived();
        match self.intake.submit(signal, message, metadata, peer, deadline).await {
            Ok(accepted) => succeeded(&accepted),
            Err(rejection) => rejected(&rejection),
        }
    }

    /// Refuses what the host has not seen, or nobody waits for.
    fn refuse(&self, rejection: &Rejection, peer: Option<SocketAddr>) -> Response<Reply> {
        self.intake.counters().refuse(rejection, peer);
        rejected(rejection)
    }

    /// The unpacked message and what it holds. Whoever may not send is told so before anything is read.
    async fn receive(&self, request: Request<Incoming>, holder: &MemoryHolder) -> Result<Received, Rejection> {
        self.admission.admit(request.headers())?;
        check_kind(&request)?;
        check_metadata(request.headers())?;
        let signal = signal_of(request.uri().path())?;
        let encoding = encoding_of(request.headers())?;
        let metadata = self.admission.metadata(request.headers(), self.intake.counters());
        let mut memory = self.intake.admit(holder, None)?;
        let limit = self.limit;
        let announced = |first: &[u8]| announced_length(first, limit);
        let gathering = gather(request.into_body(), limit.bytes + PREFIX_BYTES, limit, &mut memory, announced);
        let body = in_time(self.read_timeout, gathering).await?;
        let (packed, message) = split_message(body)?;
        if !packed {
            return Ok((signal, message, metadata, memory));
        }
        let encoding =
            encoding.ok_or(Rejection::Framing("the message is compressed, but no grpc-encoding says how"))?;
        let (message, memory) = unpacked(encoding, message, limit, memory).await?;
        Ok((signal, message, metadata, memory))
    }
}

/// A request that was read, and the memory it has taken until it is answered.
type Received = (Signal, Bytes, Metadata, MemoryPass);

fn check_kind(request: &Request<Incoming>) -> Result<(), Rejection> {
    if request.method() != Method::POST {
        return Err(Rejection::Method { method: shown(request.method().as_str().as_bytes()).into_owned() });
    }
    let found = request.headers().get(CONTENT_TYPE).map_or(&[][..], HeaderValue::as_bytes);
    match found.strip_prefix(CONTENT_TYPE_GRPC.as_bytes()) {
        Some([] | [b';', ..]) => Ok(()),
        Some(subtype) if subtype.starts_with(b"+proto") => Ok(()),
        _ => Err(Rejection::ContentType { found: shown(found).into_owned(), supported: CONTENT_TYPE_GRPC }),
    }
}

fn signal_of(path: &str) -> Result<Signal, Rejection> {
    match path {
        "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export" => Ok(Signal::Metrics),
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export" => Ok(Signal::Traces),
        "/opentelemetry.proto.collector.logs.v1.LogsService/Export" => Ok(Signal::Logs),
        _ => Err(Rejection::Path {
            path: shown(path.as_bytes()).into_owned(),
            served: "call Export of OTLP's MetricsService, TraceService or LogsService",
        }),
    }
}

fn check_metadata(headers: &HeaderMap) -> Result<(), Rejection> {
    let bytes = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + FIELD_BYTES).sum();
    if bytes > METADATA_BYTES_MAX { Err(Rejection::Metadata { bytes }) } else { Ok(()) }
}

/// `None` when the sender named none, which is all right unless the message is flagged as compressed.
fn encoding_of(headers: &HeaderMap) -> Result<Option<Encoding>, Rejection> {
    let Some(name) = headers.get(GRPC_ENCODING) else {
        return Ok(None);
    };
    match Encoding::named(name.as_bytes()) {
        Some(encoding) => Ok(Some(encoding)),
        None => Err(Rejection::Encoding { found: shown(name.as_bytes()).into_owned() }),
    }
}

/// The length of the whole body, going by the prefix at its beginning.
fn announced_length(first: &[u8], limit: SizeLimit) -> Result<Option<usize>, Rejection> {
    let Some((prefix, _)) = first.split_first_chunk() else {
        return Ok(None);
    };
    let (_, length) = parse_prefix(*prefix)?;
    if length > limit.bytes {
        return Err(limit.passed());
    }
    Ok(Some(PREFIX_BYTES + length))
}

/// The one message of a unary call and whether it is compressed.
fn split_message(body: Bytes) -> Result<(bool, Bytes), Rejection> {
    let (prefix, _) =
        body.split_first_chunk().ok_or(Rejection::Framing("the message's prefix is missing or cut off"))?;
    let (packed, length) = parse_prefix(*prefix)?;
    match (body.len() - PREFIX_BYTES).cmp(&length) {
        std::cmp::Ordering::Less => Err(Rejection::Framing("the message is shorter than its prefix says")),
        std::cmp::Ordering::Greater => Err(Rejection::Framing("more than one message; Export takes exactly one")),
        std::cmp::Ordering::Equal => Ok((packed, body.slice(PREFIX_BYTES..))),
    }
}

fn parse_prefix([flag, length @ ..]: [u8; PREFIX_BYTES]) -> Result<(bool, usize), Rejection> {
    let packed = match flag {
        0 => false,
        1 => true,
        _ => return Err(Rejection::Framing("the message's compressed flag is neither 0 nor 1")),
    };
    Ok((packed, u32::from_be_bytes(length) as usize))
}

/// A response body: at most one piece, then trailers.
#[derive(Default)]
struct Reply {
    data: Option<Bytes>,
    trailers: Option<HeaderMap>,
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let data = self.data.take().map(Frame::data);
        Poll::Ready(data.or_else(|| self.trailers.take().map(Frame::trailers)).map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none() && self.trailers.is_none()
    }
}

fn succeeded(accepted: &Accepted) -> Response<Reply> {
    let message = wire::response_protobuf(accepted);
    let data = if message.is_empty() {
        Bytes::from_static(&[0; PREFIX_BYTES])
    } else {
        // Some hundred bytes: the reason is the host's own words.
        let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
        [&[0], &length.to_be_bytes()[..], &message].concat().into()
    };
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert(GRPC_STATUS, HeaderValue::from_static("0"));
    let mut response = Response::new(Reply { data: Some(data), trailers: Some(trailers) });
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE_GRPC));
    response
}

/// A response that is nothing but its status.
fn rejected(rejection: &Rejection) -> Response<Reply> {
    let mut response = Response::new(Reply::default());
    if matches!(rejection, Rejection::ContentType { .. } | Rejection::Method { .. }) {
        // Not a gRPC client: HTTP's own statuses are all it may understand.
        *response.status_mut() = rejection.http_status();
    }
    let (code, message) = (rejection.code(), rejection.message());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE_GRPC));
    headers.insert(GRPC_STATUS, HeaderValue::from(code as u32));
    if let Ok(text) = HeaderValue::try_from(wire::percent_encode(&message)) {
        headers.insert(GRPC_MESSAGE, text);
    }
    let details = rejection.retry_after().map(|delay| wire::status_protobuf(code, &message, Some(delay)));
    if let Some(Ok(details)) = details.map(|details| HeaderValue::try_from(wire::base64(&details))) {
        headers.insert(GRPC_DETAILS, details);
    }
    if let Rejection::Encoding { .. } = rejection {
        headers.insert(GRPC_ACCEPT_ENCODING, HeaderValue::from_static(Encoding::SUPPORTED));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unary_call_is_exactly_one_message() {
        let split = |body: &'static [u8]| split_message(Bytes::from_static(body)).map_err(|error| error.to_string());
        assert_eq!(split(b"\0\0\0\0\0"), Ok((false, Bytes::new())));
        assert_eq!(split(b"\x01\0\0\0\x02ab"), Ok((true, Bytes::from_static(b"ab"))));
        for (body, words) in [
            (&b""[..], "missing"),
            (b"\0\0\0", "cut off"),
            (b"\x02\0\0\0\0", "neither 0 nor 1"),
            (b"\0\0\0\0\x03ab", "shorter"),
            (b"\0\0\0\0\x01ab", "more than one"),
        ] {
            let error = split(body).err().unwrap_or_default();
            assert!(error.contains(words), "{body:?}: {error}");
        }
    }

    #[test]
    fn an_announced_length_beyond_the_limit_ends_the_request_at_once() {
        let limit = SizeLimit { bytes: 10, setting: "max_recv_msg_size_mib" };
        assert!(matches!(announced_length(b"\0\0\0\0\x0a", limit), Ok(Some(15))));
        assert!(matches!(announced_length(b"\0\0", limit), Ok(None)));
        assert!(matches!(announced_length(b"\0\0\0\0\x0b", limit), Err(Rejection::TooLarge { .. })));
    }

    #[test]
    fn a_retryable_rejection_says_when_in_its_details() {
        let headers = rejected(&Rejection::GoingDown).into_parts().0.headers;
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        assert_eq!(text(GRPC_STATUS), Some("14"));
        assert_eq!(text(GRPC_MESSAGE), Some("the collector is shutting down; retry after 1000 ms"));
        assert!(text(GRPC_DETAILS).is_some());
        let limit = SizeLimit { bytes: 10, setting: "max_recv_msg_size_mib" };
        let headers = rejected(&limit.passed()).into_parts().0.headers;
        assert_eq!(headers.get(GRPC_STATUS).map(HeaderValue::as_bytes), Some(&b"8"[..]));
        assert!(!headers.contains_key(GRPC_DETAILS));
    }
}
