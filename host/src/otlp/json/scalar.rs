//! One value that is no message: from its JSON form to its wire form, by the field's kind.

use std::fmt;

use serde::de::{Deserializer, Error, Visitor};

use super::descriptor::{Field, Kind};
use super::output::{Output, Wire};
use super::text;
use crate::otlp::Strings;

/// Reads one value of `field` and writes it, with its tag unless it is an element of a packed list.
pub(super) struct ScalarVisitor<'o> {
    pub(super) field: &'static Field,
    pub(super) tagged: bool,
    pub(super) output: &'o mut Output,
}

impl ScalarVisitor<'_> {
    /// Reads the value, whatever JSON type it has.
    pub(super) fn read<'de, D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match (self.field.kind, self.output.strings) {
            // The one way to texts that are not UTF-8.
            (Kind::String, Strings::Bytes) => deserializer.deserialize_bytes(self),
            _ => deserializer.deserialize_any(self),
        }
    }

    fn write(self, wire: Wire, write: impl FnOnce(&mut Output)) {
        if self.tagged {
            self.output.tag(self.field.number, wire);
        }
        write(self.output);
    }

    fn varint(self, value: u64) {
        self.write(Wire::Varint, |output| output.varint(value));
    }

    fn fixed64(self, bytes: [u8; 8]) {
        self.write(Wire::Fixed64, |output| output.raw(&bytes));
    }

    fn fixed32(self, bytes: [u8; 4]) {
        self.write(Wire::Fixed32, |output| output.raw(&bytes));
    }

    fn delimited(self, bytes: &[u8]) {
        self.output.delimited(self.field.number, bytes);
    }

    /// `None` when the field does not hold integers or not this one.
    fn integer(self, value: i128) -> Option<()> {
        match self.field.kind {
            Kind::Fixed64 => self.fixed64(u64::try_from(value).ok()?.to_le_bytes()),
            Kind::Sfixed64 => self.fixed64(i64::try_from(value).ok()?.to_le_bytes()),
            Kind::Double => self.fixed64((value as f64).to_le_bytes()),
            Kind::Int64 => self.varint(i64::try_from(value).ok()?.cast_unsigned()),
            Kind::Uint64 => self.varint(u64::try_from(value).ok()?),
            // Negative 32-bit integers take ten bytes in protobuf, as 64-bit ones do.
            Kind::Int32 | Kind::Enum(_) => self.varint(i64::from(i32::try_from(value).ok()?).cast_unsigned()),
            Kind::Uint32 => self.varint(u32::try_from(value).ok()?.into()),
            Kind::Sint32 => self.varint(zigzag(i32::try_from(value).ok()?)),
            Kind::Fixed32 => self.fixed32(u32::try_from(value).ok()?.to_le_bytes()),
            Kind::String | Kind::Bool | Kind::Bytes | Kind::Id8 | Kind::Id16 | Kind::Nested(_) => return None,
        }
        Some(())
    }

    /// `None` when the field holds no such text.
    fn text(self, value: &str) -> Option<()> {
        match self.field.kind {
            Kind::String => self.delimited(value.as_bytes()),
            Kind::Bytes => self.delimited(&text::base64(value)?),
            // An empty id is an absent one: a root span's parent.
            Kind::Id8 | Kind::Id16 if value.is_empty() => {}
            Kind::Id8 => self.delimited(&text::hex::<8>(value)?),
            Kind::Id16 => self.delimited(&text::hex::<16>(value)?),
            Kind::Double => self.fixed64(text::double(value)?.to_le_bytes()),
            Kind::Enum(names) => {
                let (_, number) = names.iter().find(|(name, _)| *name == value)?;
                self.integer(i128::from(*number))?;
            }
            Kind::Bool | Kind::Nested(_) => return None,
            _ => self.integer(text::integer(value)?)?,
        }
        Some(())
    }
}

fn zigzag(value: i32) -> u64 {
    u64::from((value << 1 ^ value >> 31).cast_unsigned())
}

impl<'de> Visitor<'de> for ScalarVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` to be {}", self.field.name, self.field.kind.form())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        match self.field.kind {
            Kind::Bool => {
                self.varint(value.into());
                Ok(())
            }
            _ => Err(E::invalid_type(serde::de::Unexpected::Bool(value), &self)),
        }
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        let wrong = wrong(self.field);
        self.integer(value.into()).ok_or_else(|| E::custom(wrong(&value)))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        let wrong = wrong(self.field);
        self.integer(value.into()).ok_or_else(|| E::custom(wrong(&value)))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        let wrong = wrong(self.field);
        if self.field.kind.is_double() {
            self.fixed64(value.to_le_bytes());
            return Ok(());
        }
        // 1e3 is an integer to proto3 JSON; beyond the range that a double holds exactly it would be a guess.
        if value.fract() != 0.0 || value.abs() > 9_007_199_254_740_992.0 {
            return Err(E::custom(wrong(&value)));
        }
        self.integer(value as i128).ok_or_else(|| E::custom(wrong(&value)))
    }

    fn visit_bytes<E: Error>(self, value: &[u8]) -> Result<(), E> {
        self.delimited(&text::without_surrogates(value));
        Ok(())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        let wrong = wrong(self.field);
        let shown = || value.chars().take(60).collect::<String>();
        self.text(value).ok_or_else(|| E::custom(wrong(&format_args!("{:?}", shown()))))
    }
}

/// Puts in words why a value does not fit a field; serde_json adds line and column.
fn wrong(field: &'static Field) -> impl Fn(&dyn fmt::Display) -> String {
    move |value| format!("expected `{}` to be {}, found {value}", field.name, field.kind.form())
}
