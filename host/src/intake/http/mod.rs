//! Requests over HTTP: a format for each path, over HTTP/1.1 and HTTP/2 on the same port.

mod algorithms;
mod config;
mod cors;
mod format;
mod host;
mod pages;

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use ::http::request::Parts;
use ::http::{HeaderMap, HeaderValue, Method, Request, Response};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulConnection;
use tokio::sync::watch;
use tower::{Layer as _, ServiceExt as _};
use tower_http::cors::CorsLayer;

pub use self::algorithms::Algorithms;
pub use self::config::{HttpKeepalive, HttpSettings};
pub(crate) use self::config::{http_config, http_defaults};
pub use self::cors::Cors;
pub use self::format::{Conversion, HttpFormat, HttpPath, Reading, SizeLimit};
use self::host::check_host;
pub use self::pages::{OpenError, OpenPages, PageAnswer, PageAnswers, PagePort, page_answer};
use super::admission::{Admission, MakeError};
use super::body::{compute, gather, in_time, unpacked};
use super::foreign::{Ended, Heard};
use super::metrics::PortMetrics;
use super::rejection::Rejection;
use super::serve::{self, Activity, Bounds, Busy, Sender};
use super::status::{self, StatusFormat};
use super::write_timeout::WriteTimeout;
use crate::contract::{Authenticators, MemoryGate, MemoryHolder, MemoryPass, Metadata, Signal};
use crate::net::tls::{Expiry, TlsServer};
use crate::net::{Encoding, Headers, Listening, shown};

/// Dead HTTP/2 peers are found this often; HTTP/1.1 has only the idle timeout.
const PING_INTERVAL: Duration = Duration::from_secs(60);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// What is served at one address over HTTP.
pub struct HttpPort {
    pub(super) settings: HttpSettings,
    pub(super) paths: Vec<HttpPath>,
    tls: Option<TlsServer>,
    admission: Admission,
}

impl HttpPort {
    /// A port for these paths. Files of TLS are read here; nothing is opened.
    pub fn new(
        settings: HttpSettings,
        paths: Vec<HttpPath>,
        authenticators: &Authenticators,
    ) -> Result<Self, MakeError> {
        settings.endpoint.check(settings.transport)?;
        let tls = settings.tls.as_ref().map(|tls| TlsServer::new(tls, &["h2", "http/1.1"])).transpose()?;
        let admission = Admission::new(settings.auth.as_ref(), settings.include_metadata, authenticators)?;
        Ok(HttpPort { settings, paths, tls, admission })
    }

    /// When the certificate ends that it shows, if it shows any.
    pub(super) fn expiry(&self) -> Option<Expiry> {
        self.tls.as_ref().map(TlsServer::expiry)
    }

    /// What answers there.
    pub(super) fn server(self, memory: MemoryGate, metrics: Arc<PortMetrics>) -> HttpServer {
        let HttpPort { settings, paths, tls, admission } = self;
        let http = connections(&settings);
        let bounds = Bounds {
            connections_max: settings.max_connections.get(),
            first_request: settings.read_header_timeout,
            idle: settings.idle_timeout,
            age: None,
        };
        let limit = SizeLimit { bytes: settings.max_request_body_size.get(), setting: "max_request_body_size" };
        let served = format!("send to {}", serve::listed(paths.iter().map(|path| path.path.as_str())));
        let paths = paths.into_iter().map(|path| (path.path.clone(), path)).collect();
        let read_timeout = settings.read_timeout;
        let algorithms = settings.compression_algorithms;
        let service = Arc::new(Service { paths, served, admission, limit, read_timeout, algorithms, memory, metrics });
        let cors = settings.cors.as_ref().and_then(Cors::layer);
        let (write_timeout, added) = (settings.write_timeout, Arc::new(settings.response_headers));
        HttpServer { http, bounds, tls, service, cors, write_timeout, added }
    }
}

