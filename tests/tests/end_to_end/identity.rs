//! What makes two streams one series of `aggregate`, and what keeps them apart.

use anyhow::{Result, ensure};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::{NumberDataPoint, ResourceMetrics, ScopeMetrics};
use otelier_tests::host::{Configuration, Setup, aggregate};
use otelier_tests::payload::{self, BuiltMetric, Temporality};
use prost::Message as _;
use serde_json::{Value as Json, json};

const TOTAL: &str = "work_done_batched_total";

fn setup(keys: &[(&str, Json)]) -> Result<Setup> {
    let mut body = aggregate();
    if let Some(body) = body.as_object_mut() {
        body.remove("group_by");
        body.extend(keys.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
    }
    Setup::with_aggregate(&Configuration::aggregate().set("processors/aggregate", body))
}

fn with(value: i64, attribute: Value) -> NumberDataPoint {
    let value_of = Some(AnyValue { value: Some(attribute) });
    let code = KeyValue { key: "code".to_owned(), value: value_of, ..KeyValue::default() };
    NumberDataPoint { attributes: vec![code], ..payload::integer(value, &[]) }
}

/// `code` as an integer and as text: labels could not tell the two apart.
#[test]
fn values_that_are_written_alike_are_one_series_and_told() -> Result<()> {
    for keys in [
        [("group_by", json!(["code"])), ("initial_value", json!("keep"))],
        [("drop", json!(["work.id"])), ("initial_value", json!("keep"))],
    ] {
        let setup = setup(&keys)?;
        let host = setup.start()?;
        let points = || vec![with(5, Value::IntValue(200)), with(7, Value::StringValue("200".to_owned()))];
        host.accepts(&payload::metrics(vec![payload::counter("work.done", Temporality::Cumulative, points())]))?;
        let sum = |host: &otelier_tests::host::Host<'_>| -> Result<Vec<f64>> {
            Ok(host.scrape()?.named(TOTAL).map(|sample| sample.value).collect())
        };
        otelier_tests::wait::until_equal("both are in one series", &vec![12.0], || sum(&host))?;
        host.kill()?;
        let host = setup.start()?;
        host.accepts(&payload::metrics(vec![payload::counter("work.done", Temporality::Delta, points())]))?;
        otelier_tests::wait::until_equal("after a restart as well", &vec![24.0], || sum(&host))?;
        let log = setup.log();
        ensure!(log.contains("comes as an integer and as text") && log.contains("code"), "{log}");
    }
    Ok(())
}

fn scoped(scope: &str, value: i64) -> Vec<u8> {
    let metric =
        payload::counter("work.done", Temporality::Delta, vec![payload::integer(value, &[("work.type", "a")])]);
    let scope = InstrumentationScope { name: scope.to_owned(), version: "2".to_owned(), ..Default::default() };
    let scope_metrics = vec![ScopeMetrics { scope: Some(scope), metrics: vec![metric], ..Default::default() }];
    let resource_metrics = vec![ResourceMetrics { scope_metrics, ..Default::default() }];
    ExportMetricsServiceRequest { resource_metrics }.encode_to_vec()
}

#[test]
fn a_scope_is_part_of_a_series_with_drop_and_not_with_group_by() -> Result<()> {
    let setup_drop = setup(&[("drop", json!([]))])?;
    let host = setup_drop.start()?;
    host.accepts(&scoped("n", 1))?;
    host.accepts(&scoped("q", 2))?;
    for (scope, value) in [("n", 1.0), ("q", 2.0)] {
        let labels = [("work_type", "a"), ("otel_scope_name", scope), ("otel_scope_version", "2")];
        host.wait_for(TOTAL, &labels, value)?;
    }
    let setup_group = setup(&[("group_by", json!(["work.type"]))])?;
    let host = setup_group.start()?;
    host.accepts(&scoped("n", 1))?;
    host.accepts(&scoped("q", 2))?;
    host.wait_for(TOTAL, &[("work_type", "a")], 3.0)
}

/// The two clients of the quick start: an SDK that gives no unit, and a line for curl that gives one.
#[test]
fn a_sender_without_a_unit_and_one_with_it_add_to_one_series() -> Result<()> {
    for units in [["", "1"], ["1", ""]] {
        let setup = setup(&[("group_by", json!(["work.type"]))])?;
        let host = setup.start()?;
        for (unit, value) in units.into_iter().zip([100, 1]) {
            let point = payload::integer(value, &[("work.type", "manual")]);
            let metric = payload::counter("work.done", Temporality::Delta, vec![point]);
            let metric = BuiltMetric { unit: unit.to_owned(), description: String::new(), ..metric };
            host.accepts(&payload::metrics(vec![metric]))?;
            // Shown before the other comes.
            host.wait_for(TOTAL, &[("work_type", "manual")], if value == 100 { 100.0 } else { 101.0 })?;
        }
        ensure!(host.scrape()?.named(TOTAL).count() == 1, "{:?}", host.scrape()?.samples);
    }
    Ok(())
}
