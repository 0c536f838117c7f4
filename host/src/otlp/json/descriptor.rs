//! What the tables of messages are made of: message, field, kind.

/// A message type.
#[derive(Debug)]
pub(super) struct Message {
    /// As in the .proto file; for error texts.
    pub(super) name: &'static str,
    fields: &'static [Field],
}

/// A field of a message.
#[derive(Debug)]
pub(super) struct Field {
    /// What stands for it on the wire.
    pub(super) number: u32,
    /// As in the .proto file, in snake_case.
    pub(super) name: &'static str,
    /// What it holds.
    pub(super) kind: Kind,
    /// Whether it holds a list of that.
    pub(super) repeated: bool,
}

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// UTF-8.
    String,
    /// `true` or `false`.
    Bool,
    /// A varint, negative ones in ten bytes.
    Int32,
    /// A varint.
    Int64,
    /// A varint.
    Uint32,
    /// A varint.
    Uint64,
    /// A zigzag varint.
    Sint32,
    /// Four bytes.
    Fixed32,
    /// Eight bytes.
    Fixed64,
    /// Eight bytes.
    Sfixed64,
    /// Eight bytes.
    Double,
    /// `bytes`, base64 in JSON.
    Bytes,
    /// `bytes` that are a span id, hex in JSON.
    Id8,
    /// `bytes` that are a trace id, hex in JSON.
    Id16,
    /// An open enum and the names of its known values.
    Enum(&'static [(&'static str, i32)]),
    /// A message of its own.
    Nested(&'static Message),
}

impl Message {
    /// The field with that name, in lowerCamelCase or as in the .proto file.
    pub(super) fn field(&self, key: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == key || is_camel_case_of(field.name, key))
    }

    /// The field with that number.
    pub(super) fn numbered(&self, number: u32) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.number == number)
    }
}

/// Whether `key` is `name` in lowerCamelCase.
fn is_camel_case_of(name: &str, key: &str) -> bool {
    let mut key = key.bytes();
    let mut after_underscore = false;
    for byte in name.bytes() {
        if byte == b'_' {
            after_underscore = true;
            continue;
        }
        let expected = if after_underscore { byte.to_ascii_uppercase() } else { byte };
        after_underscore = false;
        if key.next() != Some(expected) {
            return false;
        }
    }
    key.next().is_none()
}

impl Kind {
    /// Whether a list of these is one field instead of a field per element.
    pub(super) fn is_packed(self) -> bool {
        !matches!(self, Kind::String | Kind::Bytes | Kind::Id8 | Kind::Id16 | Kind::Nested(_))
    }

    /// Whether fractions are welcome.
    pub(super) fn is_double(self) -> bool {
        matches!(self, Kind::Double)
    }

    /// Its form in JSON, for error texts.
    pub(super) fn form(self) -> &'static str {
        match self {
            Kind::String => "a string",
            Kind::Bool => "true or false",
            Kind::Int32 | Kind::Sint32 => "a 32-bit integer",
            Kind::Uint32 | Kind::Fixed32 => "an unsigned 32-bit integer",
            Kind::Int64 | Kind::Sfixed64 => "a 64-bit integer, as a number or as a decimal string",
            Kind::Uint64 | Kind::Fixed64 => "an unsigned 64-bit integer, as a number or as a decimal string",
            Kind::Double => "a number, \"NaN\", \"Infinity\" or \"-Infinity\"",
            Kind::Bytes => "a base64 string",
            Kind::Id8 => "16 hex digits",
            Kind::Id16 => "32 hex digits",
            Kind::Enum(_) => "the number or the name of an enum value",
            Kind::Nested(message) => message.name,
        }
    }
}

/// A field that holds one value.
pub(super) const fn one(number: u32, name: &'static str, kind: Kind) -> Field {
    Field { number, name, kind, repeated: false }
}

/// A field that holds a list.
pub(super) const fn repeated(number: u32, name: &'static str, kind: Kind) -> Field {
    Field { number, name, kind, repeated: true }
}

/// A message with these fields.
pub(super) const fn message(name: &'static str, fields: &'static [Field]) -> Message {
    Message { name, fields }
}

#[cfg(test)]
mod tests {
    use super::is_camel_case_of;

    #[test]
    fn names_are_found_in_lower_camel_case() {
        assert!(is_camel_case_of("time_unix_nano", "timeUnixNano"));
        assert!(is_camel_case_of("name", "name"));
        for key in ["timeunixnano", "TimeUnixNano", "timeUnixNan", "timeUnixNanos", "time_unix_nano", ""] {
            assert!(!is_camel_case_of("time_unix_nano", key), "{key}");
        }
    }
}
