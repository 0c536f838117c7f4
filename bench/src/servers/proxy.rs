//! The limit of forwarding: an HTTP/2 server that sends the bytes of each request on to another server as they come, and answers
//! when that one has. It looks at none of them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};

use anyhow::{Context, Result};
use bytes::Bytes;
use h2::RecvStream;
use h2::client::SendRequest;
use http::Request;
use tokio::net::TcpStream;
use tokio::sync::OnceCell;

use super::http2::{self, Service};

/// Bytes sent on.
struct Proxy {
    to: SocketAddr,
    upstream: OnceCell<SendRequest<Bytes>>,
    bytes: AtomicI64,
}

impl Proxy {
    async fn connect(&self) -> Result<SendRequest<Bytes>> {
        let stream = TcpStream::connect(self.to).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) =
            h2::client::Builder::new().max_frame_size(1 << 20).handshake::<_, Bytes>(stream).await?;
        tokio::spawn(connection);
        Ok(sender)
    }
}

impl Service for Proxy {
    async fn receive(&self, mut body: RecvStream) -> Result<()> {
        let upstream = self.upstream.get_or_try_init(|| self.connect()).await?.clone();
        let request = Request::post(format!("http://{}/", self.to)).body(())?;
        let (answer, mut sending) = upstream.ready().await?.send_request(request, false)?;
        while let Some(data) = body.data().await {
            let data = data?;
            body.flow_control().release_capacity(data.len())?;
            self.bytes.fetch_add(i64::try_from(data.len())?, Ordering::Relaxed);
            // The window is larger than what is under way.
            sending.send_data(data, false)?;
        }
        sending.send_data(Bytes::new(), true)?;
        let mut answer = answer.await?.into_body();
        while let Some(data) = answer.data().await {
            answer.flow_control().release_capacity(data?.len())?;
        }
        answer.trailers().await?.context("an answer without trailers")?;
        Ok(())
    }

    fn total(&self) -> i64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// Serves until standard input closes, and sends everything on to `to`.
pub fn run(to: SocketAddr) -> Result<()> {
    http2::run(Proxy { to, upstream: OnceCell::new(), bytes: AtomicI64::new(0) })
}
