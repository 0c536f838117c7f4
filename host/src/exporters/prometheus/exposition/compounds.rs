//! The lines of histograms and summaries.

use std::sync::Arc;

use super::super::compound::{Compound, Shape};
use super::super::exemplar::Exemplar;
use super::super::family::{FamilyKind, Meta};
use super::super::note::Note;
use super::super::numbers;
use super::super::series::Point;
use super::super::store::write_labels_inner;
use super::{BOUND_TEXTS_MAX, Labels, Renderer, is_counter};

/// What the lines of one point say.
pub(super) struct Lines<'p> {
    pub(super) meta: &'p Meta,
    pub(super) labels: Labels<'p>,
    pub(super) compound: &'p Compound,
    pub(super) point: &'p Point,
}

impl Renderer {
    pub(super) fn compound(&mut self, out: &mut Vec<u8>, lines: &Lines<'_>) {
        let Lines { meta, labels, compound, point } = *lines;
        let mut front = std::mem::take(&mut self.front);
        front.clear();
        let (suffix, label): (&[u8], &[u8]) = match meta.kind {
            FamilyKind::Summary => (b"", b"quantile=\""),
            _ => (b"_bucket", b"le=\""),
        };
        front.extend_from_slice(meta.base.as_bytes());
        front.extend_from_slice(suffix);
        front.push(b'{');
        write_labels_inner(labels.text, labels.at, &mut front);
        front.extend_from_slice(label);
        let mut line = Line { front: &front, point, exemplars: &compound.exemplars, before: 0, is_negative: false };
        match &compound.shape {
            Shape::Quantiles(quantiles) => {
                self.know(quantiles);
                let mut omitted = 0;
                for (text, bits) in self.texts.iter().zip(&compound.numbers) {
                    let value = f64::from_bits(*bits);
                    if self.open_metrics && value < 0.0 {
                        omitted += 1;
                        continue;
                    }
                    line.begin(out, text);
                    numbers::double(out, value);
                    self.end(out, point, None);
                }
                self.tally.add(Note::QuantileOmitted, omitted);
            }
            Shape::Bounds(bounds) => {
                self.know(bounds);
                for ((text, bound), count) in self.texts.iter().zip(bounds.iter()).zip(&compound.numbers) {
                    self.bucket(out, &mut line, text, *bound, *count);
                }
                self.last_bucket(out, &mut line, compound.count);
            }
            Shape::Exponential(shape) => {
                let mut by_bound = std::mem::take(&mut self.by_bound);
                if by_bound.len() > BOUND_TEXTS_MAX {
                    by_bound.clear();
                }
                shape.each_bound(&compound.numbers, |bound, count| {
                    let text = by_bound.entry(bound.to_bits()).or_insert_with(|| self.bound_text(bound));
                    self.bucket(out, &mut line, text, bound, count);
                });
                self.by_bound = by_bound;
                self.last_bucket(out, &mut line, compound.count);
            }
        }
        let is_negative = line.is_negative;
        self.totals(out, lines, is_negative);
        self.front = front;
    }

    /// Sum and count.
    fn totals(&mut self, out: &mut Vec<u8>, lines: &Lines<'_>, beside_negative_buckets: bool) {
        let Lines { meta, compound, .. } = *lines;
        let allowed = |sum: &f64| !self.open_metrics || is_counter(*sum) && !beside_negative_buckets;
        let sum = compound.sum.filter(allowed);
        if compound.sum.is_some() && sum.is_none() {
            self.omit(Note::SumOmitted, meta);
        }
        if let Some(sum) = sum {
            self.total(out, lines, b"_sum", |out| numbers::double(out, sum));
        }
        if self.open_metrics && meta.kind == FamilyKind::Histogram && sum.is_none() {
            return self.omit(Note::CountOmitted, meta);
        }
        self.total(out, lines, b"_count", |out| numbers::unsigned(out, compound.count));
    }

    fn bucket(&self, out: &mut Vec<u8>, line: &mut Line<'_>, text: &[u8], bound: f64, count: u64) {
        line.before = line.before.saturating_add(count);
        line.is_negative |= bound < 0.0;
        line.begin(out, text);
        numbers::unsigned(out, line.before);
        let exemplar = line.take_exemplar(bound);
        self.end(out, line.point, exemplar);
    }

    fn last_bucket(&self, out: &mut Vec<u8>, line: &mut Line<'_>, count: u64) {
        self.bucket(out, line, b"+Inf", f64::INFINITY, count.saturating_sub(line.before));
    }

    fn total(&self, out: &mut Vec<u8>, lines: &Lines<'_>, suffix: &[u8], number: impl FnOnce(&mut Vec<u8>)) {
        out.extend_from_slice(lines.meta.base.as_bytes());
        out.extend_from_slice(suffix);
        lines.labels.write(out);
        out.push(b' ');
        number(out);
        self.end(out, lines.point, None);
    }

    /// Makes `texts` those of these bounds.
    fn know(&mut self, bounds: &Arc<[f64]>) {
        if !self.bounds.as_ref().is_some_and(|known| Arc::ptr_eq(known, bounds)) {
            self.texts = bounds.iter().map(|bound| self.bound_text(*bound)).collect();
            self.bounds = Some(Arc::clone(bounds));
        }
    }

    fn bound_text(&self, bound: f64) -> Vec<u8> {
        let mut text = Vec::new();
        numbers::label(&mut text, bound, self.open_metrics);
        text
    }
}

/// The lines of one series that differ in one label.
struct Line<'c> {
    /// The line up to that label's value.
    front: &'c [u8],
    point: &'c Point,
    /// Those not shown yet, by value.
    exemplars: &'c [Exemplar],
    /// How many measurements are in the buckets before.
    before: u64,
    /// Whether there was a bucket below zero.
    is_negative: bool,
}

impl<'c> Line<'c> {
    fn begin(&self, out: &mut Vec<u8>, text: &[u8]) {
        out.extend_from_slice(self.front);
        out.extend_from_slice(text);
        out.extend_from_slice(b"\"} ");
    }

    /// The latest exemplar of at most this value; the others up to there are passed over.
    fn take_exemplar(&mut self, bound: f64) -> Option<&'c Exemplar> {
        let end = self.exemplars.partition_point(|exemplar| exemplar.value <= bound);
        let (these, rest) = self.exemplars.split_at_checked(end)?;
        self.exemplars = rest;
        these.iter().max_by_key(|exemplar| exemplar.time)
    }
}
