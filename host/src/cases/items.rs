//! A request as items with flat fields, so that two can be compared one by one.

use std::collections::BTreeMap;

use serde_json::Value;

/// An item: a point, a metric without points, a span or a log record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What it is, for people: `point {route="/"} of work.done`.
    pub name: String,
    /// What distinguishes it from others: where both have it, they are the same item.
    pub identity: String,
    /// What it has in common with the item that it was, or will be, when its identity changes.
    pub kin: String,
    /// Each field by its path, as text.
    pub fields: BTreeMap<String, String>,
}

/// Names whose zero is a value: they are in a oneof, or optional.
const KEEP_ZEROES: &[&str] =
    &["asDouble", "asInt", "boolValue", "bytesValue", "doubleValue", "intValue", "max", "min", "stringValue", "sum"];

/// What holds points.
const KINDS: &[&str] = &["gauge", "sum", "histogram", "exponentialHistogram", "summary"];

type Fields = BTreeMap<String, String>;

/// The items of a request, in their order.
pub fn items(request: &Value) -> Vec<Item> {
    let mut found = Vec::new();
    let roots = [
        ("resourceMetrics", "scopeMetrics", "metrics"),
        ("resourceSpans", "scopeSpans", "spans"),
        ("resourceLogs", "scopeLogs", "logRecords"),
    ];
    for (resources, scopes, leaves) in roots {
        for resource in list(&request[resources]) {
            let mut of_resource = Fields::new();
            flatten("resource", &resource["resource"], &mut of_resource);
            flatten("resource.schemaUrl", &resource["schemaUrl"], &mut of_resource);
            for scope in list(&resource[scopes]) {
                let mut of_scope = of_resource.clone();
                flatten("scope", &scope["scope"], &mut of_scope);
                flatten("scope.schemaUrl", &scope["schemaUrl"], &mut of_scope);
                for leaf in list(&scope[leaves]) {
                    match leaves {
                        "metrics" => points(leaf, &of_scope, &mut found),
                        "spans" => found.push(span(leaf, of_scope.clone())),
                        _ => found.push(record(leaf, of_scope.clone())),
                    }
                }
            }
        }
    }
    found
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn points(metric: &Value, above: &Fields, found: &mut Vec<Item>) {
    let name = text(&metric["name"]);
    let kind = KINDS.iter().find(|kind| metric.get(**kind).is_some()).copied().unwrap_or("metric");
    let mut of_metric = above.clone();
    for (key, value) in metric.as_object().into_iter().flatten().filter(|(key, _)| *key != kind) {
        flatten(&format!("metric.{key}"), value, &mut of_metric);
    }
    for (key, value) in metric[kind].as_object().into_iter().flatten().filter(|(key, _)| *key != "dataPoints") {
        flatten(&format!("metric.{kind}.{key}"), value, &mut of_metric);
    }
    of_metric.insert("metric.kind".to_owned(), kind.to_owned());
    let all = list(&metric[kind]["dataPoints"]);
    if all.is_empty() {
        found.push(item(format!("metric {name} without points"), name, String::new(), of_metric.clone()));
    }
    for point in all {
        let mut fields = of_metric.clone();
        flatten("", point, &mut fields);
        let attributes = braces(&fields, "attributes[");
        let identity = format!("{} {attributes} {}", braces(&fields, "resource."), braces(&fields, "scope."));
        found.push(item(format!("point {attributes} of {name}"), &format!("{kind} {name}"), identity, fields));
    }
}

fn span(span: &Value, mut fields: Fields) -> Item {
    flatten("", span, &mut fields);
    let (name, id) = (text(&span["name"]), text(&span["spanId"]));
    item(format!("span {name} {id}"), "span", format!("{} {id}", text(&span["traceId"])), fields)
}

fn record(record: &Value, mut fields: Fields) -> Item {
    flatten("", record, &mut fields);
    let body = fields.get("body").cloned().unwrap_or_default();
    let shown: String = body.chars().take(40).collect();
    let time = text(&record["timeUnixNano"]).to_owned();
    item(format!("record {shown}"), "record", format!("{time} {body} {}", braces(&fields, "resource.")), fields)
}

fn item(name: String, kin: &str, identity: String, fields: Fields) -> Item {
    Item { name, identity: format!("{kin} {identity}"), kin: kin.to_owned(), fields }
}

/// Fields whose path begins so, for people.
fn braces(fields: &Fields, prefix: &str) -> String {
    let shown = fields.iter().filter_map(|(key, value)| {
        let rest = key.strip_prefix(prefix)?;
        Some(format!("{}={value}", rest.trim_start_matches("attributes[").trim_end_matches(']')))
    });
    format!("{{{}}}", shown.collect::<Vec<_>>().join(", "))
}

/// Writes what is below a path, a scalar each. Fields that say nothing are left out, as protobuf does.
fn flatten(path: &str, value: &Value, fields: &mut Fields) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        Value::Null => {}
        Value::Object(entries) => match any_value(value) {
            Some(shown) => insert(fields, path.to_owned(), shown),
            None => entries.iter().for_each(|(key, value)| {
                if !says_nothing(key, value) {
                    flatten(&below(key), value, fields);
                }
            }),
        },
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                match element["key"].as_str() {
                    Some(key) => {
                        let shown = any_value(&element["value"]).unwrap_or_else(|| "null".to_owned());
                        insert(fields, format!("{path}[{key}]"), shown);
                    }
                    None => flatten(&format!("{path}[{index}]"), element, fields),
                }
            }
        }
        scalar => insert(fields, path.to_owned(), shown(scalar)),
    }
}

