//! The Collector receives the host's own metrics, logs and traces, over both protocols.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value as Any};
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric::Data, number_data_point::Value as Number};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use otelier::contract::Signal;
use otelier_tests::certificates::Certificates;
use otelier_tests::collector::{Collector, Route};
use otelier_tests::host::{self, Configuration, Setup, manifest};
use otelier_tests::recorder::Recorder;
use otelier_tests::request::Request;
use otelier_tests::{environment, grpc, payload, wait};
use serde_json::{Value, json};

use crate::receiver;
use crate::ways::{self, Way};

/// `exporter: {otlp: …}` of everything that pushes.
fn exporter(way: Way, route: &Route) -> Value {
    let protocol = way.of("grpc", "http/protobuf");
    json!({"otlp": {"protocol": protocol, "endpoint": format!("http://{}", route.listen), "compression": "gzip"}})
}

/// A pipeline with a plugin whose trips are committed, which tells all of itself.
fn telling(exporter: &Value, backend: std::net::SocketAddr) -> Configuration {
    let batch = json!([{"batch": {"schedule_delay": 50, "exporter": exporter}}]);
    let prometheus = json!({"host": "127.0.0.1", "port": 0});
    let processor = json!({"actions": [{"key": "secret", "action": "delete"}]});
    let pipeline = json!({
        "receivers": ["otlp"], "processors": ["attributes"], "exporters": ["otlp"], "durability": "sync",
    });
    Configuration::default()
        .set("exporters/otlp", json!({"endpoint": backend, "tls": {"insecure": true}}))
        .processor("attributes", processor)
        .set("service/pipelines/traces", pipeline)
        .set(
            "service/telemetry/metrics",
            json!({
                "readers": [
                    {"pull": {"exporter": {"prometheus": prometheus}}},
                    {"periodic": {"interval": 200, "exporter": exporter}},
                ],
            }),
        )
        .set("service/telemetry/logs", json!({"processors": batch}))
        .set("service/telemetry/traces", json!({"processors": batch, "sampler": {"always_on": {}}}))
        .set("service/telemetry/resource", json!({"service.name": "edge", "service.version": null, "floor": "3"}))
}

/// What the Collector wrote of one signal.
fn written(folder: &Path, route: &Route, signal: Signal) -> Result<Vec<Request>> {
    let file = folder.join(format!("{}-{signal}", route.name));
    if file.exists() { receiver::read(&file, signal) } else { Ok(Vec::new()) }
}

fn attribute<'a>(attributes: &'a [KeyValue], name: &str) -> Option<&'a Any> {
    attributes.iter().find(|attribute| attribute.key == name)?.value.as_ref()?.value.as_ref()
}

fn text(value: &str) -> Any {
    Any::StringValue(value.to_owned())
}

/// Whether the resource is what the configuration makes of it.
fn is_own(resource: Option<&Resource>) -> bool {
    let attributes = resource.map(|resource| resource.attributes.as_slice()).unwrap_or_default();
    attribute(attributes, "service.name") == Some(&text("edge"))
        && attribute(attributes, "floor") == Some(&text("3"))
        && attribute(attributes, "service.version").is_none()
        && attribute(attributes, "service.instance.id").is_some()
}

fn spans(requests: &[Request]) -> Result<Vec<Span>> {
    let mut spans = Vec::new();
    for request in requests {
        let Request::Traces(request) = request else { continue };
        for resource in &request.resource_spans {
            ensure!(is_own(resource.resource.as_ref()), "{:?}", resource.resource);
            spans.extend(resource.scope_spans.iter().flat_map(|scope| scope.spans.clone()));
        }
    }
    Ok(spans)
}

fn bodies(requests: &[Request]) -> Result<Vec<String>> {
    let mut bodies = Vec::new();
    for request in requests {
        let Request::Logs(request) = request else { continue };
        for resource in &request.resource_logs {
            ensure!(is_own(resource.resource.as_ref()), "{:?}", resource.resource);
            for record in resource.scope_logs.iter().flat_map(|scope| &scope.log_records) {
                ensure!(record.severity_number > 0 && record.time_unix_nano > 0, "{record:?}");
                match record.body.as_ref().and_then(|body| body.value.clone()) {
                    Some(Any::StringValue(body)) => bodies.push(body),
                    other => anyhow::bail!("a body is {other:?}"),
                }
            }
        }
    }
    Ok(bodies)
}

/// The metrics of the last push.
fn last(requests: &[Request]) -> Result<BTreeMap<String, Metric>> {
    let Some(Request::Metrics(request)) = requests.last() else { return Ok(BTreeMap::new()) };
    let mut found = BTreeMap::new();
    for resource in &request.resource_metrics {
        ensure!(is_own(resource.resource.as_ref()), "{:?}", resource.resource);
        let metrics = resource.scope_metrics.iter().flat_map(|scope| scope.metrics.clone());
        found.extend(metrics.map(|metric| (metric.name.clone(), metric)));
    }
    Ok(found)
}

fn integer(metric: Option<&Metric>) -> Option<i64> {
    let Some(Data::Sum(sum)) = metric.and_then(|metric| metric.data.as_ref()) else { return None };
    let value = |point: &opentelemetry_proto::tonic::metrics::v1::NumberDataPoint| match point.value {
        Some(Number::AsInt(value)) => value,
        _ => 0,
    };
    Some(sum.data_points.iter().map(value).sum())
}

