//! A destination that does what a script says, and remembers what it was sent: OTLP/HTTP and OTLP/gRPC for log records, each
//! known by the text of its body.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::wait;

/// What happens to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Taken and answered.
    Taken,
    /// Refused for now: 503.
    Unavailable,
    /// Refused for now, with a time to come back in whole seconds: 429.
    Throttled(u64),
    /// Refused for good: 400.
    Refused,
    /// The connection is closed before the request was read.
    Reset,
    /// Taken; the connection is closed in the middle of the answer.
    AnswerLost,
    /// Taken, and never answered.
    Stalled,
    /// Taken, apart from the first record, which is refused for good.
    Partial,
    /// Taken; the answer is nothing that anybody understands.
    Garbage,
    /// Answered with this status, of gRPC or of HTTP.
    Status(u16),
    /// Answered with this status of HTTP, also to those who speak gRPC: what a proxy does.
    Proxy(u16),
}

/// One record that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// The number of the life of the sender that sent it.
    pub life: u64,
    /// Whether the sender was told. Answers that were on their way when their connection was closed may not have arrived.
    pub answered: bool,
    /// The connection, counted from the first.
    connection: u64,
    /// When it was taken.
    at: Instant,
}

/// Answers that are younger may not have left when their connection is closed.
const ON_THEIR_WAY: Duration = Duration::from_millis(500);

/// What a destination remembers.
#[derive(Debug, Default)]
pub struct Memory {
    /// Every record that was taken, by its text.
    pub taken: HashMap<String, Vec<Arrival>>,
    /// Records refused in partial successes.
    pub rejected: HashMap<String, u64>,
    /// Requests by fate.
    pub fates: HashMap<String, u64>,
    /// `x-tenant` of each request taken, with its number of records.
    pub tenants: HashMap<String, u64>,
}

type Script = Box<dyn FnMut(u64) -> Fate + Send>;

struct Shared {
    memory: Mutex<Memory>,
    script: Mutex<Script>,
    requests: AtomicU64,
    connections: AtomicU64,
    life: AtomicU64,
    /// From where the last connection came.
    accepted: Mutex<Option<SocketAddr>>,
    never: Notify,
    /// How long each request takes, one after the other; zero for no limit.
    pace: Mutex<Duration>,
    turn: tokio::sync::Mutex<()>,
}

