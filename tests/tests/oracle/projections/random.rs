//! Random projections.

use fastrand::Rng;
use otelier::contract::Signal;
use otelier::otlp::columns::{Word, WordSet};
use otelier::otlp::descriptors::Kinds;
use otelier::otlp::field::Field;
use otelier::otlp::key::Level;
use otelier::otlp::keying::{Grouping, Keying, Source};
use otelier::otlp::metrics::{MetricKind, Temporality};
use otelier::otlp::projection::{HistogramColumns, Projection};
use otelier_tests::generate::{attributes, chance, pick, several};

/// Names and globs that meet the generated names in part.
const PATTERNS: [&str; 14] = [
    "*",
    "requests",
    "requests.*",
    "*.count",
    "*count",
    "a/*",
    "*/b.count",
    "?*",
    "q*.",
    "*.",
    "latenc?",
    "*e*s*",
    ".*",
    "gr*e",
];

/// Every column of words, by name.
pub const WORDS: [&str; 15] = [
    "flags",
    "count",
    "min",
    "max",
    "scale",
    "zero_count",
    "zero_threshold",
    "kind",
    "status.code",
    "duration",
    "severity_number",
    "observed_time",
    "trace_id",
    "span_id",
    "parent_span_id",
];

/// Every field, by name.
const FIELDS: [&str; 19] = [
    "scope.name",
    "scope.version",
    "name",
    "unit",
    "kind",
    "status.code",
    "status.message",
    "trace_state",
    "severity_number",
    "severity_text",
    "body",
    "event_name",
    "trace_id",
    "span_id",
    "parent_span_id",
    "start_time_unix_nano",
    "end_time_unix_nano",
    "time_unix_nano",
    "observed_time_unix_nano",
];

/// Every kind of metrics.
pub const KINDS: [MetricKind; 5] =
    [MetricKind::Gauge, MetricKind::Sum, MetricKind::Histogram, MetricKind::ExponentialHistogram, MetricKind::Summary];

/// The words that are wanted and that the signal has.
pub fn words(projection: &Projection, signal: Signal) -> Vec<Word> {
    let all = WORDS.iter().map(|name| Word::of(name).expect("the contract has this column"));
    all.filter(|word| word.belongs_to(signal) && projection.words.has(*word)).collect()
}

/// A projection of everything, some things or nothing.
pub fn projection(rng: &mut Rng) -> Projection {
    let mut metrics = several(rng, 3, |rng| pick(rng, &PATTERNS).to_owned());
    if rng.bool() {
        metrics.push("*".to_owned());
    }
    let mut words = WordSet::default();
    let percent = pick(rng, &[0, 50, 100]);
    for word in WORDS.iter().filter_map(|name| Word::of(name)).filter(|_| chance(rng, percent)) {
        words.insert(word);
    }
    Projection {
        metrics,
        bare_metrics: rng.bool(),
        unnumbered_metrics: false,
        kinds: kinds(rng),
        items: chance(rng, 95),
        values: chance(rng, 80),
        times: rng.bool(),
        start_times: rng.bool(),
        words,
        histograms: HistogramColumns {
            buckets: rng.bool(),
            exponential_buckets: rng.bool(),
            quantiles: rng.bool(),
            exemplars: rng.bool(),
        },
        values_of: several(rng, 3, source),
        attributes: [rng.bool(), rng.bool(), rng.bool()],
        keyings: several(rng, 4, keying),
    }
}

fn kinds(rng: &mut Rng) -> Option<Kinds> {
    let wanted = match rng.u32(..4) {
        0 => return None,
        1 => several(rng, 3, |rng| pick(rng, &KINDS)),
        _ => KINDS.to_vec(),
    };
    Some(wanted.into_iter().fold(Kinds::default(), Kinds::with))
}

/// An attribute that requests may have.
pub fn attribute(rng: &mut Rng) -> (Level, Vec<u8>) {
    let level = pick(rng, &[Level::Resource, Level::Scope, Level::Item, Level::Item]);
    (level, pick(rng, &attributes::KEYS).as_bytes().to_vec())
}

fn source(rng: &mut Rng) -> Source {
    if rng.bool() {
        let name = pick(rng, &FIELDS);
        return Source::Field(Field::of(name.as_bytes()).expect("the contract has this field"));
    }
    let (level, name) = attribute(rng);
    Source::Attribute(level, name)
}

fn keying(rng: &mut Rng) -> Keying {
    let grouping = match rng.u32(..8) {
        0..2 => Grouping::Keep(several(rng, 4, attribute)),
        2..4 => Grouping::Keep(several(rng, 5, |rng| match source(rng) {
            Source::Attribute(level, name) => (level, name),
            Source::Field(field) => (Level::Field, field.name().as_bytes().to_vec()),
        })),
        4..6 => Grouping::Drop(several(rng, 8, attribute)),
        6 => Grouping::Stream(None),
        _ => {
            Grouping::Stream(Some(pick(rng, &[Temporality::Unspecified, Temporality::Delta, Temporality::Cumulative])))
        }
    };
    Keying { grouping, durable: rng.bool(), alike: false }
}
