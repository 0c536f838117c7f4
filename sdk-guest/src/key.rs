//! Reading and building keys: the canonical encoding of a set of attributes, version 1.
//!
//! ```text
//! key     = 0x01 element*            ascending by (level, name), each (level, name) once
//! element = level:u8 text(name) value
//! value   = 0                        no value
//!         | 1 text                   string
//!         | 2 u8                     bool
//!         | 3 i64 little endian      integer
//!         | 4 f64 bits little endian double
//!         | 5 varint(n) value{n}     array
//!         | 6 varint(n) (text value){n}   map, ascending by name
//!         | 7 text                   bytes
//! text    = varint(length) byte{length}
//! ```
//!
//! Levels: 0 resource, 1 scope, 2 item, 3 request metadata; 4 scope identity and 5 metric identity in stream keys; 6 a field of
//! the item or its scope.

mod any_value;

use crate::Level;

pub use any_value::AnyValue;

/// First byte of every key.
const VERSION: u8 = 1;
/// Deeper values are not read. The host takes none that are deeper.
const DEPTH_MAX: u32 = 30;

/// One element of a key.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Element<'k> {
    /// Where it belongs, as the encoding numbers it.
    pub level: u8,
    /// The attribute's key. Bytes: a sender may have written what is not UTF-8.
    pub name: &'k [u8],
    /// The value.
    pub value: Value<'k>,
}

/// An attribute's value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'k> {
    /// No value.
    Empty,
    /// A string.
    String(&'k [u8]),
    /// A bool.
    Bool(bool),
    /// An integer.
    Integer(i64),
    /// A double.
    Double(f64),
    /// Bytes.
    Bytes(&'k [u8]),
    /// An array or a map, as it is encoded.
    Composite(&'k [u8]),
}

/// The elements of a key in their order; `None` where the bytes are no key.
pub fn elements(key: &[u8]) -> Option<Vec<Element<'_>>> {
    let (&VERSION, mut rest) = key.split_first()? else { return None };
    let mut elements = Vec::new();
    while let Some((&level, after)) = rest.split_first() {
        rest = after;
        let name = text(&mut rest)?;
        let value = value(&mut rest, 0)?;
        elements.push(Element { level, name, value });
    }
    Some(elements)
}

fn take<'k>(rest: &mut &'k [u8], length: usize) -> Option<&'k [u8]> {
    let (bytes, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(bytes)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *take(rest, 1)?.first()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn text<'k>(rest: &mut &'k [u8]) -> Option<&'k [u8]> {
    let length = usize::try_from(varint(rest)?).ok()?;
    take(rest, length)
}

fn value<'k>(rest: &mut &'k [u8], depth: u32) -> Option<Value<'k>> {
    let start = *rest;
    let kind = *take(rest, 1)?.first()?;
    let eight = |rest: &mut &'k [u8]| take(rest, 8)?.first_chunk::<8>().copied();
    Some(match kind {
        0 => Value::Empty,
        1 => Value::String(text(rest)?),
        2 => Value::Bool(take(rest, 1)? != [0]),
        3 => Value::Integer(i64::from_le_bytes(eight(rest)?)),
        4 => Value::Double(f64::from_le_bytes(eight(rest)?)),
        5 | 6 if depth < DEPTH_MAX => {
            for _ in 0..varint(rest)? {
                if kind == 6 {
                    text(rest)?;
                }
                value(rest, depth + 1)?;
            }
            Value::Composite(start.get(..start.len() - rest.len())?)
        }
        7 => Value::Bytes(text(rest)?),
        _ => return None,
    })
}

/// Reads one value alone, as a column of values has it; `None` where the bytes are none.
pub fn read_value(encoded: &[u8]) -> Option<Value<'_>> {
    let mut rest = encoded;
    value(&mut rest, 0).filter(|_| rest.is_empty())
}

/// Writes one value alone.
pub fn write_value(value: Value<'_>) -> Vec<u8> {
    encoded(value)
}

/// The entries of a map, ascending by name, each with its encoded value; `None` where the bytes are no map.
pub fn map_entries(encoded: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let (&6, mut rest) = encoded.split_first()? else { return None };
    let mut entries = Vec::new();
    for _ in 0..varint(&mut rest)? {
        let name = text(&mut rest)?;
        let before = rest;
        value(&mut rest, 0)?;
        entries.push((name, before.get(..before.len() - rest.len())?));
    }
    rest.is_empty().then_some(entries)
}

/// Writes a map of encoded values; of equal names the last one counts.
pub fn write_map(mut entries: Vec<(&[u8], &[u8])>) -> Vec<u8> {
    entries.reverse();
    entries.sort_by_key(|(name, _)| *name);
    entries.dedup_by_key(|(name, _)| *name);
    let mut out = vec![6];
    put_varint(&mut out, entries.len());
    for (name, value) in entries {
        put_text(&mut out, name);
        out.extend_from_slice(value);
    }
    out
}

