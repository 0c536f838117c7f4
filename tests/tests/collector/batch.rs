//! `batch`: the same requests through the Collector's processor and through ours leave in batches of the same bounds, with the same items.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use otelier::contract::Signal;
use otelier_tests::certificates::Security;
use otelier_tests::collector::Collector;
use otelier_tests::host::{self, Configuration, Setup};
use otelier_tests::payload::{self, Temporality};
use otelier_tests::recorder::Recorder;
use otelier_tests::request::Request;
use otelier_tests::{grpc, wait};
use serde_json::{Value, json};

use crate::receiver::read;
use crate::requests;
use crate::ways;

const REQUESTS: usize = 120;

/// In items. The largest is no multiple of what a batch waits for.
const SIZE: usize = 20;
const MAX: usize = 33;

fn batch() -> Value {
    json!({"timeout": "500ms", "send_batch_size": SIZE, "send_batch_max_size": MAX})
}

/// Two routes of one Collector: `batching` batches, `writing` writes what our host sends. Each has a file for each signal.
fn collector(folder: &Path, batching: std::net::SocketAddr, writing: std::net::SocketAddr) -> Value {
    let mut root = json!({
        "receivers": {
            "otlp/batching": {"protocols": ways::PLAIN.receiver(batching, Security::Plain)},
            "otlp/writing": {"protocols": ways::PLAIN.receiver(writing, Security::Plain)},
        },
        "processors": {"batch": batch()},
        "exporters": {},
        "service": {"telemetry": {"metrics": {"level": "none"}, "logs": {"level": "warn"}}, "pipelines": {}},
    });
    for (route, processors) in [("batching", json!(["batch"])), ("writing", json!([]))] {
        for signal in Signal::ALL.map(Signal::name) {
            let id = format!("file/{route}-{signal}");
            let path = folder.join(format!("{route}-{signal}"));
            root["exporters"][&id] = json!({"path": path, "format": "proto", "flush_interval": "20ms"});
            root["service"]["pipelines"][format!("{signal}/{route}")] =
                json!({"receivers": [format!("otlp/{route}")], "processors": processors, "exporters": [id]});
        }
    }
    root
}

/// What was written of a signal once it is so many items: the items of each batch.
fn written(folder: &Path, route: &str, signal: Signal, count: usize) -> Result<Vec<Vec<String>>> {
    wait::until(&format!("{count} items of {signal} are written by {route}"), || {
        let batches = read(&folder.join(format!("{route}-{signal}")), signal)?;
        let batches: Vec<Vec<String>> = batches.iter().map(|batch| batch.items()).collect();
        Ok((batches.iter().map(Vec::len).sum::<usize>() >= count).then_some(batches))
    })
}

fn sorted(batches: &[Vec<String>]) -> Vec<&String> {
    let mut items: Vec<&String> = batches.iter().flatten().collect();
    items.sort();
    items
}

#[test]
fn batches_are_as_large_as_the_collectors_and_have_the_same_items() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let listens = host::free(2)?;
    let [batching, writing] = listens[..] else { unreachable!() };
    let collector = Collector::run(&collector(folder.path(), batching, writing), &listens)?;
    let mut settings = ways::PLAIN.exporter(writing, Security::Plain);
    settings["sending_queue"] = json!({"num_consumers": 1});
    let config = Configuration::default().set("exporters/otlp", settings).processor("batch", batch());
    let config =
        Signal::ALL.into_iter().fold(config, |config, signal| config.pipeline(signal.name(), &["batch"], &["otlp"]));
    let setup = Setup::without_plugins(&config)?;
    let host = setup.start()?;
    let (mut theirs, mut ours) = (grpc::Client::connect(batching)?, host.grpc()?);
    let sent = requests::random(REQUESTS)?;
    for (request, _) in &sent {
        request.send(&mut theirs).with_context(|| collector.log())?;
        request.send(&mut ours)?;
    }
    for signal in Signal::ALL {
        let of_signal = sent.iter().filter(|(sent, _)| sent.signal == signal);
        let count = of_signal.map(|(_, expected)| expected.items().len()).sum();
        let theirs = written(folder.path(), "batching", signal, count).with_context(|| collector.log())?;
        let ours = written(folder.path(), "writing", signal, count).with_context(|| setup.log())?;
        ensure!(sorted(&theirs) == sorted(&ours), "{signal}: the items differ");
        for (whose, batches) in [("theirs", &theirs), ("ours", &ours)] {
            let sizes: Vec<usize> = batches.iter().map(Vec::len).collect();
            ensure!(sizes.iter().all(|size| *size <= MAX), "{signal}, {whose}: {sizes:?}");
            // Less than that is sent when time is over, which is rarer than that a batch is full.
            let small = sizes.iter().filter(|size| **size < SIZE).count();
            ensure!(sizes.len() > 4 && small * 2 < sizes.len(), "{signal}, {whose}: {sizes:?}");
        }
    }
    Ok(())
}

#[test]
fn each_key_has_its_effect() -> Result<()> {
    // (settings, what comes in, what leaves)
    type Sizes = &'static [usize];
    let cases: [(Value, Sizes, Sizes); 4] = [
        (json!({"timeout": "300ms", "send_batch_size": 5}), &[2, 2, 2, 1], &[6, 1]),
        (json!({"timeout": "0s", "send_batch_size": 5}), &[2, 3], &[2, 3]),
        (json!({"send_batch_size": 0, "send_batch_max_size": 2}), &[5], &[2, 2, 1]),
        (json!({"timeout": "300ms", "send_batch_size": 3, "send_batch_max_size": 4}), &[9], &[4, 4, 1]),
    ];
    for (settings, incoming, outgoing) in cases {
        let recorder = Recorder::start()?;
        let exporter = json!({
            "endpoint": recorder.address.to_string(), "tls": {"insecure": true}, "sending_queue": {"num_consumers": 1},
        });
        let config = Configuration::default()
            .set("exporters/otlp", exporter)
            .processor("batch", settings.clone())
            .pipeline("metrics", &["batch"], &["otlp"]);
        let setup = Setup::without_plugins(&config)?;
        let host = setup.start()?;
        let mut client = host.grpc()?;
        for size in incoming {
            let request = payload::work("a", Temporality::Delta, &vec![1; *size]);
            ensure!(client.send(grpc::METRICS, &request).is_acknowledged());
        }
        let mut arrived = Vec::new();
        wait::until(&format!("{settings}: {outgoing:?} have left"), || {
            for recorded in recorder.take()? {
                arrived.push(Request::decode(recorded.signal, &recorded.message)?.items().len());
            }
            Ok((arrived == outgoing).then_some(()))
        })
        .with_context(|| format!("{arrived:?} have left"))?;
    }
    Ok(())
}
