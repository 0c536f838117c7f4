//! Exemplars: single measurements and the traces they were made in.
//!
//! As in the Collector, trace and span are their labels; attributes that were filtered are not. Only OpenMetrics shows them, on
//! counters and buckets.

use super::numbers;
use crate::otlp::message::Message;
use crate::otlp::points::ExemplarField;
use crate::otlp::wire::Fault;

/// How many exemplars of one point are kept; the latest ones.
const EXEMPLARS_MAX: usize = 32;

const HEXADECIMAL: &[u8; 16] = b"0123456789abcdef";

/// A measurement that stands for others, and the trace it was made in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exemplar {
    /// What was measured.
    pub value: f64,
    /// `time_unix_nano`.
    pub time: u64,
    /// Zeros when there is none.
    pub trace_id: [u8; 16],
    /// Zeros when there is none.
    pub span_id: [u8; 8],
}

impl Exemplar {
    /// Reads an `Exemplar`.
    pub fn read(message: &[u8]) -> Result<Exemplar, Fault> {
        let mut exemplar = Exemplar { value: 0.0, time: 0, trace_id: [0; 16], span_id: [0; 8] };
        Message::whole(message).each_field(|field| {
            match field.number {
                2 => exemplar.time = field.value.fixed64(field.raw)?,
                3 => exemplar.value = f64::from_bits(field.value.fixed64(field.raw)?),
                // An id of another length is none.
                4 => exemplar.span_id = field.value.bytes(field.raw)?.try_into().unwrap_or_default(),
                5 => exemplar.trace_id = field.value.bytes(field.raw)?.try_into().unwrap_or_default(),
                6 => exemplar.value = field.value.fixed64(field.raw)?.cast_signed() as f64,
                _ => {}
            }
            Ok(())
        })?;
        Ok(exemplar)
    }

    /// Writes what stands behind a sample. Trace and span make 63 characters of labels; OpenMetrics allows 128.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b" # {");
        let ids: [(&str, &[u8]); 2] = [("trace_id", &self.trace_id), ("span_id", &self.span_id)];
        for (index, (name, id)) in ids.into_iter().filter(|(_, id)| id.iter().any(|byte| *byte != 0)).enumerate() {
            out.extend_from_slice(if index > 0 { b"," } else { b"" });
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"=\"");
            id.iter()
                .for_each(|byte| out.extend([byte >> 4, byte & 15].map(|digit| HEXADECIMAL[usize::from(digit & 15)])));
            out.push(b'"');
        }
        out.extend_from_slice(b"} ");
        numbers::double(out, self.value);
        if self.time > 0 {
            out.push(b' ');
            numbers::seconds(out, self.time);
        }
    }
}

/// Keeps the latest ones, sorted by value.
pub fn select(exemplars: &mut Vec<Exemplar>) {
    exemplars.retain(|exemplar| !exemplar.value.is_nan());
    if exemplars.len() > EXEMPLARS_MAX {
        exemplars.sort_by_key(|exemplar| std::cmp::Reverse(exemplar.time));
        exemplars.truncate(EXEMPLARS_MAX);
    }
    exemplars.sort_by(|a, b| a.value.total_cmp(&b.value));
}

/// The latest of a number point's exemplars.
pub fn latest(point: &[u8]) -> Result<Option<Exemplar>, Fault> {
    let mut latest: Option<Exemplar> = None;
    ExemplarField::NUMBER.each(point, |message| {
        let found = Exemplar::read(message)?;
        if latest.is_none_or(|latest| latest.time <= found.time) {
            latest = Some(found);
        }
        Ok(())
    })?;
    Ok(latest)
}
