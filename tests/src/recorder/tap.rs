//! What a client sends to a server that is not ours to look into: read off the wire, on its way.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use super::{Recorded, Shelf, serve};
use crate::wait;

/// Of what the copy's reader has not read yet, and of its answers, which nobody reads.
const BUFFER_BYTES: usize = 1 << 20;

/// Stands between a client and a server, passes every byte of every connection as it is, and reads the requests from a
/// copy of what the client sends. Neither side notices.
pub struct Tap {
    _runtime: Runtime,
    /// Where the client is to connect.
    pub address: SocketAddr,
    shelf: Arc<Shelf>,
}

impl Tap {
    /// Starts one in front of `target`.
    pub fn start(target: SocketAddr) -> Result<Tap> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let (address, shelf) = (listener.local_addr()?, Arc::new(Shelf::default()));
        let shared = shelf.clone();
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(relay(client, target, shared.clone()));
            }
        });
        Ok(Tap { _runtime: runtime, address, shelf })
    }

    /// The requests that have passed, `count` at least.
    pub fn requests(&self, count: usize) -> Result<Vec<Recorded>> {
        let mut passed = Vec::new();
        wait::until(&format!("{count} requests are read off the wire"), || {
            passed.extend(self.shelf.take()?);
            Ok((passed.len() >= count).then_some(()))
        })?;
        Ok(passed)
    }
}

async fn relay(client: TcpStream, target: SocketAddr, shelf: Arc<Shelf>) -> Result<()> {
    let server = TcpStream::connect(target).await?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
    let (reader, mut copy) = tokio::io::duplex(BUFFER_BYTES);
    tokio::spawn(serve(reader, shelf));
    let mut buffer = vec![0; 64 << 10];
    loop {
        let length = from_client.read(&mut buffer).await?;
        let piece = buffer.get(..length).unwrap_or_default();
        if piece.is_empty() {
            break;
        }
        copy.write_all(piece).await?;
        to_server.write_all(piece).await?;
    }
    drop(to_server);
    // The end of the copy would end its reader, which may be behind.
    std::future::pending::<()>().await;
    drop(copy);
    Ok(())
}
