//! A small OTLP/gRPC client on bare HTTP/2, which tells apart what matters to a sender: acknowledged, refused, or no
//! answer at all. Only the first means that the collector has taken responsibility; only the second that it has not.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderMap, Request};
use prost::Message;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use crate::wait::DEADLINE;

/// The Export method for metrics.
pub const METRICS: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
/// The Export method for traces.
pub const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
/// The Export method for logs.
pub const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

/// Enough for a few bytes on a connection to this machine.
const RESET: Duration = Duration::from_millis(5);

/// gRPC's INVALID_ARGUMENT.
pub const INVALID_ARGUMENT: u32 = 3;
/// gRPC's RESOURCE_EXHAUSTED.
pub const RESOURCE_EXHAUSTED: u32 = 8;
/// gRPC's UNIMPLEMENTED.
pub const UNIMPLEMENTED: u32 = 12;
/// gRPC's INTERNAL.
pub const INTERNAL: u32 = 13;
/// gRPC's UNAVAILABLE.
pub const UNAVAILABLE: u32 = 14;

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The collector has it; the bytes are the response message, empty unless part of the request was refused.
    Acknowledged(Vec<u8>),
    /// The collector has told that it does not have it.
    Refused(Refusal),
    /// No answer came: it is not known whether the collector has it.
    Lost(String),
}

/// A refusal, as the sender reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status; 200 unless the request was not gRPC at all.
    pub http_status: u16,
    /// `grpc-status`.
    pub code: u32,
    /// `grpc-message`, as it was sent.
    pub message: String,
    /// The delay of a `RetryInfo` in the details.
    pub retry_after: Option<Duration>,
}

impl Outcome {
    /// Whether the collector has taken responsibility for all of it.
    pub fn is_acknowledged(&self) -> bool {
        matches!(self, Outcome::Acknowledged(message) if message.is_empty())
    }

    /// The refusal, or an error that shows what it was instead.
    pub fn refusal(self) -> Result<Refusal> {
        match self {
            Outcome::Refused(refusal) => Ok(refusal),
            other => bail!("expected a refusal, not {other:?}"),
        }
    }
}

/// One connection. Its calls block.
pub struct Client {
    runtime: Runtime,
    sender: SendRequest<Bytes>,
}

impl Client {
    /// Connects. An error means that nothing was sent.
    pub fn connect(address: SocketAddr) -> Result<Client> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let connecting = async {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let (sender, connection) = h2::client::handshake(stream).await?;
            tokio::spawn(connection);
            sender.ready().await.context("the connection ended at once")
        };
        let sender = runtime.block_on(connecting)?;
        Ok(Client { runtime, sender })
    }

    /// Sends one uncompressed message.
    pub fn send(&mut self, path: &str, message: &[u8]) -> Outcome {
        self.call(path, &[("content-type", "application/grpc")], framed(0, message))
    }

    /// Sends any body with any headers as a POST.
    pub fn call(&mut self, path: &str, headers: &[(&str, &str)], body: Bytes) -> Outcome {
        self.call_within(DEADLINE, path, headers, body)
    }

    /// Sends the same so many times at once, over the one connection. An error means that some had no answer.
    pub fn call_at_once(&mut self, count: usize, path: &str, headers: &[(&str, &str)], body: Bytes) -> Result<()> {
        self.call_at_once_within(DEADLINE, count, path, headers, body)
    }

    /// The same, and gives them up after this long.
    pub fn call_at_once_within(
        &mut self,
        limit: Duration,
        count: usize,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<()> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let headers: Vec<(String, String)> = headers.iter().map(owned).collect();
        self.runtime.block_on(async {
            let mut calls = tokio::task::JoinSet::new();
            for _ in 0..count {
                let (sender, path, headers, body) =
                    (self.sender.clone(), path.to_owned(), headers.clone(), body.clone());
                calls.spawn(async move {
                    let headers: Vec<(&str, &str)> =
                        headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                    tokio::time::timeout(limit, exchange(sender, &path, &headers, body)).await
                });
            }
            while let Some(called) = calls.join_next().await {
                called???;
            }
            Ok(())
        })
    }

    /// Sends one uncompressed message, and gives it up after this long: its stream is reset, as a client of gRPC does at its deadline.
    pub fn send_within(&mut self, limit: Duration, path: &str, message: &[u8]) -> Outcome {
        self.call_within(limit, path, &[("content-type", "application/grpc")], framed(0, message))
    }

    fn call_within(&mut self, limit: Duration, path: &str, headers: &[(&str, &str)], body: Bytes) -> Outcome {
        let answer = self.runtime.block_on(async {
            let exchanged = exchange(self.sender.clone(), path, headers, body);
            let answer = tokio::time::timeout(limit, exchanged).await;
            if answer.is_err() {
                // The connection's task has to send the reset.
                tokio::time::sleep(RESET).await;
            }
            answer.context("no answer in time")?
        });
        answer.unwrap_or_else(|error| Outcome::Lost(format!("{error:#}")))
    }
}

