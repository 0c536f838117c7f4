//! The host's own metrics: a registry of counters and gauges, rendered in the Prometheus text format on port 8888.
//!
//! Names are the OpenTelemetry Collector's where it has one (`otelcol_receiver_accepted_metric_points`), without a type
//! suffix, as its own endpoint writes them. A handle is an `Arc` of one atomic: counting costs no lock and no look-up.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A value that only grows.
#[derive(Debug, Clone, Default)]
pub struct Counter(Arc<AtomicU64>);

impl Counter {
    /// Adds `count`.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// The value so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A value that goes up and down.
#[derive(Debug, Clone, Default)]
pub struct Gauge(Arc<AtomicI64>);

impl Gauge {
    /// Replaces the value.
    pub fn set(&self, value: i64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Adds `delta`, which may be negative.
    pub fn add(&self, delta: i64) {
        self.0.fetch_add(delta, Ordering::Relaxed);
    }

    /// The current value.
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// All metrics of one process. Clones share the same metrics.
#[derive(Debug, Clone, Default)]
pub struct Registry(Arc<Mutex<BTreeMap<&'static str, Family>>>);

#[derive(Debug)]
struct Family {
    help: &'static str,
    /// Rendered label set → handle.
    series: BTreeMap<String, Handle>,
}

#[derive(Debug, Clone)]
enum Handle {
    Counter(Counter),
    Gauge(Gauge),
}

impl Registry {
    /// The counter of that name and label set, made at first use. A name that is already a gauge gives a handle that is
    /// not rendered.
    pub fn counter(&self, name: &'static str, help: &'static str, labels: &[(&str, &str)]) -> Counter {
        match self.handle(name, help, labels, || Handle::Counter(Counter::default())) {
            Handle::Counter(counter) => counter,
            Handle::Gauge(_) => Counter::default(),
        }
    }

    /// The gauge of that name and label set, made at first use. A name that is already a counter gives a handle that is
    /// not rendered.
    pub fn gauge(&self, name: &'static str, help: &'static str, labels: &[(&str, &str)]) -> Gauge {
        match self.handle(name, help, labels, || Handle::Gauge(Gauge::default())) {
            Handle::Gauge(gauge) => gauge,
            Handle::Counter(_) => Gauge::default(),
        }
    }

    fn handle(&self, name: &'static str, help: &'static str, labels: &[(&str, &str)], make: fn() -> Handle) -> Handle {
        let mut families = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let family = families.entry(name).or_insert_with(|| Family { help, series: BTreeMap::new() });
        family.series.entry(render_labels(labels)).or_insert_with(make).clone()
    }

    /// Shows that label set no more. A handle that somebody holds counts on unseen.
    pub fn forget(&self, name: &str, labels: &[(&str, &str)]) {
        let mut families = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(family) = families.get_mut(name) {
            family.series.remove(&render_labels(labels));
        }
    }

    /// Everything, in the Prometheus text exposition format 0.0.4.
    pub fn render(&self) -> String {
        let families = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        for (name, family) in families.iter() {
            let kind = match family.series.values().next() {
                Some(Handle::Gauge(_)) => "gauge",
                _ => "counter",
            };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "# HELP {name} {}\n# TYPE {name} {kind}", family.help);
            for (labels, handle) in &family.series {
                let _ = match handle {
                    Handle::Counter(counter) => writeln!(text, "{name}{labels} {}", counter.get()),
                    Handle::Gauge(gauge) => writeln!(text, "{name}{labels} {}", gauge.get()),
                };
            }
        }
        text
    }

    /// The sum over all label sets of `name` that contain every pair of `labels`: what a test asks of the ledger.
    pub fn total(&self, name: &str, labels: &[(&str, &str)]) -> i64 {
        let families = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(family) = families.get(name) else { return 0 };
        let wanted: Vec<String> = labels.iter().map(render_label).collect();
        let matches = |rendered: &str| wanted.iter().all(|label| rendered.contains(label.as_str()));
        family
            .series
            .iter()
            .filter(|(rendered, _)| matches(rendered))
            .map(|(_, handle)| match handle {
                Handle::Counter(counter) => i64::try_from(counter.get()).unwrap_or(i64::MAX),
                Handle::Gauge(gauge) => gauge.get(),
            })
            .sum()
    }
}

fn render_labels(labels: &[(&str, &str)]) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let pairs: Vec<String> = labels.iter().map(render_label).collect();
    format!("{{{}}}", pairs.join(","))
}

fn render_label((name, value): &(&str, &str)) -> String {
    let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("{name}=\"{escaped}\"")
}
