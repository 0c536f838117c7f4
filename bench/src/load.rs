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

use crate::payload::{FRAME_BYTES, Pool, Ticket};

const PATH: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
/// Answers are small; what is large is what the server lets us send.
const ANSWER_WINDOW_BYTES: u32 = 1 << 20;
const FRAME_BYTES_MAX: u32 = 1 << 20;
/// Longer than any server may take for one request.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// What a run of the generator has done so far.
struct Progress {
    pool: Pool,
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
pub struct Load {
    progress: Arc<Mutex<Progress>>,
    workers: JoinSet<Result<()>>,
    _connection: tokio::task::JoinHandle<Result<(), h2::Error>>,
}

impl Load {
    /// Connects and starts `in_flight` workers, each with one request under way at a time.
    pub async fn start(address: SocketAddr, pool: Pool, in_flight: usize) -> Result<Load> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = h2::client::Builder::new()
            .initial_window_size(ANSWER_WINDOW_BYTES)
            .initial_connection_window_size(ANSWER_WINDOW_BYTES)
            .max_frame_size(FRAME_BYTES_MAX)
            .handshake::<_, Bytes>(stream)
            .await?;
        let connection = tokio::spawn(connection);
        let progress = Arc::new(Mutex::new(Progress { pool, acknowledged: Acknowledged::default(), stopped: false }));
        let mut workers = JoinSet::new();
        for _ in 0..in_flight {
            workers.spawn(work(sender.clone(), address, progress.clone()));
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
    pub async fn stop(mut self) -> Result<(Pool, Acknowledged)> {
        lock(&self.progress).stopped = true;
        while let Some(ended) = self.workers.join_next().await {
            ended??;
        }
        let progress = Arc::into_inner(self.progress).context("a worker is left")?;
        let progress = progress.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok((progress.pool, progress.acknowledged))
    }
}

fn lock(progress: &Mutex<Progress>) -> MutexGuard<'_, Progress> {
    progress.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn work(mut sender: SendRequest<Bytes>, address: SocketAddr, progress: Arc<Mutex<Progress>>) -> Result<()> {
    loop {
        let outgoing = {
            let mut progress = lock(&progress);
            if progress.stopped {
                return Ok(());
            }
            progress.pool.next()
        };
        sender = sender.ready().await?;
        let bytes = outgoing.framed.len() as u64;
        let exchange = exchange(&mut sender, address, outgoing.framed);
        tokio::time::timeout(ANSWER_TIMEOUT, exchange).await.context("no answer")??;
        acknowledge(&progress, outgoing.ticket, bytes);
    }
}

fn acknowledge(progress: &Mutex<Progress>, ticket: Ticket, bytes: u64) {
    let mut progress = lock(progress);
    progress.acknowledged.requests += 1;
    progress.acknowledged.bytes += bytes;
    progress.pool.acknowledge(ticket);
}

/// One call, its answer read to the end and found to accept everything.
async fn exchange(sender: &mut SendRequest<Bytes>, address: SocketAddr, framed: Bytes) -> Result<()> {
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("http://{address}{PATH}"))
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
    let partial = ExportMetricsServiceResponse::decode(message)?.partial_success;
    ensure!(
        partial.as_ref().is_none_or(|partial| partial.rejected_data_points == 0),
        "points were refused: {partial:?}"
    );
    Ok(())
}
