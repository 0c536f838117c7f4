//! Requests over gRPC, straight on hyper: unary methods on the hot path, and services of `tonic` beside them.
//!
//! gRPC's framing of a unary call is five bytes, so it is done here and not by a gRPC library: a message that arrives in
//! one HTTP/2 frame goes to the host without being copied, memory follows what has arrived instead of what the sender
//! announced, and a message that is too large gets the status OTLP senders know not to retry.

mod config;
mod framing;
mod health;
mod pings;
mod reply;

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ::http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use ::http::request::Parts;
use ::http::{Method, Request, Response};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::sync::watch;
use tower::ServiceExt as _;
use tower::util::BoxCloneSyncService;

pub use self::config::{EnforcementPolicy, GrpcSettings, Keepalive, ServerParameters};
pub(crate) use self::config::{grpc_config, grpc_defaults};
use self::framing::{PREFIX_BYTES, announced_length, split_message};
pub(super) use self::health::health;
use self::pings::Policed;
use self::reply::{Reply, rejected};
use super::admission::{Admission, MakeError};
use super::body::{SizeLimit, gather, in_time, unpacked};
use super::deadline::{Deadline, timeout_of};
use super::foreign::{Ended, Foreign, Heard};
use super::metrics::PortMetrics;
use super::rejection::{METADATA_BYTES_MAX, Rejection};
use super::serve::{self, Activity, Age, Bounds, Busy, Sender};
use super::submit::Intake;
use crate::contract::{Accepted, Authenticators, Health, MemoryGate, MemoryHolder, MemoryPass, Metadata, Signal};
use crate::net::tls::{Expiry, TlsServer};
use crate::net::{Encoding, Listening, shown};

/// So much metadata is read, to be answered in gRPC's terms where it is too much. Beyond it HTTP/2 itself refuses.
const METADATA_READ_BYTES_MAX: u32 = 256 << 10;

/// What HTTP/2 counts for a field beside its name and value (RFC 9113, section 6.5.2).
const FIELD_BYTES: usize = 32;

const CONTENT_TYPE_GRPC: &str = "application/grpc";
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");

/// A unary method on the hot path.
#[derive(Clone)]
pub struct GrpcMethod {
    /// `/package.Service/Method`.
    pub path: &'static str,
    /// What its messages hold.
    pub signal: Signal,
    /// Whose it is.
    pub intake: Intake,
    /// The message that answers a request that was taken over.
    pub accepted: fn(&Accepted) -> Vec<u8>,
}

/// A gRPC service in generated code, such as one of `tonic`. Requests come whole, within the port's limits.
#[derive(Clone)]
pub struct GrpcService {
    /// `package.Service`.
    pub name: &'static str,
    /// What answers.
    pub service: BoxCloneSyncService<Request<tonic::body::Body>, Response<tonic::body::Body>, Infallible>,
}

/// What is served at one address over gRPC.
pub struct GrpcPort {
    pub(super) settings: GrpcSettings,
    pub(super) methods: Vec<GrpcMethod>,
    pub(super) services: Vec<GrpcService>,
    tls: Option<TlsServer>,
    admission: Admission,
}

impl GrpcPort {
    /// A port for these methods and services. Files of TLS are read here; nothing is opened.
    pub fn new(
        settings: GrpcSettings,
        methods: Vec<GrpcMethod>,
        services: Vec<GrpcService>,
        authenticators: &Authenticators,
    ) -> Result<Self, MakeError> {
        settings.endpoint.check(settings.transport)?;
        let tls = settings.tls.as_ref().map(|tls| TlsServer::new(tls, &["h2"])).transpose()?;
        let admission = Admission::new(settings.auth.as_ref(), settings.include_metadata, authenticators)?;
        Ok(GrpcPort { settings, methods, services, tls, admission })
    }

    /// When the certificate ends that it shows, if it shows any.
    pub(super) fn expiry(&self) -> Option<Expiry> {
        self.tls.as_ref().map(TlsServer::expiry)
    }

