//! The load generator: one gRPC connection over h2, a fixed number of requests in flight, every answer checked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bytes::{Buf, Bytes, BytesMut};
use h2::client::SendRequest;
use http::{HeaderMap, Method, Request, StatusCode};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use prost::Message;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::payload::{FRAME_BYTES, Outgoing, Ticket};

/// Answers are small; what is large is what the server lets us send.
const ANSWER_WINDOW_BYTES: u32 = 1 << 20;
const FRAME_BYTES_MAX: u32 = 1 << 20;
/// Longer than any server may take for one request.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Where requests come from.
pub trait Source: Send + 'static {
    /// The gRPC method that takes them.
    fn path(&self) -> &'static str;
    /// The next one.
    fn next(&mut self) -> Outgoing;
    /// One was answered with OK.
    fn acknowledge(&mut self, ticket: Ticket);
}

/// What a run of the generator has done so far.
struct Progress<S> {
    source: S,
    acknowledged: Acknowledged,
    stopped: bool,
}

/// What was answered with OK.
#[derive(Debug, Clone, Copy, Default)]
pub struct Acknowledged {
    /// Requests.
    pub requests: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
}

/// A generator at work.
pub struct Load<S> {
    progress: Arc<Mutex<Progress<S>>>,
    workers: JoinSet<Result<()>>,
    _connection: tokio::task::JoinHandle<Result<(), h2::Error>>,
}

impl<S: Source> Load<S> {
    /// Connects and starts `in_flight` workers, each with one request under way at a time.
    pub async fn start(address: SocketAddr, source: S, in_flight: usize) -> Result<Load<S>> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = h2::client::Builder::new()
            .initial_window_size(ANSWER_WINDOW_BYTES)
            .initial_connection_window_size(ANSWER_WINDOW_BYTES)
            .max_frame_size(FRAME_BYTES_MAX)
            .handshake::<_, Bytes>(stream)
            .await?;
        let connection = tokio::spawn(connection);
        let progress = Arc::new(Mutex::new(Progress { source, acknowledged: Acknowledged::default(), stopped: false }));
        let mut workers = JoinSet::new();
        let uri = format!("http://{address}{}", lock(&progress).source.path());
        for _ in 0..in_flight {
            workers.spawn(work(sender.clone(), uri.clone(), progress.clone()));
        }
        Ok(Load { progress, workers, _connection: connection })
    }

    /// Lets it run; an error of any worker ends the wait.
    pub async fn run_for(&mut self, time: Duration) -> Result<()> {
        tokio::select! {
            () = tokio::time::sleep(time) => Ok(()),
            ended = self.workers.join_next() => {
                ended.context("no worker")???;
                bail!("a worker ended early")
            }
        }
    }

    /// What was acknowledged so far.
    pub fn acknowledged(&self) -> Acknowledged {
        lock(&self.progress).acknowledged
    }

    /// Sends nothing more, waits for the answers under way, and returns what was acknowledged.
    pub async fn stop(mut self) -> Result<(S, Acknowledged)> {
        lock(&self.progress).stopped = true;
        while let Some(ended) = self.workers.join_next().await {
            ended??;
        }
        let progress = Arc::into_inner(self.progress).context("a worker is left")?;
        let progress = progress.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok((progress.source, progress.acknowledged))
    }
}

fn lock<S>(progress: &Mutex<Progress<S>>) -> MutexGuard<'_, Progress<S>> {
    progress.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn work<S: Source>(mut sender: SendRequest<Bytes>, uri: String, progress: Arc<Mutex<Progress<S>>>) -> Result<()> {
    loop {
        let outgoing = {
            let mut progress = lock(&progress);
            if progress.stopped {
                return Ok(());
            }
            progress.source.next()
        };
        sender = sender.ready().await?;
        let bytes = outgoing.framed.len() as u64;
        let exchange = exchange(&mut sender, &uri, outgoing.framed);
        tokio::time::timeout(ANSWER_TIMEOUT, exchange).await.context("no answer")??;
        acknowledge(&progress, outgoing.ticket, bytes);
    }
}

fn acknowledge<S: Source>(progress: &Mutex<Progress<S>>, ticket: Ticket, bytes: u64) {
    let mut progress = lock(progress);
    progress.acknowledged.requests += 1;
    progress.acknowledged.bytes += bytes;
    progress.source.acknowledge(ticket);
}

/// One call, its answer read to the end and found to accept everything.
pub async fn exchange(sender: &mut SendRequest<Bytes>, uri: &str, framed: Bytes) -> Result<()> {
    let request = Request::builder()
        .method(Method::POST)
        .uri(uri)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())?;
    let (response, mut body) = sender.send_request(request, false)?;
    body.send_data(framed, true)?;
    let response = response.await?;
    ensure!(response.status() == StatusCode::OK, "HTTP status {}", response.status());
    let (head, mut answer) = response.into_parts();
    let mut message = BytesMut::new();
    while let Some(data) = answer.data().await {
        let data = data?;
        answer.flow_control().release_capacity(data.len())?;
        message.extend_from_slice(&data);
    }
    match answer.trailers().await? {
        Some(trailers) => check_status(&trailers)?,
        None => check_status(&head.headers)?,
    }
    check_message(message.freeze())
}

fn check_status(headers: &HeaderMap) -> Result<()> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("none");
    ensure!(text("grpc-status") == "0", "grpc-status {}: {}", text("grpc-status"), text("grpc-message"));
    Ok(())
}

fn check_message(mut message: Bytes) -> Result<()> {
    ensure!(message.len() >= FRAME_BYTES, "an answer without a message");
    message.advance(FRAME_BYTES);
    // The answers of all signals have the same shape.
    let partial = ExportMetricsServiceResponse::decode(message)?.partial_success;
    ensure!(
        partial.as_ref().is_none_or(|partial| partial.rejected_data_points == 0),
        "points were refused: {partial:?}"
    );
    Ok(())
}
