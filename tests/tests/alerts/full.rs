//! A host that has one of everything that tells of itself, and a load that it takes without trouble.

use anyhow::{Result, ensure};
use otelier_tests::certificates::{Certificates, Security};
use otelier_tests::downstream::{Downstream, Fate};
use otelier_tests::host::{Configuration, Host, Setup, aggregate, manifest};
use otelier_tests::payload::{self, Temporality};
use otelier_tests::{environment, grpc, wait};
use serde_json::{Value, json};

use crate::forwarding;
use crate::recording::Recording;

/// What a full host needs, its destination and its certificates.
pub struct Full {
    downstream: Downstream,
    setup: Setup,
    _certificates: Certificates,
}

impl Full {
    /// Nothing runs yet but the destination.
    pub fn new() -> Result<Full> {
        let downstream = Downstream::start(|_| Fate::Taken)?;
        let files = ["aggregate", "filter", "attributes", "consecutive-failures"].map(environment::plugin);
        let [aggregate, filter, attributes, breaker] = files;
        let policy = json!({"world": "breaker-policy@0.1.0"});
        let plugins = manifest(&[
            ("aggregate", &aggregate?, json!({})),
            ("filter", &filter?, json!({})),
            ("attributes", &attributes?, json!({})),
            ("consecutive-failures", &breaker?, policy),
        ]);
        let setup = Setup::new("", &plugins)?;
        let certificates = Certificates::of(&[setup.endpoints.spare])?;
        let secure = json!({"http": {"endpoint": setup.endpoints.spare, "tls": Security::Tls(&certificates).server()}});
        setup.reconfigure(
            &configuration(&downstream)
                .set("receivers/otlp~1secure/protocols", secure)
                .set("service/pipelines/logs/receivers", json!(["otlp", "otlp/secure"])),
        )?;
        Ok(Full { downstream, setup, _certificates: certificates })
    }

    /// Starts the host.
    pub fn start(&self) -> Result<Host<'_>> {
        self.setup.start()
    }

    /// So many scrapes under load.
    pub fn record(&self, scrapes: usize) -> Result<Recording> {
        let (host, mut recording) = (self.start()?, Recording::default());
        let mut client = host.grpc()?;
        recording.add(&host, scrapes, || load(&mut client))?;
        wait::until("what is forwarded arrives", || {
            Ok(self.downstream.memory().taken.contains_key("the bread is done").then_some(()))
        })?;
        // What it has made of everything.
        recording.add(&host, 1, || Ok(()))?;
        ensure!(host.troubles()?.is_empty(), "{:?}", host.troubles()?);
        Ok(recording)
    }
}

fn configuration(downstream: &Downstream) -> Configuration {
    let on_disk = json!({
        "sending_queue": {"storage": "rocksdb", "num_consumers": 1}, "breaker": "consecutive-failures",
    });
    let exporter = json!({"endpoint": format!("http://{}", downstream.address()), "compression": "none"});
    let push: Value = json!({
        "protocol": "http/protobuf", "endpoint": format!("http://{}/v1/logs", downstream.address()), "insecure": true,
    });
    forwarding(downstream.address(), &on_disk)
        .set("exporters/otlphttp~1first", exporter.clone())
        .set("exporters/otlphttp~1second", exporter)
        .set("exporters/fallback", json!({"exporters": ["otlphttp/first", "otlphttp/second"]}))
        .set("exporters/debug", json!({"verbosity": "basic"}))
        .processor("aggregate", aggregate())
        .processor("filter", json!({"logs": {"exclude": {"match_type": "strict", "bodies": ["the oven is hot"]}}}))
        .processor("attributes", json!({"actions": [{"key": "baker", "value": "otelier", "action": "insert"}]}))
        .set("extensions/rocksdb", json!({}))
        .set("extensions/consecutive-failures", json!({}))
        .set("service/extensions", json!(["health_check", "rocksdb", "consecutive-failures"]))
        .set("service/telemetry/logs", json!({"processors": [{"batch": {"exporter": {"otlp": push}}}]}))
        .pipeline("metrics", &["aggregate"], &["prometheus"])
        .pipeline("traces", &["attributes"], &["debug"])
        .pipeline("logs", &["filter", "attributes"], &["otlphttp", "fallback"])
}

/// Some requests of each signal.
fn load(client: &mut grpc::Client) -> Result<()> {
    for round in 0..10 {
        let requests = [
            (grpc::METRICS, payload::work(&format!("kind {round}"), Temporality::Delta, &[1, 2, 3])),
            (grpc::TRACES, payload::spans(&["knead", "bake"])),
            (grpc::LOGS, payload::logs(&["the oven is hot", "the bread is done"])),
        ];
        for (path, request) in requests {
            let outcome = client.send(path, &request);
            ensure!(outcome.is_acknowledged(), "{path}: {outcome:?}");
        }
    }
    Ok(())
}