/// A key may stand twice.
fn insert(fields: &mut Fields, path: String, value: String) {
    let mut place = path.clone();
    for number in 2.. {
        if !fields.contains_key(&place) {
            break;
        }
        place = format!("{path}#{number}");
    }
    fields.insert(place, value);
}

fn says_nothing(key: &str, value: &Value) -> bool {
    let is_zero = match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty() || text == "0",
        Value::Array(elements) => elements.is_empty(),
        Value::Bool(true) | Value::Object(_) => false,
    };
    is_zero && !KEEP_ZEROES.contains(&key)
}

fn shown(scalar: &Value) -> String {
    match scalar {
        Value::String(text) if text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok() => text.clone(),
        other => other.to_string(),
    }
}

/// The value of an attribute, or a body: with its type, as `1` and `"1"` are two.
fn any_value(value: &Value) -> Option<String> {
    let entries = value.as_object()?;
    let mut entries = entries.iter();
    let (Some((kind, inner)), None) = (entries.next(), entries.next()) else { return None };
    match kind.as_str() {
        "stringValue" => Some(Value::from(text(inner)).to_string()),
        "intValue" => Some(inner.as_str().map_or_else(|| inner.to_string(), str::to_owned)),
        "doubleValue" => Some(inner.as_f64().map_or_else(|| inner.to_string(), |number| format!("{number:?}"))),
        "boolValue" => Some(inner.to_string()),
        "bytesValue" => Some(format!("bytes {inner}")),
        "arrayValue" | "kvlistValue" => {
            let values = list(&inner["values"]);
            let shown: Vec<String> = values.iter().map(element).collect();
            Some(if kind == "arrayValue" {
                format!("[{}]", shown.join(", "))
            } else {
                format!("{{{}}}", shown.join(", "))
            })
        }
        _ => None,
    }
}

/// Of a list, or of a map.
fn element(value: &Value) -> String {
    match value["key"].as_str() {
        Some(key) => format!("{key}={}", any_value(&value["value"]).unwrap_or_else(|| "null".to_owned())),
        None => any_value(value).unwrap_or_else(|| "null".to_owned()),
    }
}
