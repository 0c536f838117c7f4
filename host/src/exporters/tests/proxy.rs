//! A real proxy, small, between the exporters and their destination.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::certificates::{Authority, LOCALHOST};
use super::destination::Destination;
use super::{TestResult, batch, failure};
use crate::contract::{Client, FailureClass, Outcome, Signal};
use crate::exporters::{otlp, otlphttp};
use crate::net::tls::{ServerTls, TlsServer};
use crate::net::{Proxies, Stream};

/// Passes on what it is asked to. Names that end in `.test` are this machine, which never is behind a proxy by its own name.
pub(super) struct SmallProxy {
    pub(super) port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

impl SmallProxy {
    /// Without a password, anybody may use it.
    pub(super) async fn start(
        password: Option<&'static str>,
        tls: Option<&Value>,
    ) -> Result<SmallProxy, Box<dyn Error>> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (port, heads) = (listener.local_addr()?.port(), Arc::new(Mutex::new(Vec::new())));
        let tls = tls.map(|tls| serde_json::from_value::<ServerTls>(tls.clone())).transpose()?;
        let tls = tls.map(|tls| TlsServer::new(&tls, &[])).transpose()?;
        let noted = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, noted) = (tls.clone(), Arc::clone(&noted));
                tokio::spawn(async move {
                    let stream = match tls {
                        Some(tls) => tls.accept(Stream::Tcp(stream)).await?,
                        None => Stream::Tcp(stream),
                    };
                    pass_on(BufReader::new(stream), password, &noted).await
                });
            }
        });
        Ok(SmallProxy { port, heads })
    }

    /// The heads of the requests since the last call.
    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.heads.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn pass_on(
    mut client: BufReader<Stream>,
    password: Option<&str>,
    heads: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && client.read_line(&mut head).await? > 0 {}
    heads.lock().unwrap_or_else(PoisonError::into_inner).push(head.clone());
    let is_known = |password| {
        head.to_ascii_lowercase().contains(&format!("proxy-authorization: basic {password}").to_ascii_lowercase())
    };
    if password.is_some_and(|password| !is_known(password)) {
        let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
        return client.write_all(refusal.as_bytes()).await;
    }
    let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let (authority, is_tunnel) = match target.strip_prefix("http://") {
        Some(rest) => (rest.split('/').next().unwrap_or_default(), false),
        None => (target.as_str(), true),
    };
    let (host, port) = authority.rsplit_once(':').unwrap_or((authority, "80"));
    let host = if host.ends_with(".test") { "127.0.0.1" } else { host };
    let mut server = TcpStream::connect(format!("{host}:{port}")).await?;
    match is_tunnel {
        true => client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?,
        false => {
            let origin = head.replacen(&format!("http://{authority}"), "", 1);
            server.write_all(origin.as_bytes()).await?;
        }
    }
    tokio::io::copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

/// An environment with that proxy for everything.
fn environment(url: &str) -> &'static Proxies {
    Box::leak(Box::new(Proxies::of(&|name| matches!(name, "HTTP_PROXY" | "HTTPS_PROXY").then(|| url.to_owned()))))
}

fn behind(config: &Value, proxies: &'static Proxies) -> Result<Arc<dyn Client>, Box<dyn Error>> {
    if config["endpoint"].as_str().is_some_and(|endpoint| endpoint.contains("://")) {
        let config: otlphttp::Config = serde_json::from_str(&config.to_string())?;
        return Ok(Arc::new(otlphttp::OtlpHttpClient::behind(config, None, proxies)?));
    }
    let config: otlp::Config = serde_json::from_str(&config.to_string())?;
    Ok(Arc::new(otlp::OtlpClient::behind(config, None, proxies)?))
}

const USER_PASSWORD: &str = "dXNlcjpwQHNz";

