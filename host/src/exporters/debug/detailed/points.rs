//! Data points of all kinds.

use super::super::go::{fixed, time};
use super::super::sink::Sink;
use super::super::view::{Fields, bucket_bound};
use super::attributes::{INDENT, attributes};
use crate::otlp::wire::Fault;

/// Writes a data point of the metric whose data is in field `kind`.
pub fn write(sink: &mut Sink<'_>, kind: u32, index: usize, point: &Fields<'_>) -> Result<(), Fault> {
    let (name, attribute_field, exemplar_field) = match kind {
        5 | 7 => ("NumberDataPoints", 7, Some(5)),
        9 => ("HistogramDataPoints", 9, Some(8)),
        10 => ("ExponentialHistogramDataPoints", 1, Some(11)),
        _ => ("SummaryDataPoints", 7, None),
    };
    sink.line(format_args!("{name} #{index}"));
    attributes(sink, "", "Data point attributes", &point.attributes(attribute_field)?)?;
    sink.line(format_args!("StartTimestamp: {}", time(point.fixed64(2)?)));
    sink.line(format_args!("Timestamp: {}", time(point.fixed64(3)?)));
    match kind {
        5 | 7 => number(sink, "Value", point, [4, 6])?,
        9 => histogram(sink, point)?,
        10 => exponential_histogram(sink, point)?,
        _ => summary(sink, point)?,
    }
    match exemplar_field {
        Some(field) => exemplars(sink, &point.children(field)?),
        None => Ok(()),
    }
}

/// A value that is a double or an integer, in the given fields.
fn number(sink: &mut Sink<'_>, name: &str, message: &Fields<'_>, [double, integer]: [u32; 2]) -> Result<(), Fault> {
    match message.variant(&[double, integer])? {
        Some(field) if field == double => {
            sink.line(format_args!("{name}: {}", fixed(f64::from_bits(message.fixed64(double)?))));
        }
        Some(_) => sink.line(format_args!("{name}: {}", message.fixed64(integer)?.cast_signed())),
        None => {}
    }
    Ok(())
}

fn histogram(sink: &mut Sink<'_>, point: &Fields<'_>) -> Result<(), Fault> {
    statistics(sink, point, [11, 12])?;
    for (index, bound) in point.fixed64s(7)?.into_iter().enumerate() {
        sink.line(format_args!("ExplicitBounds #{index}: {}", fixed(f64::from_bits(bound))));
    }
    for (index, count) in point.fixed64s(6)?.into_iter().enumerate() {
        sink.line(format_args!("Buckets #{index}, Count: {count}"));
    }
    Ok(())
}

fn exponential_histogram(sink: &mut Sink<'_>, point: &Fields<'_>) -> Result<(), Fault> {
    statistics(sink, point, [12, 13])?;
    let (scale, zeros) = (point.zigzag(6)?, point.fixed64(7)?);
    let (negative, positive) = (point.child(9)?, point.child(8)?);
    let bounds = |offset, index| [index, index + 1].map(|index| bucket_bound(scale, offset, index));
    let offset = negative.zigzag(1)?;
    for (index, count) in negative.varints(2)?.into_iter().enumerate().rev() {
        let [lower, upper] = bounds(offset, index).map(|bound| fixed(-bound));
        sink.line(format_args!("Bucket [{upper}, {lower}), Count: {count}"));
    }
    if zeros != 0 {
        sink.line(format_args!("Bucket [0, 0], Count: {zeros}"));
    }
    let offset = positive.zigzag(1)?;
    for (index, count) in positive.varints(2)?.into_iter().enumerate() {
        let [lower, upper] = bounds(offset, index).map(fixed);
        sink.line(format_args!("Bucket ({lower}, {upper}], Count: {count}"));
    }
    Ok(())
}

/// Count, sum, minimum and maximum; the last two are in the given fields.
fn statistics(sink: &mut Sink<'_>, point: &Fields<'_>, [minimum, maximum]: [u32; 2]) -> Result<(), Fault> {
    sink.line(format_args!("Count: {}", point.fixed64(4)?));
    for (name, field) in [("Sum", 5), ("Min", minimum), ("Max", maximum)] {
        if let Some(number) = point.double(field)? {
            sink.line(format_args!("{name}: {}", fixed(number)));
        }
    }
    Ok(())
}

fn summary(sink: &mut Sink<'_>, point: &Fields<'_>) -> Result<(), Fault> {
    sink.line(format_args!("Count: {}", point.fixed64(4)?));
    sink.line(format_args!("Sum: {}", fixed(point.double(5)?.unwrap_or_default())));
    for (index, quantile) in point.children(6)?.into_iter().enumerate() {
        let quantile = Fields::new(quantile);
        let [rank, value] = [quantile.double(1)?, quantile.double(2)?].map(|number| fixed(number.unwrap_or_default()));
        sink.line(format_args!("QuantileValue #{index}: Quantile {rank}, Value {value}"));
    }
    Ok(())
}

fn exemplars(sink: &mut Sink<'_>, exemplars: &[&[u8]]) -> Result<(), Fault> {
    if !exemplars.is_empty() {
        sink.line(format_args!("Exemplars:"));
    }
    for (index, exemplar) in exemplars.iter().enumerate() {
        let exemplar = Fields::new(exemplar);
        sink.line(format_args!("Exemplar #{index}"));
        sink.line(format_args!("     -> Trace ID: {}", exemplar.id(5)?));
        sink.line(format_args!("     -> Span ID: {}", exemplar.id(4)?));
        sink.line(format_args!("     -> Timestamp: {}", time(exemplar.fixed64(2)?)));
        number(sink, "     -> Value", &exemplar, [3, 6])?;
        attributes(sink, INDENT, "FilteredAttributes", &exemplar.attributes(7)?)?;
    }
    Ok(())
}
