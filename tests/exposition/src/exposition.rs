//! An exposition as plain data.

use std::collections::BTreeMap;
use std::ops::Range;

/// Label name → value.
pub type Labels = BTreeMap<String, String>;

/// The formats of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// Prometheus' text format 0.0.4.
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// Both.
    pub const ALL: [Format; 2] = [Format::Text, Format::OpenMetrics];

    /// The `content-type` of an answer.
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Text => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// Its name in one word.
    pub fn word(self) -> &'static str {
        match self {
            Format::Text => "text",
            Format::OpenMetrics => "openmetrics",
        }
    }
}

/// What a `TYPE` line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `counter`.
    Counter,
    /// `gauge`.
    Gauge,
    /// `histogram`.
    Histogram,
    /// `gaugehistogram`.
    GaugeHistogram,
    /// `stateset`.
    StateSet,
    /// `info`.
    Info,
    /// `summary`.
    Summary,
    /// `unknown`, `untyped` in the text format, or no line.
    Unknown,
}

/// A single measurement behind a sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar {
    /// Its labels.
    pub labels: Labels,
    /// What was measured.
    pub value: f64,
    /// When, in seconds.
    pub time: Option<f64>,
}

/// One line with a value.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The name with its suffixes.
    pub name: String,
    /// All of its labels.
    pub labels: Labels,
    /// Its value.
    pub value: f64,
    /// Its time: seconds in OpenMetrics, milliseconds in the text format.
    pub time: Option<f64>,
    /// Only in OpenMetrics.
    pub exemplar: Option<Exemplar>,
}

/// A metric family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Family {
    /// As its metadata names it, or its only sample.
    pub name: String,
    /// Its type.
    pub kind: Kind,
    /// Its `HELP`; none where that is empty.
    pub help: Option<String>,
    /// Its `UNIT`; none where that is empty.
    pub unit: Option<String>,
    /// Which of the exposition's samples are its own.
    pub samples: Range<usize>,
}

/// One answer, in its order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Exposition {
    /// Every family.
    pub families: Vec<Family>,
    /// Every sample.
    pub samples: Vec<Sample>,
}

impl Exposition {
    /// The value of the one sample that has this name and exactly these labels.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let wanted: Labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.named(name).find(|sample| sample.labels == wanted).map(|sample| sample.value)
    }

    /// Every sample of this name.
    pub fn named<'e>(&'e self, name: &'e str) -> impl Iterator<Item = &'e Sample> {
        self.samples.iter().filter(move |sample| sample.name == name)
    }

    /// The sum over the samples of this name that have these labels among theirs: 0 where there is none.
    pub fn total(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let has = |sample: &&Sample| {
            labels.iter().all(|(name, value)| sample.labels.get(*name).is_some_and(|found| found == value))
        };
        self.named(name).filter(has).map(|sample| sample.value).sum()
    }

    /// The samples of one of its families.
    pub fn of(&self, family: &Family) -> &[Sample] {
        self.samples.get(family.samples.clone()).unwrap_or_default()
    }
}
