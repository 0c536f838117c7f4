//! Metrics of all kinds as several senders would report them, in rounds: the later ones go on where the earlier ended.
//!
//! The kind of a metric stands in the first letter of its name, so that no two kinds ever share a name. Each point has an attribute of
//! its own, so that no two streams are one series after their names are converted; what both then show is not up to chance.

use fastrand::Rng;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value,
};
use opentelemetry_proto::tonic::metrics::v1::{Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::resource::v1::Resource;
use otelier_tests::generate::{chance, pick, several};
use otelier_tests::payload::{attribute, gauge, integer};
use prost::Message as _;

use super::kinds;

/// How many requests each set of senders sends.
pub const ROUNDS: u64 = 3;

/// Shown by both once they have all of a round: the last metric of each request.
pub const SENTINEL: &str = "sentinel";

/// What one seed makes: for each round a request.
pub fn requests(seed: u64) -> Vec<Vec<u8>> {
    let mut rng = Rng::with_seed(seed);
    let resources = [full_resource(seed, &mut rng), named(seed), identified(seed), None];
    let mut template: Vec<ResourceMetrics> =
        resources.into_iter().map(|resource| resource_metrics(resource, &mut rng)).collect();
    number(&mut template, seed);
    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        let mut resource_metrics = template.clone();
        for metric in metrics(&mut resource_metrics) {
            kinds::advance(metric, round, &mut rng);
        }
        let value = seed * ROUNDS + round;
        let last = integer(i64::try_from(value).unwrap_or_default(), &[]);
        let last = gauge(SENTINEL, vec![NumberDataPoint { time_unix_nano: kinds::START, ..last }]);
        let scope_metrics = vec![ScopeMetrics { metrics: vec![last], ..ScopeMetrics::default() }];
        resource_metrics.push(ResourceMetrics { scope_metrics, ..ResourceMetrics::default() });
        rounds.push(ExportMetricsServiceRequest { resource_metrics }.encode_to_vec());
    }
    rounds
}

fn metrics(resources: &mut [ResourceMetrics]) -> impl Iterator<Item = &mut Metric> {
    resources.iter_mut().flat_map(|resource| &mut resource.scope_metrics).flat_map(|scope| &mut scope.metrics)
}

/// An attribute of its own for each point.
fn number(resources: &mut [ResourceMetrics], seed: u64) {
    let mut count = 0;
    for metric in metrics(resources) {
        kinds::each_attributes(metric, |attributes| {
            attributes.push(attribute("point", &format!("{seed}-{count}")));
            count += 1;
        });
    }
}

/// All that makes `job` and `instance`, and attributes of every form beside it.
fn full_resource(seed: u64, rng: &mut Rng) -> Option<Resource> {
    let mut attributes = vec![
        attribute("service.name", "cart"),
        attribute("service.namespace", pick(rng, &["shop", "a/b", "größe"])),
        attribute("service.instance.id", &format!("i-{seed}")),
        attribute("host.name", "h\\\"1\n"),
    ];
    attributes.extend(several(rng, 4, key_value));
    if chance(rng, 40) {
        attributes.push(attribute("job", "mine"));
        attributes.push(attribute("instance", "here"));
    }
    Some(Resource { attributes: unique(attributes), ..Resource::default() })
}

/// A job alone, told apart by its name.
fn named(seed: u64) -> Option<Resource> {
    let attributes = vec![attribute("service.name", &format!("named-{seed}")), attribute("k8s.pod", "p")];
    Some(Resource { attributes, ..Resource::default() })
}

/// A job and an instance, and nothing else.
fn identified(seed: u64) -> Option<Resource> {
    let attributes = vec![attribute("service.name", "bare"), attribute("service.instance.id", &format!("i-{seed}"))];
    Some(Resource { attributes, ..Resource::default() })
}

fn resource_metrics(resource: Option<Resource>, rng: &mut Rng) -> ResourceMetrics {
    let scope_metrics = (0..rng.usize(1..=3)).map(|_| scope_metrics(rng)).collect();
    ResourceMetrics { resource, scope_metrics, schema_url: pick(rng, &["", "https://example.com/resource"]).to_owned() }
}

fn scope_metrics(rng: &mut Rng) -> ScopeMetrics {
    let scope = chance(rng, 80).then(|| {
        let mut attributes = several(rng, 2, key_value);
        if chance(rng, 20) {
            // These would be the labels that the scope itself has.
            attributes.extend(["name", "version", "schema_url"].map(|key| attribute(key, "reserved")));
        }
        InstrumentationScope {
            name: pick(rng, &["", "lib", "größe"]).to_owned(),
            version: pick(rng, &["", "1.0"]).to_owned(),
            attributes: unique(attributes),
            ..InstrumentationScope::default()
        }
    });
    let schema_url = pick(rng, &["", "https://example.com/1", "https://example.com/2"]).to_owned();
    ScopeMetrics { scope, metrics: kinds::metrics(rng), schema_url }
}

/// Keys that meet after their conversion, keys that begin with a digit or an underscore, keys with more than one odd character.
const KEYS: [&str; 9] = ["a", "a.b", "a_b", "http.method", "größe", "1st", "_hidden", "double__under", "work/type"];

/// An attribute: mostly a text, every other type among them.
pub fn key_value(rng: &mut Rng) -> KeyValue {
    KeyValue { key: pick(rng, &KEYS).to_owned(), value: Some(value(rng)), ..KeyValue::default() }
}

fn value(rng: &mut Rng) -> AnyValue {
    let text = |text: &str| any_value::Value::StringValue(text.to_owned());
    let value = match rng.u32(..12) {
        0 => any_value::Value::BoolValue(rng.bool()),
        1 => any_value::Value::IntValue(pick(rng, &[0, -7, i64::MAX])),
        2 => any_value::Value::DoubleValue(pick(rng, &[0.5, 1.0, 1e21, 1e-7, -0.0, f64::NAN, f64::INFINITY])),
        3 => any_value::Value::BytesValue(vec![0, 255, 7]),
        4 => {
            let values = [text("x"), any_value::Value::IntValue(2), any_value::Value::DoubleValue(1.5)];
            let values = values.map(|value| AnyValue { value: Some(value) }).to_vec();
            any_value::Value::ArrayValue(ArrayValue { values })
        }
        5 => any_value::Value::KvlistValue(KeyValueList { values: vec![attribute("k", "v<>&\"")] }),
        6 => text(""),
        7 => text("q\"uo\\te\nline\0"),
        _ => text(pick(rng, &["x", "y", "naïve ☃"])),
    };
    AnyValue { value: Some(value) }
}

/// OTLP has each key once.
pub fn unique(mut attributes: Vec<KeyValue>) -> Vec<KeyValue> {
    let mut seen = Vec::new();
    attributes.retain(|attribute| {
        let new = !seen.contains(&attribute.key);
        seen.push(attribute.key.clone());
        new
    });
    attributes
}
