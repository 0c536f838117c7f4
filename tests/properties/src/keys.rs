//! Keys that a guest hands in: what is accepted is canonical, what is canonical is accepted, and it means what the
//! encoding's description in `host/src/otlp/key.rs` says, which a parser of its own here reads.

use opentelemetry_proto::tonic::common::v1::AnyValue;
use prost::Message;

use crate::memory::bounded;
use crate::model::{self, Key, Typed};
use crate::otlp::key::{self, Element};
use crate::subject::LEVELS;

/// An element of four bytes becomes a record of 40 in a list that doubles.
const FACTOR: usize = 60;
const BASE: usize = 16 << 10;
/// A value may be refused when it nests deeper than any that a request can have.
const DEPTH_MAX: usize = 50;
/// Where the parser here gives up.
const PARSER_DEPTH_MAX: usize = 300;

pub fn check(bytes: &[u8]) {
    let elements = bounded(bytes.len(), FACTOR, BASE, || key::elements(bytes));
    match (elements, parse(bytes)) {
        (Ok(elements), Some(key)) => {
            assert_eq!(model::canonical(&key), bytes, "a key that is accepted is canonical: {key:?}");
            compare(&elements, &key);
        }
        (Ok(elements), None) => panic!("no key, and accepted as {elements:?}"),
        (Err(malformed), Some(key)) if key.values().all(|value| depth(value) <= DEPTH_MAX) => {
            assert_ne!(model::canonical(&key), bytes, "a canonical key is refused: {malformed}");
        }
        (Err(malformed), _) => assert!(malformed.offset <= bytes.len()),
    }
}

fn compare(elements: &[Element<'_>], key: &Key) {
    assert_eq!(elements.len(), key.len());
    for (element, ((level, name), value)) in elements.iter().zip(key) {
        assert_eq!((element.level, element.name), (*level, name.as_slice()));
        let mut message = Vec::new();
        bounded(element.value.len(), FACTOR, BASE, || key::put_any_value(&mut message, element.value))
            .expect("a value that was accepted can be written");
        match AnyValue::decode(message.as_slice()) {
            Ok(decoded) => assert_eq!(Typed::of(Some(&decoded)), *value),
            // Texts of a key are any bytes, and nest deeper than prost goes.
            Err(error) => assert!(!is_text(value) || depth(value) > 40, "{error}"),
        }
    }
}

/// Whether every string in a value is UTF-8, as prost wants it.
pub fn is_text(value: &Typed) -> bool {
    let utf8 = |text: &[u8]| std::str::from_utf8(text).is_ok();
    match value {
        Typed::Text(text) => utf8(text),
        Typed::Array(list) => list.iter().all(is_text),
        Typed::Map(map) => map.iter().all(|(name, value)| utf8(name) && is_text(value)),
        Typed::Empty | Typed::Bool(_) | Typed::Integer(_) | Typed::Double(_) | Typed::Bytes(_) => true,
    }
}

/// How many lists and maps are around the innermost value.
pub fn depth(value: &Typed) -> usize {
    match value {
        Typed::Array(list) => 1 + list.iter().map(depth).max().unwrap_or(0),
        Typed::Map(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// What bytes say as a key, canonical or not: any order, repeats, padded lengths, any byte for true.
pub fn parse(bytes: &[u8]) -> Option<Key> {
    let (1, mut rest) = bytes.split_first()? else { return None };
    let mut key = Key::new();
    while !rest.is_empty() {
        let level = *LEVELS.get(usize::from(take(&mut rest, 1)?[0]))?;
        let name = text(&mut rest)?;
        key.insert((level, name), value(&mut rest, 0)?);
    }
    Some(key)
}

fn value(rest: &mut &[u8], depth: usize) -> Option<Typed> {
    if depth > PARSER_DEPTH_MAX {
        return None;
    }
    Some(match take(rest, 1)?[0] {
        0 => Typed::Empty,
        1 => Typed::Text(text(rest)?),
        2 => Typed::Bool(take(rest, 1)?[0] != 0),
        3 => Typed::Integer(i64::from_le_bytes(take(rest, 8)?.try_into().ok()?)),
        4 => Typed::Double(u64::from_le_bytes(take(rest, 8)?.try_into().ok()?)),
        5 => Typed::Array((0..length(rest)?).map(|_| value(rest, depth + 1)).collect::<Option<_>>()?),
        6 => {
            Typed::Map((0..length(rest)?).map(|_| Some((text(rest)?, value(rest, depth + 1)?))).collect::<Option<_>>()?)
        }
        7 => Typed::Bytes(text(rest)?),
        _ => return None,
    })
}

fn text(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let length = usize::try_from(length(rest)?).ok()?;
    take(rest, length).map(<[u8]>::to_vec)
}

fn length(rest: &mut &[u8]) -> Option<u64> {
    prost::encoding::decode_varint(rest).ok()
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(taken)
}