/// How connections speak HTTP.
fn connections(settings: &HttpSettings) -> auto::Builder<TokioExecutor> {
    let mut http = auto::Builder::new(TokioExecutor::new());
    // hyper's own header timeout would run between the requests of a connection as well; `Bounds` covers both.
    http.http1().timer(TokioTimer::new()).header_read_timeout(None).keep_alive(settings.keep_alives_enabled);
    http.http2()
        .timer(TokioTimer::new())
        .adaptive_window(false)
        .initial_stream_window_size(serve::STREAM_WINDOW_BYTES)
        .initial_connection_window_size(serve::CONNECTION_WINDOW_BYTES)
        .max_frame_size(serve::FRAME_BYTES_MAX)
        .max_concurrent_streams(settings.max_concurrent_streams.get())
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    http
}

/// The port's behaviour.
pub(super) struct HttpServer {
    http: auto::Builder<TokioExecutor>,
    bounds: Bounds,
    tls: Option<TlsServer>,
    service: Arc<Service>,
    cors: Option<CorsLayer>,
    write_timeout: Option<Duration>,
    /// Of every answer.
    added: Arc<Headers>,
}

impl HttpServer {
    /// Serves until `stop` turns true and what was under way has been answered.
    pub(super) async fn serve(self, listener: Listening, stop: watch::Receiver<bool>) {
        let (metrics, bounds, tls) = (Arc::clone(&self.service.metrics), self.bounds, self.tls.clone());
        let connect = move |stream, activity| self.connect(stream, activity);
        serve::accept(listener, bounds, tls, &metrics, stop, connect).await;
    }

    fn connect(&self, stream: Heard, activity: Arc<Activity>) -> impl GracefulConnection<Error: Ended> + Send + use<> {
        let (service, cors, added) = (Arc::clone(&self.service), self.cors.clone(), Arc::clone(&self.added));
        let sender = Sender::of(&activity, &service.memory);
        let answer = service_fn(move |request| {
            let (service, cors, busy, sender) = (Arc::clone(&service), cors.clone(), activity.begin(), sender.clone());
            let added = Arc::clone(&added);
            async move {
                let mut response = match cors {
                    None => service.answer(request, &sender, &busy).await,
                    Some(cors) => {
                        let answer = async |request| Ok::<_, Infallible>(service.answer(request, &sender, &busy).await);
                        let Ok(response) = cors.layer(tower::service_fn(answer)).oneshot(request).await;
                        response
                    }
                };
                added.add(response.headers_mut());
                drop(busy);
                Ok::<_, Infallible>(response)
            }
        });
        let stream = WriteTimeout::new(stream, self.write_timeout);
        self.http.serve_connection(TokioIo::new(stream), answer).into_owned()
    }
}

/// What answers requests.
struct Service {
    paths: HashMap<String, HttpPath>,
    /// What there is, for whoever asks for something else.
    served: String,
    admission: Admission,
    limit: SizeLimit,
    read_timeout: Duration,
    algorithms: Option<Algorithms>,
    memory: MemoryGate,
    metrics: Arc<PortMetrics>,
}

