//! The lines of an exposition, in the Prometheus text format 0.0.4 and in OpenMetrics 1.0.0.
//!
//! In OpenMetrics a counter's family has no `_total`, its samples do; units have lines, start times are `_created` series,
//! exemplars stand behind counters and buckets, and `target_info` is the info family `target`. Sources: prometheus.io
//! "Exposition formats"; the OpenMetrics specification 1.0.0.

use std::collections::HashMap;
use std::sync::Arc;

use super::compound::{Compound, Shape};
use super::exemplar::Exemplar;
use super::family::{FamilyKind, Meta};
use super::labels::escape;
use super::numbers;
use super::series::Point;
use super::store::{Piece, write_labels, write_labels_inner};

/// What a scraper gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Version 0.0.4.
    Text,
    /// Version 1.0.0.
    OpenMetrics,
}

impl Format {
    /// The value of the `content-type` header.
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Text => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// What stands behind the last sample.
    pub fn end(self) -> &'static str {
        match self {
            Format::Text => "",
            Format::OpenMetrics => "# EOF\n",
        }
    }
}

/// How many texts of bounds are kept before all are forgotten.
const BOUND_TEXTS_MAX: usize = 4096;

/// Writes pieces, and keeps what it needs again and again.
#[derive(Debug)]
pub struct Renderer {
    open_metrics: bool,
    send_timestamps: bool,
    /// What the lines of one histogram or summary begin with.
    front: Vec<u8>,
    /// The bounds whose texts are in `texts`; the bounds of a family's series are mostly the same.
    bounds: Option<Arc<[f64]>>,
    /// Values of `le` or `quantile`.
    texts: Vec<Vec<u8>>,
    /// The same for bounds that every series has its own of.
    by_bound: HashMap<u64, Vec<u8>>,
}

impl Renderer {
    /// For one scrape.
    pub fn new(format: Format, send_timestamps: bool) -> Renderer {
        Renderer {
            open_metrics: format == Format::OpenMetrics,
            send_timestamps,
            front: Vec::new(),
            bounds: None,
            texts: Vec::new(),
            by_bound: HashMap::new(),
        }
    }

    /// Appends lines of a piece, from its series number `next` on until `out` has `length_max` bytes or a little more.
    /// Returns the number of the series that comes next; `None` when the piece is done.
    pub fn render(&mut self, out: &mut Vec<u8>, piece: &Piece, next: usize, length_max: usize) -> Option<usize> {
        let meta = piece.meta.as_deref()?;
        if piece.first && next == 0 {
            self.metadata(out, meta, piece.derived_name_taken);
        }
        let counter = self.open_metrics && meta.kind == FamilyKind::Counter;
        let name: &[u8] = if counter { meta.base.as_bytes() } else { meta.text_name.as_bytes() };
        let created = self.open_metrics && meta.kind.has_start() && !piece.derived_name_taken;
        for (index, shown) in piece.samples.iter().enumerate().skip(next) {
            if out.len() >= length_max {
                return Some(index);
            }
            let labels = Labels { text: &piece.text, at: shown.text };
            if meta.kind.is_compound() {
                let Some(compound) = piece.compounds.get(index) else { continue };
                self.compound(out, meta, labels, compound, &shown.point);
            } else {
                out.extend_from_slice(name);
                out.extend_from_slice(if counter { b"_total" } else { b"" });
                labels.write(out);
                out.push(b' ');
                numbers::value(out, shown.point.value);
                self.end(out, &shown.point, counter.then(|| exemplar_of(piece, index)).flatten());
            }
            if created && shown.point.start_time > 0 {
                out.extend_from_slice(meta.base.as_bytes());
                out.extend_from_slice(b"_created");
                labels.write(out);
                out.push(b' ');
                numbers::seconds(out, shown.point.start_time);
                out.push(b'\n');
            }
        }
        None
    }

