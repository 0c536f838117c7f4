//! The lines of an exposition, in the Prometheus text format 0.0.4 and in OpenMetrics 1.0.0.
//!
//! In OpenMetrics a counter's family has no `_total`, its samples do; units have lines, start times are `_created` series,
//! exemplars stand behind counters and buckets, and `target_info` is the info family `target`. A scraper refuses the whole of an
//! answer for one sample that OpenMetrics forbids, so such samples are left out of it, and counted: counters that are negative or
//! not numbers, sums that are or that stand beside negative buckets, a histogram's count without its sum, negative quantiles. The
//! text format allows them all. Sources: prometheus.io "Exposition formats"; the OpenMetrics specification 1.0.0.

mod compounds;

use compounds::Lines;
use std::collections::HashMap;
use std::sync::Arc;

use super::exemplar::Exemplar;
use super::family::{FamilyKind, Meta};
use super::labels::escape;
use super::note::Note;
use super::numbers;
use super::series::Point;
use super::store::{Piece, write_labels};
use super::tally::Tally;

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
    /// What was left out.
    pub tally: Tally,
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
            tally: Tally::default(),
        }
    }

    /// Appends lines of a piece, from its series number `next` on until `out` has `length_max` bytes or a little more.
    /// Returns the number of the series that comes next; `None` when the piece is done.
    pub fn render(&mut self, out: &mut Vec<u8>, piece: &Piece, next: usize, length_max: usize) -> Option<usize> {
        let meta = piece.meta.as_deref()?;
        if piece.first && next == 0 {
            self.metadata(out, meta, piece.plain_target);
        }
        let counter = self.open_metrics && meta.kind == FamilyKind::Counter;
        let name: &[u8] = if counter { meta.base.as_bytes() } else { meta.text_name.as_bytes() };
        let created = self.open_metrics && meta.kind.has_start();
        for (index, shown) in piece.samples.iter().enumerate().skip(next) {
            // The head of a family is followed by a series in any case: it would be written again with the next one.
            if out.len() >= length_max && index > next {
                return Some(index);
            }
            let labels = Labels { text: &piece.text, at: shown.text };
            if counter && !is_counter(shown.point.value.as_double()) {
                self.omit(Note::CounterOmitted, meta);
                continue;
            }
            if meta.kind.is_compound() {
                let Some(compound) = piece.compounds.get(index) else { continue };
                self.compound(out, &Lines { meta, labels, compound, point: &shown.point });
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
                self.end(out, &shown.point, None);
            }
        }
        None
    }

    fn metadata(&self, out: &mut Vec<u8>, meta: &Meta, plain_target: bool) {
        let (name, kind) = match meta.kind {
            FamilyKind::Counter if self.open_metrics => (&*meta.base, "counter"),
            FamilyKind::Counter => (&*meta.text_name, "counter"),
            FamilyKind::Unknown if self.open_metrics => (&*meta.base, "unknown"),
            FamilyKind::Unknown => (&*meta.base, "untyped"),
            FamilyKind::Target if self.open_metrics && !plain_target => {
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

    fn omit(&mut self, note: Note, meta: &Meta) {
        self.tally.add(note, 1);
        self.tally.explain(note, &meta.text_name, || meta.source.clone());
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

/// Whether OpenMetrics allows a counter to have this value.
fn is_counter(value: f64) -> bool {
    value >= 0.0
}

fn exemplar_of(piece: &Piece, index: usize) -> Option<&Exemplar> {
    let found = piece.exemplars.binary_search_by_key(&index, |(index, _)| *index).ok()?;
    piece.exemplars.get(found).map(|(_, exemplar)| exemplar)
}
