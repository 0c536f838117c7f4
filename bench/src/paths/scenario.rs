//! What is measured: a kind of items, and the processors they go through.

use serde_json::{Value, json};

use super::items::{Item, Kind};

/// One path.
pub struct Scenario {
    /// For the line's `bench`, and to choose it by.
    pub name: &'static str,
    /// What is sent.
    pub kind: Kind,
    /// Plugin and configuration, in order.
    pub processors: fn() -> Vec<(&'static str, Value)>,
    /// Which items go on; `None`: the plugin takes all of them in.
    pub kept: Option<fn(&Item) -> bool>,
    /// Where they go.
    pub to: To,
}

/// The end of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// An exporter that keeps nothing.
    Nowhere,
    /// The exporter `otlp`, with its queue in memory, to a server that reads and forgets.
    Otlp,
    /// The same with its queue on disk.
    OtlpByDisk,
    /// As `Otlp`, with a queue that refuses when it is full.
    OtlpOverloaded,
}

const ALL: Option<fn(&Item) -> bool> = Some(|_| true);

/// All of them.
pub const SCENARIOS: &[Scenario] = &[
    Scenario { name: "points", kind: Kind::Points, processors: Vec::new, kept: ALL, to: To::Nowhere },
    Scenario {
        name: "points-delete",
        kind: Kind::Points,
        processors: || vec![delete("work.id")],
        kept: ALL,
        to: To::Nowhere,
    },
    Scenario {
        name: "points-filter",
        kind: Kind::Points,
        processors: || vec![filter_points()],
        kept: Some(not_manual),
        to: To::Nowhere,
    },
    Scenario {
        name: "points-drop-keying",
        kind: Kind::Points,
        processors: || vec![aggregate_dropping()],
        kept: None,
        to: To::Nowhere,
    },
    Scenario {
        name: "gauges-aggregate",
        kind: Kind::Gauges,
        processors: || vec![aggregate()],
        kept: None,
        to: To::Nowhere,
    },
    Scenario { name: "histograms", kind: Kind::Histograms, processors: Vec::new, kept: ALL, to: To::Nowhere },
    Scenario {
        name: "histograms-aggregate",
        kind: Kind::Histograms,
        processors: || vec![aggregate()],
        kept: None,
        to: To::Nowhere,
    },
    Scenario {
        name: "exponential-aggregate",
        kind: Kind::Exponential,
        processors: || vec![aggregate()],
        kept: None,
        to: To::Nowhere,
    },
    Scenario { name: "spans", kind: Kind::Spans, processors: Vec::new, kept: ALL, to: To::Nowhere },
    Scenario {
        name: "spans-delete",
        kind: Kind::Spans,
        processors: || vec![delete("user.id")],
        kept: ALL,
        to: To::Nowhere,
    },
    Scenario {
        name: "spans-filter",
        kind: Kind::Spans,
        processors: || vec![filter_spans()],
        kept: Some(no_health_check),
        to: To::Nowhere,
    },
    Scenario { name: "logs", kind: Kind::Logs, processors: Vec::new, kept: ALL, to: To::Nowhere },
    Scenario {
        name: "logs-delete",
        kind: Kind::Logs,
        processors: || vec![delete("user.id")],
        kept: ALL,
        to: To::Nowhere,
    },
    Scenario {
        name: "logs-filter",
        kind: Kind::Logs,
        processors: || vec![filter_logs()],
        kept: Some(no_debug),
        to: To::Nowhere,
    },
    LOGS_FILTER_BODY,
    Scenario { name: "points-forward", kind: Kind::Points, processors: Vec::new, kept: ALL, to: To::Otlp },
    Scenario { name: "spans-forward", kind: Kind::Spans, processors: Vec::new, kept: ALL, to: To::Otlp },
    Scenario { name: "logs-forward", kind: Kind::Logs, processors: Vec::new, kept: ALL, to: To::Otlp },
    Scenario { name: "logs-forward-disk", kind: Kind::Logs, processors: Vec::new, kept: ALL, to: To::OtlpByDisk },
];

/// A plugin that has more to do than others: patterns in texts.
pub const LOGS_FILTER_BODY: Scenario = Scenario {
    name: "logs-filter-body",
    kind: Kind::Logs,
    processors: || vec![filter_bodies()],
    kept: Some(no_timeout),
    to: To::Nowhere,
};

fn delete(key: &str) -> (&'static str, Value) {
    ("attributes", json!({"actions": [{"key": key, "action": "delete"}]}))
}

fn aggregate() -> (&'static str, Value) {
    ("aggregate", json!({"metrics": ["*"], "group_by": ["work.type"], "interval": "1s"}))
}

fn aggregate_dropping() -> (&'static str, Value) {
    ("aggregate", json!({"metrics": ["*"], "drop": ["work.id"], "interval": "1s"}))
}

fn filter_points() -> (&'static str, Value) {
    let attributes = json!([{"key": "work.type", "value": "^type-0[0-3]$"}]);
    ("filter", json!({"metrics": {"exclude": {"match_type": "regexp", "attributes": attributes}}}))
}

fn not_manual(item: &Item) -> bool {
    item.group >= 4
}

fn filter_spans() -> (&'static str, Value) {
    let exclude =
        json!({"match_type": "regexp", "span_names": ["^GET /(health|ready)"], "status_codes": ["UNSET", "OK"]});
    ("filter", json!({"spans": {"exclude": exclude}}))
}

fn no_health_check(item: &Item) -> bool {
    !item.name.starts_with("GET /health") || item.is_error
}

fn filter_logs() -> (&'static str, Value) {
    let include = json!({"match_type": "strict", "severity_number": {"min": "INFO"}});
    ("filter", json!({"logs": {"include": include}}))
}

fn no_debug(item: &Item) -> bool {
    item.severity >= 9
}

fn filter_bodies() -> (&'static str, Value) {
    ("filter", json!({"logs": {"exclude": {"match_type": "regexp", "bodies": ["timeout after [0-9]+ ms"]}}}))
}

fn no_timeout(item: &Item) -> bool {
    !item.name.contains("timeout")
}
