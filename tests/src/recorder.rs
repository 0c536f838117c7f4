//! A small OTLP server that keeps every request as it came: what a client really sends, to compare with what arrives
//! behind the host, and to make the collection of `tests/collections` from. It takes all and refuses nothing.

mod tap;

use std::convert::Infallible;
use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Full, combinators::BoxBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use otelier::contract::Signal;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

pub use tap::Tap;

use crate::grpc;

/// The ways in which OTLP comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// OTLP/gRPC.
    Grpc,
    /// OTLP/HTTP with protobuf.
    HttpProtobuf,
    /// OTLP/HTTP with JSON.
    HttpJson,
}

/// One request, out of its framing and unpacked.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// By its path.
    pub signal: Signal,
    /// By its path and content type.
    pub transport: Transport,
    /// Protobuf or JSON.
    pub message: Vec<u8>,
    /// Whether it came compressed.
    pub packed: bool,
}

/// A running server; it ends with its handle.
pub struct Recorder {
    _runtime: Runtime,
    /// Where it listens, with gRPC and HTTP on the same port.
    pub address: SocketAddr,
    shelf: Arc<Shelf>,
}

#[derive(Default)]
struct Shelf {
    requests: Mutex<Vec<Recorded>>,
    /// What was no OTLP.
    troubles: Mutex<Vec<String>>,
}

impl Recorder {
    /// Starts one on a free port.
    pub fn start() -> Result<Recorder> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let (address, shelf) = (listener.local_addr()?, Arc::new(Shelf::default()));
        runtime.spawn(accept(listener, shelf.clone()));
        Ok(Recorder { _runtime: runtime, address, shelf })
    }

    /// What has come since the last time, in the order of its coming. Fails if something came that is no OTLP.
    pub fn take(&self) -> Result<Vec<Recorded>> {
        self.shelf.take()
    }
}

impl Shelf {
    fn take(&self) -> Result<Vec<Recorded>> {
        let troubles = std::mem::take(&mut *self.troubles.lock().unwrap_or_else(PoisonError::into_inner));
        ensure!(troubles.is_empty(), "the recorder could not read everything: {troubles:#?}");
        Ok(std::mem::take(&mut *self.requests.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

async fn accept(listener: TcpListener, shelf: Arc<Shelf>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, shelf.clone()));
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, shelf: Arc<Shelf>) {
    let service = service_fn(move |request| answer(request, shelf.clone()));
    // A connection that breaks is the client's affair: it knows whether it was answered.
    let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
}

type Answer = Response<BoxBody<Bytes, Infallible>>;

async fn answer(request: Request<Incoming>, shelf: Arc<Shelf>) -> Result<Answer> {
    let line = format!("{} {} {:?}", request.method(), request.uri(), request.headers());
    let recorded = match record(request).await.context(line) {
        Ok(recorded) => recorded,
        Err(error) => {
            shelf.troubles.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{error:#}"));
            return Ok(Response::builder().status(400).body(Full::default().boxed())?);
        }
    };
    let transport = recorded.transport;
    shelf.requests.lock().unwrap_or_else(PoisonError::into_inner).push(recorded);
    acknowledgement(transport)
}

fn acknowledgement(transport: Transport) -> Result<Answer> {
    let (content_type, body) = match transport {
        Transport::Grpc => {
            let trailers = HeaderMap::from_iter([(http::HeaderName::from_static("grpc-status"), HeaderValue::from(0))]);
            let body = Full::new(grpc::framed(0, b"")).with_trailers(async { Some(Ok(trailers)) }).boxed();
            ("application/grpc", body)
        }
        Transport::HttpProtobuf => ("application/x-protobuf", Full::default().boxed()),
        Transport::HttpJson => ("application/json", Full::new(Bytes::from_static(b"{}")).boxed()),
    };
    Ok(Response::builder().header("content-type", content_type).body(body)?)
}

async fn record(request: Request<Incoming>) -> Result<Recorded> {
    let (head, body) = request.into_parts();
    let (signal, transport) = kind(head.uri.path(), &head.headers)?;
    let body = body.collect().await?.to_bytes();
    let encoding = |name| head.headers.get(name).map_or(Ok("identity"), HeaderValue::to_str);
    let (encoding, message) = match transport {
        Transport::Grpc => {
            let (prefix, message) = body.split_at_checked(5).context("a gRPC message without a prefix")?;
            let packed = prefix.first() == Some(&1);
            (if packed { encoding("grpc-encoding")? } else { "identity" }, message)
        }
        Transport::HttpProtobuf | Transport::HttpJson => (encoding("content-encoding")?, &body[..]),
    };
    let packed = encoding != "identity";
    Ok(Recorded { signal, transport, message: unpacked(encoding, message)?, packed })
}

fn kind(path: &str, headers: &HeaderMap) -> Result<(Signal, Transport)> {
    let content_type = headers.get("content-type").context("no content type")?.to_str()?;
    let over_http =
        if content_type.starts_with("application/json") { Transport::HttpJson } else { Transport::HttpProtobuf };
    Ok(match path {
        grpc::METRICS => (Signal::Metrics, Transport::Grpc),
        grpc::TRACES => (Signal::Traces, Transport::Grpc),
        grpc::LOGS => (Signal::Logs, Transport::Grpc),
        "/v1/metrics" => (Signal::Metrics, over_http),
        "/v1/traces" => (Signal::Traces, over_http),
        "/v1/logs" => (Signal::Logs, over_http),
        _ => bail!("no path of OTLP"),
    })
}

fn unpacked(encoding: &str, message: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match encoding {
        "identity" => bytes.extend_from_slice(message),
        "gzip" => drop(flate2::read::GzDecoder::new(message).read_to_end(&mut bytes)?),
        other => bail!("the recorder does not unpack {other}"),
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{http as client, payload};

    #[test]
    fn requests_are_kept_as_they_came() -> Result<()> {
        let recorder = Recorder::start()?;
        let request = payload::logs(&["the oven is hot"]);
        assert!(grpc::Client::connect(recorder.address)?.send(grpc::LOGS, &request).is_acknowledged());
        let headers = [("content-type", "application/json")];
        assert_eq!(client::post(recorder.address, "/v1/traces", &headers, b"{}")?.status, 200);
        let recorded = recorder.take()?;
        let kinds: Vec<_> = recorded.iter().map(|one| (one.signal, one.transport, &one.message[..])).collect();
        let expected = [(Signal::Logs, Transport::Grpc, &request[..]), (Signal::Traces, Transport::HttpJson, b"{}")];
        assert_eq!(kinds, expected);
        assert!(recorder.take()?.is_empty());
        Ok(())
    }

    #[test]
    fn what_is_no_otlp_is_told() -> Result<()> {
        let recorder = Recorder::start()?;
        let headers = [("content-type", "application/json")];
        assert_eq!(client::post(recorder.address, "/v2/traces", &headers, b"{}")?.status, 400);
        assert!(recorder.take().is_err_and(|error| error.to_string().contains("/v2/traces")));
        Ok(())
    }
}
