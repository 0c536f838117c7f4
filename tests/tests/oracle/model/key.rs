//! Keys as maps, and their canonical encoding, version 1, written and read from its specification.

use std::collections::BTreeMap;

use otelier::otlp::key::Level;

use super::Typed;

/// A key as a map from (level, name) to value.
pub type Key = BTreeMap<(Level, Vec<u8>), Typed>;

/// Levels by their number in the encoding.
pub const LEVELS: [Level; 7] = [
    Level::Resource,
    Level::Scope,
    Level::Item,
    Level::Metadata,
    Level::ScopeIdentity,
    Level::MetricIdentity,
    Level::Field,
];

/// The encoding of a key.
pub fn canonical(key: &Key) -> Vec<u8> {
    let mut out = vec![1];
    for ((level, name), value) in key {
        out.push(LEVELS.iter().position(|known| known == level).unwrap() as u8);
        put_text(&mut out, name);
        value.encode(&mut out);
    }
    out
}

/// The encoding of a value.
pub fn encoded(value: &Typed) -> Vec<u8> {
    let mut out = Vec::new();
    value.encode(&mut out);
    out
}

fn put_length(out: &mut Vec<u8>, length: usize) {
    prost::encode_length_delimiter(length, out).unwrap();
}

fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    put_length(out, text.len());
    out.extend(text);
}

impl Typed {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Typed::Empty => out.push(0),
            Typed::Text(text) => {
                out.push(1);
                put_text(out, text);
            }
            Typed::Bool(value) => out.extend([2, u8::from(*value)]),
            Typed::Integer(value) => {
                out.push(3);
                out.extend(value.to_le_bytes());
            }
            Typed::Double(bits) => {
                out.push(4);
                out.extend(bits.to_le_bytes());
            }
            Typed::Array(list) => {
                out.push(5);
                put_length(out, list.len());
                list.iter().for_each(|value| value.encode(out));
            }
            Typed::Map(map) => {
                out.push(6);
                put_length(out, map.len());
                for (key, value) in map {
                    put_text(out, key);
                    value.encode(out);
                }
            }
            Typed::Bytes(bytes) => {
                out.push(7);
                put_text(out, bytes);
            }
        }
    }

    /// How deep lists and maps nest in it.
    pub fn depth(&self) -> usize {
        match self {
            Typed::Array(list) => 1 + list.iter().map(Typed::depth).max().unwrap_or(0),
            Typed::Map(map) => 1 + map.values().map(Typed::depth).max().unwrap_or(0),
            _ => 0,
        }
    }

    /// Whether all texts in it are UTF-8.
    pub fn is_utf8(&self) -> bool {
        let is_text = |bytes: &[u8]| std::str::from_utf8(bytes).is_ok();
        match self {
            Typed::Text(text) => is_text(text),
            Typed::Array(list) => list.iter().all(Typed::is_utf8),
            Typed::Map(map) => map.iter().all(|(name, value)| is_text(name) && value.is_utf8()),
            _ => true,
        }
    }
}

/// Reads a key as generously as can be: padded lengths, any order, repeats, any byte for a bool.
pub fn read(bytes: &[u8]) -> Option<Key> {
    let (1, mut rest) = (*bytes.first()?, &bytes[1..]) else { return None };
    let mut key = Key::new();
    while let Some((level, behind)) = rest.split_first() {
        rest = behind;
        let level = *LEVELS.get(usize::from(*level))?;
        let name = take_text(&mut rest)?;
        key.insert((level, name), take_value(&mut rest)?);
    }
    Some(key)
}

/// Reads a value alone, likewise.
pub fn read_value(mut bytes: &[u8]) -> Option<Typed> {
    let value = take_value(&mut bytes)?;
    bytes.is_empty().then_some(value)
}

fn take<'b>(rest: &mut &'b [u8], length: usize) -> Option<&'b [u8]> {
    let (bytes, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(bytes)
}

fn take_length(rest: &mut &[u8]) -> Option<usize> {
    usize::try_from(prost::encoding::decode_varint(rest).ok()?).ok()
}

fn take_text(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let length = take_length(rest)?;
    take(rest, length).map(<[u8]>::to_vec)
}

fn take_value(rest: &mut &[u8]) -> Option<Typed> {
    Some(match take(rest, 1)?[0] {
        0 => Typed::Empty,
        1 => Typed::Text(take_text(rest)?),
        2 => Typed::Bool(take(rest, 1)?[0] != 0),
        3 => Typed::Integer(i64::from_le_bytes(take(rest, 8)?.try_into().unwrap())),
        4 => Typed::Double(u64::from_le_bytes(take(rest, 8)?.try_into().unwrap())),
        5 => {
            // A value has a byte at least: a count beyond what is left is refused before it costs time.
            let count = take_length(rest).filter(|count| *count <= rest.len())?;
            Typed::Array((0..count).map(|_| take_value(rest)).collect::<Option<_>>()?)
        }
        6 => {
            let count = take_length(rest).filter(|count| *count <= rest.len())?;
            Typed::Map((0..count).map(|_| Some((take_text(rest)?, take_value(rest)?))).collect::<Option<_>>()?)
        }
        7 => Typed::Bytes(take_text(rest)?),
        _ => return None,
    })
}
