//! The lines of an exposition, in the Prometheus text format 0.0.4 and in OpenMetrics 1.0.0.
//!
//! In OpenMetrics a counter's family has no `_total`, its samples do; units have lines, start times are `_created` series, and
//! `target_info` is the info family `target`. Sources: prometheus.io "Exposition formats"; the OpenMetrics specification 1.0.0.

use std::fmt::Write as _;

use super::family::{FamilyKind, Meta};
use super::labels::escape;
use super::series::{Point, Value};
use super::store::Piece;

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

const NANOSECONDS: u64 = 1_000_000_000;

/// Appends the lines of a piece.
pub fn render(out: &mut String, piece: &Piece, format: Format, send_timestamps: bool) {
    let meta = &*piece.meta;
    if piece.first {
        metadata(out, meta, format, piece.derived_name_taken);
    }
    let created = format == Format::OpenMetrics && meta.kind == FamilyKind::Counter && !piece.derived_name_taken;
    for (labels, point) in &piece.samples {
        sample(out, meta, format, labels, point, send_timestamps);
        if created && point.start_time > 0 {
            let _ = write!(out, "{}_created{labels} ", meta.base);
            seconds(out, point.start_time);
            out.push('\n');
        }
    }
}

fn metadata(out: &mut String, meta: &Meta, format: Format, derived_name_taken: bool) {
    let (name, kind) = match (format, meta.kind) {
        (Format::Text, FamilyKind::Counter) => (meta.text_name.as_str(), "counter"),
        (Format::OpenMetrics, FamilyKind::Counter) => (&*meta.base, "counter"),
        (Format::OpenMetrics, FamilyKind::Target) if !derived_name_taken => {
            (meta.base.strip_suffix("_info").unwrap_or(&meta.base), "info")
        }
        (_, FamilyKind::Gauge | FamilyKind::Target) => (&*meta.base, "gauge"),
    };
    if !meta.help.is_empty() {
        let _ = write!(out, "# HELP {name} ");
        escape(out, &meta.help, format == Format::OpenMetrics);
        out.push('\n');
    }
    let _ = writeln!(out, "# TYPE {name} {kind}");
    if format == Format::OpenMetrics && !meta.unit.is_empty() {
        let _ = writeln!(out, "# UNIT {name} {}", meta.unit);
    }
}

fn sample(out: &mut String, meta: &Meta, format: Format, labels: &str, point: &Point, send_timestamps: bool) {
    match (format, meta.kind) {
        (Format::OpenMetrics, FamilyKind::Counter) => {
            out.push_str(&meta.base);
            out.push_str("_total");
        }
        _ => out.push_str(&meta.text_name),
    }
    out.push_str(labels);
    out.push(' ');
    number(out, point.value);
    if send_timestamps && point.time > 0 {
        out.push(' ');
        match format {
            // Milliseconds.
            Format::Text => {
                let _ = write!(out, "{}", point.time / 1_000_000);
            }
            Format::OpenMetrics => seconds(out, point.time),
        }
    }
    out.push('\n');
}

/// Integers as they are, doubles in the shortest form that reads back as the same number.
fn number(out: &mut String, value: Value) {
    let _ = match value {
        Value::Integer(number) => write!(out, "{number}"),
        Value::Double(number) if number.is_nan() => write!(out, "NaN"),
        Value::Double(number) if number.is_infinite() => write!(out, "{}Inf", if number > 0.0 { '+' } else { '-' }),
        // Far from one, digits would be mostly zeros.
        Value::Double(number) if number != 0.0 && !(1e-6..1e17).contains(&number.abs()) => write!(out, "{number:e}"),
        Value::Double(number) => write!(out, "{number}"),
    };
}

