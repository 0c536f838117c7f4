//! What a server is told of its connections: what they come to, how old they get, how often they may be pinged, and what answers carry.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UnixStream};

use super::client::{Http1, METRICS, Outcome, call, connect, framed};
use super::receiving::Receiving;
use super::{Config, FakeHost, Rule, Running, TestResult, accepted, lock};
use crate::contract::Authenticators;
use crate::telemetry::Registry;

fn accepting() -> Rule {
    Rule::Answer(Some(Ok(accepted(5, 0))))
}

#[tokio::test]
async fn each_answer_carries_what_is_configured() -> TestResult {
    let http = r#", "response_headers": {"X-Site": "eu-1", "Server": "mine"}"#;
    let running = Running::start(accepting(), "", http).await?;
    for (path, kind, status) in
        [("/v1/logs", "application/json", 200), ("/v1/logs", "text/plain", 415), ("/nowhere", "application/json", 404)]
    {
        let reply = Http1::connect(running.http).await?.post(path, &[("content-type", kind)], b"{}").await?;
        assert_eq!((reply.http_status, reply.field("x-site"), reply.field("server")), (status, "eu-1", "mine"));
        assert!(reply.field("content-type").starts_with("application/"), "{path} {kind}");
    }
    running.finish().await
}

#[tokio::test]
async fn only_listed_encodings_are_understood() -> TestResult {
    let running = Running::start(accepting(), "", r#", "compression_algorithms": ["", "zstd"]"#).await?;
    let packed = zstd::bulk::compress(b"{}", 1)?;
    for (encoding, body, status) in [("", &b"{}"[..], 200), ("zstd", &packed, 200), ("gzip", b"{}", 415)] {
        let mut headers = vec![("content-type", "application/json")];
        headers.extend((!encoding.is_empty()).then_some(("content-encoding", encoding)));
        let reply = Http1::connect(running.http).await?.post("/v1/logs", &headers, body).await?;
        assert_eq!(reply.http_status, status, "{encoding}");
    }
    running.finish().await
}

#[tokio::test]
async fn a_connection_serves_one_request_without_keep_alive() -> TestResult {
    for http in [r#", "keep_alives_enabled": false"#, r#", "keepalive": {"enabled": false}"#] {
        let running = Running::start(accepting(), "", http).await?;
        let mut client = Http1::connect(running.http).await?;
        let reply = client.post("/v1/logs", &[("content-type", "application/json")], b"{}").await?;
        assert_eq!((reply.http_status, reply.field("connection")), (200, "close"));
        assert!(client.closed().await.is_empty());
        running.finish().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_sender_that_never_reads_an_answer_is_cut_off() -> TestResult {
    let running = Running::start(accepting(), "", r#", "write_timeout": "200ms""#).await?;
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4096)?;
    let mut stream = socket.connect(running.http).await?;
    let requests = b"GET /nowhere HTTP/1.1\r\nhost: h\r\n\r\n".repeat(1000);
    let sending = async { while stream.write_all(&requests).await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(60), sending).await?;
    running.finish().await
}

#[tokio::test]
async fn an_old_connection_goes_away_once_its_requests_are_answered() -> TestResult {
    let age = r#", "keepalive": {"server_parameters": {"max_connection_age": "500ms"}}"#;
    let running = Running::start(Rule::Hold, age, "").await?;
    let begun = Instant::now();
    let stream = TcpStream::connect(running.grpc).await?;
    let (client, connection) = h2::client::handshake(stream).await?;
    let connection = tokio::spawn(connection);
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { call(&client, METRICS, b"").await.map(|reply| reply.field("grpc-status").to_owned()).ok() }
    });
    // Told to go away, with a request under way.
    while client.clone().ready().await.is_ok() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(begun.elapsed() >= Duration::from_millis(450), "{:?}", begun.elapsed());
    assert!(!connection.is_finished());
    let held = lock(&running.host.held).pop().ok_or("no request arrived")?;
    assert!(held.send(Ok(accepted(5, 0))).is_ok());
    assert_eq!(waiting.await?.as_deref(), Some("0"));
    drop(client);
    drop(tokio::time::timeout(Duration::from_secs(30), connection).await??);
    running.finish().await
}

#[tokio::test]
async fn the_grace_of_an_old_connection_is_bounded() -> TestResult {
    let age =
        r#", "keepalive": {"server_parameters": {"max_connection_age": "200ms", "max_connection_age_grace": "200ms"}}"#;
    let running = Running::start(Rule::Hold, age, "").await?;
    let client = connect(running.grpc).await?;
    let answer = tokio::time::timeout(Duration::from_secs(60), call(&client, METRICS, b"")).await?;
    assert!(answer.is_err(), "the request ends with its connection");
    running.finish().await
}

/// Pings so many times, so far apart, and returns what the server sends until it closes the connection or has been quiet for a while.
async fn pinged(running: &Running, count: usize, pause: Duration) -> Outcome<Vec<u8>> {
    let mut stream = TcpStream::connect(running.grpc).await?;
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await?;
    for _ in 0..count {
        tokio::time::sleep(pause).await;
        // It may be closed by then.
        drop(stream.write_all(b"\0\0\x08\x06\0\0\0\0\0pingping").await);
    }
    let mut heard = Vec::new();
    let hearing = stream.read_to_end(&mut heard);
    drop(tokio::time::timeout(Duration::from_secs(2), hearing).await);
    Ok(heard)
}

fn has(heard: &[u8], words: &[u8]) -> bool {
    heard.windows(words.len()).any(|window| window == words)
}

#[tokio::test]
async fn who_pings_too_often_is_told_and_closed() -> TestResult {
    let quick = Duration::from_millis(5);
    let running = Running::start(accepting(), "", "").await?;
    assert!(!has(&pinged(&running, 3, quick).await?, b"too_many_pings"));
    // ENHANCE_YOUR_CALM is 11.
    assert!(has(&pinged(&running, 4, quick).await?, b"\0\0\0\x0btoo_many_pings"));
    let labels = [("transport", "grpc"), ("reason", "pings")];
    assert_eq!(running.registry.total("otelier_receiver_rejected_connections", &labels), 1);
    running.finish().await?;
    let policy = r#", "keepalive": {"enforcement_policy": {"min_time": "1ms", "permit_without_stream": true}}"#;
    let lenient = Running::start(accepting(), policy, "").await?;
    assert!(!has(&pinged(&lenient, 20, quick).await?, b"too_many_pings"));
    lenient.finish().await
}

#[tokio::test]
async fn requests_come_over_unix_sockets() -> TestResult {
    let folder = tempfile::tempdir()?;
    let [grpc, http] = ["grpc.sock", "http.sock"].map(|name| folder.path().join(name));
    let config = json!({"protocols": {
        "grpc": {"transport": "unix", "endpoint": grpc},
        "http": {"transport": "unix", "endpoint": http},
    }});
    let config: Config = serde_json::from_str(&config.to_string())?;
    let host =
        FakeHost { batches: Mutex::default(), held: Mutex::default(), waiting: Mutex::default(), rule: accepting() };
    let host = Arc::new(host);
    let served = Receiving::start("otlp", config, host.clone(), &Registry::default(), &Authenticators::default())?;
    assert!(served.samples.iter().all(|(shown, _)| shown.starts_with("unix:///")), "{:?}", served.samples);
    let (mut client, connection) = h2::client::handshake(UnixStream::connect(&grpc).await?).await?;
    tokio::spawn(connection);
    let request =
        ::http::Request::post(format!("http://localhost{METRICS}")).header("content-type", "application/grpc");
    let (response, mut body) = client.send_request(request.body(())?, false)?;
    body.send_data(framed(0, b"\x0a\0"), true)?;
    assert_eq!(response.await?.status(), 200);
    let mut client = UnixStream::connect(&http).await?;
    let head = "POST /v1/logs HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 37\r\nconnection: close\r\n\r\n";
    client.write_all(format!("{head}{}", r#"{"resourceLogs": [{"scopeLogs": []}]}"#).as_bytes()).await?;
    let mut answer = String::new();
    client.read_to_string(&mut answer).await?;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    drop(served.stop);
    served.served.await?;
    assert!(!grpc.exists() && !http.exists(), "removed at the end");
    Ok(())
}

#[test]
fn an_endpoint_fits_its_transport() {
    for (keys, words) in [
        (json!({"transport": "unix"}), "`transport: unix` listens at a path"),
        (json!({"endpoint": "/run/otlp.sock"}), "write `transport: unix` beside it"),
    ] {
        let config = json!({"protocols": {"http": keys}}).to_string();
        let config: Result<Config, _> = serde_json::from_str(&config);
        let host =
            FakeHost { batches: Mutex::default(), held: Mutex::default(), waiting: Mutex::default(), rule: Rule::Hold };
        let error = config.map_err(|error| error.to_string()).and_then(|config| {
            let known = Authenticators::default();
            let started = Receiving::start("otlp", config, Arc::new(host), &Registry::default(), &known);
            started.map(drop).map_err(|error| error.to_string())
        });
        assert!(error.as_ref().is_err_and(|error| error.contains(words)), "{error:?}");
    }
}
