//! Output metrics: which input leads to which, and how its values are put together.

use otelier_sdk::aggregate::Function;
use otelier_sdk::table::{Fields, put_text};
use otelier_sdk::{Descriptor, Failure, MetricKind, OutputMetric, Storage, Temporality};

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
    pub unit: String,
    /// Of the first input.
    pub description: String,
    pub is_sum: bool,
    pub monotonic: bool,
    pub mode: Mode,
    /// Series by key code.
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
    pub is_sum: bool,
    pub monotonic: bool,
    pub mode: Mode,
}

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
        let is_sum = descriptor.kind == MetricKind::Sum;
        let monotonic = is_sum && descriptor.monotonic;
        let same = |known: &Metric| {
            known.name == descriptor.name
                && known.unit == descriptor.unit
                && (known.is_sum, known.monotonic) == (is_sum, monotonic)
        };
        let found = match self.all.iter().position(same) {
            Some(index) => Some(index as u32),
            None if self.all.len() >= METRICS_MAX => None,
            None => Some(self.add(descriptor, is_sum, monotonic, storage)?),
        };
        let temporality = descriptor.temporality;
        let mode = self.mode(is_sum);
        let route = found.map(|metric| Route { metric, temporality, is_sum, monotonic, mode });
        let index = number as usize;
        if self.routes.len() <= index {
            self.routes.resize(index + 1, None);
        }
        if let Some(place) = self.routes.get_mut(index) {
            *place = Some(route);
        }
        Ok(route)
    }

    fn mode(&self, is_sum: bool) -> Mode {
        match (is_sum, if is_sum { self.functions.sum } else { self.functions.gauge }) {
            (true, Function::Sum) => Mode::Total,
            (_, Function::Last) => Mode::Last,
            (_, function) => Mode::Window(function),
        }
    }

    fn add(
        &mut self,
        descriptor: &Descriptor,
        is_sum: bool,
        monotonic: bool,
        storage: &mut Storage<'_>,
    ) -> Result<u32, Failure> {
        let index = self.all.len() as u32;
        let mut value = vec![u8::from(is_sum), u8::from(monotonic)];
        for text in [&descriptor.name, &descriptor.unit, &descriptor.description] {
            put_text(&mut value, text);
        }
        storage.set(&key(index), value)?;
        let texts = [&descriptor.name, &descriptor.unit, &descriptor.description].map(String::clone);
        self.push(texts, is_sum, monotonic);
        Ok(index)
    }

    fn push(&mut self, [name, unit, description]: [String; 3], is_sum: bool, monotonic: bool) {
        let mode = self.mode(is_sum);
        let (slots, overflow, output) = (Slots::default(), NONE, None);
        self.all.push(Metric { name, unit, description, is_sum, monotonic, mode, slots, overflow, output });
    }

    /// Reads what earlier instances made.
    pub fn load(&mut self, storage: &mut Storage<'_>) -> Result<(), Failure> {
        storage.each(&[stored::METRICS], &[stored::METRICS + 1], |stored_key, value| {
            let in_place = stored_key == key(self.all.len() as u32);
            let read = || {
                let mut fields = Fields::new(value);
                let (is_sum, monotonic) = (fields.u8()? != 0, fields.u8()? != 0);
                let texts = [fields.text()?, fields.text()?, fields.text()?];
                fields.is_empty().then_some((texts, is_sum, monotonic))
            };
            let metric = read().filter(|_| in_place);
            let (texts, is_sum, monotonic) =
                metric.ok_or_else(|| Failure::damaged(format_args!("output metric {stored_key:02x?}")))?;
            self.push(texts, is_sum, monotonic);
            Ok(())
        })
    }
}

fn key(index: u32) -> Vec<u8> {
    [&[stored::METRICS][..], &index.to_be_bytes()].concat()
}

impl Metric {
    /// What is emitted: the input's fields under the new name. Only a total stays a sum.
    pub fn output_descriptor(&self, rename: &str) -> Descriptor {
        let total = self.mode == Mode::Total;
        Descriptor {
            name: rename.replace("{name}", &self.name),
            unit: self.unit.clone(),
            description: self.description.clone(),
            kind: if total { MetricKind::Sum } else { MetricKind::Gauge },
            temporality: if total { Temporality::Cumulative } else { Temporality::Unspecified },
            monotonic: total && self.monotonic,
        }
    }
}
