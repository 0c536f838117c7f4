//! A part of a configuration, put into the quick start's so that it can be checked.

use anyhow::{Context, Result};
use otelier::config::Node;
use otelier_tests::environment;
use serde_json::{Value, json};

/// The whole that it makes, as JSON, which is YAML. What the part defines is used, where it does not say itself how.
pub fn whole(part: &str) -> Result<String> {
    let quick_start = std::fs::read_to_string(environment::repository().join("configs/quickstart.yaml"))?;
    let mut whole = quick_start.parse::<Node>()?.to_json();
    let part = part.parse::<Node>().context("the part is no YAML")?.to_json();
    let says_how = !part["service"]["pipelines"].is_null();
    if let (false, Some(pipelines)) = (says_how, whole.pointer_mut("/service/pipelines").and_then(Value::as_object_mut))
    {
        for (section, every) in [("receivers", true), ("processors", false), ("exporters", false)] {
            for id in keys(&part[section]) {
                for (name, pipeline) in pipelines.iter_mut() {
                    if every || name == "metrics" {
                        add(pipeline, section, &id);
                    }
                }
            }
        }
    }
    for id in keys(&part["extensions"]) {
        add(&mut whole["service"], "extensions", &id);
    }
    merge(&mut whole, part);
    Ok(format!("{whole:#}"))
}

fn keys(section: &Value) -> Vec<String> {
    section.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect()
}

fn add(to: &mut Value, list: &str, id: &str) {
    let known = to[list].as_array().cloned().unwrap_or_default();
    if !known.iter().any(|item| item == id) {
        to[list] = known.into_iter().chain([json!(id)]).collect();
    }
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

#[test]
fn a_part_is_used_where_it_stands() -> Result<()> {
    let whole: Value = serde_json::from_str(&whole("exporters: {nop: }\nextensions: {rocksdb: {max_bytes: 1}}")?)?;
    assert_eq!(whole["service"]["pipelines"]["metrics"]["exporters"], json!(["prometheus", "debug", "nop"]));
    assert_eq!(whole["service"]["extensions"], json!(["health_check", "rocksdb"]));
    assert_eq!(whole["extensions"]["rocksdb"]["max_bytes"], 1);
    Ok(())
}
