//! The canonical encoding of a key: a set of typed attributes as bytes, the durable identity of a series.
//!
//! Two attribute sets are the same key exactly when their encodings are the same bytes. Version 1:
//!
//! ```text
//! key     = 0x01 element*            ascending by (level, name), each (level, name) once
//! element = level:u8 text(name) value
//! value   = 0                        no value
//!         | 1 text                   string
//!         | 2 u8                     bool
//!         | 3 i64 little endian      integer
//!         | 4 f64 bits little endian double
//!         | 5 varint(n) value{n}     array, in order
//!         | 6 varint(n) (text value){n}   map, ascending by name, each once
//!         | 7 text                   bytes
//! text    = varint(length) byte{length}
//! ```
//!
//! Levels: 0 resource, 1 scope, 2 item, 3 request metadata; 4 scope name and version, 5 metric identity (stream keys only);
//! 6 a field of the item or of what encloses it. Text is UTF-8 in keys that a guest makes. Values nest at most 30 deep there.
//! Where a request repeats an attribute, the last one counts.

use super::attribute::{AnyValue, Attribute, Strings, array_elements, attributes};
use super::message::Message;
use super::wire::{self, Fault, Malformed, Reader, put_varint};

/// First byte of every key.
pub const VERSION: u8 = 1;
/// The longest key a dictionary takes, in bytes.
pub const KEY_MAX: usize = 64 << 10;

/// Where an element of a key comes from. The number is part of the encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// A resource attribute.
    Resource = 0,
    /// A scope attribute.
    Scope = 1,
    /// An attribute of the point, span or record.
    Item = 2,
    /// What the receiver kept of the request's headers.
    Metadata = 3,
    /// The scope's name and version.
    ScopeIdentity = 4,
    /// The metric's name, unit, kind, temporality and monotonicity.
    MetricIdentity = 5,
    /// A field, by its name.
    Field = 6,
}

impl Level {
    fn of(number: u8) -> Option<Level> {
        use Level::{Field, Item, Metadata, MetricIdentity, Resource, Scope, ScopeIdentity};
        [Resource, Scope, Item, Metadata, ScopeIdentity, MetricIdentity, Field]
            .into_iter()
            .find(|level| *level as u8 == number)
    }
}

/// Gathers elements in any order and writes the key.
#[derive(Debug, Default)]
pub struct KeyBuilder {
    /// (level, name, encoded value), in order of arrival.
    elements: Vec<(Level, Vec<u8>, Vec<u8>)>,
}

impl KeyBuilder {
    /// Adds an attribute of a request.
    pub fn attribute(&mut self, level: Level, attribute: &Attribute<'_>) -> Result<(), Fault> {
        let mut value = Vec::new();
        put_value(&mut value, &attribute.value()?)?;
        self.elements.push((level, attribute.key.to_vec(), value));
        Ok(())
    }

    /// Adds a string.
    pub fn text(&mut self, level: Level, name: &[u8], text: &[u8]) {
        let mut value = Vec::new();
        put_text_value(&mut value, text);
        self.elements.push((level, name.to_vec(), value));
    }

    /// Adds an integer.
    pub fn integer(&mut self, level: Level, name: &[u8], number: i64) {
        let mut value = Vec::new();
        put_integer_value(&mut value, number);
        self.elements.push((level, name.to_vec(), value));
    }

    /// Adds bytes.
    pub fn bytes(&mut self, level: Level, name: &[u8], bytes: &[u8]) {
        let mut value = Vec::new();
        put_bytes_value(&mut value, bytes);
        self.elements.push((level, name.to_vec(), value));
    }

    /// Adds an `AnyValue`.
    pub fn value(&mut self, level: Level, name: &[u8], any_value: &Message<'_>) -> Result<(), Fault> {
        let mut value = Vec::new();
        put_value(&mut value, any_value)?;
        self.elements.push((level, name.to_vec(), value));
        Ok(())
    }

    /// The key in its canonical encoding, and whether an attribute was repeated: then the order of attributes mattered.
    pub fn finish(mut self) -> (Vec<u8>, bool) {
        let before = self.elements.len();
        // Stable, and read from the back: of equal names the last that arrived survives.
        self.elements.reverse();
        self.elements.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        self.elements.dedup_by(|later, kept| (later.0, &later.1) == (kept.0, &kept.1));
        let mut key = vec![VERSION];
        for (level, name, value) in &self.elements {
            key.push(*level as u8);
            put_text(&mut key, name);
            key.extend_from_slice(value);
        }
        (key, self.elements.len() < before)
    }
}

