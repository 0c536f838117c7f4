//! Output metrics: which input leads to which, and how its values are put together.
//!
//! Input metrics of one name and kind are one output metric, unless both have a unit and the two differ. An empty unit says nothing, and
//! neither does an empty description: the output has the first that is not empty.

use otelier_sdk::aggregate::Function;
use otelier_sdk::table::{Fields, put_text};
use otelier_sdk::{Descriptor, Failure, MetricKind, Output, OutputMetric, Storage, Temporality};

use crate::config::Functions;
use crate::slots::{NONE, Slots};
use crate::stored;

/// Output metrics are kept for good; their number is bounded.
const METRICS_MAX: usize = 4096;

/// How the series of a metric change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Increments add up from the start time on.
    Total,
    /// The latest value.
    Last,
    /// A function over the values of one interval.
    Window(Function),
}

/// One output metric. Input of either temporality leads to it.
#[derive(Debug)]
pub struct Metric {
    pub name: String,
    /// The same.
    pub unit: String,
    /// Of the first input that has one.
    pub description: String,
    pub kind: MetricKind,
    pub monotonic: bool,
    /// Of sums and gauges; histograms are totals.
    pub mode: Mode,
    /// Series by key code; histograms have a table of their own.
    pub slots: Slots,
    /// The series for what found no room.
    pub overflow: u32,
    /// Its number at the host, once it was emitted.
    pub output: Option<OutputMetric>,
}

/// Where the rows of an input metric go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Which output metric.
    pub metric: u32,
    pub temporality: Temporality,
    pub kind: MetricKind,
    pub monotonic: bool,
    pub mode: Mode,
}

/// The output metric of a route for what passes.
const NOWHERE: u32 = u32::MAX;

/// All output metrics.
#[derive(Debug)]
pub struct Metrics {
    functions: Functions,
    all: Vec<Metric>,
    /// By the number of the input's descriptor: `Some(None)` where there is no room.
    routes: Vec<Option<Option<Route>>>,
}

impl Metrics {
    pub fn new(functions: Functions) -> Metrics {
        Metrics { functions, all: Vec::new(), routes: Vec::new() }
    }

    pub fn get(&self, metric: u32) -> Option<&Metric> {
        self.all.get(metric as usize)
    }

