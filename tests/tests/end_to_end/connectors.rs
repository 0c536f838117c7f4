//! Connectors: what comes out of each pipeline behind them, and what a sender is told where one of those has no room.

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use otelier::contract::Signal;
use otelier_tests::generate::{self, chance, pick};
use otelier_tests::host::{Configuration, Host, Setup, manifest};
use otelier_tests::payload::{self, Temporality};
use otelier_tests::recorder::Recorder;
use otelier_tests::request::Request;
use otelier_tests::{environment, grpc, wait};
use prost::Message as _;
use serde_json::{Value, json};

/// Where requests go, in the order of the table.
const ROUTES: [&str; 3] = ["tenant", "prod", "rest"];
const ROUNDS: usize = 60;

/// A pipeline of each signal from the receiver to `routing`, and three behind it, each with an exporter to a recorder of its own.
fn routing(recorders: &[Recorder], has_default: bool) -> Configuration {
    let mut configuration = Configuration::default().set("receivers/otlp/protocols/grpc/include_metadata", json!(true));
    for (route, recorder) in ROUTES.iter().zip(recorders) {
        let exporter = json!({
            "endpoint": recorder.address,
            "tls": {"insecure": true},
            "sending_queue": {"enabled": false},
            "retry_on_failure": {"enabled": false},
        });
        configuration = configuration.set(&format!("exporters/otlp~1{route}"), exporter);
    }
    for signal in Signal::ALL.map(Signal::name) {
        let to = |route: &str| format!("{signal}/{route}");
        let mut body = json!({
            "table": [
                {"context": "request", "condition": "request[\"X-Tenant\"] == \"acme\"", "pipelines": [to("tenant")]},
                {
                    "statement": "route() where attributes[\"env\"] == \"prod\" and attributes[\"copies\"] != 1",
                    "pipelines": [to("prod")],
                },
                {"condition": "attributes[\"copies\"] == 1", "action": "copy", "pipelines": [to("prod")]},
            ],
        });
        if has_default {
            body["default_pipelines"] = json!([to("rest")]);
        } else {
            // Something has to be there that is never met.
            let never = json!({"condition": "attributes[\"env\"] == \"never\"", "pipelines": [to("rest")]});
            body["table"].as_array_mut().into_iter().for_each(|table| table.push(never.clone()));
        }
        let id = format!("routing/{signal}");
        configuration = configuration.connector(&id, body).pipeline(&to("in"), &[], &[&id]);
        for route in ROUTES {
            configuration = configuration.behind(&id, &to(route), &[], &[&format!("otlp/{route}")]);
        }
    }
    configuration
}

/// Which routes what stands under a resource takes.
fn routes(resource: Option<&Resource>, is_of_tenant: bool, has_default: bool) -> Vec<&'static str> {
    if is_of_tenant {
        return vec!["tenant"];
    }
    let attributes: &[KeyValue] = resource.map_or(&[], |resource| &resource.attributes);
    let has = |wanted: &KeyValue| attributes.iter().find(|one| one.key == wanted.key).is_some_and(|one| one == wanted);
    let is_copied = has(&copies());
    let is_prod = has(&payload::attribute("env", "prod"));
    let rest = has_default.then_some("rest");
    match (is_prod, is_copied) {
        (true, false) => vec!["prod"],
        (_, true) => ["prod"].into_iter().chain(rest).collect(),
        (false, false) => rest.into_iter().collect(),
    }
}

fn copies() -> KeyValue {
    KeyValue { value: Some(AnyValue { value: Some(Any::IntValue(1)) }), ..payload::attribute("copies", "") }
}

/// Gives some resources the attributes that routes ask for.
fn mark(rng: &mut Rng, resource: &mut Option<Resource>) {
    let marks = [payload::attribute("env", "prod"), payload::attribute("env", "dev"), copies()];
    for mark in marks {
        if chance(rng, 40) {
            resource.get_or_insert_default().attributes.push(mark);
        }
    }
}

/// What of a request takes a route.
fn expected(request: &generate::Request, keeps: impl Fn(Option<&Resource>) -> bool) -> Result<Request> {
    let mut request = request.clone();
    let signal = match &mut request {
        generate::Request::Metrics(request) => {
            request.resource_metrics.retain(|one| keeps(one.resource.as_ref()));
            Signal::Metrics
        }
        generate::Request::Traces(request) => {
            request.resource_spans.retain(|one| keeps(one.resource.as_ref()));
            Signal::Traces
        }
        generate::Request::Logs(request) => {
            request.resource_logs.retain(|one| keeps(one.resource.as_ref()));
            Signal::Logs
        }
    };
    Request::decode(signal, &request.encode())
}

