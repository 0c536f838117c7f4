//! What the Collector and the host say of themselves on port 8888, after the same load: what both have is called the same and has the same
//! labels, but for what is listed here.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use otelier_tests::collector::Collector;
use otelier_tests::exposition::{Exposition, Format, Kind};
use otelier_tests::host::{self, Configuration, Setup, manifest};
use otelier_tests::recorder::Recorder;
use otelier_tests::{environment, grpc, payload, scrape, wait};
use serde_json::{Value, json};

/// Labels that differ: family, what only the Collector has, what only the host has.
const LABELS: [(&str, &[&str], &[&str]); 2] = [
    // One queue is for all signals, and may be counted in items or bytes.
    ("otelcol_exporter_queue_capacity", &["data_type"], &["sizer"]),
    ("otelcol_exporter_queue_size", &["data_type"], &["sizer"]),
];

/// Families of the Collector that the host has not, and why.
const ABSENT: [(&str, &str); 3] = [
    ("otelcol_processor_batch_", "batches are made by queues, and are counted there"),
    ("otelcol_process_runtime_", "of Go's runtime"),
    ("promhttp_", "of Go's library for Prometheus"),
];

/// A Collector with one pipeline for each signal, to the same destination.
fn collector(listen: SocketAddr, own: SocketAddr, to: SocketAddr) -> Value {
    let prometheus = json!({"host": own.ip().to_string(), "port": own.port()});
    let pipeline = json!({"receivers": ["otlp"], "processors": ["batch"], "exporters": ["otlp_grpc"]});
    json!({
        "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": listen}}}},
        "processors": {"batch": {"timeout": "10ms"}},
        "exporters": {"otlp_grpc": {"endpoint": to, "tls": {"insecure": true}}},
        "service": {
            "telemetry": {"metrics": {"readers": [{"pull": {"exporter": {"prometheus": prometheus}}}]}},
            "pipelines": {"metrics": pipeline, "traces": pipeline, "logs": pipeline},
        },
    })
}

/// The host with the same.
fn ours(to: SocketAddr) -> Configuration {
    let exporter = json!({"endpoint": to, "tls": {"insecure": true}});
    let processor = json!({"actions": [{"key": "secret", "action": "delete"}]});
    let config = Configuration::default().set("exporters/otlp_grpc", exporter).processor("attributes", processor);
    ["metrics", "traces", "logs"]
        .into_iter()
        .fold(config, |config, signal| config.pipeline(signal, &["attributes"], &["otlp_grpc"]))
}

/// One request of each signal.
fn load(address: SocketAddr) -> Result<()> {
    let mut client = grpc::Client::connect(address)?;
    let requests = [
        (grpc::METRICS, payload::metrics(vec![payload::gauge("oven", vec![payload::integer(1, &[])])])),
        (grpc::TRACES, payload::spans(&["bake"])),
        (grpc::LOGS, payload::logs(&["the oven is hot"])),
    ];
    for (method, request) in requests {
        let outcome = client.send(method, &request);
        // The Collector's answers have an empty partial success.
        ensure!(matches!(outcome, grpc::Outcome::Acknowledged(_)), "{method}: {outcome:?}");
    }
    Ok(())
}

/// What is compared of a family.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shape {
    kind: Kind,
    labels: BTreeSet<String>,
}

fn shapes(page: &Exposition) -> BTreeMap<String, Shape> {
    let shape = |family| {
        let labels = page.of(family).iter().flat_map(|sample| sample.labels.keys().cloned());
        Shape { kind: family.kind, labels: labels.filter(|label| label != "le").collect() }
    };
    page.families.iter().map(|family| (family.name.clone(), shape(family))).collect()
}

/// Waits until what was sent has been counted at the far end.
fn settled(page: impl Fn() -> Result<Exposition>) -> Result<Exposition> {
    wait::until("every signal was sent on", || {
        let page = page()?;
        let sent = ["spans", "metric_points", "log_records"];
        let is_sent = |items: &&str| page.total(&format!("otelcol_exporter_sent_{items}"), &[]) >= 1.0;
        Ok(sent.iter().all(is_sent).then_some(page))
    })
}

#[test]
fn what_both_say_of_themselves_has_the_same_names_and_labels() -> Result<()> {
    let [listen, own] = host::free(2)?[..] else { anyhow::bail!("no addresses") };
    let behind = Recorder::start()?;
    let collector = Collector::run(&collector(listen, own, behind.address), &[listen, own])?;
    load(listen).with_context(|| collector.log())?;
    let theirs = settled(|| scrape::foreign(own, Format::Text)).with_context(|| collector.log())?;
    let plugins = manifest(&[("attributes", &environment::plugin("attributes")?, json!({}))]);
    let setup = Setup::new(&ours(behind.address).text(), &plugins)?;
    let host = setup.start()?;
    load(setup.endpoints.grpc)?;
    let ours = settled(|| host.own_metrics()).with_context(|| setup.log())?;
    let (theirs, ours) = (shapes(&theirs), shapes(&ours));
    let mut compared = BTreeSet::new();
    for (name, their) in &theirs {
        let is_absent = ABSENT.iter().any(|(prefix, _)| name.starts_with(prefix));
        let Some(our) = ours.get(name) else {
            ensure!(is_absent, "the host has no {name} {their:?}");
            continue;
        };
        ensure!(!is_absent, "the host has {name}: take it from the list");
        ensure!(our.kind == their.kind, "{name}: {our:?} {their:?}");
        let of = |labels: &[&str]| labels.iter().map(|label| (*label).to_owned()).collect::<BTreeSet<String>>();
        let (only_theirs, only_ours) =
            LABELS.iter().find(|(family, ..)| family == name).map_or((of(&[]), of(&[])), |(_, a, b)| (of(a), of(b)));
        let found = (&their.labels - &our.labels, &our.labels - &their.labels);
        ensure!(found == (only_theirs, only_ours), "{name}: {found:?}");
        compared.insert(name.as_str());
    }
    for name in [
        "otelcol_receiver_accepted_spans",
        "otelcol_receiver_refused_log_records",
        "otelcol_receiver_failed_metric_points",
        "otelcol_exporter_sent_log_records",
        "otelcol_exporter_queue_size",
        "otelcol_exporter_in_flight_requests",
        "otelcol_process_uptime",
        "otelcol_process_cpu_seconds",
        "otelcol_process_memory_rss",
        "target_info",
    ] {
        ensure!(compared.contains(name), "{name} is not in both: {compared:?}");
    }
    println!("{} families are in both: {compared:?}", compared.len());
    Ok(())
}