/// Appends a text as a value.
pub fn put_text_value(out: &mut Vec<u8>, text: &[u8]) {
    out.push(1);
    put_text(out, text);
}

/// Appends an integer as a value.
pub fn put_integer_value(out: &mut Vec<u8>, number: i64) {
    out.push(3);
    out.extend_from_slice(&number.to_le_bytes());
}

/// Appends bytes as a value.
pub fn put_bytes_value(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(7);
    put_text(out, bytes);
}

fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text);
}

/// Appends an `AnyValue` as a value.
pub fn put_value(out: &mut Vec<u8>, value: &Message<'_>) -> Result<(), Fault> {
    match AnyValue::read(value)? {
        AnyValue::Empty => out.push(0),
        AnyValue::String(text) => put_text_value(out, text),
        AnyValue::Bool(value) => out.extend_from_slice(&[2, u8::from(value)]),
        AnyValue::Int(value) => put_integer_value(out, value),
        AnyValue::Double(value) => {
            out.push(4);
            out.extend_from_slice(&value.to_bits().to_le_bytes());
        }
        AnyValue::Array(list) => put_array(out, &list)?,
        AnyValue::Map(map) => put_map(out, &map)?,
        AnyValue::Bytes(bytes) => put_bytes_value(out, bytes),
    }
    Ok(())
}

fn put_array(out: &mut Vec<u8>, list: &Message<'_>) -> Result<(), Fault> {
    let elements = array_elements(list)?;
    out.push(5);
    put_varint(out, elements.len() as u64);
    elements.iter().try_for_each(|element| put_value(out, element))
}

fn put_map(out: &mut Vec<u8>, map: &Message<'_>) -> Result<(), Fault> {
    put_attributes(out, attributes(map, 1)?)
}

/// Appends attributes as a value, a map; of a repeated one the last counts.
pub fn put_attributes(out: &mut Vec<u8>, mut entries: Vec<Attribute<'_>>) -> Result<(), Fault> {
    entries.reverse();
    entries.sort_by(|a, b| a.key.cmp(b.key));
    entries.dedup_by(|later, kept| later.key == kept.key);
    out.push(6);
    put_varint(out, entries.len() as u64);
    entries.iter().try_for_each(|entry| {
        put_text(out, entry.key);
        put_value(out, &entry.value()?)
    })
}

/// One element of an encoded key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element<'a> {
    /// Where in the key it begins.
    pub offset: usize,
    /// Where it belongs.
    pub level: Level,
    /// The attribute's key.
    pub name: &'a [u8],
    /// The encoded value.
    pub value: &'a [u8],
}

/// The elements of a key; of none at all where it is empty.
pub fn elements_or_none(key: &[u8]) -> Result<Vec<Element<'_>>, Malformed> {
    if key.is_empty() { Ok(Vec::new()) } else { elements(key) }
}

/// A key of these elements, whose values come encoded.
pub fn of_elements(elements: Vec<(Level, &[u8], Vec<u8>)>) -> Vec<u8> {
    let elements = elements.into_iter().map(|(level, name, value)| (level, name.to_vec(), value)).collect();
    KeyBuilder { elements }.finish().0
}

/// A key of these elements and one more, whose value comes encoded.
pub fn with_element(elements: &[Element<'_>], level: Level, name: &[u8], value: &[u8]) -> Vec<u8> {
    let own = elements.iter().map(|element| (element.level, element.name.to_vec(), element.value.to_vec()));
    let elements = own.chain([(level, name.to_vec(), value.to_vec())]).collect();
    KeyBuilder { elements }.finish().0
}

/// Two encoded values as one, of bytes: it nests no deeper than other values.
pub fn both_as_bytes(one: &[u8], other: &[u8]) -> Vec<u8> {
    let mut value = Vec::new();
    put_bytes_value(&mut value, &[one, other].concat());
    value
}

/// The text of an encoded value that is one.
pub fn text_of(value: &[u8]) -> Option<&[u8]> {
    let (&1, rest) = value.split_first()? else { return None };
    take_bytes(&mut Reader::new(rest)).ok()
}

/// The bytes of an encoded value that is bytes.
pub fn bytes_of(value: &[u8]) -> Option<&[u8]> {
    let (&7, rest) = value.split_first()? else { return None };
    take_bytes(&mut Reader::new(rest)).ok()
}

/// The integer of an encoded value that is one.
pub fn integer_of(value: &[u8]) -> Option<i64> {
    let (&3, rest) = value.split_first()? else { return None };
    rest.first_chunk().map(|bytes| i64::from_le_bytes(*bytes))
}

/// What a key may hold.
#[derive(Debug, Clone, Copy)]
struct Rules {
    strings: Strings,
    /// How deep values may nest.
    depth_max: u32,
}

/// Of keys that requests made.
const REQUESTS: Rules = Rules { strings: Strings::Bytes, depth_max: wire::DEPTH_MAX };
/// Of keys that guests made. A map takes three messages a level, a point's attribute stands seven deep, and parsers go to a
/// hundred: whatever signal such a value ends up in, they can read it.
const GUESTS: Rules = Rules { strings: Strings::Utf8, depth_max: 30 };

/// The elements of a key of a dictionary. Keys of requests with strings that are not UTF-8 have these too.
pub fn elements(key: &[u8]) -> Result<Vec<Element<'_>>, Malformed> {
    read_elements(key, REQUESTS).map_err(|fault| fault.within(key))
}

