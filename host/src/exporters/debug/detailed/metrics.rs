//! One metric: its descriptor, then its points.

use super::super::sink::Sink;
use super::super::view::Fields;
use super::attributes::{INDENT, attributes};
use super::points;
use crate::otlp::wire::Fault;

/// Writes a `Metric`.
pub fn write(sink: &mut Sink<'_>, index: usize, metric: &Fields<'_>) -> Result<(), Fault> {
    let kind = metric.variant(&[5, 7, 9, 10, 11])?;
    sink.line(format_args!("Metric #{index}"));
    sink.line(format_args!("Descriptor:"));
    sink.line(format_args!("     -> Name: {}", metric.text(1)?));
    sink.line(format_args!("     -> Description: {}", metric.text(2)?));
    sink.line(format_args!("     -> Unit: {}", metric.text(3)?));
    sink.line(format_args!("     -> DataType: {}", kind_name(kind)));
    attributes(sink, INDENT, "Metadata", &metric.attributes(12)?)?;
    let Some(kind) = kind else { return Ok(()) };
    let data = metric.child(kind)?;
    if kind == 7 {
        sink.line(format_args!("     -> IsMonotonic: {}", data.varint(3)? != 0));
    }
    if matches!(kind, 7 | 9 | 10) {
        sink.line(format_args!("     -> AggregationTemporality: {}", temporality_name(data.varint(2)?)));
    }
    for (index, point) in data.children(1)?.into_iter().enumerate() {
        points::write(sink, kind, index, &Fields::new(point))?;
    }
    Ok(())
}

/// By the field number of the data.
fn kind_name(kind: Option<u32>) -> &'static str {
    match kind {
        Some(5) => "Gauge",
        Some(7) => "Sum",
        Some(9) => "Histogram",
        Some(10) => "ExponentialHistogram",
        Some(11) => "Summary",
        _ => "Empty",
    }
}

fn temporality_name(number: u64) -> &'static str {
    match number {
        0 => "Unspecified",
        1 => "Delta",
        2 => "Cumulative",
        _ => "",
    }
}
