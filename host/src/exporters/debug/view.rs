//! Reading any message by field numbers, and walking a request of any signal by its three levels.
//!
//! Every question reads the message anew: slow next to the views of `otlp`, and short. That is the right trade for an exporter
//! that writes text for people.

use std::borrow::Cow;

use crate::otlp::attribute::{Attribute, attributes};
use crate::otlp::message::Message;
use crate::otlp::wire::{Fault, Field, Reader, Value};

/// A message whose fields are asked for by number. What is absent reads as zero or empty.
#[derive(Debug, Clone, Default)]
pub struct Fields<'a>(Message<'a>);

impl<'a> Fields<'a> {
    /// A message in one piece.
    pub fn new(bytes: &'a [u8]) -> Fields<'a> {
        Fields(Message::whole(bytes))
    }

    /// The message itself.
    pub fn message(&self) -> &Message<'a> {
        &self.0
    }

    /// The last field of this number.
    fn last(&self, number: u32) -> Result<Option<Field<'a>>, Fault> {
        let mut last = None;
        self.0.each_field(|field| {
            if field.number == number {
                last = Some(field);
            }
            Ok(())
        })?;
        Ok(last)
    }

    /// The number of the last of these fields: which variant of a oneof is set.
    pub fn variant(&self, numbers: &[u32]) -> Result<Option<u32>, Fault> {
        let mut last = None;
        self.0.each_field(|field| {
            if numbers.contains(&field.number) {
                last = Some(field.number);
            }
            Ok(())
        })?;
        Ok(last)
    }

    /// A bytes field.
    pub fn bytes(&self, number: u32) -> Result<&'a [u8], Fault> {
        self.last(number)?.map_or(Ok(&[]), |field| field.value.bytes(field.raw))
    }

    /// A string field, with replacement characters for what is not UTF-8.
    pub fn text(&self, number: u32) -> Result<Cow<'a, str>, Fault> {
        Ok(String::from_utf8_lossy(self.bytes(number)?))
    }

    /// An id in hexadecimal; nothing for an id of zeros, which is no id.
    pub fn id(&self, number: u32) -> Result<String, Fault> {
        let bytes = self.bytes(number)?;
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(String::new());
        }
        Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// An integer, bool or enum field.
    pub fn varint(&self, number: u32) -> Result<u64, Fault> {
        self.last(number)?.map_or(Ok(0), |field| field.value.varint(field.raw))
    }

    /// A `sint32` field.
    pub fn zigzag(&self, number: u32) -> Result<i32, Fault> {
        let bits = self.varint(number)? as u32;
        Ok((bits >> 1).cast_signed() ^ -(bits & 1).cast_signed())
    }

    /// A `fixed32` field.
    pub fn fixed32(&self, number: u32) -> Result<u32, Fault> {
        match self.last(number)?.map(|field| (field.value, field.raw)) {
            None => Ok(0),
            Some((Value::Fixed32(bits), _)) => Ok(bits),
            Some((_, at)) => Err(Fault::at(at, "wire type does not fit the field")),
        }
    }

    /// A `fixed64` field.
    pub fn fixed64(&self, number: u32) -> Result<u64, Fault> {
        self.last(number)?.map_or(Ok(0), |field| field.value.fixed64(field.raw))
    }

    /// An optional `double` field.
    pub fn double(&self, number: u32) -> Result<Option<f64>, Fault> {
        let Some(field) = self.last(number)? else {
            return Ok(None);
        };
        field.value.fixed64(field.raw).map(f64::from_bits).map(Some)
    }

    /// A message field, all pieces of it.
    pub fn child(&self, number: u32) -> Result<Fields<'a>, Fault> {
        let mut child = Message::default();
        self.0.each_field(|field| {
            if field.number == number {
                child.push(field.value.bytes(field.raw)?);
            }
            Ok(())
        })?;
        Ok(Fields(child))
    }

    /// A repeated message or string field.
    pub fn children(&self, number: u32) -> Result<Vec<&'a [u8]>, Fault> {
        let mut children = Vec::new();
        self.0.each_field(|field| {
            if field.number == number {
                children.push(field.value.bytes(field.raw)?);
            }
            Ok(())
        })?;
        Ok(children)
    }

    /// A repeated `KeyValue` field.
    pub fn attributes(&self, number: u32) -> Result<Vec<Attribute<'a>>, Fault> {
        attributes(&self.0, number)
    }

    /// A repeated `fixed64` or `double` field, packed or not, as bits.
    pub fn fixed64s(&self, number: u32) -> Result<Vec<u64>, Fault> {
        let mut numbers = Vec::new();
        self.0.each_field(|field| {
            match field.value {
                _ if field.number != number => {}
                Value::Len(packed) => {
                    let (chunks, _) = packed.as_chunks::<8>();
                    numbers.extend(chunks.iter().map(|bytes| u64::from_le_bytes(*bytes)));
                }
                value => numbers.push(value.fixed64(field.raw)?),
            }
            Ok(())
        })?;
        Ok(numbers)
    }

    /// A repeated `uint64` field, packed or not.
    pub fn varints(&self, number: u32) -> Result<Vec<u64>, Fault> {
        let mut numbers = Vec::new();
        self.0.each_field(|field| {
            match field.value {
                _ if field.number != number => {}
                Value::Len(packed) => {
                    let mut reader = Reader::new(packed);
                    while !reader.rest.is_empty() {
                        numbers.push(reader.varint()?);
                    }
                }
                value => numbers.push(value.varint(field.raw)?),
            }
            Ok(())
        })?;
        Ok(numbers)
    }
}