/// Checks a key that a guest made: only the one encoding of a key that OTLP can carry passes.
pub fn check(key: &[u8]) -> Result<(), Malformed> {
    read_elements(key, GUESTS).map(drop).map_err(|fault| fault.within(key))
}

fn read_elements(key: &[u8], rules: Rules) -> Result<Vec<Element<'_>>, Fault> {
    let Some((&VERSION, rest)) = key.split_first() else {
        return Err(Fault::at(key, "a key starts with its version, 1"));
    };
    let mut reader = Reader::new(rest);
    let mut elements: Vec<Element<'_>> = Vec::new();
    while let Some((level, rest)) = reader.rest.split_first() {
        let at = reader.rest;
        let Some(level) = Level::of(*level) else { return Err(Fault::at(at, "unknown level in a key")) };
        reader.rest = rest;
        let name = take_text(&mut reader, rules.strings)?;
        let before = reader.rest;
        skip_value(&mut reader, rules, 0)?;
        let value = before.get(..before.len() - reader.rest.len()).unwrap_or_default();
        if elements.last().is_some_and(|last| (last.level, last.name) >= (level, name)) {
            return Err(Fault::at(at, "elements of a key ascend by level and name"));
        }
        elements.push(Element { offset: key.len() - at.len(), level, name, value });
    }
    Ok(elements)
}

fn take_byte(reader: &mut Reader<'_>) -> Result<u8, Fault> {
    let Some((byte, rest)) = reader.rest.split_first() else { return Err(Fault::at(reader.rest, "truncated key")) };
    reader.rest = rest;
    Ok(*byte)
}

fn take<'a>(reader: &mut Reader<'a>, length: usize) -> Result<&'a [u8], Fault> {
    let Some((bytes, rest)) = reader.rest.split_at_checked(length) else {
        return Err(Fault::at(reader.rest, "truncated key"));
    };
    reader.rest = rest;
    Ok(bytes)
}

/// A varint in its shortest form.
fn take_varint(reader: &mut Reader<'_>) -> Result<u64, Fault> {
    let at = reader.rest;
    let value = reader.varint()?;
    let length = at.len() - reader.rest.len();
    // A last byte of zero adds nothing.
    if length > 1 && at.get(length - 1) == Some(&0) {
        return Err(Fault::at(at, "a length of a key is not in its shortest form"));
    }
    Ok(value)
}

/// A length and that many bytes.
fn take_bytes<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Fault> {
    let at = reader.rest;
    match usize::try_from(take_varint(reader)?) {
        Ok(length) => take(reader, length),
        Err(_) => Err(Fault::at(at, "truncated key")),
    }
}

fn take_text<'a>(reader: &mut Reader<'a>, strings: Strings) -> Result<&'a [u8], Fault> {
    let text = take_bytes(reader)?;
    strings.check(text)?;
    Ok(text)
}

