//! Verbosity `normal`: a line for each data point, span and log record.

use super::go::{fixed, shortest};
use super::sink::Sink;
use super::view::{Fields, Levels, bucket_bound, walk};
use crate::contract::Signal;
use crate::exporters::value;
use crate::otlp::attribute::Attribute;
use crate::otlp::wire::Fault;

/// Writes all items of a request.
pub fn write(sink: &mut Sink<'_>, signal: Signal, request: &[u8]) -> Result<(), Fault> {
    walk(request, &mut Normal { sink, signal })
}

struct Normal<'s, 'w> {
    sink: &'s mut Sink<'w>,
    signal: Signal,
}

impl Normal<'_, '_> {
    /// What the Collector calls a level here.
    fn suffix(&self) -> &'static str {
        match self.signal {
            Signal::Metrics => "Metrics",
            Signal::Traces => "Traces",
            Signal::Logs => "Log",
        }
    }
}

impl Levels for Normal<'_, '_> {
    fn resource(&mut self, index: usize, level: &Fields<'_>) -> Result<(), Fault> {
        let (name, schema) = (self.suffix(), level.text(3)?);
        let schema = if schema.is_empty() { String::new() } else { format!(" [{schema}]") };
        let attributes = spaced(&level.child(1)?.attributes(1)?)?;
        self.sink.line(format_args!("Resource{name} #{index}{schema}{attributes}"));
        Ok(())
    }

    fn scope(&mut self, index: usize, level: &Fields<'_>) -> Result<(), Fault> {
        let (name, scope) = (self.suffix(), level.child(1)?);
        let version = scope.text(2)?;
        let version = if version.is_empty() { String::new() } else { format!("@{version}") };
        let schema = level.text(3)?;
        let schema = if schema.is_empty() { String::new() } else { format!("[{schema}]") };
        let who = format!("{}{version}", scope.text(1)?);
        let details = [who, schema].into_iter().filter(|part| !part.is_empty()).map(|part| format!(" {part}"));
        let details = details.collect::<String>();
        let attributes = spaced(&scope.attributes(3)?)?;
        self.sink.line(format_args!("Scope{name} #{index}{details}{attributes}"));
        Ok(())
    }

    fn item(&mut self, _index: usize, item: &Fields<'_>) -> Result<(), Fault> {
        match self.signal {
            Signal::Metrics => metric(self.sink, item),
            Signal::Traces => span(self.sink, item),
            Signal::Logs => log_record(self.sink, item),
        }
    }
}

fn span(sink: &mut Sink<'_>, span: &Fields<'_>) -> Result<(), Fault> {
    let (name, trace_id, span_id) = (span.text(5)?, span.id(1)?, span.id(2)?);
    let attributes = spaced(&span.attributes(9)?)?;
    sink.line(format_args!("{name} {trace_id} {span_id}{attributes}"));
    Ok(())
}

fn log_record(sink: &mut Sink<'_>, record: &Fields<'_>) -> Result<(), Fault> {
    let body = value::text(record.child(5)?.message())?;
    let attributes = pairs(&record.attributes(6)?)?.join(" ");
    sink.line(format_args!("{body} {attributes}"));
    Ok(())
}

fn metric(sink: &mut Sink<'_>, metric: &Fields<'_>) -> Result<(), Fault> {
    let name = metric.text(1)?;
    let Some(kind) = metric.variant(&[5, 7, 9, 10, 11])? else {
        return Ok(());
    };
    for point in metric.child(kind)?.children(1)? {
        let point = Fields::new(point);
        let (attributes, value) = match kind {
            5 | 7 => (7, number(&point)?),
            9 => (9, histogram(&point)?),
            10 => (1, exponential_histogram(&point)?),
            _ => (7, summary(&point)?),
        };
        let attributes = pairs(&point.attributes(attributes)?)?.join(",");
        sink.line(format_args!("{name}{{{attributes}}} {value}"));
    }
    Ok(())
}

fn number(point: &Fields<'_>) -> Result<String, Fault> {
    match point.variant(&[4, 6])? {
        Some(4) => Ok(shortest(f64::from_bits(point.fixed64(4)?))),
        Some(_) => Ok(point.fixed64(6)?.cast_signed().to_string()),
        None => Ok(String::new()),
    }
}

fn histogram(point: &Fields<'_>) -> Result<String, Fault> {
    let mut out = statistics(point, [11, 12])?;
    let bounds = point.fixed64s(7)?;
    for (index, count) in point.fixed64s(6)?.into_iter().enumerate() {
        match bounds.get(index) {
            Some(bound) => out.push_str(&format!(" le{}={count}", shortest(f64::from_bits(*bound)))),
            None => out.push_str(&format!(" {count}")),
        }
    }
    Ok(out)
}

fn exponential_histogram(point: &Fields<'_>) -> Result<String, Fault> {
    let mut out = statistics(point, [12, 13])?;
    let (scale, zeros) = (point.zigzag(6)?, point.fixed64(7)?);
    let (negative, positive) = (point.child(9)?, point.child(8)?);
    let offset = negative.zigzag(1)?;
    for (index, count) in negative.varints(2)?.into_iter().enumerate().rev() {
        out.push_str(&format!(" le{}={count}", shortest(-bucket_bound(scale, offset, index))));
    }
    if zeros != 0 {
        out.push_str(&format!(" zero={zeros}"));
    }
    let offset = positive.zigzag(1)?;
    for (index, count) in positive.varints(2)?.into_iter().enumerate() {
        out.push_str(&format!(" le{}={count}", shortest(bucket_bound(scale, offset, index + 1))));
    }
    Ok(out)
}

/// Count, sum, minimum and maximum; the last two are in the given fields.
fn statistics(point: &Fields<'_>, [minimum, maximum]: [u32; 2]) -> Result<String, Fault> {
    let mut out = format!("count={}", point.fixed64(4)?);
    for (name, field) in [("sum", 5), ("min", minimum), ("max", maximum)] {
        if let Some(number) = point.double(field)? {
            out.push_str(&format!(" {name}={}", shortest(number)));
        }
    }
    Ok(out)
}

fn summary(point: &Fields<'_>) -> Result<String, Fault> {
    let sum = fixed(point.double(5)?.unwrap_or_default());
    let mut out = format!("count={} sum={sum}", point.fixed64(4)?);
    for quantile in point.children(6)? {
        let quantile = Fields::new(quantile);
        let [rank, value] =
            [quantile.double(1)?, quantile.double(2)?].map(|number| shortest(number.unwrap_or_default()));
        out.push_str(&format!(" q{rank}={value}"));
    }
    Ok(out)
}

/// `key=value` for each attribute.
fn pairs(attributes: &[Attribute<'_>]) -> Result<Vec<String>, Fault> {
    let pair = |attribute: &Attribute<'_>| {
        Ok(format!("{}={}", String::from_utf8_lossy(attribute.key), value::text(&attribute.value()?)?))
    };
    attributes.iter().map(pair).collect()
}

/// The same with a space before each.
fn spaced(attributes: &[Attribute<'_>]) -> Result<String, Fault> {
    Ok(pairs(attributes)?.into_iter().map(|pair| format!(" {pair}")).collect())
}