/// Hears of the levels that all signals share: resources, their scopes, and metrics, spans or log records.
pub trait Levels {
    /// A `ResourceMetrics`, `ResourceSpans` or `ResourceLogs`.
    fn resource(&mut self, index: usize, level: &Fields<'_>) -> Result<(), Fault>;

    /// A `ScopeMetrics`, `ScopeSpans` or `ScopeLogs`.
    fn scope(&mut self, index: usize, level: &Fields<'_>) -> Result<(), Fault>;

    /// A `Metric`, `Span` or `LogRecord`.
    fn item(&mut self, index: usize, item: &Fields<'_>) -> Result<(), Fault>;
}

/// Walks an export request of any signal.
pub fn walk(request: &[u8], levels: &mut dyn Levels) -> Result<(), Fault> {
    for (index, resource) in Fields::new(request).children(1)?.into_iter().enumerate() {
        let resource = Fields::new(resource);
        levels.resource(index, &resource)?;
        for (index, scope) in resource.children(2)?.into_iter().enumerate() {
            let scope = Fields::new(scope);
            levels.scope(index, &scope)?;
            for (index, item) in scope.children(2)?.into_iter().enumerate() {
                levels.item(index, &Fields::new(item))?;
            }
        }
    }
    Ok(())
}

/// The lower bound of an exponential histogram's bucket: base 2^(2^-scale) to the power of its index.
pub fn bucket_bound(scale: i32, offset: i32, index: usize) -> f64 {
    let index = f64::from(offset) + index as f64;
    (index * (-f64::from(scale)).exp2()).exp2()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::otlp::wire::{put_bytes, put_fixed64, put_varint_field};

    #[test]
    fn the_last_field_counts_and_absent_ones_are_zero() {
        let mut message = Vec::new();
        put_varint_field(&mut message, 1, 5);
        put_varint_field(&mut message, 1, 6);
        put_bytes(&mut message, 2, b"a\xff");
        put_fixed64(&mut message, 3, 1.5_f64.to_bits());
        let fields = Fields::new(&message);
        assert_eq!((fields.varint(1).unwrap(), fields.varint(9).unwrap()), (6, 0));
        assert_eq!((fields.text(2).unwrap().as_ref(), fields.text(9).unwrap().as_ref()), ("a\u{fffd}", ""));
        assert_eq!((fields.double(3).unwrap(), fields.double(9).unwrap()), (Some(1.5), None));
        assert_eq!(fields.variant(&[1, 2]).unwrap(), Some(2));
        assert!(fields.varint(2).is_err() && fields.fixed32(1).is_err());
    }

    #[test]
    fn repeated_numbers_come_packed_or_not() {
        let mut message = Vec::new();
        put_bytes(&mut message, 1, &[1, 0x80, 1]);
        put_varint_field(&mut message, 1, 3);
        put_bytes(&mut message, 2, &7_u64.to_le_bytes());
        put_fixed64(&mut message, 2, 8);
        let fields = Fields::new(&message);
        assert_eq!(fields.varints(1).unwrap(), [1, 128, 3]);
        assert_eq!(fields.fixed64s(2).unwrap(), [7, 8]);
    }

    #[test]
    fn signed_integers_are_zigzag() {
        for (bits, number) in [(0, 0), (1, -1), (2, 1), (4_294_967_295, i32::MIN), (4_294_967_294, i32::MAX)] {
            let mut message = Vec::new();
            put_varint_field(&mut message, 6, bits);
            assert_eq!(Fields::new(&message).zigzag(6).unwrap(), number);
        }
    }

    #[test]
    fn ids_of_zeros_are_none() {
        let mut message = Vec::new();
        put_bytes(&mut message, 1, &[0; 16]);
        put_bytes(&mut message, 2, &[1, 0xab]);
        let fields = Fields::new(&message);
        assert_eq!((fields.id(1).unwrap().as_str(), fields.id(2).unwrap().as_str()), ("", "01ab"));
    }
}