fn random(rng: &mut Rng, signal: Signal) -> generate::Request {
    let mut request = generate::Request::random(rng, signal);
    match &mut request {
        generate::Request::Metrics(all) => all.resource_metrics.iter_mut().for_each(|one| mark(rng, &mut one.resource)),
        generate::Request::Traces(all) => all.resource_spans.iter_mut().for_each(|one| mark(rng, &mut one.resource)),
        generate::Request::Logs(all) => all.resource_logs.iter_mut().for_each(|one| mark(rng, &mut one.resource)),
    }
    request
}

/// Sends random requests and compares what each recorder got. Returns how many items took no route.
fn route_all(host: &Host<'_>, recorders: &[Recorder], has_default: bool) -> Result<usize> {
    let seed = fastrand::u64(..);
    let (mut rng, mut client, mut unrouted) = (Rng::with_seed(seed), host.grpc()?, 0);
    for round in 0..ROUNDS {
        let signal = pick(&mut rng, &Signal::ALL);
        let request = random(&mut rng, signal);
        let tenant = pick(&mut rng, &[None, Some("acme"), Some("other")]);
        let content_type = ("content-type", "application/grpc");
        let headers: Vec<_> = [content_type].into_iter().chain(tenant.map(|tenant| ("x-tenant", tenant))).collect();
        let path = match signal {
            Signal::Metrics => grpc::METRICS,
            Signal::Traces => grpc::TRACES,
            Signal::Logs => grpc::LOGS,
        };
        let sent = client.call(path, &headers, grpc::framed(0, &request.encode()));
        ensure!(sent.is_acknowledged(), "seed {seed}, round {round}: {sent:?}");
        let is_of_tenant = tenant == Some("acme");
        for (route, recorder) in ROUTES.iter().zip(recorders) {
            let takes = |resource: Option<&Resource>| routes(resource, is_of_tenant, has_default).contains(route);
            let expected = expected(&request, takes)?;
            let arrived = recorder.take()?;
            if expected.items().is_empty() {
                ensure!(arrived.is_empty(), "seed {seed}, round {round}: {route} got what it should not");
                continue;
            }
            let [arrived] = arrived.as_slice() else {
                anyhow::bail!("seed {seed}, round {round}: {route} got {} requests, not 1", arrived.len());
            };
            let arrived = Request::decode(arrived.signal, &arrived.message)?;
            expected.assert_arrived_as(&arrived).with_context(|| format!("seed {seed}, round {round}, {route}"))?;
        }
        let takes_none = |resource: Option<&Resource>| routes(resource, is_of_tenant, has_default).is_empty();
        unrouted += expected(&request, takes_none)?.items().len();
    }
    Ok(unrouted)
}

#[test]
fn requests_are_routed_by_metadata_and_by_resource() -> Result<()> {
    let recorders = [Recorder::start()?, Recorder::start()?, Recorder::start()?];
    let setup = Setup::without_plugins(&routing(&recorders, true))?;
    let host = setup.start()?;
    let unrouted = route_all(&host, &recorders, true).with_context(|| setup.log())?;
    ensure!(unrouted == 0);
    Ok(())
}

#[test]
fn what_no_route_fits_is_counted() -> Result<()> {
    let recorders = [Recorder::start()?, Recorder::start()?, Recorder::start()?];
    let setup = Setup::without_plugins(&routing(&recorders, false))?;
    let host = setup.start()?;
    let unrouted = route_all(&host, &recorders, false).with_context(|| setup.log())?;
    ensure!(unrouted > 0);
    let counted = host.own_metrics()?.total("otelier_connector_unrouted_items", &[]);
    ensure!(counted == unrouted as f64, "{counted} counted of {unrouted}");
    Ok(())
}