/// Nanoseconds as seconds, with as many decimals as there are.
fn seconds(out: &mut String, nanoseconds: u64) {
    let _ = write!(out, "{}", nanoseconds / NANOSECONDS);
    let fraction = nanoseconds % NANOSECONDS;
    if fraction > 0 {
        let digits = format!("{fraction:09}");
        out.push('.');
        out.push_str(digits.trim_end_matches('0'));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn piece(kind: FamilyKind, base: &str, samples: Vec<(&str, Value)>) -> Piece {
        let text_name = if kind == FamilyKind::Counter { format!("{base}_total") } else { base.to_owned() };
        let (help, unit) = ("a \\ \"help\"\nin lines".to_owned(), "seconds".to_owned());
        let point = |value| Point { value, start_time: 1_520_430_000_123_000_000, time: 1_520_430_001_500_000_000 };
        Piece {
            meta: Arc::new(Meta { base: Arc::from(base), text_name, kind, help, unit }),
            first: true,
            derived_name_taken: false,
            samples: samples.into_iter().map(|(labels, value)| (Arc::from(labels), point(value))).collect(),
        }
    }

    fn rendered(piece: &Piece, format: Format, send_timestamps: bool) -> String {
        let mut out = String::new();
        render(&mut out, piece, format, send_timestamps);
        out
    }

    #[test]
    fn a_counter_in_both_formats() {
        let piece =
            piece(FamilyKind::Counter, "cpu_seconds", vec![("{a=\"1\"}", Value::Integer(7)), ("", Value::Double(0.5))]);
        assert_eq!(
            rendered(&piece, Format::Text, false),
            "# HELP cpu_seconds_total a \\\\ \"help\"\\nin lines\n# TYPE cpu_seconds_total counter\n\
             cpu_seconds_total{a=\"1\"} 7\ncpu_seconds_total 0.5\n"
        );
        assert_eq!(
            rendered(&piece, Format::OpenMetrics, true),
            "# HELP cpu_seconds a \\\\ \\\"help\\\"\\nin lines\n# TYPE cpu_seconds counter\n# UNIT cpu_seconds seconds\n\
             cpu_seconds_total{a=\"1\"} 7 1520430001.5\ncpu_seconds_created{a=\"1\"} 1520430000.123\n\
             cpu_seconds_total 0.5 1520430001.5\ncpu_seconds_created 1520430000.123\n"
        );
        assert!(rendered(&piece, Format::Text, true).ends_with("cpu_seconds_total 0.5 1520430001500\n"));
    }

    #[test]
    fn the_target_is_an_info_family_unless_its_name_is_taken() {
        let mut piece = piece(FamilyKind::Target, "target_info", vec![("{job=\"a\"}", Value::Integer(1))]);
        Arc::make_mut(&mut piece.meta).unit.clear();
        assert!(rendered(&piece, Format::Text, false).contains("# TYPE target_info gauge\ntarget_info{job=\"a\"} 1\n"));
        assert!(
            rendered(&piece, Format::OpenMetrics, false).contains("# TYPE target info\ntarget_info{job=\"a\"} 1\n")
        );
        piece.derived_name_taken = true;
        assert!(rendered(&piece, Format::OpenMetrics, false).contains("# TYPE target_info gauge\n"));
    }

    #[test]
    fn numbers_read_back_as_themselves() {
        for (value, expected) in [
            (Value::Integer(i64::MIN), "-9223372036854775808"),
            (Value::Double(3.0), "3"),
            (Value::Double(-0.0), "-0"),
            (Value::Double(0.1), "0.1"),
            (Value::Double(1e300), "1e300"),
            (Value::Double(-5e-324), "-5e-324"),
            (Value::Double(1_234_567_890_123_456.5), "1234567890123456.5"),
            (Value::Double(f64::NAN), "NaN"),
            (Value::Double(f64::INFINITY), "+Inf"),
            (Value::Double(f64::NEG_INFINITY), "-Inf"),
        ] {
            let mut out = String::new();
            number(&mut out, value);
            assert_eq!(out, expected);
        }
    }
}