impl Service {
    async fn answer(&self, request: Request<Incoming>, sender: &Sender, busy: &Busy) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let Some(path) = self.paths.get(head.uri.path()) else {
            return self.refuse_strange(&head, sender.peer);
        };
        let (signal, message, metadata, _memory) = match self.receive(path, &head, body, &sender.memory).await {
            Ok(received) => received,
            Err(rejection) => {
                path.intake.counters().refuse(&rejection, sender.peer);
                return path.format.rejected(&head, &rejection);
            }
        };
        busy.arrived();
        match path.intake.submit(signal, message, metadata, sender.peer, None).await {
            Ok(accepted) => path.format.accepted(&head, &accepted),
            Err(rejection) => path.format.rejected(&head, &rejection),
        }
    }

    /// A request that is nobody's.
    fn refuse_strange(&self, head: &Parts, peer: Option<SocketAddr>) -> Response<Full<Bytes>> {
        let admitted = check_host(head.version, &head.headers).and_then(|()| self.admission.admit(&head.headers));
        let strange =
            || Rejection::Path { path: shown(head.uri.path().as_bytes()).into_owned(), served: self.served.clone() };
        let rejection = admitted.err().unwrap_or_else(strange);
        self.metrics.refuse(&rejection, peer);
        status::rejected(&rejection, StatusFormat::of(&head.headers))
    }

    /// The unpacked message in protobuf and what it holds. Whatever the header alone can tell is told before the body.
    async fn receive(
        &self,
        path: &HttpPath,
        head: &Parts,
        body: Incoming,
        holder: &MemoryHolder,
    ) -> Result<Received, Rejection> {
        check_host(head.version, &head.headers)?;
        self.admission.admit(&head.headers)?;
        if head.method != Method::POST {
            return Err(Rejection::Method { method: shown(head.method.as_str().as_bytes()).into_owned() });
        }
        let Reading { signal, conversion } = path.format.reading(head)?;
        let encoding = encoding_of(&head.headers, self.algorithms.as_ref())?;
        let metadata = self.admission.metadata(&head.headers, path.intake.counters());
        let limit = self.limit;
        let announced = announced_length(&head.headers);
        if announced.is_some_and(|length| length > limit.bytes) {
            return Err(limit.passed());
        }
        let mut memory = path.intake.admit(holder, announced)?;
        let gathering = gather(body, limit.bytes, limit, &mut memory, |_| Ok(announced));
        let body = in_time(self.read_timeout, gathering).await?;
        let (message, memory) = unpacked(encoding, body, limit, memory).await?;
        let (message, memory) = match conversion {
            None => (message, memory),
            Some(conversion) => converted(conversion, message, limit, memory).await?,
        };
        Ok((signal, message, metadata, memory))
    }
}

/// A request that was read, and the memory it has taken until it is answered.
type Received = (Signal, Bytes, Metadata, MemoryPass);

/// The body as an OTLP request: both are there for a while.
async fn converted(
    conversion: Conversion,
    body: Bytes,
    limit: SizeLimit,
    mut memory: MemoryPass,
) -> Result<(Bytes, MemoryPass), Rejection> {
    let Conversion { growth, convert } = conversion;
    memory.holds((1 + growth) * body.len() as u64)?;
    compute(body.len(), move || {
        let message = convert(body, limit)?;
        memory.keeps(message.len() as u64);
        Ok((message, memory))
    })
    .await
}

fn encoding_of(headers: &HeaderMap, algorithms: Option<&Algorithms>) -> Result<Encoding, Rejection> {
    let name = headers.get(CONTENT_ENCODING).map_or(&b"identity"[..], HeaderValue::as_bytes);
    let known = Encoding::named(name).filter(|known| algorithms.is_none_or(|algorithms| algorithms.has(*known)));
    known.ok_or_else(|| Rejection::Encoding { found: shown(name).into_owned() })
}

/// hyper has checked the header; a body in chunks has none.
fn announced_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_is_known_by_its_name() -> Result<(), Rejection> {
        let named = |name| HeaderMap::from_iter([(CONTENT_ENCODING, HeaderValue::from_static(name))]);
        assert_eq!(encoding_of(&HeaderMap::new(), None)?, Encoding::Identity);
        assert_eq!(encoding_of(&named("zstd"), None)?, Encoding::Zstd);
        assert!(matches!(encoding_of(&named("br"), None), Err(Rejection::Encoding { .. })));
        let algorithms = |names: &[&str]| {
            Algorithms::try_from(names.iter().map(ToString::to_string).collect::<Vec<_>>())
                .map_err(|error| error.to_string())
        };
        let packed = algorithms(&["gzip"]).ok();
        assert_eq!(encoding_of(&named("gzip"), packed.as_ref())?, Encoding::Gzip);
        assert!(encoding_of(&named("zstd"), packed.as_ref()).is_err());
        assert!(encoding_of(&HeaderMap::new(), packed.as_ref()).is_err(), "as in the Collector");
        let plain = algorithms(&["", "zstd"]).ok();
        assert_eq!(encoding_of(&HeaderMap::new(), plain.as_ref())?, Encoding::Identity);
        let none = algorithms(&[]).ok();
        assert!(encoding_of(&named("gzip"), none.as_ref()).is_err());
        assert_eq!(encoding_of(&HeaderMap::new(), none.as_ref())?, Encoding::Identity);
        assert!(algorithms(&["lz4"]).is_err_and(|error| error.contains("is not understood here")));
        Ok(())
    }
}
