//! The first plugin of README.md, built from that very text.

use anyhow::{Context, Result, ensure};
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogram, ExponentialHistogramDataPoint, Histogram, HistogramDataPoint, Metric, Summary,
    SummaryDataPoint, metric,
};
use otelier_tests::host::{Configuration, Setup, manifest};
use otelier_tests::payload::{self, Temporality};
use otelier_tests::{environment, wait};
use serde_json::json;

#[test]
fn the_text_of_the_readme_is_what_the_tests_build() -> Result<()> {
    let root = environment::repository();
    let readme = std::fs::read_to_string(root.join("README.md"))?;
    let source = std::fs::read_to_string(root.join("tests/guests/discard/src/lib.rs"))?;
    let blocks = readme.split("```rust\n").skip(1).filter_map(|rest| rest.split("```").next());
    let first = blocks.into_iter().next().context("no such plugin")?;
    ensure!(first == source, "README.md and tests/guests/discard/src/lib.rs differ");
    Ok(())
}

/// A metric of each kind, with one point.
fn of_each_kind(prefix: &str) -> Vec<Metric> {
    let temporality = Temporality::Cumulative as i32;
    let (now, count) = (payload::now(), 1);
    let (start_time_unix_nano, time_unix_nano) = (now - 1, now);
    let histogram = HistogramDataPoint {
        start_time_unix_nano,
        time_unix_nano,
        count,
        sum: Some(3.0),
        bucket_counts: vec![1, 0],
        explicit_bounds: vec![5.0],
        ..Default::default()
    };
    let exponential = ExponentialHistogramDataPoint {
        start_time_unix_nano,
        time_unix_nano,
        count,
        zero_count: 1,
        ..Default::default()
    };
    let summary = SummaryDataPoint { start_time_unix_nano, time_unix_nano, count, sum: 3.0, ..Default::default() };
    let histogram = Histogram { data_points: vec![histogram], aggregation_temporality: temporality };
    let exponential = ExponentialHistogram { data_points: vec![exponential], aggregation_temporality: temporality };
    let named = |name: &str, data| Metric { name: format!("{prefix}.{name}"), data: Some(data), ..Metric::default() };
    vec![
        payload::gauge(&format!("{prefix}.gauge"), vec![payload::integer(1, &[])]),
        payload::counter(&format!("{prefix}.sum"), Temporality::Cumulative, vec![payload::integer(1, &[])]),
        named("histogram", metric::Data::Histogram(histogram)),
        named("exponential", metric::Data::ExponentialHistogram(exponential)),
        named("summary", metric::Data::Summary(Summary { data_points: vec![summary] })),
    ]
}

#[test]
fn it_drops_points_of_every_kind() -> Result<()> {
    let configuration = Configuration::default().processor("discard", json!({"metrics": ["debug.*"]})).pipeline(
        "metrics",
        &["discard"],
        &["debug"],
    );
    let plugins = manifest(&[("discard", &environment::guest("discard")?, json!({}))]);
    let setup = Setup::new(&configuration.text(), &plugins)?;
    let host = setup.start()?;
    host.accepts(&payload::metrics([of_each_kind("debug"), of_each_kind("kept")].concat()))?;
    let kept = ["kept.gauge", "kept.sum", "kept.histogram", "kept.exponential", "kept.summary"];
    wait::until("the others are shown", || Ok(kept.iter().all(|name| setup.output().contains(name)).then_some(())))?;
    ensure!(!setup.output().contains("debug."), "it passed some: {}", setup.output());
    let own = host.own_metrics()?;
    let dropped = own.total("otelier_processor_dropped_items", &[("processor", "discard"), ("reason", "plugin")]);
    ensure!(dropped == 5.0, "{dropped} were dropped");
    ensure!(!setup.log().contains("unread"), "{}", setup.log());
    Ok(())
}
