//! The receiver from outside: real sockets on loopback, real clients, and a host that answers as the test says.

mod client;
mod cors;
mod grpc;
mod health;
mod http;
mod items;
mod network;
pub(crate) mod receiving;
mod sharing;

use std::error::Error;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use self::receiving::Receiving;
use super::Config;
use crate::contract::{Accepted, Answer, Authenticators, Batch, Health, Ingest, Refusal, Request};
use crate::telemetry::Registry;

type TestResult = Result<(), Box<dyn Error>>;

/// A host that keeps what it is given and answers by a rule.
struct FakeHost {
    batches: Mutex<Vec<Batch>>,
    /// Unanswered requests, when the rule is to hold them.
    held: Mutex<Vec<oneshot::Sender<Answer>>>,
    rule: Rule,
    /// Requests that nobody has taken, when the rule is to let them wait.
    waiting: Mutex<Vec<Request>>,
}

enum Rule {
    /// Answers at once; `None` drops the channel.
    Answer(Option<Answer>),
    /// Answers when the test does.
    Hold,
    /// Does not come to it.
    Wait,
}

impl Ingest for FakeHost {
    fn submit(&self, request: Request) {
        if let Rule::Wait = self.rule {
            return lock(&self.waiting).push(request);
        }
        let Some((batch, sender)) = request.take() else { return };
        lock(&self.batches).push(batch);
        match &self.rule {
            Rule::Answer(Some(answer)) => drop(sender.send(answer.clone())),
            Rule::Answer(None) => drop(sender),
            Rule::Hold | Rule::Wait => lock(&self.held).push(sender),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A receiver that is being served.
struct Running {
    grpc: SocketAddr,
    http: SocketAddr,
    host: Arc<FakeHost>,
    registry: Registry,
    health: Health,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

impl Running {
    /// Serves both protocols on ports of the system's choice; `grpc` and `http` are further members of their JSON.
    async fn start(rule: Rule, grpc: &str, http: &str) -> Result<Running, Box<dyn Error>> {
        let config: Config = serde_json::from_str(&format!(
            r#"{{"protocols": {{"grpc": {{"endpoint": "127.0.0.1:0"{grpc}}}, "http": {{"endpoint": "127.0.0.1:0"{http}}}}}}}"#
        ))?;
        let host =
            Arc::new(FakeHost { batches: Mutex::default(), held: Mutex::default(), waiting: Mutex::default(), rule });
        let registry = Registry::default();
        let ingest: Arc<dyn Ingest> = host.clone();
        let receiving = Receiving::start("otlp/test", config, ingest, &registry, &Authenticators::default())?;
        let Receiving { grpc, http, health, stop, served, .. } = receiving;
        Ok(Running { grpc, http, host, registry, health, stop, served })
    }

    /// A receiver whose host accepts five items of each request.
    async fn accepting() -> Result<Running, Box<dyn Error>> {
        Running::start(Rule::Answer(Some(Ok(accepted(5, 0)))), "", "").await
    }

    /// Stops and waits for the end of draining.
    async fn finish(self) -> TestResult {
        drop(self.stop);
        Ok(self.served.await?)
    }

    fn refused(&self, transport: &str, reason: &str) -> i64 {
        let labels = [("receiver", "otlp/test"), ("transport", transport), ("reason", reason)];
        self.registry.total("otelier_receiver_refused_requests", &labels)
    }

    fn counted(&self, name: &str) -> i64 {
        self.registry.total(name, &[])
    }
}

fn accepted(items: u64, rejected: u64) -> Accepted {
    let rejected_reason = if rejected > 0 { "too old".to_owned() } else { String::new() };
    Accepted { items, rejected, rejected_reason }
}

fn full() -> Rule {
    let retry_after = std::time::Duration::from_millis(1500);
    Rule::Answer(Some(Err(Refusal::Full { queue: "prometheus".into(), retry_after })))
}

/// `count` zeros, packed by gzip a thousand to one.
fn bomb(count: usize) -> std::io::Result<Vec<u8>> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let zeros = vec![0; 1 << 20];
    for _ in 0..count >> 20 {
        encoder.write_all(&zeros)?;
    }
    encoder.finish()
}

#[tokio::test]
async fn endpoints_name_what_was_bound_and_how_to_send_there() -> TestResult {
    let config: Config = serde_json::from_str(
        r#"{"protocols": {"grpc": {"endpoint": "127.0.0.1:0"}, "http": {"endpoint": "0.0.0.0:0"}}}"#,
    )?;
    let host =
        FakeHost { batches: Mutex::default(), held: Mutex::default(), waiting: Mutex::default(), rule: Rule::Hold };
    let receiving = Receiving::start("otlp", config, Arc::new(host), &Registry::default(), &Authenticators::default())?;
    let http = receiving.http;
    let [grpc_line, http_line] = <[_; 2]>::try_from(receiving.samples).map_err(|_| "two endpoints")?;
    assert!(grpc_line.1.contains("OTEL_EXPORTER_OTLP_PROTOCOL=grpc"), "{grpc_line:?}");
    assert_eq!(http_line.0, format!("http://127.0.0.1:{}", http.port()));
    assert!(http_line.1.starts_with("curl ") && http_line.1.ends_with("/v1/metrics"), "{http_line:?}");
    Ok(())
}
