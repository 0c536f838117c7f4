//! All metrics of one process, by name and labels.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::histogram::{Histogram, Observations};
use super::{process, text};

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

/// Names and values, in the order in which they are shown.
pub type Labels = Vec<(String, String)>;

/// What a family of metrics is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Durations by bucket.
    Histogram,
}

/// All metrics of one process. Clones share the same metrics.
#[derive(Debug, Clone, Default)]
pub struct Registry(Arc<Mutex<BTreeMap<&'static str, Family>>>);

#[derive(Debug)]
struct Family {
    help: &'static str,
    kind: Kind,
    series: BTreeMap<Labels, Handle>,
}

#[derive(Clone)]
enum Handle {
    Counter(Counter),
    Gauge(Gauge),
    Histogram(Histogram),
    /// Asked when it is shown.
    Measured(Arc<dyn Fn() -> f64 + Send + Sync>),
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value().fmt(f)
    }
}

/// One value at the moment it is shown.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Of a counter.
    Count(u64),
    /// Of a gauge.
    Level(i64),
    /// Of a counter or gauge that is measured when it is shown.
    Measured(f64),
    /// Of a histogram.
    Observations(Observations),
}

/// A family at the moment it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct FamilyShown {
    /// Its name.
    pub name: &'static str,
    /// What it says, in a sentence.
    pub help: &'static str,
    /// What it is.
    pub kind: Kind,
    /// At least one, in the order of their labels.
    pub series: Vec<SeriesShown>,
}

/// One set of labels at the moment it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesShown {
    /// What distinguishes it.
    pub labels: Labels,
    /// Its value.
    pub value: Value,
}

impl Handle {
    fn value(&self) -> Value {
        match self {
            Handle::Counter(counter) => Value::Count(counter.get()),
            Handle::Gauge(gauge) => Value::Level(gauge.get()),
            Handle::Histogram(histogram) => Value::Observations(histogram.get()),
            Handle::Measured(measure) => Value::Measured(measure()),
        }
    }
}

impl Registry {
    /// The counter of that name and label set, made at first use. A name that is already something else gives a handle that is not shown.
    pub fn counter(&self, name: &'static str, help: &'static str, labels: &[(&str, &str)]) -> Counter {
        match self.handle(name, help, Kind::Counter, labels, || Handle::Counter(Counter::default())) {
            Some(Handle::Counter(counter)) => counter,
            _ => Counter::default(),
        }
    }

    /// The gauge of that name and label set, made at first use. A name that is already something else gives a handle that is not shown.
    pub fn gauge(&self, name: &'static str, help: &'static str, labels: &[(&str, &str)]) -> Gauge {
        match self.handle(name, help, Kind::Gauge, labels, || Handle::Gauge(Gauge::default())) {
            Some(Handle::Gauge(gauge)) => gauge,
            _ => Gauge::default(),
        }
    }

    /// The histogram of that name and label set, made at first use. A name that is already something else gives a handle that is not shown.
    pub fn histogram(&self, name: &'static str, help: &'static str, labels: &[(&str, &str)]) -> Histogram {
        match self.handle(name, help, Kind::Histogram, labels, || Handle::Histogram(Histogram::default())) {
            Some(Handle::Histogram(histogram)) => histogram,
            _ => Histogram::default(),
        }
    }

    /// A counter or gauge that is asked for its value whenever it is shown; `measure` must not use the registry.
    pub fn measure(
        &self,
        name: &'static str,
        help: &'static str,
        kind: Kind,
        labels: &[(&str, &str)],
        measure: impl Fn() -> f64 + Send + Sync + 'static,
    ) {
        let measure = Arc::new(measure);
        self.handle(name, help, kind, labels, || Handle::Measured(measure));
    }

    /// Shows what the process takes, and as whom it runs (`target_info`), by the attributes of its resource.
    pub fn show_process(&self, resource: &[(String, String)]) {
        process::measure(self);
        let labels: Vec<(&str, &str)> = resource.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.gauge("target_info", "Target metadata", &labels).set(1);
    }

    fn handle(
        &self,
        name: &'static str,
        help: &'static str,
        kind: Kind,
        labels: &[(&str, &str)],
        make: impl FnOnce() -> Handle,
    ) -> Option<Handle> {
        let mut families = self.families();
        let family = families.entry(name).or_insert_with(|| Family { help, kind, series: BTreeMap::new() });
        (family.kind == kind).then(|| family.series.entry(owned(labels)).or_insert_with(make).clone())
    }

    fn families(&self) -> MutexGuard<'_, BTreeMap<&'static str, Family>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows that label set no more. A handle that somebody holds counts on unseen.
    pub fn forget(&self, name: &str, labels: &[(&str, &str)]) {
        if let Some(family) = self.families().get_mut(name) {
            family.series.remove(&owned(labels));
        }
    }

    /// Everything as it is now, in the order of names.
    pub fn show(&self) -> Vec<FamilyShown> {
        let series =
            |(labels, handle): (&Labels, &Handle)| SeriesShown { labels: labels.clone(), value: handle.value() };
        let shown = |(&name, family): (&&'static str, &Family)| FamilyShown {
            name,
            help: family.help,
            kind: family.kind,
            series: family.series.iter().map(series).collect(),
        };
        self.families().iter().filter(|(_, family)| !family.series.is_empty()).map(shown).collect()
    }

    /// One family's series as they are now; none where there is no such family.
    pub fn series(&self, name: &str) -> Vec<(Labels, Value)> {
        let families = self.families();
        let series = families.get(name).into_iter().flat_map(|family| &family.series);
        series.map(|(labels, handle)| (labels.clone(), handle.value())).collect()
    }

    /// Everything, in the Prometheus text exposition format 0.0.4.
    pub fn render(&self) -> String {
        text::render(&self.show())
    }

    /// The sum over all label sets of `name` that contain every pair of `labels`, of a histogram the number of observations: what a test asks
    /// of the ledger.
    pub fn total(&self, name: &str, labels: &[(&str, &str)]) -> i64 {
        let families = self.families();
        let Some(family) = families.get(name) else { return 0 };
        let wanted = owned(labels);
        let matches = |found: &Labels| wanted.iter().all(|label| found.contains(label));
        let value = |handle: &Handle| match handle.value() {
            Value::Count(count) => i64::try_from(count).unwrap_or(i64::MAX),
            Value::Level(level) => level,
            Value::Measured(value) => value as i64,
            Value::Observations(observations) => i64::try_from(observations.count()).unwrap_or(i64::MAX),
        };
        family.series.iter().filter(|(found, _)| matches(found)).map(|(_, handle)| value(handle)).sum()
    }
}

fn owned(labels: &[(&str, &str)]) -> Labels {
    labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
