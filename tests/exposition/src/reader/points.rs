//! What the samples of one OpenMetrics family say together: metrics, their points, and the rules of each type.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail, ensure};

use super::histogram;
use super::names::RESERVED;
use crate::exposition::{Exemplar, Family, Kind, Labels, Sample};
use crate::number::{canonical, number};

/// OpenMetrics, "Exemplars".
const EXEMPLAR_CHARACTERS_MAX: usize = 128;

/// The samples of one moment of one metric.
pub struct Point<'s> {
    family: &'s Family,
    samples: Vec<&'s Sample>,
}

impl<'s> Point<'s> {
    /// Its samples with that suffix.
    pub fn suffixed(&self, suffix: &str) -> impl Iterator<Item = &'s Sample> {
        let name = format!("{}{suffix}", self.family.name);
        self.samples.iter().copied().filter(move |sample| sample.name == name)
    }

    /// The value of the one with that suffix.
    pub fn value(&self, suffix: &str) -> Option<f64> {
        self.suffixed(suffix).next().map(|sample| sample.value)
    }
}

/// Checks all samples of a family.
pub fn check(family: &Family, samples: &[Sample]) -> Result<()> {
    for sample in samples {
        alone(family, sample).with_context(|| format!("{sample:?}"))?;
    }
    let mut ended = BTreeSet::new();
    for metric in samples.chunk_by(|one, next| identity(family, one) == identity(family, next)) {
        let identity = metric.first().map(|sample| identity(family, sample)).unwrap_or_default();
        metric_of(family, metric).with_context(|| format!("in the metric {identity:?}"))?;
        ensure!(ended.insert(identity.clone()), "metrics are interleaved, or there twice: {identity:?}");
    }
    Ok(())
}

/// The labels of the metric that a sample is of. An empty one is as good as none.
fn identity(family: &Family, sample: &Sample) -> Labels {
    let own = own_label(family, sample);
    let of_metric = |(name, value): &(&String, &String)| Some(name.as_str()) != own && !value.is_empty();
    sample.labels.iter().filter(of_metric).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The label that tells the samples of one point apart.
fn own_label<'f>(family: &'f Family, sample: &Sample) -> Option<&'f str> {
    match (family.kind, sample.name.strip_prefix(&family.name)) {
        (Kind::Histogram | Kind::GaugeHistogram, Some("_bucket")) => Some("le"),
        (Kind::Summary, Some("")) => Some("quantile"),
        (Kind::StateSet, _) => Some(&family.name),
        _ => None,
    }
}

/// What holds for a sample by itself.
fn alone(family: &Family, sample: &Sample) -> Result<()> {
    let reserved = sample.labels.keys().find(|name| name.starts_with(RESERVED));
    ensure!(reserved.is_none(), "label names that begin with two underscores are reserved");
    let own = own_label(family, sample);
    if let Some(own) = own {
        ensure!(sample.labels.contains_key(own), "no label {own}");
    }
    for (kind, name) in [(Kind::Histogram, "le"), (Kind::GaugeHistogram, "le"), (Kind::Summary, "quantile")] {
        let is_stray = family.kind == kind && own != Some(name) && sample.labels.contains_key(name);
        ensure!(!is_stray, "a label {name} where none may be");
    }
    match &sample.exemplar {
        Some(exemplar) => exemplar_of(family, sample, exemplar),
        None => Ok(()),
    }
}

fn exemplar_of(family: &Family, sample: &Sample, exemplar: &Exemplar) -> Result<()> {
    let place = (family.kind, sample.name.strip_prefix(&family.name).unwrap_or_default());
    let may_have = matches!(place, (Kind::Counter, "_total") | (Kind::Histogram | Kind::GaugeHistogram, "_bucket"));
    ensure!(may_have, "an exemplar where none may be");
    let characters: usize =
        exemplar.labels.iter().map(|(name, value)| name.chars().count() + value.chars().count()).sum();
    ensure!(characters <= EXEMPLAR_CHARACTERS_MAX, "an exemplar with labels of {characters} characters");
    Ok(())
}

/// One metric: its points in the order of time, and nothing of them twice.
fn metric_of(family: &Family, samples: &[Sample]) -> Result<()> {
    let mut last = None;
    for samples in samples.chunk_by(|one, next| one.time == next.time) {
        let time = samples.first().and_then(|sample| sample.time);
        match (last, time) {
            (None, _) => {}
            (Some(Some(before)), Some(time)) => ensure!(before < time, "times do not increase: {before}, then {time}"),
            (Some(_), _) => bail!("points with and without a time"),
        }
        last = Some(time);
        let mut seen = BTreeSet::new();
        for sample in samples {
            let labels: Vec<_> = sample.labels.iter().filter(|(_, value)| !value.is_empty()).collect();
            ensure!(seen.insert((&sample.name, labels)), "twice: {} {:?}", sample.name, sample.labels);
        }
        point(&Point { family, samples: samples.iter().collect() })?;
    }
    Ok(())
}

fn point(point: &Point<'_>) -> Result<()> {
    if let Some(created) = point.value("_created").filter(|_| has_created(point.family.kind)) {
        ensure!(created.is_finite(), "a time of creation that is none: {created}");
    }
    match point.family.kind {
        Kind::Counter => {
            let total = point.value("_total").context("a counter without a total")?;
            count("a counter's total", total)
        }
        Kind::Histogram | Kind::GaugeHistogram => histogram::check(point, point.family.kind),
        Kind::Summary => summary(point),
        Kind::Info => {
            ensure!(point.value("_info") == Some(1.0), "the value of an info is always 1");
            Ok(())
        }
        Kind::StateSet => {
            let are_states = point.samples.iter().all(|sample| [0.0, 1.0].contains(&sample.value));
            ensure!(are_states, "a state is 0 or 1");
            Ok(())
        }
        Kind::Gauge | Kind::Unknown => Ok(()),
    }
}

fn has_created(kind: Kind) -> bool {
    matches!(kind, Kind::Counter | Kind::Histogram | Kind::Summary)
}

/// What is a counter by its meaning.
pub fn count(what: &str, value: f64) -> Result<()> {
    ensure!(!value.is_nan(), "{what} is NaN");
    ensure!(value >= 0.0, "{what} is negative: {value}");
    Ok(())
}

/// A number that counts things.
pub fn integer(what: &str, value: f64) -> Result<()> {
    count(what, value)?;
    ensure!(value.fract() == 0.0, "{what} is no integer: {value}");
    Ok(())
}

/// The number that is the value of `le` or `quantile`.
pub fn threshold(sample: &Sample, label: &str) -> Result<f64> {
    let text = sample.labels.get(label).with_context(|| format!("no label {label}"))?;
    let value = number(text).with_context(|| format!("as {label}"))?;
    ensure!(!value.is_nan(), "{label} is NaN");
    ensure!(*text == canonical(value), "{label}={text:?} is to be written {:?}", canonical(value));
    Ok(value)
}

fn summary(point: &Point<'_>) -> Result<()> {
    if let Some(sum) = point.value("_sum") {
        count("a summary's sum", sum)?;
    }
    if let Some(value) = point.value("_count") {
        integer("a summary's count", value)?;
    }
    for sample in point.suffixed("") {
        let quantile = threshold(sample, "quantile")?;
        ensure!((0.0..=1.0).contains(&quantile), "a quantile beyond 0 to 1: {quantile}");
        ensure!(sample.value.is_nan() || sample.value >= 0.0, "the value of a quantile is negative: {}", sample.value);
    }
    Ok(())
}
