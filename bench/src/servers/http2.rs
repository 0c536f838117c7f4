//! What the servers of this crate share: an h2 server with the window and frame sizes of the host's receiver, one task a
//! connection, one task a request. Only what is done with a request's data differs.

use std::io::Read;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::net::{TcpListener, TcpStream};

/// As in the host's OTLP receiver.
const STREAM_WINDOW_BYTES: u32 = 8 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 16 << 20;
const FRAME_BYTES_MAX: u32 = 1 << 20;
const CONCURRENT_STREAMS_MAX: u32 = 100;

/// An empty message in a gRPC frame.
const ANSWER: Bytes = Bytes::from_static(&[0; 5]);

/// What is done with a request.
pub trait Service: Send + Sync + 'static {
    /// Reads the body to its end. An error resets the stream.
    fn receive(&self, body: RecvStream) -> impl Future<Output = Result<()>> + Send;
    /// What has been received, for the check at the end.
    fn total(&self) -> i64;
}

/// Serves until standard input closes; prints the address first and the total last.
pub fn run<S: Service>(service: S) -> Result<()> {
    let service = Arc::new(service);
    // The same kind of runtime as the host's; on one core it has one worker.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
        println!("{}", listener.local_addr()?);
        let (closed, mut waiting) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            let _ = closed.send(());
        });
        loop {
            tokio::select! {
                _ = &mut waiting => break,
                accepted = listener.accept() => drop(tokio::spawn(connection(accepted?, service.clone()))),
            }
        }
        println!("{}", service.total());
        Ok(())
    })
}

async fn connection<S: Service>((stream, _): (TcpStream, SocketAddr), service: Arc<S>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut connection = h2::server::Builder::new()
        .initial_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_frame_size(FRAME_BYTES_MAX)
        .max_concurrent_streams(CONCURRENT_STREAMS_MAX)
        .handshake::<_, Bytes>(stream)
        .await?;
    while let Some(request) = connection.accept().await {
        let (request, respond) = request?;
        let service = service.clone();
        tokio::spawn(async move {
            if let Err(error) = answer(request, respond, service.as_ref()).await {
                eprintln!("a request failed: {error:#}");
            }
        });
    }
    Ok(())
}

async fn answer<S: Service>(request: Request<RecvStream>, mut respond: SendResponse<Bytes>, service: &S) -> Result<()> {
    service.receive(request.into_body()).await?;
    let head = Response::builder().header("content-type", "application/grpc").body(())?;
    let mut body = respond.send_response(head, false)?;
    body.send_data(ANSWER, false)?;
    let status = ("grpc-status".try_into()?, HeaderValue::from_static("0"));
    body.send_trailers(HeaderMap::from_iter([status]))?;
    Ok(())
}