/// A destination that runs until it is dropped.
pub struct Downstream {
    address: SocketAddr,
    shared: Arc<Shared>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Downstream {
    /// Listens on a free port. `script` says what happens to each request, by its number.
    pub fn start(script: impl FnMut(u64) -> Fate + Send + 'static) -> Result<Downstream> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let shared = Arc::new(Shared {
            memory: Mutex::default(),
            script: Mutex::new(Box::new(script)),
            requests: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            life: AtomicU64::new(0),
            accepted: Mutex::default(),
            never: Notify::new(),
            pace: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        });
        let listener = runtime.block_on(TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        runtime.spawn(accept(listener, Arc::clone(&shared)));
        Ok(Downstream { address, shared, runtime: Some(runtime) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it remembers.
    pub fn memory(&self) -> MutexGuard<'_, Memory> {
        self.shared.memory()
    }

    /// Another script.
    pub fn follow(&self, script: impl FnMut(u64) -> Fate + Send + 'static) {
        *self.shared.script.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(script);
    }

    /// Connections from now on are of the sender's next life. Call it between two of them: those of the last may still wait to be accepted,
    /// and one more comes behind them.
    pub fn next_life(&self) -> Result<()> {
        let last = std::net::TcpStream::connect(self.address)?;
        let from = last.local_addr()?;
        let accepted = || *self.shared.accepted.lock().unwrap_or_else(PoisonError::into_inner);
        wait::until("connections of the last life are accepted", || Ok((accepted() == Some(from)).then_some(())))?;
        self.shared.life.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    /// Takes requests one at a time, and this long for each.
    pub fn pace(&self, each: Duration) {
        *self.shared.pace.lock().unwrap_or_else(PoisonError::into_inner) = each;
    }
}

impl Drop for Downstream {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Shared {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fate(&self) -> Fate {
        let number = self.requests.fetch_add(1, Ordering::SeqCst);
        let fate = (self.script.lock().unwrap_or_else(PoisonError::into_inner))(number);
        *self.memory().fates.entry(format!("{fate:?}")).or_default() += 1;
        fate
    }

    /// A connection is about to be closed: whoever waits for an answer on it may not get it.
    fn cut(&self, connection: u64) {
        let mut memory = self.memory();
        let lately = |arrival: &&mut Arrival| arrival.connection == connection && arrival.at.elapsed() < ON_THEIR_WAY;
        memory.taken.values_mut().flatten().filter(lately).for_each(|arrival| arrival.answered = false);
    }

    /// Remembers the records of a request; returns how many were rejected.
    fn take(&self, request: &ExportLogsServiceRequest, fate: Fate, arrival: Arrival) -> i64 {
        let records = request.resource_logs.iter().flat_map(|resource| &resource.scope_logs);
        let texts = records.flat_map(|scope| &scope.log_records).map(|record| match &record.body {
            Some(body) => match &body.value {
                Some(any_value::Value::StringValue(text)) => text.clone(),
                other => format!("{other:?}"),
            },
            None => String::new(),
        });
        let mut memory = self.memory();
        for (index, text) in texts.enumerate() {
            match fate == Fate::Partial && index == 0 {
                true => *memory.rejected.entry(text).or_default() += 1,
                false => memory.taken.entry(text).or_default().push(arrival),
            }
        }
        i64::from(fate == Fate::Partial)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let Ok((stream, from)) = listener.accept().await else { continue };
        let shared = Arc::clone(&shared);
        let peer = Peer {
            life: shared.life.load(Ordering::SeqCst),
            number: shared.connections.fetch_add(1, Ordering::SeqCst),
            closing: Arc::new(Notify::new()),
        };
        *shared.accepted.lock().unwrap_or_else(PoisonError::into_inner) = Some(from);
        tokio::spawn(async move {
            let closing = Arc::clone(&peer.closing);
            let service = service_fn(|request| answer(request, Arc::clone(&shared), peer.clone()));
            let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            let connection = builder.serve_connection(TokioIo::new(stream), service);
            tokio::select! {
                // A sender that goes away is no concern of ours.
                _ = connection => {}
                () = closing.notified() => {}
            }
        });
    }
}

/// The other end of a connection.
#[derive(Clone)]
struct Peer {
    life: u64,
    number: u64,
    closing: Arc<Notify>,
}

type Body = BoxBody<Bytes, Infallible>;

async fn answer(request: Request<Incoming>, shared: Arc<Shared>, peer: Peer) -> Result<Response<Body>, hyper::Error> {
    let pace = *shared.pace.lock().unwrap_or_else(PoisonError::into_inner);
    if !pace.is_zero() {
        let _turn = shared.turn.lock().await;
        tokio::time::sleep(pace).await;
    }
    let is_grpc = request.uri().path().starts_with("/opentelemetry");
    let fate = shared.fate();
    if fate == Fate::Reset {
        shared.cut(peer.number);
        peer.closing.notify_one();
        shared.never.notified().await;
    }
    let tenant = request.headers().get("x-tenant").map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let body = request.into_body().collect().await?.to_bytes();
    let message = if is_grpc { body.slice(5.min(body.len())..) } else { body };
    let answered = matches!(fate, Fate::Taken | Fate::Partial);
    let mut rejected = 0;
    if answered || matches!(fate, Fate::AnswerLost | Fate::Stalled | Fate::Garbage) {
        let decoded = ExportLogsServiceRequest::decode(message).unwrap_or_default();
        rejected = shared.take(
            &decoded,
            fate,
            Arrival { life: peer.life, answered, connection: peer.number, at: Instant::now() },
        );
        if let Some(tenant) = tenant {
            *shared.memory().tenants.entry(tenant).or_default() += 1;
        }
    }
    match fate {
        Fate::AnswerLost => {
            shared.cut(peer.number);
            peer.closing.notify_one();
            shared.never.notified().await;
        }
        Fate::Stalled => shared.never.notified().await,
        _ => {}
    }
    let speaks_grpc = is_grpc && !matches!(fate, Fate::Proxy(_));
    Ok(if speaks_grpc { grpc(fate, rejected) } else { http(fate, rejected) })
}

fn response_message(rejected: i64) -> Vec<u8> {
    let partial = ExportLogsPartialSuccess { rejected_log_records: rejected, error_message: "too old".to_owned() };
    ExportLogsServiceResponse { partial_success: (rejected > 0).then_some(partial) }.encode_to_vec()
}

fn http(fate: Fate, rejected: i64) -> Response<Body> {
    let (status, retry_after, body) = match fate {
        Fate::Unavailable => (503, None, Vec::new()),
        Fate::Throttled(seconds) => (429, Some(seconds), Vec::new()),
        Fate::Refused => (400, None, b"refused".to_vec()),
        Fate::Garbage => (200, None, vec![0xff; 64]),
        Fate::Status(status) | Fate::Proxy(status) => (status, None, Vec::new()),
        _ => (200, None, response_message(rejected)),
    };
    let mut response = Response::new(Full::from(body).boxed());
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    response.headers_mut().insert("content-type", http::HeaderValue::from_static("application/x-protobuf"));
    if let Some(seconds) = retry_after {
        response.headers_mut().insert("retry-after", seconds.into());
    }
    response
}

fn grpc(fate: Fate, rejected: i64) -> Response<Body> {
    let mut trailers = HeaderMap::new();
    let code = match fate {
        Fate::Unavailable | Fate::Throttled(_) => 14,
        Fate::Refused => 3,
        Fate::Status(code) => code,
        _ => 0,
    };
    trailers.insert("grpc-status", http::HeaderValue::from(code));
    let message = if fate == Fate::Garbage { vec![0xff; 64] } else { response_message(rejected) };
    let data = if code == 0 { crate::grpc::framed(0, &message) } else { Bytes::new() };
    let body = Full::new(data).with_trailers(std::future::ready(Some(Ok(trailers))));
    let mut response = Response::new(body.boxed());
    response.headers_mut().insert("content-type", http::HeaderValue::from_static("application/grpc"));
    response
}
