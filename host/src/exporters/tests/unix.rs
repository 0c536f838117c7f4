//! Unix sockets, and what a client does while nobody listens.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::destination::Destination;
use super::{TestResult, batch, failure};
use crate::contract::{Client, FailureClass, Outcome, Signal};
use crate::exporters::otlp;

fn client(config: &serde_json::Value) -> Result<Arc<dyn Client>, Box<dyn std::error::Error>> {
    let config: otlp::Config = serde_json::from_str(&config.to_string())?;
    Ok(Arc::new(otlp::OtlpClient::new(config, None)?))
}

#[tokio::test]
async fn grpc_is_sent_to_a_unix_socket() -> TestResult {
    let folder = tempfile::tempdir()?;
    let destination = Destination::on_sockets(folder.path())?;
    for prefix in ["unix://", "unix:"] {
        let endpoint = format!("{prefix}{}", folder.path().join("grpc.sock").display());
        let client = client(&json!({"endpoint": endpoint, "tls": {"insecure": true}}))?;
        for _ in 0..2 {
            assert_eq!(client.send(&batch(Signal::Logs, "oven")).await, Outcome::Delivered);
        }
        assert_eq!(destination.take().len(), 2);
        assert!(client.destination().starts_with("unix:///") && client.server().is_none());
    }
    let nobody = json!({"endpoint": "unix:///nowhere/otlp.sock", "tls": {"insecure": true}});
    let (class, reason) = failure(client(&nobody)?.send(&batch(Signal::Logs, "oven")).await)?;
    assert_eq!(class, FailureClass::Unreachable);
    assert!(reason.contains("cannot connect to unix:///nowhere/otlp.sock"), "{reason}");
    Ok(())
}

#[tokio::test]
async fn a_batch_waits_until_its_destination_listens() -> TestResult {
    let folder = tempfile::tempdir()?;
    let endpoint = format!("unix://{}", folder.path().join("grpc.sock").display());
    let config = json!({"endpoint": endpoint, "tls": {"insecure": true}, "wait_for_ready": true});
    let client = client(&config)?;
    let sending = tokio::spawn(async move { client.send(&batch(Signal::Logs, "oven")).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!sending.is_finished());
    let destination = Destination::on_sockets(folder.path())?;
    assert_eq!(tokio::time::timeout(Duration::from_secs(60), sending).await??, Outcome::Delivered);
    assert_eq!(destination.take().len(), 1);
    Ok(())
}
