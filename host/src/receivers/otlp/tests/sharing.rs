//! Several receivers at one address.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::super::{Config, Type};
use super::client::Http1;
use super::{FakeHost, Rule, TestResult, accepted, lock};
use crate::contract::{Authenticators, Health, MemoryGate};
use crate::families::{ReceiverContext, ReceiverType as _};
use crate::intake::{Listeners, Port, Serving};
use crate::telemetry::Registry;

fn host() -> Arc<FakeHost> {
    Arc::new(FakeHost {
        batches: Default::default(),
        held: Default::default(),
        waiting: Default::default(),
        rule: Rule::Answer(Some(Ok(accepted(5, 0)))),
    })
}

/// The ports of a receiver with these protocols.
fn ports(
    id: &str,
    protocols: &str,
    host: &Arc<FakeHost>,
    registry: &Registry,
) -> Result<Vec<Port>, Box<dyn std::error::Error>> {
    let config: Config = serde_json::from_str(&format!(r#"{{"protocols": {{{protocols}}}}}"#))?;
    let (authenticators, memory) = (&Authenticators::default(), &MemoryGate::default());
    let context = ReceiverContext { ingest: host.clone(), registry, authenticators, memory };
    Ok(Type::make(&id.parse()?, config, &context).map_err(|error| error.to_string())?)
}

fn free() -> std::io::Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

const SHOP: &str =
    r#""traces_url_path": "/shop/traces", "metrics_url_path": "/shop/metrics", "logs_url_path": "/shop/logs""#;

#[tokio::test]
async fn each_path_leads_to_its_receiver() -> TestResult {
    let (one, other, registry, port) = (host(), host(), Registry::default(), free()?);
    let endpoint = format!(r#""endpoint": "127.0.0.1:{port}""#);
    let both = ports("otlp", &format!(r#""http": {{{endpoint}}}"#), &one, &registry)?.into_iter().chain(ports(
        "otlp/shop",
        &format!(r#""http": {{{endpoint}, {SHOP}}}"#),
        &other,
        &registry,
    )?);
    let (mut listeners, errors) = Listeners::join(both);
    assert!(errors.is_empty(), "{errors:?}");
    listeners.bind()?;
    let listener = listeners.into_iter().next().ok_or("one listener")?;
    let lines: Vec<String> = listener.samples().into_iter().map(|(_, line)| line).collect();
    assert!(lines[0].ends_with("/v1/metrics") && lines[1].ends_with("/shop/metrics"), "{lines:?}");
    let serving = Serving { memory: MemoryGate::default(), registry: registry.clone(), health: Health::default() };
    let (stop, stopped) = oneshot::channel::<()>();
    let served = tokio::spawn(listener.serve(&serving, Box::pin(async move { drop(stopped.await) })));
    let mut client = Http1::connect(([127, 0, 0, 1], port).into()).await?;
    let json = ("content-type", "application/json");
    for path in ["/v1/traces", "/shop/traces", "/shop/logs"] {
        assert_eq!(client.post(path, &[json], b"{}").await?.http_status, 200, "{path}");
    }
    let reply = client.post("/v2/traces", &[json], b"{}").await?;
    let body = String::from_utf8_lossy(&reply.body).into_owned();
    assert!(reply.http_status == 404 && body.contains("/shop/logs") && body.contains("/v1/logs"), "{body}");
    assert_eq!((lock(&one.batches).len(), lock(&other.batches).len()), (1, 2));
    let count = |name, receiver| registry.total(name, &[("receiver", receiver), ("transport", "http")]);
    assert_eq!(count("otelcol_receiver_accepted_spans", "otlp"), 5);
    assert_eq!(count("otelcol_receiver_accepted_spans", "otlp/shop"), 5);
    assert_eq!(count("otelier_receiver_connections", "otlp,otlp/shop"), 1);
    assert_eq!(count("otelier_receiver_refused_requests", "otlp,otlp/shop"), 1);
    drop(stop);
    Ok(served.await?)
}

#[test]
fn what_differs_at_one_address_is_an_error_that_names_it() -> TestResult {
    let (host, registry) = (host(), Registry::default());
    for (one, other, words) in [
        (r#""http": {}"#, r#""http": {}"#, "serves /v1/logs"),
        (r#""grpc": {}"#, r#""grpc": {}"#, "LogsService/Export"),
        (r#""http": {}"#, &format!(r#""http": {{{SHOP}, "read_timeout": "7s"}}"#), "with another `read_timeout`"),
        (r#""http": {}"#, &format!(r#""http": {{{SHOP}, "cors": {{}}}}"#), "with another `cors`"),
        (r#""http": {"endpoint": "127.0.0.1:4317"}"#, r#""grpc": {}"#, "with another protocol"),
    ] {
        let both = ports("otlp", one, &host, &registry)?.into_iter().chain(ports("otlp/b", other, &host, &registry)?);
        let (listeners, errors) = Listeners::join(both);
        let [error] = &errors[..] else { return Err(format!("{one} {other}: {errors:?}").into()) };
        let text = error.to_string();
        assert!(text.contains("receiver otlp listens there too") && text.contains(words), "{text}");
        assert_eq!(error.receiver.to_string(), "otlp/b");
        assert_eq!(listeners.into_iter().count(), 1);
    }
    // A port that the system chooses is one of its own.
    let any = r#""http": {"endpoint": "127.0.0.1:0"}"#;
    let both = ports("otlp", any, &host, &registry)?.into_iter().chain(ports("otlp/b", any, &host, &registry)?);
    let (listeners, errors) = Listeners::join(both);
    assert!(errors.is_empty() && listeners.into_iter().count() == 2);
    Ok(())
}
