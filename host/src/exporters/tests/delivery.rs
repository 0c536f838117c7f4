//! What arrives is what was sent, whatever the protocol, the encoding and the packing.

use serde_json::json;

use super::destination::Destination;
use super::{TestResult, batch, client};
use crate::contract::{Outcome, Signal};

#[tokio::test]
async fn every_signal_arrives_in_every_encoding_and_packing() -> TestResult {
    let destination = Destination::start(json!({}))?;
    let [grpc, http] = destination.configs(&json!({}));
    let packings = |names: &'static [&str]| names.iter().copied();
    let ways = packings(&["none", "gzip", "zstd", "snappy"]).map(|packing| (grpc.clone(), packing)).chain(
        packings(&["none", "gzip", "zstd", "snappy", "x-snappy-framed", "zlib", "deflate"])
            .flat_map(|packing| ["proto", "json"].map(|encoding| (encoding, packing)))
            .map(|(encoding, packing)| {
                let mut config = http.clone();
                config["encoding"] = json!(encoding);
                (config, packing)
            }),
    );
    for (mut config, packing) in ways {
        config["compression"] = json!(packing);
        let client = client(&config)?;
        for signal in Signal::ALL {
            // Some are packed where they are, some elsewhere.
            for name in ["short".to_owned(), "long".repeat(20_000)] {
                let sent = batch(signal, &name);
                assert_eq!(client.send(&sent).await, Outcome::Delivered, "{config}");
                let arrived = destination.take();
                let [arrived] = &arrived[..] else { panic!("{} batches: {config}", arrived.len()) };
                assert!(arrived.bytes == sent.bytes && arrived.signal == signal, "{config}");
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn connections_are_used_again() -> TestResult {
    let destination = Destination::start(json!({}))?;
    for config in destination.configs(&json!({})) {
        let before = destination.counted("otelier_receiver_connections");
        let client = client(&config)?;
        for _ in 0..5 {
            assert_eq!(client.send(&batch(Signal::Logs, "oven")).await, Outcome::Delivered);
        }
        assert_eq!(destination.counted("otelier_receiver_connections") - before, 1, "{config}");
    }
    let [_, http] = destination.configs(&json!({"disable_keep_alives": true}));
    let before = destination.counted("otelier_receiver_connections");
    let client = client(&http)?;
    for _ in 0..3 {
        assert_eq!(client.send(&batch(Signal::Logs, "oven")).await, Outcome::Delivered);
    }
    assert_eq!(destination.counted("otelier_receiver_connections") - before, 3);
    Ok(())
}

#[tokio::test]
async fn large_batches_and_many_at_a_time_arrive() -> TestResult {
    let destination = Destination::start(json!({}))?;
    for config in destination.configs(&json!({"compression": "none"})) {
        let client = client(&config)?;
        let large = batch(Signal::Traces, &"x".repeat(5 << 20));
        let sending = (0..20).map(|_| {
            let (client, large) = (client.clone(), large.clone());
            tokio::spawn(async move { client.send(&large).await })
        });
        for sent in sending.collect::<Vec<_>>() {
            assert_eq!(sent.await?, Outcome::Delivered);
        }
        let arrived = destination.take();
        assert!(arrived.len() == 20 && arrived.iter().all(|batch| batch.bytes == large.bytes));
    }
    Ok(())
}