/// Room is reserved in front of the first plugin, also for pipelines behind connectors.
#[test]
fn a_full_queue_behind_a_connector_refuses_before_a_plugin_counts() -> Result<()> {
    let nowhere = json!({
        "endpoint": "127.0.0.1:1",
        "tls": {"insecure": true},
        "sending_queue": {"queue_size": 3},
        "retry_on_failure": {"initial_interval": "1h", "max_interval": "1h", "max_elapsed_time": "0s"},
    });
    let configuration = Configuration::aggregate()
        .set("exporters/otlp", nowhere)
        .connector("forward", json!({}))
        .pipeline("metrics/copy", &[], &["forward"])
        .behind("forward", "metrics/out", &[], &["otlp"]);
    let setup = Setup::with_aggregate(&configuration)?;
    let host = setup.start()?;
    let mut client = host.grpc()?;
    let (mut accepted, mut refused) = (0.0, 0);
    for number in 0..20 {
        match client.send(grpc::METRICS, &payload::work("manual", Temporality::Delta, &[1])) {
            sent if sent.is_acknowledged() => accepted += 1.0,
            sent => {
                let refusal = sent.refusal()?;
                ensure!(refusal.code == grpc::UNAVAILABLE, "request {number}: {refusal:?}");
                refused += 1;
            }
        }
    }
    ensure!(accepted >= 3.0 && refused >= 10, "{accepted} accepted, {refused} refused");
    host.wait_for("work_done_batched_total", &[("work_type", "manual")], accepted).with_context(|| setup.log())?;
    Ok(())
}

/// A pipeline that two ways lead to gets what comes on both.
#[test]
fn a_pipeline_with_two_ways_to_it_gets_both() -> Result<()> {
    let configuration = Configuration::default()
        .connector("forward/one", json!({}))
        .connector("forward/two", json!({}))
        .processor("aggregate", otelier_tests::host::aggregate())
        .pipeline("metrics/in", &[], &["forward/one", "forward/two"])
        .set(
            "service/pipelines/metrics",
            json!({"receivers": ["forward/one", "forward/two"], "processors": ["aggregate"], "exporters": ["prometheus"]}),
        );
    let setup = Setup::with_aggregate(&configuration)?;
    let host = setup.start()?;
    host.accepts(&payload::work("manual", Temporality::Delta, &[1, 1]))?;
    wait::until("each point counts for each way", || {
        Ok((host.scrape()?.total("work_done_batched_total", &[("work_type", "manual")]) == 4.0).then_some(()))
    })
    .with_context(|| setup.log())?;
    let status: Value = serde_json::from_slice(&host.health("/status?pipeline=metrics&verbose")?.body)?;
    ensure!(status["components"]["connector:forward/one"]["healthy"] == true, "{status:#}");
    Ok(())
}

/// A request of one point under a resource that says which way it goes.
fn on_way(way: &str, value: i64) -> Result<Vec<u8>> {
    let mut request = ExportMetricsServiceRequest::decode(payload::work("a", Temporality::Delta, &[value]).as_slice())?;
    let resource = Resource { attributes: vec![payload::attribute("way", way)], ..Resource::default() };
    request.resource_metrics.iter_mut().for_each(|one| one.resource = Some(resource.clone()));
    Ok(request.encode_to_vec())
}

/// What one way brings breaks the plugin; what the ways before and behind it bring counts all the same.
#[test]
fn what_breaks_a_plugin_on_one_way_leaves_the_others() -> Result<()> {
    let ways = ["1", "2", "3"];
    let ids = ways.map(|way| format!("routing/{way}"));
    let body = json!({"way": "after-write", "when": 666, "metrics": ["work.done"]});
    let mut configuration = Configuration::default()
        .processor("trap", body)
        .pipeline("metrics/in", &[], &ids.each_ref().map(String::as_str))
        .set(
            "service/pipelines/metrics",
            json!({"receivers": ids, "processors": ["trap"], "exporters": ["prometheus"]}),
        );
    for (id, way) in ids.iter().zip(ways) {
        let condition = format!("attributes[\"way\"] == \"{way}\"");
        configuration =
            configuration.connector(id, json!({"table": [{"condition": condition, "pipelines": ["metrics"]}]}));
    }
    let plugins = manifest(&[("trap", &environment::guest("trap")?, json!({}))]);
    let setup = Setup::new(&configuration.text(), &plugins)?;
    let host = setup.start()?;
    for round in 1..=5 {
        let request = [on_way("1", 1)?, on_way("2", 666)?, on_way("3", 2)?].concat();
        host.accepts(&request).with_context(|| setup.log())?;
        host.wait_for("rows_seen_total", &[], f64::from(2 * round)).with_context(|| setup.log())?;
        let letters = setup.prints(&["dlq", "ls", "--json"])?.lines().count();
        ensure!(letters == round as usize, "{letters} letters after {round} requests");
    }
    Ok(())
}
