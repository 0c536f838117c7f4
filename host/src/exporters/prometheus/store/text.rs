//! The label text of a chunk's series, each label once.
//!
//! A series is a count and that many items. An item is a whole label (`PAIR`), a value whose name stands in an earlier item
//! (`VALUE`), or a reference to an earlier item (`REFERENCE`). All are varints and bytes; offsets count from the start of the
//! text. Labels end with a comma, which the last one exchanges for the closing brace when a series is written.
//!
//! The text only grows; what removed series leave behind goes when the chunk is encoded anew.

use hashbrown::HashTable;

use crate::otlp::hash::Hasher;
use crate::otlp::wire::{Reader, put_varint};

const REFERENCE: u64 = 0;
const PAIR: u64 = 1;
const VALUE: u64 = 2;

/// Where labels and names stand in the text of the chunk that is being filled.
#[derive(Debug, Default)]
pub struct Places {
    /// Hash and offset of items.
    labels: HashTable<(u64, u32)>,
    /// Hash and offset of items of the form `PAIR`, by the name.
    names: HashTable<(u64, u32)>,
}

/// Appends the labels of a series (`{a="b"}`, or nothing) and returns where they stand; `None` when 32 bits cannot say it.
pub fn append(text: &mut Vec<u8>, places: &mut Places, hasher: &Hasher, labels: &str) -> Option<u32> {
    let start = u32::try_from(text.len()).ok()?;
    u32::try_from(text.len() + labels.len() * 2).ok()?;
    let pairs: Vec<(&[u8], usize)> = Pairs { rest: labels.as_bytes().get(1..).unwrap_or_default() }.collect();
    put_varint(text, pairs.len() as u64);
    for (pair, name_length) in pairs {
        append_pair(text, places, hasher, pair, name_length);
    }
    Some(start)
}

/// `pair` ends with the comma or brace behind its value; `name_length` counts up to the opening quotation mark.
fn append_pair(text: &mut Vec<u8>, places: &mut Places, hasher: &Hasher, pair: &[u8], name_length: usize) {
    let label = pair.split_last().map_or(pair, |(_, label)| label);
    let hash = hasher.hash(0, label) as u64;
    let is_label = |(other, at): &(u64, u32)| *other == hash && item_is(text, *at, label);
    if let Some((_, at)) = places.labels.find(hash, is_label) {
        return put_varint(text, u64::from(*at) << 2 | REFERENCE);
    }
    let at = text.len() as u32;
    let (name, value) = label.split_at_checked(name_length).unwrap_or((label, &[]));
    let name_hash = hasher.hash(1, name) as u64;
    let is_name = |(other, at): &(u64, u32)| *other == name_hash && name_of(text, *at) == name;
    if let Some((_, named)) = places.names.find(name_hash, is_name).copied() {
        put_varint(text, (value.len() as u64 + 1) << 2 | VALUE);
        put_varint(text, u64::from(named));
        text.extend_from_slice(value);
    } else {
        put_varint(text, (label.len() as u64 + 1) << 2 | PAIR);
        put_varint(text, name.len() as u64);
        text.extend_from_slice(label);
        places.names.insert_unique(name_hash, (name_hash, at), |(hash, _)| *hash);
    }
    text.push(b',');
    places.labels.insert_unique(hash, (hash, at), |(hash, _)| *hash);
}

/// Splits `a="b",c="d"}` behind each label.
struct Pairs<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a [u8], usize);

    fn next(&mut self) -> Option<Self::Item> {
        let name_length = self.rest.iter().position(|byte| *byte == b'"')? + 1;
        let mut escaped = false;
        let end = self.rest.iter().skip(name_length).position(|byte| {
            let ends = *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            ends
        })?;
        let (pair, rest) = self.rest.split_at_checked(name_length + end + 2)?;
        self.rest = rest;
        Some((pair, name_length))
    }
}

