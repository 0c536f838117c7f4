//! The dashboard: what Grafana needs to load it, and that each query shows something of a real host.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use otelier_tests::environment;
use serde_json::{Value, json};

use crate::full::Full;
use crate::promtool;
use crate::recording::Recording;
use crate::rules;

/// Panels that are in use here, of those that Grafana brings.
const PANELS: [&str; 5] = ["row", "timeseries", "stat", "table", "bargauge"];
/// How wide Grafana's grid is.
const COLUMNS: u64 = 24;
/// Variables that Grafana sets.
const BUILT_IN: [(&str, &str); 1] = [("__rate_interval", "5m")];

fn dashboard() -> Result<Value> {
    let file = environment::repository().join("configs/grafana/dashboard.json");
    Ok(serde_json::from_str(&std::fs::read_to_string(file)?)?)
}

fn list<'v>(value: &'v Value, key: &str) -> Result<&'v Vec<Value>> {
    value[key].as_array().with_context(|| format!("no list `{key}`: {value}"))
}

fn text<'v>(value: &'v Value, key: &str) -> Result<&'v str> {
    value[key].as_str().with_context(|| format!("no text `{key}`: {value}"))
}

/// Title of the panel and query.
fn queries(dashboard: &Value) -> Result<Vec<(&str, &str)>> {
    let mut queries = Vec::new();
    for panel in list(dashboard, "panels")? {
        for target in panel["targets"].as_array().into_iter().flatten() {
            queries.push((text(panel, "title")?, text(target, "expr")?));
        }
    }
    Ok(queries)
}

/// The names behind each `$` of a text.
fn variables(text: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let name = |rest: &str| rest.find(|c| !is_part(c)).unwrap_or(rest.len());
    text.split('$').skip(1).map(|rest| &rest[..name(rest)]).collect()
}

/// A query as Grafana sends it, where everything is chosen.
fn filled(query: &str) -> String {
    let mut query = query.to_owned();
    for (name, value) in BUILT_IN {
        query = query.replace(&format!("${name}"), value);
    }
    for name in ["job", "instance"] {
        query = query.replace(&format!("${name}"), ".*");
    }
    query
}

#[test]
fn grafana_can_load_it() -> Result<()> {
    let dashboard = dashboard()?;
    ensure!(dashboard["schemaVersion"].as_u64().is_some_and(|version| version >= 36), "schemaVersion");
    ensure!(dashboard["id"].is_null(), "an id is the installation's to give");
    ensure!(text(&dashboard, "uid")?.len() <= 40 && !text(&dashboard, "title")?.is_empty());
    ensure!(dashboard["time"]["from"].is_string() && dashboard["time"]["to"].is_string(), "no time");
    let (mut ids, mut cells) = (BTreeSet::new(), BTreeMap::new());
    for panel in list(&dashboard, "panels")? {
        let title = text(panel, "title")?;
        ensure!(ids.insert(panel["id"].as_u64().context("no id")?), "{title}: its id is another's");
        ensure!(PANELS.contains(&text(panel, "type")?), "{title}: {}", panel["type"]);
        for cell in cells_of(&panel["gridPos"]).with_context(|| title.to_owned())? {
            let other = cells.insert(cell, title.to_owned());
            ensure!(other.is_none(), "{title} lies on {other:?}");
        }
        let is_row = panel["type"] == "row";
        ensure!(is_row == panel["targets"].is_null(), "{title}: panels have queries, and rows have none");
        let mut references = BTreeSet::new();
        for target in panel["targets"].as_array().into_iter().flatten() {
            ensure!(references.insert(text(target, "refId")?), "{title}: two queries are {}", target["refId"]);
            ensure!(target["datasource"] == panel["datasource"], "{title}: another data source");
        }
        ensure!(is_row || panel["datasource"] == json!({"type": "prometheus", "uid": "${datasource}"}), "{title}");
        ensure!(is_row || panel["fieldConfig"]["defaults"]["unit"].is_string(), "{title} has no unit");
        ensure!(is_row || text(panel, "description")?.ends_with('.'), "{title}");
    }
    Ok(())
}

