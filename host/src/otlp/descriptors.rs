//! The metrics an instance has met, numbered.

use std::collections::{HashMap, HashSet};

use globset::{Glob, GlobSet, GlobSetBuilder};

use super::metrics::{MetricHeader, MetricKind, Temporality};

/// A metric's own fields. Texts are what the sender wrote, with what is not UTF-8 replaced.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Descriptor {
    /// `name`.
    pub name: String,
    /// `unit`.
    pub unit: String,
    /// `description`.
    pub description: String,
    /// Which data.
    pub kind: MetricKind,
    /// Of sums and histograms.
    pub temporality: Temporality,
    /// Of sums.
    pub monotonic: bool,
}

/// A pattern that is no glob.
#[derive(Debug, thiserror::Error)]
#[error("metric pattern `{pattern}`: {source}")]
pub struct PatternError {
    pattern: String,
    source: globset::Error,
}

/// Which metrics a plugin reads, by name: `*` and `?` match within it.
#[derive(Debug, Clone)]
pub struct Patterns {
    set: GlobSet,
}

impl Patterns {
    /// Compiles patterns.
    pub fn new(patterns: &[String]) -> Result<Patterns, PatternError> {
        let fail = |pattern: &str| {
            let pattern = pattern.to_owned();
            move |source| PatternError { pattern, source }
        };
        let mut set = GlobSetBuilder::new();
        for pattern in patterns {
            set.add(Glob::new(pattern).map_err(fail(pattern))?);
        }
        Ok(Patterns { set: set.build().map_err(fail("*"))? })
    }

    fn matches(&self, name: &str) -> bool {
        self.set.is_match(name)
    }
}

/// Bound on metrics that match.
const METRICS_MAX: usize = 65_536;
/// Bound on names remembered as not matching; beyond it they are forgotten and matched again.
const OTHERS_MAX: usize = 65_536;
/// Bound on a metric's texts together, in bytes. A metric beyond it is not read.
const TEXT_MAX: usize = 8 << 10;

/// Numbers for the metrics that match.
#[derive(Debug)]
pub struct Descriptors {
    patterns: Patterns,
    /// Header → number.
    numbers: HashMap<OwnedHeader, u32>,
    /// Names that do not match.
    others: HashSet<Box<[u8]>>,
    all: Vec<Descriptor>,
    /// How many of `all` the guest has been told of.
    sent: usize,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct OwnedHeader {
    text: [Box<[u8]>; 3],
    shape: (Option<MetricKind>, Temporality, bool),
}

impl Descriptors {
    /// Numbers metrics that match `patterns`.
    pub fn new(patterns: Patterns) -> Descriptors {
        Descriptors { patterns, numbers: HashMap::new(), others: HashSet::new(), all: Vec::new(), sent: 0 }
    }

    /// The number of a metric, or `None` where it is not read: it does not match, has no number points or too much text, or more
    /// metrics match than can be remembered.
    pub fn number(&mut self, metric: &MetricHeader<'_>) -> Option<u32> {
        let kind = metric.kind.filter(|kind| kind.has_numbers())?;
        let text_length = metric.name.len() + metric.unit.len() + metric.description.len();
        if text_length > TEXT_MAX || self.others.contains(metric.name) {
            return None;
        }
        let header = OwnedHeader {
            text: [metric.name.into(), metric.unit.into(), metric.description.into()],
            shape: (metric.kind, metric.temporality, metric.monotonic),
        };
        if let Some(number) = self.numbers.get(&header) {
            return Some(*number);
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let name = text(metric.name);
        if !self.patterns.matches(&name) {
            if self.others.len() >= OTHERS_MAX {
                self.others.clear();
            }
            self.others.insert(metric.name.into());
            return None;
        }
        if self.all.len() >= METRICS_MAX {
            return None;
        }
        let number = self.all.len() as u32;
        self.all.push(Descriptor {
            name,
            unit: text(metric.unit),
            description: text(metric.description),
            kind,
            temporality: metric.temporality,
            monotonic: metric.monotonic,
        });
        self.numbers.insert(header, number);
        Some(number)
    }

    /// Descriptors added since the last call of this function.
    pub fn take_unsent(&mut self) -> Vec<Descriptor> {
        let unsent = self.all.get(self.sent..).unwrap_or_default().to_vec();
        self.sent = self.all.len();
        unsent
    }

    /// Every descriptor counts as unsent again: the instance was rebuilt.
    pub fn forget_sent(&mut self) {
        self.sent = 0;
    }
}
