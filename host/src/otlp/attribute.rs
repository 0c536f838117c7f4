//! `KeyValue` and `AnyValue` of `opentelemetry/proto/common/v1/common.proto`, read in place.

use super::message::Message;
use super::wire::{DEPTH_MAX, Fault, Reader, Value};
use crate::contract::InvalidUtf8;

/// How strings are treated while they are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strings {
    /// A string that is not UTF-8 is a fault.
    Utf8,
    /// Any bytes pass.
    Bytes,
}

impl From<InvalidUtf8> for Strings {
    fn from(policy: InvalidUtf8) -> Strings {
        match policy {
            InvalidUtf8::Reject => Strings::Utf8,
            InvalidUtf8::Accept => Strings::Bytes,
        }
    }
}

impl Strings {
    /// Checks one string field's bytes.
    #[inline(always)]
    pub fn check(self, text: &[u8]) -> Result<(), Fault> {
        if self == Strings::Bytes || is_short_ascii(text) || is_utf8(text) {
            return Ok(());
        }
        Err(Fault::at(text, "string is not UTF-8"))
    }

    /// The payload of a string field, checked. `at` is where the field begins.
    #[inline(always)]
    pub fn text<'a>(self, value: Value<'a>, at: &'a [u8]) -> Result<&'a [u8], Fault> {
        let text = value.bytes(at)?;
        self.check(text)?;
        Ok(text)
    }
}

/// Kept out of the hot loops.
#[cold]
#[inline(never)]
fn is_utf8(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok()
}

/// Whether a text of up to 64 bytes is ASCII, eight bytes at a time; longer ones are left to the caller's slower check.
#[inline(always)]
fn is_short_ascii(text: &[u8]) -> bool {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let Some(last) = text.last_chunk::<8>() else { return is_tiny_ascii(text) };
    if text.len() > 64 {
        return false;
    }
    let (chunks, _) = text.as_chunks::<8>();
    let bits = chunks.iter().fold(u64::from_le_bytes(*last), |bits, chunk| bits | u64::from_le_bytes(*chunk));
    bits & HIGH == 0
}

/// The same for up to 7 bytes.
#[inline(always)]
fn is_tiny_ascii(text: &[u8]) -> bool {
    match (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        (Some(front), Some(back)) => (u32::from_le_bytes(*front) | u32::from_le_bytes(*back)) & 0x8080_8080 == 0,
        _ => text.iter().fold(0, |bits, byte| bits | byte) < 0x80,
    }
}

/// One attribute of a resource, scope or item. Two slices, so that it stays in registers where millions pass.
#[derive(Debug, Clone, Copy)]
pub struct Attribute<'a> {
    /// The key's bytes.
    pub key: &'a [u8],
    /// The whole `KeyValue` message as it stands in the request.
    pub raw: &'a [u8],
}

