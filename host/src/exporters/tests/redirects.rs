//! Destinations that send a request elsewhere.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::destination::Destination;
use super::{TestResult, batch, client, failure};
use crate::contract::{FailureClass, Outcome, Signal};

/// Answers every request with one status and one location, and keeps their heads.
struct Redirecting {
    port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Redirecting {
    /// `{port}` in the location is its own.
    async fn start(status: u16, location: &str) -> Result<Redirecting, Box<dyn Error>> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (port, heads) = (listener.local_addr()?.port(), Arc::new(Mutex::new(Vec::new())));
        let location = location.replace("{port}", &port.to_string());
        let answer = format!("HTTP/1.1 {status} Moved\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
        let noted = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer_all(BufReader::new(stream), answer.clone(), Arc::clone(&noted)));
            }
        });
        Ok(Redirecting { port, heads })
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn answer_all(
    mut stream: BufReader<TcpStream>,
    answer: String,
    heads: Arc<Mutex<Vec<String>>>,
) -> std::io::Result<()> {
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head).await? == 0 {
                return Ok(());
            }
        }
        let head = head.to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split('\r').next()?.parse().ok());
        stream.read_exact(&mut vec![0; length.unwrap_or(0)]).await?;
        heads.lock().unwrap_or_else(PoisonError::into_inner).push(head);
        stream.write_all(answer.as_bytes()).await?;
    }
}

#[tokio::test]
async fn the_same_post_is_sent_where_307_and_308_say() -> TestResult {
    let destination = Destination::start(json!({}))?;
    for status in [307, 308] {
        let first = Redirecting::start(status, &format!("http://{}/v1/logs", destination.http)).await?;
        let client = client(&json!({"endpoint": format!("http://127.0.0.1:{}", first.port)}))?;
        assert_eq!(client.send(&batch(Signal::Logs, "oven")).await, Outcome::Delivered, "{status}");
        let arrived = destination.take();
        assert_eq!(arrived.first().map(|arrived| arrived.bytes.clone()), Some(batch(Signal::Logs, "oven").bytes));
        assert_eq!(first.heads().len(), 1);
    }
    Ok(())
}

#[tokio::test]
async fn another_host_is_not_told_who_sends() -> TestResult {
    // It ends at a destination that answers with a failure, so that both heads are there to be read.
    let last = Redirecting::start(400, "").await?;
    for (host, is_told) in [("127.0.0.1", true), ("localhost", false)] {
        let first = Redirecting::start(307, &format!("http://{host}:{}/in", last.port)).await?;
        let headers = json!({"authorization": "Bearer secretword", "x-tenant": "shop"});
        let config = json!({"endpoint": format!("http://127.0.0.1:{}", first.port), "headers": headers});
        failure(client(&config)?.send(&batch(Signal::Logs, "oven")).await)?;
        let head = last.heads().pop().ok_or("nothing arrived")?;
        assert!(first.heads().iter().all(|head| head.contains("bearer secretword")));
        assert!(head.starts_with("post /in ") && head.contains("x-tenant: shop"), "{head}");
        assert_eq!(head.contains("secretword"), is_told, "{host}: {head}");
    }
    Ok(())
}

#[tokio::test]
async fn ten_redirects_are_followed_and_no_more() -> TestResult {
    let circle = Redirecting::start(308, "http://127.0.0.1:{port}/again").await?;
    let config = json!({"endpoint": format!("http://127.0.0.1:{}", circle.port)});
    let (class, reason) = failure(client(&config)?.send(&batch(Signal::Logs, "oven")).await)?;
    assert!(class.is_retryable() && reason.contains("redirects more than 10 times"), "{class:?} {reason}");
    assert_eq!(circle.heads().len(), 11);
    Ok(())
}

#[tokio::test]
async fn a_redirect_that_would_lose_the_body_is_a_failure_that_names_the_location() -> TestResult {
    for status in [301, 302, 303] {
        let moved = Redirecting::start(status, "https://user:secretword@new.example/v1/logs?token=secretword").await?;
        let config = json!({"endpoint": format!("http://127.0.0.1:{}", moved.port)});
        let (class, reason) = failure(client(&config)?.send(&batch(Signal::Logs, "oven")).await)?;
        assert_eq!(class, FailureClass::Permanent, "{reason}");
        assert!(reason.contains("it redirects to `https://new.example/v1/logs`"), "{reason}");
        assert!(!reason.contains("secretword"), "{reason}");
    }
    Ok(())
}