/// One trip: every span there is of it, below its root.
fn check_trip(spans: &[Span]) -> Result<()> {
    let roots: Vec<&Span> = spans.iter().filter(|span| span.parent_span_id.is_empty()).collect();
    let [root] = roots[..] else { anyhow::bail!("{} roots: {spans:#?}", roots.len()) };
    let mut names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    names.sort_unstable();
    ensure!(names == ["commit", "deliver", "plugin", "receive", "wait"], "{names:?}");
    for span in spans {
        ensure!(span.trace_id == root.trace_id && span.trace_id.len() == 16 && span.span_id.len() == 8, "{span:?}");
        ensure!(span.end_time_unix_nano >= span.start_time_unix_nano, "{span:?}");
        ensure!(span.start_time_unix_nano >= root.start_time_unix_nano, "{span:?} begins before {root:?}");
        ensure!(span.status.as_ref().is_none_or(|status| status.code == 0), "{span:?}");
        ensure!(std::ptr::eq(span, root) || span.parent_span_id == root.span_id, "{span:?}");
    }
    let of = |name: &str| spans.iter().find(|span| span.name == name).context("no span");
    ensure!(attribute(&of("receive")?.attributes, "items") == Some(&Any::IntValue(2)), "{root:?}");
    let plugin = of("plugin")?;
    ensure!(attribute(&plugin.attributes, "processor") == Some(&text("attributes")), "{plugin:?}");
    ensure!(attribute(&plugin.attributes, "items.outgoing") == Some(&Any::IntValue(2)), "{plugin:?}");
    ensure!(attribute(&of("deliver")?.attributes, "exporter") == Some(&text("otlp")), "{spans:#?}");
    Ok(())
}

fn check_metrics(metrics: &BTreeMap<String, Metric>) -> Result<()> {
    ensure!(integer(metrics.get("otelcol_exporter_sent_spans")) == Some(2), "{:?}", metrics.keys());
    let waits = metrics.get("otelier_receiver_queue_wait_seconds").context("no histogram")?;
    let Some(Data::Histogram(waits)) = &waits.data else { anyhow::bail!("{waits:?}") };
    let count: u64 = waits.data_points.iter().map(|point| point.count).sum();
    let point = waits.data_points.first().context("no point")?;
    ensure!(count == 1 && point.bucket_counts.len() == point.explicit_bounds.len() + 1, "{waits:?}");
    ensure!([0.01, 0.05, 0.1].iter().all(|bound| point.explicit_bounds.contains(bound)), "{point:?}");
    ensure!(waits.aggregation_temporality == 2 && point.time_unix_nano > point.start_time_unix_nano, "{waits:?}");
    let attempts = metrics.get("otelier_exporter_attempt_duration_seconds").context("no attempts")?;
    ensure!(format!("{attempts:?}").contains("server.address"), "{attempts:?}");
    ensure!(!metrics.contains_key("target_info"), "the resource says that");
    Ok(())
}

#[test]
fn a_collector_receives_what_the_host_says_of_itself() -> Result<()> {
    for way in [ways::PLAIN, ways::USUAL[1]] {
        let folder = tempfile::tempdir()?;
        let listens = host::free(1)?;
        let certificates = Certificates::of(&listens)?;
        let routes = receiver::routes(&[way], listens, folder.path(), certificates.plain());
        let [route] = &routes[..] else { anyhow::bail!("no route") };
        let collector = Collector::start(&routes)?;
        let behind = Recorder::start()?;
        let plugins = manifest(&[("attributes", &environment::plugin("attributes")?, json!({}))]);
        let setup = Setup::new(&telling(&exporter(way, route), behind.address).text(), &plugins)?;
        let host = setup.start()?;
        let outcome = host.grpc()?.send(grpc::TRACES, &payload::spans(&["bake", "cool"]));
        ensure!(outcome.is_acknowledged(), "{outcome:?}");
        let of = |signal| written(folder.path(), route, signal);
        let shown = || format!("the host's log:\n{}\nthe Collector's:\n{}", setup.log(), collector.log());
        wait::until("the trip is told", || Ok((spans(&of(Signal::Traces)?)?.len() >= 5).then_some(())))
            .with_context(shown)?;
        wait::until("metrics were pushed in between", || {
            let sent = integer(last(&of(Signal::Metrics)?)?.get("otelcol_exporter_sent_spans"));
            Ok((sent == Some(2)).then_some(()))
        })
        .with_context(shown)?;
        let pushed = of(Signal::Metrics)?.len();
        ensure!(host.terminate()?.success(), "{}", shown());
        // What it said last is there as well: the Collector writes it in a moment.
        wait::until("the last words are there", || {
            let bodies = bodies(&of(Signal::Logs)?)?;
            let is_there = |words: &&str| bodies.iter().any(|body| body.contains(words));
            Ok(["starting", "draining", "drained"].iter().all(is_there).then_some(()))
        })
        .with_context(shown)?;
        wait::until("metrics were pushed at the end", || Ok((of(Signal::Metrics)?.len() > pushed).then_some(())))?;
        check_trip(&spans(&of(Signal::Traces)?)?)?;
        check_metrics(&last(&of(Signal::Metrics)?)?)?;
        ensure!(!setup.log().contains("cannot be pushed"), "{}", shown());
    }
    Ok(())
}