#[tokio::test]
async fn the_environment_puts_a_proxy_in_front_of_both_protocols() -> TestResult {
    let destination = Destination::start(json!({}))?;
    let proxy = SmallProxy::start(Some(USER_PASSWORD), None).await?;
    let proxies = environment(&format!("http://user:p%40ss@127.0.0.1:{}", proxy.port));
    let grpc = json!({"endpoint": format!("a.test:{}", destination.grpc.port()), "tls": {"insecure": true}});
    let http = json!({"endpoint": format!("http://a.test:{}", destination.http.port())});
    for (config, line) in [
        (&grpc, format!("CONNECT a.test:{} HTTP/1.1\r\n", destination.grpc.port())),
        (&http, format!("POST http://a.test:{}/v1/logs HTTP/1.1\r\n", destination.http.port())),
    ] {
        let client = behind(config, proxies)?;
        for _ in 0..2 {
            assert_eq!(client.send(&batch(Signal::Logs, "oven")).await, Outcome::Delivered);
        }
        let heads = proxy.take();
        assert!(heads.first().is_some_and(|head| head.starts_with(&line)), "{heads:?}");
        assert_eq!(destination.take().len(), 2);
    }
    // What is on this machine is not behind a proxy.
    for config in destination.configs(&json!({})) {
        assert_eq!(behind(&config, proxies)?.send(&batch(Signal::Logs, "oven")).await, Outcome::Delivered);
    }
    assert!(proxy.take().is_empty());
    Ok(())
}

#[tokio::test]
async fn tls_goes_through_a_tunnel_and_to_a_proxy_with_tls() -> TestResult {
    let folder = tempfile::tempdir()?;
    let ours = Authority::new(folder.path(), "ours")?;
    let identity = ours.vouch("server", &LOCALHOST)?;
    let destination = Destination::start(json!({"tls": identity}))?;
    let proxy = SmallProxy::start(None, Some(&identity)).await?;
    let tls = json!({"ca_file": ours.file, "server_name_override": "localhost"});
    let proxies = environment(&format!("https://localhost:{}", proxy.port));
    let grpc = json!({"endpoint": format!("a.test:{}", destination.grpc.port()), "tls": tls});
    let http = json!({"endpoint": format!("https://a.test:{}", destination.http.port()), "tls": tls});
    for config in [&grpc, &http] {
        assert_eq!(behind(config, proxies)?.send(&batch(Signal::Logs, "oven")).await, Outcome::Delivered);
        let heads = proxy.take();
        assert!(heads.len() == 1 && heads.iter().all(|head| head.starts_with("CONNECT a.test:")), "{heads:?}");
        assert_eq!(destination.take().len(), 1);
    }
    Ok(())
}

#[tokio::test]
async fn proxy_url_goes_before_the_environment() -> TestResult {
    let destination = Destination::start(json!({}))?;
    let (named, other) = (SmallProxy::start(None, None).await?, SmallProxy::start(None, None).await?);
    let mut config = json!({"endpoint": format!("http://a.test:{}", destination.http.port())});
    config["proxy_url"] = format!("http://127.0.0.1:{}/", named.port).into();
    let client = behind(&config, environment(&format!("http://127.0.0.1:{}", other.port)))?;
    assert_eq!(client.send(&batch(Signal::Logs, "oven")).await, Outcome::Delivered);
    assert_eq!((named.take().len(), other.take().len()), (1, 0));
    // It counts for this machine too.
    config["endpoint"] = format!("http://{}", destination.http).into();
    let local = super::client(&config)?;
    assert_eq!(local.send(&batch(Signal::Logs, "oven")).await, Outcome::Delivered);
    assert_eq!(named.take().len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_proxy_that_leads_nowhere_is_named_without_its_password() -> TestResult {
    let proxy = SmallProxy::start(Some(USER_PASSWORD), None).await?;
    let grpc = json!({"endpoint": "a.test:1", "tls": {"insecure": true}});
    for (url, words) in [
        (format!("http://127.0.0.1:{}", proxy.port), "write `user:password@` into the URL of the proxy"),
        (format!("http://user:wrongword@127.0.0.1:{}", proxy.port), "it answers `HTTP/1.1 407"),
    ] {
        let (class, reason) = failure(behind(&grpc, environment(&url))?.send(&batch(Signal::Logs, "oven")).await)?;
        assert_eq!(class, FailureClass::Unreachable, "{reason}");
        assert!(reason.contains("the proxy at 127.0.0.1") && reason.contains(words), "{reason}");
        assert!(!reason.contains("wrongword"), "{reason}");
    }
    let error = behind(&grpc, environment("socks5://user:secretword@proxy:1")).err().map(|error| error.to_string());
    let error = error.unwrap_or_default();
    assert!(error.contains("`HTTPS_PROXY`") && error.contains("socks5") && !error.contains("secretword"), "{error}");
    Ok(())
}