    fn metadata(&self, out: &mut Vec<u8>, meta: &Meta, derived_name_taken: bool) {
        let (name, kind) = match meta.kind {
            FamilyKind::Counter if self.open_metrics => (&*meta.base, "counter"),
            FamilyKind::Counter => (meta.text_name.as_str(), "counter"),
            FamilyKind::Target if self.open_metrics && !derived_name_taken => {
                (meta.base.strip_suffix("_info").unwrap_or(&meta.base), "info")
            }
            FamilyKind::Gauge | FamilyKind::Target => (&*meta.base, "gauge"),
            FamilyKind::Histogram => (&*meta.base, "histogram"),
            FamilyKind::Summary => (&*meta.base, "summary"),
        };
        let mut text = String::new();
        if !meta.help.is_empty() {
            text.push_str(&format!("# HELP {name} "));
            escape(&mut text, &meta.help, self.open_metrics);
            text.push('\n');
        }
        text.push_str(&format!("# TYPE {name} {kind}\n"));
        if self.open_metrics && !meta.unit.is_empty() {
            text.push_str(&format!("# UNIT {name} {}\n", meta.unit));
        }
        out.extend_from_slice(text.as_bytes());
    }

    /// What stands behind a value.
    fn end(&self, out: &mut Vec<u8>, point: &Point, exemplar: Option<&Exemplar>) {
        if self.send_timestamps && point.time > 0 {
            out.push(b' ');
            if self.open_metrics {
                numbers::seconds(out, point.time);
            } else {
                // Milliseconds.
                numbers::unsigned(out, point.time / 1_000_000);
            }
        }
        if let Some(exemplar) = exemplar.filter(|_| self.open_metrics) {
            exemplar.write(out);
        }
        out.push(b'\n');
    }

    fn compound(&mut self, out: &mut Vec<u8>, meta: &Meta, labels: Labels<'_>, compound: &Compound, point: &Point) {
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
        let mut line = Line { front: &front, point, exemplars: &compound.exemplars, before: 0 };
        match &compound.shape {
            Shape::Quantiles(quantiles) => {
                self.know(quantiles);
                for (text, bits) in self.texts.iter().zip(&compound.numbers) {
                    line.begin(out, text);
                    numbers::double(out, f64::from_bits(*bits));
                    self.end(out, point, None);
                }
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
        if let Some(sum) = compound.sum {
            self.total(out, meta, b"_sum", labels, point, |out| numbers::double(out, sum));
        }
        self.total(out, meta, b"_count", labels, point, |out| numbers::unsigned(out, compound.count));
        self.front = front;
    }

    fn bucket(&self, out: &mut Vec<u8>, line: &mut Line<'_>, text: &[u8], bound: f64, count: u64) {
        line.before = line.before.saturating_add(count);
        line.begin(out, text);
        numbers::unsigned(out, line.before);
        let exemplar = line.take_exemplar(bound);
        self.end(out, line.point, exemplar);
    }

    fn last_bucket(&self, out: &mut Vec<u8>, line: &mut Line<'_>, count: u64) {
        self.bucket(out, line, b"+Inf", f64::INFINITY, count.saturating_sub(line.before));
    }

    fn total(
        &self,
        out: &mut Vec<u8>,
        meta: &Meta,
        suffix: &[u8],
        labels: Labels<'_>,
        point: &Point,
        number: impl FnOnce(&mut Vec<u8>),
    ) {
        out.extend_from_slice(meta.base.as_bytes());
        out.extend_from_slice(suffix);
        labels.write(out);
        out.push(b' ');
        number(out);
        self.end(out, point, None);
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

/// Where a series' labels are.
#[derive(Debug, Clone, Copy)]
struct Labels<'p> {
    text: &'p [u8],
    at: u32,
}

impl Labels<'_> {
    fn write(self, out: &mut Vec<u8>) {
        write_labels(self.text, self.at, out);
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

fn exemplar_of(piece: &Piece, index: usize) -> Option<&Exemplar> {
    let found = piece.exemplars.binary_search_by_key(&index, |(index, _)| *index).ok()?;
    piece.exemplars.get(found).map(|(_, exemplar)| exemplar)
}