    /// What answers there, health among it.
    pub(super) fn server(self, memory: MemoryGate, metrics: Arc<PortMetrics>, health: &Health) -> GrpcServer {
        let health = self::health(health, &self);
        let GrpcPort { settings, methods, services, tls, admission } = self;
        let keepalive = &settings.keepalive.server_parameters;
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .adaptive_window(false)
            .initial_stream_window_size(serve::STREAM_WINDOW_BYTES)
            .initial_connection_window_size(serve::CONNECTION_WINDOW_BYTES)
            .max_frame_size(serve::FRAME_BYTES_MAX)
            .max_concurrent_streams(settings.max_concurrent_streams.get())
            .max_header_list_size(METADATA_READ_BYTES_MAX)
            .keep_alive_interval(keepalive.time)
            .keep_alive_timeout(keepalive.timeout)
            .auto_date_header(false);
        let idle = keepalive.max_connection_idle;
        // SDKs connect when they start and may send their first request a minute later.
        let some = |time: Duration| (!time.is_zero()).then_some(time);
        let grace = some(keepalive.max_connection_age_grace);
        let age = some(keepalive.max_connection_age).map(|max| Age { max, grace });
        let bounds = Bounds { connections_max: settings.max_connections.get(), first_request: idle, idle, age };
        let policy = settings.keepalive.enforcement_policy;
        let limit = SizeLimit { bytes: settings.message_bytes_max(), setting: "max_recv_msg_size_mib" };
        let services: Vec<GrpcService> = services.into_iter().chain([health]).collect();
        let names = methods.iter().map(|method| method.path).chain(services.iter().map(|service| service.name));
        let served = format!("call {}", serve::listed(names));
        let service = Arc::new(Service {
            methods: methods.into_iter().map(|method| (method.path, method)).collect(),
            services: services.into_iter().map(|service| (service.name, service)).collect(),
            served,
            admission,
            limit,
            read_timeout: settings.read_timeout,
            memory,
            metrics,
        });
        GrpcServer { http2, bounds, policy, tls, service }
    }
}

/// The port's behaviour.
pub(super) struct GrpcServer {
    http2: http2::Builder<TokioExecutor>,
    bounds: Bounds,
    policy: EnforcementPolicy,
    tls: Option<TlsServer>,
    service: Arc<Service>,
}

impl GrpcServer {
    /// Serves until `stop` turns true and what was under way has been answered.
    pub(super) async fn serve(self, listener: Listening, stop: watch::Receiver<bool>) {
        let (metrics, bounds, tls) = (Arc::clone(&self.service.metrics), self.bounds, self.tls.clone());
        let stopping = stop.clone();
        let connect = move |stream, activity| self.connect(stream, activity, stopping.clone());
        serve::accept(listener, bounds, tls, &metrics, stop, connect).await;
    }

    fn connect(
        &self,
        stream: Heard,
        activity: Arc<Activity>,
        stop: watch::Receiver<bool>,
    ) -> impl GracefulConnection<Error: Ended> + Send + use<> {
        let service = Arc::clone(&self.service);
        let sender = Sender::of(&activity, &service.memory);
        let metrics = Arc::clone(&service.metrics);
        let tell = move |activity: &Activity| {
            metrics.reject_connection(Foreign::Pings, activity.peer, "it was pinged too often");
        };
        let stream = Policed::new(stream, self.policy, Arc::clone(&activity), tell);
        let answer = service_fn(move |request| {
            let (service, busy, sender) = (Arc::clone(&service), activity.begin(), sender.clone());
            let stop = stop.clone();
            async move { Ok::<_, Infallible>(service.answer(request, &sender, busy, stop).await) }
        });
        self.http2.serve_connection(TokioIo::new(stream), answer)
    }
}

/// What answers requests.
struct Service {
    methods: HashMap<&'static str, GrpcMethod>,
    services: HashMap<&'static str, GrpcService>,
    /// What there is, for whoever asks for something else.
    served: String,
    admission: Admission,
    limit: SizeLimit,
    read_timeout: Duration,
    memory: MemoryGate,
    metrics: Arc<PortMetrics>,
}

impl Service {
    /// Answers within the time that the sender gives.
    async fn answer(
        &self,
        request: Request<Incoming>,
        sender: &Sender,
        busy: Busy,
        stop: watch::Receiver<bool>,
    ) -> Response<Reply> {
        let (head, body) = request.into_parts();
        if let Some(method) = self.methods.get(head.uri.path()) {
            return self.take(method, &head, body, sender, &busy).await;
        }
        let answered = match service_of(head.uri.path()).and_then(|name| self.services.get(name)) {
            Some(service) => self.call(service.clone(), head, body, &sender.memory).await,
            None => Err(self.strange(&head)),
        };
        match answered {
            Ok((response, memory)) => response.map(|body| Reply::streaming(body, (busy, memory), stop)),
            Err(rejection) => self.refuse(&rejection, sender.peer),
        }
    }

    /// A call of a method on the hot path.
    async fn take(
        &self,
        method: &GrpcMethod,
        head: &Parts,
        body: Incoming,
        sender: &Sender,
        busy: &Busy,
    ) -> Response<Reply> {
        let peer = sender.peer;
        let received = within(head, self.receive(method, head, body, &sender.memory)).await;
        let ((message, metadata, _memory), deadline) = match received {
            Ok(received) => received,
            Err(rejection) => {
                method.intake.counters().refuse(&rejection, peer);
                return rejected(&rejection);
            }
        };
        busy.arrived();
        match method.intake.submit(method.signal, message, metadata, peer, deadline).await {
            Ok(accepted) => Reply::succeeded(&(method.accepted)(&accepted)),
            Err(rejection) => rejected(&rejection),
        }
    }

