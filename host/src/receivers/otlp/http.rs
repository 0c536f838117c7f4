//! OTLP/HTTP: one path per signal, protobuf or JSON, over HTTP/1.1 and HTTP/2 on the same port.
//!
//! A response is in the format of its request, as the OTLP specification has it; where that is unknown, in JSON, which
//! the person behind it can read.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use ::http::header::{
    ACCEPT_ENCODING, ALLOW, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE,
};
use ::http::{HeaderMap, HeaderValue, Method, Request, Response};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulConnection;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::admission::{Admission, MakeError};
use super::body::{SizeLimit, compute, gather, in_time, unpacked};
use super::config::HttpConfig;
use super::foreign::{Ended, Heard};
use super::host::check_host;
use super::intake::{Intake, Sender};
use super::rejection::Rejection;
use super::serve::{self, Activity, Bounds, Busy};
use super::wire;
use crate::contract::{Accepted, Authenticators, MemoryHolder, MemoryPass, Metadata, Signal};
use crate::net::tls::TlsServer;
use crate::net::{Encoding, shown};
use crate::otlp::Strings;
use crate::otlp::json::{self, JsonError};

/// Dead HTTP/2 peers are found this often; HTTP/1.1 has only the idle timeout.
const PING_INTERVAL: Duration = Duration::from_secs(60);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

/// The HTTP port's behaviour.
pub(super) struct HttpServer {
    http: auto::Builder<TokioExecutor>,
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

/// OTLP/HTTP's two encodings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Protobuf,
    Json,
}

impl HttpServer {
    /// A port that submits to `intake`.
    pub(super) fn new(config: &HttpConfig, intake: Intake, authenticators: &Authenticators) -> Result<Self, MakeError> {
        let mut http = auto::Builder::new(TokioExecutor::new());
        // hyper's own header timeout would run between the requests of a connection as well; `Bounds` covers both.
        http.http1().timer(TokioTimer::new()).header_read_timeout(None);
        http.http2()
            .timer(TokioTimer::new())
            .adaptive_window(false)
            .initial_stream_window_size(serve::STREAM_WINDOW_BYTES)
            .initial_connection_window_size(serve::CONNECTION_WINDOW_BYTES)
            .max_frame_size(serve::FRAME_BYTES_MAX)
            .max_concurrent_streams(config.max_concurrent_streams.get())
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT);
        let bounds = Bounds {
            connections_max: config.max_connections.get(),
            first_request: config.read_header_timeout,
            idle: config.idle_timeout,
        };
        let limit = SizeLimit { bytes: config.max_request_body_size.get(), setting: "max_request_body_size" };
        let tls = config.tls.as_ref().map(|tls| TlsServer::new(tls, &["h2", "http/1.1"])).transpose()?;
        let admission = Admission::new(config.auth.as_ref(), config.include_metadata, authenticators)?;
        let exporter = Arc::new(Service { intake, admission, limit, read_timeout: config.read_timeout });
        Ok(HttpServer { http, bounds, tls, exporter })
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
        self.http.serve_connection(TokioIo::new(stream), service).into_owned()
    }
}

impl Service {
    async fn answer(&self, request: Request<Incoming>, sender: &Sender, busy: &Busy) -> Response<Full<Bytes>> {
        let peer = sender.peer;
        let format = Format::of(request.headers());
        let (signal, message, metadata, _memory) = match self.receive(request, format, &sender.memory).await {
            Ok(received) => received,
            Err(rejection) => {
                self.intake.counters().refuse(&rejection, peer);
                return rejected(&rejection, format.unwrap_or(Format::Json));
            }
        };
        busy.arrived();
        let format = format.unwrap_or(Format::Protobuf);
        match self.intake.submit(signal, message, metadata, peer, None).await {
            Ok(accepted) => succeeded(signal, &accepted, format),
            Err(rejection) => rejected(&rejection, format),
        }
    }

    /// The unpacked message in protobuf and what it holds. Whatever the header alone can tell is told before the body.
    async fn receive(
        &self,
        request: Request<Incoming>,
        format: Option<Format>,
        holder: &MemoryHolder,
    ) -> Result<Received, Rejection> {
        check_host(request.version(), request.headers())?;
        self.admission.admit(request.headers())?;
        let signal = signal_of(request.uri().path())?;
        if request.method() != Method::POST {
            return Err(Rejection::Method { method: shown(request.method().as_str().as_bytes()).into_owned() });
        }
        let format = format.ok_or_else(|| unsupported_format(request.headers()))?;
        let encoding = encoding_of(request.headers())?;
        let metadata = self.admission.metadata(request.headers(), self.intake.counters());
        let limit = self.limit;
        let announced = announced_length(request.headers());
        if announced.is_some_and(|length| length > limit.bytes) {
            return Err(limit.passed());
        }
        let mut memory = self.intake.admit(holder, announced)?;
        let gathering = gather(request.into_body(), limit.bytes, limit, &mut memory, |_| Ok(announced));
        let body = in_time(self.read_timeout, gathering).await?;
        let strings = self.intake.strings();
        let (message, memory) = unpacked(encoding, body, limit, memory).await?;
        let (message, memory) = match format {
            Format::Protobuf => (message, memory),
            Format::Json => transcoded(signal, strings, message, limit, memory).await?,
        };
        Ok((signal, message, metadata, memory))
    }
}

/// A request that was read, and the memory it has taken until it is answered.
type Received = (Signal, Bytes, Metadata, MemoryPass);

