//! Keys of `otlphttp` that a destination notices.

use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::certificates::{Authority, LOCALHOST};
use super::{TestResult, batch, client};
use crate::contract::{Outcome, Signal};
use crate::net::Stream;
use crate::net::tls::{ServerTls, TlsServer};

/// A server of HTTP/1.1 that keeps heads and the lengths of bodies, and counts connections.
struct Noting {
    port: u16,
    requests: Arc<Mutex<Vec<(String, usize)>>>,
    open_max: Arc<AtomicUsize>,
}

impl Noting {
    async fn start() -> Result<Noting, Box<dyn Error>> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let (requests, open_max) = (Arc::<Mutex<Vec<(String, usize)>>>::default(), Arc::<AtomicUsize>::default());
        let (noted, most, open) = (Arc::clone(&requests), Arc::clone(&open_max), Arc::<AtomicUsize>::default());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                most.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                let (noted, open) = (Arc::clone(&noted), Arc::clone(&open));
                tokio::spawn(async move {
                    let served = answer_all(BufReader::new(stream), &noted).await;
                    open.fetch_sub(1, Ordering::SeqCst);
                    served
                });
            }
        });
        Ok(Noting { port, requests, open_max })
    }

    fn take(&self) -> Vec<(String, usize)> {
        std::mem::take(&mut *self.requests.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn answer_all(mut stream: BufReader<TcpStream>, noted: &Mutex<Vec<(String, usize)>>) -> std::io::Result<()> {
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head).await? == 0 {
                return Ok(());
            }
        }
        let lower = head.to_ascii_lowercase();
        let length = lower.split("content-length: ").nth(1).and_then(|rest| rest.split('\r').next()?.parse().ok());
        let length = length.unwrap_or(0);
        stream.read_exact(&mut vec![0; length]).await?;
        noted.lock().unwrap_or_else(PoisonError::into_inner).push((lower, length));
        tokio::time::sleep(Duration::from_millis(20)).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nset-cookie: node=7; Path=/\r\ncontent-length: 0\r\n\r\n").await?;
    }
}

#[tokio::test]
async fn cookies_go_back_where_they_are_wanted() -> TestResult {
    let server = Noting::start().await?;
    for (keys, is_sent) in [(json!({}), true), (json!({"enabled": false}), false)] {
        let config = json!({"endpoint": format!("http://127.0.0.1:{}", server.port), "cookies": keys});
        let client = client(&config)?;
        for _ in 0..2 {
            assert_eq!(client.send(&batch(Signal::Logs, "oven")).await, Outcome::Delivered);
        }
        let sent: Vec<bool> = server.take().iter().map(|(head, _)| head.contains("\r\ncookie: node=7\r\n")).collect();
        assert_eq!(sent, [false, is_sent]);
    }
    Ok(())
}

#[tokio::test]
async fn a_level_says_how_much_is_compressed() -> TestResult {
    let server = Noting::start().await?;
    // Numbers, of which better levels find more.
    let text: String = (0..20_000).map(|number| format!("{} ", number * 7919 % 10_007)).collect();
    for compression in ["gzip", "zlib", "deflate", "zstd"] {
        let mut lengths = Vec::new();
        for level in [1, 9] {
            let config = json!({
                "endpoint": format!("http://127.0.0.1:{}", server.port),
                "compression": compression,
                "compression_params": {"level": level},
            });
            assert_eq!(client(&config)?.send(&batch(Signal::Logs, &text)).await, Outcome::Delivered);
            lengths.extend(server.take().iter().map(|(_, length)| *length));
        }
        assert!(lengths.len() == 2 && lengths.is_sorted_by(|quick, small| quick > small), "{compression}: {lengths:?}");
    }
    Ok(())
}

#[tokio::test]
async fn connections_to_one_host_are_bounded() -> TestResult {
    for (keys, expected) in [(json!(2), 2..=2), (json!(0), 3..=20)] {
        let server = Noting::start().await?;
        let config = json!({"endpoint": format!("http://127.0.0.1:{}", server.port), "max_conns_per_host": keys});
        let client = client(&config)?;
        let sending: Vec<_> = (0..20)
            .map(|_| {
                let client = Arc::clone(&client);
                tokio::spawn(async move { client.send(&batch(Signal::Logs, "oven")).await })
            })
            .collect();
        for sent in sending {
            assert_eq!(sent.await?, Outcome::Delivered);
        }
        let most = server.open_max.load(Ordering::SeqCst);
        assert!(expected.contains(&most), "{keys}: {most}");
    }
    Ok(())
}

#[tokio::test]
async fn a_quiet_connection_of_http2_is_pinged() -> TestResult {
    let folder = tempfile::tempdir()?;
    let ours = Authority::new(folder.path(), "ours")?;
    let tls: ServerTls = serde_json::from_value(ours.vouch("server", &LOCALHOST)?)?;
    let tls = TlsServer::new(&tls, &["h2"])?;
    for (keys, is_pinged) in [(json!("50ms"), true), (json!("0s"), false)] {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("https://localhost:{}", listener.local_addr()?.port());
        let config = json!({"endpoint": endpoint, "tls": {"ca_file": ours.file}, "http2_read_idle_timeout": keys});
        let client = client(&config)?;
        let sending = tokio::spawn(async move { client.send(&batch(Signal::Logs, "oven")).await });
        let mut stream = tls.accept(Stream::Tcp(listener.accept().await?.0)).await?;
        // SETTINGS, and then nothing.
        stream.write_all(b"\0\0\0\x04\0\0\0\0\0").await?;
        let mut heard = Vec::new();
        let hearing = async { while stream.read_buf(&mut heard).await.is_ok_and(|read| read > 0) {} };
        drop(tokio::time::timeout(Duration::from_secs(1), hearing).await);
        let ping = b"\0\0\x08\x06\0\0\0\0\0";
        assert_eq!(heard.windows(ping.len()).any(|window| window == ping), is_pinged, "{keys}");
        sending.abort();
    }
    Ok(())
}
