//! Every source of labels against every label that the exposition writes itself.

use super::request::{
    COUNTER, EXPONENTIAL, Exponential, GAUGE, Group, HISTOGRAM, Histogram, Metric, Request, SUMMARY, UP_DOWN, integer,
    summary,
};
use super::*;

/// Keys whose labels are, or look like, what the exporter writes.
const KEYS: [&str; 14] = [
    "le",
    "quantile",
    "job",
    "instance",
    "name",
    "otel.scope.name",
    "otel_scope_version",
    "otel.scope.schema.url",
    "__name__",
    "exported_le",
    "exported.quantile",
    "service.name",
    "env",
    "",
];

const CONFIGS: [&str; 3] = [
    "{}",
    r#"{"resource_to_telemetry_conversion": {"enabled": true}}"#,
    r#"{"resource_to_telemetry_conversion": {"enabled": true}, "const_labels": {"job": "fixed", "env": "test"}}"#,
];

type Pairs<'a> = [(&'a str, &'a str)];

/// Who sends: a whole service, or nobody.
const SERVICES: [&Pairs<'_>; 2] = [&[("service.name", "cart"), ("service.instance.id", "i-1")], &[]];

/// A point of each kind with these attributes.
fn every_kind<'a>(group: Group, pairs: &'a Pairs<'a>) -> Group {
    let named = |name, metric| Metric { name, ..metric };
    let histogram =
        Histogram { pairs, count: 3, sum: Some(2.0), counts: &[1, 2], bounds: &[0.5], ..Default::default() };
    let exponential = Exponential { pairs, count: 3, positive: (0, &[1, 2]), ..Default::default() };
    group
        .metric(named("a.gauge", GAUGE), &[integer(pairs, 1)])
        .metric(named("a.counter", COUNTER), &[integer(pairs, 1)])
        .metric(named("a.sum", UP_DOWN), &[integer(pairs, 1)])
        .encoded(named("a.histogram", HISTOGRAM), &[histogram.encode()])
        .encoded(named("an.exponential", EXPONENTIAL), &[exponential.encode()])
        .encoded(named("a.summary", SUMMARY), &[summary(pairs, 0, 3, 2.0, &[(0.5, 1.0), (1.0, 2.0)])])
}

/// The samples of both formats, read strictly, and whether all of both are there.
fn shown(config: &str, group: Group) -> (Vec<strict::Sample>, Bench) {
    let mut bench = Bench::new(config);
    bench.consume(Request::default().group(group));
    let text = strict::read(Format::Text, &bench.text()).unwrap();
    let open_metrics = strict::read(Format::OpenMetrics, &bench.scrape(Format::OpenMetrics)).unwrap();
    let omitted = bench.registry.total("otelier_prometheus_omitted_samples", &[]);
    assert_eq!(text.len(), open_metrics.len() + usize::try_from(omitted).unwrap(), "{config}");
    (text, bench)
}

#[test]
fn no_label_of_any_source_stands_there_twice() {
    for (config, service) in CONFIGS.iter().flat_map(|config| SERVICES.map(|service| (config, service))) {
        for key in KEYS {
            let own: [(&str, &str); 1] = [(key, "theirs")];
            let resource = [service, &own].concat();
            let group = |resource: &Pairs<'_>| Group::default().resource(resource).schema_url("u");
            let all = [
                every_kind(group(service).scope("lib", "1", &[]), &own),
                every_kind(group(&resource).scope("lib", "1", &[]), &[]),
                every_kind(group(service).scope("lib", "1", &own), &[]),
                every_kind(group(&resource).scope("", "", &own), &own),
            ];
            for group in all {
                let (samples, _) = shown(config, group);
                let series = samples.iter().filter(|sample| sample.name.starts_with("a_histogram")).count();
                assert_eq!(series, 4, "{key} {config}");
            }
        }
    }
}

#[test]
fn a_senders_label_keeps_its_value_under_another_name() {
    let pairs = [("le", "theirs"), ("quantile", "theirs"), ("exported_le", "other")];
    let (samples, bench) = shown("{}", every_kind(Group::default(), &pairs));
    for sample in samples {
        let le = if sample.name.contains("histogram") || sample.name.contains("exponential") {
            ("exported_le", "other;theirs")
        } else {
            ("le", "theirs")
        };
        let quantile = if sample.name.contains("summary") { "exported_quantile" } else { "quantile" };
        for (name, value) in [le, (quantile, "theirs")] {
            assert_eq!(sample.labels.get(name).map(String::as_str), Some(value), "{name} of {sample:?}");
        }
    }
    assert_eq!(bench.noted("changes", "label_renamed"), 3);
}

#[test]
fn const_labels_win_over_every_source() {
    let config = CONFIGS[2];
    let resource = [("service.name", "cart"), ("env", "resource"), ("job", "resource")];
    let group = Group::default().resource(&resource);
    let (samples, _) = shown(config, every_kind(group, &[("env", "point"), ("job", "point")]));
    for sample in samples.iter().filter(|sample| sample.name != "target_info") {
        let labels = ["env", "job"].map(|name| sample.labels.get(name).map(String::as_str));
        assert_eq!(labels, [Some("test"), Some("fixed")], "{sample:?}");
    }
}

#[test]
fn a_points_label_gives_way_to_the_services_and_the_scopes() {
    let group = Group::default().resource(SERVICES[0]).scope("lib", "1", &[("short", "l")]);
    let point = [("job", "own"), ("otel.scope.name", "lib"), ("otel_scope_version", "2"), ("otel.scope.short", "s")];
    let (samples, bench) = shown("{}", group.metric(Metric { name: "g", ..GAUGE }, &[integer(&point, 1)]));
    for (name, value) in [
        ("job", "cart"),
        ("instance", "i-1"),
        ("point_job", "own"),
        ("otel_scope_name", "lib"),
        ("point_otel_scope_name", "lib"),
        ("otel_scope_version", "1"),
        ("point_otel_scope_version", "2"),
        ("otel_scope_short", "l"),
        ("point_otel_scope_short", "s"),
    ] {
        assert_eq!(samples[0].labels.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert_eq!((samples[0].labels.len(), bench.noted("changes", "label_renamed")), (9, 4));
}

#[test]
fn a_points_label_keeps_its_name_where_the_exporter_does_not_write_it() {
    let point = [("job", "own"), ("otel.scope.name", "lib")];
    let (samples, bench) = shown("{}", Group::default().metric(Metric { name: "g", ..GAUGE }, &[integer(&point, 1)]));
    let labels = ["job", "otel_scope_name"].map(|name| samples[0].labels[name].clone());
    assert_eq!((labels, bench.noted("changes", "label_renamed")), (["own".to_owned(), "lib".to_owned()], 0));
}