/// OTLP/JSON as protobuf, which is no longer: both are there for a while.
async fn transcoded(
    signal: Signal,
    strings: Strings,
    body: Bytes,
    limit: SizeLimit,
    mut memory: MemoryPass,
) -> Result<(Bytes, MemoryPass), Rejection> {
    memory.holds(2 * body.len() as u64)?;
    compute(body.len(), move || {
        let message = json::to_protobuf(signal, &body, limit.bytes, strings).map_err(|error| match error {
            JsonError::TooLarge => limit.passed(),
            other => Rejection::Json(other),
        })?;
        memory.keeps(message.len() as u64);
        Ok((message, memory))
    })
    .await
}

fn signal_of(path: &str) -> Result<Signal, Rejection> {
    match path {
        "/v1/metrics" => Ok(Signal::Metrics),
        "/v1/traces" => Ok(Signal::Traces),
        "/v1/logs" => Ok(Signal::Logs),
        _ => Err(Rejection::Path {
            path: shown(path.as_bytes()).into_owned(),
            served: "send to /v1/metrics, /v1/traces or /v1/logs",
        }),
    }
}

impl Format {
    /// What the content type says, its parameters aside; `None` for anything that is not OTLP's.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(CONTENT_TYPE)?.as_bytes();
        let kind = value.split(|byte| *byte == b';').next()?.trim_ascii();
        if kind.eq_ignore_ascii_case(PROTOBUF.as_bytes()) {
            Some(Format::Protobuf)
        } else if kind.eq_ignore_ascii_case(JSON.as_bytes()) {
            Some(Format::Json)
        } else {
            None
        }
    }

    fn content_type(self) -> HeaderValue {
        match self {
            Format::Protobuf => HeaderValue::from_static(PROTOBUF),
            Format::Json => HeaderValue::from_static(JSON),
        }
    }
}

fn unsupported_format(headers: &HeaderMap) -> Rejection {
    let found = headers.get(CONTENT_TYPE).map_or(&[][..], HeaderValue::as_bytes);
    Rejection::ContentType { found: shown(found).into_owned(), supported: "application/x-protobuf or application/json" }
}

fn encoding_of(headers: &HeaderMap) -> Result<Encoding, Rejection> {
    let Some(name) = headers.get(CONTENT_ENCODING) else {
        return Ok(Encoding::Identity);
    };
    let unsupported = || Rejection::Encoding { found: shown(name.as_bytes()).into_owned() };
    Encoding::named(name.as_bytes()).ok_or_else(unsupported)
}

/// hyper has checked the header; a body in chunks has none.
fn announced_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn succeeded(signal: Signal, accepted: &Accepted, format: Format) -> Response<Full<Bytes>> {
    let body = match format {
        Format::Protobuf => wire::response_protobuf(accepted),
        Format::Json => wire::response_json(signal, accepted),
    };
    let mut response = Response::new(Full::from(body));
    response.headers_mut().insert(CONTENT_TYPE, format.content_type());
    response
}

fn rejected(rejection: &Rejection, format: Format) -> Response<Full<Bytes>> {
    let (code, message) = (rejection.code(), rejection.message());
    let body = match format {
        Format::Protobuf => wire::status_protobuf(code, &message, rejection.retry_after()),
        Format::Json => wire::status_json(code, &message),
    };
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = rejection.http_status();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, format.content_type());
    if let Some((name, value)) = hint(rejection) {
        headers.insert(name, value);
    }
    response
}

/// The header that tells the sender what would work.
fn hint(rejection: &Rejection) -> Option<(HeaderName, HeaderValue)> {
    match rejection {
        Rejection::Unauthenticated { challenge, .. } => {
            Some((WWW_AUTHENTICATE, HeaderValue::from_str(challenge).ok()?))
        }
        Rejection::Method { .. } => Some((ALLOW, HeaderValue::from_static("POST"))),
        Rejection::Encoding { .. } => Some((ACCEPT_ENCODING, HeaderValue::from_static(Encoding::SUPPORTED))),
        _ => {
            let delay = rejection.retry_after()?;
            Some((RETRY_AFTER, HeaderValue::from(wire::retry_after_seconds(delay))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn the_content_type_decides_the_format_and_its_parameters_do_not() {
        for (value, format) in [
            ("application/x-protobuf", Some(Format::Protobuf)),
            ("application/json; charset=utf-8", Some(Format::Json)),
            ("Application/JSON ;x", Some(Format::Json)),
            ("application/jsonl", None),
            ("text/plain", None),
            ("", None),
        ] {
            assert_eq!(Format::of(&headers(CONTENT_TYPE, value)), format, "{value}");
        }
        assert_eq!(Format::of(&HeaderMap::new()), None);
    }

    #[test]
    fn an_unknown_encoding_is_answered_with_the_known_ones() -> Result<(), Rejection> {
        assert_eq!(encoding_of(&HeaderMap::new())?, Encoding::Identity);
        assert_eq!(encoding_of(&headers(CONTENT_ENCODING, "zstd"))?, Encoding::Zstd);
        let Err(rejection) = encoding_of(&headers(CONTENT_ENCODING, "br")) else {
            return Ok(());
        };
        let response = rejected(&rejection, Format::Json);
        assert_eq!(response.status().as_u16(), 415);
        let accepted = response.headers().get(ACCEPT_ENCODING).map(HeaderValue::as_bytes);
        assert_eq!(accepted, Some(Encoding::SUPPORTED.as_bytes()));
        Ok(())
    }

    #[test]
    fn a_busy_host_says_when_to_come_back_in_seconds() {
        let response = rejected(&Rejection::GoingDown, Format::Protobuf);
        assert_eq!(response.status().as_u16(), 503);
        assert_eq!(response.headers().get(RETRY_AFTER).map(HeaderValue::as_bytes), Some(&b"1"[..]));
        assert_eq!(response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes), Some(PROTOBUF.as_bytes()));
    }
}
