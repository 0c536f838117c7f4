//! Metrics as a test writes them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::aggregate::Number;
use crate::{Descriptor, MetricKind, Temporality};

use super::histograms::{Content, ExponentialHistogram, Histogram, Summary};

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
    /// A histogram of increments.
    DeltaHistogram,
    /// A histogram of totals.
    CumulativeHistogram,
    /// A histogram whose sender did not say what its points are.
    UnspecifiedHistogram,
    /// An exponential histogram of increments.
    DeltaExponentialHistogram,
    /// An exponential histogram of totals.
    CumulativeExponentialHistogram,
    /// An exponential histogram whose sender did not say what its points are.
    UnspecifiedExponentialHistogram,
    /// A summary.
    Summary,
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
    /// The scope's name.
    #[serde(default)]
    pub scope_name: String,
    /// The scope's version.
    #[serde(default)]
    pub scope_version: String,
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
    /// `None`: "no recorded value". Of numbers only.
    #[serde(default, deserialize_with = "number")]
    pub value: Option<Number>,
    /// What it holds instead of a number.
    #[serde(default)]
    pub content: Content,
    /// The flag, for what is not a number.
    #[serde(default)]
    pub no_recorded_value: bool,
    /// Opaque to the processor.
    #[serde(default)]
    pub exemplars: Vec<String>,
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
    /// The points, ordered by their attributes, then by the scope's name and version.
    pub points: Vec<EmittedPoint>,
}

/// One emitted point.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmittedPoint {
    /// Attributes with their level in front of any but the item's: `resource.host.name`.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// The scope's name: what the key has in the field `scope.name`.
    #[serde(default)]
    pub scope_name: String,
    /// The scope's version, likewise.
    #[serde(default)]
    pub scope_version: String,
    /// `start_time_unix_nano`.
    #[serde(default, rename = "start_ms", deserialize_with = "milliseconds")]
    pub start_time: u64,
    /// `time_unix_nano`.
    #[serde(default, rename = "time_ms", deserialize_with = "milliseconds")]
    pub time: u64,
    /// The value of a number.
    #[serde(default, deserialize_with = "number")]
    pub value: Option<Number>,
    /// What it holds instead of a number.
    #[serde(default)]
    pub content: Content,
    /// Its exemplars.
    #[serde(default)]
    pub exemplars: Vec<String>,
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
    /// Kind, temporality and monotonicity.
    fn parts(self) -> (MetricKind, Temporality, bool) {
        use MetricKind::{ExponentialHistogram, Gauge, Histogram, Sum, Summary};
        use Temporality::{Cumulative, Delta, Unspecified};
        match self {
            Shape::DeltaSum => (Sum, Delta, true),
            Shape::CumulativeSum => (Sum, Cumulative, true),
            Shape::DeltaUpDownSum => (Sum, Delta, false),
            Shape::CumulativeUpDownSum => (Sum, Cumulative, false),
            Shape::UnspecifiedSum => (Sum, Unspecified, true),
            Shape::Gauge => (Gauge, Unspecified, false),
            Shape::DeltaHistogram => (Histogram, Delta, false),
            Shape::CumulativeHistogram => (Histogram, Cumulative, false),
            Shape::UnspecifiedHistogram => (Histogram, Unspecified, false),
            Shape::DeltaExponentialHistogram => (ExponentialHistogram, Delta, false),
            Shape::CumulativeExponentialHistogram => (ExponentialHistogram, Cumulative, false),
            Shape::UnspecifiedExponentialHistogram => (ExponentialHistogram, Unspecified, false),
            Shape::Summary => (Summary, Unspecified, false),
        }
    }

    const ALL: [Shape; 13] = [
        Shape::DeltaSum,
        Shape::CumulativeSum,
        Shape::DeltaUpDownSum,
        Shape::CumulativeUpDownSum,
        Shape::UnspecifiedSum,
        Shape::Gauge,
        Shape::DeltaHistogram,
        Shape::CumulativeHistogram,
        Shape::UnspecifiedHistogram,
        Shape::DeltaExponentialHistogram,
        Shape::CumulativeExponentialHistogram,
        Shape::UnspecifiedExponentialHistogram,
        Shape::Summary,
    ];

    pub(super) fn of(descriptor: &Descriptor) -> Shape {
        let parts = (descriptor.kind, descriptor.temporality, descriptor.monotonic);
        let same = |shape: &Shape| shape.parts() == parts;
        Shape::ALL.into_iter().find(same).unwrap_or_else(|| panic!("no shape is {parts:?}"))
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

    /// A metric of that shape.
    pub fn shaped(shape: Shape, name: &str, points: Vec<Point>) -> Metric {
        Metric { shape, ..Metric::delta_sum(name, points) }
    }

    pub(super) fn descriptor(&self) -> Descriptor {
        let (kind, temporality, monotonic) = self.shape.parts();
        Descriptor {
            name: self.name.clone(),
            unit: self.unit.clone(),
            description: self.description.clone(),
            kind,
            temporality,
            monotonic,
        }
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

    /// A histogram point.
    pub fn histogram(histogram: Histogram) -> Point {
        Point { content: Content::Histogram(histogram), ..Point::default() }
    }

    /// An exponential histogram point.
    pub fn exponential(histogram: ExponentialHistogram) -> Point {
        Point { content: Content::Exponential(histogram), ..Point::default() }
    }

    /// A summary point.
    pub fn summary(summary: Summary) -> Point {
        Point { content: Content::Summary(summary), ..Point::default() }
    }

    /// With one more exemplar.
    pub fn with_exemplar(mut self, exemplar: &str) -> Point {
        self.exemplars.push(exemplar.to_owned());
        self
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
