//! Messages and lists: who reads a key, finds its field and passes the value on.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::descriptor::{Field, Kind, Message};
use super::output::{Output, Overflow};
use super::scalar::ScalarVisitor;
use crate::otlp::Strings;

/// Reads one JSON object and writes the fields of `message`, without a tag or a length of its own.
pub(super) struct MessageSeed<'o> {
    pub(super) message: &'static Message,
    pub(super) output: &'o mut Output,
}

impl<'de> DeserializeSeed<'de> for MessageSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for MessageSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object ({})", self.message.name)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let key = KeySeed(self.message, self.output.strings, self.output.is_strict);
        while let Some(field) = map.next_key_seed(key)? {
            match field {
                Some(field) => map.next_value_seed(FieldSeed { field, output: self.output })?,
                None => map.next_value::<IgnoredAny>().map(drop)?,
            }
        }
        Ok(())
    }
}

/// Reads a key: the field it names, or `None` for a name from a newer version of OTLP.
#[derive(Clone, Copy)]
struct KeySeed(&'static Message, Strings, bool);

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Option<&'static Field>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        match self.1 {
            Strings::Utf8 => deserializer.deserialize_str(self),
            Strings::Bytes => deserializer.deserialize_bytes(self),
        }
    }
}

impl<'de> Visitor<'de> for KeySeed {
    type Value = Option<&'static Field>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a field name of {}", self.0.name)
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        let KeySeed(message, _, is_strict) = self;
        match message.field(key) {
            None if is_strict => Err(E::custom(format!("`{key}` is no field of {}", message.name))),
            field => Ok(field),
        }
    }

    fn visit_bytes<E: Error>(self, key: &[u8]) -> Result<Self::Value, E> {
        // No field has a name that is not UTF-8.
        Ok(std::str::from_utf8(key).ok().and_then(|key| self.0.field(key)))
    }
}

/// Reads the value behind a key: null, a list, or one element.
pub(super) struct FieldSeed<'o> {
    pub(super) field: &'static Field,
    pub(super) output: &'o mut Output,
}

impl<'de> DeserializeSeed<'de> for FieldSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for FieldSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` to be null or {}", self.field.name, self.field.kind.form())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.field.repeated {
            deserializer.deserialize_seq(ListVisitor { field: self.field, output: self.output })
        } else {
            ElementSeed { field: self.field, packed: false, output: self.output }.deserialize(deserializer)
        }
    }
}

/// Reads a list. Numbers are packed into one field, everything else is a field per element.
struct ListVisitor<'o> {
    field: &'static Field,
    output: &'o mut Output,
}

impl<'de> Visitor<'de> for ListVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` to be a list, each element {}", self.field.name, self.field.kind.form())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let packed = self.field.kind.is_packed();
        let open = packed.then(|| self.output.open(self.field.number));
        while list.next_element_seed(ElementSeed { field: self.field, packed, output: self.output })?.is_some() {}
        if let Some(open) = open {
            self.output.close_unless_empty(open);
        }
        Ok(())
    }
}

/// Reads one element: a message, or a value that is none.
struct ElementSeed<'o> {
    field: &'static Field,
    packed: bool,
    output: &'o mut Output,
}

impl<'de> DeserializeSeed<'de> for ElementSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let ElementSeed { field, packed, output } = self;
        match field.kind {
            Kind::Nested(message) => {
                let open = output.open(field.number);
                MessageSeed { message, output }.deserialize(deserializer)?;
                output.close(open);
            }
            _ => ScalarVisitor { field, tagged: !packed, output }.read(deserializer)?,
        }
        output.check().map_err(|Overflow| D::Error::custom("the request is too large"))
    }
}