/// Writes a list of strings.
pub fn write_texts(texts: &[&[u8]]) -> Vec<u8> {
    let mut out = vec![5];
    put_varint(&mut out, texts.len());
    for text in texts {
        out.push(1);
        put_text(&mut out, text);
    }
    out
}

/// The level of a field in a key.
pub const FIELD: u8 = 6;

/// Builds a key from attributes in any order; of equal names the last one counts.
#[derive(Debug, Default)]
pub struct KeyBuilder {
    /// (level, name, encoded value).
    elements: Vec<(u8, Vec<u8>, Vec<u8>)>,
}

impl KeyBuilder {
    /// Adds an attribute.
    pub fn attribute(self, level: Level, name: &str, value: Value<'_>) -> KeyBuilder {
        let level = match level {
            Level::Resource => 0,
            Level::Scope => 1,
            Level::Item => 2,
            Level::Metadata => 3,
        };
        self.add(level, name, value)
    }

    /// Adds a field of the item or its scope.
    pub fn field(self, name: &str, value: Value<'_>) -> KeyBuilder {
        self.add(FIELD, name, value)
    }

    fn add(mut self, level: u8, name: &str, value: Value<'_>) -> KeyBuilder {
        self.elements.retain(|(at, known, _)| (*at, known.as_slice()) != (level, name.as_bytes()));
        self.elements.push((level, name.as_bytes().to_vec(), encoded(value)));
        self
    }

    /// The key.
    pub fn finish(mut self) -> Vec<u8> {
        self.elements.sort();
        let mut key = vec![VERSION];
        for (level, name, value) in &self.elements {
            key.push(*level);
            put_text(&mut key, name);
            key.extend_from_slice(value);
        }
        key
    }
}

fn encoded(value: Value<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let tagged_text = |out: &mut Vec<u8>, tag, text| {
        out.push(tag);
        put_text(out, text);
    };
    match value {
        Value::Empty => out.push(0),
        Value::String(text) => tagged_text(&mut out, 1, text),
        Value::Bool(value) => out.extend([2, u8::from(value)]),
        Value::Integer(value) => {
            out.push(3);
            out.extend(value.to_le_bytes());
        }
        Value::Double(value) => {
            out.push(4);
            out.extend(value.to_le_bytes());
        }
        Value::Bytes(bytes) => tagged_text(&mut out, 7, bytes),
        Value::Composite(encoded) => out.extend(encoded),
    }
    out
}

fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    put_varint(out, text.len());
    out.extend_from_slice(text);
}

fn put_varint(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// The key that marks the series for everything that found no room: the item attribute `otel.metric.overflow` is true.
pub fn overflow() -> Vec<u8> {
    KeyBuilder::default().attribute(Level::Item, "otel.metric.overflow", Value::Bool(true)).finish()
}

#[cfg(test)]
mod tests {
    use super::{Element, KeyBuilder, Value, elements, overflow};
    use crate::Level;

    #[test]
    fn what_is_built_is_read_in_canonical_order() {
        let long = "x".repeat(300);
        let key = KeyBuilder::default()
            .attribute(Level::Item, "b", Value::Integer(-2))
            .attribute(Level::Item, "a", Value::String(b"old"))
            .attribute(Level::Item, "a", Value::String(long.as_bytes()))
            .attribute(Level::Resource, "z", Value::Double(0.5))
            .attribute(Level::Scope, "n", Value::Empty)
            .attribute(Level::Item, "c", Value::Composite(&[5, 2, 2, 1, 0]))
            .attribute(Level::Item, "d", Value::Bytes(&[0xff]))
            .finish();
        let element = |level, name: &'static str, value| Element { level, name: name.as_bytes(), value };
        let expected = vec![
            element(0, "z", Value::Double(0.5)),
            element(1, "n", Value::Empty),
            element(2, "a", Value::String(long.as_bytes())),
            element(2, "b", Value::Integer(-2)),
            element(2, "c", Value::Composite(&[5, 2, 2, 1, 0])),
            element(2, "d", Value::Bytes(&[0xff])),
        ];
        assert_eq!(elements(&key), Some(expected));
        for length in 0..key.len() {
            let cut = elements(key.get(..length).unwrap_or_default());
            assert!(cut.is_none_or(|cut| cut.len() < 6), "cut at {length}");
        }
    }

    #[test]
    fn the_overflow_key() {
        assert_eq!(overflow(), b"\x01\x02\x14otel.metric.overflow\x02\x01");
    }

    #[test]
    fn what_nests_too_deep_is_no_key() {
        let mut key = vec![1, 2, 1, b'a'];
        key.extend([5, 1].repeat(1000));
        key.push(0);
        assert_eq!(elements(&key), None);
    }
}
