//! Destinations that do not answer as they should. Each ends the attempt as it is to end, and the next attempt is made as if nothing
//! had been.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{TestResult, batch, client, failure};
use crate::contract::{FailureClass, Signal};

/// What becomes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// It is closed at once.
    Closes,
    /// It is reset once something was read.
    Resets,
    /// Our side's end of it is closed once something was read, and the other is left open.
    HalfCloses,
    /// Something comes that is no answer.
    Garbage,
    /// An answer begins and does not go on.
    Cuts,
    /// Nothing comes.
    Silent,
}

/// A port on which every connection gets into trouble; it counts them.
async fn troubled(trouble: Trouble) -> std::io::Result<(u16, Arc<AtomicUsize>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let (port, count) = (listener.local_addr()?.port(), Arc::new(AtomicUsize::new(0)));
    let counted = count.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(trouble.befall(stream));
        }
    });
    Ok((port, count))
}

impl Trouble {
    async fn befall(self, mut stream: TcpStream) -> std::io::Result<()> {
        if self == Trouble::Closes {
            return Ok(());
        }
        let mut buffer = [0; 1024];
        let _ = stream.read(&mut buffer).await?;
        match self {
            Trouble::Closes => {}
            // Unread bytes make the system reset what is closed.
            Trouble::Resets => socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))?,
            Trouble::HalfCloses => stream.shutdown().await?,
            Trouble::Garbage => stream.write_all(b"220 mail.example ESMTP ready\r\n\r\n").await?,
            Trouble::Cuts => stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await?,
            Trouble::Silent => {}
        }
        if matches!(self, Trouble::HalfCloses | Trouble::Silent) {
            while stream.read(&mut buffer).await? > 0 {}
        }
        Ok(())
    }
}

fn configs(port: u16) -> [Value; 2] {
    let grpc = json!({"endpoint": format!("127.0.0.1:{port}"), "tls": {"insecure": true}});
    [grpc, json!({"endpoint": format!("http://127.0.0.1:{port}")})]
}

#[tokio::test]
async fn a_broken_connection_is_told_from_none_and_the_next_attempt_makes_a_new_one() -> TestResult {
    for trouble in [Trouble::Closes, Trouble::Resets, Trouble::HalfCloses, Trouble::Garbage, Trouble::Cuts] {
        let (port, connections) = troubled(trouble).await?;
        for config in configs(port) {
            let client = client(&config)?;
            for _ in 0..2 {
                let before = connections.load(Ordering::SeqCst);
                let (class, reason) = failure(client.send(&batch(Signal::Logs, "oven")).await)?;
                assert_eq!(class, FailureClass::Broken, "{trouble:?}: {reason}");
                assert!(reason.contains(&format!("127.0.0.1:{port}")), "{trouble:?}: {reason}");
                assert!(connections.load(Ordering::SeqCst) > before, "{trouble:?}");
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_destination_that_does_not_listen_is_unreachable() -> TestResult {
    let port = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
    for config in configs(port) {
        let (class, reason) = failure(client(&config)?.send(&batch(Signal::Logs, "oven")).await)?;
        assert_eq!(class, FailureClass::Unreachable);
        assert!(reason.contains("cannot connect") && reason.contains("refused"), "{reason}");
    }
    let nowhere = json!({"endpoint": "http://no-such-host.invalid"});
    let (class, reason) = failure(client(&nowhere)?.send(&batch(Signal::Logs, "oven")).await)?;
    assert_eq!(class, FailureClass::Unreachable);
    assert!(reason.contains("cannot resolve no-such-host.invalid"), "{reason}");
    Ok(())
}

/// The lane gives an attempt up by dropping it. A connection on which it waited in vain gets no other.
#[tokio::test]
async fn an_attempt_that_is_given_up_leaves_the_client_usable() -> TestResult {
    let (port, connections) = troubled(Trouble::Silent).await?;
    for config in configs(port) {
        let client = client(&config)?;
        for _ in 0..2 {
            let before = connections.load(Ordering::SeqCst);
            let oven = batch(Signal::Logs, "oven");
            let mut attempt = client.send(&oven);
            // Until the destination has the connection: from then on the attempt waits for an answer that does not come.
            while connections.load(Ordering::SeqCst) == before {
                let waited = tokio::time::timeout(Duration::from_millis(10), &mut attempt).await;
                assert!(waited.is_err(), "{waited:?}");
            }
            drop(attempt);
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_address_that_is_down_is_passed_by() -> TestResult {
    // `localhost` has an IPv6 address too on most systems; on this port only the other one listens.
    let destination = super::destination::Destination::start(json!({}))?;
    for endpoint in
        [format!("localhost:{}", destination.grpc.port()), format!("http://localhost:{}", destination.http.port())]
    {
        let mut config = json!({"endpoint": endpoint});
        if !endpoint.contains("://") {
            config["tls"] = json!({"insecure": true});
        }
        let client = client(&config)?;
        for _ in 0..4 {
            assert_eq!(client.send(&batch(Signal::Logs, "oven")).await, crate::contract::Outcome::Delivered);
        }
    }
    Ok(())
}
