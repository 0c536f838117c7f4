//! Random configurations, in words that both sides have.

use fastrand::Rng;
use otelier::contract::Signal;
use otelier_tests::generate::{chance, pick, several};
use serde_json::{Map, Value, json};

use super::input::KEYS;

/// A processor of one signal.
pub struct Processor {
    pub kind: &'static str,
    pub signal: Signal,
    pub body: Value,
}

/// Patterns of keys.
const KEY_PATTERNS: [&str; 9] = ["^[ab]$", "work|url", "^work\\.", ".", "^$", "(?i)^A$", "n|m", "^größe$", "\\d"];
/// With groups, some of whose names are keys that requests have.
const EXTRACTING: [&str; 9] = [
    r"^(?P<scheme>\w+)://(?P<b>[^/]+)(?:/(?P<path>.*))?",
    r"(?P<c>\d+)",
    r"^(?P<head>.*?)(?P<tail>[0-9]*)$",
    r"(?U)(?P<x>.+)(?P<y>\d)?",
    r"(?P<d>x)|(?P<e>4)",
    r"(?i)(?P<word>CHECK)(?P<rest>.*)",
    r"(?<a>[a-z]+) (?P<n>[a-z]+)",
    r"(?P<one>a|ab)(?P<two>c|bcd)?",
    r"^(?P<whole>(?P<m>[^=]*)=?.*)$",
];

pub fn random(rng: &mut Rng, signal: Signal) -> Processor {
    let actions: Vec<Value> = (0..rng.usize(1..7)).map(|_| action(rng)).collect();
    if chance(rng, 35) {
        return Processor { kind: "resource", signal, body: json!({"attributes": actions}) };
    }
    let mut body = json!({"actions": actions});
    for name in ["include", "exclude"] {
        if chance(rng, 40) {
            body[name] = conditions(rng, signal);
        }
    }
    Processor { kind: "attributes", signal, body }
}

fn action(rng: &mut Rng) -> Value {
    let key = pick(rng, &KEYS);
    let name = |rng: &mut Rng, name: &str| if chance(rng, 10) { name.to_uppercase() } else { name.to_owned() };
    match rng.u32(..12) {
        0..5 => {
            let verb = pick(rng, &["insert", "update", "upsert", "upsert"]);
            let mut action = json!({"key": key, "action": name(rng, verb)});
            match rng.u32(..7) {
                0..3 => action["value"] = value(rng),
                3..5 => action["from_attribute"] = json!(pick(rng, &KEYS)),
                5 => action["from_context"] = json!(context(rng)),
                _ => action["default_value"] = value(rng),
            }
            if chance(rng, 30) {
                action["default_value"] = value(rng);
            }
            action
        }
        5 => json!({"key": key, "action": name(rng, "delete")}),
        6 => json!({"pattern": pick(rng, &KEY_PATTERNS), "action": name(rng, "delete")}),
        7 => json!({"key": key, "action": name(rng, "hash")}),
        8 => json!({"key": key, "pattern": pick(rng, &KEY_PATTERNS), "action": pick(rng, &["hash", "delete"])}),
        9 => json!({"key": key, "pattern": pick(rng, &EXTRACTING), "action": name(rng, "extract")}),
        _ => {
            let converted = pick(rng, &["int", "double", "string"]);
            json!({"key": key, "converted_type": converted, "action": name(rng, "convert")})
        }
    }
}

fn context(rng: &mut Rng) -> &'static str {
    pick(rng, &["client.address", "metadata.x-tenant", "X-Tenant", "metadata.X-Several", "metadata.absent"])
}

fn value(rng: &mut Rng) -> Value {
    match rng.u32(..9) {
        0 => json!("text"),
        1 => json!("42"),
        2 => json!(true),
        3 => json!(rng.i64(-5..5)),
        4 => json!(pick(rng, &[1.5, -0.25, 1e21, 3e-7])),
        5 => json!([1, "a", false]),
        6 => json!({"k": 1, "l": {"m": "n"}}),
        7 => json!("https://shop.example/cart?id=7"),
        _ => json!(""),
    }
}

fn conditions(rng: &mut Rng, signal: Signal) -> Value {
    let is_strict = rng.bool();
    let mut block = Map::new();
    block.insert("match_type".to_owned(), json!(if is_strict { "strict" } else { "regexp" }));
    if chance(rng, 20) {
        block.insert("regexp".to_owned(), json!({"cacheenabled": rng.bool(), "cachemaxnumentries": 10}));
    }
    let texts = |rng: &mut Rng| -> Vec<&str> {
        let mut texts =
            several(
                rng,
                2,
                |rng| if is_strict { pick(rng, &TEXTS) } else { pick(rng, &["^.", "^$", "e", "x|y", "T$"]) },
            );
        texts.push(if is_strict { "checkout" } else { "ch?" });
        texts
    };
    let lists: &[&str] = match signal {
        Signal::Traces => &["services", "span_names", "span_kinds", "attributes", "resources", "libraries"],
        Signal::Logs => {
            &["log_bodies", "log_severity_texts", "log_severity_number", "attributes", "resources", "libraries"]
        }
        Signal::Metrics => &["metric_names", "resources"],
    };
    for _ in 0..rng.usize(1..3) {
        let name = pick(rng, lists);
        let list = match name {
            "attributes" | "resources" => json!([criterion(rng, is_strict)]),
            "libraries" => json!([library(rng, is_strict)]),
            "log_severity_number" => json!({"min": rng.i64(1..20), "match_undefined": rng.bool()}),
            "span_kinds" if is_strict => json!([pick(rng, &["SPAN_KIND_SERVER", "SPAN_KIND_CLIENT"])]),
            "span_kinds" => json!([pick(rng, &["SERVER|INTERNAL", "^SPAN", "^$", "UNSPEC"])]),
            _ => json!(texts(rng)),
        };
        block.insert(name.to_owned(), list);
    }
    block.into()
}

const TEXTS: [&str; 6] = ["", "x", "y", "checkout", "INFO", "<nil-service-name>"];

fn criterion(rng: &mut Rng, is_strict: bool) -> Value {
    let key = pick(rng, &KEYS[..8]);
    match (rng.u32(..4), is_strict) {
        (0, _) => json!({"key": key}),
        (1, true) => json!({"key": key, "value": value(rng)}),
        (_, true) => json!({"key": key, "value": pick(rng, &["x", "y", "42"])}),
        (_, false) => json!({"key": key, "value": pick(rng, &["^x", "[0-9]", "^$", "true|1\\.5", "."])}),
    }
}

fn library(rng: &mut Rng, is_strict: bool) -> Value {
    let name = if is_strict { pick(rng, &TEXTS) } else { pick(rng, &["^$", ".", "ch"]) };
    let mut library = json!({"name": name});
    if rng.bool() {
        library["version"] = json!(if is_strict { "" } else { "^$" });
    }
    library
}