/// A message behind its prefix; `flag` 1 says that it is compressed.
pub fn framed(flag: u8, message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    [&[flag], &length.to_be_bytes()[..], message].concat().into()
}

async fn exchange(sender: SendRequest<Bytes>, path: &str, headers: &[(&str, &str)], body: Bytes) -> Result<Outcome> {
    let mut sender = sender.ready().await?;
    let mut request = Request::post(format!("http://localhost{path}")).header("te", "trailers");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (response, mut sending) = sender.send_request(request.body(())?, false)?;
    // The collector may answer before it has read everything.
    let _ = sending.send_data(body, true);
    let (head, mut receiving) = response.await?.into_parts();
    let mut body = Vec::new();
    while let Some(data) = receiving.data().await {
        let data = data?;
        receiving.flow_control().release_capacity(data.len())?;
        body.extend_from_slice(&data);
    }
    let trailers = receiving.trailers().await?.unwrap_or_default();
    let status = status(&trailers).or_else(|| status(&head.headers)).context("no grpc-status in the answer")?;
    if status == 0 {
        let message = body.get(5..).context("no message in the answer")?;
        return Ok(Outcome::Acknowledged(message.to_vec()));
    }
    let text = |name: &str| field(&trailers, name).or_else(|| field(&head.headers, name)).unwrap_or_default();
    let details = text("grpc-status-details-bin");
    Ok(Outcome::Refused(Refusal {
        http_status: head.status.as_u16(),
        code: status,
        message: text("grpc-message"),
        retry_after: if details.is_empty() { None } else { retry_delay(&details)? },
    }))
}

fn field(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn status(headers: &HeaderMap) -> Option<u32> {
    field(headers, "grpc-status")?.parse().ok()
}

/// `google.rpc.Status`.
#[derive(Message)]
struct Status {
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `google.rpc.RetryInfo`.
#[derive(Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<Delay>,
}

/// `google.protobuf.Duration`.
#[derive(Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

fn retry_delay(details: &str) -> Result<Option<Duration>> {
    let status = Status::decode(&base64(details)?[..]).context("grpc-status-details-bin")?;
    let info = status.details.iter().find(|any| any.type_url == "type.googleapis.com/google.rpc.RetryInfo");
    let Some(info) = info else { return Ok(None) };
    let delay =
        RetryInfo::decode(&info.value[..]).context("RetryInfo")?.retry_delay.context("RetryInfo without a delay")?;
    Ok(Some(Duration::new(u64::try_from(delay.seconds)?, u32::try_from(delay.nanos)?)))
}

fn base64(text: &str) -> Result<Vec<u8>> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0u32, 0);
    for character in text.trim_end_matches('=').bytes() {
        let digit = DIGITS.iter().position(|digit| *digit == character).context("not base64")?;
        bits = bits << 6 | u32::try_from(digit)?;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    Ok(bytes)
}