    /// The unpacked message and what it holds. Whoever may not send is told so before anything is read.
    async fn receive(
        &self,
        method: &GrpcMethod,
        head: &Parts,
        body: Incoming,
        holder: &MemoryHolder,
    ) -> Result<Received, Rejection> {
        self.check(head)?;
        let encoding = encoding_of(&head.headers)?;
        let metadata = self.admission.metadata(&head.headers, method.intake.counters());
        let (body, memory) = self.gather(body, holder).await?;
        let (packed, message) = split_message(body)?;
        if !packed {
            return Ok((message, metadata, memory));
        }
        let encoding =
            encoding.ok_or(Rejection::Framing("the message is compressed, but no grpc-encoding says how"))?;
        let (message, memory) = unpacked(encoding, message, self.limit, memory).await?;
        Ok((message, metadata, memory))
    }

    /// A call of a service in generated code, with all of its request.
    async fn call(
        &self,
        service: GrpcService,
        head: Parts,
        body: Incoming,
        holder: &MemoryHolder,
    ) -> Result<(Response<tonic::body::Body>, MemoryPass), Rejection> {
        let arriving = async {
            self.check(&head)?;
            self.gather(body, holder).await
        };
        let ((body, memory), deadline) = within(&head, arriving).await?;
        let request = Request::from_parts(head, tonic::body::Body::new(Full::new(body)));
        let answering = service.service.oneshot(request);
        let Ok(response) = match deadline {
            None => answering.await,
            Some(Deadline { limit, at }) => {
                let answered = tokio::time::timeout_at(at, answering).await;
                answered.map_err(|_| Rejection::Deadline { limit })?
            }
        };
        Ok((response, memory))
    }

    /// All of a request's body, and the memory that it takes.
    async fn gather(&self, body: Incoming, holder: &MemoryHolder) -> Result<(Bytes, MemoryPass), Rejection> {
        let mut memory = self.memory.admit(holder, UNKNOWN_BYTES)?;
        let limit = self.limit;
        let announced = |first: &[u8]| announced_length(first, limit);
        let gathering = gather(body, limit.bytes + PREFIX_BYTES, limit, &mut memory, announced);
        let body = in_time(self.read_timeout, gathering).await?;
        Ok((body, memory))
    }

    /// What can be told before anything is read.
    fn check(&self, head: &Parts) -> Result<(), Rejection> {
        self.admission.admit(&head.headers)?;
        check_kind(head)?;
        check_metadata(&head.headers)
    }

    /// What is wrong with a request that is nobody's.
    fn strange(&self, head: &Parts) -> Rejection {
        let strange =
            || Rejection::Path { path: shown(head.uri.path().as_bytes()).into_owned(), served: self.served.clone() };
        let checked = timeout_of(&head.headers).and_then(|_| self.check(head));
        checked.err().unwrap_or_else(strange)
    }

    /// Refuses a request that belongs to no component.
    fn refuse(&self, rejection: &Rejection, peer: Option<SocketAddr>) -> Response<Reply> {
        self.metrics.refuse(rejection, peer);
        rejected(rejection)
    }
}

/// A request that was read, and the memory it has taken until it is answered.
type Received = (Bytes, Metadata, MemoryPass);

/// What a request of unknown length takes until its length is known.
const UNKNOWN_BYTES: u64 = 64 << 10;

/// What arrives within the time that the sender gives, and until when it waits.
async fn within<T>(
    head: &Parts,
    arriving: impl Future<Output = Result<T, Rejection>>,
) -> Result<(T, Option<Deadline>), Rejection> {
    let deadline = timeout_of(&head.headers)?.map(Deadline::after);
    let arrived = match deadline {
        None => arriving.await?,
        // A time that is over is none, even where all has arrived.
        Some(Deadline { limit, .. }) if limit.is_zero() => return Err(Rejection::Deadline { limit }),
        Some(Deadline { limit, at }) => {
            tokio::time::timeout_at(at, arriving).await.unwrap_or(Err(Rejection::Deadline { limit }))?
        }
    };
    Ok((arrived, deadline))
}

/// The service that a path names: `/package.Service/Method`.
fn service_of(path: &str) -> Option<&str> {
    Some(path.strip_prefix('/')?.split_once('/')?.0)
}

fn check_kind(head: &Parts) -> Result<(), Rejection> {
    if head.method != Method::POST {
        return Err(Rejection::Method { method: shown(head.method.as_str().as_bytes()).into_owned() });
    }
    let found = head.headers.get(CONTENT_TYPE).map_or(&[][..], HeaderValue::as_bytes);
    match found.strip_prefix(CONTENT_TYPE_GRPC.as_bytes()) {
        Some([] | [b';', ..]) => Ok(()),
        Some(subtype) if subtype.starts_with(b"+proto") => Ok(()),
        _ => Err(Rejection::ContentType { found: shown(found).into_owned(), supported: CONTENT_TYPE_GRPC }),
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
