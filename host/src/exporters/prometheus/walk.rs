//! The points that the walk of `otlp::metrics` counts but does not report: histograms, exponential histograms and summaries.
//!
//! A second walk over bytes that the first one has checked. It tells a visitor the same things in the same order.

use super::ingest::Ingest;
use super::read::attributes_field;
use crate::otlp::Strings;
use crate::otlp::attribute::attributes;
use crate::otlp::message::Message;
use crate::otlp::metrics::{MetricKind, MetricsVisitor as _, read_metric};
use crate::otlp::wire::Fault;

/// Hands all compound points of a request to `ingest`.
pub fn compounds(request: &[u8], ingest: &mut Ingest<'_>) -> Result<(), Fault> {
    each(request, 1, |level| {
        ingest.resource(&child(level, 1)?)?;
        each(level, 2, |level| {
            ingest.scope(&child(level, 1)?)?;
            each(level, 2, |metric| one(metric, ingest))
        })
    })
}

fn one(message: &[u8], ingest: &mut Ingest<'_>) -> Result<(), Fault> {
    let (header, data) = read_metric(message, Strings::Bytes)?;
    let Some(kind) = header.kind.filter(|kind: &MetricKind| !kind.has_numbers()) else { return Ok(()) };
    ingest.metric(&header)?;
    for piece in data.pieces() {
        each(piece, 1, |point| {
            for attribute in attributes(&Message::whole(point), attributes_field(kind))? {
                ingest.attribute(attribute.key, attribute.raw)?;
            }
            ingest.compound(point)
        })?;
    }
    Ok(())
}

fn each<'a>(message: &'a [u8], number: u32, mut each: impl FnMut(&'a [u8]) -> Result<(), Fault>) -> Result<(), Fault> {
    Message::whole(message).each_field(|field| match field.number {
        found if found == number => each(field.value.bytes(field.raw)?),
        _ => Ok(()),
    })
}

fn child(message: &[u8], number: u32) -> Result<Message<'_>, Fault> {
    let mut pieces = Message::default();
    each(message, number, |piece| {
        pieces.push(piece);
        Ok(())
    })?;
    Ok(pieces)
}