fn cells_of(position: &Value) -> Result<Vec<(u64, u64)>> {
    let number = |key: &str| position[key].as_u64().with_context(|| format!("no `{key}` in {position}"));
    let (x, y, width, height) = (number("x")?, number("y")?, number("w")?, number("h")?);
    ensure!(width > 0 && height > 0 && x + width <= COLUMNS, "{position}");
    Ok((x..x + width).flat_map(|x| (y..y + height).map(move |y| (x, y))).collect())
}

#[test]
fn every_variable_is_defined_and_used() -> Result<()> {
    let dashboard = dashboard()?;
    let mut defined = BTreeSet::new();
    for variable in list(&dashboard["templating"], "list")? {
        ensure!(["datasource", "query"].contains(&text(variable, "type")?), "{variable}");
        ensure!(defined.insert(text(variable, "name")?), "twice: {variable}");
    }
    let mut used: BTreeSet<&str> = BTreeSet::from(["datasource"]);
    for (title, query) in queries(&dashboard)? {
        let named = variables(query);
        ensure!(named.contains("job") && named.contains("instance"), "{title} shows other targets too: {query}");
        used.extend(named);
    }
    for variable in list(&dashboard["templating"], "list")?.iter().filter(|variable| variable["type"] == "query") {
        used.extend(variables(text(variable, "definition")?));
    }
    let built_in = BUILT_IN.map(|(name, _)| name);
    used.retain(|name| !built_in.contains(name));
    ensure!(used == defined, "used: {used:?}; defined: {defined:?}");
    Ok(())
}

/// A name or a label that no host has makes a query without a result.
#[test]
fn every_query_and_every_alert_is_about_what_a_host_shows() -> Result<()> {
    let recording = Full::new()?.record(12)?;
    let dashboard = dashboard()?;
    let queries = queries(&dashboard)?;
    ensure!(queries.len() > 30, "only {} queries", queries.len());
    let filled: Vec<String> = queries.iter().map(|(_, query)| filled(query)).collect();
    promtool::has_results(&recording, &filled)?;
    for variable in list(&dashboard["templating"], "list")?.iter().filter(|variable| variable["type"] == "query") {
        let definition = text(variable, "definition")?;
        ensure!(variable["query"]["query"] == definition, "{definition} is not what is asked");
        let arguments = definition.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
        let (series, label) = arguments.and_then(|arguments| arguments.rsplit_once(", ")).context("no label_values")?;
        promtool::has_results(&recording, &[format!("group by ({label}) ({}{{{label}!=\"\"}})", metric(series))])?;
    }
    alerts(&recording)
}

/// The name in front of the braces.
fn metric(series: &str) -> &str {
    series.split_once('{').map_or(series, |(name, _)| name)
}

/// Without what is compared at their ends, alerts show something of a healthy host too.
fn alerts(recording: &Recording) -> Result<()> {
    let mut parts = Vec::new();
    for rule in rules::all()? {
        for part in rule.expr.split("\nor ") {
            let (left, _) = part.rsplit_once(['>', '<']).with_context(|| rule.expr.clone())?;
            parts.push(left.trim().to_owned());
        }
    }
    ensure!(parts.len() > 12, "{parts:?}");
    promtool::has_results(recording, &parts)
}

#[test]
fn a_query_of_what_no_host_shows_is_found() -> Result<()> {
    let recording = Full::new()?.record(2)?;
    for query in ["otelcol_exporter_queue_sise", r#"otelcol_exporter_queue_size{expoter="otlphttp"}"#] {
        ensure!(promtool::has_results(&recording, &[query.to_owned()]).is_err(), "{query}");
    }
    promtool::has_results(&recording, &["otelcol_exporter_queue_size".to_owned()])
}
