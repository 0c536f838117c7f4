//! Metrics as a test writes them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::aggregate::Number;
use crate::{Descriptor, MetricKind, Temporality};

/// The kind of a metric.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// A monotonic sum of increments.
    #[default]
    DeltaSum,
    /// A monotonic sum of totals.
    CumulativeSum,
    /// A sum of increments that may fall.
    DeltaUpDownSum,
    /// A sum of totals that may fall.
    CumulativeUpDownSum,
    /// A sum whose sender did not say what its points are.
    UnspecifiedSum,
    /// A gauge.
    Gauge,
}

/// A metric and its points.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// `name`.
    pub name: String,
    /// `unit`.
    #[serde(default)]
    pub unit: String,
    /// `description`.
    #[serde(default)]
    pub description: String,
    /// Kind, temporality and monotonicity.
    #[serde(default)]
    pub shape: Shape,
    /// The points.
    pub points: Vec<Point>,
}

/// A point. Times are in nanoseconds since the Unix epoch, 0 unset; in a case's files they are in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// Attributes of the resource.
    #[serde(default)]
    pub resource: BTreeMap<String, String>,
    /// Attributes of the scope.
    #[serde(default)]
    pub scope: BTreeMap<String, String>,
    /// Attributes of the point.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// `start_time_unix_nano`.
    #[serde(default, rename = "start_ms", deserialize_with = "milliseconds")]
    pub start_time: u64,
    /// `time_unix_nano`.
    #[serde(default, rename = "time_ms", deserialize_with = "milliseconds")]
    pub time: u64,
    /// `None`: "no recorded value".
    #[serde(default, deserialize_with = "number")]
    pub value: Option<Number>,
}

/// What a call emitted of one metric.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Emitted {
    /// `name`.
    pub name: String,
    /// `unit`.
    #[serde(default)]
    pub unit: String,
    /// `description`.
    #[serde(default)]
    pub description: String,
    /// Kind, temporality and monotonicity.
    pub shape: Shape,
    /// The points, ordered by their attributes.
    pub points: Vec<EmittedPoint>,
}

/// One emitted point.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmittedPoint {
    /// Attributes with their level in front of any but the item's: `resource.host.name`.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// `start_time_unix_nano`.
    #[serde(default, rename = "start_ms", deserialize_with = "milliseconds")]
    pub start_time: u64,
    /// `time_unix_nano`.
    #[serde(default, rename = "time_ms", deserialize_with = "milliseconds")]
    pub time: u64,
    /// The value.
    #[serde(deserialize_with = "number")]
    pub value: Option<Number>,
}

fn milliseconds<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    u64::deserialize(deserializer).map(|milliseconds| milliseconds * 1_000_000)
}

/// 5 is an integer, 5.0 a double, "NaN" and "Infinity" what they say.
fn number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Number>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    let number = value.as_i64().map(Number::Integer).or_else(|| value.as_f64().map(Number::Double));
    let text = || value.as_str().and_then(|text| text.parse().ok()).map(Number::Double);
    Ok(number.or_else(text))
}

impl Shape {
    pub(super) fn apply(self, descriptor: &mut Descriptor) {
        use Shape::{CumulativeSum, CumulativeUpDownSum, DeltaSum, DeltaUpDownSum, Gauge, UnspecifiedSum};
        descriptor.kind = if self == Gauge { MetricKind::Gauge } else { MetricKind::Sum };
        descriptor.temporality = match self {
            DeltaSum | DeltaUpDownSum => Temporality::Delta,
            CumulativeSum | CumulativeUpDownSum => Temporality::Cumulative,
            UnspecifiedSum | Gauge => Temporality::Unspecified,
        };
        descriptor.monotonic = matches!(self, DeltaSum | CumulativeSum | UnspecifiedSum);
    }

    pub(super) fn of(descriptor: &Descriptor) -> Shape {
        match (descriptor.kind, descriptor.temporality, descriptor.monotonic) {
            (MetricKind::Sum, Temporality::Delta, true) => Shape::DeltaSum,
            (MetricKind::Sum, Temporality::Delta, false) => Shape::DeltaUpDownSum,
            (MetricKind::Sum, Temporality::Cumulative, true) => Shape::CumulativeSum,
            (MetricKind::Sum, Temporality::Cumulative, false) => Shape::CumulativeUpDownSum,
            (MetricKind::Sum, Temporality::Unspecified, _) => Shape::UnspecifiedSum,
            _ => Shape::Gauge,
        }
    }
}

impl Metric {
    /// A monotonic sum of increments.
    pub fn delta_sum(name: &str, points: Vec<Point>) -> Metric {
        Metric { name: name.to_owned(), points, ..Metric::default() }
    }

    /// A monotonic sum of totals.
    pub fn cumulative_sum(name: &str, points: Vec<Point>) -> Metric {
        Metric { shape: Shape::CumulativeSum, ..Metric::delta_sum(name, points) }
    }

    /// A gauge.
    pub fn gauge(name: &str, points: Vec<Point>) -> Metric {
        Metric { shape: Shape::Gauge, ..Metric::delta_sum(name, points) }
    }

    pub(super) fn descriptor(&self) -> Descriptor {
        let mut descriptor = Descriptor {
            name: self.name.clone(),
            unit: self.unit.clone(),
            description: self.description.clone(),
            kind: MetricKind::Sum,
            temporality: Temporality::Delta,
            monotonic: true,
        };
        self.shape.apply(&mut descriptor);
        descriptor
    }
}

impl Point {
    /// A point with that integer.
    pub fn integer(value: i64) -> Point {
        Point { value: Some(Number::Integer(value)), ..Point::default() }
    }

    /// A point with that double.
    pub fn double(value: f64) -> Point {
        Point { value: Some(Number::Double(value)), ..Point::default() }
    }

    /// With an attribute of its own.
    pub fn with(mut self, key: &str, value: &str) -> Point {
        self.attributes.insert(key.to_owned(), value.to_owned());
        self
    }

    /// With these times.
    pub fn at(self, start_time: u64, time: u64) -> Point {
        Point { start_time, time, ..self }
    }
}