/// Writes the labels of the series at `at` with their braces; nothing for no labels.
pub fn write(text: &[u8], at: u32, out: &mut Vec<u8>) {
    let start = out.len();
    out.push(b'{');
    write_inner(text, at, out);
    match out.last_mut() {
        Some(last) if *last == b',' => *last = b'}',
        _ => out.truncate(start),
    }
}

/// Writes the labels of the series at `at`, each with a comma behind it.
pub fn write_inner(text: &[u8], at: u32, out: &mut Vec<u8>) {
    let mut reader = Reader::new(from(text, at));
    // What is in a chunk's text was put there by `append`: nothing here can fail on a sender's account.
    let items = reader.varint().unwrap_or(0);
    for _ in 0..items {
        let Ok(head) = reader.varint() else { return };
        if head & 3 == REFERENCE {
            let mut other = Reader::new(from(text, (head >> 2) as u32));
            if let Ok(head) = other.varint() {
                write_item(text, head, &mut other, out);
            }
        } else {
            write_item(text, head, &mut reader, out);
        }
    }
}

#[inline]
fn write_item(text: &[u8], head: u64, reader: &mut Reader<'_>, out: &mut Vec<u8>) {
    let detail = reader.varint().unwrap_or(0);
    if head & 3 == VALUE {
        out.extend_from_slice(name_of(text, detail as u32));
    }
    let (bytes, rest) = reader.rest.split_at_checked((head >> 2) as usize).unwrap_or_default();
    out.extend_from_slice(bytes);
    reader.rest = rest;
}

fn from(text: &[u8], at: u32) -> &[u8] {
    text.get(at as usize..).unwrap_or_default()
}

/// The name in an item of the form `PAIR`, up to the opening quotation mark.
fn name_of(text: &[u8], at: u32) -> &[u8] {
    let mut reader = Reader::new(from(text, at));
    let length = reader.varint().and_then(|_| reader.varint()).unwrap_or(0);
    reader.rest.get(..length as usize).unwrap_or_default()
}

fn item_is(text: &[u8], at: u32, label: &[u8]) -> bool {
    let mut reader = Reader::new(from(text, at));
    let (Ok(head), Ok(detail)) = (reader.varint(), reader.varint()) else { return false };
    let label = match head & 3 {
        VALUE => label.strip_prefix(name_of(text, detail as u32)),
        _ => Some(label),
    };
    let stored = reader.rest.get(..((head >> 2) as usize).saturating_sub(1)).unwrap_or_default();
    label == Some(stored)
}

/// Whether the series at `at` has exactly this label text. `scratch` is a buffer to work in.
pub fn is(text: &[u8], at: u32, labels: &str, scratch: &mut Vec<u8>) -> bool {
    scratch.clear();
    write(text, at, scratch);
    scratch.as_slice() == labels.as_bytes()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const SETS: [&str; 7] = [
        "",
        r#"{code="200",path="a\\b\"c\nd,e}"}"#,
        r#"{code="200",path="\\"}"#,
        r#"{code="404",path="\\"}"#,
        r#"{code="404"}"#,
        "",
        r#"{code="200",path="a\\b\"c\nd,e}"}"#,
    ];

    #[test]
    fn what_goes_in_comes_out() {
        let (mut text, mut places, hasher) = (Vec::new(), Places::default(), Hasher::random());
        let at = SETS.map(|labels| append(&mut text, &mut places, &hasher, labels).unwrap());
        for (labels, at) in SETS.iter().zip(at) {
            let mut out = b"x".to_vec();
            write(&text, at, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), format!("x{labels}"));
            assert!(is(&text, at, labels, &mut Vec::new()));
            assert!(!is(&text, at, r#"{code="20"}"#, &mut Vec::new()));
        }
    }

    #[test]
    fn a_label_stands_there_once() {
        let (mut text, mut places, hasher) = (Vec::new(), Places::default(), Hasher::random());
        for number in 0..100 {
            let labels = format!("{{code=\"{}\",host=\"a-rather-long-name\"}}", 100 + number % 10);
            append(&mut text, &mut places, &hasher, &labels).unwrap();
        }
        assert!(text.len() < 100 * 6 + 100, "{} bytes", text.len());
    }
}