    pub fn get_mut(&mut self, metric: u32) -> Option<&mut Metric> {
        self.all.get_mut(metric as usize)
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Metric> {
        self.all.iter_mut()
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether any metric has a series under that key code.
    pub fn use_key(&self, code: u32) -> bool {
        self.all.iter().any(|metric| metric.slots.get(code) != NONE)
    }

    /// The route of an input metric that was seen before.
    #[inline]
    pub fn known(&self, descriptor: u32) -> Option<Option<Route>> {
        self.routes.get(descriptor as usize).copied().flatten()
    }

    /// The route of an input metric; makes the output metric where there is none. `None`: no room.
    pub fn route(
        &mut self,
        number: u32,
        descriptor: &Descriptor,
        storage: &mut Storage<'_>,
    ) -> Result<Option<Route>, Failure> {
        let kind = descriptor.kind;
        let monotonic = kind == MetricKind::Sum && descriptor.monotonic;
        let found = match self.find(descriptor, monotonic) {
            _ if kind == MetricKind::Summary => Some(NOWHERE),
            Some(index) => Some(self.complete(index, descriptor, storage)?),
            None if self.all.len() >= METRICS_MAX => None,
            None => Some(self.add(descriptor, monotonic, storage)?),
        };
        let temporality = descriptor.temporality;
        let mode = self.mode(kind);
        let route = found.map(|metric| Route { metric, temporality, kind, monotonic, mode });
        let index = number as usize;
        if self.routes.len() <= index {
            self.routes.resize(index + 1, None);
        }
        if let Some(place) = self.routes.get_mut(index) {
            *place = Some(route);
        }
        Ok(route)
    }

    /// The output metric of an input metric: the one with its unit, else one of which either has no unit.
    fn find(&self, descriptor: &Descriptor, monotonic: bool) -> Option<usize> {
        let is_like = |known: &Metric| {
            known.name == descriptor.name && (known.kind, known.monotonic) == (descriptor.kind, monotonic)
        };
        let with_unit = |unit: &str| self.all.iter().position(|known| is_like(known) && known.unit == unit);
        match descriptor.unit.as_str() {
            "" => with_unit("").or_else(|| self.all.iter().position(is_like)),
            unit => with_unit(unit).or_else(|| with_unit("")),
        }
    }

    /// Gives an output metric the unit and the description that it has not had so far.
    fn complete(&mut self, index: usize, from: &Descriptor, storage: &mut Storage<'_>) -> Result<u32, Failure> {
        let Some(metric) = self.all.get_mut(index) else { return Ok(NOWHERE) };
        let mut is_changed = false;
        for (own, other) in [(&mut metric.unit, &from.unit), (&mut metric.description, &from.description)] {
            if own.is_empty() && !other.is_empty() {
                own.clone_from(other);
                is_changed = true;
            }
        }
        if is_changed {
            // It is described anew.
            metric.output = None;
            storage.set(&key(index as u32), metric.stored())?;
        }
        Ok(index as u32)
    }

    /// Whether the newest output metric has the name of another one, and what to say of the two.
    pub fn clash(&self) -> Option<String> {
        let (newest, others) = self.all.split_last()?;
        let other = others.iter().find(|other| other.name == newest.name)?;
        Some(format!(
            "metric `{}` comes as {} and as {}: each is an output metric of its own; give one another name, or the same unit and kind",
            newest.name,
            other.in_words(),
            newest.in_words()
        ))
    }

    fn mode(&self, kind: MetricKind) -> Mode {
        let function = match kind {
            MetricKind::Sum => self.functions.sum,
            MetricKind::Gauge => self.functions.gauge,
            _ => return Mode::Total,
        };
        match (kind, function) {
            (MetricKind::Sum, Function::Sum) => Mode::Total,
            (_, Function::Last) => Mode::Last,
            (_, function) => Mode::Window(function),
        }
    }

    fn add(&mut self, descriptor: &Descriptor, monotonic: bool, storage: &mut Storage<'_>) -> Result<u32, Failure> {
        let index = self.all.len() as u32;
        let texts = [&descriptor.name, &descriptor.unit, &descriptor.description].map(String::clone);
        self.push(texts, descriptor.kind, monotonic);
        let stored = self.all.last().map(Metric::stored).unwrap_or_default();
        storage.set(&key(index), stored)?;
        Ok(index)
    }

    fn push(&mut self, [name, unit, description]: [String; 3], kind: MetricKind, monotonic: bool) {
        let mode = self.mode(kind);
        let (slots, overflow, output) = (Slots::default(), NONE, None);
        self.all.push(Metric { name, unit, description, kind, monotonic, mode, slots, overflow, output });
    }

    /// Reads what earlier instances made.
    pub fn load(&mut self, storage: &mut Storage<'_>) -> Result<(), Failure> {
        storage.each(&[stored::METRICS], &[stored::METRICS + 1], |stored_key, value| {
            let in_place = stored_key == key(self.all.len() as u32);
            let read = || {
                let mut fields = Fields::new(value);
                let (kind, monotonic) = (kind_of(fields.u8()?)?, fields.u8()? != 0);
                let texts = [fields.text()?, fields.text()?, fields.text()?];
                fields.is_empty().then_some((texts, kind, monotonic))
            };
            let metric = read().filter(|_| in_place);
            let (texts, kind, monotonic) =
                metric.ok_or_else(|| Failure::damaged(format_args!("output metric {stored_key:02x?}")))?;
            self.push(texts, kind, monotonic);
            Ok(())
        })
    }
}

/// As it is stored: the first two are older than the others.
fn kind_byte(kind: MetricKind) -> u8 {
    match kind {
        MetricKind::Gauge => 0,
        MetricKind::Sum => 1,
        MetricKind::Histogram => 2,
        MetricKind::ExponentialHistogram => 3,
        MetricKind::Summary => 4,
    }
}

/// Reads what `kind_byte` wrote; summaries have no output metric.
fn kind_of(byte: u8) -> Option<MetricKind> {
    match byte {
        0 => Some(MetricKind::Gauge),
        1 => Some(MetricKind::Sum),
        2 => Some(MetricKind::Histogram),
        3 => Some(MetricKind::ExponentialHistogram),
        _ => None,
    }
}

fn key(index: u32) -> Vec<u8> {
    [&[stored::METRICS][..], &index.to_be_bytes()].concat()
}

impl Metric {
    fn in_words(&self) -> String {
        let kind = match (self.kind, self.monotonic) {
            (MetricKind::Gauge, _) => "gauge",
            (MetricKind::Sum, true) => "monotonic sum",
            (MetricKind::Sum, false) => "sum",
            (MetricKind::Histogram, _) => "histogram",
            (MetricKind::ExponentialHistogram, _) => "exponential histogram",
            (MetricKind::Summary, _) => "summary",
        };
        match self.unit.as_str() {
            "" => kind.to_owned(),
            unit => format!("{kind} in `{unit}`"),
        }
    }

    /// As it is stored.
    fn stored(&self) -> Vec<u8> {
        let mut value = vec![kind_byte(self.kind), u8::from(self.monotonic)];
        for text in [&self.name, &self.unit, &self.description] {
            put_text(&mut value, text);
        }
        value
    }

    /// Its number at the host.
    pub fn described(&mut self, rename: &str, output: &mut Output<'_>) -> OutputMetric {
        let number = self.output.unwrap_or_else(|| output.describe(self.output_descriptor(rename)));
        self.output = Some(number);
        number
    }

    /// What is emitted: the input's fields under the new name. Only a total stays a sum.
    fn output_descriptor(&self, rename: &str) -> Descriptor {
        let total = self.mode == Mode::Total;
        Descriptor {
            name: rename.replace("{name}", &self.name),
            unit: self.unit.clone(),
            description: self.description.clone(),
            kind: if total { self.kind } else { MetricKind::Gauge },
            temporality: if total { Temporality::Cumulative } else { Temporality::Unspecified },
            monotonic: total && self.monotonic,
        }
    }
}
