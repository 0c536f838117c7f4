//! A plugin's declarations in the words of its author.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::contract::Signal;
use crate::otlp::columns::HistogramColumns;
use crate::otlp::descriptors::Kinds;
use crate::otlp::key::Level;
use crate::otlp::keying::{Grouping, Keying, Source};
use crate::otlp::metrics::Temporality;
use crate::otlp::projection::Projection;
use crate::processor::Declared;

/// What one signal's instance declares.
pub fn report(signal: Signal, declared: &Declared) -> Value {
    let projection = &declared.projection;
    let kinds = Some(projection.kinds()).filter(|_| signal == Signal::Metrics && projection.reads(signal));
    json!({
        "signal": signal.name(),
        "reads": projection.reads(signal),
        "metrics": projection.metrics,
        "kinds": kinds.map(Kinds::read),
        "unread_kinds": kinds.map(Kinds::unread),
        "columns": columns(projection),
        "values_of": projection.values_of.iter().map(source).collect::<Vec<_>>(),
        "keyings": projection.keyings.iter().map(keying).collect::<Vec<_>>(),
        "state_format": declared.state_format,
        "flush_every_ms": declared.flush_every_ms,
    })
}

fn columns(projection: &Projection) -> Vec<&'static str> {
    let HistogramColumns { buckets, exponential_buckets, quantiles, exemplars } = projection.histograms;
    let flags = [
        (projection.values, "values"),
        (projection.times, "times"),
        (projection.start_times, "start_times"),
        (buckets, "buckets"),
        (exponential_buckets, "exponential_buckets"),
        (quantiles, "quantiles"),
        (exemplars, "exemplars"),
        (projection.bare_metrics, "metrics_without_points"),
        (projection.unnumbered_metrics, "unnumbered_metrics"),
    ];
    let named = flags.into_iter().filter(|(wanted, _)| *wanted).map(|(_, name)| name);
    named.chain(projection.words.names()).collect()
}

fn attribute(level: Level, key: &[u8]) -> String {
    let key = String::from_utf8_lossy(key);
    match level {
        Level::Resource => format!("resource attribute {key}"),
        Level::Scope => format!("scope attribute {key}"),
        Level::Item => format!("attribute {key}"),
        Level::Field => format!("field {key}"),
        Level::Metadata => format!("metadata {key}"),
        Level::ScopeIdentity | Level::MetricIdentity => key.into_owned(),
    }
}

fn source(source: &Source) -> String {
    match source {
        Source::Attribute(level, key) => attribute(*level, key),
        Source::Field(field) => format!("field {}", field.name()),
    }
}

fn keying(keying: &Keying) -> Value {
    let all = |attributes: &[(Level, Vec<u8>)]| {
        attributes.iter().map(|(level, key)| attribute(*level, key)).collect::<Vec<_>>()
    };
    let (by, attributes) = match &keying.grouping {
        Grouping::Keep(attributes) => ("keep", all(attributes)),
        Grouping::Drop(attributes) => ("drop", all(attributes)),
        Grouping::Stream(None) => ("stream", Vec::new()),
        Grouping::Stream(Some(Temporality::Cumulative)) => ("stream of cumulative points", Vec::new()),
        Grouping::Stream(Some(Temporality::Delta)) => ("stream of delta points", Vec::new()),
        Grouping::Stream(Some(Temporality::Unspecified)) => ("stream of points without temporality", Vec::new()),
    };
    json!({ "by": by, "attributes": attributes, "durable": keying.durable, "alike": keying.alike })
}

/// The same as lines.
pub fn text(report: &Value) -> String {
    let list = |value: &Value| {
        let items = value.as_array().into_iter().flatten().filter_map(Value::as_str);
        items.collect::<Vec<_>>().join(", ")
    };
    let mut text = format!("declares for {}:\n", report["signal"].as_str().unwrap_or_default());
    if report["reads"] == false {
        text.push_str("  nothing: its batches pass untouched\n");
    }
    for (key, name) in [
        ("metrics", "metrics"),
        ("kinds", "kinds"),
        ("unread_kinds", "kinds that pass unread"),
        ("columns", "columns"),
        ("values_of", "columns of values"),
    ] {
        if report[key].as_array().is_some_and(|items| !items.is_empty()) {
            // Writing to a String cannot fail, here and below.
            let _ = writeln!(text, "  {name}: {}", list(&report[key]));
        }
    }
    for keying in report["keyings"].as_array().into_iter().flatten() {
        let by = keying["by"].as_str().unwrap_or_default();
        let attributes = list(&keying["attributes"]);
        let durable = if keying["durable"] == true { ", kept with the state" } else { "" };
        let alike = if keying["alike"] == true { ", integer 1 is text `1`" } else { "" };
        let _ = writeln!(text, "  keying: {by} [{attributes}]{durable}{alike}");
    }
    if let Some(format) = report["state_format"].as_u64() {
        let _ = writeln!(text, "  state: format {format}");
    }
    if let Some(interval) = report["flush_every_ms"].as_u64() {
        let _ = writeln!(text, "  flush: every {interval} ms");
    }
    text
}
