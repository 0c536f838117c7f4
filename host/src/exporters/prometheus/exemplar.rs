//! Exemplars: single measurements and the traces they were made in. Only OpenMetrics shows them, on counters and buckets.
//!
//! Their labels are `trace_id`, `span_id` and the attributes that the SDK filtered out of the series, as far as they fit into the
//! 128 characters that OpenMetrics 1.0 allows, in the order of their names. Trace and span come first and win. In their values
//! U+FFFD stands for NUL: Prometheus' reader refuses an answer with a NUL in an exemplar, though not in a label of a series.

use std::sync::Arc;

use super::labels::{Label, resolve, write};
use super::numbers;
use crate::exporters::value;
use crate::otlp::attribute::attributes;
use crate::otlp::message::Message;
use crate::otlp::points::ExemplarField;
use crate::otlp::wire::Fault;

/// How many exemplars of one point are kept; the latest ones.
const EXEMPLARS_MAX: usize = 32;
/// How long the names and values of an exemplar's labels may be together, in characters.
const LABELS_CHARACTERS_MAX: usize = 128;

const HEXADECIMAL: &[u8; 16] = b"0123456789abcdef";

/// A measurement that stands for others, and where it was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar {
    /// What was measured.
    pub value: f64,
    /// `time_unix_nano`.
    pub time: u64,
    /// Its labels as text, without the braces; mostly `trace_id` and `span_id`.
    labels: Arc<str>,
    /// How many attributes did not fit.
    pub left_out: u32,
}

impl Exemplar {
    /// Reads an `Exemplar`.
    pub fn read(message: &[u8]) -> Result<Exemplar, Fault> {
        let (mut value, mut time) = (0.0, 0);
        let (mut trace_id, mut span_id) = ([0; 16], [0; 8]);
        let message = Message::whole(message);
        message.each_field(|field| {
            match field.number {
                2 => time = field.value.fixed64(field.raw)?,
                3 => value = f64::from_bits(field.value.fixed64(field.raw)?),
                // An id of another length is none.
                4 => span_id = field.value.bytes(field.raw)?.try_into().unwrap_or_default(),
                5 => trace_id = field.value.bytes(field.raw)?.try_into().unwrap_or_default(),
                6 => value = field.value.fixed64(field.raw)?.cast_signed() as f64,
                _ => {}
            }
            Ok(())
        })?;
        let ids = [("trace_id", hexadecimal(&trace_id)), ("span_id", hexadecimal(&span_id))];
        let (labels, left_out) = labels(&ids, &message)?;
        Ok(Exemplar { value, time, labels: labels.into(), left_out })
    }

    /// Writes what stands behind a sample.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b" # {");
        out.extend_from_slice(self.labels.as_bytes());
        out.extend_from_slice(b"} ");
        numbers::double(out, self.value);
        if self.time > 0 {
            out.push(b' ');
            numbers::seconds(out, self.time);
        }
    }
}

/// The text of the labels, and how many attributes did not fit. An id that is not there is empty.
fn labels(ids: &[(&str, String); 2], exemplar: &Message<'_>) -> Result<(String, u32), Fault> {
    let mut filtered = Vec::new();
    for attribute in attributes(exemplar, 7)? {
        let text = value::text(&attribute.value()?)?.replace('\0', "\u{fffd}");
        filtered.push(Label::of_attribute("", attribute.key, text));
    }
    let (mut out, mut room, mut left_out) = (String::new(), LABELS_CHARACTERS_MAX, 0);
    let ids = ids.iter().filter(|(_, id)| !id.is_empty());
    let taken: Vec<&str> = ids.clone().map(|(name, _)| *name).collect();
    filtered.retain(|label| !taken.contains(&label.name()));
    let ids = ids.map(|(name, id)| ((*name).to_owned(), id.clone()));
    for (name, value) in ids.chain(resolve(filtered)) {
        let characters = name.chars().count().saturating_add(value.chars().count());
        let Some(rest) = room.checked_sub(characters) else {
            left_out += 1;
            continue;
        };
        room = rest;
        out.push_str(if out.is_empty() { "" } else { "," });
        write(&mut out, &name, &value);
    }
    Ok((out, left_out))
}

/// Empty for an id of zeros, which is none.
fn hexadecimal(id: &[u8]) -> String {
    if id.iter().all(|byte| *byte == 0) {
        return String::new();
    }
    let digits = id.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| HEXADECIMAL.get(usize::from(digit)).copied().map(char::from)).collect()
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
        if latest.as_ref().is_none_or(|latest| latest.time <= found.time) {
            latest = Some(found);
        }
        Ok(())
    })?;
    Ok(latest)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::otlp::wire::{put_bytes, put_fixed64};

    fn exemplar(trace: u8, pairs: &[(&str, &str)]) -> (String, u32) {
        let mut message = Vec::new();
        put_fixed64(&mut message, 3, 1.5_f64.to_bits());
        put_bytes(&mut message, 5, &[trace; 16]);
        for (key, value) in pairs {
            let (mut any, mut entry) = (Vec::new(), Vec::new());
            put_bytes(&mut any, 1, value.as_bytes());
            put_bytes(&mut entry, 1, key.as_bytes());
            put_bytes(&mut entry, 2, &any);
            put_bytes(&mut message, 7, &entry);
        }
        let exemplar = Exemplar::read(&message).unwrap();
        (exemplar.labels.to_string(), exemplar.left_out)
    }

    #[test]
    fn filtered_attributes_are_labels_behind_the_trace() {
        let trace = "ab".repeat(16);
        let expected = format!(r#"trace_id="{trace}",a_b="x\"y",user="ü""#);
        assert_eq!(exemplar(0xab, &[("user", "ü"), ("a.b", "x\"y"), ("trace.id", "other")]), (expected, 0));
        // Without a trace an attribute may have its name.
        assert_eq!(exemplar(0, &[("trace.id", "other"), ("none", "")]), (r#"trace_id="other""#.to_owned(), 0));
    }

    #[test]
    fn labels_have_at_most_128_characters() {
        // `trace_id` and its value are 40 of them, counted in characters and not in bytes.
        let (fits, too_long) = ("ü".repeat(87), "ü".repeat(88));
        let (shown, left_out) = exemplar(1, &[("k", &fits)]);
        assert!(shown.ends_with(&format!(",k=\"{fits}\"")) && left_out == 0, "{shown}");
        let (shown, left_out) = exemplar(1, &[("k", &too_long), ("z", "1")]);
        assert!(shown.ends_with("01\",z=\"1\"") && left_out == 1, "{shown}");
    }
}