fn skip_value(reader: &mut Reader<'_>, rules: Rules, depth: u32) -> Result<(), Fault> {
    let at = reader.rest;
    match take_byte(reader)? {
        0 => Ok(()),
        1 => take_text(reader, rules.strings).map(drop),
        2 if take_byte(reader)? > 1 => Err(Fault::at(at, "a bool of a key is neither 0 nor 1")),
        2 => Ok(()),
        3 | 4 => take(reader, 8).map(drop),
        5 | 6 if depth >= rules.depth_max => Err(Fault::at(at, "values of a key nest too deep")),
        5 => {
            for _ in 0..take_varint(reader)? {
                skip_value(reader, rules, depth + 1)?;
            }
            Ok(())
        }
        6 => {
            let mut before = None;
            for _ in 0..take_varint(reader)? {
                let name = take_text(reader, rules.strings)?;
                if before.is_some_and(|before| before >= name) {
                    return Err(Fault::at(at, "entries of a map in a key ascend by name"));
                }
                before = Some(name);
                skip_value(reader, rules, depth + 1)?;
            }
            Ok(())
        }
        7 => take_bytes(reader).map(drop),
        _ => Err(Fault::at(at, "unknown value type in a key")),
    }
}

/// The entries of a map that [`check_value`] took, each with its encoded value; `None` for any other value.
pub fn map_entries(value: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let (6, rest) = value.split_first().map(|(kind, rest)| (*kind, rest))? else { return None };
    let mut reader = Reader::new(rest);
    let mut entries = Vec::new();
    for _ in 0..take_varint(&mut reader).ok()? {
        let name = take_bytes(&mut reader).ok()?;
        let before = reader.rest;
        skip_value(&mut reader, REQUESTS, 0).ok()?;
        entries.push((name, before.get(..before.len() - reader.rest.len())?));
    }
    Some(entries)
}

/// The texts of a list of texts that [`check_value`] took; `None` for any other value.
pub fn texts(value: &[u8]) -> Option<Vec<&[u8]>> {
    let (5, rest) = value.split_first().map(|(kind, rest)| (*kind, rest))? else { return None };
    let mut reader = Reader::new(rest);
    let mut texts = Vec::new();
    for _ in 0..take_varint(&mut reader).ok()? {
        let (1, text) = (take_byte(&mut reader).ok()?, take_bytes(&mut reader).ok()?) else { return None };
        texts.push(text);
    }
    Some(texts)
}

/// Checks one value alone, as a guest hands it in.
pub fn check_value(value: &[u8], strings: Strings) -> Result<(), Malformed> {
    let mut reader = Reader::new(value);
    let checked = skip_value(&mut reader, Rules { strings, ..GUESTS }, 0);
    let end = |()| if reader.rest.is_empty() { Ok(()) } else { Err(Fault::at(reader.rest, "bytes behind a value")) };
    checked.and_then(end).map_err(|fault| fault.within(value))
}

/// Appends an encoded value as the body of an `AnyValue` message. The value comes from [`elements`].
pub fn put_any_value(out: &mut Vec<u8>, value: &[u8]) -> Result<(), Malformed> {
    any_value(out, &mut Reader::new(value)).map_err(|fault| fault.within(value))
}

fn any_value(out: &mut Vec<u8>, reader: &mut Reader<'_>) -> Result<(), Fault> {
    let at = reader.rest;
    match take_byte(reader)? {
        0 => {}
        1 => wire::put_bytes(out, 1, reader.delimited()?),
        2 => wire::put_varint_field(out, 2, u64::from(take_byte(reader)? != 0)),
        3 => wire::put_varint_field(out, 3, take_u64(reader)?),
        4 => wire::put_fixed64(out, 4, take_u64(reader)?),
        5 => {
            let mut list = Vec::new();
            for _ in 0..reader.varint()? {
                let mut element = Vec::new();
                any_value(&mut element, reader)?;
                wire::put_bytes(&mut list, 1, &element);
            }
            wire::put_bytes(out, 5, &list);
        }
        6 => {
            let mut map = Vec::new();
            for _ in 0..reader.varint()? {
                let (mut entry, mut value) = (Vec::new(), Vec::new());
                wire::put_bytes(&mut entry, 1, reader.delimited()?);
                any_value(&mut value, reader)?;
                wire::put_bytes(&mut entry, 2, &value);
                wire::put_bytes(&mut map, 1, &entry);
            }
            wire::put_bytes(out, 6, &map);
        }
        7 => wire::put_bytes(out, 7, reader.delimited()?),
        _ => return Err(Fault::at(at, "unknown value type in a key")),
    }
    Ok(())
}

fn take_u64(reader: &mut Reader<'_>) -> Result<u64, Fault> {
    let at = reader.rest;
    let bytes = take(reader, 8)?;
    match bytes.first_chunk::<8>() {
        Some(bytes) => Ok(u64::from_le_bytes(*bytes)),
        None => Err(Fault::at(at, "truncated key")),
    }
}
