//! Clients that can misbehave: gRPC on bare HTTP/2 and HTTP/1.1 on a bare socket.

use std::collections::HashMap;
use std::error::Error;
use std::net::SocketAddr;

use bytes::Bytes;
use h2::client::SendRequest;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

pub(super) type Outcome<T> = Result<T, Box<dyn Error>>;

/// The Export method of the metrics service.
pub(super) const METRICS: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

/// A gRPC answer: what matters of headers and trailers, and the body.
pub(super) struct Reply {
    pub(super) http_status: u16,
    pub(super) fields: HashMap<String, String>,
    pub(super) body: Vec<u8>,
}

impl Reply {
    pub(super) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

/// An HTTP/2 connection.
pub(super) async fn connect(address: SocketAddr) -> Outcome<SendRequest<Bytes>> {
    let stream = TcpStream::connect(address).await?;
    let (client, connection) = h2::client::handshake(stream).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Sends one message in gRPC's framing.
pub(super) async fn call(client: &SendRequest<Bytes>, path: &str, message: &[u8]) -> Outcome<Reply> {
    send(client, path, &[("content-type", "application/grpc")], framed(0, message)).await
}

/// A message with its prefix.
pub(super) fn framed(flag: u8, message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    [&[flag], &length.to_be_bytes()[..], message].concat().into()
}

/// Sends any POST over HTTP/2 and waits for the whole answer.
pub(super) async fn send(
    client: &SendRequest<Bytes>,
    path: &str,
    headers: &[(&str, &str)],
    body: Bytes,
) -> Outcome<Reply> {
    let mut client = client.clone().ready().await?;
    let mut request = ::http::Request::post(format!("http://localhost{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (response, mut sender) = client.send_request(request.body(())?, false)?;
    // The server may answer before it has read everything.
    let _ = sender.send_data(body, true);
    let (head, mut stream) = response.await?.into_parts();
    let mut fields = texts(&head.headers);
    let mut body = Vec::new();
    while let Some(data) = stream.data().await {
        let data = data?;
        stream.flow_control().release_capacity(data.len())?;
        body.extend_from_slice(&data);
    }
    if let Some(trailers) = stream.trailers().await? {
        fields.extend(texts(&trailers));
    }
    Ok(Reply { http_status: head.status.as_u16(), fields, body })
}

fn texts(headers: &::http::HeaderMap) -> HashMap<String, String> {
    headers.iter().map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into())).collect()
}

/// An HTTP/1.1 connection.
pub(super) struct Http1(BufReader<TcpStream>);

impl Http1 {
    pub(super) async fn connect(address: SocketAddr) -> Outcome<Self> {
        Ok(Http1(BufReader::new(TcpStream::connect(address).await?)))
    }

    /// Sends a request with a content length.
    pub(super) async fn post(&mut self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Outcome<Reply> {
        self.request("POST", path, headers, body).await
    }

    pub(super) async fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Outcome<Reply> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        self.write(format!("{head}\r\n").as_bytes()).await?;
        // The server may answer and close before it has read everything.
        let _ = self.write(body).await;
        self.answer().await
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> Outcome<()> {
        Ok(self.0.get_mut().write_all(bytes).await?)
    }

    /// Reads one response with a content length.
    pub(super) async fn answer(&mut self) -> Outcome<Reply> {
        let status_line = self.line().await?;
        let http_status = status_line.split(' ').nth(1).ok_or("no status")?.parse()?;
        let mut fields = HashMap::new();
        loop {
            let line = self.line().await?;
            let Some((name, value)) = line.split_once(": ") else {
                break;
            };
            fields.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let length = fields.get("content-length").map_or(Ok(0), |text| text.parse())?;
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await?;
        Ok(Reply { http_status, fields, body })
    }

    async fn line(&mut self) -> Outcome<String> {
        use tokio::io::AsyncBufReadExt;
        let mut line = String::new();
        if self.0.read_line(&mut line).await? == 0 {
            return Err("the connection was closed".into());
        }
        Ok(line.trim_end().to_owned())
    }

    /// Resolves when the server closes the connection, with what it sent until then.
    pub(super) async fn closed(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // A reset is an end as well.
        let _ = self.0.read_to_end(&mut rest).await;
        rest
    }
}