impl<'a> Attribute<'a> {
    /// Reads and fully checks a `KeyValue`.
    #[inline(always)]
    pub fn read(raw: &'a [u8], strings: Strings) -> Result<Attribute<'a>, Fault> {
        Ok(Attribute { key: Self::read_key(raw, strings)?, raw })
    }

    /// The same, returning the key alone: what goes through in registers does not stall.
    #[inline(always)]
    pub fn read_key(raw: &'a [u8], strings: Strings) -> Result<&'a [u8], Fault> {
        let Some((key, text)) = Self::read_plain(raw) else { return Self::read_rare(raw, strings) };
        strings.check(key)?;
        strings.check(text)?;
        Ok(key)
    }

    #[inline(never)]
    fn read_rare(raw: &'a [u8], strings: Strings) -> Result<&'a [u8], Fault> {
        match Self::read_number(raw) {
            Some(key) => strings.check(key).map(|()| key),
            None => Self::read_any(raw, strings).map(|attribute| attribute.key),
        }
    }

    /// The key of the second most usual shape: an integer, a bool or a double, and nothing else.
    #[inline(always)]
    fn read_number(raw: &'a [u8]) -> Option<&'a [u8]> {
        let [0x0a, key_length @ ..=0x7f, rest @ ..] = raw else { return None };
        let (key, rest) = rest.split_at_checked(usize::from(*key_length))?;
        let [0x12, value_length @ ..=0x7f, value @ ..] = rest else { return None };
        let whole = usize::from(*value_length) == value.len();
        let is_number = match value {
            [0x10 | 0x18, digits @ .., last] => {
                // Ten bytes may be more than 64 bits: those go the long way.
                *last < 0x80 && digits.len() < 9 && digits.iter().all(|digit| *digit >= 0x80)
            }
            [0x21, double @ ..] => double.len() == 8,
            _ => false,
        };
        (whole && is_number).then_some(key)
    }

    /// Key and text of the shape nearly every attribute has: a key of up to 127 bytes, then a string value of up to 125, and nothing else.
    #[inline(always)]
    pub fn read_plain(raw: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let [0x0a, key_length @ ..=0x7f, rest @ ..] = raw else { return None };
        let (key, rest) = rest.split_at_checked(usize::from(*key_length))?;
        let [0x12, value_length @ ..=0x7f, value @ ..] = rest else { return None };
        let [0x0a, text_length @ ..=0x7f, text @ ..] = value else { return None };
        let whole = usize::from(*value_length) == value.len() && usize::from(*text_length) == text.len();
        whole.then_some((key, text))
    }

    #[cold]
    fn read_any(raw: &'a [u8], strings: Strings) -> Result<Attribute<'a>, Fault> {
        let mut key: &[u8] = &[];
        read_key_value(raw, strings, 0, &mut key, &mut Message::default())?;
        Ok(Attribute { key, raw })
    }

    /// The `AnyValue`; absent where the sender wrote none.
    pub fn value(&self) -> Result<Message<'a>, Fault> {
        let mut value = Message::default();
        Message::whole(self.raw).each_field(|field| {
            if let (2, Value::Len(piece)) = (field.number, field.value) {
                value.push(piece);
            }
            Ok(())
        })?;
        Ok(value)
    }
}

/// Reads one `KeyValue`, checking its value down to the last nested string.
fn read_key_value<'a>(
    raw: &'a [u8],
    strings: Strings,
    depth: u32,
    key: &mut &'a [u8],
    value: &mut Message<'a>,
) -> Result<(), Fault> {
    let mut reader = Reader::new(raw);
    while let Some(field) = reader.field()? {
        match field.number {
            1 => {
                *key = field.value.bytes(field.raw)?;
                strings.check(key)?;
            }
            2 => {
                let piece = field.value.bytes(field.raw)?;
                check_any_value(piece, strings, depth + 1)?;
                value.push(piece);
            }
            3 => drop(field.value.varint(field.raw)?),
            _ => {}
        }
    }
    Ok(())
}

/// Checks an `AnyValue` message without keeping anything of it.
pub fn check_any_value(message: &[u8], strings: Strings, depth: u32) -> Result<(), Fault> {
    if depth > DEPTH_MAX {
        return Err(Fault::at(message, "attribute values nest too deep"));
    }
    let mut reader = Reader::new(message);
    while let Some(field) = reader.field()? {
        match field.number {
            1 => strings.check(field.value.bytes(field.raw)?)?,
            2 | 3 | 8 => drop(field.value.varint(field.raw)?),
            4 => drop(field.value.fixed64(field.raw)?),
            5 => check_list(field.value.bytes(field.raw)?, strings, depth + 1, check_any_value)?,
            6 => check_list(field.value.bytes(field.raw)?, strings, depth + 1, check_key_value)?,
            7 => drop(field.value.bytes(field.raw)?),
            _ => {}
        }
    }
    Ok(())
}

/// Checks a `KeyValue` message without keeping anything of it.
fn check_key_value(message: &[u8], strings: Strings, depth: u32) -> Result<(), Fault> {
    read_key_value(message, strings, depth, &mut &[][..], &mut Message::default())
}

type Check = fn(&[u8], Strings, u32) -> Result<(), Fault>;

/// `ArrayValue` and `KeyValueList`: field 1, repeated.
fn check_list(message: &[u8], strings: Strings, depth: u32, check: Check) -> Result<(), Fault> {
    if depth > DEPTH_MAX {
        return Err(Fault::at(message, "attribute values nest too deep"));
    }
    let mut reader = Reader::new(message);
    while let Some(field) = reader.field()? {
        if field.number == 1 {
            check(field.value.bytes(field.raw)?, strings, depth + 1)?;
        }
    }
    Ok(())
}

/// What an `AnyValue` holds.
#[derive(Debug, Clone)]
pub enum AnyValue<'a> {
    /// No variant set.
    Empty,
    /// `string_value`, as bytes.
    String(&'a [u8]),
    /// `bool_value`.
    Bool(bool),
    /// `int_value`.
    Int(i64),
    /// `double_value`.
    Double(f64),
    /// `array_value`: the pieces of its `ArrayValue`.
    Array(Message<'a>),
    /// `kvlist_value`: the pieces of its `KeyValueList`.
    Map(Message<'a>),
    /// `bytes_value`.
    Bytes(&'a [u8]),
}

impl<'a> AnyValue<'a> {
    /// Reads the variant that is in force: the last one written, where `ArrayValue` and `KeyValueList` merge with their own kind.
    pub fn read(message: &Message<'a>) -> Result<AnyValue<'a>, Fault> {
        let mut current = AnyValue::Empty;
        message.each_field(|field| {
            let at = field.raw;
            match field.number {
                1 => current = AnyValue::String(field.value.bytes(at)?),
                2 => current = AnyValue::Bool(field.value.varint(at)? != 0),
                3 => current = AnyValue::Int(field.value.varint(at)?.cast_signed()),
                4 => current = AnyValue::Double(f64::from_bits(field.value.fixed64(at)?)),
                5 => current.merge_array(field.value.bytes(at)?),
                6 => current.merge_map(field.value.bytes(at)?),
                7 => current = AnyValue::Bytes(field.value.bytes(at)?),
                // An index into a string table, which only profiles have.
                8 => current = AnyValue::Empty,
                _ => {}
            }
            Ok(())
        })?;
        Ok(current)
    }

    fn merge_array(&mut self, piece: &'a [u8]) {
        match self {
            AnyValue::Array(pieces) => pieces.push(piece),
            _ => *self = AnyValue::Array(Message::whole(piece)),
        }
    }

    fn merge_map(&mut self, piece: &'a [u8]) {
        match self {
            AnyValue::Map(pieces) => pieces.push(piece),
            _ => *self = AnyValue::Map(Message::whole(piece)),
        }
    }
}

/// The elements of an `ArrayValue`.
pub fn array_elements<'a>(list: &Message<'a>) -> Result<Vec<Message<'a>>, Fault> {
    let mut elements = Vec::new();
    list.each_field(|field| {
        if let (1, Value::Len(element)) = (field.number, field.value) {
            elements.push(Message::whole(element));
        }
        Ok(())
    })?;
    Ok(elements)
}

/// The entries of a `KeyValueList`, or the attributes behind `field_number` of any message.
pub fn attributes<'a>(message: &Message<'a>, field_number: u32) -> Result<Vec<Attribute<'a>>, Fault> {
    let mut entries = Vec::new();
    message.each_field(|field| {
        if let (true, Value::Len(entry)) = (field.number == field_number, field.value) {
            entries.push(Attribute::read(entry, Strings::Bytes)?);
        }
        Ok(())
    })?;
    Ok(entries)
}
